//! Setup intents.

use serde_json::{Value, json};

use super::{NULL, object};

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
