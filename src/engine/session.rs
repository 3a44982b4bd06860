//! A run from start to end: double up, app up, cases, app down.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::app::App;
use super::cancel::Cancel;
use super::containers::Containers;
use super::dispatcher::{Dispatcher, Inbox, RunSummary, Sink};
use super::driver::{Driver, Report, STOP_GRACE};
use super::gate::{Gate, Retention};
use super::outside::{Here, Outside};
use super::plan::{CasePlan, RunPlan};
use super::scene::Variables;
use super::stage::{self, Stage, Wanted};
use super::stripe_mock;
use crate::deliver::http::Sender;
use crate::probe::{Browser, Caller, ReadError, Reader, Text};
use crate::project::model::{MovedBy, ProbeKind};
use crate::provider::double::{ApiCall, Beside, Double, DoubleConfig};
use crate::run_event::{CancelReason, Retained, RunEvent, RunEventKind, RunHeader, RunStats, Trouble};
use crate::scenario::model::Step;
use crate::secret::Secret;
use crate::target::{Faketime, FaketimeError, Front, Runtime};
use crate::time::Clock;

/// What a run needs of the world, read once by whoever starts it.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Wall and monotonic time.
    pub clock: Clock,
    /// Where fresh folders are made.
    pub temp: PathBuf,
    /// Programs that commands name and that are found here instead of on the path: `paydrill` itself.
    pub programs: BTreeMap<String, PathBuf>,
    /// Values of `{{ secret.NAME }}`.
    pub secrets: BTreeMap<String, Secret>,
    /// The environment variable that `target.deploy_sha.env` names, where it is set.
    pub deploy_sha: Option<String>,
    /// The hosts for which the app is to use no proxy, as this machine has it set.
    pub no_proxy: Option<String>,
    /// Variables of our environment that a hook in the app's runtime is added to, and those that tell where the
    /// container engine is: [`Self::INHERITED`].
    pub inherited: BTreeMap<String, String>,
    /// Variables by who says them.
    pub variables: Variables,
    /// Where pictures of pages are kept, if anywhere.
    pub pictures: Option<PathBuf>,
    /// Asks the run to stop early.
    pub cancel: Cancel,
    /// How much of the stream is retained for good: acts on the outside wait for it. `None`: nobody retains it.
    pub retained: Option<watch::Receiver<Retained>>,
}

impl Ports {
    /// The names of [`Self::inherited`].
    pub const INHERITED: [&'static str; 11] = [
        Runtime::VARIABLES[0],
        Runtime::VARIABLES[1],
        Faketime::VARIABLES[0],
        Front::VARIABLES[0],
        Front::VARIABLES[1],
        Front::VARIABLES[2],
        Front::VARIABLES[3],
        Front::VARIABLES[4],
        "DOCKER_HOST",
        "XDG_RUNTIME_DIR",
        "HOME",
    ];
}

/// Why a run could not begin or go on. Its exit code is 3: nothing was judged.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The double did not start.
    #[error("start the Stripe double: {0}")]
    Double(#[from] crate::provider::double::DoubleError),
    /// The image of the stripe-mock beside it is not here, and nowhere else.
    #[error(
        "find image `{image}` of stripe-mock: it is not on this machine, and pulling it failed: {said}\n\n\
         hint: `docker pull {image}` where there is a registry; `provider.stripe_mock.url` names one that runs already"
    )]
    NoStripeMock {
        /// Its name.
        image: String,
        /// What the registry says.
        said: String,
    },
    /// The stripe-mock that was started ended before it answered.
    #[error("start stripe-mock from image `{image}`: it {end}: {said}")]
    StripeMockEnded {
        /// Its name.
        image: String,
        /// How.
        end: String,
        /// Its last line.
        said: String,
    },
    /// The stripe-mock beside it is not there.
    #[error("{0}")]
    StripeMock(#[from] crate::provider::upstream::UpstreamError),
    /// The app did not come up.
    #[error("{0}")]
    Launch(#[from] crate::target::LaunchError),
    /// Containers cannot be used.
    #[cfg(feature = "container")]
    #[error("{0}")]
    Container(#[from] crate::target::container::ContainerError),
    /// A server for what leaves the app did not start.
    #[error("{0}")]
    Outside(#[from] crate::outside::OutsideError),
    /// The driver of the browser that looks at pages did not come up.
    #[error("start a browser for page probes (Chromium and its `chromedriver`): {0}")]
    Browser(#[source] crate::target::LaunchError),
    /// A template in the environment has no value.
    #[error("{0}")]
    Template(#[from] crate::template::TemplateError),
    /// A template in what the app is started with has no value.
    #[error("set `{key}` of environment `{environment}`: {cause}")]
    Setting {
        /// `target.env.PORT`
        key: String,
        /// The environment's name.
        environment: String,
        /// Which template, and why.
        cause: crate::template::TemplateError,
    },
    /// No folder for the app's data.
    #[error("make a folder for the app's data: {0}")]
    Folder(#[source] std::io::Error),
    /// The hook that leads the app to the double cannot be written.
    #[error("write the hook of `target.redirect`: {0}")]
    Redirect(#[source] std::io::Error),
    /// The front of `target.redirect = "proxy"` did not start.
    #[error("{0}")]
    Front(#[from] crate::target::FrontError),
    /// No HTTP client for requests and probes.
    #[error("start an HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// No HTTP client for deliveries.
    #[error("{0}")]
    Sender(#[from] crate::deliver::http::SendError),
    /// The app's clock cannot be moved.
    #[error("{0}")]
    Faketime(#[from] FaketimeError),
    /// A probe's path does not parse.
    #[error("{0}")]
    Probe(#[from] ReadError),
    /// An app that already runs has its own signing secret, which only its owner can tell.
    #[error(
        "sign for endpoint `{endpoint}` of environment `{environment}`: an app that already runs needs `secret` there"
    )]
    NoSecret {
        /// Its name.
        endpoint: String,
        /// The environment's.
        environment: String,
    },
    /// A part of the environment that this version does not execute.
    #[error("run environment `{environment}`: not supported yet: {what}")]
    NotYet {
        /// Its name.
        environment: String,
        /// The key.
        what: &'static str,
    },
}

/// Runs `plan` and tells `sink` everything, in order. A wrong outcome is in the summary, never an `Err`.
///
/// # Errors
/// The double or the app did not come up: nothing could be told. The sink has the same as [`Trouble`].
pub async fn run(plan: &RunPlan, ports: &Ports, sink: Sink<'_>) -> Result<RunSummary, SessionError> {
    let header = RunHeader {
        project: plan.project.name.clone(),
        environment: plan.environment.name.clone(),
        seed: plan.options.seed,
        cases: plan.cases.len(),
        jobs: plan.options.jobs,
        started: ports.clock.now(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let mut retention = Retention::new(ports.retained.clone());
    let counter = retention.clone();
    let sink: Sink<'_> = &mut |event| {
        counter.count();
        sink(event);
    };
    sink(RunEvent { at: ports.clock.elapsed(), kind: RunEventKind::RunStarted(header) });
    complain(ports, sink, &retention);
    let result = perform(plan, ports, &retention, sink).await;
    retention.settle().await;
    complain(ports, sink, &retention);
    match result {
        Ok(summary) => {
            finished(ports, sink, &summary);
            Ok(summary)
        }
        Err(error) => {
            let message = stage::redactor(plan, ports).redact(&error.to_string());
            let trouble = Trouble { message, log: Vec::new() };
            let stats = RunStats { cases: plan.cases.len(), ..RunStats::default() };
            let took = ports.clock.elapsed();
            finished(ports, sink, &RunSummary { stats, took, trouble: Some(trouble), cancelled: None });
            Err(error)
        }
    }
}

/// Tells why the run cannot be retained, where nobody was told yet.
fn complain(ports: &Ports, sink: Sink<'_>, retention: &Retention) {
    if let Some(problem) = retention.complaint() {
        sink(RunEvent { at: ports.clock.elapsed(), kind: RunEventKind::Unrecorded { problem } });
    }
}

fn finished(ports: &Ports, sink: Sink<'_>, summary: &RunSummary) {
    let at = ports.clock.elapsed();
    let kind = RunEventKind::RunFinished {
        stats: summary.stats,
        took: summary.took,
        trouble: summary.trouble.clone(),
    };
    sink(RunEvent { at, kind });
}

async fn perform(
    plan: &RunPlan,
    ports: &Ports,
    retention: &Retention,
    sink: Sink<'_>,
) -> Result<RunSummary, SessionError> {
    // Looked for before anything else, not when its first case comes.
    let moves = plan.cases.iter().any(|case| case.moves_clock);
    let faketime = matches!(plan.environment.target.clock, Some(MovedBy::Faketime));
    if moves && faketime && Faketime::installed().is_none() {
        return Err(FaketimeError::NotInstalled.into());
    }
    let containers = tokio::select! {
        opened = Containers::open(plan, ports) => opened?,
        // An image may be pulled or built just now; what there is goes with what is dropped here.
        _ = ports.cancel.wanted() => return Ok(interrupted(plan, ports, sink)),
    };
    let summary = beside_the_double(plan, ports, containers.as_ref(), retention, sink).await;
    if let Some(containers) = containers {
        containers.close().await;
    }
    summary
}

/// With the container engine ready, where the app needs it.
async fn beside_the_double(
    plan: &RunPlan,
    ports: &Ports,
    containers: Option<&Containers>,
    retention: &Retention,
    sink: Sink<'_>,
) -> Result<RunSummary, SessionError> {
    let standing = tokio::select! {
        standing = stripe_mock::stand(&plan.environment, ports) => standing?,
        _ = ports.cancel.wanted() => return Ok(interrupted(plan, ports, sink)),
    };
    let beside = standing.beside.clone();
    let summary = on_the_ground(plan, ports, containers, beside, retention, sink).await;
    standing.end().await;
    summary
}

/// With all that stands beside the app and the double.
async fn on_the_ground(
    plan: &RunPlan,
    ports: &Ports,
    containers: Option<&Containers>,
    beside: Beside,
    retention: &Retention,
    sink: Sink<'_>,
) -> Result<RunSummary, SessionError> {
    let here = containers.map_or_else(Here::default, Containers::here);
    let catalog = stage::catalog(&plan.project);
    let config = DoubleConfig { beside, ..stage::double(&plan.environment, &here)? };
    let double = Double::start(config, &catalog, ports.clock, plan.options.seed).await?;
    let browser = match super::browser::start(plan, ports).await {
        Ok(browser) => browser,
        Err(error) => {
            double.stop().await;
            return Err(error);
        }
    };
    let looks = browser.as_ref().map(|running| Arc::clone(&running.browser));
    let summary = all(plan, ports, &double, containers, looks, retention, sink).await;
    if let Some(browser) = browser {
        browser.stop().await;
    }
    double.stop().await;
    summary
}

/// Nothing had been started yet.
fn interrupted(plan: &RunPlan, ports: &Ports, sink: Sink<'_>) -> RunSummary {
    let reason = CancelReason::Interrupted;
    sink(RunEvent { at: ports.clock.elapsed(), kind: RunEventKind::Cancelled { reason } });
    let stats = RunStats { cases: plan.cases.len(), ..RunStats::default() };
    RunSummary { stats, took: ports.clock.elapsed(), trouble: None, cancelled: Some(reason) }
}

/// How far a run has come.
struct Progress<'a> {
    stats: RunStats,
    /// The next case's number, for those that are tried again.
    next_id: u32,
    /// What the app asks Stripe, whichever app that is.
    calls: mpsc::UnboundedReceiver<ApiCall>,
    /// What looks at pages, if anything does.
    browser: Option<Arc<Browser>>,
    /// How much of what was told is retained.
    retention: Retention,
    /// What the app's containers stand on, if it has any.
    containers: Option<&'a Containers>,
}

/// Cases share one app and run in parallel. One that touches the app's life gets an app of its own, after them.
async fn all(
    plan: &RunPlan,
    ports: &Ports,
    double: &Double,
    containers: Option<&Containers>,
    browser: Option<Arc<Browser>>,
    retention: &Retention,
    sink: Sink<'_>,
) -> Result<RunSummary, SessionError> {
    let (own, shared): (Vec<_>, Vec<_>) =
        plan.cases.iter().cloned().partition(|case| case.needs_own_app(&plan.project));
    let alone = own.into_iter().map(|case| VecDeque::from([case]));
    let shared = (!shared.is_empty() || alone.len() == 0).then(|| VecDeque::from(shared));
    let mut progress = Progress {
        stats: RunStats { cases: plan.cases.len(), ..RunStats::default() },
        next_id: u32::try_from(plan.cases.len()).unwrap_or(u32::MAX),
        calls: double.calls().unwrap_or_else(|| mpsc::unbounded_channel().1),
        browser,
        retention: retention.clone(),
        containers,
    };
    let (mut trouble, mut cancelled) = (None, None);
    for (nth, cases) in shared.into_iter().chain(alone).enumerate() {
        match with_an_app(plan, ports, double, cases, &mut progress, sink).await {
            Ok(ended) => (trouble, cancelled) = ended,
            Err(error) if nth == 0 => return Err(error),
            // What was found with other apps stays found.
            Err(error) => {
                let message = stage::redactor(plan, ports).redact(&error.to_string());
                trouble = Some(Trouble { message, log: Vec::new() });
            }
        }
        if trouble.is_some() || cancelled.is_some() {
            break;
        }
    }
    let trouble = trouble.or_else(|| refused_at_large(double));
    Ok(RunSummary { stats: progress.stats, took: ports.clock.elapsed(), trouble, cancelled })
}

/// Why cases ended early, if they did.
type Ended = (Option<Trouble>, Option<CancelReason>);

/// Brings an app up, runs cases on it, and ends it.
async fn with_an_app(
    plan: &RunPlan,
    ports: &Ports,
    double: &Double,
    cases: VecDeque<CasePlan>,
    progress: &mut Progress<'_>,
    sink: Sink<'_>,
) -> Result<Ended, SessionError> {
    let wanted = Wanted::of(cases.front(), plan);
    let staged = tokio::select! {
        staged = stage::bring_up(plan, ports, double, progress.containers, &wanted) => staged?,
        // What has started by then ends with what is dropped here.
        _ = ports.cancel.wanted() => {
            let reason = CancelReason::Interrupted;
            sink(RunEvent { at: ports.clock.elapsed(), kind: RunEventKind::Cancelled { reason } });
            return Ok((None, Some(reason)));
        }
    };
    let redactor = staged.redactor(plan, ports);
    let arrivals = staged.outside.arrivals();
    let (reports, inbox) = mpsc::unbounded_channel();
    let (back, restarted) = mpsc::unbounded_channel();
    let caller = Arc::new(caller(ports, &staged)?.with_browser(progress.browser.clone()));
    let Stage { target, launcher, ready_at, scene, faketime, deploy_sha, dir, outside, front, .. } = staged;
    let instances = scene.turns.iter().filter_map(|id| scene.processes.get(id).cloned()).collect();
    let driver = Driver { faketime, instances, ..driver(plan, ports, double, caller, outside, reports)? };
    let started = RunEventKind::TargetStarted {
        url: target.base_url().to_owned(),
        ready_after: target.ready_after(),
        deploy_sha,
    };
    let mut dispatcher = Dispatcher {
        plan,
        scene,
        driver,
        app: App::new(target, launcher, front, ports.clock, back),
        sink,
        redactor: &redactor,
        cancel: ports.cancel.clone(),
        queue: cases,
        cases: BTreeMap::new(),
        timers: std::collections::BinaryHeap::new(),
        stats: progress.stats,
        next_id: progress.next_id,
        trouble: None,
        held: Vec::new(),
        gate: Gate::new(progress.retention.clone()),
    };
    dispatcher.emit(ready_at, started);
    let inbox = Inbox {
        reports: inbox,
        calls: &mut progress.calls,
        arrivals,
        back: restarted,
        retention: progress.retention.clone(),
    };
    let cancelled: Option<CancelReason> = dispatcher.run(inbox).await;
    let Dispatcher { stats, next_id, trouble, app, driver, .. } = dispatcher;
    (progress.stats, progress.next_id) = (stats, next_id);
    // A target that does not stop is killed by its supervisor when we end.
    let _ = tokio::time::timeout(STOP_GRACE + Duration::from_secs(5), app.stop()).await;
    driver.outside.stop().await;
    // Its folder goes after it.
    drop(dir);
    Ok((trouble, cancelled))
}

/// A driver for an app whose clock is not moved.
fn driver(
    plan: &RunPlan,
    ports: &Ports,
    double: &Double,
    caller: Arc<Caller>,
    outside: Outside,
    reports: mpsc::UnboundedSender<Report>,
) -> Result<Driver, SessionError> {
    Ok(Driver {
        clock: ports.clock,
        double: double.clone(),
        sender: Sender::new()?,
        caller,
        probes: probes(plan)?,
        reports,
        outside,
        cookies: BTreeMap::new(),
        faketime: None,
        instances: Vec::new(),
        ahead: jiff::SignedDuration::ZERO,
        seen: BTreeMap::new(),
    })
}

/// Invariant 7, for calls that name no case's object: what the double does not model cannot have been proved.
fn refused_at_large(double: &Double) -> Option<Trouble> {
    let refused = double.refused_at_large();
    let refused = (!refused.is_empty()).then(|| format!("answer the app: {}", refused.join("; ")));
    let message = refused.or(super::beside::at_large(&double.found_at_large()))?;
    Some(Trouble { message, log: Vec::new() })
}

fn caller(ports: &Ports, stage: &Stage) -> Result<Caller, SessionError> {
    let workplace = stage.workplace.clone();
    Caller::new(ports.clock, stage.target.base_url(), workplace).map_err(SessionError::Client)
}

fn probes(plan: &RunPlan) -> Result<BTreeMap<String, Arc<Reader>>, SessionError> {
    let mut probes = BTreeMap::new();
    for (name, probe) in &plan.project.probes {
        if let ProbeKind::Call { call, read } = &probe.kind {
            let text = if uses_text(plan, name) { Text::Keep } else { Text::LeaveOut };
            probes.insert(name.clone(), Arc::new(Reader::compile(call, read, text)?));
        }
    }
    Ok(probes)
}

/// Whether any step looks at the probe's whole text.
fn uses_text(plan: &RunPlan, probe: &str) -> bool {
    let steps = plan.cases.iter().flat_map(|case| &case.story.steps);
    steps
        .flat_map(Step::expected)
        .any(|expected| expected.probe == probe && expected.fields.contains_key("text"))
}
