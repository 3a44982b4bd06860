//! A promotion code names its coupon under `promotion` and no longer carries the whole of it
//! (…/2025-09-30/polymorphic-coupon).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::{at, put};

/// `coupon` again, whole where it is known, else its id.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    if kind == "promotion_code" && object.contains_key("promotion") {
        let coupon = at(object, &["promotion", "coupon"]);
        let whole = way.find(&coupon, "coupon").unwrap_or(coupon);
        put(object, "coupon", whole);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, Version, downgrade};
    use super::super::SINCE;
    use super::*;

    fn code() -> Value {
        let promotion = json!({"coupon": "c", "type": "coupon"});
        json!({"id": "promo_1", "object": "promotion_code", "promotion": promotion})
    }

    #[test]
    fn the_coupon_is_whole_again() {
        let coupon = json!({"id": "c", "object": "coupon", "percent_off": 50});
        let kin = Kin(vec![coupon.clone()]);
        let shaped = downgrade(&code(), Version("2025-08-27.basil"), &kin);
        assert_eq!((&shaped["coupon"], &shaped["promotion"]), (&coupon, &code()["promotion"]));
        assert_eq!(downgrade(&code(), SINCE, &kin), code());
    }

    #[test]
    fn an_unknown_coupon_stays_an_id() {
        assert_eq!(downgrade(&code(), Version("2020-08-27"), &Kin::default())["coupon"], "c");
    }
}
