//! `kernsnap image export --sdcard`, and `kernsnap image try`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::CardArguments;
use super::progress::Progress;
use super::{Context, Exit, Failure, absolute, answer, options, talk};
use crate::session::load;
use crate::session::prepare::PreparedImage;
use crate::session::run::{RunError, for_card};
use kernsnap_host::files::replace_with;
use kernsnap_image::{FIRMWARE, Firmware, ImageError, ImageSpec, Options};
use kernsnap_machine as vm;
use kernsnap_machine::BootRequest;
use kernsnap_machine::card;
use kernsnap_machine::card::{CardError, CardRun, EVIDENCE_PARTITION};
use kernsnap_machine::emulator;

/// The files of a card beside its firmware.
const INITRAMFS: &str = "initramfs.cpio";
const COMMAND_LINE: &str = "cmdline.txt";
const DEVICE_TREE: &str = "board.dtb";

/// Host time for the card's boot.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn export(context: &Context, arguments: &CardArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let mut progress = Progress::new();
    let mut show = |event| progress.show(event);
    let images = context.images(&options);
    let prepared_image = PreparedImage::open(images, &arguments.image, &mut show)?;
    let file = load::chosen(&context.workspace, &arguments.scenario)?;
    let (scenario, payload) = prepared_image.scenario(&file, &mut show)?.ready()?;
    let (spec, payload) = prepared_image.with_card(payload, &mut show)?;
    let firmware = match &arguments.firmware {
        Some(dir) => Some(read_firmware(dir)?),
        None => images.firmware(&mut show)?,
    };
    drop(progress);
    let runtime = &prepared_image.runtime;
    let schedule = runtime.machine.usual_schedule();
    let device = format!("{}{EVIDENCE_PARTITION}", spec.device);
    let initramfs = for_card(&scenario, runtime, &payload, schedule, &device).and_then(|root| root.to_cpio());
    let initramfs = initramfs.map_err(|error| Failure::internal("write the initramfs", &error))?;
    let command_line = format!("{} {}", runtime.command_line, payload.boot_parameters);
    let read = |path: &Path| {
        fs::read(path).map_err(|error| Failure::input(format!("cannot read `{}`: {error}", path.display())))
    };
    let config = format!(
        "# {} on {}\narm_64bit=1\nkernel={}\ndevice_tree={DEVICE_TREE}\ninitramfs {INITRAMFS} followkernel\nenable_uart=1\n",
        scenario.id, runtime.image, spec.kernel
    );
    let mut files = vec![
        ("config.txt".to_owned(), config.into_bytes()),
        (COMMAND_LINE.to_owned(), format!("{}\n", command_line.trim_end()).into_bytes()),
        (spec.kernel.clone(), read(&runtime.kernel)?),
        (DEVICE_TREE.to_owned(), read(&runtime.device_tree)?),
        (INITRAMFS.to_owned(), initramfs),
    ];
    let has_firmware = firmware.is_some();
    files.extend(firmware.unwrap_or_default());
    let run = CardRun {
        scenario: scenario.id.clone(),
        image: runtime.image.clone(),
        image_key: runtime.image_key.clone(),
        cpus: schedule.cpus,
    };
    publish(&absolute(&arguments.sdcard)?, &run, &files)?;
    answer(&arguments.sdcard.display().to_string());
    if !has_firmware {
        talk(&format!(
            "there is no firmware on it ({}): QEMU needs none, a Pi does. `--firmware DIR` takes it from a directory, or add \
             `non-free-firmware` to the host's apt sources",
            FIRMWARE.join(", ")
        ));
    }
    Ok(Exit::Passed)
}

/// Writes beside the file and renames: there is a whole card, or none.
fn publish(to: &Path, run: &CardRun, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let failed = |error: CardError| Failure::input(format!("cannot write `{}`: {error}", to.display()));
    replace_with(to, |file| card::write(file, run, files)).map_err(failed)
}

fn read_firmware(dir: &Path) -> Result<Firmware, Failure> {
    let read = |name: &&str| {
        let path = dir.join(name);
        let content =
            fs::read(&path).map_err(|error| Failure::input(format!("cannot read `{}`: {error}", path.display())))?;
        Ok(((*name).to_owned(), content))
    };
    FIRMWARE.iter().map(read).collect()
}

/// Boots a card as QEMU can: its firmware is passed over, kernel and initramfs are taken off it.
pub(super) fn boot(context: &Context, path: &Path) -> Result<Exit, Failure> {
    let wrong = |error: CardError| Failure::input(format!("`{}`: {error}", path.display()));
    let config = String::from_utf8_lossy(&card::file(path, "config.txt").map_err(wrong)?).into_owned();
    let kernel = config.lines().find_map(|line| line.strip_prefix("kernel=")).unwrap_or("kernel8.img");
    let run = card::run(path).map_err(wrong)?;
    let options = Options::default();
    let spec = ImageSpec::load(&context.workspace, &run.image)?;
    let machine = load::machine(&context.workspace, &spec.machine)?;
    let directory = context.images(&options).store.scratch().map_err(ImageError::from)?;
    let take = |name: &str| -> Result<PathBuf, Failure> {
        let to = directory.path().join(name);
        let bytes = card::file(path, name).map_err(wrong)?;
        fs::write(&to, bytes).map_err(|source| RunError::Write { path: to.clone(), source })?;
        Ok(to)
    };
    let command_line = String::from_utf8_lossy(&card::file(path, COMMAND_LINE).map_err(wrong)?).into_owned();
    let request = BootRequest {
        machine: &machine,
        lockstep: &emulator::lockstep(&context.store, &mut |_| ())?,
        schedule: machine.usual_schedule(),
        command_line: command_line.trim_end(),
        kernel: &take(kernel)?,
        device_tree: &take(DEVICE_TREE)?,
        initramfs: &take(INITRAMFS)?,
        payload: &[],
        directory: directory.path(),
        limit: LIMIT,
        may_panic: false,
        powers_off: true,
        card: Some(path),
    };
    vm::boot(&request).map_err(RunError::from)?;
    answer(&format!("{} ran on {}; `kernsnap view {}` shows what it left", run.scenario, run.image, path.display()));
    Ok(Exit::Passed)
}
