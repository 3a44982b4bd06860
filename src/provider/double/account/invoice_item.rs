//! Invoice items: what waits for the next invoice, or stands on a draft.

use serde_json::Value;

use super::decimal::{divided, scaled};
use super::item::New;
use super::redemption::{self, Buyer};
use super::{World, catalog, invoice, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::customer::deleted;
use crate::stripe::object::invoice::{self as shape, Billed};
use crate::stripe::object::{NULL, int, object, put, text};

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
    Route::change("/v1/invoiceitems/{id}", UPDATE, update),
    Route::delete("/v1/invoiceitems/{id}", &[], |world, id, _| delete(world, id)),
];

const PERIOD: Is = Is::Fields(&[("end", Is::Needed(&Is::Int)), ("start", Is::Needed(&Is::Int))]);

const PRICING: Is = Is::Fields(&[("price", Is::Text)]);

const CREATE: Table = &[
    ("customer", Is::Text),
    ("amount", Is::Int),
    ("currency", Is::Text),
    ("description", Is::Text),
    ("discountable", Is::Bool),
    ("invoice", Is::Text),
    ("metadata", Is::Meta),
    ("period", PERIOD),
    ("price", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("pricing", PRICING),
    ("quantity", Is::Int),
    ("subscription", Is::Text),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::Decimal),
    ("customer_account", Is::NotModelled),
    ("discounts", redemption::ROWS),
    ("quantity_decimal", Is::NotModelled),
    ("tax_behavior", Is::NotModelled),
    ("tax_code", Is::NotModelled),
    ("tax_rates", Is::Texts),
];

const UPDATE: Table = &[
    ("amount", Is::Int),
    ("description", Is::Text),
    ("discountable", Is::Bool),
    ("metadata", Is::Meta),
    ("period", PERIOD),
    ("price", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("pricing", PRICING),
    ("quantity", Is::Int),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::Decimal),
    ("discounts", redemption::ROWS),
    ("quantity_decimal", Is::NotModelled),
    ("tax_behavior", Is::NotModelled),
    ("tax_code", Is::NotModelled),
    ("tax_rates", Is::Texts),
];

/// One of `add_invoice_items` of a subscription.
pub(crate) const EXTRA: Table = &[
    ("price", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("discounts", redemption::ROWS),
    ("metadata", Is::Meta),
    ("period", Is::NotModelled),
    ("tax_rates", Is::Texts),
];

/// One of `invoice_items` of a preview.
pub(crate) const PREVIEWED: Table = &[
    ("amount", Is::Int),
    ("currency", Is::Text),
    ("description", Is::Text),
    ("discountable", Is::Bool),
    ("metadata", Is::Meta),
    ("period", PERIOD),
    ("price", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("unit_amount", Is::Int),
    ("unit_amount_decimal", Is::Decimal),
    ("discounts", Is::NotModelled),
    ("invoiceitem", Is::NotModelled),
    ("quantity_decimal", Is::NotModelled),
    ("tax_behavior", Is::NotModelled),
    ("tax_code", Is::NotModelled),
    ("tax_rates", Is::NotModelled),
];

/// What an item asks for.
pub(crate) struct Asked {
    /// In full; only a currency where it is a bare amount.
    pub(crate) price: Value,
    pub(crate) quantity: i64,
    pub(crate) amount: i64,
}

/// Reads what an item asks for: an amount, or a price and how many of it. `before` is what it asked for until now.
pub(crate) fn asked(
    world: &mut World<'_>,
    given: &Value,
    currency: Option<&str>,
    before: Option<&Value>,
) -> Result<Asked, ApiError> {
    let known = before.map_or(1, |before| int(before, "quantity"));
    let quantity = given["quantity"].as_i64().unwrap_or(known);
    if !(0..=i64::from(u32::MAX)).contains(&quantity) {
        return Err(ApiError::invalid_param("quantity", "Invalid non-negative integer"));
    }
    let price = given["pricing"]["price"].as_str().or_else(|| given["price"].as_str());
    let price = match (price, &given["price_data"]) {
        (Some(price), _) => world.named_by(Kind::Price, price, "price")?,
        (None, data @ Value::Object(_)) => {
            let data = data.clone();
            catalog::price_of(world, &data, "price_data")?
        }
        (None, _) => return bare(world, given, currency, before, quantity),
    };
    if !price["recurring"].is_null() {
        return Err(ApiError::invalid_param(
            "price",
            "The price specified is set to `type=recurring` but this field only accepts prices with \
             `type=one_time`.",
        ));
    }
    let amount = catalog::amount(world, &price, quantity);
    Ok(Asked { price, quantity, amount })
}

/// An amount without a price, or another quantity of the price that there is.
fn bare(
    world: &World<'_>,
    given: &Value,
    currency: Option<&str>,
    before: Option<&Value>,
    quantity: i64,
) -> Result<Asked, ApiError> {
    if let Some(before) = before
        && let Some(price) = before["pricing"]["price_details"]["price"].as_str()
        && given["amount"].is_null()
        && given["unit_amount"].is_null()
        && given["unit_amount_decimal"].is_null()
    {
        let price = world.copy(price);
        let amount = catalog::amount(world, &price, quantity);
        return Ok(Asked { price, quantity, amount });
    }
    let amount = match (&given["amount"], &given["unit_amount"], &given["unit_amount_decimal"]) {
        (Value::Number(amount), ..) => amount.as_i64(),
        (_, Value::Number(unit), _) => unit.as_i64().map(|unit| unit.saturating_mul(quantity)),
        (_, _, Value::String(unit)) => times(unit, quantity),
        _ => before.map(|before| int(before, "amount")),
    };
    let amount = amount.ok_or_else(|| ApiError::missing_param("amount"))?;
    if amount.unsigned_abs() > 999_999_999_999 {
        return Err(ApiError::invalid_param("amount", "Invalid amount: must have at most 12 digits"));
    }
    let currency = currency.ok_or_else(|| ApiError::missing_param("currency"))?;
    Ok(Asked { price: object! { "currency": currency.to_lowercase() }, quantity, amount })
}

/// A decimal number times a quantity, to the nearest unit.
fn times(decimal: &str, quantity: i64) -> Option<i64> {
    let exact = scaled(decimal, 12)?.checked_mul(i128::from(quantity))?;
    Some(divided(exact, 1_000_000_000_000))
}

/// `POST /v1/invoiceitems`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let customer = params.needed("customer")?.to_owned();
    let holder = world.named_by(Kind::Customer, &customer, "customer")?;
    let on = match params.text("invoice") {
        Some(invoice) => Some(invoice::draft_of(world, invoice, &customer)?),
        None => None,
    };
    let parent = match params.text("subscription") {
        Some(subscription) => {
            let owner = world.named_by(Kind::Subscription, subscription, "subscription")?;
            if text(&owner, "customer") != customer || super::status::is_over(&owner) {
                return Err(ApiError::no_such_param("subscription", subscription, "subscription"));
            }
            shape::item_parent(subscription, None)
        }
        None => NULL,
    };
    let currency = params.text("currency").or_else(|| Some(text(on.as_ref()?, "currency")));
    let currency = currency.or_else(|| holder["currency"].as_str());
    let given = Value::Object(params.fields().clone());
    let asked = asked(world, &given, currency, None)?;
    if let Some(on) = &on
        && text(on, "currency") != text(&asked.price, "currency")
    {
        return Err(ApiError::invalid_param(
            "currency",
            "The invoice item's currency must match the currency of the invoice.",
        ));
    }
    let description = params.text("description").map(str::to_owned);
    let mut item = build(world, &customer, &asked, description);
    put(&mut item, "parent", parent);
    params.apply(&mut item, &["discountable", "metadata", "period"]);
    adjust(world, &mut item, params)?;
    let item = world.insert(Kind::InvoiceItem, item);
    world.event("invoiceitem.created", item.clone(), None);
    if let Some(on) = on {
        put_on(world, text(&item, "id"), text(&on, "id"));
    }
    Ok(item)
}

/// `discounts` and `tax_rates` of an item.
fn adjust(world: &mut World<'_>, item: &mut Value, params: &Params) -> Result<(), ApiError> {
    if params.given("tax_rates").is_some() {
        put(item, "tax_rates", tax_rate::named(world, params.list("tax_rates"), "tax_rates")?);
    }
    let (customer, id) = (text(item, "customer").to_owned(), text(item, "id").to_owned());
    let buyer = Buyer { customer: &customer, amount: None };
    let Some(wanted) = redemption::asked(world, params, buyer)? else { return Ok(()) };
    let on = [("customer", customer.as_str()), ("invoice_item", id.as_str())];
    let ids: Vec<_> = wanted.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
    put(item, "discounts", ids);
    Ok(())
}

fn build(world: &mut World<'_>, customer: &str, asked: &Asked, description: Option<String>) -> Value {
    let now = world.second();
    let billed = Billed {
        price: &asked.price,
        quantity: Some(asked.quantity),
        amount: asked.amount,
        description: description.unwrap_or_else(|| catalog::name_of(world, &asked.price)),
        period: (now, now),
    };
    shape::invoice_item(&world.mint("ii"), now, customer, &billed)
}

/// An item as a preview is given it, waiting for the next invoice.
pub(crate) fn pend(
    world: &mut World<'_>,
    customer: &str,
    given: &Value,
    currency: &str,
) -> Result<(), ApiError> {
    let asked = asked(world, given, given["currency"].as_str().or(Some(currency)), None)?;
    let mut item = build(world, customer, &asked, given["description"].as_str().map(str::to_owned));
    for name in ["discountable", "metadata", "period"] {
        if !given[name].is_null() {
            put(&mut item, name, given[name].clone());
        }
    }
    world.insert(Kind::InvoiceItem, item);
    Ok(())
}

/// Puts a pending item on a draft.
pub(crate) fn put_on(world: &mut World<'_>, item: &str, invoice: &str) {
    world.change(item, |item| put(item, "invoice", invoice));
    let line = line(world, world.peek(item));
    let mut lines = vec![line];
    lines.extend(crate::stripe::object::data(&world.peek(invoice)["lines"]).iter().cloned());
    invoice::set_lines(world, invoice, lines);
}

/// `POST /v1/invoiceitems/{id}`: Stripe has no event for it.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::InvoiceItem, id)?;
    let on = before["invoice"].as_str().map(str::to_owned);
    if let Some(invoice) = &on {
        invoice::editable(world.peek(invoice))?;
    }
    let given = Value::Object(params.fields().clone());
    let asked = asked(world, &given, before["currency"].as_str(), Some(&before))?;
    let mut item = before;
    lay_asked(&mut item, &asked);
    params.apply(&mut item, &["description", "discountable", "metadata", "period"]);
    adjust(world, &mut item, params)?;
    world.change(id, |kept| *kept = item);
    if let Some(invoice) = on {
        let fresh = line(world, world.peek(id));
        let mut lines = crate::stripe::object::data(&world.peek(&invoice)["lines"]).to_vec();
        for line in lines.iter_mut().filter(|line| of_item(line, id)) {
            let kept = line["id"].clone();
            *line = fresh.clone();
            put(line, "id", kept);
        }
        invoice::set_lines(world, &invoice, lines);
    }
    Ok(world.copy(id))
}

/// Lays what is asked for over an item or a line.
pub(crate) fn lay_asked(object: &mut Value, asked: &Asked) {
    put(object, "amount", asked.amount);
    put(object, "pricing", shape::pricing(&asked.price));
    put(object, "quantity", asked.quantity);
    put(object, "quantity_decimal", asked.quantity.to_string());
    let total = if object["object"] == "line_item" { "subtotal" } else { "net_amount" };
    put(object, total, asked.amount);
}

/// Whether a line bills this item.
pub(crate) fn of_item(line: &Value, item: &str) -> bool {
    ["invoice_item_details", "subscription_item_details"]
        .iter()
        .any(|details| line["parent"][*details]["invoice_item"] == item)
}

/// `DELETE /v1/invoiceitems/{id}`: what a finalized invoice took stays.
fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let item = world.at_path(Kind::InvoiceItem, id)?;
    if let Some(invoice) = item["invoice"].as_str() {
        let on = world.copy(invoice);
        if text(&on, "status") != "draft" {
            return Err(ApiError::invalid(
                "Can't delete an invoice item that is attached to an invoice that is no longer editable",
            ));
        }
        let mut lines = crate::stripe::object::data(&on["lines"]).to_vec();
        lines.retain(|line| !of_item(line, id));
        invoice::set_lines(world, invoice, lines);
    }
    world.remove(id);
    world.event("invoiceitem.deleted", item, None);
    Ok(deleted(id, "invoiceitem"))
}

/// Reads `add_invoice_items`.
pub(crate) fn read_extra(
    world: &mut World<'_>,
    customer: &str,
    given: &[Value],
) -> Result<Vec<New>, ApiError> {
    if given.len() > 20 {
        return Err(ApiError::invalid_param("add_invoice_items", "You can add at most 20 invoice items."));
    }
    let mut extra = Vec::new();
    for (at, given) in given.iter().enumerate() {
        let param = format!("add_invoice_items[{at}]");
        if given["price"].is_null() && given["price_data"].is_null() {
            return Err(ApiError::missing_param(&format!("{param}[price]")));
        }
        let list = |name: &str| given[name].as_array().map_or(&[][..], Vec::as_slice);
        let Asked { price, quantity, .. } = asked(world, given, None, None)?;
        let buyer = Buyer { customer, amount: None };
        extra.push(New {
            price,
            quantity,
            metadata: given["metadata"].clone(),
            tax_rates: tax_rate::named(world, list("tax_rates"), &format!("{param}[tax_rates]"))?,
            discounts: redemption::rows(world, list("discounts"), &format!("{param}[discounts]"), buyer)?,
        });
    }
    Ok(extra)
}

/// A one-off price that the next invoice of a subscription collects.
pub(crate) fn extra(world: &mut World<'_>, subscription: &Value, extra: &New) {
    let parent = shape::item_parent(text(subscription, "id"), None);
    once(world, text(subscription, "customer"), extra, parent);
}

/// A one-off price that an invoice of its own collects; gives the item.
pub(crate) fn sold(world: &mut World<'_>, customer: &str, sold: &New) -> Value {
    once(world, customer, sold, NULL)
}

fn once(world: &mut World<'_>, customer: &str, extra: &New, parent: Value) -> Value {
    let amount = catalog::amount(world, &extra.price, extra.quantity);
    let asked = Asked { price: extra.price.clone(), quantity: extra.quantity, amount };
    let mut item = build(world, customer, &asked, None);
    let on = [("customer", customer), ("invoice_item", text(&item, "id"))];
    let discounts: Vec<_> =
        extra.discounts.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
    put(&mut item, "discounts", discounts);
    if extra.metadata.is_object() {
        put(&mut item, "metadata", extra.metadata.clone());
    }
    put(&mut item, "parent", parent);
    put(&mut item, "tax_rates", extra.tax_rates.clone());
    let item = world.insert(Kind::InvoiceItem, item);
    world.event("invoiceitem.created", item.clone(), None);
    item
}

/// What waits for an invoice of a customer, or of one of its subscriptions. What subscriptions that have ended left
/// behind goes with whatever comes next.
pub(crate) fn take_pending(world: &World<'_>, customer: &str, subscription: Option<&str>) -> Vec<Value> {
    let goes = |item: &Value| {
        let of = item["parent"]["subscription_details"]["subscription"].as_str();
        of.is_none_or(|of| Some(of) == subscription || super::status::is_over(world.peek(of)))
    };
    world
        .ids_where(Kind::InvoiceItem, "customer", customer)
        .into_iter()
        .map(|id| world.copy(&id))
        .filter(|item| item["invoice"].is_null() && goes(item))
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
    let credited = &world.hidden(text(item, "id"))["credited_items"];
    let mut line = shape::line(&billed, shape::line_of_item(item, credited));
    for field in ["discountable", "discounts", "metadata", "tax_rates"] {
        put(&mut line, field, item[field].clone());
    }
    if let Value::Array(discounts) = &item["proration_details"]["discount_amounts"] {
        put(&mut line, "discount_amounts", discounts.clone());
    }
    line
}

/// Items that an invoice took are no longer pending.
pub(crate) fn settle_on(world: &mut World<'_>, items: &[Value], invoice: &str) {
    for item in items {
        world.change(text(item, "id"), |item| put(item, "invoice", invoice));
    }
}

/// Pending prorations of a subscription that ended go with it; what was added by hand stays.
pub(crate) fn forget_pending(world: &mut World<'_>, subscription: &Value) {
    let id = text(subscription, "id");
    for item in take_pending(world, text(subscription, "customer"), Some(id)) {
        if item["parent"]["subscription_details"]["subscription"] == id && item["proration"] == true {
            world.remove(text(&item, "id"));
            world.event("invoiceitem.deleted", item, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("10.5", 3, Some(32))]
    #[case("0.5", 1, Some(1))]
    #[case("0.333333333333", 3, Some(1))]
    #[case("7", 2, Some(14))]
    #[case("x", 2, None)]
    #[case("99999999999999999999999999999999", 9, None)]
    fn decimals_are_rounded(#[case] unit: &str, #[case] quantity: i64, #[case] expected: Option<i64>) {
        assert_eq!(times(unit, quantity), expected);
    }
}
