//! All triggers against the double, and against a server that knows nothing.
//!
//! A trigger is *accepted* when the command line says that it succeeded, which proves little. It *counts* when
//! every event that `triggers.tsv` expects of it has arrived at our endpoint as well, and of everything that
//! arrived
//! - the signature is the endpoint's, over the very bytes that came;
//! - `GET /v1/events/{id}` answers the same event;
//! - the object can be read back. The last event about an object must show it as it is now, but for what changes
//!   in it without an event (`SILENT`). An earlier event shows it as it was then and is not compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use axum::Router;
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::Cli;
use crate::api::{Address, Api, address};
use crate::heavy;
use crate::receiver::{Receiver, serve};

/// What each trigger must make arrive.
const TABLE: &str = include_str!("triggers.tsv");

/// The triggers that call another host.
const ELSEWHERE: [&str; 2] = ["v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found"];

/// Event types that Stripe sends only to who asks for them by name (docs.stripe.com/api/events/types, "Selection
/// required").
const BY_NAME: [&str; 2] = ["identity.verification_session.redacted", "issuing_authorization.request"];

/// What changes in an object without an event about it, because the event of another object tells it: a customer's
/// first invoice fixes the currency and takes a number, a discount is put on, a redemption is counted, a draft takes
/// the items that wait, a dispute marks its charge, a credit note leaves less to pay.
const SILENT: [(&str, &[&str]); 5] = [
    ("charge", &["disputed"]),
    ("coupon", &["times_redeemed"]),
    ("customer", &["currency", "discount", "next_invoice_sequence"]),
    ("invoiceitem", &["invoice"]),
    ("payment_intent", &["amount"]),
];

/// So many triggers at once: each waits more than it works.
const AT_ONCE: usize = 6;

/// Longer than any delivery takes: what has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(20);

fn table() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| {
        let (trigger, events) = row.split_once('\t').unwrap();
        (trigger, events.split(' ').collect())
    })
    .collect()
}

/// How a server did.
#[derive(Debug, Default)]
struct Score {
    accepted: usize,
    counted: usize,
    /// One line for each trigger that does not count.
    wrong: String,
}

/// The table has the triggers of the command line, and names what each is for.
#[test]
fn the_table_has_every_trigger() {
    if !heavy::asked("oracle") {
        return;
    }
    let mut listed = Cli::installed().triggers();
    listed.retain(|trigger| !ELSEWHERE.contains(&trigger.as_str()));
    let table = table();
    assert_eq!(table.keys().copied().collect::<BTreeSet<_>>(), listed.iter().map(String::as_str).collect());
    assert_eq!(table.len(), 121);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_double_makes_every_trigger_come_true() {
    if !heavy::asked("oracle") {
        return;
    }
    let judged = judge_all(async |cli, trigger, expected| {
        let (api, double) = Api::double().await;
        let judged = judge(cli, &api, trigger, expected, PATIENCE).await;
        double.stop().await;
        judged
    });
    let score = judged.await;
    assert_eq!((score.accepted, score.counted), (121, 121), "accepted and counted; but:\n{}", score.wrong);
}

/// The control: a server that answers everything with one object, which the command line is content with.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_nothing_scores_nothing() {
    if !heavy::asked("oracle") {
        return;
    }
    let constant = json!({
        "id": "id_1", "object": "customer", "status": "succeeded", "secret": "whsec_x", "data": [{ "id": "id_1" }],
        "latest_invoice": "id_1", "payment_method": "id_1",
    });
    let (url, task) = serve(Router::new().fallback(move || {
        let constant = constant.clone();
        async move { axum::Json(constant) }
    }))
    .await;
    let api = Api::at(url);
    let judged = judge_all(async |cli, trigger, expected| {
        // Nothing will ever come: there is no use in waiting for it.
        judge(cli, &api, trigger, expected, Duration::from_millis(50)).await
    });
    let score = judged.await;
    task.abort();
    assert_eq!((score.accepted, score.counted), (121, 0), "accepted and counted; but:\n{}", score.wrong);
}

/// What became of one trigger.
enum Judged {
    Refused(String),
    Accepted(String),
    Counts,
}

async fn judge_all(judge: impl AsyncFn(&Cli, &'static str, &BTreeSet<&'static str>) -> Judged) -> Score {
    let cli = Cli::installed();
    let table = table();
    let (cli, judge) = (&cli, &judge);
    let all = futures_util::stream::iter(&table)
        .map(|(trigger, expected)| async move { (*trigger, judge(cli, trigger, expected).await) });
    let mut judged: Vec<(&str, Judged)> = all.buffer_unordered(AT_ONCE).collect().await;
    judged.sort_by_key(|(trigger, _)| *trigger);
    let mut score = Score::default();
    for (trigger, judged) in judged {
        let why = match judged {
            Judged::Refused(why) => format!("refused: {why}"),
            Judged::Accepted(why) => {
                score.accepted += 1;
                why
            }
            Judged::Counts => {
                score.accepted += 1;
                score.counted += 1;
                continue;
            }
        };
        let _ = writeln!(score.wrong, "{trigger}: {why}");
    }
    score
}

/// Runs one trigger against a server, with endpoints of ours, and looks at all that comes.
async fn judge(
    cli: &Cli,
    api: &Api,
    trigger: &str,
    expected: &BTreeSet<&'static str>,
    patience: Duration,
) -> Judged {
    let receiver = Receiver::start().await;
    let secrets = endpoints(api, &receiver.url).await;
    let output = cli.call(&api.url, &["trigger", trigger]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !said.contains("Trigger succeeded") {
        return Judged::Refused(super::complaint(&output));
    }
    if secrets.values().any(String::is_empty) {
        let listed = api.events().await;
        let made = listed.iter().filter_map(|event| event["type"].as_str()).collect();
        return Judged::Accepted(format!("no endpoint could be registered; {}", missing(expected, &made)));
    }
    arrived(api, &receiver, expected, patience).await;
    match looked_at(api, &receiver, expected, &secrets).await {
        Ok(()) => Judged::Counts,
        Err(why) => Judged::Accepted(why),
    }
}

/// Endpoints for all there is, for what must be named, and for connected accounts; gives their secrets by path.
async fn endpoints(api: &Api, url: &str) -> BTreeMap<&'static str, String> {
    let kinds: [(&str, &[(&str, &str)]); 3] = [
        ("/all", &[("enabled_events[]", "*")]),
        ("/named", &[("enabled_events[]", BY_NAME[0]), ("enabled_events[]", BY_NAME[1])]),
        ("/connect", &[("enabled_events[]", "*"), ("connect", "true")]),
    ];
    let mut secrets = BTreeMap::new();
    for (path, fields) in kinds {
        let url = format!("{url}{path}");
        let fields: Vec<_> = fields.iter().copied().chain([("url", url.as_str())]).collect();
        let (_, endpoint) = api.post("/v1/webhook_endpoints", &fields).await;
        secrets.insert(path, endpoint["secret"].as_str().unwrap_or_default().to_owned());
    }
    secrets
}

/// Waits until everything that is expected and everything that the server lists has come, or for as long as
/// there is patience.
async fn arrived(api: &Api, receiver: &Receiver, expected: &BTreeSet<&'static str>, patience: Duration) {
    let all = async {
        loop {
            let came = receiver.events();
            let types: BTreeSet<String> = came
                .values()
                .filter_map(|delivery| Some(delivery.event().ok()?["type"].as_str()?.to_owned()))
                .collect();
            if expected.iter().all(|kind| types.contains(*kind)) {
                let listed = api.events().await;
                if listed.iter().all(|event| came.contains_key(event["id"].as_str().unwrap_or_default())) {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What is missing then is told by who looks at what came.
    let _ = tokio::time::timeout(patience, all).await;
}

/// Looks at everything that came.
async fn looked_at(
    api: &Api,
    receiver: &Receiver,
    expected: &BTreeSet<&'static str>,
    secrets: &BTreeMap<&'static str, String>,
) -> Result<(), String> {
    let mut came = BTreeMap::new();
    for delivery in receiver.deliveries() {
        let event = delivery.event()?;
        let secret = secrets.get(delivery.path.as_str()).map(String::as_str).unwrap_or_default();
        if !delivery.is_signed_with(secret) {
            return Err(format!("{} is not signed with the secret of {}", event["type"], delivery.path));
        }
        came.insert(event["id"].as_str().unwrap_or_default().to_owned(), event);
    }
    let types: BTreeSet<&str> = came.values().filter_map(|event| event["type"].as_str()).collect();
    if !expected.is_subset(&types) {
        return Err(missing(expected, &types));
    }
    let listed = api.events().await;
    if listed.len() != came.len() {
        return Err(format!("{} events are listed, {} came", listed.len(), came.len()));
    }
    let mut last = BTreeMap::new();
    for kept in &listed {
        let id = kept["id"].as_str().unwrap_or_default();
        let event = came.get(id).ok_or_else(|| format!("{} is listed and did not come", kept["type"]))?;
        same(&format!("/v1/events/{id}"), event, kept, &["pending_webhooks"])?;
        let object = &event["data"]["object"];
        last.insert(format!("{:?}", address(object)), (event["type"].as_str().unwrap_or_default(), object));
    }
    for (kind, object) in last.into_values() {
        read_back(api, kind, object).await.map_err(|why| format!("{kind}: {why}"))?;
    }
    Ok(())
}

/// Says what is missing of what is expected.
fn missing(expected: &BTreeSet<&'static str>, there: &BTreeSet<&str>) -> String {
    let words = |types: Vec<&str>| types.join(", ");
    let missing = expected.iter().copied().filter(|kind| !there.contains(kind)).collect();
    format!("missing: {}; there: {}", words(missing), words(there.iter().copied().collect()))
}

/// The object of the last event about it is the object as it is, or the object is gone because it was deleted.
async fn read_back(api: &Api, kind: &str, object: &Value) -> Result<(), String> {
    let (path, within) = match address(object) {
        Address::At(path) => (path, None),
        Address::Within(path, field) => (path, Some(field)),
        Address::Nowhere => return Ok(()),
    };
    let (status, now) = api.get(&path).await;
    let gone = kind.ends_with(".deleted") && object["object"] != "subscription";
    match within {
        Some(field) if gone => expect(now[field].is_null(), || format!("{path} still has its {field}")),
        None if gone => {
            let gone = status == 404 || now["deleted"] == true;
            expect(gone, || format!("GET {path} is answered {status}, and it was deleted"))
        }
        within => {
            expect(status == 200, || {
                format!("GET {path} is answered {status}: {}", now["error"]["message"])
            })?;
            let silent = SILENT.iter().find(|(kind, _)| object["object"] == *kind);
            let silent = silent.map_or(&[][..], |(_, fields)| fields);
            same(&path, object, within.map_or(&now, |field| &now[field]), silent)
        }
    }
}

fn expect(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Two objects are equal, but for some fields; names the first that is not.
fn same(what: &str, told: &Value, now: &Value, but: &[&str]) -> Result<(), String> {
    let (Value::Object(told), Value::Object(now)) = (told, now) else {
        return Err(format!("{what} is {now}"));
    };
    let keys: BTreeSet<&String> = told.keys().chain(now.keys()).collect();
    for key in keys {
        let (told, now) = (told.get(key), now.get(key));
        if told != now && !but.contains(&key.as_str()) {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            return Err(format!("{what} has {key} = {}, the event {}", shown(now), shown(told)));
        }
    }
    Ok(())
}

/// What arrives is judged, not only that something arrives.
#[rstest::rstest]
#[case(json!({"a": 1}), json!({"a": 1}), true)]
#[case(json!({"a": 1}), json!({"a": 2}), false)]
#[case(json!({"a": 1}), json!({"a": 1, "b": null}), false)]
#[case(json!({"a": 1, "p": 1}), json!({"a": 1, "p": 0}), true)]
#[case(json!({}), json!(null), false)]
fn objects_are_compared_field_by_field(#[case] told: Value, #[case] now: Value, #[case] equal: bool) {
    assert_eq!(same("x", &told, &now, &["p"]).is_ok(), equal);
}
