//! Apps that bill through Stripe's official packages, the newest ones and those of 2024: what an app writes against
//! Stripe works against the double.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use paydrill::id::{CaseId, IdMinter};
use paydrill::provider::double::{
    ApiFault, Catalog, CatalogPrice, CatalogProduct, Double, DoubleConfig, Effect,
};
use paydrill::secret::Secret;
use paydrill::stripe::action::{Action, ActionKind};
use paydrill::stripe::refusal::Refusal;
use paydrill::stripe::version::{Version, downgrade};
use paydrill::stripe::{body, signature};
use paydrill::time::Clock;
use serde_json::{Map, Value, json};

use super::api::Api;
use super::{heavy, install};

const CASE: CaseId = CaseId(1);
const SECRET: &str = "whsec_oracle";

#[rstest::rstest]
#[case::newest("16.1.0", "2026-10-28.endive")]
#[case::of_2024("11.4.1", "2024-12-18.acacia")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_in_python_bills(#[case] release: &str, #[case] version: &str) {
    if !heavy::asked("oracle") {
        return;
    }
    bills(python("app.py", release), version).await;
}

#[rstest::rstest]
#[case::newest("23.1.0", "2026-10-28.endive")]
#[case::of_2024("17.5.0", "2024-12-18.acacia")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_in_node_bills(#[case] release: &str, #[case] version: &str) {
    if !heavy::asked("oracle") {
        return;
    }
    let beside = tempfile::tempdir().unwrap();
    bills(node("app.mjs", release, beside.path()), version).await;
}

#[rstest::rstest]
#[case::newest("16.1.0")]
#[case::of_2024("11.4.1")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_in_python_is_told(#[case] release: &str) {
    if !heavy::asked("oracle") {
        return;
    }
    is_told(python("hooks.py", release)).await;
}

#[rstest::rstest]
#[case::newest("23.1.0")]
#[case::of_2024("17.5.0")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_in_node_is_told(#[case] release: &str) {
    if !heavy::asked("oracle") {
        return;
    }
    let beside = tempfile::tempdir().unwrap();
    is_told(node("hooks.mjs", release, beside.path())).await;
}

/// Runs an app that is its own endpoint against a double that delivers: what it judges has come over the network.
async fn is_told(app: Command) {
    let (api, double) = Api::double().await;
    run(app, &json!({ "url": api.url })).await;
    assert_eq!(double.refused_at_large(), Vec::<String>::new(), "the app asked for what is not modelled");
}

fn python(name: &str, release: &str) -> Command {
    let packages = install::pypi("stripe", release);
    let mut python = Command::new("python3");
    python.arg(script(name)).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// A module is looked for beside the script, so both are put there.
fn node(name: &str, release: &str, beside: &Path) -> Command {
    let modules = install::npm("stripe", release).join("node_modules");
    std::os::unix::fs::symlink(modules, beside.join("node_modules")).unwrap();
    std::fs::copy(script(name), beside.join(name)).unwrap();
    let mut node = Command::new("node");
    node.arg(beside.join(name));
    node
}

/// Runs an app with its setting.
async fn run(mut app: Command, setting: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("setting.json");
    std::fs::write(&file, setting.to_string()).unwrap();
    app.arg(&file).env_remove("HTTP_PROXY").env_remove("http_proxy").env("NO_PROXY", "127.0.0.1");
    tokio::task::spawn_blocking(move || install::ran(&mut app)).await.unwrap();
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/sdk").join(name)
}

/// Runs the app against a double of its own. Its package speaks `version`.
async fn bills(app: Command, version: &str) {
    let (double, setting) = setting(version).await;
    run(app, &setting).await;
    assert_eq!(double.refused_at_large(), Vec::<String>::new(), "the app asked for what is not modelled");
    assert_eq!(double.close(CASE).refused, Vec::<String>::new());
}

/// A double, and what the app is told: where it is, a customer whose calls fail at first, and deliveries.
async fn setting(version: &str) -> (Double, Value) {
    let clock = Clock::start();
    let now = clock.now();
    let double = Double::start(DoubleConfig::default(), &catalog(), clock, 7).await.unwrap();
    double.open(CASE, now, IdMinter::new(7, 1));
    double.add_customer(CASE, "jenny@example.com");
    let keys = json!({"price": "pro_monthly"});
    let action = Action::from_keys(ActionKind::Subscribe, keys.as_object().unwrap()).unwrap();
    double.act(CASE, 0, &action).unwrap();
    let truth = double.truth(CASE, 0, None);
    let customer = truth["customer"]["id"].as_str().unwrap();
    let wait = Some(Duration::from_secs(1));
    for (method, status, retry_after) in [("GET", 429, wait), ("POST", 500, None)] {
        let call = format!("{method} /v1/customers/{customer}");
        let refusal = Refusal { retry_after, ..status.into() };
        double.arm(CASE, vec![ApiFault { call, effect: Effect::Refusal(refusal), times: Some(1) }]);
    }
    let kin = double.kin(CASE);
    let version = Version::in_full(version).unwrap();
    let events: Vec<Value> = double.drain(CASE).iter().map(|event| downgrade(event, version, &kin)).collect();
    let deliveries = deliveries(&events, now.as_second());
    let setting = json!({
        "url": double.url(), "customer": customer, "price": "price_pro", "secret": SECRET, "deliveries": deliveries,
    });
    (double, setting)
}

/// Every event, signed as it is sent, and the first one as it must be refused.
fn deliveries(events: &[Value], now: i64) -> Map<String, Value> {
    let secret = Secret::new(SECRET);
    let signed = |secret: &Secret, at: i64, body: &str| {
        let header = signature::header(at, &[signature::sign(secret, at, body.as_bytes())]);
        json!({ "body": body, "signature": header })
    };
    let mut all = Map::new();
    for event in events {
        for (form, body) in [("indented", body::indented(event)), ("compact", body::compact(event))] {
            let name = format!("genuine {form} {}", event["id"]);
            all.insert(name, signed(&secret, now, &body));
        }
    }
    let body = body::indented(&events[0]);
    all.insert("stale".to_owned(), signed(&secret, now - 600, &body));
    all.insert("other secret".to_owned(), signed(&Secret::new("whsec_other"), now, &body));
    let mut tampered = signed(&secret, now, &body);
    tampered["body"] = body.replacen("false", "true", 1).into();
    all.insert("tampered".to_owned(), tampered);
    all.insert("unsigned".to_owned(), json!({ "body": body, "signature": "" }));
    all
}

fn catalog() -> Catalog {
    let product = CatalogProduct {
        key: "pro".into(),
        id: None,
        name: "Pro".into(),
        features: Vec::new(),
        metadata: Map::new(),
    };
    let price = CatalogPrice {
        key: "pro_monthly".into(),
        id: Some("price_pro".into()),
        product: "pro".into(),
        unit_amount: 9_900,
        currency: "usd".into(),
        every: Some("month".into()),
        metered: false,
        metadata: Map::new(),
    };
    Catalog { products: vec![product], prices: vec![price] }
}
