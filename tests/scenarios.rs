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

/// Who reads one learns what was promised, who is asked about it, what to do, and where it went wrong before.
#[rstest::rstest]
fn each_says_what_it_is_for(
    #[files("scenarios/**/*.toml")]
    #[exclude("paydrill.toml")]
    path: PathBuf,
) {
    let scenario: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    for key in ["promise", "owner", "runbook", "source"] {
        let said = scenario.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        assert!(!said.trim().is_empty(), "no `{key}`");
    }
    assert!(scenario.get("tags").and_then(toml::Value::as_array).is_some_and(|tags| !tags.is_empty()));
}
