//! Ring-buffer pages as `trace_pipe_raw` gives them, and the records in them (`kernel/trace/ring_buffer.c`).
//!
//! A page is a head (time stamp, `commit`) and records. A record begins with a u32: a type in the low 5 bits and a time
//! difference in the other 27. Knows nothing of events: a record's payload is bytes.

use std::io;

use super::format::HeaderPage;
use super::source::{PageBytes, Pieces};

/// Types up to here are data: the payload's length in words, 0 for "in the next word".
const TYPE_DATA_MAX: u32 = 28;
const TYPE_PADDING: u32 = 29;
const TYPE_TIME_EXTEND: u32 = 30;

/// Bits of a time difference, and of the low part of a longer one.
const TIME_SHIFT: u32 = 27;
/// An absolute time stamp lacks these bits; they come from the one before (5.17 and later).
const TIME_HIGH: u64 = 0xf8 << 56;

/// `commit`: the length is below these bits (`RB_MISSED_EVENTS` and `RB_MISSED_STORED` are 31 and 30).
const COMMIT_MASK: u64 = (1 << 27) - 1;
const COMMIT_MISSED: u64 = 1 << 31;

/// The head of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// Its number in the CPU's buffer, from 0.
    pub(super) number: usize,
    /// True if events are missing before it.
    pub(super) missed: bool,
    /// True if it holds fewer bytes than it says.
    pub(super) truncated: bool,
    time: u64,
    /// Where its data begins and ends, for [`Pages::data`].
    data: (usize, usize),
}

/// One data record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Nanoseconds of the trace clock.
    pub(super) time: u64,
    /// The payload, padded to a multiple of 4 bytes.
    pub(super) data: &'a [u8],
}

/// A data record, and where it stands in the data of its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawRecord<'a> {
    pub(super) record: Record<'a>,
    /// Where its head begins.
    pub(super) start: usize,
    /// Where the next record begins.
    pub(super) end: usize,
    /// Nanoseconds since the record before it, without those of time stamps in between.
    pub(super) delta: u32,
}

/// The page makes no sense from this byte of its data part on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Bytes behind the page's head.
    pub(super) offset: usize,
}

/// Goes through the records of a page, in order. After a damage nothing follows.
#[derive(Clone, Debug)]
pub(super) struct Records {
    at: usize,
    time: u64,
}

/// A record of any type.
enum Step<'a> {
    Data(Record<'a>),
    /// Padding, or a time for those that follow.
    Other,
}

/// The pages of a CPU's buffer, in order. A last page that is not whole is given as far as it goes.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    pieces: Pieces<'a>,
    head: HeaderPage,
    number: usize,
}

impl<'a> Pages<'a> {
    /// The pages in `bytes`. Of a file, `least` bytes are in memory at a time, or a page where it is larger.
    pub(super) fn new(bytes: PageBytes<'a>, head: &HeaderPage, least: usize) -> Self {
        Self { pieces: Pieces::new(bytes, least), head: *head, number: 0 }
    }

    /// The next page.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Page>> {
        let size = usize::try_from(self.head.size()).unwrap_or(usize::MAX).max(1);
        let Some((begin, end)) = self.pieces.next(size)? else { return Ok(None) };
        let page = Page::new(self.number, self.pieces.get(begin, end), self.head, begin);
        self.number += 1;
        Ok(Some(page))
    }

    /// The data of a page, until the next page is asked for.
    #[inline]
    pub(super) fn data(&self, page: &Page) -> &[u8] {
        self.pieces.get(page.data.0, page.data.1)
    }
}

impl Page {
    /// The head of `page`, which stands at `place`.
    pub(super) fn new(number: usize, page: &[u8], head: HeaderPage, place: usize) -> Self {
        let commit = match head.long {
            4 => word(page, at(head.commit)).map(u64::from),
            _ => long_word(page, at(head.commit)),
        };
        let time = long_word(page, at(head.timestamp));
        let room = page.len().checked_sub(at(head.data));
        let (Some(commit), Some(time), Some(room)) = (commit, time, room) else {
            return Self { number, missed: false, truncated: true, time: 0, data: (0, 0) };
        };
        let length = usize::try_from(commit & COMMIT_MASK).unwrap_or(usize::MAX);
        let begin = place + at(head.data);
        Self {
            number,
            missed: commit & COMMIT_MISSED != 0,
            truncated: length > room,
            time,
            data: (begin, begin + length.min(room)),
        }
    }

    /// The data of a page that was read from `bytes` at place 0.
    pub(super) fn data_in<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.data.0..self.data.1).unwrap_or_default()
    }

    /// The page in `bytes` with other data, which is not longer than its own.
    pub(super) fn with_data(&self, bytes: &[u8], head: HeaderPage, data: &[u8]) -> Vec<u8> {
        let (begin, end) = self.data;
        let mut page = [bytes.get(..begin).unwrap_or_default(), data, bytes.get(end..).unwrap_or_default()].concat();
        page.resize(bytes.len(), 0);
        // The length is in the low word; the flags above it stay.
        if let Some(commit) = page.get_mut(at(head.commit)..).and_then(|rest| rest.first_chunk_mut::<4>()) {
            let flags = u64::from(u32::from_le_bytes(*commit)) & !COMMIT_MASK;
            *commit = u32::try_from(flags | data.len() as u64).unwrap_or_default().to_le_bytes();
        }
        page
    }

    /// Its data records.
    #[must_use]
    pub(super) fn records(&self) -> Records {
        Records { at: 0, time: self.time }
    }
}

impl Records {
    /// The next record in `data`, the page's.
    #[inline]
    pub(super) fn next<'a>(&mut self, data: &'a [u8]) -> Option<Result<Record<'a>, Damage>> {
        while self.at < data.len() {
            let start = self.at;
            match self.step(data) {
                Some(Step::Other) => {}
                Some(Step::Data(record)) => return Some(Ok(record)),
                None => {
                    self.at = data.len();
                    return Some(Err(Damage { offset: start }));
                }
            }
        }
        None
    }

    /// The same with the record's place.
    pub(super) fn next_raw<'a>(&mut self, data: &'a [u8]) -> Option<Result<RawRecord<'a>, Damage>> {
        loop {
            let (start, before) = (self.at, self.time);
            if start >= data.len() {
                return None;
            }
            match self.step(data) {
                Some(Step::Other) => {}
                Some(Step::Data(record)) => {
                    // A record's own time difference has 27 bits.
                    let delta = u32::try_from(record.time.wrapping_sub(before)).unwrap_or_default();
                    return Some(Ok(RawRecord { record, start, end: self.at, delta }));
                }
                None => {
                    self.at = data.len();
                    return Some(Err(Damage { offset: start }));
                }
            }
        }
    }

    /// Takes one record of any type; `None` for a damaged one.
    #[inline]
    fn step<'a>(&mut self, all: &'a [u8]) -> Option<Step<'a>> {
        let head = word(all, self.at)?;
        let (kind, delta) = (head & 0x1f, u64::from(head >> 5));
        let body = self.at + 4;
        if kind != 0 && kind <= TYPE_DATA_MAX {
            let end = body + at(kind) * 4;
            let data = all.get(body..end)?;
            self.at = end;
            self.time = self.time.wrapping_add(delta);
            return Some(Step::Data(Record { time: self.time, data }));
        }
        if kind == TYPE_PADDING && delta == 0 {
            // The rest of the page is unused.
            self.at = all.len();
            return Some(Step::Other);
        }
        let next = word(all, body)?;
        match kind {
            0 => {
                // The length counts the word it stands in.
                let end = body.checked_add(at(next))?;
                let data = all.get(body + 4..end)?;
                self.at = end.checked_add(3)? & !3;
                self.time = self.time.wrapping_add(delta);
                Some(Step::Data(Record { time: self.time, data }))
            }
            TYPE_PADDING => {
                // A discarded event. Its time counts, except for the 1 that means "none": `check_buffer()`.
                self.at = body.checked_add(at(next)).filter(|end| *end <= all.len())?;
                self.time = self.time.wrapping_add(if delta == 1 { 0 } else { delta });
                Some(Step::Other)
            }
            _ => {
                let long = (u64::from(next) << TIME_SHIFT).wrapping_add(delta);
                self.time =
                    if kind == TYPE_TIME_EXTEND { self.time.wrapping_add(long) } else { absolute(long, self.time) };
                self.at = body + 4;
                Some(Step::Other)
            }
        }
    }
}

/// A record that makes those after it later by `delta` nanoseconds, which have 27 bits.
pub(super) fn time_extend(delta: u32) -> [u8; 8] {
    let head = TYPE_TIME_EXTEND | delta << 5;
    let mut record = [0; 8];
    record[..4].copy_from_slice(&head.to_le_bytes());
    record
}

/// The whole of an absolute time stamp (`rb_fix_abs_ts()`).
fn absolute(stamp: u64, before: u64) -> u64 {
    if before & TIME_HIGH == 0 {
        return stamp;
    }
    let whole = stamp | (before & TIME_HIGH);
    if whole < before { whole.wrapping_add(1 << 59) } else { whole }
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn long_word(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().copied().map(u64::from_le_bytes)
}

/// A length of the guest's on the host. Where it does not fit, nothing lies there either.
fn at(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const SMALL: HeaderPage = HeaderPage { timestamp: 0, commit: 8, long: 4, data: 12, data_size: 84 };

    fn head(kind: u32, delta: u32) -> [u8; 4] {
        (kind | delta << 5).to_le_bytes()
    }

    pub(crate) fn page(time: u64, flags: u32, words: &[[u8; 4]]) -> Vec<u8> {
        let length = u32::try_from(words.len() * 4).expect("short");
        let mut page = [&time.to_le_bytes()[..], &(length | flags).to_le_bytes(), words.as_flattened()].concat();
        page.resize(96, 0);
        page
    }

    /// `TIME:LENGTH` of each record, `!OFFSET` for a damage, after `missed` and `truncated`.
    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        let mut shown = Vec::new();
        let mut pages = Pages::new(bytes.into(), &SMALL, 0);
        while let Some(page) = pages.next().expect("memory") {
            shown.extend(page.missed.then(|| "missed".to_owned()));
            shown.extend(page.truncated.then(|| "truncated".to_owned()));
            let mut records = page.records();
            while let Some(record) = records.next(pages.data(&page)) {
                shown.push(match record {
                    Ok(record) => format!("{}:{}", record.time, record.data.len()),
                    Err(damage) => format!("!{}", damage.offset),
                });
            }
        }
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn records_of_every_type_are_walked() {
        let w = |n: u32| n.to_le_bytes();
        check(&page(100, 0, &[head(1, 0), w(7), head(2, 5), w(1), w(2)]), "100:4 105:8");
        check(&page(100, 0, &[head(0, 3), w(12), w(1), w(2), head(1, 1), w(0)]), "103:8 104:4");
        check(&page(100, 0, &[head(30, 1), w(2), head(1, 0), w(0)]), &format!("{}:4", 101 + (2 << 27)));
        check(&page(100, 0, &[head(31, 9), w(0), head(1, 1), w(0)]), "10:4");
        check(&page(1 << 60, 0, &[head(31, 9), w(0), head(1, 1), w(0)]), &format!("{}:4", (1_u64 << 60) + 10));
        check(&page(100, 0, &[head(29, 1), w(4), head(1, 1), w(0)]), "101:4");
        check(&page(100, 0, &[head(29, 6), w(8), w(0), head(1, 1), w(0)]), "107:4");
        check(&page(100, 0, &[head(29, 0), w(0), head(1, 1), w(0)]), "");
        let two = [page(5, 0, &[head(1, 0), w(0)]), page(9, 1 << 31 | 1 << 30, &[head(1, 0), w(0)])].concat();
        check(&two, "5:4 missed 9:4");
    }

    #[test]
    fn a_damaged_page_ends_where_it_stops_making_sense() {
        let w = |n: u32| n.to_le_bytes();
        check(&page(1, 0, &[head(1, 0), w(0), head(3, 0), w(0)]), "1:4 !8");
        check(&page(1, 0, &[head(0, 0), w(3)]), "!0");
        check(&page(1, 0, &[head(0, 0), w(u32::MAX)]), "!0");
        check(&page(1, 0, &[head(29, 2), w(u32::MAX)]), "!0");
        check(&page(1, 0, &[head(30, 2)]), "!0");
        check(&page(1, 0, &[head(1, 0), w(0)])[..20], "1:4");
        check(&page(1, 0, &[head(1, 0), w(0), w(0)])[..16], "truncated !0");
        check(&[0; 11], "truncated");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_can_break_it(bytes: Vec<u8>, commit in 0_u32..96, words: Vec<u32>) {
            let words: Vec<_> = words.into_iter().take(21).map(u32::to_le_bytes).collect();
            let made = [page(u64::MAX, commit, &words), bytes].concat();
            let mut pages = Pages::new(made[..].into(), &SMALL, 0);
            let mut count = 0;
            while let Some(page) = pages.next().expect("memory") {
                let mut records = page.records();
                while records.next(pages.data(&page)).is_some() {
                    count += 1;
                }
            }
            proptest::prop_assert!(count <= made.len() / 4 + 1);
        }
    }
}
