//! The customer, and what is left of a deleted one.

use serde_json::{Value, json};

use super::{NULL, object};

/// A customer with nothing but an id. `prefix` starts the numbers of its invoices.
pub(crate) fn customer(id: &str, created: i64, prefix: &str) -> Value {
    object! {
        "id": id, "object": "customer", "address": NULL, "balance": 0, "created": created, "currency": NULL,
        "customer_account": NULL, "default_source": NULL, "delinquent": false, "description": NULL,
        "discount": NULL, "email": NULL, "invoice_prefix": prefix,
        "invoice_settings": json!({
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
        }),
        "livemode": false, "metadata": json!({}), "name": NULL, "next_invoice_sequence": 1, "phone": NULL,
        "preferred_locales": json!([]), "shipping": NULL, "tax_exempt": "none", "test_clock": NULL,
    }
}

/// What a DELETE answers, and what retrieving a deleted object answers from then on.
pub(crate) fn deleted(id: &str, object: &str) -> Value {
    object! { "id": id, "object": object, "deleted": true }
}
