//! The workflows that `paydrill init` writes, executed: every line that they would run on GitHub and GitLab, in a
//! project as `init` makes it, with an app that has its routes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Ran, search_path};

/// An app with the four routes that `init` assumes: the demo's. `BUG` names one of its mistakes.
const SERVER: &str = r#"#!/bin/sh
data=${DATABASE_URL#sqlite://}
DATA_DIR=${data%/app.db}
export DATA_DIR
exec paydrill demo-app ${BUG:+--bug "$BUG"}
"#;

/// A new project that says `--ci`, and the workflow in it.
fn project(ci: &str, workflow: &str) -> (tempfile::TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    let folder_path = folder.path();
    shell(folder_path, &format!("paydrill init --ci {ci}"), &BTreeMap::new()).code(0);
    let server = folder_path.join("server");
    fs::write(&server, SERVER).unwrap();
    fs::set_permissions(server, fs::Permissions::from_mode(0o755)).unwrap();
    let text = fs::read_to_string(folder_path.join(workflow)).unwrap();
    let workflow = serde_saphyr::from_str(&text).unwrap();
    (folder, workflow)
}

/// Runs a step as a runner does: in a shell that ends at the first failure.
fn shell(folder: &Path, script: &str, env: &BTreeMap<&str, String>) -> Ran {
    let program = Path::new(env!("CARGO_BIN_EXE_paydrill"));
    let path = format!("{}:{}", program.parent().unwrap().display(), search_path());
    let mut bash = Command::new("bash");
    bash.args(["-e", "-o", "pipefail", "-c", script]).current_dir(folder).env_clear();
    bash.env("PATH", path).env("HOME", folder).envs(env);
    Ran::from(bash.output().unwrap())
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The cases that a run has told of, by its report.
fn cases(folder: &Path) -> Vec<String> {
    let report = fs::read_to_string(folder.join("paydrill.xml")).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&report).unwrap();
    let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let mut names: Vec<String> = cases.map(|case| case.name.to_string()).collect();
    names.sort();
    names
}

const FORGED: [&str; 4] = [
    "forged-events[signature=empty_secret]",
    "forged-events[signature=missing]",
    "forged-events[signature=other_secret]",
    "forged-events[signature=tampered]",
];

/// All parts run, once with an app that takes forged events and again with the right one; `part` runs one of them to
/// its end. Gives which cases were run the first time, and the second.
fn twice(parts: usize, folder: &Path, part: impl Fn(usize, &str) -> Ran) -> (Vec<String>, Vec<String>) {
    let all = |bug: &str, code: i32| {
        let mut all = Vec::new();
        for number in 1..=parts {
            part(number, bug).code(code);
            all.extend(cases(folder));
        }
        all.sort();
        all
    };
    (all("net-signature-unchecked", 1), all("", 0))
}

#[test]
fn the_workflow_for_github_runs() {
    let (folder, workflow) = project("github", ".github/workflows/paydrill.yml");
    let job = &workflow["jobs"]["run"];
    let shards = job["strategy"]["matrix"]["shard"].as_array().unwrap();
    let steps = job["steps"].as_array().unwrap();
    let part = |number: usize, bug: &str| {
        let env = BTreeMap::from([("BUG", bug.to_owned()), ("GITHUB_ACTIONS", "true".to_owned())]);
        let fill = |text: &str| {
            text.replace("${{ matrix.shard }}", &number.to_string())
                .replace("${{ strategy.job-total }}", &shards.len().to_string())
        };
        let mut last = None;
        for run in steps.iter().filter_map(|step| step["run"].as_str()) {
            let run = fill(run);
            assert!(!run.contains("${{"), "{run}");
            let ran = shell(folder.path(), &run, &env);
            let failed = ran.code != Some(0);
            last = Some(ran);
            if failed {
                break;
            }
        }
        last.unwrap()
    };
    let (first, again) = twice(shards.len(), folder.path(), part);
    assert_eq!(first.len(), 6, "{first:?}");
    assert_eq!(again, FORGED);
    // What is not run here is done by GitHub's own actions.
    let used = steps.iter().filter_map(|step| step["uses"].as_str());
    assert!(used.clone().count() > 0 && used.clone().all(|used| used.starts_with("actions/")), "{steps:?}");
}

#[test]
fn the_workflow_for_gitlab_runs() {
    let (folder, workflow) = project("gitlab", ".gitlab-ci.yml");
    let job = &workflow["paydrill"];
    let parts = usize::try_from(job["parallel"].as_u64().unwrap()).unwrap();
    // One shell runs both.
    let script = [texts(&job["before_script"]), texts(&job["script"])].concat().join("\n");
    let part = |number: usize, bug: &str| {
        let env = BTreeMap::from([
            ("BUG", bug.to_owned()),
            ("CI_PROJECT_DIR", folder.path().display().to_string()),
            ("CI_NODE_INDEX", number.to_string()),
            ("CI_NODE_TOTAL", parts.to_string()),
        ]);
        shell(folder.path(), &script, &env)
    };
    let (first, again) = twice(parts, folder.path(), part);
    assert_eq!(first.len(), 6, "{first:?}");
    assert_eq!(again, FORGED);
}
