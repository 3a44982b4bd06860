//! What the ledger keeps, whatever happens to who writes it.
//!
//! `PAYDRILL_KILLS=300 cargo test --test end_to_end ledger::kills` kills so many runs; without it fewer are.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Project, Ran, of_type, signal};
use crate::witness::Witness;

/// Runs that are killed where nobody asks for more.
const KILLS: usize = 30;

/// A project whose app is `witness`, with stories that pass.
fn project(witness: &Witness, stories: usize) -> Project {
    let mut project = Project::empty();
    let text = project.read("paydrill.toml");
    let (kept, _) = text.split_once("target.process.web").unwrap();
    project = project.file("paydrill.toml", &format!("{kept}{}", witness.environment()));
    for story in 0..stories {
        project = project.story(&format!("s{story}"), "nothing");
    }
    project
}

fn command(project: &Project, args: &[&str]) -> Command {
    let mut command = project.command(args);
    command.env("HOOK", "whsec_of_the_ledgers_tests");
    command
}

fn run(project: &Project, args: &[&str]) -> Ran {
    project.run_command(command(project, args))
}

/// All entries, by run.
fn entries(project: &Project) -> BTreeMap<String, Vec<Value>> {
    // Of runs that were killed folders are left.
    let exported = project.run_beside(&["ledger", "export"]);
    let mut runs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in exported.code(0).events() {
        runs.entry(entry["run"].as_str().unwrap().to_owned()).or_default().push(entry);
    }
    runs
}

fn count(entries: &[Value], holds: impl Fn(&Value) -> bool) -> usize {
    entries.iter().filter(|entry| holds(entry)).count()
}

/// Whatever was sent stands in the ledger: every delivery that the app was told of was intended there.
#[track_caller]
fn nothing_sent_without_an_entry(project: &Project, witness: &Witness) {
    project.run_beside(&["ledger", "verify"]).code(0).says(&["whole"]);
    let runs = entries(project);
    let mut intended: BTreeMap<String, usize> = BTreeMap::new();
    for entry in runs.values().flatten().filter(|entry| entry["body"]["act"] == "delivery") {
        *intended.entry(entry["body"]["event"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for (event, told) in witness.told() {
        let entries = intended.get(&event).copied().unwrap_or_default();
        assert!(told <= entries, "{event} was sent {told} times and stands in the ledger {entries} times");
    }
}

#[test]
fn a_run_is_retained_listed_and_shown() {
    let witness = Witness::start();
    let project = project(&witness, 2);
    run(&project, &["run", "--seed", "7"]).code(0);
    let listed = project.run(&["runs", "list", "--json"]);
    let listed = listed.code(0).events();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|run| run["state"] == "passed" && run["attempts"] == 1));
    let event = listed[0]["run"].as_str().unwrap();
    assert!(witness.told().contains_key(event), "a run has the id of the event that opened it");
    project.run(&["runs", "show", event]).code(0).says(&["about to: delivery", "closed: passed"]);
    // Neither a secret nor whose run it is can be read in any byte of the ledger.
    for file in std::fs::read_dir(project.path(".paydrill")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for text in ["of_the_ledgers_tests", "@example.com"] {
            assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
        }
    }
    // The same event again is another attempt of the same run.
    let mut again = command(&project, &["runs", "rerun", event]);
    Ran::from(again.output().unwrap()).code(0).says(&["1 passed"]);
    let listed = project.run(&["runs", "list", "--json", "--limit", "1"]);
    let newest = &listed.code(0).events()[0];
    assert_eq!((newest["run"].as_str().unwrap(), &newest["attempts"]), (event, &Value::from(2)));
    nothing_sent_without_an_entry(&project, &witness);
}

#[test]
fn a_changed_entry_is_found_and_named() {
    let witness = Witness::start();
    let project = project(&witness, 1);
    run(&project, &["run"]).code(0);
    let file = project.path(".paydrill/ledger.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let word = b"\"verdict\":\"passed\"";
    let at = bytes.windows(word.len()).position(|part| part == word).unwrap();
    bytes[at..at + word.len()].copy_from_slice(b"\"verdict\":\"failed\"");
    std::fs::write(&file, bytes).unwrap();
    project.run(&["ledger", "verify"]).code(1).says(&["NOT WHOLE"]);
}

/// Killed at any moment, again and again: nothing is sent without an entry, and what nobody ends is closed.
#[test]
fn kills_lose_nothing() {
    #[expect(clippy::disallowed_methods, reason = "a test's own switch, which nothing else reads")]
    let asked = std::env::var("PAYDRILL_KILLS").ok().and_then(|text| text.parse().ok());
    let witness = Witness::start();
    let project = project(&witness, 3);
    run(&project, &["run"]).code(0);
    let mut cut_off = 0;
    for seed in 0..asked.unwrap_or(KILLS) {
        let told = witness.told().values().sum::<usize>();
        let mut child = command(&project, &["run", "--json", "--seed", &seed.to_string()]).spawn().unwrap();
        // A different line of the stream each time, in an order that does not follow the story's.
        let lines = (seed * 37) % 61;
        let said = BufReader::new(child.stdout.take().unwrap()).lines().take(lines).count();
        signal(&child, Signal::SIGKILL);
        child.wait().unwrap();
        project.no_process_left();
        cut_off += usize::from(said == lines && witness.told().values().sum::<usize>() > told);
        nothing_sent_without_an_entry(&project, &witness);
    }
    assert!(cut_off > 0, "no kill fell between two deliveries");
    Ran::from(command(&project, &["run", "--seed", "1000000"]).output().unwrap()).code(0);
    for (run, entries) in entries(&project) {
        let of = |kind: &str| count(&entries, |entry| entry["kind"] == kind);
        let ended = of("closed") + of("interrupted");
        assert_eq!(of("opened"), ended, "{run} is ended by whoever comes next");
        // What came of an attempt is stored before the next one is sent.
        let sent = count(&entries, |entry| entry["body"]["act"] == "delivery");
        assert!(of("attempted") + of("opened") >= sent, "{run}: {} of {sent}", of("attempted"));
    }
    let open = project.run_beside(&["runs", "list", "--json", "--state", "open"]);
    assert_eq!(open.code(0).events(), Vec::<Value>::new());
}

/// Two processes that write the same runs at once chain on, each from where the other has been.
#[test]
fn two_processes_on_the_same_runs() {
    let witness = Witness::start();
    let project = project(&witness, 4);
    let children: Vec<_> =
        (0..3).map(|_| command(&project, &["run", "--seed", "7"]).spawn().unwrap()).collect();
    for child in children {
        Ran::from(child.wait_with_output().unwrap()).code(0);
    }
    nothing_sent_without_an_entry(&project, &witness);
    let runs = entries(&project);
    assert_eq!(runs.len(), 4);
    for entries in runs.values() {
        assert_eq!(count(entries, |entry| entry["kind"] == "opened"), 3);
        assert_eq!(count(entries, |entry| entry["kind"] == "closed"), 3);
    }
}

/// What cannot be written stops no run, and every report says so.
#[track_caller]
fn goes_on_and_says_so(project: &Project, mut command: Command) {
    command.args(["--report-junit", "junit.xml"]);
    let ran = Ran::from(command.output().unwrap());
    ran.code(0).says(&["not retained: failed to", "passed"]);
    let junit = project.read("junit.xml");
    assert!(junit.contains("not_retained"), "{junit}");
}

#[test]
fn a_ledger_that_cannot_be_made_stops_no_run() {
    let witness = Witness::start();
    let project = project(&witness, 1);
    // Also for root nothing can be made there.
    goes_on_and_says_so(&project, command(&project, &["run", "--ledger", "/proc/paydrill/ledger.db"]));
    let ran = run(&project, &["run", "--json", "--ledger", "/proc/paydrill/ledger.db"]);
    let events = ran.code(0).events();
    assert_eq!(of_type(&events, "unrecorded").count(), 1);
    run(&project, &["run", "--no-ledger"]).code(0);
    assert!(!project.path(".paydrill/ledger.db").exists());
}

#[test]
fn a_full_disk_stops_no_run_and_leaves_the_ledger_whole() {
    let witness = Witness::start();
    let project = project(&witness, 12);
    run(&project, &["run"]).code(0);
    let before = entries(&project).len();
    // No file may grow beyond so many half kilobytes: to SQLite a disk that is full, in the middle of the run.
    let blocks = "200";
    let mut limited = Command::new("sh");
    let script = "ulimit -f \"$1\"; shift; trap '' XFSZ; exec \"$@\"";
    let inner = command(&project, &["run", "--seed", "7"]);
    limited.args(["-c", script, "sh", blocks]).arg(inner.get_program()).args(inner.get_args());
    limited.current_dir(inner.get_current_dir().unwrap()).env_clear();
    limited.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    goes_on_and_says_so(&project, limited);
    project.run(&["ledger", "verify"]).code(0).says(&["whole"]);
    assert!(entries(&project).len() >= before);
    run(&project, &["run", "--seed", "8"]).code(0);
    project.run(&["ledger", "verify"]).code(0).says(&["whole"]);
}

#[test]
fn pruned_runs_are_listed_and_their_chains_whole() {
    let witness = Witness::start();
    let project = project(&witness, 2);
    run(&project, &["run"]).code(0);
    let before = entries(&project).values().map(Vec::len).sum::<usize>();
    project.run(&["ledger", "prune", "--keep", "90d"]).code(0).says(&["let go of 0 entries of 0 runs"]);
    let would = format!("would let go of {before} entries of 2 runs");
    project.run(&["ledger", "prune", "--keep", "0", "--dry-run"]).code(0).says(&[&would]);
    project.run(&["ledger", "prune", "--keep", "0"]).code(0).says(&["let go of"]);
    assert_eq!(entries(&project).values().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    project.run(&["ledger", "verify"]).code(0).says(&["2 runs, 2 entries, whole"]);
    assert_eq!(project.run(&["runs", "list", "--json"]).events().len(), 2);
}

/// The database goes away in the middle of a run and comes back: everything waits for it, and nothing is lost.
#[test]
#[cfg(feature = "sql")]
fn a_database_that_comes_back_loses_nothing() {
    if !crate::heavy::asked("postgres") {
        return;
    }
    let mut server = crate::postgres_server::Postgres::start();
    let url = server.url();
    let witness = Witness::start();
    let project = project(&witness, 30);
    let mut child = command(&project, &["run", "--json", "--jobs", "2", "--ledger", &url]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let early: Vec<String> = lines.by_ref().take(60).map(Result::unwrap).collect();
    assert_eq!(early.len(), 60);
    server.restart(|| {
        let told = witness.told().values().sum::<usize>();
        assert!(told < 30, "{told} of the run's deliveries are over");
    });
    let late: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    child.wait().unwrap();
    assert_eq!(late.last().unwrap()["exit_code"], 0);
    assert_eq!(of_type(&late, "unrecorded").count(), 0);
    let verified = project.run(&["ledger", "verify", "--json", "--ledger", &url]);
    let verified = &verified.code(0).events()[0];
    assert_eq!((&verified["runs"], &verified["flaws"]), (&30.into(), &serde_json::json!([])));
    let open =
        project.run(&["runs", "list", "--state", "passed", "--json", "--limit", "99", "--ledger", &url]);
    assert_eq!(open.code(0).events().len(), 30);
}

/// An incident lives from the run that raised it, through a person's hands, to the run that passed.
#[test]
fn an_incident_is_opened_once_taken_up_and_ended_by_a_proof() {
    let witness = Witness::start();
    let project = project(&witness, 1);
    let listed = |more: &[&str]| {
        let listed = project.run(&[&["incidents", "list", "--json"], more].concat());
        listed.code(0).events()
    };
    witness.grants(false);
    run(&project, &["run", "--seed", "1"]).code(1);
    run(&project, &["run", "--seed", "2"]).code(1);
    let open = listed(&[]);
    assert_eq!(open.len(), 1, "the same promise");
    assert_eq!((&open[0]["life"], &open[0]["count"]), (&"open".into(), &2.into()));
    let fingerprint = open[0]["fingerprint"].as_str().unwrap();
    project.run(&["incidents", "ack", fingerprint, "--who", "kim", "-m", "on it"]).code(0);
    assert_eq!(listed(&[])[0]["life"], "acknowledged");
    project.run(&["incidents", "show", fingerprint]).code(0).says(&[
        "Paid without access: ",
        "acknowledged",
        "taken up by kim: on it",
        "Next\n",
        "$ paydrill incidents resolve ",
    ]);
    // The message to the customer has its proof beside it, and is no person's address.
    let contact = ["incidents", "contact", fingerprint, "--who", "kim"];
    project.run(&contact).code(0).says(&["your payment reached us", fingerprint, "Nothing was sent"]);
    let proof = project.read(&format!("contact/{fingerprint}/proof.json"));
    let proof: Value = serde_json::from_str(&proof).unwrap();
    assert_eq!((&proof["v"], &proof["told"]["kind"]), (&1.into(), &"paid-without-access".into()));
    assert!(!proof.to_string().contains("@example.com"), "{proof}");
    let acts = &listed(&[])[0]["acts"];
    assert_eq!((&acts[1]["kind"], &acts[1]["who"]), (&"contacted".into(), &"kim".into()));
    // A rerun of what failed adds to the same incident, and one that passes ends it.
    let event = open[0]["run"].as_str().unwrap();
    run(&project, &["runs", "rerun", event]).code(1);
    assert_eq!(listed(&[])[0]["count"], 3);
    witness.grants(true);
    run(&project, &["runs", "rerun", event]).code(0);
    assert_eq!(listed(&[]), Vec::<Value>::new());
    assert_eq!(listed(&["--all"])[0]["life"], "resolved");
    project.run(&["ledger", "verify"]).code(0);
    project.run(&["incidents", "resolve", "nowhere", "-m", "x"]).code(4).says(&["has no incident"]);
}
