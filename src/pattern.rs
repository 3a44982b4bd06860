//! Patterns in which `*` stands for any text, also none: of names, and of HTTP calls.

/// Whether a text is like a pattern. Looks at each byte of both once per star.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether a call is like a pattern: `GET /v1/subscriptions/*`, or a path only.
pub(crate) fn is_about(pattern: &str, method: &str, path: &str) -> bool {
    let (wanted, pattern) = pattern.split_once(char::is_whitespace).unwrap_or(("*", pattern));
    (wanted == "*" || wanted.eq_ignore_ascii_case(method)) && is_like(pattern.trim(), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("GET /v1/subscriptions/*", "GET", "/v1/subscriptions/sub_1", true)]
    #[case("get /v1/subscriptions/*", "GET", "/v1/subscriptions/sub_1", true)]
    #[case("GET /v1/subscriptions/*", "POST", "/v1/subscriptions/sub_1", false)]
    #[case("GET /v1/subscriptions/*", "GET", "/v1/subscriptions", false)]
    #[case("/v1/*", "DELETE", "/v1/customers/cus_1", true)]
    #[case("* /v1/invoices/*/pay", "POST", "/v1/invoices/in_1/pay", true)]
    #[case("* /v1/invoices/*/pay", "POST", "/v1/invoices/in_1", false)]
    #[case("POST /v1/customers", "POST", "/v1/customers", true)]
    #[case("POST /v1/customers", "POST", "/v1/customers/cus_1", false)]
    #[case("GET *a*a", "GET", "a", false)]
    #[case("GET *a*a", "GET", "aa", true)]
    #[case("POST /contacts", "POST", "/contacts", true)]
    #[case("post /contacts", "POST", "/contacts", true)]
    #[case("POST /contacts", "PUT", "/contacts", false)]
    #[case("POST /contacts", "POST", "/contacts/1", false)]
    #[case("/contacts/*", "DELETE", "/contacts/1", true)]
    #[case("* /contacts/*/notes", "PUT", "/contacts/1/notes", true)]
    #[case("* /contacts/*/notes", "PUT", "/contacts/1", false)]
    #[case("* *a*a", "GET", "a", false)]
    #[case("* *a*a", "GET", "aa", true)]
    fn calls(#[case] pattern: &str, #[case] method: &str, #[case] path: &str, #[case] expected: bool) {
        assert_eq!(is_about(pattern, method, path), expected);
    }
}
