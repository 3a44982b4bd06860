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
    Route::change("/v1/customers/{id}/cash_balance", SETTINGS, update).made(),
    Route::read("/v1/customers/{id}/cash_balance_transactions", PARAMS, transactions),
    Route::read("/v1/customers/{id}/cash_balance_transactions/{sub}", &[], transaction),
    Route::change("/v1/payment_intents/{id}/apply_customer_balance", APPLY, apply_by_hand),
    Route::change("/v1/test_helpers/customers/{id}/fund_cash_balance", FUND, fund).made(),
];

/// How a cash balance is used: for what waits as soon as it is there, or when somebody says so.
pub(crate) const SETTINGS: Table = &[(
    "settings",
    Is::Fields(&[("reconciliation_mode", Is::Choice(&["automatic", "manual", "merchant_default"]))]),
)];

const APPLY: Table = &[("amount", Is::Int), ("currency", Is::Text)];

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
    if !is_manual(world, customer) {
        for intent in world.ids_where(Kind::PaymentIntent, "customer", customer) {
            apply(world, customer, &currency, &intent, i64::MAX);
        }
    }
    let cash = shown(customer, world.hidden(customer));
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

/// What is there is used for an intent that waits for a transfer, but no more than `most`.
fn apply(world: &mut World<'_>, customer: &str, currency: &str, id: &str, most: i64) {
    let intent = world.copy(id);
    let waits = text(&intent["next_action"], "type") == INSTRUCTIONS && text(&intent, "currency") == currency;
    let there = held(world, customer, currency);
    let missing = int(&intent["next_action"][INSTRUCTIONS], "amount_remaining");
    let applied = there.min(missing).min(most);
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
    if is_manual(world, &customer) || held(world, &customer, &currency) < remaining {
        world.tell("payment_intent.requires_action", id);
    }
    if !is_manual(world, &customer) {
        apply(world, &customer, &currency, id, i64::MAX);
    }
    Ok(world.copy(id))
}

/// A customer's cash balance, from what is kept beside it.
pub(crate) fn shown(customer: &str, hidden: &Value) -> Value {
    balance::cash_balance(customer, hidden["cash"].clone(), hidden["cash_mode"].as_str())
}

fn is_manual(world: &World<'_>, customer: &str) -> bool {
    world.hidden(customer)["cash_mode"] == "manual"
}

/// Takes [`SETTINGS`] over.
pub(crate) fn set(world: &mut World<'_>, customer: &str, params: &Params) {
    match params.inside("settings").text("reconciliation_mode") {
        None => {}
        Some("merchant_default") => world.keep_beside(customer, "cash_mode", ()),
        Some(mode) => world.keep_beside(customer, "cash_mode", mode),
    }
}

/// `POST /v1/customers/{id}/cash_balance`.
fn update(world: &mut World<'_>, customer: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Customer, customer)?;
    set(world, customer, params);
    Ok(shown(customer, world.hidden(customer)))
}

/// `POST /v1/payment_intents/{id}/apply_customer_balance`: as much as the caller says of what the customer has, else what is
/// missing.
fn apply_by_hand(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let intent = world.at_path(Kind::PaymentIntent, id)?;
    if text(&intent["next_action"], "type") != INSTRUCTIONS {
        let message = "This PaymentIntent does not wait for funds of its customer's cash balance.";
        return Err(
            ApiError::state("payment_intent_unexpected_state", message).with("payment_intent", intent)
        );
    }
    let (customer, currency) = (text(&intent, "customer"), text(&intent, "currency"));
    if params.text("currency").is_some_and(|given| !given.eq_ignore_ascii_case(currency)) {
        return Err(ApiError::invalid_param(
            "currency",
            "The currency must match that of the PaymentIntent.",
        ));
    }
    let missing = int(&intent["next_action"][INSTRUCTIONS], "amount_remaining");
    let there = held(world, customer, currency);
    let amount = params.int("amount").unwrap_or_else(|| missing.min(there));
    if amount < 1 || amount > missing.min(there) {
        let message = "The amount must be positive, and no more than the customer's cash balance and what the \
                       PaymentIntent still waits for.";
        return Err(ApiError::invalid_param("amount", message));
    }
    apply(world, customer, currency, id, amount);
    Ok(world.copy(id))
}

fn customer_of<'a>(account: &'a Account, id: &str) -> Result<&'a Stored, ApiError> {
    let found = account.find(id).filter(|stored| stored.kind == Kind::Customer);
    found.ok_or_else(|| ApiError::no_such(Kind::Customer.noun(), id))
}

/// `GET /v1/customers/{id}/cash_balance`.
fn retrieve(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let customer = customer_of(account, asked.ids.id)?;
    Ok(shown(asked.ids.id, customer.hidden()))
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
