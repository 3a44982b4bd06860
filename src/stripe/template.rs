//! Events that nothing made, built from a customer's objects as they are now.
//!
//! Only types whose object is at hand can be built: a subscription, an invoice, a checkout session, a charge or
//! the customer. Others are refused by name: an app that ignores a misspelt type would pass as a right one.

use serde_json::{Map, Value, json};

use crate::id::IdMinter;

/// Why an event cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No type that can be built from a customer's objects.
    #[error("build `{kind}`: {}", suggestion(.nearest.as_deref()))]
    UnknownType {
        /// As written.
        kind: String,
        /// A type that is spelled much the same.
        nearest: Option<String>,
    },
    /// The customer has no such object.
    #[error("build `{kind}`: the customer has no {object}")]
    NoObject {
        /// The type.
        kind: String,
        /// `subscription`.
        object: &'static str,
    },
}

/// A family of types with the same object: the type's beginning, the name of its object, and the verbs
/// (docs.stripe.com/api/events/types).
struct Family {
    prefix: &'static str,
    object: &'static str,
    verbs: &'static [&'static str],
}

const FAMILIES: [Family; 5] = [
    Family {
        prefix: "customer.subscription",
        object: "subscription",
        verbs: &[
            "created",
            "deleted",
            "paused",
            "pending_update_applied",
            "pending_update_expired",
            "resumed",
            "trial_will_end",
            "updated",
        ],
    },
    Family {
        prefix: "checkout.session",
        object: "checkout",
        verbs: &["async_payment_failed", "async_payment_succeeded", "completed", "expired"],
    },
    Family {
        prefix: "invoice",
        object: "invoice",
        verbs: &[
            "created",
            "deleted",
            "finalization_failed",
            "finalized",
            "marked_uncollectible",
            "overdue",
            "overpaid",
            "paid",
            "payment_action_required",
            "payment_attempt_required",
            "payment_failed",
            "payment_succeeded",
            "sent",
            "upcoming",
            "updated",
            "voided",
            "will_be_due",
        ],
    },
    Family {
        prefix: "charge",
        object: "charge",
        verbs: &["captured", "expired", "failed", "pending", "refunded", "succeeded", "updated"],
    },
    Family { prefix: "customer", object: "customer", verbs: &["created", "deleted", "updated"] },
];

/// Every type that can be built, for diagnostics.
pub fn types() -> impl Iterator<Item = String> {
    FAMILIES.iter().flat_map(|family| family.verbs.iter().map(|verb| format!("{}.{verb}", family.prefix)))
}

/// Builds an event of type `kind`. `objects` holds provider truth as `customer`, `subscription`, `invoice`,
/// `checkout` and `charge`; `created` is in Unix seconds, `api_version` is what the objects are shaped by.
///
/// The object is the one at hand. Where the type alone says its status (`deleted`, `paused`, `resumed`,
/// `voided`, …) the copy in the event has that status: such an event never carries another one.
///
/// # Errors
///
/// Where the type is not known, or the customer has no object of its kind.
pub fn build(
    kind: &str,
    objects: &Map<String, Value>,
    ids: &mut IdMinter,
    created: i64,
    api_version: &str,
) -> Result<Value, TemplateError> {
    let family = family_of(kind)
        .ok_or_else(|| TemplateError::UnknownType { kind: kind.to_owned(), nearest: nearest(kind) })?;
    let object = objects.get(family.object).and_then(Value::as_object);
    let mut object = object
        .ok_or_else(|| TemplateError::NoObject { kind: kind.to_owned(), object: family.object })?
        .clone();
    imply(kind, created, &mut object);
    let livemode = object.get("livemode").and_then(Value::as_bool).unwrap_or_default();
    let mut data = Map::new();
    data.insert("object".to_owned(), Value::Object(object));
    if kind.ends_with(".updated") {
        // Every `updated` has it; here nothing was updated.
        data.insert("previous_attributes".to_owned(), json!({}));
    }
    Ok(json!({
        "id": ids.mint("evt"),
        "object": "event",
        "api_version": api_version,
        "created": created,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    }))
}

fn family_of(kind: &str) -> Option<&'static Family> {
    let (prefix, verb) = kind.rsplit_once('.')?;
    FAMILIES.iter().find(|family| family.prefix == prefix && family.verbs.contains(&verb))
}

fn nearest(kind: &str) -> Option<String> {
    const NEAR: f64 = 0.8;
    types()
        .map(|known| (strsim::normalized_damerau_levenshtein(kind, &known), known))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("no such type; `{nearest}` is one"),
        None => "its object is not one of customer, subscription, invoice, checkout, charge".to_owned(),
    }
}

/// What an event of this type always says of its object.
fn imply(kind: &str, created: i64, object: &mut Map<String, Value>) {
    let status = match kind {
        "customer.subscription.deleted" => "canceled",
        "customer.subscription.paused" => "paused",
        "customer.subscription.resumed" => "active",
        "checkout.session.completed" => "complete",
        "checkout.session.expired" => "expired",
        "invoice.voided" => "void",
        "invoice.marked_uncollectible" => "uncollectible",
        "invoice.upcoming" => {
            // Stripe: "the received Invoice object will not have an invoice ID".
            object.shift_remove("id");
            return;
        }
        _ => return,
    };
    object.insert("status".to_owned(), status.into());
    if kind == "customer.subscription.deleted" {
        for time in ["canceled_at", "ended_at"] {
            if object.get(time).is_none_or(Value::is_null) {
                object.insert(time.to_owned(), created.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn objects() -> Map<String, Value> {
        let objects = json!({
            "customer": { "id": "cus_1", "object": "customer" },
            "subscription": {
                "id": "sub_1", "object": "subscription", "status": "active", "livemode": false,
                "canceled_at": 5, "ended_at": null,
            },
            "invoice": { "id": "in_1", "object": "invoice", "status": "open", "livemode": true },
            "checkout": { "id": "cs_1", "object": "checkout.session", "status": "open" },
            "charge": null,
        });
        objects.as_object().unwrap().clone()
    }

    fn built(kind: &str) -> Result<Value, TemplateError> {
        build(kind, &objects(), &mut IdMinter::new(7, 0), 1_000, "2026-10-28.endive")
    }

    #[test]
    fn an_event_has_stripes_envelope() {
        insta::assert_json_snapshot!(built("customer.subscription.deleted").unwrap(), { ".id" => "evt_*" }, @r#"
        {
          "id": "evt_*",
          "object": "event",
          "api_version": "2026-10-28.endive",
          "created": 1000,
          "data": {
            "object": {
              "id": "sub_1",
              "object": "subscription",
              "status": "canceled",
              "livemode": false,
              "canceled_at": 5,
              "ended_at": 1000
            }
          },
          "livemode": false,
          "pending_webhooks": 1,
          "request": {
            "id": null,
            "idempotency_key": null
          },
          "type": "customer.subscription.deleted"
        }
        "#);
    }

    #[rstest]
    #[case("customer.updated", "cus_1", None)]
    #[case("customer.subscription.trial_will_end", "sub_1", Some("active"))]
    #[case("customer.subscription.paused", "sub_1", Some("paused"))]
    #[case("invoice.payment_failed", "in_1", Some("open"))]
    #[case("invoice.voided", "in_1", Some("void"))]
    #[case("checkout.session.expired", "cs_1", Some("expired"))]
    fn the_object_is_the_one_at_hand(#[case] kind: &str, #[case] id: &str, #[case] status: Option<&str>) {
        let event = built(kind).unwrap();
        assert_eq!(event["data"]["object"]["id"], id);
        assert_eq!(event["data"]["object"]["status"].as_str(), status);
        assert_eq!(event["data"].get("previous_attributes").is_some(), kind.ends_with(".updated"));
        assert_eq!(event["livemode"], id == "in_1");
    }

    #[test]
    fn an_upcoming_invoice_has_no_id() {
        assert_eq!(built("invoice.upcoming").unwrap()["data"]["object"].get("id"), None);
    }

    #[test]
    fn every_event_has_an_id_of_its_own() {
        let mut ids = IdMinter::new(7, 0);
        let mut id =
            || build("invoice.paid", &objects(), &mut ids, 0, "").unwrap()["id"].as_str().unwrap().to_owned();
        let (one, two) = (id(), id());
        assert!(one.starts_with("evt_") && one != two, "{one} {two}");
    }

    #[rstest]
    #[case("charge.succeeded", "build `charge.succeeded`: the customer has no charge")]
    #[case("invoice.payed", "build `invoice.payed`: no such type; `invoice.paid` is one")]
    #[case(
        "charge.dispute.created",
        "build `charge.dispute.created`: its object is not one of customer, subscription, invoice, checkout, charge"
    )]
    #[case("", "build ``: its object is not one of customer, subscription, invoice, checkout, charge")]
    fn what_cannot_be_built_is_refused(#[case] kind: &str, #[case] expected: &str) {
        assert_eq!(built(kind).unwrap_err().to_string(), expected);
    }

    #[test]
    fn all_known_types_can_be_built() {
        let mut objects = objects();
        objects.insert("charge".into(), json!({ "id": "ch_1" }));
        for kind in types() {
            let event = build(&kind, &objects, &mut IdMinter::new(1, 1), 0, "v").unwrap();
            assert_eq!(event["type"], kind.as_str());
        }
    }
}
