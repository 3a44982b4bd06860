//! 2026-09-30.endive: `billing_cycle_anchor` of a change is an object with a `type`, no longer a word or a moment
//! (docs.stripe.com/changelog/endive/2026-09-30/polymorphic-billing-cycle-anchor). Where a subscription is made it is a
//! moment as before.

use serde_json::{Map, Value};

use super::{Misfit, Why, matches};
use crate::stripe::version::Version;

const SINCE: Version = Version("2026-09-30.endive");

const CALLS: [&str; 3] =
    ["/v1/subscriptions/*", "/v1/subscriptions/*/resume", "/v1/customers/*/subscriptions/*"];
const PREVIEW: &str = "/v1/invoices/create_preview";

/// Gives the parameter the form that the routes read: the word, or the moment.
pub(super) fn read(
    path: &str,
    params: &mut Map<String, Value>,
    version: Option<Version>,
) -> Result<(), Misfit> {
    if matches(PREVIEW, path) {
        let Some(Value::Object(details)) = params.get_mut("subscription_details") else {
            return Ok(());
        };
        return plain(details, "subscription_details[billing_cycle_anchor]", version);
    }
    match CALLS.iter().any(|call| matches(call, path)) {
        true => plain(params, "billing_cycle_anchor", version),
        false => Ok(()),
    }
}

fn plain(fields: &mut Map<String, Value>, param: &str, version: Option<Version>) -> Result<(), Misfit> {
    let Some(given) = fields.get_mut("billing_cycle_anchor") else {
        return Ok(());
    };
    let wrong = |param: String, why: Why| Err(Misfit { param, why });
    match given {
        Value::Object(parts) => {
            if version.is_some_and(|version| version < SINCE) {
                let why = Why::Not("string", Value::Object(parts.clone()).to_string());
                return wrong(param.to_owned(), why);
            }
            if let Some(name) = parts.keys().find(|name| !["type", "timestamp"].contains(&name.as_str())) {
                return wrong(format!("{param}[{name}]"), Why::Unknown);
            }
            let is_moment = parts.get("type").is_some_and(|kind| kind == "timestamp");
            let plain = parts.remove(if is_moment { "timestamp" } else { "type" });
            *given = plain.unwrap_or_default();
        }
        Value::String(word) if !word.is_empty() && version.is_some_and(|version| version >= SINCE) => {
            return wrong(param.to_owned(), Why::Not("object", word.clone()));
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BEFORE: &str = "2026-08-26.dahlia";
    const AFTER: &str = "2026-09-30.endive";

    #[rstest::rstest]
    #[case("/v1/subscriptions/sub_1", json!({"billing_cycle_anchor": "now"}))]
    #[case("/v1/subscriptions/sub_1/resume", json!({"billing_cycle_anchor": "unchanged"}))]
    #[case(PREVIEW, json!({"subscription_details": {"billing_cycle_anchor": "now"}}))]
    fn the_word_is_for_before(#[case] path: &str, #[case] given: Value) {
        let mut params = given.as_object().unwrap().clone();
        for version in [Some(BEFORE), None] {
            let version = version.map(|version| version.parse().unwrap());
            assert_eq!(read(path, &mut params, version), Ok(()));
            assert_eq!(Value::Object(params.clone()), given);
        }
        let misfit = read(path, &mut params, Some(AFTER.parse().unwrap())).unwrap_err();
        assert!(matches!(misfit.why, Why::Not("object", _)), "{misfit:?}");
    }

    #[rstest::rstest]
    #[case("/v1/subscriptions/sub_1", json!({"type": "now"}), json!("now"))]
    #[case("/v1/customers/cus_1/subscriptions/sub_1", json!({"type": "soon"}), json!("soon"))]
    #[case("/v1/subscriptions/sub_1/resume", json!({"type": "unchanged"}), json!("unchanged"))]
    #[case(PREVIEW, json!({"type": "timestamp", "timestamp": "17"}), json!("17"))]
    #[case(PREVIEW, json!({"type": "timestamp"}), json!(null))]
    fn the_object_is_for_afterwards(#[case] path: &str, #[case] object: Value, #[case] plain: Value) {
        let wrap = |anchor: &Value| match path {
            PREVIEW => json!({"subscription_details": {"billing_cycle_anchor": anchor}}),
            _ => json!({"billing_cycle_anchor": anchor}),
        };
        for version in [Some(AFTER), None] {
            let mut params = wrap(&object).as_object().unwrap().clone();
            assert_eq!(read(path, &mut params, version.map(|version| version.parse().unwrap())), Ok(()));
            assert_eq!(Value::Object(params), wrap(&plain));
        }
        let mut params = wrap(&object).as_object().unwrap().clone();
        let misfit = read(path, &mut params, Some(BEFORE.parse().unwrap())).unwrap_err();
        assert!(matches!(misfit.why, Why::Not("string", _)), "{misfit:?}");
    }

    #[test]
    fn nothing_else_stands_in_it() {
        let mut params =
            json!({"billing_cycle_anchor": {"type": "now", "x": 1}}).as_object().unwrap().clone();
        let misfit = read("/v1/subscriptions/sub_1", &mut params, None).unwrap_err();
        assert_eq!(misfit, Misfit { param: "billing_cycle_anchor[x]".to_owned(), why: Why::Unknown });
    }

    #[test]
    fn a_subscription_that_is_made_has_a_moment() {
        let given = json!({"billing_cycle_anchor": 17});
        let mut params = given.as_object().unwrap().clone();
        assert_eq!(read("/v1/subscriptions", &mut params, Some(AFTER.parse().unwrap())), Ok(()));
        assert_eq!(Value::Object(params), given);
    }
}
