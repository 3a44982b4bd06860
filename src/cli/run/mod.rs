//! `paydrill run`.

mod last;
pub(crate) mod plan;
mod reporters;
#[cfg(feature = "ledger")]
mod retain;
mod select;
mod signals;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::{Args, ValueEnum};
use serde_json::Map;

use self::last::{LastRun, Recorder};
use self::plan::{Refusal, Wanted};
use self::reporters::Reporters;
use self::select::Asked;
#[cfg(feature = "ledger")]
use super::ledger;
use super::output::{Exit, Output};
use super::project::{self, Written};
use super::settings::Settings;
use super::{Global, notify};
use crate::engine::{self, Picked, Ports, RunPlan, RunSummary, Selection};
use crate::notify::stdout::Say;
use crate::notify::{Channel, Policy, Told, real_time, tell};
use crate::project::model::Project;
use crate::report::Outcome;
use crate::run_event::{RunEvent, RunEventKind};
use crate::scenario::LoadError;
use crate::scenario::model::Scenario;

/// Below the folder for incidents: pictures of the pages that were looked at.
const PICTURES: &str = "pages";

/// Run scenarios against the app and tell what its customers got.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// Scenario files or folders, or names of cases: `FILE[shape=basil]`; left out, all of the project's.
    paths: Vec<PathBuf>,
    /// The environment; left out, the project's `default_environment`.
    #[arg(long, short, env = "PAYDRILL_ENVIRONMENT")]
    environment: Option<String>,
    /// How many cases run at once.
    #[arg(long, short, default_value_t = 16, env = "PAYDRILL_JOBS", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Only scenarios with this tag; may be given again.
    #[arg(long)]
    tag: Vec<String>,
    /// Only cases whose name contains this; may be given again.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Only part M of N of the cases.
    #[arg(long, value_name = "M/N", value_parser = plan::shard)]
    shard: Option<(usize, usize)>,
    /// Only cases that did not pass when they last ran here, in this environment; where none of the selected is known
    /// as such, all of them.
    #[arg(long)]
    last_failed: bool,
    /// Try a case that did not pass so often again, with fresh ids. One that passes only then is flaky.
    #[arg(long, default_value_t = 0, value_name = "N", env = "PAYDRILL_RETRIES")]
    retries: u32,
    /// Start no new case after so many that did not pass.
    #[arg(long, value_name = "N")]
    max_fail: Option<usize>,
    /// Run every case so often.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Reproduce the ids, e-mail addresses and shuffles of an earlier run.
    #[arg(long, value_name = "N", env = "PAYDRILL_SEED")]
    seed: Option<u64>,
    /// Start the cases in an order that the seed shuffles, not by name: no case may depend on another.
    #[arg(long)]
    shuffle: bool,
    /// Print the names of the selected cases, and run nothing.
    #[arg(long, conflicts_with = "dry_run")]
    list: bool,
    /// Print what would be done, step by step, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// `{{ variable.NAME }}`; beats every file. JSON where it is JSON, else text.
    #[arg(long, value_name = "NAME=VALUE", value_parser = plan::variable)]
    variable: Vec<(String, serde_json::Value)>,
    /// Write a JUnit report; a wrong outcome is a failure, what could not be judged an error.
    #[arg(long, value_name = "FILE")]
    report_junit: Option<PathBuf>,
    /// Write pages: an index, and one for each case that did not pass. They need no network.
    #[arg(long, value_name = "FOLDER")]
    report_html: Option<PathBuf>,
    /// Write the report as JSON (`paydrill schema report`), from which `paydrill report` makes the others.
    #[arg(long, value_name = "FILE")]
    report_json: Option<PathBuf>,
    /// Write Markdown for a pull request, in at most 65,536 characters.
    #[arg(long, value_name = "FILE")]
    report_markdown: Option<PathBuf>,
    /// Print run events as JSON lines to standard output, and the report to standard error.
    #[arg(long)]
    json: bool,
    /// Write the incident of every case that did not pass here: text, Markdown and JSON.
    #[arg(long, value_name = "FOLDER")]
    incident_dir: Option<PathBuf>,
    /// Where the run is retained: a file, a `postgres://` URL, or `none`; left out, the project's `[ledger] url`, else
    /// `.paydrill/ledger.db` beside the project file.
    #[cfg(feature = "ledger")]
    #[arg(long, value_name = "URL", env = "PAYDRILL_LEDGER", hide_env_values = true)]
    ledger: Option<String>,
    /// Retain nothing.
    #[cfg(feature = "ledger")]
    #[arg(long, conflicts_with = "ledger")]
    no_ledger: bool,
    /// What it means if nothing is selected.
    #[arg(long, default_value = "fail", value_name = "WHAT")]
    no_tests: NoTests,
    /// Why it is run again though that is not known to be safe: `runs rerun --because`.
    #[cfg(feature = "ledger")]
    #[arg(skip)]
    because: Option<String>,
    /// The cases that `paths` name.
    #[arg(skip)]
    picked: Vec<Picked>,
    /// The command of a run whose scenarios are inside the program.
    #[arg(skip)]
    shipped: Option<Vec<String>>,
}

/// What it means if nothing is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NoTests {
    /// Exit code 4.
    Fail,
    /// A warning.
    Warn,
    /// Nothing.
    Pass,
}

#[cfg(any(feature = "demo", feature = "ledger"))]
impl Default for RunArgs {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            picked: Vec::new(),
            environment: None,
            jobs: 16,
            tag: Vec::new(),
            filter: Vec::new(),
            shard: None,
            last_failed: false,
            retries: 0,
            max_fail: None,
            repeat: 1,
            seed: None,
            shuffle: false,
            list: false,
            dry_run: false,
            variable: Vec::new(),
            report_junit: None,
            report_html: None,
            report_json: None,
            report_markdown: None,
            json: false,
            incident_dir: None,
            #[cfg(feature = "ledger")]
            ledger: None,
            #[cfg(feature = "ledger")]
            no_ledger: true,
            #[cfg(feature = "ledger")]
            because: None,
            no_tests: NoTests::Fail,
            shipped: None,
        }
    }
}

#[cfg(feature = "demo")]
impl RunArgs {
    /// Those of a run whose scenarios are inside the program; `command` is what was typed to get it.
    pub(super) fn shipped(command: Vec<String>, filter: Vec<String>, seed: Option<u64>, jobs: u16) -> Self {
        Self { shipped: Some(command), filter, seed, jobs, ..Self::default() }
    }
}

/// A run of the ledger, to be done again.
#[cfg(feature = "ledger")]
pub(super) struct Again {
    /// The case: `FILE[LABEL] #N`.
    pub(super) case: String,
    pub(super) environment: String,
    pub(super) seed: u64,
    /// `--variable`, `k=v`, as it was given before.
    pub(super) arguments: Vec<String>,
    pub(super) because: Option<String>,
    pub(super) ledger: Option<String>,
}

#[cfg(feature = "ledger")]
impl RunArgs {
    /// Those that do a run again, with the same ids. Of arguments only those that shape a case are known.
    pub(super) fn again(again: Again) -> Self {
        let mut args = Self {
            paths: vec![again.case.into()],
            environment: Some(again.environment),
            seed: Some(again.seed),
            ledger: again.ledger,
            no_ledger: false,
            because: again.because,
            ..Self::default()
        };
        for pair in again.arguments.chunks_exact(2) {
            match pair {
                [flag, value] if flag == "--variable" => args.variable.extend(plan::variable(value)),
                [flag, value] if flag == "--repeat" => args.repeat = value.parse().unwrap_or(1),
                _ => {}
            }
        }
        args
    }
}

pub(super) fn main(args: &RunArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    let asked = Asked::read(&args.paths, &|path| path.exists());
    let found = project::read(&asked.paths, global);
    if matches!(found, Err(LoadError::NoScenario { .. })) && args.no_tests != NoTests::Fail {
        return nothing(args.no_tests, output);
    }
    let written = match project::valid(found, output) {
        Ok(written) => written,
        Err(exit) => return exit,
    };
    match asked.picked(&written.scenarios) {
        Ok(picked) => run(&RunArgs { picked, ..args.clone() }, written, settings, output),
        Err((message, hint)) => {
            output.error(&message, Some(&hint));
            Exit::Usage
        }
    }
}

/// Runs what was written.
pub(super) fn run(args: &RunArgs, written: Written, settings: &Settings, output: &Output) -> Exit {
    let Written { project, scenarios } = written;
    if args.list {
        return list(args, &project, &scenarios, settings, output);
    }
    let wanted = wanted(args, &project, settings);
    #[cfg_attr(
        not(feature = "ledger"),
        expect(unused_mut, reason = "nothing is retained without the feature")
    )]
    let (plan, mut ports) = match plan::plan(wanted, project, &scenarios, settings) {
        Ok(planned) => planned,
        Err(refusal) => return refused(&refusal, output),
    };
    if plan.cases.is_empty() {
        return nothing(args.no_tests, output);
    }
    if !args.dry_run
        && let Err((message, hint)) = reporters::check(args, settings)
    {
        output.error(&message, Some(&hint));
        return Exit::Usage;
    }
    let runtime = match super::runtime(output) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    if args.last_failed {
        let last = LastRun::read(&plan.project.root);
        output.talk(last::announce(last.of(&plan.environment.name), &plan.cases));
    }
    if args.dry_run {
        return runtime.block_on(dry_run(&plan, &ports, output));
    }
    // What a notifier says on standard output waits for the progress bar to be gone.
    let said = Mutex::new(String::new());
    let say = |line: &str| said.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
    let list = match channels(&plan, &ports, &say, output) {
        Ok(list) => list,
        Err(exit) => return exit,
    };
    let channels = Channels { list, said: &said };
    #[cfg(feature = "ledger")]
    let summary = runtime.block_on(retained(args, &plan, &mut ports, settings, output, &channels));
    #[cfg(not(feature = "ledger"))]
    let summary = runtime.block_on(perform(args, &plan, &ports, settings, output, &channels, &mut |_| ()));
    // What still waits for an answer must not hold the process up.
    runtime.shutdown_background();
    summary
}

/// Who hears of incidents, and what was said on standard output.
struct Channels<'a> {
    list: Vec<Channel<'a>>,
    said: &'a Mutex<String>,
}

/// How those are reached whom the environment names.
fn channels<'a>(
    plan: &RunPlan,
    ports: &Ports,
    say: Say<'a>,
    output: &Output,
) -> Result<Vec<Channel<'a>>, Exit> {
    let chosen: Vec<_> = plan.project.notified(&plan.environment).collect();
    let variables = ports.variables.merged(&Map::new());
    notify::channels(&chosen, variables, &ports.secrets, say).map_err(|(message, hint)| {
        output.error(&message, Some(&hint));
        Exit::Usage
    })
}

/// The names of the selected cases. It needs no secrets.
fn list(
    args: &RunArgs,
    project: &Project,
    scenarios: &[Scenario],
    settings: &Settings,
    output: &Output,
) -> Exit {
    let Wanted { environment, selection, .. } = wanted(args, project, settings);
    match plan::environment(environment.as_deref(), project) {
        Ok(environment) => {
            let cases = engine::cases(scenarios, environment, &selection);
            output.data(cases.iter().map(|case| format!("{}\n", case.name)).collect::<String>());
            if cases.is_empty() { nothing(args.no_tests, output) } else { Exit::Passed }
        }
        Err(refusal) => refused(&refusal, output),
    }
}

pub(super) fn refused(refusal: &Refusal, output: &Output) -> Exit {
    match refusal {
        Refusal::Missing { message, hint } => output.error(message, Some(hint)),
        Refusal::Diagnostics(diagnostics) => project::show(diagnostics, output),
    }
    Exit::Usage
}

fn wanted(args: &RunArgs, project: &Project, settings: &Settings) -> Wanted {
    // An environment that there is not is refused later.
    let environment =
        plan::environment(args.environment.as_deref(), project).ok().filter(|_| args.last_failed);
    let known =
        environment.and_then(|environment| LastRun::read(&project.root).of(&environment.name).cloned());
    Wanted {
        environment: args.environment.clone(),
        selection: Selection {
            tags: args.tag.clone(),
            filters: args.filter.clone(),
            picked: args.picked.clone(),
            shard: args.shard,
            last_failed: known.unwrap_or_default(),
            repeat: args.repeat,
        },
        jobs: usize::from(args.jobs),
        retries: args.retries,
        max_fail: args.max_fail,
        seed: args.seed,
        shuffle: args.shuffle,
        variables: args.variable.iter().cloned().collect(),
        // An app that is started as `paydrill` is to be of this version.
        programs: BTreeMap::from([("paydrill".to_owned(), settings.program.clone())]),
        pictures: reporters::pictures(args, settings),
    }
}

async fn dry_run(plan: &RunPlan, ports: &Ports, output: &Output) -> Exit {
    match engine::dry_run(plan, ports).await {
        Ok(text) => {
            output.data(text);
            Exit::Passed
        }
        Err(error) => {
            output.error(&format!("failed to {error}"), None);
            Exit::CouldNotJudge
        }
    }
}

/// Runs, and retains what is done.
#[cfg(feature = "ledger")]
async fn retained(
    args: &RunArgs,
    plan: &RunPlan,
    ports: &mut Ports,
    settings: &Settings,
    output: &Output,
    channels: &Channels<'_>,
) -> Exit {
    let given = if args.no_ledger { Some("none") } else { args.ledger.as_deref() };
    let place = match ledger::Place::of(given, Some(&plan.project), settings) {
        Ok(place) => place,
        Err((message, hint)) => {
            output.error(&message, Some(&hint));
            return Exit::Usage;
        }
    };
    let told = retain::Told { handoff: reporters::handoff(args), because: args.because.clone() };
    let started = retain::Started::at(&place, told, settings).await;
    ports.retained = started.retained;
    let mut retention = started.retention;
    let mut retain = |event: &RunEvent| {
        if let Some(retention) = &mut retention {
            retention.event(event);
        }
    };
    let exit = perform(args, plan, ports, settings, output, channels, &mut retain).await;
    if let Some(retention) = retention
        && let lost @ 1.. = retention.finish().await
    {
        output.talk(format!("note: {lost} entries could not be written to the ledger\n"));
    }
    exit
}

/// Runs it. The end of the run is told last: who could be told of its incidents stands in every report.
async fn perform(
    args: &RunArgs,
    plan: &RunPlan,
    ports: &Ports,
    settings: &Settings,
    output: &Output,
    Channels { list: channels, said }: &Channels<'_>,
    retain: &mut (dyn FnMut(&RunEvent) + Send),
) -> Exit {
    let signals = signals::watch(ports.cancel.clone(), settings.clock);
    let mut reporters = Reporters::new(args, plan, settings, output);
    let mut recorder = Recorder::new(&plan.project.root, &plan.environment.name, &plan.cases);
    let mut end = None;
    let mut sink = |event: RunEvent| {
        // First of all: what is shown is retained.
        retain(&event);
        recorder.event(&event);
        match event.kind {
            RunEventKind::RunFinished { .. } => end = Some(event),
            _ => reporters.event(&event),
        }
    };
    let result = engine::run(plan, ports, &mut sink).await;
    if !channels.is_empty() {
        let notices = reporters.notices(settings.clock.now());
        let receipts = tell(channels, &notices, &mut Told::default(), Policy::USUAL, &real_time()).await;
        reporters.told(receipts, &said.lock().unwrap_or_else(PoisonError::into_inner));
    }
    if let Some(end) = end {
        reporters.event(&end);
    }
    signals.abort();
    // The demo's stories are inside the program, and the folder is somebody's.
    if args.shipped.is_none()
        && let Err(error) = recorder.write()
    {
        output.talk(format!("note: failed to keep for --last-failed what did not pass: {error}\n"));
    }
    let outcome = match result {
        Ok(RunSummary { stats, trouble, cancelled, .. }) => Outcome::of(&stats, trouble.is_some(), cancelled),
        Err(_) => Outcome::NotJudged,
    };
    exit_of(if reporters.finish() { outcome } else { outcome.unreported() })
}

fn nothing(no_tests: NoTests, output: &Output) -> Exit {
    match no_tests {
        NoTests::Fail => {
            output.error(
                "no case is selected",
                Some("`paydrill run --list` names them; `--no-tests pass` accepts none"),
            );
            Exit::NothingSelected
        }
        NoTests::Warn => {
            output.talk("warning: no case is selected\n");
            Exit::Passed
        }
        NoTests::Pass => Exit::Passed,
    }
}

fn exit_of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Passed => Exit::Passed,
        Outcome::Failed => Exit::Failed,
        Outcome::NotJudged => Exit::CouldNotJudge,
        Outcome::NothingSelected => Exit::NothingSelected,
        Outcome::Interrupted => Exit::Interrupted,
    }
}
