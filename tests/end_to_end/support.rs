//! A project in a folder of its own, and the real `paydrill` run in it.
//!
//! The app under test is `examples/odd_app.rs`; it goes wrong as a scenario's metadata say. Every run is
//! checked for what must hold however it ends: no panic, no process left, no folder left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use paydrill::time::Clock;
use serde_json::Value;

/// Longer than anything here takes: what waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The project file. The app is told of a paid checkout only, so that a story is one delivery.
const PROJECT: &str = r#"
[project]
name = "odd"
default_environment = "ci"
[defaults]
within = "400ms"
hold   = "10ms"

[catalog.product.pro]
name = "Pro"
[catalog.price.pro_monthly]
product = "pro"
unit_amount = 9900
currency = "usd"
every = "month"

[request.signup]
http = { method = "POST", path = "/signup", json = { customer = "{{ customer.id }}" } }
[given]
request = ["signup"]
[probe.access]
http = { path = "/api/access/{{ customer.id }}", timeout = "300ms" }
read = { active = "$.active" }

[environment.ci]
provider.double      = {}
target.process.web   = { command = ["ODD_APP", "fine"], ready = { http = "/healthz", within = "30s" } }
target.endpoint.main = { path = "/stripe/webhook", events = ["checkout.session.completed"], timeout = "300ms" }
target.env.PORT            = "{{ target.port }}"
target.env.STRIPE_API_BASE = "{{ provider.url }}"
"#;

/// A project in a folder of its own.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// One without scenarios.
    pub(crate) fn empty() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(project.temp()).unwrap();
        project.file("paydrill.toml", &PROJECT.replace("ODD_APP", odd_app().to_str().unwrap()))
    }

    /// One with a single scenario, `story`, in which the app does this wrong.
    pub(crate) fn with(odd: &str) -> Self {
        Self::empty().story("story", odd)
    }

    /// Adds a scenario in which the app does this wrong.
    pub(crate) fn story(self, name: &str, odd: &str) -> Self {
        let text = format!(
            "promise = \"A paid checkout gives access.\"\n\n[[step]]\nname = \"pays\"\n\
             stripe.checkout = {{ price = \"pro_monthly\", set.metadata = {{ odd = \"{odd}\" }} }}\n\
             then.access = {{ active = true }}\n"
        );
        self.file(&format!("scenarios/{name}.toml"), &text)
    }

    /// Adds a scenario in which the app does this wrong, with more lines in its step.
    pub(crate) fn story_with(self, name: &str, odd: &str, more: &str) -> Self {
        let path = format!("scenarios/{name}.toml");
        self.story(name, odd).edit(&path, "then.access", &format!("{more}\nthen.access"))
    }

    /// Writes a file.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Changes a part of a file that is there.
    pub(crate) fn edit(self, path: &str, from: &str, to: &str) -> Self {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.file(path, &text.replace(from, to))
    }

    /// Changes the project file.
    pub(crate) fn project(self, from: &str, to: &str) -> Self {
        self.edit("paydrill.toml", from, to)
    }

    /// A path in the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Where Paydrill makes its own folders.
    fn temp(&self) -> PathBuf {
        self.path("tmp")
    }

    /// `paydrill ARGS` in the project's folder, with an environment that nobody's machine disturbs.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paydrill"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", search_path())
            .env("TMPDIR", self.temp())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `paydrill ARGS` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_command(self.command(args))
    }

    /// Runs it to its end.
    pub(crate) fn run_command(&self, mut command: Command) -> Ran {
        let ran = Ran::from(command.output().unwrap());
        self.nothing_left();
        ran
    }

    /// Runs it to its end while another run of this project goes on.
    pub(crate) fn run_beside(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// Starts `paydrill ARGS`.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// Waits for a started one to end.
    pub(crate) fn finish(&self, child: Child) -> Ran {
        let ran = Ran::from(child.wait_with_output().unwrap());
        self.nothing_left();
        ran
    }

    /// `paydrill run` ended by a signal before it can tidy up: its processes end all the same.
    pub(crate) fn killed(&self, child: Child) -> Ran {
        let ran = Ran::from(child.wait_with_output().unwrap());
        self.no_process_left();
        ran
    }

    /// What must hold however a run ended.
    fn nothing_left(&self) {
        self.no_process_left();
        let left: Vec<_> = fs::read_dir(self.temp()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, Vec::<PathBuf>::new(), "folders are left");
    }

    /// Every process that has this project's `TMPDIR` in its environment ends.
    pub(crate) fn no_process_left(&self) {
        eventually("the app, what it started, and their supervisor end", || self.processes().is_empty());
    }

    /// Processes that run on behalf of this project: `paydrill`, supervisors, the app, what it started.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mark = format!("TMPDIR={}\0", self.temp().display()).into_bytes();
        let ids = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str().and_then(|name| name.parse().ok()));
        ids.filter(|id| {
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment.windows(mark.len()).any(|part| part == mark)
        })
        .collect()
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let ran =
            Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }
}

impl Ran {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn code(&self, expected: i32) -> &Self {
        assert_eq!(self.code, Some(expected), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that all of this is said somewhere.
    #[track_caller]
    pub(crate) fn says(&self, expected: &[&str]) -> &Self {
        for text in expected {
            let said = self.stdout.contains(text) || self.stderr.contains(text);
            assert!(said, "nobody says {text:?}\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        }
        self
    }

    /// The run events of `--json`: every line of standard output is one.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        self.stdout.lines().map(parse).collect()
    }

    /// `name verdict` of every finished case, by name.
    #[track_caller]
    pub(crate) fn verdicts(&self) -> Vec<String> {
        let mut verdicts: Vec<String> = of_type(&self.events(), "case-finished")
            .map(|event| {
                format!("{} {}", event["name"].as_str().unwrap(), event["verdict"].as_str().unwrap())
            })
            .collect();
        verdicts.sort();
        verdicts
    }
}

/// The run events of one type.
pub(crate) fn of_type<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["type"] == kind)
}

/// Sends a signal to a process that we started.
pub(crate) fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// Waits until `holds`.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let clock = Clock::start();
    while !holds() {
        assert!(clock.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test reads the environment it is run in")]
pub(crate) fn search_path() -> String {
    std::env::var("PATH").unwrap()
}

/// `examples/odd_app.rs`, which `cargo test` builds.
#[expect(clippy::disallowed_methods, reason = "Cargo tells no test where its examples are")]
pub(crate) fn odd_app() -> PathBuf {
    // target/debug/deps/bad_input-…
    let test = std::env::current_exe().unwrap();
    let app = test.parent().and_then(Path::parent).unwrap().join("examples/odd_app");
    assert!(
        app.exists(),
        "`cargo test --test NAME` builds no examples: `cargo build --example odd_app` first"
    );
    app
}
