//! The progress of builds: a bar on a terminal, plain lines elsewhere. Messages go to stderr.
#![expect(clippy::print_stderr, reason = "this module tells people how far a build has come")]

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::messages::told;
use kernsnap_host::progress::{ImageEvent, Phase};

/// Lines of progress elsewhere than on a terminal come at most this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Shows image events to a person.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    terminal: bool,
    begun: Option<(Phase, Instant)>,
    told: Instant,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { bar: None, terminal: std::io::stderr().is_terminal(), begun: None, told: Instant::now() }
    }

    pub(super) fn show(&mut self, event: ImageEvent) {
        match event {
            ImageEvent::Phase(phase) => self.begin(phase),
            ImageEvent::Progress { done, total, object } => self.advance(done, total, &object),
            ImageEvent::Waiting { entry, holder } => self.say(&format!("waiting for {entry}, which {holder} builds")),
            ImageEvent::Damaged { entry, why } => {
                self.say(&format!("{entry} in the store is damaged ({why}); it was set aside and is built again"));
            }
            ImageEvent::Note(text) => self.say(&text),
        }
    }

    fn begin(&mut self, phase: Phase) {
        self.end();
        if self.terminal {
            let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg}"));
            bar.set_message(told(&phase.to_string()));
            bar.enable_steady_tick(Duration::from_millis(120));
            self.bar = Some(bar);
        } else {
            eprintln!("{} …", told(&phase.to_string()));
        }
        self.begun = Some((phase, Instant::now()));
        self.told = Instant::now();
    }

    fn advance(&mut self, done: usize, total: Option<usize>, object: &str) {
        if let (Some(bar), Some(total)) = (&self.bar, total) {
            bar.set_style(style("{spinner} compile [{bar:30}] {pos}/{len} ({eta} left) {msg}"));
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(object.to_owned());
        } else if !self.terminal && self.told.elapsed() >= PLAIN_INTERVAL {
            self.told = Instant::now();
            match total {
                Some(total) => eprintln!("  {done} of {total} objects"),
                None => eprintln!("  {done} objects"),
            }
        }
    }

    /// So many of so many runs are done.
    pub(super) fn count(&mut self, done: usize, total: usize, what: &str) {
        if self.begun.is_some() {
            self.end();
        }
        if self.terminal {
            let bar = self.bar.get_or_insert_with(|| ProgressBar::new(total as u64));
            bar.set_style(style("{spinner} run [{bar:30}] {pos}/{len} ({eta} left) {msg}"));
            bar.set_position(done as u64);
            bar.set_message(what.to_owned());
        } else if self.told.elapsed() >= PLAIN_INTERVAL {
            self.told = Instant::now();
            eprintln!("  {done} of {total} runs");
        }
    }

    fn say(&self, text: &str) {
        let text = told(text);
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    /// Ends the phase that was begun, telling its time where it was long.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some((phase, begun)) = self.begun.take()
            && begun.elapsed() >= Duration::from_secs(1)
        {
            eprintln!("{}: {:.1} s", told(&phase.to_string()), begun.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
