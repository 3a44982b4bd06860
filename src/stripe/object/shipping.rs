//! Shipping rates.

use serde_json::{Value, json};

use super::{NULL, object, text};

/// An active rate of `data`, which has the shape of the parameters.
pub(crate) fn rate(id: &str, created: i64, data: &Value) -> Value {
    let estimate = match &data["delivery_estimate"] {
        Value::Null => NULL,
        estimate => json!({ "maximum": estimate["maximum"], "minimum": estimate["minimum"] }),
    };
    let amount = &data["fixed_amount"];
    let metadata = if data["metadata"].is_object() { data["metadata"].clone() } else { json!({}) };
    object! {
        "id": id, "object": "shipping_rate", "active": true, "created": created,
        "delivery_estimate": estimate, "display_name": text(data, "display_name"),
        "fixed_amount": json!({
            "amount": amount["amount"].clone(), "currency": text(amount, "currency").to_lowercase(),
        }),
        "livemode": false, "metadata": metadata,
        "tax_behavior": data["tax_behavior"].as_str().unwrap_or("unspecified"),
        "tax_code": data["tax_code"].clone(), "type": "fixed_amount",
    }
}
