//! What discounts take off the lines of an invoice or of a checkout. Pure: terms and lines in, amounts out.
//!
//! Discounts of a line come before those of the whole; each takes from what the ones before it left
//! (<https://docs.stripe.com/billing/subscriptions/coupons>). Nothing falls below zero, and a fixed amount is spread
//! over the lines in proportion to what is left of them, with no cent lost.

use serde_json::{Value, json};

use super::decimal::{divided, scaled_value};
use crate::stripe::object::text;

/// A millionth is the smallest part that a percentage can name: `percent_off` with four digits.
const WHOLE: i128 = 1_000_000;

/// A discount by what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The discount's id.
    pub(crate) id: String,
    pub(crate) off: Off,
    /// The products that it applies to; all where there is none.
    pub(crate) products: Vec<String>,
}

/// How much comes off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Off {
    /// Millionths of the price.
    Part(i64),
    /// An amount in this currency.
    Amount(i64, String),
}

/// A line as a discount sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) product: String,
    /// Not so: prorations that were discounted when they were first billed.
    pub(crate) fixed: bool,
    /// The line's own discounts.
    pub(crate) own: Vec<Terms>,
}

/// What one discount takes off one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) discount: String,
    pub(crate) amount: i64,
}

impl Terms {
    /// The terms of a coupon; `products` is its `applies_to[products]`.
    pub(crate) fn of(id: &str, coupon: &Value, products: &Value) -> Self {
        let off = match scaled_value(&coupon["percent_off"], 4) {
            Some(part) => Off::Part(i64::try_from(part.clamp(0, WHOLE)).unwrap_or_default()),
            None => Off::Amount(
                coupon["amount_off"].as_i64().unwrap_or_default().max(0),
                text(coupon, "currency").to_owned(),
            ),
        };
        let products = products.as_array().map_or(&[][..], Vec::as_slice);
        let products = products.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Self { id: id.to_owned(), off, products }
    }

    fn applies_to(&self, line: &Line) -> bool {
        let currency = match &self.off {
            Off::Part(_) => true,
            Off::Amount(_, currency) => *currency == line.currency,
        };
        currency && !line.fixed && (self.products.is_empty() || self.products.contains(&line.product))
    }
}

/// What comes off each line, by its own discounts and then by those of the whole.
pub(crate) fn take(lines: &[Line], whole: &[Terms]) -> Vec<Vec<Taken>> {
    let mut left: Vec<i64> = lines.iter().map(|line| line.amount.max(0)).collect();
    let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); lines.len()];
    for (at, line) in lines.iter().enumerate() {
        for terms in &line.own {
            take_one(lines, terms, at..at.saturating_add(1), &mut left, &mut taken);
        }
    }
    for terms in whole {
        take_one(lines, terms, 0..lines.len(), &mut left, &mut taken);
    }
    taken
}

/// One discount on the lines of a range. A line that it applies to says so even where nothing is left to take.
fn take_one(
    lines: &[Line],
    terms: &Terms,
    range: std::ops::Range<usize>,
    left: &mut [i64],
    taken: &mut [Vec<Taken>],
) {
    let meant = |at: usize| range.contains(&at) && lines.get(at).is_some_and(|line| terms.applies_to(line));
    let sum: i128 =
        left.iter().enumerate().filter(|(at, _)| meant(*at)).map(|(_, left)| i128::from(*left)).sum();
    let (mut passed, mut given) = (0_i128, 0_i128);
    for (at, (left, taken)) in left.iter_mut().zip(taken).enumerate() {
        if !meant(at) {
            continue;
        }
        let amount = match &terms.off {
            Off::Part(part) => divided(i128::from(*left) * i128::from(*part), WHOLE),
            Off::Amount(off, _) => {
                // What all lines up to this one owe, less what was taken: the shares add up to the whole.
                passed += i128::from(*left);
                let owed = i128::from(*off).min(sum) * passed / sum.max(1);
                let share = owed - given;
                given = owed;
                i64::try_from(share).unwrap_or_default()
            }
        };
        let amount = amount.clamp(0, *left);
        *left -= amount;
        taken.push(Taken { discount: terms.id.clone(), amount });
    }
}

/// `discount_amounts` of a line.
pub(crate) fn amounts(taken: &[Taken]) -> Value {
    taken.iter().map(|taken| json!({ "amount": taken.amount, "discount": taken.discount })).collect()
}

/// What comes off a line in all.
pub(crate) fn sum(taken: &[Taken]) -> i64 {
    taken.iter().map(|taken| taken.amount).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(amount: i64, product: &str) -> Line {
        Line { amount, currency: "usd".into(), product: product.into(), fixed: false, own: Vec::new() }
    }

    fn terms(off: Off) -> Terms {
        Terms { id: "di_1".into(), off, products: Vec::new() }
    }

    fn percent(percent: i64) -> Terms {
        terms(Off::Part(percent * 10_000))
    }

    fn amount(amount: i64) -> Terms {
        terms(Off::Amount(amount, "usd".into()))
    }

    #[rstest::rstest]
    #[case(&[1_000, 500], &[percent(20)], &[200, 100])]
    #[case(&[999], &[terms(Off::Part(255_000))], &[255])]
    #[case(&[1_000, 500], &[percent(100)], &[1_000, 500])]
    #[case(&[1_000, 500], &[amount(300)], &[200, 100])]
    #[case(&[1, 1, 1], &[amount(2)], &[0, 1, 1])]
    #[case(&[100, 100, 100], &[amount(100)], &[33, 33, 34])]
    #[case(&[1_000, 500], &[amount(5_000)], &[1_000, 500])]
    #[case(&[1_000, -400], &[percent(50)], &[500, 0])]
    #[case(&[1_000, -400], &[amount(900)], &[900, 0])]
    #[case(&[1_000], &[percent(50), percent(50)], &[750])]
    #[case(&[1_000], &[amount(300), percent(50)], &[650])]
    #[case(&[0, 0], &[amount(300)], &[0, 0])]
    #[case(&[1_000], &[terms(Off::Amount(300, "eur".into()))], &[0])]
    #[case(&[], &[amount(300)], &[])]
    fn what_comes_off(#[case] lines: &[i64], #[case] whole: &[Terms], #[case] expected: &[i64]) {
        let lines: Vec<_> = lines.iter().map(|amount| line(*amount, "p")).collect();
        let off: Vec<_> = take(&lines, whole).iter().map(|taken| sum(taken)).collect();
        assert_eq!(off, expected);
    }

    #[test]
    fn products_and_fixed_lines_are_left_alone() {
        let mut lines = [line(1_000, "a"), line(1_000, "b"), line(1_000, "a")];
        lines[2].fixed = true;
        let only_a = Terms { products: vec!["a".into()], ..percent(10) };
        let off: Vec<_> = take(&lines, &[only_a]).iter().map(|taken| sum(taken)).collect();
        assert_eq!(off, [100, 0, 0]);
    }

    #[test]
    fn a_lines_own_discount_comes_first() {
        let mut lines = [line(1_000, "a"), line(1_000, "b")];
        lines[0].own = vec![Terms { id: "di_own".into(), ..amount(500) }];
        let taken = take(&lines, &[percent(10)]);
        let shown: Vec<_> = taken[0].iter().map(|taken| (taken.discount.as_str(), taken.amount)).collect();
        assert_eq!(shown, [("di_own", 500), ("di_1", 50)]);
        assert_eq!(sum(&taken[1]), 100);
    }

    #[rstest::rstest]
    #[case(json!({"percent_off": 25.5}), Off::Part(255_000))]
    #[case(json!({"percent_off": "20"}), Off::Part(200_000))]
    #[case(json!({"percent_off": null, "amount_off": 500, "currency": "eur"}), Off::Amount(500, "eur".into()))]
    fn coupons_have_terms(#[case] coupon: Value, #[case] off: Off) {
        assert_eq!(Terms::of("di_1", &coupon, &json!(["p"])).off, off);
    }

    proptest! {
        #[test]
        fn no_cent_is_lost_and_nothing_falls_below_zero(
            lines in prop::collection::vec(-10_000_i64..1_000_000, 1..12),
            off in 0_i64..2_000_000,
            part in 0_i64..=1_000_000,
        ) {
            let lines: Vec<_> = lines.iter().map(|amount| line(*amount, "p")).collect();
            let owed: i64 = lines.iter().map(|line| line.amount.max(0)).sum();
            let taken = take(&lines, &[amount(off)]);
            prop_assert_eq!(taken.iter().map(|taken| sum(taken)).sum::<i64>(), off.min(owed));
            let both = take(&lines, &[terms(Off::Part(part)), amount(off)]);
            for (line, taken) in lines.iter().zip(&both) {
                prop_assert!((0..=line.amount.max(0)).contains(&sum(taken)));
            }
        }
    }
}
