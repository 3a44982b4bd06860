//! A wrong outcome, told so that a person can act on it without opening a second tool.
//!
//! [`derive()`] makes an [`Incident`] of a case that failed or could not be judged; everything in it, the
//! guidance too, follows from what was observed. [`render`] gives it as text, Markdown or JSON; [`stable`]
//! takes out of it what differs from run to run, for snapshots. All of it is pure.

pub mod model;

pub mod derive;
mod findings;
pub mod fingerprint;
mod forgery;
pub mod guidance;
pub mod idempotency;
pub mod kind;
pub mod redact;
pub mod render;
pub mod rerun;
pub mod severity;

pub(crate) mod scan;
pub(crate) mod text;
pub(crate) mod wire;

#[cfg(test)]
pub(crate) mod sample;

pub use derive::{EventOrigin, IncidentContext, derive};
pub use idempotency::{Evidence, Idempotency};
pub use kind::IncidentKind;
pub use model::Incident;
pub use redact::stable;
pub use severity::Severity;
