//! Habits that neither the compiler nor clippy checks.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kernsnap_host::workspace::Workspace;
use kernsnap_image::ImageSpec;

type Outcome = Result<(), Box<dyn Error>>;

/// More than this is not read in one sitting.
const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    kernsnap::testing::directory(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a directory with one of these endings, without links and their targets; paths relative to the checkout.
fn files(directory: &str, ends: &[&str]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(root().join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            let wanted = path.extension().is_some_and(|end| ends.iter().any(|wanted| end == *wanted));
            match entry.file_type()? {
                kind if kind.is_dir() => open.push(path),
                kind if kind.is_file() && wanted => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing in {directory}");
    Ok(found)
}

/// The lines of a file with their numbers; comments are not cut off, since what they say is checked too.
fn lines(file: &Path) -> Result<Vec<(usize, String)>, Box<dyn Error>> {
    Ok((1..).zip(fs::read_to_string(root().join(file))?.lines().map(str::to_owned)).collect())
}

/// Every line that one of `words` stands in, as `file:line: text`.
fn lines_with(files: &[PathBuf], words: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in lines(file)? {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", file.display(), line.trim()));
            }
        }
    }
    Ok(found)
}

/// A tag of an action can be moved to other code; a commit cannot.
#[test]
fn actions_are_pinned_by_commit() -> Outcome {
    let mut workflows = files(".github", &["yml"])?;
    workflows.extend(["ci/action.yml", "harness/src/cli/init/workflow.yml"].map(PathBuf::from));
    let mut movable = lines_with(&workflows, &["- uses: "])?;
    movable.retain(|line| {
        let action = line.rsplit_once("- uses: ").map_or("", |(_, action)| action);
        let commit = action.split_once('@').map_or("", |(_, rest)| rest.split(' ').next().unwrap_or_default());
        let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        !is_commit && !action.starts_with("./")
    });
    // These two stand in comments, for the reader to fill in.
    movable.retain(|line| !line.contains("#   - uses: "));
    assert_eq!(movable, none());
    Ok(())
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn every_file_can_be_read_in_one_sitting() -> Outcome {
    for file in [files("harness", &["rs"])?, files("guest-programs", &["c", "h"])?].concat() {
        let length = lines(&file)?.len();
        assert!(length <= LONGEST_FILE, "{} has {length} lines", file.display());
    }
    Ok(())
}

#[test]
fn nothing_is_put_off() -> Outcome {
    let files = [files("harness", &["rs"])?, files("guest-programs", &["c", "h"])?, files("scenarios", &["yaml"])?];
    // Spelled so that this file does not count.
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX:"].concat()];
    let mut found = lines_with(&files.concat(), &words.each_ref().map(String::as_str))?;
    // KTAP has a directive of this name.
    let directive = format!("\"{}\"", words[0]);
    found.retain(|line| !line.contains(&directive));
    assert_eq!(found, none());
    Ok(())
}

#[test]
fn every_test_is_run() -> Outcome {
    // Cargo finds no tests by itself here: a file that is not declared would be left out in silence.
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    for entry in fs::read_dir(root().join("harness/tests"))? {
        let path = entry?.path();
        let main = path.join("main.rs");
        if main.is_file() || path.extension().is_some_and(|end| end == "rs") {
            let file = if main.is_file() { &main } else { &path };
            let name = file.strip_prefix(root())?.display();
            let declared = format!("path = \"{name}\"");
            assert!(manifest.contains(&declared), "`{name}` has no `[[test]]` in Cargo.toml");
        }
    }
    Ok(())
}

#[test]
fn every_scenario_has_a_reviewed_snapshot_on_every_image() -> Outcome {
    let workspace = Workspace::at(root());
    let scenarios: BTreeSet<PathBuf> = workspace
        .scenario_files()?
        .iter()
        .filter_map(|file| Some(Path::new(file.file_stem()?).with_extension("snap")))
        .collect();
    let images: BTreeSet<String> = workspace.image_names().into_iter().collect();
    for image in &images {
        let spec = ImageSpec::load(&workspace, image)?;
        let directory = workspace.snapshots(image);
        let entries = if directory.is_dir() { fs::read_dir(directory)?.collect() } else { Vec::new() };
        let snapshots = entries
            .into_iter()
            .map(|entry| Ok(PathBuf::from(entry?.file_name())))
            // Another test reports the snapshots that differ.
            .filter(|name| !name.as_ref().is_ok_and(|name| name.extension().is_some_and(|end| end == "new")))
            .collect::<Result<BTreeSet<_>, std::io::Error>>()?;
        if spec.like.is_some() || spec.on_request {
            // It has those that differ from the other image's, or none.
            assert_eq!(snapshots.difference(&scenarios).next(), None, "snapshots of `{image}`");
        } else {
            assert_eq!(snapshots, scenarios, "snapshots of `{image}`");
        }
    }
    let directories = fs::read_dir(root().join("scenarios/snapshots"))?;
    for directory in directories {
        let name = directory?.file_name().to_string_lossy().into_owned();
        assert!(images.contains(&name), "there is no image `{name}` that had these snapshots");
    }
    Ok(())
}

#[test]
fn every_bad_scenario_has_its_explanation_and_no_explanation_is_left_over() -> Outcome {
    let directory = "harness/tests/data/bad-scenarios";
    let stems = |end: &str| -> Result<BTreeSet<PathBuf>, Box<dyn Error>> {
        Ok(files(directory, &[end])?.iter().map(|file| file.with_extension("")).collect())
    };
    assert_eq!(stems("yaml")?, stems("snap")?);
    Ok(())
}

/// A crate of the workspace, and the others that it may use (ARCHITECTURE.md).
const ARROWS: [(&str, &[&str]); 8] = [
    ("yaml", &[]),
    ("trace", &[]),
    ("scenario", &["trace", "yaml"]),
    ("analysis", &["scenario", "trace", "yaml"]),
    ("host", &[]),
    ("image", &["host", "yaml"]),
    ("machine", &["host", "trace", "yaml"]),
    ("remote", &["host"]),
];

#[test]
fn the_arrows_between_crates_are_those_of_the_architecture() -> Outcome {
    for (name, uses) in ARROWS {
        let manifest = fs::read_to_string(root().join("harness").join(name).join("Cargo.toml"))?;
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let used: BTreeSet<&str> = dependencies
            .lines()
            .filter_map(|line| line.strip_prefix("kernsnap-")?.split(['.', ' ', '=']).next())
            .collect();
        assert_eq!(used, uses.iter().copied().collect(), "dependencies of `{name}`");
    }
    for pure in ["yaml", "trace", "scenario", "analysis"] {
        let rules = fs::read_to_string(root().join("harness").join(pure).join("clippy.toml"))?;
        for forbidden in ["std::fs::read", "std::process::Command", "std::env::var", "std::time::Instant"] {
            assert!(rules.contains(forbidden), "`{pure}` does not forbid {forbidden}");
        }
    }
    Ok(())
}

#[test]
fn the_fuzz_targets_build_one_crate_of_ours() -> Outcome {
    // The fuzzers instrument all that they build, so anything else would make each of them slow to build.
    let lock = fs::read_to_string(root().join("harness/trace/fuzz/Cargo.lock"))?;
    let ours: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = \"kernsnap")).collect();
    assert_eq!(ours, ["-trace\"", "-trace-fuzz\""]);
    Ok(())
}

/// The end of `ci/setup` on a host whose commands are these alone.
#[expect(clippy::disallowed_methods, reason = "a script is called here, with an environment that is empty")]
fn set_up_with(commands: &[&str]) -> Result<std::process::Output, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    for command in commands {
        let found = Command::new("sh").args(["-c", &format!("command -v {command}")]).output()?;
        let path = String::from_utf8(found.stdout)?;
        std::os::unix::fs::symlink(path.trim_end(), directory.path().join(command))?;
    }
    Ok(Command::new(root().join("ci/setup")).env_clear().env("PATH", directory.path()).output()?)
}

#[test]
fn a_host_without_apt_is_told_what_is_missing_and_needs_no_more() -> Outcome {
    const OWN: [&str; 9] = ["bash", "cargo", "cat", "env", "head", "id", "sed", "sort", "grep"];
    let ended = set_up_with(&OWN)?;
    let said = String::from_utf8(ended.stderr)?;
    assert_eq!(ended.status.code(), Some(1), "{said}");
    for words in ["there is no apt-get here: make gcc", "qemu-system-arm", "bison is missing: needed to build"] {
        assert!(said.contains(words), "{said}");
    }
    let tools = [
        "make",
        "gcc",
        "aarch64-linux-gnu-gcc",
        "bison",
        "flex",
        "bc",
        "perl",
        "fdtoverlay",
        "xz",
        "bzip2",
        "patch",
        "git",
        "curl",
        "setpriv",
        "qemu-system-aarch64",
        "mmdebstrap",
        "trace-cmd",
    ];
    let ended = set_up_with(&[&OWN[..], &tools].concat())?;
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}

#[test]
fn every_link_between_documents_leads_to_a_file() -> Outcome {
    let documents = ["README.md", "README.ko.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    let documents = documents.iter().map(PathBuf::from).chain(files("docs", &["md"])?);
    let mut broken = Vec::new();
    for document in documents {
        let text = fs::read_to_string(root().join(&document))?;
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let path = root().join(&document).parent().unwrap_or(&root()).join(target);
            if !path.exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert_eq!(broken, none());
    Ok(())
}

#[test]
fn the_guide_lists_every_page() -> Outcome {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md"))?;
    for page in files("docs", &["md"])? {
        let name = page.strip_prefix("docs")?.display().to_string();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "docs/SUMMARY.md does not list {name}");
    }
    Ok(())
}

/// Files by module path: `view/role_map.rs` is `view::role_map`, and `view/mod.rs` is `view`.
type Modules = BTreeMap<Vec<String>, PathBuf>;

fn modules(source: &Path) -> Result<Modules, Box<dyn Error>> {
    let mut modules = Modules::new();
    for file in files(&source.display().to_string(), &["rs"])? {
        let mut path: Vec<String> = file
            .strip_prefix(source)?
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            path.pop();
        }
        modules.insert(path, file);
    }
    Ok(modules)
}

/// The paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some((head, branches)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        paths.push(format!("{prefix}{}", path.trim()));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut branch) = (0, String::new());
    for c in branches.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 || (c == ',' && depth == 0) {
            expand(&prefix, &std::mem::take(&mut branch), paths);
        } else {
            branch.push(c);
        }
    }
}

/// The code of a file without comments and unit tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The paths that a file names: those of its `use` items, and those in its code that begin with `crate` or `super`.
fn named_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for item in code.split("use ").skip(1) {
        expand("", item.split(';').next().unwrap_or_default(), &mut paths);
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c| !is_word(c)).filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    paths.extend(words.map(|word| word.trim_end_matches(':').to_owned()));
    paths
}

/// A path from the root of the crate, if it leads into the crate.
fn absolute(module: &[String], path: &str, modules: &Modules) -> Option<Vec<String>> {
    let parts: Vec<String> = path.split("::").map(str::to_owned).collect();
    let up = parts.iter().take_while(|part| *part == "super").count();
    let below = |place: &[String], skipped: usize| [place, &parts[skipped..]].concat();
    match parts.first()?.as_str() {
        "crate" => Some(below(&[], 1)),
        "self" => Some(below(module, 1)),
        "super" => Some(below(&module[..module.len().saturating_sub(up)], up)),
        first => modules.contains_key(&[module, &[first.to_owned()]].concat()).then(|| below(module, 0)),
    }
}

/// The module in whose file the item at `path` stands, behind re-exports.
fn defined_in(path: &[String], reexports: &BTreeMap<Vec<String>, Vec<String>>, modules: &Modules) -> Vec<String> {
    let module = (0..=path.len()).rev().map(|end| &path[..end]).find(|place| modules.contains_key(*place));
    let module = module.unwrap_or_default();
    match path.get(..=module.len()).and_then(|name| reexports.get(name)) {
        Some(target) if target.as_slice() != path => {
            defined_in(&[target.as_slice(), &path[module.len() + 1..]].concat(), reexports, modules)
        }
        _ => module.to_vec(),
    }
}

/// The modules that each module names.
type Arrows = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

/// The arrows between modules. A module may name those above and below it.
fn arrows(modules: &Modules) -> Result<Arrows, Box<dyn Error>> {
    let mut named = BTreeMap::new();
    let mut reexports = BTreeMap::new();
    for (module, file) in modules {
        let code = code(&fs::read_to_string(root().join(file))?);
        let paths = named_paths(&code);
        let paths: Vec<Vec<String>> = paths.iter().filter_map(|path| absolute(module, path, modules)).collect();
        for path in &paths {
            if let Some(name) = path.last() {
                reexports.insert([module.as_slice(), std::slice::from_ref(name)].concat(), path.clone());
            }
        }
        named.insert(module.clone(), paths);
    }
    let targets = |(module, paths): (Vec<String>, Vec<Vec<String>>)| {
        let places = paths.iter().map(|path| defined_in(path, &reexports, modules));
        let apart = |place: &Vec<String>| !place.starts_with(&module) && !module.starts_with(place);
        let places = places.filter(apart).collect();
        (module, places)
    };
    Ok(named.into_iter().map(targets).collect())
}

#[test]
fn no_files_depend_on_each_other_in_a_circle() -> Outcome {
    let sources = files("harness", &["toml"])?.into_iter().filter_map(|file| Some(file.parent()?.join("src")));
    let sources = sources.filter(|source| source.is_dir() && !source.starts_with("harness/trace/fuzz"));
    let mut circles = Vec::new();
    for source in sources.chain([PathBuf::from("harness/src")]) {
        let mut arrows = arrows(&modules(&source)?)?;
        // What nothing left depends on, or what depends on nothing left, is in no circle.
        loop {
            let before = arrows.len();
            let left: BTreeSet<Vec<String>> = arrows.keys().cloned().collect();
            for to in arrows.values_mut() {
                to.retain(|module| left.contains(module));
            }
            let reached: BTreeSet<Vec<String>> = arrows.values().flatten().cloned().collect();
            arrows.retain(|module, to| !to.is_empty() && reached.contains(module));
            if arrows.len() == before {
                break;
            }
        }
        circles.extend(arrows.into_keys().map(|module| format!("{}: {}", source.display(), module.join("::"))));
    }
    assert_eq!(circles, none(), "these files are in a circle, or between two of them");
    Ok(())
}

#[test]
fn every_sentence_is_said_somewhere_and_no_other_is() -> Outcome {
    let english = fs::read_to_string(root().join("harness/analysis/src/phrase/en.ftl"))?;
    let known: BTreeSet<&str> = english.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    let mut texts = String::new();
    for file in files("harness", &["rs", "html"])? {
        texts += &code(&fs::read_to_string(root().join(file))?);
    }
    let is_said = |id: &&&str| texts.contains(&format!("\"{id}\"")) || texts.contains(&format!("{{{{t:{id}}}}}"));
    assert_eq!(known.iter().filter(|id| !is_said(id)).collect::<Vec<_>>(), Vec::<&&str>::new(), "nobody says them");
    let said = ["Phrase::new(\"", "say(language, \"", "say(style.language, \"", "{{t:"];
    let said = said.iter().flat_map(|call| texts.split(call).skip(1)).filter_map(|rest| rest.split(['"', '}']).next());
    let is_id = |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let unknown: Vec<&str> = said.filter(is_id).filter(|id| !known.contains(id)).collect();
    assert_eq!(unknown, Vec::<&str>::new(), "they are not in en.ftl");
    Ok(())
}
