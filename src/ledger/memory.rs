//! A ledger that lasts as long as the process: for tests, and as the simplest of the three.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::chain::Tip;
use super::entry::{FORMAT, Format, RunKey};
use super::store::{Addition, Appended, CaseName, Chain, Head, Ledger, LedgerError, Query, may_write};

/// Chains in memory.
#[derive(Debug)]
pub struct MemoryLedger {
    chains: Mutex<BTreeMap<RunKey, Chain>>,
    format: Format,
    key: Vec<u8>,
}

impl MemoryLedger {
    /// An empty one; `key` hashes what belongs to persons.
    #[must_use]
    pub fn new(key: Vec<u8>) -> Self {
        Self { chains: Mutex::default(), format: FORMAT, key }
    }

    /// One in which a version has written.
    #[cfg(test)]
    pub(crate) fn of_format(format: Format) -> Self {
        Self { format, ..Self::new(vec![7; 32]) }
    }

    fn chains(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunKey, Chain>> {
        // What was changed under the lock was changed whole.
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn append(&self, additions: &[Addition]) -> Result<Appended, LedgerError> {
        may_write(self.format, &self.place())?;
        let mut chains = self.chains();
        for addition in additions {
            let tip = chains.get(&addition.key).map_or(Tip::start(&addition.key), |chain| chain.head.tip);
            if tip != addition.expected {
                return Ok(Appended::Conflict(addition.key.clone()));
            }
        }
        for addition in additions {
            let Addition { key, entries, tip, summary, prune_before, .. } = addition.clone();
            let head = Head { key: key.clone(), tip, summary };
            let chain =
                chains.entry(key).or_insert_with(|| Chain { head: head.clone(), entries: Vec::new() });
            chain.head = head;
            chain.entries.extend(entries);
            chain.entries.retain(|entry| prune_before.is_none_or(|before| entry.seq >= before));
        }
        Ok(Appended::Stored)
    }

    async fn chain(&self, key: &RunKey) -> Result<Option<Chain>, LedgerError> {
        Ok(self.chains().get(key).cloned())
    }

    async fn heads(&self, query: &Query) -> Result<Vec<Head>, LedgerError> {
        let chains = self.chains();
        let heads = chains.values().map(|chain| &chain.head);
        Ok(match query {
            Query::Newest { limit } => {
                let mut heads: Vec<Head> = heads.cloned().collect();
                heads.sort_by_key(|head| std::cmp::Reverse(head.summary.opened_at()));
                heads.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
                heads
            }
            Query::Run(run) => heads.filter(|head| head.key.run == *run).cloned().collect(),
            Query::Damaged => heads.filter(|head| head.summary.is_damaged()).cloned().collect(),
            Query::Open => heads.filter(|head| head.summary.is_open()).cloned().collect(),
            Query::After { key, limit } => heads
                .filter(|head| key.as_ref().is_none_or(|key| head.key > *key))
                .take(usize::try_from(*limit).unwrap_or(usize::MAX))
                .cloned()
                .collect(),
        })
    }

    async fn last_passes(&self, cases: &[CaseName]) -> Result<Vec<(CaseName, i64)>, LedgerError> {
        let mut last = BTreeMap::new();
        for Chain { head, .. } in self.chains().values() {
            let name = (head.key.project.clone(), head.key.environment.clone(), head.summary.case.clone());
            if let Some(at) = head.summary.passed_at
                && cases.contains(&name)
            {
                let known = last.entry(name).or_insert(at);
                *known = at.max(*known);
            }
        }
        Ok(last.into_iter().collect())
    }

    async fn format(&self) -> Result<Format, LedgerError> {
        Ok(self.format)
    }

    async fn redaction_key(&self) -> Result<Vec<u8>, LedgerError> {
        Ok(self.key.clone())
    }

    async fn close(&self) {}

    fn place(&self) -> String {
        "in memory".to_owned()
    }
}
