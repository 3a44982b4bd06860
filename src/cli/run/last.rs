//! Which cases did not pass when they last ran, for `--last-failed`.
//!
//! A run changes what is said of the cases that it selected and of no other, so shards and parts of a project add up.
//! One that was selected and did not come to its end, because the run was stopped, has not passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::CasePlan;
use crate::run_event::{RunEvent, RunEventKind, Verdict};

/// Below the project: what Paydrill keeps of its runs. Nothing in it belongs into a repository.
const FOLDER: &str = ".paydrill";
const FILE: &str = "last-run.json";
const VERSION: u32 = 1;

/// The cases that did not pass when they last ran.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct LastRun {
    version: u32,
    /// By environment; one that has run and is here with no name has nothing that failed.
    not_passed: BTreeMap<String, BTreeSet<String>>,
}

impl LastRun {
    /// Reads it; one that is not there, or of a version that is not known, says nothing.
    pub(super) fn read(root: &Path) -> Self {
        let text = fs::read(root.join(FOLDER).join(FILE)).unwrap_or_default();
        let read: Self = serde_json::from_slice(&text).unwrap_or_default();
        if read.version == VERSION { read } else { Self::default() }
    }

    /// The names of the cases of an environment that did not pass; `None`: nothing is known of it.
    pub(super) fn of(&self, environment: &str) -> Option<&BTreeSet<String>> {
        self.not_passed.get(environment)
    }

    /// What is said after a run: `selected` ran, and of them `passed` passed.
    fn after<'a>(
        &mut self,
        environment: &str,
        selected: impl Iterator<Item = &'a str>,
        passed: &BTreeSet<String>,
    ) {
        self.version = VERSION;
        let said = self.not_passed.entry(environment.to_owned()).or_default();
        for name in selected {
            if passed.contains(name) {
                said.remove(name);
            } else {
                said.insert(name.to_owned());
            }
        }
    }
}

/// What is said before a run of some cases of which these are known not to have passed.
pub(super) fn announce(known: Option<&BTreeSet<String>>, cases: &[CasePlan]) -> String {
    let count = cases.len();
    let all = if count == 1 { "the case runs".to_owned() } else { format!("all {count} cases run") };
    match known {
        None => format!("--last-failed: no run of this environment is on record, so {all}\n"),
        Some(known) if cases.iter().any(|case| !known.contains(&case.name)) => {
            format!("--last-failed: none of the selected cases is on record as failed, so {all}\n")
        }
        Some(_) => match count {
            1 => "--last-failed: the 1 case that did not pass\n".to_owned(),
            count => format!("--last-failed: the {count} cases that did not pass\n"),
        },
    }
}

/// Keeps what a run tells.
#[derive(Debug)]
pub(super) struct Recorder {
    root: PathBuf,
    environment: String,
    selected: Vec<String>,
    passed: BTreeSet<String>,
}

impl Recorder {
    pub(super) fn new(root: &Path, environment: &str, cases: &[CasePlan]) -> Self {
        Self {
            root: root.to_owned(),
            environment: environment.to_owned(),
            selected: cases.iter().map(|case| case.name.clone()).collect(),
            passed: BTreeSet::new(),
        }
    }

    /// Hears of a case's end. One that passes only on a retry is flaky, and has not passed.
    pub(super) fn event(&mut self, event: &RunEvent) {
        if let RunEventKind::CaseFinished { record, .. } = &event.kind
            && matches!(record.verdict, Verdict::Passed | Verdict::Skipped)
            && !record.flaky
        {
            self.passed.insert(record.name.clone());
        }
    }

    /// Adds it to what is kept.
    pub(super) fn write(self) -> io::Result<()> {
        let folder = self.root.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n")?;
        }
        // Another shard may be at the same point.
        let lock = File::create(folder.join("last-run.lock"))?;
        lock.lock()?;
        let mut last = LastRun::read(&self.root);
        last.after(&self.environment, self.selected.iter().map(String::as_str), &self.passed);
        let new = folder.join("last-run.new");
        fs::write(&new, serde_json::to_vec_pretty(&last)?)?;
        fs::rename(new, folder.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[rstest]
    #[case::first_run(&[], &["a", "b"], &["a"], &["b"])]
    #[case::repaired(&["b"], &["b"], &["b"], &[])]
    #[case::others_stay(&["b", "z"], &["a", "b"], &["b"], &["a", "z"])]
    #[case::stopped(&[], &["a", "b"], &[], &["a", "b"])]
    fn a_run_changes_what_is_said_of_its_own_cases(
        #[case] before: &[&str],
        #[case] selected: &[&str],
        #[case] passed: &[&str],
        #[case] expected: &[&str],
    ) {
        let mut last = LastRun { version: 1, not_passed: BTreeMap::from([("ci".to_owned(), set(before))]) };
        last.after("ci", selected.iter().copied(), &set(passed));
        assert_eq!(last.of("ci"), Some(&set(expected)));
        assert_eq!(last.of("staging"), None);
    }

    fn recorder(root: &Path, selected: &[&str], passed: &[&str]) -> Recorder {
        Recorder {
            root: root.to_owned(),
            environment: "ci".to_owned(),
            selected: set(selected).into_iter().collect(),
            passed: set(passed),
        }
    }

    #[test]
    fn shards_add_up_in_a_file_that_git_ignores() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(LastRun::read(root.path()), LastRun::default());
        std::thread::scope(|scope| {
            for shard in ["a", "b", "c", "d"] {
                let recorder = recorder(root.path(), &[shard, "fine"], &["fine"]);
                scope.spawn(move || recorder.write().unwrap());
            }
        });
        assert_eq!(LastRun::read(root.path()).of("ci"), Some(&set(&["a", "b", "c", "d"])));
        assert_eq!(fs::read_to_string(root.path().join(".paydrill/.gitignore")).unwrap(), "*\n");
    }

    #[rstest]
    #[case("nonsense")]
    #[case(r#"{"version":2,"not_passed":{"ci":["a"]}}"#)]
    fn what_is_not_understood_says_nothing(#[case] text: &str) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(FOLDER)).unwrap();
        fs::write(root.path().join(FOLDER).join(FILE), text).unwrap();
        assert_eq!(LastRun::read(root.path()).of("ci"), None);
        recorder(root.path(), &["b"], &[]).write().unwrap();
        assert_eq!(LastRun::read(root.path()).of("ci"), Some(&set(&["b"])));
    }
}
