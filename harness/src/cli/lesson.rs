//! `kernsnap lesson`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::args::LessonArguments;
use super::explain::probes;
use super::language::{language, said};
use super::progress::Progress;
use super::{Context, Exit, Failure, answer, answer_json, answer_painted, options, talk, terminal, with_hint};
use crate::session;
use crate::session::load;
use crate::session::prepare::PreparedImage;
use crate::session::run::{Outcome, Runner, Session};
use crate::session::status::RunStatus;
use kernsnap_analysis::explain::Shown;
use kernsnap_analysis::language::Language;
use kernsnap_analysis::lesson::{
    BookKernel, Contradiction, Lesson, Number, Page, Run, Section, index, of_book_section,
};
use kernsnap_analysis::phrase::Phrase;
use kernsnap_scenario::Scenario;

/// One lesson of the list.
#[derive(Serialize)]
struct Row<'a> {
    lesson: &'a str,
    section: Section,
    book_sections: &'a [Number],
    title: String,
    scenario: &'a str,
}

pub(super) fn lesson(context: &Context, arguments: &LessonArguments) -> Result<Exit, Failure> {
    let language = language();
    if arguments.write_docs {
        return write_docs(context, arguments);
    }
    let as_json = arguments.output.is_json();
    let Some(id) = &arguments.lesson else { return list(&lessons(context)?, as_json, language) };
    let lesson = match id.parse() {
        Err(_) => load::lesson(&context.workspace, id)?,
        Ok(number) => {
            let mut found = of_section(context, &number)?;
            match found.len() {
                1 => found.remove(0),
                _ => return list(&found, as_json, language),
            }
        }
    };
    let id = &lesson.id;
    let options = options(&arguments.source)?;
    let image = LessonImage::open(context, &options, &arguments.image)?;
    let (scenario, outcome, status) = image.run(&lesson)?;
    let look = arguments.looked.look;
    if !status.is_good() && !look {
        talk(&format!("the run of `{id}` {status}: `kernsnap run {}` shows why", scenario.id));
    }
    // A trace with holes does not show what happened.
    if !status.has_view() {
        return Ok(status.into());
    }
    let (page, contradictions) = image.page(&lesson, &scenario, &outcome, language)?;
    if let Some(contradiction) = contradictions.into_iter().next().filter(|_| !look) {
        return Err(contradiction.into());
    }
    if as_json {
        answer_json(&page)?;
    } else {
        let style = terminal::style();
        answer_painted(&page.show(&style), &style);
        if arguments.explained.explain {
            let mut shown = Shown::default();
            page.lines().for_each(|line| shown.read(line));
            answer_painted(&shown.explained(&probes(&scenario), language).show(&style), &style);
        }
    }
    Ok(if look && status == RunStatus::Failed { Exit::Passed } else { status.into() })
}

/// The lessons of a section of the book, or of the one around it.
fn of_section(context: &Context, wanted: &Number) -> Result<Vec<Lesson>, Failure> {
    let lessons = lessons(context)?;
    let (section, found) = of_book_section(&lessons, wanted);
    if found.is_empty() {
        let known: BTreeSet<&Number> = lessons.iter().flat_map(|lesson| &lesson.content.book_sections).collect();
        let known = known.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message = Phrase::new("no-lesson-of").with_text("number", wanted);
        let hint = Phrase::new("lessons-have").with("numbers", known);
        return Err(Failure::input(with_hint(said(&message), Some(said(&hint)))));
    }
    if section != *wanted {
        let around = Phrase::new("lesson-of-section").with_text("number", wanted).with_text("section", &section);
        talk(&said(&around));
    }
    Ok(found.into_iter().cloned().collect())
}

fn list(lessons: &[Lesson], as_json: bool, language: Language) -> Result<Exit, Failure> {
    let numbers =
        |lesson: &Lesson| lesson.content.book_sections.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let width = lessons.iter().map(|lesson| lesson.id.len()).max().unwrap_or(0);
    let number_width = lessons.iter().map(|lesson| numbers(lesson).len()).max().unwrap_or(0);
    for section in Section::ALL {
        let own = || lessons.iter().filter(|lesson| lesson.content.section == section);
        if !as_json && own().next().is_some() {
            answer(&format!("{section}. {}", section.title(language)));
        }
        for lesson in own() {
            let (id, content) = (&lesson.id, &lesson.content);
            let (book_sections, title) = (&content.book_sections, content.title.line(language));
            if as_json {
                answer_json(&Row {
                    lesson: id,
                    section: content.section,
                    book_sections,
                    title,
                    scenario: &content.scenario,
                })?;
            } else {
                answer(&format!("   {id:width$}  {:number_width$}  {title}", numbers(lesson)));
            }
        }
    }
    Ok(Exit::Passed)
}

fn lessons(context: &Context) -> Result<Vec<Lesson>, Failure> {
    Ok(context
        .workspace
        .lesson_ids()
        .iter()
        .map(|id| load::lesson(&context.workspace, id))
        .collect::<Result<_, _>>()?)
}

/// Writes the pages of one lesson or of all, in every language, and the pages that lead to them.
fn write_docs(context: &Context, arguments: &LessonArguments) -> Result<Exit, Failure> {
    let lessons = lessons(context)?;
    let wanted = match &arguments.lesson {
        Some(id) => vec![load::lesson(&context.workspace, id)?],
        None => lessons.clone(),
    };
    let options = options(&arguments.source)?;
    let image = LessonImage::open(context, &options, &arguments.image)?;
    for lesson in &wanted {
        let (scenario, outcome, status) = image.run(lesson)?;
        if !status.is_good() {
            talk(&format!("the run of `{}` {status}: its pages stay as they are", lesson.id));
            return Ok(status.into());
        }
        for language in Language::ALL {
            let (page, contradictions) = image.page(lesson, &scenario, &outcome, language)?;
            if let Some(contradiction) = contradictions.into_iter().next() {
                return Err(contradiction.into());
            }
            write(context, page.markdown())?;
        }
    }
    Language::ALL.into_iter().try_for_each(|language| write(context, index(&lessons, language)))?;
    Ok(Exit::Passed)
}

fn write(context: &Context, (file, text): (String, String)) -> Result<(), Failure> {
    let path = context.workspace.lessons_directory().join(file);
    let shown = |path: &Path| context.workspace.relative(path).display().to_string();
    fs::write(&path, text).map_err(|error| Failure::input(format!("cannot write `{}`: {error}", shown(&path))))?;
    answer(&shown(&path));
    Ok(())
}

/// An image that lessons are run on.
struct LessonImage<'a> {
    context: &'a Context,
    prepared_image: PreparedImage<'a>,
    session: Session,
}

impl<'a> LessonImage<'a> {
    fn open(context: &'a Context, options: &'a kernsnap_image::Options, image: &str) -> Result<Self, Failure> {
        let session = context.session()?;
        let mut progress = Progress::new();
        let prepared_image = PreparedImage::open(context.images(options), image, &mut |event| progress.show(event))?;
        Ok(Self { context, prepared_image, session })
    }

    fn run(&self, lesson: &Lesson) -> Result<(Scenario, Outcome, RunStatus), Failure> {
        let mut progress = Progress::new();
        let runner = Runner::new(&self.session, &self.prepared_image.runtime);
        let (scenario, judged) =
            session::lesson::run(&self.context.workspace, &self.prepared_image, &runner, lesson, &mut |event| {
                progress.show(event);
            })?;
        drop(progress);
        let Some(run) = judged.run else {
            return Err(Failure::from_status(&scenario.id, judged.status, &judged.reasons));
        };
        Ok((scenario, run.outcome, judged.status))
    }

    fn page(
        &self,
        lesson: &Lesson,
        scenario: &Scenario,
        outcome: &Outcome,
        language: Language,
    ) -> Result<(Page, Vec<Contradiction>), Failure> {
        let image = &self.prepared_image.runtime.image;
        let book = session::lesson::on_book_kernel(&self.context.workspace, image, lesson.scenario_on_book_kernel())?;
        let run = Run {
            image,
            scenario,
            trace: &outcome.trace,
            role_map: &outcome.role_map,
            book: book.as_ref().map(|(image, view)| BookKernel { image, view }),
        };
        Ok(Page::looked_at(lesson, &run, language))
    }
}

impl From<Contradiction> for Failure {
    /// The kernel of this image does not do what the lesson shows.
    fn from(contradiction: Contradiction) -> Self {
        Self { exit: Exit::Different, text: contradiction.say(language()) }
    }
}
