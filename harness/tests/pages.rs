//! Reports in a real browser: they open without errors and without the network, they show what a recording says as text, and
//! lanes, search and events answer to the mouse and the keyboard.

mod browser;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use kernsnap_analysis::language::Language;
use kernsnap_analysis::report::{Call, Claim, Report, Task, page};
use kernsnap_analysis::view::FrameParts;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::browser::Browser;

type Outcome = Result<(), Box<dyn Error>>;

/// A hostile task name that tries to escape from every place where it is shown.
const HOSTILE: &str = "</script><img src=x onerror=hacked=1>'\"&{{data}}<!--";

/// Two tasks that take turns, with as many events.
fn report(name: &str, events: u32) -> Report {
    let all = usize::try_from(events).unwrap_or(0);
    let task = |name: &str, pid| Task { name: name.into(), pid, followed: true, ..Task::default() };
    let words = ["sched_switch prev_state=S", "sched_waking pid=b", "copy_process()", "kernel_clone()"];
    let turn = |at: u32| usize::try_from(at / 10 % 2).unwrap_or(0);
    let time = |at: u32| u64::from(at) * 1000;
    let span = |at: u32| (turn(at), usize::from(at % 10 == 9) + 3, 1, time(at), time(at + 1));
    Report {
        scenario: "two-tasks".into(),
        title: format!("{name} takes turns"),
        image: "none".into(),
        verdict: "passed".into(),
        expectations: vec![Claim {
            that: format!("{name} waits"),
            found: None,
            events: vec![0, all - 1],
            ..Claim::default()
        }],
        view: format!("{name}  sched_switch\n"),
        tasks: vec![task(name, 7), task("b", 8)],
        cpus: vec![1],
        states: ["unknown", "new", "runnable", "running", "sleeping"].map(str::to_owned).into(),
        spans: (0..events).map(span).collect(),
        wakes: (1..events / 10).map(|at| (time(at * 10), 1, i64::from(at % 2), turn(at * 10))).collect(),
        words: words.map(str::to_owned).into(),
        events: (0..events).map(|at| (time(at), turn(at), 1, usize::from(at % 100 == 50) * 2, -1)).collect(),
        shown: vec![(0, all)],
        calls: vec![(0, vec![Call(3, 0, 0, 9000, vec![Call(2, 1, 1000, -1, vec![])])])],
        sources: BTreeMap::from([("copy_process".into(), "kernel/fork.c".into())]),
        ..Report::default()
    }
}

/// Opens a report, asks what each line asks, and compares; then nothing may have gone wrong in the page.
fn check(report: &Report, questions: impl FnOnce(&mut Browser) -> Outcome) -> Outcome {
    let directory = TempDir::new()?;
    let file = directory.path().join("report.html");
    fs::write(&file, page(report, None, Language::En))?;
    let mut browser = Browser::start(directory.path())?;
    browser.open(&format!("file://{}", file.display()))?;
    assert_eq!(browser.ask("document.documentElement.dataset.ready")?, json!("true"), "{:?}", browser.errors);
    // The lanes have their height once they were drawn.
    browser.painted()?;
    questions(&mut browser)?;
    let none: [String; 0] = [];
    assert_eq!((&*browser.errors, &*browser.requests), (&none[..], &none[..]));
    browser.close()
}

#[test]
fn a_lane_opens_by_keyboard_and_shows_its_calls() -> Outcome {
    check(&report("a", 100), |browser| {
        let closed = browser.ask("canvas.clientHeight")?;
        browser.ask("document.querySelector('[data-lane=task-0]').focus()")?;
        browser.press("Enter")?;
        assert_eq!(browser.ask("document.activeElement.getAttribute('aria-expanded')")?, json!("true"));
        browser.painted()?;
        let open = browser.ask("canvas.clientHeight")?;
        assert!(open.as_u64() > closed.as_u64(), "{closed} then {open}");
        browser.press("Enter")?;
        assert_eq!(browser.ask("document.activeElement.getAttribute('aria-expanded')")?, json!("false"));
        Ok(())
    })
}

#[test]
fn search_finds_an_event_and_brings_it_into_the_picture() -> Outcome {
    check(&report("a", 1000), |browser| {
        browser.ask("find.focus()")?;
        browser.type_text("COPY_process b")?;
        browser.press("Enter")?;
        assert_eq!(browser.ask("document.getElementById('found').textContent")?, json!("1 of 10"));
        let detail = browser.ask("document.getElementById('detail').innerText")?;
        let detail = detail.as_str().unwrap_or_default();
        assert!(detail.contains("#50 b: copy_process() kernel/fork.c"), "{detail}");
        assert_eq!(browser.ask("document.querySelectorAll('#rows tr').length")?, json!(10));
        assert_eq!(browser.ask("document.querySelector('#rows [aria-selected=true]').dataset.event")?, json!("50"));
        browser.press("Enter")?;
        assert_eq!(browser.ask("chart.selected")?, json!(150));
        // Zooming in far away from it, and stepping on, shows it all the same.
        browser.ask("show(0, 100); step(1)")?;
        assert_eq!(
            browser.ask("chart.from < 250000 && 250000 < chart.to && chart.to - chart.from < 1000")?,
            json!(true)
        );
        Ok(())
    })
}

#[test]
fn a_click_selects_the_nearest_event_and_a_claim_leads_to_its_events() -> Outcome {
    check(&report("a", 100), |browser| {
        browser.ask("document.querySelectorAll('.witnesses button')[1].click()")?;
        assert_eq!(browser.ask("chart.selected")?, json!(99));
        browser.ask("document.getElementById('timeline').scrollIntoView({ behavior: 'instant' })")?;
        let context = browser.ask(
            "(({ left, top }) => [left + toX(events[42][0]), top + chart.lanes[0].y + 9])(canvas.getBoundingClientRect())",
        )?;
        let at = |number: usize| context.get(number).and_then(Value::as_f64).ok_or("no place");
        browser.click(at(0)? + 1.0, at(1)?)?;
        assert_eq!(browser.ask("chart.selected")?, json!(42));
        Ok(())
    })
}

#[test]
fn idle_time_is_left_out_until_it_is_asked_for() -> Outcome {
    let report = Report { idle: vec![(100_000, 300_000), (310_000, 900_000)], ..report("a", 1000) };
    check(&report, |browser| {
        let narrow = "toX(900000) - toX(310000) < canvas.clientWidth / 10";
        assert_eq!(browser.ask(narrow)?, json!(true));
        for time in [0, 100_000, 200_000, 305_000, 500_000, 950_000] {
            let error = browser.ask(&format!("Math.abs(timeAt(placeOf({time})) - {time})"))?;
            assert!(error.as_f64().is_some_and(|error| error < 0.01), "{time}: {error}");
        }
        assert_eq!(
            browser.ask("document.getElementById('legend').textContent.includes('time left out')")?,
            json!(true)
        );
        browser.ask("canvas.focus()")?;
        browser.press("i")?;
        assert_eq!(browser.ask(narrow)?, json!(false));
        assert_eq!(browser.ask("document.getElementById('idle').getAttribute('aria-pressed')")?, json!("false"));
        browser.press("i")?;
        assert_eq!(browser.ask(narrow)?, json!(true));
        // An event in such a time is shown with it.
        browser.ask("select(500)")?;
        assert_eq!(browser.ask("scale.cut")?, json!(false));
        browser.painted()
    })
}

#[test]
fn a_stack_says_where_an_interrupt_ends_and_the_program_begins() -> Outcome {
    let parts = |interrupt, process| FrameParts { interrupt, process };
    let words = ["sched_wakeup", "handle_IPI", "__irq_svc", "do_idle", "0x7ef11270"].map(str::to_owned).into();
    let stacks = vec![vec![1, 2, 3, 4], vec![3]];
    let events = vec![(0, 0, 1, 0, 0), (1000, 0, 1, 0, 1)];
    let with_stacks = Report { words, stacks, events, parts: vec![parts(2, 1), parts(0, 1)], ..report("a", 20) };
    check(&Report { calls: Vec::new(), expectations: Vec::new(), shown: vec![(0, 2)], ..with_stacks }, |browser| {
        browser.ask("select(0)")?;
        let contexts = "[...document.querySelectorAll('#detail .context')].map((one) => one.textContent).join()";
        assert_eq!(browser.ask(contexts)?, json!("interrupt,process,user program"));
        assert_eq!(browser.ask("document.querySelectorAll('#detail .interrupt').length")?, json!(2));
        browser.ask("select(1)")?;
        assert_eq!(browser.ask(contexts)?, json!(""), "one context needs no name");
        Ok(())
    })
}

#[test]
fn who_woke_whom_is_a_graph_and_a_table() -> Outcome {
    check(&report("a", 100), |browser| {
        let row = "document.querySelector('#wakers tbody tr').innerText.replaceAll('\t', ' ')";
        assert_eq!(browser.ask(row)?, json!("b b 5"));
        assert_eq!(browser.ask("document.querySelectorAll('#wakers .arrow').length")?, json!(2));
        Ok(())
    })
}

#[test]
fn a_phone_shows_whole_claims_in_the_light_and_in_the_dark() -> Outcome {
    let long = format!("sched_switch {}", "prev_pid=parent ".repeat(20));
    let mut report = report("a", 100);
    report.words[0] = long;
    check(&report, |browser| {
        browser.emulate(
            "setDeviceMetricsOverride",
            &json!({ "width": 420, "height": 800, "deviceScaleFactor": 2, "mobile": true }),
        )?;
        browser.painted()?;
        assert_eq!(browser.ask("document.documentElement.scrollWidth <= 420")?, json!(true));
        let clipped = "[...document.querySelectorAll('.witnesses button')].filter((one) => one.scrollWidth > one.clientWidth).length";
        assert_eq!(browser.ask(clipped)?, json!(0));
        let paper = "getComputedStyle(document.body).backgroundColor";
        let light = browser.ask(paper)?;
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        browser.emulate("setEmulatedMedia", &dark)?;
        browser.painted()?;
        assert_ne!(browser.ask(paper)?, light);
        let own =
            "chart.colours.raised === getComputedStyle(document.documentElement).getPropertyValue('--raised').trim()";
        assert_eq!(browser.ask(own)?, json!(true), "the picture has the colours of the page");
        Ok(())
    })
}

#[test]
fn what_a_task_calls_itself_is_text() -> Outcome {
    check(&report(HOSTILE, 20), |browser| {
        assert_eq!(browser.ask("typeof hacked")?, json!("undefined"));
        assert_eq!(browser.ask("document.images.length")?, json!(0));
        assert_eq!(browser.ask("tasks[0].name")?, json!(HOSTILE));
        assert_eq!(browser.ask("document.querySelector('.heads .name').textContent")?, json!(HOSTILE));
        let title = browser.ask("document.querySelector('h1').textContent")?;
        assert_eq!(title, json!(format!("{HOSTILE} takes turns")));
        Ok(())
    })
}

#[test]
fn a_long_recording_stays_usable() -> Outcome {
    check(&report("a", 50_000), |browser| {
        assert_eq!(browser.ask("document.querySelectorAll('#rows tr').length")?, json!(100));
        browser.ask("find.focus()")?;
        browser.type_text("copy")?;
        browser.press("Enter")?;
        assert_eq!(browser.ask("document.getElementById('found').textContent")?, json!("1 of 500"));
        // The whole recording is painted and listed again.
        browser.ask("(() => { show(0, end); paintNow(); renew(); })()")?;
        assert_eq!(browser.ask("document.getElementById('found').textContent")?, json!("500 events"));
        assert_eq!(browser.ask("document.querySelectorAll('#rows tr').length")?, json!(100));
        Ok(())
    })
}
