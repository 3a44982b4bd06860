//! Objects of products beside billing: identity checks, reports, meters.

use serde_json::{Value, json};

use super::{NULL, object};

/// A check of somebody's identity that waits for them.
pub(crate) fn verification_session(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "identity.verification_session", "client_reference_id": NULL,
        "client_secret": NULL, "created": created, "last_error": NULL, "last_verification_report": NULL,
        "livemode": false, "metadata": json!({}), "options": NULL, "provided_details": NULL,
        "redaction": NULL, "related_customer": NULL, "related_customer_account": NULL,
        "related_person": NULL, "status": "requires_input", "type": "document",
        "url": format!("https://verify.stripe.com/start/test_{id}"), "verification_flow": NULL,
    }
}

/// A report that is being made.
pub(crate) fn report_run(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "reporting.report_run", "created": created, "error": NULL, "livemode": false,
        "parameters": json!({}), "report_type": NULL, "result": NULL, "status": "pending",
        "succeeded_at": NULL,
    }
}

/// The file of a report that is done.
pub(crate) fn report_file(id: &str, created: i64, run: &str) -> Value {
    object! {
        "id": id, "object": "file", "created": created, "expires_at": NULL, "filename": format!("{run}.csv"),
        "links": NULL, "purpose": "finance_report_run", "size": 0, "title": NULL, "type": "csv",
        "url": format!("https://files.stripe.com/v1/files/{id}/contents"),
    }
}

/// A meter that counts events.
pub(crate) fn meter(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "billing.meter", "created": created,
        "customer_mapping": json!({ "event_payload_key": "stripe_customer_id", "type": "by_id" }),
        "default_aggregation": NULL, "display_name": NULL, "event_name": NULL, "event_time_window": NULL,
        "livemode": false, "status": "active", "status_transitions": json!({ "deactivated_at": null }),
        "updated": created, "value_settings": json!({ "event_payload_key": "value" }),
    }
}

/// Something that a meter counts.
pub(crate) fn meter_event(name: &str, created: i64) -> Value {
    object! {
        "object": "billing.meter_event", "created": created, "event_name": name, "identifier": NULL,
        "livemode": false, "payload": json!({}), "timestamp": created,
    }
}

/// What a meter counted between two moments.
pub(crate) fn meter_event_summary(id: &str, meter: &str, (since, until): (i64, i64), sum: Value) -> Value {
    object! {
        "id": id, "object": "billing.meter_event_summary", "aggregated_value": sum, "end_time": until,
        "livemode": false, "meter": meter, "start_time": since,
    }
}
