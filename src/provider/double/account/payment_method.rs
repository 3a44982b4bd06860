//! Payment methods.

use serde_json::Value;

use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CUSTOMER};
use crate::provider::double::params::Is;
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::text;

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/payment_methods", Kind::PaymentMethod, &[CUSTOMER, ("type", Is::Text)], AS_USUAL),
    Route::retrieve("/v1/payment_methods/{id}", Kind::PaymentMethod),
    Route::read(
        "/v1/customers/{id}/payment_methods",
        &[("type", Is::Text), ("limit", Is::Int), ("starting_after", Is::Text), ("ending_before", Is::Text)],
        of_customer,
    ),
];

/// `GET /v1/customers/{id}/payment_methods`.
fn of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let customer = asked.ids.id;
    if account.find(customer).is_none_or(|stored| stored.kind != Kind::Customer) {
        return Err(ApiError::no_such_param("customer", customer, "customer"));
    }
    let wanted = asked.params.text("type");
    let methods: Vec<Value> = account
        .stores(asked.home)
        .into_iter()
        .flat_map(|store| store.with(Kind::PaymentMethod, "customer", customer).rev())
        .map(crate::provider::double::store::Stored::value)
        .filter(|method| wanted.is_none_or(|wanted| text(method, "type") == wanted))
        .cloned()
        .collect();
    list::page_of(asked, &methods, Kind::PaymentMethod, asked.path)
}
