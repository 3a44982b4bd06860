//! Thin events and the destinations that are sent them, over real sockets.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::{Alone, Catalog, Double, DoubleConfig, ForwardTo};
use crate::secret::Secret;
use crate::stripe::signature;
use crate::stripe::version::Version;
use crate::time::Clock;

type Arrived = (HeaderMap, String);

async fn receive(State(arrived): State<mpsc::UnboundedSender<Arrived>>, headers: HeaderMap, body: String) {
    let _ = arrived.send((headers, body));
}

/// A double that sends thin events to a receiver.
struct Stand {
    double: Double,
    url: String,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    http: reqwest::Client,
}

impl Stand {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, arrived) = mpsc::unbounded_channel();
        let app = axum::Router::new().fallback(receive).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let to = ForwardTo { url: url.clone(), secret: None, events: vec!["*".into()], thin: true };
        let alone = Alone {
            api_version: Version::NEWEST,
            forward_to: vec![to],
            clock_speed: 1.0,
            allow_hosts: Vec::new(),
        };
        let config = DoubleConfig { alone: Some(alone), ..DoubleConfig::default() };
        let double = Double::start(config, &Catalog::default(), Clock::start(), 1).await.unwrap();
        Self { double, url, arrived, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.double.url()));
        let request = request.bearer_auth("sk_test_1");
        let request = match body {
            Value::Null => request,
            Value::String(form) => {
                request.header("content-type", "application/x-www-form-urlencoded").body(form)
            }
            json => request.json(&json),
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// What arrives next, signed with this secret.
    async fn next(&mut self, secret: &Secret) -> Value {
        let arrived = tokio::time::timeout(Duration::from_secs(20), self.arrived.recv()).await;
        let (headers, body) = arrived.unwrap().unwrap();
        let header = headers.get("stripe-signature").unwrap().to_str().unwrap();
        let now = Clock::start().now().as_second();
        let secrets = [secret.clone()];
        let verified = signature::verify(Some(header), body.as_bytes(), &secrets, now, signature::TOLERANCE);
        assert_eq!(verified, Ok(()));
        serde_json::from_str(&body).unwrap()
    }

    fn secret(&self) -> Secret {
        self.double.forwarded()[0].secret.clone()
    }
}

#[tokio::test]
async fn a_thin_event_arrives_and_leads_to_itself_its_object_and_its_snapshot() {
    let mut stand = Stand::start().await;
    let secret = stand.secret();
    let (_, customer) = stand.call("POST", "/v1/customers", "name=Ann".into()).await;
    let told = stand.next(&secret).await;
    assert_eq!((&told["object"], &told["type"]), (&json!("v2.core.event"), &json!("v1.customer.created")));
    assert_eq!((told.get("data"), told.get("changes"), told.get("snapshot_event")), (None, None, None));
    assert_eq!(stand.get(told["related_object"]["url"].as_str().unwrap()).await, customer);
    let path = format!("/v2/core/events/{}", told["id"].as_str().unwrap());
    let mut fetched = stand.get(&path).await;
    let snapshot = fetched["snapshot_event"].take();
    let snapshot = stand.get(&format!("/v1/events/{}", snapshot.as_str().unwrap())).await;
    assert_eq!((&snapshot["type"], &snapshot["data"]["object"]), (&json!("customer.created"), &customer));
    assert_eq!(snapshot["pending_webhooks"], 0, "nobody is sent the snapshot");
    for (key, value) in told.as_object().unwrap() {
        assert_eq!(fetched[key], *value, "{key}");
    }

    let path = customer["id"].as_str().unwrap();
    stand.call("POST", &format!("/v1/customers/{path}"), "name=Bea".into()).await;
    let told = stand.next(&secret).await;
    let fetched = stand.get(&format!("/v2/core/events/{}", told["id"].as_str().unwrap())).await;
    assert_eq!(fetched["changes"], json!({ "before": { "name": "Ann" }, "after": { "name": "Bea" } }));
    assert_eq!(fetched["reason"]["request"]["id"], told["reason"]["request"]["id"]);
}

#[tokio::test]
async fn thin_events_are_listed_by_page_and_filter() {
    let stand = Stand::start().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let (_, made) = stand.call("POST", "/v1/customers", format!("name={name}").into()).await;
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    stand.call("POST", "/v1/products", "name=Pro".into()).await;
    let about = |page: &Value| -> Vec<String> {
        let events = page["data"].as_array().unwrap().iter();
        events.map(|event| event["related_object"]["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = stand.get("/v2/core/events?limit=2&types[0]=v1.customer.created").await;
    assert_eq!(
        (about(&first), &first["previous_page_url"]),
        (vec![ids[2].clone(), ids[1].clone()], &Value::Null)
    );
    let last = stand.get(first["next_page_url"].as_str().unwrap()).await;
    assert_eq!((about(&last), &last["next_page_url"]), (vec![ids[0].clone()], &Value::Null));
    let back = stand.get(last["previous_page_url"].as_str().unwrap()).await;
    assert_eq!(about(&back), about(&first));
    let one = stand.get(&format!("/v2/core/events?object_id={}", ids[1])).await;
    assert_eq!(about(&one), [ids[1].clone()]);
    let none = stand.get("/v2/core/events?created[gt]=2100-01-01T00:00:00Z").await;
    assert_eq!(about(&none), Vec::<String>::new());
}

fn wanted(url: &str) -> Value {
    json!({
        "name": "hook", "type": "webhook_endpoint", "event_payload": "thin", "enabled_events": ["v1.customer.created"],
        "webhook_endpoint": { "url": url }, "include": ["webhook_endpoint.signing_secret"],
    })
}

#[tokio::test]
async fn a_destination_is_made_told_turned_off_and_deleted() {
    const ALL: &str = "/v2/core/event_destinations";
    let mut stand = Stand::start().await;
    let forwarded = format!("{ALL}/{}", stand.double.forwarded()[0].id);
    assert_eq!(stand.call("DELETE", &forwarded, Value::Null).await.0, 200);
    let (status, made) = stand.call("POST", ALL, wanted(&stand.url)).await;
    assert_eq!(status, 200, "{made}");
    let endpoint = &made["webhook_endpoint"];
    assert_eq!(endpoint["url"], Value::Null, "it was not asked for");
    let secret = Secret::new(endpoint["signing_secret"].as_str().unwrap());
    let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
    let shown = stand.get(&format!("{path}?include=webhook_endpoint.url")).await;
    assert_eq!(shown["webhook_endpoint"], json!({ "signing_secret": null, "url": stand.url }));
    let (status, _) =
        stand.call("GET", &format!("{path}?include=webhook_endpoint.signing_secret"), Value::Null).await;
    assert_eq!(status, 400, "it is shown once");

    let (_, ping) = stand.call("POST", &format!("{path}/ping"), json!({})).await;
    let told = stand.next(&secret).await;
    assert_eq!((&told["id"], &told["type"]), (&ping["id"], &json!("v2.core.event_destination.ping")));
    assert_eq!(told["related_object"]["url"], path.as_str());
    assert_eq!(stand.get(&format!("/v2/core/events/{}", ping["id"].as_str().unwrap())).await, ping);

    let (_, off) = stand.call("POST", &format!("{path}/disable"), json!({})).await;
    assert_eq!(
        (&off["status"], &off["status_details"]["disabled"]["reason"]),
        (&json!("disabled"), &json!("user"))
    );
    stand.call("POST", "/v1/customers", "name=unheard".into()).await;
    let (_, on) = stand.call("POST", &format!("{path}/enable"), json!({})).await;
    assert_eq!((&on["status"], &on["status_details"]), (&json!("enabled"), &Value::Null));
    stand.call("POST", "/v1/products", "name=not-wanted".into()).await;
    let (_, heard) = stand.call("POST", "/v1/customers", "name=heard".into()).await;
    assert_eq!(stand.next(&secret).await["related_object"]["id"], heard["id"]);

    let changed = json!({ "name": "new", "metadata": { "a": "1" }, "enabled_events": ["*"] });
    let (_, updated) = stand.call("POST", &path, changed).await;
    assert_eq!((&updated["name"], &updated["metadata"]), (&json!("new"), &json!({ "a": "1" })));
    let listed = stand.get(ALL).await;
    assert_eq!((&listed["data"][0], &listed["next_page_url"]), (&updated, &Value::Null));
    let (_, gone) = stand.call("DELETE", &path, Value::Null).await;
    assert_eq!(gone["id"], made["id"]);
    // Twice: what was meant for it is forgotten before the second is answered.
    for _ in 0..2 {
        let (status, _) = stand.call("POST", "/v1/customers", "name=unheard".into()).await;
        assert_eq!(status, 200);
    }
    let (status, error) = stand.call("GET", &path, Value::Null).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("not_found")));
    assert_eq!(error["error"].get("doc_url"), None);
}

#[rstest::rstest]
#[case("type", json!("amazon_eventbridge"), 501)]
#[case("type", json!("pigeon"), 400)]
#[case("event_payload", json!("fat"), 400)]
#[case("enabled_events", json!([]), 400)]
#[case("enabled_events", json!(["customer.created"]), 400)]
#[case("enabled_events", json!(["v1.price.activated"]), 501)]
#[case("events_from", json!(["@organization_members"]), 501)]
#[case("events_from", json!(["self"]), 400)]
#[case("snapshot_api_version", json!("2026-10-28.endive"), 400)]
#[case("webhook_endpoint", json!({ "url": "nonsense" }), 400)]
#[case("webhook_endpoint", json!(null), 400)]
#[case("include", json!(["everything"]), 400)]
#[case("colour", json!("red"), 400)]
#[tokio::test]
async fn a_destination_that_makes_no_sense_is_refused(
    #[case] field: &str,
    #[case] value: Value,
    #[case] expected: u16,
) {
    let stand = Stand::start().await;
    let mut body = wanted(&stand.url);
    body[field] = value;
    let (status, answer) = stand.call("POST", "/v2/core/event_destinations", body).await;
    assert_eq!(status, expected, "{answer}");
    assert!(answer["error"]["message"].is_string());
}

#[tokio::test]
async fn v2_takes_json_only_and_a_key_once() {
    let stand = Stand::start().await;
    let form = "name=hook&type=webhook_endpoint".into();
    assert_eq!(stand.call("POST", "/v2/core/event_destinations", form).await.0, 400);
    let post = |body: Value| {
        let url = format!("{}/v2/core/event_destinations", stand.double.url());
        stand.http.post(url).bearer_auth("sk_test_1").header("idempotency-key", "k").json(&body).send()
    };
    let first: Value = post(wanted(&stand.url)).await.unwrap().json().await.unwrap();
    let again: Value = post(wanted(&stand.url)).await.unwrap().json().await.unwrap();
    assert_eq!(first, again);
    let other = post(json!({ "name": "other" })).await.unwrap();
    assert_eq!(other.status().as_u16(), 409);
}
