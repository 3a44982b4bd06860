//! Scenarios as tests of your own `cargo test`: one test a file, and incidents that can be snapshotted.
//!
//! ```no_run
//! use std::path::PathBuf;
//!
//! # #[cfg(any())]
//! #[rstest::rstest]
//! fn customers_get_what_they_pay_for(#[files("scenarios/**/*.toml")] #[exclude("paydrill.toml")] path: PathBuf) {
//!     paydrill::testing::scenario(path).check();
//! }
//! ```
//!
//! Each test starts an app of its own, so tests run in parallel in any order and need no set-up. The double, the
//! supervisor and the judging are those of `paydrill run`; what a test prints is what the command would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::run::plan::{Refusal, Wanted, plan};
use crate::cli::settings::Settings;
use crate::engine::{self, RunPlan, Selection};
use crate::incident::render::{Color, Detail, Layout, text};
use crate::incident::{Incident, stable};
use crate::report::console::{FailureOutput, Verbosity};
use crate::report::{Console, ConsoleSettings, Gathered, Handoff, Reporter};
use crate::run_event::{RunEvent, RunEventKind, RunStats, Verdict};
use crate::scenario::diagnostic::has_errors;
use crate::scenario::{find_project, load_project, load_scenarios, render};

/// A scenario as a test.
#[derive(Debug, Clone)]
pub struct ScenarioTest {
    path: PathBuf,
    project: Option<PathBuf>,
    target_env: BTreeMap<String, String>,
    wanted: Wanted,
}

/// A scenario file, or a folder of them, as a test.
pub fn scenario(path: impl Into<PathBuf>) -> ScenarioTest {
    ScenarioTest {
        path: path.into(),
        project: None,
        target_env: BTreeMap::new(),
        wanted: Wanted {
            jobs: 16,
            selection: Selection { repeat: 1, ..Selection::default() },
            ..Wanted::default()
        },
    }
}

impl ScenarioTest {
    /// The project file; left out, it is looked for in the scenario's folder, or the folder itself, and those above.
    #[must_use]
    pub fn project(mut self, file: impl Into<PathBuf>) -> Self {
        self.project = Some(file.into());
        self
    }

    /// The environment; left out, the project's default.
    #[must_use]
    pub fn environment(mut self, name: &str) -> Self {
        self.wanted.environment = Some(name.to_owned());
        self
    }

    /// Where a program is that a command of the environment names: `env!("CARGO_BIN_EXE_server")`.
    #[must_use]
    pub fn program(mut self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.wanted.programs.insert(name.to_owned(), path.into());
        self
    }

    /// A variable for the app's processes, on top of the environment's.
    #[must_use]
    pub fn target_env(mut self, name: &str, value: &str) -> Self {
        self.target_env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// `{{ variable.NAME }}`
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.wanted.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Reproduces the ids of another run; left out, a random one, which failures name.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.wanted.seed = Some(seed);
        self
    }

    /// Runs it; a wrong outcome is in what is returned.
    ///
    /// # Panics
    /// The files are invalid, or the app does not come up: there is no outcome then.
    #[must_use]
    pub fn run(&self) -> TestOutcome {
        match self.perform() {
            Ok(outcome) => outcome,
            Err(problem) => fail(&problem),
        }
    }

    /// Runs it and demands that every case passes.
    ///
    /// # Panics
    /// With the whole report, where one does not.
    pub fn check(&self) {
        let outcome = self.run();
        if !outcome.passed() {
            fail(&outcome.report);
        }
    }

    fn perform(&self) -> Result<TestOutcome, String> {
        let settings =
            Settings::read().map_err(|error| format!("failed to read the working folder: {error}"))?;
        let (plan, ports) = self.plan(&settings)?;
        let mut console = Console::new(ConsoleSettings {
            layout: Layout { width: 110, color: Color::Never, detail: Detail::Relevant },
            verbosity: Verbosity::Normal,
            failures: FailureOutput::AtEnd,
            handoff: Handoff::default(),
        });
        let mut outcome = TestOutcome::default();
        let mut report = Vec::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| format!("failed to start: {error}"))?;
        let result = runtime.block_on(engine::run(&plan, &ports, &mut |event: RunEvent| {
            report.extend(console.event(&event));
            outcome.take(&event);
        }));
        runtime.shutdown_background();
        outcome.report = String::from_utf8_lossy(&report).into_owned();
        match result {
            Ok(_) => Ok(outcome),
            Err(error) => Err(format!("failed to {error}\n{}", outcome.report)),
        }
    }

    fn plan(&self, settings: &Settings) -> Result<(RunPlan, engine::Ports), String> {
        // Reports and snapshots name files: as a person would type them, not as this machine has them.
        let path = self.path.strip_prefix(&settings.current_dir).unwrap_or(&self.path);
        let start = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
        let load = |error: crate::scenario::LoadError| format!("failed to {error}");
        let file = match &self.project {
            Some(file) => file.clone(),
            None => find_project(start).map_err(load)?,
        };
        let (project, mut diagnostics) = load_project(&file).map_err(load)?;
        let Some(mut project) = project else { return Err(drawn(&diagnostics)) };
        let (scenarios, more) = load_scenarios(&project, &[path.to_owned()]).map_err(load)?;
        diagnostics.extend(more);
        if has_errors(&diagnostics) {
            return Err(drawn(&diagnostics));
        }
        for environment in project.environments.values_mut() {
            environment.target.env.extend(self.target_env.clone());
        }
        plan(self.wanted.clone(), project, &scenarios, settings).map_err(|refusal| match refusal {
            Refusal::Missing { message, hint } => format!("{message}\n\nhint: {hint}"),
            Refusal::Diagnostics(diagnostics) => drawn(&diagnostics),
        })
    }
}

/// What a scenario came to.
#[derive(Debug, Clone, Default)]
pub struct TestOutcome {
    /// Verdict by case.
    pub verdicts: BTreeMap<String, Verdict>,
    /// What `paydrill run` would print.
    pub report: String,
    stats: RunStats,
    gathered: Gathered,
}

impl TestOutcome {
    /// Whether there was a case, and every one passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.stats.passed > 0 && self.stats.passed + self.stats.skipped == self.stats.cases
    }

    /// The incidents of the cases that did not pass.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        self.gathered.incidents(&Handoff::default())
    }

    /// The incidents as text in which everything that differs from run to run is replaced by marks of the same
    /// width: for `insta::assert_snapshot!`. Two texts are equal exactly where the incidents mean the same.
    #[must_use]
    pub fn stable_incidents(&self) -> String {
        let mut incidents = self.incidents();
        // Which case ends first is a matter of timing.
        incidents.sort_by(|one, other| (&one.case, one.attempt).cmp(&(&other.case, other.attempt)));
        let texts: Vec<String> =
            incidents.iter().map(|incident| text(&stable(incident), Layout::FILE)).collect();
        texts.join("\n")
    }

    fn take(&mut self, event: &RunEvent) {
        self.gathered.add(event);
        if let RunEventKind::CaseFinished { record, stats } = &event.kind {
            self.verdicts.insert(record.name.clone(), record.verdict);
            self.stats = *stats;
        }
    }
}

fn drawn(diagnostics: &[crate::scenario::Diagnostic]) -> String {
    render::render(diagnostics, render::Color::No)
}

#[expect(clippy::panic, reason = "this is how a test fails")]
fn fail(report: &str) -> ! {
    panic!("{report}")
}
