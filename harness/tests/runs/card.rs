//! The way of an SD card: written, booted with the card in the slot, and read back.

use std::path::Path;

use kernsnap::cli::Exit;

use crate::support::{Ended, Kernsnap, Outcome, root};

fn kernsnap(arguments: &[&str]) -> Result<Ended, Box<dyn std::error::Error>> {
    Kernsnap::new(&root(), arguments.to_vec()).run()
}

#[test]
fn a_card_brings_back_the_trace_that_its_guest_recorded() -> Outcome {
    let dir = tempfile::tempdir()?;
    let card = dir.path().join("card.img").display().to_string();
    let made = kernsnap(&["image", "export", "user-fork", "--sdcard", &card])?;
    assert_eq!(made.code, Some(Exit::Passed as i32), "{made:?}");
    assert_eq!(Path::new(&card).metadata()?.len(), 256 << 20);

    let unused = kernsnap(&["view", &card])?;
    assert_eq!(unused.code, Some(Exit::BadInput as i32), "{unused:?}");
    assert!(unused.stderr.contains("the card was not booted"), "{unused:?}");

    let booted = kernsnap(&["image", "try", &card])?;
    assert_eq!(booted.code, Some(Exit::Passed as i32), "{booted:?}");
    let seen = kernsnap(&["view", &card, "--json", "--follow", "fork-one"])?.records()?;
    let functions: Vec<&str> = seen.iter().filter_map(|event| event["function"].as_str()).collect();
    for function in ["kernel_clone", "copy_process", "wake_up_new_task"] {
        assert!(functions.iter().any(|seen| seen.starts_with(function)), "{function}: {functions:?}");
    }
    Ok(())
}
