//! Confirmation tokens.

use serde_json::{Value, json};

use super::{NULL, object};

/// How long a token can be used: 12 hours (docs.stripe.com/api/confirmation_tokens/object).
const HOLDS_FOR: i64 = 12 * 60 * 60;

/// A token that nobody has used, for the payment method that `preview` shows.
pub(crate) fn confirmation_token(id: &str, created: i64, preview: Value) -> Value {
    object! {
        "id": id, "object": "confirmation_token", "created": created,
        "expires_at": created.saturating_add(HOLDS_FOR), "livemode": false, "mandate_data": NULL, "metadata": json!({}),
        "payment_intent": NULL, "payment_method_options": json!({ "card": null }),
        "payment_method_preview": preview, "return_url": NULL, "setup_future_usage": NULL,
        "setup_intent": NULL, "shipping": NULL, "use_stripe_sdk": true,
    }
}
