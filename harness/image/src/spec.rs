//! The content of an image file: the kernel, its configuration and the board.
//!
//! ```yaml
//! description: Raspberry Pi 3, Linux 6.1 built from the distribution's source package
//! machine: raspi3b
//! kernel:
//!   source: { package: { name: linux-source-6.1, suite: bookworm } }
//!   arch: arm64
//!   cross: aarch64-linux-gnu-
//!   config: [base, rpi3]
//!   device-tree: { from: broadcom/bcm2837-rpi-3-b, overlays: [raspi3b] }
//!   command-line: console=ttyAMA0,115200
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ImageError;
use super::arch::Arch;
use super::source::spec::SourceSpec;
use kernsnap_host::exec::native;
use kernsnap_host::name::is_name;
use kernsnap_host::workspace::Workspace;
use kernsnap_yaml::{Diagnostic, Step, did_you_mean, from_yaml};

/// An image file, read and checked. Its name is the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    /// The file's name without `.yaml`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// One sentence for people.
    pub description: String,
    /// The board, a file in `images/boards/`.
    pub machine: String,
    /// The image whose snapshots count for this one too, where it has none of its own.
    pub like: Option<String>,
    /// True if it is left out where all images are meant, because building it takes what not every host has.
    pub on_request: bool,
    /// The kernel that runs on it.
    pub kernel: KernelSpec,
}

/// A kernel: where it comes from, and how it is started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KernelSpec {
    /// Where it comes from.
    pub source: SourceSpec,
    /// The architecture.
    pub arch: Arch,
    /// The prefix of the cross tools, `aarch64-linux-gnu-`; empty where the host's own tools are for this architecture.
    pub cross: String,
    /// A configuration of the kernel's own (`arch/*/configs/`) to begin with, instead of none.
    pub defconfig: Option<String>,
    /// Configuration fragments, files in `images/kconfig/`; no option in two of them.
    #[serde(default)]
    pub config: Vec<String>,
    /// The board's description for the kernel.
    pub device_tree: DeviceTreeSpec,
    /// The kernel's command line.
    pub command_line: String,
    /// How it reaches the card that a real board starts from, where it can.
    pub card: Option<CardSpec>,
}

/// A kernel's way to the card in the board's slot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CardSpec {
    /// Modules of the kernel that are loaded first, in this order: the slot's driver, and what switches the board off.
    pub modules: Vec<String>,
    /// The card's device, without the number of a partition: `/dev/mmcblk0p`.
    pub device: String,
    /// The firmware's name of the kernel's file: `kernel8.img`.
    pub kernel: String,
}

/// A device tree, perhaps changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceTreeSpec {
    /// The kernel's own, below `arch/*/boot/dts/`, without `.dtb`; where none is named, the one QEMU makes for the board.
    pub from: Option<String>,
    /// The overlays, in this order: `images/boards/NAME.overlay.dts`.
    #[serde(default)]
    pub overlays: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSpec {
    description: String,
    machine: String,
    like: Option<String>,
    #[serde(default)]
    on_request: bool,
    kernel: KernelSpec,
}

impl ImageSpec {
    /// Reads an image file by its name.
    ///
    /// # Errors
    ///
    /// [`ImageError::Input`] for a file that is not there, [`ImageError::Spec`] for a mistake in it.
    pub fn load(workspace: &Workspace, name: &str) -> Result<ImageSpec, ImageError> {
        if !is_name(name) {
            let hint = "an image goes by the name of its file in `images/`, without a directory and without `.yaml`";
            return Err(ImageError::input(format!("`{}` is not the name of an image", name.escape_debug()), hint));
        }
        let path = workspace.image_file(name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let mut spec = ImageSpec::parse(workspace, name, &path, &text)?;
                let compiler = format!("{}gcc", spec.kernel.cross);
                native(&compiler).trim_end_matches("gcc").clone_into(&mut spec.kernel.cross);
                Ok(spec)
            }
            Err(error) => {
                let known = workspace.image_names();
                let hint = did_you_mean(name, known.iter().map(String::as_str))
                    .unwrap_or_else(|| format!("the images here are: {}", known.join(", ")));
                Err(ImageError::input(format!("cannot read the image `{name}`, `{}`: {error}", path.display()), hint))
            }
        }
    }

    fn parse(workspace: &Workspace, name: &str, path: &Path, text: &str) -> Result<ImageSpec, Diagnostic> {
        let RawSpec { description, machine, like, on_request, kernel } = from_yaml(path, text)?;
        let at = |steps: &[Step], message: String, hint: Option<String>| {
            Err(Diagnostic::at(path, text, steps, message).with_hint(hint))
        };
        if let Err(refused) = kernel.source.check() {
            return at(&["kernel".into(), "source".into()], refused.to_string(), None);
        }
        for (i, fragment) in kernel.config.iter().enumerate() {
            let steps = ["kernel".into(), "config".into(), i.into()];
            if kernel.config[..i].contains(fragment) {
                return at(&steps, format!("fragment `{fragment}` is named twice"), None);
            }
            if !workspace.fragment(fragment).is_file() {
                let known = workspace.names_in("images/kconfig", ".config");
                let hint = did_you_mean(fragment, known.iter().map(String::as_str));
                return at(&steps, format!("no fragment `images/kconfig/{fragment}.config`"), hint);
            }
        }
        if kernel.config.is_empty() != kernel.source.is_prebuilt() {
            let steps = ["kernel".into(), "source".into()];
            return at(
                &steps,
                if kernel.source.is_prebuilt() {
                    "a kernel that comes built takes no `config`".to_owned()
                } else {
                    "a kernel that is built needs a `config`".to_owned()
                },
                Some("`config` lists fragments of `images/kconfig/`".to_owned()),
            );
        }
        for (i, overlay) in kernel.device_tree.overlays.iter().enumerate() {
            if !workspace.overlay(overlay).is_file() {
                let steps = ["kernel".into(), "device-tree".into(), "overlays".into(), i.into()];
                return at(&steps, format!("no overlay `images/boards/{overlay}.overlay.dts`"), None);
            }
        }
        if let Some(like) = &like
            && !workspace.image_file(like).is_file()
        {
            let known = workspace.image_names();
            let hint = did_you_mean(like, known.iter().map(String::as_str));
            return at(&["like".into()], format!("no image `images/{like}.yaml`"), hint);
        }
        // A command line is one line, however the file folds it.
        let command_line = kernel.command_line.split_whitespace().collect::<Vec<_>>().join(" ");
        let kernel = KernelSpec { command_line, ..kernel };
        Ok(ImageSpec { name: name.to_owned(), path: path.to_owned(), description, machine, like, on_request, kernel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
description: a board
machine: raspi3b
kernel:
  source: { package: { name: linux-source-6.1 } }
  arch: arm64
  cross: aarch64-linux-gnu-
  config: [base]
  device-tree: { from: broadcom/bcm2837-rpi-3-b }
  command-line: >-
    console=ttyAMA0
    quiet
";

    fn parse(text: &str) -> Result<ImageSpec, Box<dyn std::error::Error>> {
        let root = tempfile::tempdir()?;
        fs::create_dir_all(root.path().join("images/kconfig"))?;
        fs::write(root.path().join("images/kconfig/base.config"), "")?;
        Ok(ImageSpec::parse(&Workspace::at(root.path()), "x", Path::new("x.yaml"), text)?)
    }

    #[test]
    fn a_good_file_is_read() -> Result<(), Box<dyn std::error::Error>> {
        let spec = parse(GOOD)?;
        assert_eq!(spec.kernel.command_line, "console=ttyAMA0 quiet");
        assert_eq!(
            spec.kernel.source,
            SourceSpec::Package(crate::PackageSpec { name: "linux-source-6.1".into(), suite: None })
        );
        Ok(())
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        let check = |from: &str, to: &str, place: (usize, usize), message: &str| {
            let error = parse(&GOOD.replace(from, to)).expect_err(message);
            let Some(found) = error.downcast_ref::<Diagnostic>() else { panic!("{error}") };
            assert_eq!((found.line, found.column), place, "{found}");
            assert!(found.message.contains(message), "{found}");
        };
        check("machine", "machin", (2, 1), "unknown field `machin`");
        check("arm64", "arm65", (5, 9), "unknown variant `arm65`");
        check("[base]", "[base, base]", (7, 18), "named twice");
        check("[base]", "[bas]", (7, 12), "no fragment `images/kconfig/bas.config`");
        check("bcm2837-rpi-3-b }", "b, overlays: [z] }", (8, 47), "no overlay `images/boards/z.overlay.dts`");
        check("config: [base]", "config: []", (4, 11), "needs a `config`");
        check("{ package: { name: linux-source-6.1 } }", "{ prebuilt: { package: { name: x } } }", (4, 11), "takes no");
        check("kernel:", "like: other\nkernel:", (3, 7), "no image `images/other.yaml`");
    }
}
