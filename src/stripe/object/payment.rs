//! Payment methods, payment intents, charges and refunds, as far as billing shows them.

use serde_json::{Value, json};

use super::{NULL, int, object, text};

/// A card. `last4` tells Stripe's test cards apart.
pub(crate) fn card(id: &str, created: i64, last4: &str, billing: Value) -> Value {
    object! {
        "id": id, "object": "payment_method", "allow_redisplay": "unspecified", "billing_details": billing,
        "card": json!({
            "brand": "visa",
            "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
            "country": "US", "display_brand": "visa", "exp_month": 12, "exp_year": 2034,
            "fingerprint": format!("paydrill{last4}"), "funding": "credit", "generated_from": null,
            "last4": last4, "networks": { "available": ["visa"], "preferred": null },
            "regulated_status": "unregulated", "three_d_secure_usage": { "supported": true }, "wallet": null,
        }),
        "created": created, "customer": NULL, "customer_account": NULL, "livemode": false,
        "metadata": json!({}), "type": "card",
    }
}

/// `billing_details` from what the customer told.
pub(crate) fn billing_details(customer: &Value) -> Value {
    json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
        },
        "email": customer["email"].clone(), "name": customer["name"].clone(),
        "phone": customer["phone"].clone(), "tax_id": null,
    })
}

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
    object! {
        "id": id, "object": "charge", "amount": amount, "amount_captured": amount, "amount_refunded": 0,
        "application": NULL, "application_fee": NULL, "application_fee_amount": NULL,
        "balance_transaction": NULL, "billing_details": method["billing_details"].clone(),
        "calculated_statement_descriptor": "PAYDRILL", "captured": true, "created": created,
        "currency": text(intent, "currency"), "customer": intent["customer"].clone(),
        "description": intent["description"].clone(), "disputed": false,
        "failure_balance_transaction": NULL, "failure_code": NULL, "failure_message": NULL,
        "fraud_details": json!({}), "livemode": false, "metadata": intent["metadata"].clone(),
        "on_behalf_of": NULL,
        "outcome": json!({
            "advice_code": null, "network_advice_code": null, "network_decline_code": null,
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
            "seller_message": "Payment complete.", "type": "authorized",
        }),
        "paid": true, "payment_intent": text(intent, "id"), "payment_method": method["id"].clone(),
        "payment_method_details": method_details(method, amount), "receipt_email": NULL, "receipt_number": NULL,
        "receipt_url": NULL, "refunded": false, "review": NULL, "shipping": NULL, "source": NULL,
        "source_transfer": NULL, "statement_descriptor": NULL, "statement_descriptor_suffix": NULL,
        "status": "succeeded", "transfer_data": NULL, "transfer_group": NULL,
    }
}

/// A refund that went through.
pub(crate) fn refund(id: &str, created: i64, charge: &Value, amount: i64) -> Value {
    object! {
        "id": id, "object": "refund", "amount": amount, "balance_transaction": NULL,
        "charge": text(charge, "id"), "created": created, "currency": text(charge, "currency"),
        "customer": charge["customer"].clone(), "customer_account": NULL,
        "destination_details": json!({
            "card": {
                "reference_status": "pending", "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        }),
        "metadata": json!({}), "payment_intent": charge["payment_intent"].clone(),
        "payment_method": charge["payment_method"].clone(), "reason": NULL,
        "receipt_number": NULL, "source_transfer_reversal": NULL, "status": "succeeded",
        "transfer_reversal": NULL,
    }
}

fn method_details(method: &Value, amount: i64) -> Value {
    let card = &method["card"];
    json!({
        "card": {
            "amount_authorized": null, "authorization_code": null, "brand": "visa",
            "checks": card["checks"].clone(), "country": "US", "electronic_commerce_indicator": null,
            "exp_month": card["exp_month"].clone(),
            "exp_year": card["exp_year"].clone(), "extended_authorization": { "status": "disabled" },
            "fingerprint": card["fingerprint"].clone(), "funding": "credit",
            "incremental_authorization": { "status": "unavailable" }, "installments": null,
            "last4": card["last4"].clone(), "mandate": null, "multicapture": { "status": "unavailable" },
            "network": "visa", "network_token": { "used": false }, "network_transaction_id": null,
            "overcapture": { "maximum_amount_capturable": amount, "status": "unavailable" }, "regulated_status": "unregulated",
            "three_d_secure": null, "transaction_link_id": null, "wallet": null,
        },
        "type": "card",
    })
}
