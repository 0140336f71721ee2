//! Habits that neither the compiler nor clippy checks.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use kernsnap_host::workspace::Workspace;
use kernsnap_image::ImageSpec;

type Outcome = Result<(), Box<dyn Error>>;

/// More than this is not read in one sitting.
const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
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
    assert_eq!(lines_with(&files.concat(), &words.each_ref().map(String::as_str))?, none());
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
    let workspace = Workspace { root: root() };
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
const ARROWS: [(&str, &[&str]); 7] = [
    ("yaml", &[]),
    ("trace", &[]),
    ("scenario", &["trace", "yaml"]),
    ("analysis", &["scenario", "trace", "yaml"]),
    ("host", &[]),
    ("image", &["host", "yaml"]),
    ("machine", &["host", "trace", "yaml"]),
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
fn every_link_between_documents_leads_to_a_file() -> Outcome {
    let documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
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

/// The modules that a file names by paths that begin with `super` or `crate`. A module may name those below it.
fn named_modules(module: &[String], text: &str, modules: &Modules) -> BTreeSet<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for word in code.split(|c| !is_word(c)) {
        let parts: Vec<&str> = word.split("::").collect();
        let up = parts.iter().take_while(|part| **part == "super").count();
        let mut place = match parts.first() {
            Some(&"crate") => Vec::new(),
            Some(&"super") => module[..module.len().saturating_sub(up)].to_vec(),
            _ => continue,
        };
        let mut nearest = place.clone();
        for part in parts.into_iter().skip(up.max(1)) {
            place.push(part.to_owned());
            if modules.contains_key(&place) {
                nearest.clone_from(&place);
            }
        }
        let is_parent = |one: &[String]| one.len() < module.len() && module.starts_with(one);
        if nearest != module && !nearest.starts_with(module) && !is_parent(&nearest) {
            found.insert(nearest);
        }
    }
    found
}

#[test]
fn no_files_depend_on_each_other_in_a_circle() -> Outcome {
    let sources = files("harness", &["toml"])?.into_iter().filter_map(|file| Some(file.parent()?.join("src")));
    let sources = sources.filter(|source| source.is_dir() && !source.starts_with("harness/trace/fuzz"));
    let mut circles = Vec::new();
    for source in sources.chain([PathBuf::from("harness/src")]) {
        let modules = modules(&source)?;
        let mut arrows = BTreeMap::new();
        for (module, file) in &modules {
            let text = fs::read_to_string(root().join(file))?;
            arrows.insert(module.clone(), named_modules(module, &text, &modules));
        }
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
