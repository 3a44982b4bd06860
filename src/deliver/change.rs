//! What a line of `send` changes: templates filled in, and the way it travels in words.

use serde_json::Value;

use crate::scenario::model::{BodyStyle, Change, SignatureMode};
use crate::stripe::mutation::RenderedChange;
use crate::time::human;

/// Fills in the templates of a change with `render`, which gets each value to set, and the account.
///
/// # Errors
///
/// Those of `render`. An account that is rendered to something else than text is spelled as JSON.
pub fn render<E>(
    change: &Change,
    mut render: impl FnMut(&Value) -> Result<Value, E>,
) -> Result<RenderedChange, E> {
    let mut set = Vec::with_capacity(change.set.len());
    for (path, value) in &change.set {
        set.push((path.clone(), render(value)?));
    }
    let account = match &change.account {
        None => None,
        Some(account) => Some(match render(&Value::from(account.as_str()))? {
            Value::String(account) => account,
            other => other.to_string(),
        }),
    };
    Ok(RenderedChange {
        set,
        null: change.null.clone(),
        remove: change.remove.clone(),
        created: change.created,
        livemode: change.livemode,
        account,
    })
}

/// What differs in the way a delivery travels, in words: `signed with another secret`. What differs in the
/// event itself is said by [`crate::stripe::mutation::apply`]; a record of the delivery names both.
#[must_use]
pub fn travel_in_words(change: &Change) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(body_in_words(change.body).map(str::to_owned));
    words.extend(signature_in_words(change.signature).map(str::to_owned));
    words.extend(change.delay.map(|delay| format!("sent {} later", human(delay))));
    words.extend(change.timeout.map(|timeout| format!("given up after {}", human(timeout))));
    if change.retry == Some(false) {
        words.push("never tried again".to_owned());
    }
    words
}

fn body_in_words(body: BodyStyle) -> Option<&'static str> {
    match body {
        BodyStyle::Stripe => None,
        BodyStyle::Compact => Some("body without whitespace"),
        BodyStyle::Escaped => Some("body with escaped characters"),
    }
}

fn signature_in_words(signature: SignatureMode) -> Option<&'static str> {
    match signature {
        SignatureMode::Right => None,
        SignatureMode::Missing => Some("not signed"),
        SignatureMode::EmptySecret => Some("signed with an empty secret"),
        SignatureMode::OtherSecret => Some("signed with another secret"),
        SignatureMode::Rolled => Some("signed with a new secret and the right one"),
        SignatureMode::Tampered => Some("changed after it was signed"),
        SignatureMode::Stale => Some("signed an hour ago"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn values_and_account_are_rendered_and_paths_are_not() {
        let change = Change {
            set: vec![("{{ a }}".into(), json!("{{ b }}"))],
            account: Some("{{ c }}".into()),
            null: vec!["x".into()],
            ..Change::default()
        };
        let rendered = render(&change, |value| Ok::<_, ()>(json!(format!("<{}>", value.as_str().unwrap()))));
        let expected = RenderedChange {
            set: vec![("{{ a }}".into(), json!("<{{ b }}>"))],
            account: Some("<{{ c }}>".into()),
            null: vec!["x".into()],
            ..RenderedChange::default()
        };
        assert_eq!(rendered, Ok(expected));
        assert_eq!(render(&change, |_| Err(())), Err(()));
    }

    #[test]
    fn only_what_differs_is_said() {
        assert!(travel_in_words(&Change::default()).is_empty());
        let change = Change {
            body: BodyStyle::Compact,
            signature: SignatureMode::OtherSecret,
            delay: Some(Duration::from_secs(2)),
            timeout: Some(Duration::from_millis(500)),
            retry: Some(false),
            ..Change::default()
        };
        assert_eq!(
            travel_in_words(&change),
            [
                "body without whitespace",
                "signed with another secret",
                "sent 2 s later",
                "given up after 500 ms",
                "never tried again",
            ]
        );
    }
}
