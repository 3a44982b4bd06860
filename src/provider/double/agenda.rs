//! What will happen by itself, and when: one entry an object, in the order of time, so that nobody has to look
//! at every object to find the next one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Where an object with a deadline stands. Earlier comes first; of one second, the lower rank, then the older.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The test clock that it lives by; none for the time of the part itself.
    pub(crate) clock: Option<Arc<str>>,
    /// The second of its next deadline.
    pub(crate) at: i64,
    /// What comes first of all that is due in one second.
    pub(crate) rank: u8,
    /// How old the object is, by its number in the account.
    pub(crate) seq: u64,
    pub(crate) id: Arc<str>,
}

/// The deadlines of one part of the account.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BTreeSet<Entry>,
    held: HashMap<Arc<str>, Entry>,
    /// Objects that changed since their deadline was last looked at.
    touched: BTreeSet<Arc<str>>,
}

impl Agenda {
    /// Notes that an object changed, came or went: its deadline has to be looked at again.
    pub(crate) fn touch(&mut self, id: &str) {
        if !self.touched.contains(id) {
            self.touched.insert(id.into());
        }
    }

    /// An object whose deadline has to be looked at again.
    pub(crate) fn take_touched(&mut self) -> Option<Arc<str>> {
        self.touched.pop_first()
    }

    /// Replaces what is noted for an object; nothing where it has no deadline.
    pub(crate) fn set(&mut self, id: &str, entry: Option<Entry>) {
        if let Some(old) = self.held.remove(id) {
            self.entries.remove(&old);
        }
        if let Some(entry) = entry {
            self.held.insert(Arc::clone(&entry.id), entry.clone());
            self.entries.insert(entry);
        }
    }

    /// What is due by one clock until `until`, in its order.
    pub(crate) fn due(&self, clock: Option<&Arc<str>>, until: i64) -> impl Iterator<Item = &Entry> {
        let from = Entry { clock: clock.cloned(), at: i64::MIN, rank: 0, seq: 0, id: "".into() };
        let clock = from.clock.clone();
        self.entries.range(from..).take_while(move |entry| entry.clock == clock && entry.at <= until)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        debug_assert_eq!(self.entries.len(), self.held.len());
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(clock: Option<&str>, at: i64, rank: u8, seq: u64) -> Entry {
        Entry { clock: clock.map(Into::into), at, rank, seq, id: format!("x_{seq}").as_str().into() }
    }

    fn ids(agenda: &Agenda, clock: Option<&str>, until: i64) -> Vec<String> {
        agenda.due(clock.map(Into::into).as_ref(), until).map(|entry| entry.id.to_string()).collect()
    }

    #[test]
    fn each_clock_has_its_own_order() {
        let mut agenda = Agenda::default();
        for entry in [
            entry(None, 20, 0, 1),
            entry(None, 10, 1, 2),
            entry(None, 10, 0, 3),
            entry(None, 10, 0, 4),
            entry(Some("clock_b"), 5, 0, 5),
            entry(Some("clock_a"), 7, 0, 6),
        ] {
            agenda.set(&entry.id.clone(), Some(entry));
        }
        assert_eq!(ids(&agenda, None, 20), ["x_3", "x_4", "x_2", "x_1"]);
        assert_eq!(ids(&agenda, None, 19), ["x_3", "x_4", "x_2"]);
        assert_eq!(ids(&agenda, Some("clock_a"), 100), ["x_6"]);
        agenda.set("x_3", Some(entry(None, 30, 0, 3)));
        agenda.set("x_4", None);
        assert_eq!(ids(&agenda, None, 100), ["x_2", "x_1", "x_3"]);
        assert_eq!(agenda.len(), 5);
    }
}
