//! The lines of a draft, edited one by one or in bulk.

use serde_json::Value;

use super::invoice_item::{self, Asked};
use super::{World, catalog, invoice};
use crate::provider::double::error::ApiError;
use crate::provider::double::list;
use crate::provider::double::params::{Is, Params, Table, merge_metadata};
use crate::provider::double::route::{Asked as Question, Ids};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::Billed;
use crate::stripe::object::{NULL, int, invoice as shape, put, text};

const PERIOD: Is = Is::Fields(&[("end", Is::Needed(&Is::Int)), ("start", Is::Needed(&Is::Int))]);

const PRICING: Is = Is::Fields(&[("price", Is::Text)]);

/// One line to add: an invoice item that waits, or what a new one asks for.
const NEW: Table = &[
    ("amount", Is::Int),
    ("description", Is::Text),
    ("discountable", Is::Bool),
    ("invoice_item", Is::Text),
    ("metadata", Is::Meta),
    ("period", PERIOD),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("pricing", PRICING),
    ("quantity", Is::Int),
    ("discounts", Is::NotModelled),
    ("quantity_decimal", Is::NotModelled),
    ("tax_amounts", Is::NotModelled),
    ("tax_rates", Is::NotModelled),
];

const CHANGED: Table = &[
    ("id", Is::Needed(&Is::Text)),
    ("amount", Is::Int),
    ("description", Is::Text),
    ("discountable", Is::Bool),
    ("metadata", Is::Meta),
    ("period", PERIOD),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("pricing", PRICING),
    ("quantity", Is::Int),
    ("discounts", Is::NotModelled),
    ("quantity_decimal", Is::NotModelled),
    ("tax_amounts", Is::NotModelled),
    ("tax_rates", Is::NotModelled),
];

pub(crate) const ADD: Table = &[("invoice_metadata", Is::Meta), ("lines", Is::Needed(&Is::Rows(NEW)))];

pub(crate) const UPDATE_MANY: Table =
    &[("invoice_metadata", Is::Meta), ("lines", Is::Needed(&Is::Rows(CHANGED)))];

pub(crate) const REMOVE: Table = &[
    ("invoice_metadata", Is::Meta),
    (
        "lines",
        Is::Needed(&Is::Rows(&[
            ("behavior", Is::Needed(&Is::Choice(&["delete", "unassign"]))),
            ("id", Is::Needed(&Is::Text)),
        ])),
    ),
];

pub(crate) const UPDATE: Table = &[
    ("amount", Is::Int),
    ("description", Is::Text),
    ("discountable", Is::Bool),
    ("metadata", Is::Meta),
    ("period", PERIOD),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("pricing", PRICING),
    ("quantity", Is::Int),
    ("discounts", Is::NotModelled),
    ("quantity_decimal", Is::NotModelled),
    ("tax_amounts", Is::NotModelled),
    ("tax_rates", Is::NotModelled),
];

/// `GET /v1/invoices/{id}/lines`.
pub(crate) fn list(account: &Account, asked: &Question<'_>) -> Result<Value, ApiError> {
    let stored = account.find(asked.ids.id).filter(|stored| stored.kind == Kind::Invoice);
    let stored = stored.ok_or_else(|| ApiError::no_such(Kind::Invoice.noun(), asked.ids.id))?;
    list::page_of(asked, invoice::lines_of(stored.value()), Kind::Invoice, asked.path)
}

fn draft_at(world: &World<'_>, id: &str) -> Result<Value, ApiError> {
    let draft = world.at_path(Kind::Invoice, id)?;
    invoice::editable(&draft)?;
    Ok(draft)
}

/// `POST /v1/invoices/{id}/add_lines`: the new ones stand first.
pub(crate) fn add(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let draft = draft_at(world, id)?;
    world.attempt(|world| {
        let mut lines = Vec::new();
        for (at, given) in params.list("lines").iter().enumerate() {
            lines.insert(0, new_line(world, &draft, given, at)?);
        }
        lines.extend(invoice::lines_of(&draft).iter().cloned());
        lay(world, id, lines, params);
        Ok(())
    })?;
    Ok(world.copy(id))
}

fn new_line(world: &mut World<'_>, draft: &Value, given: &Value, at: usize) -> Result<Value, ApiError> {
    if let Some(item) = given["invoice_item"].as_str() {
        let param = format!("lines[{at}][invoice_item]");
        let waiting = world.named_by(Kind::InvoiceItem, item, &param)?;
        if !waiting["invoice"].is_null() || waiting["customer"] != draft["customer"] {
            return Err(ApiError::no_such_param(Kind::InvoiceItem.noun(), item, &param));
        }
        world.change(item, |item| put(item, "invoice", draft["id"].clone()));
        let lines = invoice_item::lines(world, &[waiting]);
        return Ok(lines.into_iter().next().unwrap_or_default());
    }
    if !given["amount"].is_null() && !given["quantity"].is_null() {
        return Err(ApiError::invalid_param(
            &format!("lines[{at}][amount]"),
            "You may only specify one of these parameters: amount, quantity.",
        ));
    }
    let asked = invoice_item::asked(world, given, draft["currency"].as_str(), None)?;
    let now = world.second();
    let billed = Billed {
        price: &asked.price,
        quantity: Some(asked.quantity),
        amount: asked.amount,
        description: given["description"]
            .as_str()
            .map_or_else(|| catalog::name_of(world, &asked.price), str::to_owned),
        period: (now, now),
    };
    let item = world.mint("ii");
    let mut item = shape::invoice_item(&item, now, text(draft, "customer"), &billed);
    put(&mut item, "invoice", draft["id"].clone());
    lay_texts(&mut item, given);
    let item = world.insert(Kind::InvoiceItem, item);
    world.event("invoiceitem.created", item.clone(), None);
    let lines = invoice_item::lines(world, &[item]);
    Ok(lines.into_iter().next().unwrap_or_default())
}

/// `POST /v1/invoices/{id}/lines/{line}`, answered with the line.
pub(crate) fn update(world: &mut World<'_>, ids: Ids<'_>, params: &Params) -> Result<Value, ApiError> {
    let draft = draft_at(world, ids.id)?;
    let given = Value::Object(params.fields().clone());
    world.attempt(|world| {
        let mut lines = invoice::lines_of(&draft).to_vec();
        change(world, &mut lines, ids.sub, &given, "line_item_id")?;
        lay(world, ids.id, lines, params);
        Ok(())
    })?;
    let after = world.peek(ids.id);
    let line = invoice::lines_of(after).iter().find(|line| text(line, "id") == ids.sub);
    line.cloned().ok_or_else(|| ApiError::no_such("line_item", ids.sub))
}

/// `POST /v1/invoices/{id}/update_lines`.
pub(crate) fn update_many(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let draft = draft_at(world, id)?;
    world.attempt(|world| {
        let mut lines = invoice::lines_of(&draft).to_vec();
        for (at, given) in params.list("lines").iter().enumerate() {
            change(world, &mut lines, text(given, "id"), given, &format!("lines[{at}][id]"))?;
        }
        lay(world, id, lines, params);
        Ok(())
    })?;
    Ok(world.copy(id))
}

fn change(
    world: &mut World<'_>,
    lines: &mut [Value],
    id: &str,
    given: &Value,
    param: &str,
) -> Result<(), ApiError> {
    let Some(line) = lines.iter_mut().find(|line| text(line, "id") == id) else {
        return Err(ApiError::no_such_param("line_item", id, param));
    };
    let asks = ["amount", "price_data", "pricing", "quantity"].iter().any(|name| !given[*name].is_null());
    if asks {
        let Asked { price, quantity, amount } =
            invoice_item::asked(world, given, line["currency"].as_str(), Some(line))?;
        invoice_item::lay_asked(line, &Asked { price, quantity, amount });
    }
    lay_texts(line, given);
    let item = ["invoice_item_details", "subscription_item_details"]
        .iter()
        .find_map(|details| line["parent"][*details]["invoice_item"].as_str());
    if let Some(item) = item {
        let line = line.clone();
        world.change(item, |item| {
            for name in
                ["amount", "pricing", "quantity", "quantity_decimal", "description", "metadata", "period"]
            {
                put(item, name, line[name].clone());
            }
            let amount = int(item, "amount");
            put(item, "net_amount", amount);
        });
    }
    Ok(())
}

fn lay_texts(object: &mut Value, given: &Value) {
    for name in ["description", "discountable", "period"] {
        if !given[name].is_null() {
            put(object, name, given[name].clone());
        }
    }
    if let Some(metadata) = object.get_mut("metadata").filter(|_| given.get("metadata").is_some()) {
        merge_metadata(metadata, &given["metadata"]);
    }
}

/// `POST /v1/invoices/{id}/remove_lines`: the items behind them are deleted, or wait again.
pub(crate) fn remove(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let draft = draft_at(world, id)?;
    world.attempt(|world| {
        let mut lines = invoice::lines_of(&draft).to_vec();
        for (at, given) in params.list("lines").iter().enumerate() {
            let wanted = text(given, "id");
            let Some(place) = lines.iter().position(|line| text(line, "id") == wanted) else {
                return Err(ApiError::no_such_param("line_item", wanted, &format!("lines[{at}][id]")));
            };
            let line = lines.remove(place);
            drop_item(world, &line, text(given, "behavior"));
        }
        lay(world, id, lines, params);
        Ok(())
    })?;
    Ok(world.copy(id))
}

fn drop_item(world: &mut World<'_>, line: &Value, behavior: &str) {
    let item = ["invoice_item_details", "subscription_item_details"]
        .iter()
        .find_map(|details| line["parent"][*details]["invoice_item"].as_str());
    let Some(item) = item else { return };
    if behavior == "unassign" {
        return world.change(item, |item| put(item, "invoice", NULL));
    }
    let gone = world.copy(item);
    world.remove(item);
    world.event("invoiceitem.deleted", gone, None);
}

fn lay(world: &mut World<'_>, id: &str, lines: Vec<Value>, params: &Params) {
    if let Some(metadata) = params.given("invoice_metadata") {
        world.change(id, |invoice| {
            if let Some(kept) = invoice.get_mut("metadata") {
                merge_metadata(kept, metadata);
            }
        });
    }
    invoice::set_lines(world, id, lines);
}
