//! A writer and stores that say no.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::ledger::chain::flaws;
use crate::ledger::entry::{Entry, Format};
use crate::ledger::memory::MemoryLedger;
use crate::ledger::store::{CaseName, Chain};
use crate::ledger::{kind, sample};

/// What goes wrong with an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing is stored.
    Refused,
    /// It is stored, and the answer is lost.
    AnswerLost,
}

/// A store that fails its first appends.
#[derive(Debug)]
struct Faulty {
    inner: MemoryLedger,
    fault: Fault,
    left: AtomicU32,
}

impl Faulty {
    fn new(fault: Fault, times: u32) -> Arc<Self> {
        Arc::new(Self { inner: MemoryLedger::new(vec![7; 32]), fault, left: AtomicU32::new(times) })
    }
}

#[async_trait]
impl Ledger for Faulty {
    async fn append(&self, additions: &[Addition]) -> Result<Appended, LedgerError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            return self.inner.append(additions).await;
        }
        if self.fault == Fault::AnswerLost {
            self.inner.append(additions).await?;
        }
        let problem = "the connection broke".to_owned();
        Err(LedgerError::Store { act: "write", place: self.place(), problem })
    }

    async fn chain(&self, key: &RunKey) -> Result<Option<Chain>, LedgerError> {
        self.inner.chain(key).await
    }

    async fn heads(&self, query: &Query) -> Result<Vec<Head>, LedgerError> {
        self.inner.heads(query).await
    }

    async fn last_passes(&self, cases: &[CaseName]) -> Result<Vec<(CaseName, i64)>, LedgerError> {
        self.inner.last_passes(cases).await
    }

    async fn format(&self) -> Result<Format, LedgerError> {
        self.inner.format().await
    }

    async fn redaction_key(&self) -> Result<Vec<u8>, LedgerError> {
        self.inner.redaction_key().await
    }

    async fn close(&self) {}

    fn place(&self) -> String {
        "x".to_owned()
    }
}

const QUICK: Patience = Patience {
    before_giving_in: Duration::from_millis(200),
    between: Duration::from_millis(5),
    at_the_end: Duration::from_millis(200),
};

fn noted(run: &str, why: u32) -> Draft {
    sample::draft(run, kind::NOTED, json!({ "why": why.to_string() }))
}

async fn said(ledger: &dyn Ledger, run: &str) -> Vec<String> {
    let Some(chain) = ledger.chain(&sample::key(run)).await.unwrap() else { return Vec::new() };
    assert_eq!(flaws(&chain.head.key, &chain.entries, chain.head.tip), []);
    let read = chain.entries.iter().map(|stored| Entry::read(&stored.bytes).unwrap());
    read.map(|entry| entry.body["why"].as_str().unwrap().to_owned()).collect()
}

/// Whatever the store does, an entry is there once, and in its place.
#[rstest]
#[case(Fault::Refused)]
#[case(Fault::AnswerLost)]
#[tokio::test]
async fn what_broke_off_is_written_once(#[case] fault: Fault) {
    let ledger = Faulty::new(fault, 3);
    let writer = Writer::start(ledger.clone(), QUICK);
    let retained = writer.retained();
    for n in 0..20 {
        writer.take(vec![noted("evt_1", n), noted("evt_2", n)]);
    }
    assert_eq!(writer.finish().await, 0);
    for run in ["evt_1", "evt_2"] {
        assert_eq!(said(&*ledger, run).await, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(*retained.borrow(), Retained { through: 20, problem: None });
}

/// An act that waits for its intent is let go when the store is given up, and told why; what was held is written when
/// the store comes back.
#[tokio::test]
async fn a_store_that_says_no_for_long_is_given_up_and_caught_up_with() {
    let ledger = Faulty::new(Fault::Refused, 1_000);
    let writer = Writer::start(ledger.clone(), QUICK);
    let mut retained = writer.retained();
    writer.take(vec![noted("evt_1", 0)]);
    let now = retained.wait_for(|now| now.problem.is_some()).await.unwrap().clone();
    assert_eq!(now.problem.as_deref(), Some("write the ledger x: the connection broke"));
    ledger.left.store(0, Ordering::SeqCst);
    writer.take(vec![noted("evt_1", 1)]);
    assert_eq!(writer.finish().await, 0);
    assert_eq!(said(&*ledger, "evt_1").await, ["0", "1"]);
}

#[tokio::test]
async fn what_could_not_be_written_is_counted() {
    let ledger = Faulty::new(Fault::Refused, u32::MAX);
    let writer = Writer::start(ledger.clone(), QUICK);
    writer.take(vec![noted("evt_1", 0)]);
    writer.take(vec![noted("evt_1", 1)]);
    assert_eq!(writer.finish().await, 2);
}

#[tokio::test]
async fn a_newer_ledger_is_left_alone_at_once() {
    let newer = Format { major: 1, minor: 9 };
    let writer = Writer::start(Arc::new(MemoryLedger::of_format(newer)), Patience::default());
    let mut retained = writer.retained();
    writer.take(vec![noted("evt_1", 0)]);
    let now = retained.wait_for(|now| now.problem.is_some()).await.unwrap().clone();
    assert!(now.problem.unwrap().contains("take the newer paydrill"));
    assert_eq!(writer.finish().await, 1);
}

/// Two processes on the same runs: each goes on from where the other has been.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_of_one_run_chain_on() {
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(vec![7; 32]));
    let write = |from: u32| {
        let ledger = Arc::clone(&ledger);
        async move {
            let writer = Writer::start(ledger, QUICK);
            for n in from..from + 100 {
                writer.take(vec![noted("evt_1", n)]);
                tokio::task::yield_now().await;
            }
            writer.finish().await
        }
    };
    let (one, other) = tokio::join!(tokio::spawn(write(0)), tokio::spawn(write(100)));
    assert_eq!((one.unwrap(), other.unwrap()), (0, 0));
    let said = said(&*ledger, "evt_1").await;
    let mut numbers: Vec<u32> = said.iter().map(|why| why.parse().unwrap()).collect();
    let (low, high): (Vec<u32>, Vec<u32>) = numbers.iter().partition(|n| **n < 100);
    assert!(low.is_sorted() && high.is_sorted(), "each writer's own order stays");
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    let head = ledger.heads(&Query::Run("evt_1".to_owned())).await.unwrap().remove(0);
    assert_eq!(head.summary.acts.len(), 100, "what is kept of them is bounded");
}
