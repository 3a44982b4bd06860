//! A part of the account: what belongs to one case, or to the account at large.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::agenda::Agenda;
use super::beside::Found;
use super::fault::Armed;
use super::store::{Samples, Store};
use crate::id::IdMinter;

/// Objects with a clock and ids of their own, so that cases neither wait for nor see each other.
#[derive(Debug)]
pub(crate) struct Part {
    /// The account's clock; only `advance` and the engine move a case's.
    pub(crate) now: Timestamp,
    pub(crate) ids: IdMinter,
    /// For the ids of reads, which come as often as the app likes: they must not shift those of objects.
    pub(crate) reads: IdMinter,
    pub(crate) store: Store,
    /// Whether the account counts it among the cases that are at work, and whether it was since it was last asked.
    pub(crate) awake: bool,
    pub(crate) used: bool,
    /// What will happen by itself.
    pub(crate) agenda: Agenda,
    /// Events that the engine has not drained.
    pub(crate) outbox: Vec<Value>,
    /// Events that are to be sent again, and to which endpoint; to all where it is left out.
    pub(crate) resent: Vec<(String, Option<String>)>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) faults: Vec<Armed>,
    /// Routes that the app asked for and the double does not model.
    pub(crate) refused: Vec<String>,
    /// What was found out beside the double.
    pub(crate) found: Found,
    /// Idempotency keys used here.
    pub(crate) keys: Vec<String>,
    /// The id that the next event gets, where it is known beforehand.
    pub(crate) next_event: Option<String>,
}

/// A customer of a scenario.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) email: String,
    pub(crate) customer: String,
    /// Whether the customer is the one that the app made itself.
    pub(crate) adopted: bool,
    /// What actions named.
    pub(crate) names: HashMap<String, String>,
}

impl Part {
    pub(crate) fn new(now: Timestamp, mut ids: IdMinter, samples: &Samples) -> Self {
        let reads = IdMinter::new(ids.below(usize::MAX) as u64, 1);
        Self {
            now,
            ids,
            reads,
            store: Store::packed_as(samples),
            awake: false,
            used: false,
            agenda: Agenda::default(),
            outbox: Vec::new(),
            resent: Vec::new(),
            slots: Vec::new(),
            faults: Vec::new(),
            refused: Vec::new(),
            found: Found::default(),
            keys: Vec::new(),
            next_event: None,
        }
    }
    /// Notes what is refused by name. An app that polls an unknown route must not fill the memory.
    pub(crate) fn refuse(&mut self, what: String) {
        if self.refused.len() < 100 && !self.refused.contains(&what) {
            self.refused.push(what);
        }
    }
}
