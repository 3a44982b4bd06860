//! Runs cases: one dispatcher owns the state of every case and alone emits run events.
//!
//! A case is a pure machine: its `step` takes what happened and says what to do
//! next. The driver does it and reports back. So every order of answers, timers and interruptions can be put to a
//! case in a table test, and nothing in it waits, reads a clock or opens a socket.

mod app;
mod app_log;
mod beside;
mod browser;
mod cancel;
pub(crate) mod case;
#[cfg(feature = "container")]
mod containers;
mod dispatcher;
mod driver;
mod dry_run;
mod gate;
#[cfg(not(feature = "container"))]
mod no_containers;
mod outside;
mod plan;
mod processes;
mod redact;
mod scene;
mod selection;
mod session;
mod stage;
mod stripe_mock;

#[cfg(not(feature = "container"))]
use no_containers as containers;

pub use cancel::Cancel;
pub use dispatcher::{RunSummary, Sink};
pub use dry_run::dry_run;
pub use plan::{CasePlan, Picked, RunOptions, RunPlan, Selection, cases};
pub use scene::Variables;
pub use session::{Ports, SessionError, run};
pub(crate) use stage::catalog;
