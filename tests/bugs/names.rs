//! A bug's name means nothing: under any other name the app does the same, and the harness knows none of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use paydrill::demo::Bug;
use paydrill::run_event::Verdict;
use paydrill::testing::scenario;

use super::{VARIABLE, worst_by_scenario};

/// The verdicts of a folder's stories on the app that is told its bug so.
fn verdicts(folder: &str, told: &str) -> BTreeMap<String, Verdict> {
    let stories = scenario(folder).program("paydrill", env!("CARGO_BIN_EXE_paydrill"));
    worst_by_scenario(&stories.target_env(VARIABLE, told).run().verdicts)
}

/// The app takes a bug by its number as well, which says nothing of what it does.
#[rstest::rstest]
#[case("scenarios/duplicates", Bug::DupMemoryOnly)]
#[case("scenarios/identity", Bug::IdMultiSubClobber)]
#[case("scenarios/mapping", Bug::MapPastdueRevokesAtOnce)]
#[case("scenarios/order", Bug::OrderStaleUpdateWins)]
#[case("scenarios/transport", Bug::NetTimestamp)]
fn under_another_name_the_verdicts_are_the_same(#[case] folder: &str, #[case] bug: Bug) {
    let named = verdicts(folder, bug.name());
    assert!(named.values().any(|verdict| *verdict == Verdict::Failed), "{named:?}");
    assert_eq!(verdicts(folder, &bug.number().to_string()), named);
}

/// Only the app and the table of its bugs know their names.
#[test]
fn the_harness_knows_no_bug() {
    let sources = rust_files(Path::new("src"));
    assert!(sources.len() > 300, "{}", sources.len());
    let of_harness = |file: &&PathBuf| !file.starts_with("src/demo") && !file.ends_with("tests.rs");
    for file in sources.iter().filter(of_harness) {
        let text = std::fs::read_to_string(file).unwrap();
        // What is compiled for tests alone may name a story, and some stories have the name of a failure mode.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let known = Bug::ALL.iter().find(|bug| text.contains(bug.name()));
        assert_eq!(known, None, "{}", file.display());
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}
