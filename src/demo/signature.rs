//! Stripe's webhook signature, checked over the bytes that came.
//!
//! `Stripe-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "{t}.{body}">`, the whole `whsec_…` string as
//! key, several `v1` while a secret is rolled (<https://docs.stripe.com/webhooks#verify-manually>).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How old or how far ahead a signature may be, in seconds: what Stripe's own libraries use.
pub(super) const TOLERANCE: i64 = 300;

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("find a `Stripe-Signature` header")]
    Missing,
    #[error("read the `Stripe-Signature` header")]
    Malformed,
    #[error("match a signature with the endpoint's secret")]
    NoMatch,
    #[error("accept a signature that is more than {TOLERANCE} s off")]
    TooOld,
}

/// Whether the age of a signature counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Checked,
    Ignored,
}

/// Checks that somebody who knows one of the `secrets` signed these bytes within the tolerance around `now`.
pub(super) fn verify(
    header: Option<&str>,
    body: &[u8],
    secrets: &[&str],
    now: i64,
    age: Age,
) -> Result<(), SignatureError> {
    let (signed_at, signatures) = parse(header.ok_or(SignatureError::Missing)?)?;
    let matches =
        |signature: &Vec<u8>| secrets.iter().any(|secret| is_right(secret, signed_at, body, signature));
    if !signatures.iter().any(matches) {
        return Err(SignatureError::NoMatch);
    }
    match age {
        Age::Checked if now.saturating_sub(signed_at).unsigned_abs() > TOLERANCE.unsigned_abs() => {
            Err(SignatureError::TooOld)
        }
        Age::Checked | Age::Ignored => Ok(()),
    }
}

/// The time and the `v1` signatures of the header; other schemes are passed over, as Stripe asks.
fn parse(header: &str) -> Result<(i64, Vec<Vec<u8>>), SignatureError> {
    let pairs = || header.split(',').filter_map(|pair| pair.trim().split_once('='));
    let signed_at = pairs().find(|(key, _)| *key == "t").and_then(|(_, value)| value.parse().ok());
    let signatures = pairs().filter(|(key, _)| *key == "v1").filter_map(|(_, value)| hex::decode(value).ok());
    Ok((signed_at.ok_or(SignatureError::Malformed)?, signatures.collect()))
}

fn is_right(secret: &str, signed_at: i64, body: &[u8], signature: &[u8]) -> bool {
    sign(secret, signed_at, body).is_some_and(|right| right.ct_eq(signature).into())
}

/// The signature of a body; HMAC takes keys of every length, so there always is one.
pub(super) fn sign(secret: &str, signed_at: i64, body: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{signed_at}.").as_bytes());
    mac.update(body);
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_764_000_000;
    const SECRET: &str = "whsec_right";

    fn v1(secret: &str, at: i64) -> String {
        hex::encode(sign(secret, at, b"{}").unwrap())
    }

    fn check(header: &str, body: &[u8], expected: Result<(), SignatureError>) {
        assert_eq!(verify(Some(header), body, &[SECRET], NOW, Age::Checked), expected, "{header}");
    }

    #[rstest::rstest]
    #[case(0, Ok(()))]
    #[case(-300, Ok(()))]
    #[case(300, Ok(()))]
    #[case(-301, Err(SignatureError::TooOld))]
    #[case(301, Err(SignatureError::TooOld))]
    #[case(i64::MIN + NOW, Err(SignatureError::TooOld))]
    fn the_tolerance_is_five_minutes_both_ways(
        #[case] off: i64,
        #[case] expected: Result<(), SignatureError>,
    ) {
        let at = NOW.saturating_add(off);
        check(&format!("t={at},v1={}", v1(SECRET, at)), b"{}", expected);
    }

    #[test]
    fn any_of_several_signatures_will_do() {
        let (right, wrong) = (v1(SECRET, NOW), v1("whsec_rolled", NOW));
        check(&format!("t={NOW},v1={wrong},v1={right},v0=00"), b"{}", Ok(()));
        check(&format!("t={NOW},v1={wrong},v1={wrong}"), b"{}", Err(SignatureError::NoMatch));
    }

    #[test]
    fn a_signature_is_for_its_own_body_time_and_secret() {
        let right = v1(SECRET, NOW);
        check(&format!("t={NOW},v1={right}"), b"{ }", Err(SignatureError::NoMatch));
        check(&format!("t={},v1={right}", NOW - 1), b"{}", Err(SignatureError::NoMatch));
        check(&format!("t={NOW},v1={}", v1("", NOW)), b"{}", Err(SignatureError::NoMatch));
        check(&format!("t={NOW},v1={}", &right[..62]), b"{}", Err(SignatureError::NoMatch));
    }

    #[rstest::rstest]
    #[case("", SignatureError::Malformed)]
    #[case("t=soon,v1=00", SignatureError::Malformed)]
    #[case("v1=00", SignatureError::Malformed)]
    #[case("t=1764000000", SignatureError::NoMatch)]
    #[case("t=1764000000,v1=", SignatureError::NoMatch)]
    #[case("t=1764000000,v1=nothex", SignatureError::NoMatch)]
    #[case("t=1764000000,v0=00", SignatureError::NoMatch)]
    fn nonsense_is_refused(#[case] header: &str, #[case] expected: SignatureError) {
        check(header, b"{}", Err(expected));
    }

    #[test]
    fn a_missing_header_is_refused() {
        assert_eq!(verify(None, b"{}", &[SECRET], NOW, Age::Checked), Err(SignatureError::Missing));
    }

    /// Computed with `openssl dgst -sha256 -hmac`, so that one mistake in both directions would be seen.
    #[test]
    fn agrees_with_openssl() {
        let right = "96c0d18d1208c3503192e5db7d14cc4dfd6f0c3719dd346300c042ae42e4f1cd";
        assert_eq!(v1(SECRET, NOW), right);
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(header in ".*", body in proptest::collection::vec(0u8.., 0..64)) {
            let _ = verify(Some(&header), &body, &[SECRET], NOW, Age::Checked);
        }
    }
}
