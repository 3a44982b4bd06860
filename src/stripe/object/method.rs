//! Payment methods of every modelled type, and what a charge shows of them.

use serde_json::{Value, json};

use super::{NULL, object, put, text};

/// What a card shows of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Face<'a> {
    pub(crate) brand: &'a str,
    pub(crate) last4: &'a str,
    pub(crate) funding: &'a str,
    pub(crate) country: &'a str,
    pub(crate) fingerprint: &'a str,
    /// Month and year.
    pub(crate) expires: (i64, i64),
}

/// A payment method whose details stand under its type's name; of no customer yet.
pub(crate) fn method(id: &str, created: i64, kind: &str, details: Value, billing: Value) -> Value {
    let mut made = object! {
        "id": id, "object": "payment_method", "allow_redisplay": "unspecified", "billing_details": billing,
        "created": created, "customer": NULL, "customer_account": NULL, "livemode": false,
        "metadata": json!({}), "type": kind,
    };
    put(&mut made, kind, details);
    made
}

/// `card` of a payment method.
pub(crate) fn card(face: &Face<'_>) -> Value {
    json!({
        "brand": face.brand,
        "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
        "country": face.country, "display_brand": face.brand, "exp_month": face.expires.0,
        "exp_year": face.expires.1, "fingerprint": face.fingerprint, "funding": face.funding,
        "generated_from": null, "last4": face.last4,
        "networks": { "available": [face.brand], "preferred": null },
        "regulated_status": "unregulated", "three_d_secure_usage": { "supported": true }, "wallet": null,
    })
}

/// `us_bank_account` of a payment method.
pub(crate) fn us_bank_account(routing: &str, last4: &str, holder: &str, kind: &str) -> Value {
    json!({
        "account_holder_type": holder, "account_type": kind, "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": null, "fingerprint": format!("paydrillbank{last4}"), "last4": last4,
        "networks": { "preferred": "ach", "supported": ["ach"] }, "routing_number": routing,
        "status_details": {},
    })
}

/// `sepa_debit` of a payment method.
pub(crate) fn sepa_debit(iban: &str) -> Value {
    let part = |from: usize, to: usize| iban.get(from..to.min(iban.len())).unwrap_or_default();
    json!({
        "bank_code": part(4, 12), "branch_code": "", "country": part(0, 2),
        "fingerprint": format!("paydrilliban{}", part(iban.len().saturating_sub(4), iban.len())),
        "generated_from": { "charge": null, "setup_attempt": null },
        "last4": part(iban.len().saturating_sub(4), iban.len()),
    })
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

/// `payment_method_details` of a charge, from a payment method or from a card object.
pub(crate) fn details(method: &Value, amount: i64) -> Value {
    let card = if text(method, "object") == "card" { method } else { &method["card"] };
    match text(method, "type") {
        "us_bank_account" => {
            let mut account = method["us_bank_account"].clone();
            for (key, value) in [("mandate", NULL), ("payment_reference", NULL)] {
                put(&mut account, key, value);
            }
            json!({ "type": "us_bank_account", "us_bank_account": account })
        }
        "sepa_debit" => {
            let mut account = method["sepa_debit"].clone();
            put(&mut account, "mandate", NULL);
            json!({ "type": "sepa_debit", "sepa_debit": account })
        }
        "customer_balance" => json!({ "type": "customer_balance", "customer_balance": {} }),
        _ => json!({ "type": "card", "card": charged_card(card, amount) }),
    }
}

fn charged_card(card: &Value, amount: i64) -> Value {
    let brand = card["brand"].as_str().unwrap_or("visa").to_lowercase();
    json!({
        "amount_authorized": null, "authorization_code": null, "brand": brand,
        "checks": card["checks"].clone(), "country": card["country"].clone(),
        "electronic_commerce_indicator": null, "exp_month": card["exp_month"].clone(), "exp_year": card["exp_year"].clone(),
        "extended_authorization": { "status": "disabled" }, "fingerprint": card["fingerprint"].clone(),
        "funding": card["funding"].clone(), "incremental_authorization": { "status": "unavailable" },
        "installments": null, "last4": card["last4"].clone(), "mandate": null,
        "multicapture": { "status": "unavailable" }, "network": brand, "network_token": { "used": false },
        "network_transaction_id": null, "overcapture": { "maximum_amount_capturable": amount, "status": "unavailable" },
        "regulated_status": "unregulated", "three_d_secure": null, "transaction_link_id": null, "wallet": null,
    })
}

/// A card as the older API keeps it on a customer.
pub(crate) fn legacy_card(id: &str, face: &Face<'_>) -> Value {
    let brand = match face.brand {
        "visa" => "Visa",
        "mastercard" => "MasterCard",
        "amex" => "American Express",
        "discover" => "Discover",
        "diners" => "Diners Club",
        "jcb" => "JCB",
        "unionpay" => "UnionPay",
        _ => "Unknown",
    };
    object! {
        "id": id, "object": "card", "address_city": NULL, "address_country": NULL, "address_line1": NULL,
        "address_line1_check": NULL, "address_line2": NULL, "address_state": NULL, "address_zip": NULL,
        "address_zip_check": NULL, "brand": brand, "country": face.country, "customer": NULL,
        "cvc_check": "pass", "dynamic_last4": NULL, "exp_month": face.expires.0, "exp_year": face.expires.1,
        "fingerprint": face.fingerprint, "funding": face.funding, "last4": face.last4, "metadata": json!({}),
        "name": NULL, "regulated_status": "unregulated", "tokenization_method": NULL, "wallet": NULL,
    }
}

/// A bank account as the older API keeps it on a customer.
pub(crate) fn legacy_bank_account(
    id: &str,
    country: &str,
    currency: &str,
    routing: &str,
    last4: &str,
) -> Value {
    object! {
        "id": id, "object": "bank_account", "account_holder_name": NULL, "account_holder_type": NULL,
        "account_type": NULL, "bank_name": "STRIPE TEST BANK", "country": country, "currency": currency,
        "customer": NULL, "fingerprint": format!("paydrillbank{last4}"), "last4": last4,
        "metadata": json!({}), "routing_number": routing, "status": "new",
    }
}

/// A token that stands for `of`, a card or a bank account.
pub(crate) fn token(id: &str, created: i64, kind: &str, of: Value) -> Value {
    let mut made = object! {
        "id": id, "object": "token", "client_ip": "127.0.0.1", "created": created, "livemode": false,
        "type": kind, "used": false,
    };
    put(&mut made, kind, of);
    made
}
