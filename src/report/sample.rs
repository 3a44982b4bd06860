//! A run with one case of every ending, for the tests of all reports.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::gather::{Gathered, Handoff};
use super::model::{Aside, Report};
use crate::id::CaseId;
use crate::incident::sample::{self, Sample};
use crate::run_event::{CaseRecord, RunEvent, RunEventKind, RunHeader, RunStats, Trouble, Verdict};

/// One passed, failed, errored, skipped and flaky case.
pub(super) fn run() -> Vec<RunEvent> {
    let failed_first = named("upgrade[order=reversed]", sample::disagrees(Sample::seed(5)));
    let flaky = named("upgrade[order=reversed]", sample::flaky(&failed_first, Sample::seed(6)));
    of(vec![
        named("signup", sample::passed(Sample::seed(1))),
        sample::no_access(Sample::seed(2)),
        named("renewal", sample::not_judged(Sample::seed(3))),
        named("receipt", sample::skipped(Sample::seed(4))),
        failed_first,
        flaky,
    ])
}

/// A run of these cases.
pub(super) fn of(records: Vec<CaseRecord>) -> Vec<RunEvent> {
    let mut stats = RunStats { cases: records.len(), ..RunStats::default() };
    // A try that is followed by another is no case of its own.
    stats.cases -= records.iter().filter(|record| record.attempt > 1).count();
    let mut events = vec![event(0, RunEventKind::RunStarted(header(stats.cases))), event(320, started())];
    let names: Vec<String> = records.iter().map(|record| record.name.clone()).collect();
    for (at, mut record) in records.into_iter().enumerate() {
        record.case = CaseId(u32::try_from(at).unwrap());
        if !names[at + 1..].contains(&record.name) {
            count(&mut stats, &record);
        }
        let ended = 400 + u64::try_from(at).unwrap() * 100;
        events.push(event(ended, RunEventKind::CaseFinished { record: Arc::new(record), stats }));
    }
    let took = Duration::from_millis(3_200);
    events.push(event(3_200, RunEventKind::RunFinished { stats, took, trouble: None }));
    events
}

/// A run whose app never came up.
pub(super) fn troubled() -> Vec<RunEvent> {
    let stats = RunStats { cases: 3, ..RunStats::default() };
    let trouble = Trouble {
        message: "start `web`: it ended with exit code 1 before it was ready".into(),
        log: vec!["listening on \u{1b}[1m4242\u{1b}[0m".into(), "error: no such table: users".into()],
    };
    let took = Duration::from_millis(40);
    vec![
        event(0, RunEventKind::RunStarted(header(3))),
        event(40, RunEventKind::RunFinished { stats, took, trouble: Some(trouble) }),
    ]
}

/// The report of a run of these events.
pub(crate) fn report(events: &[RunEvent]) -> Report {
    let mut gathered = Gathered::default();
    events.iter().for_each(|event| gathered.add(event));
    Report::of(&gathered, &Handoff::default(), Aside::default())
}

pub(super) fn event(at: u64, kind: RunEventKind) -> RunEvent {
    RunEvent { at: Duration::from_millis(at), kind }
}

fn header(cases: usize) -> RunHeader {
    RunHeader {
        project: "acme".into(),
        environment: "ci".into(),
        seed: 42,
        cases,
        jobs: 16,
        started: Timestamp::from_second(1_795_000_000).unwrap(),
        version: "0.1.0",
    }
}

fn started() -> RunEventKind {
    RunEventKind::TargetStarted {
        url: "http://127.0.0.1:4242".into(),
        ready_after: Duration::from_millis(310),
        deploy_sha: Some("3f2a91c04be17d5a6e8f90123456789abcdef012".into()),
    }
}

fn named(name: &str, mut record: CaseRecord) -> CaseRecord {
    record.name = name.into();
    record
}

fn count(stats: &mut RunStats, record: &CaseRecord) {
    stats.finished += 1;
    match record.verdict {
        Verdict::Passed if record.flaky => stats.flaky += 1,
        Verdict::Passed => stats.passed += 1,
        Verdict::Skipped => stats.skipped += 1,
        Verdict::Errored => stats.errored += 1,
        Verdict::Failed => stats.failed += 1,
    }
}
