//! Addresses to names: the kernel's symbol table, and how compiler suffixes fold.

use std::fmt;
use std::sync::Arc;

/// An address of the guest kernel and, where the symbol table knows it, the function it lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The address as recorded. `u64` and not `usize`: the trace comes from another machine.
    pub address: u64,
    /// The function around it; `None` where no symbol lies below it.
    pub place: Option<Place>,
}

/// A position inside a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function.
    pub function: FunctionName,
    /// Bytes behind the function's start.
    pub offset: u64,
    /// The module it belongs to; `None` for the kernel image.
    pub module: Option<Arc<str>>,
}

impl Symbol {
    /// The function's name without compiler suffixes, where it is known.
    #[must_use]
    pub fn base(&self) -> Option<&str> {
        self.place.as_ref().map(|p| p.function.base())
    }
}

impl fmt::Display for Symbol {
    /// The folded name, or the address where there is no name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.address),
        }
    }
}

/// A function's name as the symbol table spells it, which knows where its compiler suffix begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionName {
    full: Arc<str>,
    base: usize,
}

impl FunctionName {
    /// Wraps a symbol's name.
    #[must_use]
    pub fn new(full: &str) -> Self {
        Self { base: fold(full).len(), full: full.into() }
    }

    /// The whole name: `finish_task_switch.isra.0`.
    #[must_use]
    pub fn full(&self) -> &str {
        &self.full
    }

    /// The name the source gives it: `finish_task_switch`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.full[..self.base]
    }
}

/// Cuts the suffixes that gcc and clang put on clones of a function: `.isra.0`, `.constprop.1`, `.part.5`, `.cold`,
/// `.llvm.123`, also several in a row. Other dots stay.
#[must_use]
pub fn fold(name: &str) -> &str {
    const SUFFIXES: [&str; 5] = ["isra", "constprop", "part", "cold", "llvm"];
    let mut end = name.len();
    for (at, _) in name.match_indices('.') {
        let word = name[at + 1..].split('.').next().unwrap_or_default();
        if SUFFIXES.contains(&word) {
            end = at;
            break;
        }
    }
    &name[..end]
}
