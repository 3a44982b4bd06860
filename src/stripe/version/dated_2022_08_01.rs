//! 2022-08-01: a checkout session keeps where it ships to under `shipping_details` and the rate under `shipping_cost`
//! (docs.stripe.com/changelog/2022-08-01/updates-shipping-property-checkout-session).

use serde_json::{Map, Value};

use super::fields::{at, put};
use super::{Downgrade, Version};

pub(super) const SINCE: Version = Version("2022-08-01");

/// `shipping`, which was renamed, and `shipping_rate`, which moved, again.
pub(super) fn shipping(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind != "checkout.session" {
        return;
    }
    let rate = at(object, &["shipping_cost", "shipping_rate"]);
    // The break of basil has put it back already; a session that is this old has it no more.
    let Some(shipping) = object.shift_remove("shipping_details") else { return };
    put(object, "shipping", shipping);
    put(object, "shipping_rate", rate);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kin, downgrade};
    use super::*;

    fn session() -> Value {
        json!({
            "id": "cs_1", "object": "checkout.session",
            "collected_information": {"shipping_details": {"name": "Jo"}},
            "shipping_cost": {"amount_total": 500, "shipping_rate": "shr_1"},
        })
    }

    #[test]
    fn shipping_and_its_rate_stand_on_the_session() {
        let shaped = downgrade(&session(), Version("2020-08-27"), &Kin::default());
        assert_eq!((&shaped["shipping"]["name"], &shaped["shipping_rate"]), (&json!("Jo"), &json!("shr_1")));
        assert_eq!(shaped.get("shipping_details"), None);
        let later = downgrade(&session(), SINCE, &Kin::default());
        assert_eq!((later.get("shipping"), later.get("shipping_rate")), (None, None));
        assert_eq!(later["shipping_details"]["name"], "Jo");
    }

    #[test]
    fn what_ships_nothing_has_null() {
        let session = json!({"id": "cs_1", "object": "checkout.session", "shipping_cost": null});
        let shaped = downgrade(&session, Version("2020-08-27"), &Kin::default());
        assert_eq!(
            (shaped.get("shipping"), shaped.get("shipping_rate")),
            (Some(&Value::Null), Some(&Value::Null))
        );
    }
}
