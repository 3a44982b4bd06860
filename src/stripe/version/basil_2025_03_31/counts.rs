//! Lists no longer say how many objects they cover (docs.stripe.com/changelog/basil, 2025-03-31: `total_count`).

use serde_json::{Map, Value};

use super::super::Downgrade;
use super::super::fields::count;

/// `total_count` again, in the lists that an object carries; an answer that is a list never had it unasked. A list
/// that holds only a part does not know.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    let field = match kind {
        "subscription" => "items",
        "invoice" => "lines",
        _ => return,
    };
    if let Some(list) = object.get_mut(field) {
        count(list);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{Kin, downgrade};
    use super::super::{BEFORE, SINCE};
    use super::*;

    #[rstest::rstest]
    #[case("subscription", "items", false, Some(json!(2)))]
    #[case("invoice", "lines", false, Some(json!(2)))]
    #[case("invoice", "lines", true, None)]
    #[case("customer", "subscriptions", false, None)]
    fn a_list_knows_its_length(
        #[case] kind: &str,
        #[case] field: &str,
        #[case] more: bool,
        #[case] expected: Option<Value>,
    ) {
        let object = json!({"object": kind, field: {"object": "list", "data": [1, 2], "has_more": more}});
        assert_eq!(downgrade(&object, BEFORE, &Kin::default())[field].get("total_count"), expected.as_ref());
        assert_eq!(downgrade(&object, SINCE, &Kin::default()), object);
    }
}
