//! Secrets: readable in one place, printed nowhere.

use std::fmt;

use zeroize::Zeroizing;

/// A value that must never reach a sink. It has no `Display`; its `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself: for the signature, header or connection that needs it, and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown instead: `whsec_…`, `sk_test_…`, or `…`.
    #[must_use]
    pub fn masked(&self) -> String {
        const KINDS: [&str; 9] = [
            "whsec_", "sk_test_", "sk_live_", "rk_test_", "rk_live_", "pk_test_", "pk_live_", "Bearer ",
            "Basic ",
        ];
        let kind = KINDS.iter().find(|kind| self.0.starts_with(**kind)).copied().unwrap_or_default();
        format!("{kind}…")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Replaces known secrets in text. Stands before the first sink.
#[derive(Clone, Default)]
pub struct Redactor {
    /// What to look for, and what to put there.
    forms: Vec<(Zeroizing<String>, String)>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("forms", &self.forms.len()).finish()
    }
}

/// Shorter values are not looked for: they would blank ordinary words.
const SHORTEST: usize = 6;

impl Redactor {
    /// Longest first, so that a secret that contains another one is masked whole.
    #[must_use]
    pub fn new(mut secrets: Vec<Secret>) -> Self {
        secrets.retain(|secret| secret.expose().len() >= SHORTEST);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        secrets.dedup();
        let forms = secrets.iter().flat_map(|secret| {
            forms(secret.expose()).into_iter().map(|form| (Zeroizing::new(form), secret.masked()))
        });
        Self { forms: forms.collect() }
    }

    /// `text` with every known secret masked, also where it stands URL-encoded or JSON-escaped.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.masked(text).unwrap_or_else(|| text.to_owned())
    }

    /// The same, or `None` where there is nothing to mask.
    #[must_use]
    pub fn masked(&self, text: &str) -> Option<String> {
        let mut masked: Option<String> = None;
        for (form, mask) in &self.forms {
            let text = masked.as_deref().unwrap_or(text);
            if text.contains(form.as_str()) {
                masked = Some(text.replace(form.as_str(), mask));
            }
        }
        masked
    }

    /// The same for every string in a JSON value, keys included.
    pub fn redact_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Some(masked) = self.masked(text) {
                    *text = masked;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            serde_json::Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.redact_json(field));
                if fields.keys().any(|key| self.masked(key).is_some()) {
                    let old = std::mem::take(fields);
                    fields.extend(old.into_iter().map(|(key, field)| (self.redact(&key), field)));
                }
            }
            _ => {}
        }
    }
}

/// The spellings in which a secret reaches text: plain, in a URL, in a JSON string.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let encoded: String = secret
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let escaped = serde_json::Value::from(secret).to_string();
    let escaped = escaped.trim_matches('"').to_owned();
    for form in [encoded, escaped] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("whsec_abcdef123", "signed with whsec_abcdef123.", "signed with whsec_….")]
    #[case("p@ss/word", "postgres://u:p%40ss%2Fword@host", "postgres://u:…@host")]
    #[case("quote\"inside", r#"{"a":"quote\"inside"}"#, r#"{"a":"…"}"#)]
    #[case("short", "short stays", "short stays")]
    fn every_spelling_is_masked(#[case] secret: &str, #[case] text: &str, #[case] expected: &str) {
        let redactor = Redactor::new(vec![Secret::new(secret)]);
        assert_eq!(redactor.redact(text), expected);
    }

    #[test]
    fn json_is_masked_in_keys_and_values() {
        let redactor = Redactor::new(vec![Secret::new("sk_test_12345")]);
        let mut value = serde_json::json!({ "sk_test_12345": ["Bearer sk_test_12345"] });
        redactor.redact_json(&mut value);
        assert_eq!(value, serde_json::json!({ "sk_test_…": ["Bearer sk_test_…"] }));
    }

    #[test]
    fn debug_tells_the_kind_only() {
        assert_eq!(format!("{:?}", Secret::new("whsec_abc")), "whsec_…");
    }
}
