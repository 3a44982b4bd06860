//! Notices for the tests of all notifiers.

use std::time::Duration;

use jiff::Timestamp;

use super::{Change, Notice};
use crate::incident::derive;
use crate::incident::sample::{self, Sample};
use crate::run_event::CaseRecord;

pub(crate) fn notice(change: Change) -> Notice {
    Notice { change, ..of(&sample::no_access(Sample::seed(2))) }
}

pub(crate) fn test(change: Change) -> Notice {
    Notice::test(change, "acme", "ci", at())
}

/// Every value is hostile, and much too long.
pub(crate) fn hostile(change: Change) -> Notice {
    let mut notice = Notice { change, more: 40, ..of(&sample::hostile(Sample::seed(3))) };
    let nasty = format!("```<!channel> & <http://evil.example|click> {}", notice.subject.promise);
    let subject = &mut notice.subject;
    let huge = nasty.repeat(2_000);
    for text in [&mut subject.case, &mut subject.promise, &mut subject.headline, &mut subject.customer] {
        text.clone_from(&huge);
    }
    subject.runbook = Some(format!("https://evil.example/|{nasty}"));
    subject.evidence = Some(huge.clone());
    let side = subject.sides[0].clone();
    subject.sides = vec![super::notice::Side { expected: huge.clone(), observed: huge.clone(), ..side }; 300];
    subject.actions = vec![(huge.clone(), Some(huge.clone())); 50];
    notice.note = Some(huge);
    notice
}

fn at() -> Timestamp {
    Timestamp::from_second(1_795_000_010).unwrap()
}

fn of(record: &CaseRecord) -> Notice {
    let mut record = record.clone();
    record.started_at = Duration::ZERO;
    Notice::opened(&derive(&record, &sample::context()).unwrap(), at())
}
