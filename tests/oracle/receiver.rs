//! An endpoint of ours that keeps every delivery as it came, and checks signatures with code of its own: the
//! double's must not be judged by the double's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// One attempt of one delivery.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// `/all`: which of our endpoints it came to.
    pub(crate) path: String,
    signature: String,
    body: Bytes,
}

impl Delivery {
    /// The event in it.
    pub(crate) fn event(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("a delivery is no JSON: {error}"))
    }

    /// Whether `secret` signed exactly these bytes: docs.stripe.com/webhooks, "Verify webhook signatures manually".
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let part = |name: &str| self.signature.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(time), Some(v1)) = (part("t="), part("v1=")) else { return false };
        let Ok(v1) = hex::decode(v1) else { return false };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        mac.verify_slice(&v1).is_ok()
    }
}

/// What a receiver has so far.
#[derive(Debug, Clone, Default)]
struct Inbox(Arc<Mutex<Vec<Delivery>>>);

/// A receiver on a port of its own.
pub(crate) struct Receiver {
    pub(crate) url: String,
    kept: Inbox,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let kept = Inbox::default();
        let app = Router::new().fallback(keep).with_state(kept.clone());
        let (url, task) = serve(app).await;
        Self { url, kept, task }
    }

    /// Everything that has come.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.kept.0.lock().unwrap().clone()
    }

    /// Waits until so many have come.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Delivery> {
        let come = async {
            loop {
                let came = self.deliveries();
                if came.len() >= count {
                    return came;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(20), come).await;
        came.unwrap_or_else(|_| panic!("{count} deliveries expected, {} came", self.deliveries().len()))
    }

    /// Everything that has come by event, once each, whichever endpoint it came to.
    pub(crate) fn events(&self) -> BTreeMap<String, Delivery> {
        let named = |delivery: Delivery| {
            let event = delivery.event().ok()?;
            Some((event["id"].as_str()?.to_owned(), delivery))
        };
        self.deliveries().into_iter().filter_map(named).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(State(kept): State<Inbox>, uri: Uri, headers: HeaderMap, body: Bytes) {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    kept.0.lock().unwrap().push(Delivery {
        path: uri.path().to_owned(),
        signature: signature.unwrap_or_default().to_owned(),
        body,
    });
}

/// Serves on a free port.
pub(crate) async fn serve(app: Router) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, task)
}

/// Only the secret that signed the bytes fits, and only for these bytes at this time.
#[test]
fn a_signature_fits_one_secret_and_one_body() {
    // What OpenSSL says: printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_example
    let v1 = "7fd3f63e358a5b466ad16eb9b92640b6639a1d1111041bfc08779d1bacd106f2";
    let delivery = |time: &str, body: &'static [u8]| Delivery {
        path: String::new(),
        signature: format!("t={time},v1={v1}"),
        body: Bytes::from_static(body),
    };
    assert!(delivery("1700000000", b"{}").is_signed_with("whsec_example"));
    assert!(!delivery("1700000000", b"{}").is_signed_with("whsec_other"));
    assert!(!delivery("1700000000", b"{ }").is_signed_with("whsec_example"));
    assert!(!delivery("1700000001", b"{}").is_signed_with("whsec_example"));
}
