//! Paydrill proves that a Stripe webhook gave the customer what they paid for.
//!
//! A webhook that was answered 200 reached a handler. Whether the customer can use what they bought is another
//! question, and the only one that matters. A scenario file says what happened at Stripe and what the customer must
//! then see; Paydrill starts the app beside a Stripe double, delivers the signed events, and reads what the app grants
//! until every promise has come true or its time is over.
//!
//! # The story in one page
//!
//! ```text
//! scenario file ─parse→ document ─validate→ Scenario ─plan→ CasePlan        all problems at once, each where it stands
//! engine: one dispatcher owns every case; a case is a pure machine: what happened → what to do next
//!   arrange → [baseline] → Stripe → requests → deliver and retry → judge → next step → record
//! RunEvent stream, in one order, secrets masked → ledger → console, NDJSON, JUnit, GitHub → incident
//! ```
//!
//! | module | decides |
//! |---|---|
//! | [`scenario`], [`project`] | what the user wrote, and what is wrong with it |
//! | [`stripe`] | events, signatures, mutations, actions: Stripe's words; pure |
//! | [`provider`] | the Stripe side: a stateful double behind HTTP and actions, and a stripe-mock beside it |
//! | [`target`] | how the app comes up, and that it always ends |
//! | [`deliver`] | what is sent, in which order, and when Stripe would try again |
//! | [`probe`] | what the customer has now |
//! | [`outside`] | what left the app: its mail, and its calls to third parties |
//! | [`judge`] | whether that is what was promised; pure |
//! | [`engine`] | the order of it all |
//! | [`run_event`] | everything that happened, as one stream |
//! | [`report`], [`incident`] | who is told, and what they should do; pure |
//! | [`doctor`] | what an environment needs of this machine, and whether it is there |
//! | `ledger` | what is retained of every run, chained so that a change shows |
//! | [`notify`] | that people hear of incidents, and whether it arrived |
//! | [`testing`] | scenarios as tests of your own `cargo test` |
//!
//! # Invariants
//!
//! 1. A wrong outcome is a verdict, never an `Err`; `Err` means that it could not be told
//!    (`tests/bugs.rs`, `tests/bad_input.rs`).
//! 2. One dispatcher orders everything and alone emits run events (`tests/layering.rs`, `engine/case/tests.rs`).
//! 3. Every act on the outside is told before it happens, and waits until that stands in the ledger; where nothing can be
//!    written the run goes on, and every report says so (`engine/gate.rs`, `tests/end_to_end/ledger.rs`).
//! 4. Nothing is sent to a live environment: the only provider is the double, and a target that already runs is
//!    reached under the URL that the project names.
//! 5. A secret never reaches a sink unredacted; redaction stands before the first sink (`tests/incident.rs`).
//! 6. Stored and exported formats have a version and structs of their own (`ledger::entry`, `report::ndjson`,
//!    `report::model`, `incident::render::json`, `notify::webhook`).
//! 7. The double never guesses: a route is modelled, stored, or refused by name with 501, and a refusal makes the case
//!    errored (`tests/bad_input.rs`); what is passed to a stripe-mock instead is told so (`tests/end_to_end/beside.rs`).
//! 8. The app is stopped with its whole process group however the run ends, `kill -9` of Paydrill included
//!    (`tests/target.rs`, `tests/lifecycle.rs`).
//! 9. The demo app shares no code with the harness (`tests/layering.rs`): a shared mistake would be invisible.

pub mod id;
mod pattern;
pub mod run_event;
pub mod secret;
pub mod span;
pub mod template;
pub mod time;

pub mod cli;
pub mod deliver;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod engine;
pub mod incident;
pub mod judge;
#[cfg(feature = "ledger")]
pub mod ledger;
pub mod notify;
pub mod outside;
pub mod probe;
pub mod project;
pub mod provider;
pub mod report;
pub mod scenario;
pub mod stripe;
pub mod target;
pub mod testing;
