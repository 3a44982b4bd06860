//! Stripe's own things, pure: what can happen there, and the shapes of its objects.

pub mod action;
pub mod object;
