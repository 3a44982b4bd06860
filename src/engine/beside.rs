//! The stripe-mock beside the double: how it is found, and what its word does to a verdict.
//!
//! A parameter that it refuses is a wrong outcome, which the project demanded to be told of: the case has *failed*. What
//! it could not tell, or the app should have been told by it, makes the case *errored*: what Stripe would have answered
//! is not known.

use std::sync::Arc;
use std::time::Duration;

use super::session::SessionError;
use crate::project::model::{Environment, MockRuns, Provider};
use crate::provider::double::{ApiCall, Beside, CallKind, Closed, Found, Judgement, RefusedCall};
use crate::provider::upstream::{Limits, StripeMock};
use crate::run_event::{CaseRecord, Judged, JudgedKind, Reason, Verdict};
use crate::span::Place;

/// One that runs already may be about to: a service that was started just before us.
const COMES_UP: Duration = Duration::from_secs(5);

/// Who stands beside the double, once it is there.
///
/// # Errors
/// It is not there, and does not come up.
pub(super) async fn find(environment: &Environment) -> Result<Beside, SessionError> {
    let Provider::Double { beside: Some(mock), .. } = &environment.provider else {
        return Ok(Beside::default());
    };
    let upstream = match &mock.runs {
        MockRuns::At(url) => StripeMock::find(url, COMES_UP, Limits::default()).await?,
        MockRuns::Image(_) => {
            return Err(SessionError::NotYet {
                environment: environment.name.clone(),
                what: "provider.stripe_mock without `url`",
            });
        }
    };
    Ok(Beside { upstream: Arc::new(upstream), check_parameters: mock.checks.is_some() })
}

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

/// What went wrong while the app was not answered as Stripe would have is no verdict on the app.
fn untold(record: &mut CaseRecord, found: &Found) {
    let Some(why) = found.untold.first() else { return };
    if !matches!(record.verdict, Verdict::Passed | Verdict::Failed) {
        return;
    }
    for judged in &mut record.judged {
        if judged.verdict == Verdict::Failed {
            judged.verdict = Verdict::Errored;
        }
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
    let all: Vec<String> = refused.chain(found.untold.iter().cloned()).collect();
    let told = all.join("; ");
    (!all.is_empty()).then(|| format!("check calls of the app that name no case of the run: {told}"))
}
