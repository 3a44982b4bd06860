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

/// A move of a customer's credit balance by `amount`; `kind` says why.
pub(crate) fn balance_transaction(
    id: &str,
    created: i64,
    customer: &str,
    amount: i64,
    currency: &str,
    kind: &str,
) -> Value {
    object! {
        "id": id, "object": "customer_balance_transaction", "amount": amount, "checkout_session": NULL,
        "created": created, "credit_note": NULL, "currency": currency, "customer": customer,
        "customer_account": NULL, "description": NULL, "ending_balance": 0, "invoice": NULL,
        "livemode": false, "metadata": json!({}), "type": kind,
    }
}

/// What a DELETE answers, and what retrieving a deleted object answers from then on.
pub(crate) fn deleted(id: &str, object: &str) -> Value {
    object! { "id": id, "object": object, "deleted": true }
}
