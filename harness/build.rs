//! Lists the files of the checkout that the program carries: images, scenarios without their snapshots, guest programs and lessons. Lessons
//! show the lines of the book's kernel, so its snapshots come along.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const CARRIED: [&str; 4] = ["docs/lessons", "guest-programs", "images", "scenarios"];
const SNAPSHOTS: &str = "scenarios/snapshots";
/// The images of the book's kernel.
const BOOK_KERNELS: [&str; 2] = ["rpi2-rpi-4.19", "rpi3-rpi-4.19"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let mut files = Vec::new();
    for directory in CARRIED {
        collect(&root, Path::new(directory), &mut files)?;
    }
    let mut list = "&[\n".to_owned();
    for file in files {
        let (name, path) = (file.display().to_string(), root.join(&file).display().to_string());
        writeln!(list, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    list.push_str("]\n");
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("catalogue.rs"), list)?;
    Ok(())
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    if directory == Path::new(SNAPSHOTS) {
        return BOOK_KERNELS.iter().try_for_each(|image| collect(root, &directory.join(image), files));
    }
    println!("cargo::rerun-if-changed={}", root.join(directory).display());
    let mut names =
        fs::read_dir(root.join(directory))?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let path = directory.join(name);
        if root.join(&path).is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment")]
fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    Ok(std::env::var(name)?)
}
