//! Stripe objects in the newest shape, [`NEWEST`]: one builder per object, each with the whole key set.
//!
//! Builders take what is always known (id, time, owner) and leave everything else at the value that Stripe
//! gives a fresh object. Older shapes are made from these by downgrading, never the other way round.
//! Key sets follow Stripe's published API description; texts and numbers are our own.

pub(crate) mod balance;
pub(crate) mod catalog;
pub(crate) mod checkout;
pub(crate) mod confirmation_token;
pub(crate) mod connect;
pub(crate) mod credit_note;
pub(crate) mod customer;
pub(crate) mod discount;
pub(crate) mod dispute;
pub(crate) mod entitlement;
pub(crate) mod envelope;
pub(crate) mod event_destination;
pub(crate) mod invoice;
pub(crate) mod issuing;
pub(crate) mod method;
pub(crate) mod other;
pub(crate) mod payment;
pub(crate) mod payment_link;
pub(crate) mod portal;
pub(crate) mod quote;
pub(crate) mod schedule;
pub(crate) mod setup;
pub(crate) mod shipping;
pub(crate) mod subscription;
pub(crate) mod tax;
pub(crate) mod test_clock;
pub(crate) mod webhook;

use serde_json::{Map, Value};

/// The newest API version: the shape in which objects and events are kept.
pub const NEWEST: &str = "2026-10-28.endive";

/// JSON null, for the many fields that a fresh object leaves open.
pub(crate) const NULL: Value = Value::Null;

/// A JSON object of `"key": value` pairs, in the order written. Unlike `json!` it does not recurse, so it
/// takes the 70 keys of an invoice without a higher recursion limit.
macro_rules! object {
    ($($key:literal: $value:expr),* $(,)?) => {{
        let mut fields = serde_json::Map::with_capacity([$($key),*].len());
        $(fields.insert($key.to_owned(), serde_json::Value::from($value));)*
        serde_json::Value::Object(fields)
    }};
}
pub(crate) use object;

/// Sets one field; anything but an object is left as it is.
pub(crate) fn put(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Value::Object(fields) = object {
        fields.insert(key.to_owned(), value.into());
    }
}

/// A string field, or `""`.
pub(crate) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A number field, or 0.
pub(crate) fn int(object: &Value, key: &str) -> i64 {
    object.get(key).and_then(Value::as_i64).unwrap_or_default()
}

/// The objects in a list object's `data`.
pub(crate) fn data(list: &Value) -> &[Value] {
    list.get("data").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A list object that holds everything it covers.
pub(crate) fn list(data: Vec<Value>, url: &str) -> Value {
    object! { "object": "list", "data": data, "has_more": false, "url": url }
}

/// Lays `extra` over `base`: objects are merged key by key, everything else is replaced.
pub(crate) fn merge(base: &mut Value, extra: &Map<String, Value>) {
    let Value::Object(fields) = base else { return };
    for (key, value) in extra {
        match (fields.get_mut(key), value) {
            (Some(old @ Value::Object(_)), Value::Object(new)) => merge(old, new),
            _ => {
                fields.insert(key.clone(), value.clone());
            }
        }
    }
}

/// `previous_attributes`: what of `old` is no longer so in `new`, nested objects key by key, lists whole.
/// A key that `old` did not have is null.
pub(crate) fn previous(old: &Value, new: &Value) -> Map<String, Value> {
    let mut changed = Map::new();
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return changed };
    for (key, before) in old {
        match (before, new.get(key)) {
            (_, Some(after)) if before == after => {}
            (Value::Object(_), Some(after @ Value::Object(_))) => {
                changed.insert(key.clone(), Value::Object(previous(before, after)));
            }
            _ => {
                changed.insert(key.clone(), before.clone());
            }
        }
    }
    for key in new.keys().filter(|key| !old.contains_key(*key)) {
        changed.insert(key.clone(), Value::Null);
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case(json!({"a": 1}), json!({"a": 1}), json!({}))]
    #[case(json!({"a": 1, "b": 2}), json!({"a": 3, "b": 2}), json!({"a": 1}))]
    #[case(json!({"m": {"x": 1, "y": 2}}), json!({"m": {"x": 1, "y": 3}}), json!({"m": {"y": 2}}))]
    #[case(json!({"m": {}}), json!({"m": {"new": 1}}), json!({"m": {"new": null}}))]
    #[case(json!({"i": {"data": [1, 2]}}), json!({"i": {"data": [1, 3]}}), json!({"i": {"data": [1, 2]}}))]
    #[case(json!({"p": null}), json!({"p": {"id": 1}}), json!({"p": null}))]
    fn previous_attributes_tell_what_changed(
        #[case] old: Value,
        #[case] new: Value,
        #[case] expected: Value,
    ) {
        assert_eq!(Value::Object(previous(&old, &new)), expected);
    }

    #[test]
    fn merging_keeps_what_is_not_named() {
        let mut base = json!({"metadata": {"a": "1"}, "status": "open"});
        merge(&mut base, json!({"metadata": {"b": "2"}, "status": "paid"}).as_object().unwrap());
        assert_eq!(base, json!({"metadata": {"a": "1", "b": "2"}, "status": "paid"}));
    }
}
