//! The app, a stand-in for Stripe, and short words for what tests do with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use tokio::sync::watch;

use crate::demo::signature::sign;
use crate::demo::{App, Bug, DemoSettings, Policy, clock, routes};
use crate::id::CaseId;
use crate::outside::{Fault, Server, mail};
use crate::time::Clock;

pub(super) const SECRET: &str = "whsec_test";
/// Of the endpoint for connected accounts.
pub(super) const CONNECT_SECRET: &str = "whsec_test_connect";

/// Stripe: objects by path, and how many of the next calls fail.
#[derive(Default)]
pub(super) struct Shelf {
    objects: BTreeMap<String, Value>,
    failing: u32,
    slow: u32,
    pub(super) calls: Vec<String>,
}

/// An app with one user, `cus_1`, and its Stripe.
pub(super) struct Rig {
    pub(super) shelf: Arc<Mutex<Shelf>>,
    pub(super) url: String,
    pub(super) http: reqwest::Client,
    settings: DemoSettings,
    _stripe: Arc<MockServer>,
    pub(super) mail: Arc<Server>,
    _folder: Arc<TempDir>,
}

impl Rig {
    pub(super) async fn start(bug: Option<Bug>) -> Self {
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let stripe = MockServer::start().await;
        let behind = Arc::clone(&shelf);
        Mock::given(any())
            .respond_with(move |request: &Request| answer(&behind, request))
            .mount(&stripe)
            .await;
        let folder = tempfile::tempdir().unwrap();
        let mail = mail::start(([127, 0, 0, 1], 0).into(), Clock::start(), watch::channel(0).0).unwrap();
        let smtp_url = Some(format!("smtp://127.0.0.1:{}", mail.port()));
        let settings = DemoSettings { smtp_url, ..settings(&stripe.uri(), folder.path(), bug) };
        let url = run(settings.clone()).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (mail, stripe, folder) = (Arc::new(mail), Arc::new(stripe), Arc::new(folder));
        let rig = Self { shelf, url, http, settings, mail, _stripe: stripe, _folder: folder };
        rig.sign_up("ann@example.com", "cus_1").await;
        rig
    }

    /// The same data, another app.
    pub(super) async fn restart(self) -> Self {
        self.beside().await
    }

    /// Another app on the same data, while this one goes on.
    pub(super) async fn beside(&self) -> Self {
        let url = run(self.settings.clone()).await;
        let (shelf, http, settings) = (Arc::clone(&self.shelf), self.http.clone(), self.settings.clone());
        let (stripe, folder) = (Arc::clone(&self._stripe), Arc::clone(&self._folder));
        let mail = Arc::clone(&self.mail);
        Self { shelf, url, http, settings, mail, _stripe: stripe, _folder: folder }
    }

    pub(super) async fn sign_up(&self, email: &str, customer: &str) -> Value {
        let fields = json!({ "email": email, "customer": customer });
        let answer = self.http.post(format!("{}/signup", self.url)).json(&fields).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Puts an object where Stripe's API answers with it.
    pub(super) fn put(&self, folder: &str, object: &Value) {
        let path = format!("/v1/{folder}/{}", object["id"].as_str().unwrap());
        self.shelf.lock().unwrap().objects.insert(path, object.clone());
    }

    /// Puts the answer to a list call, or to any call with that query. A list keeps what was made since `created[gte]`.
    pub(super) fn put_list(&self, folder: &str, list: &Value) {
        self.shelf.lock().unwrap().objects.insert(format!("/v1/{folder}"), list.clone());
    }

    /// Changes the app's data behind its back.
    pub(super) async fn execute(&self, statement: &str) {
        let file = self.settings.data_dir.join("app.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// The next answer is what Stripe has when it is asked, but takes its time.
    pub(super) fn slow_next(&self) {
        self.shelf.lock().unwrap().slow = 1;
    }

    /// Waits until Stripe was asked so often.
    pub(super) async fn asked(&self, times: usize) {
        while self.shelf.lock().unwrap().calls.len() < times {
            tokio::task::yield_now().await;
        }
    }

    /// The mail server refuses the next mail.
    pub(super) fn refuse_mail(&self) {
        let fault = Fault { about: Arc::new(|_| true), status: 451, times: Some(1) };
        self.mail.shelf().arm(CaseId(0), vec![fault]);
    }

    /// How many mails the mail server has taken.
    pub(super) fn arrived(&self) -> usize {
        self.mail.shelf().after(0).unwrap().iter().filter(|mail| mail.is_accepted()).count()
    }

    pub(super) fn fail_next(&self, calls: u32) {
        self.shelf.lock().unwrap().failing = calls;
    }

    /// A subscription changes at Stripe, and the app is told by an event of this type.
    pub(super) async fn tell(&self, id: &str, kind: &str, subscription: &Value) -> StatusCode {
        self.put("subscriptions", subscription);
        self.deliver(&event(id, kind, subscription)).await
    }

    /// Delivers an event as Stripe does.
    pub(super) async fn deliver(&self, event: &Value) -> StatusCode {
        let body = serde_json::to_vec_pretty(event).unwrap();
        self.deliver_bytes(body.clone(), Some(header(SECRET, 0, &body))).await
    }

    /// The same, of what happened in a partner's account.
    pub(super) async fn deliver_connected(&self, account: &str, event: &Value) -> StatusCode {
        let body = with(event, "account", json!(account)).to_string().into_bytes();
        let signature = header(CONNECT_SECRET, 0, &body);
        self.post("/stripe/connect", body, Some(signature)).await
    }

    pub(super) async fn deliver_bytes(&self, body: Vec<u8>, signature: Option<String>) -> StatusCode {
        self.post("/stripe/webhook", body, signature).await
    }

    async fn post(&self, path: &str, body: Vec<u8>, signature: Option<String>) -> StatusCode {
        let mut request = self.http.post(format!("{}{path}", self.url)).body(body);
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        request.send().await.unwrap().status()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    pub(super) async fn status(&self, path: &str) -> u16 {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().status().as_u16()
    }

    pub(super) async fn page(&self, path: &str) -> String {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// Runs the nightly sync, and says how much it repaired.
    pub(super) async fn sync(&self) -> String {
        let all = self.http.post(format!("{}/jobs/sync", self.url)).json(&json!({}));
        let answer: Value = all.send().await.unwrap().json().await.unwrap();
        format!("{} repaired", answer["repaired"])
    }

    /// Bob has an account, `user_2`, and Stripe has a customer `cus_2`, with this e-mail address.
    pub(super) async fn register_bob(&self, email_at_stripe: &str) {
        let fields = json!({ "email": "bob@example.com" });
        let answer = self.http.post(format!("{}/register", self.url)).json(&fields).send().await.unwrap();
        let answer = answer.json::<Value>().await.unwrap();
        assert_eq!(answer, json!({ "user_id": "user_2", "customer": null }));
        self.put("customers", &json!({ "id": "cus_2", "object": "customer", "email": email_at_stripe }));
    }

    /// `pro active, 3 seats` of `cus_1`.
    pub(super) async fn access(&self) -> String {
        self.access_of("cus_1").await
    }

    pub(super) async fn access_of(&self, customer: &str) -> String {
        let may = self.get(&format!("/api/entitlements/{customer}")).await;
        let active = if may["active"] == json!(true) { "active" } else { "no access" };
        format!("{} {active}, {} seats", may["plan"].as_str().unwrap(), may["seats"])
    }

    pub(super) async fn credits(&self) -> String {
        format!("{} credits", self.get("/api/entitlements/cus_1").await["credits"])
    }

    pub(super) async fn mails(&self, kind: &str) -> String {
        let mails = self.get(&format!("/api/outbox/cus_1?kind={kind}")).await;
        format!("{} {kind} mails", mails.as_array().unwrap().len())
    }
}

pub(super) fn settings(stripe: &str, folder: &Path, bug: Option<Bug>) -> DemoSettings {
    DemoSettings {
        host: [127, 0, 0, 1].into(),
        port: 0,
        data_dir: folder.join("data"),
        stripe_api_base: stripe.to_owned(),
        stripe_api_key: "sk_test_demo".to_owned(),
        webhook_secret: SECRET.to_owned(),
        connect_secret: CONNECT_SECRET.to_owned(),
        smtp_url: None,
        test_clock: false,
        policy: Policy::default(),
        bug,
    }
}

async fn run(settings: DemoSettings) -> String {
    let app = App::open(settings).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes(app)).await });
    url
}

fn answer(shelf: &Mutex<Shelf>, request: &Request) -> ResponseTemplate {
    let mut shelf = shelf.lock().unwrap();
    let path = request.url.path().to_owned();
    shelf.calls.push(format!("{} {path}", request.method));
    if shelf.failing > 0 {
        shelf.failing -= 1;
        return ResponseTemplate::new(500).set_body_json(json!({ "error": { "message": "try again" } }));
    }
    if request.method.as_str() == "POST" {
        let url = "https://checkout.example/pay";
        return ResponseTemplate::new(200).set_body_json(json!({ "id": "made_1", "url": url }));
    }
    let delay = if shelf.slow > 0 { Duration::from_millis(150) } else { Duration::ZERO };
    shelf.slow = shelf.slow.saturating_sub(1);
    let asked = request.url.query().map(|query| format!("{path}?{query}"));
    let found = asked.and_then(|asked| shelf.objects.get(&asked)).or_else(|| shelf.objects.get(&path));
    let since = request.url.query_pairs().find(|(name, _)| name == "created[gte]");
    let since = since.map_or(i64::MIN, |(_, since)| since.parse().unwrap());
    match found.cloned().map(|object| made_since(object, since)) {
        Some(object) => ResponseTemplate::new(200).set_body_json(object).set_delay(delay),
        None => ResponseTemplate::new(404).set_body_json(json!({ "error": { "message": "no such object" } })),
    }
}

fn made_since(mut object: Value, since: i64) -> Value {
    if let Some(data) = object.get_mut("data").and_then(Value::as_array_mut) {
        data.retain(|one| one["created"].as_i64().unwrap_or_default() >= since);
    }
    object
}

/// A `Stripe-Signature`, made `shift` seconds from now.
pub(super) fn header(secret: &str, shift: i64, body: &[u8]) -> String {
    let at = clock::seconds() + shift;
    format!("t={at},v1={}", hex::encode(sign(secret, at, body).unwrap()))
}

pub(super) fn event(id: &str, kind: &str, object: &Value) -> Value {
    event_at(id, 1_764_000_000, kind, object)
}

pub(super) fn event_at(id: &str, created: i64, kind: &str, object: &Value) -> Value {
    json!({ "id": id, "object": "event", "created": created, "type": kind, "livemode": false,
        "api_version": "2026-10-28.endive", "data": { "object": object } })
}

/// A subscription of `cus_1`.
pub(super) fn subscription(id: &str, status: &str, price: &str, quantity: i64) -> Value {
    json!({ "id": id, "object": "subscription", "customer": "cus_1", "status": status,
        "cancel_at_period_end": false, "cancel_at": null, "latest_invoice": "in_1",
        "items": { "object": "list", "data": [{ "id": "si_1", "quantity": quantity,
            "current_period_end": 1_766_592_000, "price": { "id": "price_1", "lookup_key": price } }] } })
}

/// A completed session of `cus_1` that sold 100 credits.
pub(super) fn session(id: &str) -> Value {
    json!({ "id": id, "object": "checkout.session", "customer": "cus_1", "mode": "payment", "invoice": null,
        "status": "complete", "payment_status": "paid", "payment_intent": "pi_1", "amount_total": 10_000,
        "line_items": { "data": [{ "quantity": 1, "price": { "lookup_key": "credits_100" } }] } })
}

/// A completed session of `cus_2` that sold `sub_1` to `user_2`, and says so in one field.
pub(super) fn session_of_bob(named_by: &str) -> Value {
    let session = with(&with(&session("cs_2"), "customer", json!("cus_2")), "mode", json!("subscription"));
    let session = with(&with(&session, "subscription", json!("sub_1")), "invoice", json!("in_1"));
    let named = if named_by == "metadata" { json!({ "user": "user_2" }) } else { json!("user_2") };
    with(&session, named_by, named)
}

/// The charge of `cus_1` that paid [`session`], of which so much was given back.
pub(super) fn charge(refunded: i64) -> Value {
    json!({ "id": "ch_1", "object": "charge", "customer": "cus_1", "payment_intent": "pi_1", "amount": 10_000,
        "amount_refunded": refunded, "disputed": false })
}

/// A refund of [`charge`]: it names no customer.
pub(super) fn refund() -> Value {
    json!({ "id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1", "amount": 5_000 })
}

/// An invoice of `cus_1` for `sub_1`.
pub(super) fn invoice(id: &str, amount_paid: i64) -> Value {
    json!({ "id": id, "object": "invoice", "customer": "cus_1", "amount_paid": amount_paid, "attempt_count": 1,
        "parent": { "subscription_details": { "subscription": "sub_1" } } })
}

/// `object` with one field set.
pub(super) fn with(object: &Value, field: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[field] = value;
    object
}
