//! Which of what left the app is meant. Pure.

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use crate::judge::{MatcherError, Matchers};
use crate::pattern::is_about;
use crate::probe::ReadError;
use crate::project::model::Select;

/// What is meant, understood once. All of it must hold; an empty one means everything.
#[derive(Debug, Default)]
pub(super) struct Selection {
    call: Option<String>,
    fields: Vec<(String, Matchers)>,
    json: Vec<(JsonPath, Matchers)>,
}

impl Selection {
    /// Understands a selection whose templates are filled in.
    pub(super) fn compile(select: &Select) -> Result<Self, ReadError> {
        let wrong = |key: &str, error: &MatcherError| ReadError::Selection {
            key: key.to_owned(),
            problem: error.to_string(),
        };
        let field = |(key, wanted): (&String, &Value)| {
            let is_address = ["to", "from"].contains(&key.as_str());
            let wanted = if is_address { small(wanted) } else { wanted.clone() };
            Ok((key.clone(), Matchers::from_value(&wanted).map_err(|error| wrong(key, &error))?))
        };
        let json = |(path, wanted): (&String, &Value)| {
            let parsed = JsonPath::parse(path)
                .map_err(|error| ReadError::Path { path: path.clone(), problem: error.to_string() })?;
            Ok((parsed, Matchers::from_value(wanted).map_err(|error| wrong(path, &error))?))
        };
        Ok(Self {
            call: select.call.clone(),
            fields: select.fields.iter().map(field).collect::<Result<_, ReadError>>()?,
            json: select.json.iter().map(json).collect::<Result<_, ReadError>>()?,
        })
    }

    /// Whether a mail or call with these fields is meant.
    pub(super) fn admits(&self, fields: &Map<String, Value>) -> bool {
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        self.call.as_ref().is_none_or(|call| is_about(call, text("method"), text("path")))
            && self.fields.iter().all(|(key, wanted)| any_is(wanted, fields.get(key)))
            && self.json.iter().all(|(path, wanted)| {
                let found = fields.get("json").map(|body| path.query(body).all()).unwrap_or_default();
                if found.is_empty() {
                    any_is(wanted, None)
                } else {
                    found.iter().any(|one| any_is(wanted, Some(one)))
                }
            })
    }
}

/// Whether a value is as wanted, or, of a list, one of its values: a mail to two people is a mail to each.
fn any_is(wanted: &Matchers, value: Option<&Value>) -> bool {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    wanted.check(value, None) || items.iter().any(|item| wanted.check(Some(item), None))
}

/// Addresses in small letters, as mails are kept; regular expressions say themselves what they mean.
fn small(wanted: &Value) -> Value {
    match wanted {
        Value::String(text) => text.to_lowercase().into(),
        Value::Array(items) => items.iter().map(small).collect(),
        Value::Object(matchers) => {
            let small = |(name, value): (&String, &Value)| {
                (name.clone(), if name == "matches" { value.clone() } else { small(value) })
            };
            Value::Object(matchers.iter().map(small).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn admits(select: &Value, fields: &Value) -> bool {
        let table = |key: &str| select[key].as_object().cloned().unwrap_or_default().into_iter().collect();
        let select = Select {
            call: select["call"].as_str().map(str::to_owned),
            fields: table("fields"),
            json: table("json"),
        };
        Selection::compile(&select).unwrap().admits(fields.as_object().unwrap())
    }

    fn mail() -> Value {
        json!({ "to": ["ann@example.com", "bob@example.com"], "subject": "Your receipt", "text": "Paid." })
    }

    #[rstest]
    #[case::everything(json!({}), true)]
    #[case::recipient(json!({ "to": "ann@example.com" }), true)]
    #[case::whatever_the_letters(json!({ "to": "Bob@Example.com" }), true)]
    #[case::another(json!({ "to": "cleo@example.com" }), false)]
    #[case::one_of_several(json!({ "to": { "one_of": ["CLEO@example.com", "ANN@example.com"] } }), true)]
    #[case::part(json!({ "to": { "contains": "@Example" } }), true)]
    #[case::pattern(json!({ "to": { "matches": "^ann@" } }), true)]
    #[case::subject(json!({ "to": "ann@example.com", "subject": { "contains": "receipt" } }), true)]
    #[case::subject_in_capitals(json!({ "subject": { "contains": "Receipt" } }), false)]
    #[case::missing(json!({ "html": { "contains": "x" } }), false)]
    #[case::absent(json!({ "html": { "absent": true } }), true)]
    fn mails_are_chosen(#[case] fields: Value, #[case] expected: bool) {
        assert_eq!(admits(&json!({ "fields": fields }), &mail()), expected);
    }

    #[rstest]
    #[case::call(json!({ "call": "POST /send" }), true)]
    #[case::other_call(json!({ "call": "POST /contacts/*" }), false)]
    #[case::body(json!({ "json": { "$.to[0].email": "ann@example.com" } }), true)]
    #[case::any_of_the_body(json!({ "json": { "$.to[*].email": "bob@example.com" } }), true)]
    #[case::none_of_the_body(json!({ "json": { "$.to[*].email": "cleo@example.com" } }), false)]
    #[case::all_of_it(json!({ "call": "* /send", "json": { "$.kind": "receipt", "$.test": { "absent": true } } }), true)]
    #[case::one_is_wrong(json!({ "call": "* /send", "json": { "$.kind": "receipt", "$.test": true } }), false)]
    #[case::text(json!({ "fields": { "text": { "contains": "receipt" } } }), true)]
    fn calls_are_chosen(#[case] select: Value, #[case] expected: bool) {
        let body = json!({ "kind": "receipt", "to": [{ "email": "ann@example.com" }, { "email": "bob@example.com" }] });
        let call = json!({ "method": "POST", "path": "/send", "text": body.to_string(), "json": body });
        assert_eq!(admits(&select, &call), expected);
    }
}
