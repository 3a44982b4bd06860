//! The HTTP side: headers and bodies in, answers out, and the connections they come on.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::AnswersIn;
use super::answer::{Answer, Request, answer};
use super::auth;
use super::control;
use super::error::ApiError;
use super::form;
use super::route::{Call, Method};
use super::state::Account;
use super::v2;
use super::watch::{ApiCall, Watch};
use super::webhook::Deliveries;
use crate::stripe::version::Version;
use crate::time::Clock;

/// The largest body that is read.
const LARGEST_BODY: usize = 2 * 1024 * 1024;
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
}

/// Serves until told to stop, and then until open answers are written.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let mut stopping = shared.stopping.subscribe();
    let app = axum::Router::new().fallback(handle).with_state(shared);
    axum::serve(Resettable(listener), app.into_make_service_with_connect_info::<Cut>())
        .with_graceful_shutdown(async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        })
        .await
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: HttpRequest,
) -> Response {
    let at = shared.clock.elapsed();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await;
    let path = parts.uri.path();
    let method = parts.method.as_str();
    if shared.deliveries.is_some()
        && let Some(path) = path.strip_prefix(control::PREFIX)
    {
        let (status, answer) = control::answer(&shared, method, path, &body.unwrap_or_default());
        return (status, axum::Json(answer)).into_response();
    }
    let asked = header(&parts.headers, "stripe-version");
    let version = auth::version(asked, shared.answers_in, shared.version);
    let call = read_call(method, path, parts.uri.query(), &parts.headers, version.as_ref().err(), body);
    // Errors look the same in every version.
    let version = version.unwrap_or(Version::NEWEST);
    let given = call.as_ref().map(|call| call.params.clone()).unwrap_or_default();
    let params = if method == "GET" { String::new() } else { short(&given) };
    let mut answer = {
        let now = shared.now();
        let idempotency_key = header(&parts.headers, "idempotency-key");
        let mut account = shared.account();
        let answer = answer(&mut account, Request { call, version, method, path, idempotency_key, now });
        shared.post(&mut account);
        answer
    };
    if !answer.late.is_zero() {
        let mut stopping = shared.stopping.subscribe();
        tokio::select! {
            () = tokio::time::sleep(answer.late) => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
    let tell = |answer: &Answer| ApiCall {
        case: answer.case,
        at,
        took: shared.clock.elapsed().saturating_sub(at),
        method: method.to_owned(),
        path: parts.uri.path_and_query().map_or_else(|| path.to_owned(), ToString::to_string),
        params,
        given,
        stripe_version: asked.map(str::to_owned),
        request_id: answer.request_id.clone(),
        status: answer.status,
        kind: answer.kind,
    };
    shared.watch.tell(|| tell(&answer));
    if let Some(mut disarmed) = answer.hold.take() {
        let mut stopping = shared.stopping.subscribe();
        tokio::select! {
            // An error: the fault is gone.
            _ = disarmed.changed() => {}
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }
    if answer.reset {
        cut.0.store(true, Ordering::Release);
    }
    respond(answer, version, header(&parts.headers, "idempotency-key"))
}

fn read_call(
    method: &str,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    wrong_version: Option<&ApiError>,
    body: Result<Bytes, axum::Error>,
) -> Result<Call, ApiError> {
    auth::check(header(headers, "authorization"))?;
    if let Some(error) = wrong_version {
        return Err(error.clone());
    }
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        other => {
            let path: String = path.chars().take(120).collect();
            return Err(ApiError::not_modelled(&format!("{other} {path}")));
        }
    };
    let mut params = form::decode(query.unwrap_or_default())?;
    let v2 = v2::is_v2(path);
    if v2 {
        v2::read_query(&mut params);
    }
    let body = body.map_err(|_| ApiError::too_large())?;
    if !body.is_empty() {
        params.extend(read_body(headers, &body, v2)?);
    }
    Ok(Call { method, path: form::unescape(path), params })
}

/// Stripe's v1 takes forms only, its v2 JSON only.
fn read_body(headers: &HeaderMap, body: &[u8], v2: bool) -> Result<Map<String, Value>, ApiError> {
    let kind = header(headers, "content-type").unwrap_or("application/x-www-form-urlencoded");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if v2 {
        return v2::read_body(&kind, body);
    }
    if kind == "multipart/form-data" {
        return Err(ApiError::not_modelled("multipart/form-data"));
    }
    if kind != "application/x-www-form-urlencoded" {
        return Err(ApiError::invalid(format!(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you \
             have any questions, we can help at https://support.stripe.com/. (content type: {kind})"
        )));
    }
    let text =
        std::str::from_utf8(body).map_err(|_| ApiError::invalid("Invalid UTF-8 in the request body."))?;
    form::decode(text)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
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

fn respond(answer: Answer, version: Version, key: Option<&str>) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("request-id", &answer.request_id);
    put("stripe-version", version.as_str());
    if let Some(key) = key {
        put("idempotency-key", key);
    }
    if let Some(original) = &answer.replays {
        put("idempotent-replayed", "true");
        put("original-request", original);
    }
    match answer.status {
        429 => put("retry-after", "1"),
        401 => put("www-authenticate", "Basic realm=\"Stripe\""),
        _ => {}
    }
    response
}

/// Says of a connection that it shall be reset instead of answered.
#[derive(Debug, Clone)]
struct Cut(Arc<AtomicBool>);

/// A listener whose connections can be cut.
struct Resettable(TcpListener);

impl Listener for Resettable {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) => {
                    // Answers are written whole: waiting to fill a packet would only cost time.
                    let _ = stream.set_nodelay(true);
                    return (Line { stream, cut: Cut(Arc::default()) }, address);
                }
                // Out of file handles, or the caller is gone already: the next one may do better.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Resettable>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Resettable>) -> Self {
        stream.io().cut.clone()
    }
}

/// A connection. Once cut, nothing is written any more and closing it resets it.
struct Line {
    stream: TcpStream,
    cut: Cut,
}

impl Line {
    fn check(&self) -> io::Result<()> {
        if self.cut.0.load(Ordering::Acquire) {
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
