//! How values are written in verdicts.

use serde_json::Value;

/// Longer values are cut: a verdict is read by people, and the whole value is in the evidence.
const LONGEST: usize = 200;

/// A value as JSON, cut at 200 characters.
pub(crate) fn json(value: &Value) -> String {
    cut(&value.to_string())
}

/// The same, for a value that may not be there.
pub(crate) fn found(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), json)
}

/// At most 200 characters of a text.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// `1 reading`, `211 readings`.
pub(crate) fn readings(count: u32) -> String {
    if count == 1 { "1 reading".to_owned() } else { format!("{count} readings") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_values_are_cut_at_characters() {
        let long = json(&json!("ü".repeat(500)));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(long.starts_with("\"üü") && long.ends_with('…'));
        assert_eq!(cut(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
    }

    #[test]
    fn what_is_not_there_is_absent() {
        assert_eq!(found(None), "absent");
        assert_eq!(found(Some(&Value::Null)), "null");
    }
}
