//! `paydrill.toml`: what is for sale, how the app is reached, what can be done and read in it.

pub mod model;
