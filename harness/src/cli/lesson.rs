//! `kernsnap lesson`.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::args::LessonArguments;
use super::progress::Progress;
use super::{Exit, Failure, Place, answer, options, paper, talk};
use crate::session::cache::Cache;
use crate::session::kit::{Bench, Prepared};
use crate::session::load;
use crate::session::run::Outcome;
use kernsnap_analysis::lesson::{Contradiction, Language, Lesson, Page, Run, Section, index};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_scenario::Scenario;

/// Host time for a run: the backstop.
#[derive(Serialize)]
struct Row<'a> {
    lesson: &'a str,
    section: Section,
    title: String,
    scenario: &'a str,
}

pub(super) fn lesson(place: &Place, arguments: &LessonArguments) -> Result<Exit, Failure> {
    let language = arguments.lang.unwrap_or_else(language_of_environment);
    if arguments.write_docs {
        return write_docs(place, arguments);
    }
    let Some(id) = &arguments.lesson else { return list(place, arguments.json, language) };
    let lesson = load::lesson(&place.workspace, id)?;
    let options = options(&arguments.source)?;
    let classroom = Classroom::open(place, &options, &arguments.image)?;
    let (scenario, outcome, exit) = classroom.run(&lesson)?;
    if exit != Exit::Passed {
        talk(&format!("the run of `{id}` is {}: `kernsnap run {}` tells more", outcome.verdict.word(), scenario.id));
    }
    // What a trace with holes shows is not what happened.
    if exit == Exit::TraceUnusable {
        return Ok(exit);
    }
    let page = classroom.page(&lesson, &scenario, &outcome, language)?;
    answer(&if arguments.json { json(&page)? } else { page.show(&paper::style()) });
    Ok(exit)
}

fn list(place: &Place, as_json: bool, language: Language) -> Result<Exit, Failure> {
    let lessons = lessons(place)?;
    let width = lessons.iter().map(|lesson| lesson.id.len()).max().unwrap_or(0);
    for section in Section::ALL {
        let own = || lessons.iter().filter(|lesson| lesson.content.section == section);
        if !as_json && own().next().is_some() {
            answer(&format!("{section}. {}", section.title(language)));
        }
        for Lesson { id, content, .. } in own() {
            let title = content.title.line(language);
            let row = Row { lesson: id, section, title: title.clone(), scenario: &content.scenario };
            answer(&if as_json { json(&row)? } else { format!("   {id:width$}  {title}") });
        }
    }
    Ok(Exit::Passed)
}

fn lessons(place: &Place) -> Result<Vec<Lesson>, Failure> {
    Ok(place.workspace.lesson_ids().iter().map(|id| load::lesson(&place.workspace, id)).collect::<Result<_, _>>()?)
}

/// Writes the pages of one lesson or of all, in every language, and the pages that lead to them.
fn write_docs(place: &Place, arguments: &LessonArguments) -> Result<Exit, Failure> {
    let lessons = lessons(place)?;
    let wanted = match &arguments.lesson {
        Some(id) => vec![load::lesson(&place.workspace, id)?],
        None => lessons.clone(),
    };
    let options = options(&arguments.source)?;
    let classroom = Classroom::open(place, &options, &arguments.image)?;
    for lesson in &wanted {
        let (scenario, outcome, exit) = classroom.run(lesson)?;
        if exit != Exit::Passed {
            talk(&format!("the run of `{}` is {}: its pages stay as they are", lesson.id, outcome.verdict.word()));
            return Ok(exit);
        }
        for language in Language::ALL {
            let page = classroom.page(lesson, &scenario, &outcome, language)?;
            write(place, page.markdown())?;
        }
    }
    Language::ALL.into_iter().try_for_each(|language| write(place, index(&lessons, language)))?;
    Ok(Exit::Passed)
}

fn write(place: &Place, (file, text): (String, String)) -> Result<(), Failure> {
    let path = place.workspace.lessons_directory().join(file);
    let shown = |path: &Path| place.workspace.relative(path).display().to_string();
    fs::write(&path, text).map_err(|error| Failure::input(format!("cannot write `{}`: {error}", shown(&path))))?;
    answer(&shown(&path));
    Ok(())
}

/// An image that lessons are run on.
struct Classroom<'a> {
    place: &'a Place,
    bench: Bench<'a>,
    cache: Cache,
}

impl<'a> Classroom<'a> {
    fn open(place: &'a Place, options: &'a kernsnap_image::Options, image: &str) -> Result<Self, Failure> {
        // First of all: without it nothing that is built or read helps.
        let cache = place.cache()?;
        let mut progress = Progress::new();
        let bench = Bench::open(place.images(options), image, &mut |event| progress.show(event))?;
        Ok(Self { place, bench, cache })
    }

    fn run(&self, lesson: &Lesson) -> Result<(Scenario, Outcome, Exit), Failure> {
        let file = load::scenario_file(&self.place.workspace, &lesson.content.scenario)?;
        let mut progress = Progress::new();
        let prepared = self.bench.scenario(&file, &mut |event| progress.show(event))?;
        drop(progress);
        let (scenario, load) = match prepared {
            Prepared::Ready(scenario, load) => (*scenario, load),
            Prepared::DoesNotApply(not) => {
                return Err(Failure::input(format!("{}: {}", lesson.id, not.to_string().trim_end())));
            }
        };
        lesson.check(&scenario).map_err(|mistake| Failure::input(mistake.to_string()))?;
        let schedule = self.bench.kit.machine.usual_schedule();
        let outcome = self.place.run(&self.bench.kit, &self.cache, (&scenario, &load), schedule)?.outcome;
        let exit = match outcome.verdict {
            Verdict::Passed => Exit::Passed,
            Verdict::Failed(_) => Exit::Different,
            Verdict::Unusable(_) => Exit::TraceUnusable,
        };
        Ok((scenario, outcome, exit))
    }

    fn page(
        &self,
        lesson: &Lesson,
        scenario: &Scenario,
        outcome: &Outcome,
        language: Language,
    ) -> Result<Page, Failure> {
        let run = Run { image: &self.bench.kit.image, scenario, trace: &outcome.trace, cast: &outcome.cast };
        Ok(Page::of(lesson, &run, language)?)
    }
}

impl From<Contradiction> for Failure {
    /// The kernel of this image does not do what the lesson shows.
    fn from(contradiction: Contradiction) -> Self {
        Self { exit: Exit::Different, text: contradiction.to_string() }
    }
}

fn json(row: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(row).map_err(|error| Failure::internal("write JSON", &error))
}

#[expect(clippy::disallowed_methods, reason = "the environment is read here and passed on")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The language of messages, by the variables that setlocale(3) looks at.
fn language_of_environment() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable);
    locale.as_deref().map(Language::of_locale).unwrap_or_default()
}
