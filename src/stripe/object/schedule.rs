//! Subscription schedules and their phases.

use serde_json::{Value, json};

use super::{NULL, object};

/// A schedule without phases that has not started.
pub(crate) fn schedule(id: &str, created: i64, customer: &str) -> Value {
    object! {
        "id": id, "object": "subscription_schedule", "application": NULL,
        "billing_mode": json!({ "flexible": { "proration_discounts": "included" }, "type": "flexible" }),
        "canceled_at": NULL, "completed_at": NULL, "created": created, "current_phase": NULL,
        "customer": customer, "customer_account": NULL,
        "default_settings": json!({
            "application_fee_percent": null,
            "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
            "billing_cycle_anchor": "automatic", "billing_thresholds": null,
            "collection_method": "charge_automatically", "default_payment_method": null, "description": null,
            "invoice_settings": {
                "account_tax_ids": null, "custom_fields": null, "days_until_due": null, "description": null,
                "footer": null, "issuer": { "type": "self" },
            },
            "on_behalf_of": null, "transfer_data": null,
        }),
        "end_behavior": "release", "livemode": false, "metadata": json!({}), "pause_schedules": json!([]),
        "phases": json!([]), "released_at": NULL, "released_subscription": NULL, "status": "not_started",
        "subscription": NULL, "test_clock": NULL,
    }
}

/// A phase that changes nothing but the items.
pub(crate) fn phase(items: Vec<Value>, currency: &str, (start, end): (i64, i64)) -> Value {
    object! {
        "add_invoice_items": json!([]), "application_fee_percent": NULL, "billing_cycle_anchor": NULL,
        "billing_thresholds": NULL, "collection_method": NULL,
        "currency": currency, "default_payment_method": NULL, "default_tax_rates": json!([]),
        "description": NULL, "discounts": json!([]), "end_date": end, "invoice_settings": NULL,
        "items": items, "metadata": json!({}), "on_behalf_of": NULL,
        "proration_behavior": "create_prorations", "start_date": start, "transfer_data": NULL,
        "trial_end": NULL,
    }
}

/// What a phase sells of a price; usage is not counted beforehand.
pub(crate) fn item(price: &str, quantity: Option<i64>) -> Value {
    let mut item = object! {
        "billing_thresholds": NULL, "discounts": json!([]), "metadata": json!({}), "plan": price,
        "price": price, "tax_rates": json!([]),
    };
    if let Some(quantity) = quantity {
        super::put(&mut item, "quantity", quantity);
    }
    item
}

/// What a phase sells once when it begins: with discounts, metadata and tax rates.
pub(crate) fn extra(
    price: &str,
    quantity: i64,
    (discounts, metadata, rates): (Vec<Value>, Value, Vec<Value>),
) -> Value {
    object! {
        "discounts": discounts, "metadata": metadata,
        "period": json!({ "end": { "type": "min_item_period_end" }, "start": { "type": "max_item_period_start" } }),
        "price": price, "quantity": quantity, "tax_rates": rates,
    }
}
