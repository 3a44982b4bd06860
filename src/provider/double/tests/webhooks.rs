//! Webhook endpoints, with a receiver over real sockets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;

use super::super::{Alone, Catalog, Double, DoubleConfig, ForwardTo, Told};
use crate::secret::Secret;
use crate::stripe::signature;
use crate::stripe::version::Version;
use crate::time::Clock;

const SECRET: &str = "whsec_test";

/// What arrived, and what is answered: the given statuses, then 200.
#[derive(Clone)]
struct Receiver {
    arrived: mpsc::UnboundedSender<(HeaderMap, String)>,
    statuses: Arc<Mutex<Vec<u16>>>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let status = receiver.statuses.lock().unwrap().pop().unwrap_or(200);
    receiver.arrived.send((headers, body)).unwrap();
    StatusCode::from_u16(status).unwrap()
}

struct Stand {
    double: Double,
    url: String,
    arrived: mpsc::UnboundedReceiver<(HeaderMap, String)>,
    http: reqwest::Client,
}

impl Stand {
    async fn start(statuses: &[u16], clock_speed: f64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, arrived) = mpsc::unbounded_channel();
        let statuses = Arc::new(Mutex::new(statuses.iter().rev().copied().collect()));
        let receiver = Receiver { arrived: sender, statuses };
        let app = axum::Router::new().fallback(receive).with_state(receiver);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let endpoint = ForwardTo {
            url: url.clone(),
            secret: Some(Secret::new(SECRET)),
            events: vec!["*".into()],
            thin: false,
        };
        let alone = Alone {
            api_version: Version::NEWEST,
            forward_to: vec![endpoint],
            clock_speed,
            allow_hosts: Vec::new(),
        };
        let config = DoubleConfig { alone: Some(alone), ..DoubleConfig::default() };
        let double = Double::start(config, &Catalog::default(), Clock::start(), 1).await.unwrap();
        Self { double, url, arrived, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn call(&self, method: &str, path: &str, form: &str) -> (u16, Value) {
        let method = method.parse().unwrap();
        let request = self.http.request(method, format!("{}{path}", self.double.url()));
        let request = request.bearer_auth("sk_test_1").body(form.to_owned());
        let answer =
            request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn next(&mut self) -> (HeaderMap, Value) {
        let arrived = tokio::time::timeout(Duration::from_secs(20), self.arrived.recv()).await;
        let (headers, body) = arrived.unwrap().unwrap();
        let event = serde_json::from_str(&body).unwrap();
        let header = headers.get("stripe-signature").unwrap().to_str().unwrap();
        let now = Clock::start().now().as_second();
        let secrets = [Secret::new(SECRET)];
        let verified = signature::verify(Some(header), body.as_bytes(), &secrets, now, signature::TOLERANCE);
        assert_eq!(verified, Ok(()));
        (headers, event)
    }

    /// Waits until all endpoints have accepted the event.
    async fn settled(&self, event: &str) {
        let mut told = self.double.told().unwrap();
        loop {
            if let Told::Ended { attempt, outcome, .. } = told.recv().await.unwrap()
                && attempt.event == event
                && outcome.is_accepted()
            {
                return;
            }
        }
    }
}

#[tokio::test]
async fn an_event_arrives_signed_and_is_what_the_api_shows() {
    let mut stand = Stand::start(&[], 1.0).await;
    let (status, customer) = stand.call("POST", "/v1/customers", "email=a@example.com").await;
    assert_eq!(status, 200);
    let (headers, event) = stand.next().await;
    assert_eq!(event["type"], "customer.created");
    assert_eq!(event["data"]["object"], customer);
    assert_eq!(event["pending_webhooks"], 1);
    assert!(headers["user-agent"].to_str().unwrap().starts_with("Stripe/1.0"));
    let id = event["id"].as_str().unwrap();
    stand.settled(id).await;
    let (_, mut kept) = stand.call("GET", &format!("/v1/events/{id}"), "").await;
    assert_eq!(kept["pending_webhooks"], 0);
    kept["pending_webhooks"] = 1.into();
    assert_eq!(kept, event);
}

#[tokio::test]
async fn what_is_refused_comes_again_until_it_is_accepted() {
    // An hour of the account's takes 3.6 ms.
    let mut stand = Stand::start(&[500, 302, 404], 1_000_000.0).await;
    stand.call("POST", "/v1/customers", "").await;
    let (_, first) = stand.next().await;
    for _ in 0..3 {
        assert_eq!(stand.next().await.1, first);
    }
    stand.settled(first["id"].as_str().unwrap()).await;
    assert_eq!(
        stand.call("GET", "/v1/events?delivery_success=false", "").await.1["data"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn each_endpoint_has_its_own_version_and_events() {
    let mut stand = Stand::start(&[], 1.0).await;
    let we = stand.double.forwarded()[0].id.clone();
    let form = format!("url={}&enabled_events[0]=customer.created&api_version=2024-06-20", stand.url);
    let (status, made) = stand.call("POST", "/v1/webhook_endpoints", &form).await;
    assert_eq!((status, made["secret"].as_str().unwrap().len()), (200, 38));
    let path = format!("/v1/webhook_endpoints/{}", made["id"].as_str().unwrap());
    assert!(stand.call("GET", &path, "").await.1.get("secret").is_none(), "it is shown once");
    // Silences the first, so that what arrives is signed with the second's secret.
    stand.call("POST", &format!("/v1/webhook_endpoints/{we}"), "disabled=true").await;
    stand.call("POST", "/v1/customers", "").await;
    let (headers, body) = stand.arrived.recv().await.unwrap();
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&event["api_version"], &event["pending_webhooks"]), (&"2024-06-20".into(), &1.into()));
    let header = headers["stripe-signature"].to_str().unwrap();
    let secrets = [Secret::new(made["secret"].as_str().unwrap())];
    let now = Clock::start().now().as_second();
    assert_eq!(signature::verify(Some(header), body.as_bytes(), &secrets, now, signature::TOLERANCE), Ok(()));
    assert_eq!(stand.call("DELETE", &path, "").await.1["deleted"], true);
    assert_eq!(stand.call("GET", &path, "").await.0, 404);
}

#[tokio::test]
async fn an_event_is_sent_again_when_asked() {
    let mut stand = Stand::start(&[], 1.0).await;
    let we = stand.double.forwarded()[0].id.clone();
    stand.call("POST", "/v1/customers", "").await;
    let (_, first) = stand.next().await;
    let path = format!("/v1/events/{}/retry", first["id"].as_str().unwrap());
    for form in [format!("webhook_endpoint={we}"), "for_stripecli=true".to_owned()] {
        assert_eq!(stand.call("POST", &path, &form).await.0, 200);
        assert_eq!(stand.next().await.1["id"], first["id"]);
    }
    assert_eq!(stand.call("POST", &path, "webhook_endpoint=we_none").await.0, 400);
    assert_eq!(stand.call("POST", "/v1/events/evt_none/retry", "").await.0, 404);
}

#[rstest::rstest]
#[case("enabled_events[0]=*", "url")]
#[case("url=http://127.0.0.1/", "enabled_events")]
#[case("url=nonsense&enabled_events[0]=*", "url")]
#[case("url=ftp://127.0.0.1/&enabled_events[0]=*", "url")]
#[case("url=http://127.0.0.1/&enabled_events[0]=Nonsense", "enabled_events[0]")]
#[case("url=http://127.0.0.1/&enabled_events[0]=*&api_version=new", "api_version")]
#[tokio::test]
async fn an_endpoint_that_makes_no_sense_is_refused(#[case] form: &str, #[case] param: &str) {
    let stand = Stand::start(&[], 1.0).await;
    let (status, answer) = stand.call("POST", "/v1/webhook_endpoints", form).await;
    assert_eq!((status, &answer["error"]["param"]), (400, &param.into()));
}

#[tokio::test]
async fn there_are_only_so_many_endpoints_and_those_elsewhere_are_never_called() {
    let stand = Stand::start(&[], 1.0).await;
    let form = "url=https://example.com/&enabled_events[0]=*";
    for _ in 1..16 {
        assert_eq!(stand.call("POST", "/v1/webhook_endpoints", form).await.0, 200);
    }
    assert_eq!(stand.call("POST", "/v1/webhook_endpoints", form).await.0, 400);
    stand.call("POST", "/v1/customers", "").await;
    let mut told = stand.double.told().unwrap();
    let (mut silent, mut sent) = (false, false);
    while !(silent && sent) {
        match told.recv().await.unwrap() {
            Told::NeverCalled { url } => silent = url == "https://example.com/",
            Told::Sending(attempt) => {
                assert_eq!(attempt.url, stand.url);
                sent = true;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn calls_fail_as_they_are_told_to() {
    let stand = Stand::start(&[], 1.0).await;
    let faults = r#"[{"call": "GET /v1/customers*", "status": 429, "times": 1, "retry_after": "2s", "should_retry": true, "limited_by": "endpoint-rate"}]"#;
    let (status, armed) = stand.call("PUT", "/_paydrill/faults", faults).await;
    let shown = serde_json::json!({"faults": [{"call": "GET /v1/customers*", "left": 1, "status": 429,
        "retry_after": "2s", "should_retry": true, "limited_by": "endpoint-rate"}]});
    assert_eq!((status, armed), (200, shown));
    let limited = stand.http.get(format!("{}/v1/customers", stand.double.url())).bearer_auth("sk_test_1");
    let limited = limited.send().await.unwrap();
    let advice = ["retry-after", "stripe-should-retry", "stripe-rate-limited-reason"]
        .map(|name| limited.headers()[name].to_str().unwrap());
    assert_eq!((limited.status().as_u16(), advice), (429, ["2", "true", "endpoint-rate"]));
    assert_eq!(stand.call("GET", "/v1/customers", "").await.0, 200, "it is used up");
    stand.call("PUT", "/_paydrill/faults", r#"[{"call": "/v1/*", "reset": true}]"#).await;
    let gone = stand.http.get(format!("{}/v1/customers", stand.double.url())).bearer_auth("sk_test_1");
    assert!(gone.send().await.is_err());
    stand.call("DELETE", "/_paydrill/faults", "").await;
    assert_eq!(stand.call("GET", "/v1/customers", "").await.0, 200);
}

#[rstest::rstest]
#[case("PUT", "faults", "{", 400, "failed to read the body")]
#[case("PUT", "faults", r#"[{"call": "/v1/*"}]"#, 400, "needs one of: status, latency, reset")]
#[case("PUT", "faults", r#"[{"call": "/v1/*", "status": 200}]"#, 400, "is no error")]
#[case("PUT", "faults", r#"[{"call": "/v1/*", "latency": "soon"}]"#, 400, "is no time to come")]
#[case("PUT", "faults", r#"[{"call": "/v1/*", "status": 500, "colour": 1}]"#, 400, "unknown field")]
#[case(
    "PUT",
    "faults",
    r#"[{"call": "/v1/*", "status": 429, "retry_after": "1500ms"}]"#,
    400,
    "in whole seconds"
)]
#[case(
    "PUT",
    "faults",
    r#"[{"call": "/v1/*", "status": 500, "limited_by": "endpoint-rate"}]"#,
    400,
    "needs 429"
)]
#[case(
    "PUT",
    "faults",
    r#"[{"call": "/v1/*", "status": 429, "limited_by": "me"}]"#,
    400,
    "there are global-rate"
)]
#[case("PUT", "faults", r#"[{"call": "/v1/*", "reset": true, "retry_after": "1s"}]"#, 400, "needs a status")]
#[case("POST", "advance", r#"{"by": "-1d"}"#, 400, "is no time to come")]
#[case("POST", "authenticate/pi_1", r#"{"succeeds": true}"#, 400, "there is no payment or setup intent")]
#[case("GET", "nothing", "", 404, "no such control call")]
#[tokio::test]
async fn a_control_call_that_makes_no_sense_is_told_why(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: &str,
    #[case] status: u16,
    #[case] says: &str,
) {
    let stand = Stand::start(&[], 1.0).await;
    let (got, answer) = stand.call(method, &format!("/_paydrill/{path}"), body).await;
    assert_eq!(got, status);
    assert!(answer["error"].as_str().unwrap().contains(says), "{answer}");
}

#[rstest::rstest]
#[case("/")]
#[case("/_paydrill")]
#[case("/_paydrill/")]
#[tokio::test]
async fn who_looks_around_is_told_of_the_control_calls(#[case] path: &str) {
    let stand = Stand::start(&[], 1.0).await;
    let (status, answer) = stand.call("GET", path, "").await;
    assert_eq!(status, 200);
    assert_eq!(answer["control_calls"][2], "POST /_paydrill/advance");
}

#[tokio::test]
async fn a_month_passes_in_one_call_and_a_customer_answers_the_bank() {
    let stand = Stand::start(&[], 1.0).await;
    let price = "currency=usd&unit_amount=900&recurring[interval]=month&product_data[name]=Pro";
    let (_, price) = stand.call("POST", "/v1/prices", price).await;
    let customer = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
    let (_, customer) = stand.call("POST", "/v1/customers", customer).await;
    let (customer, price) = (customer["id"].as_str().unwrap(), price["id"].as_str().unwrap());
    let bought = format!("customer={customer}&items[0][price]={price}");
    let (status, subscription) = stand.call("POST", "/v1/subscriptions", &bought).await;
    assert_eq!((status, &subscription["status"]), (200, &"active".into()));
    let (_, before) = stand.call("GET", "/_paydrill/health", "").await;
    let (status, after) = stand.call("POST", "/_paydrill/advance", r#"{"by": "40d"}"#).await;
    assert_eq!(status, 200, "{after}");
    assert!(after["now"].as_i64().unwrap() - before["now"].as_i64().unwrap() >= 40 * 86_400);
    let (_, invoices) = stand.call("GET", &format!("/v1/invoices?customer={customer}&status=paid"), "").await;
    assert_eq!(invoices["data"].as_array().unwrap().len(), 2);

    let intent = "amount=900&currency=usd&confirm=true&payment_method=pm_card_authenticationRequired&\
                  return_url=https://example.com";
    let (_, intent) = stand.call("POST", "/v1/payment_intents", intent).await;
    assert_eq!(intent["status"], "requires_action");
    let path = format!("/_paydrill/authenticate/{}", intent["id"].as_str().unwrap());
    let (status, answer) = stand.call("POST", &path, r#"{"succeeds": true}"#).await;
    assert_eq!((status, &answer["status"]), (200, &"succeeded".into()), "{answer}");
    assert_eq!(stand.call("POST", &path, r#"{"succeeds": true}"#).await.0, 400, "nobody is asked any more");
}

/// Inside a run the scenario says what happens.
#[tokio::test]
async fn a_run_has_no_control_calls() {
    let double =
        Double::start(DoubleConfig::default(), &Catalog::default(), Clock::start(), 1).await.unwrap();
    let health = reqwest::Client::builder().no_proxy().build().unwrap();
    let health = health.get(format!("{}/_paydrill/health", double.url())).bearer_auth("sk_test_1");
    assert_eq!(health.send().await.unwrap().status(), 501);
}
