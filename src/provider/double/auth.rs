//! Who may call, and in which version: any test key, any version whose shapes are modelled.

use http::{HeaderMap, HeaderValue};

use super::AnswersIn;
use super::error::ApiError;
use crate::stripe::version::{Version, VersionError};

/// Checks the `Authorization` header: `Bearer sk_test_…`, or `Basic` with the key as user.
///
/// # Errors
/// 401 for a missing, malformed, publishable or live key: a live one must never be sent to a double.
pub(crate) fn check(header: Option<&str>) -> Result<(), ApiError> {
    let missing = || {
        ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, \
             using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
             https://stripe.com/docs/api#authentication for details.",
        )
    };
    let (scheme, credentials) =
        header.and_then(|header| header.trim().split_once(' ')).ok_or_else(missing)?;
    let decoded;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        credentials.trim()
    } else if scheme.eq_ignore_ascii_case("basic") {
        decoded = decode_base64(credentials.trim()).ok_or_else(missing)?;
        decoded.split(':').next().unwrap_or_default()
    } else {
        return Err(missing());
    };
    if key.is_empty() {
        return Err(missing());
    }
    let secret = key.starts_with("sk_") || key.starts_with("rk_");
    if !secret || key.starts_with("sk_live") || key.starts_with("rk_live") {
        let start: String = key.chars().take(8).collect();
        return Err(ApiError::unauthorized(format!("Invalid API Key provided: {start}****")));
    }
    Ok(())
}

/// Checks that the call is about the caller's own account: what is done on behalf of others is not modelled.
///
/// # Errors
/// Stripe's for what can be no account, 501 for what can.
pub(crate) fn own_account(headers: &HeaderMap) -> Result<(), ApiError> {
    for name in ["stripe-account", "stripe-context"] {
        let Some(id) = headers.get(name).map(HeaderValue::as_bytes).filter(|id| !id.is_empty()) else {
            continue;
        };
        let id = String::from_utf8_lossy(id);
        let letters = id.strip_prefix("acct_").unwrap_or_default();
        let is_id = !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if name == "stripe-account" && !is_id {
            return Err(ApiError::no_such_account(&id));
        }
        let name = if name == "stripe-account" { "Stripe-Account" } else { "Stripe-Context" };
        return Err(ApiError::not_modelled(&format!("header {name}")));
    }
    Ok(())
}

/// The version in which a call is answered: the one that is fixed, else what its `Stripe-Version` header says, else
/// the account's `own`.
///
/// # Errors
/// Stripe's own for a header that is no version; 501 for one whose shapes are not modelled.
pub(crate) fn version(
    header: Option<&str>,
    answers_in: AnswersIn,
    own: Version,
) -> Result<Version, ApiError> {
    let asked = header.map_or(Ok(own), Version::in_full).map_err(|error| match error {
        VersionError::Invalid(_) => ApiError::invalid(error.to_string()),
        VersionError::NotModelled(version) => ApiError::not_modelled(&format!("Stripe-Version {version}")),
    })?;
    Ok(match answers_in {
        AnswersIn::Asked => asked,
        AnswersIn::Version(version) => version,
    })
}

/// Standard base64, padded or not; only text comes out.
fn decode_base64(text: &str) -> Option<String> {
    let mut plain = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            plain.push((bits >> held & 0xff) as u8);
        }
    }
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(None, false)]
    #[case(Some("Bearer sk_test_x"), true)]
    #[case(Some("bearer rk_test_x"), true)]
    #[case(Some("Bearer sk_x"), true)]
    #[case(Some("Bearer sk_live_x"), false)]
    #[case(Some("Bearer rk_live_x"), false)]
    #[case(Some("Bearer pk_test_x"), false)]
    #[case(Some("Bearer "), false)]
    #[case(Some("Basic c2tfdGVzdF94Og=="), true)]
    #[case(Some("Basic c2tfdGVzdF94Og"), true)]
    #[case(Some("Basic c2tfbGl2ZV94Og=="), false)]
    #[case(Some("Basic !!!"), false)]
    #[case(Some("Digest x"), false)]
    fn keys(#[case] header: Option<&str>, #[case] accepted: bool) {
        assert_eq!(check(header).is_ok(), accepted);
    }

    #[rstest::rstest]
    #[case(None, Ok("2026-10-28.endive"))]
    #[case(Some("2025-03-31.basil"), Ok("2025-03-31.basil"))]
    #[case(Some("2024-06-20"), Ok("2024-06-20"))]
    #[case(Some("2019-12-03"), Err(501))]
    #[case(Some("newest"), Err(400))]
    #[case(Some("basil"), Err(400))]
    #[case(Some("2026-10-2é"), Err(400))]
    fn versions(#[case] header: Option<&str>, #[case] expected: Result<&'static str, u16>) {
        let read = |answers_in| version(header, answers_in, Version::NEWEST).map_err(|error| error.status);
        assert_eq!(read(AnswersIn::Asked).map(Version::as_str), expected);
        let clover: Version = "2025-09-30.clover".parse().unwrap();
        let fixed = expected.map(|_| clover);
        assert_eq!(read(AnswersIn::Version(clover)), fixed, "a fixed version forgives no mistake");
    }
}
