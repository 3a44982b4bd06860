//! What Paydrill says of the machine, and what it clears away there.

use std::fs;
use std::net::TcpListener;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Project, Ran, eventually, signal};

/// The folders below the project's own `TMPDIR`.
fn folders(project: &Project) -> usize {
    fs::read_dir(project.path("tmp")).unwrap().count()
}

/// `paydrill clean`, of folders alone: in this machine's container engine other tests are at work.
fn clean(project: &Project, args: &[&str]) -> Ran {
    let mut command = project.command(&[&["clean"], args].concat());
    Ran::from(command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap())
}

#[test]
fn what_a_killed_run_leaves_is_cleaned_and_what_lives_is_not() {
    let project =
        Project::with("hangs").project("timeout = \"300ms\" }\ntarget", "timeout = \"1h\" }\ntarget");
    let child = project.start(&["run"]);
    eventually("the app is up", || project.processes().len() >= 3);
    clean(&project, &[])
        .code(0)
        .says(&["nothing is left of killed runs", "what 1 run that is at work has made stays"]);
    assert_eq!(folders(&project), 1);
    signal(&child, Signal::SIGKILL);
    project.killed(child);
    assert_eq!(folders(&project), 1, "a run that is killed cannot tidy up");
    fs::create_dir(project.path("tmp/paydrill-notes")).unwrap();

    let told = clean(&project, &["--dry-run"]);
    told.code(0).says(&["would remove  folder ", "(of `odd`, made 20"]);
    assert_eq!(folders(&project), 2);
    clean(&project, &[]).code(0).says(&["removed  folder "]);
    assert_eq!(folders(&project), 1, "what is not ours stays");
    fs::remove_dir(project.path("tmp/paydrill-notes")).unwrap();
    clean(&project, &[]).code(0).says(&["nothing is left of killed runs"]);
}

/// What is missing of what this project needs, by `about`.
fn missing(project: &Project, args: &[&str], code: i32) -> Vec<(String, String)> {
    let ran = project.run(&[&["doctor", "--json"], args].concat());
    ran.code(code);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = told["findings"].as_array().unwrap().iter();
    let missing: Vec<_> = findings
        .filter(|finding| finding["level"] == "missing")
        .inspect(|finding| assert!(finding["fix"].is_string(), "{finding} says not what mends it"))
        .map(|finding| (text(finding, "about"), text(finding, "message")))
        .collect();
    assert_eq!(told["missing"], missing.len());
    missing
}

#[test]
fn a_project_that_has_what_it_needs_is_well() {
    let project = Project::with("nothing");
    assert_eq!(missing(&project, &[], 0), []);
    project.run(&["doctor"]).code(0).says(&["fine     program", "nothing is missing for environment `ci`"]);
}

#[test]
fn the_doctor_names_what_is_missing() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().port();
    let project = Project::with("nothing")
        .project("provider.double      = {}", &format!("provider.double = {{ port = {taken} }}"))
        .project("command = [\"", "command = [\"./not-built\", \"")
        .project(
            "target.env.PORT ",
            "target.env.KEY = \"{{ secret.SHOP_KEY }}\"\ntarget.env.CACHE = \"redis://127.0.0.1:1/{{ target.port }}\"\n\
             target.env.QUEUE = \"amqp://ann:{{ variable.word }}@127.0.0.1:1/jobs\"\ntarget.env.PORT ",
        )
        .project("[catalog.product.pro]", "[variables]\nword = \"s3cr3t\"\n[catalog.product.pro]");
    let missing = missing(&project, &[], 1);
    let about = |about: &str| {
        let mut found = missing.iter().filter(|(of, _)| of == about).map(|(_, message)| message.as_str());
        (found.next().unwrap_or_default(), found.count())
    };
    assert_eq!(about("program"), ("./not-built is not there (target.process.web.command)", 0));
    assert_eq!(about("secret"), ("SHOP_KEY is not set", 0));
    assert_eq!(about("port"), (format!("{taken} is taken (provider.double.port)").as_str(), 0));
    let (message, more) = about("database");
    assert!(
        message.starts_with("amqp://127.0.0.1:1/jobs cannot be reached (target.env.QUEUE): "),
        "{message}"
    );
    assert_eq!((more, missing.len()), (0, 4), "{missing:?}");
}

#[test]
fn the_doctor_asks_an_app_that_already_runs() {
    let project = Project::with("nothing")
        .file("secret", "whsec_x")
        .edit("paydrill.toml", "[environment.ci]", "[environment.there]\nprovider.double = {}\ntarget.url = \"http://127.0.0.1:1\"\ntarget.endpoint.main = { path = \"/hook\", secret = \"{{ secret.HOOK }}\" }\n\n[environment.ci]");
    let found = missing(&project, &["--environment", "there"], 1);
    assert!(found[0].1.starts_with("HOOK is not set") && found.len() == 2, "{found:?}");
    assert!(found[1].1.starts_with("http://127.0.0.1:1 does not answer (target.url): "), "{found:?}");
    project.run(&["doctor", "--environment", "nowhere"]).code(2).says(&["no environment `nowhere`"]);
}

#[test]
fn without_a_project_the_doctor_still_looks_at_the_machine() {
    let project = Project::empty();
    let mut command = project.command(&["doctor"]);
    command.current_dir(project.path("tmp"));
    fs::remove_file(project.path("paydrill.toml")).unwrap();
    project.run_command(command).code(1).says(&["fix: paydrill init", "MB are free in ", "containers"]);
}

/// Two cases that fail and one that does not; then only what failed runs again, and what is repaired goes.
#[test]
fn only_what_failed_last_runs_again() {
    let project = Project::empty()
        .story("a-fine", "nothing")
        .story("b-broken", "grants-nothing")
        .story("c-broken", "grants-nothing");
    let cases = |args: &[&str], code: i32| -> Vec<String> {
        let ran = project.run(&[&["run", "--json"], args].concat());
        ran.code(code);
        ran.verdicts()
    };
    project.run(&["run", "--last-failed", "--list"]).code(0).says(&["a-fine\nb-broken\nc-broken\n"]);
    project
        .run(&["run", "--last-failed", "--dry-run"])
        .says(&["no run of this environment is on record, so all 3"]);
    assert_eq!(cases(&[], 1), ["a-fine passed", "b-broken failed", "c-broken failed"]);
    project.run(&["run", "--last-failed", "--list"]).code(0).says(&["b-broken\nc-broken\n"]);
    // The part is taken of all cases, so that parts that keep their own record stay themselves: b is the second of three.
    assert_eq!(cases(&["--last-failed", "--shard", "2/3"], 1), ["b-broken failed"]);
    let project_again = fs::read_to_string(project.path("scenarios/b-broken.toml")).unwrap();
    fs::write(project.path("scenarios/b-broken.toml"), project_again.replace("grants-nothing", "nothing"))
        .unwrap();
    assert_eq!(cases(&["--last-failed"], 1), ["b-broken passed", "c-broken failed"]);
    assert_eq!(cases(&["--last-failed"], 1), ["c-broken failed"]);
    let third = fs::read_to_string(project.path("scenarios/c-broken.toml")).unwrap();
    fs::write(project.path("scenarios/c-broken.toml"), third.replace("grants-nothing", "nothing")).unwrap();
    assert_eq!(cases(&["--last-failed"], 0), ["c-broken passed"]);
    let ran = project.run(&["run", "--last-failed"]);
    ran.code(0).says(&["none of the selected cases is on record as failed, so all 3 cases run", "3 passed"]);
    assert_eq!(fs::read_to_string(project.path(".paydrill/.gitignore")).unwrap(), "*\n");
}
