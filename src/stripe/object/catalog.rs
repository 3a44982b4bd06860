//! What is for sale: products, prices, and the plan that Stripe still shows beside a recurring price.

use serde_json::{Value, json};

use super::{NULL, int, object, text};

/// An active product.
pub(crate) fn product(id: &str, created: i64, name: &str) -> Value {
    object! {
        "id": id, "object": "product", "active": true, "created": created, "default_price": NULL,
        "description": NULL, "images": json!([]), "livemode": false, "marketing_features": json!([]),
        "metadata": json!({}), "name": name, "package_dimensions": NULL, "shippable": NULL,
        "statement_descriptor": NULL, "tax_code": NULL, "tax_details": NULL, "type": "service", "unit_label": NULL,
        "updated": created, "url": NULL,
    }
}

/// An active price. `recurring` is null for one that is paid once.
pub(crate) fn price(
    id: &str,
    created: i64,
    product: &str,
    currency: &str,
    amount: i64,
    recurring: Value,
) -> Value {
    let kind = if recurring.is_null() { "one_time" } else { "recurring" };
    object! {
        "id": id, "object": "price", "active": true, "billing_scheme": "per_unit", "created": created,
        "currency": currency, "custom_unit_amount": NULL, "livemode": false, "lookup_key": NULL,
        "metadata": json!({}), "nickname": NULL, "product": product, "recurring": recurring,
        "tax_behavior": "unspecified", "tiers_mode": NULL, "transform_quantity": NULL, "type": kind,
        "unit_amount": amount, "unit_amount_decimal": amount.to_string(),
    }
}

/// A price's `recurring`. `meter` is given for one that is billed by usage.
pub(crate) fn recurring(interval: &str, count: i64, meter: Option<String>) -> Value {
    let usage = if meter.is_some() { "metered" } else { "licensed" };
    object! {
        "interval": interval, "interval_count": count, "meter": meter, "trial_period_days": NULL,
        "usage_type": usage,
    }
}

/// The plan that mirrors a recurring price: subscription items and subscriptions carry it to this day.
pub(crate) fn plan(price: &Value) -> Value {
    let recurring = &price["recurring"];
    object! {
        "id": text(price, "id"), "object": "plan", "active": price["active"].clone(),
        "amount": price["unit_amount"].clone(), "amount_decimal": price["unit_amount_decimal"].clone(),
        "billing_scheme": price["billing_scheme"].clone(), "created": int(price, "created"), "currency": text(price, "currency"),
        "interval": recurring["interval"].clone(), "interval_count": recurring["interval_count"].clone(),
        "livemode": false, "metadata": price["metadata"].clone(), "meter": recurring["meter"].clone(),
        "nickname": price["nickname"].clone(), "product": price["product"].clone(),
        "tiers_mode": price["tiers_mode"].clone(), "transform_usage": price["transform_quantity"].clone(),
        "trial_period_days": recurring["trial_period_days"].clone(), "usage_type": recurring["usage_type"].clone(),
    }
}
