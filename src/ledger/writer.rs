//! Writes drafts as they come, many at once: whatever has come in while the store was busy becomes the next transaction.
//!
//! A writer knows where the chains end that it has written; where somebody else has added to one it reads again and
//! chains on. A store that says no is asked again for [`Patience::before_giving_in`], in which everything waits; then it
//! says so, nothing waits any more, and it goes on trying: what it still holds is written when the store comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::chain::{Tip, seal};
use super::entry::{Draft, RunKey};
use super::fold::Summary;
use super::store::{Addition, Appended, Head, Ledger, LedgerError, Query};
use crate::run_event::Retained;

/// Entries in one transaction, at most about.
const MOST: usize = 2_000;
/// Chains whose ends are remembered.
const REMEMBERED: usize = 10_000;
/// What is held while the store says no, in entries.
const HELD: usize = 200_000;

/// How long a store is asked again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// So long everything waits.
    pub before_giving_in: Duration,
    /// Between two tries, at most.
    pub between: Duration,
    /// So long it is tried at the end, where it has given in before.
    pub at_the_end: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            before_giving_in: Duration::from_secs(10),
            between: Duration::from_millis(500),
            at_the_end: Duration::from_secs(2),
        }
    }
}

/// The writer's end that drafts go into.
#[derive(Debug)]
pub struct Writer {
    parts: mpsc::UnboundedSender<Vec<Draft>>,
    retained: watch::Receiver<Retained>,
    task: JoinHandle<usize>,
}

impl Writer {
    /// Starts it on the runtime that this is called in.
    #[must_use]
    pub fn start(ledger: Arc<dyn Ledger>, patience: Patience) -> Self {
        let (parts, inbox) = mpsc::unbounded_channel();
        let (sender, retained) = watch::channel(Retained::default());
        let state = State {
            ledger,
            patience,
            retained: sender,
            ends: BTreeMap::new(),
            unsure: false,
            closing: false,
        };
        Self { parts, retained, task: tokio::spawn(state.run(inbox)) }
    }

    /// Takes what one run event amounts to; also nothing, so that events are counted.
    pub fn take(&self, drafts: Vec<Draft>) {
        // The writer ends only when this end is closed.
        let _ = self.parts.send(drafts);
    }

    /// How many of the events that were taken are stored.
    #[must_use]
    pub fn retained(&self) -> watch::Receiver<Retained> {
        self.retained.clone()
    }

    /// Writes what is left. Gives how many entries could not be written.
    pub async fn finish(self) -> usize {
        drop(self.parts);
        self.task.await.unwrap_or_default()
    }
}

/// Where a chain ends, as far as is known here.
#[derive(Debug, Clone)]
struct End {
    tip: Tip,
    summary: Summary,
}

struct State {
    ledger: Arc<dyn Ledger>,
    patience: Patience,
    retained: watch::Sender<Retained>,
    ends: BTreeMap<RunKey, End>,
    /// The last try broke off, and it cannot be told whether it was stored.
    unsure: bool,
    /// Nothing more comes.
    closing: bool,
}

impl State {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Vec<Draft>>) -> usize {
        let mut batch: Vec<Draft> = Vec::new();
        let mut lost = 0;
        while let Some(part) = inbox.recv().await {
            let mut taken = 1;
            batch.extend(part);
            // What a store that says no has left behind is tried once with all that has come since, not once for each.
            while (batch.len() < MOST || self.has_given_in())
                && let Ok(part) = inbox.try_recv()
            {
                taken += 1;
                batch.extend(part);
            }
            self.closing = inbox.is_closed() && inbox.is_empty();
            match self.write(&batch).await {
                Ok(()) => batch.clear(),
                // Kept for the next try, as far as there is room.
                Err(Outcome::Later) => {
                    let over = batch.len().saturating_sub(HELD);
                    lost += over;
                    batch.drain(..over);
                }
                Err(Outcome::Never) => {
                    lost += batch.len();
                    batch.clear();
                }
            }
            self.retained.send_modify(|now| now.through += taken);
        }
        self.closing = true;
        if !batch.is_empty() && self.write(&batch).await.is_err() {
            lost += batch.len();
        }
        lost
    }

    /// Writes a batch; tries again while there is patience.
    async fn write(&mut self, batch: &[Draft]) -> Result<(), Outcome> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut additions = self.additions(batch);
        let mut pause = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        loop {
            match self.try_once(batch, &mut additions).await {
                Ok(Appended::Stored) => {
                    self.remember(additions);
                    return Ok(());
                }
                Ok(Appended::Conflict(_)) => continue,
                Err(error @ LedgerError::Newer { .. }) => {
                    self.complain(&error);
                    return Err(Outcome::Never);
                }
                Err(error) => {
                    self.unsure = true;
                    if waited >= self.patience_now() {
                        self.complain(&error);
                        return Err(Outcome::Later);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(self.patience.between);
        }
    }

    /// Writes once. Where somebody else has added to a chain, the additions go on from there at the next try.
    async fn try_once(
        &mut self,
        batch: &[Draft],
        additions: &mut Vec<Addition>,
    ) -> Result<Appended, LedgerError> {
        let Appended::Conflict(key) = self.ledger.append(additions).await? else {
            return Ok(Appended::Stored);
        };
        // Or we have ourselves, and were not told: a batch is stored whole or not at all.
        if self.unsure && self.is_stored(&key, additions).await? {
            return Ok(Appended::Stored);
        }
        let heads = self.ledger.heads(&Query::Run(key.run.clone())).await?;
        match heads.into_iter().find(|head| head.key == key) {
            Some(Head { tip, summary, .. }) => self.ends.insert(key.clone(), End { tip, summary }),
            None => self.ends.remove(&key),
        };
        *additions = self.additions(batch);
        Ok(Appended::Conflict(key))
    }

    fn has_given_in(&self) -> bool {
        self.retained.borrow().problem.is_some()
    }

    /// Who has given in once keeps nobody waiting again.
    fn patience_now(&self) -> Duration {
        match (self.has_given_in(), self.closing) {
            (false, _) => self.patience.before_giving_in,
            (true, true) => self.patience.at_the_end,
            (true, false) => Duration::ZERO,
        }
    }

    fn complain(&self, error: &LedgerError) {
        self.retained.send_modify(|now| {
            now.problem.get_or_insert_with(|| error.to_string());
        });
    }

    /// A batch by chain, sealed to where each ends as far as is known.
    fn additions(&mut self, batch: &[Draft]) -> Vec<Addition> {
        let mut chains: Vec<(&RunKey, Vec<&Draft>)> = Vec::new();
        let mut places: BTreeMap<&RunKey, usize> = BTreeMap::new();
        for draft in batch {
            let at = *places.entry(&draft.key).or_insert_with(|| {
                chains.push((&draft.key, Vec::new()));
                chains.len() - 1
            });
            if let Some((_, drafts)) = chains.get_mut(at) {
                drafts.push(draft);
            }
        }
        chains.into_iter().map(|(key, drafts)| self.addition(key, &drafts)).collect()
    }

    fn addition(&self, key: &RunKey, drafts: &[&Draft]) -> Addition {
        // A chain that is not known is taken for a new one; where it is not, the store says so.
        let end = self.ends.get(key).cloned();
        let End { tip: expected, mut summary } =
            end.unwrap_or_else(|| End { tip: Tip::start(key), summary: Summary::default() });
        drafts.iter().for_each(|draft| summary.apply_draft(draft));
        let (entries, tip) = seal(expected, drafts.iter().copied());
        Addition { key: key.clone(), expected, entries, tip, summary, prune_before: None }
    }

    fn remember(&mut self, additions: Vec<Addition>) {
        self.unsure = false;
        for Addition { key, tip, summary, .. } in additions {
            if summary.open_attempts().next().is_some() {
                self.ends.insert(key, End { tip, summary });
            } else {
                self.ends.remove(&key);
            }
        }
        if self.ends.len() > REMEMBERED {
            self.ends.clear();
        }
    }

    /// Whether all of an addition is in its chain.
    async fn is_stored(&self, key: &RunKey, additions: &[Addition]) -> Result<bool, LedgerError> {
        let Some(addition) = additions.iter().find(|addition| addition.key == *key) else {
            return Ok(false);
        };
        let Some(chain) = self.ledger.chain(key).await? else { return Ok(false) };
        Ok(addition.entries.iter().all(|entry| chain.entries.contains(entry)))
    }
}

enum Outcome {
    /// The store may come back.
    Later,
    /// It will never take them.
    Never,
}

#[cfg(test)]
mod tests;
