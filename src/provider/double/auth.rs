//! Who may call, and in which version: any test key, any release whose shapes the double speaks.

use super::error::ApiError;
use crate::stripe::object::NEWEST;

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

/// Checks the `Stripe-Version` header. Releases since 2025-03-31.basil have the shapes that the double keeps;
/// older ones would be answered wrongly, so they are refused by name.
///
/// # Errors
/// Stripe's own for what is no version; 501 for one that is not spoken.
pub(crate) fn check_version(version: Option<&str>) -> Result<(), ApiError> {
    let Some(version) = version else { return Ok(()) };
    let date = version.get(..10).unwrap_or_default();
    let is_date = date.len() == 10
        && date
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let release = version.get(10..).unwrap_or_default();
    if !is_date || !(release.is_empty() || release.starts_with('.')) {
        let shown: String = version.chars().take(40).collect();
        return Err(ApiError::invalid(format!("Invalid Stripe API version: {shown}")));
    }
    if !speaks(version) {
        return Err(ApiError::not_modelled(&format!("Stripe-Version {version} (answers are in {NEWEST})")));
    }
    Ok(())
}

/// Whether answers in the newest shape are right for this version.
pub(crate) fn speaks(version: &str) -> bool {
    version.get(..10).is_some_and(|date| date >= "2025-03-31")
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
    #[case(None, 200)]
    #[case(Some("2026-10-28.endive"), 200)]
    #[case(Some("2025-03-31.basil"), 200)]
    #[case(Some("2024-06-20"), 501)]
    #[case(Some("2025-02-24.acacia"), 501)]
    #[case(Some("newest"), 400)]
    #[case(Some("2026-10-2é"), 400)]
    fn versions(#[case] version: Option<&str>, #[case] status: u16) {
        assert_eq!(check_version(version).map_or_else(|error| error.status, |()| 200), status);
    }
}
