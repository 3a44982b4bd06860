//! Thin events: they name the object that something happened to, and hold none of it.
//!
//! Since 2026-09-30.endive Stripe makes one beside almost every snapshot event
//! (docs.stripe.com/changelog/endive/2026-09-30/thin-events-for-api-v1-resources-generally-available). Its type is
//! the snapshot's behind `v1.`, its `snapshot_event` the snapshot's id, and its `changes` what the snapshot tells as
//! `previous_attributes`, with the values before and after. It has no API version. So it follows from the snapshot
//! whole, and nothing but the snapshot is kept.
//!
//! What is delivered is less than what `GET /v2/core/events/{id}` answers: `changes` and `snapshot_event` are
//! attributes of the event that is fetched (docs.stripe.com/api/v2/core/events/event-types, "Fetched attributes"; the
//! class `EventNotification` of the official packages has neither).
//!
//! Our reading, where nothing is published: the id (Stripe mints one; here it is made from the snapshot's, so that
//! each leads to the other), `reason.request.idempotency_key` null for a call without a key, and `context` being the
//! connected account's id.

use serde_json::{Map, Value};

use super::object::{NULL, int, object, put, text};
use super::time;

/// What ids of thin events begin with, in a sandbox (docs.stripe.com/api/v2/core/events/object has such a one).
const PREFIX: &str = "evt_test_65";

/// The types of snapshots, or what they begin with, that have no thin version: those of the declarations for webhook
/// endpoints in `PyPI`'s `stripe` 16.1.0 for which it has no class of a thin event.
const NO_THIN: [&str; 14] = [
    "apps.install.",
    "customer.source.",
    "financial_connections.account.expected_deactivation_date_updated",
    "financial_connections.account.upcoming_account_number_expiry",
    "financial_connections.authorization.expected_deactivation_date_updated",
    "financial_connections.authorization.upcoming_deactivation",
    "reporting.",
    "reserve.",
    "source.mandate_notification",
    "source.transaction.",
    "three_d_secure.",
    "treasury.",
    // What we make of them ourselves, and not Stripe.
    "v1.",
    "v2.",
];

/// Thin types without a snapshot beside them, all of `v1.`: they tell one kind of change of an object more closely
/// (the classes in `PyPI`'s `stripe` 16.1.0 without a type for webhook endpoints). The double makes none of them.
const THIN_ONLY: [&str; 44] = [
    "billing.meter.error_report_triggered",
    "billing.meter.no_meter_found",
    "customer.discount.source_changed",
    "customer.subscription.active",
    "customer.subscription.cancel_at_changed",
    "customer.subscription.default_payment_method_changed",
    "customer.subscription.incomplete",
    "customer.subscription.incomplete_expired",
    "customer.subscription.item_added",
    "customer.subscription.item_price_changed",
    "customer.subscription.item_quantity_changed",
    "customer.subscription.item_removed",
    "customer.subscription.item_tax_rates_changed",
    "customer.subscription.past_due",
    "customer.subscription.trialing",
    "customer.subscription.unpaid",
    "financial_connections.account.balance_refresh_failed",
    "financial_connections.account.balance_refresh_succeeded",
    "financial_connections.account.ownership_refresh_failed",
    "invoice.discount_added",
    "invoice.discount_removed",
    "invoice.line_item_added",
    "invoice.line_item_pricing_changed",
    "invoice.line_item_quantity_changed",
    "invoice.line_item_removed",
    "invoice_payment.canceled",
    "invoice_payment.open",
    "invoiceitem.amount_changed",
    "invoiceitem.discount_added",
    "invoiceitem.discount_removed",
    "price.activated",
    "price.deactivated",
    "price.lookup_key_changed",
    "price.tax_behavior_changed",
    "product.activated",
    "product.deactivated",
    "product.default_price_changed",
    "product.tax_code_changed",
    "promotion_code.fully_redeemed",
    "subscription_schedule.phase_added",
    "subscription_schedule.phase_default_tax_rates_changed",
    "subscription_schedule.phase_end_date_changed",
    "subscription_schedule.phase_removed",
    "subscription_schedule.phase_trial_end_changed",
];

/// Types that exist in their thin form only, as snapshots have them here: a ping is about a destination.
pub(crate) const PING: &str = "v2.core.event_destination.ping";

/// Objects that are one of their kind where they are, and have no id that could be fetched by (the classes with a
/// `RelatedSingletonObject` in the official packages).
const SINGLETONS: [&str; 5] = ["balance", "balance_settings", "cash_balance", "discount", "tax.settings"];

/// The thin type of a snapshot's: `v1.invoice.paid` of `invoice.paid`; `None`: Stripe has no thin version of it.
#[must_use]
pub fn kind(snapshot: &str) -> Option<String> {
    if snapshot == PING {
        return Some(snapshot.to_owned());
    }
    (!NO_THIN.iter().any(|start| snapshot.starts_with(start))).then(|| format!("v1.{snapshot}"))
}

/// Whether a thin event of this type is made where its snapshot is; `false`: Stripe may have it, we do not.
pub(crate) fn is_made(thin: &str) -> bool {
    let snapshot = thin.strip_prefix("v1.");
    thin == PING
        || snapshot.is_some_and(|snapshot| kind(snapshot).is_some() && !THIN_ONLY.contains(&snapshot))
}

/// The id of the thin event beside a snapshot.
#[must_use]
pub fn id(snapshot: &str) -> String {
    format!("{PREFIX}{}", snapshot.strip_prefix("evt_").unwrap_or(snapshot))
}

/// The id of the snapshot that a thin event with this id is beside; `None`: that is no thin event's id.
#[must_use]
pub fn snapshot_id(thin: &str) -> Option<String> {
    Some(format!("evt_{}", thin.strip_prefix(PREFIX)?))
}

/// The thin event as it is delivered, of a snapshot in the newest shape; `None`: there is none.
#[must_use]
pub fn notification(snapshot: &Value) -> Option<Value> {
    let kind = kind(text(snapshot, "type"))?;
    let mut event = object! {
        "id": id(text(snapshot, "id")), "object": "v2.core.event", "context": context(snapshot),
        "created": time::rfc3339(int(snapshot, "created")), "livemode": snapshot["livemode"].clone(),
        "reason": reason(snapshot),
    };
    if let Some(related) = related_object(&kind, &snapshot["data"]["object"]) {
        put(&mut event, "related_object", related);
    }
    put(&mut event, "type", kind);
    Some(event)
}

/// The thin event as it is fetched.
#[must_use]
pub fn fetched(snapshot: &Value) -> Option<Value> {
    let mut event = notification(snapshot)?;
    put(&mut event, "changes", changes(&snapshot["data"]));
    if text(snapshot, "type") != PING {
        put(&mut event, "snapshot_event", text(snapshot, "id"));
    }
    Some(event)
}

/// `acct_…` of an event of a connected account.
fn context(snapshot: &Value) -> Value {
    snapshot.get("account").cloned().unwrap_or_default()
}

/// The API call that caused the event; null for what Stripe does by itself.
fn reason(snapshot: &Value) -> Value {
    let request = &snapshot["request"];
    if !request["id"].is_string() {
        return NULL;
    }
    object! {
        "type": "request",
        "request": object! { "id": request["id"].clone(), "idempotency_key": request["idempotency_key"].clone() },
    }
}

/// What changed, before and after; null for what is no change of an object.
fn changes(data: &Value) -> Value {
    match data.get("previous_attributes") {
        Some(before @ Value::Object(_)) => {
            object! { "before": before.clone(), "after": alike(before, &data["object"]) }
        }
        _ => NULL,
    }
}

/// What `now` has where `before` has something.
fn alike(before: &Value, now: &Value) -> Value {
    match (before, now) {
        (Value::Object(before), Value::Object(_)) => {
            let fields = before.iter().map(|(key, before)| (key.clone(), alike(before, &now[key])));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        _ => now.clone(),
    }
}

/// The reference to the object; `None` where Stripe's event has none (no `related_object` in the official packages'
/// class), because there is no call that answers the object.
fn related_object(kind: &str, about: &Value) -> Option<Value> {
    let nowhere = ["v1.account.application.", "v1.account.external_account.", "v1.invoice.upcoming"];
    if nowhere.iter().any(|start| kind.starts_with(start)) {
        return None;
    }
    let (object, url) = (text(about, "object"), address(about)?);
    if SINGLETONS.contains(&object) {
        return Some(object! { "type": object, "url": url });
    }
    Some(object! { "id": text(about, "id"), "type": object, "url": url })
}

/// Where Stripe's API answers an object, by the object alone (docs.stripe.com/api); `None`: nowhere.
fn address(about: &Value) -> Option<String> {
    let (id, object) = (text(about, "id"), text(about, "object"));
    let below = |owner: &str, rest: &str| {
        let owner = Some(text(about, owner)).filter(|owner| !owner.is_empty())?;
        Some(rest.replace("{}", owner))
    };
    let collection = match object {
        "" | "application" | "billing_portal.session" | "entitlements.active_entitlement_summary" => {
            return None;
        }
        "balance" | "balance_settings" => return Some(format!("/v1/{object}")),
        "tax.settings" => return Some("/v1/tax/settings".to_owned()),
        "cash_balance" => return below("customer", "/v1/customers/{}/cash_balance"),
        "discount" => return below("customer", "/v1/customers/{}/discount"),
        "customer_cash_balance_transaction" => {
            return below("customer", &format!("/v1/customers/{{}}/cash_balance_transactions/{id}"));
        }
        "capability" => return below("account", &format!("/v1/accounts/{{}}/capabilities/{id}")),
        "person" => return below("account", &format!("/v1/accounts/{{}}/persons/{id}")),
        "fee_refund" => return below("fee", &format!("/v1/application_fees/{{}}/refunds/{id}")),
        "checkout.session" => "checkout/sessions".to_owned(),
        "test_helpers.test_clock" => "test_helpers/test_clocks".to_owned(),
        "scheduled_query_run" => "sigma/scheduled_query_runs".to_owned(),
        "v2.core.event_destination" => return Some(format!("/v2/core/event_destinations/{id}")),
        _ => format!("{}s", object.replace('.', "/")),
    };
    (!id.is_empty()).then(|| format!("/v1/{collection}/{id}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn snapshot() -> Value {
        json!({
            "id": "evt_1", "object": "event", "api_version": "2026-10-28.endive", "created": 1_700_000_000,
            "data": {
                "object": {
                    "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1",
                    "metadata": { "a": "2", "b": "3" }, "items": { "data": [{ "quantity": 4 }] },
                },
                "previous_attributes": { "status": "trialing", "metadata": { "a": "1", "c": null } },
            },
            "livemode": false, "pending_webhooks": 1,
            "request": { "id": "req_1", "idempotency_key": "key" }, "type": "customer.subscription.updated",
        })
    }

    #[test]
    fn it_names_the_object_and_holds_none_of_it() {
        insta::assert_json_snapshot!(notification(&snapshot()), @r#"
        {
          "id": "evt_test_651",
          "object": "v2.core.event",
          "context": null,
          "created": "2023-11-14T22:13:20.000Z",
          "livemode": false,
          "reason": {
            "type": "request",
            "request": {
              "id": "req_1",
              "idempotency_key": "key"
            }
          },
          "related_object": {
            "id": "sub_1",
            "type": "subscription",
            "url": "/v1/subscriptions/sub_1"
          },
          "type": "v1.customer.subscription.updated"
        }
        "#);
    }

    #[test]
    fn who_fetches_it_learns_what_changed_and_which_snapshot_it_is_beside() {
        let event = fetched(&snapshot()).unwrap();
        assert_eq!(event["snapshot_event"], "evt_1");
        assert_eq!(
            event["changes"],
            json!({
                "before": { "status": "trialing", "metadata": { "a": "1", "c": null } },
                "after": { "status": "active", "metadata": { "a": "2", "c": null } },
            })
        );
        assert_eq!(event["type"], notification(&snapshot()).unwrap()["type"]);
    }

    #[test]
    fn what_is_no_change_and_caused_by_nobody_says_so() {
        let mut made = snapshot();
        made["data"]["previous_attributes"].take();
        made["request"] = json!({ "id": null, "idempotency_key": null });
        put(&mut made, "account", "acct_1");
        let event = fetched(&made).unwrap();
        assert_eq!((&event["changes"], &event["reason"]), (&NULL, &NULL));
        assert_eq!(event["context"], "acct_1");
    }

    #[rstest]
    #[case("invoice.paid", Some("v1.invoice.paid"))]
    #[case("customer.source.created", None)]
    #[case("customer.created", Some("v1.customer.created"))]
    #[case("source.chargeable", Some("v1.source.chargeable"))]
    #[case("source.transaction.created", None)]
    #[case("v1.invoice.paid", None)]
    #[case(PING, Some(PING))]
    fn types(#[case] snapshot: &str, #[case] thin: Option<&str>) {
        assert_eq!(kind(snapshot).as_deref(), thin);
    }

    #[rstest]
    #[case("v1.invoice.paid", true)]
    #[case(PING, true)]
    #[case("invoice.paid", false)]
    #[case("v1.price.activated", false)]
    #[case("v1.reporting.report_run.failed", false)]
    #[case("v2.core.account.closed", false)]
    fn what_is_not_made_is_known(#[case] thin: &str, #[case] made: bool) {
        assert_eq!(is_made(thin), made);
    }

    #[rstest]
    #[case("customer.created", json!({ "id": "x", "object": "customer" }), Some("/v1/customers/x"))]
    #[case("invoice.paid", json!({ "id": "x", "object": "invoice" }), Some("/v1/invoices/x"))]
    #[case("invoice.upcoming", json!({ "id": "x", "object": "invoice" }), None)]
    #[case("checkout.session.completed", json!({ "id": "x", "object": "checkout.session" }), Some("/v1/checkout/sessions/x"))]
    #[case("test_helpers.test_clock.ready", json!({ "id": "x", "object": "test_helpers.test_clock" }), Some("/v1/test_helpers/test_clocks/x"))]
    #[case("issuing_card.created", json!({ "id": "x", "object": "issuing.card" }), Some("/v1/issuing/cards/x"))]
    #[case("account.application.authorized", json!({ "id": "ca_1", "object": "application" }), None)]
    #[case("account.updated", json!({ "id": "x", "object": "account" }), Some("/v1/accounts/x"))]
    #[case("person.created", json!({ "id": "x", "object": "person", "account": "acct_1" }), Some("/v1/accounts/acct_1/persons/x"))]
    #[case("entitlements.active_entitlement_summary.updated", json!({ "object": "entitlements.active_entitlement_summary", "customer": "c" }), None)]
    #[case("balance.available", json!({ "object": "balance" }), Some("/v1/balance"))]
    #[case("customer.discount.created", json!({ "id": "di_1", "object": "discount", "customer": "cus_1" }), Some("/v1/customers/cus_1/discount"))]
    #[case("customer.discount.created", json!({ "id": "di_1", "object": "discount", "customer": null }), None)]
    fn objects_are_named_by_where_they_are_answered(
        #[case] kind: &str,
        #[case] about: Value,
        #[case] url: Option<&str>,
    ) {
        let related = related_object(&format!("v1.{kind}"), &about);
        assert_eq!(related.as_ref().and_then(|related| related["url"].as_str()), url);
        let has_id = related.as_ref().is_some_and(|related| related.get("id").is_some());
        assert_eq!(has_id, url.is_some() && !SINGLETONS.contains(&text(&about, "object")));
    }

    proptest::proptest! {
        #[test]
        fn ids_lead_to_each_other(own in "[0-9A-Za-z]{1,30}") {
            let snapshot = format!("evt_{own}");
            proptest::prop_assert_eq!(snapshot_id(&id(&snapshot)), Some(snapshot.clone()));
            proptest::prop_assert_eq!(snapshot_id(&snapshot), None);
        }
    }
}
