//! What an answer of stripe-mock means: pure.

use bytes::Bytes;
use serde_json::Value;

use super::refusal::Refusal;

/// What was said of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Its parameters are as Stripe's API has them; this is an answer of the right shape. Or it is none that Stripe
    /// would answer, for a reason that is not a parameter.
    Answered(Reply),
    /// A parameter is not as Stripe's API has it, and this is how the call is refused.
    Refused(Reply, Refusal),
    /// Stripe's API, as far as it is known there, has no such route.
    UnknownRoute,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `application/json`, or `application/pdf` of a quote.
    pub content_type: String,
    /// Whole.
    pub body: Bytes,
}

/// Why an answer says nothing of its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unheard {
    /// It is none of stripe-mock's.
    Nonsense(String),
    /// stripe-mock cannot do it.
    OwnLimit(String),
}

/// Understands an answer. `is_mock`: it carries the header that every answer of stripe-mock has.
pub(super) fn understand(reply: Reply, is_mock: bool) -> Result<Heard, Unheard> {
    let status = reply.status;
    if !is_mock {
        return Err(Unheard::Nonsense(format!(
            "it answered {status} without the header Stripe-Mock-Version"
        )));
    }
    let json = reply.content_type.starts_with("application/json");
    let body: Option<Value> = if json { serde_json::from_slice(&reply.body).ok() } else { None };
    if json && body.is_none() {
        return Err(Unheard::Nonsense(format!("it answered {status} with what is no JSON")));
    }
    let message = body.as_ref().and_then(|body| body.pointer("/error/message")).and_then(Value::as_str);
    match (status, message) {
        (200, None) => Ok(Heard::Answered(reply)),
        (400, Some(message)) => match Refusal::read(message) {
            Some(refusal) => Ok(Heard::Refused(reply, refusal)),
            // What Stripe refuses too, and no parameter.
            None if message.starts_with("Request's `Content-Type`") => Ok(Heard::Answered(reply)),
            None => Err(Unheard::OwnLimit(message.to_owned())),
        },
        (404, Some(message)) if message.starts_with("Unrecognized request URL") => Ok(Heard::UnknownRoute),
        (_, Some(message)) => Err(Unheard::OwnLimit(message.to_owned())),
        (_, None) => Err(Unheard::Nonsense(format!("it answered {status} without saying why"))),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn told(status: u16, content_type: &str, body: &str) -> Result<Heard, Unheard> {
        let reply = Reply {
            status,
            content_type: content_type.into(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        understand(reply, true)
    }

    fn error(status: u16, message: &str) -> Result<Heard, Unheard> {
        told(status, "application/json", &serde_json::json!({ "error": { "message": message } }).to_string())
    }

    #[rstest]
    #[case(
        400,
        "Request validation error: validator 0xc1 failed: object property 'amount' is required",
        "refused"
    )]
    #[case(400, "Couldn't parse query/body: invalid URL escape \"%\"", "refused")]
    #[case(
        400,
        "Request's `Content-Type` didn't match the path's expected media type. Expected: `a`. Was: `b`.",
        "answered"
    )]
    #[case(400, "Request coercion error: Index 5000 is too large, won't parse as slice", "own limit")]
    #[case(400, "Couldn't parse path parameters: no", "own limit")]
    #[case(400, "Version sent in `Stripe-Version` header 'a' doesn't match", "own limit")]
    #[case(401, "Please authenticate by specifying an `Authorization` header", "own limit")]
    #[case(404, "Unrecognized request URL (POST: /v1/nothing).", "unknown route")]
    #[case(404, "Not here", "own limit")]
    #[case(500, "An internal error occurred.", "own limit")]
    fn what_it_says_decides(#[case] status: u16, #[case] message: &str, #[case] expected: &str) {
        let meant = match error(status, message) {
            Ok(Heard::Answered(reply)) => {
                assert_eq!(reply.status, status);
                "answered"
            }
            Ok(Heard::Refused(..)) => "refused",
            Ok(Heard::UnknownRoute) => "unknown route",
            Err(Unheard::OwnLimit(own)) => {
                assert_eq!(own, message);
                "own limit"
            }
            Err(Unheard::Nonsense(_)) => "nonsense",
        };
        assert_eq!(meant, expected);
    }

    #[rstest]
    #[case(200, "application/json", "{\"id\": \"ch_1\"}", true)]
    #[case(200, "application/json; charset=utf-8", "{}", true)]
    #[case(200, "application/pdf", "%PDF", true)]
    #[case(200, "application/json", "{\"id\": ", false)]
    #[case(200, "application/json", "", false)]
    #[case(302, "text/html", "<html>", false)]
    #[case(400, "application/json", "[]", false)]
    #[case(502, "text/html", "<html>", false)]
    fn only_sense_is_taken_for_an_answer(
        #[case] status: u16,
        #[case] content_type: &str,
        #[case] body: &str,
        #[case] makes_sense: bool,
    ) {
        match told(status, content_type, body) {
            Ok(Heard::Answered(reply)) => assert!(makes_sense && reply.status == 200),
            Err(Unheard::Nonsense(_)) => assert!(!makes_sense),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_does_not_say_that_it_is_stripe_mock_is_not_believed() {
        let reply =
            Reply { status: 200, content_type: "application/json".into(), body: Bytes::from_static(b"{}") };
        assert!(matches!(understand(reply, false), Err(Unheard::Nonsense(_))));
    }
}
