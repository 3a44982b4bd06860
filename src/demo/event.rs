//! A Stripe event, seen as narrowly as the app needs it.

use serde_json::Value;

/// What of an event the app looks at. Apart from finished facts, such as the amount of a paid invoice, the
/// object inside is used for its ids only: its state may be old.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) created: i64,
    pub(super) livemode: bool,
    /// In which its object is shown: that of the endpoint, not that of our calls.
    pub(super) api_version: Option<String>,
    /// The account of somebody else, where it happened there (Connect).
    pub(super) account: Option<String>,
    pub(super) object: Value,
}

/// What is wrong with a body that Stripe signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    #[error("read the body as JSON")]
    Json(#[from] serde_json::Error),
    /// Thin events are of this kind: they hold no object. The endpoint is not made for them.
    #[error("find `{0}` in the event")]
    Lacks(&'static str),
    /// Stripe's packages for some languages refuse it so, unless they are told not to.
    #[error("use an event of another API version than that of our calls")]
    Version,
}

impl Event {
    pub(super) fn parse(body: &[u8]) -> Result<Self, EventError> {
        let event: Value = serde_json::from_slice(body)?;
        let object = event.pointer("/data/object").filter(|object| object.is_object());
        Ok(Self {
            id: text(&event, "id").ok_or(EventError::Lacks("id"))?,
            kind: text(&event, "type").ok_or(EventError::Lacks("type"))?,
            created: event.get("created").and_then(Value::as_i64).ok_or(EventError::Lacks("created"))?,
            livemode: event.get("livemode").and_then(Value::as_bool).ok_or(EventError::Lacks("livemode"))?,
            api_version: text(&event, "api_version"),
            account: text(&event, "account"),
            object: object.ok_or(EventError::Lacks("data.object"))?.clone(),
        })
    }
}

/// A text field.
pub(super) fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field).and_then(Value::as_str).map(str::to_owned)
}

/// The id behind a reference, whether it came as an id or as the whole object.
pub(super) fn reference(object: &Value, pointer: &str) -> Option<String> {
    let found = object.pointer(pointer)?;
    found.as_str().or_else(|| found.get("id").and_then(Value::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[rstest::rstest]
    #[case("[]", "find `id` in the event")]
    #[case("{", "read the body as JSON")]
    #[case("\u{feff}{}", "read the body as JSON")]
    #[case(
        r#"{"id":"evt_1","object":"v2.core.event","type":"v1.x","created":"2026-11-23","livemode":false}"#,
        "find `created` in the event"
    )]
    #[case(
        r#"{"id":"evt_1","type":"x","created":1,"livemode":false,"data":{"object":"sub_1"}}"#,
        "find `data.object` in the event"
    )]
    fn what_is_not_a_snapshot_event_is_refused(#[case] body: &str, #[case] expected: &str) {
        assert_eq!(Event::parse(body.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn references_come_as_ids_or_as_objects() {
        let invoice = json!({ "a": "sub_1", "b": { "id": "sub_2" }, "c": null });
        assert_eq!(reference(&invoice, "/a").as_deref(), Some("sub_1"));
        assert_eq!(reference(&invoice, "/b").as_deref(), Some("sub_2"));
        assert_eq!(reference(&invoice, "/c"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(0u8.., 0..256)) {
            let _ = Event::parse(&body);
        }
    }
}
