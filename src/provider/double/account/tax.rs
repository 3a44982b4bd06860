//! What tax rates add to a line, or what of it they are. Pure: an amount and rates in, taxes out.
//!
//! Inclusive rates are part of the price: the net amount is what is left without all of them. Exclusive rates come on
//! top of the net amount (<https://docs.stripe.com/billing/taxes/tax-rates>).

use serde_json::{Value, json};

use super::decimal::{divided, scaled_value};
use crate::stripe::object::text;

/// 100 % in the parts that a percentage is counted in: Stripe's have four digits.
const WHOLE: i128 = 1_000_000;

/// A tax rate by what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) id: String,
    /// Millionths.
    pub(crate) part: i64,
    pub(crate) kind: Behavior,
}

/// How a tax stands to the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behavior {
    Inclusive,
    Exclusive,
}

/// Who pays: some owe no tax, whatever the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payer {
    Taxable,
    Exempt,
    Reverse,
}

/// One tax on one amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tax {
    pub(crate) rate: String,
    pub(crate) kind: Behavior,
    pub(crate) amount: i64,
    pub(crate) taxable: i64,
}

impl Rate {
    /// The rate that a tax rate object is.
    pub(crate) fn of(rate: &Value) -> Self {
        let part = scaled_value(&rate["percentage"], 4).unwrap_or_default();
        let kind = if rate["inclusive"] == true { Behavior::Inclusive } else { Behavior::Exclusive };
        Self { id: text(rate, "id").to_owned(), part: i64::try_from(part).unwrap_or_default(), kind }
    }
}

impl Payer {
    /// By the customer's `tax_exempt`.
    pub(crate) fn of(exempt: &str) -> Self {
        match exempt {
            "exempt" => Self::Exempt,
            "reverse" => Self::Reverse,
            _ => Self::Taxable,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Taxable => "not_available",
            Self::Exempt => "customer_exempt",
            Self::Reverse => "reverse_charge",
        }
    }
}

/// The taxes on an amount from which discounts are already taken.
pub(crate) fn on(amount: i64, rates: &[Rate], payer: Payer) -> Vec<Tax> {
    let inclusive = rates.iter().filter(|rate| rate.kind == Behavior::Inclusive);
    let included: i128 = inclusive.map(|rate| i128::from(rate.part.max(0))).sum();
    let amount = i128::from(amount);
    let net = divided(amount * WHOLE, WHOLE + included);
    let in_price = amount - i128::from(net);
    let mut passed = 0_i128;
    let tax = |rate: &Rate| {
        let taxed = match (payer, rate.kind) {
            (Payer::Exempt | Payer::Reverse, _) => 0,
            (Payer::Taxable, Behavior::Exclusive) => divided(i128::from(net) * i128::from(rate.part), WHOLE),
            (Payer::Taxable, Behavior::Inclusive) => {
                // Shares of what the price includes, so that they and the net amount make the price again.
                let before = in_price * passed / included.max(1);
                passed += i128::from(rate.part.max(0));
                i64::try_from(in_price * passed / included.max(1) - before).unwrap_or_default()
            }
        };
        let taxable = if payer == Payer::Taxable { net } else { 0 };
        Tax { rate: rate.id.clone(), kind: rate.kind, amount: taxed, taxable }
    };
    rates.iter().map(tax).collect()
}

/// `taxes` of a line; rates that were set by hand say no reason why they apply.
pub(crate) fn shown(taxes: &[Tax], payer: Payer) -> Value {
    let one = |tax: &Tax| {
        json!({
            "amount": tax.amount,
            "tax_behavior": if tax.kind == Behavior::Inclusive { "inclusive" } else { "exclusive" },
            "tax_rate_details": { "tax_rate": tax.rate }, "taxability_reason": payer.reason(),
            "taxable_amount": tax.taxable, "type": "tax_rate_details",
        })
    };
    taxes.iter().map(one).collect()
}

/// What taxes add to the price.
pub(crate) fn on_top(taxes: &[Tax]) -> i64 {
    let exclusive = taxes.iter().filter(|tax| tax.kind == Behavior::Exclusive);
    exclusive.map(|tax| tax.amount).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(percent: &str, kind: Behavior) -> Rate {
        let rate = json!({"id": "txr_1", "percentage": percent, "inclusive": kind == Behavior::Inclusive});
        Rate::of(&rate)
    }

    #[rstest::rstest]
    #[case(1_000, &[("19", false)], &[190], 1_000)]
    #[case(1_190, &[("19", true)], &[190], 1_000)]
    #[case(999, &[("8.875", false)], &[89], 999)]
    #[case(1_000, &[("10", false), ("5", false)], &[100, 50], 1_000)]
    #[case(1_150, &[("10", true), ("5", true)], &[100, 50], 1_000)]
    #[case(1_100, &[("10", true), ("5", false)], &[100, 50], 1_000)]
    #[case(-1_000, &[("19", false)], &[-190], -1_000)]
    #[case(0, &[("19", true)], &[0], 0)]
    fn taxes(
        #[case] amount: i64,
        #[case] rates: &[(&str, bool)],
        #[case] expected: &[i64],
        #[case] taxable: i64,
    ) {
        let kind = |inclusive| if inclusive { Behavior::Inclusive } else { Behavior::Exclusive };
        let rates: Vec<_> =
            rates.iter().map(|(percent, inclusive)| rate(percent, kind(*inclusive))).collect();
        let taxes = on(amount, &rates, Payer::Taxable);
        assert_eq!(taxes.iter().map(|tax| tax.amount).collect::<Vec<_>>(), expected);
        assert!(taxes.iter().all(|tax| tax.taxable == taxable));
    }

    #[rstest::rstest]
    #[case("exempt", "customer_exempt")]
    #[case("reverse", "reverse_charge")]
    fn some_owe_no_tax(#[case] exempt: &str, #[case] reason: &str) {
        let payer = Payer::of(exempt);
        let taxes = on(1_000, &[rate("19", Behavior::Exclusive)], payer);
        assert_eq!(on_top(&taxes), 0);
        assert_eq!(shown(&taxes, payer)[0]["taxability_reason"], reason);
    }

    proptest! {
        #[test]
        fn what_is_included_and_the_net_amount_make_the_price(
            amount in -1_000_000_i64..10_000_000,
            parts in prop::collection::vec(0_i64..300_000, 1..5),
        ) {
            let rates: Vec<_> = parts
                .iter()
                .map(|part| Rate { id: "txr".into(), part: *part, kind: Behavior::Inclusive })
                .collect();
            let taxes = on(amount, &rates, Payer::Taxable);
            let included: i64 = taxes.iter().map(|tax| tax.amount).sum();
            let any = parts.iter().any(|part| *part > 0);
            prop_assert_eq!(taxes[0].taxable + included, if any { amount } else { taxes[0].taxable });
        }
    }
}
