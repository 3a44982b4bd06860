//! The older API: tokens, and the cards and bank accounts that they become on a customer's file.

use serde_json::Value;

use super::payment_method::{face, typed_in};
use super::test_card::{Does, TestCard, decline_of, does};
use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Ids, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::method;
use crate::stripe::object::{object, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::create("/v1/tokens", TOKEN, create_token),
    Route::retrieve("/v1/tokens/{id}", Kind::Token),
    Route::change("/v1/customers/{id}/sources", CREATE, create),
    Route::read("/v1/customers/{id}/sources", FILTERS, of_customer),
    Route::read("/v1/customers/{id}/sources/{sub}", &[], one_of_customer),
    Route::change_in("/v1/customers/{id}/sources/{sub}", UPDATE, update),
    Route::delete_in("/v1/customers/{id}/sources/{sub}", &[], |world, ids, _| delete(world, ids)),
];

const CARD: Is = Is::Fields(&[
    ("number", Is::Text),
    ("exp_month", Is::Int),
    ("exp_year", Is::Int),
    ("cvc", Is::Text),
    ("name", Is::Text),
    ("currency", Is::Text),
    ("address_city", Is::Text),
    ("address_country", Is::Text),
    ("address_line1", Is::Text),
    ("address_line2", Is::Text),
    ("address_state", Is::Text),
    ("address_zip", Is::Text),
]);

const TOKEN: Table = &[
    ("card", CARD),
    (
        "bank_account",
        Is::Fields(&[
            ("country", Is::Needed(&Is::Text)),
            ("currency", Is::Text),
            ("account_number", Is::Needed(&Is::Text)),
            ("routing_number", Is::Text),
            ("account_holder_name", Is::Text),
            ("account_holder_type", Is::Choice(&["individual", "company"])),
        ]),
    ),
    ("customer", Is::NotModelled),
    ("account", Is::NotModelled),
    ("cvc_update", Is::NotModelled),
    ("person", Is::NotModelled),
    ("pii", Is::NotModelled),
];

const CREATE: Table =
    &[("source", Is::Needed(&Is::Text)), ("metadata", Is::Meta), ("validate", Is::NotModelled)];

const UPDATE: Table = &[
    ("metadata", Is::Meta),
    ("name", Is::Text),
    ("exp_month", Is::Int),
    ("exp_year", Is::Int),
    ("address_city", Is::Text),
    ("address_country", Is::Text),
    ("address_line1", Is::Text),
    ("address_line2", Is::Text),
    ("address_state", Is::Text),
    ("address_zip", Is::Text),
    ("account_holder_name", Is::Text),
    ("account_holder_type", Is::Choice(&["individual", "company"])),
];

const FILTERS: Table =
    &[("object", Is::Text), ("limit", Is::Int), ("starting_after", Is::Text), ("ending_before", Is::Text)];

/// What of a card or a bank account a person tells.
const FIELDS: [&str; 12] = [
    "metadata",
    "name",
    "exp_month",
    "exp_year",
    "address_city",
    "address_country",
    "address_line1",
    "address_line2",
    "address_state",
    "address_zip",
    "account_holder_name",
    "account_holder_type",
];

/// `POST /v1/tokens`.
fn create_token(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let (kind, of) = match (params.given("card"), params.given("bank_account")) {
        (Some(card @ Value::Object(_)), None) => {
            let card = card.clone();
            let (known, expires) = typed_in(world, &card, "card")?;
            let id = world.mint("card");
            let mut made = method::legacy_card(&id, &face(known, &known.fingerprint(), expires));
            for (name, value) in card.as_object().into_iter().flatten() {
                if name == "name" || name.starts_with("address") {
                    put(&mut made, name, value.clone());
                }
            }
            ("card", made)
        }
        (None, Some(account @ Value::Object(_))) => ("bank_account", bank_account(world, &account.clone())),
        _ => {
            return Err(ApiError::invalid_param(
                "card",
                "You must supply either a card, customer, PII data, bank account, or account to create a token.",
            ));
        }
    };
    let id = world.mint("tok");
    let made = method::token(&id, world.second(), kind, of);
    Ok(world.insert(Kind::Token, made))
}

fn bank_account(world: &mut World<'_>, given: &Value) -> Value {
    let number = text(given, "account_number");
    let last4: String = number.chars().skip(number.chars().count().saturating_sub(4)).collect();
    let id = world.mint("ba");
    let currency = given["currency"].as_str().unwrap_or("usd");
    let routing = given["routing_number"].as_str().unwrap_or("110000000");
    let mut made = method::legacy_bank_account(&id, text(given, "country"), currency, routing, &last4);
    for name in ["account_holder_name", "account_holder_type"] {
        put(&mut made, name, given[name].clone());
    }
    made
}

/// The card or bank account that a token stands for, which can be used once.
pub(crate) fn card_of_token(world: &mut World<'_>, token: &str, param: &str) -> Result<Value, ApiError> {
    if let Some(card) = TestCard::token(token) {
        let id = world.mint("card");
        return Ok(method::legacy_card(&id, &face(card, &card.fingerprint(), (12, 2034))));
    }
    let known = world.named_by(Kind::Token, token, param)?;
    if known["used"] == true {
        return Err(ApiError::state(
            "token_already_used",
            format!("You cannot use a Stripe token more than once: {token}."),
        ));
    }
    world.change(token, |token| put(token, "used", true));
    Ok(known[text(&known, "type")].clone())
}

/// `POST /v1/customers/{id}/sources`.
fn create(world: &mut World<'_>, customer: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Customer, customer)?;
    let id = add(world, customer, params.needed("source")?, "source")?;
    world.change(&id, |source| params.apply(source, &["metadata"]));
    world.tell("customer.source.created", &id);
    if world.peek(customer)["default_source"].is_null() {
        world.update("customer.updated", customer, |customer| put(customer, "default_source", id.as_str()));
    }
    Ok(world.copy(&id))
}

/// `source` of a customer that is made or changed: it becomes the default one.
pub(crate) fn set_default(world: &mut World<'_>, customer: &str, token: &str) -> Result<(), ApiError> {
    let id = add(world, customer, token, "source")?;
    world.tell("customer.source.created", &id);
    world.change(customer, |customer| put(customer, "default_source", id.as_str()));
    Ok(())
}

/// `default_source` of a customer that is changed.
pub(crate) fn choose_default(world: &mut World<'_>, customer: &str, id: &str) -> Result<(), ApiError> {
    let source = world.named_by(Kind::Source, id, "default_source")?;
    if text(&source, "customer") != customer {
        let noun = format!("source for customer {customer}");
        return Err(ApiError::no_such_param(&noun, id, "default_source"));
    }
    world.change(customer, |customer| put(customer, "default_source", id));
    Ok(())
}

/// Puts what a token stands for on the customer's file, without an event.
fn add(world: &mut World<'_>, customer: &str, token: &str, param: &str) -> Result<String, ApiError> {
    let mut source = card_of_token(world, token, param)?;
    if let Does::Declines(_) = does(&source) {
        let how = decline_of(&source);
        return Err(ApiError::card(how.code, how.decline_code, how.message));
    }
    put(&mut source, "customer", customer);
    let source = world.insert(Kind::Source, source);
    Ok(text(&source, "id").to_owned())
}

fn at_path(world: &World<'_>, ids: Ids<'_>) -> Result<Value, ApiError> {
    let source = world.at_path(Kind::Source, ids.sub)?;
    if text(&source, "customer") == ids.id {
        Ok(source)
    } else {
        Err(ApiError::no_such(Kind::Source.noun(), ids.sub))
    }
}

/// `POST /v1/customers/{id}/sources/{sub}`.
fn update(world: &mut World<'_>, ids: Ids<'_>, params: &Params) -> Result<Value, ApiError> {
    at_path(world, ids)?;
    Ok(world.updated("customer.source.updated", ids.sub, |source| params.apply(source, &FIELDS)))
}

/// `DELETE /v1/customers/{id}/sources/{sub}`: the next source becomes the default one.
fn delete(world: &mut World<'_>, ids: Ids<'_>) -> Result<Value, ApiError> {
    let source = at_path(world, ids)?;
    world.remove(ids.sub);
    world.event("customer.source.deleted", source.clone(), None);
    if world.peek(ids.id)["default_source"] == ids.sub {
        let next = world.ids_where(Kind::Source, "customer", ids.id).into_iter().next();
        world.update("customer.updated", ids.id, |customer| {
            put_all(customer, [("default_source", next.into())]);
        });
    }
    Ok(object! { "id": ids.sub, "object": text(&source, "object"), "deleted": true })
}

/// `GET /v1/customers/{id}/sources`.
fn of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let customer = asked.ids.id;
    if account.find(customer).is_none_or(|stored| stored.kind != Kind::Customer) {
        return Err(ApiError::no_such(Kind::Customer.noun(), customer));
    }
    let wanted = asked.params.text("object");
    let of = account.stores(asked.home).into_iter();
    let sources: Vec<Value> = of
        .flat_map(|store| store.with(Kind::Source, "customer", customer))
        .map(Stored::value)
        .filter(|source| wanted.is_none_or(|wanted| text(source, "object") == wanted))
        .cloned()
        .collect();
    list::page_of(asked, &sources, Kind::Source, asked.path)
}

/// `GET /v1/customers/{id}/sources/{sub}`.
fn one_of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let found = account.find(asked.ids.sub).filter(|stored| stored.kind == Kind::Source);
    let found = found.filter(|stored| text(stored.value(), "customer") == asked.ids.id);
    found.map(Stored::whole).ok_or_else(|| ApiError::no_such(Kind::Source.noun(), asked.ids.sub))
}
