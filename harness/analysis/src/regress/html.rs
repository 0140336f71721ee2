//! The report as a page that needs nothing beside itself.

use std::fmt::{self, Write as _};

use super::{Class, Finding, Report};
use crate::cost::Change;
use crate::report::escape::escape;
use crate::report::html::{STYLE, differences, fill};

const PAGE: &str = include_str!("page.html");

impl Report {
    /// One section for each scenario that is not the same on both kernels, the worst first. What comes from a run is text.
    #[must_use]
    pub fn html(&self) -> String {
        let (mut head, mut findings) = (String::new(), String::new());
        // Writing to a String cannot fail.
        let _ = self.head(&mut head);
        let _ = self.told().into_iter().try_for_each(|finding| section(finding, &mut findings));
        let title = escape(&format!("{} against {}", self.head, self.base));
        fill(PAGE, |name| match name {
            "title" => &title,
            "style" => STYLE,
            "head" => &head,
            "findings" => &findings,
            _ => "",
        })
    }

    fn head(&self, text: &mut String) -> fmt::Result {
        let (base, head) = (escape(&self.base), escape(&self.head));
        write!(text, "<p class=eyebrow>kernsnap regress</p>\n<h1>{head}</h1>\n")?;
        writeln!(text, "<p class=facts>against <code>{base}</code>: {}</p>", escape(&self.sum()))?;
        let links = self.told().into_iter().map(|finding| {
            let id = escape(&finding.scenario);
            format!("<li><a href=\"#{id}\">{id}</a>: {}</li>\n", finding.class.words())
        });
        writeln!(text, "<ul class=reasons>{}</ul>", links.collect::<String>())
    }
}

fn section(finding: &Finding, text: &mut String) -> fmt::Result {
    let Finding { scenario, class, broken, difference, cost, too_much, unusable } = finding;
    let (id, words) = (escape(scenario), class.words());
    let ink = if *class > Class::CostChanged { "bad" } else { "changed" };
    writeln!(text, "<section id=\"{id}\" aria-labelledby=\"{id}-head\">")?;
    writeln!(text, "<h2 id=\"{id}-head\">{id} <span class=\"verdict {ink}\">{words}</span></h2>")?;
    for why in unusable {
        writeln!(text, "<p>{}</p>", escape(why))?;
    }
    if !broken.is_empty() {
        let claim = |(that, found): &(String, String)| {
            let (that, found) = (escape(that), escape(found));
            format!(
                "<li class=bad><span class=sign aria-hidden=true>✗</span><div><p>{that}</p><p class=found>{found}</p></div></li>\n"
            )
        };
        writeln!(text, "<ul class=claims>\n{}</ul>", broken.iter().map(claim).collect::<String>())?;
    }
    if let Some(difference) = difference {
        writeln!(text, "{}", differences(difference))?;
    }
    if !cost.is_empty() {
        let row = |change: &Change| {
            let Change { name, before, after } = change;
            let mark = if too_much.contains(change) { " ✗ too much" } else { "" };
            let cells = format!("<td>{before}</td><td>{after}</td><td>{}{mark}</td>", change.percent());
            format!("<tr><th scope=row>{}</th>{cells}</tr>\n", escape(name))
        };
        let rows: String = cost.iter().map(row).collect();
        let head = "<tr><th scope=col>Instructions</th><th scope=col>Before</th><th scope=col>After</th><th scope=col></th></tr>";
        writeln!(text, "<table>\n<thead>{head}</thead>\n<tbody>\n{rows}</tbody></table>")?;
    }
    writeln!(text, "</section>")
}
