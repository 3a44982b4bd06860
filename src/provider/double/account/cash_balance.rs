//! A customer's cash balance: money sent by bank transfer, which pays for what waits for it.
//! See <https://docs.stripe.com/payments/customer-balance>.

use serde_json::{Value, json};

use super::payment::{self, Collect};
use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::{balance, int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::read("/v1/customers/{id}/cash_balance", &[], retrieve),
    Route::read("/v1/customers/{id}/cash_balance_transactions", PARAMS, transactions),
    Route::read("/v1/customers/{id}/cash_balance_transactions/{sub}", &[], transaction),
    Route::change("/v1/test_helpers/customers/{id}/fund_cash_balance", FUND, fund).made(),
];

const FUND: Table =
    &[("amount", Is::Needed(&Is::Int)), ("currency", Is::Needed(&Is::Text)), ("reference", Is::Text)];

fn held(world: &World<'_>, customer: &str, currency: &str) -> i64 {
    int(&world.hidden(customer)["cash"], currency)
}

/// So much more, or less; told as a transaction.
fn moved(world: &mut World<'_>, customer: &str, currency: &str, net: i64, about: (&str, Value)) {
    let ending = held(world, customer, currency).saturating_add(net);
    world.change_hidden(customer, |hidden| {
        if !hidden.is_object() {
            *hidden = json!({});
        }
        let mut cash = hidden["cash"].clone();
        if !cash.is_object() {
            cash = json!({});
        }
        put(&mut cash, currency, ending);
        put(hidden, "cash", cash);
    });
    let id = world.mint("ccsbtxn");
    let made = balance::cash_transaction(&id, world.second(), (customer, currency), (net, ending), about);
    world.insert(Kind::CashBalanceTransaction, made);
    world.tell("customer_cash_balance_transaction.created", &id);
}

/// `POST /v1/test_helpers/customers/{id}/fund_cash_balance`: a bank transfer arrives.
fn fund(world: &mut World<'_>, customer: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Customer, customer)?;
    let (amount, currency) = super::intent::amount_of(params)?;
    let reference = params.given("reference").cloned().unwrap_or_default();
    let about = json!({ "bank_transfer": { "reference": reference, "type": transfer_type(&currency) } });
    moved(world, customer, &currency, amount, ("funded", about));
    for intent in world.ids_where(Kind::PaymentIntent, "customer", customer) {
        apply(world, customer, &currency, &intent);
    }
    let left = world.hidden(customer)["cash"].clone();
    let cash = balance::cash_balance(customer, left);
    if held(world, customer, &currency) > 0 {
        world.event("cash_balance.funds_available", cash, None);
    }
    let newest = world.ids_where(Kind::CashBalanceTransaction, "customer", customer);
    let funded = newest.iter().rev().find(|id| text(world.peek(id), "type") == "funded");
    Ok(funded.map(|id| world.copy(id)).unwrap_or_default())
}

fn transfer_type(currency: &str) -> &'static str {
    match currency {
        "eur" => "eu_bank_transfer",
        "gbp" => "gb_bank_transfer",
        "jpy" => "jp_bank_transfer",
        "mxn" => "mx_bank_transfer",
        _ => "us_bank_transfer",
    }
}

/// What is there is used for an intent that waits for a transfer.
fn apply(world: &mut World<'_>, customer: &str, currency: &str, id: &str) {
    let intent = world.copy(id);
    let waits = text(&intent["next_action"], "type") == INSTRUCTIONS && text(&intent, "currency") == currency;
    let there = held(world, customer, currency);
    let missing = int(&intent["next_action"][INSTRUCTIONS], "amount_remaining");
    let applied = there.min(missing);
    if !waits || applied <= 0 {
        return;
    }
    let about = ("applied_to_payment", json!({ "payment_intent": id }));
    moved(world, customer, currency, applied.saturating_neg(), about);
    if applied == missing {
        let method = text(&intent, "payment_method").to_owned();
        payment::collect(world, id, &method, Collect::Paid);
        return;
    }
    world.change(id, |intent| {
        if let Some(told) = intent.pointer_mut("/next_action/display_bank_transfer_instructions") {
            put(told, "amount_remaining", missing.saturating_sub(applied));
        }
    });
    world.tell("payment_intent.partially_funded", id);
}

const INSTRUCTIONS: &str = "display_bank_transfer_instructions";

/// A confirmed intent is paid from what is there; else the customer is told where to send the rest.
pub(crate) fn confirm(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let intent = world.copy(id);
    let (customer, currency) = (text(&intent, "customer").to_owned(), text(&intent, "currency").to_owned());
    if customer.is_empty() {
        return Err(ApiError::invalid_param(
            "customer",
            "A customer must be provided to confirm a PaymentIntent with the `customer_balance` payment method.",
        ));
    }
    let remaining = int(&intent, "amount");
    let told = json!({
        "amount_remaining": remaining, "currency": currency, "financial_addresses": [],
        "hosted_instructions_url": format!("https://payments.stripe.com/bank_transfers/instructions/{id}"),
        "reference": text(&intent, "id"), "type": transfer_type(&currency),
    });
    let mut action = json!({ "type": INSTRUCTIONS });
    put(&mut action, INSTRUCTIONS, told);
    world.change(id, |intent| {
        put_all(intent, [("next_action", action), ("status", "requires_action".into())]);
    });
    if held(world, &customer, &currency) < remaining {
        world.tell("payment_intent.requires_action", id);
    }
    apply(world, &customer, &currency, id);
    Ok(world.copy(id))
}

fn customer_of<'a>(account: &'a Account, id: &str) -> Result<&'a Stored, ApiError> {
    let found = account.find(id).filter(|stored| stored.kind == Kind::Customer);
    found.ok_or_else(|| ApiError::no_such(Kind::Customer.noun(), id))
}

/// `GET /v1/customers/{id}/cash_balance`.
fn retrieve(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let customer = customer_of(account, asked.ids.id)?;
    Ok(balance::cash_balance(asked.ids.id, customer.hidden()["cash"].clone()))
}

/// `GET /v1/customers/{id}/cash_balance_transactions`.
fn transactions(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    customer_of(account, asked.ids.id)?;
    let (kind, customer) = (Kind::CashBalanceTransaction, asked.ids.id);
    let of = account.stores(asked.home).into_iter();
    let of = of.flat_map(|store| store.with(kind, "customer", customer).rev());
    let mine: Vec<Value> = of.map(Stored::whole).collect();
    list::page_of(asked, &mine, Kind::CashBalanceTransaction, asked.path)
}

/// `GET /v1/customers/{id}/cash_balance_transactions/{sub}`.
fn transaction(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let found = account.find(asked.ids.sub).filter(|stored| stored.kind == Kind::CashBalanceTransaction);
    let found = found.filter(|stored| text(stored.value(), "customer") == asked.ids.id);
    found
        .map(Stored::whole)
        .ok_or_else(|| ApiError::no_such(Kind::CashBalanceTransaction.noun(), asked.ids.sub))
}
