//! 2024-04-10: a product's `features` are called `marketing_features` (docs.stripe.com/changelog/2024-04-10).

use serde_json::{Map, Value};

use super::fields::put;
use super::{Downgrade, Version};

pub(super) const SINCE: Version = Version("2024-04-10");

/// `features` again, and not `marketing_features`: it was renamed, not added. That it is gone is an assumption.
pub(super) fn marketing_features(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind == "product"
        && let Some(features) = object.shift_remove("marketing_features")
    {
        put(object, "features", features);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kin, downgrade};
    use super::*;

    #[rstest::rstest]
    #[case("2024-04-10", "marketing_features", "features")]
    #[case("2023-10-16", "features", "marketing_features")]
    fn features_have_one_name(#[case] to: &'static str, #[case] there: &str, #[case] gone: &str) {
        let product = json!({"id": "prod_1", "object": "product", "marketing_features": [{"name": "SSO"}]});
        let shaped = downgrade(&product, Version(to), &Kin::default());
        assert_eq!((shaped[there][0]["name"].as_str(), shaped.get(gone)), (Some("SSO"), None));
    }
}
