//! The packages of tools in the words of the host's own package manager.

use super::search::find;

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageManager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora.
    Dnf,
    /// Arch Linux.
    Pacman,
    /// openSUSE.
    Zypper,
    /// Nix, on any distribution.
    Nix,
    /// Homebrew, on any distribution.
    Brew,
}

/// Debian's name of a package and those of [`PackageManager::Dnf`] and so on, in that order. A name that is empty is not known.
const NAMES: &[(&str, [&str; 5])] = &[
    ("qemu-system-arm", ["qemu-system-aarch64", "qemu-system-aarch64", "qemu-arm", "qemu", "qemu"]),
    ("util-linux", ["util-linux", "util-linux", "util-linux", "util-linux", "util-linux"]),
    ("make", ["make", "make", "make", "gnumake", "make"]),
    ("gcc", ["gcc", "gcc", "gcc", "gcc", "gcc"]),
    ("gcc-aarch64-linux-gnu", ["gcc-aarch64-linux-gnu", "aarch64-linux-gnu-gcc", "", "", ""]),
    ("binutils-aarch64-linux-gnu", ["binutils-aarch64-linux-gnu", "aarch64-linux-gnu-binutils", "", "", ""]),
    ("gcc-arm-linux-gnueabihf", ["", "", "", "", ""]),
    ("flex", ["flex", "flex", "flex", "flex", "flex"]),
    ("bison", ["bison", "bison", "bison", "bison", "bison"]),
    ("bc", ["bc", "bc", "bc", "bc", "bc"]),
    ("perl", ["perl", "perl", "perl", "perl", "perl"]),
    ("device-tree-compiler", ["dtc", "dtc", "dtc", "dtc", "dtc"]),
    ("tar", ["tar", "tar", "tar", "gnutar", "gnu-tar"]),
    ("xz-utils", ["xz", "xz", "xz", "xz", "xz"]),
    ("mmdebstrap", ["mmdebstrap", "", "", "mmdebstrap", ""]),
    ("ccache", ["ccache", "ccache", "ccache", "ccache", "ccache"]),
    ("gdb-multiarch", ["gdb", "gdb", "gdb", "gdb", "gdb"]),
    ("patch", ["patch", "patch", "patch", "gnupatch", "gpatch"]),
    ("git", ["git", "git", "git", "git", "git"]),
    ("curl", ["curl", "curl", "curl", "curl", "curl"]),
    ("apt", ["apt", "apt", "", "apt", ""]),
    ("dpkg", ["dpkg", "dpkg", "dpkg", "dpkg", "dpkg"]),
];

impl PackageManager {
    /// All of them; a host with several is asked for the first.
    pub const ALL: [Self; 6] = [Self::Apt, Self::Dnf, Self::Pacman, Self::Zypper, Self::Nix, Self::Brew];

    /// The package manager of this host. A host may have the tools of Debian beside its own package manager, to open Debian's packages,
    /// so that Debian's counts last.
    #[must_use]
    pub fn of_host() -> Option<Self> {
        let is_there = |manager: &Self| find(manager.program()).is_some();
        let (debian, others) = Self::ALL.split_at(1);
        others.iter().chain(debian).copied().find(is_there)
    }

    /// The program's name.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Pacman => "pacman",
            Self::Zypper => "zypper",
            Self::Nix => "nix",
            Self::Brew => "brew",
        }
    }

    /// The command that installs Debian's package `debian`; `None` where the name of it is not known here.
    #[must_use]
    pub fn install(self, debian: &str) -> Option<String> {
        let name = if self == Self::Apt {
            debian
        } else {
            let (_, names) = NAMES.iter().find(|(known, _)| *known == debian)?;
            names.get(self as usize - 1).copied().filter(|name| !name.is_empty())?
        };
        Some(match self {
            Self::Apt => format!("apt-get install {name}"),
            Self::Dnf => format!("dnf install {name}"),
            Self::Pacman => format!("pacman -S {name}"),
            Self::Zypper => format!("zypper install {name}"),
            Self::Nix => format!("nix profile install nixpkgs#{name}"),
            Self::Brew => format!("brew install {name}"),
        })
    }
}

/// How a person installs the tool `name` of Debian's package `debian` on this host.
#[must_use]
pub fn how_to_install(manager: Option<PackageManager>, name: &str, debian: &str) -> String {
    match manager.and_then(|manager| manager.install(debian)) {
        Some(command) => format!("install it with `{command}`"),
        None => format!("`{name}` must be on PATH; Debian has it in the package `{debian}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::TOOLS;
    use super::*;

    #[test]
    fn every_tool_has_words_for_every_package_manager() {
        for facts in TOOLS {
            assert!(NAMES.iter().any(|(debian, _)| *debian == facts.package), "{}", facts.package);
            for manager in PackageManager::ALL {
                let told = how_to_install(Some(manager), facts.name, facts.package);
                assert!(told.contains(manager.program()) || told.contains("must be on PATH"), "{told}");
            }
        }
        let told = |manager| how_to_install(manager, "dtc", "device-tree-compiler");
        assert_eq!(told(Some(PackageManager::Apt)), "install it with `apt-get install device-tree-compiler`");
        assert_eq!(told(Some(PackageManager::Pacman)), "install it with `pacman -S dtc`");
        assert_eq!(told(Some(PackageManager::Nix)), "install it with `nix profile install nixpkgs#dtc`");
        assert_eq!(told(None), "`dtc` must be on PATH; Debian has it in the package `device-tree-compiler`");
    }
}
