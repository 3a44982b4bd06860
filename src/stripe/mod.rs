//! Stripe's words and wire formats; pure.

pub mod action;
pub mod body;
pub mod event;
pub mod mutation;
pub mod path;
pub mod signature;
pub mod template;
pub mod time;
