//! What every store of entries does: all of it in [`Ledger`], tested by one suite of contracts for each of them.

use async_trait::async_trait;
use sqlx::migrate::Migrator;

use super::chain::Tip;
use super::entry::{FORMAT, Format, RunKey, Stored};
use super::fold::Summary;

/// A store of chains.
#[async_trait]
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Adds entries to the ends of chains: all of them, or none where one chain does not end where it is expected to.
    ///
    /// # Errors
    /// Nothing was added, or it cannot be told whether it was: asking for the chain tells.
    async fn append(&self, additions: &[Addition]) -> Result<Appended, LedgerError>;

    /// One run with all its entries; `None` where there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn chain(&self, key: &RunKey) -> Result<Option<Chain>, LedgerError>;

    /// Runs without their entries.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn heads(&self, query: &Query) -> Result<Vec<Head>, LedgerError>;

    /// When each of these cases (project, environment, name) last passed, in milliseconds of Unix time; those that never
    /// did are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn last_passes(&self, cases: &[CaseName]) -> Result<Vec<(CaseName, i64)>, LedgerError>;

    /// The newest form in which anything was ever written here.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn format(&self) -> Result<Format, LedgerError>;

    /// The secret with which texts of persons are hashed here: equal ones stay comparable, within this ledger only. It
    /// is made with the ledger, never exported, and as safe as the ledger itself.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn redaction_key(&self) -> Result<Vec<u8>, LedgerError>;

    /// Lets go of it: who looks at its file then finds everything there. Nothing can be asked of it afterwards.
    async fn close(&self);

    /// Where it is, without secrets.
    fn place(&self) -> String;
}

/// Project, environment and name of a case.
pub type CaseName = (String, String, String);

/// Entries for the end of one chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Addition {
    /// Which chain.
    pub key: RunKey,
    /// Where it must end now.
    pub expected: Tip,
    /// The entries, sealed from there on.
    pub entries: Vec<Stored>,
    /// Where it ends then.
    pub tip: Tip,
    /// What the run then comes to.
    pub summary: Summary,
    /// Takes out the entries before this place: only with a checkpoint that stands there.
    pub prune_before: Option<u64>,
}

/// What came of an addition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// All of it is stored.
    Stored,
    /// Nothing is: somebody else has added to this chain.
    Conflict(RunKey),
}

/// A run, without its entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Which.
    pub key: RunKey,
    /// Where its chain ends.
    pub tip: Tip,
    /// What it comes to: kept beside the entries, and made anew of them by `paydrill ledger verify`.
    pub summary: Summary,
}

/// A run with its entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The run.
    pub head: Head,
    /// In order. They begin at 0, or with a checkpoint.
    pub entries: Vec<Stored>,
}

/// Which runs are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The newest, by when their last attempt began.
    Newest {
        /// At most so many.
        limit: u32,
    },
    /// Those with this id, in whatever project and environment.
    Run(String),
    /// Those that ever raised an incident.
    Damaged,
    /// Those with an attempt that has not ended.
    Open,
    /// All, in the order of their keys, after this one.
    After {
        /// `None`: from the first.
        key: Option<RunKey>,
        /// At most so many.
        limit: u32,
    },
}

/// Why a ledger could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A later Paydrill writes here.
    #[error(
        "write the ledger {place}: version {found} of its form was used there, and this paydrill writes {FORMAT}; \
         take the newer paydrill"
    )]
    Newer {
        /// Which.
        place: String,
        /// What was used.
        found: Format,
    },
    /// It is not there.
    #[error("read the ledger {place}: there is none")]
    Absent {
        /// Where it was looked for.
        place: String,
    },
    /// What is stored cannot be what was written.
    #[error("read the ledger {place}: {problem}")]
    Corrupt {
        /// Which.
        place: String,
        /// In a few words.
        problem: String,
    },
    /// The store said no.
    #[error("{act} the ledger {place}: {problem}")]
    Store {
        /// `read`, `write`, `open`.
        act: &'static str,
        /// Which.
        place: String,
        /// What it said.
        problem: String,
    },
}

/// Whether this version may add to a ledger in which `found` was the newest form.
///
/// # Errors
/// A later version writes there, and what it means by its entries could be lost.
pub(super) fn may_write(found: Format, place: &str) -> Result<(), LedgerError> {
    if found > FORMAT { Err(LedgerError::Newer { place: place.to_owned(), found }) } else { Ok(()) }
}

/// What a database said no with.
pub(super) fn failed(act: &'static str, place: &str, error: &dyn std::error::Error) -> LedgerError {
    LedgerError::Store { act, place: place.to_owned(), problem: error.to_string() }
}

/// The migrations of this version. A later version's are none of ours: its entries can be read.
pub(super) fn ours(migrations: &Migrator) -> Migrator {
    let mut ours = Migrator { ..Migrator::DEFAULT };
    ours.migrations = migrations.migrations.clone();
    ours.set_ignore_missing(true);
    ours
}
