//! Which compiler this is: part of every key.
//!
//! Asking a compiler costs a process each; a record keeps the answer for as long as the files that gave it stay the same
//! (path, size and time of change).

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ImageError;
use kernsnap_host::exec::{Tool, ToolCall, capture};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::stamp::Stamp;
use kernsnap_host::store::{Store, StoreError};

/// A cross compiler, its linker and its C library, by what they say of themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Toolchain {
    /// The compiler.
    pub(super) gcc: Tool,
    /// Compiler and linker in words, as precise as their packages.
    pub(super) compiler: String,
    /// The static C library: the hash of its archive.
    pub(super) libc: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Known {
    compiler: String,
    libc: String,
    stamps: Vec<Stamp>,
}

impl Toolchain {
    /// Finds the tools with this prefix and who they are.
    ///
    /// # Errors
    ///
    /// [`ImageError::Step`] when one is missing or does not answer, [`ImageError::Store`] when the C library is unreadable.
    pub(super) fn identify(store: &Store, cross: &str) -> Result<Toolchain, ImageError> {
        let find =
            |name: &str| Tool::resolve(&format!("{cross}{name}")).map_err(ImageError::step("find the cross compiler"));
        let (gcc, ld) = (find("gcc")?, find("ld")?);
        let record = record_name(&gcc, &ld);
        let recorded = store.record::<Known>(&record).filter(|known| known.stamps.iter().all(Stamp::holds));
        let known = if let Some(known) = recorded {
            known
        } else {
            let known = ask(&gcc, &ld)?;
            // A store that cannot be written is an error when an entry must be built, not here.
            let _slower_next_time = store.set_record(&record, &known);
            known
        };
        Ok(Toolchain { gcc, compiler: known.compiler, libc: known.libc })
    }
}

fn record_name(gcc: &Tool, ld: &Tool) -> String {
    let paths = CacheInputs::new("toolchain", 1)
        .with("gcc", gcc.path().as_os_str().as_encoded_bytes())
        .with("ld", ld.path().as_os_str().as_encoded_bytes());
    format!("toolchain-{}", paths.key())
}

fn ask(gcc: &Tool, ld: &Tool) -> Result<Known, ImageError> {
    let ask = |tool: &Tool, argument: &str| -> Result<String, ImageError> {
        let text =
            capture(&ToolCall::new(tool.clone()).arg(argument)).map_err(ImageError::step("ask the toolchain"))?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let compiler = format!("{} for {}, {}", ask(gcc, "--version")?, ask(gcc, "-dumpmachine")?, ask(ld, "--version")?);
    let libc = PathBuf::from(ask(gcc, "-print-file-name=libc.a")?);
    let archive = fs::read(&libc).map_err(StoreError::read(&libc))?;
    let stamps = [gcc.path(), ld.path(), &libc].into_iter().filter_map(Stamp::from_path).collect();
    Ok(Known { compiler, libc: format!("blake3 {}", blake3::hash(&archive)), stamps })
}
