//! Stripe's words and wire formats; pure.

pub mod action;
