//! Stands in for stripe-mock where no registry is: it takes its flags, checks parameters by a small table, and refuses
//! in its words. The samples that it answers are objects as Stripe publishes them (`tests/oracle/mock.rs`).
//!
//! `-ends-after N` is its own: it ends in the middle of the call after so many, as a stripe-mock would that crashes.
#![expect(clippy::print_stdout, reason = "a program of its own, whose output is its log")]

mod form;
mod routes;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::routes::{Answers, Route};

/// The version of Stripe's API whose routes the table has.
const API: &str = "2026-09-30.endive";

#[derive(Debug, Default)]
struct Args {
    port: Option<u16>,
    /// Only checked where it is wanted: the flag is stripe-mock's.
    strict: bool,
    ends_after: Option<usize>,
}

#[derive(Debug)]
struct Mock {
    args: Args,
    answered: AtomicUsize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(args) = args(std::env::args().skip(1)) else {
        println!("flags: -http-port PORT, -https-port PORT, -strict-version-check, -ends-after CALLS");
        return ExitCode::from(2);
    };
    let port = args.port.unwrap_or(12111);
    // As stripe-mock does: in a container this is the container.
    let listener = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await {
        Ok(listener) => listener,
        Err(error) => {
            println!("error listening at address: {error}");
            return ExitCode::FAILURE;
        }
    };
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    println!("Listening for HTTP at address: {address}");
    let mock = Arc::new(Mock { args, answered: AtomicUsize::new(0) });
    let app = Router::new().fallback(answer).with_state(mock);
    if let Err(error) = axum::serve(listener, app).await {
        println!("{error}");
    }
    ExitCode::SUCCESS
}

fn args(mut given: impl Iterator<Item = String>) -> Option<Args> {
    let mut args = Args::default();
    while let Some(flag) = given.next() {
        match flag.trim_start_matches('-') {
            "http-port" => args.port = Some(given.next()?.parse().ok()?),
            // It has no certificate to show.
            "https-port" => drop(given.next()?),
            "strict-version-check" => args.strict = true,
            "ends-after" => args.ends_after = Some(given.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(args)
}

async fn answer(
    State(mock): State<Arc<Mock>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answered = mock.answered.fetch_add(1, Ordering::Relaxed);
    if mock.args.ends_after.is_some_and(|most| answered >= most) {
        std::process::abort();
    }
    println!("Request: {method} {}", uri.path());
    let said = judge(&mock.args, &method, &uri, &headers, &body);
    let mut response = match said {
        Ok(Some(value)) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
        }
        Ok(None) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/pdf")], "%PDF-1.4\n").into_response()
        }
        Err((status, message)) => {
            let body = json!({ "error": { "message": message, "type": "invalid_request_error" } });
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
    };
    response.headers_mut().insert("stripe-mock-version", header::HeaderValue::from_static("0.206.0-like"));
    response
}

/// A sample, a document, or a refusal.
fn judge(
    args: &Args,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<Value>, (StatusCode, String)> {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wrong = |message: String| (StatusCode::BAD_REQUEST, message);
    let key = said("authorization");
    if !is_test_key(key) {
        let message = format!(
            "Please authenticate by specifying an `Authorization` header with any valid looking testmode secret API \
             key. For example, `Authorization: Bearer sk_test_123`. Authorization was '{key}'."
        );
        return Err((StatusCode::UNAUTHORIZED, message));
    }
    let version = said("stripe-version");
    if args.strict && !version.is_empty() && version != API {
        return Err(wrong(format!(
            "Version sent in `Stripe-Version` header '{version}' doesn't match version in OpenAPI specification \
             '{API}' which may have unintended consequences. This error was shown because stripe-mock  was started \
             with `-stripe-version-check`."
        )));
    }
    let path = uri.path();
    let Some((route, id)) = routes::find(method.as_str(), path) else {
        return Err((StatusCode::NOT_FOUND, format!("Unrecognized request URL ({method}: {path}).")));
    };
    let body = if method == Method::GET { b"" } else { body };
    let given = form::read(uri.query().unwrap_or_default().as_bytes(), body)
        .map_err(|problem| wrong(format!("Couldn't parse query/body: {problem}")))?;
    if !matches!(*method, Method::GET | Method::DELETE) {
        content_type(said("content-type")).map_err(wrong)?;
    }
    form::check(given, route.params).map_err(wrong)?;
    Ok(sample(route, id, path))
}

fn content_type(kind: &str) -> Result<(), String> {
    const FORM: &str = "application/x-www-form-urlencoded";
    match kind.split(';').next().unwrap_or_default() {
        "" => Err(format!("Request's `Content-Type` header was empty. Expected: `{FORM}`.")),
        FORM => Ok(()),
        kind => Err(format!(
            "Request's `Content-Type` didn't match the path's expected media type. Expected: `{FORM}`. Was: `{kind}`."
        )),
    }
}

/// `sk_test_…` or `rk_test_…`, in exactly three parts.
fn is_test_key(header: &str) -> bool {
    let parts: Vec<&str> = header.strip_prefix("Bearer ").unwrap_or_default().split('_').collect();
    matches!(parts.as_slice(), ["sk" | "rk", "test", rest] if !rest.is_empty())
}

fn sample(route: &Route, id: Option<&str>, path: &str) -> Option<Value> {
    let object = |kind: &str| {
        let mut object = routes::sample(kind);
        if let (Some(id), Some(place)) = (id, object.get_mut("id")) {
            *place = id.into();
        }
        object
    };
    Some(match route.answers {
        Answers::One(kind) => object(kind),
        Answers::Deleted(kind) => json!({ "id": id, "object": kind, "deleted": true }),
        Answers::List(kind) => {
            json!({ "object": "list", "data": [routes::sample(kind)], "has_more": false, "url": path })
        }
        Answers::Empty => json!({ "object": "list", "data": [], "has_more": false, "url": path }),
        Answers::Document => return None,
    })
}
