//! Money that goes back, or is held: refunds, disputes, and what is available.

use super::payments::{CONFIRMED, stand, told};
use super::*;

#[tokio::test]
async fn refunds_fail_or_take_a_while() {
    for (card, at_first, at_last, kinds) in [
        ("pm_card_visa", "succeeded", "succeeded", &[][..]),
        ("pm_card_pendingRefund", "pending", "succeeded", &["refund.updated", "charge.refund.updated"]),
        (
            "pm_card_refundFail",
            "succeeded",
            "failed",
            &["refund.failed", "refund.updated", "charge.refund.updated"],
        ),
    ] {
        let stand = Stand::new().await;
        let app = App::of(&stand);
        let customer = text(&stand.truth()["customer"], "id").to_owned();
        let form = format!("{CONFIRMED}&payment_method={card}&customer={customer}");
        let intent = app.make("/v1/payment_intents", &form).await;
        let refund = app.make("/v1/refunds", &format!("payment_intent={}", text(&intent, "id"))).await;
        assert_eq!(refund["status"], at_first, "{card}");
        let got = app.post("/v1/refunds", &format!("payment_intent={}", text(&intent, "id"))).await;
        assert_eq!(got.json()["error"]["code"], "charge_already_refunded");
        let _ = stand.double.drain(CASE);
        let events = stand.act("advance", json!({"by": "3d"}));
        assert_eq!(types(&events), kinds, "{card}");
        let refund = app.get(&format!("/v1/refunds/{}", text(&refund, "id"))).await.json();
        assert_eq!(refund["status"], at_last, "{card}");
        let charge = app.get(&format!("/v1/charges/{}", text(&refund, "charge"))).await.json();
        assert_eq!(charge["refunded"], at_last == "succeeded", "{card}");
    }
}

#[rstest::rstest]
#[case("uncategorized_text", "winning_evidence", "won", &["charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_reinstated"])]
#[case("uncategorized_text", "losing_evidence", "lost", &["charge.dispute.updated", "charge.dispute.closed"])]
#[case("product_description", "a book", "under_review", &["charge.dispute.updated"])]
#[tokio::test]
async fn evidence_decides_a_dispute(
    #[case] field: &str,
    #[case] evidence: &str,
    #[case] status: &str,
    #[case] kinds: &[&str],
) {
    let (_stand, app, _) = stand().await;
    let intent =
        app.make("/v1/payment_intents", &format!("{CONFIRMED}&payment_method=pm_card_createDispute")).await;
    let id = text(&intent, "id");
    let disputes = app.get(&format!("/v1/disputes?payment_intent={id}&expand[]=data.charge")).await.json();
    let dispute = &disputes["data"][0];
    assert_eq!(
        (&dispute["status"], &dispute["charge"]["disputed"]),
        (&json!("needs_response"), &json!(true))
    );
    assert_eq!(dispute["balance_transactions"][0]["net"], -3500);
    let opened = told(&app).await;
    assert_eq!(opened[3..], ["charge.dispute.created", "charge.dispute.funds_withdrawn"]);
    let got = app.post("/v1/refunds", &format!("payment_intent={id}")).await;
    assert_eq!(got.json()["error"]["code"], "charge_disputed");
    let path = format!("/v1/disputes/{}", text(dispute, "id"));
    let after = app.make(&path, &format!("evidence[{field}]={evidence}")).await;
    assert_eq!(after["status"], status);
    assert_eq!(told(&app).await[opened.len()..], *kinds);
    let moved: i64 = after["balance_transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|moved| moved["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(moved, if status == "won" { 0 } else { -2000 });
    if status != "under_review" {
        let got = app.post(&format!("{path}/close"), "").await;
        assert_eq!(got.error(), (400, "This dispute is already closed".to_owned()));
    }
}

#[tokio::test]
async fn an_inquiry_takes_no_money_and_is_closed() {
    let (_stand, app, _) = stand().await;
    app.make("/v1/payment_intents", &format!("{CONFIRMED}&payment_method=pm_card_createDisputeInquiry"))
        .await;
    let dispute = app.get("/v1/disputes").await.json()["data"][0].clone();
    assert_eq!(
        (&dispute["status"], &dispute["balance_transactions"]),
        (&json!("warning_needs_response"), &json!([]))
    );
    let closed = app.make(&format!("/v1/disputes/{}/close", text(&dispute, "id")), "").await;
    assert_eq!(closed["status"], "lost");
    assert_eq!(told(&app).await[3..], ["charge.dispute.created", "charge.dispute.closed"]);
}

#[tokio::test]
async fn money_that_bypasses_waiting_is_available() {
    let (_stand, app, _) = stand().await;
    app.make("/v1/payment_intents", &format!("{CONFIRMED}&payment_method=pm_card_visa")).await;
    let balance = app.get("/v1/balance").await.json();
    assert_eq!(
        (&balance["available"][0]["amount"], &balance["pending"][0]["amount"]),
        (&json!(0), &json!(1912))
    );
    app.make("/v1/payment_intents", &format!("{CONFIRMED}&payment_method=pm_card_bypassPending")).await;
    let balance = app.get("/v1/balance").await.json();
    assert_eq!(balance["available"][0]["amount"], 1912);
    assert!(told(&app).await.contains(&"balance.available".to_owned()));
}

#[rstest::rstest]
#[case("won", &["charge.dispute.closed", "charge.dispute.funds_reinstated"])]
#[case("lost", &["charge.dispute.closed"])]
#[tokio::test]
async fn a_scenario_says_how_a_dispute_ends(#[case] outcome: &str, #[case] then: &[&str]) {
    let stand = Stand::new().await;
    stand.act("checkout", json!({"price": "credits_100"}));
    let keys = json!({"outcome": outcome, "name": "claim", "set": {"reason": "duplicate"}});
    let events = stand.act("dispute", keys);
    assert_eq!(types(&events)[..2], ["charge.dispute.created", "charge.dispute.funds_withdrawn"]);
    assert_eq!(types(&events)[2..], *then);
    let truth = stand.truth();
    assert_eq!(
        (&truth["claim"]["status"], &truth["claim"]["reason"]),
        (&json!(outcome), &json!("duplicate"))
    );
    assert_eq!(truth["charge"]["disputed"], true);
    assert_eq!(stand.try_act("dispute", json!({})), Err(ActError::NothingToDispute));
}
