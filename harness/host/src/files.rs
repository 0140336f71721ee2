//! Files that appear complete or not at all, and the removal of files and directories: the one owner of both.

use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file beside its place and renames it: a reader sees the file of before or the whole new one. A link in that place is
/// replaced, not followed.
///
/// # Errors
/// If the directory cannot be written, or the disk is full. Nothing is left then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, |file| file.write_all(content))
}

/// As [`replace`], for a file that nothing but kernsnap writes: a directory in its place does not belong there, and is removed.
///
/// # Errors
/// As [`replace`].
pub fn replace_own(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        remove(path)?;
    }
    replace(path, content)
}

/// As [`replace`], with the content that `write` writes.
///
/// # Errors
/// As [`replace`], and those of `write`.
#[expect(clippy::disallowed_methods, reason = "this module owns the writing of files by rename")]
pub fn replace_with<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> Result<(), E>,
) -> Result<(), E> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As other programs create files: the user's mask applies.
    let mut file: NamedTempFile =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(directory)?;
    write(file.as_file_mut())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The content of a regular file of at most `limit` bytes. A pipe in its place would be waited for, and a device never ends.
///
/// # Errors
/// If it cannot be read, is something else, or is larger.
pub fn read_within(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let meta = path.metadata()?;
    if meta.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !meta.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut content = Vec::new();
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    Ok(content)
}

/// Removes a file, a link or a whole directory, where there is one. A link is removed, not followed.
///
/// # Errors
/// If it cannot be removed.
#[expect(clippy::disallowed_methods, reason = "this module owns removal")]
pub fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes a file or a link, where there is one; never a directory.
///
/// # Errors
/// If it cannot be removed.
#[expect(clippy::disallowed_methods, reason = "this module owns removal")]
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_stays_as_it_was() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let (file, other) = (directory.path().join("file"), directory.path().join("other"));
        replace(&file, b"one")?;
        let half = replace_with(&file, |file| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert_eq!(half.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        assert_eq!((fs::read(&file)?, fs::read_dir(directory.path())?.count()), (b"one".to_vec(), 1));
        // A link is replaced itself.
        symlink(&file, &other)?;
        replace(&other, b"two")?;
        assert_eq!((fs::read(&file)?, fs::read(&other)?), (b"one".to_vec(), b"two".to_vec()));
        let taken = directory.path().join("taken");
        fs::create_dir_all(taken.join("below"))?;
        assert!(replace(&taken, b"three").is_err());
        replace_own(&taken, b"three")?;
        assert_eq!(fs::read(&taken)?, b"three");
        Ok(())
    }

    #[test]
    fn what_is_removed_may_be_anything_and_a_link_is_not_followed() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("kept/below"))?;
        fs::create_dir_all(path("tree/below"))?;
        fs::write(path("file"), "")?;
        symlink(path("kept"), path("link"))?;
        symlink(path("nowhere"), path("dangling"))?;
        for name in ["tree", "file", "link", "dangling", "absent"] {
            remove(&path(name))?;
            assert!(path(name).symlink_metadata().is_err(), "{name}");
        }
        assert!(path("kept/below").is_dir() && remove_file(&path("kept")).is_err());
        Ok(())
    }
}
