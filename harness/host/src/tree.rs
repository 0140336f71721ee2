//! A directory in one file: the same bytes for the same files, and nothing but files and directories when it is unpacked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// The effort of compression: what travels is packed once and fetched often.
const LEVEL: i32 = 6;

/// The directory as a `tar` in the order of the names, owner root, time 0, compressed by zstd, with a checksum. Of a file's mode, only
/// the right to run it is kept.
///
/// # Errors
/// If a file cannot be read. [`io::ErrorKind::Unsupported`] for a link, a pipe or a device: none of them is unpacked again.
pub fn pack(directory: &Path) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    let mut archive = tar::Builder::new(encoder);
    for path in below(directory)? {
        let name = path.strip_prefix(directory).map_err(io::Error::other)?;
        let meta = path.symlink_metadata()?;
        let mut header = tar::Header::new_gnu();
        if meta.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            archive.append_data(&mut header, name, io::empty())?;
        } else {
            header.set_mode(if meta.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 });
            header.set_size(meta.len());
            archive.append_data(&mut header, name, File::open(&path)?.take(meta.len()))?;
        }
    }
    archive.into_inner()?.finish()
}

/// Unpacks into a new directory.
///
/// # Errors
/// If the bytes are damaged, hold something else than files and directories, name a place outside of the directory or one place twice,
/// or unpack to more than `limit` bytes. The directory may be there then, with a part of the files.
pub fn unpack(bytes: &[u8], to: &Path, limit: u64) -> io::Result<()> {
    let mut decoder = zstd::Decoder::new(bytes)?.take(limit);
    let unpacked = unpack_all(&mut decoder, to);
    // The limit looks like the end of the archive to whoever reads it.
    if decoder.limit() == 0 {
        return Err(refused(format!("it unpacks to more than {limit} bytes")));
    }
    unpacked
}

fn unpack_all(decoder: &mut impl io::Read, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    let mut archive = tar::Archive::new(&mut *decoder);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let shown = name.display().to_string();
        if name.as_os_str().is_empty() || !name.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(refused(format!("`{shown}` leads out of the entry")));
        }
        let kind = entry.header().entry_type();
        let path = to.join(&name);
        if kind.is_dir() {
            fs::create_dir_all(&path)?;
        } else if kind.is_file() {
            fs::create_dir_all(path.parent().unwrap_or(to))?;
            let mode = if entry.header().mode()? & 0o100 == 0 { 0o644 } else { 0o755 };
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            io::copy(&mut entry, &mut file)?;
        } else {
            return Err(refused(format!("`{shown}` is a link, or something else that an entry does not hold")));
        }
    }
    // The checksum stands at the very end.
    io::copy(decoder, &mut io::sink())?;
    Ok(())
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// All files and directories below a directory, each directory before its content, in the order of their names.
fn below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for item in fs::read_dir(&directory)? {
            let item = item?;
            let kind = item.file_type()?;
            if kind.is_dir() {
                open.push(item.path());
            } else if !kind.is_file() {
                let why = format!("`{}` is neither a file nor a directory", item.path().display());
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            found.push(item.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// An archive with one member of this name and type.
    fn with_member(name: &str, kind: tar::EntryType, size: usize) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1)?);
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().ok_or(io::ErrorKind::InvalidData)?.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(size as u64);
        if kind.is_symlink() {
            header.set_link_name("/etc/passwd")?;
        }
        header.set_cksum();
        archive.append(&header, vec![0; size].as_slice())?;
        archive.into_inner()?.finish()
    }

    #[test]
    fn a_directory_is_unpacked_as_it_was_and_packed_the_same_again() -> io::Result<()> {
        let temporary = tempfile::tempdir()?;
        let (one, two) = (temporary.path().join("one"), temporary.path().join("two"));
        let long = "d".repeat(120);
        fs::create_dir_all(one.join("empty"))?;
        fs::create_dir_all(one.join(&long))?;
        fs::write(one.join(&long).join("file"), "text")?;
        fs::write(one.join("tool"), "run")?;
        fs::set_permissions(one.join("tool"), fs::Permissions::from_mode(0o755))?;
        let bytes = pack(&one)?;
        unpack(&bytes, &two, 1 << 20)?;
        assert_eq!(pack(&two)?, bytes);
        assert!(two.join("empty").is_dir() && two.join("tool").metadata()?.permissions().mode() & 0o100 != 0);
        Ok(())
    }

    #[test]
    fn links_are_not_packed() -> io::Result<()> {
        let temporary = tempfile::tempdir()?;
        symlink("nowhere", temporary.path().join("link"))?;
        assert_eq!(pack(temporary.path()).map_err(|error| error.kind()), Err(io::ErrorKind::Unsupported));
        Ok(())
    }

    #[test]
    fn nothing_is_unpacked_outside_and_no_link_is_made() -> io::Result<()> {
        use tar::EntryType::{Fifo, Link, Regular, Symlink};
        let temporary = tempfile::tempdir()?;
        for (number, (name, kind, size, why)) in [
            ("../out", Regular, 1, "leads out"),
            ("/out", Regular, 1, "leads out"),
            ("a/../../out", Regular, 1, "leads out"),
            ("link", Symlink, 0, "is a link"),
            ("hard", Link, 0, "is a link"),
            ("pipe", Fifo, 0, "is a link"),
            ("large", Regular, 1 << 20, "more than 65536 bytes"),
        ]
        .into_iter()
        .enumerate()
        {
            let to = temporary.path().join(number.to_string());
            let error = unpack(&with_member(name, kind, size)?, &to, 1 << 16).expect_err(name);
            assert!(error.to_string().contains(why), "{name}: {error}");
        }
        assert!(!temporary.path().join("out").exists());
        Ok(())
    }
}
