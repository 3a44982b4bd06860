//! Cases of a matrix are counted, named and reported one by one.

use quick_junit::{Report, TestCaseStatus};

use crate::support::Project;

/// A story with a matrix: in two of its three cases the app goes wrong.
fn project() -> Project {
    Project::with("{{ matrix.odd }}").edit(
        "scenarios/story.toml",
        "\n[[step]]",
        "matrix = { odd = [\"nothing\", \"refuses\", \"read-is-a-page\"] }\n\n[[step]]",
    )
}

const VERDICTS: [&str; 3] =
    ["story[odd=nothing] passed", "story[odd=read-is-a-page] errored", "story[odd=refuses] failed"];

#[test]
fn every_report_tells_each_case() {
    let project = project();
    let mut command = project.command(&["run", "--json", "--report-junit", "junit.xml"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", project.path("summary.md"));
    let ran = project.run_command(command);
    ran.code(1).says(&[
        "3 cases of odd in ci",
        "PASS   story[odd=nothing]",
        "FAIL   story[odd=refuses]",
        "ERROR  story[odd=read-is-a-page]",
        "1 passed, 1 failed, 1 could not be judged",
        "--filter 'story[odd=refuses]'",
    ]);
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with('{')).collect();
    let events: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finished = events.iter().find(|event| event["type"] == "run-finished").unwrap();
    let counts = ["cases", "passed", "failed", "errored"].map(|key| finished["stats"][key].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 1, 1]);
    let mut verdicts: Vec<String> = events
        .iter()
        .filter(|event| event["type"] == "case-finished")
        .map(|event| format!("{} {}", event["name"].as_str().unwrap(), event["verdict"].as_str().unwrap()))
        .collect();
    verdicts.sort();
    assert_eq!(verdicts, VERDICTS);

    let junit = Report::deserialize_from_str(&project.read("junit.xml")).unwrap();
    assert_eq!((junit.tests, junit.failures, junit.errors), (3, 1, 1));
    let [suite] = &junit.test_suites[..] else { panic!("one suite for the file") };
    assert_eq!((suite.name.as_str(), suite.tests), ("story", 3));
    let mut cases: Vec<String> = suite
        .test_cases
        .iter()
        .map(|case| match &case.status {
            TestCaseStatus::Success { .. } => format!("{} passed", case.name.as_str()),
            TestCaseStatus::NonSuccess { kind, .. } => format!("{} {kind:?}", case.name.as_str()),
            TestCaseStatus::Skipped { .. } => format!("{} skipped", case.name.as_str()),
        })
        .collect();
    cases.sort();
    assert_eq!(
        cases,
        ["story[odd=nothing] passed", "story[odd=read-is-a-page] Error", "story[odd=refuses] Failure"]
    );

    let summary = project.read("summary.md");
    for line in ["1 of 3 passed", "| PASS | `story[odd=nothing]`", "`story[odd=refuses]`"] {
        assert!(summary.contains(line), "{line}\n{summary}");
    }
}

#[test]
fn github_has_an_annotation_for_each_that_did_not_pass() {
    let project = project();
    let mut command = project.command(&["run"]);
    command.env("GITHUB_ACTIONS", "true");
    let ran = project.run_command(command);
    let titles: Vec<&str> =
        ran.stdout.lines().filter(|line| line.starts_with("::error file=scenarios/story.toml")).collect();
    for case in ["story[odd=refuses]", "story[odd=read-is-a-page]"] {
        assert!(titles.iter().any(|line| line.contains(case)), "{case}\n{}", ran.stdout);
    }
    assert!(!titles.iter().any(|line| line.contains("odd=nothing")), "{titles:?}");
}

/// What a report prints can be typed: one case, or those of a value.
#[rstest::rstest]
#[case("scenarios/story.toml[odd=refuses]", &VERDICTS[2..])]
#[case("story[odd=nothing]", &VERDICTS[..1])]
#[case("scenarios[odd=nothing]", &VERDICTS[..1])]
fn a_case_runs_alone(#[case] argument: &str, #[case] expected: &[&str]) {
    let project = project();
    let ran = project.run(&["run", "--json", argument]);
    assert_eq!(ran.verdicts(), expected, "{}", ran.stderr);
}
