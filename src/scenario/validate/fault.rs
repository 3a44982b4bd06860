//! What fails during a step.

use super::Scope;
use crate::project::refusal;
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Problems};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::document::{ApiFaultDocument, FaultDocument, KillDocument};
use crate::scenario::model::{ApiFault, Fault, FaultEffect, FaultKind, Kill};
use crate::span::Spanned;

/// HTTP methods that Stripe's API has.
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

/// A fault; `None` after saying why.
pub(super) fn fault(
    item: &Spanned<FaultDocument>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Fault> {
    let document = &item.value;
    let later = [
        ("fault.mail", document.mail.as_ref().map(|field| &field.key)),
        ("fault.sink", document.sink.as_ref().map(|field| &field.key)),
    ];
    for (what, key) in later.into_iter().filter_map(|(what, key)| Some((what, key?))) {
        problems.push(refusal(what, key));
    }
    let kind = match (&document.api, &document.kill) {
        (Some(api), _) => FaultKind::Api(self::api(api, problems)?),
        (None, Some(kill)) => FaultKind::Kill(self::kill(kill, scope, problems)?),
        (None, None) => return None,
    };
    Some(Fault { kind, place: item.place.clone() })
}

fn kill(field: &Field<KillDocument>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Kill> {
    let process = field.process.as_ref()?;
    scope.check_process(&process.value, &process.place, problems);
    Some(Kill {
        process: process.value.clone(),
        on: field.on.as_ref()?.value,
        after: field.after.as_ref().map(|after| after.0).unwrap_or_default(),
    })
}

fn api(field: &Field<ApiFaultDocument>, problems: &mut Problems) -> Option<ApiFault> {
    let call = field.call.as_ref()?;
    let (method, path) = call.split_once(' ').unwrap_or((call.as_str(), ""));
    if !METHODS.contains(&method) || !path.starts_with('/') || path.contains(char::is_whitespace) {
        problems.push(
            Diagnostic::error(Code::BadCall, format!("`{}` is no call to Stripe", call.value))
                .at(&call.place)
                .label("expected a method and a path: GET /v1/subscriptions/*"),
        );
    }
    Some(ApiFault {
        call: call.value.clone(),
        effect: effect(field, problems)?,
        times: field.times.as_ref().map(|times| times.get()),
    })
}

fn effect(document: &ApiFaultDocument, problems: &mut Problems) -> Option<FaultEffect> {
    if let Some(status) = &document.status {
        return Some(FaultEffect::Status(status.get()));
    }
    if let Some(latency) = &document.latency {
        return Some(FaultEffect::Latency(latency.0));
    }
    let reset = document.reset.as_ref()?;
    if !reset.value {
        problems.push(
            Diagnostic::error(Code::OutOfRange, "`reset` can only be true")
                .at(&reset.place)
                .label("leave it out instead"),
        );
    }
    Some(FaultEffect::Reset)
}
