//! The command line: what is typed, what is printed, how it ends. The cases are the files in `tests/cli`.
//!
//! `TRYCMD=overwrite cargo test --test cli` writes what is printed now; `git diff` then shows what changed.

#[test]
fn commands_print_what_their_cases_say() {
    trycmd::TestCases::new().env("COLUMNS", "100").env("NO_COLOR", "1").case("tests/cli/*.md");
}
