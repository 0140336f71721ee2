//! The evidence of a test that failed, below the project's `target`, where CI collects what a build leaves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::session::load;
use crate::session::run::Run;
use kernsnap_analysis::language::Language;
use kernsnap_analysis::report::page;
use kernsnap_host::files;
use kernsnap_host::workspace::Workspace;
use kernsnap_scenario::Scenario;

/// The page for people, beside the files of the run.
const PAGE: &str = "report.html";

/// Where the evidence of a test goes: `target/kernsnap/IMAGE/SCENARIO`.
#[derive(Clone, Debug)]
pub(super) struct Place(PathBuf);

impl Place {
    /// `None` where the test's program is not where cargo or nextest puts it: `target/PROFILE/deps/NAME`.
    #[must_use]
    pub(super) fn of(program: &Path, image: &str, scenario: &str) -> Option<Self> {
        let target = program.parent().filter(|deps| deps.ends_with("deps"))?.parent()?.parent()?;
        Some(Self(target.join("kernsnap").join(image).join(scenario)))
    }

    /// Keeps the evidence of a run, with a page.
    ///
    /// # Errors
    /// If something cannot be written.
    pub(super) fn keep(
        &self,
        workspace: &Workspace,
        scenario: &Scenario,
        image: &str,
        run: &Run<'_>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        self.make()?;
        run.leave(scenario, &self.0)?;
        let report = run.outcome.report(scenario, image, &load::sources(workspace)?);
        Ok(files::replace(&self.0.join(PAGE), page(&report, None, Language::En).as_bytes())?)
    }

    /// Keeps the files that a machine left which was lost.
    ///
    /// # Errors
    /// If one cannot be copied.
    pub(super) fn copy(&self, from: &Path) -> io::Result<()> {
        self.make()?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), self.0.join(entry.file_name()))?;
            }
        }
        Ok(())
    }

    fn make(&self) -> io::Result<()> {
        files::remove(&self.0)?;
        fs::create_dir_all(&self.0)
    }

    /// The files in words that CI servers take attachments from, where a test prints them (Jenkins, the plugin `junit-attachments`;
    /// GitLab): a line for each.
    #[must_use]
    pub(super) fn told(&self) -> String {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        let lines = paths.iter().map(|path| format!("[[ATTACHMENT|{}]]\n", path.display()));
        format!("evidence: {}\n{}", self.0.display(), lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_kept_below_target() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let from = directory.path().join("run");
        fs::create_dir(&from)?;
        fs::write(from.join("console.log"), "text")?;
        let program = directory.path().join("target/debug/deps/scenarios-0");
        let place = Place::of(&program, "rpi3-6.1", "user-fork").ok_or(io::ErrorKind::NotFound)?;
        place.copy(&from)?;
        let kept = directory.path().join("target/kernsnap/rpi3-6.1/user-fork");
        assert_eq!(fs::read_to_string(kept.join("console.log"))?, "text");
        let (directory, kept) = (kept.display().to_string(), kept.join("console.log"));
        assert_eq!(place.told(), format!("evidence: {directory}\n[[ATTACHMENT|{}]]\n", kept.display()));
        assert!(Place::of(Path::new("/usr/bin/scenarios"), "rpi3-6.1", "user-fork").is_none());
        Ok(())
    }
}
