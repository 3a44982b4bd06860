//! One chain per run: every entry carries the hash of the one before, so that a changed or a missing one shows.
//!
//! What this proves: nobody changed, took out or put in an entry without writing everything after it anew, the chain's
//! head included. Who can write the whole ledger can do that; a note of [`Digest`], kept elsewhere, shows it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::entry::{Draft, Entry, EntryError, RunKey, Stored};
use super::kind::{self, Checkpoint};

/// SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// What the first entry of a chain carries: no entry can be moved into another chain.
    #[must_use]
    pub fn genesis(key: &RunKey) -> Self {
        let RunKey { project, environment, run } = key;
        Self::of(serde_json::json!(["paydrill ledger", project, environment, run]).to_string().as_bytes())
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Where a chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The place of the next entry.
    pub next: u64,
    /// The hash that it carries.
    pub hash: Hash,
}

impl Tip {
    /// Of a chain that has no entry.
    #[must_use]
    pub fn start(key: &RunKey) -> Self {
        Self { next: 0, hash: Hash::genesis(key) }
    }

    /// As a database keeps it; `None`: that is nonsense.
    pub(super) fn read(next: i64, hash: &str) -> Option<Self> {
        Some(Self { next: u64::try_from(next).ok()?, hash: Hash::parse(hash)? })
    }

    /// After one more entry.
    #[must_use]
    pub fn after(entry: &Stored) -> Self {
        Self { next: entry.seq.saturating_add(1), hash: entry.hash() }
    }
}

/// Gives drafts of one chain their places, in this order.
#[must_use]
pub fn seal<'a>(tip: Tip, drafts: impl IntoIterator<Item = &'a Draft>) -> (Vec<Stored>, Tip) {
    let mut tip = tip;
    let seal = |draft: &Draft| {
        let stored = draft.seal(&tip);
        tip = Tip::after(&stored);
        stored
    };
    let sealed = drafts.into_iter().map(seal).collect();
    (sealed, tip)
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An entry is not what the next one was chained to.
    #[error("entry {seq} is not what it was when the entry after it was written")]
    Changed {
        /// Its place.
        seq: u64,
    },
    /// Places have no entry.
    #[error("{} missing", places(*from, *to))]
    Missing {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// An entry says to be another than the one it is stored as.
    #[error("entry {seq} says that it is entry {says}")]
    Misplaced {
        /// Where it is stored.
        seq: u64,
        /// What it says.
        says: String,
    },
    /// Not an entry.
    #[error("entry {seq}: failed to {cause}")]
    Unreadable {
        /// Its place.
        seq: u64,
        /// Why.
        cause: EntryError,
    },
    /// The chain's head is not that of its last entry.
    #[error("the last entry is not the one that the chain's head names")]
    Head,
}

fn places(from: u64, to: u64) -> String {
    if from == to { format!("entry {from} is") } else { format!("entries {from} to {to} are") }
}

/// Everything that is wrong with a chain; nothing where it is whole. A chain may begin with a checkpoint, which names
/// the entry that stood before it.
#[must_use]
pub fn flaws(key: &RunKey, entries: &[Stored], head: Tip) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut tip = Tip::start(key);
    for (index, stored) in entries.iter().enumerate() {
        let seq = stored.seq;
        match Entry::read(&stored.bytes) {
            Err(cause) => flaws.push(Flaw::Unreadable { seq, cause }),
            Ok(entry) => {
                if index == 0 && seq > 0 && is_cut_here(&entry) {
                    tip = Tip { next: seq, hash: entry.prev };
                }
                if entry.seq != seq || entry.key != *key {
                    flaws.push(Flaw::Misplaced { seq, says: format!("{} of {}", entry.seq, entry.key) });
                }
                if seq > tip.next {
                    flaws.push(Flaw::Missing { from: tip.next, to: seq - 1 });
                } else if entry.prev != tip.hash {
                    flaws.push(Flaw::Changed { seq: seq.saturating_sub(1) });
                }
            }
        }
        tip = Tip::after(stored);
    }
    if head.next > tip.next {
        flaws.push(Flaw::Missing { from: tip.next, to: head.next - 1 });
    } else if head != tip {
        flaws.push(Flaw::Head);
    }
    flaws
}

/// Whether an entry is a checkpoint from which a chain may begin: it was written when all before it still was there.
fn is_cut_here(entry: &Entry) -> bool {
    let checkpoint: Checkpoint = entry.says();
    entry.kind == kind::CHECKPOINT && checkpoint.after == entry.prev.to_string()
}

/// One hash for many chains: noted elsewhere, it shows later whether any of them, whole chains included, is another.
#[derive(Debug, Clone)]
pub struct Digest(Sha256);

impl Default for Digest {
    fn default() -> Self {
        Self(Sha256::new())
    }
}

impl Digest {
    /// Takes in a chain. The order matters.
    pub fn add(&mut self, key: &RunKey, tip: &Tip) {
        let RunKey { project, environment, run } = key;
        let line = serde_json::json!([project, environment, run, tip.next, tip.hash.to_string()]);
        self.0.update(line.to_string());
        self.0.update("\n");
    }

    /// The hash of all that was taken in.
    #[must_use]
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ledger::sample;

    fn chain(length: usize) -> (RunKey, Vec<Stored>, Tip) {
        let drafts: Vec<Draft> =
            (0..length).map(|n| sample::draft("evt_1", "noted", json!({ "why": n.to_string() }))).collect();
        let key = drafts[0].key.clone();
        let (entries, tip) = seal(Tip::start(&key), &drafts);
        (key, entries, tip)
    }

    #[test]
    fn a_chain_is_whole_as_it_was_written() {
        let (key, entries, tip) = chain(5);
        assert_eq!(flaws(&key, &entries, tip), []);
        assert_eq!(flaws(&key, &[], Tip::start(&key)), []);
    }

    proptest! {
        /// Any one byte of any entry.
        #[test]
        fn a_changed_entry_is_found(length in 1usize..6, which in 0usize..6, at in 0usize..500, to in "[!-~]") {
            let (key, mut entries, tip) = chain(length);
            let which = which % length;
            let bytes = &mut entries[which].bytes;
            let at = at % bytes.len();
            let before = bytes.clone();
            bytes.replace_range(at..=at, &to);
            prop_assume!(*bytes != before);
            prop_assert_ne!(flaws(&key, &entries, tip), []);
        }

        #[test]
        fn a_missing_entry_is_found_by_its_place(length in 1usize..8, which in 0usize..8) {
            let (key, mut entries, tip) = chain(length);
            let which = which % length;
            entries.remove(which);
            let seq = which as u64;
            prop_assert_eq!(flaws(&key, &entries, tip), [Flaw::Missing { from: seq, to: seq }]);
        }
    }

    /// Whoever removes an entry and renumbers those after it must write the whole rest anew.
    #[test]
    fn entries_of_another_chain_do_not_fit() {
        let (key, entries, tip) = chain(3);
        let other = RunKey { run: "evt_2".to_owned(), ..key.clone() };
        assert!(flaws(&other, &entries, tip).iter().any(|flaw| matches!(flaw, Flaw::Misplaced { .. })));
        let mut swapped = entries.clone();
        swapped.swap(1, 2);
        assert_ne!(flaws(&key, &swapped, tip), []);
        let (_, longer, _) = chain(4);
        assert_eq!(flaws(&key, &longer, tip), [Flaw::Head]);
    }

    #[test]
    fn a_chain_may_begin_with_a_checkpoint_that_names_what_was_before() {
        let (key, mut entries, tip) = chain(4);
        let body = json!({ "after": tip.hash.to_string(), "entries": 4 });
        let checkpoint = sample::draft("evt_1", kind::CHECKPOINT, body);
        let (more, end) = seal(tip, [&checkpoint, &sample::draft("evt_1", "noted", json!({}))]);
        entries.extend(more);
        assert_eq!(flaws(&key, &entries, end), []);
        assert_eq!(flaws(&key, &entries[4..], end), []);
        assert_eq!(flaws(&key, &entries[5..], end), [Flaw::Missing { from: 0, to: 4 }]);
        assert_eq!(flaws(&key, &entries[3..], end), [Flaw::Missing { from: 0, to: 2 }]);
    }

    #[test]
    fn the_digest_of_many_chains_differs_where_one_is_gone() {
        let (key, _, tip) = chain(2);
        let other = RunKey { run: "evt_2".to_owned(), ..key.clone() };
        let digest = |keys: &[&RunKey]| {
            let mut digest = Digest::default();
            keys.iter().for_each(|key| digest.add(key, &tip));
            digest.finish()
        };
        assert_ne!(digest(&[&key, &other]), digest(&[&key]));
    }
}
