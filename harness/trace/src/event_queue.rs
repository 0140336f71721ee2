//! A queue whose places are used again with what stands in them, so that what goes through it keeps its memory.

/// Places at first; a power of two, as always.
const FIRST: usize = 4;

/// Things in a row, numbered from 0.
#[derive(Debug)]
pub(super) struct EventQueue<T> {
    places: Vec<T>,
    begin: u64,
    end: u64,
}

impl<T: Default> Default for EventQueue<T> {
    fn default() -> Self {
        Self { places: blank(FIRST), begin: 0, end: 0 }
    }
}

impl<T: Default> EventQueue<T> {
    /// The number of there that are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.end - self.begin).unwrap_or(usize::MAX)
    }

    /// The number of the first one, or of the one that would be.
    #[inline]
    pub(super) fn first(&self) -> u64 {
        self.begin
    }

    /// The number of the next one that is put in.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.end
    }

    /// The place after the last one, with what once stood in it. It is not in the queue before [`EventQueue::push`].
    #[inline]
    pub(super) fn room(&mut self) -> &mut T {
        if self.len() == self.places.len() {
            self.grow();
        }
        let at = self.place(self.end);
        &mut self.places[at]
    }

    /// Takes what stands in the place after the last one into the queue.
    #[inline]
    pub(super) fn push(&mut self) {
        if self.len() == self.places.len() {
            self.grow();
        }
        self.end += 1;
    }

    /// The first one.
    #[inline]
    pub(super) fn front(&self) -> Option<&T> {
        self.get(self.begin)
    }

    /// The first one.
    #[inline]
    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.begin)
    }

    /// The one of this number, while it is there.
    #[inline]
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        if number < self.begin || number >= self.end { None } else { self.places.get(self.place(number)) }
    }

    /// The one of this number, while it is there.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.place(number);
        if number < self.begin || number >= self.end { None } else { self.places.get_mut(at) }
    }

    /// Removes the first one. What it holds stays in its place.
    #[inline]
    pub(super) fn pop(&mut self) {
        if self.begin < self.end {
            self.begin += 1;
        }
    }

    #[inline]
    fn place(&self, number: u64) -> usize {
        // The low bits are all that counts.
        #[expect(clippy::cast_possible_truncation, reason = "the mask has no more bits than `usize`")]
        let low = number as usize;
        low & (self.places.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let mut old = std::mem::take(&mut self.places);
        let mask = old.len() - 1;
        self.places = blank(old.len() * 2);
        for number in self.begin..self.end {
            let to = self.place(number);
            std::mem::swap(&mut self.places[to], &mut old[to & mask]);
        }
    }
}

fn blank<T: Default>(count: usize) -> Vec<T> {
    std::iter::repeat_with(T::default).take(count).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    proptest::proptest! {
        #[test]
        fn it_is_a_queue(steps in proptest::collection::vec(0_u8..8, 0..400)) {
            let (mut ring, mut queue) = (EventQueue::default(), VecDeque::new());
            for (step, value) in steps.into_iter().zip(1_u32..) {
                if step < 5 {
                    *ring.room() = value;
                    ring.push();
                    queue.push_back(value);
                } else {
                    proptest::prop_assert_eq!(ring.front().copied(), queue.pop_front());
                    ring.pop();
                }
                let all: Vec<_> = (ring.first()..ring.next()).filter_map(|number| ring.get(number).copied()).collect();
                proptest::prop_assert_eq!(ring.len(), queue.len());
                proptest::prop_assert_eq!(all, Vec::from(queue.clone()));
                proptest::prop_assert!(ring.get_mut(ring.next()).is_none());
            }
        }
    }
}
