//! A discount names its coupon under `source` and no longer carries the whole of it
//! (…/2025-09-30/add-discount-source-property).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::{at, put};

/// `coupon` again, whole where it is known, else its id.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    if kind == "discount" && object.contains_key("source") {
        let coupon = at(object, &["source", "coupon"]);
        let whole = way.find(&coupon, "coupon").unwrap_or(coupon);
        put(object, "coupon", whole);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, Version, downgrade};
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
