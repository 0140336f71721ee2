//! Lines that could not be understood: the first ones with their numbers, the others counted, since a hostile text has
//! millions.

use crate::ParseIssue;

/// More than anybody reads.
const KEPT: usize = 1000;
/// Bytes of a line that are quoted.
const QUOTED: usize = 80;

#[derive(Debug, Default)]
pub(super) struct Issues {
    kept: Vec<ParseIssue>,
    more: u64,
}

impl Issues {
    pub(super) fn add(&mut self, line: u64, message: &str) {
        if self.kept.len() < KEPT {
            self.kept.push(ParseIssue { place: format!("line {line}"), message: message.to_owned() });
        } else {
            self.more += 1;
        }
    }

    /// The same, with the line itself.
    pub(super) fn add_quoted(&mut self, line: u64, message: &str, text: &[u8]) {
        if self.kept.len() < KEPT {
            let short = text.get(..QUOTED).unwrap_or(text);
            let quoted = String::from_utf8_lossy(short).replace(char::is_control, " ");
            let dots = if short.len() < text.len() { "…" } else { "" };
            self.add(line, &format!("{message}: `{quoted}{dots}`"));
        } else {
            self.more += 1;
        }
    }

    /// All of them, and one for those that were only counted.
    pub(super) fn finish(mut self) -> Vec<ParseIssue> {
        if self.more > 0 {
            let message = format!("{} more lines that are not understood", self.more);
            self.kept.push(ParseIssue { place: "text".into(), message });
        }
        self.kept
    }
}
