//! A kernel that its user has built: kbuild's output directory, taken as it is. Nothing is compiled or written in it.

use std::fs;
use std::path::{Path, PathBuf};

use super::arch::Arch;
use super::build::{BUILD_TREE, CONFIG, DEVICE_TREES, KERNEL, MODULES, RELEASE, SYMVERS, SYSTEM_MAP, keep_vmlinux};
use super::source::digest;
use crate::{ImageError, module_headers};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::store::StoreError;

/// Raised when other files of a build are kept.
const RECIPE: u32 = 1;

/// The inputs of a kernel in the build directory `out`: all that is kept of it, by content, but for the headers, which kbuild
/// makes new with each configuration.
pub(super) fn inputs(out: &Path, arch: Arch) -> Result<CacheInputs, ImageError> {
    let mut inputs = CacheInputs::new("kernel", super::plan::RECIPE).with("build", RECIPE.to_string());
    for (name, path) in kept(out, arch) {
        if !path.is_file() {
            return Err(not_built(out, &path));
        }
        inputs = inputs.with(name, digest::file(&path)?);
    }
    for (name, path) in module_headers::ordered(out)? {
        inputs = inputs.with(&name, digest::file(&path)?);
    }
    for (name, path) in device_trees(out, arch) {
        inputs = inputs.with(&name, digest::file(&path)?);
    }
    Ok(inputs)
}

/// Copies what is kept of a build into a store entry, and returns the entry's files.
pub(super) fn copy(out: &Path, arch: Arch, entry: &Path) -> Result<Vec<String>, ImageError> {
    for (name, path) in kept(out, arch) {
        module_headers::copy(&path, &entry.join(name))?;
    }
    let config = out.join(".config");
    keep_vmlinux(out, &fs::read_to_string(&config).map_err(StoreError::read(&config))?, entry)?;
    module_headers::module_tree(&source_of(out)?, out, arch, &entry.join(BUILD_TREE))?;
    module_headers::modules(out, &entry.join(MODULES))?;
    let mut files = [KERNEL, SYSTEM_MAP, CONFIG, RELEASE, SYMVERS, MODULES, BUILD_TREE].map(str::to_owned).to_vec();
    for (name, path) in device_trees(out, arch) {
        module_headers::copy(&path, &entry.join(DEVICE_TREES).join(format!("{name}.dtb")))?;
    }
    files.extend(entry.join(DEVICE_TREES).is_dir().then(|| DEVICE_TREES.to_owned()));
    Ok(files)
}

/// The files of a build that are kept, by their names in the entry.
fn kept(out: &Path, arch: Arch) -> [(&'static str, PathBuf); 4] {
    let boot = out.join("arch").join(arch.as_str()).join("boot").join(arch.kernel_target());
    [
        (KERNEL, boot),
        (SYSTEM_MAP, out.join("System.map")),
        (CONFIG, out.join(".config")),
        (RELEASE, out.join("include/config/kernel.release")),
    ]
}

/// The device trees that were built, by the names that they have in the source, without their ends.
fn device_trees(out: &Path, arch: Arch) -> Vec<(String, PathBuf)> {
    let root = out.join("arch").join(arch.as_str()).join("boot/dts");
    let (mut found, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(&directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("").display().to_string();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| end == "dtb") {
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

/// The source of a build: kbuild links to it, unless it built inside of it.
fn source_of(out: &Path) -> Result<PathBuf, ImageError> {
    let link = out.join("source");
    if !link.exists() {
        return Ok(out.to_owned());
    }
    Ok(link.canonicalize().map_err(StoreError::read(&link))?)
}

fn not_built(out: &Path, missing: &Path) -> ImageError {
    ImageError::input(
        format!("`{}` is not a built kernel: there is no `{}`", out.display(), missing.display()),
        "give the directory that `make O=DIR` built in, for the architecture of the image, with its modules",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_build_is_taken_as_it_is() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let (tree, out, entry) = (dir.path().join("tree"), dir.path().join("out"), dir.path().join("entry"));
        let write = |file: &str, text: &str| -> std::io::Result<()> {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
            fs::write(path, text)
        };
        for file in ["Makefile", "arch/arm64/Makefile", "include/linux/kernel.h", "scripts/Kbuild.include"] {
            write(&format!("tree/{file}"), file)?;
        }
        fs::create_dir(&entry)?;
        fs::create_dir(&out)?;
        assert!(inputs(&out, Arch::Arm64).is_err_and(|error| error.to_string().contains("is not a built kernel")));
        for (file, text) in [
            ("arch/arm64/boot/Image", "kernel"),
            ("System.map", "0 T _text"),
            (".config", "CONFIG_64BIT=y"),
            ("include/config/kernel.release", "6.1.0"),
            ("include/generated/autoconf.h", ""),
            ("Module.symvers", ""),
            ("modules.order", "drivers/net/one.o\nkernel/drivers/two.ko\n"),
            ("drivers/net/one.ko", "one"),
            ("drivers/two.ko", "two"),
            ("arch/arm64/boot/dts/broadcom/board.dtb", "tree"),
        ] {
            write(&format!("out/{file}"), text)?;
        }
        symlink(&tree, out.join("source"))?;
        let before = inputs(&out, Arch::Arm64)?;
        assert!(copy(&out, Arch::Arm64, &entry)?.contains(&"modules".to_owned()));
        for file in [
            "Image",
            "modules/one.ko",
            "device-trees/broadcom/board.dtb",
            "build/include/linux/kernel.h",
            "build/.config",
        ] {
            assert!(entry.join(file).is_file(), "{file}");
        }
        write("out/drivers/two.ko", "changed")?;
        assert_ne!(inputs(&out, Arch::Arm64)?.key(), before.key());
        Ok(())
    }
}
