//! Texts that came through mail, logs and terminals, and the account of all lines.

use super::foreign_tests::check;
use super::{Facts, Latency, LineCounts, Summary, TextReader};
use crate::{IssueKind, ParseIssue};

fn summary(text: &str) -> Summary {
    let mut reader = TextReader::new(text.as_bytes());
    assert!(reader.by_ref().all(|event| event.is_ok()));
    reader.finish()
}

/// An excerpt with a header, a loss, events, a stack and an empty line.
const LINES: [&str; 7] = [
    "# tracer: nop",
    "           bash-946     [003] d..2.     1.000001: sched_waking: comm=a pid=5 prio=9 target_cpu=001",
    "           bash-946     [003] d..2.     1.000002: <stack trace>",
    " => try_to_wake_up",
    "CPU:2 [LOST 45 EVENTS]",
    "            a b-12      [002] d..2.     1.000003: x <-y",
    "",
];
const READ: &str =
    "1000001000@3 946: sched_waking comm=Text(\"a\") pid=Signed(5) prio=Signed(9) target_cpu=Signed(1) ^try_to_wake_up
    1000003000@2 12: x <-y
    ! CPU 2: 45 events are not in the text
    = 12 a b
    = 946 bash";

#[test]
fn a_prefix_of_known_parts_is_not_a_part_of_the_line() {
    for prefix in [
        "> ",
        "> > ",
        ">>> ",
        "[ 1320.478870] ",
        "[ 1320.478870][    T1] ",
        "<4>[ 1320.478870] ",
        "Nov 27 06:00:43 host kernel: ",
        "Nov 27 06:00:43 host kernel: [   12.345678] ",
        "2026-11-27T06:00:43.123456+00:00 host kernel: ",
        "[Wed Nov 27 06:00:43 2026] ",
        "12:",
        "trace.txt:",
        "dir/trace.txt:12:",
        "    ",
        "\t",
        "\x1b[32m",
        "11-27 06:00:43.123  1234  1250 I trace : ",
    ] {
        let text: String = LINES.map(|line| format!("{prefix}{line}\n")).concat();
        check(&text, READ);
        let told = summary(&text).facts.prefix;
        let escape = prefix.starts_with('\x1b');
        let blank = prefix.trim().is_empty();
        assert_eq!(told.as_deref(), Some(prefix.trim()).filter(|_| !blank && !escape), "{prefix}");
    }
}

#[test]
fn several_lines_agree_on_a_prefix_that_is_not_known() {
    for prefix in ["web_1  | ", "%% ", "job #12 says ", "(gdb-7) {9} "] {
        let text: String = LINES.map(|line| format!("{prefix}{line}\n")).concat();
        assert_eq!(summary(&text).lines.not_read, 0, "{text}");
        check(&text, READ);
        assert_eq!(summary(&text).facts.prefix.as_deref(), Some(prefix.trim()));
    }
    // The names are not padded, so that only the agreement tells.
    check(
        "web_1 | bash-946 [003] .... 1.000001: x: y=1
web_1 | a-5 [003] .... 1.000002: x: y=2
",
        "1000001000@3 946: x y=Signed(1)
        1000002000@3 5: x y=Signed(2)
        = 5 a
        = 946 bash",
    );
}

#[test]
fn the_name_of_a_task_is_not_taken_for_a_prefix() {
    check(
        "my prog-53 [003] .... 1.000001: x: y=1
my shell-54 [003] .... 1.000002: x: y=2
Binder:12_3-55 [003] .... 1.000003: x: y=3
a: b [0]-56 [003] .... 1.000004: x: y=4
kworker/u16:3-events_unbound-57 [003] .... 1.000005: x: y=5
",
        "1000001000@3 53: x y=Signed(1)
        1000002000@3 54: x y=Signed(2)
        1000003000@3 55: x y=Signed(3)
        1000004000@3 56: x y=Signed(4)
        1000005000@3 57: x y=Signed(5)
        = 53 my prog
        = 54 my shell
        = 55 Binder:12_3
        = 56 a: b [0]
        = 57 kworker/u16:3-events_unbound",
    );
    // No task has such a name.
    check(
        "one two three four five-53 [003] .... 1.000001: x: y=1\n",
        "? line 1: not understood: `one two three four five-53 [003] .... 1.000001: x: y=1`",
    );
}

#[test]
fn a_text_from_a_web_page_or_markdown_is_read() {
    check(
        "```
          &lt;idle&gt;-0       [003] d..2.     1.000001: sched_switch: prev_comm=a prev_pid=5 prev_prio=9 prev_state=S ==&gt; next_comm=b &amp; c next_pid=6 next_prio=9
          &lt;idle&gt;-0       [003] d..2.     1.000002: &lt;stack trace&gt;
 =&gt; schedule
&gt; \x1b[1mbash-946\x1b[0m     [003] d..2.     1.000003: x &lt;-y
```
",
        "1000001000@3 0: sched_switch prev_comm=Text(\"a\") prev_pid=Signed(5) prev_prio=Signed(9) prev_state=Signed(1) next_comm=Text(\"b & c\") next_pid=Signed(6) next_prio=Signed(9) ^schedule
        1000003000@3 946: x <-y
        = 946 bash",
    );
}

#[test]
fn a_graph_may_be_quoted() {
    check(
        "> > # tracer: function_graph
> >  3)  bash-946    |               |  f() {
> >  3)  bash-946    |   0.313 us    |    g();
> >  3)  bash-946    |   9.000 us    |  }
",
        "0@3 946: 0 f {
        0@3 946: 1 g {
        313@3 946: 1 } g 0..313
        9000@3 946: 0 } f 0..9000
        ? line 2: no times from here on, only durations: `funcgraph-abstime` was off
        = 946 bash",
    );
}

#[test]
fn the_header_of_a_latency_tracer_is_a_fact_and_tells_losses() {
    let text = "# tracer: irqsoff
#
# irqsoff latency trace v1.1.5 on 3.8.0-test+
# --------------------------------------------------------------------
# latency: 259 us, #3/14108, CPU#3 | (M:preempt VP:0, KP:0, SP:0 HP:0 #P:4)
#    -----------------
#    | task: ps-6143 (uid:0 nice:0 policy:0 rt_prio:0)
#    -----------------
#  => started at: __lock_task_sighand
#  => ended at:   _raw_spin_unlock_irqrestore
#
      ps-6143    2d...    0us!: trace_hardirqs_off <-__lock_task_sighand
      ps-6143  ( 6100) [002] d... 7: x: y=1
";
    let found = summary(text);
    let latency = Latency {
        micros: 259,
        task: Some("ps-6143 (uid:0 nice:0 policy:0 rt_prio:0)".into()),
        started_at: Some("__lock_task_sighand".into()),
        ended_at: Some("_raw_spin_unlock_irqrestore".into()),
    };
    let facts = Facts {
        tracer: Some("irqsoff".into()),
        prefix: None,
        latency: Some(latency),
        counts_instead_of_times: true,
        thread_groups: [(6143, 6100)].into(),
    };
    assert_eq!(found.facts, facts);
    assert_eq!(found.defects.iter().map(ToString::to_string).collect::<Vec<_>>(), ["14105 events are not in the text"]);
    let whole = "# tracer: irqsoff\n# latency: 259 us, #3/3, CPU#3 | (M:preempt)\n";
    assert_eq!((summary(whole).defects, summary(whole).facts.counts_instead_of_times), (vec![], false));
}

/// The lines that were not read, as the issues tell them.
fn not_read(summary: &Summary) -> u64 {
    let lines = |issue: &ParseIssue| match issue.kind {
        IssueKind::UnknownLine(_)
        | IssueKind::NoEvent(_)
        | IssueKind::BrokenGraphLine(_)
        | IssueKind::FrameWithoutStack
        | IssueKind::StackWithoutEvent => 1,
        IssueKind::OtherFormat { lines, .. } => lines,
        _ => 0,
    };
    summary.issues.iter().map(lines).sum()
}

#[test]
fn every_line_is_counted_once() {
    let text: String = LINES.map(|line| format!("{line}\n")).concat() + "nothing\n => lost\n 3)   0.3 us |  f();\n";
    let expected = LineCounts { events: 3, parts: 2, headers: 3, not_read: 2 };
    assert_eq!(summary(&text).lines, expected);
    assert_eq!(not_read(&summary(&text)), expected.not_read);
}

/// Texts whose lines are mixed and damaged.
const CORPUS: [&str; 4] = [
    include_str!("../../tests/data/texts/lines.txt"),
    include_str!("../../tests/data/texts/graph.txt"),
    include_str!("../../tests/data/texts/events.txt"),
    include_str!("../../tests/data/texts/book_4_19_arm.txt"),
];

proptest::proptest! {
    #[test]
    fn lines_are_events_parts_headers_or_issues(
        changes in proptest::collection::vec((0_usize..400, 0_usize..6, 0_usize..90, 0_usize..8), 1..60),
    ) {
        let lines: Vec<_> = CORPUS.iter().flat_map(|text| text.lines()).collect();
        let mut text = String::new();
        for (line, change, at, prefix) in changes {
            let line = lines[line % lines.len()];
            let cut = (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
            let prefix = ["> ", "[ 1.2] ", "w_1 | ", "", "", "", "", "x"][prefix];
            let changed = match change {
                0 => format!("{prefix}{}", &line[..cut]),
                1 => format!("{prefix}{}", &line[cut..]),
                2 => format!("{}{prefix}{}", &line[..cut], &line[cut..]),
                _ => format!("{prefix}{line}"),
            };
            text.push_str(&changed);
            text.push('\n');
        }
        let found = summary(&text);
        proptest::prop_assert_eq!(found.lines.total(), u64::try_from(text.lines().count()).unwrap_or(0));
        proptest::prop_assert_eq!(not_read(&found), found.lines.not_read, "{}", text);
    }
}

#[test]
fn other_forms_are_refused_by_name_with_all_their_lines() {
    const EVENT: &str = "           bash-946     [003] d..2.     1.000001: x: y=1\n";
    let histogram = "# event histogram\n#\n# trigger info: hist:keys=common_pid [active]\n#\n\n\
                     { common_pid:       1234 } hitcount:          1\n\nTotals:\n    Hits: 1\n    Entries: 1\n    Dropped: 0\n";
    let profile = "  Function                               Hit    Time            Avg             s^2\n  \
                   --------                               ---    ----            ---             ---\n  \
                   schedule                                12    123.456 us      10.288 us       1.234 us\n";
    let raw = "# tracer: function\n#\n697 3 12345678901 ffffffc0 ffffffc1\n697 3 12345678907 ffffffc0 ffffffc1\n";
    for (text, name, lines) in [(histogram, "hist", 6), (profile, "trace_stat", 3), (raw, "raw", 2)] {
        for text in [text.to_owned(), format!("{EVENT}{text}"), format!("{text}{EVENT}")] {
            let found = summary(&text);
            let forms: Vec<_> = found.issues.iter().map(|issue| issue.kind.to_string()).collect();
            assert!(matches!(&forms[..], [form] if form.contains(name)), "{text}{forms:?}");
            assert_eq!((not_read(&found), found.lines.not_read), (lines, lines), "{text}");
            assert_eq!(found.lines.total(), text.lines().count() as u64);
        }
    }
}
