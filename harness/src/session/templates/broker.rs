//! The templates that a broker keeps: who boots which, who waits for it, and which goes first. Pure; `server` does the talking.

use std::collections::{BTreeMap, BTreeSet};

/// A connection of a process that runs guests.
pub(super) type Client = u64;

/// The bounds of what is kept while no client holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Templates.
    pub(super) count: usize,
    /// Bytes of memory of all of them together.
    pub(super) bytes: u64,
}

/// The templates, by key. `T` is the hold on one.
#[derive(Debug)]
pub(super) struct Broker<T> {
    limits: Limits,
    entries: BTreeMap<String, Entry<T>>,
    /// Counts uses, to know the order of them.
    clock: u64,
}

#[derive(Debug)]
enum Entry<T> {
    /// One client boots it, the others wait, in the order in which they asked.
    Booting { by: Client, waiting: Vec<Client> },
    /// It is there.
    Ready { template: T, bytes: u64, used: u64, holders: BTreeSet<Client> },
    /// The machine cannot be forked.
    Unavailable,
}

/// The answer for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It gets the template.
    Template,
    /// It boots the template.
    Boot,
    /// The machine cannot be forked.
    Unavailable,
}

/// A template that is kept.
#[derive(Debug)]
pub(super) struct Kept<'a, T> {
    pub(super) key: &'a str,
    pub(super) template: &'a T,
    pub(super) bytes: u64,
    pub(super) holders: usize,
}

impl<T> Broker<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, entries: BTreeMap::new(), clock: 0 }
    }

    /// A client asks for a template; `None` where it has to wait.
    pub(super) fn get(&mut self, client: Client, key: &str) -> Option<Answer> {
        self.clock += 1;
        match self.entries.get_mut(key) {
            None => {
                self.entries.insert(key.to_owned(), Entry::Booting { by: client, waiting: Vec::new() });
                Some(Answer::Boot)
            }
            Some(Entry::Booting { waiting, .. }) => {
                waiting.push(client);
                None
            }
            Some(Entry::Ready { used, holders, .. }) => {
                *used = self.clock;
                holders.insert(client);
                Some(Answer::Template)
            }
            Some(Entry::Unavailable) => Some(Answer::Unavailable),
        }
    }

    /// The client that was told to boot a template gives it. The clients that waited for it are given back, for their answers.
    pub(super) fn keep(&mut self, client: Client, template: T, bytes: u64) -> Vec<Client> {
        let Some(key) = self.booted_by(client) else { return Vec::new() };
        let Some(Entry::Booting { waiting, .. }) = self.entries.remove(&key) else { return Vec::new() };
        self.clock += 1;
        let holders = waiting.iter().copied().chain([client]).collect();
        self.entries.insert(key, Entry::Ready { template, bytes, used: self.clock, holders });
        self.make_room();
        waiting
    }

    /// The machine that a client was told to boot cannot be forked. As [`Broker::keep`].
    pub(super) fn unavailable(&mut self, client: Client) -> Vec<Client> {
        let Some(key) = self.booted_by(client) else { return Vec::new() };
        match self.entries.insert(key, Entry::Unavailable) {
            Some(Entry::Booting { waiting, .. }) => waiting,
            _ => Vec::new(),
        }
    }

    /// A client has gone. If it was to boot a template, the next that waits is to do it.
    pub(super) fn leave(&mut self, client: Client) -> Option<Client> {
        for entry in self.entries.values_mut() {
            match entry {
                Entry::Booting { waiting, .. } => waiting.retain(|one| *one != client),
                Entry::Ready { holders, .. } => drop(holders.remove(&client)),
                Entry::Unavailable => {}
            }
        }
        let next = self.booted_by(client).and_then(|key| {
            let Some(Entry::Booting { by, waiting }) = self.entries.get_mut(&key) else { return None };
            if waiting.is_empty() {
                self.entries.remove(&key);
                return None;
            }
            *by = waiting.remove(0);
            Some(*by)
        });
        self.make_room();
        next
    }

    /// A template is gone.
    pub(super) fn lose(&mut self, key: &str) {
        self.entries.remove(key);
    }

    /// The template that a client was given.
    pub(super) fn held_by(&self, client: Client) -> Option<&T> {
        self.entries.values().find_map(|entry| match entry {
            Entry::Ready { template, holders, .. } if holders.contains(&client) => Some(template),
            _ => None,
        })
    }

    /// All templates that are there.
    pub(super) fn kept(&self) -> impl Iterator<Item = Kept<'_, T>> {
        self.entries.iter().filter_map(|(key, entry)| match entry {
            Entry::Ready { template, bytes, holders, .. } => {
                Some(Kept { key, template, bytes: *bytes, holders: holders.len() })
            }
            _ => None,
        })
    }

    fn booted_by(&self, client: Client) -> Option<String> {
        let booted = |entry: &Entry<T>| matches!(entry, Entry::Booting { by, .. } if *by == client);
        self.entries.iter().find(|(_, entry)| booted(entry)).map(|(key, _)| key.clone())
    }

    /// Lets go what was not used for longest and has no holder, until all is within the limits.
    fn make_room(&mut self) {
        loop {
            let ready = self.kept();
            let (count, bytes) = ready.fold((0, 0), |(count, bytes), kept| (count + 1, bytes + kept.bytes));
            if count <= self.limits.count && bytes <= self.limits.bytes {
                return;
            }
            let unheld = self.entries.iter().filter_map(|(key, entry)| match entry {
                Entry::Ready { used, holders, .. } if holders.is_empty() => Some((*used, key.clone())),
                _ => None,
            });
            let Some((_, oldest)) = unheld.min() else { return };
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker() -> Broker<&'static str> {
        Broker::new(Limits { count: 2, bytes: 100 })
    }

    fn keys(broker: &Broker<&'static str>) -> Vec<String> {
        broker.kept().map(|kept| kept.key.to_owned()).collect()
    }

    #[test]
    fn the_first_client_boots_and_the_others_wait() {
        let mut broker = broker();
        assert_eq!(broker.get(1, "a"), Some(Answer::Boot));
        assert_eq!(broker.get(2, "a"), None);
        assert_eq!(broker.keep(1, "A", 10), [2]);
        assert_eq!((broker.held_by(1), broker.held_by(2), broker.held_by(3)), (Some(&"A"), Some(&"A"), None));
        assert_eq!(broker.get(3, "a"), Some(Answer::Template));
    }

    #[test]
    fn a_client_that_goes_while_it_boots_is_followed_by_the_next() {
        let mut broker = broker();
        assert_eq!(broker.get(1, "a"), Some(Answer::Boot));
        assert_eq!((broker.get(2, "a"), broker.get(3, "a")), (None, None));
        assert_eq!(broker.leave(1), Some(2));
        assert_eq!(broker.leave(3), None);
        assert_eq!(broker.leave(2), None);
        assert_eq!(broker.get(4, "a"), Some(Answer::Boot));
        // A template that this client was not told to boot is not kept.
        assert_eq!(broker.keep(5, "B", 10), Vec::<Client>::new());
        assert_eq!(keys(&broker), Vec::<String>::new());
    }

    #[test]
    fn the_template_that_was_not_used_for_longest_goes_first_and_none_that_is_held() {
        let mut broker = broker();
        for (client, key) in [(1, "a"), (2, "b"), (3, "c")] {
            assert_eq!(broker.get(client, key), Some(Answer::Boot));
            assert_eq!(broker.keep(client, key, 10), Vec::<Client>::new());
        }
        assert_eq!(keys(&broker), ["a", "b", "c"], "all are held");
        broker.leave(2);
        assert_eq!(keys(&broker), ["a", "c"]);
        broker.leave(1);
        broker.leave(3);
        assert_eq!(broker.get(4, "a"), Some(Answer::Template));
        broker.leave(4);
        assert_eq!(broker.get(5, "d"), Some(Answer::Boot));
        broker.keep(5, "d", 95);
        assert_eq!(keys(&broker), ["d"], "both others go, for their memory");
    }

    #[test]
    fn a_machine_that_cannot_be_forked_is_not_tried_again() {
        let mut broker = broker();
        assert_eq!(broker.get(1, "a"), Some(Answer::Boot));
        assert_eq!(broker.get(2, "a"), None);
        assert_eq!(broker.unavailable(1), [2]);
        assert_eq!(broker.get(3, "a"), Some(Answer::Unavailable));
    }

    #[test]
    fn a_lost_template_is_booted_again() {
        let mut broker = broker();
        broker.get(1, "a");
        broker.keep(1, "A", 10);
        broker.lose("a");
        assert_eq!(broker.get(2, "a"), Some(Answer::Boot));
    }
}
