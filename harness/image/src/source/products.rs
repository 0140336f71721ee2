//! Files that a build inside of a kernel tree leaves there. kbuild does not build outside of a tree that has them, and would take
//! them for its own products.

use std::collections::BTreeSet;

/// Suffixes that no source of a kernel has (the patterns in the kernel's own `.gitignore`).
const SUFFIXES: [&str; 18] = [
    ".a",
    ".cmd",
    ".dtb",
    ".dtbo",
    ".dwo",
    ".gcda",
    ".gcno",
    ".ko",
    ".lst",
    ".mod",
    ".mod.c",
    ".o",
    ".order",
    ".s",
    ".so",
    ".so.dbg",
    ".su",
    ".symtypes",
];
/// Files in the root of a tree.
const ROOT: [&str; 11] = [
    ".config",
    ".config.old",
    ".missing-syscalls.d",
    ".version",
    "Module.symvers",
    "System.map",
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.builtin.ranges",
    "vmlinux",
    "vmlinux.unstripped",
];

/// The files of a kernel tree that are not products. Paths are relative to the tree.
pub(super) fn without_products(files: &BTreeSet<String>) -> BTreeSet<String> {
    files.iter().filter(|path| !is_product(path, files)).cloned().collect()
}

fn is_product(path: &str, files: &BTreeSet<String>) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    // kbuild writes `.NAME.cmd` beside each file that it makes.
    let record = if directory.is_empty() { format!(".{name}.cmd") } else { format!("{directory}/.{name}.cmd") };
    let generated = ["include/config/", "include/generated/"];
    let is_generated = |path: &str| generated.iter().any(|directory| path.starts_with(directory));
    // Assembly of the kernel's is in `.S`; some hand-written `.s` files stand in directories of tools.
    let has_suffix = SUFFIXES.iter().any(|suffix| name.ends_with(suffix) && !path.starts_with("tools/"));
    has_suffix
        || files.contains(&record)
        || is_generated(path)
        || path.strip_prefix("arch/").and_then(|rest| rest.split_once('/')).is_some_and(|(_, rest)| is_generated(rest))
        || directory.is_empty() && (ROOT.contains(&name) || name.starts_with(".tmp_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_left_is_told_from_the_sources() {
        let sources = [
            ".gitignore",
            "Makefile",
            "arch/arm64/boot/dts/broadcom/bcm2837.dtsi",
            "arch/arm64/include/asm/Kbuild",
            "include/config.h",
            "kernel/fork.c",
            "lib/.gitignore",
            "scripts/genksyms/keywords.c",
            "tools/lib/x.s",
        ];
        let products = [
            ".config",
            ".tmp_vmlinux1",
            ".vmlinux.cmd",
            "Module.symvers",
            "arch/arm64/boot/Image",
            "arch/arm64/boot/.Image.cmd",
            "arch/arm64/include/generated/asm/unistd.h",
            "include/config/auto.conf",
            "include/generated/utsrelease.h",
            "kernel/.fork.o.cmd",
            "kernel/fork.o",
            "lib/.crc32table.h.cmd",
            "lib/crc32table.h",
            "modules.order",
            "vmlinux",
        ];
        let all = sources.iter().chain(&products).map(|path| (*path).to_owned()).collect();
        let found = without_products(&all);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), sources);
    }
}
