//! Payment intents, charges and refunds.

use serde_json::{Value, json};

use super::method::details;
use super::{NULL, int, object, text};

/// A payment intent that waits for a payment method.
pub(crate) fn intent(id: &str, secret: &str, created: i64, amount: i64, currency: &str) -> Value {
    object! {
        "id": id, "object": "payment_intent", "allowed_payment_method_types": NULL, "amount": amount,
        "amount_capturable": 0,
        "amount_details": json!({ "tip": {} }), "amount_received": 0, "application": NULL,
        "application_fee_amount": NULL, "automatic_payment_methods": NULL, "canceled_at": NULL,
        "cancellation_reason": NULL, "capture_method": "automatic",
        "client_secret": format!("{id}_secret_{secret}"), "confirmation_method": "automatic",
        "created": created, "currency": currency, "customer": NULL, "customer_account": NULL,
        "description": NULL, "excluded_payment_method_types": NULL, "last_payment_error": NULL,
        "latest_charge": NULL, "livemode": false, "managed_payments": NULL, "metadata": json!({}),
        "next_action": NULL, "on_behalf_of": NULL, "payment_method": NULL,
        "payment_method_configuration_details": NULL,
        "payment_method_options": json!({
            "card": {
                "installments": null, "mandate_options": null, "network": null, "request_three_d_secure": "automatic",
            },
        }),
        "payment_method_types": json!(["card"]), "payment_record": NULL, "processing": NULL, "receipt_email": NULL, "review": NULL,
        "setup_future_usage": NULL, "shipping": NULL, "source": NULL, "statement_descriptor": NULL,
        "statement_descriptor_suffix": NULL, "status": "requires_payment_method", "transfer_data": NULL,
        "transfer_group": NULL,
    }
}

/// A charge that succeeded for the whole amount of `intent`, with `method`.
pub(crate) fn charge(id: &str, created: i64, intent: &Value, method: &Value) -> Value {
    let amount = int(intent, "amount");
    let billing = match &method["billing_details"] {
        Value::Null => super::method::billing_details(&json!({ "name": method["name"].clone() })),
        billing => billing.clone(),
    };
    object! {
        "id": id, "object": "charge", "amount": amount, "amount_captured": amount, "amount_refunded": 0,
        "application": NULL, "application_fee": NULL,
        "application_fee_amount": intent["application_fee_amount"].clone(),
        "balance_transaction": NULL, "billing_details": billing,
        "calculated_statement_descriptor": "PAYDRILL", "captured": true, "created": created,
        "currency": text(intent, "currency"), "customer": intent["customer"].clone(),
        "description": intent["description"].clone(), "disputed": false,
        "failure_balance_transaction": NULL, "failure_code": NULL, "failure_message": NULL,
        "fraud_details": json!({}), "livemode": false, "metadata": intent["metadata"].clone(),
        "on_behalf_of": intent["on_behalf_of"].clone(),
        "outcome": json!({
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
            "seller_message": "Payment complete.", "type": "authorized",
        }),
        "paid": true, "payment_intent": intent["id"].clone(), "payment_method": method["id"].clone(),
        "payment_method_details": details(method, amount), "receipt_email": intent["receipt_email"].clone(),
        "receipt_number": NULL, "receipt_url": NULL, "refunded": false, "review": NULL,
        "shipping": intent["shipping"].clone(), "source": NULL, "source_transfer": NULL,
        "statement_descriptor": intent["statement_descriptor"].clone(),
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"].clone(),
        "status": "succeeded", "transfer_data": intent["transfer_data"].clone(),
        "transfer_group": intent["transfer_group"].clone(),
    }
}

/// A refund that went through, to the card or to the account that was charged.
pub(crate) fn refund(id: &str, created: i64, charge: &Value, amount: i64) -> Value {
    object! {
        "id": id, "object": "refund", "amount": amount, "balance_transaction": NULL,
        "charge": text(charge, "id"), "created": created, "currency": text(charge, "currency"),
        "customer": charge["customer"].clone(), "customer_account": NULL,
        "destination_details": destination(text(&charge["payment_method_details"], "type")),
        "metadata": json!({}), "payment_intent": charge["payment_intent"].clone(),
        "payment_method": charge["payment_method"].clone(), "reason": NULL, "receipt_number": NULL,
        "source_transfer_reversal": NULL, "status": "succeeded",
        "transfer_reversal": NULL,
    }
}

fn destination(kind: &str) -> Value {
    match kind {
        "card" => json!({
            "card": {
                "reference_status": "pending", "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        }),
        kind => {
            let mut details = json!({ "type": kind });
            super::put(&mut details, kind, json!({}));
            details
        }
    }
}
