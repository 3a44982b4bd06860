//! Every item of a subscription has a billing period of its own, the subscription has none
//! (…/2025-03-31/deprecate-subscription-current-period-start-and-end).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::put;
use crate::stripe::object::{data, int};

/// `current_period_start` and `current_period_end` of the subscription again: those of the item that ends first.
/// Before basil all items shared one period, so there is nothing to choose then; for items that end at different
/// times the choice is an assumption.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind != "subscription" {
        return;
    }
    let items = object.get("items").map_or(&[][..], data);
    let first = items
        .iter()
        .filter(|item| item.get("current_period_end").is_some_and(Value::is_i64))
        .min_by_key(|item| int(item, "current_period_end"));
    let Some(item) = first else { return };
    let (start, end) = (item["current_period_start"].clone(), item["current_period_end"].clone());
    put(object, "current_period_end", end);
    put(object, "current_period_start", start);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, Version, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    fn subscription() -> Value {
        let item = |end: i64| json!({"object": "subscription_item", "current_period_end": end, "current_period_start": end - 30});
        json!({"id": "sub_1", "object": "subscription", "items": {"object": "list", "data": [item(90), item(60)]}})
    }

    #[rstest::rstest]
    #[case(BEFORE, json!(30), json!(60))]
    #[case(SINCE, json!(null), json!(null))]
    fn the_subscription_has_the_period(#[case] to: Version, #[case] start: Value, #[case] end: Value) {
        let shaped = downgrade(&subscription(), to, &Kin::default());
        assert_eq!((&shaped["current_period_start"], &shaped["current_period_end"]), (&start, &end));
        assert_eq!(shaped["items"]["data"][0]["current_period_end"], 90);
    }

    #[test]
    fn inside_of_another_object_and_of_a_list_too() {
        let invoice =
            json!({"object": "list", "data": [{"object": "invoice", "subscription": subscription()}]});
        let shaped = downgrade(&invoice["data"][0]["subscription"], BEFORE, &Kin::default());
        assert_eq!(shaped["current_period_end"], 60);
        let customers = json!({"object": "list", "data": [{"object": "customer", "subscriptions": {"object": "list", "data": [subscription()]}}]});
        let shaped = downgrade(&customers, BEFORE, &Kin::default());
        assert_eq!(shaped["data"][0]["subscriptions"]["data"][0]["current_period_end"], 60);
    }
}
