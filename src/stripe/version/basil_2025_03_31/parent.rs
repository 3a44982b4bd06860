//! `parent` says what an invoice, a line and an invoice item come from
//! (…/2025-03-31/adds-new-parent-field-to-invoicing-objects).

use serde_json::{Map, Value, json};

use super::super::Downgrade;
use super::super::fields::{at, put};

/// The fields that `parent` replaced are there again.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    match kind {
        "invoice" => invoice(object),
        "line_item" => line(object),
        "invoiceitem" => invoice_item(object),
        _ => {}
    }
}

fn invoice(object: &mut Map<String, Value>) {
    let details = |field: &str| at(object, &["parent", "subscription_details", field]);
    let (subscription, metadata) = (details("subscription"), details("metadata"));
    let prorated_at = details("subscription_proration_date");
    let quote = at(object, &["parent", "quote_details", "quote"]);
    put(object, "quote", quote);
    put(object, "subscription", subscription);
    put(object, "subscription_details", json!({ "metadata": metadata }));
    if !prorated_at.is_null() {
        put(object, "subscription_proration_date", prorated_at);
    }
}

/// `subscription` never left a line. A field that says nothing about a line is not there at all.
fn line(object: &mut Map<String, Value>) {
    let (details, kind) = match at(object, &["parent", "type"]).as_str() {
        Some("subscription_item_details") => ("subscription_item_details", "subscription"),
        Some("invoice_item_details") => ("invoice_item_details", "invoiceitem"),
        _ => return,
    };
    let detail = |field: &str| at(object, &["parent", details, field]);
    let (proration, proration_details) = (detail("proration"), detail("proration_details"));
    let (invoice_item, item) = (detail("invoice_item"), detail("subscription_item"));
    put(object, "proration", proration.as_bool().unwrap_or_default());
    put(object, "proration_details", proration_details);
    put(object, "type", kind);
    for (field, value) in [("invoice_item", invoice_item), ("subscription_item", item)] {
        if !value.is_null() {
            put(object, field, value);
        }
    }
}

fn invoice_item(object: &mut Map<String, Value>) {
    let detail = |field: &str| at(object, &["parent", "subscription_details", field]);
    let (subscription, item) = (detail("subscription"), detail("subscription_item"));
    put(object, "subscription", subscription);
    if !item.is_null() {
        put(object, "subscription_item", item);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;
    use crate::stripe::object::invoice;

    fn older(object: &Value) -> Value {
        downgrade(object, BEFORE, &Kin::default())
    }

    #[test]
    fn an_invoice_names_its_subscription() {
        let subscription = json!({"id": "sub_1", "metadata": {"user": "7"}});
        let made = json!({"id": "in_1", "object": "invoice", "parent": invoice::parent(&subscription)});
        let shaped = older(&made);
        assert_eq!(shaped["subscription"], "sub_1");
        assert_eq!(shaped["subscription_details"], json!({"metadata": {"user": "7"}}));
        assert_eq!(shaped["parent"], made["parent"]);
        assert_eq!(downgrade(&made, SINCE, &Kin::default()), made);
    }

    #[test]
    fn an_invoice_made_by_hand_names_none() {
        let shaped = older(&json!({"id": "in_1", "object": "invoice", "parent": null}));
        assert_eq!((&shaped["subscription"], &shaped["quote"]), (&json!(null), &json!(null)));
        assert_eq!(shaped["subscription_details"], json!({"metadata": null}));
        assert_eq!(shaped.get("subscription_proration_date"), None);
    }

    #[test]
    fn a_line_says_where_it_comes_from() {
        let parent = invoice::line_of_subscription("sub_1", "si_1");
        let shaped =
            older(&json!({"id": "il_1", "object": "line_item", "parent": parent, "subscription": "sub_1"}));
        assert_eq!((&shaped["type"], &shaped["subscription_item"]), (&json!("subscription"), &json!("si_1")));
        assert_eq!((&shaped["proration"], &shaped["subscription"]), (&json!(false), &json!("sub_1")));
        assert_eq!(shaped.get("invoice_item"), None);
        let item = json!({"id": "ii_1", "proration": true, "parent": {"subscription_details": {"subscription": "sub_1"}}});
        let shaped =
            older(&json!({"object": "line_item", "parent": invoice::line_of_item(&item, &json!(null))}));
        assert_eq!((&shaped["type"], &shaped["invoice_item"]), (&json!("invoiceitem"), &json!("ii_1")));
        assert_eq!((&shaped["proration"], shaped.get("subscription_item")), (&json!(true), None));
    }

    #[test]
    fn an_invoice_item_names_its_subscription() {
        let parent = json!({"subscription_details": {"subscription": "sub_1", "subscription_item": "si_1"}});
        let shaped = older(&json!({"id": "ii_1", "object": "invoiceitem", "parent": parent}));
        assert_eq!(
            (&shaped["subscription"], &shaped["subscription_item"]),
            (&json!("sub_1"), &json!("si_1"))
        );
    }
}
