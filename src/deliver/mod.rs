//! Deliveries: which events go where and how, how one attempt of them is made, and when Stripe would try again.
//!
//! [`plan`], [`change`], [`attempt`] and [`retry`] are pure; only [`http`] touches the network. Nothing here
//! judges: a refused or unanswered attempt is an outcome, not an error.

pub mod plan;

pub mod change;

pub mod attempt;

pub mod retry;

pub mod http;
