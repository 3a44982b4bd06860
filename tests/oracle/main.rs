//! Other people's programs as judges of the double: what Stripe's own clients accept and understand.
//!
//! | module | judge | comes from |
//! |---|---|---|
//! | `cli` | the official command line | npm `@stripe/cli` |
//! | `sdk` | apps written with the official packages | npm `stripe`, PyPI `stripe`: the newest and one of 2024 |
//! | `mock` | stripe-mock, or what stands in for it, of our client | image `stripe/stripe-mock`, `examples/like_stripe_mock` |
//! | `shapes` | the shapes that Stripe publishes | the declarations in npm `stripe`, twelve releases |
//!
//! They run when `PAYDRILL_TEST` asks for `oracle`, and install what they need from a package registry into the
//! target folder, once. All traffic of the tests themselves stays on 127.0.0.1.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests too")]

#[path = "../support/heavy.rs"]
mod heavy;
#[expect(dead_code, reason = "apps in containers need more of it")]
#[path = "../support/image.rs"]
mod image;
#[path = "../support/stripe_mock.rs"]
mod stripe_mock;

mod api;
mod install;
mod receiver;

mod cli;
mod mock;
mod sdk;
mod shapes;
