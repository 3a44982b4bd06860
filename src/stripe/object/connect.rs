//! Connected accounts, the money that moves to and from them, and top-ups and payouts.

use serde_json::{Value, json};

use super::{NULL, list, object};

/// What an account must still tell: nothing of a test account is ever overdue.
fn requirements(currently_due: &[&str]) -> Value {
    json!({
        "alternatives": [], "current_deadline": null, "currently_due": currently_due,
        "disabled_reason": if currently_due.is_empty() { NULL } else { "requirements.past_due".into() },
        "errors": [], "eventually_due": currently_due, "past_due": currently_due,
        "pending_verification": [],
    })
}

/// A connected account that has just been made: nobody has onboarded it.
pub(crate) fn account(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "account",
        "business_profile": json!({
            "annual_revenue": null, "estimated_worker_count": null, "mcc": null,
            "minority_owned_business_designation": null, "name": null, "product_description": null,
            "support_address": null, "support_email": null, "support_phone": null, "support_url": null,
            "url": null,
        }),
        "business_type": NULL, "capabilities": json!({}), "charges_enabled": false,
        "controller": json!({
            "fees": { "payer": "account" }, "is_controller": true, "losses": { "payments": "stripe" },
            "requirement_collection": "stripe", "stripe_dashboard": { "type": "full" }, "type": "application",
        }),
        "country": "US", "created": created, "default_currency": "usd", "details_submitted": false,
        "email": NULL, "external_accounts": list(Vec::new(), &format!("/v1/accounts/{id}/external_accounts")),
        "future_requirements": requirements(&[]), "metadata": json!({}), "payouts_enabled": false,
        "requirements": requirements(&[
            "business_profile.product_description", "business_profile.support_phone", "business_profile.url",
            "external_account", "tos_acceptance.date", "tos_acceptance.ip",
        ]),
        "settings": settings(), "tos_acceptance": json!({ "date": null, "ip": null, "user_agent": null }),
        "type": "standard",
    }
}

fn settings() -> Value {
    json!({
        "bacs_debit_payments": { "display_name": null, "service_user_number": null },
        "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
        "card_issuing": { "tos_acceptance": { "date": null, "ip": null } },
        "card_payments": {
            "decline_on": { "avs_failure": false, "cvc_failure": false }, "statement_descriptor_prefix": null,
            "statement_descriptor_prefix_kana": null, "statement_descriptor_prefix_kanji": null,
        },
        "dashboard": { "display_name": null, "timezone": "Etc/UTC" },
        "invoices": { "default_account_tax_ids": null, "hosted_payment_method_save": "offer" },
        "payments": {
            "statement_descriptor": null, "statement_descriptor_kana": null, "statement_descriptor_kanji": null,
            "statement_descriptor_prefix_kana": null, "statement_descriptor_prefix_kanji": null,
        },
        "payouts": {
            "debit_negative_balances": true, "schedule": { "delay_days": 2, "interval": "daily" },
            "statement_descriptor": null,
        },
        "sepa_debit_payments": {},
    })
}

/// The platform's application, which accounts authorize and deauthorize.
pub(crate) fn application(id: &str) -> Value {
    object! { "id": id, "object": "application", "name": "Paydrill" }
}

/// A transfer to an account.
pub(crate) fn transfer(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "transfer", "amount": 0, "amount_reversed": 0, "balance_transaction": NULL,
        "created": created, "currency": NULL, "description": NULL, "destination": NULL,
        "destination_payment": NULL, "livemode": false, "metadata": json!({}),
        "reversals": list(Vec::new(), &format!("/v1/transfers/{id}/reversals")), "reversed": false,
        "source_transaction": NULL, "source_type": "card", "transfer_group": NULL,
    }
}

/// A part of a transfer that came back.
pub(crate) fn reversal(id: &str, created: i64, transfer: &Value, amount: i64) -> Value {
    object! {
        "id": id, "object": "transfer_reversal", "amount": amount, "balance_transaction": NULL,
        "created": created, "currency": transfer["currency"].clone(), "destination_payment_refund": NULL,
        "metadata": json!({}), "source_refund": NULL, "transfer": transfer["id"].clone(),
    }
}

/// A payout on its way to the bank.
pub(crate) fn payout(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "payout", "amount": 0, "application_fee": NULL, "application_fee_amount": NULL,
        "arrival_date": created, "automatic": false, "balance_transaction": NULL, "created": created,
        "currency": NULL, "description": NULL, "destination": NULL, "failure_balance_transaction": NULL,
        "failure_code": NULL, "failure_message": NULL, "livemode": false, "metadata": json!({}),
        "method": "standard", "original_payout": NULL, "payout_method": NULL,
        "reconciliation_status": "not_applicable", "reversed_by": NULL, "source_type": "card",
        "statement_descriptor": NULL, "status": "pending", "trace_id": NULL, "type": "bank_account",
    }
}

/// Money on its way into the balance.
pub(crate) fn topup(id: &str, created: i64) -> Value {
    object! {
        "id": id, "object": "topup", "amount": 0, "balance_transaction": NULL, "created": created,
        "currency": NULL, "description": NULL, "expected_availability_date": created, "failure_code": NULL,
        "failure_message": NULL, "initiated_by": "api", "livemode": false, "metadata": json!({}),
        "source": NULL, "statement_descriptor": NULL, "status": "pending", "transfer_group": NULL,
    }
}

/// What a platform kept of a charge whose money goes to an account.
pub(crate) fn application_fee(
    id: &str,
    created: i64,
    (charge, currency): (&str, &str),
    amount: i64,
    account: &str,
) -> Value {
    object! {
        "id": id, "object": "application_fee", "account": account, "amount": amount, "amount_refunded": 0,
        "application": "ca_paydrill", "balance_transaction": NULL, "charge": charge, "created": created,
        "currency": currency, "fee_source": json!({ "charge": charge, "type": "charge" }), "livemode": false,
        "originating_transaction": NULL, "refunded": false,
        "refunds": list(Vec::new(), &format!("/v1/application_fees/{id}/refunds")),
    }
}
