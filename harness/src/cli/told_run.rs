//! A run, told to a person at a terminal.

use super::explain::probes;
use super::language::{language, said};
use super::messages::told;
use super::{answer, answer_painted};
use crate::session::prepare::NotApplicable;
use crate::session::record::Record;
use crate::session::run::Outcome;
use kernsnap_analysis::explain::Shown;
use kernsnap_analysis::phrase::Phrase;
use kernsnap_analysis::verdict::Verdict;
use kernsnap_analysis::view::{Style, View};
use kernsnap_scenario::Scenario;

/// The way in which a run is read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// True if views are explained.
    pub(super) explain: bool,
    /// True if nothing is judged.
    pub(super) look: bool,
}

/// A run whose views are shown.
pub(super) struct ShownRun<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) image: &'a str,
    pub(super) outcome: Option<&'a Outcome>,
    /// The looks that were asked for; the scenario's own where there are none.
    pub(super) views: &'a [View],
    pub(super) reading: Reading,
}

pub(super) fn show_views(run: &ShownRun<'_>, style: &Style) {
    let ShownRun { scenario, image, outcome, views, reading: Reading { explain, look } } = *run;
    answer(&format!("{}\n", title(&scenario.id, image, &scenario.title)));
    if let Some(outcome) = outcome {
        let mut shown = Shown::default();
        // A trace with holes does not show what happened.
        if !matches!(outcome.verdict, Verdict::Unusable(_)) {
            let looks = if views.is_empty() { std::slice::from_ref(&outcome.view) } else { views };
            for look in looks {
                let text = look.show(style);
                shown.read(&look.to_string());
                let nothing = || format!("{}\n", said(&Phrase::new("nothing-of-this-kind")));
                answer_painted(&if text.is_empty() { nothing() } else { text }, style);
            }
        }
        if explain {
            answer_painted(&shown.explained(&probes(scenario), language()).show(style), style);
        }
        for expectation in &scenario.expectations {
            let violation = match &outcome.verdict {
                Verdict::Failed(violations) => violations.iter().find(|violation| violation.that == *expectation.that),
                Verdict::Passed | Verdict::Unusable(_) => None,
            };
            let mark = match (&outcome.verdict, violation) {
                (Verdict::Unusable(_), _) => "?",
                (_, Some(_)) if look => "·",
                (_, Some(_)) => "✗",
                (_, None) => "✓",
            };
            answer(&format!("{mark} {}", told(&said(&Phrase::written(&expectation.that)))));
            if let Some(violation) = violation.filter(|_| look) {
                let otherwise = Phrase::new("otherwise").with("found", violation.found.clone());
                answer(&format!("  {}", said(&otherwise)));
            }
        }
        answer("");
    }
}

/// The heading of a run.
fn title(scenario: &str, image: &str, title: &str) -> String {
    said(
        &Phrase::new("run-title")
            .with("scenario", scenario)
            .with("image", image)
            .with("title", told(&said(&Phrase::written(title)))),
    )
}

/// A scenario that does not apply to an image, and why.
pub(super) fn does_not_apply(not: &NotApplicable, image: &str) -> String {
    format!("{}\n\n{}", title(&not.id, image, &not.title), told(&not.to_string()))
}

/// The reasons of a verdict for people. A record has them in English: those of the run, and then that of a snapshot.
pub(super) fn reasons(record: &Record, outcome: Option<&Outcome>) -> Vec<String> {
    let violations = match outcome.map(|outcome| &outcome.verdict) {
        Some(Verdict::Failed(violations)) => violations.as_slice(),
        _ => &[],
    };
    let said = violations.iter().map(|violation| violation.say(language()));
    said.chain(record.reasons.iter().skip(violations.len()).map(|reason| told(reason))).collect()
}

/// The last line of a run: its verdict, and how long it took.
pub(super) fn summary(record: &Record, repetition: Option<usize>) -> String {
    let number = repetition.map(|number| format!(" #{number}")).unwrap_or_default();
    let phrase = match (&record.guest_seconds, &record.seconds) {
        (Some(guest), Some(seconds)) if seconds.machine.is_some() => {
            let took = Phrase::new("run-took").with("guest", format!("{guest:.3}"));
            took.with("here", format!("{:.2}", seconds.total))
        }
        (Some(guest), Some(_)) => Phrase::new("run-took-before").with("guest", format!("{guest:.3}")),
        _ => Phrase::new("run-ended"),
    };
    let phrase = phrase.with("verdict", Phrase::new(record.verdict.sentence()));
    said(&phrase.with("scenario", format!("{}{number}", record.scenario)))
}
