//! The shipped scenarios on the demo app, exactly as a project of one's own would run its own: one test a file.
#![cfg(feature = "demo")]

use std::path::PathBuf;

#[rstest::rstest]
fn customers_get_what_they_pay_for(
    #[files("scenarios/**/*.toml")]
    #[exclude("paydrill.toml")]
    path: PathBuf,
) {
    paydrill::testing::scenario(path).program("paydrill", env!("CARGO_BIN_EXE_paydrill")).check();
}
