//! Subscriptions and invoices can have several discounts and no longer a single one
//! (…/2025-03-31/deprecate-singular-coupon-promotion-code).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::{at, put};

/// `discount` again: the first one, where it is known; else null.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    if kind == "subscription" || kind == "invoice" {
        let discounts = at(object, &["discounts"]);
        let first = way.find(&discounts[0], "discount").unwrap_or_default();
        put(object, "discount", first);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    #[rstest::rstest]
    #[case(json!(["di_1"]), json!("di_1"))]
    #[case(json!([{"id": "di_2", "object": "discount"}]), json!("di_2"))]
    #[case(json!(["di_9"]), json!(null))]
    #[case(json!([]), json!(null))]
    #[case(json!(null), json!(null))]
    fn the_first_is_the_discount(#[case] discounts: Value, #[case] expected: Value) {
        let kin = Kin(vec![json!({"id": "di_1", "object": "discount"})]);
        let subscription = json!({"object": "subscription", "discounts": discounts});
        let shaped = downgrade(&subscription, BEFORE, &kin);
        assert_eq!(shaped.get("discount").map(|discount| &discount["id"]), Some(&expected));
        assert_eq!(downgrade(&subscription, SINCE, &kin).get("discount"), None);
    }
}
