//! Replaces what belongs to a person, or to an account: everything that is not known to be Stripe's own word.
//!
//! A text stays only where its key is one that Stripe fills with words of its own (`status`, `currency`); ids become
//! others of the same kind, the same everywhere; numbers stay, but for those of a card.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Keys whose texts are Stripe's words, not a person's (docs.stripe.com/api).
const WORDS: &[&str] = &[
    "address_line1_check",
    "address_postal_code_check",
    "api_version",
    "behavior",
    "billing_address_collection",
    "billing_reason",
    "billing_scheme",
    "brand",
    "collection_method",
    "currency",
    "customer_creation",
    "cvc_check",
    "decline_code",
    "failure_code",
    "feedback",
    "funding",
    "interval",
    "missing_payment_method",
    "mode",
    "network",
    "network_status",
    "object",
    "payment_behavior",
    "payment_method_collection",
    "payment_status",
    "presentment_currency",
    "proration_behavior",
    "proration_discounts",
    "reason",
    "risk_level",
    "save_default_payment_method",
    "setup_future_usage",
    "status",
    "submit_type",
    "tax_behavior",
    "tax_exempt",
    "tiers_mode",
    "type",
    "ui_mode",
    "usage",
    "usage_type",
];
/// The same, of lists of words.
const LISTS: &[&str] = &["allowed_payment_method_types", "enabled_events", "payment_method_types"];
/// Numbers that tell a card, or a birthday.
const CARD: &[&str] = &["exp_month", "exp_year", "day", "month", "year"];

/// What has been replaced so far.
#[derive(Debug, Default)]
pub(super) struct Redaction {
    /// The id that stands for another.
    ids: BTreeMap<String, String>,
    /// The paths where something was replaced.
    paths: BTreeSet<String>,
    /// Ids and texts that must not be left anywhere.
    gone: BTreeSet<String>,
}

impl Redaction {
    /// The same event, without anybody in it; never a live one.
    pub(super) fn event(&mut self, event: &Value) -> Value {
        let mut redacted = self.value("", "", event);
        if let Some(fields) = redacted.as_object_mut() {
            if event["livemode"] == true {
                self.paths.insert("livemode".to_owned());
            }
            fields.insert("livemode".to_owned(), false.into());
            if fields.contains_key("request") {
                fields
                    .insert("request".to_owned(), serde_json::json!({ "id": null, "idempotency_key": null }));
            }
        }
        redacted
    }

    /// The fields of metadata, each with a value of ours.
    pub(super) fn metadata(&mut self, path: &str, metadata: &Map<String, Value>) -> Map<String, Value> {
        let mut redacted = Map::new();
        for (index, (key, value)) in metadata.iter().enumerate() {
            let name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            let long = key.bytes().filter(u8::is_ascii_digit).count() > 3 || key.len() > 40;
            let plain = !key.is_empty() && !long && key.chars().all(name);
            let key = if plain { key.clone() } else { format!("key-{}", index + 1) };
            self.forget(&format!("{path}.{key}"), value);
            redacted.insert(key, format!("redacted-{}", index + 1).into());
        }
        redacted
    }

    /// Everything that was replaced, by path; lists have one path for all their items.
    pub(super) fn replaced(self) -> BTreeSet<String> {
        self.paths
    }

    /// Something that was replaced and still stands in this text, if anything does. Short texts, and words of a file
    /// of ours, tell nothing.
    pub(super) fn left_in(&self, text: &str) -> Option<&str> {
        self.gone.iter().map(String::as_str).find(|gone| {
            let telling = gone.contains('@') || gone.len() >= 10 && gone.bytes().any(|b| b.is_ascii_digit());
            telling && text.contains(gone)
        })
    }

    /// Notes that something is replaced.
    fn forget(&mut self, path: &str, value: &Value) {
        if value.is_null() {
            return;
        }
        self.paths.insert(path.to_owned());
        if let Value::String(text) = value {
            self.gone.insert(text.clone());
        }
    }

    fn value(&mut self, path: &str, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) if key == "metadata" => Value::Object(self.metadata(path, fields)),
            Value::Object(fields) => Value::Object(self.fields(path, fields)),
            Value::Array(items) => items.iter().map(|item| self.value(path, key, item)).collect(),
            Value::String(text) => self.text(path, key, text).into(),
            Value::Number(_) if CARD.contains(&key) => {
                self.forget(path, value);
                if key.ends_with("year") { 2034.into() } else { 12.into() }
            }
            other => other.clone(),
        }
    }

    fn fields(&mut self, path: &str, fields: &Map<String, Value>) -> Map<String, Value> {
        let mut redacted = Map::new();
        for (key, value) in fields {
            let key = self.key(path, key, redacted.len());
            let key = key.as_str();
            let below = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            let value = self.value(&below, key, value);
            redacted.insert(key.to_owned(), value);
        }
        redacted
    }

    /// Stripe's own names are small words; another key is somebody's.
    fn key(&mut self, path: &str, key: &str, index: usize) -> String {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !key.is_empty() && key.chars().all(word) && key.len() <= 60 {
            return key.to_owned();
        }
        self.forget(&format!("{path}.(a key)"), &Value::from(key));
        format!("key_{}", index + 1)
    }

    fn text(&mut self, path: &str, key: &str, text: &str) -> String {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
        let words = WORDS.contains(&key) || LISTS.contains(&key);
        // The person's name could stand nowhere else than at a key that Stripe has for it.
        if words && text.chars().all(word) && text.len() <= 60 {
            return text.to_owned();
        }
        let amount = key.ends_with("_decimal") && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if amount || text.is_empty() {
            return text.to_owned();
        }
        self.paths.insert(path.to_owned());
        self.gone.insert(text.to_owned());
        if let Some(prefix) = id_prefix(text) {
            let number = self.ids.len() + 1;
            let made = || format!("{prefix}_redacted{number}");
            return self.ids.entry(text.to_owned()).or_insert_with(made).clone();
        }
        match key {
            _ if key == "email" || key.ends_with("_email") => "customer@example.com".to_owned(),
            "url" if text.starts_with('/') => "/v1/redacted".to_owned(),
            _ if text.starts_with("https://") => "https://example.com/redacted".to_owned(),
            "last4" => "4242".to_owned(),
            "country" => "US".to_owned(),
            _ => "redacted".to_owned(),
        }
    }
}

/// `cus` of `cus_9s6XKzkNRiz8i3`, `cs_test` of `cs_live_…`; nothing for what is no id.
fn id_prefix(text: &str) -> Option<&'static str> {
    /// How ids start (docs.stripe.com/api).
    const PREFIXES: &[&str] = &[
        "acct",
        "ba",
        "card",
        "ch",
        "cn",
        "co",
        "cs",
        "cus",
        "di",
        "dp",
        "du",
        "evt",
        "fr",
        "il",
        "in",
        "ii",
        "inpay",
        "li",
        "mbur",
        "pi",
        "plan",
        "pm",
        "po",
        "price",
        "prod",
        "promo",
        "py",
        "pyr",
        "qt",
        "re",
        "req",
        "seti",
        "si",
        "src",
        "sub",
        "sub_sched",
        "tax",
        "tr",
        "tu",
        "txi",
        "txn",
        "txr",
        "we",
    ];
    let rest = |prefix: &str| {
        let rest = text.strip_prefix(prefix)?.strip_prefix('_')?;
        (!rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(())
    };
    if rest("cs_test").or_else(|| rest("cs_live")).is_some() {
        return Some("cs_test");
    }
    PREFIXES.iter().filter(|prefix| rest(prefix).is_some()).max_by_key(|prefix| prefix.len()).copied()
}
