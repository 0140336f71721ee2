//! Texts of recordings that this project did not make: each test is a kind of line, in the forms that kernels print.

use super::tests::report;

/// Reads `text` and compares everything that is known about it then, one line each, without the indentation of `expected`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let expected: Vec<_> = expected.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
    assert_eq!(report(text).lines().collect::<Vec<_>>(), expected, "{text}");
}

/// The issues that a graph without times and tasks has in any case.
const BARE: &str = "? line 1: no times from here on, only durations: `funcgraph-abstime` was off
    ? line 1: no tasks from here on: `funcgraph-proc` was off";

#[test]
fn a_call_of_a_second_or_more_returns() {
    check(
        " 2)               |  do_nanosleep() {
 2) $ 3594274 us  |    schedule();
 2) $ 3594280 us  |  } /* do_nanosleep */
",
        &format!(
            "0@2 -1: 0 do_nanosleep {{
            0@2 -1: 1 schedule {{
            3594274000@2 -1: 1 }} schedule 0..3594274000
            3594280000@2 -1: 0 }} do_nanosleep 0..3594280000
            {BARE}"
        ),
    );
    check(
        "    1.000000 |   0)    sleep-5     |               |  a() {
    3.500000 |   0)    sleep-5     | $ 2500000 us  |  }
    3.500001 |   0)    sleep-5     |   1000000 us  |  b();
",
        "1000000000@0 5: 0 a {
        3500000000@0 5: 0 } a 1000000000..3500000000
        3500001000@0 5: 0 b {
        4500001000@0 5: 0 } b 3500001000..4500001000
        = 5 sleep",
    );
}

#[test]
fn a_return_of_a_call_before_the_buffer_has_its_own_duration() {
    check(
        " 3)   0.313 us    |          foo();
 3) * 33998.59 us |  } /* schedule_preempt_disabled */
 3) $ 1234567 us  |  }
",
        &format!(
            "0@3 -1: 4 foo {{
            313@3 -1: 4 }} foo 0..313
            33998590@3 -1: 0 }} schedule_preempt_disabled 0..33998590
            1234567000@3 -1: 0 }} ? 0..1234567000
            {BARE}"
        ),
    );
    // The times of a latency tracer begin with the first event.
    check(
        "        5 us |   0)   bash-946   |  d..1. | # 1500.000 us |  } /* a */\n",
        "5000@0 946: 0 } a 0..1500000
        = 946 bash",
    );
    // The call that is open is another one.
    check(
        "    1.000000 |   0)    sleep-5     |               |  a() {
    2.000000 |   0)    sleep-5     |   0.250 us    |  } /* b */
    2.000002 |   0)    sleep-5     |               |  c() {
    2.000003 |   0)    sleep-5     |               |  } /* d */
",
        "1000000000@0 5: 0 a {
        2000000000@0 5: 0 } b 1999999750..2000000000
        2000002000@0 5: 0 c {
        2000003000@0 5: 0 } d 2000003000..2000003000
        = 5 sleep",
    );
}
