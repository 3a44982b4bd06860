//! What a run tells: bytes out of run events.
//!
//! What is told while a run goes on is a pure function of the [`RunEvent`] stream (a [`Reporter`]). What is told at its
//! end is a pure function of one value, the report (`model`): HTML, Markdown and JUnit are made of it, now or later from
//! its JSON. The caller decides where bytes go and whether the terminal, `NO_COLOR` or GitHub wish it otherwise. Only
//! [`progress`] draws on its own.

pub mod gather;
pub(crate) mod model;
pub(crate) mod schema;
pub mod summary;

pub mod console;
pub mod github;
pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod markdown;
pub mod ndjson;
pub mod progress;

#[cfg(test)]
mod sample;

pub use console::{Console, ConsoleSettings};
pub use gather::{Gathered, Handoff, Status};
pub use github::Annotations;
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
