//! Whether the app took an event for Stripe's although its signature says that it is not.

use super::model::Finding;
use crate::run_event::{AttemptRecord, DeliveryRef, JudgedKind, Verdict};

/// A delivery and its attempts.
type Delivered = (DeliveryRef, Vec<AttemptRecord>);

/// The delivery whose broken signature did not keep the app from acting on it.
///
/// One that was answered 2xx in a step that went wrong (or anywhere, where what went wrong belongs to no step). Or the
/// first of a step in which nothing else was sent, and in which something changed that had to stay: it was refused,
/// and yet worked.
pub(super) fn taken<'a>(findings: &[Finding], deliveries: &'a [Delivered]) -> Option<&'a Delivered> {
    let failed = || findings.iter().filter(|finding| finding.verdict == Verdict::Failed);
    let accepted = deliveries.iter().find(|delivered| {
        is_forged(&delivered.0)
            && delivered.1.iter().any(|attempt| attempt.outcome.is_accepted())
            && failed().any(|finding| finding.step.is_none() || finding.step == delivered.0.step)
    });
    accepted.or_else(|| {
        failed()
            .filter(|finding| finding.kind == Some(JudgedKind::Unchanged) && finding.step.is_some())
            .find_map(|finding| {
                let mut sent = deliveries.iter().filter(|(delivery, _)| delivery.step == finding.step);
                let first = sent.next()?;
                (is_forged(&first.0) && sent.all(|(delivery, _)| is_forged(delivery))).then_some(first)
            })
    })
}

/// Whether a right handler refuses it.
pub(super) fn is_forged(delivery: &DeliveryRef) -> bool {
    !delivery.signature.is_acceptable()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::guidance::Route;
    use crate::incident::sample::{self, Sample};
    use crate::incident::{Incident, IncidentKind, Severity, derive};
    use crate::run_event::AttemptOutcome;
    use crate::scenario::model::SignatureMode;

    /// A case whose only delivery was signed like this, answered so, and changed something.
    fn incident(signature: SignatureMode, status: u16, kind: JudgedKind) -> Incident {
        let mut record = sample::no_access(Sample::seed(1));
        record.deliveries[0].0.signature = signature;
        for attempt in &mut record.deliveries[0].1 {
            attempt.outcome = AttemptOutcome::Answered { status, body: String::new() };
        }
        record.judged.truncate(1);
        record.judged[0].kind = kind;
        derive(&record, &sample::context()).unwrap()
    }

    #[rstest]
    #[case(SignatureMode::Tampered, 200, JudgedKind::Unchanged, true)]
    #[case(SignatureMode::Missing, 204, JudgedKind::Delivery, true)]
    #[case(SignatureMode::OtherSecret, 200, JudgedKind::Then, true)]
    #[case(SignatureMode::EmptySecret, 200, JudgedKind::Bystander, true)]
    #[case(SignatureMode::Stale, 200, JudgedKind::Delivery, true)]
    #[case::refused_and_yet_worked(SignatureMode::Tampered, 400, JudgedKind::Unchanged, true)]
    #[case::refused(SignatureMode::Tampered, 400, JudgedKind::Then, false)]
    #[case(SignatureMode::Right, 200, JudgedKind::Unchanged, false)]
    #[case(SignatureMode::Rolled, 200, JudgedKind::Then, false)]
    fn an_app_that_takes_what_is_forged_must_check_signatures(
        #[case] signature: SignatureMode,
        #[case] status: u16,
        #[case] kind: JudgedKind,
        #[case] taken: bool,
    ) {
        let found = incident(signature, status, kind);
        assert_eq!(found.kind == IncidentKind::ForgeryAccepted, taken, "{}", found.kind);
        assert_eq!(found.guidance.route == Route::VerifySignatures, taken);
        if taken {
            assert_eq!(found.severity, Severity::Critical);
            assert!(!found.guidance.who_retries.will_retry());
            let again = found.guidance.may_send_again(found.event.as_ref());
            assert!(again.starts_with("No:"), "{again}");
        }
    }

    #[test]
    fn what_went_wrong_in_another_step_is_not_the_forgerys_doing() {
        let mut record = sample::no_access(Sample::seed(1));
        record.deliveries[0].0.signature = SignatureMode::Tampered;
        record.deliveries[0].0.step = Some(1);
        assert_ne!(IncidentKind::of(&record), IncidentKind::ForgeryAccepted);
    }
}
