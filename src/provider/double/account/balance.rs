//! The account's own balance: what each charge, refund and dispute moves on it.

use serde_json::{Value, json};

use super::test_card::{Does, does};
use super::{World, period};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::Is;
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Store};
use crate::stripe::object::balance::{self, Movement};
use crate::stripe::object::{int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/balance_transactions",
        Kind::BalanceTransaction,
        &[
            ("type", Is::Text),
            ("source", Is::Text),
            ("currency", Is::Text),
            ("payout", Is::NotModelled),
            CREATED,
        ],
        AS_USUAL,
    ),
    Route::retrieve("/v1/balance_transactions/{id}", Kind::BalanceTransaction),
    Route::read("/v1/balance", &[], retrieve),
];

/// Days until money that was charged is available, as for an American account.
/// See <https://docs.stripe.com/payouts#payout-speed>.
const ROLLING: i64 = 2;
/// What a dispute costs beside the money: <https://docs.stripe.com/disputes/how-disputes-work>.
const DISPUTE_FEE: i64 = 1_500;

/// 2.9 % and 30: <https://stripe.com/pricing>, rounded half up.
pub(crate) fn fee(amount: i64) -> i64 {
    amount.max(0).saturating_mul(29).saturating_add(500).saturating_div(1_000).saturating_add(30)
}

/// A charge was captured: its money is on its way, less the fee.
pub(crate) fn charged(world: &mut World<'_>, charge: &str) {
    let of = world.copy(charge);
    let at_once =
        does(&of["payment_method_details"]) == Does::PaysAtOnce || does(&of["source"]) == Does::PaysAtOnce;
    let wait = if at_once { 0 } else { ROLLING * period::DAY };
    let amount = int(&of, "amount_captured");
    let id = moved(
        world,
        Movement {
            amount,
            fee: fee(amount),
            currency: text(&of, "currency"),
            kind: if of["payment_method_details"]["type"] == "card" { "charge" } else { "payment" },
            reporting_category: "charge",
            source: charge,
            available_on: world.second().saturating_add(wait),
        },
        of["description"].clone(),
    );
    world.change(charge, |charge| put(charge, "balance_transaction", id));
    if at_once {
        let balance = sum(&[&world.part.store], world.second());
        world.event("balance.available", balance, None);
    }
}

/// Money was given back; the fee is not.
pub(crate) fn refunded(world: &mut World<'_>, refund: &str) -> String {
    let of = world.copy(refund);
    moved(world, refund_movement(world, &of, "refund", -1), "REFUND FOR CHARGE".into())
}

/// Money that was given back came back.
pub(crate) fn refund_failed(world: &mut World<'_>, refund: &str) -> String {
    let of = world.copy(refund);
    moved(world, refund_movement(world, &of, "refund_failure", 1), "REFUND FAILURE".into())
}

fn refund_movement<'a>(world: &World<'_>, of: &'a Value, kind: &'a str, sign: i64) -> Movement<'a> {
    Movement {
        amount: int(of, "amount").saturating_mul(sign),
        fee: 0,
        currency: text(of, "currency"),
        kind,
        reporting_category: kind,
        source: text(of, "id"),
        available_on: world.second(),
    }
}

/// A dispute takes the money and a fee, or gives the money back.
pub(crate) fn disputed(world: &mut World<'_>, dispute: &str, back: bool) -> Value {
    let of = world.copy(dispute);
    let amount = int(&of, "amount");
    let id = moved(
        world,
        Movement {
            amount: if back { amount } else { amount.saturating_neg() },
            fee: if back { 0 } else { DISPUTE_FEE },
            currency: text(&of, "currency"),
            kind: "adjustment",
            reporting_category: if back { "dispute_reversal" } else { "dispute" },
            source: dispute,
            available_on: world.second(),
        },
        if back { "Chargeback reversal" } else { "Chargeback withdrawal" }.into(),
    );
    world.copy(&id)
}

fn moved(world: &mut World<'_>, movement: Movement<'_>, description: Value) -> String {
    let id = world.mint("txn");
    let made = balance::transaction(&id, world.second(), &movement, description);
    world.insert(Kind::BalanceTransaction, made);
    id
}

/// `GET /v1/balance`.
fn retrieve(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let now = account.part(asked.home.unwrap_or(super::Home::Large)).now.as_second();
    Ok(sum(&account.stores(asked.home), now))
}

fn sum(stores: &[&Store], now: i64) -> Value {
    let mut sums = [vec![("usd".to_owned(), 0_i64)], vec![("usd".to_owned(), 0)]];
    for (currency, there, to_come) in stores.iter().flat_map(|store| store.ledger().sums(now)) {
        for (side, net) in sums.iter_mut().zip([there, to_come]) {
            match side.iter_mut().find(|(known, _)| known == currency) {
                Some((_, sum)) => *sum = sum.saturating_add(net),
                None => side.push((currency.to_owned(), net)),
            }
        }
    }
    let [available, pending] = &sums;
    balance::balance(available, pending)
}

/// The list that a dispute keeps of what it moved.
pub(crate) fn noted(dispute: &mut Value, transaction: Value) {
    let mut all = dispute["balance_transactions"].as_array().cloned().unwrap_or_default();
    all.push(transaction);
    put(dispute, "balance_transactions", json!(all));
}

#[cfg(test)]
mod tests {
    use super::fee;

    #[rstest::rstest]
    #[case(100, 33)]
    #[case(1_099, 62)]
    #[case(2_000, 88)]
    #[case(9_900, 317)]
    #[case(0, 30)]
    #[case(i64::MAX, 9_223_372_036_854_805)]
    fn fees_are_rounded(#[case] amount: i64, #[case] expected: i64) {
        assert_eq!(fee(amount), expected);
    }
}
