//! A credit note can give back through several refunds, and its taxes have the shape of all taxes
//! (docs.stripe.com/changelog/basil, 2025-03-31: `refund` and `tax_amounts` of credit notes).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::{at, put};
use super::taxes;

/// `refund`, the first one, and the amounts without tax, again.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    match kind {
        "credit_note" => {
            let refund = at(object, &["refunds"])[0]["refund"].clone();
            let taxes = taxes::of(object, "total_taxes");
            put(object, "refund", refund);
            put(object, "tax_amounts", taxes::amounts(&taxes));
        }
        "credit_note_line_item" => {
            taxes::without_tax(object, "unit_amount_decimal");
            let taxes = taxes::of(object, "taxes");
            put(object, "tax_amounts", taxes::amounts(&taxes));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    fn tax() -> Value {
        json!([{
            "amount": 20, "tax_behavior": "inclusive", "tax_rate_details": {"tax_rate": "txr_1"},
            "taxability_reason": "standard_rated", "taxable_amount": 100, "type": "tax_rate_details",
        }])
    }

    #[rstest::rstest]
    #[case(json!([]), json!(null))]
    #[case(json!([{"refund": "re_1", "amount_refunded": 5}, {"refund": "re_2"}]), json!("re_1"))]
    fn a_credit_note_has_one_refund(#[case] refunds: Value, #[case] expected: Value) {
        let note = json!({"id": "cn_1", "object": "credit_note", "refunds": refunds, "total_taxes": tax()});
        let shaped = downgrade(&note, BEFORE, &Kin::default());
        assert_eq!(shaped.get("refund"), Some(&expected));
        assert_eq!(shaped["tax_amounts"][0]["tax_rate"], "txr_1");
        assert_eq!(shaped["refunds"], note["refunds"]);
        assert_eq!(downgrade(&note, SINCE, &Kin::default()), note);
    }

    #[test]
    fn a_line_has_its_amounts_without_tax() {
        let line = json!({
            "id": "cnli_1", "object": "credit_note_line_item", "amount": 120, "quantity": 2, "taxes": tax(),
            "unit_amount_decimal": "60",
        });
        let shaped = downgrade(&line, BEFORE, &Kin::default());
        assert_eq!(shaped["amount_excluding_tax"], 100);
        assert_eq!(shaped["unit_amount_excluding_tax"], "50");
        assert_eq!(shaped["tax_amounts"][0]["inclusive"], true);
        assert_eq!(downgrade(&line, SINCE, &Kin::default()), line);
    }
}
