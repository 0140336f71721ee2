//! The page: its parts that need no script, and the data for those that do.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::{escape, in_script};
use super::{Claim, Report, Task, wakers};
use crate::diff::Diff;
use crate::language::Language;
use crate::model::State;
use crate::phrase::{Phrase, say};
use crate::view::{Context, Style};

const PAGE: &str = include_str!("assets/page.html");
pub(crate) const STYLE: &str = include_str!("assets/style.css");
/// One program, in parts that can each be read; the last one starts it.
const SCRIPTS: [&str; 6] = [
    include_str!("assets/data.js"),
    include_str!("assets/scale.js"),
    include_str!("assets/timeline.js"),
    include_str!("assets/lanes.js"),
    include_str!("assets/panels.js"),
    include_str!("assets/start.js"),
];

/// The texts that the scripts put in, and the places in them.
const SCRIPTED: [(&str, &[&str]); 15] = [
    ("script-one-event", &[]),
    ("script-events", &["count"]),
    ("script-of", &["count", "all"]),
    ("script-select-event", &["number"]),
    ("script-stack", &[]),
    ("script-no-return", &[]),
    ("script-each", &[]),
    ("script-one-root", &[]),
    ("script-roots", &["count"]),
    ("script-and-more", &["count"]),
    ("script-fork", &[]),
    ("script-wake-up", &[]),
    ("script-inner", &[]),
    ("script-others", &["count"]),
    ("script-idle", &[]),
];

/// A page in a language that needs nothing beside itself. `against` is a name for what the run was compared with, and the
/// differences. The words of the scenario and of the recording are on it as they are.
#[must_use]
pub fn page(report: &Report, against: Option<(&str, &Diff)>, language: Language) -> String {
    let on = Phrase::new("page-on").with_text("scenario", &report.scenario).with_text("image", &report.image);
    let parts = [
        ("language", language.code().to_owned()),
        ("title", escape(&on.say(language))),
        ("style", STYLE.to_owned()),
        ("head", head(report, language)),
        ("claims", claims(report, language)),
        ("texts", in_script(&texts(language))),
        ("wakers", wakers::section(report, language)),
        ("tasks", tasks(report)),
        ("view", escape(&report.view)),
        ("difference", against.map(|(name, diff)| difference(name, diff, language)).unwrap_or_default()),
        ("data", data(report)),
        ("script", SCRIPTS.concat()),
    ];
    let said = PAGE.split("{{t:").skip(1).filter_map(|rest| rest.split("}}").next());
    let said: BTreeMap<&str, String> =
        said.filter_map(|id| Some((id, escape(&Phrase::named(id)?.say(language))))).collect();
    fill(PAGE, |name| match name.strip_prefix("t:") {
        Some(id) => said.get(id).map_or("", String::as_str),
        None => parts.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| text),
    })
}

/// Replaces each `{{name}}` of a template. A part that is put in is not looked at again.
pub(crate) fn fill<'a>(template: &'a str, part: impl Fn(&str) -> &'a str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        text += before;
        let (name, after) = behind.split_once("}}").unwrap_or((behind, ""));
        text += part(name);
        rest = after;
    }
    text + rest
}

/// Text in which what is between backticks is code.
fn marked(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    // One without a partner means itself.
    let closed = if pieces.len() % 2 == 1 { pieces.len() } else { pieces.len() - 1 };
    let piece = |(number, piece): (usize, &&str)| match number {
        number if number >= closed => format!("`{}", escape(piece)),
        number if number % 2 == 1 => format!("<code>{}</code>", escape(piece)),
        _ => escape(piece),
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// The texts of the scripts as JSON: by name without `script-`, with `{name}` in their places, the states of tasks, and the contexts of
/// frames.
fn texts(language: Language) -> String {
    let scripted = SCRIPTED.iter().map(|(id, places)| {
        let phrase = places.iter().fold(Phrase::new(id), |phrase, place| phrase.with(place, format!("{{{place}}}")));
        (id.trim_start_matches("script-"), phrase.say(language))
    });
    let states = State::ALL.iter().map(|state| (state.sentence(), say(language, state.sentence())));
    let contexts = Context::ALL.iter().map(|context| (context.sentence(), say(language, context.sentence())));
    let all: BTreeMap<&str, String> = scripted.chain(states).chain(contexts).collect();
    serde_json::to_string(&all).unwrap_or_else(|_| "{}".into())
}

fn data(report: &Report) -> String {
    // The type has no maps with keys that are not strings, and nothing else can go wrong.
    in_script(&serde_json::to_string(report).unwrap_or_else(|_| "null".into()))
}

fn head(report: &Report, language: Language) -> String {
    let Report { scenario, title, about, image, schedule, verdict, reasons, violations, events, .. } = report;
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    let on = Phrase::new("page-on").with("scenario", code(scenario)).with("image", code(image));
    let facts = Phrase::new("page-facts").with("schedule", code(schedule)).with_text("count", events.len());
    // Data that was kept is anybody's: its verdict may be none of ours.
    let word = Phrase::named(&format!("verdict-{verdict}")).map_or_else(|| verdict.clone(), |word| word.say(language));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "<p class=eyebrow>{}</p>\n<h1>{}</h1>\n\
         <p class=facts><span class=\"verdict {class}\">{}</span> {}, {}</p>\n<p class=about>{}</p>\n",
        escape(&say(language, "page-report")),
        marked(&Phrase::written(title).say(language)),
        escape(&word),
        on.say(language),
        facts.say(language),
        marked(&Phrase::written(about).say(language)),
        class = if verdict == "passed" { "good" } else { "bad" },
    );
    let reasons: Vec<String> = match violations.as_slice() {
        [] => reasons.iter().map(|reason| marked(reason)).collect(),
        violations => violations.iter().map(|violation| marked(&violation.say(language))).collect(),
    };
    if !reasons.is_empty() {
        let items: Vec<String> = reasons.iter().map(|reason| format!("<li>{reason}</li>")).collect();
        let _ = writeln!(text, "<ul class=reasons>{}</ul>", items.concat());
    }
    text
}

fn claims(report: &Report, language: Language) -> String {
    let mut text = String::new();
    for (number, Claim { that, found, said, .. }) in report.expectations.iter().enumerate() {
        // A trace with holes cannot be judged.
        let known = report.verdict != "unusable";
        let (class, sign, word) = match found {
            _ if !known => ("unknown", "?", "page-not-known"),
            None => ("good", "✓", "page-holds"),
            Some(_) => ("bad", "✗", "page-does-not-hold"),
        };
        let _ = write!(
            text,
            "<li class={class}><span class=sign aria-hidden=true>{sign}</span>\
             <div><p><span class=hidden>{}: </span>{}</p>",
            escape(&say(language, word)),
            marked(&Phrase::written(that).say(language))
        );
        let said = said.as_ref().map(|said| said.say(language)).or_else(|| found.clone());
        if let Some(found) = said.filter(|_| known) {
            let _ = write!(text, "<p class=found>{}</p>", marked(&found));
        }
        // The script puts the events here.
        let _ = writeln!(text, "<div class=witnesses data-claim={number}></div></div></li>");
    }
    text
}

fn tasks(report: &Report) -> String {
    let name = |task: &usize| report.tasks.get(*task).map_or("", |task| &task.name);
    let row = |task: &Task| {
        let cells = [
            task.created.map_or(String::new(), |(_, by)| escape(name(&by))),
            task.created.map_or(String::new(), |(at, _)| time(at)),
            time(task.ran),
            task.woken.to_string(),
            task.exited.map_or(String::new(), time),
            task.end.clone().unwrap_or_default(),
            task.events.to_string(),
        ];
        let cells = cells.map(|cell| format!("<td>{cell}</td>")).concat();
        format!("<tr><th scope=row>{} <small>{}</small></th>{cells}</tr>\n", escape(&task.name), task.pid)
    };
    report.tasks.iter().map(row).collect()
}

fn difference(name: &str, diff: &Diff, language: Language) -> String {
    let compared = Phrase::new("page-compared").with("name", format!("<code>{}</code>", escape(name)));
    let differences = if diff.is_empty() {
        format!("<p>{}</p>", escape(&say(language, "page-no-differences")))
    } else {
        differences(diff)
    };
    format!(
        "<section id=difference aria-labelledby=difference-head><h2 id=difference-head>{}</h2>\
         <p>{}</p>{}</section>",
        escape(&say(language, "page-difference")),
        compared.say(language),
        differences
    )
}

/// The difference, as a block of lines.
pub(crate) fn differences(diff: &Diff) -> String {
    if diff.is_empty() {
        return "<p>No differences.</p>".to_owned();
    }
    let line = |line: &str| {
        let class = match line.chars().next() {
            Some('+') => "good",
            Some('-') => "bad",
            Some('~' | '>') => "changed",
            _ => "plain",
        };
        format!("<span class={class}>{}</span>\n", escape(line))
    };
    let lines: String = diff.show(&Style::PLAIN).lines().map(line).collect();
    format!("<pre class=difference tabindex=0>{lines}</pre>")
}

/// Microseconds with three places: nanoseconds that can be read.
fn time(ns: u64) -> String {
    format!("{}.{:03} µs", ns / 1000, ns % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_put_in_is_a_place_to_put_something_in() {
        let part = |name: &str| match name {
            "a" => "{{b}}",
            _ => "no",
        };
        assert_eq!(fill("<{{a}}|{{c}}|{{a}}>", part), "<{{b}}|no|{{b}}>");
    }

    #[test]
    fn backticks_mean_code() {
        assert_eq!(marked("`a<b` is `c`, and ` alone"), "<code>a&lt;b</code> is <code>c</code>, and ` alone");
        assert_eq!(marked("none"), "none");
    }

    #[test]
    fn a_page_is_in_the_language_of_its_reader() {
        let report = Report { verdict: "passed".into(), ..Report::default() };
        for language in Language::ALL {
            let page = page(&report, None, language);
            assert!(page.contains(&format!("<html lang=\"{language}\">")), "{page}");
            assert!(page.contains(&say(language, "page-keys")) && page.contains(&say(language, "script-wake-up")));
            assert!(!page.contains("{{") && !page.contains("page-skip"), "{page}");
        }
    }

    #[test]
    fn nothing_is_claimed_of_a_trace_with_holes() {
        let claim = |found: Option<&str>| Claim { found: found.map(str::to_owned), ..Claim::default() };
        let expectations = vec![claim(None), claim(Some("nothing"))];
        for (verdict, signs) in [("failed", "✓✗"), ("unusable", "??")] {
            let report = Report { verdict: verdict.into(), expectations: expectations.clone(), ..Report::default() };
            let shown: String =
                claims(&report, Language::En).chars().filter(|letter| "✓✗?".contains(*letter)).collect();
            assert_eq!(shown, signs);
        }
    }
}
