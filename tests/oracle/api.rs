//! A Stripe API as its clients see it: by HTTP alone, so that any server can be judged.

use paydrill::provider::double::{Alone, Catalog, Double, DoubleConfig};
use paydrill::stripe::version::Version;
use paydrill::time::Clock;
use serde_json::Value;

/// A test key, as Stripe's look.
pub(crate) const KEY: &str = "sk_test_paydrilloracle000000000";

/// A server under judgement.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    client: reqwest::Client,
}

/// Where an object can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// `GET` answers the object itself.
    At(String),
    /// `GET` answers an object that has it in this field.
    Within(String, &'static str),
    /// Stripe has no call for it, or none any more.
    Nowhere,
}

impl Api {
    pub(crate) fn at(url: String) -> Self {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// A double of its own.
    pub(crate) async fn double() -> (Self, Double) {
        let alone = Alone {
            api_version: Version::NEWEST,
            forward_to: Vec::new(),
            clock_speed: 1.0,
            allow_hosts: Vec::new(),
        };
        let config = DoubleConfig { alone: Some(alone), ..DoubleConfig::default() };
        let double = Double::start(config, &Catalog::default(), Clock::start(), 7).await.unwrap();
        (Self::at(double.url()), double)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answered(self.client.get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let form = reqwest::Url::parse_with_params(&self.url, fields).unwrap();
        let form = form.query().unwrap_or_default().to_owned();
        let request = self.client.post(format!("{}{path}", self.url));
        answered(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    }

    /// The newest events, oldest first.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let (_, list) = self.get("/v1/events?limit=100").await;
        let mut events = list["data"].as_array().cloned().unwrap_or_default();
        events.reverse();
        events
    }
}

async fn answered(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.bearer_auth(KEY).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Where Stripe's API has an object, by the object alone (docs.stripe.com/api).
pub(crate) fn address(object: &Value) -> Address {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let id = text("id");
    let of_customer = |rest: &str| Address::At(format!("/v1/customers/{}/{rest}", text("customer")));
    let collection = match text("object") {
        // An application authorizes accounts; a portal session is a link; a summary says what its list has.
        "application" | "billing_portal.session" | "entitlements.active_entitlement_summary" => {
            return Address::Nowhere;
        }
        "balance" => return Address::At("/v1/balance".to_owned()),
        "bank_account" | "card" | "source" if object["customer"].is_string() => {
            return of_customer(&format!("sources/{id}"));
        }
        "cash_balance" => return of_customer("cash_balance"),
        "customer_cash_balance_transaction" => {
            return of_customer(&format!("cash_balance_transactions/{id}"));
        }
        "discount" => return Address::Within(format!("/v1/customers/{}", text("customer")), "discount"),
        "checkout.session" => "checkout/sessions",
        "test_helpers.test_clock" => "test_helpers/test_clocks",
        kind => return Address::At(format!("/v1/{}s/{id}", kind.replace('.', "/"))),
    };
    Address::At(format!("/v1/{collection}/{id}"))
}

#[rstest::rstest]
#[case("customer", "/v1/customers/x")]
#[case("billing_portal.configuration", "/v1/billing_portal/configurations/x")]
#[case("identity.verification_session", "/v1/identity/verification_sessions/x")]
#[case("issuing.authorization", "/v1/issuing/authorizations/x")]
#[case("card", "/v1/customers/cus_1/sources/x")]
#[case("test_helpers.test_clock", "/v1/test_helpers/test_clocks/x")]
fn objects_have_an_address(#[case] kind: &str, #[case] path: &str) {
    let object = serde_json::json!({ "id": "x", "object": kind, "customer": "cus_1" });
    assert_eq!(address(&object), Address::At(path.to_owned()));
}
