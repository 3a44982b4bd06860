//! What the stream amounts to so far, for reports that need more than one event.
//!
//! A case that passed is kept as one line, so that ten thousand of them cost little; any other is kept whole.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::summary::Outcome;
use crate::incident::{EventOrigin, Evidence, Incident, IncidentContext, derive, rerun};
use crate::run_event::{
    CancelReason, CaseRecord, RunEvent, RunEventKind, RunHeader, RunStats, Trouble, Verdict,
};
use crate::scenario::model::Head;

/// What incidents of a run say beside what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// Arguments of this run that shape a case (`--variable`, `k=v`): repeated in the command that runs it again.
    pub arguments: Vec<String>,
    /// Where incidents are written, as the user would type it; `None`: nowhere.
    pub incident_dir: Option<String>,
    /// The ledger holds the run.
    pub retained: bool,
    /// The real customer that stories are told about; `None`: minted ones.
    pub bound_customer: Option<String>,
    /// Where the events come from.
    pub origin: EventOrigin,
    /// The command of a run whose scenarios are inside the program: `paydrill demo --bug NAME`.
    pub shipped: Option<Vec<String>>,
}

impl Default for Handoff {
    /// A run against the double that keeps nothing.
    fn default() -> Self {
        Self {
            arguments: Vec::new(),
            incident_dir: None,
            retained: false,
            bound_customer: None,
            origin: EventOrigin::Double,
            shipped: None,
        }
    }
}

/// How a try of a case ended, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As promised.
    Pass,
    /// As promised, but not at the first try.
    Flaky,
    /// A wrong outcome.
    Fail,
    /// Could not be judged.
    Error,
    /// Not applicable here.
    Skip,
}

impl Status {
    /// Of a case that has ended.
    #[must_use]
    pub fn of(record: &CaseRecord) -> Self {
        match record.verdict {
            Verdict::Passed if record.flaky => Self::Flaky,
            Verdict::Passed => Self::Pass,
            Verdict::Failed => Self::Fail,
            Verdict::Errored => Self::Error,
            Verdict::Skipped => Self::Skip,
        }
    }

    /// In capitals, as it stands at the start of a line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Flaky => "FLAKY",
            Self::Fail => "FAIL",
            Self::Error => "ERROR",
            Self::Skip => "SKIP",
        }
    }
}

/// A try of a case that has ended.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The case's name.
    pub name: String,
    /// What it shares with the other cases of its file.
    pub head: Arc<Head>,
    /// How it ended.
    pub status: Status,
    /// Which try this was, from 1.
    pub attempt: u32,
    /// The id of the event that opened it.
    pub run_id: Option<String>,
    /// Wall time of its start.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many expectations were judged.
    pub judged: usize,
    /// How many deliveries were made.
    pub deliveries: usize,
    /// All that is known of it; `None` where it passed.
    pub record: Option<Arc<CaseRecord>>,
}

/// All tries of one case.
#[derive(Debug)]
pub struct Tries<'a> {
    /// The one that counts.
    pub last: &'a Settled,
    /// Those before it.
    pub earlier: Vec<&'a Settled>,
}

/// What the stream amounts to so far.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// What the run was asked to do.
    pub header: Option<RunHeader>,
    /// What is deployed.
    pub deploy_sha: Option<String>,
    /// Cases that have ended, in this order, every try.
    pub settled: Vec<Settled>,
    /// Counters.
    pub stats: RunStats,
    /// How long the run took; zero while it goes on.
    pub took: Duration,
    /// Why it ended early.
    pub cancelled: Option<CancelReason>,
    /// What made the whole run unjudgeable.
    pub trouble: Option<Trouble>,
    /// Why what it did is not retained, or not all of it.
    pub unrecorded: Option<String>,
    /// What it shows about sending events again.
    pub idempotency: Evidence,
}

impl Gathered {
    /// Takes in the next event.
    pub fn add(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::RunStarted(header) => {
                self.stats.cases = header.cases;
                self.header = Some(header.clone());
            }
            RunEventKind::TargetStarted { deploy_sha, .. } => self.deploy_sha.clone_from(deploy_sha),
            RunEventKind::CaseFinished { record, stats } => self.settle(record, *stats),
            RunEventKind::Cancelled { reason } => self.cancelled = Some(*reason),
            RunEventKind::RunFinished { stats, took, trouble } => {
                self.stats = *stats;
                self.took = *took;
                self.trouble.clone_from(trouble);
            }
            RunEventKind::Unrecorded { problem } => self.unrecorded = Some(problem.clone()),
            RunEventKind::CaseStarted { .. }
            | RunEventKind::Intended { .. }
            | RunEventKind::ProcessKilled { .. }
            | RunEventKind::StepStarted { .. }
            | RunEventKind::StripeActed { .. }
            | RunEventKind::Requested { .. }
            | RunEventKind::AttemptFinished { .. }
            | RunEventKind::StripeCalled { .. }
            | RunEventKind::Observed { .. } => {}
        }
    }

    fn settle(&mut self, record: &Arc<CaseRecord>, stats: RunStats) {
        self.stats = stats;
        self.idempotency.add(record);
        self.settled.push(Settled {
            name: record.name.clone(),
            head: Arc::clone(&record.head),
            status: Status::of(record),
            attempt: record.attempt,
            run_id: record.run_id.clone(),
            started: record.started,
            took: record.took,
            judged: record.judged.len(),
            deliveries: record.deliveries.len(),
            record: (record.verdict != Verdict::Passed).then(|| Arc::clone(record)),
        });
    }

    /// Every case with all its tries, in the order in which they first ended.
    #[must_use]
    pub fn cases(&self) -> Vec<Tries<'_>> {
        let mut places: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        let mut cases: Vec<Tries<'_>> = Vec::new();
        for settled in &self.settled {
            match places.get(settled.name.as_str()) {
                Some(at) => {
                    let before = std::mem::replace(&mut cases[*at].last, settled);
                    cases[*at].earlier.push(before);
                }
                None => {
                    places.insert(&settled.name, cases.len());
                    cases.push(Tries { last: settled, earlier: Vec::new() });
                }
            }
        }
        cases
    }

    /// The incident of a try that failed or could not be judged.
    #[must_use]
    pub fn incident(&self, record: &CaseRecord, handoff: &Handoff) -> Option<Incident> {
        let context = IncidentContext {
            environment: self.environment().to_owned(),
            deploy_sha: self.deploy_sha.clone(),
            project: self.header.as_ref().map(|header| header.project.clone()).unwrap_or_default(),
            idempotency: self.idempotency.clone(),
            evidence: None,
            rerun: self.rerun(record, handoff),
            bound_customer: handoff.bound_customer.clone(),
            origin: handoff.origin,
        };
        let mut incident = derive(record, &context)?;
        let file = handoff.incident_dir.as_ref();
        let file = file.map(|dir| format!("{}/{}.json", dir.trim_end_matches('/'), incident.file_stem()));
        let retained = record.run_id.as_ref().filter(|_| handoff.retained && self.unrecorded.is_none());
        incident.evidence = file.or_else(|| retained.map(|run| format!("paydrill runs show {run}")));
        Some(incident)
    }

    /// The incidents of all cases as they stand, and of tries that failed before a case passed.
    #[must_use]
    pub fn incidents(&self, handoff: &Handoff) -> Vec<Incident> {
        let records = self.cases().into_iter().filter_map(|case| telling(&case).cloned());
        records.filter_map(|record| self.incident(&record, handoff)).collect()
    }

    /// The command that runs a case again.
    #[must_use]
    pub fn rerun(&self, record: &CaseRecord, handoff: &Handoff) -> String {
        let seed = self.header.as_ref().map_or(0, |header| header.seed);
        rerun::command(self.environment(), seed, &handoff.arguments, handoff.shipped.as_deref(), record)
    }

    /// How the run ends, with its exit code.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome::of(&self.stats, self.trouble.is_some(), self.cancelled)
    }

    fn environment(&self) -> &str {
        self.header.as_ref().map_or("", |header| &header.environment)
    }
}

/// The try that tells what is wrong with a case: its last, or for a flaky one the last that did not pass.
pub(super) fn telling<'a>(case: &Tries<'a>) -> Option<&'a Arc<CaseRecord>> {
    match case.last.status {
        Status::Fail | Status::Error => case.last.record.as_ref(),
        Status::Flaky => case.earlier.iter().rev().find_map(|settled| settled.record.as_ref()),
        Status::Pass | Status::Skip => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn tries_of_a_case_stand_together_and_passed_ones_are_light() {
        let mut gathered = Gathered::default();
        sample::run().iter().for_each(|event| gathered.add(event));
        let shown: Vec<_> =
            gathered.cases().iter().map(|case| (case.last.status, case.earlier.len())).collect();
        assert_eq!(
            shown,
            [(Status::Pass, 0), (Status::Fail, 0), (Status::Error, 0), (Status::Skip, 0), (Status::Flaky, 1),]
        );
        assert!(gathered.settled.iter().all(|settled| {
            settled.record.is_none() == matches!(settled.status, Status::Pass | Status::Flaky)
        }));
        assert_eq!(gathered.outcome(), Outcome::Failed);
    }

    #[test]
    fn a_flaky_case_has_the_incident_of_its_failed_try() {
        let mut gathered = Gathered::default();
        sample::run().iter().for_each(|event| gathered.add(event));
        let handoff = Handoff { incident_dir: Some("out/".into()), ..Handoff::default() };
        let incidents = gathered.incidents(&handoff);
        let names: Vec<_> = incidents.iter().map(|incident| incident.case.as_str()).collect();
        assert_eq!(names, ["checkout-grants-pro", "renewal", "upgrade[order=reversed]"]);
        assert_eq!(incidents[2].attempt, 1);
        let evidence = incidents[0].evidence.clone().unwrap_or_default();
        assert_eq!(evidence, format!("out/checkout-grants-pro-{}.json", incidents[0].fingerprint));
        let retained = gathered.incidents(&Handoff { retained: true, ..Handoff::default() });
        let run = incidents[0].run_id.clone().unwrap_or_default();
        assert_eq!(retained[0].evidence, Some(format!("paydrill runs show {run}")));
        gathered.unrecorded = Some("write the ledger x: no space".into());
        assert_eq!(gathered.incidents(&Handoff { retained: true, ..Handoff::default() })[0].evidence, None);
        assert!(incidents[2].rerun.ends_with("--seed 42 --filter 'upgrade[order=reversed]'"));
    }
}
