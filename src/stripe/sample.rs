//! What the object of an event looks like, for telling beforehand whether a change of it could change anything.

use serde_json::{Value, json};

use super::object::envelope::{Cause, event};
use super::object::{catalog, checkout, customer, invoice, list, put, subscription};
use super::version::{Kin, Version, downgrade};

/// An event of this type with an object that has every field that such an object has in this version; what its values
/// are says nothing. `None` for types whose object is not one of subscription, invoice, checkout session and customer.
pub(crate) fn sample(kind: &str, version: Version) -> Option<Value> {
    // What is announced of an invoice has no id yet.
    let object = match kind.rsplit_once('.')?.0 {
        "customer.subscription" => with_item(),
        "invoice" if kind != "invoice.upcoming" => {
            let mut invoice = invoice::invoice("in_1", 0, &customer::customer("cus_1", 0, "A"), "usd");
            put(&mut invoice, "parent", invoice::parent(&with_item()));
            invoice
        }
        "checkout.session" => checkout::session("cs_test_1", 0, "subscription"),
        "customer" => customer::customer("cus_1", 0, "A"),
        _ => return None,
    };
    let newest = event("evt_1", 0, kind, object, None, &Cause::default());
    Some(downgrade(&newest, version, &Kin(Vec::new())))
}

fn with_item() -> Value {
    let mut subscription = subscription::subscription("sub_1", 0, "cus_1");
    let price = catalog::price("price_1", 0, "prod_1", "usd", 1, catalog::recurring("month", 1, None));
    let item = subscription::item("si_1", 0, "sub_1", &price, Some(1));
    put(&mut subscription, "items", list(vec![item], "/v1/subscription_items?subscription=sub_1"));
    put(&mut subscription, "metadata", json!({}));
    subscription
}

/// The status that the object of every event of this type has.
pub(crate) fn status(kind: &str) -> Option<&'static str> {
    match kind {
        "customer.subscription.deleted" => Some("canceled"),
        "customer.subscription.paused" => Some("paused"),
        "checkout.session.completed" => Some("complete"),
        "checkout.session.expired" => Some("expired"),
        "invoice.paid" | "invoice.payment_succeeded" => Some("paid"),
        "invoice.created" => Some("draft"),
        "invoice.voided" => Some("void"),
        "invoice.marked_uncollectible" => Some("uncollectible"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("customer.subscription.updated", "2026-10-28.endive", "/data/object/current_period_end", false)]
    #[case("customer.subscription.updated", "2024-06-20", "/data/object/current_period_end", true)]
    #[case("invoice.paid", "2024-06-20", "/data/object/subscription", true)]
    #[case("invoice.paid", "2026-10-28.endive", "/data/object/subscription", false)]
    #[case(
        "invoice.paid",
        "2026-10-28.endive",
        "/data/object/parent/subscription_details/subscription",
        true
    )]
    #[case("checkout.session.completed", "2026-10-28.endive", "/data/object/client_reference_id", true)]
    fn a_sample_has_the_fields_of_its_version(
        #[case] kind: &str,
        #[case] version: &str,
        #[case] pointer: &str,
        #[case] there: bool,
    ) {
        let sample = sample(kind, version.parse().unwrap()).unwrap();
        assert_eq!(sample.pointer(pointer).is_some(), there, "{sample:#}");
    }

    #[rstest::rstest]
    #[case("charge.refunded")]
    #[case("invoice.upcoming")]
    #[case("customer.tax_id.created")]
    #[case("*")]
    fn other_types_have_none(#[case] kind: &str) {
        assert_eq!(sample(kind, Version::NEWEST), None);
    }
}
