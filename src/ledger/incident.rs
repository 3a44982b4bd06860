//! Incidents: what went wrong in any run, folded over the summaries of all of them.
//!
//! There is one incident per fingerprint. It is opened by the first damage, updated by every further one, and resolved
//! by a later pass of the same case in the same environment, or by a person; a damage after that opens it again. Pure:
//! nothing is stored of an incident but the runs and acts that it is folded from.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::entry::RunKey;
use super::fold::{Act, Damage};
use super::kind;
use super::store::{CaseName, Head, Ledger, LedgerError, Query};

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentState {
    /// The same for the same broken promise.
    pub fingerprint: String,
    /// How far it is.
    pub life: Life,
    /// The project's name.
    pub project: String,
    /// The environment's.
    pub environment: String,
    /// The scenario's.
    pub scenario: String,
    /// The case's.
    pub case: String,
    /// Who gets it.
    pub owner: Option<String>,
    /// What the last damage was.
    pub damage: Damage,
    /// The run of the last damage: where its evidence is.
    pub run: String,
    /// When it was opened, in milliseconds of Unix time.
    pub opened_at: i64,
    /// How often it was seen.
    pub count: u32,
    /// Why it is resolved.
    pub resolution: Option<Resolution>,
    /// What persons did, in order.
    pub acts: Vec<Act>,
}

/// How far an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// Nobody has taken it up.
    Open,
    /// Somebody has.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// Why an incident is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// The case passed later.
    Proof {
        /// When, in milliseconds of Unix time.
        at: i64,
    },
    /// A person says so.
    Person {
        /// When.
        at: i64,
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
}

/// The incidents of these runs, those first that were last seen. `passes` tells when each case last passed, in any run.
#[must_use]
pub fn incidents(heads: &[Head], passes: &BTreeMap<CaseName, i64>) -> Vec<IncidentState> {
    let mut found: BTreeMap<(String, String, String), IncidentState> = BTreeMap::new();
    for head in heads {
        for damage in &head.summary.damages {
            let RunKey { project, environment, .. } = &head.key;
            let name = (project.clone(), environment.clone(), damage.fingerprint.clone());
            match found.get_mut(&name) {
                Some(known) => again(known, head, damage),
                None => {
                    found.insert(name, first(head, damage));
                }
            }
        }
    }
    for head in heads {
        for act in &head.summary.acts {
            let RunKey { project, environment, .. } = &head.key;
            let name = (project.clone(), environment.clone(), act.fingerprint.clone());
            if let Some(incident) = found.get_mut(&name) {
                incident.acts.push(act.clone());
            }
        }
    }
    let mut incidents: Vec<IncidentState> = found.into_values().collect();
    for incident in &mut incidents {
        incident.acts.sort_by_key(|act| act.at);
        let case = (incident.project.clone(), incident.environment.clone(), incident.case.clone());
        incident.resolution = resolution(incident, passes.get(&case).copied());
        incident.life = life(incident);
    }
    incidents.sort_by(|one, other| {
        (other.damage.last_at, &one.fingerprint).cmp(&(one.damage.last_at, &other.fingerprint))
    });
    incidents
}

/// The incidents of a ledger.
///
/// # Errors
/// It cannot be read.
pub async fn all(ledger: &dyn Ledger) -> Result<Vec<IncidentState>, LedgerError> {
    let heads = ledger.heads(&Query::Damaged).await?;
    let name =
        |head: &Head| (head.key.project.clone(), head.key.environment.clone(), head.summary.case.clone());
    let cases: BTreeSet<CaseName> = heads.iter().map(name).collect();
    let cases: Vec<CaseName> = cases.into_iter().collect();
    let passes = ledger.last_passes(&cases).await?.into_iter().collect();
    Ok(incidents(&heads, &passes))
}

fn first(head: &Head, damage: &Damage) -> IncidentState {
    IncidentState {
        fingerprint: damage.fingerprint.clone(),
        life: Life::Open,
        project: head.key.project.clone(),
        environment: head.key.environment.clone(),
        scenario: head.summary.scenario.clone(),
        case: head.summary.case.clone(),
        owner: head.summary.owner.clone(),
        damage: damage.clone(),
        run: head.key.run.clone(),
        opened_at: damage.first_at,
        count: damage.count,
        resolution: None,
        acts: Vec::new(),
    }
}

fn again(known: &mut IncidentState, head: &Head, damage: &Damage) {
    known.count = known.count.saturating_add(damage.count);
    known.opened_at = known.opened_at.min(damage.first_at);
    // Of two at the same moment the one with the larger id, so that the order of runs does not matter.
    if (damage.last_at, &head.key.run) > (known.damage.last_at, &known.run) {
        let (opened_at, count) = (known.opened_at, known.count);
        *known = IncidentState { opened_at, count, ..first(head, damage) };
    }
}

/// What came after the last damage and ended it.
fn resolution(incident: &IncidentState, passed_at: Option<i64>) -> Option<Resolution> {
    let last = incident.damage.last_at;
    let proof = passed_at.filter(|at| *at > last).map(|at| Resolution::Proof { at });
    let person = incident.acts.iter().find(|act| act.kind == kind::RESOLVED && act.at >= last);
    let person =
        person.map(|act| Resolution::Person { at: act.at, who: act.who.clone(), why: act.why.clone() });
    person.or(proof)
}

fn life(incident: &IncidentState) -> Life {
    if incident.resolution.is_some() {
        return Life::Resolved;
    }
    // What was taken up before it was resolved, and has come again, is to be taken up anew.
    let reopened = incident.acts.iter().rev().find(|act| act.kind == kind::RESOLVED).map_or(0, |act| act.at);
    let taken_up = |act: &Act| act.kind == kind::ACKNOWLEDGED && act.at >= reopened;
    if incident.acts.iter().any(taken_up) { Life::Acknowledged } else { Life::Open }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::ledger::chain::Tip;
    use crate::ledger::fold::Summary;
    use crate::ledger::sample;

    fn head(run: &str, damages: &[(i64, i64)], acts: &[(&str, i64)]) -> Head {
        let key = sample::key(run);
        let damage = |(first_at, last_at): &(i64, i64)| Damage {
            fingerprint: "f".to_owned(),
            first_at: *first_at,
            last_at: *last_at,
            count: 1,
            ..Damage::default()
        };
        let act = |(kind, at): &(&str, i64)| Act {
            kind: (*kind).to_owned(),
            fingerprint: "f".to_owned(),
            at: *at,
            ..Act::default()
        };
        let summary = Summary {
            case: "s".to_owned(),
            damages: damages.iter().map(damage).collect(),
            acts: acts.iter().map(act).collect(),
            ..Summary::default()
        };
        Head { tip: Tip::start(&key), key, summary }
    }

    #[rstest]
    #[case::nobody_has_seen_it(&[], None, Life::Open)]
    #[case::taken_up(&[("acknowledged", 6)], None, Life::Acknowledged)]
    #[case::a_note_is_no_promise(&[("noted", 6)], None, Life::Open)]
    #[case::a_person_ends_it(&[("acknowledged", 6), ("resolved", 7)], None, Life::Resolved)]
    #[case::a_proof_ends_it(&[], Some(9), Life::Resolved)]
    #[case::a_proof_before_it_does_not(&[], Some(4), Life::Open)]
    #[case::it_came_again_after_a_person_ended_it(&[("acknowledged", 1), ("resolved", 2)], None, Life::Open)]
    fn the_life_of_an_incident(
        #[case] acts: &[(&str, i64)],
        #[case] passed_at: Option<i64>,
        #[case] expected: Life,
    ) {
        let passes = passed_at.map(|at| (("acme".to_owned(), "ci".to_owned(), "s".to_owned()), at));
        let found = incidents(&[head("evt_1", &[(0, 5)], acts)], &passes.into_iter().collect());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].life, expected);
    }

    /// Opened once, updated by repeats, whatever the order in which runs are read.
    #[test]
    fn the_same_promise_broken_in_many_runs_is_one_incident() {
        let mut heads = [
            head("evt_1", &[(3, 3)], &[("noted", 9)]),
            head("evt_2", &[(1, 8)], &[("acknowledged", 4)]),
            head("evt_3", &[(5, 8)], &[]),
        ];
        let one = incidents(&heads, &BTreeMap::new());
        heads.reverse();
        assert_eq!(incidents(&heads, &BTreeMap::new()), one);
        let [one] = &one[..] else { panic!("one incident") };
        assert_eq!((one.opened_at, one.damage.last_at, one.count, one.run.as_str()), (1, 8, 3, "evt_3"));
        assert_eq!(one.acts.iter().map(|act| act.at).collect::<Vec<_>>(), [4, 9]);
    }
}
