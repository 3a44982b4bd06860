//! The cookies of one customer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// The cookies of one customer in the app; clones share them.
///
/// Simpler than a browser's jar: it is only ever used with the target's own host, and paths are ignored.
#[derive(Debug, Clone, Default)]
pub struct Cookies(Arc<Mutex<BTreeMap<String, String>>>);

/// A cookie that expires before this (2000-01-01) is being deleted. Any app that deletes one this way names the
/// year 1970; a date compared with the clock instead would make a run depend on it.
const LONG_AGO: i64 = 946_684_800;

impl Cookies {
    /// What to send: `a=1; b=2`. `None` where there are none.
    #[must_use]
    pub fn header(&self) -> Option<String> {
        let jar = self.jar();
        let pairs: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Each, as name and value.
    #[cfg(feature = "page")]
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        self.jar().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Takes over what a `Set-Cookie` header says. What is none is ignored, as browsers do.
    pub fn store(&self, set_cookie: &str) {
        let mut parts = set_cookie.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name.chars().chain(value.chars()).any(char::is_control) {
            return;
        }
        if parts.any(deletes) {
            self.jar().remove(name);
        } else {
            self.jar().insert(name.to_owned(), value.to_owned());
        }
    }

    fn jar(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // Nothing can panic while it is locked; and if it did, the map would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn deletes(attribute: &str) -> bool {
    let Some((name, value)) = attribute.split_once('=') else { return false };
    let value = value.trim();
    match name.trim().to_ascii_lowercase().as_str() {
        "max-age" => value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
        "expires" => expires(value).is_some_and(|at| at.as_second() < LONG_AGO),
        _ => false,
    }
}

/// `Thu, 01 Jan 1970 00:00:00 GMT`, or with dashes in the date as older frameworks write it.
fn expires(text: &str) -> Option<Timestamp> {
    let text = text.replace('-', " ");
    jiff::fmt::rfc2822::parse(&text).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], None)]
    #[case::one(&["a=1; Path=/; HttpOnly"], Some("a=1"))]
    #[case::several(&["b=2", "a=1"], Some("a=1; b=2"))]
    #[case::replaced(&["a=1", "a=2; Secure"], Some("a=2"))]
    #[case::value_with_equals(&["a=b=c=="], Some("a=b=c=="))]
    #[case::empty_value(&["a="], Some("a="))]
    #[case::deleted_by_age(&["a=1", "a=; Max-Age=0"], None)]
    #[case::kept_by_age(&["a=1; max-age=3600"], Some("a=1"))]
    #[case::deleted_by_date(&["a=1", "a=; expires=Thu, 01 Jan 1970 00:00:00 GMT"], None)]
    #[case::deleted_by_old_date(&["a=1", "a=; Expires=Thu, 01-Jan-1970 00:00:01 GMT"], None)]
    #[case::kept_by_date(&["a=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT"], Some("a=1"))]
    #[case::bad_date(&["a=1; Expires=soon"], Some("a=1"))]
    #[case::no_cookie(&["", "a", "=1", "a\u{1}=1", "; Path=/"], None)]
    fn cookies_are_kept_as_browsers_do(#[case] set: &[&str], #[case] expected: Option<&str>) {
        let cookies = Cookies::default();
        set.iter().for_each(|header| cookies.clone().store(header));
        assert_eq!(cookies.header().as_deref(), expected);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_a_header(set in prop::collection::vec(any::<String>(), 0..4)) {
            let cookies = Cookies::default();
            set.iter().for_each(|header| cookies.store(header));
            if let Some(header) = cookies.header() {
                prop_assert!(http::HeaderValue::from_str(&header).is_ok(), "{header:?}");
            }
        }
    }
}
