//! A target that is up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select_all};

use super::error::LOG_LINES;
use super::log::{Log, LogLine};
use super::member::Member;
use super::process::{End, Manner};
use super::spec::LaunchSpec;

/// A target that is up. Dropping it ends what we started without waiting for it; [`Launched::stop`] waits.
#[derive(Debug)]
pub struct Launched {
    /// None for a target that we did not start.
    pub(super) members: Vec<Member>,
    pub(super) base_url: String,
    pub(super) ready_after: Duration,
    /// What the processes are given to end by themselves.
    pub(super) grace: Duration,
    /// How processes were started; containers know it themselves.
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
        self.past.iter().chain(self.members.iter().map(Member::log))
    }

    /// The processes of which nothing has loaded a library.
    pub(super) fn without(&self, library: &Path) -> Vec<String> {
        let processes = self.members.iter().filter_map(Member::process);
        processes.filter(|process| !process.has_loaded(library)).map(|process| process.name.clone()).collect()
    }

    /// The first process that has ended, if one has.
    #[must_use]
    pub fn dead(&self) -> Option<Death> {
        first_death(&self.members)
    }

    /// Whether a process has ended: known at once, while [`Launched::dead`] waits for its last words. What was
    /// heard of the target since then tells nothing about it.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.members.iter().any(Member::gone)
    }

    /// Resolves when a process ends by itself; never, for a target that we did not start.
    pub async fn died(&self) -> Death {
        loop {
            any_end(&self.members).await;
            if let Some(death) = self.dead() {
                return death;
            }
        }
    }

    /// Asks every process, and what it started, to end; kills what has not in time. Nothing runs afterwards.
    pub async fn stop(self) -> Stopped {
        stop_all(self.members, self.grace).await
    }
}

pub(super) async fn stop_all(members: Vec<Member>, grace: Duration) -> Stopped {
    let stopping = members.into_iter().map(|member| async move {
        let name = member.name().to_owned();
        (member.stop(grace).await == Manner::Killed).then_some(name)
    });
    let killed: Vec<_> = join_all(stopping).await.into_iter().flatten().collect();
    if killed.is_empty() { Stopped::Asked } else { Stopped::Killed { processes: killed } }
}

/// Resolves when one of them has ended; never, where there is none.
pub(super) async fn any_end(members: &[Member]) {
    if members.is_empty() {
        std::future::pending::<()>().await;
    }
    select_all(members.iter().map(|member| Box::pin(member.ended()))).await;
}

/// The one that ended first. Others may follow because of it.
pub(super) fn first_death(members: &[Member]) -> Option<Death> {
    let ends = members.iter().filter_map(|member| member.end().map(|(end, at)| (member, end, at)));
    let (member, end, at) = ends.min_by_key(|(_, _, at)| *at)?;
    Some(Death { process: member.name().to_owned(), end, at, log: member.log().tail(LOG_LINES) })
}

/// In the order in which they were read; lines of one moment stay as their process printed them.
fn merged(logs: impl Iterator<Item = Vec<LogLine>>) -> Vec<LogLine> {
    let mut all: Vec<_> = logs.flatten().collect();
    all.sort_by_key(|line| line.at);
    all
}
