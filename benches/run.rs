//! Figures of whole runs, printed: `cargo bench --bench run`. Nothing is asserted.
//!
//! Each run is a process of its own, the `paydrill` of this build, with the demo app as a third one, as a user has
//! them. What they used is read from `/proc` when they have ended: times from Paydrill's own run events and from the
//! lines in which the demo app says when it committed.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark stops where it cannot measure, and prints"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use serde_json::Value;

/// The command of this build.
const PROGRAM: &str = env!("CARGO_BIN_EXE_paydrill");
/// The main story, as it is shipped.
const STORY: &str = "checkout-grants-pro.toml";
/// Runs from which the time to the first delivery is taken.
const STARTS: usize = 20;
/// Cases from which the time to the verdict is taken.
const VERDICTS: usize = 300;
/// Cases of the throughput figure.
const CASES: usize = 1_000;
/// Cases of the memory figures.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;
/// Memory is looked at once in so many lines of output; the kernel keeps the highest value meanwhile.
const LOOK: usize = 16;

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the benchmark's project");
    first_delivery();
    for jobs in [1, 16] {
        verdicts(folder.path(), jobs);
    }
    throughput();
    retained(folder.path());
    memory();
}

fn first_delivery() {
    let mut times: Vec<f64> = (0..STARTS).map(|_| to_first_delivery()).collect();
    let (median, p90) = quantiles(&mut times);
    println!("app ready -> first delivery     median {median:6.2} ms, p90 {p90:6.2} ms   (aim: 50 ms)");
    println!("    {STARTS} runs of one case; `at_ms` of target-started -> `at_ms` of the first attempt");
}

fn to_first_delivery() -> f64 {
    let mut command = paydrill(&shipped());
    // With `--json` the report for people goes to standard error.
    command.args(["run", "--json", STORY]).stderr(Stdio::null());
    let (mut ready, mut first) = (f64::NAN, f64::INFINITY);
    run(&mut command, |line| {
        let event = parsed(line);
        match event["type"].as_str() {
            Some("target-started") => ready = ms(&event["at_ms"]),
            Some("attempt-finished") => first = first.min(ms(&event["attempt"]["at_ms"])),
            _ => {}
        }
    });
    first - ready
}

fn verdicts(folder: &Path, jobs: usize) {
    let mut times = to_verdicts(folder, jobs);
    let count = times.len();
    let (median, p90) = quantiles(&mut times);
    let load = if jobs == 1 { "one case at a time" } else { "with every core busy" };
    println!(
        "state visible -> verdict        median {median:6.2} ms, p90 {p90:6.2} ms   (aim: 5 ms), {load}"
    );
    println!(
        "    {count} cases without a hold, {jobs} at a time; the app's `commit … at=` -> case-finished, both by wall clock"
    );
}

fn to_verdicts(folder: &Path, jobs: usize) -> Vec<f64> {
    let log = folder.join("app.log");
    write_project(folder);
    let mut command = paydrill(folder);
    command
        .args([
            "run",
            "--json",
            "visible.toml",
            "--repeat",
            &VERDICTS.to_string(),
            "--jobs",
            &jobs.to_string(),
        ])
        .env("APP", PROGRAM)
        .env("APP_LOG", &log)
        .stderr(Stdio::null());
    let mut start = 0.0;
    let mut settled: Vec<(String, f64)> = Vec::new();
    run(&mut command, |line| {
        let event = parsed(line);
        match event["type"].as_str() {
            Some("run-started") => {
                let started: Timestamp =
                    event["started"].as_str().and_then(|text| text.parse().ok()).expect("a start");
                start = started.as_nanosecond() as f64 / 1e6 - ms(&event["at_ms"]);
            }
            Some("case-finished") => {
                let customer = event["customer"]["id"].as_str().expect("a customer");
                settled.push((customer.to_owned(), start + ms(&event["at_ms"])));
            }
            _ => {}
        }
    });
    let commits = commits(&log);
    settled.iter().filter_map(|(customer, at)| Some(at - commits.get(customer)?)).collect()
}

/// The shipped project, with an app whose output goes to a file that can be read when the run has ended.
fn write_project(folder: &Path) {
    let project = std::fs::read_to_string(shipped().join("paydrill.toml")).expect("the shipped project");
    let redirected = project.replace(
        r#"command = ["paydrill", "demo-app"]"#,
        r#"command = ["sh", "-c", "exec \"$APP\" demo-app > \"$APP_LOG\""]"#,
    );
    assert_ne!(project, redirected, "the shipped project starts the app in another way now");
    std::fs::write(folder.join("paydrill.toml"), redirected).expect("write the project");
    std::fs::write(folder.join("visible.toml"), include_str!("run/visible.toml")).expect("write the story");
}

/// When each customer's state was last committed, in milliseconds since 1970.
fn commits(log: &Path) -> HashMap<String, f64> {
    let log = std::fs::read_to_string(log).expect("the app's log");
    let commit = |line: &str| {
        let (customer, at) = line.strip_prefix("commit customer=")?.split_once(" at=")?;
        Some((customer.to_owned(), at.parse::<f64>().ok()? / 1e6))
    };
    log.lines().filter_map(commit).collect()
}

fn throughput() {
    let used = repeat(CASES);
    let each = CASES as f64 / used.took.as_secs_f64();
    let share = used.own / used.app;
    println!("{CASES} cases of the checkout      {each:6.0} cases/s, 16 at a time, on {} cores", cores());
    println!("    a whole run of `paydrill`, start and stop included: {:.2} s", used.took.as_secs_f64());
    println!(
        "CPU, harness and double : app   {:6.2} s : {:.2} s = {share:.2} : 1   (aim: 2 : 1)",
        used.own, used.app
    );
    println!("    user and system time of the ended process, and of its children (/proc/PID/stat)");
}

/// The same with a ledger; without one is measured anew, so that both meet the machine alike.
fn retained(folder: &Path) {
    let ledger = folder.join("ledger.db");
    let without = repeat(CASES).took.as_secs_f64();
    let mut command = paydrill(&shipped());
    command.args(["run", STORY, "--repeat", &CASES.to_string()]).env("PAYDRILL_LEDGER", &ledger);
    let with = run(&mut command, |_| ()).took.as_secs_f64();
    let bytes = std::fs::metadata(&ledger).map_or(0, |file| file.len()) / CASES as u64;
    println!(
        "retained on SQLite              {with:6.2} s, without {without:.2} s: {:+.0} %   (aim: below 10 %)",
        (with / without - 1.0) * 100.0
    );
    println!("    {CASES} cases of the checkout; {bytes} bytes of ledger a run");
}

fn memory() {
    for cases in SIZES {
        let used = repeat(cases);
        let peak = used.peak as f64 / 1024.0;
        println!(
            "memory after {cases:>6} cases       {peak:6.1} MB at most                 (aim: 100 MB, flat)"
        );
    }
    println!("    VmHWM of the `paydrill` process, double included, app not");
}

/// The main story so often, with the report for people.
fn repeat(cases: usize) -> Used {
    let mut command = paydrill(&shipped());
    command.args(["run", STORY, "--repeat", &cases.to_string()]);
    run(&mut command, |_| ())
}

/// What a run used.
struct Used {
    took: Duration,
    /// CPU seconds of harness and double.
    own: f64,
    /// CPU seconds of the app.
    app: f64,
    /// Most memory in KB.
    peak: u64,
}

/// Runs it, hands over its lines, and says what it used. A run that does not pass measures nothing.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn run(command: &mut Command, mut line: impl FnMut(&str)) -> Used {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("start paydrill");
    let pid = child.id();
    let mut peak = 0;
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    let mut text = String::new();
    for count in 0.. {
        text.clear();
        if out.read_line(&mut text).expect("read its output") == 0 {
            break;
        }
        line(&text);
        if count % LOOK == 0 || text.contains("passed") {
            peak = peak.max(high_water(pid).unwrap_or(0));
        }
    }
    let (own, app) = cpu_at_end(pid);
    let took = began.elapsed();
    expect_passed(&mut child);
    Used { took, own, app, peak }
}

/// User and system time of a process and of the children that it waited for, when it has ended. Until somebody waits
/// for it, the kernel keeps both.
fn cpu_at_end(pid: u32) -> (f64, f64) {
    let id = Id::Pid(Pid::from_raw(i32::try_from(pid).expect("a process id")));
    waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).expect("wait for paydrill");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its times");
    let after_name = stat.rsplit_once(')').expect("a name in parentheses").1;
    // Fields 14 to 17 of proc(5); the first one after the name is the third.
    let ticks: Vec<f64> =
        after_name.split_whitespace().skip(11).take(4).filter_map(|field| field.parse().ok()).collect();
    let [user, system, children_user, children_system] =
        <[f64; 4]>::try_from(ticks).expect("four times of the process");
    ((user + system) / TICKS, (children_user + children_system) / TICKS)
}

fn expect_passed(child: &mut Child) {
    let status = child.wait().expect("wait for paydrill");
    assert!(status.success(), "the run did not pass: {status}");
}

fn high_water(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The command of this build, in this folder.
fn paydrill(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    // Without a ledger, but where its cost is what is measured.
    command.current_dir(folder).env("PAYDRILL_LEDGER", "none");
    command
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("a run event")
}

fn ms(value: &Value) -> f64 {
    value.as_f64().expect("milliseconds")
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Median and nine tenths.
fn quantiles(times: &mut [f64]) -> (f64, f64) {
    assert!(!times.is_empty(), "nothing was measured");
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 9 / 10])
}
