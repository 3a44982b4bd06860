//! What leaves the app: where it goes, what of it is meant, and what it is answered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Environment, ProbeKind, Project};
use crate::template;

/// Where the app sends something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlet {
    /// Mail.
    Mail,
    /// A third party's API: `[sink.NAME]`.
    Sink(String),
    /// Stripe's API.
    Stripe,
}

/// A probe of what left the app.
#[derive(Debug, Clone, PartialEq)]
pub struct OutsideProbe {
    /// Where it went.
    pub outlet: Outlet,
    /// Which of it.
    pub select: Select,
    /// Field → JSONPath (RFC 9535) into the newest body, checked.
    pub read: BTreeMap<String, String>,
}

/// What is meant of what left the app. All of it must hold; texts may be templates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// Method and path: `POST /contacts/*`.
    pub call: Option<String>,
    /// Field → a literal or matchers: `subject`.
    pub fields: BTreeMap<String, Value>,
    /// JSONPath into the body, checked → a literal or matchers.
    pub json: BTreeMap<String, Value>,
}

/// What templates may name that is the same for all cases of a run.
const SHARED: [&str; 10] =
    ["variable", "matrix", "secret", "price", "product", "provider", "endpoint", "target", "mail", "sink"];

impl Select {
    /// Whether it says whose it means, so that one case's are told from another's of the same app.
    #[must_use]
    pub fn tells_cases_apart(&self) -> bool {
        let values = self.fields.values().chain(self.json.values());
        self.call.as_deref().is_some_and(names_a_case)
            || values.into_iter().any(|value| any_text(value, names_a_case))
    }
}

fn names_a_case(text: &str) -> bool {
    let names = template::names(text).unwrap_or_default();
    names.iter().any(|name| !SHARED.contains(&name.split('.').next().unwrap_or_default()))
}

fn any_text(value: &Value, holds: fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, holds)),
        Value::Object(fields) => fields.values().any(|field| any_text(field, holds)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl OutsideProbe {
    /// The fields that every reading of it may have, beside those of `read`.
    #[must_use]
    pub fn fields(&self) -> &'static [&'static str] {
        match self.outlet {
            Outlet::Mail => &[
                "messages",
                "refused",
                "subjects",
                "to",
                "from",
                "subject",
                "text",
                "html",
                "links",
                "attachments",
            ],
            Outlet::Sink(_) => &["calls", "accepted", "refused", "method", "path", "status", "text"],
            Outlet::Stripe => &["calls", "accepted", "refused", "method", "path", "status"],
        }
    }
}

/// The mail server: `[mail]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mail {
    /// A fixed port, for apps that cannot be told.
    pub port: Option<u16>,
}

/// A third party: `[sink.NAME]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sink {
    /// A fixed port, for apps that cannot be told.
    pub port: Option<u16>,
    /// What calls are answered; the first that is about a call is given.
    pub answers: Vec<SinkAnswer>,
}

/// What calls to a third party are answered.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkAnswer {
    /// Which calls; `None`: all.
    pub call: Option<String>,
    /// The status; `None`: 200.
    pub status: Option<u16>,
    /// Header names and values.
    pub headers: Map<String, Value>,
    /// A JSON body.
    pub json: Option<Value>,
    /// A text body.
    pub text: Option<String>,
}

impl Project {
    /// The names of all third parties: declared, or read by a probe.
    #[must_use]
    pub fn sink_names(&self) -> BTreeSet<String> {
        let read = self.outside_probes().filter_map(|probe| match &probe.outlet {
            Outlet::Sink(name) => Some(name),
            Outlet::Mail | Outlet::Stripe => None,
        });
        read.chain(self.sinks.keys()).cloned().collect()
    }

    /// Whether the app of this environment has a mail server of ours: something reads its mail, or it is told of one.
    #[must_use]
    pub fn takes_mail(&self, environment: &Environment) -> bool {
        let read = self.outside_probes().any(|probe| probe.outlet == Outlet::Mail);
        read || self.mail.is_some() || texts(environment).any(|text| names(text, "mail"))
    }

    fn outside_probes(&self) -> impl Iterator<Item = &OutsideProbe> {
        self.probes.values().filter_map(|probe| match &probe.kind {
            ProbeKind::Outside(probe) => Some(probe),
            ProbeKind::Call { .. } | ProbeKind::Truth => None,
        })
    }
}

/// What the app of an environment is told.
fn texts(environment: &Environment) -> impl Iterator<Item = &str> {
    let own = environment.target.launch.texts();
    let variables = environment.variables.values().filter_map(Value::as_str);
    environment.target.env.values().map(String::as_str).chain(own).chain(variables)
}

fn names(text: &str, root: &str) -> bool {
    let names = template::names(text).unwrap_or_default();
    names.iter().any(|name| name.split('.').next() == Some(root))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case(None, json!({}), false)]
    #[case(Some("POST /contacts"), json!({ "subject": "{{ variable.word }}" }), false)]
    #[case(Some("POST /contacts/{{ customer.id }}"), json!({}), true)]
    #[case(None, json!({ "to": "{{ customer.email }}" }), true)]
    #[case(None, json!({ "to": { "contains": ["x", "{{ request.signup.id }}"] } }), true)]
    #[case(None, json!({ "to": "{{ old.id }}" }), true)]
    fn a_selection_tells_whose_it_means(
        #[case] call: Option<&str>,
        #[case] fields: Value,
        #[case] expected: bool,
    ) {
        let fields: BTreeMap<String, Value> = fields.as_object().cloned().unwrap().into_iter().collect();
        let select = Select { call: call.map(str::to_owned), fields: fields.clone(), ..Select::default() };
        assert_eq!(select.tells_cases_apart(), expected);
        let select = Select { call: call.map(str::to_owned), json: fields, ..Select::default() };
        assert_eq!(select.tells_cases_apart(), expected);
    }
}
