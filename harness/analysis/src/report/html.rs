//! The page: its parts that need no script, and the data for those that do.

use std::fmt::Write as _;

use super::{Claim, Report, Task};
use crate::diff::Diff;
use crate::view::Style;

const PAGE: &str = include_str!("assets/page.html");
pub(crate) const STYLE: &str = include_str!("assets/style.css");
/// One program, in parts that can each be read; the last one starts it.
const SCRIPTS: [&str; 5] = [
    include_str!("assets/data.js"),
    include_str!("assets/timeline.js"),
    include_str!("assets/lanes.js"),
    include_str!("assets/panels.js"),
    include_str!("assets/start.js"),
];

/// A page that needs nothing beside itself. `against` is a name for what the run was compared with, and the differences.
#[must_use]
pub fn page(report: &Report, against: Option<(&str, &Diff)>) -> String {
    let parts = [
        ("title", escape(&format!("{} on {}", report.scenario, report.image))),
        ("style", STYLE.to_owned()),
        ("head", head(report)),
        ("claims", claims(report)),
        ("tasks", tasks(report)),
        ("view", escape(&report.view)),
        ("difference", against.map(|(name, diff)| difference(name, diff)).unwrap_or_default()),
        ("data", data(report)),
        ("script", SCRIPTS.concat()),
    ];
    fill(PAGE, |name| parts.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| text))
}

/// Replaces each `{{name}}` of a template. What is put in is not looked at again.
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

/// Text that means itself in HTML, in an element as in an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// JSON that means itself inside of `<script>`: nothing in it can end the element or open a comment.
fn data(report: &Report) -> String {
    // The type has no maps with keys that are not strings, and nothing else can go wrong.
    let json = serde_json::to_string(report).unwrap_or_else(|_| "null".into());
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn head(report: &Report) -> String {
    let Report { scenario, title, about, image, schedule, verdict, reasons, events, .. } = report;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "<p class=eyebrow>kernsnap report</p>\n<h1>{}</h1>\n\
         <p class=facts><span class=\"verdict {class}\">{}</span> <code>{}</code> on <code>{}</code>, \
         schedule <code>{}</code>, {} events</p>\n<p class=about>{}</p>\n",
        escape(title),
        escape(verdict),
        escape(scenario),
        escape(image),
        escape(schedule),
        events.len(),
        escape(about),
        class = if verdict == "passed" { "good" } else { "bad" },
    );
    if !reasons.is_empty() {
        let items: Vec<String> = reasons.iter().map(|reason| format!("<li>{}</li>", escape(reason))).collect();
        let _ = writeln!(text, "<ul class=reasons>{}</ul>", items.concat());
    }
    text
}

fn claims(report: &Report) -> String {
    let mut text = String::new();
    for (number, Claim { that, found, .. }) in report.expectations.iter().enumerate() {
        // A trace with holes cannot be judged.
        let known = report.verdict != "unusable";
        let (class, sign, word) = match found {
            _ if !known => ("unknown", "?", "not known"),
            None => ("good", "✓", "holds"),
            Some(_) => ("bad", "✗", "does not hold"),
        };
        let _ = write!(
            text,
            "<li class={class}><span class=sign aria-hidden=true>{sign}</span>\
             <div><p><span class=hidden>{word}: </span>{}</p>",
            escape(that)
        );
        if let Some(found) = found.as_ref().filter(|_| known) {
            let _ = write!(text, "<p class=found>{}</p>", escape(found));
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

fn difference(name: &str, diff: &Diff) -> String {
    format!(
        "<section id=difference aria-labelledby=difference-head><h2 id=difference-head>Difference</h2>\
         <p>Compared with <code>{}</code>, task by task.</p>{}</section>",
        escape(name),
        differences(diff)
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
    fn text_means_itself() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }

    #[test]
    fn nothing_is_claimed_of_a_trace_with_holes() {
        let claim = |found: Option<&str>| Claim { found: found.map(str::to_owned), ..Claim::default() };
        let expectations = vec![claim(None), claim(Some("nothing"))];
        for (verdict, signs) in [("failed", "✓✗"), ("unusable", "??")] {
            let report = Report { verdict: verdict.into(), expectations: expectations.clone(), ..Report::default() };
            let shown: String = claims(&report).chars().filter(|letter| "✓✗?".contains(*letter)).collect();
            assert_eq!(shown, signs);
        }
    }
}
