//! Credit notes: what a finalized invoice asks for or has taken is lowered again
//! (<https://docs.stripe.com/api/credit_notes/create>).

use serde_json::{Map, Value, json};

use super::credit_balance::{self, Why};
use super::decimal::divided;
use super::total::totals;
use super::{World, invoice, invoice_payment, put_all, refund};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CREATED, CUSTOMER, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, credit_note, data, int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/credit_notes", Kind::CreditNote, &[CUSTOMER, ("invoice", Is::Text), CREATED], AS_USUAL),
    Route::retrieve("/v1/credit_notes/{id}", Kind::CreditNote),
    Route::read("/v1/credit_notes/{id}/lines", PARAMS, lines),
    Route::read("/v1/credit_notes/preview", CREATE, preview),
    Route::create("/v1/credit_notes", CREATE, create),
    Route::change("/v1/credit_notes/{id}", &[("memo", Is::Text), ("metadata", Is::Meta)], update),
    Route::change("/v1/credit_notes/{id}/void", &[], |world, id, _| void(world, id)),
];

const LINE: Table = &[
    ("type", Is::Needed(&Is::Choice(&["custom_line_item", "invoice_line_item"]))),
    ("amount", Is::Int),
    ("description", Is::Text),
    ("invoice_line_item", Is::Text),
    ("quantity", Is::Int),
    ("unit_amount", Is::Int),
    ("metadata", Is::NotModelled),
    ("tax_amounts", Is::NotModelled),
    ("tax_rates", Is::NotModelled),
    ("unit_amount_decimal", Is::NotModelled),
];

const CREATE: Table = &[
    ("invoice", Is::Needed(&Is::Text)),
    ("amount", Is::Int),
    ("credit_amount", Is::Int),
    ("effective_at", Is::Int),
    ("email_type", Is::Choice(&["credit_note", "none"])),
    ("lines", Is::Rows(LINE)),
    ("memo", Is::Text),
    ("metadata", Is::Meta),
    ("out_of_band_amount", Is::Int),
    ("reason", Is::Choice(&["duplicate", "fraudulent", "order_change", "product_unsatisfactory"])),
    ("refund_amount", Is::Int),
    ("refunds", Is::NotModelled),
    ("shipping_cost", Is::NotModelled),
];

/// `GET /v1/credit_notes/{id}/lines`.
fn lines(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let stored = account.find(asked.ids.id).filter(|stored| stored.kind == Kind::CreditNote);
    let stored = stored.ok_or_else(|| ApiError::no_such(Kind::CreditNote.noun(), asked.ids.id))?;
    list::page_of(asked, data(&stored.value()["lines"]), Kind::CreditNote, asked.path)
}

/// `GET /v1/credit_notes/preview`: nothing is kept.
fn preview(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let id = asked.params.needed("invoice")?;
    let invoice = account.find(id).filter(|stored| stored.kind == Kind::Invoice);
    let invoice = invoice.ok_or_else(|| ApiError::no_such_param(Kind::Invoice.noun(), id, "invoice"))?;
    let invoice = invoice.value();
    let now = account.part(asked.home.unwrap_or(super::Home::Large)).now.as_second();
    let number = format!("{}-CN-01", text(invoice, "number"));
    let mut note = credit_note::credit_note("cn_preview", now, invoice, &number);
    fill(&mut note, invoice, asked.params, &mut |prefix| format!("{prefix}_preview"))?;
    Ok(note)
}

/// `POST /v1/credit_notes`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let id = params.needed("invoice")?.to_owned();
    let about = world.named_by(Kind::Invoice, &id, "invoice")?;
    world.attempt(|world| issue(world, &about, params))
}

fn issue(world: &mut World<'_>, about: &Value, params: &Params) -> Result<Value, ApiError> {
    let id = world.mint("cn");
    let before = world.ids_where(Kind::CreditNote, "invoice", text(about, "id")).len();
    let number = format!("{}-CN-{:02}", text(about, "number"), before.saturating_add(1));
    let mut note = credit_note::credit_note(&id, world.second(), about, &number);
    fill(&mut note, about, params, &mut |prefix| world.mint(prefix))?;
    let post = int(&note, "post_payment_amount");
    give_back(world, about, &mut note, params)?;
    let note = world.insert(Kind::CreditNote, note);
    world.event("credit_note.created", note.clone(), None);
    lower(world, text(about, "id"), int(&note, "pre_payment_amount"), post);
    Ok(note)
}

/// Lays lines, sums and texts over a note.
fn fill(
    note: &mut Value,
    about: &Value,
    params: &Params,
    mint: &mut dyn FnMut(&str) -> String,
) -> Result<(), ApiError> {
    if !matches!(text(about, "status"), "open" | "paid" | "uncollectible") {
        return Err(ApiError::invalid_param(
            "invoice",
            "Credit notes can only be created for finalized invoices that are not void.",
        ));
    }
    let lines = read_lines(about, params, mint)?;
    let sums = totals(&lines);
    let credited = int(about, "pre_payment_credit_notes_amount")
        .saturating_add(int(about, "post_payment_credit_notes_amount"));
    if sums.total <= 0 || sums.total > int(about, "total").saturating_sub(credited) {
        return Err(ApiError::invalid_param(
            "amount",
            "The credit note's amount must be positive, and no more than what the invoice has left to credit.",
        ));
    }
    let open = if text(about, "status") == "paid" { 0 } else { int(about, "amount_remaining") };
    let pre = sums.total.min(open);
    let post = sums.total.saturating_sub(pre);
    let kind = match (pre, post) {
        (_, 0) => "pre_payment",
        (0, _) => "post_payment",
        _ => "mixed",
    };
    covers(params, post)?;
    let off = sums.discounts.iter().map(|discount| int(discount, "amount")).fold(0, i64::saturating_add);
    put_all(
        note,
        [
            ("amount", sums.total.into()),
            ("discount_amount", off.into()),
            ("discount_amounts", sums.discounts.into()),
            ("out_of_band_amount", params.int("out_of_band_amount").into()),
            ("post_payment_amount", post.into()),
            ("pre_payment_amount", pre.into()),
            ("subtotal", sums.subtotal.into()),
            ("subtotal_excluding_tax", sums.subtotal_excluding_tax.into()),
            ("total", sums.total.into()),
            ("total_excluding_tax", sums.total_excluding_tax.into()),
            ("total_taxes", sums.taxes.into()),
            ("type", kind.into()),
        ],
    );
    if let Some(list) = note.get_mut("lines") {
        put(list, "data", lines);
    }
    params.apply(note, &["effective_at", "memo", "metadata", "reason"]);
    Ok(())
}

/// What was paid already must be given back in some way.
fn covers(params: &Params, post: i64) -> Result<(), ApiError> {
    let names = ["refund_amount", "credit_amount", "out_of_band_amount"];
    let parts = names.map(|name| params.int(name).unwrap_or_default());
    if parts.iter().any(|part| *part < 0) {
        return Err(ApiError::invalid_param("refund_amount", "Invalid non-negative integer"));
    }
    let given = parts.into_iter().fold(0, i64::saturating_add);
    if given == post {
        return Ok(());
    }
    let dollars = |amount: i64| format!("${}.{:02}", amount / 100, amount % 100);
    Err(ApiError::invalid(format!(
        "The sum of refunds, credit amount, and out of band amount ({}) must equal the credit note \
         post_payment_amount ({}).",
        dollars(given),
        dollars(post)
    )))
}

fn read_lines(
    about: &Value,
    params: &Params,
    mint: &mut dyn FnMut(&str) -> String,
) -> Result<Vec<Value>, ApiError> {
    let rows = params.list("lines");
    match (params.int("amount"), rows.is_empty()) {
        (Some(_), false) => {
            Err(ApiError::invalid("You may only specify one of these parameters: amount, lines."))
        }
        (None, true) => Err(ApiError::missing_param("amount")),
        (Some(amount), true) => Ok(vec![credit_note::line(&mint("cnli"), amount, Some(1), NULL, &NULL)]),
        (None, false) => rows
            .iter()
            .enumerate()
            .map(|(at, row)| read_line(about, row, &format!("lines[{at}]"), &mint("cnli")))
            .collect(),
    }
}

fn read_line(about: &Value, row: &Value, param: &str, id: &str) -> Result<Value, ApiError> {
    if text(row, "type") == "custom_line_item" {
        let quantity = row["quantity"].as_i64().unwrap_or(1);
        let unit = row["unit_amount"].as_i64().map(|unit| unit.saturating_mul(quantity));
        let amount = row["amount"].as_i64().or(unit);
        let amount = amount.ok_or_else(|| ApiError::missing_param(&format!("{param}[unit_amount]")))?;
        let mut line = credit_note::line(id, amount, Some(quantity), row["description"].clone(), &NULL);
        put(&mut line, "unit_amount", row["unit_amount"].clone());
        return Ok(line);
    }
    let wanted = text(row, "invoice_line_item");
    let of = data(&about["lines"]).iter().find(|line| text(line, "id") == wanted);
    let of = of.ok_or_else(|| {
        ApiError::no_such_param("invoice_line_item", wanted, &format!("{param}[invoice_line_item]"))
    })?;
    let whole = int(of, "amount");
    let amount = match (row["amount"].as_i64(), row["quantity"].as_i64()) {
        (Some(amount), _) => amount,
        (None, Some(quantity)) => part(whole, quantity, int(of, "quantity")),
        (None, None) => whole,
    };
    if amount > whole || amount < 0 {
        let message = "The amount to credit is greater than the amount of the invoice line item.";
        return Err(ApiError::invalid_param(&format!("{param}[amount]"), message));
    }
    let quantity = row["quantity"].as_i64().or_else(|| of["quantity"].as_i64());
    let mut line = credit_note::line(id, amount, quantity, of["description"].clone(), &of["id"]);
    for field in ["discount_amounts", "taxes"] {
        let shares: Vec<Value> = of[field]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .map(|entry| {
                let mut share = entry.clone();
                for name in ["amount", "taxable_amount"] {
                    if !entry[name].is_null() {
                        put(&mut share, name, part(int(entry, name), amount, whole));
                    }
                }
                share
            })
            .collect();
        put(&mut line, field, shares);
    }
    let off = line["discount_amounts"].as_array().map_or(&[][..], Vec::as_slice);
    let off = off.iter().map(|discount| int(discount, "amount")).fold(0, i64::saturating_add);
    put(&mut line, "discount_amount", off);
    Ok(line)
}

/// `amount` × `of` / `whole`, to the nearest unit.
fn part(amount: i64, of: i64, whole: i64) -> i64 {
    divided(i128::from(amount).saturating_mul(i128::from(of)), i128::from(whole))
}

/// Refunds, and credits the customer's balance, as the caller asks.
fn give_back(
    world: &mut World<'_>,
    about: &Value,
    note: &mut Value,
    params: &Params,
) -> Result<(), ApiError> {
    let (id, customer) = (text(note, "id").to_owned(), text(about, "customer"));
    if let Some(amount) = params.int("refund_amount").filter(|amount| *amount > 0) {
        let charge = charge_of(world, text(about, "id"), amount);
        if charge.is_empty() {
            return Err(ApiError::invalid_param("refund_amount", "This invoice has no charge to refund."));
        }
        let given = json!({ "amount": amount, "charge": charge });
        let none = Map::new();
        let given = Params::read(given.as_object().unwrap_or(&none), refund::CREATE, &"POST /v1/refunds")?;
        let made = refund::create(world, &given)?;
        let shown = json!([{
            "amount_refunded": amount, "payment_record_refund": null, "refund": made["id"], "type": "refund",
        }]);
        put(note, "refunds", shown);
    }
    if let Some(amount) = params.int("credit_amount").filter(|amount| *amount > 0) {
        let why = Why::CreditNote { note: &id, invoice: text(about, "id") };
        let moved = credit_balance::shift(world, customer, amount.saturating_neg(), why);
        put(note, "customer_balance_transaction", moved);
    }
    Ok(())
}

/// The charge that so much of an invoice is refunded from: the default payment's, else that of an attached one which has
/// as much left.
fn charge_of(world: &World<'_>, invoice: &str, amount: i64) -> String {
    let charge = |intent: &str| text(world.peek(intent), "latest_charge").to_owned();
    let has_left = |id: &String| {
        let charge = world.peek(id);
        charge["paid"] == true
            && int(charge, "amount").saturating_sub(int(charge, "amount_refunded")) >= amount
    };
    let own = invoice_payment::intent_of(world, invoice).map(|intent| charge(&intent)).unwrap_or_default();
    let payments = world.ids_where(Kind::InvoicePayment, "invoice", invoice);
    let attached = payments.iter().map(|id| charge(text(&world.peek(id)["payment"], "payment_intent")));
    std::iter::once(own.clone()).chain(attached).find(has_left).unwrap_or(own)
}

/// The invoice asks for less, or shows what was given back.
fn lower(world: &mut World<'_>, invoice: &str, pre: i64, post: i64) {
    world.update("invoice.updated", invoice, |invoice| {
        invoice::add(invoice, "amount_due", pre.saturating_neg());
        invoice::add(invoice, "amount_remaining", pre.saturating_neg());
        invoice::add(invoice, "pre_payment_credit_notes_amount", pre);
        invoice::add(invoice, "post_payment_credit_notes_amount", post);
    });
    if pre == 0 {
        return;
    }
    if int(world.peek(invoice), "amount_remaining") == 0 {
        return invoice::paid_out_of_band(world, invoice);
    }
    invoice_payment::keep_in_step(world, invoice);
}

/// `POST /v1/credit_notes/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::CreditNote, id)?;
    Ok(world.updated("credit_note.updated", id, |note| params.apply(note, &["memo", "metadata"])))
}

/// `POST /v1/credit_notes/{id}/void`: the open invoice asks for all of it again.
fn void(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let note = world.at_path(Kind::CreditNote, id)?;
    let about = text(&note, "invoice").to_owned();
    if text(&note, "status") == "void" {
        return Err(ApiError::invalid("This credit note has already been voided."));
    }
    if text(&note, "type") != "pre_payment" || text(world.peek(&about), "status") != "open" {
        return Err(ApiError::invalid("You can only void a credit note of an open invoice."));
    }
    let now = world.second();
    world.change(id, |note| put_all(note, [("status", "void".into()), ("voided_at", now.into())]));
    world.tell("credit_note.voided", id);
    lower(world, &about, int(&note, "pre_payment_amount").saturating_neg(), 0);
    Ok(world.copy(id))
}
