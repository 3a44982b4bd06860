//! `paydrill.toml`: what is for sale, how the app is reached, what can be done and read in it.

pub mod init;
pub mod model;

mod supported;
pub(crate) mod validate;

pub(crate) mod document;

pub(crate) use supported::refusal;
pub use supported::refuse_unsupported;
pub use validate::parse_project;
