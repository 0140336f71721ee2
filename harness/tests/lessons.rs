//! One test per lesson: its scenario runs in a real guest, the run shows what each step says, and the pages in
//! `docs/lessons/` have the lines of this run. `kernsnap lesson --write-docs` writes the pages again.
#![expect(clippy::print_stderr, reason = "a test tells what it saw on stderr")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use kernsnap::cli::args::DEFAULT_IMAGE;
use kernsnap::cli::{Exit, default_store, templates};
use kernsnap::session::prepare::PreparedImage;
use kernsnap::session::run::{RunPolicy, Runner, Session};
use kernsnap::session::templates::become_broker_if_asked;
use kernsnap_analysis::language::Language;
use kernsnap_analysis::lesson::{BookKernel, Lesson, Page, Run, Section, index};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use self::support::{Checkout, Kernsnap, Outcome, data, root};

/// The backstop in host time.
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    if become_broker_if_asked() {
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let mut trials = vec![
        trial("every-section-has-a-lesson-and-no-page-is-left-over".into(), the_index_leads_everywhere),
        trial(
            "every-lesson-has-the-lines-of-the-books-kernel-or-says-why-not".into(),
            every_lesson_is_about_the_books_kernel,
        ),
        trial("every-correction-is-of-a-known-note".into(), every_correction_is_of_a_known_note),
        trial("a-reader-chooses-the-language".into(), a_reader_chooses_the_language),
        trial("a-section-of-the-book-finds-its-lessons".into(), a_section_of_the_book_finds_its_lessons),
        trial("what-a-lesson-gets-wrong-is-told".into(), what_a_lesson_gets_wrong_is_told),
    ];
    for id in workspace().lesson_ids() {
        trials.push(trial(id.clone(), move || the_run_and_the_pages_are_what_the_lesson_says(&id)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, check: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    Trial::test(name, move || {
        check().map_err(|error| {
            // nextest takes a failure's message from a line like this one.
            eprintln!("Error: {error}");
            Failed::without_message()
        })
    })
}

fn workspace() -> Workspace {
    Workspace::at(root())
}

fn lessons() -> Result<Vec<Lesson>, Box<dyn Error>> {
    let workspace = workspace();
    Ok(workspace
        .lesson_ids()
        .iter()
        .map(|id| kernsnap::session::load::lesson(&workspace, id))
        .collect::<Result<_, _>>()?)
}

fn the_run_and_the_pages_are_what_the_lesson_says(id: &str) -> Outcome {
    let workspace = workspace();
    let lesson = kernsnap::session::load::lesson(&workspace, id)?;
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace: &workspace, store: &store, options: &options };
    let mut on = |event| eprintln!("{event:?}");
    let prepared_image = PreparedImage::open(images, DEFAULT_IMAGE, &mut on)?;
    let session = Session::open(&store, templates(&store))?;
    let runner = Runner { policy: RunPolicy::Rerun, limit: LIMIT, ..Runner::new(&session, &prepared_image.runtime) };
    let (scenario, judged) = kernsnap::session::lesson::run(&workspace, &prepared_image, &runner, &lesson, &mut on)?;
    let outcome = judged.run.ok_or_else(|| judged.reasons.join("; "))?.outcome;
    assert_eq!(outcome.verdict, Verdict::Passed);
    let image = &prepared_image.runtime.image;
    let book = kernsnap::session::lesson::on_book_kernel(&workspace, image, lesson.scenario_on_book_kernel())?;
    let run = Run {
        image,
        scenario: &scenario,
        trace: &outcome.trace,
        role_map: &outcome.role_map,
        book: book.as_ref().map(|(image, view)| BookKernel { image, view }),
    };
    for language in Language::ALL {
        is_written(Page::new(&lesson, &run, language)?.markdown())?;
    }
    Ok(())
}

fn every_lesson_is_about_the_books_kernel() -> Outcome {
    let workspace = workspace();
    let applies = |scenario: &str| -> Result<bool, Box<dyn Error>> {
        Ok(kernsnap::session::lesson::on_book_kernel(&workspace, DEFAULT_IMAGE, scenario)?.is_some())
    };
    for lesson in lessons()? {
        let content = &lesson.content;
        let says_why = content.book_kernel.is_some();
        assert_ne!(
            applies(&content.scenario)?,
            says_why,
            "{}: `book-kernel` is for a scenario that does not apply",
            lesson.id
        );
        if let Some(other) = content.book_kernel.as_ref().and_then(|kernel| kernel.scenario.as_deref()) {
            assert!(applies(other)?, "{}: `{other}` does not apply to the book's kernel either", lesson.id);
        }
    }
    Ok(())
}

/// Checks that this page is the one in the checkout.
fn is_written((file, text): (String, String)) -> Outcome {
    let path = workspace().lessons_directory().join(&file);
    let written = fs::read_to_string(&path).unwrap_or_default();
    if written == text {
        return Ok(());
    }
    let same = written.lines().zip(text.lines()).take_while(|(old, new)| old == new).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(nothing)").to_owned();
    let (is, should) = (line(&written), line(&text));
    let mend = "`kernsnap lesson --write-docs` writes it again";
    Err(format!("docs/lessons/{file}:{}: it says\n  {is}\nand should say\n  {should}\n{mend}", same + 1).into())
}

fn the_index_leads_everywhere() -> Outcome {
    let lessons = lessons()?;
    let sections: BTreeSet<Section> = lessons.iter().map(|lesson| lesson.content.section).collect();
    assert!(sections.into_iter().eq(Section::ALL));
    let pages: BTreeSet<String> = workspace().names_in("docs/lessons", ".md").into_iter().collect();
    let ids = lessons.iter().map(|lesson| lesson.id.clone()).chain(["README".to_owned()]);
    let expected: BTreeSet<String> = ids.flat_map(|id| [format!("{id}.ko"), id]).collect();
    assert_eq!(pages, expected);
    Language::ALL.into_iter().try_for_each(|language| is_written(index(&lessons, language)))
}

fn every_correction_is_of_a_known_note() -> Outcome {
    let (workspace, drafts) = (workspace(), kernsnap::session::load::drafts(&workspace())?);
    let claims = kernsnap::session::load::claims(&workspace)?;
    let known: BTreeSet<&str> = claims.shown_by(&drafts)?.iter().map(|shown| shown.id).collect();
    for lesson in lessons()? {
        let corrections = lesson.content.steps.iter().flat_map(|step| &step.corrects);
        for correction in corrections {
            assert!(known.contains(correction.note.as_str()), "{}: no note {}", lesson.id, correction.note);
        }
    }
    Ok(())
}

fn a_reader_chooses_the_language() -> Outcome {
    let titles = |ended: support::Ended| -> Result<Vec<String>, Box<dyn Error>> {
        assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
        Ok(ended.records()?.iter().filter_map(|row| row["title"].as_str().map(str::to_owned)).collect())
    };
    let list = |locale: &str, arguments: &[&str]| {
        let words = ["lesson", "--json"].into_iter().chain(arguments.iter().copied());
        let command = Kernsnap::new(&root(), words).env("LC_ALL", "").env("LC_MESSAGES", locale).env("LANG", "C");
        command.run().and_then(titles)
    };
    let in_language = |language| -> Result<Vec<String>, Box<dyn Error>> {
        let mut lessons = lessons()?;
        lessons.sort_by_key(|lesson| lesson.content.section);
        Ok(lessons.iter().map(|lesson| lesson.content.title.line(language)).collect())
    };
    assert_eq!(list("ko_KR.UTF-8", &[])?, in_language(Language::Ko)?);
    assert_eq!(list("ko_KR.UTF-8", &["--lang", "en"])?, in_language(Language::En)?);
    assert_eq!(list("de_DE.UTF-8", &[])?, in_language(Language::En)?);

    let ended = Kernsnap::new(&root(), ["lesson", "user-exit", "--lang", "ko", "--json"]).run()?;
    let page: Value = ended.record()?;
    assert_eq!(page["steps"][0]["lines"][1], "child    exit_code code=0x300", "{ended:?}");
    let shown = Kernsnap::new(&root(), ["lesson", "user-exit", "--lang", "ko"]).run()?;
    assert!(shown.stdout.contains("\n     child    exit_code code=0x300\n"), "{shown:?}");
    assert!(!shown.stdout.contains('\x1b'), "{shown:?}");
    Ok(())
}

fn a_section_of_the_book_finds_its_lessons() -> Outcome {
    let ids = |number: &str| -> Result<Vec<String>, Box<dyn Error>> {
        let ended = Kernsnap::new(&root(), ["lesson", number, "--json"]).run()?;
        assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
        Ok(ended.records()?.iter().filter_map(|row| row["lesson"].as_str().map(str::to_owned)).collect())
    };
    let (whole, section) = (ids("4.6")?, ids("4.6.2")?);
    assert!(section.contains(&"fork-copy-tree".to_owned()), "{section:?}");
    assert!(section.iter().all(|id| whole.contains(id)), "{section:?} {whole:?}");
    let shown = Kernsnap::new(&root(), ["lesson", "--lang", "en"]).run()?;
    assert!(shown.stdout.lines().any(|line| line.contains("fork-copy-tree") && line.contains("4.6.2")), "{shown:?}");

    let around = Kernsnap::new(&root(), ["lesson", "4.4.2", "--json"]).run()?;
    assert!(around.stderr.contains("no lesson has the number 4.4.2; this is 4.4"), "{around:?}");
    let nowhere = Kernsnap::new(&root(), ["lesson", "99.1"]).run()?;
    assert_eq!((nowhere.code, nowhere.stdout.as_str()), (Some(Exit::BadInput as i32), ""), "{nowhere:?}");
    assert!(nowhere.stderr.contains("no lesson belongs to 99.1 of the book\n\nhint: "), "{nowhere:?}");
    Ok(())
}

/// A lesson about the scenario in `data/good-scenario.yaml`, with this step.
fn lesson_with(step: &str) -> String {
    let head = "scenario: good-scenario\nsection: A\ntitle: { en: A, ko: 가 }\nbook: { en: B, ko: 나 }\n";
    format!("{head}steps:\n  - text: {{ en: C, ko: 다 }}\n    {step}\n")
}

fn what_a_lesson_gets_wrong_is_told() -> Outcome {
    let checkout = Checkout::with(&[data("good-scenario.yaml")])?;
    let directory = checkout.path().join("docs/lessons");
    fs::create_dir_all(&directory)?;
    for (step, exit, said) in [
        ("shows: [copy_proces()]", Exit::BadInput, ["docs/lessons/one.yaml:7:13", "did you mean `copy_process`?"]),
        ("lacks: [\"chld: marker\"]", Exit::BadInput, ["docs/lessons/one.yaml:7:13", "did you mean `child`?"]),
        ("stacks: [schedule]", Exit::BadInput, ["docs/lessons/one.yaml:7:14", "function `schedule` is not traced"]),
        (
            "shows: [\"child: copy_process()\"]",
            Exit::Different,
            ["step 1 of lesson `one`", "nothing in this run is that"],
        ),
        ("lacks: [copy_process()]", Exit::Different, ["there is no `copy_process()`", "this run has one"]),
    ] {
        fs::write(directory.join("one.yaml"), lesson_with(step))?;
        let ended = Kernsnap::new(checkout.path(), ["lesson", "one"]).run()?;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(exit as i32), ""), "{step}: {ended:?}");
        for words in said {
            assert!(ended.stderr.contains(words), "{step}: not said: {words}\n{ended:?}");
        }
    }
    let ended = Kernsnap::new(checkout.path(), ["lesson", "on"]).run()?;
    assert!(ended.stderr.contains("there is no lesson `on`\n\nhint: did you mean `one`?"), "{ended:?}");
    Ok(())
}
