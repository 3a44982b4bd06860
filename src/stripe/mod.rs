//! Stripe's words and wire formats: what can happen there, and the shapes of its objects; pure.

pub mod action;
pub mod body;
pub mod delivery;
pub mod event;
pub mod mutation;
pub mod object;
pub mod path;
pub mod refusal;
pub(crate) mod sample;
pub mod signature;
pub mod template;
pub mod thin;
pub mod time;
pub mod version;
