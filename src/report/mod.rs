//! What a run tells: bytes out of run events.
//!
//! Every reporter is a pure function of the [`RunEvent`] stream; the caller decides where its bytes go and
//! whether the terminal, `NO_COLOR` or GitHub wish it otherwise. Only [`progress`] draws on its own.

pub mod gather;
pub mod summary;

pub mod console;
pub mod github;
pub mod junit;
pub mod markdown;
pub mod ndjson;
pub mod progress;

#[cfg(test)]
mod sample;

pub use console::{Console, ConsoleSettings};
pub use gather::{Gathered, Handoff, Status};
pub use github::Annotations;
pub use junit::Junit;
pub use markdown::JobSummary;
pub use ndjson::Ndjson;
pub use progress::Progress;
pub use summary::Outcome;

use crate::run_event::RunEvent;

/// Turns run events into bytes, in the order in which they come.
pub trait Reporter {
    /// What is to be written now; often nothing. A report that needs the whole run gives everything at
    /// [`crate::run_event::RunEventKind::RunFinished`].
    fn event(&mut self, event: &RunEvent) -> Vec<u8>;
}
