//! A report as one value: what it says, in a form that is stored, merged and rendered. Version 1.
//!
//! `run --report-json` writes it, `paydrill report` reads it. HTML, Markdown and JUnit are pure functions of it, so they
//! can be made later, elsewhere, and of several parts of a run (`--shard`) together. `schemas/report.schema.json` has
//! its fields. Fields may be added; `v` changes where an old reader would misunderstand.

mod gathered;
mod picture;
mod read;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::picture::{Picture, Shown, pictures};
pub(crate) use self::read::{merge, read};
use super::gather::Status;
use super::summary::Outcome;
use crate::incident::wire::WireIncident;
use crate::notify::Receipt;
use crate::run_event::{CancelReason, RunStats};

/// The version that this program writes.
pub(crate) const VERSION: u32 = 1;

/// What one or several runs amounted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Report {
    /// 1; another number where an old reader would misunderstand.
    pub(crate) v: u32,
    /// One; several where the reports of several were merged.
    pub(crate) runs: Vec<Run>,
    /// Every case, in the order in which it first ended.
    pub(crate) cases: Vec<Case>,
    /// What was seen of the app's pages where a case did not pass.
    #[serde(default)]
    pub(crate) pictures: Vec<Picture>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Run {
    /// The project's name.
    pub(crate) project: String,
    /// The environment's.
    pub(crate) environment: String,
    /// Reproduces ids, e-mail addresses and shuffles. A string: JSON readers round large numbers.
    pub(crate) seed: String,
    /// Wall time of the start (RFC 3339).
    pub(crate) started: String,
    /// How long it took.
    pub(crate) took_ms: f64,
    /// Paydrill's version.
    pub(crate) version: String,
    /// What is deployed; null: not known.
    pub(crate) deploy_sha: Option<String>,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Why it ended early; null: it did not.
    pub(crate) cancelled: Option<CancelReason>,
    /// What made the whole run unjudgeable.
    pub(crate) trouble: Option<Trouble>,
    /// How many cases are where.
    pub(crate) stats: Stats,
    /// Why the ledger does not hold what the run did, or not all of it; in words that follow "failed to".
    pub(crate) not_retained: Option<String>,
    /// What else a reader must know: who could not be told.
    #[serde(default)]
    pub(crate) remarks: Vec<String>,
    /// Who was told of its incidents, and whether that arrived.
    #[serde(default)]
    pub(crate) notices: Vec<Receipt>,
}

/// What is known of a run beside what happened in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Aside {
    /// What a reader must know.
    pub(crate) remarks: Vec<String>,
    /// Who was told.
    pub(crate) notices: Vec<Receipt>,
}

/// What made a whole run unjudgeable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Trouble {
    /// In words that follow "failed to".
    pub(crate) message: String,
    /// The last lines of the app's output.
    pub(crate) log: Vec<String>,
}

/// How many cases are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Stats {
    /// Selected.
    pub(crate) cases: usize,
    /// Ended.
    pub(crate) finished: usize,
    /// Passed, flaky ones not counted.
    pub(crate) passed: usize,
    /// Passed only on a retry; this fails the run.
    pub(crate) flaky: usize,
    /// A wrong outcome.
    pub(crate) failed: usize,
    /// Could not be judged.
    pub(crate) errored: usize,
    /// Not applicable.
    pub(crate) skipped: usize,
}

/// One case, with all its tries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Case {
    /// Which of the runs, from 0.
    #[serde(default)]
    pub(crate) run: usize,
    /// `orders/late-update[order=reversed]`, with ` #2` where it is repeated.
    pub(crate) name: String,
    /// The scenario: its path below the scenario folder.
    pub(crate) scenario: String,
    /// Its file, as the user would type it.
    pub(crate) file: String,
    /// What the customer was promised.
    pub(crate) promise: String,
    /// Who gets the incident.
    pub(crate) owner: Option<String>,
    /// Words to select by.
    pub(crate) tags: Vec<String>,
    /// At least one; the last one counts.
    pub(crate) tries: Vec<Try>,
}

/// One try of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Try {
    /// From 1.
    pub(crate) attempt: u32,
    /// How it ended.
    pub(crate) status: Status,
    /// The id of the event that opened it; null: it made none.
    pub(crate) run_id: Option<String>,
    /// Wall time of the start (RFC 3339).
    pub(crate) started: String,
    /// How long it took.
    pub(crate) took_ms: f64,
    /// How many expectations were judged.
    #[serde(default)]
    pub(crate) judged: usize,
    /// How many deliveries were made.
    #[serde(default)]
    pub(crate) deliveries: usize,
    /// Why it was skipped or could not be judged, where no finding says it.
    pub(crate) reason: Option<String>,
    /// What its owner gets; null where it passed or was skipped.
    pub(crate) incident: Option<WireIncident>,
    /// The same as people read it on a terminal.
    pub(crate) text: Option<String>,
}

impl Report {
    /// How all of it ended: the gravest of its runs.
    #[must_use]
    pub(crate) fn outcome(&self) -> Outcome {
        let grave = |outcome: Outcome| match outcome {
            Outcome::Interrupted => 4,
            Outcome::Failed => 3,
            Outcome::NotJudged => 2,
            Outcome::Passed => 1,
            Outcome::NothingSelected => 0,
        };
        let outcomes = self.runs.iter().map(|run| run.outcome);
        outcomes.max_by_key(|outcome| grave(*outcome)).unwrap_or(Outcome::NothingSelected)
    }

    /// The counters of all runs.
    #[must_use]
    pub(crate) fn stats(&self) -> Stats {
        self.runs.iter().fold(Stats::default(), |sum, run| sum.plus(run.stats))
    }

    /// The longest of the runs, which ran beside each other.
    #[must_use]
    pub(crate) fn took_ms(&self) -> f64 {
        self.runs.iter().map(|run| run.took_ms).fold(0.0, f64::max)
    }

    /// What the runs have in common, or nothing where they differ.
    #[must_use]
    pub(crate) fn shared<'a, T: PartialEq>(&'a self, of: impl Fn(&'a Run) -> T) -> Option<T> {
        let mut all = self.runs.iter().map(of);
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }
}

impl Run {
    /// What a reader must know beside the cases.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = String> {
        let lost = self.not_retained.iter().map(|problem| format!("not retained: failed to {problem}"));
        lost.chain(self.remarks.iter().cloned())
    }
}

impl Stats {
    fn plus(self, other: Self) -> Self {
        Self {
            cases: self.cases.saturating_add(other.cases),
            finished: self.finished.saturating_add(other.finished),
            passed: self.passed.saturating_add(other.passed),
            flaky: self.flaky.saturating_add(other.flaky),
            failed: self.failed.saturating_add(other.failed),
            errored: self.errored.saturating_add(other.errored),
            skipped: self.skipped.saturating_add(other.skipped),
        }
    }
}

impl From<RunStats> for Stats {
    fn from(stats: RunStats) -> Self {
        let RunStats { cases, finished, passed, flaky, failed, errored, skipped } = stats;
        Self { cases, finished, passed, flaky, failed, errored, skipped }
    }
}

impl Case {
    /// How it ended.
    #[must_use]
    pub(crate) fn status(&self) -> Status {
        self.tries.last().map_or(Status::Skip, |last| last.status)
    }

    /// The try that tells what is wrong: the last, or for a flaky case the last that did not pass.
    #[must_use]
    pub(crate) fn telling(&self) -> Option<&Try> {
        match self.status() {
            Status::Fail | Status::Error => self.tries.last(),
            Status::Flaky => self.tries.iter().rev().find(|one| one.incident.is_some()),
            Status::Pass | Status::Skip => None,
        }
    }

    /// Those before the last.
    pub(crate) fn earlier(&self) -> &[Try] {
        self.tries.split_last().map_or(&[], |(_, earlier)| earlier)
    }
}

impl WireIncident {
    /// What is wrong in one line, with the name of what it is about.
    #[must_use]
    pub(crate) fn headline(&self) -> String {
        match (&self.reason, self.findings.first()) {
            (Some(reason), _) => reason.clone(),
            (None, Some(finding)) if finding.name.is_empty() => finding.headline.clone(),
            (None, Some(finding)) => format!("{}: {}", finding.name, finding.headline),
            (None, None) => self.kind.to_string(),
        }
    }
}

/// From milliseconds, whatever a file says.
#[must_use]
pub(crate) fn duration(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1_000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests;
