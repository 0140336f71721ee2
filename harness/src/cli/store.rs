//! `kernsnap store`.

use std::collections::BTreeMap;
use std::io;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::args::{GcArguments, StoreArguments, StoreCommand, TemplatesArguments};
use super::{Context, Exit, Failure, answer, answer_json, remote, talk, verify};
use crate::session;
use crate::session::templates::TemplateRow;
use kernsnap_host::interrupt::Interrupted;
use kernsnap_host::store::{Gone, Item, Keep, eviction_order, is_for_a_cache};
use kernsnap_image::ImageError;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The entries of one kind.
#[derive(Default, Serialize)]
struct Row {
    kind: String,
    entries: usize,
    bytes: u64,
    /// Days since one of them was used; `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused_days: Option<u64>,
    /// True if a cache of CI should keep the directory.
    for_a_cache: bool,
}

pub(super) fn store(context: &Context, arguments: &StoreArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        None => list(context, arguments.output.is_json()),
        Some(StoreCommand::Gc(gc)) => collect(context, gc),
        Some(StoreCommand::Key(key)) => remote::key(key),
        Some(StoreCommand::Send(send)) => remote::send(context, send),
        Some(StoreCommand::Templates(arguments)) => templates(context, arguments),
        Some(StoreCommand::Verify(arguments)) => verify::verify(context, arguments),
    }
}

fn list(context: &Context, json: bool) -> Result<Exit, Failure> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for item in context.store.items()? {
        let row = rows.entry(item.kind.clone()).or_default();
        row.entries += 1;
        row.bytes += item.size;
        let days = days(&item);
        row.unused_days = Some(row.unused_days.map_or(days, |known| known.min(days)));
    }
    for (kind, bytes) in context.store.others() {
        rows.insert(kind.to_owned(), Row { bytes, ..Row::default() });
    }
    for (kind, row) in &mut rows {
        kind.clone_into(&mut row.kind);
        row.for_a_cache = is_for_a_cache(kind);
    }
    let total: u64 = rows.values().map(|row| row.bytes).sum();
    let kept: u64 = rows.values().filter(|row| row.for_a_cache).map(|row| row.bytes).sum();
    for row in rows.into_values() {
        if json {
            answer_json(&row)?;
        } else {
            let used = match row.unused_days {
                None => String::new(),
                Some(0) => format!("{:5} entries, used today", row.entries),
                Some(days) => format!("{:5} entries, not used for {days} days", row.entries),
            };
            let mark = if row.for_a_cache { '*' } else { ' ' };
            answer(format!("{:12} {:>10} {mark} {used}", row.kind, size(row.bytes)).trim_end());
        }
    }
    if !json {
        answer(&format!("{:12} {:>10}   {}", "all", size(total), context.store.root().display()));
        answer(&format!(
            "{:12} {:>10} * what a cache of CI should keep, with the file kernsnap-store",
            "of these",
            size(kept)
        ));
    }
    Ok(Exit::Passed)
}

fn templates(context: &Context, arguments: &TemplatesArguments) -> Result<Exit, Failure> {
    let wrong = |error: io::Error| match error.kind() {
        ErrorKind::Interrupted => ImageError::from(Interrupted).into(),
        _ => Failure::internal("talk to the process that keeps templates", &error),
    };
    if arguments.stop {
        let stopped = session::templates::stop(&context.store).map_err(wrong)?;
        talk(if stopped { "the templates are ended" } else { "there are no templates" });
        return Ok(Exit::Passed);
    }
    let Some(rows) = session::templates::list(&context.store).map_err(wrong)? else {
        talk("there are no templates: the first run boots one");
        return Ok(Exit::Passed);
    };
    for row in rows {
        if arguments.output.is_json() {
            answer_json(&row)?;
        } else {
            let TemplateRow { key, pid, bytes, holders } = row;
            answer(&format!("{key}  {:>8}  process {pid}, held by {holders} others", size(bytes)));
        }
    }
    Ok(Exit::Passed)
}

fn collect(context: &Context, arguments: &GcArguments) -> Result<Exit, Failure> {
    let items = context.store.items()?;
    let keep = match arguments.max_size {
        Some(size) => Keep::Most(size.0),
        None => Keep::Within(DAY * arguments.keep_days),
    };
    let (mut freed, mut in_use) = (0, 0_u64);
    let mut left = items.iter().map(|item| item.size).chain(context.store.others().into_values()).sum::<u64>();
    let now = SystemTime::now();
    for item in eviction_order(&items) {
        if keep.keeps(item, left, now) {
            continue;
        }
        let stays = if arguments.dry_run {
            context.store.is_in_use(item)?
        } else {
            context.store.discard(item)? == Gone::InUse
        };
        if stays {
            in_use += item.size;
            continue;
        }
        (freed, left) = (freed + item.size, left.saturating_sub(item.size));
        answer(&format!("{}/{} {}, not used for {} days", item.kind, item.name, size(item.size), days(item)));
    }
    let verb = if arguments.dry_run { "would be" } else { "were" };
    answer(&format!("{} {verb} removed, {} are left", size(freed), size(left)));
    if in_use > 0 {
        talk(&format!("{} are in use by other commands, and stay", size(in_use)));
    }
    Ok(Exit::Passed)
}

fn days(item: &Item) -> u64 {
    SystemTime::now().duration_since(item.used).unwrap_or_default().as_secs() / DAY.as_secs()
}

/// `1.5 GiB`, `20 MiB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, ((bytes & 0x3fff_ffff) * 10) >> 30),
    }
}
