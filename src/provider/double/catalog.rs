//! What the project says is for sale, put on the shelves before the first call.

use serde_json::{Map, Value};

use super::DoubleError;
use super::account::catalog::hidden_features;
use super::account::{Home, World};
use super::state::Account;
use super::store::Kind;
use crate::stripe::object::envelope::Cause;
use crate::stripe::object::{NULL, catalog, entitlement, put, text};

/// The project's products and prices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// Products, each before the prices that name it.
    pub products: Vec<CatalogProduct>,
    /// Prices.
    pub prices: Vec<CatalogPrice>,
}

/// A product.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogProduct {
    /// Its key in the project file.
    pub key: String,
    /// Its id, for an app that has it built in; left out, minted.
    pub id: Option<String>,
    /// The name that customers read.
    pub name: String,
    /// Lookup keys of the features it entitles to.
    pub features: Vec<String>,
    /// Stripe's `metadata`.
    pub metadata: Map<String, Value>,
}

/// A price.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogPrice {
    /// Its key in the project file, which is its lookup key too.
    pub key: String,
    /// Its id, for an app that has it built in; left out, minted.
    pub id: Option<String>,
    /// The key of its product.
    pub product: String,
    /// In the currency's smallest unit.
    pub unit_amount: i64,
    /// Three letters.
    pub currency: String,
    /// `month`, `year`, `3 months`, …; left out, it is paid once.
    pub every: Option<String>,
    /// Whether it is billed by usage.
    pub metered: bool,
    /// Stripe's `metadata`.
    pub metadata: Map<String, Value>,
}

/// When the catalogue was made, 2026-01-01: before any story, and not by the wall clock, so that a seed
/// reproduces every byte.
const STOCKED: i64 = 1_767_225_600;

/// Puts the catalogue into the shop.
pub(super) fn stock(account: &mut Account, wanted: &Catalog) -> Result<(), DoubleError> {
    let mut features: Vec<(String, String)> = Vec::new();
    let (mut products, mut prices) = (Vec::new(), Vec::new());
    let mut world = account.world(Home::Large, Cause::default());
    for product in &wanted.products {
        let id = id_of(&mut world, product.id.as_deref(), "prod")?;
        put_product(&mut world, &id, product, &mut features);
        products.push((product.key.clone(), id));
    }
    for price in &wanted.prices {
        let owner = products.iter().find(|(key, _)| *key == price.product);
        let Some((_, owner)) = owner else {
            return Err(DoubleError::UnknownProduct {
                price: price.key.clone(),
                product: price.product.clone(),
            });
        };
        let id = id_of(&mut world, price.id.as_deref(), "price")?;
        put_price(&mut world, &id, owner, price)?;
        prices.push((price.key.clone(), id));
    }
    (account.products, account.prices) = (products, prices);
    Ok(())
}

fn id_of(world: &mut World<'_>, given: Option<&str>, prefix: &str) -> Result<String, DoubleError> {
    match given {
        Some(id) if world.get(id).is_some() => Err(DoubleError::IdTwice(id.to_owned())),
        Some(id) => Ok(id.to_owned()),
        None => Ok(world.mint(prefix)),
    }
}

fn put_product(
    world: &mut World<'_>,
    id: &str,
    wanted: &CatalogProduct,
    features: &mut Vec<(String, String)>,
) {
    let mut held = Vec::new();
    for key in &wanted.features {
        if let Some((_, feature)) = features.iter().find(|(known, _)| known == key) {
            held.push(feature.clone());
            continue;
        }
        let feature = world.mint("feat");
        shelve(world, Kind::Feature, entitlement::feature(&feature, key), NULL);
        features.push((key.clone(), feature.clone()));
        held.push(feature);
    }
    let mut product = catalog::product(id, STOCKED, &wanted.name);
    put(&mut product, "metadata", wanted.metadata.clone());
    shelve(world, Kind::Product, product, hidden_features(&held));
}

fn put_price(world: &mut World<'_>, id: &str, owner: &str, wanted: &CatalogPrice) -> Result<(), DoubleError> {
    let meter = wanted.metered.then(|| world.mint("mtr"));
    let recurring = match &wanted.every {
        Some(every) => {
            let wrong = || DoubleError::Interval { price: wanted.key.clone(), every: every.clone() };
            let (count, interval) = interval(every).ok_or_else(wrong)?;
            catalog::recurring(interval, count, meter)
        }
        None => NULL,
    };
    let currency = wanted.currency.to_lowercase();
    let mut price = catalog::price(id, STOCKED, owner, &currency, wanted.unit_amount, recurring);
    put(&mut price, "lookup_key", wanted.key.as_str());
    put(&mut price, "metadata", wanted.metadata.clone());
    shelve(world, Kind::Price, price, NULL);
    Ok(())
}

/// The shop is every case's.
fn shelve(world: &mut World<'_>, kind: Kind, value: Value, hidden: Value) {
    *world.seq += 1;
    debug_assert!(!text(&value, "id").is_empty(), "an object of the shop has an id");
    world.shop.insert(kind, *world.seq, value, hidden);
}

/// `month` is 1 month, `3 months` are 3; up to three years, as Stripe takes it.
fn interval(every: &str) -> Option<(i64, &'static str)> {
    let (count, unit) = match every.trim().split_once(' ') {
        Some((count, unit)) => (count.parse().ok()?, unit.trim()),
        None => (1, every.trim()),
    };
    let interval = match unit {
        "day" | "days" => ("day", 1_095),
        "week" | "weeks" => ("week", 156),
        "month" | "months" => ("month", 36),
        "year" | "years" => ("year", 3),
        _ => return None,
    };
    (1..=interval.1).contains(&count).then_some((count, interval.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("month", Some((1, "month")))]
    #[case("3 months", Some((3, "month")))]
    #[case("1 year", Some((1, "year")))]
    #[case("week", Some((1, "week")))]
    #[case("0 days", None)]
    #[case("4 years", None)]
    #[case("fortnight", None)]
    #[case("", None)]
    fn intervals(#[case] every: &str, #[case] expected: Option<(i64, &str)>) {
        assert_eq!(interval(every), expected);
    }
}
