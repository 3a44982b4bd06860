//! A target that is up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select_all};

use super::error::LOG_LINES;
use super::log::{Log, LogLine};
use super::process::{End, Manner, Process};
use super::spec::LaunchSpec;

/// A target that is up. Dropping it ends what we started without waiting for it; [`Launched::stop`] waits.
#[derive(Debug)]
pub struct Launched {
    /// None for a target that we did not start.
    pub(super) processes: Vec<Process>,
    pub(super) base_url: String,
    pub(super) ready_after: Duration,
    /// What the processes are given to end by themselves.
    pub(super) grace: Duration,
    /// How they were started; `None` for a target that we did not start.
    pub(super) spec: Option<Arc<LaunchSpec>>,
    /// What processes printed that were killed since.
    pub(super) past: Vec<Arc<Log>>,
}

/// A process that ended though nobody asked it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Which one.
    pub process: String,
    /// How.
    pub end: End,
    /// When, on the launch's clock.
    pub at: Duration,
    /// Its last lines.
    pub log: Vec<LogLine>,
}

/// How a target was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// Every process ended when asked to, or had ended before.
    Asked,
    /// These did not in time, and were killed.
    Killed {
        /// Their names.
        processes: Vec<String>,
    },
}

impl Launched {
    /// Where it answers: `http://127.0.0.1:3000`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// How long it took from the launch to readiness.
    #[must_use]
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The last `lines` lines of all processes together, oldest first.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> Vec<LogLine> {
        let mut all = merged(self.logs().map(|log| log.tail(lines)));
        all.drain(..all.len().saturating_sub(lines));
        all
    }

    /// What was printed at `since` (on the launch's clock) or later, as far as it is kept, oldest first.
    #[must_use]
    pub fn log_since(&self, since: Duration) -> Vec<LogLine> {
        merged(self.logs().map(|log| log.since(since)))
    }

    fn logs(&self) -> impl Iterator<Item = &Arc<Log>> {
        self.past.iter().chain(self.processes.iter().map(|process| &process.log))
    }

    /// The processes of which nothing has loaded a library.
    pub(super) fn without(&self, library: &Path) -> Vec<String> {
        let lacking = self.processes.iter().filter(|process| !process.has_loaded(library));
        lacking.map(|process| process.name.clone()).collect()
    }

    /// The first process that has ended, if one has.
    #[must_use]
    pub fn dead(&self) -> Option<Death> {
        first_death(&self.processes)
    }

    /// Whether a process has ended: known at once, while [`Launched::dead`] waits for its last words. What was
    /// heard of the target since then tells nothing about it.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.processes.iter().any(Process::gone)
    }

    /// Resolves when a process ends by itself; never, for a target that we did not start.
    pub async fn died(&self) -> Death {
        loop {
            any_end(&self.processes).await;
            if let Some(death) = self.dead() {
                return death;
            }
        }
    }

    /// Asks every process, and what it started, to end; kills what has not in time. Nothing runs afterwards.
    pub async fn stop(self) -> Stopped {
        stop_all(self.processes, self.grace).await
    }
}

pub(super) async fn stop_all(processes: Vec<Process>, grace: Duration) -> Stopped {
    let stopping = processes.into_iter().map(|process| async move {
        let name = process.name.clone();
        (process.stop(grace).await == Manner::Killed).then_some(name)
    });
    let killed: Vec<_> = join_all(stopping).await.into_iter().flatten().collect();
    if killed.is_empty() { Stopped::Asked } else { Stopped::Killed { processes: killed } }
}

/// Resolves when one of them has ended; never, where there is none.
pub(super) async fn any_end(processes: &[Process]) {
    if processes.is_empty() {
        std::future::pending::<()>().await;
    }
    select_all(processes.iter().map(|process| Box::pin(process.ended()))).await;
}

/// The one that ended first. Others may follow because of it.
pub(super) fn first_death(processes: &[Process]) -> Option<Death> {
    let ends = processes.iter().filter_map(|process| process.end().map(|(end, at)| (process, end, at)));
    let (process, end, at) = ends.min_by_key(|(_, _, at)| *at)?;
    Some(Death { process: process.name.clone(), end, at, log: process.log.tail(LOG_LINES) })
}

/// In the order in which they were read; lines of one moment stay as their process printed them.
fn merged(logs: impl Iterator<Item = Vec<LogLine>>) -> Vec<LogLine> {
    let mut all: Vec<_> = logs.flatten().collect();
    all.sort_by_key(|line| line.at);
    all
}
