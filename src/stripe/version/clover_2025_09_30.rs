//! 2025-09-30.clover: a discount names its coupon under `source` and no longer carries the whole of it
//! (docs.stripe.com/changelog/clover/2025-09-30/add-discount-source-property).
//!
//! Clover also makes `billing_mode` flexible for new subscriptions. That changes what a subscription *is*, not how
//! it is shown: older versions show `billing_mode` as it is.

use serde_json::{Map, Value};

use super::fields::{at, put};
use super::{Downgrade, Version};

pub(super) const SINCE: Version = Version("2025-09-30.clover");

/// `coupon` again, whole where it is known, else its id.
pub(super) fn discount_source(kind: &str, object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    if kind == "discount" && object.contains_key("source") {
        let coupon = at(object, &["source", "coupon"]);
        let whole = way.find(&coupon, "coupon").unwrap_or(coupon);
        put(object, "coupon", whole);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kin, downgrade};
    use super::*;

    #[rstest::rstest]
    #[case("2025-08-27.basil", json!({"id": "c", "object": "coupon", "percent_off": 50}))]
    #[case("2025-09-30.clover", json!(null))]
    fn the_coupon_is_whole_again(#[case] to: &'static str, #[case] expected: Value) {
        let kin = Kin(vec![json!({"id": "c", "object": "coupon", "percent_off": 50})]);
        let discount =
            json!({"id": "di_1", "object": "discount", "source": {"coupon": "c", "type": "coupon"}});
        assert_eq!(downgrade(&discount, Version(to), &kin)["coupon"], expected);
    }

    #[test]
    fn an_unknown_coupon_stays_an_id() {
        let discount =
            json!({"id": "di_1", "object": "discount", "source": {"coupon": "c", "type": "coupon"}});
        assert_eq!(downgrade(&discount, Version("2024-06-20"), &Kin::default())["coupon"], "c");
    }
}
