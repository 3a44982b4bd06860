//! The double as its users meet it: through actions, and over HTTP.

mod attempts;
mod beside;
mod billing;
mod billing_modes;
mod bounds;
mod bursts;
mod cases;
mod catalog;
mod checkout;
mod confirmation_tokens;
mod connect;
mod crowd;
mod customers;
mod discounts;
mod dunning;
mod fuzz;
mod http;
mod invoice_payments;
mod laws;
mod locations;
mod methods;
mod money_back;
mod payments;
mod quotes;
mod replay;
mod schedules;
mod search;
mod selling;
mod stored;
mod sweep;
mod thin;
mod time;
mod versions;
mod webhooks;
mod wire;

use serde_json::{Map, Value, json};

use super::*;
use crate::stripe::object::{NEWEST, text};

const CASE: CaseId = CaseId(1);
const START: &str = "2026-11-23T10:00:00Z";

fn product(key: &str, features: usize) -> CatalogProduct {
    CatalogProduct {
        key: key.into(),
        id: None,
        name: key.to_uppercase(),
        features: (1..=features).map(|at| format!("f{at:02}")).collect(),
        metadata: Map::new(),
    }
}

fn price(key: &str, product: &str, unit_amount: i64, every: Option<&str>) -> CatalogPrice {
    CatalogPrice {
        key: key.into(),
        id: (key == "pro_monthly").then(|| "price_pro".to_owned()),
        product: product.into(),
        unit_amount,
        currency: "usd".into(),
        every: every.map(str::to_owned),
        metered: key == "calls",
        metadata: Map::new(),
    }
}

fn catalog() -> Catalog {
    Catalog {
        products: vec![
            product("pro", 0),
            product("team", 0),
            product("credits", 0),
            product("everything", 12),
        ],
        prices: vec![
            price("pro_monthly", "pro", 9_900, Some("month")),
            price("pro_yearly", "pro", 99_000, Some("year")),
            price("team_monthly", "team", 29_900, Some("month")),
            price("everything", "everything", 99_900, Some("month")),
            price("credits_100", "credits", 10_000, None),
            price("calls", "pro", 1, Some("month")),
        ],
    }
}

/// A double with one open case and one customer in it.
struct Stand {
    double: Double,
    slot: usize,
}

impl Stand {
    async fn new() -> Self {
        Self::seeded(7).await
    }

    async fn seeded(seed: u64) -> Self {
        Self::with(DoubleConfig::default(), seed).await
    }

    async fn with(config: DoubleConfig, seed: u64) -> Self {
        let double = Double::start(config, &catalog(), Clock::start(), seed).await.unwrap();
        double.open(CASE, START.parse().unwrap(), IdMinter::new(seed, 1));
        let slot = double.add_customer(CASE, "Jenny@example.com");
        Self { double, slot }
    }

    fn try_act(&self, kind: &str, keys: Value) -> Result<(), ActError> {
        let action = Action::from_keys(kind.parse().unwrap(), keys.as_object().unwrap()).unwrap();
        self.double.act(CASE, self.slot, &action)
    }

    /// Acts, and gives the events.
    fn act(&self, kind: &str, keys: Value) -> Vec<Value> {
        self.try_act(kind, keys).unwrap();
        self.double.drain(CASE)
    }

    fn truth(&self) -> Map<String, Value> {
        self.double.truth(CASE, self.slot, None)
    }

    fn status(&self) -> String {
        text(&self.truth()["subscription"], "status").to_owned()
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "type")).collect()
}

fn event<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    events
        .iter()
        .find(|event| event["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind} in {:?}", types(events)))
}

/// What an app has: a client with a test key.
struct App {
    client: reqwest::Client,
    url: String,
}

/// What an app got.
struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn error(&self) -> (u16, String) {
        (self.status, text(&self.json()["error"], "message").to_owned())
    }
}

impl App {
    fn of(stand: &Stand) -> Self {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { client: reqwest::Client::builder().no_proxy().build().unwrap(), url: stand.double.url() }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Got> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", "Bearer sk_test_paydrill");
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_owned()).send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Got { status, headers, text: answer.text().await? })
    }

    async fn get(&self, path: &str) -> Got {
        self.send("GET", path, "", &[]).await.unwrap()
    }

    async fn post(&self, path: &str, body: &str) -> Got {
        self.send("POST", path, body, &[]).await.unwrap()
    }

    /// A POST that must be answered 200; gives the object.
    async fn make(&self, path: &str, body: &str) -> Value {
        let got = self.post(path, body).await;
        assert_eq!(got.status, 200, "{}", got.text);
        got.json()
    }
}
