//! What fails during a step.

use super::Scope;
use crate::project::model::{Outlet, Select};
use crate::project::validate::{select_call, select_json, select_value};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Problems};
use crate::scenario::diagnostic::{Diagnostic, suggest};
use crate::scenario::document::{
    ApiFaultDocument, FaultDocument, KillDocument, MailFaultDocument, SinkFaultDocument,
};
use crate::scenario::model::{ApiFault, Fault, FaultEffect, FaultKind, Kill, OutsideFault};
use crate::span::Spanned;
use crate::stripe::refusal::Refusal;

/// HTTP methods that Stripe's API has.
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

/// A fault; `None` after saying why.
pub(super) fn fault(
    item: &Spanned<FaultDocument>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Fault> {
    let document = &item.value;
    let kind = if let Some(mail) = &document.mail {
        FaultKind::Outside(self::mail(mail, problems)?)
    } else if let Some(sink) = &document.sink {
        FaultKind::Outside(self::sink(sink, scope, problems)?)
    } else if let Some(kill) = &document.kill {
        FaultKind::Kill(self::kill(kill, scope, problems)?)
    } else {
        FaultKind::Api(api(document.api.as_ref()?, problems)?)
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

fn mail(field: &Field<MailFaultDocument>, problems: &mut Problems) -> Option<OutsideFault> {
    let to = field.to.as_ref().map(|to| ("to".to_owned(), select_value(to, problems)));
    Some(OutsideFault {
        outlet: Outlet::Mail,
        select: to.map(|to| Select { fields: [to].into(), ..Select::default() }),
        status: field.status.as_ref()?.get(),
        times: field.times.as_ref().map(|times| times.get()),
    })
}

fn sink(
    field: &Field<SinkFaultDocument>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<OutsideFault> {
    let name = field.name.as_ref()?;
    let known = scope.project.sink_names();
    if !known.contains(&name.value) {
        problems.push(
            Diagnostic::error(Code::UnknownSink, format!("unknown sink `{}`", name.value))
                .at(&name.place)
                .label("no `[sink.NAME]` in paydrill.toml, and no probe of it")
                .maybe_help(suggest(&name.value, "sinks", known.iter().map(String::as_str))),
        );
    }
    let select = Select {
        call: select_call(field.call.as_ref(), problems),
        json: select_json(field.json.as_deref(), problems),
        ..Select::default()
    };
    Some(OutsideFault {
        outlet: Outlet::Sink(name.value.clone()),
        select: Some(select),
        status: field.status.as_ref()?.get(),
        times: field.times.as_ref().map(|times| times.get()),
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
        return Some(FaultEffect::Refusal(refused(document, status.get(), problems)));
    }
    let advice = [
        document.retry_after.as_ref().map(|field| &field.key),
        document.should_retry.as_ref().map(|field| &field.key),
        document.limited_by.as_ref().map(|field| &field.key),
    ];
    for key in advice.into_iter().flatten() {
        problems.push(
            Diagnostic::error(Code::OutOfRange, "only a call that is answered with a `status` gives advice")
                .at(key)
                .label("goes with `status`"),
        );
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

fn refused(document: &ApiFaultDocument, status: u16, problems: &mut Problems) -> Refusal {
    if let Some(after) = &document.retry_after
        && (after.0.subsec_nanos() != 0 || after.0.is_zero())
    {
        problems.push(
            Diagnostic::error(Code::OutOfRange, "`Retry-After` is in whole seconds")
                .at(&after.place)
                .label("expected \"1s\" or more, without a fraction"),
        );
    }
    if let Some(limit) = &document.limited_by
        && status != 429
    {
        problems.push(
            Diagnostic::error(
                Code::OutOfRange,
                format!("a call that meets a limit is not answered {status}"),
            )
            .at(&limit.place)
            .label("goes with `status = 429`"),
        );
    }
    Refusal {
        status,
        retry_after: document.retry_after.as_ref().map(|after| after.0),
        should_retry: document.should_retry.as_ref().map(|should| should.value),
        limited_by: document.limited_by.as_ref().map(|limit| limit.value),
    }
}
