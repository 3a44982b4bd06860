//! How an invoice is rendered stands under `rendering` (…/2024-04-10/renames-rendering-options-invoicing).

use serde_json::{Map, Value, json};

use super::super::Downgrade;
use super::super::fields::{at, put};

/// `rendering_options` again: of what can be said today, only `amount_tax_display` could be said then. `rendering`
/// stays, since versions before had both for a while.
pub(in super::super) fn undo(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind != "invoice" {
        return;
    }
    let options = match object.get("rendering") {
        Some(Value::Object(_)) => {
            json!({ "amount_tax_display": at(object, &["rendering", "amount_tax_display"]) })
        }
        _ => Value::Null,
    };
    put(object, "rendering_options", options);
}

#[cfg(test)]
mod tests {
    use super::super::super::{Kin, Version, downgrade};
    use super::super::SINCE;
    use super::*;

    #[rstest::rstest]
    #[case(json!({"amount_tax_display": "include_inclusive_tax", "pdf": null}), json!({"amount_tax_display": "include_inclusive_tax"}))]
    #[case(json!(null), json!(null))]
    fn the_options_are_there(#[case] rendering: Value, #[case] expected: Value) {
        let invoice = json!({"id": "in_1", "object": "invoice", "rendering": rendering});
        let shaped = downgrade(&invoice, Version("2023-10-16"), &Kin::default());
        assert_eq!(shaped.get("rendering_options"), Some(&expected));
        assert_eq!(shaped["rendering"], invoice["rendering"]);
        assert_eq!(downgrade(&invoice, SINCE, &Kin::default()).get("rendering_options"), None);
    }
}
