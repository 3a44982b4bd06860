//! What is asked of who stands beside the double: calls that it does not model, and the parameters of all others.
//!
//! Stripe's OpenAPI, which stripe-mock knows, is about forms: only the v1 API is asked there.

use http::request::Parts;

use bytes::Bytes;

use super::account::Home;
use super::answer::Answer;
use super::route::named;
use super::server::Shared;
use super::watch::{CallKind, Judgement, Said, Untold};
use crate::provider::upstream::{Heard, Question, Refusal, Release, UpstreamError};
use crate::stripe::version::Version;

/// What was found out about calls beside the double.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Parameters that Stripe's API does not have so, each once.
    pub refused: Vec<RefusedCall>,
    /// What could not be told of calls, each once.
    pub untold: Vec<Untold>,
}

/// A call with a parameter that Stripe's API does not have so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// `POST /v1/customers/{id}`
    pub call: String,
    /// Who refused it: `stripe-mock 0.206.0`.
    pub by: String,
    /// The parameter.
    pub refusal: Refusal,
}

/// As much as is kept of each: an app that asks the same again and again must not fill the memory.
const MOST: usize = 100;

impl Found {
    fn add(&mut self, call: &str, said: &Said) {
        match &said.what {
            Judgement::Fits => {}
            Judgement::Refused(refusal) => {
                let refused =
                    RefusedCall { call: call.to_owned(), by: said.by.clone(), refusal: refusal.clone() };
                keep(&mut self.refused, refused);
            }
            Judgement::Untold(untold) => keep(&mut self.untold, untold.clone()),
        }
    }
}

fn keep<T: PartialEq>(kept: &mut Vec<T>, more: T) {
    if kept.len() < MOST && !kept.contains(&more) {
        kept.push(more);
    }
}

/// Whether this API is asked of anybody else.
pub(crate) fn is_asked(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// A call as it came, and what the double knows of it.
pub(crate) struct Came<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) body: Bytes,
    /// It is a call of somebody who may call, and can be read.
    pub(crate) makes_sense: bool,
    /// The version that it means.
    pub(crate) version: Version,
}

impl Came<'_> {
    fn question(&self) -> Question {
        let uri = &self.parts.uri;
        let kind = self.parts.headers.get(http::header::CONTENT_TYPE);
        Question {
            // stripe-mock has no HEAD; the server leaves the body of its answer out.
            method: if self.parts.method == http::Method::HEAD {
                http::Method::GET
            } else {
                self.parts.method.clone()
            },
            path: uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string),
            content_type: kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned),
            body: Bytes::clone(&self.body),
        }
    }
}

/// Asks who stands beside the double, where there is reason to. What comes of it is noted for the case, and where the
/// double does not model the call it is the answer.
pub(crate) async fn consult(shared: &Shared, came: Came<'_>, answer: &mut Answer) -> Option<Said> {
    let passed = answer.kind == CallKind::PassedOn;
    let checked = shared.beside.check_parameters && came.makes_sense && is_asked(came.parts.uri.path());
    if !passed && !checked {
        return None;
    }
    let question = came.question();
    let call = named(question.method.as_str(), came.parts.uri.path());
    let heard = shared.beside.upstream.ask(&question).await;
    let said = if passed {
        pass(shared, &call, came.version, heard, answer)
    } else {
        Some(check(shared, &call, came.version, heard, answer))
    }?;
    shared.account().part_mut(home(answer)).found.add(&call, &said);
    Some(said)
}

fn home(answer: &Answer) -> Home {
    answer.case.map_or(Home::Large, Home::Case)
}

/// The answer to a call that the double does not model.
fn pass(
    shared: &Shared,
    call: &str,
    version: Version,
    heard: Result<Heard, UpstreamError>,
    answer: &mut Answer,
) -> Option<Said> {
    let by = shared.beside.upstream.name();
    let (reply, what) = match heard {
        Ok(Heard::Answered(reply)) => (reply, Judgement::Fits),
        Ok(Heard::Refused(reply, refusal)) => {
            let judged = judge(shared, call, version, refusal, answer);
            // Unless that is asked for, it is the app's own affair what it makes of a refusal.
            (reply, if shared.beside.check_parameters { judged } else { Judgement::Fits })
        }
        Ok(Heard::UnknownRoute) => {
            answer.kind = CallKind::Refused;
            let what = answer.unmodelled.take().unwrap_or_default();
            let what = by.map_or(what.clone(), |by| format!("{what}, and {by} does not know it"));
            shared.account().part_mut(home(answer)).refuse(what);
            return None;
        }
        Err(error) => {
            answer.kind = CallKind::Refused;
            let why = format!("the app asked for {call}, which is passed on, and Paydrill failed to {error}");
            return Some(said(by, Judgement::Untold(Untold { why, misled: true })));
        }
    };
    (answer.status, answer.body, answer.content_type) = (reply.status, reply.body, Some(reply.content_type));
    Some(said(by, what))
}

fn said(by: Option<&str>, what: Judgement) -> Said {
    Said { by: by.unwrap_or_default().to_owned(), what }
}

/// What is said of a call that the double has answered.
fn check(
    shared: &Shared,
    call: &str,
    version: Version,
    heard: Result<Heard, UpstreamError>,
    answer: &Answer,
) -> Said {
    let by = shared.beside.upstream.name();
    let untold = |why: String, misled: bool| {
        Judgement::Untold(Untold {
            why: format!("the parameters of {call} could not be checked: {why}"),
            misled,
        })
    };
    let what = match heard {
        Ok(Heard::Answered(_)) => Judgement::Fits,
        Ok(Heard::Refused(_, refusal)) => judge(shared, call, version, refusal, answer),
        Ok(Heard::UnknownRoute) => {
            untold(format!("{} does not know the route", by.unwrap_or_default()), false)
        }
        Err(error) => {
            // The app has its answer, but had to wait for it.
            let misled = matches!(error, UpstreamError::TimedOut { .. });
            untold(format!("Paydrill failed to {error}"), misled)
        }
    };
    said(by, what)
}

/// Whether a refusal can be believed: who knows another version of the API may refuse what the call's own has.
fn judge(shared: &Shared, call: &str, version: Version, refusal: Refusal, answer: &Answer) -> Judgement {
    let upstream = &shared.beside.upstream;
    let double_agrees = answer.kind == CallKind::Invalid && answer.status == 400;
    let (Some(knows), Some(meant)) = (upstream.speaks(), Release::parse(version.as_str())) else {
        return Judgement::Refused(refusal);
    };
    if double_agrees || knows.judges(&meant, refusal.why) {
        return Judgement::Refused(refusal);
    }
    let by = upstream.name().unwrap_or_default();
    let why = format!(
        "the parameters of {call} could not be checked: {by} refused {refusal}; but it knows version {knows} of \
         Stripe's API, and the call means {meant}: an image of that release can tell"
    );
    Judgement::Untold(Untold { why, misled: false })
}
