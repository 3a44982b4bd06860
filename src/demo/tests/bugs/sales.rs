//! Stories of what is sold: its payment, what goes back, and what it gives.

use serde_json::json;

use super::super::rig::{Rig, charge, event, invoice, refund, session, subscription, with};
use super::{COMPLETED, CREATED, UPDATED};

/// Half of a purchase is given back; the events come in this order.
pub(super) async fn refunded(rig: &Rig, order: &[&str]) -> String {
    rig.put("checkout/sessions", &session("cs_1"));
    rig.put("charges", &charge(5_000));
    let mut answers = Vec::new();
    for kind in order {
        let object = match *kind {
            COMPLETED => session("cs_1"),
            "charge.refunded" => charge(5_000),
            _ => refund(),
        };
        answers.push(rig.deliver(&event(kind, kind, &object)).await);
    }
    format!("{answers:?}, {}", rig.credits().await)
}

/// A renewal, told by both of its events.
pub(super) async fn renewed(rig: &Rig) -> String {
    rig.put("subscriptions", &subscription("sub_1", "active", "plus_monthly", 1));
    let paid = with(&invoice("in_1", 1900), "billing_reason", json!("subscription_cycle"));
    rig.put("invoices", &paid);
    let mut answers = Vec::new();
    for kind in ["invoice.paid", "invoice.payment_succeeded"] {
        answers.push(rig.deliver(&event(kind, kind, &paid)).await);
    }
    format!("{answers:?}, {}, {}", rig.credits().await, rig.mails("receipt").await)
}

pub(super) async fn period_moves(rig: &Rig) -> String {
    let mut pro = subscription("sub_1", "active", "pro_monthly", 1);
    rig.tell("evt_1", CREATED, &pro).await;
    pro["items"]["data"][0]["current_period_end"] = json!(1_769_270_400);
    let answer = rig.tell("evt_2", UPDATED, &pro).await;
    format!("{answer}, until {}", rig.get("/api/billing/cus_1").await["renews_at"])
}

pub(super) async fn shown_as_ending(rig: &Rig) -> String {
    let ending = with(&subscription("sub_1", "active", "pro_monthly", 1), "cancel_at", json!(1_766_592_000));
    let answer = rig.tell("evt_1", UPDATED, &ending).await;
    format!("{answer}, ending {}", rig.get("/api/billing/cus_1").await["ending"])
}

/// The event shows one feature of two.
pub(super) async fn features(rig: &Rig) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "everything_monthly", 1)).await;
    let row = |name: &str| json!({ "id": format!("ent_{name}"), "lookup_key": name });
    let path = "entitlements/active_entitlements";
    rig.put_list(path, &json!({ "data": [row("scim"), row("roles")], "has_more": false }));
    let shown = json!({ "data": [row("scim")], "has_more": true });
    let summary = json!({ "customer": "cus_1", "entitlements": shown });
    let kind = "entitlements.active_entitlement_summary.updated";
    let answer = rig.deliver(&event("evt_2", kind, &summary)).await;
    format!("{answer}, {}", rig.get("/api/entitlements/cus_1").await["features"])
}

/// Products come as ids unless they are asked for.
pub(super) async fn product(rig: &Rig) -> String {
    for (id, price, name) in [("evt_1", "basic_monthly", "Basic"), ("evt_2", "plus_monthly", "Plus")] {
        let mut sold = subscription("sub_1", "active", price, 1);
        sold["items"]["data"][0]["price"]["product"] = json!({ "id": "prod_1", "name": name });
        rig.put_list("subscriptions/sub_1?expand[]=items.data.price.product", &sold);
        sold["items"]["data"][0]["price"]["product"] = json!("prod_1");
        rig.tell(id, UPDATED, &sold).await;
    }
    let record = rig.get("/api/billing/cus_1").await;
    format!("{} is {}", record["plan"], record["product"])
}

pub(super) async fn metered(rig: &Rig) -> String {
    let mut pro = subscription("sub_1", "active", "pro_monthly", 1);
    let calls = json!({ "id": "si_2", "price": { "id": "price_2", "lookup_key": "calls_metered" } });
    pro["items"]["data"].as_array_mut().unwrap().push(calls);
    let answer = rig.tell("evt_1", CREATED, &pro).await;
    format!("{answer}, {}", rig.access().await)
}

pub(super) async fn declined_upgrade(rig: &Rig) -> String {
    rig.tell("evt_1", CREATED, &subscription("sub_1", "active", "pro_monthly", 1)).await;
    let answer = rig.tell("evt_2", UPDATED, &subscription("sub_1", "past_due", "team_monthly", 1)).await;
    format!("{answer}, {}", rig.access().await)
}

pub(super) async fn arrives_late(rig: &Rig) -> String {
    let unpaid = with(&session("cs_1"), "payment_status", json!("unpaid"));
    rig.put("checkout/sessions", &unpaid);
    rig.deliver(&event("evt_1", COMPLETED, &unpaid)).await;
    rig.put("checkout/sessions", &session("cs_1"));
    let kind = "checkout.session.async_payment_succeeded";
    let answer = rig.deliver(&event("evt_2", kind, &session("cs_1"))).await;
    format!("{answer}, {}", rig.credits().await)
}

pub(super) async fn to_be_confirmed(rig: &Rig) -> String {
    rig.put("subscriptions", &subscription("sub_1", "past_due", "pro_monthly", 1));
    let kind = "invoice.payment_action_required";
    let answer = rig.deliver(&event("evt_1", kind, &invoice("in_1", 0))).await;
    format!("{answer}, {}", rig.mails("confirm").await)
}
