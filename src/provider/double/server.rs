//! The HTTP side: headers and bodies in, answers out.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::body::Body;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::AnswersIn;
use super::account::clock::TooMuch;
use super::address;
use super::answer::{Answer, Request, answer};
use super::auth;
use super::beside::{self, Came};
use super::body::Bodies;
use super::config::Beside;
use super::connection::Cut;
use super::control;
use super::error::ApiError;
use super::form;
use super::idempotency;
use super::route::{Call, Method};
use super::state::Account;
use super::v2;
use super::watch::{ApiCall, CallKind, Said, Watch};
use super::webhook::Deliveries;
use crate::stripe::version::Version;
use crate::time::Clock;

/// An answer whose bytes are there.
pub(crate) type Response = http::Response<Full<Bytes>>;

/// What Stripe says that its API can be asked with.
const METHODS: &str = "GET, POST, HEAD, OPTIONS, DELETE";

/// The most of a call's parameters that is told on.
const SHORT: usize = 600;

/// What every connection shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) account: Mutex<Account>,
    pub(crate) watch: Watch,
    pub(crate) clock: Clock,
    pub(crate) answers_in: AnswersIn,
    /// The account's own version.
    pub(crate) version: Version,
    /// How many times as fast as the wall clock the account's time goes.
    pub(crate) speed: f64,
    /// Where the account at large delivers its events, if it does.
    pub(crate) deliveries: Option<Deliveries>,
    pub(crate) bodies: Bodies,
    pub(crate) beside: Beside,
    /// Turns true when the double stops: whoever keeps an answer back lets go.
    pub(crate) stopping: watch::Sender<bool>,
}

impl Shared {
    /// The account. A panic elsewhere while it was locked leaves objects that are whole: each is replaced at once.
    pub(crate) fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by which the account at large lives, before it was moved ahead.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = self.clock.elapsed().as_secs_f64() * self.speed;
        self.clock.at(Duration::try_from_secs_f64(elapsed).unwrap_or(Duration::MAX))
    }

    /// How long to wait until then.
    pub(crate) fn until(&self, then: Timestamp) -> Duration {
        let left = then.duration_since(self.now()).as_secs_f64() / self.speed;
        // A little later than it is due rather than just before it.
        Duration::try_from_secs_f64(left).unwrap_or_default() + Duration::from_millis(1)
    }

    /// Delivers the events that the account at large has made.
    pub(crate) fn post(&self, account: &mut Account) {
        match &self.deliveries {
            Some(deliveries) => deliveries.post(account),
            None => account.large.outbox.clear(),
        }
    }

    /// Moves the account at large ahead of the wall clock by `by` more, with what falls due for everybody there;
    /// gives the new time, and whether all of it could be played out.
    pub(crate) fn advance(&self, by: SignedDuration) -> (Timestamp, Result<(), TooMuch>) {
        let mut account = self.account();
        let played = account.advance_all(by);
        self.post(&mut account);
        let now = account.large.now;
        drop(account);
        if let Some(deliveries) = &self.deliveries {
            deliveries.wake();
        }
        (now, played.map(|_| ()))
    }
}

/// Answers one call.
pub(crate) async fn handle<B>(shared: Arc<Shared>, cut: Cut, request: http::Request<B>) -> Response
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let at = shared.clock.elapsed();
    let (parts, body) = request.into_parts();
    let body = shared.bodies.read(&parts.headers, body).await;
    let path = parts.uri.path();
    if shared.deliveries.is_some()
        && let Some(path) = control::path(path)
    {
        return controlled(&shared, parts.method.as_str(), path, body);
    }
    if parts.method == http::Method::OPTIONS {
        return options();
    }
    let asked = header(&parts.headers, "stripe-version").map(Cow::into_owned);
    let (mut answer, version, given, beside) = asked_and_told(&shared, &parts, asked.as_deref(), body).await;
    if !answer.late.is_zero() {
        until_stopped(&shared, tokio::time::sleep(answer.late)).await;
    }
    let tell = |answer: &Answer| ApiCall {
        case: answer.case,
        at,
        took: shared.clock.elapsed().saturating_sub(at),
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path_and_query().map_or_else(|| path.to_owned(), ToString::to_string),
        params: if reads(&parts) { String::new() } else { short(&given) },
        given,
        stripe_version: asked,
        request_id: answer.request_id.clone(),
        status: answer.status,
        kind: answer.kind,
        beside,
    };
    shared.watch.tell(|| tell(&answer));
    if let Some(mut disarmed) = answer.hold.take() {
        // An error: the fault is gone.
        until_stopped(&shared, async { drop(disarmed.changed().await) }).await;
    }
    if answer.reset {
        cut.now();
    }
    respond(&answer, version, parts.headers.get("idempotency-key"))
}

fn reads(parts: &http::request::Parts) -> bool {
    matches!(parts.method, http::Method::GET | http::Method::HEAD)
}

/// The double's answer, in which version, to which parameters, and what was said beside it.
async fn asked_and_told(
    shared: &Shared,
    parts: &http::request::Parts,
    asked: Option<&str>,
    body: Result<Bytes, ApiError>,
) -> (Answer, Version, Map<String, Value>, Option<Said>) {
    let path = parts.uri.path();
    // The server leaves the body of its answer out.
    let method = if reads(parts) { "GET" } else { parts.method.as_str() };
    let version = auth::version(asked, shared.answers_in, shared.version);
    let named: Option<Version> = asked.and_then(|asked| asked.parse().ok());
    let raw = body.clone().unwrap_or_default();
    let call = read_call(method, parts, version.as_ref().err(), body);
    let passes_on = version.is_ok() && beside::is_asked(path);
    // Errors look the same in every version.
    let version = version.unwrap_or(Version::NEWEST);
    let given = call.as_ref().ok().filter(|_| shared.watch.is_heard()).map(|call| call.params.clone());
    let makes_sense = call.is_ok();
    let key = header(&parts.headers, "idempotency-key");
    let mut answer = {
        let (now, idempotency_key) = (shared.now(), key.as_deref());
        let mut account = shared.account();
        let request = Request { call, named, version, method, path, idempotency_key, now, passes_on };
        let answer = answer(&mut account, request);
        shared.post(&mut account);
        answer
    };
    let came = Came { parts, body: raw, makes_sense, version: named.unwrap_or(shared.version) };
    let beside = beside::consult(shared, came, &mut answer).await;
    (answer, version, given.unwrap_or_default(), beside)
}

/// Waits, but not for longer than the double runs.
async fn until_stopped(shared: &Shared, wait: impl Future<Output = ()>) {
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        () = wait => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

/// The answer to a call of [`control`].
fn controlled(shared: &Shared, method: &str, path: &str, body: Result<Bytes, ApiError>) -> Response {
    let (status, answer) = match body {
        Ok(body) => control::answer(shared, method, path, &body),
        Err(error) => (status(error.status), json!({ "error": error.to_string() })),
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What a browser asks before it calls. Stripe goes on to allow every page to read its answers; the double does not: no
/// page that happens to be open shall reach what runs on this machine.
fn options() -> Response {
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    response
}

fn read_call(
    method: &str,
    parts: &http::request::Parts,
    wrong_version: Option<&ApiError>,
    body: Result<Bytes, ApiError>,
) -> Result<Call, ApiError> {
    let headers = &parts.headers;
    auth::check(header(headers, "authorization").as_deref())?;
    if let Some(error) = wrong_version {
        return Err(error.clone());
    }
    auth::own_account(headers)?;
    let path = address::read(method, parts.uri.path())?;
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        // Neither version of the API has a route for any other.
        other => return Err(ApiError::unrecognized(other, &path)),
    };
    let v2 = v2::is_v2(&path);
    if method == Method::Post
        && let Some(key) = headers.get("idempotency-key")
    {
        idempotency::check(key.as_bytes())?;
    }
    let mut params = form::decode(parts.uri.query().unwrap_or_default().as_bytes())?;
    if v2 {
        v2::read_query(&mut params);
    }
    let body = body?;
    if !body.is_empty() {
        params.extend(read_body(headers, &body, v2)?);
    }
    Ok(Call { method, path, params })
}

/// Stripe's v1 takes forms only, its v2 JSON only.
fn read_body(headers: &HeaderMap, body: &[u8], v2: bool) -> Result<Map<String, Value>, ApiError> {
    let kind = header(headers, "content-type").unwrap_or("application/x-www-form-urlencoded".into());
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if v2 {
        return v2::read_body(&kind, body);
    }
    if kind == "multipart/form-data" {
        return Err(ApiError::not_modelled("multipart/form-data"));
    }
    if kind != "application/x-www-form-urlencoded" {
        let kind: String = kind.chars().take(80).collect();
        return Err(ApiError::invalid(format!(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you \
             have any questions, we can help at https://support.stripe.com/. (content type: {kind})"
        )));
    }
    form::decode(body)
}

/// A header as text, with what is none replaced: it is refused as a value that makes no sense, not overlooked.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, str>> {
    let value = headers.get(name).map(HeaderValue::as_bytes).filter(|value| !value.is_empty())?;
    Some(String::from_utf8_lossy(value))
}

fn short(params: &Map<String, Value>) -> String {
    if params.is_empty() {
        return String::new();
    }
    let text = serde_json::to_string(params).unwrap_or_default();
    match text.char_indices().nth(SHORT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn respond(answer: &Answer, version: Version, key: Option<&HeaderValue>) -> Response {
    let mut response = Response::new(Full::new(answer.body.clone()));
    *response.status_mut() = status(answer.status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("request-id", &answer.request_id);
    if let Some(kind) = &answer.content_type {
        put("content-type", kind);
    }
    // Who answers beside the double does so in its own version, whichever that is.
    if answer.kind != CallKind::PassedOn {
        put("stripe-version", version.as_str());
    }
    if let Some(original) = &answer.original {
        put("original-request", original);
        if *original != answer.request_id {
            put("idempotent-replayed", "true");
        }
    }
    if let Some(should) = answer.should_retry() {
        put("stripe-should-retry", if should { "true" } else { "false" });
    }
    if let Some(refusal) = answer.refusal {
        if let Some(reason) = refusal.reason() {
            put("stripe-rate-limited-reason", reason);
        }
        if let Some(after) = refusal.retry_after {
            put("retry-after", &after.as_secs().to_string());
        }
    }
    if answer.status == 401 {
        put("www-authenticate", "Basic realm=\"Stripe\"");
    }
    if let Some(key) = key {
        headers.insert("idempotency-key", key.clone());
    }
    response
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
