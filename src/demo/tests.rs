//! The app over HTTP, with a stand-in for Stripe behind it.

mod bugs;
mod rig;
mod right;
