//! The marks of a writer of markers in raw pages, and pages without the events that were recorded outside of a span of time.
//!
//! A guest's init brackets the trace of its programs by markers of its own. They prove that nothing was taken out of the buffer in
//! between; they are not a part of what the programs did.

use std::ops::Range;

use super::Timestamp;
use super::format::HeaderPage;
use super::page::{Page, RawRecord, time_extend};

/// The type of the record that a write to `trace_marker` makes (`TRACE_PRINT` of `kernel/trace/trace.h`). Neither an event nor a
/// probe can have it.
const PRINT: [u8; 2] = [5, 0];

/// A text that a task wrote to `trace_marker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub time: Timestamp,
    /// The text, without its line feed.
    pub text: String,
}

fn head_of(header_page: &str) -> HeaderPage {
    HeaderPage::parse(header_page).unwrap_or(HeaderPage::BITS_64)
}

fn pages<'a>(head: &HeaderPage, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    bytes.chunks(usize::try_from(head.size()).unwrap_or(usize::MAX).max(1))
}

/// The texts that the task `pid` wrote to `trace_marker` on one CPU, in order. `header_page` is the text of `events/header_page`, and
/// `bytes` are the pages of the CPU.
#[must_use]
pub fn marks(header_page: &str, bytes: &[u8], pid: i32) -> Vec<Mark> {
    let head = head_of(header_page);
    let mut found = Vec::new();
    for bytes in pages(&head, bytes) {
        let page = Page::new(0, bytes, head, 0);
        let mut records = page.records();
        while let Some(Ok(RawRecord { record, .. })) = records.next_raw(page.data_in(bytes)) {
            let written = record.data.get(..2) == Some(&PRINT) && record.data.get(4..8) == Some(&pid.to_le_bytes());
            // `struct print_entry`: the common fields, a long, the text.
            let text = record.data.get(8 + usize::try_from(head.long).unwrap_or(8)..).filter(|_| written);
            found.extend(text.map(|text| {
                let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
                let text = String::from_utf8_lossy(text.get(..end).unwrap_or_default());
                Mark { time: Timestamp(record.time), text: text.trim_end_matches('\n').to_owned() }
            }));
        }
    }
    found
}

/// The pages of one CPU with the records of the span alone, and the number of those that were left out. A damaged page stays as it is.
#[must_use]
pub fn within(header_page: &str, bytes: &[u8], span: &Range<Timestamp>) -> (Vec<u8>, u64) {
    let head = head_of(header_page);
    let mut kept = Vec::with_capacity(bytes.len());
    let mut left_out = 0;
    for bytes in pages(&head, bytes) {
        let page = Page::new(0, bytes, head, 0);
        match trimmed(&page, bytes, span) {
            None => kept.extend(bytes),
            Some((data, without, holds)) => {
                left_out += without;
                if holds || page.missed {
                    kept.extend(page.with_data(bytes, head, &data));
                }
            }
        }
    }
    (kept, left_out)
}

/// The data of a page within the span, the number of records that are not in it, and whether one is left; `None` where all stay, or
/// the page is damaged. A record that is left out leaves its time behind, which those after it count from.
fn trimmed(page: &Page, bytes: &[u8], span: &Range<Timestamp>) -> Option<(Vec<u8>, u64, bool)> {
    let all = page.data_in(bytes);
    let mut records = page.records();
    let (mut data, mut copied, mut without, mut holds) = (Vec::with_capacity(all.len()), 0, 0, false);
    while let Some(next) = records.next_raw(all) {
        let RawRecord { record, start, end, delta } = next.ok()?;
        if span.contains(&Timestamp(record.time)) {
            holds = true;
            continue;
        }
        without += 1;
        data.extend(all.get(copied..start)?);
        if delta > 0 {
            data.extend(time_extend(delta));
        }
        copied = end;
    }
    data.extend(all.get(copied..)?);
    (without > 0 && !page.truncated).then_some((data, without, holds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{Pages, tests::page};

    const HEADER: &str = "field: u64 timestamp;offset:0;size:8;\nfield: local_t commit;offset:8;size:4;\n\
                          field: char data;offset:12;size:84;\n";

    fn word(number: u32) -> [u8; 4] {
        number.to_le_bytes()
    }

    /// A marker `text` of 4 bytes by `pid`, `delta` after the record before it: a head and four words.
    fn mark(delta: u32, kind: u32, pid: u32, text: [u8; 4]) -> [[u8; 4]; 5] {
        [word(4 | delta << 5), word(kind), word(pid), word(0), text]
    }

    #[test]
    fn only_markers_of_the_task_are_marks() {
        let records =
            [mark(1, 5, 1, *b"one\n"), mark(2, 5, 7, *b"two\n"), mark(3, 6, 1, *b"six\n"), mark(0, 5, 1, *b"end\0")];
        let found = marks(HEADER, &page(100, 0, records.as_flattened()), 1);
        let expected =
            [(101, "one"), (106, "end")].map(|(time, text)| Mark { time: Timestamp(time), text: text.into() });
        assert_eq!(found, expected);
    }

    /// The times of the records of `pages`.
    fn times(bytes: &[u8]) -> Vec<u64> {
        let mut pages = Pages::new(bytes.into(), &head_of(HEADER), 0);
        let mut times = Vec::new();
        while let Some(page) = pages.next().expect("memory") {
            let mut records = page.records();
            while let Some(Ok(record)) = records.next(pages.data(&page)) {
                times.push(record.time);
            }
        }
        times
    }

    #[test]
    fn what_is_left_out_leaves_the_times_of_the_rest() {
        let records =
            [mark(5, 5, 1, *b"a\n\0\0"), mark(0, 9, 2, *b"1234"), mark(7, 9, 2, *b"1234"), mark(3, 5, 1, *b"z\n\0\0")];
        let bytes = [page(100, 0, records.as_flattened()), page(200, 0, &mark(1, 9, 2, *b"late"))].concat();
        let span = |from, to| Timestamp(from)..Timestamp(to);
        assert_eq!(times(&bytes), [105, 105, 112, 115, 201]);
        let (kept, without) = within(HEADER, &bytes, &span(106, 115));
        assert_eq!((times(&kept), without, kept.len()), (vec![112], 4, 96));
        let (kept, without) = within(HEADER, &bytes, &span(0, 201));
        assert_eq!((times(&kept), without), (vec![105, 105, 112, 115], 1));
        assert_eq!(within(HEADER, &bytes, &span(0, 999)), (bytes, 0));
    }
}
