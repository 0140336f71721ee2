//! A tarball that an image file or a user names, with the hash it must have.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use kernsnap_host::store::Scratch;
use sha2::{Digest as _, Sha256};

use super::SUPPLY;
use super::spec::TarballSpec;
use crate::ImageError;
use kernsnap_host::exec::{Tool, ToolCall, ToolError, run};
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::remote::check_download;
use kernsnap_host::store::Store;

/// The file, and the directory that goes away with it where it was fetched.
pub(super) struct Tarball {
    pub(super) path: PathBuf,
    _dir: Option<Scratch>,
}

/// Fetches the tarball, or finds it on this host, and compares its hash. `root` is where relative paths begin.
pub(super) fn fetch(store: &Store, spec: &TarballSpec, root: &Path, events: Events<'_>) -> Result<Tarball, ImageError> {
    let tarball = if spec.url.contains("://") {
        check_download(&spec.url).map_err(|refused| {
            ImageError::input(refused.to_string(), "give an address of `https`, `http` or `file`")
        })?;
        events(ImageEvent::Phase(Phase::Fetch(spec.url.clone())));
        let dir = store.scratch()?;
        let path = dir.path().join("tarball");
        let failed = |error: ToolError| match error {
            ToolError::Interrupted(interrupted) => ImageError::Interrupted(interrupted),
            error => ImageError::Source { what: spec.url.clone(), why: error.to_string(), hint: SUPPLY.to_owned() },
        };
        let curl = ToolCall::new(Tool::resolve("curl").map_err(failed)?).with_network_env();
        // No configuration of curl's, no patterns in the address, and no other protocols, also after a redirection.
        let call = curl.args(["--disable", "--globoff", "--proto", "=https,http,file", "--proto-redir", "=https,http"]);
        let call = call.args(["--fail", "--location", "--silent", "--show-error", "--output"]).arg(&path);
        run(&call.arg("--url").arg(&spec.url), &mut |_| ()).map_err(failed)?;
        Tarball { path, _dir: Some(dir) }
    } else {
        Tarball { path: root.join(&spec.url), _dir: None }
    };
    let found = sha256(&tarball.path).map_err(|error| ImageError::Source {
        what: spec.url.clone(),
        why: error.to_string(),
        hint: SUPPLY.to_owned(),
    })?;
    if !found.eq_ignore_ascii_case(&spec.sha256) {
        return Err(ImageError::input(
            format!("`{}` has the SHA-256 {found}, not {}", spec.url, spec.sha256),
            "it is another file, or not whole; the image file says which one is meant",
        ));
    }
    Ok(tarball)
}

/// SHA-256 of a file, hexadecimal.
fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
