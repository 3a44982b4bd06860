//! Lays discounts and taxes on the lines of an invoice that is being drafted.

use serde_json::Value;

use super::discount::{self, Line};
use super::redemption::{self, Buyer};
use super::tax::{self, Payer, Rate};
use super::total::add_up;
use super::{World, put_all, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::Params;
use crate::stripe::object::{data, int, put, text};

/// Gives each line its `discount_amounts`, then its `taxes` on what is left. `discounts` are those of the whole
/// invoice; a line names its own under `discounts`, and its own tax rates, whole, under `tax_rates`, which goes:
/// since 2025-03-31.basil lines show what the rates came to, not the rates.
pub(crate) fn adjust(world: &World<'_>, invoice: &mut Value, lines: &mut [Value], discounts: &[String]) {
    let seen: Vec<Line> = lines.iter().map(|line| seen(world, line)).collect();
    let whole: Vec<_> = discounts.iter().map(|id| redemption::terms_of(world, id)).collect();
    let taken = discount::take(&seen, &whole);
    let payer = Payer::of(text(invoice, "customer_tax_exempt"));
    let defaults = rates(&invoice["default_tax_rates"]);
    for (line, taken) in lines.iter_mut().zip(&taken) {
        let own =
            line.as_object_mut().and_then(|fields| fields.shift_remove("tax_rates")).unwrap_or_default();
        let own = rates(&own);
        // A proration keeps the discounts that it came with.
        let amounts = match line["discountable"] == false {
            true => line["discount_amounts"].clone(),
            false => discount::amounts(taken),
        };
        let off = amounts.as_array().into_iter().flatten().map(|taken| int(taken, "amount"));
        let left = off.fold(int(line, "amount"), i64::saturating_sub);
        let taxes = tax::on(left, if own.is_empty() { &defaults } else { &own }, payer);
        put_all(line, [("discount_amounts", amounts), ("taxes", tax::shown(&taxes, payer))]);
    }
    put(invoice, "discounts", discounts);
}

/// `discounts` and `default_tax_rates` of an update of a draft: its lines are counted anew.
pub(crate) fn change(world: &mut World<'_>, invoice: &mut Value, params: &Params) -> Result<(), ApiError> {
    let customer = text(invoice, "customer").to_owned();
    let wanted = redemption::asked(world, params, Buyer { customer: &customer, amount: None })?;
    let rates = params.given("default_tax_rates").is_some();
    if !rates && wanted.is_none() {
        return Ok(());
    }
    if text(invoice, "status") != "draft" {
        return Err(ApiError::invalid("Finalized invoices can't be updated in this way"));
    }
    let old = ids_of(&invoice["default_tax_rates"]);
    if rates {
        let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
        put(invoice, "default_tax_rates", rates);
    }
    if let Some(wanted) = wanted {
        let id = text(invoice, "id").to_owned();
        let on = [("customer", customer.as_str()), ("invoice", id.as_str())];
        let ids: Vec<_> = wanted.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
        put(invoice, "discounts", ids);
    }
    again(world, invoice, &old);
    Ok(())
}

/// Counts the lines of a draft anew. `old` are the rates that lines had from the invoice until now: a line that was
/// taxed by others has them of its own.
fn again(world: &World<'_>, invoice: &mut Value, old: &[Value]) {
    let mut lines = data(&invoice["lines"]).to_vec();
    for line in &mut lines {
        let taxes = line["taxes"].as_array().map_or(&[][..], Vec::as_slice);
        let by: Vec<Value> = taxes.iter().map(|tax| tax["tax_rate_details"]["tax_rate"].clone()).collect();
        let own = by != old;
        let rates: Vec<Value> = by.iter().filter_map(Value::as_str).map(|id| world.copy(id)).collect();
        // A line that is new says itself which rates it has.
        if own && line.get("tax_rates").is_none() {
            put(line, "tax_rates", rates);
        }
    }
    let discounts = redemption::ids(&invoice["discounts"]);
    adjust(world, invoice, &mut lines, &discounts);
    if let Some(list) = invoice.get_mut("lines") {
        put(list, "data", lines);
    }
    add_up(invoice, int(world.peek(text(invoice, "customer")), "balance"));
}

/// Counts the lines of a draft anew after some of them changed.
pub(crate) fn recount(world: &World<'_>, invoice: &mut Value) {
    let old = ids_of(&invoice["default_tax_rates"]);
    again(world, invoice, &old);
}

fn ids_of(rates: &Value) -> Vec<Value> {
    rates.as_array().map_or(&[][..], Vec::as_slice).iter().map(|rate| rate["id"].clone()).collect()
}

/// A line as discounts see it.
fn seen(world: &World<'_>, line: &Value) -> Line {
    let own = redemption::ids(&line["discounts"]);
    Line {
        amount: int(line, "amount"),
        currency: text(line, "currency").to_owned(),
        product: text(&line["pricing"]["price_details"], "product").to_owned(),
        fixed: line["discountable"] == false,
        own: own.iter().map(|id| redemption::terms_of(world, id)).collect(),
    }
}

/// Tax rates as they do.
pub(crate) fn rates(field: &Value) -> Vec<Rate> {
    field.as_array().map_or(&[][..], Vec::as_slice).iter().map(Rate::of).collect()
}
