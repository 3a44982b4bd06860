//! Which events an action makes, in which order, and what they say.

use super::*;

/// Each action on a customer of whom nothing else is special makes what `explain` prints.
#[rstest::rstest]
#[case("subscribe", json!({"price": "pro_monthly"}), &[])]
#[case("checkout", json!({"price": "pro_monthly"}), &[])]
#[case("pay", json!({"price": "credits_100"}), &[])]
#[case("settle", json!({}), &[("checkout", json!({"price": "credits_100", "payment": "delayed"}))])]
#[case("renew", json!({}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("payment_fails", json!({}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("payment_action_required", json!({}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("payment_recovers", json!({}), &[("subscribe", json!({"price": "pro_monthly"})), ("payment_fails", json!({}))])]
#[case("change_price", json!({"price": "team_monthly"}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("change_quantity", json!({"quantity": 3}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("change_items", json!({"items": [{"price": "team_monthly"}]}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("schedule", json!({"price": "team_monthly"}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("cancel", json!({}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("pause", json!({}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("resume", json!({}), &[("subscribe", json!({"price": "pro_monthly"})), ("pause", json!({}))])]
#[case("refund", json!({"amount": 500}), &[("checkout", json!({"price": "credits_100"}))])]
#[case("dispute", json!({}), &[("checkout", json!({"price": "credits_100"}))])]
#[case("delete_customer", json!({}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("advance", json!({"by": "1h"}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[case("set", json!({"subscription": {"status": "past_due"}}), &[("subscribe", json!({"price": "pro_monthly"}))])]
#[tokio::test]
async fn the_burst_is_what_explain_prints(
    #[case] kind: &str,
    #[case] keys: Value,
    #[case] before: &[(&str, Value)],
) {
    let stand = Stand::new().await;
    for (kind, keys) in before {
        stand.act(kind, keys.clone());
    }
    let kind: ActionKind = kind.parse().unwrap();
    assert_eq!(types(&stand.act(kind.as_str(), keys)), kind.burst());
}

/// Variants of the actions, by what is different about their bursts.
#[rstest::rstest]
#[case("subscribe", json!({"price": "pro_monthly", "trial": 14}),
    "customer.subscription.created invoice.created invoice.finalized invoice.paid invoice.payment_succeeded", "trialing")]
#[case("subscribe", json!({"price": "pro_monthly", "first_payment": "fails"}),
    "customer.subscription.created invoice.created invoice.finalized payment_intent.created charge.failed \
     payment_intent.payment_failed invoice.updated invoice.payment_failed", "incomplete")]
#[case("subscribe", json!({"price": "pro_monthly", "first_payment": "action_required"}),
    "customer.subscription.created invoice.created invoice.finalized payment_intent.created \
     payment_intent.requires_action invoice.updated invoice.payment_action_required", "incomplete")]
#[case("subscribe", json!({"price": "calls"}), "customer.subscription.created", "active")]
#[case("checkout", json!({"price": "pro_monthly", "discount_percent": 100}),
    "payment_method.attached customer.subscription.created invoice.created invoice.finalized invoice.paid \
     invoice.payment_succeeded checkout.session.completed", "active")]
#[case("checkout", json!({"price": "pro_monthly", "payment": "delayed"}),
    "payment_method.attached customer.subscription.created invoice.created invoice.finalized \
     payment_intent.created payment_intent.processing charge.pending invoice.updated \
     checkout.session.completed", "active")]
#[case("checkout", json!({"price": "pro_monthly", "first_payment": "fails"}),
    "payment_intent.created charge.failed payment_intent.payment_failed", "")]
#[case("checkout", json!({"price": "credits_100"}),
    "payment_intent.created payment_intent.succeeded charge.succeeded checkout.session.completed", "")]
#[case("checkout", json!({"price": "credits_100", "discount_percent": 100}), "checkout.session.completed", "")]
#[tokio::test]
async fn variants(#[case] kind: &str, #[case] keys: Value, #[case] expected: &str, #[case] status: &str) {
    let stand = Stand::new().await;
    let events = stand.act(kind, keys);
    assert_eq!(types(&events).join(" "), expected.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(
        stand.truth().get("subscription").map_or("", |subscription| text(subscription, "status")),
        status
    );
}

#[tokio::test]
async fn events_are_whole() {
    let stand = Stand::new().await;
    let events = stand.act("subscribe", json!({"price": "pro_monthly", "quantity": 3}));
    let second = START.parse::<Timestamp>().unwrap().as_second();
    for event in &events {
        assert_eq!(event["object"], "event");
        assert_eq!(event["api_version"], NEWEST);
        assert_eq!(event["created"], second, "a burst shares its second");
        assert_eq!(event["pending_webhooks"], 1);
        assert!(event["request"]["id"].as_str().unwrap().starts_with("req_"));
    }
    let created = &event(&events, "customer.subscription.created")["data"]["object"];
    assert_eq!(created["status"], "active");
    assert_eq!(created["items"]["data"][0]["price"]["id"], "price_pro");
    assert_eq!((&created["quantity"], &created["plan"]["id"]), (&json!(3), &json!("price_pro")));
    let paid = &event(&events, "invoice.paid")["data"]["object"];
    assert_eq!(paid["parent"]["subscription_details"]["subscription"], created["id"]);
    assert_eq!(created["latest_invoice"], paid["id"]);
    assert_eq!((&paid["amount_paid"], &paid["amount_remaining"]), (&json!(29_700), &json!(0)));
    assert_eq!(paid["billing_reason"], "subscription_create");
    for gone in ["subscription", "charge", "payment_intent", "paid", "tax", "discount"] {
        assert!(paid.get(gone).is_none(), "{gone} went with basil");
    }
    let statuses: Vec<_> = ["invoice.created", "invoice.finalized", "invoice.paid"]
        .iter()
        .map(|kind| text(&event(&events, kind)["data"]["object"], "status"))
        .collect();
    assert_eq!(statuses, ["draft", "open", "paid"]);
}

#[tokio::test]
async fn a_checkout_subscription_is_created_incomplete_and_then_updated() {
    let stand = Stand::new().await;
    let events = stand.act(
        "checkout",
        json!({"price": "pro_monthly", "set": {"client_reference_id": "u1", "metadata": {"user": "1"}}}),
    );
    assert_eq!(event(&events, "customer.subscription.created")["data"]["object"]["status"], "incomplete");
    let updated = &event(&events, "customer.subscription.updated")["data"];
    assert_eq!(
        updated["previous_attributes"],
        json!({"default_payment_method": null, "status": "incomplete"})
    );
    assert_eq!(updated["object"]["status"], "active");
    let session = &event(&events, "checkout.session.completed")["data"]["object"];
    assert_eq!(session["client_reference_id"], "u1");
    assert_eq!(session["metadata"], json!({"user": "1"}));
    assert_eq!(session["subscription"], updated["object"]["id"]);
    assert_eq!((text(session, "status"), text(session, "payment_status")), ("complete", "paid"));
    assert_eq!(session["customer_details"]["email"], "Jenny@example.com");
    assert_eq!(stand.truth()["checkout"], *session);
}

#[tokio::test]
async fn previous_attributes_of_changes() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let before = stand.truth()["subscription"].clone();
    let events = stand.act("change_quantity", json!({"quantity": 4}));
    let changed = &event(&events, "customer.subscription.updated")["data"];
    assert_eq!(
        changed["previous_attributes"],
        json!({"items": {"data": before["items"]["data"]}, "quantity": 1})
    );
    let before = stand.truth()["subscription"].clone();
    let events = stand.act("change_price", json!({"price": "team_monthly"}));
    let previous = &event(&events, "customer.subscription.updated")["data"]["previous_attributes"];
    assert_eq!(previous["items"]["data"], before["items"]["data"]);
    assert_eq!(previous["plan"]["id"], "price_pro");
    assert_eq!(stand.truth()["subscription"]["items"]["data"][0]["id"], before["items"]["data"][0]["id"]);
    let amounts: Vec<_> = events[..2].iter().map(|event| event["data"]["object"]["amount"].clone()).collect();
    assert_eq!(amounts, [json!(-39_600), json!(119_600)], "the whole period is left: all of it is prorated");

    let events = stand.act("cancel", json!({"at": "period_end"}));
    assert_eq!(
        events[0]["data"]["previous_attributes"],
        json!({
            "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null, "cancellation_details": {"reason": null},
        })
    );
}

#[tokio::test]
async fn a_renewal_moves_the_clock_and_tells_the_old_period() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let before = stand.truth()["subscription"].clone();
    let events = stand.act("renew", json!({}));
    assert_eq!(stand.double.now(CASE).unwrap(), "2026-12-23T10:00:00Z".parse().unwrap());
    let updated = &event(&events, "customer.subscription.updated")["data"];
    assert_eq!(updated["previous_attributes"]["items"]["data"], before["items"]["data"]);
    assert_eq!(updated["previous_attributes"]["latest_invoice"], before["latest_invoice"]);
    let item = &updated["object"]["items"]["data"][0];
    assert_eq!(item["current_period_start"], before["items"]["data"][0]["current_period_end"]);
    let invoice = &event(&events, "invoice.created")["data"]["object"];
    assert_eq!((text(invoice, "billing_reason"), text(invoice, "status")), ("subscription_cycle", "draft"));
    assert_eq!(updated["object"]["latest_invoice"], invoice["id"]);
    assert_eq!(event(&events, "invoice.paid")["request"], json!({"id": null, "idempotency_key": null}));
}

#[rstest::rstest]
#[case("past_due", "past_due", 4)]
#[case("unpaid", "unpaid", 4)]
#[case("canceled", "canceled", 4)]
#[tokio::test]
async fn dunning_ends_as_the_account_is_set(
    #[case] leaves: &str,
    #[case] status: &str,
    #[case] attempts: usize,
) {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let mut events = stand.act("payment_fails", json!({}));
    assert_eq!(stand.status(), "past_due");
    let update = events.iter().rfind(|event| event["type"] == "customer.subscription.updated").unwrap();
    assert_eq!(update["data"]["previous_attributes"], json!({"status": "active"}));
    assert!(stand.truth()["invoice"]["next_payment_attempt"].is_i64());
    events.extend(stand.act("payment_fails", json!({"attempts": "all", "leaves": leaves})));
    assert_eq!(types(&events).iter().filter(|kind| **kind == "invoice.payment_failed").count(), attempts);
    assert_eq!(stand.status(), status);
    let invoice = &stand.truth()["invoice"];
    assert_eq!((&invoice["attempt_count"], &invoice["next_payment_attempt"]), (&json!(4), &json!(null)));
    assert_eq!(stand.truth()["customer"]["delinquent"], true);
}

#[tokio::test]
async fn what_was_open_is_paid_after_all() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly", "first_payment": "fails"}));
    assert_eq!(stand.status(), "incomplete");
    stand.act("payment_recovers", json!({}));
    assert_eq!(stand.status(), "active");
    stand.act("payment_fails", json!({"attempts": "all", "leaves": "unpaid"}));
    stand.act("payment_recovers", json!({}));
    assert_eq!(stand.status(), "active");
    assert_eq!(stand.truth()["customer"]["delinquent"], false);
    assert_eq!(stand.try_act("payment_recovers", json!({})), Err(ActError::NothingOpen));
}

#[tokio::test]
async fn time_brings_what_falls_due() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly", "trial": "14d"}));
    let events = stand.act("advance", json!({"by": "13d"}));
    assert_eq!(types(&events), ["invoice.upcoming", "customer.subscription.trial_will_end"]);
    let events = stand.act("advance", json!({"by": "1d"}));
    assert_eq!(
        event(&events, "customer.subscription.updated")["data"]["previous_attributes"]["status"],
        "trialing"
    );
    assert_eq!(stand.truth()["invoice"]["status"], "draft", "for an hour");
    let events = stand.act("advance", json!({"by": "1h"}));
    assert_eq!(event(&events, "invoice.paid")["data"]["object"]["amount_paid"], 9_900);
    let events = stand.act("advance", json!({"by": "62d"}));
    assert_eq!(types(&events).iter().filter(|kind| **kind == "invoice.paid").count(), 2);
    stand.act("cancel", json!({"at": "period_end"}));
    let events = stand.act("advance", json!({"by": "31d"}));
    assert_eq!(types(&events), ["customer.subscription.deleted"]);
    assert_eq!(stand.status(), "canceled");
    assert_eq!(stand.double.now(CASE).unwrap(), "2027-03-10T11:00:00Z".parse().unwrap());
}

#[rstest::rstest]
#[case::pause("pause", "paused", &["customer.subscription.updated", "customer.subscription.paused"])]
#[case::cancel("cancel", "canceled", &["customer.subscription.deleted"])]
#[tokio::test]
async fn a_trial_without_a_card_ends_as_its_settings_say(
    #[case] behavior: &str,
    #[case] status: &str,
    #[case] expected: &[&str],
) {
    let stand = Stand::new().await;
    let settings = json!({ "trial_settings": { "end_behavior": { "missing_payment_method": behavior } } });
    stand.act("subscribe", json!({"price": "pro_monthly", "trial": 14, "card": false, "set": settings}));
    assert_eq!(stand.status(), "trialing");
    assert!(stand.truth()["customer"]["invoice_settings"]["default_payment_method"].is_null());
    let made = stand.act("advance", json!({"by": "14d"}));
    let events = types(&made);
    assert_eq!(events[events.len() - expected.len()..], *expected, "{events:?}");
    assert_eq!(stand.status(), status);
}

#[rstest::rstest]
#[case::so_long_from_now(json!("20d"), 20 * 86_400)]
#[case::at_a_second(json!("2026-12-31T00:00:00Z".parse::<Timestamp>().unwrap().as_second()), 0)]
#[tokio::test]
async fn a_cancellation_has_a_time_of_its_own(#[case] at: Value, #[case] after: i64) {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let expected = at.as_i64().unwrap_or(stand.double.now(CASE).unwrap().as_second() + after);
    let events = stand.act("cancel", json!({ "at": at }));
    assert_eq!(types(&events).last(), Some(&"customer.subscription.updated"));
    let subscription = stand.truth()["subscription"].clone();
    assert_eq!(subscription["cancel_at"], expected);
    assert_eq!(subscription["cancel_at_period_end"], false);
    assert_eq!(subscription["status"], "active");
    stand.act("advance", json!({"by": "80d"}));
    assert_eq!(stand.status(), "canceled");
    assert_eq!(stand.truth()["subscription"]["ended_at"], expected);
}

#[tokio::test]
async fn a_decline_that_nobody_mends_ends_the_subscription() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    stand.act("payment_fails", json!({}));
    let events = stand.act("advance", json!({"by": "20d"}));
    assert_eq!(types(&events).iter().filter(|kind| **kind == "invoice.payment_failed").count(), 3);
    let ended = &event(&events, "customer.subscription.deleted")["data"]["object"];
    assert_eq!(ended["cancellation_details"]["reason"], "payment_failed");
}

#[tokio::test]
async fn an_incomplete_subscription_expires() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly", "first_payment": "fails"}));
    let events = stand.act("advance", json!({"by": "1d"}));
    assert_eq!(
        types(&events),
        ["invoice.voided", "payment_intent.canceled", "customer.subscription.updated"]
    );
    assert_eq!(stand.status(), "incomplete_expired");
}

#[tokio::test]
async fn proration_is_billed_with_the_renewal() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    stand.act("advance", json!({"by": "15d"}));
    stand.act("change_price", json!({"price": "team_monthly"}));
    let events = stand.act("renew", json!({}));
    let paid = &event(&events, "invoice.paid")["data"]["object"];
    assert_eq!(paid["amount_paid"], 29_900 + 14_950 - 4_950);
    assert_eq!(paid["lines"]["data"].as_array().unwrap().len(), 3);
}

/// An upgrade whose difference is billed at once, by how the payment goes: the status and price that come of it, and
/// those after the invoice was paid in the end.
#[rstest::rstest]
#[case(json!({"payment": "paid"}), ("active", "team_monthly"), None)]
#[case(json!({"payment": "fails"}), ("past_due", "team_monthly"), Some("customer.subscription.updated"))]
#[case(json!({"payment": "action_required"}), ("past_due", "team_monthly"), Some("customer.subscription.updated"))]
#[case(
    json!({"payment": "fails", "payment_behavior": "pending_if_incomplete"}), ("active", "pro_monthly"),
    Some("customer.subscription.pending_update_applied")
)]
#[tokio::test]
async fn an_upgrade_is_billed_at_once(
    #[case] mut keys: Value,
    #[case] (status, price): (&str, &str),
    #[case] recovers_with: Option<&str>,
) {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    keys["price"] = json!("team_monthly");
    stand.act("change_price", keys);
    let has = |status: &str, price: &str| {
        let subscription = stand.truth()["subscription"].clone();
        let item = &subscription["items"]["data"][0];
        assert_eq!((&subscription["status"], &item["price"]["lookup_key"]), (&json!(status), &json!(price)));
    };
    has(status, price);
    assert_eq!(stand.truth()["invoice"]["amount_due"], 20_000, "Team costs so much more");
    if let Some(kind) = recovers_with {
        event(&stand.act("payment_recovers", json!({})), kind);
        has("active", "team_monthly");
    }
}

#[tokio::test]
async fn another_interval_is_billed_at_once() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    stand.act("advance", json!({"by": "15d"}));
    let events = stand.act("change_price", json!({"price": "pro_yearly"}));
    let paid = &event(&events, "invoice.paid")["data"]["object"];
    assert_eq!(paid["amount_paid"], 99_000 - 4_950);
    let item = &stand.truth()["subscription"]["items"]["data"][0];
    assert_eq!(item["current_period_end"], "2027-12-08T10:00:00Z".parse::<Timestamp>().unwrap().as_second());
}

#[tokio::test]
async fn a_credit_is_kept_for_the_next_invoice() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_yearly"}));
    let events = stand.act("change_price", json!({"price": "pro_monthly"}));
    let paid = &event(&events, "invoice.paid")["data"]["object"];
    assert_eq!(
        (&paid["total"], &paid["amount_due"], &paid["ending_balance"]),
        (&json!(-89_100), &json!(0), &json!(-89_100))
    );
    assert_eq!(event(&events, "customer.updated")["data"]["previous_attributes"], json!({"balance": 0}));
    stand.act("renew", json!({}));
    assert_eq!(stand.truth()["customer"]["balance"], -79_200);
}

#[tokio::test]
async fn a_delayed_payment_settles_or_bounces() {
    for (outcome, status, kind) in [
        ("succeeded", "active", "checkout.session.async_payment_succeeded"),
        ("failed", "past_due", "checkout.session.async_payment_failed"),
    ] {
        let stand = Stand::new().await;
        let events = stand.act("checkout", json!({"price": "pro_monthly", "payment": "delayed"}));
        assert_eq!(
            event(&events, "checkout.session.completed")["data"]["object"]["payment_status"],
            "unpaid"
        );
        let events = stand.act("settle", json!({"outcome": outcome}));
        event(&events, kind);
        assert_eq!(stand.status(), status);
    }
}

#[tokio::test]
async fn entitlements_follow_the_subscription() {
    let stand = Stand::new().await;
    let events = stand.act("subscribe", json!({"price": "everything"}));
    let summary = &event(&events, "entitlements.active_entitlement_summary.updated")["data"]["object"];
    assert_eq!(summary["entitlements"]["data"].as_array().unwrap().len(), 10);
    assert_eq!(summary["entitlements"]["has_more"], true);
    assert!(summary.get("id").is_none());
    let events = stand.act("cancel", json!({}));
    let summary = &event(&events, "entitlements.active_entitlement_summary.updated")["data"];
    assert_eq!(summary["object"]["entitlements"]["data"], json!([]));
    assert_eq!(summary["previous_attributes"]["entitlements"]["data"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn provider_truth_changes_without_an_event() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly", "name": "first"}));
    assert_eq!(
        stand.act("set", json!({"subscription": {"status": "unpaid"}, "customer": {"metadata": {"a": "1"}}})),
        Vec::<Value>::new()
    );
    assert_eq!(stand.status(), "unpaid");
    assert_eq!(stand.truth()["customer"]["metadata"]["a"], "1");
    stand.act("set", json!({"first": {"status": "active"}}));
    assert_eq!(stand.status(), "active");
    assert_eq!(stand.try_act("set", json!({"nobody": {}})), Err(ActError::UnknownObject("nobody".into())));
}

#[tokio::test]
async fn subscriptions_are_chosen_by_name_else_the_first_that_runs() {
    let stand = Stand::new().await;
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    stand.act("subscribe", json!({"price": "team_monthly", "name": "old"}));
    let first = stand.truth()["subscription"]["id"].clone();
    let old = stand.truth()["old"]["id"].clone();
    assert_ne!(first, old);
    let events = stand.act("cancel", json!({"subscription": "old"}));
    assert_eq!(events[0]["data"]["object"]["id"], old);
    assert_eq!(stand.double.truth(CASE, 0, Some("old"))["subscription"]["status"], "canceled");
    assert_eq!(stand.truth()["subscription"]["id"], first);
    let none = ActError::NoSubscription(Some("old".into()));
    assert_eq!(stand.try_act("cancel", json!({"subscription": "old"})), Err(none));
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let stand = Stand::new().await;
    assert_eq!(stand.try_act("dispute", json!({})), Err(ActError::NothingToDispute));
    assert_eq!(stand.try_act("renew", json!({})), Err(ActError::NoSubscription(None)));
    assert_eq!(stand.try_act("refund", json!({})), Err(ActError::NoCharge));
    assert_eq!(stand.try_act("checkout", json!({})), Err(ActError::NoOpenCheckout));
    assert_eq!(stand.try_act("settle", json!({})), Err(ActError::NothingOpen));
    assert_eq!(
        stand.try_act("subscribe", json!({"price": "gold"})),
        Err(ActError::UnknownPrice("gold".into()))
    );
    let refused = stand.try_act("subscribe", json!({"price": "credits_100"})).unwrap_err();
    assert!(refused.to_string().contains("type=recurring"), "{refused}");
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    assert_eq!(stand.try_act("advance", json!({"by": "36000d"})).map_err(|error| error.to_string()), Ok(()));
    let action = Action::from_keys(ActionKind::Renew, &Map::new()).unwrap();
    assert_eq!(stand.double.act(CASE, 9, &action), Err(ActError::UnknownSlot(9)));
    assert_eq!(stand.double.act(CaseId(9), 0, &action), Err(ActError::UnknownCase(CaseId(9))));
}
