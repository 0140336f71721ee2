//! Tests of this project that are written by hand.

use std::error::Error;

use kernsnap::testing::{Image, Verdict};
use kernsnap::trace::EventKind;

#[test]
fn children_get_consecutive_pids_and_exit_in_the_order_that_the_view_shows() -> Result<(), Box<dyn Error>> {
    let image = Image::of_project(env!("CARGO_MANIFEST_DIR"), "rpi3-6.1")?;
    let run = image.run("two-children")?;
    assert_eq!(run.verdict, Verdict::Passed, "{}", run.view);
    let pid = |role| run.role_map.pid(role).ok_or("no such role");
    let (first, second) = (pid("first")?, pid("second")?);
    assert_eq!(second.0, first.0 + 1);
    let exits = run.trace.events.iter().filter_map(|event| match &event.kind {
        EventKind::Tracepoint(point) if &**point.name() == "sched_process_exit" => Some(event.pid),
        _ => None,
    });
    let children: Vec<_> = exits.filter(|pid| [first, second].contains(pid)).collect();
    assert_eq!(children.len(), 2);
    Ok(())
}

#[test]
fn an_unknown_scenario_is_an_error_that_names_the_nearest() -> Result<(), Box<dyn Error>> {
    let image = Image::of_project(env!("CARGO_MANIFEST_DIR"), "rpi3-6.1")?;
    let error = image.run("two-childrn").err().ok_or("it ran")?;
    assert!(error.to_string().contains("two-children"), "{error}");
    Ok(())
}
