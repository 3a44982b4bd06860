//! Processes of the app: killed at a point of a delivery, several beside each other, and one that ends by itself.

use rstest::rstest;
use serde_json::Value;

use crate::support::{Project, Ran, of_type};

/// A worker beside the app, which needs no port.
const WORKER: &str = "target.process.worker = { command = [\"sh\", \"-c\", \"echo worker up; exec sleep 1000\"], \
                      ready = { log = \"worker up\" } }\ntarget.endpoint.main";

/// A project whose deliveries may take a second.
fn patient() -> Project {
    Project::empty()
        .project("timeout = \"300ms\" }\ntarget", "timeout = \"2s\" }\ntarget")
        .project("\"400ms\"", "\"2s\"")
}

/// How each attempt of the first delivery ended.
fn outcomes(ran: &Ran) -> Vec<String> {
    let of = |attempt: &Value| match attempt["outcome"].as_str() {
        Some("answered") => attempt["status"].to_string(),
        other => other.unwrap_or_default().to_owned(),
    };
    of_type(&ran.events(), "attempt-finished").map(|event| of(&event["attempt"])).collect()
}

/// What was killed, and when.
fn killed(ran: &Ran) -> Vec<String> {
    of_type(&ran.events(), "process-killed")
        .map(|event| format!("{} {}", event["process"].as_str().unwrap(), event["moment"].as_str().unwrap()))
        .collect()
}

#[rstest]
#[case::while_it_works("takes-its-time", "on = \"sent\", after = \"100ms\"", "web 100 ms after #0 was sent")]
#[case::at_its_first_call("reads-stripe", "on = \"called\"", "web at the app's first call to Stripe")]
fn a_process_that_is_killed_half_way_is_delivered_to_again(
    #[case] odd: &str,
    #[case] kill: &str,
    #[case] expected: &str,
) {
    let fault = format!("fault = [{{ kill = {{ process = \"web\", {kill} }} }}]");
    let ran = patient().story_with("story", odd, &fault).run(&["run", "--json"]);
    ran.code(0);
    assert_eq!(killed(&ran), [expected]);
    assert_eq!(outcomes(&ran), ["reset", "200"], "{}", ran.stdout);
}

/// The odd app keeps what it knows in its memory only: what it has acknowledged is lost.
#[test]
fn what_was_acknowledged_and_lost_is_a_failure() {
    let fault = "fault = [{ kill = { process = \"web\", on = \"answered\" } }]";
    let ran = Project::empty().story_with("story", "nothing", fault).run(&["run"]);
    ran.code(1).says(&["access.active: still false", "`web` killed when #0 was answered"]);
}

/// A case that kills has an app of its own: the others notice nothing.
#[test]
fn another_process_is_killed_and_the_app_goes_on() {
    let fault = "fault = [{ kill = { process = \"worker\", on = \"answered\", after = \"20ms\" } }]";
    let project = Project::empty()
        .project("target.endpoint.main", WORKER)
        .story("a", "nothing")
        .story_with("b", "nothing", fault);
    let ran = project.run(&["run", "--json"]);
    ran.code(0);
    assert_eq!(killed(&ran), ["worker 20 ms after #0 was answered"]);
    assert_eq!(of_type(&ran.events(), "target-started").count(), 2);
}

#[test]
fn a_process_that_does_not_come_back_spoils_its_own_case_only() {
    let once = "target.process.worker = { command = [\"sh\", \"-c\", \"test -e {{ target.dir }}/was && echo no more >&2 && \
                exit 3; touch {{ target.dir }}/was; echo worker up; exec sleep 1000\"], ready = { log = \"worker up\" } }\n\
                target.endpoint.main";
    let fault = "fault = [{ kill = { process = \"worker\", on = \"sent\" } }]";
    let project = Project::empty()
        .project("target.endpoint.main", once)
        .story("a", "nothing")
        .story_with("b", "nothing", fault);
    project.run(&["run"]).code(3).says(&[
        "1 passed",
        "1 could not be judged",
        "failed to start process `worker` again after it was killed",
        "no more",
    ]);
}

#[test]
fn a_process_that_nobody_starts_makes_the_case_skipped() {
    let fault = "fault = [{ kill = { process = \"worker\", on = \"sent\" } }]";
    let elsewhere = "[environment.other]\nprovider.double = {}\ntarget.process.worker = { command = [\"true\"] }\n\
                     target.endpoint.main = { path = \"/\" }\n\n[environment.ci]";
    let project =
        Project::empty().project("[environment.ci]", elsewhere).story_with("story", "nothing", fault);
    project.run(&["run"]).says(&["environment `ci` has no process `worker`", "1 skipped"]);
}

#[test]
fn every_process_must_be_ready() {
    let never =
        WORKER.replace("worker up; exec", "starting; exec").replace("} }", ", within = \"300ms\" } }");
    let ran = Project::with("nothing").project("target.endpoint.main", &never).run(&["run"]);
    ran.code(3).says(&["get `worker` ready within 300 ms", "worker | starting"]);
}

#[test]
fn a_process_that_ends_by_itself_ends_the_run() {
    let dies = WORKER.replace("exec sleep 1000", "sleep 0.3; echo out of work; exit 7");
    let ran = patient().story("story", "takes-its-time").project("target.endpoint.main", &dies).run(&["run"]);
    ran.code(3).says(&["keep the app running: its process `worker` exited with status 7", "out of work"]);
}

/// The folder that the app has its data in goes with it, and so do all processes: `run` looks for both.
#[test]
fn a_run_that_is_interrupted_while_a_process_is_down_leaves_nothing() {
    let slow = WORKER.replace(
        "echo worker up;",
        "test -e {{ target.dir }}/was && sleep 1000; touch {{ target.dir }}/was; echo worker up;",
    );
    let fault = "fault = [{ kill = { process = \"worker\", on = \"sent\" } }]";
    let project =
        Project::empty().project("target.endpoint.main", &slow).story_with("story", "nothing", fault);
    let child = project.start(&["run"]);
    crate::support::eventually("the worker waits for good", || {
        project.processes().iter().any(|id| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.starts_with(b"sleep\0")
                && std::fs::read_dir(project.path("tmp")).unwrap().count() > 0
                && is_worker(*id)
        })
    });
    crate::support::signal(&child, nix::sys::signal::Signal::SIGINT);
    project.finish(child).code(130);
}

/// Whether a process is the child of a shell, and so not one that the odd app has started.
fn is_worker(id: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).unwrap_or_default();
    std::fs::read_to_string(format!("/proc/{parent}/comm")).unwrap_or_default().trim() == "sh"
}

/// Each instance is told a port of its own where the project names its process's, and every process finds the others.
#[test]
fn every_instance_has_a_port_of_its_own() {
    let worker = "target.process.worker = { command = [\"sh\", \"-c\", \"echo $PORT {{ target.process.web.port }} \
                  {{ target.process.worker.port }} >> ports; echo up; exec sleep 1000\"], ready = { log = \"up\" } }\n\
                  target.endpoint.main";
    let both = "send = [{ event = \"checkout.session.completed\", times = 2 }]";
    let project = Project::empty()
        .project("target.endpoint.main", worker)
        .story_with("story", "grants-nothing", both)
        .edit("scenarios/story.toml", "[[step]]", "[given]\ninstances = { web = 2, worker = 2 }\n\n[[step]]");
    project.run(&["run"]).code(1).says(&["to `web`", "to `web#2`", "web#2: odd app: GrantsNothing"]);
    let seen = project.read("ports");
    let seen: Vec<Vec<&str>> = seen.lines().map(|line| line.split(' ').collect()).collect();
    let [first, second] = &seen[..] else { panic!("two workers: {seen:?}") };
    assert_eq!((first[0], first[0], first[1]), (first[1], second[0], second[1]), "both see the first web");
    assert_ne!(first[2], second[2], "and each has a port of its own");
}

#[test]
fn instances_cannot_share_a_fixed_port() {
    let project =
        Project::with("nothing").project("ready = { http", "port = 4000, instances = 2, ready = { http");
    project.run(&["lint"]).code(2).says(&["several instances cannot share a fixed port"]);
}
