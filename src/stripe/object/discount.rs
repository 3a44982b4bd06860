//! Coupons, promotion codes, and the discounts that they become when they are redeemed.

use serde_json::{Value, json};

use super::{NULL, object, text};

/// A coupon that takes off nothing yet: `percent_off` or `amount_off` is for the caller to set.
pub(crate) fn coupon(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "coupon", "amount_off": NULL, "created": created, "currency": NULL,
        "duration": "once", "duration_in_months": NULL, "livemode": false, "max_redemptions": NULL,
        "metadata": json!({}), "name": NULL, "percent_off": NULL, "redeem_by": NULL, "times_redeemed": 0,
        "valid": true,
    }
}

/// A code that customers type in. Since 2025-09-30.clover it names its coupon under `promotion`.
pub(crate) fn promotion_code(id: &str, created: i64, code: &str, coupon: &str) -> Value {
    object! {
        "id": id, "object": "promotion_code", "active": true, "code": code, "created": created,
        "customer": NULL, "customer_account": NULL, "expires_at": NULL, "livemode": false,
        "max_redemptions": NULL, "metadata": json!({}),
        "promotion": json!({ "coupon": coupon, "type": "coupon" }),
        "restrictions": json!({
            "first_time_transaction": false, "minimum_amount": null, "minimum_amount_currency": null,
        }),
        "times_redeemed": 0,
    }
}

/// A redeemed coupon; what it is on is for the caller to set.
pub(crate) fn discount(id: &str, start: i64, end: Option<i64>, coupon: &str) -> Value {
    object! {
        "id": id, "object": "discount", "checkout_session": NULL, "customer": NULL, "customer_account": NULL,
        "end": end, "invoice": NULL, "invoice_item": NULL, "promotion_code": NULL,
        "source": json!({ "coupon": coupon, "type": "coupon" }), "start": start, "subscription": NULL,
        "subscription_item": NULL,
    }
}

/// What is left of a discount that was taken away: the same without its end.
pub(crate) fn deleted_discount(discount: &Value) -> Value {
    object! {
        "id": text(discount, "id"), "object": "discount",
        "checkout_session": discount["checkout_session"].clone(), "customer": discount["customer"].clone(),
        "customer_account": NULL, "deleted": true, "invoice": discount["invoice"].clone(),
        "invoice_item": discount["invoice_item"].clone(), "promotion_code": discount["promotion_code"].clone(),
        "source": discount["source"].clone(), "start": discount["start"].clone(),
        "subscription": discount["subscription"].clone(),
        "subscription_item": discount["subscription_item"].clone(),
    }
}
