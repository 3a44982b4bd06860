//! Entries for tests.

use jiff::Timestamp;
use serde_json::Value;

use super::entry::{Draft, RunKey};

pub(crate) fn key(run: &str) -> RunKey {
    RunKey { project: "acme".to_owned(), environment: "ci".to_owned(), run: run.to_owned() }
}

/// Something of attempt `a1`, at a moment that is always the same.
pub(crate) fn draft(run: &str, kind: &'static str, body: Value) -> Draft {
    let at = Timestamp::from_second(1_795_000_000).unwrap();
    let Value::Object(body) = body else { panic!("a body is an object") };
    Draft { key: key(run), at, attempt: Some("a1".to_owned()), kind, body }
}
