//! The meaning of the events and functions that a view shows: one sentence each, from a catalogue.
//!
//! The catalogue has the kernel's events and functions that the scenarios show, by Linux 6.1. A probe of a scenario is told by the
//! function that it is on. A function that is in no catalogue is named as such: it belongs to a module, or to another kernel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::language::Language;
use crate::lesson::Text;
use crate::phrase::{Phrase, say};
use crate::view::{Ink, Style};
use kernsnap_trace::EventKind;
use kernsnap_yaml::from_yaml;

/// Names with their sentences.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    events: BTreeMap<String, Text>,
    functions: BTreeMap<String, Text>,
    /// Names in other kernels of functions that are above.
    also: BTreeMap<String, String>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let text = include_str!("catalogue.yaml");
    // The tests read it, too.
    from_yaml(Path::new("catalogue.yaml"), text).unwrap_or_default()
});

impl Catalogue {
    fn function(&self, name: &str) -> Option<&Text> {
        self.functions.get(self.also.get(name).map_or(name, String::as_str))
    }
}

/// The events and functions that something shows, in the order in which they come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    names: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Event(String),
    Function(String),
    /// A name that is an event only if it is in the catalogue or a probe: other words of a view look the same.
    Word(String),
    /// A function of a stack.
    Frame(String),
}

impl Shown {
    /// Looks at the text of a view, of any kind.
    pub fn read(&mut self, text: &str) {
        for line in text.lines() {
            // The text of a marker is anybody's.
            let (line, marker) = line.split_once("marker text=").map_or((line, false), |(line, _)| (line, true));
            let mut is_frame = false;
            for word in line.split_whitespace() {
                let word = word.trim_end_matches(',');
                match word {
                    "<-" | "=>" => {
                        is_frame = true;
                        continue;
                    }
                    word if word.ends_with("()") => self.add(Name::Function(base(word.trim_end_matches("()")))),
                    word if is_frame => self.add(Name::Frame(base(word))),
                    word if word.starts_with("<-") => self.add(Name::Frame(base(&word[2..]))),
                    word if word.bytes().all(is_part_of_a_name) => self.add(Name::Word(word.to_owned())),
                    _ => {}
                }
                is_frame = false;
            }
            if marker {
                self.add(Name::Word("marker".to_owned()));
            }
        }
    }

    /// Looks at one event of a recording.
    pub fn note(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => {
                if let Some(name) = function.base() {
                    self.add(Name::Function(base(name)));
                }
            }
            EventKind::Tracepoint(point) => self.add(Name::Event(point.name().to_string())),
            EventKind::Marker { .. } => self.add(Name::Word("marker".to_owned())),
            EventKind::GraphExit { .. } => {}
        }
    }

    fn add(&mut self, name: Name) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// The sentences, in a language. `probes` are the names of a scenario's probes, and the functions that they are on.
    #[must_use]
    pub fn explained(&self, probes: &[(String, String)], language: Language) -> Explanation {
        let mut explanation = Explanation { sentences: Vec::new(), unknown: Vec::new(), language };
        for name in &self.names {
            explanation.add(name, probes);
        }
        explanation
    }
}

/// Sentences about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    sentences: Vec<(String, String)>,
    /// Events and functions without a sentence.
    pub unknown: Vec<String>,
    language: Language,
}

impl Explanation {
    fn add(&mut self, name: &Name, probes: &[(String, String)]) {
        let language = self.language;
        let (shown, sentence) = match name {
            Name::Event(name) | Name::Word(name) => {
                let probe = probes.iter().find(|(probe, _)| probe == name);
                let sentence = match (probe, CATALOGUE.events.get(name)) {
                    (Some((_, function)), _) => Some(on(function, language)),
                    (None, text) => text.map(|text| text.line(language)),
                };
                (name.clone(), sentence)
            }
            Name::Function(name) | Name::Frame(name) => {
                (format!("{name}()"), CATALOGUE.function(name).map(|text| text.line(language)))
            }
        };
        match sentence {
            Some(_) if self.sentences.iter().any(|(known, _)| *known == shown) => {}
            Some(sentence) => self.sentences.push((shown, sentence)),
            None if matches!(name, Name::Event(_) | Name::Function(_)) => self.unknown.push(shown),
            None => {}
        }
    }

    /// As text: a heading, and a line for each name.
    #[must_use]
    pub fn show(&self, style: &Style) -> String {
        let heading = say(self.language, "explain-heading");
        let mut text = style.paint(Ink::Strong, &heading) + "\n";
        let width = self.sentences.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, sentence) in &self.sentences {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:width$}  {sentence}");
        }
        if !self.unknown.is_empty() {
            let unknown = Phrase::new("explain-unknown").with("names", self.unknown.join(", "));
            let _ = writeln!(text, "  {}", unknown.say(self.language));
        }
        text
    }
}

/// A probe on a function, whose own sentence follows where it has one.
fn on(function: &str, language: Language) -> String {
    let probe = Phrase::new("explain-probe").with("function", function).say(language);
    CATALOGUE.function(function).map_or(probe.clone(), |text| format!("{probe} {}", text.line(language)))
}

/// A function's name without what the compiler puts behind it, and without an offset.
fn base(name: &str) -> String {
    name.split(['.', '+', '/']).next().unwrap_or_default().to_owned()
}

fn is_part_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_can_be_read() {
        let read: Result<Catalogue, _> = from_yaml(Path::new("catalogue.yaml"), include_str!("catalogue.yaml"));
        let catalogue = read.map_err(|mistake| mistake.to_string()).expect("a catalogue");
        for (other, name) in &catalogue.also {
            assert!(catalogue.functions.contains_key(name), "`{other}` is `{name}`, which has no sentence");
        }
    }

    #[test]
    fn names_are_explained_once_in_their_order() {
        let mut shown = Shown::default();
        shown.read(
            "child   do_exit() {\nchild     exit_code code=0x300\nchild     steps_work()\nchild  marker text=do_exit() sys_exit\n\
             init  sched_switch prev_pid=child\n  <- kernel_clone\nf() <-_do_fork\nchild  do_exit()\n",
        );
        let probes = [("exit_code".to_owned(), "do_exit".to_owned())];
        let explained = shown.explained(&probes, Language::En);
        let names: Vec<&str> = explained.sentences.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["do_exit()", "exit_code", "marker", "sched_switch", "kernel_clone()", "_do_fork()"]);
        assert_eq!(explained.unknown, ["steps_work()", "f()"]);
        assert_eq!(explained.sentences[4].1, explained.sentences[5].1);
        let korean = shown.explained(&probes, Language::Ko).show(&Style::PLAIN);
        assert!(korean.contains("커널") && !korean.contains("The kernel"), "{korean}");
    }
}
