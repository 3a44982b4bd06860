//! What moves on the account's own balance, and on a customer's cash balance.

use serde_json::{Value, json};

use super::{NULL, object};

/// A movement of money: so much of it, for a fee.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Movement<'a> {
    pub(crate) amount: i64,
    pub(crate) fee: i64,
    pub(crate) currency: &'a str,
    /// `charge`, `refund`, `adjustment`, …
    pub(crate) kind: &'a str,
    pub(crate) reporting_category: &'a str,
    /// What moved it.
    pub(crate) source: &'a str,
    pub(crate) available_on: i64,
}

/// A balance transaction.
pub(crate) fn transaction(id: &str, created: i64, of: &Movement<'_>, description: Value) -> Value {
    let fees = match of.fee {
        0 => json!([]),
        fee => json!([{
            "amount": fee, "application": null, "currency": of.currency,
            "description": if of.kind == "adjustment" { "Dispute fee" } else { "Stripe processing fees" },
            "type": "stripe_fee",
        }]),
    };
    object! {
        "id": id, "object": "balance_transaction", "amount": of.amount, "available_on": of.available_on,
        "balance_type": "payments", "created": created, "currency": of.currency, "description": description,
        "exchange_rate": NULL, "fee": of.fee, "fee_details": fees, "net": of.amount.saturating_sub(of.fee),
        "reporting_category": of.reporting_category, "source": of.source,
        "status": if of.available_on <= created { "available" } else { "pending" }, "type": of.kind,
    }
}

/// The account's balance: currency and amount of what is there, and of what is on its way.
pub(crate) fn balance(available: &[(String, i64)], pending: &[(String, i64)]) -> Value {
    let shown = |sums: &[(String, i64)]| -> Vec<Value> {
        let one = |(currency, amount): &(String, i64)| json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } });
        sums.iter().map(one).collect()
    };
    let reserved: Vec<Value> =
        available.iter().map(|(currency, _)| json!({ "amount": 0, "currency": currency })).collect();
    object! {
        "object": "balance", "available": shown(available), "connect_reserved": reserved, "livemode": false,
        "pending": shown(pending), "refund_and_dispute_prefunding": json!({ "available": [], "pending": [] }),
    }
}

/// What a customer has sent and not yet spent, by currency.
/// `mode` says how it is used, where the customer has an own way.
pub(crate) fn cash_balance(customer: &str, available: Value, mode: Option<&str>) -> Value {
    let available = if available.as_object().is_some_and(|held| !held.is_empty()) { available } else { NULL };
    object! {
        "object": "cash_balance", "available": available, "customer": customer, "customer_account": NULL,
        "livemode": false,
        "settings": json!({
            "reconciliation_mode": mode.unwrap_or("automatic"), "using_merchant_default": mode.is_none(),
        }),
    }
}

/// A movement on a customer's cash balance; `about` stands under its type's name.
pub(crate) fn cash_transaction(
    id: &str,
    created: i64,
    (customer, currency): (&str, &str),
    (net, ending): (i64, i64),
    (kind, about): (&str, Value),
) -> Value {
    let mut made = object! {
        "id": id, "object": "customer_cash_balance_transaction", "created": created, "currency": currency,
        "customer": customer, "customer_account": NULL, "ending_balance": ending, "livemode": false,
        "net_amount": net, "type": kind,
    };
    super::put(&mut made, kind, about);
    made
}
