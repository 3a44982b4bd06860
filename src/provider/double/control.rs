//! `/_paydrill/…`: what a person does to a double that runs by itself. No key is needed, and none of it exists
//! inside `paydrill run`, where the scenario says what happens.
//!
//! | call | does |
//! |---|---|
//! | `GET /_paydrill/health` | says that it is up, and what time it is there |
//! | `PUT /_paydrill/faults` | lets calls fail: a list of `{"call": "GET /v1/subscriptions/*", "status": 500, "times": 1}`, or with `"latency": "3s"` or `"reset": true`; replaces what was there. With a status also what Stripe advises: `"retry_after": "2s"`, `"should_retry": true`, and for 429 `"limited_by": "endpoint-rate"` |
//! | `GET /_paydrill/faults`, `DELETE /_paydrill/faults` | shows them, forgets them |
//! | `POST /_paydrill/advance` | `{"by": "31d"}`: time passes, with everything that falls due |
//! | `POST /_paydrill/authenticate/ID` | the customer answers the bank for a payment or setup intent: `{"succeeds": true}` |

use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Home, intent, setup_intent};
use super::fault::{ApiFault, Armed, Effect};
use super::server::Shared;
use super::store::Kind;
use crate::stripe::object::envelope::Cause;
use crate::stripe::refusal::{Limit, Refusal};

/// Where control calls begin.
const PREFIX: &str = "/_paydrill/";

/// The control calls, for those who look around.
const CALLS: &str = "GET /_paydrill/health, GET PUT DELETE /_paydrill/faults, POST /_paydrill/advance, \
                     POST /_paydrill/authenticate/ID";

/// What of a path is a control call's: what follows [`PREFIX`]. Whoever opens the address itself is told what there is.
pub(super) fn path(path: &str) -> Option<&str> {
    if matches!(path, "/" | "/_paydrill") { Some("") } else { path.strip_prefix(PREFIX) }
}

/// What goes back: a status, and JSON.
pub(super) type Answered = (StatusCode, Value);

/// A fault as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    call: String,
    status: Option<u16>,
    latency: Option<String>,
    #[serde(default)]
    reset: bool,
    times: Option<u32>,
    retry_after: Option<String>,
    should_retry: Option<bool>,
    limited_by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    by: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authenticate {
    succeeds: bool,
}

/// Carries a control call out; `path` is what [`path`] gives.
pub(super) fn answer(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Answered {
    match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
        ("GET" | "HEAD", [""]) => done(json!({
            "paydrill": "an offline Stripe; its API is below /v1 and /v2, with any test key",
            "control_calls": CALLS.split(", ").collect::<Vec<_>>(),
        })),
        ("GET", ["health"]) => done(json!({ "status": "ok", "now": now(shared) })),
        ("GET", ["faults"]) => done(faults(shared)),
        ("PUT", ["faults"]) => read(body).and_then(|written| arm(shared, written)).unwrap_or_else(wrong),
        ("DELETE", ["faults"]) => {
            shared.account().large.faults.clear();
            done(faults(shared))
        }
        ("POST", ["advance"]) => read(body).and_then(|given| advance(shared, &given)).unwrap_or_else(wrong),
        ("POST", ["authenticate", id]) => {
            read(body).and_then(|given| authenticate(shared, id, &given)).unwrap_or_else(wrong)
        }
        _ => (StatusCode::NOT_FOUND, json!({ "error": format!("no such control call; there are: {CALLS}") })),
    }
}

fn done(value: Value) -> Answered {
    (StatusCode::OK, value)
}

fn wrong(problem: String) -> Answered {
    (StatusCode::BAD_REQUEST, json!({ "error": problem }))
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("failed to read the body: {error}"))
}

fn now(shared: &Shared) -> i64 {
    shared.account().large.now.as_second()
}

fn arm(shared: &Shared, written: Vec<Written>) -> Result<Answered, String> {
    let armed = written.into_iter().map(fault).collect::<Result<Vec<_>, String>>()?;
    shared.account().large.faults = armed.into_iter().map(Armed::new).collect();
    Ok(done(faults(shared)))
}

fn fault(written: Written) -> Result<ApiFault, String> {
    let call = written.call.clone();
    let effect = match (written.status, &written.latency, written.reset) {
        (Some(status), None, false) => Effect::Refusal(refusal(status, &written)?),
        _ if written.retry_after.is_some()
            || written.should_retry.is_some()
            || written.limited_by.is_some() =>
        {
            return Err(format!("`{call}` needs a status for retry_after, should_retry or limited_by"));
        }
        (None, Some(latency), false) => Effect::Latency(span(latency)?),
        (None, None, true) => Effect::Reset,
        _ => return Err(format!("`{call}` needs one of: status, latency, reset")),
    };
    Ok(ApiFault { call, effect, times: written.times })
}

fn refusal(status: u16, written: &Written) -> Result<Refusal, String> {
    let Written { call, retry_after, should_retry, limited_by, .. } = written;
    if !(400..=599).contains(&status) {
        return Err(format!("status {status} of `{call}` is no error"));
    }
    let retry_after = retry_after.as_deref().map(span).transpose()?;
    if retry_after.is_some_and(|after| after.subsec_nanos() != 0 || after.is_zero()) {
        return Err(format!("`Retry-After` of `{call}` is in whole seconds: write \"2s\""));
    }
    let limited_by = limited_by.as_deref().map(str::parse::<Limit>).transpose();
    let limited_by = limited_by.map_err(|error| format!("failed to {error}"))?;
    if limited_by.is_some() && status != 429 {
        return Err(format!("status {status} of `{call}` is met by no limit: limited_by needs 429"));
    }
    Ok(Refusal { status, retry_after, should_retry: *should_retry, limited_by })
}

fn faults(shared: &Shared) -> Value {
    let account = shared.account();
    json!({ "faults": account.large.faults.iter().map(shown).collect::<Vec<_>>() })
}

/// A fault as it could be written.
fn shown(armed: &Armed) -> Value {
    let mut shown = json!({ "call": armed.fault().call, "left": armed.left() });
    let mut put = |key: &str, value: Value| crate::stripe::object::put(&mut shown, key, value);
    match armed.fault().effect {
        Effect::Refusal(Refusal { status, retry_after, should_retry, limited_by }) => {
            put("status", status.into());
            if let Some(after) = retry_after {
                put("retry_after", format!("{}s", after.as_secs()).into());
            }
            if let Some(should) = should_retry {
                put("should_retry", should.into());
            }
            if let Some(limit) = limited_by {
                put("limited_by", limit.as_str().into());
            }
        }
        Effect::Latency(latency) => put("latency", format!("{}ms", latency.as_millis()).into()),
        Effect::Reset => put("reset", true.into()),
        Effect::Hold => put("hold", true.into()),
    }
    shown
}

fn span(text: &str) -> Result<Duration, String> {
    let read = || {
        let span: Span = text.parse().ok()?;
        Duration::try_from(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?).ok()
    };
    read().ok_or_else(|| format!("`{text}` is no time to come: write \"3s\", \"31d\", \"1h30m\""))
}

fn advance(shared: &Shared, given: &Advance) -> Result<Answered, String> {
    let by = SignedDuration::try_from(span(&given.by)?).map_err(|_| format!("`{}` is too far", given.by))?;
    let (now, played) = shared.advance(by);
    let now = now.as_second();
    played.map_err(|_| format!("more falls due in {} than can be played out; it is {now} now", given.by))?;
    Ok(done(json!({ "now": now })))
}

fn authenticate(shared: &Shared, id: &str, given: &Authenticate) -> Result<Answered, String> {
    let mut account = shared.account();
    let kind = account.find(id).map(|stored| stored.kind);
    let mut world = account.world(Home::Large, Cause::default());
    let result = match kind {
        Some(Kind::PaymentIntent) => intent::authenticate(&mut world, id, given.succeeds),
        Some(Kind::SetupIntent) => setup_intent::authenticate(&mut world, id, given.succeeds),
        _ => return Err(format!("there is no payment or setup intent `{id}`")),
    };
    let status = world.peek(id)["status"].clone();
    shared.post(&mut account);
    result.map_err(|error| error.to_string())?;
    Ok(done(json!({ "id": id, "status": status })))
}
