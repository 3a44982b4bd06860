//! An incident without what differs from run to run, for snapshots.
//!
//! Ids, e-mail addresses, times, ports, durations, counts of readings and the seed become marks of a fixed
//! width (`evt_000000000000000000000001`), numbered by first appearance, so that what was equal stays equal;
//! times and counts are zero. The deploy SHA and the place of evidence are blanked, the app's output is left
//! out, and of readings only the last of each step and probe is kept, since how many there were before is a
//! matter of timing. Two runs of one scenario with different seeds give the same bytes; a snapshot changes
//! when what went wrong does. The fingerprint does not depend on the run and stays.
//!
//! ```no_run
//! # fn show(incident: &paydrill::incident::Incident) {
//! use paydrill::incident::{render, stable};
//! let text = render::text(&stable(incident), render::Layout::FILE);
//! # }
//! ```

use std::time::Duration;

use jiff::Timestamp;

use super::guidance::{Guidance, WhoRetries};
use super::model::{Finding, Incident};
use super::scan::Marks;
use crate::probe::ReadError;
use crate::run_event::{
    AttemptOutcome, AttemptRecord, CallRecord, DeliveryRef, EventRef, ObservationRecord, Reconciliation,
    RequestRecord,
};

/// The same incident with marks instead of what differs from run to run.
#[must_use]
pub fn stable(incident: &Incident) -> Incident {
    let mut incident = incident.clone();
    let mut marks = Marks::default();
    // In this order ids are numbered: first what the run is about.
    incident.run_id = incident.run_id.map(|id| marks.text(&id));
    incident.retry_of = incident.retry_of.map(|id| marks.text(&id));
    incident.customer.id = marks.text(&incident.customer.id);
    incident.customer.email = marks.text(&incident.customer.email);
    incident.event.iter_mut().for_each(|event| of_event(event, &mut marks));
    of_state(&mut incident, &mut marks);
    of_story(&mut incident, &mut marks);
    for finding in incident.reason.iter_mut().chain(&mut incident.findings) {
        of_finding(finding, &mut marks);
    }
    for access in &mut incident.access {
        access.expected = marks.text(&access.expected);
        access.observed = marks.text(&access.observed);
    }
    of_guidance(&mut incident.guidance, &mut marks);
    incident.rerun = marks.text(&incident.rerun);
    incident.deploy_sha = incident.deploy_sha.map(|sha| "0".repeat(sha.chars().count()));
    incident.evidence = incident.evidence.map(|_| "[evidence]".to_owned());
    incident.log.clear();
    incident.started = Timestamp::UNIX_EPOCH;
    incident.took = Duration::ZERO;
    incident.zero.at = Duration::ZERO;
    incident
}

fn of_event(event: &mut EventRef, marks: &mut Marks) {
    event.id = marks.text(&event.id);
}

fn of_state(incident: &mut Incident, marks: &mut Marks) {
    incident.subscription.id = incident.subscription.id.take().map(|id| marks.text(&id));
    let sides = [
        &mut incident.subscription.provider,
        &mut incident.subscription.local,
        &mut incident.plan.provider,
        &mut incident.plan.local,
    ];
    sides.into_iter().flatten().for_each(|value| marks.value(value));
    if let Some(invoice) = &mut incident.invoice {
        invoice.id = marks.text(&invoice.id);
    }
}

fn of_story(incident: &mut Incident, marks: &mut Marks) {
    for act in &mut incident.acts {
        act.at = Duration::ZERO;
        act.events.iter_mut().for_each(|event| of_event(event, marks));
    }
    incident.requests.iter_mut().for_each(|request| of_request(request, marks));
    incident.deliveries.iter_mut().for_each(|delivered| of_delivery(delivered, marks));
    incident.calls.iter_mut().for_each(|call| of_call(call, marks));
    incident.observations = last_readings(std::mem::take(&mut incident.observations));
    incident.observations.iter_mut().for_each(|seen| of_observation(seen, marks));
    incident.reconciliation.iter_mut().for_each(|both| of_reconciliation(both, marks));
}

fn of_request(request: &mut RequestRecord, marks: &mut Marks) {
    request.call = marks.text(&request.call);
    request.body = marks.text(&request.body);
    request.outcome = request.outcome.clone().map_err(|problem| marks.text(&problem));
    (request.sent, request.took) = (Duration::ZERO, Duration::ZERO);
}

fn of_delivery((delivery, attempts): &mut (DeliveryRef, Vec<AttemptRecord>), marks: &mut Marks) {
    of_event(&mut delivery.event, marks);
    delivery.changes.iter_mut().for_each(|change| *change = marks.text(change));
    for attempt in attempts {
        (attempt.sent, attempt.took) = (Duration::ZERO, Duration::ZERO);
        if let AttemptOutcome::Answered { body, .. } = &mut attempt.outcome {
            *body = marks.text(body);
        }
    }
}

fn of_call(call: &mut CallRecord, marks: &mut Marks) {
    call.at = Duration::ZERO;
    call.path = marks.text(&call.path);
    call.request_id = marks.text(&call.request_id);
    call.note = call.note.take().map(|note| marks.text(&note));
}

/// The last reading of each step, customer and probe, in this order.
fn last_readings(mut observations: Vec<ObservationRecord>) -> Vec<ObservationRecord> {
    // The order of customers is that of their first appearance: their ids differ from run to run.
    let mut customers: Vec<String> = Vec::new();
    for seen in &observations {
        if !customers.contains(&seen.customer) {
            customers.push(seen.customer.clone());
        }
    }
    let order = |seen: &ObservationRecord| {
        let customer = customers.iter().position(|known| *known == seen.customer);
        (seen.step.is_none(), seen.step, customer, seen.probe.clone())
    };
    observations.sort_by_key(order);
    let mut last: Vec<ObservationRecord> = Vec::new();
    for seen in observations {
        match last.last_mut() {
            Some(before) if order(before) == order(&seen) => *before = seen,
            _ => last.push(seen),
        }
    }
    last
}

fn of_observation(seen: &mut ObservationRecord, marks: &mut Marks) {
    seen.customer = marks.text(&seen.customer);
    (seen.last, seen.count) = (Duration::ZERO, 0);
    (seen.reading.at, seen.reading.took) = (Duration::ZERO, Duration::ZERO);
    match &mut seen.reading.fields {
        Ok(fields) => marks.map(fields),
        Err(problem) => of_problem(problem, marks),
    }
}

fn of_problem(problem: &mut ReadError, marks: &mut Marks) {
    for text in problem.texts_mut() {
        *text = marks.text(text);
    }
}

fn of_reconciliation(both: &mut Reconciliation, marks: &mut Marks) {
    both.at = Duration::ZERO;
    both.handler_read = both.handler_read.map(|_| Duration::ZERO);
    for fact in &mut both.facts {
        fact.provider.iter_mut().chain(&mut fact.local).for_each(|value| marks.value(value));
    }
}

fn of_finding(finding: &mut Finding, marks: &mut Marks) {
    for text in [&mut finding.expected, &mut finding.observed, &mut finding.headline] {
        *text = marks.text(text);
    }
}

fn of_guidance(guidance: &mut Guidance, marks: &mut Marks) {
    if let WhoRetries::Stripe { last, .. } | WhoRetries::NobodyGaveUp { last, .. } = &mut guidance.who_retries
    {
        *last = marks.text(last);
    }
    for action in &mut guidance.actions {
        action.what = marks.text(&action.what);
        action.why = marks.text(&action.why);
        action.command = action.command.take().map(|command| marks.text(&command));
    }
    guidance.draft = guidance.draft.take().map(|draft| marks.text(&draft));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::incident::derive;
    use crate::incident::render::{self, Layout};
    use crate::incident::sample::{self, Sample};
    use crate::run_event::CaseRecord;

    const STORIES: [fn(Sample) -> CaseRecord; 6] = [
        sample::no_access,
        sample::refused,
        sample::no_receipt,
        sample::disagrees,
        sample::bystander,
        sample::not_judged,
    ];

    fn texts(story: fn(Sample) -> CaseRecord, of: Sample) -> [String; 3] {
        let mut context = sample::context();
        context.rerun = context.rerun.replace("--seed 7", &format!("--seed {}", of.seed));
        context.deploy_sha = Some(format!("{:040x}", of.seed));
        let incident = stable(&derive(&story(of), &context).unwrap());
        [render::text(&incident, Layout::FILE), render::markdown(&incident), render::json(&incident).unwrap()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn two_runs_give_the_same_bytes(
            story in 0usize..6, seed in any::<u64>(), late in 0u64..100_000, port in 1u16.., readings in 2u32..,
        ) {
            let other = Sample { seed, late: Duration::from_millis(late), port, readings };
            prop_assert_eq!(texts(STORIES[story], Sample::seed(1)), texts(STORIES[story], other));
        }
    }

    #[test]
    fn another_outcome_gives_other_bytes() {
        let all: std::collections::BTreeSet<_> =
            STORIES.iter().map(|story| texts(*story, Sample::seed(1))[0].clone()).collect();
        assert_eq!(all.len(), STORIES.len());
    }

    #[test]
    fn how_many_readings_there_were_before_the_last_does_not_matter() {
        let mut record = sample::no_receipt(Sample::seed(1));
        let shown = |record: &CaseRecord| {
            render::text(&stable(&derive(record, &sample::context()).unwrap()), Layout::FILE)
        };
        let before = shown(&record);
        record.observations.insert(0, record.observations[0].clone());
        record.observations.remove(1);
        record.observations.insert(1, record.observations[0].clone());
        assert_eq!(shown(&record), before);
    }
}
