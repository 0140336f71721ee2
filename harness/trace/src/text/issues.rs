//! Lines that could not be understood: the first ones with their numbers, the others counted, since a hostile text has
//! millions.

use crate::{IssueKind, IssuePlace, ParseIssue};

/// More than anybody reads.
const KEPT: usize = 1000;
/// Bytes of a line that are quoted.
const QUOTED: usize = 80;

#[derive(Debug, Default)]
pub(super) struct Issues {
    kept: Vec<ParseIssue>,
    more: u64,
    /// Where in those kept the form is that other lines belong to.
    other_format: Option<usize>,
}

impl Issues {
    /// Counts a line of a form that is not read. `None` for one that looks like none, and therefore like the form before it, if there
    /// was one. `false` where it is a line of no such form.
    pub(super) fn add_other_format(&mut self, line: u64, name: Option<&'static str>) -> bool {
        let before = self.other_format.and_then(|at| self.kept.get_mut(at)).map(|issue| &mut issue.kind);
        if let Some(IssueKind::OtherFormat { name: known, lines }) = before
            && name.is_none_or(|name| name == *known)
        {
            *lines += 1;
            return true;
        }
        let Some(name) = name.filter(|_| self.kept.len() < KEPT) else { return false };
        self.other_format = Some(self.kept.len());
        self.add(line, IssueKind::OtherFormat { name, lines: 1 });
        true
    }

    /// An event or a header of a trace: the form that is not read has ended.
    #[inline]
    pub(super) fn end_other_format(&mut self) {
        self.other_format = None;
    }

    pub(super) fn add(&mut self, line: u64, kind: IssueKind) {
        if self.kept.len() < KEPT {
            self.kept.push(ParseIssue { place: IssuePlace::Line(line), kind });
        } else {
            self.more += 1;
        }
    }

    /// The same, with the line itself.
    pub(super) fn add_quoted(&mut self, line: u64, kind: fn(String) -> IssueKind, text: &[u8]) {
        if self.kept.len() < KEPT {
            let short = text.get(..QUOTED).unwrap_or(text);
            let quoted = String::from_utf8_lossy(short).replace(char::is_control, " ");
            let dots = if short.len() < text.len() { "…" } else { "" };
            self.add(line, kind(format!("{quoted}{dots}")));
        } else {
            self.more += 1;
        }
    }

    /// All of them, and one for those that were only counted.
    pub(super) fn finish(mut self) -> Vec<ParseIssue> {
        if self.more > 0 {
            self.kept.push(ParseIssue { place: IssuePlace::Text, kind: IssueKind::MoreLines(self.more) });
        }
        self.kept
    }
}
