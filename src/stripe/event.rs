//! A narrow, checked view of an event. Events themselves are [`Value`]s: a typed model of all of Stripe would
//! refuse the older shapes that handlers meet.

use serde_json::{Map, Value};

use crate::pattern::is_like;

/// An event that has what every Stripe event has.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    event: &'a Map<String, Value>,
    id: &'a str,
    kind: &'a str,
    created: i64,
    object: &'a Map<String, Value>,
}

/// Why some JSON is not an event, which a captured file may turn out to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not even a table.
    #[error("read an event: the JSON is {found}, not a table")]
    NotATable {
        /// `a list`.
        found: &'static str,
    },
    /// A thin event: it has no `data.object` (docs.stripe.com/event-destinations, "Thin events").
    #[error(
        "read `{kind}` as a snapshot event: it is a thin event (`v2.core.event`), which has no `data.object`; `shape = \"thin\"` sends a snapshot in that form"
    )]
    Thin {
        /// Its type.
        kind: String,
    },
    /// Another of Stripe's objects, such as the `invoice` itself.
    #[error("read an event: this is a Stripe `{object}`, not an `event`")]
    OtherObject {
        /// What it says it is.
        object: String,
    },
    /// Something that every event has is not there.
    #[error("read an event: `{field}` is not there")]
    Missing {
        /// `data.object`.
        field: &'static str,
    },
    /// It is there, as something else.
    #[error("read an event: `{field}` is {found}, not {expected}")]
    WrongType {
        /// `created`.
        field: &'static str,
        /// `a number`.
        expected: &'static str,
        /// `a string`.
        found: &'static str,
    },
}

impl<'a> EventView<'a> {
    /// Looks at an event.
    ///
    /// # Errors
    ///
    /// Where it is none, saying what it is instead. A missing `object` is forgiven, a wrong one is not.
    pub fn of(event: &'a Value) -> Result<Self, EventError> {
        let event = event.as_object().ok_or_else(|| EventError::NotATable { found: describe(event) })?;
        match event.get("object").and_then(Value::as_str) {
            None | Some("event") => {}
            Some("v2.core.event") => {
                let kind = event.get("type").and_then(Value::as_str).unwrap_or("an event");
                return Err(EventError::Thin { kind: kind.to_owned() });
            }
            Some(object) => return Err(EventError::OtherObject { object: object.to_owned() }),
        }
        let data = field(event, "data", "data", "a table", Value::as_object)?;
        Ok(Self {
            event,
            id: field(event, "id", "id", "a string", Value::as_str)?,
            kind: field(event, "type", "type", "a string", Value::as_str)?,
            created: field(event, "created", "created", "a whole number", Value::as_i64)?,
            object: field(data, "object", "data.object", "a table", Value::as_object)?,
        })
    }

    /// `evt_…`
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// The type: `invoice.paid`.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// In Unix seconds.
    #[must_use]
    pub fn created(&self) -> i64 {
        self.created
    }

    /// `data.object`.
    #[must_use]
    pub fn object(&self) -> &'a Map<String, Value> {
        self.object
    }

    /// The object's id. Some have none: `entitlements.active_entitlement_summary`, an upcoming invoice.
    #[must_use]
    pub fn object_id(&self) -> Option<&'a str> {
        self.object.get("id")?.as_str()
    }

    /// The connected account, of an event that belongs to one.
    #[must_use]
    pub fn account(&self) -> Option<&'a str> {
        self.event.get("account")?.as_str()
    }

    /// The customer whom the object is about, expanded or not, or who is the object.
    #[must_use]
    pub fn customer(&self) -> Option<&'a str> {
        if self.object.get("object").and_then(Value::as_str) == Some("customer") {
            return self.object_id();
        }
        match self.object.get("customer")? {
            Value::Object(expanded) => expanded.get("id")?.as_str(),
            plain => plain.as_str(),
        }
    }

    /// `true` for real money. An event that does not say is a test's.
    #[must_use]
    pub fn livemode(&self) -> bool {
        self.event.get("livemode").and_then(Value::as_bool).unwrap_or_default()
    }

    /// The API version that the object is shaped by.
    #[must_use]
    pub fn api_version(&self) -> Option<&'a str> {
        self.event.get("api_version")?.as_str()
    }
}

/// Whether an event type matches a pattern in which `*` stands for any characters: `charge.dispute.*`, `*`.
#[must_use]
pub fn matches_type(pattern: &str, kind: &str) -> bool {
    is_like(pattern, kind)
}

/// What a value is, in words: `a list`.
pub(crate) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn field<'a, T>(
    table: &'a Map<String, Value>,
    key: &str,
    field: &'static str,
    expected: &'static str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<T, EventError> {
    let value = table.get(key).ok_or(EventError::Missing { field })?;
    read(value).ok_or_else(|| EventError::WrongType { field, expected, found: describe(value) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn paid() -> Value {
        json!({
            "id": "evt_1", "object": "event", "type": "invoice.paid", "created": 1_700_000_000, "livemode": true,
            "account": "acct_1", "api_version": "2026-10-28.endive",
            "data": { "object": { "id": "in_1", "object": "invoice", "customer": "cus_1" } },
        })
    }

    #[test]
    fn an_event_gives_its_parts() {
        let event = paid();
        let view = EventView::of(&event).unwrap();
        assert_eq!((view.id(), view.kind(), view.created()), ("evt_1", "invoice.paid", 1_700_000_000));
        assert_eq!((view.object_id(), view.customer()), (Some("in_1"), Some("cus_1")));
        assert_eq!((view.account(), view.livemode()), (Some("acct_1"), true));
        assert_eq!(view.api_version(), Some("2026-10-28.endive"));
    }

    #[rstest]
    #[case::expanded(json!({ "customer": { "id": "cus_2" } }), Some("cus_2"))]
    #[case::itself(json!({ "object": "customer", "id": "cus_3" }), Some("cus_3"))]
    #[case::guest(json!({ "customer": null }), None)]
    #[case::none(json!({}), None)]
    fn the_customer_is_found(#[case] object: Value, #[case] expected: Option<&str>) {
        let mut event = paid();
        event["data"]["object"] = object;
        assert_eq!(EventView::of(&event).unwrap().customer(), expected);
    }

    #[rstest]
    #[case(json!([]), "read an event: the JSON is a list, not a table")]
    #[case(json!({ "object": "invoice" }), "read an event: this is a Stripe `invoice`, not an `event`")]
    #[case(
        json!({ "object": "v2.core.event", "type": "v1.invoice.paid" }),
        "read `v1.invoice.paid` as a snapshot event: it is a thin event (`v2.core.event`), which has no `data.object`; `shape = \"thin\"` sends a snapshot in that form"
    )]
    #[case(json!({ "data": { "object": {} } }), "read an event: `id` is not there")]
    #[case(json!({ "id": "evt_1", "data": [] }), "read an event: `data` is a list, not a table")]
    #[case(
        json!({ "id": "evt_1", "type": "a", "created": "now", "data": { "object": {} } }),
        "read an event: `created` is a string, not a whole number"
    )]
    #[case(
        json!({ "id": "evt_1", "type": "a", "created": 1.5, "data": { "object": {} } }),
        "read an event: `created` is a number, not a whole number"
    )]
    #[case(
        json!({ "id": "evt_1", "type": "a", "created": 1, "data": {} }),
        "read an event: `data.object` is not there"
    )]
    fn what_is_no_event_is_called_what_it_is(#[case] json: Value, #[case] expected: &str) {
        assert_eq!(EventView::of(&json).unwrap_err().to_string(), expected);
    }

    #[rstest]
    #[case("*", "invoice.paid", true)]
    #[case("invoice.paid", "invoice.paid", true)]
    #[case("invoice.paid", "invoice.paid_late", false)]
    #[case("charge.dispute.*", "charge.dispute.created", true)]
    #[case("charge.dispute.*", "charge.disputed", false)]
    #[case("invoice.*", "invoice_payment.paid", false)]
    #[case("customer.*", "customer.subscription.updated", true)]
    #[case("*.updated", "customer.subscription.updated", true)]
    #[case("*.updated", "customer.subscription.updated_twice", false)]
    #[case("c*.*ted", "charge.dispute.created", true)]
    #[case("**", "a", true)]
    #[case("", "a", false)]
    #[case("", "", true)]
    #[case("a*", "", false)]
    fn patterns(#[case] pattern: &str, #[case] kind: &str, #[case] expected: bool) {
        assert_eq!(matches_type(pattern, kind), expected);
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!matches_type(&"*a".repeat(2_000), &"a".repeat(1_999)));
        assert!(matches_type(&"*a".repeat(2_000), &"a".repeat(2_000)));
    }
}
