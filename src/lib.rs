//! Paydrill proves that a Stripe webhook gave the customer what they paid for.

pub mod id;
pub mod run_event;
pub mod secret;
pub mod span;
pub mod template;
pub mod time;

pub mod cli;
pub mod deliver;
#[cfg(feature = "demo")]
pub mod demo;
pub mod engine;
pub mod incident;
pub mod judge;
pub mod probe;
pub mod project;
pub mod provider;
pub mod report;
pub mod scenario;
pub mod stripe;
pub mod target;
pub mod testing;
