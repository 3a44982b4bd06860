//! The record of runs that lasts: append-only, one chain of entries per run.
//!
//! ```text
//! RunEvent ─record→ drafts ─writer→ sealed entries ─Ledger→ memory, SQLite or PostgreSQL
//! entries of a run ─fold→ Run; summaries of all runs ─fold→ incidents
//! ```
//!
//! Everything but the three stores and the writer is pure. What is promised:
//!
//! - An act on the outside happens after its intent is stored (invariant 3), so that no delivery is without an entry.
//! - What was stored survives the end of this process at any moment, `kill -9` included. SQLite writes without waiting
//!   for the disk (`synchronous = NORMAL`, WAL): where the machine itself loses power, the last moments may be lost, the
//!   rest stays whole. PostgreSQL promises what its server is set to.
//! - Where the ledger cannot be written the run goes on, and every report says so.

pub mod chain;
pub mod entry;
pub mod executor;
pub mod fold;
pub mod incident;
pub mod kind;
pub mod memory;
pub mod policy;
pub mod postgres;
pub mod prune;
pub mod record;
pub mod rerun;
pub mod sqlite;
mod store;
pub mod writer;

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod sample;

pub use chain::{Digest, Flaw, Hash, Tip};
pub use entry::{Draft, Entry, FORMAT, Format, RunKey, Stored};
pub use memory::MemoryLedger;
pub use policy::Policy;
pub use postgres::PostgresLedger;
pub use record::{Recorder, Setup};
pub use sqlite::SqliteLedger;
pub use store::{Addition, Appended, CaseName, Chain, Head, Ledger, LedgerError, Query};
pub use writer::{Patience, Writer};
