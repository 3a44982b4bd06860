//! The Stripe side of a run.

pub mod double;
pub mod upstream;
