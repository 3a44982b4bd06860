//! Charges: what a payment intent took, and what the older API takes by itself.

use serde_json::{Value, json};

use super::payment::refuse_charge;
use super::test_card::{Does, TestCard, decline_of, does};
use super::{World, balance, connect, dispute, intent, put_all, source};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CREATED, CUSTOMER, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::search;
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::{NULL, int, payment, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/charges",
        Kind::Charge,
        &[CUSTOMER, ("payment_intent", Is::Text), ("transfer_group", Is::Text), CREATED],
        AS_USUAL,
    ),
    Route::search("/v1/charges/search", Kind::Charge, search::CHARGES),
    Route::create("/v1/charges", CREATE, create),
    Route::retrieve("/v1/charges/{id}", Kind::Charge),
    Route::change("/v1/charges/{id}", UPDATE, update),
    Route::change("/v1/charges/{id}/capture", CAPTURE, capture_by_hand),
    Route::read("/v1/charges/{id}/refunds", PARAMS, refunds),
];

const CREATE: Table = &[
    ("amount", Is::Needed(&Is::Int)),
    ("currency", Is::Needed(&Is::Text)),
    ("source", Is::Text),
    ("customer", Is::Text),
    ("capture", Is::Bool),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("receipt_email", Is::Text),
    ("shipping", Is::Map),
    ("statement_descriptor", Is::Text),
    ("statement_descriptor_suffix", Is::Text),
    ("transfer_group", Is::Text),
    ("application_fee_amount", Is::NotModelled),
    ("destination", Is::NotModelled),
    ("on_behalf_of", Is::NotModelled),
    ("radar_options", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
];

const UPDATE: Table = &[
    ("customer", Is::Text),
    ("description", Is::Text),
    ("fraud_details", Is::Map),
    ("metadata", Is::Meta),
    ("receipt_email", Is::Text),
    ("shipping", Is::Map),
    ("transfer_group", Is::Text),
];

const CAPTURE: Table = &[
    ("amount", Is::Int),
    ("receipt_email", Is::Text),
    ("statement_descriptor", Is::Text),
    ("statement_descriptor_suffix", Is::Text),
    ("application_fee_amount", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
    ("transfer_group", Is::NotModelled),
];

const FIELDS: [&str; 7] = [
    "description",
    "metadata",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
];

/// `POST /v1/charges`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let (amount, currency) = intent::amount_of(params)?;
    let customer = params.text("customer");
    let card = card_of(world, params)?;
    let held = params.given("capture") == Some(&json!(false));
    let about = json!({ "amount": amount, "currency": currency, "customer": customer, "metadata": {} });
    let id = world.mint("ch");
    let mut made = payment::charge(&id, world.second(), &about, &card);
    params.apply(&mut made, &FIELDS);
    put(&mut made, "source", card.clone());
    if held {
        put_all(&mut made, [("amount_captured", 0.into()), ("captured", false.into())]);
    }
    world.insert(Kind::Charge, made);
    if matches!(does(&card), Does::Declines(_) | Does::DeclinesCharges | Does::AsksThenDeclines(_)) {
        let how = decline_of(&card);
        refuse_charge(world, &id, how);
        world.tell("charge.failed", &id);
        return Err(ApiError::card(how.code, how.decline_code, how.message).with("charge", id));
    }
    if !held {
        balance::charged(world, &id);
    }
    world.tell("charge.succeeded", &id);
    if !held {
        dispute::after_charge(world, &id);
    }
    Ok(world.copy(&id))
}

/// The card that is charged: a token's, or one on the customer's file.
fn card_of(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let owner = match params.text("customer") {
        Some(customer) => world.named_by(Kind::Customer, customer, "customer")?,
        None => NULL,
    };
    let id = match (params.text("source"), owner["default_source"].as_str()) {
        (Some(source), _) => source.to_owned(),
        (None, Some(default)) => default.to_owned(),
        (None, None) if !owner.is_null() => {
            return Err(ApiError::card("missing", "", "Cannot charge a customer that has no active card"));
        }
        (None, None) => {
            return Err(ApiError::invalid_param("source", "Must provide source or customer."));
        }
    };
    if TestCard::token(&id).is_some() || id.starts_with("tok_") {
        return source::card_of_token(world, &id, "source");
    }
    let card = world.named_by(Kind::Source, &id, "source")?;
    if text(&card, "customer") != text(&owner, "id") {
        let customer = text(&owner, "id");
        return Err(ApiError::no_such_param(&format!("source for customer {customer}"), &id, "source"));
    }
    Ok(card)
}

/// `POST /v1/charges/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Charge, id)?;
    if let Some(customer) = params.text("customer") {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    Ok(world.updated("charge.updated", id, |charge| {
        params.apply(charge, &FIELDS);
        params.apply(charge, &["customer", "fraud_details"]);
    }))
}

/// `POST /v1/charges/{id}/capture`.
fn capture_by_hand(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let charge = world.at_path(Kind::Charge, id)?;
    if charge["captured"] == true || text(&charge, "status") != "succeeded" {
        let message = format!("Charge {id} has already been captured.");
        return Err(ApiError::state("charge_already_captured", message));
    }
    let amount = params.int("amount").unwrap_or(int(&charge, "amount"));
    if !(1..=int(&charge, "amount")).contains(&amount) {
        return Err(ApiError::invalid_param("amount", "Invalid amount: it is more than was authorized."));
    }
    world.change(id, |charge| params.apply(charge, &FIELDS));
    if let Some(intent) = charge["payment_intent"].as_str() {
        intent::captured(world, intent, amount);
    } else {
        capture(world, id, amount);
    }
    Ok(world.copy(id))
}

/// So much of what was held on the card is taken; the rest is let go.
pub(crate) fn capture(world: &mut World<'_>, id: &str, amount: i64) {
    let before = world.copy(id);
    world.change(id, |charge| {
        put_all(charge, [("amount_captured", amount.into()), ("captured", true.into())]);
    });
    balance::charged(world, id);
    let shared = connect::settle(world, id);
    let changed = crate::stripe::object::previous(&before, world.peek(id));
    world.tell_changed("charge.captured", id, changed);
    connect::tell(world, shared);
    dispute::after_charge(world, id);
}

/// `GET /v1/charges/{id}/refunds`.
fn refunds(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let id = asked.ids.id;
    if account.find(id).is_none_or(|stored| stored.kind != Kind::Charge) {
        return Err(ApiError::no_such(Kind::Charge.noun(), id));
    }
    let of = account.stores(asked.home).into_iter();
    let of = of.flat_map(|store| store.with(Kind::Refund, "charge", id).rev());
    let all: Vec<Value> = of.map(Stored::whole).collect();
    list::page_of(asked, &all, Kind::Refund, asked.path)
}
