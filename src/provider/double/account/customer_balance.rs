//! Transactions of a customer's credit balance, as the API makes and shows them.

use serde_json::Value;

use super::credit_balance::{self, Why};
use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Ids, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::text;

pub(crate) const ROUTES: &[Route] = &[
    Route::read("/v1/customers/{id}/balance_transactions", PARAMS, of_customer),
    Route::read("/v1/customers/{id}/balance_transactions/{sub}", &[], one_of_customer),
    Route::change("/v1/customers/{id}/balance_transactions", CREATE, create),
    Route::change_in("/v1/customers/{id}/balance_transactions/{sub}", UPDATE, update),
];

const CREATE: Table = &[
    ("amount", Is::Needed(&Is::Int)),
    ("currency", Is::Needed(&Is::Text)),
    ("description", Is::Text),
    ("metadata", Is::Meta),
];

const UPDATE: Table = &[("description", Is::Text), ("metadata", Is::Meta)];

const KIND: Kind = Kind::CustomerBalanceTransaction;

/// `GET /v1/customers/{id}/balance_transactions`.
fn of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let all = super::customer::parts(account, asked.ids.id, KIND)?;
    list::page_of(asked, &all, KIND, asked.path)
}

/// `GET /v1/customers/{id}/balance_transactions/{transaction}`.
fn one_of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let found = account.find(asked.ids.sub).filter(|stored| is_of(stored, asked.ids));
    found.map(Stored::whole).ok_or_else(|| ApiError::no_such(KIND.noun(), asked.ids.sub))
}

fn is_of(stored: &Stored, ids: Ids<'_>) -> bool {
    stored.kind == KIND && text(stored.value(), "customer") == ids.id
}

/// `POST /v1/customers/{id}/balance_transactions`.
fn create(world: &mut World<'_>, customer: &str, params: &Params) -> Result<Value, ApiError> {
    let holder = world.at_path(Kind::Customer, customer)?;
    let amount = params.int("amount").ok_or_else(|| ApiError::missing_param("amount"))?;
    if amount.unsigned_abs() > 999_999_999_999 {
        return Err(ApiError::invalid_param("amount", "Invalid amount: must have at most 12 digits"));
    }
    let currency = params.needed("currency")?.to_lowercase();
    if holder["currency"].as_str().is_some_and(|own| own != currency) {
        let message = format!("The currency must be the customer's: {}.", text(&holder, "currency"),);
        return Err(ApiError::invalid_param("currency", message));
    }
    let id = credit_balance::shift(world, customer, amount, Why::Adjusted(&currency));
    world.change(&id, |made| params.apply(made, &["description", "metadata"]));
    Ok(world.copy(&id))
}

/// `POST /v1/customers/{id}/balance_transactions/{transaction}`: money that moved has moved.
fn update(world: &mut World<'_>, ids: Ids<'_>, params: &Params) -> Result<Value, ApiError> {
    if !world.stored(ids.sub).is_some_and(|stored| is_of(stored, ids)) {
        return Err(ApiError::no_such(KIND.noun(), ids.sub));
    }
    world.change(ids.sub, |made| {
        if made["metadata"].is_null() {
            put_all(made, [("metadata", serde_json::json!({}))]);
        }
        params.apply(made, &["description", "metadata"]);
    });
    Ok(world.copy(ids.sub))
}
