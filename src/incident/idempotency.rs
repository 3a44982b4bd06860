//! What this run shows about sending an event again.
//!
//! A pure fold over the cases of the run. A passed case in which the same event was accepted at least twice
//! proves, for that event's type, that a second time does no harm; a failed one in which the finding belongs
//! to the step of the second delivery, or a later one, disproves it. One counter-example outweighs any number
//! of proofs.

use std::collections::{BTreeMap, HashMap};

use super::forgery;
use crate::run_event::{AttemptRecord, CaseRecord, Verdict};

/// Whether an event of a type can be sent again without harm, and what says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Idempotency {
    /// A case with a second delivery passed.
    Proven {
        /// Its name.
        by: String,
    },
    /// No case says.
    #[default]
    Unproven,
    /// A case with a second delivery failed.
    Disproven {
        /// Its name.
        by: String,
    },
}

/// What the cases so far show, by event type.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    by_type: BTreeMap<String, Idempotency>,
}

impl Evidence {
    /// Takes in a case that has ended.
    pub fn add(&mut self, record: &CaseRecord) {
        for (kind, step) in accepted_twice(record) {
            match record.verdict {
                Verdict::Passed => self.prove(kind, &record.name),
                Verdict::Failed if failed_from(record, step) => {
                    self.by_type.insert(kind, Idempotency::Disproven { by: record.name.clone() });
                }
                Verdict::Failed | Verdict::Errored | Verdict::Skipped => {}
            }
        }
    }

    /// What is shown for an event type, `invoice.paid`.
    #[must_use]
    pub fn of(&self, event_type: &str) -> Idempotency {
        self.by_type.get(event_type).cloned().unwrap_or_default()
    }

    fn prove(&mut self, kind: String, name: &str) {
        self.by_type.entry(kind).or_insert_with(|| Idempotency::Proven { by: name.to_owned() });
    }
}

/// Types of events that were accepted at least twice, each with the step of the second time.
fn accepted_twice(record: &CaseRecord) -> Vec<(String, Option<usize>)> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let mut twice = Vec::new();
    for (delivery, attempts) in &record.deliveries {
        if forgery::is_forged(delivery) || !attempts.iter().any(is_accepted) {
            continue;
        }
        let count = seen.entry(&delivery.event.id).or_default();
        *count += 1;
        if *count == 2 {
            twice.push((delivery.event.kind.clone(), delivery.step));
        }
    }
    twice
}

fn is_accepted(attempt: &AttemptRecord) -> bool {
    attempt.outcome.is_accepted()
}

/// Whether a finding belongs to `step`, a later one, or the case as a whole.
fn failed_from(record: &CaseRecord, step: Option<usize>) -> bool {
    record
        .judged
        .iter()
        .filter(|judged| judged.verdict == Verdict::Failed)
        .any(|judged| judged.step.is_none() || judged.step >= step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::sample::{self, Sample};

    const TYPE: &str = "checkout.session.completed";

    #[test]
    fn a_passed_second_delivery_proves_its_type_only() {
        let mut evidence = Evidence::default();
        evidence.add(&sample::passed(Sample::seed(1)));
        assert_eq!(evidence.of(TYPE), Idempotency::Unproven, "delivered once");
        evidence.add(&sample::twice(sample::passed(Sample::seed(1))));
        assert_eq!(evidence.of(TYPE), Idempotency::Proven { by: "checkout-grants-pro".into() });
        assert_eq!(evidence.of("invoice.paid"), Idempotency::Unproven);
    }

    #[test]
    fn one_counter_example_outweighs_proofs() {
        let mut evidence = Evidence::default();
        let failed = sample::twice(sample::no_access(Sample::seed(2)));
        evidence.add(&sample::twice(sample::passed(Sample::seed(1))));
        evidence.add(&failed);
        evidence.add(&sample::twice(sample::passed(Sample::seed(3))));
        assert_eq!(evidence.of(TYPE), Idempotency::Disproven { by: failed.name });
    }

    #[test]
    fn a_refused_delivery_and_a_finding_before_it_show_nothing() {
        let mut evidence = Evidence::default();
        evidence.add(&sample::twice(sample::refused(Sample::seed(1))));
        let mut earlier = sample::twice(sample::no_access(Sample::seed(2)));
        earlier.deliveries[1].0.step = Some(1);
        evidence.add(&earlier);
        evidence.add(&sample::twice(sample::not_judged(Sample::seed(3))));
        assert_eq!(evidence.of(TYPE), Idempotency::Unproven);
    }
}
