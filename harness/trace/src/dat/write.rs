//! A recording as a file of version 6, which every `trace-cmd` reads.

use std::borrow::Cow;
use std::io;

use super::{Instance, MAGIC, TraceDat, option};
use crate::{Clock, Cpu, PageBytes};

/// Where the pages of a CPU begin is a multiple of this.
const PAGE: usize = 4096;

/// The file. Sizes are taken from the guest's `header_page`: 8-byte words where it does not say.
///
/// # Errors
/// Pages that are in another file, which cannot be read.
pub fn write(dat: &TraceDat<'_>) -> io::Result<Vec<u8>> {
    let long = super::super::format::HeaderPage::parse(dat.header_page).map_or(8, |head| head.long);
    let mut file = MAGIC.to_vec();
    file.extend(b"6\0");
    // Little-endian.
    file.push(0);
    file.extend(long.to_le_bytes().first());
    file.extend(4096_u32.to_le_bytes());
    file.extend(b"header_page\0");
    sized(&mut file, dat.header_page);
    file.extend(b"header_event\0");
    sized(&mut file, HEADER_EVENT);
    count(&mut file, dat.own_formats.len());
    for format in &dat.own_formats {
        sized(&mut file, format);
    }
    count(&mut file, dat.formats.len());
    for (group, formats) in &dat.formats {
        file.extend(group.bytes().chain([0]));
        count(&mut file, formats.len());
        for format in formats {
            sized(&mut file, format);
        }
    }
    count(&mut file, dat.kallsyms.len());
    file.extend(dat.kallsyms.bytes());
    count(&mut file, dat.printk_formats.len());
    file.extend(dat.printk_formats.bytes());
    sized(&mut file, dat.saved_cmdlines);

    let all = || dat.cpus.iter().chain(dat.instances.iter().flat_map(|instance| &instance.cpus));
    let cpus = all().map(|(cpu, _)| usize::from(cpu.0) + 1).max().unwrap_or(0);
    count(&mut file, cpus);
    file.extend(b"options  \0");
    let put = |file: &mut Vec<u8>, id: u16, content: &[u8]| {
        file.extend(id.to_le_bytes());
        count(file, content.len());
        file.extend(content);
    };
    let put_stats = |file: &mut Vec<u8>, all: &[(Cpu, &str)]| {
        for (cpu, stats) in all {
            put(file, option::CPU_STATS, format!("CPU: {}\n{stats}\0", cpu.0).as_bytes());
        }
    };
    clock(&dat.clock, |id, content| put(&mut file, id, content));
    put_stats(&mut file, &dat.stats);
    for instance in dat.instances.iter().filter(|instance| !instance.stats.is_empty()) {
        put(&mut file, option::CPU_STATS, format!("\nBuffer: {}\n\n\0", instance.name).as_bytes());
        put_stats(&mut file, &instance.stats);
    }
    // Behind the name, where `trace-cmd` does not look, stands the clock, as in version 7.
    let tail = |instance: &Instance<'_>| [instance.name, "\0", instance.clock.unwrap_or_default()].concat();
    let named = dat.instances.iter().map(|instance| 2 + 4 + 8 + tail(instance).len()).sum::<usize>();
    let mut begin = file.len() + named + 2 + KIND.len() + cpus * 16;
    for instance in &dat.instances {
        file.extend(option::BUFFER.to_le_bytes());
        let tail = tail(instance);
        count(&mut file, 8 + tail.len());
        file.extend((begin as u64).to_le_bytes());
        file.extend(tail.bytes());
        begin += KIND.len() + cpus * 16;
    }
    file.extend(option::DONE.to_le_bytes());
    let buffers = std::iter::once(&dat.cpus).chain(dat.instances.iter().map(|instance| &instance.cpus));
    let mut offset = begin.next_multiple_of(PAGE);
    let mut pages = Vec::new();
    for buffer in buffers {
        file.extend(KIND);
        for cpu in 0..cpus {
            let found = buffer.iter().find(|(of, _)| usize::from(of.0) == cpu).map(|(_, pages)| pages);
            let found = found.map_or(Ok(Cow::default()), PageBytes::read)?;
            file.extend((offset as u64).to_le_bytes());
            file.extend((found.len() as u64).to_le_bytes());
            offset = (offset + found.len()).next_multiple_of(PAGE);
            pages.push(found);
        }
    }
    for pages in &pages {
        file.resize(file.len().next_multiple_of(PAGE), 0);
        file.extend_from_slice(pages);
    }
    Ok(file)
}

/// The options about a clock.
fn clock(clock: &Clock<'_>, mut put: impl FnMut(u16, &[u8])) {
    if let Some(name) = clock.name {
        put(option::TRACE_CLOCK, format!("[{name}]\0").as_bytes());
    }
    if clock.offset != 0 {
        put(option::OFFSET, format!("{}\0", clock.offset).as_bytes());
    }
    if let Some((multiplier, shift)) = clock.scale {
        let numbers = [multiplier.to_le_bytes(), shift.to_le_bytes(), [0; 4], [0; 4]];
        put(option::TSC_TO_NANOSECONDS, &numbers.concat());
    }
    if let Some(shift) = clock.time_shift {
        put(option::TIME_SHIFT, shift);
    }
}

/// Stands in front of the table of a buffer's pages.
const KIND: &[u8] = b"flyrecord\0";

fn sized(file: &mut Vec<u8>, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    file.extend((bytes.len() as u64).to_le_bytes());
    file.extend(bytes);
}

fn count(file: &mut Vec<u8>, count: usize) {
    file.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// `events/header_event`: the layout of a record's head, the same since 2.6.31.
const HEADER_EVENT: &str = "# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n\
    \tarray       :   32 bits\n\n\tpadding     : type == 29\n\ttime_extend : type == 30\n\ttime_stamp : type == 31\n\
    \tdata max type_len  == 28\n";
