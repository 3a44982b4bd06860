//! Disputes.

use serde_json::{Value, json};

use super::{NULL, int, object, text};

/// What can be told in a dispute's evidence.
/// See <https://docs.stripe.com/api/disputes/evidence_object>.
pub(crate) const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// A dispute of the whole charge that waits for an answer.
pub(crate) fn dispute(id: &str, created: i64, charge: &Value, reason: &str, due_by: i64) -> Value {
    let mut evidence = json!({ "enhanced_evidence": {} });
    for name in EVIDENCE {
        super::put(&mut evidence, name, NULL);
    }
    let card = &charge["payment_method_details"]["card"];
    let details = match text(&charge["payment_method_details"], "type") {
        "card" => json!({
            "card": {
                "brand": card["brand"].clone(), "case_type": "chargeback", "network": card["network"].clone(),
                "network_reason_code": "10.4",
            },
            "type": "card",
        }),
        kind => json!({ "type": kind }),
    };
    object! {
        "id": id, "object": "dispute", "amount": int(charge, "amount_captured"),
        "balance_transactions": json!([]), "charge": text(charge, "id"), "created": created,
        "currency": text(charge, "currency"), "enhanced_eligibility_types": json!([]), "evidence": evidence,
        "evidence_details": json!({
            "due_by": due_by, "enhanced_eligibility": {}, "has_evidence": false, "past_due": false,
            "submission_count": 0, "submission_method": "not_submitted",
        }),
        "intended_submission_method": NULL, "is_charge_refundable": false, "livemode": false, "metadata": json!({}),
        "payment_intent": charge["payment_intent"].clone(), "payment_method_details": details,
        "reason": reason, "status": "needs_response",
    }
}
