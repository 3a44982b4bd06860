//! HTTP calls to the app, for probes and requests alike: bounded in time and size, and only ever to the app's
//! own host.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::{Map, Value};

use super::{Cookies, ReadError};
use crate::project::model::HttpCall;
use crate::time::Clock;

/// How long a call may take where it does not say.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The most redirects that are followed one after the other; browsers stop at about as many.
const MOST_REDIRECTS: usize = 20;

/// The most that is read of an answer, in bytes.
const LARGEST: usize = 1024 * 1024;

/// The most that is kept of an answer's text, in bytes.
const KEPT: usize = 64 * 1024;

/// Makes calls to the app. Clones share their connections.
#[derive(Debug, Clone)]
pub struct HttpCaller {
    client: reqwest::Client,
    clock: Clock,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpAnswer {
    /// Where it came from, without query and credentials.
    pub url: String,
    /// The HTTP status. To a probe a redirect is the answer.
    pub status: u16,
    /// Where a redirect leads, as it says it.
    pub location: Option<String>,
    /// The text, cut at 64 KiB.
    pub text: String,
    /// The whole answer as JSON, whatever its content type says; `None` where it is none.
    pub json: Option<Value>,
    /// When it was complete, since the run's start.
    pub at: Duration,
    /// From sending to its end.
    pub took: Duration,
}

impl HttpCaller {
    /// A caller for one run.
    ///
    /// # Errors
    /// The TLS library finds no certificate authorities to trust.
    pub fn new(clock: Clock) -> Result<Self, reqwest::Error> {
        // Whoever was first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("paydrill/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, clock })
    }

    /// Makes a call whose templates are filled in, as a browser would with these cookies: they are sent, and
    /// what the answer sets is kept. `base` is where the app is reached.
    ///
    /// # Errors
    /// There was no whole answer in time and size, or the call cannot be made as it is written. Any status is
    /// an answer.
    pub async fn call(
        &self,
        call: &HttpCall,
        base: &str,
        cookies: &Cookies,
    ) -> Result<HttpAnswer, ReadError> {
        let url = url(base, &call.path)?;
        let shown = shown(&url);
        let request = self.request(call, url, cookies)?;
        let limit = call.timeout.unwrap_or(TIMEOUT);
        let sent = self.clock.elapsed();
        let answered = tokio::time::timeout(limit, exchange(request, &shown, cookies));
        let Exchanged { status, location, body } =
            answered.await.map_err(|_| ReadError::TimedOut { url: shown.clone(), limit })??;
        let at = self.clock.elapsed();
        Ok(HttpAnswer {
            url: shown,
            status,
            location,
            text: text(&body),
            json: serde_json::from_slice(&body).ok(),
            at,
            took: at.saturating_sub(sent),
        })
    }

    /// The same, and goes where the app's own redirects lead, as a browser does: a form that signs somebody up is
    /// often answered with one. A redirect to another host is the answer: nothing is sent there.
    ///
    /// # Errors
    /// As for [`Self::call`], of any of the calls; or the app redirects without end.
    pub async fn visit(
        &self,
        call: &HttpCall,
        base: &str,
        cookies: &Cookies,
    ) -> Result<HttpAnswer, ReadError> {
        let began = self.clock.elapsed();
        let mut call = call.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.call(&call, base, cookies).await?;
            match redirected(&call, base, &answer) {
                Some(next) => call = next,
                None => return Ok(HttpAnswer { took: answer.at.saturating_sub(began), ..answer }),
            }
        }
        Err(ReadError::Call { call: call.path, problem: format!("it redirects {MOST_REDIRECTS} times") })
    }

    /// The clock that answers are timed with.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    fn request(&self, call: &HttpCall, url: Url, cookies: &Cookies) -> Result<RequestBuilder, ReadError> {
        let wrong = |problem: String| ReadError::Call { call: call.path.clone(), problem };
        let method = Method::from_bytes(method(call).as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let mut headers = HeaderMap::new();
        if let Some(cookies) = cookies.header().and_then(|pairs| HeaderValue::from_str(&pairs).ok()) {
            headers.insert(COOKIE, cookies);
        }
        let body = body(call, &mut headers).map_err(wrong)?;
        for (name, value) in &call.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| wrong(format!("{name:?} cannot be a header's name")))?;
            // Its value may be a secret.
            let value = HeaderValue::from_str(value)
                .map_err(|_| wrong(format!("the header {name} has a value that cannot be sent")))?;
            headers.insert(name, value);
        }
        let request = self.client.request(method, url).headers(headers);
        Ok(match body {
            Some(body) => request.body(body),
            None => request,
        })
    }
}

/// The call that a redirect asks for; nothing where it leads to another host, or is none. Only 307 and 308 ask for
/// the same method and body again.
fn redirected(call: &HttpCall, base: &str, answer: &HttpAnswer) -> Option<HttpCall> {
    let location = answer.location.as_deref()?;
    let from = url(base, &call.path).ok()?;
    let to = from.join(location).ok()?;
    if to.origin() != from.origin() {
        return None;
    }
    let (path, timeout) = (to.to_string(), call.timeout);
    match answer.status {
        301..=303 => {
            let of_body = |name: &str| name.to_ascii_lowercase().starts_with("content-");
            let mut headers = call.headers.clone();
            headers.retain(|name, _| !of_body(name));
            Some(HttpCall { path, headers, timeout, ..HttpCall::default() })
        }
        307 | 308 => Some(HttpCall { path, ..call.clone() }),
        _ => None,
    }
}

/// `POST http://127.0.0.1:4242/signup`: the call in words, for reports; without query and credentials.
#[must_use]
pub fn describe_call(call: &HttpCall, base: &str) -> String {
    let url = url(base, &call.path).map_or_else(|_| call.path.clone(), |url| shown(&url));
    format!("{} {url}", method(call))
}

fn method(call: &HttpCall) -> String {
    let has_body = call.json.is_some() || call.form.is_some() || call.text.is_some();
    let default = if has_body { "POST" } else { "GET" };
    call.method.as_deref().unwrap_or(default).to_ascii_uppercase()
}

/// Below the target's URL, or a whole URL on its host: what a probe sends may hold a customer's data.
pub(super) fn url(base: &str, path: &str) -> Result<Url, ReadError> {
    let wrong = |problem: &str| ReadError::Call { call: path.to_owned(), problem: problem.to_owned() };
    let base = Url::parse(base).map_err(|_| wrong("the target's URL cannot be understood"))?;
    let is_whole = path.starts_with("http://") || path.starts_with("https://");
    let text = if is_whole {
        path.to_owned()
    } else {
        format!("{}/{}", base.as_str().trim_end_matches('/'), path.strip_prefix('/').unwrap_or(path))
    };
    let url = Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
    if url.origin() == base.origin() { Ok(url) } else { Err(wrong("it is not on the target's own host")) }
}

pub(super) fn shown(url: &Url) -> String {
    let query = if url.query().is_some() { "?…" } else { "" };
    format!("{}{}{query}", url.origin().ascii_serialization(), url.path())
}

fn body(call: &HttpCall, headers: &mut HeaderMap) -> Result<Option<String>, String> {
    let (content_type, body) = match (&call.json, &call.form, &call.text) {
        (None, None, None) => return Ok(None),
        (Some(json), None, None) => ("application/json", json.to_string()),
        (None, Some(form), None) => ("application/x-www-form-urlencoded", encode(form)?),
        (None, None, Some(text)) => ("text/plain; charset=utf-8", text.clone()),
        _ => return Err("it has several bodies".to_owned()),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(Some(body))
}

/// A form; a list repeats its key.
fn encode(form: &Map<String, Value>) -> Result<String, String> {
    // A query is encoded as a form is.
    let mut url = Url::parse("http://form/").map_err(|error| error.to_string())?;
    let mut pairs = url.query_pairs_mut();
    for (key, value) in form {
        let values = match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(format!("a form cannot hold {key}: {value}"));
                }
            };
            pairs.append_pair(key, &text);
        }
    }
    drop(pairs);
    Ok(url.query().unwrap_or_default().to_owned())
}

/// What came back.
struct Exchanged {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

async fn exchange(request: RequestBuilder, url: &str, cookies: &Cookies) -> Result<Exchanged, ReadError> {
    let broken =
        |error: reqwest::Error| ReadError::Unreachable { url: url.to_owned(), problem: problem(&error) };
    let mut response = request.send().await.map_err(broken)?;
    keep_cookies(&response, cookies);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(ReadError::TooLarge { url: url.to_owned(), limit: LARGEST });
        }
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Exchanged { status: response.status().as_u16(), location, body })
}

fn keep_cookies(response: &Response, cookies: &Cookies) {
    let set = response.headers().get_all(SET_COOKIE).into_iter();
    set.filter_map(|value| value.to_str().ok()).for_each(|value| cookies.store(value));
}

/// Why there was no answer, in a few words: the innermost cause says it best.
fn problem(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (**cause).source());
    let kind =
        causes.clone().find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    match kind {
        Some(std::io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe) => {
            "connection broken".to_owned()
        }
        _ => causes.last().map_or_else(|| "no connection".to_owned(), ToString::to_string),
    }
}

pub(super) fn text(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&body[..body.len().min(KEPT)]).into_owned();
    if body.len() > KEPT && text.ends_with(char::REPLACEMENT_CHARACTER) {
        // The cut went through a character.
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use wiremock::matchers::{body_string, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn caller() -> HttpCaller {
        HttpCaller::new(Clock::start()).unwrap()
    }

    fn call_to(path: &str) -> HttpCall {
        HttpCall { path: path.into(), ..HttpCall::default() }
    }

    #[rstest]
    #[case("http://127.0.0.1:80", "/x?a=1", "http://127.0.0.1/x?…")]
    #[case("http://127.0.0.1:4242/", "x", "http://127.0.0.1:4242/x")]
    #[case("https://app.example/base/", "/x", "https://app.example/base/x")]
    #[case("https://app.example/base", "https://app.example:443/y", "https://app.example/y")]
    #[case("http://127.0.0.1:4242", "//evil.example/x", "http://127.0.0.1:4242//evil.example/x")]
    #[case("http://127.0.0.1:4242", "@evil.example/x", "http://127.0.0.1:4242/@evil.example/x")]
    #[case("http://127.0.0.1:4242", "", "http://127.0.0.1:4242/")]
    fn a_path_is_below_the_target(#[case] base: &str, #[case] path: &str, #[case] expected: &str) {
        assert_eq!(url(base, path).map(|url| shown(&url)), Ok(expected.to_owned()));
    }

    #[rstest]
    #[case("http://evil.example/x")]
    #[case("http://127.0.0.1:4243/x")]
    #[case("https://127.0.0.1:4242/x")]
    #[case("http://127.0.0.1:4242@evil.example/x")]
    #[case("http://")]
    fn another_host_is_refused(#[case] path: &str) {
        let error = url("http://127.0.0.1:4242", path).unwrap_err();
        assert!(matches!(error, ReadError::Call { .. }), "{error}");
    }

    #[test]
    fn a_call_is_said_without_its_query() {
        let call = HttpCall { json: Some(json!({})), ..call_to("/signup?token=t") };
        assert_eq!(describe_call(&call, "http://me:pw@127.0.0.1:1"), "POST http://127.0.0.1:1/signup?…");
        assert_eq!(describe_call(&call_to("/a"), "nowhere"), "GET /a");
    }

    #[rstest]
    #[case::json(
        HttpCall { json: Some(json!({"b": 1, "a": "ü"})), ..HttpCall::default() },
        "POST", "application/json", r#"{"b":1,"a":"ü"}"#
    )]
    #[case::form(
        HttpCall { form: json!({"a": "x y&z", "n": 1, "l": [true, null]}).as_object().cloned(), ..HttpCall::default() },
        "POST", "application/x-www-form-urlencoded", "a=x+y%26z&n=1&l=true&l="
    )]
    #[case::text(
        HttpCall { text: Some("hi".into()), method: Some("put".into()), ..HttpCall::default() },
        "PUT", "text/plain; charset=utf-8", "hi"
    )]
    #[case::own_content_type(
        HttpCall {
            text: Some("<a/>".into()),
            headers: [("Content-Type".to_owned(), "text/xml".to_owned())].into(),
            ..HttpCall::default()
        },
        "POST", "text/xml", "<a/>"
    )]
    #[tokio::test]
    async fn bodies_are_sent_as_written(
        #[case] call: HttpCall,
        #[case] verb: &str,
        #[case] content_type: &str,
        #[case] body: &str,
    ) {
        let app = MockServer::start().await;
        Mock::given(method(verb))
            .and(path("/x"))
            .and(header("content-type", content_type))
            .and(body_string(body))
            .respond_with(ResponseTemplate::new(204))
            .mount(&app)
            .await;
        let call = HttpCall { path: "/x".into(), ..call };
        let answer = caller().call(&call, &app.uri(), &Cookies::default()).await.unwrap();
        assert_eq!((answer.status, answer.json), (204, None));
    }

    #[rstest]
    #[case::two_bodies(HttpCall { json: Some(json!(1)), text: Some("x".into()), ..HttpCall::default() }, "several bodies")]
    #[case::nested_form(
        HttpCall { form: json!({"a": {"b": 1}}).as_object().cloned(), ..HttpCall::default() },
        "a form cannot hold a"
    )]
    #[case::method(HttpCall { method: Some("GE T".into()), ..HttpCall::default() }, "method")]
    #[case::header_name(HttpCall { headers: [("a b".to_owned(), String::new())].into(), ..HttpCall::default() }, "\"a b\"")]
    #[case::header_value(
        HttpCall { headers: [("x-key".to_owned(), "secret\n".to_owned())].into(), ..HttpCall::default() },
        "the header x-key has a value that cannot be sent"
    )]
    #[tokio::test]
    async fn what_cannot_be_sent_is_refused(#[case] call: HttpCall, #[case] problem: &str) {
        let error = caller().call(&call, "http://127.0.0.1:1", &Cookies::default()).await.unwrap_err();
        assert!(error.to_string().contains(problem) && !error.to_string().contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn a_customer_keeps_their_cookies() {
        let app = MockServer::start().await;
        let set = ResponseTemplate::new(200)
            .append_header("set-cookie", "sid=1; Path=/")
            .append_header("set-cookie", "b=2");
        Mock::given(path("/login")).respond_with(set).mount(&app).await;
        Mock::given(path("/me"))
            .and(header("cookie", "b=2; sid=1"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&app)
            .await;
        let (caller, ada, bob) = (caller(), Cookies::default(), Cookies::default());
        caller.call(&call_to("/login"), &app.uri(), &ada).await.unwrap();
        assert_eq!(caller.call(&call_to("/me"), &app.uri(), &ada).await.unwrap().status, 200);
        assert_eq!(caller.call(&call_to("/me"), &app.uri(), &bob).await.unwrap().status, 404);
    }

    #[tokio::test]
    async fn a_redirect_is_the_answer() {
        let app = MockServer::start().await;
        let redirect = ResponseTemplate::new(302).insert_header("location", "/elsewhere");
        Mock::given(path("/x")).respond_with(redirect).expect(1).mount(&app).await;
        Mock::given(path("/elsewhere")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&app).await;
        let answer = caller().call(&call_to("/x"), &app.uri(), &Cookies::default()).await.unwrap();
        assert_eq!(answer.status, 302);
    }

    #[rstest]
    #[case(303, "GET")]
    #[case(302, "GET")]
    #[case(307, "POST")]
    #[tokio::test]
    async fn a_visitor_follows_the_apps_own_redirects(#[case] status: u16, #[case] then: &str) {
        let app = MockServer::start().await;
        let redirect = ResponseTemplate::new(status)
            .insert_header("location", "welcome?new=1")
            .insert_header("set-cookie", "sid=1");
        Mock::given(path("/in/signup")).respond_with(redirect).expect(1).mount(&app).await;
        Mock::given(path("/in/welcome"))
            .and(method(then))
            .and(header("cookie", "sid=1"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"user_id": 7})))
            .expect(1)
            .mount(&app)
            .await;
        let call = HttpCall { form: Some(Map::new()), ..call_to("/in/signup") };
        let answer = caller().visit(&call, &app.uri(), &Cookies::default()).await.unwrap();
        assert_eq!((answer.status, answer.json), (200, Some(json!({"user_id": 7}))));
    }

    #[tokio::test]
    async fn a_visitor_does_not_leave_the_app() {
        let (app, other) = (MockServer::start().await, MockServer::start().await);
        Mock::given(path("/")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&other).await;
        let away = ResponseTemplate::new(303).insert_header("location", other.uri().as_str());
        Mock::given(path("/buy")).respond_with(away).expect(1).mount(&app).await;
        let answer = caller().visit(&call_to("/buy"), &app.uri(), &Cookies::default()).await.unwrap();
        assert_eq!(answer.status, 303);
    }

    #[tokio::test]
    async fn an_app_that_redirects_without_end_is_left() {
        let app = MockServer::start().await;
        let round = ResponseTemplate::new(302).insert_header("location", "/x");
        Mock::given(path("/x")).respond_with(round).mount(&app).await;
        let error = caller().visit(&call_to("/x"), &app.uri(), &Cookies::default()).await.unwrap_err();
        assert!(error.to_string().contains("redirects"), "{error}");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let body = "ü".repeat(KEPT);
        assert_eq!(text(body.as_bytes()), "ü".repeat(KEPT / 2));
        assert_eq!(text(format!("x{body}").as_bytes()).chars().count(), KEPT / 2);
        assert_eq!(text(b"a\xff"), "a\u{fffd}");
    }
}
