//! Sources of every kind, found, named and laid out.

use std::error::Error;
use std::path::PathBuf;

use super::*;
use crate::ImageErrorKind;
use crate::build_dir::BuildDir;
use kernsnap_host::exec::capture;

#[test]
fn a_tree_is_taken_without_what_was_built_in_it() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (tree, store) = (dir.path().join("linux"), Store::at(dir.path().join("store")));
    let supplied = |path: &Path| supplied(&store, path, &mut |_| ());
    fs::create_dir(&tree)?;
    let error = supplied(&tree).expect_err("it is not a kernel");
    assert_eq!(error.kind(), ImageErrorKind::BadInput);
    assert!(error.to_string().contains("is not a kernel tree"), "{error}");
    write_kernel(&tree, "int one;\n")?;
    let before = supplied(&tree)?;
    for product in [".config", "include/config/auto.conf", "kernel/fork.o", "kernel/.fork.o.cmd", "vmlinux"] {
        fs::create_dir_all(tree.join(product).parent().ok_or("it has one")?)?;
        fs::write(tree.join(product), "")?;
    }
    assert_eq!(supplied(&tree)?.digest, before.digest);
    fs::write(tree.join("Makefile"), "x")?;
    assert_ne!(supplied(&tree)?.digest, before.digest);
    assert!(supplied(Path::new("/no/such")).is_err_and(|error| error.to_string().contains("`/no/such`")));
    Ok(())
}

#[test]
fn commits_and_the_work_tree_of_a_repository_share_a_build_directory() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (tree, store) = (dir.path().join("linux"), Store::at(dir.path().join("store")));
    fs::create_dir(&tree)?;
    git(&tree, &["init", "--quiet"])?;
    for text in ["one", "two"] {
        write_kernel(&tree, text)?;
        git(&tree, &["add", "."])?;
        git(&tree, &["commit", "--quiet", "--message", text])?;
    }
    write_kernel(&tree, "three")?;
    let build = |spec: &SourceSpec| -> Result<(Source, String), Box<dyn Error>> {
        let source = resolve(&store, dir.path(), spec, &Options::default(), &mut |_| ())?;
        let text = files_of(&store, &source)?;
        Ok((source, text))
    };
    let commit = |name: &str| SourceSpec::Git(GitSpec { url: tree.display().to_string(), name: name.into() });
    let (old, text) = build(&commit("HEAD~1"))?;
    assert_eq!(text, "one");
    assert!(old.commit().is_some_and(|commit| commit.len() == 40), "{:?}", old.commit());
    let (head, text) = build(&commit("HEAD^{/two}"))?;
    assert_eq!(text, "two");
    let (dirty, text) = build(&SourceSpec::Path("linux".into()))?;
    assert_eq!(text, "three");
    assert!(dirty.found.to_string().ends_with(" with changes"), "{}", dirty.found);
    assert_eq!((old.lineage(), head.lineage()), (dirty.lineage(), dirty.lineage()));
    assert_eq!(dirty.commit(), None);
    write_kernel(&tree, "two")?;
    let (clean, _) = build(&SourceSpec::Path("linux".into()))?;
    assert_eq!((clean.digest(), clean.commit()), (head.digest(), head.commit()));
    // The files in between are gone from the store; the commit brings them back, and the work tree's cannot be had any more.
    for path in fs::read_dir(store.root().join("work"))? {
        kernsnap_host::files::remove(&path?.path())?;
    }
    assert_eq!(files_of(&store, &old)?, "one");
    assert!(files_of(&store, &dirty).is_err_and(|error| error.to_string().contains("not the source that was used")));
    let error =
        resolve(&store, dir.path(), &commit("v1"), &Options::default(), &mut |_| ()).expect_err("no such commit");
    assert_eq!(error.kind(), ImageErrorKind::BadInput, "{error}");
    Ok(())
}

/// The text of `kernel/fork.c` where a source is laid out to be built.
fn files_of(store: &Store, source: &Source) -> Result<String, Box<dyn Error>> {
    let inputs = CacheInputs::new("work", 1).with("lineage", source.lineage());
    Ok(BuildDir::enter(store, &inputs, source, &mut |_| (), |workshop, _| {
        let file = workshop.tree.join("kernel/fork.c");
        Ok(fs::read_to_string(&file).map_err(StoreError::read(&file))?)
    })?)
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

fn unpacked(source: &Source, store: &Store) -> Result<PathBuf, ImageError> {
    source.unpacked(store, &mut |_| ())
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
    assert_eq!(fork_of(&unpacked(&one, &store)?)?, "one");
    assert!(one.commit().is_some_and(|commit| commit.len() == 40), "{:?}", one.commit());
    assert!(!is_recorded(&store, &spec), "nothing was built from it");
    one.remember(&store);
    assert!(is_recorded(&store, &spec));

    commit("two")?;
    let still = resolve(Resolve::Recorded)?;
    assert_eq!((still.digest(), still.commit()), (one.digest(), one.commit()));
    let two = resolve(Resolve::Again)?;
    assert_ne!(two.digest(), one.digest());
    assert_eq!(fork_of(&unpacked(&two, &store)?)?, "two");
    // The files of the first are gone; its commit brings them back, or says that it cannot.
    kernsnap_host::files::remove(&store.root().join("source"))?;
    match unpacked(&still, &store) {
        Ok(tree) => assert_eq!(fork_of(&tree)?, "one"),
        Err(error) => assert!(matches!(error, ImageError::Source { .. }), "{error}"),
    }
    let nothing = SourceSpec::Git(GitSpec { url: dir.path().join("no").display().to_string(), name: "main".into() });
    let error = super::resolve(&store, dir.path(), &nothing, &Options::default(), &mut |_| ()).expect_err("none");
    assert!(matches!(error, ImageError::Source { .. }), "{error}");
    Ok(())
}

#[test]
fn a_damaged_source_is_unpacked_again_whichever_file_it_is() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path().join("store"));
    write_kernel(&dir.path().join("linux-1"), "packed")?;
    let pack = ToolCall::new(Tool::resolve("tar")?).args(["--create", "--file", "linux.tar", "linux-1"]);
    capture(&pack.dir(dir.path()))?;
    let spec = SourceSpec::Path("linux.tar".into());
    let source = || resolve(&store, dir.path(), &spec, &Options::default(), &mut |_| ());
    let tree = unpacked(&source()?, &store)?;
    fs::write(tree.join("kernel/fork.c"), "other1")?;
    assert_eq!(fork_of(&unpacked(&source()?, &store)?)?, "packed");
    fs::write(tree.join("kernel/added.c"), "")?;
    let mut told = Vec::new();
    source()?.unpacked(&store, &mut |event| told.push(event))?;
    let damaged = |event: &ImageEvent| matches!(event, ImageEvent::Damaged { why, .. } if why.contains("added.c"));
    assert!(told.iter().any(damaged), "{told:?}");
    assert!(!tree.join("kernel/added.c").exists());
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
        unpacked(&resolve(&store, dir.path(), &spec, &Options::default(), &mut |_| ())?, &store)
    };
    let wrong = tree(&"0".repeat(64)).expect_err("another hash").to_string();
    let right = wrong.split_whitespace().find(|word| word.len() == 65).ok_or("the message tells the right one")?;
    assert_eq!(fork_of(&tree(right.trim_end_matches(','))?)?, "packed");
    Ok(())
}

#[test]
fn a_tree_that_changes_is_another_source_in_the_same_build_directory() -> Result<(), Box<dyn Error>> {
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
    assert_eq!(files_of(&store, &after)?, "int two;\n");
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
        let inputs = CacheInputs::new("work", 1).with("lineage", source.lineage());
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
    let mut directories = fs::read_dir(store.root().join("work"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let work = directories.find(|path| path.join("tree").is_dir()).ok_or("a build directory")?;
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
