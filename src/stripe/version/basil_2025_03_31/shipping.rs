//! A checkout session keeps the shipping address with whatever else it collected
//! (docs.stripe.com/changelog/basil, 2025-03-31: `shipping_details` of Checkout).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::{at, put};

/// `shipping_details` beside `collected_information` again.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind == "checkout.session" {
        let shipping = at(object, &["collected_information", "shipping_details"]);
        put(object, "shipping_details", shipping);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    #[rstest::rstest]
    #[case(json!({"shipping_details": {"name": "Jo"}}), json!({"name": "Jo"}))]
    #[case(json!(null), json!(null))]
    fn the_address_is_there(#[case] collected: Value, #[case] expected: Value) {
        let session = json!({"object": "checkout.session", "collected_information": collected});
        assert_eq!(downgrade(&session, BEFORE, &Kin::default()).get("shipping_details"), Some(&expected));
        assert_eq!(downgrade(&session, SINCE, &Kin::default()), session);
    }
}
