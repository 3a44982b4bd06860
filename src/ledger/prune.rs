//! What may be let go of: the entries of runs that nobody needs any more. Pure.
//!
//! Of a pruned run one entry stays, a checkpoint: it carries the hash of the last entry before it, and says what they
//! came to. The chain is whole from there on, the run is still listed, and its incidents still count.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::chain::{Tip, seal};
use super::entry::Draft;
use super::incident::{IncidentState, Life};
use super::kind::{self, Checkpoint};
use super::store::{Addition, Chain, Head};

/// Whether a run's entries may go: nothing of it goes on, nothing happened since `before` (milliseconds of Unix time),
/// and no incident of it is open.
#[must_use]
pub fn may_go(head: &Head, before: i64, incidents: &[IncidentState]) -> bool {
    let open: BTreeSet<&str> = incidents
        .iter()
        .filter(|incident| {
            let same =
                (&incident.project, &incident.environment) == (&head.key.project, &head.key.environment);
            same && incident.life != Life::Resolved
        })
        .map(|incident| incident.fingerprint.as_str())
        .collect();
    let needed = head.summary.damages.iter().any(|damage| open.contains(damage.fingerprint.as_str()));
    head.summary.updated_at < before && head.summary.open_attempts().next().is_none() && !needed
}

/// The checkpoint that lets go of all entries of a chain; `None`: only one is left already.
#[must_use]
pub fn cut(chain: &Chain, at: Timestamp) -> Option<Addition> {
    if chain.entries.len() < 2 {
        return None;
    }
    let Head { key, tip, summary } = chain.head.clone();
    let checkpoint =
        Checkpoint { after: tip.hash.to_string(), entries: tip.next, summary: Some(summary.clone()) };
    let body = serde_json::json!(checkpoint).as_object().cloned().unwrap_or_default();
    let draft = Draft { key: key.clone(), at, attempt: None, kind: kind::CHECKPOINT, body };
    let (entries, after): (_, Tip) = seal(tip, [&draft]);
    let prune_before = Some(tip.next);
    Some(Addition { key, expected: tip, entries, tip: after, summary, prune_before })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::ledger::chain::flaws;
    use crate::ledger::entry::Entry;
    use crate::ledger::fold::{Attempt, Damage, State, Summary};
    use crate::ledger::incident::incidents;
    use crate::ledger::sample;

    fn head(updated_at: i64, state: State, damaged: bool) -> Head {
        let key = sample::key("evt_1");
        let damage = Damage { fingerprint: "f".into(), last_at: updated_at, ..Damage::default() };
        let summary = Summary {
            case: "s".into(),
            attempts: vec![Attempt { state, ..Attempt::default() }],
            damages: damaged.then_some(damage).into_iter().collect(),
            updated_at,
            ..Summary::default()
        };
        Head { tip: Tip::start(&key), key, summary }
    }

    #[rstest]
    #[case::old(head(5, State::Passed, false), None, true)]
    #[case::recent(head(15, State::Passed, false), None, false)]
    #[case::it_goes_on(head(5, State::Open, false), None, false)]
    #[case::its_incident_is_open(head(5, State::Failed, true), None, false)]
    #[case::its_incident_is_resolved(head(5, State::Failed, true), Some(7), true)]
    fn what_may_go(#[case] head: Head, #[case] passed_at: Option<i64>, #[case] expected: bool) {
        let passes = passed_at.map(|at| (("acme".into(), "ci".into(), "s".into()), at)).into_iter().collect();
        let incidents = incidents(std::slice::from_ref(&head), &passes);
        assert_eq!(may_go(&head, 10, &incidents), expected);
    }

    #[test]
    fn what_is_left_is_whole_and_comes_to_the_same() {
        let drafts = [
            sample::draft("evt_1", kind::OPENED, json!({ "case": "s" })),
            sample::draft("evt_1", kind::CLOSED, json!({ "verdict": "passed" })),
        ];
        let key = sample::key("evt_1");
        let (mut entries, tip) = seal(Tip::start(&key), &drafts);
        let read = |entries: &[crate::ledger::Stored]| {
            Summary::of(&entries.iter().map(|stored| Entry::read(&stored.bytes).unwrap()).collect::<Vec<_>>())
        };
        let head = Head { key: key.clone(), tip, summary: read(&entries) };
        let later = drafts[1].at + jiff::SignedDuration::from_secs(9);
        let cut = cut(&Chain { head, entries: entries.clone() }, later).unwrap();
        assert_eq!(cut.prune_before, Some(2));
        entries.extend(cut.entries.clone());
        assert_eq!(flaws(&key, &entries, cut.tip), []);
        assert_eq!(flaws(&key, &cut.entries, cut.tip), []);
        assert_eq!(read(&cut.entries), cut.summary);
        let again = Chain { head: Head { key, tip: cut.tip, summary: cut.summary }, entries: cut.entries };
        assert_eq!(super::cut(&again, drafts[1].at), None, "once");
    }
}
