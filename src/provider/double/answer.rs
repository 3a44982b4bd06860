//! One call from its arrival to its answer: whose it is, whether a fault meets it, whether it was answered
//! before, what it does. Pure: the server around it does the waiting.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use super::account::Home;
use super::error::{ApiError, NOT_MODELLED};
use super::expand::expand;
use super::fault::{Armed, Effect, strike};
use super::idempotency::Saved;
use super::route::{Call, Method, Reply, dispatch};
use super::shape::{self, Shaped};
use super::state::Account;
use super::store::render;
use super::v2;
use super::watch::CallKind;
use crate::id::CaseId;
use crate::stripe::object::envelope::Cause;
use crate::stripe::refusal::Refusal;
use crate::stripe::version::Version;
use crate::stripe::version::calls::{self, Why};

/// A call with what its headers say.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The call, or why it cannot be one.
    pub(crate) call: Result<Call, ApiError>,
    /// The version that the caller names; none where the account's goes.
    pub(crate) named: Option<Version>,
    /// In which version it is answered.
    pub(crate) version: Version,
    /// As it came, for faults and messages.
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) idempotency_key: Option<&'a str>,
    /// The wall clock, which the account at large goes by.
    pub(crate) now: Timestamp,
    /// What is not modelled is not refused yet: somebody else is asked first.
    pub(crate) passes_on: bool,
}

/// What goes back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) case: Option<CaseId>,
    pub(crate) kind: CallKind,
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) request_id: String,
    /// The request that was carried out, where its answer is kept under an idempotency key: this one, or the first
    /// with the key.
    pub(crate) original: Option<String>,
    /// How it was refused, where a fault met it.
    pub(crate) refusal: Option<Refusal>,
    /// Kept back so long.
    pub(crate) late: Duration,
    /// Kept back until this tells that the fault is disarmed.
    pub(crate) hold: Option<watch::Receiver<()>>,
    /// Not sent at all.
    pub(crate) reset: bool,
    /// What is not modelled, where it is passed on: the answer is the refusal, until another one comes.
    pub(crate) unmodelled: Option<String>,
    /// What another one's answer is; else it is JSON.
    pub(crate) content_type: Option<String>,
}

impl Answer {
    /// `Stripe-Should-Retry`: once an answer is kept under a key, another try would only repeat it.
    pub(crate) fn should_retry(&self) -> Option<bool> {
        let kept = self.original.as_ref().map(|_| false);
        self.refusal.map_or(kept, Refusal::advises_retry)
    }
}

/// Answers a request.
pub(crate) fn answer(account: &mut Account, mut request: Request<'_>) -> Answer {
    account.catch_up(request.now);
    request.call = request.call.and_then(|call| as_named(call, request.named));
    let home = match &request.call {
        Ok(call) => account.attribute(&call.segments(), &call.params),
        Err(_) => None,
    };
    let case = if let Some(Home::Case(case)) = home { Some(case) } else { None };
    if let Some(case) = case {
        account.wake(case);
    }
    let request_id = request_id(account, home, request.method);
    let mut answer = Answer {
        case,
        kind: CallKind::Answered,
        status: 200,
        body: Bytes::new(),
        request_id,
        original: None,
        refusal: None,
        late: Duration::ZERO,
        hold: None,
        reset: false,
        unmodelled: None,
        content_type: None,
    };
    let part = account.part_mut(home.unwrap_or(Home::Large));
    let struck = strike(&mut part.faults, request.method, request.path);
    match struck.map(|armed| armed.fault().effect) {
        Some(Effect::Refusal(refusal)) => {
            answer.kind = CallKind::Faulted;
            answer.refusal = Some(refusal);
            refuse(&mut answer, ApiError::fault(refusal), &request);
            return answer;
        }
        Some(Effect::Reset) => {
            answer.kind = CallKind::Faulted;
            (answer.status, answer.reset) = (0, true);
            return answer;
        }
        Some(Effect::Latency(late)) => {
            answer.kind = CallKind::Faulted;
            answer.late = late;
        }
        Some(Effect::Hold) => {
            answer.kind = CallKind::Held;
            answer.hold = struck.map(Armed::disarmed);
        }
        None => {}
    }
    if let Err(error) = carry_out(account, &request, home, &mut answer) {
        note_refusal(account, home, &error, &mut answer, request.passes_on);
        refuse(&mut answer, error, &request);
    }
    answer
}

fn request_id(account: &mut Account, home: Option<Home>, method: &str) -> String {
    let part = account.part_mut(home.unwrap_or(Home::Large));
    let minter = if method == "GET" { &mut part.reads } else { &mut part.ids };
    let mut id = "req_".to_owned();
    minter.letters(&mut id, 14);
    id
}

/// A call as the version that its caller names means it.
fn as_named(mut call: Call, named: Option<Version>) -> Result<Call, ApiError> {
    if call.method != Method::Post {
        return Ok(call);
    }
    calls::read(&call.path, &mut call.params, named).map(|()| call).map_err(|misfit| {
        let param = &misfit.param;
        match misfit.why {
            Why::Unknown => ApiError::unknown_param(param),
            Why::Not(form, given) => ApiError::invalid_param(param, format!("Invalid {form}: {given}")),
            Why::NoLonger(code, since) => {
                let message = format!("`{param}` is no longer supported since API version {since}.");
                ApiError::coded(code, param, message)
            }
        }
    })
}

fn carry_out(
    account: &mut Account,
    request: &Request<'_>,
    home: Option<Home>,
    answer: &mut Answer,
) -> Result<(), ApiError> {
    let call = request.call.as_ref().map_err(Clone::clone)?;
    // In v2 a call that deletes has a key, too.
    let changes = call.method == Method::Post || (call.method == Method::Delete && v2::is_v2(&call.path));
    let key = request.idempotency_key.filter(|_| changes);
    if let Some(key) = key
        && let Some(saved) = account.keys.replay(key, &call.path, &call.params)?
    {
        (answer.status, answer.body) = (saved.status, saved.body);
        answer.original = Some(saved.request_id);
        return Ok(());
    }
    let paths = expansions(call)?;
    let cause = Cause {
        request: Some(answer.request_id.clone()),
        idempotency_key: request.idempotency_key.map(str::to_owned),
    };
    let as_kept = paths.is_empty() && request.version.looks_newest();
    let done = dispatch(account, call, home, (cause, request.version, request.named.is_some()), as_kept)
        .and_then(|reply| print(account, reply, &paths, request.version));
    match done {
        Ok(body) => answer.body = body,
        // A declined card is an answer that Stripe remembers; a call that made no sense is not.
        Err(error) if error.status == 402 => refuse(answer, error, request),
        Err(error) => return Err(error),
    }
    if let Some(key) = key {
        let saved =
            Saved::new(&call.path, &call.params, answer.status, answer.body.clone(), &answer.request_id);
        account.keys.save(key, saved, answer.case.is_none());
        answer.original = Some(answer.request_id.clone());
        if answer.case.is_some() {
            account.part_mut(home.unwrap_or(Home::Large)).keys.push(key.to_owned());
        }
    }
    Ok(())
}

fn expansions(call: &Call) -> Result<Vec<String>, ApiError> {
    match call.params.get("expand") {
        None => Ok(Vec::new()),
        Some(Value::Array(paths)) => paths
            .iter()
            .map(|path| path.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| ApiError::invalid_param("expand", "Invalid array: expand takes names.")),
        Some(_) => Err(ApiError::invalid_param("expand", "Invalid array: expand")),
    }
}

fn print(account: &mut Account, reply: Reply, paths: &[String], version: Version) -> Result<Bytes, ApiError> {
    let value = match reply {
        Reply::Stored(id) if paths.is_empty() => return Ok(account.rendered(&id, version)),
        Reply::Stored(id) => account.find(&id).map(super::store::Stored::whole).unwrap_or_default(),
        Reply::Made(value) => value,
        Reply::Printed(bytes) => return Ok(bytes),
    };
    // Older shapes name objects that the newest does not, so what is expanded is looked for in the older one.
    let mut value = shape::in_version(value, version, &*account);
    expand(&mut value, paths, &Shaped { account: &*account, version })?;
    Ok(render(&value))
}

fn note_refusal(
    account: &mut Account,
    home: Option<Home>,
    error: &ApiError,
    answer: &mut Answer,
    passes_on: bool,
) {
    if error.status != NOT_MODELLED {
        answer.kind = CallKind::Invalid;
    } else if passes_on {
        answer.kind = CallKind::PassedOn;
        answer.unmodelled = Some(error.to_string());
    } else {
        answer.kind = CallKind::Refused;
        account.part_mut(home.unwrap_or(Home::Large)).refuse(error.to_string());
    }
}

fn refuse(answer: &mut Answer, error: ApiError, request: &Request<'_>) {
    let error = if v2::is_v2(request.path) { error.in_v2() } else { error };
    answer.status = error.status;
    answer.body = render(&error.body(&answer.request_id, request.now.as_second()));
    if answer.kind == CallKind::Answered {
        answer.kind = CallKind::Invalid;
    }
}
