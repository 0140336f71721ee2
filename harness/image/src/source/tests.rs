//! Sources of every kind, found, named and laid out.

use std::error::Error;
use std::path::PathBuf;

use super::*;
use crate::ImageErrorKind;
use crate::build_dir::BuildDir;
use kernsnap_host::exec::capture;

#[test]
fn a_supplied_source_must_be_a_clean_kernel() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let check = |message: &str| {
        let error = supplied(dir.path()).expect_err(message);
        assert_eq!(error.kind(), ImageErrorKind::BadInput);
        assert!(error.to_string().contains(message), "{error}");
    };
    check("is not a kernel tree");
    fs::create_dir(dir.path().join("scripts"))?;
    fs::write(dir.path().join("scripts/Makefile.build"), "")?;
    fs::write(dir.path().join("Makefile"), "")?;
    let before = supplied(dir.path())?;
    fs::write(dir.path().join("Makefile"), "x")?;
    assert_ne!(supplied(dir.path())?.digest, before.digest);
    fs::write(dir.path().join(".config"), "")?;
    check("something was built inside");
    assert!(supplied(Path::new("/no/such")).is_err_and(|error| error.to_string().contains("`/no/such`")));
    Ok(())
}

/// The files by which a kernel tree is recognised.
fn write_kernel(tree: &Path, fork: &str) -> Result<(), Box<dyn Error>> {
    for (file, text) in [("Makefile", ""), ("scripts/Makefile.build", ""), ("kernel/fork.c", fork)] {
        let path = tree.join(file);
        fs::create_dir_all(path.parent().ok_or("it has one")?)?;
        fs::write(path, text)?;
    }
    Ok(())
}

fn git(dir: &Path, words: &[&str]) -> Result<(), Box<dyn Error>> {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
    capture(&ToolCall::new(Tool::resolve("git")?).args(identity).args(words.iter().copied()).dir(dir))?;
    Ok(())
}

fn fork_of(tree: &Path) -> Result<String, Box<dyn Error>> {
    Ok(fs::read_to_string(tree.join("kernel/fork.c"))?)
}

#[test]
fn a_branch_is_one_commit_until_somebody_asks_again() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (repository, store) = (dir.path().join("linux"), Store::at(dir.path().join("store")));
    let commit = |text: &str| -> Result<(), Box<dyn Error>> {
        write_kernel(&repository, text)?;
        git(&repository, &["add", "."])?;
        git(&repository, &["commit", "--quiet", "--message", text])
    };
    fs::create_dir(&repository)?;
    git(&repository, &["init", "--quiet"])?;
    commit("one")?;
    let spec = SourceSpec::Git(GitSpec { url: format!("file://{}", repository.display()), name: "main".into() });
    assert!(!is_recorded(&store, &spec));
    let resolve = |resolve: Resolve| {
        let options = Options { resolve, ..Options::default() };
        super::resolve(&store, dir.path(), &spec, &options, &mut |_| ())
    };
    let one = resolve(Resolve::Recorded)?;
    assert_eq!(fork_of(&one.tree(&store, &mut |_| ())?)?, "one");
    assert!(one.commit().is_some_and(|commit| commit.len() == 40), "{:?}", one.commit());
    assert!(is_recorded(&store, &spec));

    commit("two")?;
    let still = resolve(Resolve::Recorded)?;
    assert_eq!((still.digest(), still.commit()), (one.digest(), one.commit()));
    let two = resolve(Resolve::Again)?;
    assert_ne!(two.digest(), one.digest());
    assert_eq!(fork_of(&two.tree(&store, &mut |_| ())?)?, "two");
    // The files of the first are gone; its commit brings them back, or says that it cannot.
    fs::remove_dir_all(store.root().join("source"))?;
    match still.tree(&store, &mut |_| ()) {
        Ok(tree) => assert_eq!(fork_of(&tree)?, "one"),
        Err(error) => assert!(matches!(error, ImageError::Source { .. }), "{error}"),
    }
    let nothing = SourceSpec::Git(GitSpec { url: dir.path().join("no").display().to_string(), name: "main".into() });
    let error = super::resolve(&store, dir.path(), &nothing, &Options::default(), &mut |_| ()).expect_err("none");
    assert!(matches!(error, ImageError::Source { .. }), "{error}");
    Ok(())
}

#[test]
fn a_tarball_must_have_its_hash() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path().join("store"));
    write_kernel(&dir.path().join("linux-1"), "packed")?;
    let pack = ToolCall::new(Tool::resolve("tar")?).args(["--create", "--file", "linux.tar", "linux-1"]);
    capture(&pack.dir(dir.path()))?;
    let tree = |sha256: &str| -> Result<PathBuf, ImageError> {
        let spec = SourceSpec::Tarball(TarballSpec { url: "linux.tar".into(), sha256: sha256.into() });
        resolve(&store, dir.path(), &spec, &Options::default(), &mut |_| ())?.tree(&store, &mut |_| ())
    };
    let wrong = tree(&"0".repeat(64)).expect_err("another hash").to_string();
    let right = wrong.split_whitespace().find(|word| word.len() == 65).ok_or("the message tells the right one")?;
    assert_eq!(fork_of(&tree(right.trim_end_matches(','))?)?, "packed");
    Ok(())
}

#[test]
fn a_tree_that_changes_is_another_source_in_the_same_workshop() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (tree, store) = (dir.path().join("linux"), Store::at(dir.path().join("store")));
    let source =
        |options: &Options| resolve(&store, dir.path(), &SourceSpec::Path("linux".into()), options, &mut |_| ());
    write_kernel(&tree, "int one;\n")?;
    let before = source(&Options::default())?;
    write_kernel(&tree, "int two;\n")?;
    let after = source(&Options::default())?;
    assert_ne!(before.digest(), after.digest());
    assert_eq!(before.lineage(), after.lineage());
    assert!(before.tree(&store, &mut |_| ()).is_err(), "it is not that source any more");
    assert_eq!(after.tree(&store, &mut |_| ())?, tree);
    fs::create_dir(tree.join("Documentation"))?;
    fs::write(tree.join("Documentation/index.rst"), "for people")?;
    assert_eq!(source(&Options::default())?.digest(), after.digest());
    Ok(())
}

#[test]
fn patches_are_laid_over_a_copy_and_taken_back() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (tree, store) = (dir.path().join("linux"), Store::at(dir.path().join("store")));
    write_kernel(&tree, "int one;\n")?;
    let patch = |to: &str| format!("--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -1 +1 @@\n-int one;\n+int {to};\n");
    for (name, text) in [("two.patch", patch("two")), ("three.patch", patch("three"))] {
        fs::write(dir.path().join(name), text)?;
    }
    fs::write(dir.path().join("wrong.patch"), patch("four").replace("int one", "int zero"))?;
    let build = |patches: &[&str]| -> Result<(String, String), ImageError> {
        let patches = patches.iter().map(|name| dir.path().join(name)).collect();
        let options = Options { patches, ..Options::default() };
        let source = resolve(&store, dir.path(), &SourceSpec::Path("linux".into()), &options, &mut |_| ())?;
        let inputs = CacheInputs::new("work", 1).with("source", &source.found.digest);
        BuildDir::enter(&store, &inputs, &source, &mut |_| (), |workshop, _| {
            let text = fs::read_to_string(workshop.tree.join("kernel/fork.c")).unwrap_or_default();
            Ok((source.digest(), text))
        })
    };
    let (two, text) = build(&["two.patch"])?;
    assert_eq!(text, "int two;\n");
    let (other, text) = build(&["three.patch"])?;
    assert_eq!(text, "int three;\n");
    assert_ne!(two, other);
    let error = build(&["wrong.patch"]).expect_err("its context is not there");
    assert!(error.to_string().contains("wrong.patch` does not apply"), "{error}");
    // The tree stays, and no mark of an unfinished build.
    let work = fs::read_dir(store.root().join("work"))?.next().ok_or("a build directory")??.path();
    assert!(
        work.join("tree/kernel/fork.c").is_file() && !work.join("busy").exists() && !work.join("patching").exists()
    );
    assert_eq!(build(&["three.patch"])?.1, "int three;\n");
    assert_eq!(build(&["two.patch"])?.1, "int two;\n", "a patch that failed leaves nothing behind");
    assert_eq!(build(&[])?.1, "int one;\n");
    assert_eq!(fork_of(&tree)?, "int one;\n", "the user's tree is as it was");
    Ok(())
}

#[test]
fn a_package_of_another_release_has_a_record_of_its_own() {
    let record = |suite: Option<&str>| {
        let suite = suite.map(str::to_owned);
        record_name(&SourceSpec::Package(PackageSpec { name: "linux-source-6.1".into(), suite }))
    };
    assert_eq!(record(None).as_deref(), Some("source-linux-source-6.1"));
    assert_ne!(record(Some("bookworm")), record(Some("trixie")));
    assert_ne!(record(Some("bookworm")), record(None));
}

#[test]
fn a_git_source_that_is_an_option_or_a_command_runs_nothing() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path().join("store"));
    let touched = dir.path().join("touched");
    let touch = format!("touch {};", touched.display());
    let repository = dir.path().join("linux").display().to_string();
    for (url, name) in [
        (format!("--upload-pack={touch}"), repository.clone()),
        (repository.clone(), format!("--upload-pack={touch}")),
        (format!("ext::sh -c {touch}"), "main".to_owned()),
        (format!("ssh://-oProxyCommand={touch}/linux"), "main".to_owned()),
        (repository, "main:refs/heads/other".to_owned()),
    ] {
        let spec = SourceSpec::Git(GitSpec { url, name });
        let refused = resolve(&store, dir.path(), &spec, &Options::default(), &mut |_| ()).expect_err("refused");
        assert_eq!(refused.kind(), ImageErrorKind::BadInput, "{refused}");
        assert!(!touched.exists());
    }
    Ok(())
}
