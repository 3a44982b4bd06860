//! Setup intents.

use serde_json::{Value, json};

use super::{NULL, object, put, text};

/// A setup intent that waits for a payment method.
pub(crate) fn intent(id: &str, secret: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "setup_intent", "allowed_payment_method_types": NULL, "application": NULL,
        "attach_to_self": false,
        "automatic_payment_methods": NULL, "cancellation_reason": NULL,
        "client_secret": format!("{id}_secret_{secret}"), "created": created, "customer": NULL,
        "customer_account": NULL, "description": NULL, "excluded_payment_method_types": NULL,
        "flow_directions": NULL, "last_setup_error": NULL, "latest_attempt": NULL, "livemode": false,
        "managed_payments": NULL, "mandate": NULL, "metadata": json!({}), "next_action": NULL,
        "on_behalf_of": NULL, "payment_method": NULL, "payment_method_configuration_details": NULL,
        "payment_method_options": json!({
            "card": { "mandate_options": null, "network": null, "request_three_d_secure": "automatic" },
        }),
        "payment_method_types": json!(["card"]), "single_use_mandate": NULL,
        "status": "requires_payment_method", "usage": "off_session",
    }
}

/// A try to make `method` ready that begins; nothing has come of it yet.
pub(crate) fn attempt(id: &str, created: i64, intent: &Value, method: &Value) -> Value {
    let kind = text(method, "type");
    let mut details = json!({ "type": kind });
    let told = if kind == "card" {
        let card = &method["card"];
        let same = |name: &str| card[name].clone();
        json!({
            "brand": same("brand"), "checks": same("checks"), "country": same("country"),
            "exp_month": same("exp_month"), "exp_year": same("exp_year"), "fingerprint": same("fingerprint"),
            "funding": same("funding"), "last4": same("last4"), "network": same("brand"),
            "three_d_secure": null, "wallet": null,
        })
    } else {
        json!({})
    };
    put(&mut details, kind, told);
    object! {
        "id": id, "object": "setup_attempt", "application": NULL, "attach_to_self": false, "created": created,
        "customer": intent["customer"].clone(), "customer_account": NULL, "flow_directions": NULL,
        "livemode": false, "on_behalf_of": intent["on_behalf_of"].clone(), "payment_method": method["id"].clone(),
        "payment_method_details": details, "setup_error": NULL, "setup_intent": intent["id"].clone(),
        "status": "requires_confirmation", "usage": intent["usage"].clone(),
    }
}
