//! Quotes.

use serde_json::{Value, json};

use super::{NULL, object};

/// How long a quote holds where nobody says: 30 days.
const HOLDS_FOR: i64 = 30 * 24 * 60 * 60;

/// A draft of a quote for nothing yet.
pub(crate) fn quote(id: &str, created: i64) -> Value {
    let none = || json!({ "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 });
    object! {
        "id": id, "object": "quote", "amount_subtotal": 0, "amount_total": 0, "application": NULL,
        "application_fee_amount": NULL, "application_fee_percent": NULL,
        "automatic_tax": json!({ "enabled": false, "liability": null, "provider": null, "status": null }),
        "collection_method": "charge_automatically",
        "computed": json!({
            "recurring": null, "upfront": { "amount_subtotal": 0, "amount_total": 0, "total_details": none() },
        }),
        "created": created, "currency": NULL, "customer": NULL, "customer_account": NULL,
        "default_tax_rates": json!([]), "description": NULL, "discounts": json!([]),
        "expires_at": created.saturating_add(HOLDS_FOR), "footer": NULL, "from_quote": NULL, "header": NULL,
        "invoice": NULL,
        "invoice_settings": json!({
            "custom_fields": null, "days_until_due": null, "description": null, "footer": null,
            "issuer": { "type": "self" },
        }),
        "livemode": false, "metadata": json!({}), "number": NULL, "on_behalf_of": NULL, "status": "draft",
        "status_transitions": json!({ "accepted_at": null, "canceled_at": null, "finalized_at": null }),
        "subscription": NULL,
        "subscription_data": json!({
            "billing_mode": { "flexible": { "proration_discounts": "included" }, "type": "flexible" },
            "description": null, "effective_date": null, "metadata": {}, "trial_period_days": null,
        }),
        "subscription_schedule": NULL, "test_clock": NULL, "total_details": none(), "transfer_data": NULL,
    }
}
