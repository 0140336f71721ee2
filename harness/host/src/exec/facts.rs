//! The host's tools: a table of what each is for.

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
            because: "a spinning guest CPU keeps the others waiting, and raspi4b is missing",
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
