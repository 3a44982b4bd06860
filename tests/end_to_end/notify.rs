//! Who hears of incidents: only those that the environment names, and a run says who could not be told.

use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Project, Ran};

const SECRET: &str = "hook-secret-4711";

fn project(named: &str) -> Project {
    let notifiers = r#"
[notify.hook]
webhook = { url = "{{ variable.hook }}/hook", secret = "{{ secret.HOOK_SECRET }}" }
[notify.chat]
slack = { url = "{{ secret.SLACK_WEBHOOK }}" }
[notify.pager]
pagerduty = { key = "{{ secret.PD_KEY }}", url = "{{ variable.hook }}/enqueue" }
severity = "critical"
[notify.log]
stdout = {}
[variables]
hook = "http://127.0.0.1:9"
"#;
    let project = Project::with("grants-nothing").story("right", "nothing");
    let text = project.read("paydrill.toml") + notifiers;
    project
        .file("paydrill.toml", &text)
        .project("target.endpoint.main", &format!("notify = [{named}]\ntarget.endpoint.main"))
}

fn run(project: &Project, server: &str, args: &[&str]) -> Ran {
    let hook = format!("hook={server}");
    let mut command = project.command(&[&["run", "--variable", &hook], args].concat());
    command
        .env("HOOK_SECRET", SECRET)
        .env("PD_KEY", "pd-routing-key-4712")
        .env("SLACK_WEBHOOK", format!("{server}/services/T0/B0/slack-4713"));
    project.run_command(command)
}

async fn receiver(status: u16) -> MockServer {
    let server = MockServer::start().await;
    for place in ["/hook", "/enqueue", "/services/T0/B0/slack-4713"] {
        let answer = ResponseTemplate::new(status).set_body_string("invalid_token pd-routing-key-4712");
        Mock::given(method("POST")).and(path(place)).respond_with(answer).mount(&server).await;
    }
    server
}

async fn received(server: &MockServer) -> Vec<(String, Value)> {
    let requests = server.received_requests().await.unwrap();
    let mut received: Vec<(String, Value)> = requests
        .iter()
        .map(|request| (request.url.path().to_owned(), serde_json::from_slice(&request.body).unwrap()))
        .collect();
    received.sort_by(|one, other| one.0.cmp(&other.0));
    received
}

#[tokio::test]
async fn those_that_the_environment_names_hear_of_every_incident_once() {
    let server = receiver(202).await;
    let project = project("\"hook\", \"chat\", \"pager\", \"log\"");
    let ran = run(&project, &server.uri(), &["--report-json", "report.json"]);
    ran.code(1).says(&["incident opened ", "Paid without access: story"]);
    let received = received(&server).await;
    let places: Vec<&str> = received.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/enqueue", "/hook", "/services/T0/B0/slack-4713"]);
    let [(_, alert), (_, hook), (_, slack)] = received.as_slice() else { unreachable!() };
    assert_eq!(alert["event_action"], "trigger");
    assert_eq!(alert["dedup_key"], hook["incident"]["fingerprint"]);
    assert_eq!((&hook["type"], &hook["incident"]["case"]), (&"incident.opened".into(), &"story".into()));
    assert!(slack["blocks"].as_array().unwrap().len() > 3);
    let report: Value = serde_json::from_str(&project.read("report.json")).unwrap();
    let notices = report["runs"][0]["notices"].as_array().unwrap();
    assert_eq!(notices.len(), 4);
    assert!(notices.iter().all(|notice| notice["problem"].is_null()), "{notices:?}");
}

#[tokio::test]
async fn nobody_hears_of_a_run_in_an_environment_that_names_nobody() {
    let server = receiver(202).await;
    run(&project(""), &server.uri(), &[]).code(1);
    assert_eq!(received(&server).await, vec![]);
}

/// The outcome stays, every report says who was not told, and nothing says where the hook is.
#[tokio::test]
async fn a_notifier_that_fails_hides_nothing() {
    let server = receiver(403).await;
    let project = project("\"pager\", \"chat\"");
    let args = [
        "--json",
        "--report-json",
        "report.json",
        "--report-html",
        "html",
        "--report-junit",
        "report.xml",
        "--report-markdown",
        "report.md",
    ];
    let ran = run(&project, &server.uri(), &args);
    ran.code(1);
    let said = "`pager` (pagerduty) was not told that incident ";
    ran.says(&[said, "failed to be taken: it was answered 403: invalid_token … (1 try)"]);
    let end = ran.events().pop().unwrap();
    assert_eq!(end["remarks"].as_array().unwrap().len(), 2);
    let everything = [ran.stdout.clone(), ran.stderr.clone()].into_iter();
    let files = ["report.json", "html/index.html", "report.xml", "report.md"].map(|file| project.read(file));
    for text in files.iter() {
        assert!(text.contains("was not told that incident"), "{text}");
    }
    for text in everything.chain(files) {
        assert!(!text.contains("4712") && !text.contains("4713"), "{text}");
    }
}

#[test]
fn a_notifier_that_cannot_be_reached_ends_the_command_before_anything_runs() {
    let project = project("\"chat\"");
    let mut command = project.command(&["run"]);
    command.env("SLACK_WEBHOOK", "http://hooks.slack.example/services/T0/B0/slack-4713");
    project.run_command(command).code(2).says(&[
        "`chat` cannot be told of incidents: failed to use its address: it must begin with https://",
    ]);
    project.run(&["run"]).code(2).says(&["{{ secret.SLACK_WEBHOOK }} is not set"]);
}

#[tokio::test]
async fn a_test_arrives_and_wakes_nobody() {
    let server = receiver(202).await;
    let project = project("");
    let text = project.read("paydrill.toml").replace("http://127.0.0.1:9", &server.uri());
    let project = project.file("paydrill.toml", &text);
    let test = |names: &[&str]| {
        let mut command = project.command(&[&["notify", "test"], names].concat());
        command
            .env("HOOK_SECRET", SECRET)
            .env("PD_KEY", "pd-routing-key-4712")
            .env("SLACK_WEBHOOK", format!("{}/no-such-hook-4714", server.uri()));
        project.run_command(command)
    };
    let ran = test(&["pager", "hook"]);
    ran.code(0).says(&[
        "sent    pager (pagerduty), opened",
        "sent    pager (pagerduty), resolved",
        "sent    hook",
    ]);
    let received = received(&server).await;
    let [(_, trigger), (_, resolve), (_, hook)] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(
        (&trigger["event_action"], &trigger["payload"]["severity"]),
        (&"trigger".into(), &"info".into())
    );
    assert_eq!((&resolve["event_action"], &resolve["dedup_key"]), (&"resolve".into(), &trigger["dedup_key"]));
    assert_eq!(hook["test"], true);
    let all = test(&[]);
    all.code(3).says(&[
        "FAILED  chat (slack), opened: failed to be taken: it was answered 404",
        "sent    log (stdout)",
    ]);
    assert!(!all.stdout.contains("4714"), "{}", all.stdout);
    test(&["nobody"]).code(2).says(&["the project has no notifier `nobody`", "chat, hook, log, pager"]);
}
