//! A customer's subscriptions under the customer's own path: where they stood until 2019, and are still served.

use serde_json::Value;

use super::{World, change, customer, subscription};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, PARAMS};
use crate::provider::double::params::Params;
use crate::provider::double::route::{Asked, Ids, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::text;

pub(crate) const ROUTES: &[Route] = &[
    Route::read("/v1/customers/{id}/subscriptions", PARAMS, all),
    Route::change("/v1/customers/{id}/subscriptions", subscription::CREATE, create),
    Route::read("/v1/customers/{id}/subscriptions/{sub}", &[], one),
    Route::change_in("/v1/customers/{id}/subscriptions/{sub}", change::UPDATE, |world, ids, params| {
        own(world, ids)?;
        change::update(world, ids.sub, params)
    }),
    Route::delete_in("/v1/customers/{id}/subscriptions/{sub}", subscription::CANCEL, |world, ids, params| {
        own(world, ids)?;
        subscription::cancel(world, ids.sub, params)
    }),
];

/// `GET /v1/customers/{id}/subscriptions`: those that have not ended.
fn all(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let mut all = customer::parts(account, asked.ids.id, Kind::Subscription)?;
    all.retain(|subscription| !subscription::is_over(subscription));
    list::page_of(asked, &all, Kind::Subscription, asked.path)
}

/// `POST /v1/customers/{id}/subscriptions`.
fn create(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Customer, id)?;
    subscription::create(world, &params.with("customer", id), None)
}

/// `GET /v1/customers/{id}/subscriptions/{sub}`.
fn one(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let found = account.find(asked.ids.sub).filter(|stored| stored.kind == Kind::Subscription);
    let found = found.filter(|stored| text(stored.value(), "customer") == asked.ids.id);
    found.map(Stored::whole).ok_or_else(|| ApiError::no_such(Kind::Subscription.noun(), asked.ids.sub))
}

/// Another customer's subscription is not found here.
fn own(world: &World<'_>, ids: Ids<'_>) -> Result<(), ApiError> {
    let found = world.at_path(Kind::Subscription, ids.sub)?;
    if text(&found, "customer") == ids.id {
        return Ok(());
    }
    Err(ApiError::no_such(Kind::Subscription.noun(), ids.sub))
}
