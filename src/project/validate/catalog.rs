//! What is for sale.

use std::collections::BTreeMap;

use crate::project::document::{CatalogDocument, PriceDocument, ProductDocument};
use crate::project::model::{Price, Product};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, List, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, suggest};

type Catalog = (BTreeMap<String, Product>, BTreeMap<String, Price>);

/// Products and prices, by key.
pub(super) fn catalog(document: &CatalogDocument, problems: &mut Problems) -> Catalog {
    let mut products = BTreeMap::new();
    for (key, field) in document.product.iter().flat_map(|products| products.iter()) {
        products.insert(key.to_owned(), product(field));
    }
    let mut prices = BTreeMap::new();
    for (key, field) in document.price.iter().flat_map(|prices| prices.iter()) {
        if let Some(price) = price(field, &products, problems) {
            prices.insert(key.to_owned(), price);
        }
    }
    (products, prices)
}

fn product(document: &ProductDocument) -> Product {
    Product {
        id: text(document.id.as_ref()),
        name: text(document.name.as_ref()).unwrap_or_default(),
        features: texts(document.features.as_ref()),
        metadata: document.metadata.as_ref().map(|table| table.0.to_map()).unwrap_or_default(),
    }
}

fn price(
    document: &PriceDocument,
    products: &BTreeMap<String, Product>,
    problems: &mut Problems,
) -> Option<Price> {
    let product = document.product.as_ref()?;
    if !products.contains_key(&product.value) {
        problems.push(
            Diagnostic::error(Code::UnknownProduct, format!("unknown product `{}`", product.value))
                .at(&product.place)
                .label("no such `[catalog.product.KEY]`")
                .maybe_help(suggest(&product.value, "products", products.keys().map(String::as_str))),
        );
    }
    let currency = document.currency.as_ref()?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        problems.push(
            Diagnostic::error(Code::OutOfRange, format!("`{}` is no currency", currency.value))
                .at(&currency.place)
                .label("three letters, lower-case: \"usd\""),
        );
    }
    let metered = document.metered.as_ref().is_some_and(|metered| metered.value);
    if metered && !document.has("every") {
        problems.missing(&document.place.range, "a metered price", "every");
    }
    Some(Price {
        id: text(document.id.as_ref()),
        product: product.value.clone(),
        unit_amount: document.unit_amount.as_ref()?.0,
        currency: currency.value.clone(),
        every: document.every.as_ref().map(|every| every.as_str().to_owned()),
        metered,
        metadata: document.metadata.as_ref().map(|table| table.0.to_map()).unwrap_or_default(),
    })
}

/// The text of a key.
pub(super) fn text(field: Option<&Field<Text>>) -> Option<String> {
    field.map(|field| field.value.clone())
}

/// The texts of a key.
pub(super) fn texts(field: Option<&Field<List<Text>>>) -> Vec<String> {
    field.map(|field| field.iter().map(|item| item.value.clone()).collect()).unwrap_or_default()
}
