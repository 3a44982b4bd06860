//! Usage is billed by meters only, so no price says how usage is added up
//! (docs.stripe.com/changelog/basil, 2025-03-31: legacy usage-based billing).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::put;

/// `aggregate_usage` again: null, since a price with a meter never had one.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    match (kind, object.get_mut("recurring")) {
        ("price", Some(Value::Object(recurring))) => put(recurring, "aggregate_usage", Value::Null),
        ("plan", _) => put(object, "aggregate_usage", Value::Null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    #[rstest::rstest]
    #[case(json!({"object": "price", "recurring": {"interval": "month"}}), "/recurring/aggregate_usage")]
    #[case(json!({"object": "plan", "interval": "month"}), "/aggregate_usage")]
    fn usage_is_added_up_in_no_way(#[case] object: Value, #[case] pointer: &str) {
        assert_eq!(downgrade(&object, BEFORE, &Kin::default()).pointer(pointer), Some(&json!(null)));
        assert_eq!(downgrade(&object, SINCE, &Kin::default()), object);
    }

    #[test]
    fn what_is_paid_once_has_no_usage() {
        let price = json!({"object": "price", "recurring": null});
        assert_eq!(downgrade(&price, BEFORE, &Kin::default()), price);
    }
}
