//! Taxes have one shape on invoices and lines (…/2025-03-31/invoice-tax-configurations).

use serde_json::{Map, Value, json};

use super::super::Downgrade;
use super::super::fields::{at, put};
use crate::stripe::object::{int, text};

/// `tax` and `total_tax_amounts` of the invoice, and the amounts of its lines without tax, again. Which rates a line
/// was given by hand can no longer be told: `tax_rates` is empty.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    match kind {
        "invoice" => {
            let taxes = of(object, "total_taxes");
            let tax = (!taxes.is_empty()).then(|| sum(&taxes));
            put(object, "tax", tax);
            put(object, "total_tax_amounts", amounts(&taxes));
        }
        "line_item" => line(object),
        _ => {}
    }
}

fn line(object: &mut Map<String, Value>) {
    without_tax(object, "pricing");
    let taxes = of(object, "taxes");
    put(object, "tax_amounts", amounts(&taxes));
    put(object, "tax_rates", json!([]));
}

/// The amounts of a line without the taxes that they include. `decimal` is where it says what one costs, in case
/// the amount of one does not come out even.
pub(super) fn without_tax(object: &mut Map<String, Value>, decimal: &str) {
    let inclusive: Vec<Value> = of(object, "taxes").into_iter().filter(is_inclusive).collect();
    let Some(amount) = object.get("amount").and_then(Value::as_i64) else { return };
    let net = amount.saturating_sub(sum(&inclusive));
    let unit = per_unit(net, object.get("quantity").and_then(Value::as_i64));
    let unit = unit.map_or_else(
        || match at(object, &[decimal]) {
            Value::Object(pricing) => at(&pricing, &["unit_amount_decimal"]),
            decimal => decimal,
        },
        Value::from,
    );
    put(object, "amount_excluding_tax", net);
    put(object, "unit_amount_excluding_tax", unit);
}

/// The taxes that stand in `field`.
pub(super) fn of(object: &Map<String, Value>, field: &str) -> Vec<Value> {
    at(object, &[field]).as_array().cloned().unwrap_or_default()
}

fn sum(taxes: &[Value]) -> i64 {
    taxes.iter().fold(0, |sum, tax| sum.saturating_add(int(tax, "amount")))
}

fn is_inclusive(tax: &Value) -> bool {
    text(tax, "tax_behavior") == "inclusive"
}

/// Taxes as they were shown before.
pub(super) fn amounts(taxes: &[Value]) -> Value {
    let amount = |tax: &Value| {
        json!({
            "amount": tax.get("amount"), "inclusive": is_inclusive(tax),
            "tax_rate": tax.get("tax_rate_details").and_then(|details| details.get("tax_rate")),
            "taxability_reason": reason(tax), "taxable_amount": tax.get("taxable_amount"),
        })
    };
    taxes.iter().map(amount).collect()
}

/// Of a rate that was given by hand there is none: a word of its own since basil, null before.
fn reason(tax: &Value) -> Option<&Value> {
    tax.get("taxability_reason").filter(|reason| **reason != "not_available")
}

/// A text, as every decimal of Stripe's; `None` where the amount does not come out even.
fn per_unit(amount: i64, quantity: Option<i64>) -> Option<String> {
    let quantity = quantity.filter(|quantity| *quantity > 0)?;
    (amount % quantity == 0).then(|| (amount / quantity).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    fn tax(amount: i64, behavior: &str) -> Value {
        json!({
            "amount": amount, "tax_behavior": behavior, "tax_rate_details": {"tax_rate": "txr_1"},
            "taxability_reason": "standard_rated", "taxable_amount": 100, "type": "tax_rate_details",
        })
    }

    #[rstest::rstest]
    #[case(json!([]), json!(null))]
    #[case(json!([tax(19, "exclusive"), tax(2, "inclusive")]), json!(21))]
    fn an_invoice_has_its_tax(#[case] taxes: Value, #[case] expected: Value) {
        let invoice = json!({"id": "in_1", "object": "invoice", "total_taxes": taxes});
        let shaped = downgrade(&invoice, BEFORE, &Kin::default());
        assert_eq!(shaped.get("tax"), Some(&expected));
        assert_eq!(shaped["total_tax_amounts"].as_array().map(Vec::len), taxes.as_array().map(Vec::len));
        assert_eq!(downgrade(&invoice, SINCE, &Kin::default()), invoice);
    }

    #[test]
    fn a_rate_given_by_hand_has_no_reason() {
        let mut by_hand = tax(19, "exclusive");
        by_hand["taxability_reason"] = "not_available".into();
        let invoice = json!({"id": "in_1", "object": "invoice", "total_taxes": [by_hand]});
        let shaped = downgrade(&invoice, BEFORE, &Kin::default());
        assert_eq!(shaped["total_tax_amounts"][0].get("taxability_reason"), Some(&json!(null)));
        assert_eq!(downgrade(&invoice, SINCE, &Kin::default()), invoice);
    }

    #[test]
    fn a_line_has_its_amounts_without_tax() {
        let line = json!({"object": "line_item", "amount": 300, "quantity": 2, "taxes": [tax(20, "inclusive"), tax(5, "exclusive")]});
        let shaped = downgrade(&line, BEFORE, &Kin::default());
        assert_eq!(
            (&shaped["amount_excluding_tax"], &shaped["unit_amount_excluding_tax"]),
            (&json!(280), &json!("140"))
        );
        assert_eq!(
            shaped["tax_amounts"][0],
            json!({"amount": 20, "inclusive": true, "tax_rate": "txr_1", "taxability_reason": "standard_rated", "taxable_amount": 100})
        );
        assert_eq!(shaped["tax_rates"], json!([]));
    }

    #[rstest::rstest]
    #[case::uneven(json!(3), json!("33.3"))]
    #[case::usage(json!(null), json!("33.3"))]
    #[case::none(json!(0), json!("33.3"))]
    #[case::even(json!(4), json!("25"))]
    fn a_unit_that_does_not_come_out_even_is_what_pricing_says(
        #[case] quantity: Value,
        #[case] expected: Value,
    ) {
        let line = json!({"object": "line_item", "amount": 100, "quantity": quantity, "pricing": {"unit_amount_decimal": "33.3"}});
        assert_eq!(downgrade(&line, BEFORE, &Kin::default())["unit_amount_excluding_tax"], expected);
    }
}
