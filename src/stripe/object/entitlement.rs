//! Stripe entitlements: features, what a customer is entitled to, and the summary that events carry.

use serde_json::{Value, json};

use super::{list, object, text};

/// The most entitlements that a summary embeds; the rest must be listed.
const EMBEDDED: usize = 10;

/// A feature; products are attached to it.
pub(crate) fn feature(id: &str, lookup_key: &str) -> Value {
    object! {
        "id": id, "object": "entitlements.feature", "active": true, "livemode": false,
        "lookup_key": lookup_key, "metadata": json!({}), "name": lookup_key,
    }
}

/// That a customer may use a feature.
pub(crate) fn active(id: &str, feature: &Value) -> Value {
    object! {
        "id": id, "object": "entitlements.active_entitlement", "feature": text(feature, "id"),
        "livemode": false, "lookup_key": text(feature, "lookup_key"),
    }
}

/// The summary: it has no id, and embeds ten entitlements at most.
pub(crate) fn summary(customer: &str, entitlements: &[Value]) -> Value {
    let mut embedded = list(
        entitlements.iter().take(EMBEDDED).cloned().collect(),
        &format!("/v1/customer/{customer}/entitlements"),
    );
    super::put(&mut embedded, "has_more", entitlements.len() > EMBEDDED);
    object! {
        "object": "entitlements.active_entitlement_summary", "customer": customer, "entitlements": embedded,
        "livemode": false,
    }
}
