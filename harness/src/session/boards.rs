//! The boards that kernsnap itself describes. A stranger's file names one of them; it does not describe one.

use std::path::Path;

use kernsnap_machine::Machine;

/// The descriptions in `images/boards/`, by name.
const BOARDS: [(&str, &str); 6] = [
    ("raspi2b", include_str!("../../../images/boards/raspi2b.yaml")),
    ("raspi3b", include_str!("../../../images/boards/raspi3b.yaml")),
    ("raspi3b-whole", include_str!("../../../images/boards/raspi3b-whole.yaml")),
    ("raspi4b", include_str!("../../../images/boards/raspi4b.yaml")),
    ("virt", include_str!("../../../images/boards/virt.yaml")),
    ("virt32", include_str!("../../../images/boards/virt32.yaml")),
];

/// The board `name`; `None` where kernsnap does not describe one of that name.
#[must_use]
pub fn find(name: &str) -> Option<Machine> {
    let (_, text) = BOARDS.iter().find(|(known, _)| *known == name)?;
    // A test reads all of them.
    Machine::read(Path::new(name), text).ok()
}

/// The names of the boards.
pub fn names() -> impl Iterator<Item = &'static str> {
    BOARDS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_board_of_the_repository_is_known() -> Result<(), Box<dyn Error>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("images/boards"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            files.extend(name.strip_suffix(".yaml").map(str::to_owned));
        }
        files.sort();
        assert_eq!(files, names().collect::<Vec<_>>());
        assert!(names().all(|name| find(name).is_some()));
        Ok(())
    }
}
