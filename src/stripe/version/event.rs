//! Events: what they carry is downgraded, and what they say has changed.

use serde_json::{Map, Value};

use super::{Downgrade, Version};
use crate::stripe::object::{merge, previous};

pub(super) fn is_event(fields: &Map<String, Value>) -> bool {
    fields.get("object").is_some_and(|kind| kind == "event")
}

/// Downgrades the event from the version that it says it has.
pub(super) fn downgrade(event: &mut Map<String, Value>, way: &Downgrade<'_>) {
    let from = match event.get("api_version") {
        None | Some(Value::Null) => Version::NEWEST,
        Some(Value::String(version)) => match Version::in_full(version) {
            Ok(version) => version,
            // Captured in a version that is not modelled: nobody knows what it would become.
            Err(_) => return,
        },
        Some(_) => return,
    };
    if from <= way.to {
        return;
    }
    let way = Downgrade { from, ..*way };
    if let Some(Value::Object(data)) = event.get_mut("data") {
        self::data(data, &way);
    }
    super::fields::put(event, "api_version", way.to.as_str());
}

fn data(data: &mut Map<String, Value>, way: &Downgrade<'_>) {
    let Some(object) = data.get_mut("object") else { return };
    let mut before = object.clone();
    way.walk(object);
    let after = object.clone();
    let Some(Value::Object(changed)) = data.get_mut("previous_attributes") else { return };
    // What an older shape says has changed is the difference of both objects in that shape, so that whatever moves
    // in the object moves here too.
    merge(&mut before, changed);
    way.walk(&mut before);
    changed.extend(previous(&before, &after));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kin, downgrade};
    use super::*;

    fn updated(object: Value, previous: Value) -> Value {
        json!({
            "id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": 1,
            "data": { "object": object, "previous_attributes": previous },
            "type": "customer.subscription.updated",
        })
    }

    fn subscription(end: i64, status: &str) -> Value {
        json!({
            "id": "sub_1", "object": "subscription",
            "items": { "object": "list", "has_more": false, "data": [items(end)] }, "status": status,
        })
    }

    fn items(end: i64) -> Value {
        json!({ "id": "si_1", "object": "subscription_item", "current_period_start": end - 10, "current_period_end": end })
    }

    fn older(event: &Value) -> Value {
        downgrade(event, Version("2024-06-20"), &Kin::default())
    }

    #[test]
    fn what_moved_is_said_to_have_changed_where_it_was_before() {
        let list = json!({ "items": { "data": [items(20)] } });
        let event = older(&updated(subscription(30, "active"), list));
        let changed = &event["data"]["previous_attributes"];
        assert_eq!(
            (&changed["current_period_start"], &changed["current_period_end"]),
            (&json!(10), &json!(20))
        );
        assert_eq!(changed["items"]["data"][0]["current_period_end"], 20);
        assert_eq!(event["data"]["object"]["current_period_end"], 30);
        assert_eq!(event["api_version"], "2024-06-20");
        assert_eq!(event["id"], "evt_1");
    }

    #[test]
    fn what_did_not_change_is_not_said_to_have() {
        let event = older(&updated(subscription(30, "active"), json!({ "status": "trialing" })));
        assert_eq!(event["data"]["previous_attributes"], json!({ "status": "trialing" }));
    }

    #[test]
    fn what_follows_from_the_change_is_said_too() {
        let invoice = json!({ "id": "in_1", "object": "invoice", "status": "paid" });
        let event = older(&updated(invoice, json!({ "status": "open" })));
        assert_eq!(event["data"]["object"]["paid"], true);
        assert_eq!(event["data"]["previous_attributes"], json!({ "status": "open", "paid": false }));
    }

    #[rstest::rstest]
    #[case(json!("2024-06-20"))]
    #[case(json!("2022-11-15"))]
    #[case(json!("2017-08-15"))]
    #[case(json!("someday"))]
    #[case(json!(7))]
    fn an_event_that_is_as_old_is_left_alone(#[case] version: Value) {
        let mut event = updated(subscription(30, "active"), json!({}));
        event["api_version"] = version;
        assert_eq!(older(&event), event);
    }

    #[test]
    fn an_event_without_a_version_is_taken_for_a_new_one() {
        let mut event = updated(subscription(30, "active"), json!({}));
        event["api_version"] = Value::Null;
        assert_eq!(older(&event)["data"]["object"]["current_period_end"], 30);
        assert_eq!(older(&event)["api_version"], "2024-06-20");
    }
}
