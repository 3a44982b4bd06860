//! What the lines of an invoice add up to.

use serde_json::{Value, json};

use super::put_all;
use crate::stripe::object::{data, int, put};

/// The sums of an invoice, of a credit note, or of a preview of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    /// What the lines ask for before anything comes off or on.
    pub(crate) subtotal: i64,
    /// The same without the taxes that prices include.
    pub(crate) subtotal_excluding_tax: i64,
    /// What is asked for: less discounts, with the taxes that come on top.
    pub(crate) total: i64,
    /// The same without any taxes.
    pub(crate) total_excluding_tax: i64,
    /// `{amount, discount}`, one a discount.
    pub(crate) discounts: Vec<Value>,
    /// As the lines' `taxes`, one a rate.
    pub(crate) taxes: Vec<Value>,
}

/// Sums line items by their `amount`, `discount_amounts` and `taxes`.
pub(crate) fn totals(lines: &[Value]) -> Totals {
    let subtotal = sum(lines, "amount");
    let discounts = gathered(lines, "discount_amounts", |discount| discount["discount"].clone());
    let taxes =
        gathered(lines, "taxes", |tax| json!([tax["tax_rate_details"]["tax_rate"], tax["tax_behavior"]]));
    let off = sum(&discounts, "amount");
    let behaves = |behavior: &str| {
        let of = taxes.iter().filter(|tax| tax["tax_behavior"] == behavior);
        of.map(|tax| int(tax, "amount")).fold(0, i64::saturating_add)
    };
    let (inclusive, exclusive) = (behaves("inclusive"), behaves("exclusive"));
    let left = subtotal.saturating_sub(off);
    Totals {
        subtotal,
        subtotal_excluding_tax: subtotal.saturating_sub(inclusive),
        total: left.saturating_add(exclusive),
        total_excluding_tax: left.saturating_sub(inclusive),
        discounts,
        taxes,
    }
}

fn sum(values: &[Value], field: &str) -> i64 {
    values.iter().map(|value| int(value, field)).fold(0, i64::saturating_add)
}

/// The entries of a field of all lines; those of one key are one, with their amounts together.
fn gathered(lines: &[Value], field: &str, key: impl Fn(&Value) -> Value) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for entry in lines.iter().filter_map(|line| line[field].as_array()).flatten() {
        match found.iter_mut().find(|known| key(known) == key(entry)) {
            Some(known) => {
                for field in ["amount", "taxable_amount"] {
                    if !entry[field].is_null() {
                        let together = int(known, field).saturating_add(int(entry, field));
                        put(known, field, together);
                    }
                }
            }
            None => found.push(entry.clone()),
        }
    }
    found
}

/// Gives an invoice the sums of its lines: a credit of the customer lowers what is due, a debit raises it, and a
/// negative total becomes a credit.
pub(crate) fn add_up(invoice: &mut Value, balance: i64) {
    let totals = totals(data(&invoice["lines"]));
    let shipping = int(&invoice["shipping_cost"], "amount_total");
    let total = totals.total.saturating_add(shipping);
    let due = total.saturating_add(balance).max(0);
    put_all(
        invoice,
        [
            ("amount_due", due.into()),
            ("amount_remaining", due.into()),
            ("amount_shipping", shipping.into()),
            ("starting_balance", balance.into()),
            ("subtotal", totals.subtotal.into()),
            ("subtotal_excluding_tax", totals.subtotal_excluding_tax.into()),
            ("total", total.into()),
            ("total_discount_amounts", totals.discounts.into()),
            ("total_excluding_tax", totals.total_excluding_tax.saturating_add(shipping).into()),
            ("total_taxes", totals.taxes.into()),
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tax(rate: &str, behavior: &str, amount: i64) -> Value {
        json!({"amount": amount, "tax_behavior": behavior, "tax_rate_details": {"tax_rate": rate}, "taxable_amount": 100})
    }

    #[test]
    fn discounts_come_off_and_taxes_come_on_top() {
        let lines = [
            json!({"amount": 1_000, "discount_amounts": [{"amount": 100, "discount": "di_1"}],
                "taxes": [tax("txr_1", "exclusive", 90)]}),
            json!({"amount": 500, "discount_amounts": [{"amount": 50, "discount": "di_1"}, {"amount": 5, "discount": "di_2"}],
                "taxes": [tax("txr_1", "exclusive", 40), tax("txr_2", "inclusive", 7)]}),
            json!({"amount": -200, "discount_amounts": [], "taxes": []}),
        ];
        let totals = totals(&lines);
        assert_eq!((totals.subtotal, totals.total), (1_300, 1_300 - 155 + 130));
        assert_eq!((totals.subtotal_excluding_tax, totals.total_excluding_tax), (1_293, 1_300 - 155 - 7));
        assert_eq!(
            totals.discounts,
            [json!({"amount": 150, "discount": "di_1"}), json!({"amount": 5, "discount": "di_2"})]
        );
        let taxes: Vec<_> =
            totals.taxes.iter().map(|tax| (int(tax, "amount"), int(tax, "taxable_amount"))).collect();
        assert_eq!(taxes, [(130, 200), (7, 100)]);
    }

    #[rstest::rstest]
    #[case(500, 0, 500)]
    #[case(500, -200, 300)]
    #[case(500, -900, 0)]
    #[case(500, 100, 600)]
    #[case(-500, 100, 0)]
    #[case(i64::MAX, 1, i64::MAX)]
    fn what_is_due_follows_the_balance(#[case] total: i64, #[case] balance: i64, #[case] due: i64) {
        let mut invoice = json!({"lines": {"data": [{"amount": total}]}});
        add_up(&mut invoice, balance);
        assert_eq!((int(&invoice, "amount_due"), int(&invoice, "amount_remaining")), (due, due));
    }
}
