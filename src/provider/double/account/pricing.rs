//! What so many of a price cost: per unit, in tiers, in packages. Pure.
//!
//! <https://docs.stripe.com/products-prices/pricing-models>

use serde_json::Value;

use super::decimal::{divided, scaled_value};
use crate::stripe::object::text;

/// Unit amounts have at most twelve digits after the point.
const DIGITS: usize = 12;
const CENT: i128 = 1_000_000_000_000;

/// The price of a quantity, in the currency's smallest unit. `tiers` are those of a tiered price.
pub(crate) fn amount(price: &Value, tiers: &Value, quantity: i64) -> i64 {
    let quantity = packages(&price["transform_quantity"], quantity.max(0));
    let tiers = tiers.as_array().map_or(&[][..], Vec::as_slice);
    let exact = match (text(price, "billing_scheme"), text(price, "tiers_mode")) {
        ("tiered", "volume") => volume(tiers, quantity),
        ("tiered", _) => graduated(tiers, quantity),
        _ => unit(price, "unit_amount").saturating_mul(i128::from(quantity)),
    };
    divided(exact, CENT)
}

/// `field` of a price or of a tier, in parts of the smallest unit; the decimal form is the exact one.
fn unit(of: &Value, field: &str) -> i128 {
    let decimal = match field {
        "unit_amount" => &of["unit_amount_decimal"],
        _ => &of["flat_amount_decimal"],
    };
    let exact = scaled_value(decimal, DIGITS).or_else(|| scaled_value(&of[field], DIGITS));
    exact.unwrap_or_default()
}

/// `transform_quantity`: how many packages so many units are.
fn packages(transform: &Value, quantity: i64) -> i64 {
    let Some(divide_by) = transform["divide_by"].as_i64().filter(|by| *by > 0) else { return quantity };
    let whole = quantity / divide_by;
    if text(transform, "round") == "up" && quantity % divide_by > 0 { whole.saturating_add(1) } else { whole }
}

/// All units cost what the tier that the quantity falls into says.
fn volume(tiers: &[Value], quantity: i64) -> i128 {
    let holds = |tier: &&Value| tier["up_to"].as_i64().is_none_or(|up_to| quantity <= up_to);
    let Some(tier) = tiers.iter().find(holds).or_else(|| tiers.last()) else { return 0 };
    unit(tier, "unit_amount").saturating_mul(i128::from(quantity)).saturating_add(unit(tier, "flat_amount"))
}

/// Each unit costs what its own tier says; a tier's flat amount is due once it is reached, the first one's always.
fn graduated(tiers: &[Value], quantity: i64) -> i128 {
    let (mut below, mut sum) = (0, 0_i128);
    for (at, tier) in tiers.iter().enumerate() {
        if at > 0 && quantity <= below {
            break;
        }
        let up_to = tier["up_to"].as_i64().unwrap_or(i64::MAX).min(quantity);
        let units = i128::from(up_to.saturating_sub(below).max(0));
        let part = unit(tier, "unit_amount").saturating_mul(units).saturating_add(unit(tier, "flat_amount"));
        sum = sum.saturating_add(part);
        below = up_to;
    }
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case(json!({"unit_amount": 9_900, "unit_amount_decimal": "9900"}), 3, 29_700)]
    #[case(json!({"unit_amount": null, "unit_amount_decimal": "0.05"}), 30, 2)]
    #[case(json!({"unit_amount": null, "unit_amount_decimal": "0.05"}), 9, 0)]
    #[case(json!({"unit_amount": i64::MAX, "unit_amount_decimal": null}), i64::MAX, i64::MAX)]
    #[case(json!({"unit_amount": 500, "transform_quantity": {"divide_by": 10, "round": "up"}}), 11, 1_000)]
    #[case(json!({"unit_amount": 500, "transform_quantity": {"divide_by": 10, "round": "down"}}), 19, 500)]
    #[case(json!({"unit_amount": 500}), -1, 0)]
    #[case(json!({}), 7, 0)]
    fn per_unit(#[case] price: Value, #[case] quantity: i64, #[case] expected: i64) {
        assert_eq!(amount(&price, &Value::Null, quantity), expected);
    }

    /// Stripe's own example: 1 to 5 at 7 $, 6 to 10 at 6.50 $, from 11 on at 6 $.
    #[rstest::rstest]
    #[case("volume", 1, 700)]
    #[case("volume", 5, 3_500)]
    #[case("volume", 6, 3_900)]
    #[case("volume", 20, 12_000)]
    #[case("graduated", 1, 700)]
    #[case("graduated", 5, 3_500)]
    #[case("graduated", 6, 4_150)]
    #[case("graduated", 20, 12_750)]
    #[case("graduated", 0, 0)]
    fn tiered(#[case] mode: &str, #[case] quantity: i64, #[case] expected: i64) {
        let tiers = json!([
            {"up_to": 5, "unit_amount": 700}, {"up_to": 10, "unit_amount": 650}, {"up_to": null, "unit_amount": 600},
        ]);
        let price = json!({"billing_scheme": "tiered", "tiers_mode": mode});
        assert_eq!(amount(&price, &tiers, quantity), expected);
    }

    #[rstest::rstest]
    #[case("volume", 7, 2_070)]
    #[case("graduated", 7, 3_070)]
    #[case("graduated", 5, 1_050)]
    fn flat_amounts(#[case] mode: &str, #[case] quantity: i64, #[case] expected: i64) {
        let tiers = json!([
            {"up_to": 5, "flat_amount": 1_000, "unit_amount": 10},
            {"up_to": null, "flat_amount": 2_000, "unit_amount_decimal": "10"},
        ]);
        let price = json!({"billing_scheme": "tiered", "tiers_mode": mode});
        assert_eq!(amount(&price, &tiers, quantity), expected);
    }
}
