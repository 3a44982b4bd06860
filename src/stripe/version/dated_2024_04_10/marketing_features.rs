//! A product's `features` are called `marketing_features` (…/2024-04-10/renames-features-attribute-product-object).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::put;

/// `features` again, and not `marketing_features`: it was renamed, not added. That it is gone is an assumption.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind == "product"
        && let Some(features) = object.shift_remove("marketing_features")
    {
        put(object, "features", features);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, Version, downgrade};

    #[rstest::rstest]
    #[case("2024-04-10", "marketing_features", "features")]
    #[case("2023-10-16", "features", "marketing_features")]
    fn features_have_one_name(#[case] to: &'static str, #[case] there: &str, #[case] gone: &str) {
        let product = json!({"id": "prod_1", "object": "product", "marketing_features": [{"name": "SSO"}]});
        let shaped = downgrade(&product, Version(to), &Kin::default());
        assert_eq!((shaped[there][0]["name"].as_str(), shaped.get(gone)), (Some("SSO"), None));
    }
}
