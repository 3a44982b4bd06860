//! Bad input of every kind, through the program: the right exit code, an error that names what is to blame, nothing
//! left running, and the results of finished cases kept.

use std::net::{Ipv4Addr, TcpListener};

use quick_junit::{Report, TestCaseStatus};
use rstest::rstest;

use crate::support::{Project, Ran, of_type};

/// A story about which nothing is odd.
const STORY: &str = "scenarios/story.toml";

/// `run` and `lint` both refuse the file, name the place and the kind of problem, and start nothing.
fn refused(project: &Project, code: &str, place: &str) {
    for command in ["lint", "run"] {
        let ran = project.run(&[command]);
        ran.code(2).says(&[&format!("error[{code}]"), &format!("--> {place}")]);
        assert_eq!(ran.stdout, "", "{command}");
    }
    let ran = project.run(&["lint", "--json"]);
    let (file, at) = place.split_once(':').unwrap();
    let (line, column): (u64, u64) =
        at.split_once(':').map(|(l, c)| (l.parse().unwrap(), c.parse().unwrap())).unwrap();
    let found = ran.code(2).events();
    let is_it = |found: &&serde_json::Value| {
        (&found["code"], &found["file"]) == (&code.into(), &file.into())
            && found["line"] == line
            && found["column"] == column
    };
    assert!(found.iter().any(|found| is_it(&found)), "{found:?}");
}

#[rstest]
#[case::malformed("promise = \"A paid", "promise = A paid", "syntax", "1:40")]
#[case::unknown_key("promise", "promize", "unknown-key", "1:1")]
#[case::wrong_type("name = \"pays\"", "name = 7", "wrong-type", "4:8")]
#[case::unknown_probe("then.access", "then.acess", "unknown-probe", "6:6")]
#[case::unknown_template_name(
    "odd = \"nothing\"",
    "odd = \"{{ costumer.id }}\"",
    "unknown-template-name",
    "5:67"
)]
#[case::secret("nothing", "sk_live_51Abcdefghijklmnopqrstuv", "literal-secret", "5:68")]
#[case::same_name_twice("[[step]]", "[[step]]\nname = \"pays\"\n[[step]]", "duplicate-name", "6:8")]
fn a_scenario_with_a_mistake_is_refused(
    #[case] from: &str,
    #[case] to: &str,
    #[case] code: &str,
    #[case] place: &str,
) {
    let project = Project::with("nothing").edit(STORY, from, to);
    refused(&project, code, &format!("{STORY}:{place}"));
}

#[rstest]
#[case::malformed("[project]", "[project", "syntax", "2:9")]
#[case::unknown_key("default_environment", "default_enviroment", "unknown-key", "4:1")]
#[case::wrong_type("unit_amount = 9900", "unit_amount = \"a lot\"", "wrong-type", "13:15")]
#[case::unknown_template_name("{{ provider.url }}", "{{ povider.url }}", "unknown-template-name", "30:30")]
#[case::secret("{{ provider.url }}", "sk_live_51Abcdefghijklmnopqrstuv", "literal-secret", "30:31")]
#[case::same_name_twice("[probe.access]", "[probe.access]\n[probe.access]", "syntax", "22:8")]
#[case::endpoint_elsewhere("\"/stripe/webhook\"", "\"https://example.com\"", "bad-call", "28:33")]
fn a_project_file_with_a_mistake_is_refused(
    #[case] from: &str,
    #[case] to: &str,
    #[case] code: &str,
    #[case] place: &str,
) {
    let project = Project::with("nothing").project(from, to);
    refused(&project, code, &format!("paydrill.toml:{place}"));
}

#[test]
fn a_secret_in_a_file_is_not_printed() {
    let secret = "sk_live_51Abcdefghijklmnopqrstuv";
    let project = Project::with("nothing").edit(STORY, "nothing", secret);
    let ran = project.run(&["run"]);
    ran.code(2);
    assert!(!ran.stderr.contains(secret), "{}", ran.stderr);
}

#[test]
fn a_missing_secret_ends_the_command_before_anything_is_started() {
    let project = Project::with("nothing").project("{{ provider.url }}", "{{ secret.API_BASE }}");
    let ran = project.run(&["run"]);
    ran.code(2).says(&["{{ secret.API_BASE }} is not set", "API_BASE_FILE"]);
    assert_eq!(ran.stdout, "");
}

#[rstest]
#[case::no_folder(&["run"], 4, "failed to find a scenario in `scenarios`")]
#[case::accepted(&["run", "--no-tests", "pass"], 0, "")]
#[case::accepted_with_a_warning(&["run", "--no-tests", "warn"], 0, "warning: no case is selected")]
#[case::no_such_file(&["run", "nowhere.toml"], 2, "failed to read `nowhere.toml`: No such file")]
#[case::no_such_project(&["run", "--project", "nowhere.toml"], 2, "failed to read `nowhere.toml`: No such file")]
fn without_a_scenario_nothing_runs(#[case] args: &[&str], #[case] code: i32, #[case] says: &str) {
    Project::empty().run(args).code(code).says(&[says]);
}

#[test]
fn a_scenario_folder_without_a_scenario_selects_nothing() {
    let project = Project::empty().file("scenarios/README.md", "Later.");
    project.run(&["run"]).code(4).says(&["failed to find a scenario in `scenarios`", "hint: scenarios are"]);
}

#[test]
fn a_scenario_that_is_no_text_is_refused() {
    let project = Project::with("nothing");
    std::fs::write(project.path(STORY), [0xff, 0xfe, 0x00]).unwrap();
    project.run(&["run"]).code(2).says(&[STORY]);
}

/// The app did not come up: exit code 3, and the reports say the same as the console.
fn did_not_come_up(project: &Project, says: &[&str]) -> Ran {
    let ran = project.run(&["run", "--json", "--report-junit", "junit.xml"]);
    ran.code(3).says(says);
    let events = ran.events();
    let finished = of_type(&events, "run-finished").next().unwrap();
    assert_eq!(finished["exit_code"], 3);
    let message = finished["trouble"]["message"].as_str().unwrap();
    assert!(ran.stderr.contains(message), "the console says it too, line by line");
    let junit = Report::deserialize_from_str(&project.read("junit.xml")).unwrap();
    assert_eq!((junit.errors, junit.failures), (1, 0));
    ran
}

#[test]
fn an_app_that_never_gets_ready_is_given_up() {
    let project = Project::with("nothing").project("fine", "never-ready").project("\"30s\"", "\"300ms\"");
    did_not_come_up(
        &project,
        &[
            "error: failed to get `web` ready within 300 ms (last answer: status 503)",
            "web | odd app: listening",
        ],
    );
}

#[test]
fn an_app_that_dies_before_it_is_ready_shows_its_last_words() {
    let project = Project::with("nothing").project("fine", "dies");
    did_not_come_up(
        &project,
        &["failed to keep `web` running: it exited with status 1", "web | odd app: no database"],
    );
}

#[rstest]
#[case::not_on_path("no-such-app", "hint: it is not on PATH; is it installed?")]
#[case::not_in_the_folder("./no-such-app", "is it built?")]
fn a_command_that_is_not_there_is_named(#[case] command: &str, #[case] hint: &str) {
    let app = crate::support::odd_app();
    let project = Project::with("nothing").project(app.to_str().unwrap(), command);
    did_not_come_up(&project, &[&format!("failed to start `web`: no program `{command}`"), hint]);
}

#[rstest]
#[case::the_doubles("provider.double      = {}", "provider.double = { port = PORT }", "the port is in use")]
#[case::the_apps("ready = {", "port = PORT, ready = {", "something else listens there")]
fn a_port_in_use_is_named(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let project = Project::with("nothing").project(from, &to.replace("PORT", &port));
    did_not_come_up(&project, &[&port, says]);
}

#[test]
fn a_setting_that_names_nothing_is_named_itself() {
    let project = Project::with("nothing").project("{{ provider.url }}", "{{ provider.ulr }}");
    did_not_come_up(
        &project,
        &["failed to set `target.env.STRIPE_API_BASE` of environment `ci`", "provider.ulr"],
    );
}

/// One odd case between two good ones, one after the other: what the good ones came to is kept.
fn between_good_ones(odd: &str) -> (Project, Ran) {
    let project = Project::empty().story("1-good", "nothing").story("2-odd", odd).story("3-good", "nothing");
    let args = ["run", "--jobs", "1", "--json", "--report-junit", "junit.xml", "--incident-dir", "incidents"];
    let ran = project.run(&args);
    (project, ran)
}

/// Cases, failures and errors of the JUnit report; each case of it has a verdict.
fn junit(project: &Project) -> [usize; 3] {
    let report = Report::deserialize_from_str(&project.read("junit.xml")).unwrap();
    let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert_eq!(
        cases.filter(|case| !matches!(case.status, TestCaseStatus::Skipped { .. })).count(),
        report.tests
    );
    [report.tests, report.failures, report.errors]
}

#[rstest]
#[case::wrong("grants-nothing", "failed", 1, "access.active: still false")]
#[case::refuses("refuses", "failed", 1, "was never accepted: 503 after 8 attempts")]
#[case::hangs("hangs", "failed", 1, "no answer in time after 3 attempts; the app answered nothing")]
#[case::read_hangs("read-hangs", "errored", 3, "within 300 ms")]
#[case::read_huge("read-huge", "errored", 3, "its answer is larger than 1 MiB")]
#[case::read_a_page("read-is-a-page", "errored", 3, "it answered 200 with \"<html>Please sign in</html>\"")]
#[case::huge_answer("answers-huge", "passed", 0, "3 passed")]
fn an_odd_answer_is_the_cases_own_matter(
    #[case] odd: &str,
    #[case] verdict: &str,
    #[case] code: i32,
    #[case] says: &str,
) {
    let (project, ran) = between_good_ones(odd);
    ran.code(code).says(&[says, "scenarios/2-odd.toml"][..if code == 0 { 1 } else { 2 }]);
    assert_eq!(ran.verdicts(), ["1-good passed", &format!("2-odd {verdict}"), "3-good passed"]);
    assert_eq!(junit(&project), [3, usize::from(verdict == "failed"), usize::from(verdict == "errored")]);
}

#[test]
fn a_call_that_the_double_does_not_model_proves_nothing() {
    let (project, ran) = between_good_ones("asks-for-reviews");
    ran.code(3).says(&["failed to answer the app: provider double: GET /v1/reviews is not modelled"]);
    assert_eq!(ran.verdicts(), ["1-good passed", "2-odd passed", "3-good passed"]);
    assert_eq!(junit(&project)[1..], [0, 1]);
}

#[test]
fn a_call_about_the_cases_customer_that_the_double_does_not_model_makes_the_case_errored() {
    let (project, ran) = between_good_ones("asks-for-funding");
    ran.code(3).says(&[
        "the app asked Stripe for what the double does not model: ",
        "/funding_instructions is not modelled",
    ]);
    assert_eq!(ran.verdicts(), ["1-good passed", "2-odd errored", "3-good passed"]);
    assert_eq!(junit(&project), [3, 0, 1]);
}

#[test]
fn an_app_that_dies_mid_run_is_no_verdict_on_its_customers() {
    let (project, ran) = between_good_ones("dies");
    ran.code(3).says(&[
        "failed to keep the app running: its process `web` was ended by SIGABRT",
        "odd app: out of memory",
        "1 did not run",
    ]);
    assert_eq!(ran.verdicts(), ["1-good passed", "2-odd errored"]);
    assert_eq!(junit(&project), [3, 0, 2], "two cases, and the run itself");
}

/// The case that meets the death has all that it needs for a verdict before the app's last words are read.
#[test]
fn an_app_that_dies_is_not_said_to_refuse_deliveries() {
    let project = Project::empty()
        .story("1-dies", "dies")
        .edit("scenarios/1-dies.toml", "then.access = { active = true }", "then.delivery = { status = 200 }")
        .story("2-later", "nothing");
    let ran = project.run(&["run", "--jobs", "1", "--json", "--retries", "3"]);
    ran.code(3).says(&["failed to keep the app running"]);
    assert_eq!(ran.verdicts(), ["1-dies errored"]);
}

#[test]
fn a_request_that_is_refused_is_not_a_verdict() {
    let project = Project::with("nothing").project("fine", "no-signup");
    let ran = project.run(&["run"]);
    ran.code(3).says(&[
        "request `signup` was answered 422, not 2xx: sign-up is closed",
        "--> paydrill.toml:20:12",
        "1 could not be judged",
    ]);
}

#[rstest]
#[case(&["--report-junit", "taken/junit.xml"], &["there is no folder `taken`", "mkdir -p taken"])]
#[case(&["--report-junit", "none/junit.xml"], &["there is no folder `none`"])]
#[case(&["--report-junit", "scenarios"], &["failed to write the report `scenarios`"])]
#[case(&["--incident-dir", "taken"], &["failed to make the folder `taken` for incidents"])]
#[case(&["--incident-dir", "taken/below"], &["failed to make the folder `taken/below` for incidents"])]
fn a_report_that_cannot_be_written_is_refused_before_the_run(#[case] flags: &[&str], #[case] said: &[&str]) {
    let project = Project::with("nothing").file("taken", "");
    let ran = project.run(&[&["run"][..], flags].concat());
    ran.code(2).says(said).says(&["hint:"]);
    assert!(!project.path("none").exists() && !ran.stdout.contains("PASS"), "{}", ran.stdout);
}

#[test]
fn a_report_that_could_not_be_written_after_all_does_not_pass() {
    let project = Project::with("nothing");
    let ran = project.run(&["run", "--report-junit", "/dev/full"]);
    ran.code(3).says(&[
        "1 passed",
        "failed to write /dev/full",
        "A report could not be written. (exit code 3)",
    ]);
}

#[rstest]
#[case(&["run"])]
#[case(&["run", "--json"])]
#[case(&["schema", "scenario"])]
fn what_standard_output_does_not_take_is_told(#[case] args: &[&str]) {
    let project = Project::with("nothing");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = project.command(args).stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(3), "{said}");
    assert_eq!(said.matches("failed to write to standard output").count(), 1, "{said}");
    assert!(!said.contains("exit code 0"), "{said}");
}

#[test]
fn what_is_no_file_is_named_and_the_others_are_checked() {
    let project = Project::with("nothing").file("scenarios/odd.toml", "promise = 3");
    let made =
        std::process::Command::new("mkfifo").arg(project.path("scenarios/pipe.toml")).status().unwrap();
    assert!(made.success());
    let ran = project.run(&["lint"]);
    ran.code(2).says(&[
        "error[unreadable]",
        "pipe.toml`: it is not a regular file",
        "--> scenarios/odd.toml",
    ]);
    project.run(&["lint", "scenarios/pipe.toml"]).code(2).says(&["it is not a regular file"]);
    project.run(&["fmt", "--check", "scenarios/pipe.toml"]).code(2).says(&["it is not a regular file"]);
}
