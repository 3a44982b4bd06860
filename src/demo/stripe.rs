//! The app's own client for Stripe's API: what it needs of it, no more.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

/// The API version the app was written for.
pub(super) const VERSION: &str = "2026-10-28.endive";

/// An answer of Stripe's takes longer than this only when something is wrong.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why something could not be learned from Stripe.
#[derive(Debug, thiserror::Error)]
pub(super) enum StripeError {
    #[error("reach Stripe for {call}")]
    Unreachable { call: String, source: reqwest::Error },
    #[error("get an answer to {call}: Stripe said {status} {message}")]
    Refused { call: String, status: u16, code: String, message: String },
    #[error("understand Stripe's answer to {call}: no `{field}`")]
    Incomplete { call: String, field: &'static str },
}

impl StripeError {
    /// Stripe has no such object.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// The same, of an object that the call is only about: Stripe answers some such calls with 400.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "resource_missing") || self.is_not_found()
    }
}

/// A client with the app's key.
pub(super) struct Stripe {
    http: Client,
    base: String,
    key: String,
}

impl Stripe {
    pub(super) fn new(base: String, key: &str) -> Result<Self, reqwest::Error> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { http, base, key: key.to_owned() })
    }

    /// Whether the key is one for real money.
    pub(super) fn is_live(&self) -> bool {
        self.key.starts_with("sk_live_") || self.key.starts_with("rk_live_")
    }

    /// A subscription with the products that it sells.
    pub(super) async fn subscription(&self, id: &str) -> Result<Value, StripeError> {
        self.get(&format!("/v1/subscriptions/{}?expand[]=items.data.price.product", segment(id))).await
    }

    /// A subscription with ids where its products would be.
    pub(super) async fn bare_subscription(&self, id: &str) -> Result<Value, StripeError> {
        self.get(&format!("/v1/subscriptions/{}", segment(id))).await
    }

    /// An invoice with the payments that it was paid with.
    pub(super) async fn invoice(&self, id: &str) -> Result<Value, StripeError> {
        self.get(&format!("/v1/invoices/{}?expand[]=payments", segment(id))).await
    }

    pub(super) async fn charge(&self, id: &str) -> Result<Value, StripeError> {
        self.get(&format!("/v1/charges/{}", segment(id))).await
    }

    /// The disputes of a charge: one as a rule.
    pub(super) async fn disputes(&self, charge: &str) -> Result<Vec<Value>, StripeError> {
        self.all("/v1/disputes", &[("charge", charge)]).await
    }

    /// The Stripe entitlements of a customer.
    pub(super) async fn entitlements(&self, customer: &str) -> Result<Vec<Value>, StripeError> {
        self.all("/v1/entitlements/active_entitlements", &[("customer", customer)]).await
    }

    /// A checkout session with what was bought.
    pub(super) async fn session(&self, id: &str) -> Result<Value, StripeError> {
        self.get(&format!("/v1/checkout/sessions/{}?expand[]=line_items", segment(id))).await
    }

    /// Everything of a list, page by page.
    pub(super) async fn all(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, StripeError> {
        let mut found: Vec<Value> = Vec::new();
        loop {
            let after = found.last().and_then(|last| last.get("id")).and_then(Value::as_str);
            let after = after.map(|id| ("starting_after", id));
            let query: Vec<_> = query.iter().copied().chain([("limit", "100")]).chain(after).collect();
            let page = self.get(&format!("{path}?{}", encode(&query))).await?;
            let objects = page.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            let is_last = objects.is_empty() || page.get("has_more") != Some(&Value::Bool(true));
            found.extend(objects);
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Makes a partner's account, once per `once`, and returns its id.
    pub(super) async fn create_account(
        &self,
        email: &str,
        customer: &str,
        once: &str,
    ) -> Result<String, StripeError> {
        let fields = [("type", "express"), ("email", email), ("metadata[customer]", customer)];
        let made = self.post("/v1/accounts", &fields, once).await?;
        text(&made, "id", "POST /v1/accounts")
    }

    /// Closes a partner's account.
    pub(super) async fn close_account(&self, id: &str) -> Result<(), StripeError> {
        let path = format!("/v1/accounts/{}", segment(id));
        let request = self.http.delete(format!("{}{path}", self.base));
        self.send(format!("DELETE {path}"), request).await.map(drop)
    }

    /// The customer's e-mail address; a customer that was deleted has none.
    pub(super) async fn email_of(&self, customer: &str) -> Result<Option<String>, StripeError> {
        let found = self.get(&format!("/v1/customers/{}", segment(customer))).await?;
        Ok(found.get("email").and_then(Value::as_str).map(str::to_owned))
    }

    /// The last digits of the customer's newest card.
    pub(super) async fn card_of(&self, customer: &str) -> Result<Option<String>, StripeError> {
        let call = format!("/v1/customers/{}/payment_methods?limit=1", segment(customer));
        let found = self.get(&call).await?;
        Ok(found.pointer("/data/0/card/last4").and_then(Value::as_str).map(str::to_owned))
    }

    /// The id of the active price with that lookup key, if there is one.
    pub(super) async fn price(&self, lookup_key: &str) -> Result<Option<String>, StripeError> {
        let query = encode(&[("lookup_keys[]", lookup_key), ("active", "true")]);
        let found = self.get(&format!("/v1/prices?{query}")).await?;
        Ok(found.pointer("/data/0/id").and_then(Value::as_str).map(str::to_owned))
    }

    /// Makes a customer and returns its id. Asked again with the same `once`, Stripe makes no second one.
    pub(super) async fn create_customer(&self, email: &str, once: &str) -> Result<String, StripeError> {
        let made = self.post("/v1/customers", &[("email", email)], once).await?;
        text(&made, "id", "POST /v1/customers")
    }

    /// Opens a checkout session and returns its id and the page to send the customer to.
    pub(super) async fn create_session(
        &self,
        fields: &[(&str, &str)],
        once: &str,
    ) -> Result<(String, String), StripeError> {
        let call = "POST /v1/checkout/sessions";
        let made = self.post("/v1/checkout/sessions", fields, once).await?;
        Ok((text(&made, "id", call)?, text(&made, "url", call)?))
    }

    async fn get(&self, path: &str) -> Result<Value, StripeError> {
        self.send(format!("GET {path}"), self.http.get(format!("{}{path}", self.base))).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)], once: &str) -> Result<Value, StripeError> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", once)
            .body(encode(fields));
        self.send(format!("POST {path}"), request).await
    }

    async fn send(&self, call: String, request: RequestBuilder) -> Result<Value, StripeError> {
        let unreachable = |call: &str| {
            let call = call.to_owned();
            move |source| StripeError::Unreachable { call, source }
        };
        let answer = request
            .bearer_auth(&self.key)
            .header("stripe-version", VERSION)
            .send()
            .await
            .map_err(unreachable(&call))?;
        let status = answer.status();
        if status.is_success() {
            return answer.json().await.map_err(unreachable(&call));
        }
        let body: Value = answer.json().await.unwrap_or_default();
        let said = |field| body.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (code, message) = (said("/error/code"), said("/error/message"));
        Err(StripeError::Refused { call, status: status.as_u16(), code, message })
    }
}

fn text(object: &Value, field: &'static str, call: &str) -> Result<String, StripeError> {
    let found = object.get(field).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| StripeError::Incomplete { call: call.to_owned(), field })
}

/// An id as one segment of a path. Ids come from events and from the address bar; a slash or a question
/// mark in one must not lead to another call.
fn segment(id: &str) -> String {
    id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

/// Fields as a form, which is what Stripe's API takes.
fn encode(fields: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("http://form") else { return String::new() };
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("sub_1AbC", "sub_1AbC")]
    #[case("../customers/cus_1?x#y", "customerscus_1xy")]
    fn an_id_stays_one_segment(#[case] id: &str, #[case] expected: &str) {
        assert_eq!(segment(id), expected);
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(encode(&[("email", "a+b@c.d"), ("x[]", "ä&=")]), "email=a%2Bb%40c.d&x%5B%5D=%C3%A4%26%3D");
    }
}
