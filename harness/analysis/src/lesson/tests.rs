use std::path::Path;

use super::page::{Stop, Trial};
use super::{Lesson, Number, Page, Section, of_book_section};
use crate::language::Language;
use crate::view::Style;

const LESSON: &str = "\
scenario: user-fork
section: A
title: { en: A fork, ko: 포크 }
book: { en: It forks., ko: 포크한다. }
steps:
  - text:
      en: |
        Two lines
        of one paragraph.

        And another.
      ko: 한 줄
    shows: [\"parent: fork_core()\"]
";

fn read(text: &str) -> Result<Lesson, String> {
    Lesson::read(Path::new("docs/lessons/one.yaml"), text.into()).map_err(|mistake| mistake.to_string())
}

#[test]
fn a_text_has_paragraphs_and_the_ends_of_its_lines_mean_nothing() {
    let lesson = read(LESSON).expect("it is right");
    assert_eq!((lesson.id.as_str(), lesson.content.section), ("one", Section::A));
    let text = &lesson.content.steps[0].text;
    assert_eq!(text.paragraphs(Language::En), ["Two lines of one paragraph.", "And another."]);
    assert_eq!(text.paragraphs(Language::Ko), ["한 줄"]);
}

#[test]
fn what_a_lesson_file_lacks_is_told_with_its_place() {
    let check = |from: &str, to: &str, message: &str, place: &str| {
        assert!(LESSON.contains(from), "{from}");
        let told = read(&LESSON.replace(from, to)).expect_err(to);
        assert!(told.contains(message) && told.contains(place), "{told}");
    };
    check(", ko: 포크 }", " }", "missing field `ko`", "one.yaml:3:");
    check("ko: 한 줄", "ko: \"\"", "the text is empty", "one.yaml:12:11");
    check("en: It forks., ", "", "missing field `en`", "one.yaml:4:");
    check("section: A", "section: K", "unknown variant `K`", "one.yaml:2:10");
    check(
        "section: A",
        "section: A\nbook-sections: [\"4.x\"]",
        "`4.x` is not the number of a chapter",
        "one.yaml:3:17",
    );
    check("shows:", "show:", "unknown field `show`", "one.yaml:13:5");
    check("\"parent: fork_core()\"", "\"parent: \"", "pattern names no function", "one.yaml:13:13");
}

fn number(text: &str) -> Number {
    text.parse().expect("it is a number")
}

#[test]
fn the_number_of_a_section_is_digits_between_dots() {
    for good in ["4", "4.6", "4.6.1", "10.12"] {
        assert_eq!(number(good).to_string(), good);
    }
    for bad in ["", ".", "4.", ".4", "4..6", "4.x", "4.+6", "4.0", "fork", "4 6", "-4", "70000"] {
        assert!(bad.parse::<Number>().is_err(), "{bad}");
    }
}

#[test]
fn a_section_of_the_book_finds_its_lessons() {
    let lesson = |id: &str, numbers: &str| {
        let text = LESSON.replace("section: A\n", &format!("section: A\nbook-sections: [{numbers}]\n"));
        Lesson { id: id.into(), ..read(&text).expect("it is right") }
    };
    let lessons = [
        lesson("chapter", "\"4\""),
        lesson("whole", "\"4.6\""),
        lesson("both", "\"4.6.1\", \"4.6.2\""),
        lesson("second", "\"4.6.2\""),
        lesson("ten", "\"4.60\""),
        lesson("none", ""),
    ];
    let check = |wanted: &str, section: &str, ids: &[&str]| {
        let (of, found) = of_book_section(&lessons, &number(wanted));
        assert_eq!(found.iter().map(|lesson| lesson.id.as_str()).collect::<Vec<_>>(), ids, "{wanted}");
        assert_eq!(of, number(section), "{wanted}");
    };
    check("4", "4", &["chapter", "whole", "both", "second", "ten"]);
    check("4.6", "4.6", &["whole", "both", "second"]);
    check("4.6.1", "4.6.1", &["both"]);
    check("4.6.2", "4.6.2", &["both", "second"]);
    // Where no lesson has the number itself, the sections around it are looked at.
    check("4.6.3", "4.6", &["whole"]);
    check("4.5.1", "4", &["chapter"]);
    check("5.1", "5.1", &[]);
}

#[test]
fn a_page_says_its_section_of_the_book() {
    let ko = page();
    assert!(ko.show(&Style::PLAIN).contains("책 4.6.1절"));
    let en = Page { language: Language::En, book_sections: vec![number("4")], ..ko };
    assert!(en.markdown().1.contains(" · book chapter 4 · "));
}

#[test]
fn a_locale_names_its_language() {
    let check = |locale, expected| assert_eq!(Language::of_locale(locale), expected, "{locale}");
    check("ko_KR.UTF-8", Language::Ko);
    check("ko", Language::Ko);
    check("KO_kr", Language::Ko);
    check("en_GB.UTF-8", Language::En);
    check("C", Language::En);
    check("kok_IN", Language::En);
    check("", Language::En);
}

fn page() -> Page {
    let long = |word: &str| vec![[word; 60].join(" ")];
    Page {
        lesson: "one".into(),
        language: Language::Ko,
        section: Section::A,
        book_sections: vec![number("4.6.1")],
        title: "프로세스 생성".into(),
        scenario: "user-fork".into(),
        image: "rpi3-6.1".into(),
        book_image: None,
        not_on_book_kernel: Vec::new(),
        book: long("프로세스를"),
        steps: vec![Stop {
            text: long("태스크가"),
            lines: vec!["parent  kernel_clone() {".into(), "parent  } /* kernel_clone */".into()],
            beside: Vec::new(),
            log: None,
            now: None,
            lacks: vec!["sched_switch".into()],
            differs: long("커널에서는"),
            corrects: Vec::new(),
            read: Vec::new(),
            exercise: Some(Trial {
                change: long("바꾼다"), run: "kernsnap run x".into(), expect: long("통과한다")
            }),
        }],
    }
}

#[test]
fn a_page_fits_its_paper_in_letters_that_are_two_columns_wide() {
    for width in [40, 80] {
        let shown = page().show(&Style { width, ..Style::PLAIN });
        let widest = shown.lines().map(textwrap::core::display_width).max().unwrap_or(0);
        assert!((width - 12..=width).contains(&widest), "{widest} of {width}\n{shown}");
    }
}

#[test]
fn without_colours_a_page_has_no_escapes() {
    let show = |colour| page().show(&Style { colour, ..Style::PLAIN });
    assert!(show(true).contains('\x1b') && !show(false).contains('\x1b'));
}

#[test]
fn a_page_in_markdown_has_the_lines_of_the_run_as_they_are() {
    let (file, text) = page().markdown();
    assert_eq!(file, "one.ko.md");
    assert!(text.contains("```text\nparent  kernel_clone() {\nparent  } /* kernel_clone */\n```\n"), "{text}");
    assert!(text.contains("[English](one.md)"), "{text}");
}
