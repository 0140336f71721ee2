//! What an image file says: which kernel, how configured, on which board.
//!
//! ```yaml
//! description: Raspberry Pi 3, Linux 6.1 built from the distribution's source package
//! machine: raspi3b
//! kernel:
//!   source: { package: { name: linux-source-6.1, suite: bookworm } }
//!   arch: arm64
//!   cross: aarch64-linux-gnu-
//!   config: [base, rpi3]
//!   device-tree: { from: broadcom/bcm2837-rpi-3-b, overlay: raspi3b }
//!   command-line: console=ttyAMA0,115200
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ImageError;
use crate::scenario::diagnostic::{Diagnostic, Step, did_you_mean, from_yaml};
use crate::workspace::Workspace;

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
    /// The kernel that runs on it.
    pub kernel: KernelSpec,
}

/// A kernel that is built from source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KernelSpec {
    /// Where the source comes from.
    pub source: SourceSpec,
    /// The architecture.
    pub arch: Arch,
    /// The prefix of the cross tools, `aarch64-linux-gnu-`.
    pub cross: String,
    /// Configuration fragments, files in `images/kconfig/`; no option in two of them.
    pub config: Vec<String>,
    /// The board's description for the kernel.
    pub device_tree: DeviceTreeSpec,
    /// The kernel's command line.
    pub command_line: String,
}

/// Where a kernel's source comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum SourceSpec {
    /// A source package of the distribution.
    Package(SourcePackage),
}

/// A package that installs `/usr/src/NAME.tar.*`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourcePackage {
    /// Its name.
    pub name: String,
    /// The release of the distribution that has it, where the host's own release does not.
    pub suite: Option<String>,
}

/// An architecture, by the kernel's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arch {
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// The value of `ARCH=`, which is also the directory below `arch/`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Arch::Arm64 => "arm64",
        }
    }

    /// The kernel image that the boot loader of this architecture takes, as a make target and below `arch/*/boot/`.
    #[must_use]
    pub fn kernel_target(self) -> &'static str {
        match self {
            Arch::Arm64 => "Image",
        }
    }
}

/// A device tree out of the kernel's source, perhaps changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceTreeSpec {
    /// The kernel's own, below `arch/*/boot/dts/`, without `.dtb`.
    pub from: String,
    /// What is laid over it: `images/boards/NAME.overlay.dts`.
    pub overlay: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSpec {
    description: String,
    machine: String,
    kernel: KernelSpec,
}

impl ImageSpec {
    /// Reads an image file by its name.
    ///
    /// # Errors
    ///
    /// [`ImageError::Input`] for a file that is not there, [`ImageError::Spec`] for a mistake in it.
    pub fn load(workspace: &Workspace, name: &str) -> Result<ImageSpec, ImageError> {
        let path = workspace.image_file(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(ImageSpec::parse(workspace, name, &path, &text)?),
            Err(error) => {
                let known = workspace.image_names();
                let hint = did_you_mean(name, known.iter().map(String::as_str))
                    .unwrap_or_else(|| format!("the images here are: {}", known.join(", ")));
                Err(ImageError::input(format!("cannot read the image `{name}`, `{}`: {error}", path.display()), hint))
            }
        }
    }

    fn parse(workspace: &Workspace, name: &str, path: &Path, text: &str) -> Result<ImageSpec, Diagnostic> {
        let RawSpec { description, machine, kernel } = from_yaml(path, text)?;
        let at = |steps: &[Step], message: String, hint: Option<String>| {
            Err(Diagnostic::at(path, text, steps, message).with_hint(hint))
        };
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
        if let Some(overlay) = &kernel.device_tree.overlay
            && !workspace.overlay(overlay).is_file()
        {
            let steps = ["kernel".into(), "device-tree".into(), "overlay".into()];
            return at(&steps, format!("no overlay `images/boards/{overlay}.overlay.dts`"), None);
        }
        // A command line is one line, however the file folds it.
        let command_line = kernel.command_line.split_whitespace().collect::<Vec<_>>().join(" ");
        let kernel = KernelSpec { command_line, ..kernel };
        Ok(ImageSpec { name: name.to_owned(), path: path.to_owned(), description, machine, kernel })
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
            SourceSpec::Package(SourcePackage { name: "linux-source-6.1".into(), suite: None })
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
        check("bcm2837-rpi-3-b }", "b, overlay: z }", (8, 45), "no overlay `images/boards/z.overlay.dts`");
    }
}
