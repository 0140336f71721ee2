//! The files that are kept from a kernel build: enough to build modules against, and nothing else.
//!
//! The tree kept is what distributions ship as kernel headers: the source's headers and build scripts with the build's
//! generated ones laid over them, one directory that is source and output at once. It can be moved, it needs neither the
//! kernel's source nor the build directory, and it has a thirtieth of their size.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::arch::Arch;
use crate::ImageError;
use kernsnap_host::interrupt;
use kernsnap_host::store::StoreError;

/// Source directories that no module build reads.
const NOT_FROM_SOURCE: &[&str] = &["include/dt-bindings", "scripts/dtc/include-prefixes"];

/// Makes the tree that modules are built against.
pub(super) fn module_tree(source: &Path, out: &Path, arch: Arch, to: &Path) -> Result<(), ImageError> {
    let arch = format!("arch/{}", arch.as_str());
    let from_source = |path: &str| {
        NOT_FROM_SOURCE.iter().all(|other| path != *other)
            && (["include", "scripts"].iter().any(|dir| is_below(path, dir))
                || is_below(path, &format!("{arch}/include"))
                || is_below(path, &format!("{arch}/scripts")))
    };
    for dir in ["include", "scripts", &format!("{arch}/include"), &format!("{arch}/scripts")] {
        copy_tree(source, dir, to, &from_source)?;
    }
    for name in ["Makefile".to_owned(), format!("{arch}/Makefile")] {
        copy(&source.join(&name), &to.join(&name))?;
    }
    // Where modules may have trampolines, kernels before 5.11 link them by a script of the architecture's.
    let script = format!("{arch}/kernel/module.lds");
    if source.join(&script).is_file() {
        copy(&source.join(&script), &to.join(&script))?;
    }
    let generated = |path: &str| {
        // The host's tools stay, and so does `scripts/module.lds`; what they were linked from, and how, goes.
        let end = Path::new(path).extension().and_then(|end| end.to_str());
        !is_below(path, "scripts/dtc") && !matches!(end, Some("o" | "cmd"))
    };
    for dir in ["include", "scripts", &format!("{arch}/include")] {
        copy_tree(out, dir, to, &generated)?;
    }
    for name in [".config", "Module.symvers"] {
        copy(&out.join(name), &to.join(name))?;
    }
    Ok(())
}

/// The modules that a build made, by name; none where it made none.
pub(super) fn ordered(out: &Path) -> Result<Vec<(String, PathBuf)>, ImageError> {
    let order = out.join("modules.order");
    let text = match fs::read_to_string(&order) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.map_err(StoreError::read(&order))?,
    };
    let module = |line: &str| {
        // Kernels before 6.3 write `.ko`, later ones `.o`; those before 5.4 put the place where it is installed in front.
        let [built, installed] =
            [line, line.strip_prefix("kernel/").unwrap_or(line)].map(|line| out.join(line).with_extension("ko"));
        let built = if built.is_file() { built } else { installed };
        (built.file_stem().unwrap_or_default().to_string_lossy().into_owned(), built)
    };
    Ok(text.lines().map(module).collect())
}

/// Copies the modules that a build made, `NAME.ko`, and returns their names.
pub(super) fn modules(out: &Path, to: &Path) -> Result<Vec<String>, ImageError> {
    fs::create_dir(to).map_err(StoreError::write(to))?;
    let mut names = Vec::new();
    for (name, built) in ordered(out)? {
        copy(&built, &to.join(format!("{name}.ko")))?;
        names.push(name);
    }
    Ok(names)
}

/// The modules that [`modules`] kept, by name.
pub(super) fn built_modules(dir: &Path) -> Result<BTreeMap<String, PathBuf>, ImageError> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(StoreError::read(dir))? {
        let path = entry.map_err(StoreError::read(dir))?.path();
        found.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path);
    }
    Ok(found)
}

/// Every symbol that the tree's Kconfig files define for an architecture, without `CONFIG_`.
pub(super) fn known_symbols(tree: &Path, arch: Arch) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    // The same symbol may be another architecture's own: what stands below `arch/` counts for that one only.
    collect_symbols(&tree.join("arch").join(arch.as_str()), &mut known);
    let entries = fs::read_dir(tree).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name() != "arch") {
        collect_symbols(&entry.path(), &mut known);
    }
    known
}

/// A file that cannot be read defines nothing: the option is then not insisted on, as in a kernel without it.
fn collect_symbols(path: &Path, known: &mut BTreeSet<String>) {
    if path.is_symlink() {
        return;
    }
    if let Ok(entries) = fs::read_dir(path) {
        entries.flatten().for_each(|entry| collect_symbols(&entry.path(), known));
    } else if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("Kconfig")) {
        let text = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let symbol = |line: &str| {
            let mut words = line.split_whitespace();
            matches!(words.next()?, "config" | "menuconfig").then(|| words.next().map(str::to_owned))?
        };
        known.extend(text.lines().filter_map(symbol));
    }
}

/// Copies a file with its permissions, making the directories above it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), ImageError> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(StoreError::write(parent))?;
    }
    match fs::copy(from, to) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::read(from)(error).into()),
        Err(error) => Err(StoreError::write(to)(error).into()),
    }
}

/// Copies what is `wanted` below `root/dir`. Links to files become files: what they name may be outside of the copy.
pub(super) fn copy_tree(root: &Path, dir: &str, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<(), ImageError> {
    interrupt::check()?;
    let from = root.join(dir);
    let entries = match fs::read_dir(&from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(StoreError::read(&from))?,
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::read(&from))?;
        let name = entry.file_name();
        let path = if dir.is_empty() {
            name.to_string_lossy().into_owned()
        } else {
            format!("{dir}/{}", name.to_string_lossy())
        };
        if !wanted(&path) {
            continue;
        }
        if entry.file_type().map_err(StoreError::read(&from))?.is_dir() {
            copy_tree(root, &path, to, wanted)?;
        } else if entry.path().is_file() {
            copy(&entry.path(), &to.join(&path))?;
        }
    }
    Ok(())
}

fn is_below(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_other_architectures_are_not_known() -> Result<(), Box<dyn std::error::Error>> {
        let tree = tempfile::tempdir()?;
        for (dir, text) in [
            ("arch/arm64", "config HERE\n\tbool"),
            ("arch/arm", "menuconfig THERE"),
            ("mm", "  config BOTH # x\nif THERE\nendif"),
        ] {
            fs::create_dir_all(tree.path().join(dir))?;
            fs::write(tree.path().join(dir).join("Kconfig"), text)?;
        }
        let known = known_symbols(tree.path(), Arch::Arm64);
        assert_eq!(known.into_iter().collect::<Vec<_>>(), ["BOTH", "HERE"]);
        Ok(())
    }
}
