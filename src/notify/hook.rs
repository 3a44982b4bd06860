//! One `POST`, and what its answer means. The address is a secret: whoever has it can write where it leads.

use std::time::Duration;

use http::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

use super::clamp::line;
use super::{Again, SendError};
use crate::secret::{Redactor, Secret};

/// After how long an answer is no longer waited for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a refusal is told.
const BODY: usize = 200;

/// Why an address cannot be used. Without the address.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It does not parse.
    #[error("read its address: it is no URL")]
    NoUrl,
    /// It would carry secrets in the clear.
    #[error("use its address: it must begin with https:// (http:// only on this machine)")]
    Clear,
    /// TLS is not to be had here.
    #[error("make an HTTP client: {problem}")]
    Client {
        /// Why.
        problem: String,
    },
}

/// Where messages are posted to.
pub struct Hook {
    client: Client,
    url: Url,
    redactor: Redactor,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook(…)")
    }
}

impl Hook {
    /// `secrets`: what must not be in a refusal that is told, beside the address.
    ///
    /// # Errors
    /// It is no address, or would carry secrets in the clear.
    pub fn new(url: &Secret, mut secrets: Vec<Secret>) -> Result<Self, HookError> {
        let parsed = Url::parse(url.expose()).map_err(|_| HookError::NoUrl)?;
        let local = is_local(&parsed);
        if parsed.scheme() != "https" && !(parsed.scheme() == "http" && local) {
            return Err(HookError::Clear);
        }
        // Where somebody has installed one already it is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder().redirect(Policy::none()).timeout(TIMEOUT);
        if local {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| HookError::Client { problem: words(&error) })?;
        secrets.push(url.clone());
        // The path alone is as good as the whole to whoever knows the host.
        secrets.push(Secret::new(parsed.path()));
        Ok(Self { client, url: parsed, redactor: Redactor::new(secrets) })
    }

    /// A JSON body.
    pub(super) async fn post(
        &self,
        body: &Value,
        headers: &[(&'static str, String)],
    ) -> Result<(), SendError> {
        self.post_text(body.to_string(), headers).await
    }

    /// The text of a JSON body, as it was signed.
    pub(super) async fn post_text(
        &self,
        body: String,
        headers: &[(&'static str, String)],
    ) -> Result<(), SendError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("user-agent", concat!("Paydrill/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        match request.body(body).send().await {
            Ok(answer) => self.judge(answer).await,
            Err(error) => Err(SendError { problem: self.redactor.redact(&words(&error)), again: Again::Yes }),
        }
    }

    async fn judge(&self, answer: Response) -> Result<(), SendError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let after =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let again = again(status, after.map(Duration::from_secs));
        let body = answer.text().await.unwrap_or_default();
        let body = line(&self.redactor.redact(&body), BODY);
        let said = if body.is_empty() { String::new() } else { format!(": {body}") };
        Err(SendError { problem: format!("be taken: it was answered {}{said}", status.as_u16()), again })
    }
}

/// 429 and 5xx pass; a refusal of what was sent does not.
fn again(status: StatusCode, after: Option<Duration>) -> Again {
    match (status.as_u16(), after) {
        (429 | 500..=599, Some(after)) => Again::After(after),
        (408 | 425 | 429 | 500..=599, _) => Again::Yes,
        _ => Again::No,
    }
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// What went wrong, without the address that `reqwest` names.
fn words(error: &reqwest::Error) -> String {
    match error {
        error if error.is_timeout() => format!("be answered within {}", crate::time::human(TIMEOUT)),
        error if error.is_connect() => "connect".to_owned(),
        _ => "send it, or read the answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use wiremock::matchers::{body_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const PATH: &str = "/services/T000/B000/XXXXXXXXXXXX";

    async fn server(answer: ResponseTemplate) -> (MockServer, Hook) {
        let server = MockServer::start().await;
        Mock::given(method("POST")).and(path(PATH)).respond_with(answer).mount(&server).await;
        let url = Secret::new(format!("{}{PATH}", server.uri()));
        let hook = Hook::new(&url, vec![Secret::new("routing-key-1")]).unwrap();
        (server, hook)
    }

    #[tokio::test]
    async fn what_is_sent_arrives_as_it_is() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path(PATH))
            .and(header("content-type", "application/json"))
            .and(header("paydrill-signature", "t=1"))
            .and(body_json(json!({ "a": 1 })))
            .respond_with(ResponseTemplate::new(202))
            .expect(1)
            .mount(&server)
            .await;
        let hook = Hook::new(&Secret::new(format!("{}{PATH}", server.uri())), vec![]).unwrap();
        hook.post(&json!({ "a": 1 }), &[("paydrill-signature", "t=1".to_owned())]).await.unwrap();
    }

    #[rstest]
    #[case(200, None, None)]
    #[case(202, None, None)]
    #[case(302, None, Some(Again::No))]
    #[case(400, Some("5"), Some(Again::No))]
    #[case(404, None, Some(Again::No))]
    #[case(408, None, Some(Again::Yes))]
    #[case(429, Some("7"), Some(Again::After(Duration::from_secs(7))))]
    #[case(429, Some("soon"), Some(Again::Yes))]
    #[case(500, None, Some(Again::Yes))]
    #[case(503, Some("1"), Some(Again::After(Duration::from_secs(1))))]
    #[tokio::test]
    async fn an_answer_says_whether_to_try_again(
        #[case] status: u16,
        #[case] after: Option<&str>,
        #[case] expected: Option<Again>,
    ) {
        let answer = after
            .into_iter()
            .fold(ResponseTemplate::new(status), |answer, after| answer.insert_header("retry-after", after));
        let (_server, hook) = server(answer).await;
        let sent = hook.post(&json!({}), &[]).await;
        assert_eq!(sent.err().map(|error| error.again), expected);
    }

    /// A receiver that says what it was sent, and where.
    #[tokio::test]
    async fn a_refusal_is_told_without_secrets() {
        let said = format!("no_such_hook {PATH} routing-key-1 {}", "x".repeat(1_000));
        let (server, hook) = server(ResponseTemplate::new(404).set_body_string(said)).await;
        let problem = hook.post(&json!({}), &[]).await.unwrap_err().problem;
        assert!(problem.starts_with("be taken: it was answered 404: no_such_hook … …"), "{problem}");
        assert!(problem.len() < 300 && !problem.contains("B000") && !problem.contains("routing-key"));
        drop(server);
        let url = Secret::new(format!("http://127.0.0.1:9{PATH}"));
        let problem = Hook::new(&url, vec![]).unwrap().post(&json!({}), &[]).await.unwrap_err();
        assert_eq!((problem.problem.as_str(), problem.again), ("connect", Again::Yes));
        assert!(!format!("{problem:?}").contains("B000"));
    }

    #[rstest]
    #[case("hooks.slack.com/x", "read its address: it is no URL")]
    #[case(
        "http://hooks.slack.com/x",
        "use its address: it must begin with https:// (http:// only on this machine)"
    )]
    #[case(
        "ftp://127.0.0.1/x",
        "use its address: it must begin with https:// (http:// only on this machine)"
    )]
    fn an_address_is_checked_and_not_told(#[case] url: &str, #[case] expected: &str) {
        let error = Hook::new(&Secret::new(url), vec![]).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains("hooks.slack.com"));
    }
}
