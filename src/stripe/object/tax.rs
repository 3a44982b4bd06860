//! Tax rates and the tax ids of customers.

use serde_json::{Value, json};

use super::{NULL, object};

/// An active rate of `percentage`.
pub(crate) fn tax_rate(id: &str, created: i64, display_name: &str, percentage: Value) -> Value {
    object! {
        "id": id, "object": "tax_rate", "active": true, "country": NULL, "created": created,
        "description": NULL, "display_name": display_name, "effective_percentage": NULL,
        "flat_amount": NULL, "inclusive": false, "jurisdiction": NULL, "jurisdiction_level": NULL,
        "livemode": false, "metadata": json!({}), "percentage": percentage, "rate_type": "percentage",
        "state": NULL, "tax_type": NULL,
    }
}

/// A tax id of a customer, not yet verified.
pub(crate) fn tax_id(id: &str, created: i64, customer: &str, kind: &str, value: &str) -> Value {
    let country = match kind {
        // A European id begins with its country.
        "eu_vat" => value.get(..2).map(str::to_uppercase),
        _ => kind.split('_').next().filter(|country| country.len() == 2).map(str::to_uppercase),
    };
    object! {
        "id": id, "object": "tax_id", "country": country, "created": created, "customer": customer,
        "customer_account": NULL, "livemode": false,
        "owner": json!({ "customer": customer, "customer_account": null, "type": "customer" }), "type": kind,
        "value": value,
        "verification": json!({ "status": "pending", "verified_address": null, "verified_name": null }),
    }
}
