//! Sends attempts over HTTP and says how each ended.
//!
//! Every attempt has a connection of its own. A kept one that the app closes at the wrong moment looks just
//! like an app that breaks off while it handles an event; on loopback a new one costs a fraction of the
//! handler's time.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, Response};

use crate::run_event::{AttemptOutcome, AttemptRecord};
use crate::time::Clock;

use super::attempt::Prepared;

/// Of an answer's body, so much is kept, in bytes.
pub const BODY_KEPT: usize = 2 * 1024;

/// Of an answer's body, so much is read, in bytes. An app that sends more is answered by a closed connection.
pub const BODY_READ: usize = 64 * 1024;

/// Sends attempts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    plain: Client,
    secure: Arc<OnceLock<Client>>,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When it was sent, since the clock's start.
    pub sent: Duration,
    /// From sending to the end of the answer, or to giving up.
    pub took: Duration,
    /// How it ended.
    pub outcome: AttemptOutcome,
}

impl Sent {
    /// As attempt `number`, from 1, of its delivery.
    #[must_use]
    pub fn record(self, number: u32) -> AttemptRecord {
        AttemptRecord { number, sent: self.sent, took: self.took, outcome: self.outcome }
    }
}

/// Why an attempt could not be made at all. The app had no part in it, so the case is errored.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The HTTP client did not start. For `https` it needs the system's certificates.
    #[error("start an HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// The URL or a header is none.
    #[error("send to `{url}`: {source}")]
    Request {
        /// The endpoint's URL.
        url: String,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// This machine has no more sockets or ports to give: too much is under way.
    #[error("open a connection to `{url}`: {source}")]
    Exhausted {
        /// The endpoint's URL.
        url: String,
        /// What ran out.
        source: std::io::Error,
    },
}

impl Sender {
    /// A sender that follows no redirects, keeps no cookies, and knows no proxy.
    ///
    /// # Errors
    ///
    /// Where the HTTP client cannot be built.
    pub fn new() -> Result<Self, SendError> {
        // A provider that is installed already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Loading the system's certificates takes longer than a delivery, and fails where there are none (an
        // image made from scratch). Endpoints are nearly always on loopback and plain, so it waits for need.
        let plain = builder().tls_certs_only([]).build().map_err(SendError::Client)?;
        Ok(Self { plain, secure: Arc::default() })
    }

    /// Sends one attempt and waits for its answer, no longer than its limit. When the limit is reached the
    /// connection is closed, and the handler goes on without us. `sent` is called once, when the attempt
    /// starts out, with the time since the clock's start.
    ///
    /// What an app does is an outcome: also an answer that is no HTTP, or breaks off (both [`Reset`]).
    /// An answer counts when it is whole, or longer than [`BODY_READ`].
    ///
    /// # Errors
    ///
    /// Only where nothing can be said about the app.
    ///
    /// [`Reset`]: AttemptOutcome::Reset
    pub async fn send(
        &self,
        prepared: &Prepared,
        clock: &Clock,
        sent: impl FnOnce(Duration),
    ) -> Result<Sent, SendError> {
        let client = self.client(&prepared.url)?;
        let started = clock.elapsed();
        sent(started);
        let outcome = match tokio::time::timeout(prepared.timeout, exchange(client, prepared)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => broken(error, &prepared.url)?,
            Err(_) => AttemptOutcome::TimedOut,
        };
        Ok(Sent { sent: started, took: clock.elapsed().saturating_sub(started), outcome })
    }

    fn client(&self, url: &str) -> Result<&Client, SendError> {
        if !url.starts_with("https:") {
            return Ok(&self.plain);
        }
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let client = builder().build().map_err(SendError::Client)?;
        Ok(self.secure.get_or_init(|| client))
    }
}

fn builder() -> reqwest::ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
}

async fn exchange(client: &Client, prepared: &Prepared) -> Result<AttemptOutcome, reqwest::Error> {
    let mut request = client.post(&prepared.url).body(prepared.body.clone());
    for (name, value) in &prepared.headers {
        request = request.header(*name, value);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok(AttemptOutcome::Answered { status, body: start_of(&read(response).await?) })
}

/// The body, up to the limit.
async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < BODY_READ {
        let Some(chunk) = response.chunk().await? else { break };
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// As text, without half a character at the end.
fn start_of(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    text.truncate(text.floor_char_boundary(BODY_KEPT));
    text
}

fn broken(error: reqwest::Error, url: &str) -> Result<AttemptOutcome, SendError> {
    // The URL stands in our own message already.
    let error = error.without_url();
    if error.is_builder() {
        return Err(SendError::Request { url: url.to_owned(), source: error });
    }
    if !error.is_connect() {
        return Ok(AttemptOutcome::Reset);
    }
    match exhausted(&error) {
        Some(source) => Err(SendError::Exhausted { url: url.to_owned(), source }),
        None => Ok(AttemptOutcome::Refused),
    }
}

/// The error of this machine, not of the app, that a connection failed with.
fn exhausted(error: &reqwest::Error) -> Option<std::io::Error> {
    use nix::errno::Errno;

    let mut source = error.source();
    while let Some(cause) = source {
        let code = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
        if let Some(code) = code {
            let ours = matches!(
                Errno::from_raw(code),
                Errno::EMFILE | Errno::ENFILE | Errno::EADDRNOTAVAIL | Errno::ENOBUFS | Errno::ENOMEM
            );
            return ours.then(|| std::io::Error::from_raw_os_error(code));
        }
        source = cause.source();
    }
    None
}

#[cfg(test)]
mod tests;
