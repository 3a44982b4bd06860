//! One attempt of a delivery, ready to be sent: the URL, the headers and the bytes.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::scenario::model::{BodyStyle, Change, SignatureMode};
use crate::secret::Secret;
use crate::stripe::delivery::{self, ANSWER_LIMIT, SIGNATURE};
use crate::stripe::{body, signature};

/// How old a stale signature is, in seconds; twelve times what Stripe's own libraries tolerate.
const STALE: i64 = 3_600;

/// Where a delivery goes.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The endpoint's whole URL.
    pub url: &'a str,
    /// Its signing secret.
    pub secret: &'a Secret,
    /// Another endpoint's, which must not do here.
    pub other_secret: &'a Secret,
    /// The one that is on its way out while the secret is rolled.
    pub old_secret: &'a Secret,
    /// After how long an answer is no longer waited for; `None`: [`ANSWER_LIMIT`].
    pub timeout: Option<Duration>,
}

/// An attempt that only has to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Where to.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// Exactly what is sent, and, unless it was tampered with, what is signed.
    pub body: Bytes,
    /// After how long an answer is no longer waited for.
    pub timeout: Duration,
}

impl Prepared {
    /// The headers as they may be shown: signatures are left out, since a signed body can be sent again for
    /// as long as its time is accepted.
    #[must_use]
    pub fn headers_masked(&self) -> Vec<(&'static str, String)> {
        let mask = |(name, value): &(&'static str, String)| match *name {
            SIGNATURE => (*name, masked(value)),
            _ => (*name, value.clone()),
        };
        self.headers.iter().map(mask).collect()
    }
}

fn masked(header: &str) -> String {
    let parts = header.split(',').map(|part| match part.split_once('=') {
        Some((scheme, _)) if scheme != "t" => format!("{scheme}=…"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",")
}

/// Spells and signs an event whose mutation has been applied. Each attempt is prepared anew: the event id and
/// the body stay, the time and the signature do not.
///
/// `now` is wall time in Unix seconds, even in a case whose Stripe clock stands elsewhere: apps compare the
/// signature's time with their own clock, and a delivery that is late at Stripe is not stale.
#[must_use]
pub fn prepare(event: &Value, change: &Change, to: &Destination<'_>, now: i64) -> Prepared {
    let signed = spelled(event, change.body);
    let mut headers: Vec<_> =
        delivery::HEADERS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    headers.extend(signature_header(&signed, change.signature, to, now).map(|value| (SIGNATURE, value)));
    let body = match change.signature {
        SignatureMode::Tampered => spelled(&tampered(event), change.body),
        _ => signed,
    };
    Prepared {
        url: to.url.to_owned(),
        headers,
        body: Bytes::from(body),
        timeout: change.timeout.or(to.timeout).unwrap_or(ANSWER_LIMIT),
    }
}

fn spelled(event: &Value, style: BodyStyle) -> String {
    match style {
        BodyStyle::Stripe => body::indented(event),
        BodyStyle::Compact => body::compact(event),
        BodyStyle::Escaped => body::escaped(event),
    }
}

fn signature_header(body: &str, mode: SignatureMode, to: &Destination<'_>, now: i64) -> Option<String> {
    let sign = |secret: &Secret, at: i64| signature::sign(secret, at, body.as_bytes());
    let (at, signatures) = match mode {
        SignatureMode::Missing => return None,
        SignatureMode::Right | SignatureMode::Tampered => (now, vec![sign(to.secret, now)]),
        SignatureMode::EmptySecret => (now, vec![sign(&Secret::new(""), now)]),
        SignatureMode::OtherSecret => (now, vec![sign(to.other_secret, now)]),
        // The good one comes last: a handler that reads the first only is found out.
        SignatureMode::Rolled => (now, vec![sign(to.old_secret, now), sign(to.secret, now)]),
        SignatureMode::Stale => {
            let then = now.saturating_sub(STALE);
            (then, vec![sign(to.secret, then)])
        }
    };
    Some(signature::header(at, &signatures))
}

/// The event with `created` one second off. It is still about the same objects, so a handler that does not
/// check the signature does its work on it, and is found out by what the customer then sees.
fn tampered(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(envelope) = event.as_object_mut() {
        let created = envelope.get("created").and_then(Value::as_i64).unwrap_or_default();
        let other = created.checked_add(1).unwrap_or(0);
        envelope.insert("created".to_owned(), other.into());
    }
    event
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::stripe::signature::{SignatureError, TOLERANCE, verify};

    const NOW: i64 = 1_700_000_000;

    fn event() -> Value {
        json!({ "id": "evt_1", "type": "invoice.paid", "created": 1_000, "name": "Zoë" })
    }

    fn prepared(change: &Change) -> Prepared {
        let (secret, other, old) =
            (Secret::new("whsec_right"), Secret::new("whsec_other"), Secret::new("whsec_old"));
        let to = Destination {
            url: "http://127.0.0.1:9/hook",
            secret: &secret,
            other_secret: &other,
            old_secret: &old,
            timeout: None,
        };
        prepare(&event(), change, &to, NOW)
    }

    fn signed(mode: SignatureMode) -> Prepared {
        prepared(&Change { signature: mode, ..Change::default() })
    }

    fn signature(prepared: &Prepared) -> Option<&str> {
        prepared.headers.iter().find(|(name, _)| *name == SIGNATURE).map(|(_, value)| value.as_str())
    }

    #[rstest]
    #[case(SignatureMode::Right, Ok(()))]
    #[case(SignatureMode::Rolled, Ok(()))]
    #[case(SignatureMode::Missing, Err(SignatureError::Missing))]
    #[case(SignatureMode::EmptySecret, Err(SignatureError::Mismatch))]
    #[case(SignatureMode::OtherSecret, Err(SignatureError::Mismatch))]
    #[case(SignatureMode::Tampered, Err(SignatureError::Mismatch))]
    #[case(SignatureMode::Stale, Err(SignatureError::Stale { age: 3_600 }))]
    fn a_right_handler_accepts_what_it_should(
        #[case] mode: SignatureMode,
        #[case] expected: Result<(), SignatureError>,
        #[values(BodyStyle::Stripe, BodyStyle::Compact, BodyStyle::Escaped)] body: BodyStyle,
    ) {
        let sent = prepared(&Change { signature: mode, body, ..Change::default() });
        let secrets = [Secret::new("whsec_right")];
        let verdict = verify(signature(&sent), &sent.body, &secrets, NOW, TOLERANCE);
        assert_eq!(verdict, expected);
        assert_eq!(verdict.is_ok(), mode.is_acceptable());
    }

    #[rstest]
    #[case(SignatureMode::EmptySecret, "")]
    #[case(SignatureMode::OtherSecret, "whsec_other")]
    fn a_wrong_secret_is_the_one_that_is_named(#[case] mode: SignatureMode, #[case] secret: &str) {
        let sent = signed(mode);
        let expected = signature::header(NOW, &[signature::sign(&Secret::new(secret), NOW, &sent.body)]);
        assert_eq!(signature(&sent), Some(expected.as_str()));
    }

    #[test]
    fn a_rolled_secret_signs_second() {
        let sent = signed(SignatureMode::Rolled);
        let sign = |secret: &str| signature::sign(&Secret::new(secret), NOW, &sent.body);
        let expected = signature::header(NOW, &[sign("whsec_old"), sign("whsec_right")]);
        assert_eq!(signature(&sent), Some(expected.as_str()));
    }

    #[test]
    fn tampering_leaves_an_event_about_the_same_thing() {
        let sent: Value = serde_json::from_slice(&signed(SignatureMode::Tampered).body).unwrap();
        let mut expected = event();
        expected["created"] = json!(1_001);
        assert_eq!(sent, expected);
    }

    #[rstest]
    #[case(json!({ "created": i64::MAX }))]
    #[case(json!({ "created": "never" }))]
    #[case(json!({}))]
    fn tampering_always_changes_something(#[case] event: Value) {
        assert_ne!(tampered(&event), event);
    }

    #[test]
    fn headers_are_stripes_and_hide_the_signature_when_shown() {
        insta::assert_debug_snapshot!(signed(SignatureMode::Rolled).headers_masked(), @r#"
        [
            (
                "content-type",
                "application/json; charset=utf-8",
            ),
            (
                "user-agent",
                "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            ),
            (
                "accept",
                "*/*; q=0.5, application/xml",
            ),
            (
                "cache-control",
                "no-cache",
            ),
            (
                "stripe-signature",
                "t=1700000000,v1=…,v1=…",
            ),
        ]
        "#);
    }

    #[rstest]
    #[case(None, None, 10_000)]
    #[case(None, Some(3_000), 3_000)]
    #[case(Some(500), Some(3_000), 500)]
    fn the_nearest_limit_counts(
        #[case] change: Option<u64>,
        #[case] endpoint: Option<u64>,
        #[case] expected: u64,
    ) {
        let secret = Secret::new("whsec_x");
        let to = Destination {
            url: "http://127.0.0.1:9/",
            secret: &secret,
            other_secret: &secret,
            old_secret: &secret,
            timeout: endpoint.map(Duration::from_millis),
        };
        let change = Change { timeout: change.map(Duration::from_millis), ..Change::default() };
        assert_eq!(prepare(&event(), &change, &to, NOW).timeout, Duration::from_millis(expected));
    }

    #[test]
    fn a_later_attempt_has_the_same_body_and_another_signature() {
        let secret = Secret::new("whsec_x");
        let to = Destination {
            url: "http://127.0.0.1:9/",
            secret: &secret,
            other_secret: &secret,
            old_secret: &secret,
            timeout: None,
        };
        let attempt = |now| prepare(&event(), &Change::default(), &to, now);
        assert_eq!(attempt(NOW).body, attempt(NOW + 1).body);
        assert_ne!(signature(&attempt(NOW)), signature(&attempt(NOW + 1)));
    }
}
