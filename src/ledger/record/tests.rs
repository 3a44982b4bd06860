//! What stands in the ledger after a run.

use std::sync::Arc;

use super::*;
use crate::incident::sample::{self as cases, Sample};
use crate::incident::{IncidentContext, derive};
use crate::ledger::chain::{Tip, seal};
use crate::ledger::entry::Entry;
use crate::ledger::fold::{State, Summary};
use crate::run_event::RunStats;

fn recorder() -> Recorder {
    let by = Executor { machine: "ci-1".into(), pid: 7, ..Executor::default() };
    let setup = Setup {
        by,
        nonce: "n".into(),
        arguments: vec!["--variable".into(), "k=v".into()],
        ..Setup::default()
    };
    Recorder::new(setup, Policy::new(vec![7; 32]))
}

fn event(at: u64, kind: RunEventKind) -> RunEvent {
    RunEvent { at: Duration::from_millis(at), kind }
}

fn started() -> RunEventKind {
    RunEventKind::RunStarted(RunHeader {
        project: "acme".into(),
        environment: "ci".into(),
        seed: u64::MAX,
        cases: 1,
        jobs: 1,
        started: Timestamp::from_second(1_795_000_000).unwrap(),
        version: "0.1.0",
    })
}

fn case_started(record: &CaseRecord) -> RunEventKind {
    RunEventKind::CaseStarted {
        case: record.case,
        name: record.name.clone(),
        head: Arc::clone(&record.head),
        run: record.run_id.clone().unwrap_or_else(|| "evt_planned".into()),
        attempt: record.attempt,
        retry_of: None,
    }
}

fn finished(record: CaseRecord) -> RunEventKind {
    RunEventKind::CaseFinished { record: Arc::new(record), stats: RunStats::default() }
}

/// A run of one case, as the engine tells it.
fn story(record: &CaseRecord) -> Vec<RunEvent> {
    let case = record.case;
    let (delivery, attempts) = record.deliveries[0].clone();
    let payload =
        json!({ "id": delivery.event.id, "data": { "object": { "customer_email": record.customer.email } } });
    let intent = Intent::Attempt {
        delivery: 0,
        number: 1,
        event: delivery.event.clone(),
        url: "http://127.0.0.1:1/hook".into(),
        payload: Some(Arc::new(payload)),
    };
    let seen = &record.observations[0];
    vec![
        event(10, started()),
        event(11, case_started(record)),
        event(12, RunEventKind::Intended { case, intent: Intent::Stripe { action: "checkout".into() } }),
        event(
            13,
            RunEventKind::StripeActed {
                case,
                action: "checkout".into(),
                events: vec![delivery.event.clone()],
            },
        ),
        event(14, RunEventKind::Intended { case, intent }),
        event(15, RunEventKind::AttemptFinished { case, delivery, attempt: attempts[0].clone() }),
        event(
            16,
            RunEventKind::Observed {
                case,
                customer: seen.customer.clone(),
                probe: seen.probe.clone(),
                reading: seen.reading.clone(),
            },
        ),
        event(17, finished(record.clone())),
    ]
}

fn drafts(recorder: &mut Recorder, events: &[RunEvent], context: &IncidentContext) -> Vec<Draft> {
    let of = |event: &RunEvent| {
        let incident = match &event.kind {
            RunEventKind::CaseFinished { record, .. } => derive(record, context),
            _ => None,
        };
        recorder.record(event, incident.as_ref())
    };
    events.iter().flat_map(of).collect()
}

#[test]
fn every_act_has_its_intent_before_it() {
    let record = cases::passed(Sample::seed(1));
    let drafts = drafts(&mut recorder(), &story(&record), &cases::context());
    let kinds: Vec<&str> = drafts.iter().map(|draft| draft.kind).collect();
    assert_eq!(kinds, ["opened", "intended", "acted", "intended", "attempted", "observed", "closed"]);
    assert!(drafts.iter().all(|draft| draft.key.run == *record.run_id.as_ref().unwrap()));
    assert!(drafts.iter().all(|draft| draft.attempt.as_deref() == Some("n-0")));
    assert_eq!(drafts[0].body["seed"], u64::MAX.to_string(), "no reader rounds it");
    assert_eq!(drafts[0].body["by"]["version"], "0.1.0");
    assert_eq!(drafts[0].at.to_string(), "2026-11-18T11:06:40.001Z", "by the clock of the run");
}

#[test]
fn nothing_of_the_customer_stands_in_plain_and_the_incident_is_whole() {
    let record = cases::no_access(Sample::seed(1));
    let drafts = drafts(&mut recorder(), &story(&record), &cases::context());
    let (sealed, _) = seal(Tip::start(&drafts[0].key), &drafts);
    let all: String = sealed.iter().map(|stored| stored.bytes.as_str()).collect();
    assert!(!all.contains(&record.customer.email), "{all}");
    assert!(all.contains("email:"), "{all}");
    let entries: Vec<Entry> = sealed.iter().map(|stored| Entry::read(&stored.bytes).unwrap()).collect();
    let summary = Summary::of(&entries);
    assert_eq!(summary.state(), State::Failed);
    assert_eq!(summary.damages.len(), 1);
    let incident = derive(&record, &cases::context()).unwrap();
    assert_eq!(summary.damages[0].fingerprint, incident.fingerprint);
    assert_eq!(summary.damages[0].customer, record.customer.id, "an id tells nobody anything");
    assert_eq!((summary.attempts[0].sent, summary.attempts[0].answered), (1, 1));
}

#[test]
fn a_case_that_is_skipped_leaves_nothing() {
    let record = CaseRecord { verdict: Verdict::Skipped, ..cases::passed(Sample::seed(1)) };
    let events = [event(0, started()), event(1, case_started(&record)), event(2, finished(record.clone()))];
    assert_eq!(drafts(&mut recorder(), &events, &cases::context()), []);
    let judged = CaseRecord { verdict: Verdict::Errored, ..record };
    let events = [event(0, started()), event(1, case_started(&judged)), event(2, finished(judged))];
    assert_eq!(
        drafts(&mut recorder(), &events, &cases::context()).len(),
        2,
        "one that could not be told does"
    );
}

#[test]
fn what_is_too_large_is_cut_and_said() {
    let mut record = cases::passed(Sample::seed(1));
    record.truth.insert("padding".into(), "x".repeat(LARGEST).into());
    let mut events = story(&record);
    let many = events.remove(6);
    events.splice(6..6, std::iter::repeat_n(many, MOST as usize + 5));
    let drafts = drafts(&mut recorder(), &events, &cases::context());
    assert_eq!(drafts.iter().filter(|draft| draft.kind == "observed").count(), MOST as usize);
    let closed = drafts.last().unwrap();
    let cut = closed.body["cut"].to_string();
    assert!(cut.contains("truth: 131") && cut.contains("5 calls and readings after the first 2000"), "{cut}");
    assert!(size(&Value::Object(closed.body.clone())) < LARGEST);
}

#[test]
fn what_a_second_delivery_showed_is_kept() {
    let record = cases::twice(cases::passed(Sample::seed(1)));
    let drafts = drafts(&mut recorder(), &story(&record), &cases::context());
    let proofs = &drafts.last().unwrap().body["proofs"];
    assert_eq!(*proofs, json!([{ "event_type": "checkout.session.completed", "harmless": true }]));
}
