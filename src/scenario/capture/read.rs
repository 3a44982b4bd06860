//! The events in a text: one, a list, what `stripe events list` prints, or one after another.

use std::collections::BTreeSet;

use serde_json::Value;

use super::CaptureError;

/// A captured event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) created: i64,
    /// Whose it is; `None` where it names nobody.
    pub(super) customer: Option<String>,
    pub(super) whole: Value,
}

impl Event {
    /// What it is about.
    pub(super) fn object(&self) -> &Value {
        &self.whole["data"]["object"]
    }

    /// What an `updated` event says was otherwise before.
    pub(super) fn previous(&self) -> &Value {
        &self.whole["data"]["previous_attributes"]
    }
}

/// All events, each once, oldest first; of one second in the order in which they stand.
pub(super) fn events(files: &[(String, String)]) -> Result<Vec<Event>, CaptureError> {
    let mut events: Vec<Event> = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, text) in files {
        for (index, value) in values(file, text)?.into_iter().enumerate() {
            let event = event(value).map_err(|found| CaptureError::NoEvent {
                file: file.clone(),
                number: index + 1,
                found,
            })?;
            let id = event.whole["id"].as_str().map(str::to_owned);
            if id.is_none_or(|id| seen.insert(id)) {
                events.push(event);
            }
        }
    }
    events.sort_by_key(|event| event.created);
    if events.is_empty() { Err(CaptureError::Nothing) } else { Ok(events) }
}

/// The values of a text, in the order in which they happened.
fn values(file: &str, text: &str) -> Result<Vec<Value>, CaptureError> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value
            .map_err(|error| CaptureError::Json { file: file.to_owned(), problem: error.to_string() })?;
        match value {
            Value::Array(list) => values.extend(list),
            // Stripe lists the newest first (docs.stripe.com/api/events/list).
            Value::Object(mut fields) if fields.get("object").is_some_and(|object| object == "list") => {
                match fields.remove("data") {
                    Some(Value::Array(list)) => values.extend(list.into_iter().rev()),
                    _ => values.push(Value::Object(fields)),
                }
            }
            other => values.push(other),
        }
    }
    Ok(values)
}

/// What is no event is told by its `object`.
fn event(value: Value) -> Result<Event, String> {
    let object = value["data"]["object"].as_object();
    match (value["object"].as_str(), value["type"].as_str(), object) {
        (Some("event"), Some(kind), Some(object)) => {
            let id = |value: &Value| value.as_str().or_else(|| value["id"].as_str()).map(str::to_owned);
            let customer = match object.get("object").and_then(Value::as_str) {
                Some("customer") => object.get("id").and_then(id),
                _ => object.get("customer").and_then(id),
            };
            Ok(Event {
                kind: kind.to_owned(),
                created: value["created"].as_i64().unwrap_or_default(),
                customer,
                whole: value,
            })
        }
        (Some("v2.core.event"), ..) => Err("a thin event carries none".to_owned()),
        (Some("event"), ..) => Err("it has no `type` or no `data.object`".to_owned()),
        (Some(other), ..) => {
            Err(format!("its `object` is \"{}\"", other.chars().take(40).collect::<String>()))
        }
        (None, ..) => Err("it has no `object`".to_owned()),
    }
}
