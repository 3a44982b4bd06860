//! From what was gathered of a run to its report.

use super::{Aside, Case, Report, Run, Trouble, Try, VERSION};
use crate::incident::render::{self, Layout};
use crate::incident::wire::{WireIncident, ms};
use crate::report::gather::{Gathered, Handoff, Settled, Tries};

impl Report {
    /// Of one run, as far as it has come.
    #[must_use]
    pub(crate) fn of(gathered: &Gathered, handoff: &Handoff, aside: Aside) -> Self {
        let cases = gathered.cases();
        Self {
            v: VERSION,
            runs: vec![run(gathered, aside)],
            cases: cases.iter().map(|tries| case(tries, gathered, handoff)).collect(),
            pictures: Vec::new(),
        }
    }
}

fn run(gathered: &Gathered, Aside { remarks, notices }: Aside) -> Run {
    let header = gathered.header.as_ref();
    let text = |of: fn(&crate::run_event::RunHeader) -> String| header.map(of).unwrap_or_default();
    Run {
        project: text(|header| header.project.clone()),
        environment: text(|header| header.environment.clone()),
        seed: text(|header| header.seed.to_string()),
        started: text(|header| header.started.to_string()),
        version: text(|header| header.version.to_owned()),
        took_ms: ms(gathered.took),
        deploy_sha: gathered.deploy_sha.clone(),
        outcome: gathered.outcome(),
        cancelled: gathered.cancelled,
        trouble: gathered
            .trouble
            .as_ref()
            .map(|trouble| Trouble { message: trouble.message.clone(), log: trouble.log.clone() }),
        stats: gathered.stats.into(),
        not_retained: gathered.unrecorded.clone(),
        remarks,
        notices,
    }
}

fn case(tries: &Tries<'_>, gathered: &Gathered, handoff: &Handoff) -> Case {
    let head = &tries.last.head;
    Case {
        run: 0,
        name: tries.last.name.clone(),
        scenario: head.name.clone(),
        file: head.place.source.path.clone(),
        promise: head.promise.clone(),
        owner: head.owner.clone(),
        tags: head.tags.clone(),
        tries: tries
            .earlier
            .iter()
            .copied()
            .chain([tries.last])
            .map(|settled| one(settled, gathered, handoff))
            .collect(),
    }
}

fn one(settled: &Settled, gathered: &Gathered, handoff: &Handoff) -> Try {
    let record = settled.record.as_ref();
    let incident = record.and_then(|record| gathered.incident(record, handoff));
    Try {
        attempt: settled.attempt,
        status: settled.status,
        run_id: settled.run_id.clone(),
        started: settled.started.to_string(),
        took_ms: ms(settled.took),
        judged: settled.judged,
        deliveries: settled.deliveries,
        reason: record.and_then(|record| record.reason.as_ref()).map(|reason| reason.message.clone()),
        text: incident.as_ref().map(|incident| render::text(incident, Layout::FILE)),
        incident: incident.as_ref().map(WireIncident::from),
    }
}
