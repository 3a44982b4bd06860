//! `pricing` says what a line and an invoice item cost (…/2025-03-31/invoice-pricing-configurations).

use serde_json::{Map, Value, json};

use super::super::Downgrade;
use super::super::fields::{at, put};
use crate::stripe::object::catalog;

/// `price` and `plan` again, whole. A price that is not known is only as much as `pricing` tells.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, way: &Downgrade<'_>) {
    if kind != "line_item" && kind != "invoiceitem" {
        return;
    }
    let (price, plan) = price(object, way);
    put(object, "plan", plan);
    put(object, "price", price);
    if kind == "invoiceitem" {
        let decimal = at(object, &["pricing", "unit_amount_decimal"]);
        let whole = decimal.as_str().and_then(|decimal| decimal.parse::<i64>().ok());
        put(object, "unit_amount", whole);
        put(object, "unit_amount_decimal", decimal);
    }
}

fn price(object: &Map<String, Value>, way: &Downgrade<'_>) -> (Value, Value) {
    let named = at(object, &["pricing", "price_details", "price"]);
    if let Some(price) = way.find(&named, "price") {
        let plan = if price["recurring"].is_object() { plan(&price, way) } else { Value::Null };
        return (price, plan);
    }
    let known = named.as_str().map(|id| {
        json!({
            "id": id, "object": "price", "product": at(object, &["pricing", "price_details", "product"]),
            "unit_amount_decimal": at(object, &["pricing", "unit_amount_decimal"]),
        })
    });
    (known.unwrap_or_default(), Value::Null)
}

fn plan(price: &Value, way: &Downgrade<'_>) -> Value {
    let mut plan = catalog::plan(price);
    way.walk(&mut plan);
    plan
}

#[cfg(test)]
mod tests {
    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    fn price(recurring: Value) -> Value {
        catalog::price("price_1", 1, "prod_1", "usd", 900, recurring)
    }

    fn line(kind: &str) -> Value {
        let details = json!({"price": "price_1", "product": "prod_1"});
        json!({"object": kind, "pricing": {"price_details": details, "unit_amount_decimal": "900"}})
    }

    #[test]
    fn a_line_carries_its_price_and_plan() {
        let kin = Kin(vec![price(catalog::recurring("month", 1, None))]);
        let shaped = downgrade(&line("line_item"), BEFORE, &kin);
        assert_eq!(
            (&shaped["price"]["id"], &shaped["price"]["unit_amount"]),
            (&json!("price_1"), &json!(900))
        );
        assert_eq!(
            (&shaped["plan"]["id"], &shaped["plan"]["interval"]),
            (&json!("price_1"), &json!("month"))
        );
        assert_eq!(shaped["price"]["recurring"].get("aggregate_usage"), Some(&json!(null)));
        assert_eq!(shaped["plan"].get("aggregate_usage"), Some(&json!(null)));
        assert_eq!(downgrade(&line("line_item"), SINCE, &kin), line("line_item"));
    }

    #[test]
    fn what_is_paid_once_has_no_plan() {
        let shaped = downgrade(&line("invoiceitem"), BEFORE, &Kin(vec![price(Value::Null)]));
        assert_eq!((&shaped["price"]["type"], &shaped["plan"]), (&json!("one_time"), &json!(null)));
        assert_eq!((&shaped["unit_amount"], &shaped["unit_amount_decimal"]), (&json!(900), &json!("900")));
    }

    #[test]
    fn an_unknown_price_is_what_pricing_tells() {
        let shaped = downgrade(&line("line_item"), BEFORE, &Kin::default());
        assert_eq!(
            shaped["price"],
            json!({"id": "price_1", "object": "price", "product": "prod_1", "unit_amount_decimal": "900"})
        );
        let shaped = downgrade(&json!({"object": "line_item", "pricing": null}), BEFORE, &Kin::default());
        assert_eq!((&shaped["price"], &shaped["plan"]), (&json!(null), &json!(null)));
    }
}
