//! The QEMU command of a run, as a value. Pure: everything that reaches a guest stands in it.

use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::schedule::Schedule;

/// The files that a run is made of, or that it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFiles {
    /// The kernel's `Image`.
    pub kernel: PathBuf,
    /// The device tree blob.
    pub device_tree: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// Where the console log goes.
    pub console: PathBuf,
    /// The guest's memory: a file of the machine's whole size, which the host can read while and after the guest runs.
    pub memory: PathBuf,
    /// The card in the slot.
    pub card: Option<PathBuf>,
}

/// The program that emulates Arm boards, of 32 bits too.
pub const PROGRAM: &str = "qemu-system-aarch64";

/// The arguments of [`PROGRAM`] for one run.
///
/// Nothing of the host may reach the guest: time is counted in instructions (`icount`) and starts at a fixed date, `sleep=off`
/// lets idle time pass at once, the seed feeds the board's random number generator, there is no network, no monitor and no
/// input.
#[must_use]
pub fn arguments(machine: &Machine, schedule: Schedule, command_line: &str, files: &RunFiles) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let (board, memory) = board_with_memory(machine, &files.memory);
    let arguments: [(&str, String); 14] = [
        ("-object", memory),
        ("-kernel", text(&files.kernel)),
        ("-dtb", text(&files.device_tree)),
        ("-initrd", text(&files.initramfs)),
        ("-append", kernel_command_line(machine, schedule, command_line)),
        ("-icount", format!("shift={},sleep=off", schedule.shift)),
        ("-rtc", "clock=vm,base=2020-01-01".into()),
        ("-seed", "1".into()),
        ("-chardev", format!("file,id=console,path={}", value(&files.console))),
        ("-serial", "chardev:console".into()),
        ("-monitor", "none".into()),
        ("-nic", "none".into()),
        ("-display", "none".into()),
        ("-no-reboot", String::new()),
    ];
    let fewer = machine.cpus_property.iter().filter(|_| schedule.cpus < machine.cpus);
    let fewer = fewer.map(|property| ("-global", format!("{property}={}", schedule.cpus)));
    let card = files.card.iter().map(|card| ("-drive", format!("if=sd,format=raw,file={}", value(card))));
    let all = arguments.into_iter().chain(fewer).chain(card).flat_map(|(name, value)| [name.to_owned(), value]);
    board.into_iter().chain(all.filter(|word| !word.is_empty())).collect()
}

/// A path as the value of a part of an option: a comma ends a value in QEMU's syntax, and two of them are one comma of the value.
fn value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// The board with its whole memory in a file that the host can read, and the value of `-object` that makes it so.
pub(super) fn board_with_memory(machine: &Machine, file: &Path) -> (Vec<String>, String) {
    let mut board = machine.board();
    if let Some(name) = board.get_mut(1) {
        *name += ",memory-backend=ram";
    }
    let memory = format!("memory-backend-file,id=ram,size={}M,mem-path={},share=on", machine.memory_mib, value(file));
    (board, memory)
}

pub(super) fn kernel_command_line(machine: &Machine, schedule: Schedule, image: &str) -> String {
    let mut words = vec![format!("console={}", machine.console), image.to_owned(), machine.kernel_parameters.clone()];
    if schedule.cpus < machine.cpus {
        words.push(format!("maxcpus={}", schedule.cpus));
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_path_stays_in_the_path() {
        let files = RunFiles {
            kernel: "a,b/Image".into(),
            device_tree: "board.dtb".into(),
            initramfs: "initramfs.cpio".into(),
            console: "a,readonly=on/console.log".into(),
            memory: "a,b/memory".into(),
            card: Some("a,b.img".into()),
        };
        let words = arguments(&Machine::example(), Schedule::new(1, 4), "quiet", &files);
        for expected in [
            "a,b/Image",
            "file,id=console,path=a,,readonly=on/console.log",
            "memory-backend-file,id=ram,size=1024M,mem-path=a,,b/memory,share=on",
            "if=sd,format=raw,file=a,,b.img",
        ] {
            assert!(words.iter().any(|word| word == expected), "{expected} in {words:?}");
        }
    }

    #[test]
    fn the_command_line_holds_all_that_reaches_a_guest() {
        let machine = Machine::example();
        let files = RunFiles {
            kernel: "Image".into(),
            device_tree: "board.dtb".into(),
            initramfs: "initramfs.cpio".into(),
            console: "console.log".into(),
            memory: "memory".into(),
            card: None,
        };
        let words = arguments(&machine, Schedule::new(1, 2), "quiet", &files);
        insta::assert_snapshot!(words.join(" "), @"-M raspi3b,memory-backend=ram -m 1024M -object memory-backend-file,id=ram,size=1024M,mem-path=memory,share=on -kernel Image -dtb board.dtb -initrd initramfs.cpio -append console=ttyAMA0,115200 quiet maxcpus=2 -icount shift=1,sleep=off -rtc clock=vm,base=2020-01-01 -seed 1 -chardev file,id=console,path=console.log -serial chardev:console -monitor none -nic none -display none -no-reboot -global bcm2837.enabled-cpus=2");
    }
}
