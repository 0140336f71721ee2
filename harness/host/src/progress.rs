//! The progress of building an image. Reporters print it; this module does not.

/// Where events go.
pub type Events<'a> = &'a mut dyn FnMut(ImageEvent);

/// One thing worth telling a person who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageEvent {
    /// Work on this began; it ends when the next phase begins or the call returns.
    Phase(Phase),
    /// A compilation has come this far. `total` is what kbuild itself announced in a dry run, when it could.
    Progress {
        /// Objects compiled so far.
        done: usize,
        /// Objects to compile in all.
        total: Option<usize>,
        /// The object just begun, as kbuild names it.
        object: String,
    },
    /// Another process builds the same entry; this one waits for it.
    Waiting {
        /// The entry, as `kind/key`.
        entry: String,
        /// Who holds it, as that process describes itself.
        holder: String,
    },
    /// An entry did not have the content it was published with. It was set aside and is built again.
    Damaged {
        /// The entry, as `kind/key`.
        entry: String,
        /// The reason.
        why: String,
    },
    /// A fact a person should know: a package that was found, a record that was used.
    Note(String),
}

/// The parts of the work that take time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Something comes from the network.
    Fetch(String),
    /// A source archive is unpacked.
    Unpack(String),
    /// The kernel is configured.
    Configure,
    /// The kernel's own build tools and generated headers are built.
    Prepare,
    /// The kernel and its modules are compiled; [`ImageEvent::Progress`] follows.
    Compile,
    /// The board's device tree is put together.
    DeviceTree,
    /// The files that later builds need are kept, and the entry is published.
    Publish,
    /// A guest program is compiled.
    Program(String),
    /// An out-of-tree module is built.
    Module(String),
    /// The kernel is booted and asked what it can trace.
    TraceCapabilities,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Phase::Fetch(what) => write!(f, "fetch {what}"),
            Phase::Unpack(what) => write!(f, "unpack {what}"),
            Phase::Configure => f.write_str("configure"),
            Phase::Prepare => f.write_str("prepare"),
            Phase::Compile => f.write_str("compile"),
            Phase::DeviceTree => f.write_str("device tree"),
            Phase::Publish => f.write_str("publish"),
            Phase::Program(name) => write!(f, "program {name}"),
            Phase::Module(name) => write!(f, "module {name}"),
            Phase::TraceCapabilities => f.write_str("ask the kernel what it can trace"),
        }
    }
}
