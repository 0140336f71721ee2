//! Records of events that take turns in one place of memory: the next one of the same event is read over the last one.
//! Asking the allocator for every record would be a third of the decoder's time.

use std::sync::Arc;

use super::event::Layout;
use super::{EventKind, Point, Value};

/// Records kept at most: the kinds of events that take turns in a recording.
const KEPT: usize = 16;

/// The records that can be used again.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordPool {
    points: Vec<Point>,
}

impl RecordPool {
    /// Makes `body` a record of `layout`, and gives its values, which are those of another record.
    #[inline]
    pub(super) fn make_room<'a>(&mut self, body: &'a mut EventKind, layout: &Arc<Layout>) -> &'a mut [Value] {
        if !matches!(body, EventKind::Tracepoint(point) if point.is_of(layout)) {
            let old = std::mem::replace(body, EventKind::Tracepoint(self.take(layout)));
            self.put(old);
        }
        match body {
            EventKind::Tracepoint(point) => point.values_mut(),
            _ => &mut [],
        }
    }

    fn put(&mut self, kind: EventKind) {
        if let EventKind::Tracepoint(point) = kind {
            if self.points.len() == KEPT {
                self.points.remove(0);
            }
            self.points.push(point);
        }
    }

    fn take(&mut self, layout: &Arc<Layout>) -> Point {
        match self.points.iter().rposition(|point| point.is_of(layout)) {
            Some(at) => self.points.swap_remove(at),
            None => Point::blank(layout),
        }
    }
}
