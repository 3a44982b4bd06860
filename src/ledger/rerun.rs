//! Whether a run's event may be sent again, by what is retained. Pure.

use super::fold::{Attempt, State};
use super::store::Head;

/// Whether sending the event again is known to do harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Safety {
    /// Nothing says so.
    NotKnownToHarm,
    /// Something does.
    Unsafe {
        /// Which evidence.
        why: String,
    },
}

/// What the newest runs (`others`) of the same environment show about sending events of `types` again, and what this run
/// itself does: a customer who was given too much is given more by every further time.
#[must_use]
pub fn safety(head: &Head, types: &[String], others: &[Head]) -> Safety {
    let last = head.summary.attempts.last();
    let over_granted = head.summary.damages.iter().find(|damage| damage.kind == "access-without-payment");
    if let Some(damage) = over_granted.filter(|_| last.is_some_and(|last| last.state != State::Passed)) {
        let why = format!("the customer has more than was paid for already ({})", damage.headline);
        return Safety::Unsafe { why };
    }
    let sha = last.and_then(|last| last.deploy_sha.as_ref());
    let of_this_deploy = |attempt: &&Attempt| sha.is_none() || attempt.deploy_sha.as_ref() == sha;
    let here = others.iter().filter(|other| {
        (&other.key.project, &other.key.environment) == (&head.key.project, &head.key.environment)
    });
    for other in here {
        for attempt in other.summary.attempts.iter().filter(of_this_deploy) {
            let harmful =
                attempt.proofs.iter().find(|proof| !proof.harmless && types.contains(&proof.event_type));
            if let Some(proof) = harmful {
                let why =
                    format!("`{}` shows that a second `{}` does harm", other.summary.case, proof.event_type);
                return Safety::Unsafe { why };
            }
        }
    }
    Safety::NotKnownToHarm
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::ledger::chain::Tip;
    use crate::ledger::fold::{Damage, Summary};
    use crate::ledger::kind::Proof;
    use crate::ledger::sample;

    fn head(state: State, damage: &str, proof: Option<bool>, sha: &str) -> Head {
        let key = sample::key("evt_1");
        let proofs = proof.map(|harmless| Proof { event_type: "invoice.paid".into(), harmless });
        let attempt = Attempt {
            state,
            proofs: proofs.into_iter().collect(),
            deploy_sha: Some(sha.into()),
            ..Attempt::default()
        };
        let damages = vec![Damage { kind: damage.into(), ..Damage::default() }];
        let summary =
            Summary { case: "twice".into(), attempts: vec![attempt], damages, ..Summary::default() };
        Head { tip: Tip::start(&key), key, summary }
    }

    #[rstest]
    #[case::nothing_is_known(head(State::Failed, "paid-without-access", None, "a"), None, "")]
    #[case::too_much_already(
        head(State::Failed, "access-without-payment", None, "a"),
        None,
        "more than was paid"
    )]
    #[case::too_much_then_but_not_now(head(State::Passed, "access-without-payment", None, "a"), None, "")]
    #[case::proven(
        head(State::Failed, "paid-without-access", None, "a"),
        Some(head(State::Passed, "", Some(true), "a")),
        ""
    )]
    #[case::disproven(
        head(State::Failed, "paid-without-access", None, "a"),
        Some(head(State::Failed, "", Some(false), "a")),
        "`twice` shows that a second `invoice.paid` does harm"
    )]
    #[case::disproven_of_another_deploy(
        head(State::Failed, "paid-without-access", None, "a"),
        Some(head(State::Failed, "", Some(false), "b")),
        ""
    )]
    fn what_evidence_forbids(#[case] run: Head, #[case] other: Option<Head>, #[case] expected: &str) {
        let found = safety(&run, &["invoice.paid".to_owned()], &other.into_iter().collect::<Vec<_>>());
        match found {
            Safety::NotKnownToHarm => assert_eq!(expected, ""),
            Safety::Unsafe { why } => assert!(!expected.is_empty() && why.contains(expected), "{why}"),
        }
    }
}
