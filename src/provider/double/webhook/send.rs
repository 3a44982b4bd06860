//! One attempt over HTTP, and how it ended.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;

use crate::secret::Secret;
use crate::stripe::{delivery, signature};

/// Of an answer's body, so much is read, in bytes, before the connection is closed.
const BODY_READ: usize = 64 * 1024;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With this status.
    Answered(u16),
    /// Nobody listens there.
    Refused,
    /// Without an answer in time.
    TimedOut,
    /// With something that is no answer, or a connection that broke.
    Broken,
}

impl Outcome {
    /// Whether Stripe takes it for an acceptance.
    #[must_use]
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Answered(status) if delivery::is_accepted(status))
    }
}

/// Sends attempts: each on a connection of its own, without redirects and proxies.
#[derive(Debug)]
pub(super) struct Sender(Option<Client>);

impl Sender {
    pub(super) fn new() -> Self {
        // A provider that is installed already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Endpoints on this machine are plain, or have certificates that nobody else knows: none are loaded,
        // which also takes longer than everything else here.
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .tls_certs_only([])
            .build();
        Self(client.ok())
    }

    /// Sends and waits for the answer, no longer than `limit`.
    pub(super) async fn send(
        &self,
        url: &str,
        secret: &Secret,
        signed: i64,
        body: &Bytes,
        limit: Duration,
    ) -> Outcome {
        let Some(client) = &self.0 else { return Outcome::Broken };
        let signature = signature::header(signed, &[signature::sign(secret, signed, body)]);
        let mut request = client.post(url).body(body.clone()).header(delivery::SIGNATURE, signature);
        for (name, value) in delivery::HEADERS {
            request = request.header(name, value);
        }
        match tokio::time::timeout(limit, exchange(request)).await {
            Ok(Ok(status)) => Outcome::Answered(status),
            Ok(Err(error)) if error.is_connect() => Outcome::Refused,
            Ok(Err(_)) => Outcome::Broken,
            Err(_) => Outcome::TimedOut,
        }
    }
}

/// The answer counts when it is whole, or longer than anybody reads.
async fn exchange(request: reqwest::RequestBuilder) -> reqwest::Result<u16> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut read = 0;
    while read < BODY_READ
        && let Some(part) = response.chunk().await?
    {
        read += part.len();
    }
    Ok(status)
}

/// Whether an address may be called: on this machine, or on a host that is allowed by name.
pub(in crate::provider::double) fn is_near(url: &str, allowed: &[String]) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback || host == "localhost" || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("http://127.0.0.1:4242/webhook", true)]
    #[case("http://127.9.9.9/", true)]
    #[case("https://localhost:1/", true)]
    #[case("http://[::1]:80/x", true)]
    #[case("http://host.docker.internal:80/x", true)]
    #[case("http://HOST.docker.internal:80/x", true)]
    #[case("http://0.0.0.0/", false)]
    #[case("http://10.0.0.1/", false)]
    #[case("https://example.com/hook", false)]
    #[case("http://localhost.example.com/", false)]
    #[case("http://127.0.0.1.example.com/", false)]
    #[case("http://127.0.0.1@example.com/", false)]
    #[case("http://example.com#@127.0.0.1/", false)]
    #[case("nonsense", false)]
    fn only_this_machine_and_what_is_allowed_is_called(#[case] url: &str, #[case] near: bool) {
        assert_eq!(is_near(url, &["host.docker.internal".to_owned()]), near);
    }
}
