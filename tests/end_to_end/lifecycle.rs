//! How a run ends, whoever ends it, and what it leaves behind: reports, annotations, incidents, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Child;

use nix::sys::signal::Signal;
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use rstest::rstest;
use serde_json::Value;

use crate::support::{Project, Ran, eventually, odd_app, of_type, signal};

/// A run that has judged one case and now waits for an app that does not answer.
fn in_the_middle() -> (Project, Child) {
    let project = Project::empty()
        .story("1-good", "nothing")
        .story("2-hangs", "hangs")
        .story("3-later", "nothing")
        .project("timeout = \"300ms\" }\ntarget", "timeout = \"1h\" }\ntarget");
    let mut child = project.start(&["run", "--jobs", "1", "--report-junit", "junit.xml"]);
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().starts_with("PASS   1-good")),
        "the first case is told as it settles"
    );
    // The supervisor, the app, and what the app started, beside the run itself.
    eventually("everything is up", || project.processes().len() >= 4);
    (project, child)
}

#[rstest]
#[case::ctrl_c(Signal::SIGINT)]
#[case::term(Signal::SIGTERM)]
fn a_signal_ends_the_run_in_order(#[case] by: Signal) {
    let (project, child) = in_the_middle();
    signal(&child, by);
    let ran = project.finish(child);
    ran.code(130).says(&[
        "stopping: interrupted",
        "the run was interrupted",
        "1 passed, 1 could not be judged, 1 did not run",
        "what had ended by then is reported. (exit code 130)",
    ]);
    let junit = Report::deserialize_from_str(&project.read("junit.xml")).unwrap();
    assert_eq!((junit.tests, junit.failures, junit.errors), (2, 0, 1));
}

#[test]
fn a_signal_before_the_app_is_ready_ends_the_run_at_once() {
    let project = Project::with("nothing").project("fine", "never-ready").project("\"30s\"", "\"1h\"");
    let child = project.start(&["run", "--json"]);
    eventually("the app is up", || project.processes().len() >= 4);
    signal(&child, Signal::SIGINT);
    let ran = project.finish(child);
    ran.code(130).says(&["1 did not run", "(exit code 130)"]);
    assert_eq!(of_type(&ran.events(), "run-finished").next().unwrap()["exit_code"], 130);
}

/// An app that takes its time to stop holds the first Ctrl-C up; the second does not wait for it.
#[test]
fn a_second_signal_ends_the_run_at_once_and_the_app_ends_too() {
    let (project, mut child) = in_the_middle_of_an_app_that_ignores_term();
    signal(&child, Signal::SIGINT);
    eventually("the first is heeded", || project.read("stdout").contains("\"cancelled\""));
    // Within a second of the first it would be the same wish.
    eventually("a later one ends it", || {
        signal(&child, Signal::SIGINT);
        child.try_wait().unwrap().is_some()
    });
    let ran = project.killed(child);
    assert_eq!(ran.code, None, "killed, as the second signal asks");
}

fn in_the_middle_of_an_app_that_ignores_term() -> (Project, Child) {
    let project = Project::with("hangs")
        .project("timeout = \"300ms\" }\ntarget", "timeout = \"1h\" }\ntarget")
        .project("\"fine\"", "\"ignores-term\"");
    let mut command = project.command(&["run", "--json"]);
    let child = command.stdout(fs::File::create(project.path("stdout")).unwrap()).spawn().unwrap();
    eventually("a case is under way", || project.read("stdout").contains("\"case-started\""));
    (project, child)
}

#[test]
fn the_app_ends_with_a_run_that_is_killed() {
    let (project, child) = in_the_middle();
    signal(&child, Signal::SIGKILL);
    assert_eq!(project.killed(child).code, None);
}

#[test]
fn two_runs_side_by_side_do_not_disturb_each_other() {
    let (project, slow) = in_the_middle();
    let other = Project::with("nothing");
    other.run(&["run"]).code(0).says(&["1 passed"]);
    assert!(project.processes().len() >= 4, "the other run's end ended nothing of this one");
    let again = project.run_beside(&["run", "--filter", "1-good"]);
    again.code(0).says(&["1 passed"]);
    signal(&slow, Signal::SIGINT);
    project.finish(slow).code(130);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = Project::with("grants-nothing");
    let mut child = project.start(&["run"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    assert!(first.starts_with("paydrill "), "{first}");
    let ran = project.finish(child);
    ran.code(1);
    assert_eq!(ran.stderr, "");
}

/// A run with every kind of verdict.
fn mixed(args: &[&str]) -> (Project, Ran) {
    let project = Project::empty()
        .story("fails", "grants-nothing")
        .story("passes", "nothing")
        .story("unread", "read-is-a-page");
    let mut all = vec!["run"];
    all.extend(args);
    let ran = project.run(&all);
    ran.code(1);
    (project, ran)
}

#[test]
fn with_json_standard_output_has_run_events_only() {
    let (_, ran) = mixed(&["--json"]);
    let events = ran.events();
    assert!(events.iter().all(|event| event["v"] == 1 && event["at_ms"].is_number()));
    assert_eq!(events.first().unwrap()["type"], "run-started");
    assert_eq!(events.last().unwrap()["type"], "run-finished");
    assert_eq!(ran.verdicts(), ["fails failed", "passes passed", "unread errored"]);
    assert!(ran.stderr.contains("1 passed, 1 failed, 1 could not be judged"), "people are told beside it");
}

#[test]
fn in_junit_a_failure_is_not_an_error() {
    let (project, _) = mixed(&["--report-junit", "junit.xml"]);
    let report = Report::deserialize_from_str(&project.read("junit.xml")).unwrap();
    let mut kinds: Vec<(String, Option<NonSuccessKind>)> = report
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases)
        .map(|case| match &case.status {
            TestCaseStatus::NonSuccess { kind, .. } => (case.name.to_string(), Some(*kind)),
            _ => (case.name.to_string(), None),
        })
        .collect();
    kinds.sort_by(|(left, _), (right, _)| left.cmp(right));
    let expected =
        [("fails", Some(NonSuccessKind::Failure)), ("passes", None), ("unread", Some(NonSuccessKind::Error))];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn every_case_that_did_not_pass_leaves_an_incident_in_three_files() {
    let (project, ran) = mixed(&["--incident-dir", "incidents", "--json"]);
    let mut files: Vec<String> = fs::read_dir(project.path("incidents"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let ends: Vec<&str> = files.iter().map(|file| file.rsplit_once('.').unwrap().1).collect();
    assert_eq!(ends, ["json", "md", "txt", "json", "md", "txt"], "{files:?}");
    let events = ran.events();
    let failed = of_type(&events, "case-finished").find(|event| event["name"] == "fails").unwrap();
    let json = files.iter().find(|file| file.starts_with("fails") && file.ends_with(".json")).unwrap();
    let incident: Value = serde_json::from_str(&project.read(&format!("incidents/{json}"))).unwrap();
    assert_eq!(incident["fingerprint"], failed["incident"]["fingerprint"]);
    let text = project.read(&format!("incidents/{}", json.replace(".json", ".txt")));
    assert!(text.contains(failed["customer"]["id"].as_str().unwrap()), "{text}");
}

#[test]
fn on_github_the_line_is_annotated_and_the_summary_written() {
    let project = Project::with("grants-nothing").file("summary.md", "# Before\n");
    let mut command = project.command(&["run"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", project.path("summary.md"));
    let ran = project.run_command(command);
    ran.code(1);
    let annotations: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("::")).collect();
    let [annotation] = annotations[..] else { panic!("one finding has one annotation: {annotations:?}") };
    let start = "::error file=scenarios/story.toml,line=6,endLine=6,col=26,endColumn=30,title=story%3A access.active::";
    assert!(annotation.starts_with(start), "{annotation}");
    let summary = project.read("summary.md");
    assert!(summary.starts_with("# Before\n"), "what others wrote stays: {summary}");
    assert!(summary.contains("scenarios/story.toml") && summary.contains("1 failed"), "{summary}");
}

#[test]
fn with_json_annotations_do_not_stand_between_run_events() {
    let project = Project::with("grants-nothing");
    let mut command = project.command(&["run", "--json"]);
    command.env("GITHUB_ACTIONS", "true");
    let ran = project.run_command(command);
    assert_eq!(ran.code(1).verdicts(), ["story failed"]);
    assert!(ran.stderr.lines().any(|line| line.starts_with("::error file=")), "{}", ran.stderr);
}

#[test]
fn what_passes_only_at_a_second_try_is_flaky_and_fails_the_run() {
    let project = Project::with("grants-the-second");
    let ran = project.run(&["run", "--retries", "1", "--json"]);
    ran.code(1).says(&["1 flaky", "passed at try 2 only"]);
    let events = ran.events();
    let tries: Vec<_> = of_type(&events, "case-finished").collect();
    let [first, second] = tries[..] else { panic!("two tries: {tries:?}") };
    assert_eq!((&first["verdict"], &first["flaky"]), (&"failed".into(), &false.into()));
    assert_eq!((&second["verdict"], &second["flaky"]), (&"passed".into(), &true.into()));
    assert_eq!(second["retry_of"], first["run_id"]);
    assert_ne!(second["run_id"], first["run_id"], "a retry has ids of its own");
}

#[test]
fn max_fail_lets_the_cases_that_run_end() {
    let project = Project::empty()
        .story("1-fails", "grants-nothing")
        .story("2-fails-later", "grants-nothing")
        .edit("scenarios/2-fails-later.toml", "then.access", "within = \"800ms\"\nthen.access")
        .story("3-passes", "nothing");
    let ran = project.run(&["run", "--max-fail", "1", "--jobs", "2", "--json"]);
    // The third has the place that the first leaves at most; it is the failure that closes it.
    ran.code(1).says(&["stopping: as many cases failed", "1 did not run"]);
    assert_eq!(ran.verdicts(), ["1-fails failed", "2-fails-later failed"]);
}

#[test]
fn max_fail_starts_no_further_case() {
    let project = Project::empty()
        .story("1-fails", "grants-nothing")
        .story("2-fails", "grants-nothing")
        .story("3-passes", "nothing");
    let ran = project.run(&["run", "--max-fail", "1", "--jobs", "1", "--json"]);
    ran.code(1).says(&["stopping: as many cases failed as --max-fail allows", "2 did not run"]);
    assert_eq!(ran.verdicts(), ["1-fails failed"]);
}

/// Everything of a run that is minted.
fn minted(ran: &Ran) -> Vec<(String, String)> {
    let events = ran.events();
    let mut ids: Vec<_> = of_type(&events, "case-finished")
        .flat_map(|case| {
            let name = case["name"].to_string();
            let event = &case["deliveries"][0]["delivery"]["event"];
            [&case["run_id"], &case["customer"], event].map(|minted| (name.clone(), minted.to_string()))
        })
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_seed_reproduces_the_ids_of_a_run() {
    let project = Project::empty().story("one", "nothing").story("two", "nothing");
    let [first, again, other] =
        ["7", "7", "8"].map(|seed| minted(project.run(&["run", "--json", "--seed", seed]).code(0)));
    assert_eq!(first.len(), 6);
    assert!(first.iter().all(|(_, id)| id.contains("evt_") || id.contains("cus_")), "{first:?}");
    assert_eq!(first, again);
    assert!(first.iter().zip(&other).all(|((_, id), (_, other))| id != other), "another seed, other ids");
}

#[test]
fn the_printed_seed_is_that_of_the_run() {
    let project = Project::with("nothing");
    let ran = project.run(&["run", "--json"]);
    let events = ran.events();
    let seed = events[0]["seed"].as_str().unwrap();
    ran.says(&[&format!("--seed {seed}")]);
    assert_eq!(minted(&ran), minted(&project.run(&["run", "--json", "--seed", seed])));
}

#[rstest]
#[case::not_for_a_pipe(&[], None, false)]
#[case::asked_for(&["--color", "always"], None, true)]
#[case::asked_for_by_flag_against_the_environment(&["--color", "always"], Some(("NO_COLOR", "1")), true)]
#[case::asked_for_by_the_environment(&[], Some(("PAYDRILL_COLOR", "always")), true)]
#[case::flag_against_the_environment(&["--color", "never"], Some(("PAYDRILL_COLOR", "always")), false)]
fn colour_is_there_where_it_is_wanted(
    #[case] flags: &[&str],
    #[case] variable: Option<(&str, &str)>,
    #[case] coloured: bool,
) {
    let project = Project::with("grants-nothing");
    let mut command = project.command(&["run"]);
    command.args(flags).envs(variable);
    let ran = project.run_command(command);
    assert_eq!(ran.code(1).stdout.contains("\u{1b}["), coloured, "{}", ran.stdout);
    let project = project.edit("scenarios/story.toml", "promise", "promize");
    let mut lint = project.command(&["lint"]);
    let drawn = Ran::from(lint.args(flags).envs(variable).output().unwrap());
    assert_eq!(drawn.code(2).stderr.contains("\u{1b}["), coloured, "{}", drawn.stderr);
}

/// Two cases that share an app, and one that restarts an app of its own.
fn restarting(project: Project) -> Project {
    let restart = "promise = \"Access survives a restart.\"\n\n[[step]]\nname = \"pays\"\n\
                   stripe.checkout = { price = \"pro_monthly\" }\nthen.access = { active = true }\n\n\
                   [[step]]\nname = \"after a restart\"\ntarget = \"restart\"\n\
                   send = [{ event = \"checkout.session.completed\", from = \"pays\" }]\n\
                   then.access = { active = true }\n";
    project.story("a", "nothing").story("b", "nothing").file("scenarios/restart.toml", restart)
}

#[test]
fn a_case_that_restarts_the_app_has_one_of_its_own() {
    let ran = restarting(Project::empty()).run(&["run", "--json"]);
    ran.code(0);
    assert_eq!(ran.verdicts(), ["a passed", "b passed", "restart passed"]);
    let urls: BTreeSet<_> =
        of_type(&ran.events(), "target-started").map(|event| event["url"].to_string()).collect();
    assert_eq!(urls.len(), 2, "{urls:?}");
}

#[test]
fn an_app_that_does_not_come_back_spoils_its_own_case_only() {
    let once = format!(
        "[\"sh\", \"-c\", \"test -e {{{{ target.dir }}}}/was && echo no more >&2 && exit 3; \
         touch {{{{ target.dir }}}}/was; exec {} fine\"]",
        odd_app().display()
    );
    let from = format!("[\"{}\", \"fine\"]", odd_app().display());
    let ran = restarting(Project::empty().project(&from, &once)).run(&["run"]);
    ran.code(3).says(&["2 passed", "1 could not be judged", "failed to restart the app", "no more"]);
}
