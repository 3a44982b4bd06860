//! The `Stripe-Signature` header: how a delivery is signed, and how a right handler checks it.
//!
//! `t=<unix seconds>,v1=<hex HMAC-SHA256 of "{t}.{raw body}">`, keyed with the whole `whsec_…` string; while
//! a secret is rolled there are several `v1` (docs.stripe.com/webhooks, "Verify webhook signatures manually").
//!
//! ```
//! use std::time::Duration;
//! use paydrill::{secret::Secret, stripe::signature};
//!
//! let secret = Secret::new("whsec_example");
//! let header = signature::header(1_700_000_000, &[signature::sign(&secret, 1_700_000_000, b"{}")]);
//! let verified =
//!     signature::verify(Some(&header), b"{}", &[secret], 1_700_000_060, signature::TOLERANCE);
//! assert_eq!(verified, Ok(()));
//! ```

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// How old a signature may be: the default of Stripe's own libraries.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// Why a right handler refuses a delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no header, or it is empty.
    #[error("find a `Stripe-Signature` header")]
    Missing,
    /// The header has no readable time, or more than one.
    #[error("read the time of `Stripe-Signature`")]
    Garbled,
    /// The header has a time, but no `v1`.
    #[error("find a `v1` in `Stripe-Signature`")]
    NoSignature,
    /// None of the signatures is one of these secrets' for this body.
    #[error("match any `v1` of `Stripe-Signature` with the body")]
    Mismatch,
    /// Rightly signed, but too long ago.
    #[error("accept a signature that is {age} s old")]
    Stale {
        /// In seconds.
        age: i64,
    },
}

/// The `v1` of `body` at `timestamp` (Unix seconds): 64 lower-case hex digits.
#[must_use]
pub fn sign(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC has no key length that it refuses")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("a key of any length");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// The header's value: `t=…,v1=…`, with a `v1` for each signature.
#[must_use]
pub fn header(timestamp: i64, signatures: &[String]) -> String {
    let mut header = format!("t={timestamp}");
    for signature in signatures {
        header.push_str(",v1=");
        header.push_str(signature);
    }
    header
}

/// Checks a delivery as Stripe's own libraries do: any `v1` of any secret is good, schemes that are not `v1`
/// are ignored, and a time in the future is no fault. `now` is in Unix seconds. An empty secret never matches.
///
/// # Errors
///
/// A wrong signature is told before a stale one, so that `Stale` is only said of what Stripe really signed.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secrets: &[Secret],
    now: i64,
    tolerance: Duration,
) -> Result<(), SignatureError> {
    let header = header.filter(|header| !header.is_empty()).ok_or(SignatureError::Missing)?;
    let Parsed { timestamp, signatures } = parse(header)?;
    if !any_matches(&signatures, timestamp, body, secrets) {
        return Err(SignatureError::Mismatch);
    }
    let age = now.saturating_sub(timestamp);
    if age > i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX) {
        return Err(SignatureError::Stale { age });
    }
    Ok(())
}

struct Parsed<'a> {
    timestamp: i64,
    signatures: Vec<&'a str>,
}

fn parse(header: &str) -> Result<Parsed<'_>, SignatureError> {
    let mut timestamp = None;
    let mut signatures = Vec::new();
    for (key, value) in header.split(',').filter_map(|part| part.split_once('=')) {
        match key {
            "t" if timestamp.is_some() => return Err(SignatureError::Garbled),
            "t" => timestamp = Some(unix(value).ok_or(SignatureError::Garbled)?),
            "v1" => signatures.push(value),
            _ => {}
        }
    }
    let timestamp = timestamp.ok_or(SignatureError::Garbled)?;
    if signatures.is_empty() {
        return Err(SignatureError::NoSignature);
    }
    Ok(Parsed { timestamp, signatures })
}

/// Digits only: `parse` alone would take a leading `+`.
fn unix(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Every pair is compared to its end, so that the time taken says nothing about which one was near.
fn any_matches(signatures: &[&str], timestamp: i64, body: &[u8], secrets: &[Secret]) -> bool {
    let mut matched = subtle::Choice::from(0);
    for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
        let expected = sign(secret, timestamp, body);
        for signature in signatures {
            matched |= expected.as_bytes().ct_eq(signature.as_bytes());
        }
    }
    matched.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NOW: i64 = 1_700_000_000;
    const BODY: &[u8] = b"{\n  \"id\": \"evt_1\"\n}";

    fn secret() -> Secret {
        Secret::new("whsec_test_secret")
    }

    /// Computed with Python's `hmac` and `hashlib`, so that a mistake of ours is not on both sides.
    #[rstest]
    #[case(
        "whsec_test_secret",
        NOW,
        BODY,
        "270fd6e584acb2aa58ba0d0be928bb6fe8f0d5b7d11708c5520c8102acb6fad6"
    )]
    #[case::longer_than_a_block(&format!("whsec_{}", "k".repeat(200)), 0, b"", "e585fc4d2f22ea72511ba3e8ace2cd2ab71ffe95c4a9409e0a2f9b1e6d3d1c08")]
    #[case::empty_key("", 1_767_225_600, "{\"n\":\"é😀/\"}".as_bytes(), "3b539fb9746cf7b966281b959c36839a681ff6a4b0a63a3374e91013bed15434")]
    fn known_answers(#[case] key: &str, #[case] t: i64, #[case] body: &[u8], #[case] expected: &str) {
        assert_eq!(sign(&Secret::new(key), t, body), expected);
    }

    fn good() -> String {
        sign(&secret(), NOW, BODY)
    }

    #[rstest]
    #[case::right(Some(format!("t={NOW},v1={}", good())), Ok(()))]
    #[case::rolled(Some(format!("t={NOW},v1={},v1={}", "0".repeat(64), good())), Ok(()))]
    #[case::unknown_schemes(Some(format!("t={NOW},v0=x,v1={},v2=,,what", good())), Ok(()))]
    #[case::any_order(Some(format!("v1={},t={NOW}", good())), Ok(()))]
    #[case::missing(None, Err(SignatureError::Missing))]
    #[case::empty(Some(String::new()), Err(SignatureError::Missing))]
    #[case::no_time(Some(format!("v1={}", good())), Err(SignatureError::Garbled))]
    #[case::two_times(Some(format!("t={NOW},t={NOW},v1={}", good())), Err(SignatureError::Garbled))]
    #[case::no_number(Some(format!("t=soon,v1={}", good())), Err(SignatureError::Garbled))]
    #[case::signed_number(Some(format!("t=+{NOW},v1={}", good())), Err(SignatureError::Garbled))]
    #[case::too_long(Some(format!("t={},v1={}", "9".repeat(40), good())), Err(SignatureError::Garbled))]
    #[case::noise(Some("\u{0}\u{7f}é,=,;".into()), Err(SignatureError::Garbled))]
    #[case::only_v0(Some(format!("t={NOW},v0={}", good())), Err(SignatureError::NoSignature))]
    #[case::other_time(Some(format!("t={},v1={}", NOW + 1, good())), Err(SignatureError::Mismatch))]
    #[case::upper_case(Some(format!("t={NOW},v1={}", good().to_uppercase())), Err(SignatureError::Mismatch))]
    #[case::cut(Some(format!("t={NOW},v1={}", &good()[..63])), Err(SignatureError::Mismatch))]
    fn each_fault_is_told_apart(
        #[case] header: Option<String>,
        #[case] expected: Result<(), SignatureError>,
    ) {
        assert_eq!(verify(header.as_deref(), BODY, &[secret()], NOW, TOLERANCE), expected);
    }

    #[rstest]
    #[case::at_once(0, Ok(()))]
    #[case::last_moment(300, Ok(()))]
    #[case::too_late(301, Err(SignatureError::Stale { age: 301 }))]
    #[case::our_clock_is_behind(-10_000, Ok(()))]
    fn age_is_judged_as_stripes_libraries_do(
        #[case] later: i64,
        #[case] expected: Result<(), SignatureError>,
    ) {
        let header = header(NOW, &[good()]);
        assert_eq!(verify(Some(&header), BODY, &[secret()], NOW + later, TOLERANCE), expected);
    }

    #[test]
    fn an_empty_secret_never_matches() {
        let empty = Secret::new("");
        let header = header(NOW, &[sign(&empty, NOW, BODY)]);
        assert_eq!(verify(Some(&header), BODY, &[empty], NOW, TOLERANCE), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_forgery_is_not_called_stale() {
        let header = header(NOW, &["0".repeat(64)]);
        let verdict = verify(Some(&header), BODY, &[secret()], NOW + 9_999, TOLERANCE);
        assert_eq!(verdict, Err(SignatureError::Mismatch));
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies(
            key in ".{1,80}",
            other in ".{0,80}",
            body in any::<Vec<u8>>(),
            t in 0_i64..=4_000_000_000,
        ) {
            let (secret, other) = (Secret::new(key), Secret::new(other));
            let header = header(t, &[sign(&other, t, &body), sign(&secret, t, &body)]);
            prop_assert_eq!(verify(Some(&header), &body, &[secret], t, TOLERANCE), Ok(()));
        }

        #[test]
        fn any_flipped_bit_of_the_body_is_refused(
            mut body in prop::collection::vec(any::<u8>(), 1..200),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let header = header(NOW, &[sign(&secret(), NOW, &body)]);
            let at = at.index(body.len());
            body[at] ^= 1_u8 << bit;
            let verdict = verify(Some(&header), &body, &[secret()], NOW, TOLERANCE);
            prop_assert_eq!(verdict, Err(SignatureError::Mismatch));
        }

        #[test]
        fn any_flipped_bit_of_the_header_is_refused(at in any::<prop::sample::Index>(), bit in 0..7_u8) {
            let mut header = header(NOW, &[good()]).into_bytes();
            let at = at.index(header.len());
            header[at] ^= 1_u8 << bit;
            let header = String::from_utf8(header).unwrap();
            prop_assert!(verify(Some(&header), BODY, &[secret()], NOW, TOLERANCE).is_err(), "{}", header);
        }

        #[test]
        fn no_header_panics(header in ".*", body in any::<Vec<u8>>(), now in any::<i64>()) {
            let _ = verify(Some(&header), &body, &[secret()], now, Duration::MAX);
        }
    }
}
