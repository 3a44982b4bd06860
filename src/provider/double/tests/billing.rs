//! The billing engine, as an app meets it over HTTP and as time passes.

use super::*;
use crate::stripe::object::{data, int};

const DAY: i64 = 24 * 60 * 60;

/// The case's customer, with a card where one is named.
async fn stage(card: Option<&str>) -> (Stand, App, String) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    if let Some(card) = card {
        set_card(&app, &customer, card).await;
    }
    (stand, app, customer)
}

async fn set_card(app: &App, customer: &str, card: &str) {
    let body = format!("invoice_settings[default_payment_method]={card}");
    app.make(&format!("/v1/customers/{customer}"), &body).await;
}

async fn subscribe(app: &App, customer: &str, more: &str) -> Value {
    app.make("/v1/subscriptions", &format!("customer={customer}&items[0][price]=price_pro{more}")).await
}

async fn latest(app: &App, subscription: &Value) -> Value {
    let again = app.get(&format!("/v1/subscriptions/{}", text(subscription, "id"))).await.json();
    app.get(&format!("/v1/invoices/{}", text(&again, "latest_invoice"))).await.json()
}

fn start() -> i64 {
    START.parse::<Timestamp>().unwrap().as_second()
}

#[rstest::rstest]
#[case(format!("billing_cycle_anchor={}", start() + 10 * DAY), 3_300, 10)]
#[case("billing_cycle_anchor_config[day_of_month]=3".to_owned(), 3_300, 10)]
#[case(format!("backdate_start_date={}", start() - 15 * DAY), 9_900, 15)]
#[case("add_invoice_items[0][price_data][currency]=usd&add_invoice_items[0][price_data][unit_amount]=500&\
    add_invoice_items[0][price_data][product_data][name]=Setup".to_owned(), 9_900 + 500, 30)]
#[tokio::test]
async fn a_first_invoice_bills_what_was_agreed(#[case] more: String, #[case] total: i64, #[case] days: i64) {
    let (_stand, app, customer) = stage(Some("pm_card_visa")).await;
    let made = subscribe(&app, &customer, &format!("&{more}")).await;
    let invoice = latest(&app, &made).await;
    assert_eq!((int(&invoice, "total"), text(&invoice, "status")), (total, "paid"), "{invoice}");
    let ends = int(&made["items"]["data"][0], "current_period_end");
    assert_eq!(ends, start() + days * DAY);
}

#[tokio::test]
async fn without_proration_the_time_until_the_anchor_is_free() {
    let (stand, app, customer) = stage(Some("pm_card_visa")).await;
    let anchor = start() + 10 * DAY;
    let made =
        subscribe(&app, &customer, &format!("&billing_cycle_anchor={anchor}&proration_behavior=none")).await;
    assert_eq!((&made["latest_invoice"], text(&made, "status")), (&Value::Null, "active"));
    stand.act("advance", json!({"by": "241h"}));
    assert_eq!(latest(&app, &made).await["amount_paid"], 9_900);
}

#[rstest::rstest]
#[case("pause", "paused", "customer.subscription.paused")]
#[case("cancel", "canceled", "customer.subscription.deleted")]
#[case("create_invoice", "past_due", "invoice.payment_failed")]
#[tokio::test]
async fn a_trial_without_a_card_ends_as_the_subscription_says(
    #[case] behavior: &str,
    #[case] status: &str,
    #[case] kind: &str,
) {
    let (stand, app, customer) = stage(None).await;
    let more =
        format!("&trial_period_days=14&trial_settings[end_behavior][missing_payment_method]={behavior}");
    let made = subscribe(&app, &customer, &more).await;
    let events = stand.act("advance", json!({"by": "337h"}));
    event(&events, kind);
    assert_eq!(stand.status(), status);
    let path = format!("/v1/subscriptions/{}/resume", text(&made, "id"));
    if behavior != "pause" {
        let message = "You can only resume a subscription if it is `paused`.".to_owned();
        assert_eq!(app.post(&path, "").await.error(), (400, message));
        return;
    }
    assert!(stand.act("advance", json!({"by": "60d"})).is_empty(), "what is paused is not billed");
    set_card(&app, &customer, "pm_card_visa").await;
    let _ = stand.double.drain(CASE);
    assert_eq!(app.make(&path, "").await["status"], "active");
    event(&stand.double.drain(CASE), "customer.subscription.resumed");
    assert_eq!(latest(&app, &made).await["amount_paid"], 9_900);
}

#[rstest::rstest]
#[case("keep_as_draft", "draft")]
#[case("void", "void")]
#[case("mark_uncollectible", "uncollectible")]
#[tokio::test]
async fn a_pause_of_collection_decides_what_becomes_of_invoices(
    #[case] behavior: &str,
    #[case] status: &str,
) {
    let (stand, app, customer) = stage(Some("pm_card_visa")).await;
    let made = subscribe(&app, &customer, "").await;
    let resumes = start() + 40 * DAY;
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    let body = format!("pause_collection[behavior]={behavior}&pause_collection[resumes_at]={resumes}");
    app.make(&path, &body).await;
    stand.act("advance", json!({"by": "31d"}));
    assert_eq!((text(&latest(&app, &made).await, "status"), stand.status().as_str()), (status, "active"));
    stand.act("advance", json!({"by": "10d"}));
    assert_eq!(app.get(&path).await.json()["pause_collection"], Value::Null);
    stand.act("advance", json!({"by": "31d"}));
    assert_eq!(latest(&app, &made).await["status"], "paid");
}

#[tokio::test]
async fn a_cancellation_gives_back_what_is_not_used() {
    let (stand, app, customer) = stage(Some("pm_card_visa")).await;
    let made = subscribe(&app, &customer, "").await;
    stand.act("advance", json!({"by": "15d"}));
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    let ended = app.send("DELETE", &path, "prorate=true&invoice_now=true", &[]).await.unwrap().json();
    assert_eq!(ended["status"], "canceled");
    let last = latest(&app, &made).await;
    assert_eq!((int(&last, "total"), text(&last, "status")), (-4_950, "paid"));
    assert_eq!(stand.truth()["customer"]["balance"], -4_950);
    let update = app.post(&path, "description=x").await;
    assert_eq!(update.json()["error"]["code"], "invalid_canceled_subscription_fields");
    assert_eq!(app.post(&path, "metadata[a]=b").await.status, 200);
}

#[tokio::test]
async fn prorations_name_the_item_and_the_line_they_give_back() {
    let (stand, app, customer) = stage(Some("pm_card_visa")).await;
    let made = subscribe(&app, &customer, "&items[0][quantity]=2").await;
    let first = latest(&app, &made).await;
    stand.act("advance", json!({"by": "15d"}));
    let item = text(&made["items"]["data"][0], "id").to_owned();
    let path = format!("/v1/subscription_items/{item}");
    app.make(&path, "quantity=3&proration_behavior=always_invoice").await;
    let invoice = latest(&app, &made).await;
    let lines = data(&invoice["lines"]);
    let seen: Vec<_> = lines.iter().map(|line| (int(line, "amount"), text(line, "description"))).collect();
    assert_eq!(
        seen,
        [
            (-9_900, "Unused time on 2 × PRO after 08 Dec 2026"),
            (14_850, "Remaining time on 3 × PRO after 08 Dec 2026")
        ]
    );
    let details = &lines[0]["parent"]["subscription_item_details"];
    assert_eq!((&details["proration"], &details["subscription_item"]), (&json!(true), &json!(item)));
    assert_eq!(
        details["proration_details"]["credited_items"],
        json!({"invoice": first["id"], "invoice_line_items": [first["lines"]["data"][0]["id"]]})
    );
    assert_eq!(invoice["amount_paid"], 4_950);
}

#[rstest::rstest]
#[case(true)]
#[case(false)]
#[tokio::test]
async fn an_update_waits_until_it_is_paid(#[case] pays: bool) {
    let (stand, app, customer) = stage(Some("pm_card_visa")).await;
    let made = subscribe(&app, &customer, "").await;
    set_card(&app, &customer, "pm_card_chargeCustomerFail").await;
    let (path, item) = (format!("/v1/subscriptions/{}", text(&made, "id")), &made["items"]["data"][0]["id"]);
    let body = format!(
        "items[0][id]={}&items[0][quantity]=5&proration_behavior=always_invoice",
        item.as_str().unwrap()
    );
    let refused =
        app.post(&path, &format!("{body}&payment_behavior=pending_if_incomplete&metadata[a]=b")).await;
    assert_eq!(refused.status, 400);
    let waits = app.make(&path, &format!("{body}&payment_behavior=pending_if_incomplete")).await;
    assert_eq!((&waits["quantity"], text(&waits, "status")), (&json!(1), "active"));
    assert_eq!(waits["pending_update"]["subscription_items"][0]["quantity"], 5);
    assert_eq!(int(&waits["pending_update"], "expires_at"), start() + 23 * 60 * 60);
    let _ = stand.double.drain(CASE);
    let invoice = text(&waits, "latest_invoice").to_owned();
    if pays {
        app.make(&format!("/v1/invoices/{invoice}/pay"), "payment_method=pm_card_visa").await;
        event(&stand.double.drain(CASE), "customer.subscription.pending_update_applied");
    } else {
        event(&stand.act("advance", json!({"by": "1d"})), "customer.subscription.pending_update_expired");
        assert_eq!(app.get(&format!("/v1/invoices/{invoice}")).await.json()["status"], "void");
    }
    let after = app.get(&path).await.json();
    assert_eq!((int(&after, "quantity"), &after["pending_update"]), (if pays { 5 } else { 1 }, &Value::Null));
    let error =
        app.post(&path, &format!("{}&payment_behavior=error_if_incomplete", body.replace("=5", "=9"))).await;
    assert_eq!(error.status, 402, "{}", error.text);
    assert_eq!(app.get(&path).await.json(), after, "nothing of it stays");
}

#[tokio::test]
async fn a_preview_is_what_comes_and_leaves_nothing() {
    let (stand, app, customer) = stage(Some("pm_card_visa")).await;
    let made = subscribe(&app, &customer, "").await;
    stand.act("advance", json!({"by": "15d"}));
    let (id, item) = (text(&made, "id"), text(&made["items"]["data"][0], "id"));
    let before = (stand.truth(), stand.double.version(CASE));
    let next = app.make("/v1/invoices/create_preview", &format!("subscription={id}")).await;
    assert_eq!((int(&next, "total"), int(&next, "created")), (9_900, start() + 30 * DAY));
    assert!(text(&next, "id").starts_with("upcoming_in_"));
    let at = start() + 16 * DAY;
    let change = |name: &str| {
        let of = |field: &str| {
            if name.is_empty() {
                field.to_owned()
            } else {
                let (head, tail) = field
                    .split_once('[')
                    .map_or((field, String::new()), |(head, tail)| (head, format!("[{tail}")));
                format!("{name}[{head}]{tail}")
            }
        };
        format!(
            "{}={item}&{}=4&{}=always_invoice&{}={at}",
            of("items[0][id]"),
            of("items[0][quantity]"),
            of("proration_behavior"),
            of("proration_date")
        )
    };
    let body = format!("subscription={id}&{}", change("subscription_details"));
    let preview = app.make("/v1/invoices/create_preview", &body).await;
    assert_eq!((stand.truth(), stand.double.version(CASE)), before);
    assert!(stand.double.drain(CASE).is_empty());
    app.make(&format!("/v1/subscriptions/{id}"), &change("")).await;
    let real = latest(&app, &made).await;
    assert_eq!((int(&preview, "total"), data(&preview["lines"]).len()), (int(&real, "total"), 2));
    let none = app
        .post(
            "/v1/invoices/create_preview",
            &format!("subscription={id}&subscription_details[cancel_at_period_end]=true"),
        )
        .await;
    assert_eq!(none.json()["error"]["code"], "invoice_upcoming_none");
}

#[tokio::test]
async fn an_invoice_that_is_sent_falls_due() {
    let (stand, app, customer) = stage(None).await;
    let made = subscribe(&app, &customer, "&collection_method=send_invoice&days_until_due=10").await;
    let draft = latest(&app, &made).await;
    assert_eq!((text(&draft, "status"), int(&draft, "due_date")), ("draft", start() + 10 * DAY));
    let _ = stand.double.drain(CASE);
    let events = stand.act("advance", json!({"by": "1h"}));
    assert_eq!(types(&events), ["invoice.finalized", "payment_intent.created", "invoice.sent"]);
    let events = stand.act("advance", json!({"by": "10d"}));
    assert_eq!(types(&events), ["invoice.will_be_due", "invoice.overdue", "customer.subscription.updated"]);
    assert_eq!(stand.status(), "past_due");
    let invoice = text(&draft, "id");
    let paid = app.make(&format!("/v1/invoices/{invoice}/pay"), "paid_out_of_band=true").await;
    assert_eq!((text(&paid, "status"), &paid["attempted"]), ("paid", &json!(false)));
    assert_eq!(stand.status(), "active");
}

#[tokio::test]
async fn a_bank_debit_arrives_by_itself() {
    let stand = Stand::new().await;
    stand.act("checkout", json!({"price": "pro_monthly", "payment": "delayed"}));
    let events = stand.act("advance", json!({"by": "6d"}));
    event(&events, "checkout.session.async_payment_succeeded");
    assert_eq!(stand.truth()["invoice"]["status"], "paid");
}

#[rstest::rstest]
#[case(
    "finalize",
    "finalize",
    "This invoice is already finalized, you can't re-finalize a non-draft invoice."
)]
#[case("pay", "pay", "Invoice is already paid")]
#[case("pay", "void", "Invoices with `paid` payments cannot be voided.")]
#[case(
    "pay",
    "send",
    "This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact with details, so we can help."
)]
#[case("void", "void", "You can only pass in open invoices. This invoice isn't open.")]
#[case("finalize void", "pay", "This invoice can no longer be paid")]
#[case(
    "finalize mark_uncollectible",
    "mark_uncollectible",
    "This invoice has already been marked uncollectible."
)]
#[case("finalize", "add_lines?lines[0][amount]=5", "Invalid invoice: This invoice is no longer editable")]
#[case("finalize", "?description=x", "Finalized invoices can't be updated in this way")]
#[case(
    "",
    "?days_until_due=3",
    "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'."
)]
#[tokio::test]
async fn what_an_invoice_cannot_do_is_refused(
    #[case] before: &str,
    #[case] then: &str,
    #[case] message: &str,
) {
    let (_stand, app, customer) = stage(Some("pm_card_visa")).await;
    app.make("/v1/invoiceitems", &format!("customer={customer}&amount=700&currency=usd")).await;
    let body = format!("customer={customer}&pending_invoice_items_behavior=include");
    let invoice = app.make("/v1/invoices", &body).await;
    let path = format!("/v1/invoices/{}", text(&invoice, "id"));
    for step in before.split_whitespace() {
        app.post(&format!("{path}/{step}"), "").await;
    }
    let (verb, body) = then.split_once('?').unwrap_or((then, ""));
    let slash = if verb.is_empty() { "" } else { "/" };
    assert_eq!(app.post(&format!("{path}{slash}{verb}"), body).await.error(), (400, message.to_owned()));
}

#[tokio::test]
async fn lines_of_a_draft_are_edited() {
    let (_stand, app, customer) = stage(Some("pm_card_visa")).await;
    let invoice = app.make("/v1/invoices", &format!("customer={customer}&auto_advance=true")).await;
    let id = text(&invoice, "id");
    assert_eq!(int(&invoice, "automatically_finalizes_at"), start() + 3_600);
    let item = app
        .make(
            "/v1/invoiceitems",
            &format!("customer={customer}&invoice={id}&unit_amount_decimal=0.5&currency=usd&quantity=7"),
        )
        .await;
    assert_eq!(item["amount"], 4);
    let added = app
        .make(&format!("/v1/invoices/{id}/add_lines"), "lines[0][amount]=500&lines[0][description]=Extra")
        .await;
    let lines = data(&added["lines"]);
    assert_eq!((int(&added, "total"), text(&lines[0], "description")), (504, "Extra"));
    let line = text(&lines[0], "id");
    let changed = app.make(&format!("/v1/invoices/{id}/lines/{line}"), "amount=600").await;
    assert_eq!((text(&changed, "id"), int(&changed, "amount")), (line, 600));
    app.make(&format!("/v1/invoiceitems/{}", text(&item, "id")), "amount=9").await;
    assert_eq!(app.get(&format!("/v1/invoices/{id}")).await.json()["total"], 609);
    let left = app
        .make(
            &format!("/v1/invoices/{id}/remove_lines"),
            &format!("lines[0][id]={line}&lines[0][behavior]=delete"),
        )
        .await;
    assert_eq!((int(&left, "total"), data(&left["lines"]).len()), (9, 1));
}

#[tokio::test]
async fn credit_notes_lower_an_open_invoice_and_pay_back_a_paid_one() {
    let (stand, app, customer) = stage(Some("pm_card_visa")).await;
    app.make("/v1/invoiceitems", &format!("customer={customer}&amount=1000&currency=usd")).await;
    let body = format!("customer={customer}&pending_invoice_items_behavior=include");
    let invoice = app.make("/v1/invoices", &body).await;
    let path = format!("/v1/invoices/{}", text(&invoice, "id"));
    let open = app.make(&format!("{path}/finalize"), "").await;
    let (id, line) = (text(&open, "id"), text(&open["lines"]["data"][0], "id"));
    let body = format!(
        "invoice={id}&lines[0][type]=invoice_line_item&lines[0][invoice_line_item]={line}&lines[0][amount]=300"
    );
    let preview = app.get(&format!("/v1/credit_notes/preview?{body}")).await.json();
    let note = app.make("/v1/credit_notes", &body).await;
    assert_eq!(
        (int(&note, "amount"), int(&preview, "amount"), text(&note, "type")),
        (300, 300, "pre_payment")
    );
    assert_eq!(text(&note, "number"), format!("{}-CN-01", text(&open, "number")));
    let due = || async { int(&app.get(&path).await.json(), "amount_due") };
    assert_eq!(due().await, 700);
    let voided = app.make(&format!("/v1/credit_notes/{}/void", text(&note, "id")), "").await;
    assert_eq!((text(&voided, "status"), due().await), ("void", 1_000));
    app.make("/v1/credit_notes", &body).await;
    let paid = app.make(&format!("{path}/pay"), "").await;
    assert_eq!(paid["amount_paid"], 700);
    let refused = app.post("/v1/credit_notes", &format!("invoice={id}&amount=500")).await.error();
    let message = "The sum of refunds, credit amount, and out of band amount ($0.00) must equal the credit note post_payment_amount ($5.00).";
    assert_eq!(refused, (400, message.to_owned()));
    let _ = stand.double.drain(CASE);
    let body = format!("invoice={id}&amount=500&refund_amount=200&credit_amount=200&out_of_band_amount=100");
    let note = app.make("/v1/credit_notes", &body).await;
    assert_eq!((text(&note, "type"), int(&note, "post_payment_amount")), ("post_payment", 500));
    assert_eq!(stand.truth()["customer"]["balance"], -200);
    let events = stand.double.drain(CASE);
    for kind in ["refund.created", "customer.updated", "credit_note.created", "invoice.updated"] {
        event(&events, kind);
    }
    let too_much = app.post("/v1/credit_notes", &format!("invoice={id}&amount=201&credit_amount=201")).await;
    assert_eq!(too_much.status, 400);
    assert_eq!(app.get(&path).await.json()["post_payment_credit_notes_amount"], 500);
}
