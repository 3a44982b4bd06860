//! The client of a running stripe-mock.
//!
//! It wants a key that looks like one of test mode and is told ours: an app's own key is nobody else's business. It
//! knows one version of the API only, so that it is not told the caller's; which one that is it says only where it was
//! started with `-strict-version-check`, as we start it.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};

use super::heard::{self, Unheard};
use super::{Heard, Question, Release, Reply, Upstream, UpstreamError, culprit};

/// The key that it is told. It must have three parts between `_`.
const KEY: &str = "Bearer sk_test_paydrill";
/// What every answer says.
const SAYS_VERSION: &str = "stripe-mock-version";
/// What a form is, where the app does not say: Stripe takes a body without a type for one, stripe-mock does not.
const FORM: &str = "application/x-www-form-urlencoded";
/// How long to wait before it is asked again whether it is up.
const PAUSE: Duration = Duration::from_millis(50);

/// What a stripe-mock may take of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one answer. An app waits for it, and Stripe for ten seconds for the app.
    pub answer: Duration,
    /// The most that is read of one, in bytes.
    pub largest: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(5), largest: 8 * 1024 * 1024 }
    }
}

/// A stripe-mock that runs.
#[derive(Debug, Clone)]
pub struct StripeMock {
    client: reqwest::Client,
    url: String,
    name: String,
    speaks: Option<Release>,
    limits: Limits,
}

impl StripeMock {
    /// Finds the stripe-mock that runs, or comes up, at `url`, `within` this time.
    ///
    /// # Errors
    /// Nobody answers there in time, or somebody who is no stripe-mock.
    pub async fn find(url: &str, within: Duration, limits: Limits) -> Result<Self, UpstreamError> {
        let client = client()?;
        let url = url.trim_end_matches('/').to_owned();
        let mut mock = Self { client, url, name: String::new(), speaks: None, limits };
        let mut last = UpstreamError::TimedOut { url: mock.url.clone(), limit: within };
        let found = async {
            loop {
                match mock.meet().await {
                    Ok(met) => return Ok(met),
                    // It may still be starting: nobody listens, or what stands before it answers.
                    Err(error @ (UpstreamError::Unreachable { .. } | UpstreamError::Nonsense { .. })) => {
                        last = error;
                        tokio::time::sleep(PAUSE).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let met = tokio::time::timeout(within, found).await;
        let (version, speaks) = met.unwrap_or(Err(last))?;
        mock.name = format!("stripe-mock {version}");
        mock.speaks = speaks;
        Ok(mock)
    }

    /// Its own version, and that of the API where it tells: it refuses a call of another one in its name.
    async fn meet(&self) -> Result<(String, Option<Release>), UpstreamError> {
        let request =
            self.client.get(format!("{}/v1/balance", self.url)).header("Stripe-Version", "paydrill");
        let (reply, headers) = self.exchange(request).await?;
        let version = headers.get(SAYS_VERSION).and_then(|version| version.to_str().ok()).map(str::to_owned);
        let said = String::from_utf8_lossy(&reply.body).into_owned();
        match heard::understand(reply, version.is_some()) {
            Ok(_) => Ok((version.unwrap_or_default(), None)),
            Err(Unheard::OwnLimit(message)) => match spoken(&message) {
                Some(release) => Ok((version.unwrap_or_default(), Some(release))),
                None => Err(self.nonsense(format!("it says {}", short(&said)))),
            },
            Err(Unheard::Nonsense(problem)) => Err(self.nonsense(problem)),
        }
    }

    fn nonsense(&self, problem: String) -> UpstreamError {
        UpstreamError::Nonsense { url: self.url.clone(), problem }
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<(Reply, HeaderMap), UpstreamError> {
        let limit = self.limits.answer;
        let answered = tokio::time::timeout(limit, self.whole(request)).await;
        answered.unwrap_or_else(|_| Err(UpstreamError::TimedOut { url: self.url.clone(), limit }))
    }

    async fn whole(&self, request: reqwest::RequestBuilder) -> Result<(Reply, HeaderMap), UpstreamError> {
        let broken = |error: reqwest::Error| UpstreamError::Unreachable {
            url: self.url.clone(),
            problem: why(&error),
        };
        let mut answer = request.header(AUTHORIZATION, KEY).send().await.map_err(broken)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            if body.len().saturating_add(chunk.len()) > self.limits.largest {
                return Err(UpstreamError::TooLarge { url: self.url.clone(), limit: self.limits.largest });
            }
            body.extend_from_slice(&chunk);
        }
        let content_type =
            answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let reply = Reply {
            status: answer.status().as_u16(),
            content_type: content_type.to_owned(),
            body: body.freeze(),
        };
        Ok((reply, answer.headers().clone()))
    }

    /// Asks without looking for what is to blame.
    pub(super) async fn ask_once(&self, question: &Question) -> Result<Heard, UpstreamError> {
        let mut request =
            self.client.request(question.method.clone(), format!("{}{}", self.url, question.path));
        if question.method != http::Method::GET {
            let kind = question.content_type.as_deref().filter(|kind| !kind.is_empty()).unwrap_or(FORM);
            request = request.header(CONTENT_TYPE, kind).body(Bytes::clone(&question.body));
        }
        let (reply, headers) = self.exchange(request).await?;
        let status = reply.status;
        heard::understand(reply, headers.contains_key(SAYS_VERSION)).map_err(|unheard| match unheard {
            Unheard::Nonsense(problem) => self.nonsense(problem),
            Unheard::OwnLimit(message) => UpstreamError::OwnLimit { status, message: short(&message) },
        })
    }
}

#[async_trait]
impl Upstream for StripeMock {
    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn speaks(&self) -> Option<&Release> {
        self.speaks.as_ref()
    }

    async fn ask(&self, question: &Question) -> Result<Heard, UpstreamError> {
        let mut heard = self.ask_once(question).await?;
        if let Heard::Refused(_, refusal) = &mut heard
            && refusal.is_unnamed()
        {
            refusal.params = culprit::find(self, question).await;
        }
        Ok(heard)
    }
}

fn client() -> Result<reqwest::Client, UpstreamError> {
    // Whoever was first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // It is asked over plain HTTP only, so that no certificates are looked for.
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tls_certs_only([])
        .user_agent(concat!("paydrill/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| UpstreamError::Client(error.to_string()))
}

/// The API version that it names when it refuses another.
fn spoken(message: &str) -> Option<Release> {
    let (_, named) = message.split_once("version in OpenAPI specification '")?;
    Release::parse(named.split('\'').next()?)
}

/// The last cause says it best: `connection refused`.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    if let Some(first) = error.source() {
        cause = first;
    }
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}
