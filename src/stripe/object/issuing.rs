//! Cards that the account issues, their holders, and what happens with them.

use serde_json::{Value, json};

use super::{NULL, object};

fn no_controls() -> Value {
    json!({
        "allowed_card_presences": null, "allowed_categories": null, "allowed_merchant_countries": null,
        "blocked_card_presences": null, "blocked_categories": null, "blocked_merchant_countries": null,
        "spending_limits": [], "spending_limits_currency": null,
    })
}

/// A cardholder.
pub(crate) fn cardholder(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "issuing.cardholder", "billing": NULL, "company": NULL, "created": created,
        "email": NULL, "individual": NULL, "livemode": false, "metadata": json!({}), "name": NULL,
        "phone_number": NULL, "preferred_locales": NULL,
        "requirements": json!({ "disabled_reason": null, "past_due": [] }),
        "spending_controls": no_controls(), "status": "active", "type": "individual",
    }
}

/// A card that nobody has activated.
pub(crate) fn card(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "issuing.card", "brand": "Visa", "cancellation_reason": NULL, "cardholder": NULL,
        "created": created, "currency": NULL, "exp_month": 12, "exp_year": 2034, "last4": "0009",
        "latest_fraud_warning": NULL, "lifecycle_controls": NULL, "livemode": false, "metadata": json!({}),
        "personalization_design": NULL, "replaced_by": NULL, "replacement_for": NULL,
        "replacement_reason": NULL, "second_line": NULL, "shipping": NULL, "spending_controls": no_controls(),
        "status": "inactive", "type": "virtual",
        "wallets": json!({
            "apple_pay": { "eligible": true, "ineligible_reason": null },
            "google_pay": { "eligible": true, "ineligible_reason": null },
            "primary_account_identifier": null,
        }),
    }
}

/// The shop at which test purchases are made.
fn merchant() -> Value {
    json!({
        "category": "computer_software_stores", "category_code": "5734", "city": "Dublin", "country": "IE",
        "name": "Paydrill Test Shop", "network_id": "1234567890", "postal_code": null, "state": null,
        "tax_id": null, "terminal_id": null, "url": null,
    })
}

/// A purchase that asks to be approved; what it is about is laid over it.
pub(crate) fn authorization(id: &str, created: i64, card: &Value) -> Value {
    object! {
        "id": id, "object": "issuing.authorization", "amount": 0,
        "amount_details": json!({ "atm_fee": null, "cashback_amount": null }), "approved": false,
        "authorization_method": "online", "balance_transactions": json!([]), "card": card.clone(),
        "card_presence": NULL, "cardholder": card["cardholder"]["id"].clone(), "created": created,
        "currency": card["currency"].clone(), "fleet": NULL, "fuel": NULL, "livemode": false,
        "merchant_amount": 0, "merchant_currency": card["currency"].clone(), "merchant_data": merchant(),
        "metadata": json!({}),
        "network_data": json!({
            "acquiring_institution_id": null, "system_trace_audit_number": null, "transaction_id": null,
        }),
        "pending_request": NULL, "request_history": json!([]), "status": "pending", "token": NULL,
        "transactions": json!([]),
        "verification_data": json!({
            "address_line1_check": "not_provided", "address_postal_code_check": "not_provided",
            "authentication_exemption": null, "cvc_check": "match", "expiry_check": "match",
            "postal_code": null, "three_d_secure": null,
        }),
        "verified_by_fraud_challenge": NULL, "wallet": NULL,
    }
}

/// The request in an authorization that nobody has answered.
pub(crate) fn pending_request(amount: i64, currency: &Value) -> Value {
    json!({
        "amount": amount, "amount_details": { "atm_fee": null, "cashback_amount": null },
        "currency": currency, "is_amount_controllable": false, "merchant_amount": amount,
        "merchant_currency": currency, "network_risk_score": null,
    })
}

/// The same once it was answered.
pub(crate) fn answered_request(created: i64, pending: &Value, approved: bool, reason: &str) -> Value {
    json!({
        "amount": pending["amount"], "amount_details": pending["amount_details"], "approved": approved,
        "authorization_code": null, "created": created, "currency": pending["currency"],
        "merchant_amount": pending["merchant_amount"], "merchant_currency": pending["merchant_currency"],
        "network_risk_score": null, "reason": reason, "reason_message": null, "requested_at": created,
    })
}

/// Money that a card has moved; what it is about is laid over it.
pub(crate) fn transaction(id: &str, created: i64, card: &Value) -> Value {
    object! {
        "id": id, "object": "issuing.transaction", "amount": 0,
        "amount_details": json!({ "atm_fee": null, "cashback_amount": null }), "authorization": NULL,
        "balance_transaction": NULL, "card": card["id"].clone(),
        "cardholder": card["cardholder"]["id"].clone(), "created": created,
        "currency": card["currency"].clone(), "dispute": NULL, "livemode": false, "merchant_amount": 0,
        "merchant_currency": card["currency"].clone(), "merchant_data": merchant(), "metadata": json!({}),
        "network_data": json!({
            "authorization_code": null, "processing_date": null, "transaction_id": null,
        }),
        "token": NULL, "type": "capture", "wallet": NULL,
    }
}
