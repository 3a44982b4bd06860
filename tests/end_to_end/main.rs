//! The `paydrill` program with a real app under test: what it does with bad input, and how a run ends.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

#[path = "../support/heavy.rs"]
mod heavy;
#[cfg(all(feature = "container", feature = "demo"))]
#[path = "../support/image.rs"]
mod image;
#[cfg(feature = "sql")]
#[path = "../support/postgres.rs"]
mod postgres_server;
#[path = "../support/stripe_mock.rs"]
mod stripe_mock;
mod support;

mod bad_input;
mod beside;
#[cfg(feature = "sql")]
mod books;
mod captured;
mod clock;
#[cfg(all(feature = "container", feature = "demo"))]
mod container;
mod docker_files;
mod kill;
#[cfg(feature = "ledger")]
mod ledger;
mod lifecycle;
mod machine;
mod matrix;
mod notify;
mod outside;
#[cfg(feature = "page")]
mod page;
#[cfg(feature = "sql")]
mod postgres;
#[cfg(feature = "demo")]
mod recipes;
#[cfg(feature = "page")]
mod report_page;
mod reports;
mod verdicts;
#[cfg(feature = "ledger")]
mod witness;
