//! Which call does what. Every route that is not written here is refused by name: the double never guesses.

use serde_json::{Map, Value};

use super::account::{
    Home, World, catalog, change, checkout, customer, invoice, invoice_item, item, refund, subscription,
};
use super::error::ApiError;
use super::list::{self, LISTINGS};
use super::page::Page;
use super::params::{Params, Table};
use super::state::Account;
use super::store::Kind;
use crate::stripe::object::customer::deleted;
use crate::stripe::object::envelope::Cause;
use crate::stripe::object::text;

/// A call as it came, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) params: Map<String, Value>,
}

/// The methods that Stripe's v1 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

impl Call {
    /// The parts of the path, without empty ones.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// `POST /v1/payouts`: the route as messages name it, with `{id}` for what is no word of the API.
    fn route(&self) -> String {
        let is_id = |part: &&str| {
            part.contains(|letter: char| letter.is_ascii_digit()) && *part != "v1" && *part != "v2"
        };
        let parts: Vec<_> =
            self.segments().into_iter().map(|part| if is_id(&part) { "{id}" } else { part }).collect();
        let path: String = parts.join("/").chars().take(120).collect();
        format!("{} /{path}", self.method.as_str())
    }
}

/// What a call is answered with.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An object as it is kept: its bytes may be printed already.
    Stored(String),
    /// Something made for this call.
    Made(Value),
}

/// Carries a call out.
pub(crate) fn dispatch(
    account: &mut Account,
    call: &Call,
    home: Option<Home>,
    cause: Cause,
) -> Result<Reply, ApiError> {
    let segments = call.segments();
    let path = match segments.split_first() {
        Some((&"v1", path)) => path,
        _ => return Err(ApiError::not_modelled(&call.route())),
    };
    match call.method {
        Method::Get => read(account, call, path, home),
        Method::Post => {
            let mut world = account.world(home.unwrap_or(Home::Large), cause);
            write(&mut world, call, path)
        }
        Method::Delete => {
            let mut world = account.world(home.unwrap_or(Home::Large), cause);
            delete(&mut world, call, path).map(Reply::Made)
        }
    }
}

/// Words that stand where an id could: other routes, none of them modelled.
const NO_IDS: [&str; 4] = ["search", "upcoming", "create_preview", "preview"];

fn read(account: &Account, call: &Call, path: &[&str], home: Option<Home>) -> Result<Reply, ApiError> {
    if path.iter().any(|part| NO_IDS.contains(part)) {
        return Err(ApiError::not_modelled(&call.route()));
    }
    if let Some(listing) = LISTINGS.iter().find(|listing| is_at(listing.url, path)) {
        return list::list(account, listing, &without_expand(call), home).map(Reply::Made);
    }
    match path {
        ["checkout", "sessions", id, "line_items"] => sublist(account, call, Kind::Session, id),
        ["invoices", id, "lines"] => sublist(account, call, Kind::Invoice, id),
        ["subscription_items"] => items(account, call),
        ["customers", id, "payment_methods"] => {
            let mut given = without_expand(call);
            given.insert("customer".to_owned(), (*id).into());
            let methods = LISTINGS.iter().find(|listing| listing.kind == Kind::PaymentMethod);
            let methods = methods.ok_or_else(|| ApiError::not_modelled(&call.route()))?;
            list::list(account, methods, &given, home).map(Reply::Made)
        }
        ["subscription_items", id] => {
            no_params(call)?;
            let owner = account.find(id).map(|stored| text(&stored.value, "subscription").to_owned());
            let owner = owner.and_then(|owner| account.find(&owner)).map(|stored| &stored.value["items"]);
            let item = owner.and_then(|items| {
                crate::stripe::object::data(items).iter().find(|item| text(item, "id") == *id).cloned()
            });
            item.map(Reply::Made).ok_or_else(|| ApiError::no_such(Kind::Item.noun(), id))
        }
        _ => retrieve(account, call, path),
    }
}

/// `/v1/checkout/sessions` is `["checkout", "sessions"]`.
fn is_at(url: &str, path: &[&str]) -> bool {
    url.split('/').skip(2).eq(path.iter().copied())
}

fn retrieve(account: &Account, call: &Call, path: &[&str]) -> Result<Reply, ApiError> {
    let refused = || ApiError::not_modelled(&call.route());
    let (id, collection) = path.split_last().ok_or_else(refused)?;
    let listing = LISTINGS.iter().find(|listing| is_at(listing.url, collection)).ok_or_else(refused)?;
    no_params(call)?;
    match account.find(id) {
        Some(stored) if stored.kind == listing.kind => Ok(Reply::Stored((*id).to_owned())),
        _ => Err(ApiError::no_such(listing.kind.noun(), id)),
    }
}

fn no_params(call: &Call) -> Result<(), ApiError> {
    match call.params.keys().find(|name| *name != "expand") {
        Some(name) => Err(ApiError::unknown_param(name)),
        None => Ok(()),
    }
}

fn without_expand(call: &Call) -> Map<String, Value> {
    let mut given = call.params.clone();
    given.shift_remove("expand");
    given
}

fn sublist(account: &Account, call: &Call, kind: Kind, id: &str) -> Result<Reply, ApiError> {
    let stored = account.find(id).filter(|stored| stored.kind == kind);
    let stored = stored.ok_or_else(|| ApiError::no_such(kind.noun(), id))?;
    let lines = match kind {
        Kind::Session => &stored.hidden["line_items"],
        _ => &stored.value["lines"]["data"],
    };
    let page = Page::read(&call.params)?;
    page.of_values(lines.as_array().map_or(&[], Vec::as_slice), kind, &call.path).map(Reply::Made)
}

fn items(account: &Account, call: &Call) -> Result<Reply, ApiError> {
    let owner = call.params.get("subscription").and_then(Value::as_str);
    let owner = owner.ok_or_else(|| ApiError::missing_param("subscription"))?;
    let stored = account.find(owner).filter(|stored| stored.kind == Kind::Subscription);
    let stored = stored.ok_or_else(|| ApiError::no_such_param("subscription", owner, "subscription"))?;
    let items = crate::stripe::object::data(&stored.value["items"]);
    let url = format!("/v1/subscription_items?subscription={owner}");
    Page::read(&call.params)?.of_values(items, Kind::Item, &url).map(Reply::Made)
}

fn write(world: &mut World<'_>, call: &Call, path: &[&str]) -> Result<Reply, ApiError> {
    if path.iter().any(|part| NO_IDS.contains(part)) {
        return Err(ApiError::not_modelled(&call.route()));
    }
    let params = |table: Table| Params::read(&call.params, table, &call.route());
    let made = match path {
        ["customers"] => customer::create(world, &params(customer::CREATE)?)?,
        ["customers", id] => customer::update(world, id, &params(customer::CREATE)?)?,
        ["products"] => catalog::create_product(world, &params(catalog::PRODUCT_CREATE)?)?,
        ["products", id] => catalog::update_product(world, id, &params(catalog::PRODUCT_UPDATE)?)?,
        ["prices"] => catalog::create_price(world, &params(catalog::PRICE_CREATE)?)?,
        ["prices", id] => catalog::update_price(world, id, &params(catalog::PRICE_UPDATE)?)?,
        ["subscriptions"] => subscription::create(world, &params(subscription::CREATE)?, None)?,
        ["subscriptions", id] => change::update(world, id, &params(change::UPDATE)?)?,
        ["subscription_items"] => return item::create(world, &params(item::CREATE)?).map(Reply::Made),
        ["subscription_items", id] => {
            return item::update(world, id, &params(item::UPDATE)?).map(Reply::Made);
        }
        ["invoices"] => invoice::create(world, &params(invoice::CREATE)?)?,
        ["invoices", id] => invoice::update(world, id, &params(invoice::UPDATE)?)?,
        ["invoices", id, "finalize"] => invoice::finalize_by_hand(world, id, &params(invoice::FINALIZE)?)?,
        ["invoices", id, "pay"] => invoice::pay_by_hand(world, id, &params(invoice::PAY)?)?,
        ["invoices", id, "void"] => {
            no_params(call)?;
            invoice::void_by_hand(world, id)?
        }
        ["invoiceitems"] => invoice_item::create(world, &params(invoice_item::CREATE)?)?,
        ["refunds"] => refund::create(world, &params(refund::CREATE)?)?,
        ["checkout", "sessions"] => checkout::create(world, &params(checkout::CREATE)?, 0)?,
        ["checkout", "sessions", id] => checkout::update(world, id, &params(checkout::UPDATE)?)?,
        ["checkout", "sessions", id, "expire"] => {
            no_params(call)?;
            checkout::expire(world, id)?
        }
        _ => return Err(ApiError::not_modelled(&call.route())),
    };
    Ok(Reply::Stored(text(&made, "id").to_owned()))
}

fn delete(world: &mut World<'_>, call: &Call, path: &[&str]) -> Result<Value, ApiError> {
    let params = |table: Table| Params::read(&call.params, table, &call.route());
    match path {
        ["customers", id] => customer::delete(world, id),
        ["products", id] => catalog::delete_product(world, id),
        ["subscriptions", id] => subscription::cancel(world, id, &params(subscription::CANCEL)?),
        ["subscription_items", id] => item::delete(world, id, &params(item::DELETE)?),
        ["invoices", id] => invoice::delete(world, id),
        ["invoiceitems", id] => {
            let item = world.at_path(Kind::InvoiceItem, id)?;
            if !item["invoice"].is_null() {
                return Err(ApiError::invalid(
                    "You can only delete invoice items that are not on an invoice.",
                ));
            }
            world.remove(id);
            world.event("invoiceitem.deleted", item, None);
            Ok(deleted(id, "invoiceitem"))
        }
        _ => Err(ApiError::not_modelled(&call.route())),
    }
}
