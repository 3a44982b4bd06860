//! Attempts to set a payment method up, what a meter counted, and what a call may say in its version.

use super::*;
use crate::stripe::object::{data, int};

#[rstest::rstest]
#[case::ready("pm_card_visa", &["succeeded"])]
#[case::refused("pm_card_chargeDeclined", &["failed"])]
#[case::asked("pm_card_authenticationRequired", &["requires_action"])]
#[tokio::test]
async fn each_confirmation_is_an_attempt(#[case] card: &str, #[case] expected: &[&str]) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let intent = app.make("/v1/setup_intents", "usage=off_session").await;
    let id = text(&intent, "id");
    let list = format!("/v1/setup_attempts?setup_intent={id}");
    assert_eq!(data(&app.get(&list).await.json()), &[] as &[Value]);
    let path = format!("/v1/setup_intents/{id}/confirm");
    app.post(&path, &format!("payment_method={card}&return_url=https://example.com")).await;
    let attempts = app.get(&list).await.json();
    let states: Vec<_> = data(&attempts).iter().map(|attempt| text(attempt, "status")).collect();
    assert_eq!(states, expected);
    let attempt = &data(&attempts)[0];
    let intent = app.get(&format!("/v1/setup_intents/{id}")).await.json();
    assert_eq!((&intent["latest_attempt"], &attempt["setup_intent"]), (&attempt["id"], &json!(id)));
    assert_eq!(attempt["payment_method_details"]["type"], "card");
    let failed = expected == ["failed"];
    assert_eq!(attempt["setup_error"]["code"], if failed { json!("card_declined") } else { json!(null) });
    if expected == ["requires_action"] {
        app.make(&format!("/v1/setup_intents/{id}/cancel"), "").await;
        assert_eq!(data(&app.get(&list).await.json())[0]["status"], "abandoned");
    }
    if failed {
        app.make(&path, "payment_method=pm_card_visa").await;
        let attempts = app.get(&list).await.json();
        let states: Vec<_> = data(&attempts).iter().map(|attempt| text(attempt, "status")).collect();
        assert_eq!(states, ["succeeded", "failed"], "newest first");
    }
}

#[tokio::test]
async fn attempts_are_asked_for_by_their_intent() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let got = app.get("/v1/setup_attempts").await;
    assert_eq!(got.error(), (400, "Missing required param: setup_intent.".to_owned()));
}

const HOUR: i64 = 60 * 60;

#[rstest::rstest]
#[case("sum", "", &[(0, 17)])]
#[case("count", "", &[(0, 4)])]
#[case("last", "", &[(0, 4)])]
#[case("sum", "&value_grouping_window=hour", &[(2, 4), (0, 13)])]
#[case("last", "&value_grouping_window=hour", &[(2, 4), (0, 8)])]
#[tokio::test]
async fn a_meter_sums_up_what_it_counted(
    #[case] formula: &str,
    #[case] more: &str,
    #[case] expected: &[(i64, i64)],
) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let form = format!("display_name=Calls&event_name=calls&default_aggregation[formula]={formula}");
    let meter = app.make("/v1/billing/meters", &form).await;
    let (anna, ben) = (app.make("/v1/customers", "name=A").await, app.make("/v1/customers", "name=B").await);
    let from = int(&meter, "created") / HOUR * HOUR;
    let told = [
        (&anna, 0, 2),
        (&anna, 1_800, 3),
        (&anna, 1_900, 8),
        (&ben, 60, 100),
        (&anna, 2 * HOUR, 4),
        (&anna, 4 * HOUR, 50),
    ];
    for (customer, at, value) in told {
        let form = format!(
            "event_name=calls&timestamp={}&payload[value]={value}&payload[stripe_customer_id]={}",
            from + at,
            text(customer, "id")
        );
        app.make("/v1/billing/meter_events", &form).await;
    }
    let path =
        format!("/v1/billing/meters/{}/event_summaries?customer={}", text(&meter, "id"), text(&anna, "id"));
    let page = app.get(&format!("{path}&start_time={from}&end_time={}{more}", from + 4 * HOUR)).await.json();
    let sums =
        data(&page).iter().map(|sum| ((int(sum, "start_time") - from) / HOUR, int(sum, "aggregated_value")));
    assert_eq!(sums.collect::<Vec<_>>(), expected);
    assert!(data(&page).iter().all(|sum| sum["meter"] == meter["id"]));
    let odd = app.get(&format!("{path}&start_time={}&end_time={}{more}", from + 1, from + HOUR)).await;
    let unit = if more.is_empty() { "minute" } else { "hour" };
    assert_eq!(odd.error(), (400, format!("start_time must be aligned with {unit} boundaries.")));
}

#[rstest::rstest]
#[case("2026-08-26.dahlia", 200, "")]
#[case("2026-09-30.endive", 400, "payment_method_types_no_longer_supported")]
#[tokio::test]
async fn a_call_is_held_to_the_version_it_names(
    #[case] version: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let form = "amount=500&currency=usd&payment_method_types[]=card";
    let got = app.send("POST", "/v1/payment_intents", form, &[("stripe-version", version)]).await.unwrap();
    assert_eq!((got.status, text(&got.json()["error"], "code")), (status, code));
    let unnamed = app.post("/v1/payment_intents", form).await;
    assert_eq!(unnamed.status, 200, "who names no version says what any version does");
}

#[tokio::test]
async fn what_a_version_no_longer_knows_is_unknown() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let endive = [("stripe-version", "2026-10-28.endive")];
    let form = "mode=setup&currency=usd&success_url=https://example.com&payment_method_types[]=card";
    let got = app.send("POST", "/v1/checkout/sessions", form, &endive).await.unwrap();
    assert_eq!(got.error(), (400, "Received unknown parameter: payment_method_types".to_owned()));
    assert_eq!(got.json()["error"]["param"], "payment_method_types");
}
