//! The app's clock moves along with Stripe's: by a call to the app, or by faketime.

use std::path::Path;

use rstest::rstest;

use crate::heavy;
use crate::support::{Project, Ran};

const HOOK: &str =
    "{ http = { method = \"POST\", path = \"/test/clock\", json = { now = \"{{ clock.unix }}\" } } }";

/// The demo's project with two of its stories, in which time passes, and this for a clock.
fn demo(clock: &str, bug: Option<&str>) -> Project {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let read = |file: &str| std::fs::read_to_string(scenarios.join(file)).unwrap();
    let paydrill = read("paydrill.toml").replace("\"paydrill\", \"demo-app\"", &program());
    let paydrill = paydrill.replace("within = \"5s\"", "within = \"500ms\"");
    let (before, line) = paydrill.split_once("target.clock").unwrap();
    let (_, after) = line.split_once('\n').unwrap();
    let clock = if clock.is_empty() { String::new() } else { format!("target.clock = {clock}\n") };
    let bug = bug.map_or_else(String::new, |bug| format!("target.env.PAYDRILL_DEMO_BUG = \"{bug}\"\n"));
    Project::empty()
        .file("paydrill.toml", &format!("{before}{clock}{bug}{after}"))
        .file("scenarios/month.toml", &read("mapping/thirty-one-days.toml"))
        .file("scenarios/trial.toml", &read("mapping/trial-is-over.toml"))
}

fn program() -> String {
    format!("{:?}, \"demo-app\"", env!("CARGO_BIN_EXE_paydrill"))
}

fn ran(project: &Project) -> Ran {
    project.run(&["run", "--json"])
}

#[rstest]
#[case::by_a_call(HOOK)]
#[case::by_faketime("\"faketime\"")]
fn the_apps_clock_follows_stripes(#[case] clock: &str) {
    if clock.contains("faketime") && !heavy::asked("faketime") {
        return;
    }
    let right = ran(&demo(clock, None));
    assert_eq!(right.code(0).verdicts(), ["month passed", "trial passed"]);
    let wrong = ran(&demo(clock, Some("map-renewal-ttl")));
    assert_eq!(wrong.code(1).verdicts(), ["month failed", "trial passed"]);
    let wrong = ran(&demo(clock, Some("map-trial-never-ends")));
    assert_eq!(wrong.code(1).verdicts(), ["month passed", "trial failed"]);
}

/// A demo app that is asked to end does so at once, and with it what libfaketime shares between its processes.
#[test]
fn faketime_leaves_nothing_behind() {
    if !heavy::asked("faketime") {
        return;
    }
    let before = ended_ones_memory();
    ran(&demo("\"faketime\"", None)).code(0);
    let left: Vec<_> = ended_ones_memory().into_iter().filter(|name| !before.contains(name)).collect();
    assert_eq!(left, Vec::<String>::new());
}

/// What libfaketime shared between processes of which the first has ended.
fn ended_ones_memory() -> Vec<String> {
    let Ok(files) = std::fs::read_dir("/dev/shm") else { return Vec::new() };
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let has_ended = |name: &String| {
        let id = name.strip_prefix("faketime_shm_").or_else(|| name.strip_prefix("sem.faketime_sem_"));
        id.is_some_and(|id| !Path::new("/proc").join(id).exists())
    };
    names.filter(has_ended).collect()
}

/// Without a moved clock the month has not passed for the app: a lifetime that is too short is not found.
#[test]
fn without_it_the_apps_clock_stands_still() {
    assert_eq!(ran(&demo("", Some("map-renewal-ttl"))).code(0).verdicts(), ["month passed", "trial passed"]);
}

/// A restart makes the app forget what it was told: it is told again before anything else.
#[test]
fn a_process_that_is_started_anew_is_told_the_time_again() {
    let project = demo(HOOK, Some("map-renewal-ttl")).edit(
        "scenarios/month.toml",
        "name = \"day 31\"",
        "name = \"day 31\"\ntarget = \"restart\"",
    );
    assert_eq!(ran(&project).code(1).verdicts(), ["month failed", "trial passed"]);
}

#[test]
fn a_hook_that_is_not_there_cannot_be_judged() {
    let ran = demo(&HOOK.replace("/test/clock", "/no/clock"), None).run(&["run"]);
    ran.code(3).says(&["failed to move the app's clock: it answered 404", "2 could not be judged"]);
}

#[rstest]
#[case::unknown_word("\"sundial\"", "`sundial` is no clock")]
#[case::unknown_key("{ htpp = {} }", "did you mean `http`")]
#[case::no_such_time("{ http = { path = \"/{{ clock.now }}\" } }", "`clock` has no `now`")]
fn mistakes_are_drawn(#[case] clock: &str, #[case] expected: &str) {
    demo(clock, None).run(&["lint"]).code(2).says(&[expected]);
}

#[test]
fn the_clock_of_an_app_that_already_runs_is_not_moved() {
    let project = Project::with("nothing").project(
        "target.endpoint.main",
        "target.clock = \"faketime\"\ntarget.url = \"http://127.0.0.1:1\"\ntarget.endpoint.main",
    );
    let file = project.read("paydrill.toml");
    let without: Vec<&str> = file.lines().filter(|line| !line.starts_with("target.process")).collect();
    let project = project.file("paydrill.toml", &without.join("\n"));
    project.run(&["lint"]).code(2).says(&["the clock of an app that already runs cannot be moved"]);
}
