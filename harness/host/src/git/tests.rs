use std::fs;

use super::*;
use crate::files;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn git(directory: &Path, words: &[&str]) -> Result<String, ToolError> {
    let call = ToolCall::new(Tool::resolve("git")?).dir(directory).env("HOME", directory);
    let user = ["-c", "user.name=A. Developer", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
    capture(&call.args(user).args(words.iter().copied()))
}

/// A repository with these states of its files, one commit each, oldest first.
fn repository(directory: &Path, commits: &[&[(&str, &str)]]) -> Outcome {
    git(directory, &["init", "--quiet"])?;
    for (number, files) in commits.iter().enumerate() {
        for (name, content) in *files {
            fs::write(directory.join(name), content)?;
        }
        git(directory, &["add", "--all"])?;
        git(directory, &["commit", "--quiet", "--message", &format!("change: number {number}")])?;
    }
    Ok(())
}

const FIVE: [&[(&str, &str)]; 5] =
    [&[("a", "0"), ("b", "0")], &[("a", "1")], &[("a", "2"), ("c", "2")], &[("a", "3")], &[("a", "4")]];

#[test]
fn commits_are_found_and_the_middle_one_first() -> Outcome {
    let directory = tempfile::tempdir()?;
    repository(directory.path(), &FIVE)?;
    let history = History::open(directory.path())?;
    let (good, bad) = (history.commit("HEAD~4")?, history.commit("main")?);
    assert_eq!((&*bad.subject, &*bad.author), ("change: number 4", "A. Developer <a@example.org>"));
    assert_eq!((history.is_ancestor(&good, &bad)?, history.is_ancestor(&bad, &good)?), (true, false));
    let candidates = history.candidates(&bad.hash, std::slice::from_ref(&good.hash))?;
    assert_eq!((candidates.len(), &candidates[0]), (4, &history.commit("HEAD~2")?.hash));
    assert!(candidates.contains(&bad.hash) && !candidates.contains(&good.hash));
    Ok(())
}

#[test]
fn what_is_not_there_is_told() -> Outcome {
    let directory = tempfile::tempdir()?;
    let none = History::open(directory.path()).map(drop).expect_err("nothing is there").to_string();
    assert!(none.contains("is not a git repository"), "{none}");
    repository(directory.path(), &FIVE[..1])?;
    let history = History::open(directory.path())?;
    for name in ["v6.1", "--all", ""] {
        assert!(matches!(history.commit(name), Err(GitError::NoCommit { .. })), "{name}");
    }
    Ok(())
}

/// Everything below a directory, with its content and when it was written.
fn everything(directory: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>, std::time::SystemTime)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(everything(&path)?);
        } else {
            found.push((path.clone(), fs::read(&path)?, path.metadata()?.modified()?));
        }
    }
    found.sort();
    Ok(found)
}

#[test]
fn files_are_laid_out_elsewhere_and_the_repository_stays_as_it_is() -> Outcome {
    let (theirs, ours) = (tempfile::tempdir()?, tempfile::tempdir()?);
    repository(theirs.path(), &FIVE)?;
    // The user has changes there.
    fs::write(theirs.path().join("a"), "not committed")?;
    let before = everything(theirs.path())?;
    let history = History::open(theirs.path())?;
    let names = |tree: &Path| -> io::Result<Vec<(String, String)>> {
        let files = everything(tree)?.into_iter();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(files
            .map(|(path, bytes, _)| (path.file_name().map_or("", |n| n.to_str().unwrap_or("")).into(), text(&bytes)))
            .collect())
    };
    let said =
        |files: &[(&str, &str)]| files.iter().map(|(n, c)| ((*n).to_owned(), (*c).to_owned())).collect::<Vec<_>>();
    let (tree, index) = (ours.path().join("tree"), ours.path().join("index"));
    let trees = Trees::open(&ours.path().join("repository"), Some(&history))?;
    let lay_out = |name: &str| trees.lay_out(&history.tree(&history.commit(name)?.hash)?, &tree, &index);
    lay_out("HEAD~2")?;
    assert_eq!(names(&tree)?, said(&[("a", "2"), ("b", "0"), ("c", "2")]));
    let written = tree.join("b").metadata()?.modified()?;
    // The files that a killed call may leave.
    fs::write(tree.join("c"), "half")?;
    fs::write(tree.join("left"), "over")?;
    fs::write(ours.path().join("index.lock"), "")?;
    lay_out("HEAD")?;
    assert_eq!(names(&tree)?, said(&[("a", "4"), ("b", "0"), ("c", "2")]));
    lay_out("HEAD~4")?;
    assert_eq!(names(&tree)?, said(&[("a", "0"), ("b", "0")]));
    // A file without changes is not written again.
    assert_eq!(tree.join("b").metadata()?.modified()?, written);
    assert_eq!(everything(theirs.path())?, before);
    Ok(())
}

#[test]
fn a_work_tree_is_taken_as_it_is_and_stays_so() -> Outcome {
    let (theirs, ours) = (tempfile::tempdir()?, tempfile::tempdir()?);
    repository(theirs.path(), &FIVE)?;
    fs::write(theirs.path().join(".gitignore"), "*.o\n")?;
    fs::write(theirs.path().join("a"), "changed")?;
    fs::write(theirs.path().join("new"), "not added")?;
    fs::write(theirs.path().join("a.o"), "a product")?;
    files::remove(&theirs.path().join("b"))?;
    // git renews the time of an object that it finds in place of writing it.
    let untouched = || -> io::Result<Vec<_>> {
        let is_object = |path: &Path| path.starts_with(theirs.path().join(".git/objects"));
        let all = everything(theirs.path())?.into_iter();
        Ok(all.map(|(path, text, time)| (Some(time).filter(|_| !is_object(&path)), path, text)).collect())
    };
    let before = untouched()?;
    let history = History::open(theirs.path())?;
    let trees = Trees::open(&ours.path().join("repository"), Some(&history))?;
    let take = || trees.take(theirs.path(), &history.work_tree_files()?);
    let tree = take()?;
    assert_eq!(trees.files(&tree)?, [".gitignore", "a", "c", "new"].map(str::to_owned).into());
    assert_eq!(take()?, tree);
    assert!(untouched()? == before);
    let without = trees.without(&tree, &["new"].into())?;
    assert_eq!(trees.files(&without)?, [".gitignore", "a", "c"].map(str::to_owned).into());
    files::remove(&theirs.path().join("new"))?;
    assert_eq!(take()?, without, "a tree goes by its content");
    // Without the repository whose objects were borrowed, the same files give the same tree.
    files::remove(&theirs.path().join(".git"))?;
    let trees = Trees::open(&ours.path().join("repository"), None)?;
    assert_eq!(trees.take(theirs.path(), &[".gitignore", "a", "c"].map(str::to_owned).into())?, without);
    assert!(trees.has(&without));
    Ok(())
}

#[test]
fn a_range_begins_with_its_base_and_follows_first_parents() -> Outcome {
    let theirs = tempfile::tempdir()?;
    repository(theirs.path(), &FIVE)?;
    let history = History::open(theirs.path())?;
    let subjects = |base: &str, head: &str| -> Result<Vec<String>, GitError> {
        Ok(history.range(base, head)?.into_iter().map(|commit| commit.subject).collect())
    };
    assert_eq!(subjects("HEAD~2", "HEAD")?, ["change: number 2", "change: number 3", "change: number 4"]);
    assert_eq!(subjects("HEAD", "HEAD")?, ["change: number 4"]);
    assert!(subjects("no-such", "HEAD").is_err());
    Ok(())
}
