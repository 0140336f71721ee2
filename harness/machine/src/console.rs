//! Follows a console log while QEMU writes it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::report::{ConsoleEvent, console_event};

/// The log's reader: where it has read to, and a line that is not finished.
#[derive(Debug)]
pub(super) struct ConsoleFollower {
    log: File,
    offset: u64,
    unfinished: String,
    /// Where the line ends in which the guest said that it is done.
    last_word: Option<u64>,
}

impl ConsoleFollower {
    pub(super) fn new(log: File) -> Self {
        Self { log, offset: 0, unfinished: String::new(), last_word: None }
    }

    /// The length of the log up to the guest's last word, once it was read.
    pub(super) fn last_word(&self) -> Option<u64> {
        self.last_word
    }

    /// The output since the last call.
    pub(super) fn news(&mut self) -> io::Result<Vec<ConsoleEvent>> {
        let mut events = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = self.log.read_at(&mut buffer, self.offset)?;
            if count == 0 {
                return Ok(events);
            }
            self.offset += count as u64;
            // The console is ASCII but for what a broken guest prints; only people read that.
            self.unfinished.push_str(&String::from_utf8_lossy(&buffer[..count]));
            while let Some(end) = self.unfinished.find('\n') {
                let line: String = self.unfinished.drain(..=end).collect();
                let event = console_event(&line);
                if matches!(event, Some(ConsoleEvent::Done(_))) {
                    self.last_word = Some(self.offset - self.unfinished.len() as u64);
                }
                events.extend(event);
            }
        }
    }
}
