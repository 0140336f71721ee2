//! The host's tools: a table of what each is for, and finding them on `PATH`.
#![expect(clippy::disallowed_methods, reason = "this module looks tools up on `PATH`")]

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ToolError;

/// The facts about a host tool, before it is looked up.
#[derive(Debug, Clone, Copy)]
pub struct ToolFacts {
    /// The program's name on `PATH`.
    pub name: &'static str,
    /// Its purpose, as the end of "needed to …".
    pub purpose: &'static str,
    /// The Debian and Ubuntu package that holds it.
    pub package: &'static str,
    /// The argument that makes it print its version.
    pub version_argument: &'static str,
    /// True if most can do without it: only images that need it do.
    pub optional: bool,
    /// The oldest version that works at all, and the oldest that is good, where it matters.
    pub versions: Option<Versions>,
}

/// Which versions of a tool will do.
#[derive(Debug, Clone, Copy)]
pub struct Versions {
    /// Older than this is refused: (major, minor).
    pub minimum: (u32, u32),
    /// Older than this is used, and named in every report.
    pub preferred: (u32, u32),
    /// The fault of the versions between the two.
    pub because: &'static str,
}

const fn tool(
    name: &'static str,
    purpose: &'static str,
    package: &'static str,
    version_argument: &'static str,
) -> ToolFacts {
    ToolFacts { name, purpose, package, version_argument, optional: false, versions: None }
}

/// Every host tool the harness calls, in the order `kernsnap doctor` shows them.
pub(super) const TOOLS: &[ToolFacts] = &[
    ToolFacts {
        name: "qemu-system-aarch64",
        purpose: "run the machines",
        package: "qemu-system-arm",
        version_argument: "--version",
        optional: false,
        versions: Some(Versions {
            minimum: (7, 2),
            preferred: (9, 0),
            because: "a spinning guest CPU keeps the others waiting, and there is no raspi4b",
        }),
    },
    tool("setpriv", "end every tool together with the harness", "util-linux", "--version"),
    tool("make", "build kernels and modules", "make", "--version"),
    tool("gcc", "build the kernel's own build tools, and what orders QEMU's threads", "gcc", "--version"),
    tool("aarch64-linux-gnu-gcc", "compile kernels and guest programs", "gcc-aarch64-linux-gnu", "--version"),
    tool("aarch64-linux-gnu-ld", "link kernels and guest programs", "binutils-aarch64-linux-gnu", "--version"),
    tool("flex", "build the kernel's configuration tool", "flex", "--version"),
    tool("bison", "build the kernel's configuration tool", "bison", "--version"),
    tool("bc", "compute the kernel's time constants", "bc", "--version"),
    tool("perl", "run the kernel's build scripts", "perl", "--version"),
    tool("dtc", "compile device tree overlays", "device-tree-compiler", "--version"),
    tool("fdtoverlay", "apply device tree overlays", "device-tree-compiler", "--version"),
    tool("tar", "unpack kernel sources", "tar", "--version"),
    tool("xz", "unpack kernel sources", "xz-utils", "--version"),
    ToolFacts {
        optional: true,
        ..tool("mmdebstrap", "make the root file systems of scenarios with `root: debian`", "mmdebstrap", "--version")
    },
    ToolFacts {
        optional: true,
        ..tool(
            "arm-linux-gnueabihf-gcc",
            "compile 32-bit kernels and guest programs",
            "gcc-arm-linux-gnueabihf",
            "--version",
        )
    },
    ToolFacts { optional: true, ..tool("ccache", "compile nothing twice, where it is there", "ccache", "--version") },
    ToolFacts { optional: true, ..tool("gdb-multiarch", "look into a guest", "gdb-multiarch", "--version") },
    tool("patch", "apply patches to kernel sources", "patch", "--version"),
    tool("git", "fetch kernel sources from repositories", "git", "--version"),
    tool("curl", "fetch tarballs of kernel sources", "curl", "--version"),
    tool("apt-get", "fetch the kernel's source package", "apt", "--version"),
    tool("dpkg-deb", "open the kernel's source package", "dpkg", "--version"),
];

/// The table's line for a tool, if it has one.
#[must_use]
pub fn facts(name: &str) -> Option<&'static ToolFacts> {
    TOOLS.iter().find(|facts| facts.name == name)
}

/// A program that was found on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    name: String,
    path: PathBuf,
}

impl Tool {
    /// Looks `name` up on `PATH`.
    ///
    /// # Errors
    ///
    /// [`ToolError::Missing`], which says what the tool is for and which package holds it.
    pub fn resolve(name: &str) -> Result<Tool, ToolError> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|candidate| is_executable(candidate))
            .map(|path| Tool { name: name.to_owned(), path })
            .ok_or_else(|| ToolError::Missing { name: name.to_owned(), facts: facts(name) })
    }

    /// The name it was looked up by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that runs.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The variables of the caller's environment that a tool keeps: where to find other tools, where to put temporary files, and whether and where
/// the compiler cache is to be used.
const INHERITED: [&str; 4] = ["PATH", "TMPDIR", "CCACHE_DIR", "CCACHE_DISABLE"];

/// The further variables of a tool that talks to servers: the caller's identity, and the route.
const ABROAD: [&str; 6] = ["HOME", "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "all_proxy", "no_proxy"];

pub(super) fn inherited(abroad: bool) -> Vec<(OsString, OsString)> {
    INHERITED
        .iter()
        .chain(ABROAD.iter().filter(|_| abroad))
        .filter_map(|name| Some((OsString::from(name), env::var_os(name)?)))
        .collect()
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_what_it_is_for_and_where_it_comes_from() {
        let error = ToolError::Missing { name: "dtc".into(), facts: facts("dtc") };
        assert_eq!(
            error.to_string(),
            "`dtc` is not on PATH: needed to compile device tree overlays, in the package `device-tree-compiler`"
        );
    }

    #[test]
    fn a_directory_is_no_tool() {
        assert!(!is_executable(Path::new("/usr/bin")));
        assert!(Tool::resolve("sh").is_ok());
        assert!(matches!(Tool::resolve("no-such-tool-here"), Err(ToolError::Missing { .. })));
    }
}
