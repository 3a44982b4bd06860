//! Judging: what a scenario demands, against what was read. Pure.
//!
//! The caller takes readings and tells the time; a [`track::Track`] says when an expectation is settled, and how.
//! A wrong outcome is a value here, never an error, and a reading that could not be taken never makes one.
//! Readings are given in Stripe's words and instants: [`instant::normalise`] first.

pub mod delivery;
pub mod instant;
pub mod matcher;
pub mod poll;
pub mod track;
pub mod truth;

mod condition;
mod explain;
mod words;

pub use condition::{Before, Condition};
pub use matcher::{MatcherError, Matchers};
pub use track::{Hold, Progress, Rules, Start, Subject, Track};
