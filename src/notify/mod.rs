//! Tells people of incidents: Slack, PagerDuty, a signed webhook, mail, standard output.
//!
//! A [`Notice`] is one change of one incident: opened, updated, acknowledged, resolved. What each notifier makes of it is
//! a pure function (its exact payload is a snapshot in its tests); sending is thin, tried again with back-off, and ends
//! in a [`Receipt`] that the caller keeps. Who decides which changes there are does not matter here: a run opens each of
//! its incidents, a ledger will know more.
//!
//! A notifier that fails hides nothing: [`tell`] has no error, only receipts that say so. Addresses of hooks are
//! secrets, so no error has one in it.

mod clamp;
mod hook;
mod notice;
mod send;

pub mod mail;
pub mod pagerduty;
pub mod slack;
pub mod stdout;
pub mod webhook;

#[cfg(test)]
pub(crate) mod sample;

use std::time::Duration;

use async_trait::async_trait;

pub use hook::{Hook, HookError};
pub use notice::{Change, Notice, Purpose, Subject};
pub use send::{Channel, Filter, Pause, Policy, Receipt, Told, real_time, tell};

/// Somebody who can be told.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// `slack`, `pagerduty`.
    fn kind(&self) -> &'static str;

    /// Tells of one change, once.
    ///
    /// # Errors
    /// It was not taken, or that is not known.
    async fn send(&self, notice: &Notice) -> Result<(), SendError>;
}

/// Why a message was not taken. Without addresses, which are secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct SendError {
    /// In words that follow "failed to".
    pub problem: String,
    /// Whether to try again.
    pub again: Again,
}

/// Whether a message is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It would be refused again.
    No,
    /// After the usual pause.
    Yes,
    /// Not before this has passed: `Retry-After`.
    After(Duration),
}
