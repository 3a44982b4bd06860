//! The path of a call, as Stripe reads it: escapes first, then parts.

use percent_encoding::percent_decode_str;

use super::error::ApiError;

/// The path without escapes.
///
/// # Errors
/// Stripe's, for a path that no route of any API can have: with an empty part, where an id was forgotten, with parts
/// that lead elsewhere, or with what is no text.
pub(crate) fn read(method: &str, raw: &str) -> Result<String, ApiError> {
    let unescaped = percent_decode_str(raw);
    let Ok(path) = unescaped.clone().decode_utf8() else {
        return Err(ApiError::unrecognized(method, &unescaped.decode_utf8_lossy()));
    };
    let inside = path.strip_prefix('/').unwrap_or(&path);
    let (inside, slash) = match inside.strip_suffix('/') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains(char::is_control);
    if (slash || !inside.is_empty()) && inside.split('/').any(odd) {
        return Err(ApiError::unrecognized(method, &path));
    }
    if slash {
        let error = ApiError::unrecognized(method, &path);
        return Err(if method == "GET" { error.forgotten_id() } else { error });
    }
    Ok(path.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HINT: &str = "remove the trailing slash";

    #[rstest::rstest]
    #[case("/", "/")]
    #[case("/v1/customers", "/v1/customers")]
    #[case("/v1/customers/cus_1", "/v1/customers/cus_1")]
    #[case("/v1/plans/pro%20plan+%C3%A9%zz", "/v1/plans/pro plan+é%zz")]
    #[case("/v1/plans/pro%2fmonthly", "/v1/plans/pro/monthly")]
    #[case("/v1/coupons/10...off", "/v1/coupons/10...off")]
    #[case("*", "*")]
    fn paths_are_read(#[case] raw: &str, #[case] path: &str) {
        assert_eq!(read("GET", raw).unwrap(), path);
    }

    #[rstest::rstest]
    #[case("GET", "/v1/customers/", true)]
    #[case("DELETE", "/v1/customers/", false)]
    #[case("POST", "/v1/customers//sources", false)]
    #[case("GET", "//v1/customers", false)]
    #[case("GET", "//", false)]
    #[case("GET", "/v1/customers/../prices", false)]
    #[case("GET", "/v1/customers/%2e%2E/prices", false)]
    #[case("GET", "/v1/customers/%2e", false)]
    #[case("GET", "/v1/customers/..%2f..%2fx", false)]
    #[case("GET", "/v1/customers/cus_1%00", false)]
    #[case("GET", "/v1/customers/cus_1%0d%0aset-cookie:x", false)]
    #[case("GET", "/v1/customers/%ff%fe", false)]
    fn what_is_no_path_is_not_recognized(#[case] method: &str, #[case] raw: &str, #[case] hint: bool) {
        let error = read(method, raw).unwrap_err();
        assert_eq!(error.status, 404);
        let message = error.to_string();
        assert!(message.starts_with(&format!("Unrecognized request URL ({method}: /")), "{message}");
        assert_eq!(message.contains(HINT), hint, "{message}");
    }
}
