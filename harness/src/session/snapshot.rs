//! Reviewed snapshots: `scenarios/snapshots/IMAGE/SCENARIO.snap` of a workspace, in insta's format. A text that is not the reviewed
//! one is left beside it as `SCENARIO.snap.new`, as insta leaves it, so either tool reviews what the other one left.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use insta::Snapshot;
use similar::TextDiff;

use kernsnap_host::files;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{ImageError, ImageSpec};

/// The end of the name of a snapshot, and that of one which waits for a review.
const REVIEWED: &str = "snap";
const PENDING: &str = "snap.new";

/// The text of one scenario on one image, to be compared with its snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The image's name.
    pub image: &'a str,
    /// The scenario's id.
    pub scenario: &'a str,
    /// The scenario's title.
    pub title: &'a str,
    /// The scenario's file.
    pub file: &'a Path,
    /// The view, or the reason why the scenario does not apply.
    pub text: &'a str,
}

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The text is the reviewed one.
    Same,
    /// Nobody reviewed a text of this scenario on this image.
    Missing,
    /// The text is another than the reviewed one.
    Differs {
        /// The reviewed snapshot.
        reviewed: PathBuf,
        /// The difference, as a unified diff.
        diff: String,
    },
    /// The image's own snapshot repeats that of the image that it is like.
    Redundant {
        /// The snapshot to remove.
        own: PathBuf,
        /// The other image.
        like: String,
    },
}

/// A snapshot cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file cannot be read, or it is not a snapshot of text.
    #[error("cannot read the snapshot `{}`: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file cannot be written or removed.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The image's specification cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// A snapshot that waits for a review.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The image's name.
    pub image: String,
    /// The scenario's id.
    pub scenario: String,
    path: PathBuf,
}

/// The reviewed text of a scenario on an image, and its file: the image's own, or else that of the image which it is like.
///
/// # Errors
/// If a snapshot or an image's specification cannot be read.
pub fn reviewed(
    workspace: &Workspace,
    image: &str,
    scenario: &str,
) -> Result<Option<(PathBuf, Snapshot)>, SnapshotError> {
    let own = file(workspace, image, scenario);
    if own.exists() {
        return Ok(Some((own.clone(), read(&own)?)));
    }
    match ImageSpec::load(workspace, image)?.like {
        Some(like) => reviewed(workspace, &like, scenario),
        None => Ok(None),
    }
}

/// The text of a snapshot.
///
/// # Errors
/// If it cannot be read, or is not a snapshot of text.
pub fn text(path: &Path) -> Result<String, SnapshotError> {
    Ok(text_of(&read(path)?))
}

/// Compares a text with the reviewed one, by insta's own rules.
///
/// # Errors
/// If a snapshot or an image's specification cannot be read.
pub fn compare(workspace: &Workspace, subject: Subject<'_>) -> Result<Comparison, SnapshotError> {
    let own = file(workspace, subject.image, subject.scenario);
    if own.exists()
        && let Some(like) = ImageSpec::load(workspace, subject.image)?.like
        && let Some((_, snapshot)) = reviewed(workspace, &like, subject.scenario)?
        && is_same(&snapshot, subject.text)
    {
        return Ok(Comparison::Redundant { own, like });
    }
    let Some((path, snapshot)) = reviewed(workspace, subject.image, subject.scenario)? else {
        return Ok(Comparison::Missing);
    };
    if is_same(&snapshot, subject.text) {
        return Ok(Comparison::Same);
    }
    Ok(Comparison::Differs { diff: diff(&text_of(&snapshot), &normalized(subject.text)), reviewed: path })
}

/// Leaves a text for a review.
///
/// # Errors
/// If the file cannot be written.
pub fn leave(workspace: &Workspace, subject: Subject<'_>) -> Result<PathBuf, SnapshotError> {
    let path = file(workspace, subject.image, subject.scenario).with_extension(PENDING);
    let kept = reviewed(workspace, subject.image, subject.scenario)?;
    let mut text = String::from("---\n");
    // cargo-insta shows the test that a snapshot comes from. A workspace without a cargo project has none.
    if let Some(source) = kept.as_ref().and_then(|(_, snapshot)| snapshot.metadata().source()) {
        let _ = writeln!(text, "source: {}", quoted(source));
    }
    let _ = writeln!(text, "description: {}", quoted(subject.title));
    let _ = writeln!(text, "input_file: {}", quoted(&workspace.relative(subject.file).to_string_lossy()));
    let _ = writeln!(text, "---\n{}", normalized(subject.text));
    let write = || {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        // As a whole or not at all: a reviewer, or another run of the same, may read it now.
        files::replace(&path, text.as_bytes())
    };
    write().map_err(|source| SnapshotError::Write { path: path.clone(), source })?;
    Ok(path)
}

/// Removes a text that waits for a review, where there is one: the text is the reviewed one again.
///
/// # Errors
/// If the file cannot be removed.
pub fn forget(workspace: &Workspace, image: &str, scenario: &str) -> Result<(), SnapshotError> {
    let path = file(workspace, image, scenario).with_extension(PENDING);
    files::remove_file(&path).map_err(|source| SnapshotError::Write { path, source })
}

/// The snapshots of a workspace that wait for a review, by image and scenario.
#[must_use]
pub fn pending(workspace: &Workspace) -> Vec<Pending> {
    let images = workspace.names_in("scenarios/snapshots", "").into_iter();
    let of_image = |image: String| {
        let directory = workspace.snapshots(&image);
        let names = fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
        names.into_iter().filter_map(move |name| {
            let scenario = name.strip_suffix(&format!(".{PENDING}"))?.to_owned();
            Some(Pending { image: image.clone(), scenario, path: directory.join(name) })
        })
    };
    let mut found: Vec<Pending> = images.flat_map(of_image).collect();
    found.sort_by(|a, b| (&a.image, &a.scenario).cmp(&(&b.image, &b.scenario)));
    found
}

impl Pending {
    /// The difference to the reviewed text, as a unified diff; the whole text where nothing was reviewed.
    ///
    /// # Errors
    /// If a snapshot or an image's specification cannot be read.
    pub fn diff(&self, workspace: &Workspace) -> Result<String, SnapshotError> {
        let new = text_of(&read(&self.path)?);
        let old = reviewed(workspace, &self.image, &self.scenario)?;
        Ok(diff(&old.map(|(_, snapshot)| text_of(&snapshot)).unwrap_or_default(), &new))
    }

    /// Makes it the reviewed snapshot.
    ///
    /// # Errors
    /// If a file cannot be read, written or removed.
    pub fn accept(&self) -> Result<(), SnapshotError> {
        let snapshot = read(&self.path)?;
        let reviewed = self.path.with_extension("").with_extension(REVIEWED);
        // insta leaves out what only a review needs.
        snapshot
            .save(&reviewed)
            .map_err(|error| SnapshotError::Write { path: reviewed, source: io::Error::other(error.to_string()) })?;
        self.reject()
    }

    /// Removes it.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn reject(&self) -> Result<(), SnapshotError> {
        files::remove_file(&self.path).map_err(|source| SnapshotError::Write { path: self.path.clone(), source })
    }
}

fn file(workspace: &Workspace, image: &str, scenario: &str) -> PathBuf {
    workspace.snapshots(image).join(format!("{scenario}.{REVIEWED}"))
}

fn read(path: &Path) -> Result<Snapshot, SnapshotError> {
    let error = |reason: String| SnapshotError::Read { path: path.to_owned(), reason };
    let snapshot = Snapshot::from_file(path).map_err(|cause: Box<dyn Error>| error(cause.to_string()))?;
    if snapshot.as_text().is_none() {
        return Err(error("it is not a snapshot of text".to_owned()));
    }
    Ok(snapshot)
}

/// insta compares texts of files in this form.
fn normalized(text: &str) -> String {
    text.trim_end().replace("\r\n", "\n")
}

fn text_of(snapshot: &Snapshot) -> String {
    snapshot.as_text().map(ToString::to_string).unwrap_or_default()
}

fn is_same(snapshot: &Snapshot, text: &str) -> bool {
    text_of(snapshot) == normalized(text)
}

fn diff(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).missing_newline_hint(false).to_string()
}

/// A scalar of YAML. JSON's strings are strings of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn Error>>;

    fn workspace() -> Result<(tempfile::TempDir, Workspace), io::Error> {
        let directory = tempfile::tempdir()?;
        let image = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("images/{name}.yaml"));
        fs::create_dir_all(directory.path().join("images"))?;
        for name in ["rpi3-6.1", "virt-6.1"] {
            fs::copy(image(name), directory.path().join(format!("images/{name}.yaml")))?;
        }
        let workspace = Workspace::at(directory.path()).over(env!("CARGO_MANIFEST_DIR"));
        Ok((directory, workspace))
    }

    fn subject<'a>(image: &'a str, file: &'a Path, text: &'a str) -> Subject<'a> {
        Subject { image, scenario: "own", title: "A title: \"with\" marks", file, text }
    }

    #[test]
    fn a_text_waits_is_accepted_and_is_the_reviewed_one_from_then_on() -> Outcome {
        let (directory, workspace) = workspace()?;
        let scenario = directory.path().join("scenarios/user/own.yaml");
        let first = subject("rpi3-6.1", &scenario, "child  exits\n\n");
        assert_eq!(compare(&workspace, first)?, Comparison::Missing);
        leave(&workspace, first)?;
        let waiting = pending(&workspace);
        let [one] = waiting.as_slice() else { return Err(format!("{waiting:?}").into()) };
        assert_eq!((&*one.image, &*one.scenario), ("rpi3-6.1", "own"));
        assert_eq!(one.diff(&workspace)?.lines().last(), Some("+child  exits"));
        one.accept()?;
        assert!(pending(&workspace).is_empty());
        assert_eq!(compare(&workspace, first)?, Comparison::Same);
        let kept = fs::read_to_string(directory.path().join("scenarios/snapshots/rpi3-6.1/own.snap"))?;
        assert!(kept.contains("A title") && kept.contains("input_file: scenarios/user/own.yaml"), "{kept}");

        let second = subject("rpi3-6.1", &scenario, "child  exits twice");
        let Comparison::Differs { diff, .. } = compare(&workspace, second)? else { return Err("no difference".into()) };
        assert!(diff.contains("-child  exits\n+child  exits twice"), "{diff}");
        leave(&workspace, second)?;
        pending(&workspace).iter().try_for_each(Pending::reject)?;
        assert_eq!(compare(&workspace, first)?, Comparison::Same);
        Ok(())
    }

    #[test]
    fn a_snapshot_that_repeats_another_images_is_told() -> Outcome {
        let (directory, workspace) = workspace()?;
        let scenario = directory.path().join("scenarios/user/own.yaml");
        let like = ImageSpec::load(&workspace, "virt-6.1")?.like;
        assert_eq!(like.as_deref(), Some("rpi3-6.1"));
        for image in ["rpi3-6.1", "virt-6.1"] {
            leave(&workspace, subject(image, &scenario, "the same"))?;
        }
        pending(&workspace).iter().try_for_each(Pending::accept)?;
        let compared = compare(&workspace, subject("virt-6.1", &scenario, "the same"))?;
        assert!(matches!(compared, Comparison::Redundant { like, .. } if like == "rpi3-6.1"));
        Ok(())
    }

    #[test]
    fn a_damaged_snapshot_is_an_error_with_its_path() -> Outcome {
        let (directory, workspace) = workspace()?;
        let damaged = directory.path().join("scenarios/snapshots/rpi3-6.1/own.snap");
        fs::create_dir_all(damaged.parent().ok_or("no parent")?)?;
        fs::write(&damaged, "---\nsource: [\n---\ntext\n")?;
        let error = compare(&workspace, subject("rpi3-6.1", Path::new("own.yaml"), "text"));
        assert!(error.is_err_and(|error| error.to_string().contains("own.snap")));
        Ok(())
    }
}
