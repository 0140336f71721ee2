//! The kernel's own tests (`tools/testing/selftests`), built statically from an image's source: each target an entry of its own.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::module_headers;
use super::plan::{assignment, reproducible};
use super::toolchain::Toolchain;
use crate::{Arch, ImageError};
use kernsnap_host::exec::{Tool, ToolCall, ToolError, run};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::{Entry, Store, StoreError};
use kernsnap_yaml::did_you_mean;

const RECIPE: u32 = 3;

/// Where a kernel's tree keeps its tests.
const TESTS: &str = "tools/testing/selftests";
/// The target whose tests are scripts for `ftracetest`.
pub const FTRACE: &str = "ftrace";
/// The parts of an entry.
const PROGRAMS: &str = "programs";
const UNBUILT: &str = "unbuilt.txt";
const LIST: &str = "tests.txt";
/// Where `make headers` puts the headers below its output directory.
const HEADERS: &str = "usr/include";

/// The tests of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTests {
    /// The directory's name below `tools/testing/selftests`.
    pub target: String,
    /// The tests: names of programs, or for [`FTRACE`] paths of scripts, `test.d/00basic/basic1.tc`.
    pub tests: Vec<String>,
    /// The files that the tests need, the tests among them, by path.
    pub files: BTreeMap<String, PathBuf>,
    /// The programs of the target that could not be built, with the compiler's or linker's reason.
    pub unbuilt: Vec<(String, String)>,
}

/// The kernel that tests are built for.
pub(super) struct Job<'a> {
    pub(super) store: &'a Store,
    pub(super) arch: Arch,
    pub(super) cross: &'a str,
    pub(super) toolchain: &'a Toolchain,
    /// The content of the kernel's source, in words.
    pub(super) digest: String,
    /// Compilers at a time.
    pub(super) jobs: NonZeroUsize,
}

impl Job<'_> {
    /// The variables of `make` that name the machine.
    fn variables(&self) -> [String; 2] {
        [format!("ARCH={}", self.arch.as_str()), format!("CROSS_COMPILE={}", self.cross)]
    }
}

/// Runs a step in the kernel's tree, which it must not write to.
pub(super) type InTree<'a> =
    dyn Fn(&mut dyn FnMut(&Path) -> Result<(), ImageError>, Events<'_>) -> Result<(), ImageError> + 'a;

/// The tests of a target, built when the store does not have them.
pub(super) fn tests(
    job: &Job<'_>,
    target: &str,
    tree: &InTree<'_>,
    events: Events<'_>,
) -> Result<SelfTests, ImageError> {
    // The scripts of `ftracetest` are not compiled.
    let headers = if target == FTRACE { None } else { Some(uapi_headers(job, tree, events)?) };
    let inputs = CacheInputs::new("kselftest", RECIPE)
        .with("target", target)
        .with("source", &job.digest)
        .with("arch", job.arch.as_str())
        .with("compiler", &job.toolchain.compiler)
        .with("libc", &job.toolchain.libc);
    let entry = job.store.ensure(&inputs, events, |dir, events| {
        events(ImageEvent::Phase(Phase::Program(format!("kselftest {target}"))));
        tree(
            &mut |tree| {
                check_target(&tree.join(TESTS), target)?;
                match &headers {
                    None => collect_scripts(tree, dir),
                    Some(headers) => compile(job, target, (tree, &headers.file(HEADERS)), dir),
                }
            },
            events,
        )?;
        files_below(dir)
    })?;
    let text = |name: &str| fs::read_to_string(entry.file(name)).map_err(StoreError::read(&entry.file(name)));
    let unbuilt = text(UNBUILT)?.lines().filter_map(|line| line.split_once('\t')).map(owned).collect();
    let programs = entry.file(PROGRAMS);
    let names = files_below(&programs)?;
    Ok(SelfTests {
        target: target.to_owned(),
        tests: text(LIST)?.lines().map(str::to_owned).collect(),
        files: names.into_iter().map(|name| (name.clone(), programs.join(name))).collect(),
        unbuilt,
    })
}

fn owned((name, why): (&str, &str)) -> (String, String) {
    (name.to_owned(), why.to_owned())
}

/// The kernel's headers for programs, which `make headers` makes in a time that is long against that of a target: all targets share
/// them.
fn uapi_headers(job: &Job<'_>, tree: &InTree<'_>, events: Events<'_>) -> Result<Entry, ImageError> {
    let inputs = CacheInputs::new("uapi-headers", 1).with("source", &job.digest).with("arch", job.arch.as_str());
    let entry = job.store.ensure(&inputs, events, |dir, events| {
        events(ImageEvent::Phase(Phase::Program("kernel headers".to_owned())));
        let step = || ImageError::step("make the kernel's headers");
        let scratch = job.store.scratch()?;
        let make = Tool::resolve("make").map_err(step())?;
        tree(
            &mut |tree| {
                let call = ToolCall::new(make.clone()).arg("-s").arg("-C").arg(tree).arg(format!("-j{}", job.jobs));
                let call = call.arg(assignment("O=", scratch.path())).args(job.variables()).arg("headers");
                run(&call, &mut |_| ()).map_err(step())?;
                Ok(())
            },
            events,
        )?;
        let from = scratch.path().join(HEADERS);
        for name in files_below(&from)? {
            module_headers::copy(&from.join(&name), &dir.join(HEADERS).join(&name))?;
        }
        files_below(dir)
    })?;
    Ok(entry)
}

fn check_target(tests: &Path, target: &str) -> Result<(), ImageError> {
    if tests.join(target).join("Makefile").is_file() {
        return Ok(());
    }
    let known: Vec<String> = directories(tests)?;
    let hint = did_you_mean(target, known.iter().map(String::as_str))
        .unwrap_or_else(|| format!("the targets are: {}", known.join(", ")));
    Err(ImageError::NoTests { target: target.to_owned(), hint })
}

/// The scripts of `ftracetest`, which need no compiler.
fn collect_scripts(tree: &Path, entry: &Path) -> Result<(), ImageError> {
    let from = tree.join(TESTS).join(FTRACE);
    let to = entry.join(PROGRAMS);
    let mut tests = Vec::new();
    for name in files_below(&from)? {
        if name == "ftracetest" || name.starts_with("test.d/") {
            module_headers::copy(&from.join(&name), &to.join(&name))?;
        }
        let is_test = name.starts_with("test.d/") && !name.starts_with("test.d/template");
        tests.extend(Some(name).filter(|name| is_test && name.strip_suffix(".tc").is_some()));
    }
    write(&entry.join(LIST), &lines(&tests))?;
    write(&entry.join(UNBUILT), "")
}

/// Compiles a target in a copy of its directory: some targets write beside their sources.
fn compile(job: &Job<'_>, target: &str, (tree, headers): (&Path, &Path), entry: &Path) -> Result<(), ImageError> {
    let step = || ImageError::step(format!("build the tests `{target}`"));
    let scratch = job.store.scratch()?;
    let (mirror, out) = (scratch.path().join("linux"), scratch.path().join("out"));
    mirror_tree(tree, &mirror, target)?;
    fs::create_dir_all(&out).map_err(StoreError::write(&out))?;
    let make = Tool::resolve("make").map_err(step())?;
    let selftests = mirror.join(TESTS).join(target);
    let call = |options: &[&str]| {
        let compiler = format!("CC={}gcc -static -ffile-prefix-map={}=.", job.cross, mirror.display());
        reproducible(ToolCall::new(make.clone()), &[])
            .arg("-s")
            .arg("-C")
            .arg(&selftests)
            .arg(assignment("OUTPUT=", &out))
            .arg(assignment("KHDR_INCLUDES=-isystem ", headers))
            .args(job.variables())
            .arg(compiler)
            .args(options.iter().copied())
    };
    let list = run(&call(&["--no-print-directory", "emit_tests", "COLLECTION=test"]), &mut |_| ()).map_err(step())?;
    let names: Vec<&str> = list.text.lines().filter_map(|line| line.strip_prefix("test:")).collect();
    // Some programs need libraries that a cross compiler does not have. The others are built all the same: first with the libraries
    // of the target, and then, where the linker misses one, without.
    let mut said = String::new();
    for options in [&["--keep-going"][..], &["--keep-going", "LDLIBS=-lpthread"]] {
        match run(&call(options), &mut |_| ()) {
            Ok(_) => break,
            Err(ToolError::Failed { tail, .. }) => said = tail.join("\n"),
            Err(error) => return Err(step()(error)),
        }
    }
    let mut unbuilt = Vec::new();
    let mut tests = Vec::new();
    for name in names {
        let file = out.join(name);
        let script = selftests.join(name);
        match () {
            () if file.is_file() => tests.push(name.to_owned()),
            () if script.is_file() => unbuilt.push(format!("{name}\tit is a script")),
            () => unbuilt.push(format!("{name}\t{}", reason(&said, name))),
        }
    }
    for name in files_below(&out)? {
        let file = out.join(&name);
        let is_program = file.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
        if is_program {
            strip(job, &file).map_err(step())?;
            module_headers::copy(&file, &entry.join(PROGRAMS).join(&name))?;
        }
    }
    fs::create_dir_all(entry.join(PROGRAMS)).map_err(StoreError::write(entry))?;
    write(&entry.join(LIST), &lines(&tests))?;
    write(&entry.join(UNBUILT), &lines(&unbuilt))
}

/// The line of a tool that says why a program was not built.
fn reason(said: &str, name: &str) -> String {
    let of_it = said.lines().find(|line| line.contains(name) && line.contains("rror"));
    let missing = said.lines().find(|line| line.contains("cannot find") || line.contains("No such file"));
    let line = missing.or(of_it).unwrap_or("it could not be built");
    line.rsplit_once("ld: ").map_or(line, |(_, why)| why).replace('\t', " ")
}

/// Programs travel without their debugging information.
fn strip(job: &Job<'_>, file: &Path) -> Result<(), ToolError> {
    let call = ToolCall::new(Tool::resolve(&format!("{}strip", job.cross))?).arg(file);
    // A script that is executable stays as it is.
    match run(&call, &mut |_| ()) {
        Ok(_) | Err(ToolError::Failed { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A tree in which only the tests' own directory can be written: all else are links to the kernel's tree.
fn mirror_tree(tree: &Path, mirror: &Path, target: &str) -> Result<(), ImageError> {
    let mut at = PathBuf::new();
    for part in TESTS.split('/').chain([target]) {
        let directory = mirror.join(&at);
        fs::create_dir_all(&directory).map_err(StoreError::write(&directory))?;
        for name in entries(&tree.join(&at))? {
            let (from, to) = (tree.join(&at).join(&name), directory.join(&name));
            if name == part {
                continue;
            }
            // Makefiles find the tree by the real path of `lib.mk`.
            if at == Path::new(TESTS) && from.is_file() {
                module_headers::copy(&from, &to)?;
            } else {
                symlink(&from, &to).map_err(StoreError::write(&to))?;
            }
        }
        at.push(part);
    }
    for name in files_below(&tree.join(&at))? {
        module_headers::copy(&tree.join(&at).join(&name), &mirror.join(&at).join(&name))?;
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<String>, ImageError> {
    let read = fs::read_dir(directory).map_err(StoreError::read(directory))?;
    let mut names: Vec<String> = read.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn directories(directory: &Path) -> Result<Vec<String>, ImageError> {
    Ok(entries(directory)?.into_iter().filter(|name| directory.join(name).join("Makefile").is_file()).collect())
}

/// The regular files below a directory, by their paths from there, sorted.
fn files_below(directory: &Path) -> Result<Vec<String>, ImageError> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(at) = open.pop() {
        for name in entries(&directory.join(&at))? {
            let path = at.join(&name);
            let Ok(meta) = directory.join(&path).symlink_metadata() else { continue };
            match () {
                () if meta.is_dir() => open.push(path),
                () if meta.is_file() => found.push(path.display().to_string()),
                () => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

fn lines(words: &[String]) -> String {
    words.iter().fold(String::new(), |text, word| text + word + "\n")
}

fn write(path: &Path, text: &str) -> Result<(), ImageError> {
    Ok(fs::write(path, text).map_err(StoreError::write(path))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_not_built_has_a_reason() {
        let said =
            "/usr/bin/ld: cannot find -lcap: No such file or directory\nmake: *** [lib.mk:1: out/clone3] Error 1";
        assert_eq!(reason(said, "clone3"), "cannot find -lcap: No such file or directory");
        assert_eq!(reason("x.c:1: error: no\nx: Error 1", "x"), "x.c:1: error: no");
        assert_eq!(reason("", "x"), "it could not be built");
    }

    #[test]
    fn a_mirror_links_everything_but_the_tests() -> Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let (tree, mirror) = (directory.path().join("tree"), directory.path().join("mirror"));
        for file in ["Makefile", "include/a.h", "tools/testing/selftests/lib.mk", "tools/testing/selftests/one/one.c"] {
            let path = tree.join(file);
            fs::create_dir_all(path.parent().ok_or("no parent")?)?;
            fs::write(path, "")?;
        }
        fs::create_dir_all(tree.join("tools/testing/selftests/two"))?;
        mirror_tree(&tree, &mirror, "one")?;
        let is_link = |path: &str| mirror.join(path).symlink_metadata().is_ok_and(|meta| meta.is_symlink());
        assert!(is_link("Makefile") && is_link("include") && is_link("tools/testing/selftests/two"));
        assert!(!is_link("tools/testing/selftests/lib.mk") && !is_link("tools/testing/selftests/one/one.c"));
        Ok(())
    }
}
