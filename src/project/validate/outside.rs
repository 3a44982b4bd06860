//! Probes of what left the app, and what it is answered out there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::catalog::text;
use super::probe::json_path;
use crate::project::document::{
    MailDocument, MailServerDocument, ProbeDocument, SinkAnswerDocument, SinkDocument, SinkServerDocument,
    StripeCallsDocument,
};
use crate::project::model::{Mail, Outlet, OutsideProbe, Select, Sink, SinkAnswer};
use crate::scenario::code::Code;
use crate::scenario::decode::{Any, Field, Map, Problems, Text};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::validate::check_value;

/// A probe of mail, of a third party or of Stripe's API; `None` where it is none of these, or after saying why.
pub(super) fn probe(
    document: &ProbeDocument,
    read: BTreeMap<String, String>,
    problems: &mut Problems,
) -> Option<OutsideProbe> {
    let (outlet, select) = if let Some(mail) = &document.mail {
        (Outlet::Mail, mails(mail, problems))
    } else if let Some(sink) = &document.sink {
        (Outlet::Sink(sink.name.as_ref()?.value.clone()), calls(sink, problems))
    } else {
        (Outlet::Stripe, stripe_calls(document.stripe_calls.as_ref()?, problems))
    };
    Some(OutsideProbe { outlet, select, read })
}

fn mails(document: &MailDocument, problems: &mut Problems) -> Select {
    let keys = [
        ("to", &document.to),
        ("from", &document.from),
        ("subject", &document.subject),
        ("text", &document.text),
        ("html", &document.html),
    ];
    let set = keys.into_iter().filter_map(|(key, field)| Some((key.to_owned(), field.as_ref()?)));
    let fields = set.map(|(key, field)| (key, select_value(field, problems))).collect();
    Select { fields, ..Select::default() }
}

fn calls(document: &SinkDocument, problems: &mut Problems) -> Select {
    let whole = document.text.as_ref().map(|text| ("text".to_owned(), select_value(text, problems)));
    Select {
        call: select_call(document.call.as_ref(), problems),
        fields: whole.into_iter().collect(),
        json: select_json(document.json.as_deref(), problems),
    }
}

fn stripe_calls(document: &StripeCallsDocument, problems: &mut Problems) -> Select {
    Select {
        call: select_call(document.call.as_ref(), problems),
        json: select_json(document.params.as_deref(), problems),
        ..Select::default()
    }
}

/// A literal or matchers.
pub(crate) fn select_value(field: &Field<Any>, problems: &mut Problems) -> Value {
    check_value(&field.value.0, problems);
    field.value.0.to_json()
}

/// A method and a path.
pub(crate) fn select_call(field: Option<&Field<Text>>, problems: &mut Problems) -> Option<String> {
    let call = field?;
    let (method, path) = call.split_once(' ').unwrap_or(("*", call.as_str()));
    let is_method = method == "*" || method.chars().all(|letter| letter.is_ascii_uppercase());
    let is_path = ["/", "*", "{{"].iter().any(|start| path.starts_with(start));
    if !is_method || !is_path {
        problems.push(
            Diagnostic::error(Code::BadCall, format!("`{}` is no call", call.value))
                .at(&call.place)
                .label("expected a method and a path: POST /contacts/*"),
        );
    }
    text(field)
}

/// JSONPath → a literal or matchers.
pub(crate) fn select_json(fields: Option<&Map<Any>>, problems: &mut Problems) -> BTreeMap<String, Value> {
    let mut json = BTreeMap::new();
    for (path, field) in fields.into_iter().flat_map(Map::iter) {
        let key = Field { key: field.key.clone(), place: field.key.clone(), value: path.to_owned() };
        json_path(&key, problems);
        json.insert(path.to_owned(), select_value(field, problems));
    }
    json
}

/// `[mail]`.
pub(super) fn mail(document: &MailServerDocument) -> Mail {
    Mail { port: document.port.as_ref().map(|port| port.get()) }
}

/// `[sink.NAME]`.
pub(super) fn sinks(
    sinks: Option<&Map<SinkServerDocument>>,
    problems: &mut Problems,
) -> BTreeMap<String, Sink> {
    let sinks = sinks.into_iter().flat_map(Map::iter);
    let sink = |(name, document): (&str, &Field<SinkServerDocument>)| {
        let answers = document.answer.iter().flat_map(|answers| answers.iter());
        let answers = answers.map(|item| answer(&item.value, problems)).collect();
        (name.to_owned(), Sink { port: document.port.as_ref().map(|port| port.get()), answers })
    };
    sinks.map(sink).collect()
}

fn answer(document: &SinkAnswerDocument, problems: &mut Problems) -> SinkAnswer {
    let headers = || document.headers.iter().flat_map(|headers| headers.iter());
    for (name, value) in headers() {
        let is_name = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        if !is_name || http::HeaderValue::from_str(&value.value).is_err() {
            problems.push(
                Diagnostic::error(Code::OutOfRange, format!("`{name}` cannot be sent as a header"))
                    .at(&value.key)
                    .label("expected a name without spaces, and a value in one line"),
            );
        }
    }
    SinkAnswer {
        call: select_call(document.call.as_ref(), problems),
        status: document.status.as_ref().map(|status| status.get()),
        headers: headers()
            .map(|(name, value)| (name.to_owned(), Value::from(value.value.as_str())))
            .collect(),
        json: document.json.as_ref().map(|json| json.0.to_json()),
        text: text(document.text.as_ref()),
    }
}
