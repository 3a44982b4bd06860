//! The customer portal: configurations and sessions.

use serde_json::{Value, json};

use super::{NULL, object};

/// An active configuration in which nothing is allowed yet.
pub(crate) fn configuration(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "billing_portal.configuration", "active": true, "application": NULL,
        "business_profile": json!({ "headline": null, "privacy_policy_url": null, "terms_of_service_url": null }),
        "created": created, "default_return_url": NULL,
        "features": json!({
            "customer_update": { "allowed_updates": [], "enabled": false },
            "invoice_history": { "enabled": false },
            "payment_method_update": { "enabled": false, "payment_method_configuration": null },
            "subscription_cancel": {
                "cancellation_reason": { "enabled": false, "feedback_options": [], "options": [] }, "enabled": false,
                "mode": "at_period_end", "proration_behavior": "none",
            },
            // Stripe's default: for a month.
            "subscription_pause": {
                "duration": {
                    "interval_options": [{ "interval": "month", "interval_count": 1 }],
                    "type": "interval_options",
                },
                "enabled": false,
            },
            "subscription_update": {
                "billing_cycle_anchor": null, "default_allowed_updates": [], "enabled": false, "products": [],
                "proration_behavior": "none", "schedule_at_period_end": { "conditions": [] },
                "trial_update_behavior": "end_trial",
            },
        }),
        "is_default": false, "livemode": false, "login_page": json!({ "enabled": false, "url": null }),
        "metadata": json!({}), "name": NULL, "updated": created,
    }
}

/// A session; whoever has its address is the customer.
pub(crate) fn session(id: &str, created: i64, customer: &str, configuration: &str, secret: &str) -> Value {
    object! {
        "id": id, "object": "billing_portal.session", "configuration": configuration, "created": created,
        "customer": customer, "customer_account": NULL, "flow": NULL, "livemode": false, "locale": NULL,
        "on_behalf_of": NULL, "return_url": NULL,
        "url": format!("https://billing.stripe.com/p/session/test_{secret}"),
    }
}
