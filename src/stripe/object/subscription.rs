//! Subscriptions and their items. Since 2025-03-31.basil the billing period stands on the items.

use serde_json::{Value, json};

use super::{NULL, catalog, list, object, put};

/// An active subscription without items.
pub(crate) fn subscription(id: &str, created: i64, customer: &str) -> Value {
    object! {
        "id": id, "object": "subscription", "application": NULL, "application_fee_percent": NULL,
        "automatic_tax": json!({ "disabled_reason": null, "enabled": false, "liability": null }),
        "billing_cycle_anchor": created, "billing_cycle_anchor_config": NULL,
        "billing_mode": json!({ "flexible": { "proration_discounts": "included" }, "type": "flexible" }),
        "billing_schedules": json!([]), "billing_thresholds": NULL, "cancel_at": NULL,
        "cancel_at_period_end": false, "canceled_at": NULL,
        "cancellation_details": json!({ "comment": null, "feedback": null, "feedback_option": null, "reason": null }),
        "collection_method": "charge_automatically", "created": created, "currency": "usd",
        "customer": customer, "customer_account": NULL, "days_until_due": NULL,
        "default_payment_method": NULL, "default_source": NULL, "default_tax_rates": json!([]),
        "description": NULL, "discounts": json!([]), "ended_at": NULL,
        "invoice_settings": json!({
            "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null,
            "issuer": { "type": "self" },
        }),
        "items": list(Vec::new(), &format!("/v1/subscription_items?subscription={id}")),
        "latest_invoice": NULL, "livemode": false, "managed_payments": NULL, "metadata": json!({}),
        "next_pending_invoice_item_invoice": NULL, "on_behalf_of": NULL, "pause_collection": NULL,
        "payment_settings": json!({
            "payment_method_options": null, "payment_method_types": null, "save_default_payment_method": "off",
        }),
        "pending_invoice_item_interval": NULL, "pending_setup_intent": NULL, "pending_update": NULL,
        "plan": NULL, "quantity": NULL, "schedule": NULL, "start_date": created, "status": "active",
        "test_clock": NULL, "transfer_data": NULL, "trial_end": NULL,
        "trial_settings": json!({
            "end_behavior": { "billing_cycle_anchor": null, "missing_payment_method": "create_invoice" },
        }),
        "trial_start": NULL,
    }
}

/// One item. `quantity` is left out for a metered price, as Stripe does.
pub(crate) fn item(
    id: &str,
    created: i64,
    subscription: &str,
    price: &Value,
    quantity: Option<i64>,
) -> Value {
    let mut item = object! {
        "id": id, "object": "subscription_item", "billing_thresholds": NULL, "created": created,
        "current_period_end": created, "current_period_start": created, "current_trial": NULL, "discounts": json!([]),
        "metadata": json!({}), "plan": catalog::plan(price), "price": price.clone(),
    };
    if let Some(quantity) = quantity {
        put(&mut item, "quantity", quantity);
    }
    put(&mut item, "subscription", subscription);
    put(&mut item, "tax_rates", json!([]));
    item
}
