//! Invoice items: what waits for the next invoice.

use serde_json::{Value, json};

use super::redemption::{self, Buyer};
use super::{World, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::customer::deleted;
use crate::stripe::object::invoice::{self, Billed};
use crate::stripe::object::{int, object, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/invoiceitems",
        Kind::InvoiceItem,
        &[CUSTOMER, ("invoice", Is::Text), ("pending", Is::Bool), CREATED],
        |name, wanted, stored| {
            let pending = stored.value()["invoice"].is_null();
            Some(pending == (wanted? == true)).filter(|_| name == "pending")
        },
    ),
    Route::retrieve("/v1/invoiceitems/{id}", Kind::InvoiceItem),
    Route::create("/v1/invoiceitems", CREATE, create),
    Route::delete("/v1/invoiceitems/{id}", &[], |world, id, _| delete(world, id)),
];

const CREATE: Table = &[
    ("customer", Is::Text),
    ("amount", Is::Int),
    ("currency", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("quantity", Is::Int),
    ("pricing", Is::Map),
    ("invoice", Is::NotModelled),
    ("subscription", Is::NotModelled),
    ("discounts", redemption::ROWS),
    ("discountable", Is::Bool),
    ("tax_rates", Is::Texts),
    ("price_data", Is::NotModelled),
    ("unit_amount_decimal", Is::NotModelled),
];

/// `POST /v1/invoiceitems`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let customer = params.needed("customer")?.to_owned();
    world.named_by(Kind::Customer, &customer, "customer")?;
    let quantity = params.int("quantity").unwrap_or(1).max(0);
    let (price, amount) = match params.given("pricing").and_then(|pricing| pricing["price"].as_str()) {
        Some(price) => {
            let price = world.named_by(Kind::Price, price, "pricing[price]")?;
            let amount = int(&price, "unit_amount").saturating_mul(quantity);
            (price, amount)
        }
        None => {
            let amount = params.int("amount").ok_or_else(|| ApiError::missing_param("amount"))?;
            let currency = params.text("currency").ok_or_else(|| ApiError::missing_param("currency"))?;
            (object! { "currency": currency.to_lowercase() }, amount)
        }
    };
    let now = world.second();
    let description =
        params.text("description").map_or_else(|| super::catalog::name_of(world, &price), str::to_owned);
    let billed = Billed { price: &price, quantity: Some(quantity), amount, description, period: (now, now) };
    let rates = tax_rate::named(world, params.list("tax_rates"), "tax_rates")?;
    let buyer = Buyer { customer: &customer, amount: None };
    let wanted = redemption::asked(world, params, buyer)?.unwrap_or_default();
    let id = world.mint("ii");
    let mut item = invoice::invoice_item(&id, now, &customer, &billed);
    params.apply(&mut item, &["metadata", "discountable"]);
    let on = [("customer", customer.as_str()), ("invoice_item", id.as_str())];
    let discounts: Vec<_> = wanted.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
    put(&mut item, "discounts", discounts);
    put(&mut item, "tax_rates", rates);
    let item = world.insert(Kind::InvoiceItem, item);
    world.event("invoiceitem.created", item.clone(), None);
    Ok(item)
}

/// `DELETE /v1/invoiceitems/{id}`: what an invoice took stays.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let item = world.at_path(Kind::InvoiceItem, id)?;
    if !item["invoice"].is_null() {
        return Err(ApiError::invalid("You can only delete invoice items that are not on an invoice."));
    }
    world.remove(id);
    world.event("invoiceitem.deleted", item, None);
    Ok(deleted(id, "invoiceitem"))
}

/// A proration of a subscription, waiting for its next invoice.
pub(crate) fn prorated(world: &mut World<'_>, customer: &str, subscription: &str, billed: &Billed<'_>) {
    let id = world.mint("ii");
    let mut item = invoice::invoice_item(&id, world.second(), customer, billed);
    put(&mut item, "proration", true);
    put(&mut item, "discountable", false);
    put(
        &mut item,
        "parent",
        json!({ "subscription_details": { "subscription": subscription }, "type": "subscription_details" }),
    );
    let item = world.insert(Kind::InvoiceItem, item);
    world.event("invoiceitem.created", item, None);
}

/// What waits for an invoice of a customer, or of one of its subscriptions.
pub(crate) fn take_pending(world: &World<'_>, customer: &str, subscription: Option<&str>) -> Vec<Value> {
    world
        .ids_where(Kind::InvoiceItem, "customer", customer)
        .into_iter()
        .map(|id| world.copy(&id))
        .filter(|item| item["invoice"].is_null())
        .filter(|item| {
            let of = item["parent"]["subscription_details"]["subscription"].as_str();
            of.is_none() || of == subscription
        })
        .collect()
}

/// Lines that bill items.
pub(crate) fn lines(world: &World<'_>, items: &[Value]) -> Vec<Value> {
    items.iter().map(|item| line(world, item)).collect()
}

fn line(world: &World<'_>, item: &Value) -> Value {
    let amount_only = object! { "currency": text(item, "currency") };
    let billed = Billed {
        price: item["pricing"]["price_details"]["price"]
            .as_str()
            .and_then(|price| world.get(price))
            .unwrap_or(&amount_only),
        quantity: item["quantity"].as_i64(),
        amount: int(item, "amount"),
        description: text(item, "description").to_owned(),
        period: (int(&item["period"], "start"), int(&item["period"], "end")),
    };
    let mut line = invoice::line(&billed, invoice::line_of_item(item));
    for field in ["discountable", "discounts", "tax_rates"] {
        put(&mut line, field, item[field].clone());
    }
    line
}

/// Items that an invoice took are no longer pending.
pub(crate) fn settle_on(world: &mut World<'_>, items: &[Value], invoice: &str) {
    for item in items {
        world.change(text(item, "id"), |item| put(item, "invoice", invoice));
    }
}

/// Pending items of a subscription that ended go with it.
pub(crate) fn forget_pending(world: &mut World<'_>, subscription: &Value) {
    let id = text(subscription, "id");
    for item in take_pending(world, text(subscription, "customer"), Some(id)) {
        if item["parent"]["subscription_details"]["subscription"] == id {
            world.remove(text(&item, "id"));
            world.event("invoiceitem.deleted", item, None);
        }
    }
}
