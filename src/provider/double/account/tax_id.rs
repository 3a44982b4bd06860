//! Tax ids of customers. The double keeps them as given: nobody verifies them.

use serde_json::Value;

use super::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Ids, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::customer::deleted;
use crate::stripe::object::{tax, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::read("/v1/customers/{id}/tax_ids", PARAMS, of_customer),
    Route::read("/v1/customers/{id}/tax_ids/{sub}", &[], one_of_customer),
    Route::change("/v1/customers/{id}/tax_ids", DATA, create),
    Route::delete_in("/v1/customers/{id}/tax_ids/{sub}", &[], |world, ids, _| delete(world, ids)),
];

/// A tax id, also as `tax_id_data` of a customer.
pub(crate) const DATA: Table = &[("type", Is::Needed(&Is::Text)), ("value", Is::Needed(&Is::Text))];

/// The most that Stripe takes of one customer.
const MOST: usize = 5;

/// `GET /v1/customers/{id}/tax_ids`.
fn of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let all = super::customer::parts(account, asked.ids.id, Kind::TaxId)?;
    list::page_of(asked, &all, Kind::TaxId, asked.path)
}

/// `GET /v1/customers/{id}/tax_ids/{tax_id}`.
fn one_of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let found = account.find(asked.ids.sub).filter(|stored| is_of(stored, asked.ids));
    found.map(Stored::whole).ok_or_else(|| ApiError::no_such(Kind::TaxId.noun(), asked.ids.sub))
}

fn is_of(stored: &Stored, ids: Ids<'_>) -> bool {
    stored.kind == Kind::TaxId && text(stored.value(), "customer") == ids.id
}

/// `POST /v1/customers/{id}/tax_ids`.
fn create(world: &mut World<'_>, customer: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Customer, customer)?;
    make(world, customer, params.needed("type")?, params.needed("value")?)
}

/// The same, as a part of making a customer.
pub(crate) fn make(
    world: &mut World<'_>,
    customer: &str,
    kind: &str,
    value: &str,
) -> Result<Value, ApiError> {
    check(kind)?;
    if world.ids_where(Kind::TaxId, "customer", customer).len() >= MOST {
        return Err(ApiError::invalid("A customer can have at most 5 tax ids."));
    }
    let id = world.mint("txi");
    let made = world.insert(Kind::TaxId, tax::tax_id(&id, world.second(), customer, kind, value));
    world.event("customer.tax_id.created", made.clone(), None);
    Ok(made)
}

/// What is no type of tax id at all.
pub(crate) fn check(kind: &str) -> Result<(), ApiError> {
    let form = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    if kind.len() > 20 || !kind.contains('_') || !kind.chars().all(form) {
        return Err(ApiError::invalid_param("type", "Invalid type: must be a type of tax id such as eu_vat"));
    }
    Ok(())
}

/// `DELETE /v1/customers/{id}/tax_ids/{tax_id}`.
fn delete(world: &mut World<'_>, ids: Ids<'_>) -> Result<Value, ApiError> {
    world.at_path(Kind::Customer, ids.id)?;
    if !world.stored(ids.sub).is_some_and(|stored| is_of(stored, ids)) {
        return Err(ApiError::no_such(Kind::TaxId.noun(), ids.sub));
    }
    let gone = world.copy(ids.sub);
    world.remove(ids.sub);
    world.event("customer.tax_id.deleted", gone, None);
    Ok(deleted(ids.sub, "tax_id"))
}
