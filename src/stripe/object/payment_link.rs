//! Payment links.

use serde_json::{Value, json};

use super::{NULL, object};

/// An active link.
pub(crate) fn payment_link(id: &str, slug: &str, currency: Value) -> Value {
    object! {
        "id": id, "object": "payment_link", "active": true,
        "after_completion": json!({
            "hosted_confirmation": { "custom_message": null }, "type": "hosted_confirmation",
        }),
        "allow_promotion_codes": false, "application": NULL, "application_fee_amount": NULL,
        "application_fee_percent": NULL, "automatic_tax": json!({ "enabled": false, "liability": null }),
        "billing_address_collection": "auto", "consent_collection": NULL, "currency": currency,
        "custom_fields": json!([]),
        "custom_text": json!({
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null,
        }),
        "customer_creation": "if_required", "inactive_message": NULL, "invoice_creation": NULL,
        "livemode": false, "managed_payments": NULL, "metadata": json!({}), "on_behalf_of": NULL,
        "optional_items": NULL, "payment_intent_data": NULL, "payment_method_collection": "if_required",
        "payment_method_options": NULL, "payment_method_types": NULL,
        "phone_number_collection": json!({ "enabled": false }), "restrictions": NULL,
        "shipping_address_collection": NULL, "shipping_options": json!([]), "submit_type": "auto",
        "subscription_data": NULL, "tax_id_collection": json!({ "enabled": false, "required": "never" }),
        "transfer_data": NULL, "url": format!("https://buy.stripe.com/test_{slug}"),
    }
}
