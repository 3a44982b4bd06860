//! A phase of a subscription schedule can have several discounts and no longer a single coupon
//! (…/2025-03-31/deprecate-singular-coupon-promotion-code).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::put;

/// `coupon` of a phase again: that of its first discount.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind != "subscription_schedule" {
        return;
    }
    let Some(Value::Array(phases)) = object.get_mut("phases") else { return };
    for phase in phases.iter_mut().filter_map(Value::as_object_mut) {
        let coupon = phase.get("discounts").map(|discounts| discounts[0]["coupon"].clone());
        put(phase, "coupon", coupon);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    #[rstest::rstest]
    #[case(json!([{"coupon": "c", "discount": null}, {"coupon": "d"}]), json!("c"))]
    #[case(json!([]), json!(null))]
    fn a_phase_has_one_coupon(#[case] discounts: Value, #[case] expected: Value) {
        let schedule = json!({"id": "sub_sched_1", "object": "subscription_schedule", "phases": [{"discounts": discounts}]});
        let shaped = downgrade(&schedule, BEFORE, &Kin::default());
        assert_eq!(shaped["phases"][0].get("coupon"), Some(&expected));
        assert_eq!(downgrade(&schedule, SINCE, &Kin::default()), schedule);
    }
}
