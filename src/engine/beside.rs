//! What the word of the stripe-mock beside the double does to a verdict.
//!
//! A parameter that it refuses is a wrong outcome, which the project demanded to be told of: the case has *failed*. What
//! it could not tell, or the app should have been told by it, makes the case *errored*: what Stripe would have answered
//! is not known.

use crate::project::model::{Environment, Provider};
use crate::provider::double::{ApiCall, CallKind, Closed, Found, Judgement, RefusedCall, Untold};
use crate::run_event::{CaseRecord, Judged, JudgedKind, Reason, Verdict};
use crate::span::Place;

/// What a call's record says beside its status; nothing where the answer is the double's ordinary one.
pub(super) fn note(call: &ApiCall) -> Option<String> {
    let own = match call.kind {
        CallKind::Answered => None,
        CallKind::Faulted => Some("fault".to_owned()),
        CallKind::Held => Some("kept waiting".to_owned()),
        CallKind::Refused => Some("not modelled".to_owned()),
        CallKind::PassedOn => {
            Some(format!("answered by {}", call.beside.as_ref().map_or("", |said| said.by.as_str())))
        }
        CallKind::Invalid => Some("refused as invalid".to_owned()),
    };
    let said = call.beside.as_ref().and_then(|said| match &said.what {
        Judgement::Fits => None,
        Judgement::Refused(refusal) => Some(format!("{} refused {refusal}", said.by)),
        Judgement::Untold(_) => Some("not checked".to_owned()),
    });
    let both: Vec<String> = own.into_iter().chain(said).collect();
    (!both.is_empty()).then(|| both.join("; "))
}

/// Judges a case by what is left to tell of its calls (invariant 7: what was not answered as Stripe does proves nothing).
pub(super) fn judge(record: &mut CaseRecord, closed: &Closed, environment: &Environment) {
    if let Some(route) = closed.refused.first()
        && record.verdict == Verdict::Passed
    {
        let message = format!("the app asked Stripe for what the double does not model: {route}");
        errored(record, message);
    }
    let Some(place) = checks(environment) else {
        return untold(record, &closed.found);
    };
    untold(record, &closed.found);
    for refused in &closed.found.refused {
        record.judged.push(judged(refused, place.clone()));
        record.verdict = Verdict::Failed;
    }
}

/// What could not be told keeps a case from having passed. What went wrong while the app was not answered as Stripe
/// would have is no verdict on it.
fn untold(record: &mut CaseRecord, found: &Found) {
    let misled = found.untold.iter().find(|untold| untold.misled);
    let Some(Untold { why, .. }) = misled.or(found.untold.first()) else { return };
    match record.verdict {
        Verdict::Passed => {}
        Verdict::Failed if misled.is_some() => {
            let failed = record.judged.iter_mut().filter(|judged| judged.verdict == Verdict::Failed);
            failed.for_each(|judged| judged.verdict = Verdict::Errored);
        }
        Verdict::Failed | Verdict::Errored | Verdict::Skipped => return,
    }
    errored(record, why.clone());
}

fn errored(record: &mut CaseRecord, message: String) {
    record.verdict = Verdict::Errored;
    record.reason = Some(Reason { message, place: None });
}

fn checks(environment: &Environment) -> Option<&Place> {
    match &environment.provider {
        Provider::Double { beside: Some(mock), .. } => mock.checks.as_ref(),
        Provider::Double { beside: None, .. } | Provider::NotYet(_) => None,
    }
}

fn judged(refused: &RefusedCall, place: Place) -> Judged {
    let RefusedCall { by, refusal, .. } = refused;
    Judged {
        kind: JudgedKind::Parameter,
        step: None,
        probe: String::new(),
        field: name(refused),
        place,
        verdict: Verdict::Failed,
        expected: "a call that Stripe's API allows".to_owned(),
        observed: refusal.message.clone(),
        headline: format!("{by} refused it: {}", refusal.message),
        due: None,
    }
}

/// `` `colour` of POST /v1/customers ``
fn name(refused: &RefusedCall) -> String {
    let params = &refused.refusal.params;
    let names: Vec<String> = params.iter().map(|param| format!("`{param}`")).collect();
    match names.as_slice() {
        [] => format!("the parameters of {}", refused.call),
        names => format!("{} of {}", names.join(", "), refused.call),
    }
}

/// What was found out about calls that name no case, in words that follow "failed to".
pub(super) fn at_large(found: &Found) -> Option<String> {
    let refused = found.refused.iter().map(|refused| {
        format!("{} was refused by {}: {}", name(refused), refused.by, refused.refusal.message)
    });
    let all: Vec<String> = refused.chain(found.untold.iter().map(|untold| untold.why.clone())).collect();
    let told = all.join("; ");
    (!all.is_empty()).then(|| format!("check calls of the app that name no case of the run: {told}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::sample;

    fn found(misled: Option<bool>) -> Found {
        let untold = misled.map(|misled| Untold { why: "no answer".to_owned(), misled });
        Found { untold: untold.into_iter().collect(), ..Found::default() }
    }

    #[rstest]
    #[case::told(Verdict::Failed, None, Verdict::Failed)]
    #[case::only_not_checked(Verdict::Failed, Some(false), Verdict::Failed)]
    #[case::misled(Verdict::Failed, Some(true), Verdict::Errored)]
    #[case::not_proved(Verdict::Passed, Some(false), Verdict::Errored)]
    #[case::errored_already(Verdict::Errored, Some(true), Verdict::Errored)]
    #[case::skipped(Verdict::Skipped, Some(true), Verdict::Skipped)]
    fn what_could_not_be_told_decides_only_what_it_spoiled(
        #[case] verdict: Verdict,
        #[case] misled: Option<bool>,
        #[case] expected: Verdict,
    ) {
        let mut record = sample::disagrees(sample::Sample::seed(1));
        record.verdict = verdict;
        untold(&mut record, &found(misled));
        assert_eq!(record.verdict, expected);
        let failed = record.judged.iter().any(|judged| judged.verdict == Verdict::Failed);
        assert_eq!(failed, !(verdict == Verdict::Failed && expected == Verdict::Errored));
    }
}
