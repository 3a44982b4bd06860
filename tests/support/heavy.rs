//! Heavy tests: what needs a package registry, Docker, a database or a browser runs only where it is asked for.
//!
//! `PAYDRILL_TEST=oracle,docker cargo test` asks for two kinds; `.ci/run` asks for all. Include this file with
//! `#[path = "../support/heavy.rs"] mod heavy;` and begin each heavy test with
//! `if !heavy::asked("oracle") { return; }`.

use std::io::Write;

/// Whether `PAYDRILL_TEST` asks for this kind of heavy test. Where it does not, says on standard error which
/// test is left out: the test then passes without having looked at anything.
pub(crate) fn asked(kind: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a test's own switch, which nothing else reads")]
    let asked = std::env::var("PAYDRILL_TEST").unwrap_or_default();
    let yes = names(&asked, kind);
    if !yes {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not `eprintln!`: of a test that passes, nothing printed so would be seen.
        let _ = writeln!(std::io::stderr(), "skipped {test}: PAYDRILL_TEST={kind} asks for it");
    }
    yes
}

fn names(asked: &str, kind: &str) -> bool {
    asked.split(',').any(|word| word.trim() == kind)
}

#[test]
fn only_whole_words_ask() {
    assert!(names("docker, oracle", "oracle"));
    assert!(!names("", "oracle"));
    assert!(!names("oracles", "oracle"));
}
