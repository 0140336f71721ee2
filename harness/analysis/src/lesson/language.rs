//! The sections of the subject, and the words that stand around what a lesson says, in each language.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use super::Number;
use crate::language::Language;

impl Language {
    /// A chapter or a section of the book.
    #[must_use]
    pub fn book_section(self, number: &Number) -> String {
        match (self, number.is_chapter()) {
            (Self::En, true) => format!("book chapter {number}"),
            (Self::En, false) => format!("book section {number}"),
            (Self::Ko, true) => format!("책 {number}장"),
            (Self::Ko, false) => format!("책 {number}절"),
        }
    }

    /// The words that stand around what a lesson says.
    #[must_use]
    pub fn labels(self) -> &'static Labels {
        match self {
            Self::En => &Labels {
                lessons: "Lessons",
                about: "A book's statements, held against what a kernel does: each lesson runs a scenario and shows the lines \
                        of the run. `kernsnap lesson ID` does it on your machine, and `kernsnap lesson 4.6.1` finds the \
                        lessons of a section of the book.",
                section: "Section",
                scenario: "Scenario",
                on: "image",
                book: "What the book says",
                walk: "What the kernel does",
                lacks: "Not to be seen there",
                log: "The book's log",
                log_why: "Equal and different",
                log_here: "the book's log",
                beside: "Beside the book's kernel",
                beside_same: "The book's kernel has the same lines",
                beside_alone: "The lines of the book's kernel",
                differs: "On the book's kernel (4.19, 32-bit)",
                says: "The notes say",
                truth: "In truth",
                read: "Read on",
                exercise: "Try it",
                change: "Change",
                run: "Run",
                expect: "Expect",
            },
            Self::Ko => &Labels {
                lessons: "실습 안내",
                about: "책의 설명을 실제 커널의 동작과 나란히 놓고 본다. 각 글은 시나리오 하나를 실행하고, 그 실행에서 나온 줄을 \
                        그대로 보여 준다. `kernsnap lesson ID`로 직접 실행할 수 있고, `kernsnap lesson 4.6.1`처럼 책의 절 \
                        번호로도 찾을 수 있다.",
                section: "절",
                scenario: "시나리오",
                on: "이미지",
                book: "책의 설명",
                walk: "커널의 동작",
                lacks: "이 구간에 없는 것",
                log: "책의 로그",
                log_why: "같은 점과 다른 점",
                log_here: "책의 로그",
                beside: "책의 커널과 나란히",
                beside_same: "책의 커널에서도 같은 줄이 나온다",
                beside_alone: "책의 커널에서 나온 줄",
                differs: "책의 커널(4.19, 32비트)에서는",
                says: "노트에는",
                truth: "실제로는",
                read: "이어서 읽을 코드",
                exercise: "해 보기",
                change: "바꿀 것",
                run: "실행",
                expect: "예상 결과",
            },
        }
    }
}

/// Words around what a lesson says.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is what it says")]
pub struct Labels {
    pub lessons: &'static str,
    pub about: &'static str,
    pub section: &'static str,
    pub scenario: &'static str,
    pub on: &'static str,
    pub book: &'static str,
    pub walk: &'static str,
    pub lacks: &'static str,
    pub log: &'static str,
    pub log_why: &'static str,
    pub log_here: &'static str,
    pub beside: &'static str,
    pub beside_same: &'static str,
    pub beside_alone: &'static str,
    pub differs: &'static str,
    pub says: &'static str,
    pub truth: &'static str,
    pub read: &'static str,
    pub exercise: &'static str,
    pub change: &'static str,
    pub run: &'static str,
    pub expect: &'static str,
}

/// A text in every language; none of them is empty. Paragraphs are parted by empty lines.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    #[serde(deserialize_with = "not_empty")]
    en: String,
    #[serde(deserialize_with = "not_empty")]
    ko: String,
}

impl Text {
    /// The text in `language`, each paragraph on one line.
    #[must_use]
    pub fn paragraphs(&self, language: Language) -> Vec<String> {
        let text = match language {
            Language::En => &self.en,
            Language::Ko => &self.ko,
        };
        let joined = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        text.split("\n\n").map(joined).filter(|paragraph| !paragraph.is_empty()).collect()
    }

    /// The text in `language`, all on one line.
    #[must_use]
    pub fn line(&self, language: Language) -> String {
        self.paragraphs(language).join(" ")
    }
}

/// Deserializes through a visitor, so that the YAML reader knows where an empty text stands.
fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct NotEmpty;
    impl Visitor<'_> for NotEmpty {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            if text.trim().is_empty() { Err(E::custom("the text is empty")) } else { Ok(text.to_owned()) }
        }
    }
    deserializer.deserialize_str(NotEmpty)
}

/// The parts of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Section {
    /// Processes are created.
    A,
    /// Threads.
    B,
    /// Kernel threads.
    C,
    /// Processes end.
    D,
    /// The scheduler takes over at both ends.
    E,
    /// Flags, limits, pids.
    F,
    /// Sharing and copy-on-write.
    G,
    /// States and signals.
    H,
    /// Pid namespaces.
    I,
    /// Exercises of the book.
    J,
}

impl Section {
    /// All of them, in order.
    pub const ALL: [Self; 10] =
        [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F, Self::G, Self::H, Self::I, Self::J];

    /// Its subject.
    #[must_use]
    pub fn title(self, language: Language) -> &'static str {
        let (en, ko) = match self {
            Self::A => ("How user processes are created", "유저 프로세스 생성"),
            Self::B => ("Threads", "스레드"),
            Self::C => ("Kernel threads", "커널 스레드"),
            Self::D => ("How processes end", "프로세스 종료"),
            Self::E => ("What the scheduler does at both ends", "생성과 종료 시점의 스케줄링"),
            Self::F => ("Flags, limits and pids of clone", "clone 플래그, 제한, PID"),
            Self::G => ("Sharing and copy-on-write", "공유와 Copy-on-Write"),
            Self::H => ("Task states and signals", "프로세스 상태와 시그널"),
            Self::I => ("Pid namespaces", "PID 네임스페이스"),
            Self::J => ("Exercises of the book", "책의 실습"),
        };
        match language {
            Language::En => en,
            Language::Ko => ko,
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
