//! An image, for tests that are written by hand.

use std::error::Error;

use super::{LIMIT, directory, over_catalogue, policy, say, store};
use crate::cli::templates;
use crate::session::load;
use crate::session::prepare::PreparedImage;
use crate::session::run::{Outcome, Runner, Session};
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_machine::Schedule;

/// An image of a project's workspace, which runs scenarios.
///
/// ```no_run
/// use kernsnap::testing::{Image, Verdict};
/// use kernsnap::trace::Cpu;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let image = Image::of_project(env!("CARGO_MANIFEST_DIR"), "rpi3-6.1")?;
/// let run = image.run("two-children")?;
/// assert_eq!(run.verdict, Verdict::Passed, "{}", run.view);
/// let child = run.role_map.pid("first").ok_or("the first child was not found")?;
/// let last = run.trace.events.iter().rfind(|event| event.pid == child).ok_or("it left no event")?;
/// assert_eq!(last.cpu, Cpu(1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Image {
    workspace: Workspace,
    session: Session,
    name: String,
    schedule: Option<Schedule>,
}

impl Image {
    /// The image `name` of the project in `root`, whose directory is a workspace over what kernsnap brings along. The image is built
    /// when a scenario runs, if it is not in the store.
    ///
    /// # Errors
    /// If the host has no place for a store, or no QEMU.
    pub fn of_project(root: &str, name: &str) -> Result<Self, Box<dyn Error>> {
        let workspace = over_catalogue(Workspace::at(directory(root)))?;
        let store = store()?;
        Ok(Self {
            workspace,
            session: Session::open(&store, templates(&store))?,
            name: name.to_owned(),
            schedule: None,
        })
    }

    /// The same with another schedule than the machine's usual one.
    #[must_use]
    pub fn with_schedule(self, schedule: Schedule) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// Runs a scenario, which is a name in the workspace or the path of a file: its verdict, its trace, and who was who in it. A known
    /// result is taken from the store, unless the environment says otherwise, as for [`super::Suite`].
    ///
    /// # Errors
    /// If the image cannot be built, if the scenario is not valid or does not apply to this kernel, or if there is no verdict, because the
    /// machine was lost or the host is not set up.
    pub fn run(&self, scenario: &str) -> Result<Outcome, Box<dyn Error>> {
        let options = Options::default();
        let images = Images { workspace: &self.workspace, store: &self.session.store, options: &options };
        let mut on = |event| say(&format!("{event:?}"));
        let prepared = PreparedImage::open(images, &self.name, &mut on)?;
        let file = load::chosen(&self.workspace, scenario)?;
        let (scenario, payload) = prepared.scenario(&file, &mut on)?.ready().map_err(|not| not.to_string())?;
        let schedule = self.schedule.unwrap_or_else(|| prepared.runtime.machine.usual_schedule());
        let scratch = self.session.scratch()?;
        let runner = Runner { policy: policy(), limit: LIMIT, ..Runner::new(&self.session, &prepared.runtime) };
        Ok(runner.run(&scenario, &payload, schedule, scratch.path())?.outcome)
    }
}
