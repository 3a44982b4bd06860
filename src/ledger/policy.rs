//! What of evidence belongs to a person, and what stands there instead.
//!
//! Names, e-mail and postal addresses, telephone numbers and cards are replaced by a keyed hash (`email:3f9c2a1b7d4e`):
//! equal values have equal hashes, so that one customer stays one customer in a run and between runs, and nobody without
//! the ledger's key can tell whose they are. The key is made with the ledger and stays in it: it protects what leaves the
//! ledger (exports, reports, incidents), and the ledger itself is for its owner alone. Ids of Stripe's stay: they say
//! nothing to whom has no access to the account.

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use regex::{Captures, Regex};
use serde_json::{Map, Value};
use sha2::Sha256;

/// Replaces what belongs to a person.
#[derive(Clone)]
pub struct Policy {
    key: Vec<u8>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Policy")
    }
}

/// Of what kind a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Personal {
    Name,
    Email,
    Phone,
    Address,
    Card,
}

impl Personal {
    fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::Card => "card",
        }
    }
}

/// Names of persons, wherever they stand.
const NAMES: &[&str] = &[
    "account_holder_name",
    "cardholder_name",
    "customer_name",
    "first_name",
    "full_name",
    "last_name",
    "name_on_card",
    "surname",
];
/// Parts of a postal address, and what places a person.
const ADDRESSES: &[&str] =
    &["city", "client_ip", "ip", "ip_address", "line1", "line2", "postal_code", "street", "zip"];
/// What tells a card or an account of a bank (docs.stripe.com/api/payment_methods/object), and a birthday.
const CARDS: &[&str] = &[
    "account_number",
    "bsb_number",
    "card_number",
    "cvc",
    "cvv",
    "date_of_birth",
    "dob",
    "dynamic_last4",
    "exp_month",
    "exp_year",
    "iban",
    "iin",
    "last4",
    "routing_number",
    "sort_code",
];
/// Below these a `name` is a person's.
const PERSONS: &[&str] =
    &["billing", "customer", "owner", "payer", "person", "recipient", "shipping", "user"];

/// An e-mail address, also where it stands in a URL.
static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)[a-z0-9._%+'-]+(?:@|%40)[a-z0-9-]+(?:\.[a-z0-9-]+)+").ok());
/// A key of Stripe's: nobody's alone, but what a person types may hold one.
static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b((?:sk|rk)_(?:live|test)_|whsec_)[A-Za-z0-9+/=_]{6,}").ok());
/// What may be the number of a card.
static CARD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(?:\d[ -]?){12,18}\d\b").ok());

impl Policy {
    /// With the key of the ledger that the evidence goes to.
    #[must_use]
    pub fn new(key: Vec<u8>) -> Self {
        Self { key }
    }

    /// Replaces what belongs to a person anywhere in a value.
    pub fn redact(&self, value: &mut Value) {
        self.value("", value);
    }

    /// The same in a table.
    pub fn redact_map(&self, fields: &mut Map<String, Value>) {
        self.fields("", fields);
    }

    /// The same in a text: as JSON where it is JSON.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if text.trim_start().starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(text)
        {
            self.redact(&mut value);
            return value.to_string();
        }
        self.plain(text)
    }

    fn plain(&self, text: &str) -> String {
        let mut out = std::borrow::Cow::Borrowed(text);
        // Neither can be there without these, which most texts lack.
        if let Some(email) = &*EMAIL
            && (text.contains('@') || text.contains("%40"))
        {
            let mark = |found: &Captures<'_>| self.mark(Personal::Email, &found[0].replace("%40", "@"));
            out = email.replace_all(text, mark).into_owned().into();
        }
        if let Some(key) = &*KEY
            && ["sk_", "rk_", "whsec_"].iter().any(|start| out.contains(start))
        {
            out = key.replace_all(&out, |found: &Captures<'_>| format!("{}…", &found[1])).into_owned().into();
        }
        if let Some(card) = &*CARD
            && out.bytes().filter(u8::is_ascii_digit).count() >= 13
        {
            let mark = |found: &Captures<'_>| {
                let digits: String = found[0].chars().filter(char::is_ascii_digit).collect();
                if is_card(&digits) { self.mark(Personal::Card, &digits) } else { found[0].to_owned() }
            };
            out = card.replace_all(&out, mark).into_owned().into();
        }
        out.into_owned()
    }

    fn value(&self, key: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => self.fields(key, fields),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(key, item)),
            Value::String(text) => *text = self.text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn fields(&self, key: &str, fields: &mut Map<String, Value>) {
        let person = is_person(key, fields);
        // Of a card, and not of an incident.
        let card = fields.contains_key("last4");
        for (name, value) in fields.iter_mut() {
            let kind = (card && name == "fingerprint").then_some(Personal::Card);
            match kind.or_else(|| personal(name, person)) {
                Some(kind) => self.mark_all(kind, value),
                None => self.value(name, value),
            }
        }
    }

    /// Replaces every text and number in it.
    fn mark_all(&self, kind: Personal, value: &mut Value) {
        match value {
            Value::String(text) if !text.is_empty() => *text = self.mark(kind, text),
            Value::Number(number) => *value = self.mark(kind, &number.to_string()).into(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.mark_all(kind, item)),
            // The country decides the tax, and is nobody's alone.
            Value::Object(fields) => fields
                .iter_mut()
                .filter(|(name, _)| *name != "country")
                .for_each(|(_, value)| self.mark_all(kind, value)),
            Value::String(_) | Value::Null | Value::Bool(_) => {}
        }
    }

    fn mark(&self, kind: Personal, text: &str) -> String {
        let word = kind.word();
        // What was replaced already stays: evidence passes here more than once.
        if is_mark(word, text) {
            return text.to_owned();
        }
        let Ok(mut hash) = Hmac::<Sha256>::new_from_slice(&self.key) else { return format!("{word}:…") };
        hash.update(text.trim().to_lowercase().as_bytes());
        let hash = hex::encode(hash.finalize().into_bytes());
        format!("{word}:{}", hash.get(..12).unwrap_or_default())
    }
}

fn is_mark(word: &str, text: &str) -> bool {
    let hash = text.strip_prefix(word).and_then(|rest| rest.strip_prefix(':'));
    hash.is_some_and(|hash| hash.len() == 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a table is about a person: a product's name stays.
fn is_person(key: &str, fields: &Map<String, Value>) -> bool {
    let object = fields.get("object").and_then(Value::as_str);
    let beside = ["email", "phone", "address"].iter().any(|name| fields.contains_key(*name));
    object == Some("customer") || beside || PERSONS.iter().any(|word| key.contains(word))
}

fn personal(name: &str, person: bool) -> Option<Personal> {
    let name = name.to_ascii_lowercase();
    let name = name.as_str();
    match name {
        _ if name.ends_with("email") => Some(Personal::Email),
        _ if name.ends_with("phone") => Some(Personal::Phone),
        _ if name == "address" || name.ends_with("_address") && name != "email_address" => {
            Some(Personal::Address)
        }
        "email_address" => Some(Personal::Email),
        "name" if person => Some(Personal::Name),
        _ if NAMES.contains(&name) => Some(Personal::Name),
        _ if ADDRESSES.contains(&name) => Some(Personal::Address),
        _ if CARDS.contains(&name) => Some(Personal::Card),
        _ => None,
    }
}

/// Luhn's sum, which every card's number keeps and few others do. Cards of this length begin so (ISO/IEC 7812); the few
/// that are longer look like seeds and times in nanoseconds, without which no run can be repeated.
fn is_card(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.saturating_sub(b'0'));
            let double = digit * 2;
            match place % 2 {
                0 => digit,
                _ if double > 9 => double - 9,
                _ => double,
            }
        })
        .sum();
    let begins = digits.starts_with(['2', '3', '4', '5', '6']);
    begins && (13..=16).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        Policy::new(vec![7; 32])
    }

    fn redacted(mut value: Value) -> Value {
        policy().redact(&mut value);
        value
    }

    #[rstest]
    #[case(json!({ "email": "kim@example.com" }))]
    #[case(json!({ "receipt_email": "kim@example.com", "customer_email": null }))]
    #[case(json!({ "customer_details": { "name": "Kim Example", "email": null } }))]
    #[case(json!({ "object": "customer", "name": "Kim Example" }))]
    #[case(json!({ "billing_details": { "address": { "line1": "Kim Example", "country": "DE" } } }))]
    #[case(json!({ "shipping": { "name": "Kim Example", "phone": "+49 30 123" } }))]
    #[case(json!({ "card": { "last4": "4242", "exp_month": 12, "exp_year": 2034, "fingerprint": "Kim" } }))]
    #[case(json!({ "body": "{\"email\":\"kim@example.com\",\"note\":\"to kim@example.com\"}" }))]
    #[case(json!({ "path": "/v1/customers?email=kim%40example.com&limit=3" }))]
    #[case(json!({ "log": ["mail to <Kim@Example.com>: sent", "card 4242 4242 4242 4242 declined"] }))]
    #[case(json!({ "note": "4000000000000002" }))]
    #[case(json!({ "why": "used sk_live_51HabKim and whsec_Kim4242" }))]
    fn nothing_of_a_person_is_left(#[case] value: Value) {
        let said = redacted(value.clone()).to_string();
        for text in ["kim", "Kim", "4242", "+49", "2034", "4000000000000002"] {
            assert!(!said.contains(text), "{text} in {said}");
        }
        assert_ne!(redacted(value.clone()), value);
        let again = redacted(redacted(value.clone()));
        assert_eq!(again, redacted(value), "what is replaced stays");
    }

    #[rstest]
    #[case(json!({ "object": "product", "name": "Pro" }))]
    #[case(json!({ "id": "cus_0aB3456789abcdef", "status": "active", "amount": 9900 }))]
    #[case(json!({ "created": 1_795_000_000, "note": "1795000000 and 1795000000123" }))]
    #[case(json!({ "billing_details": { "address": { "country": "DE" }, "email": null } }))]
    #[case(json!({ "text": "12 readings, 10.2 s; a@b" }))]
    #[case(json!({ "rerun": "paydrill run a.toml --seed 2046858978025038101", "log": ["at=1795647203093150014"] }))]
    fn what_is_nobodys_stays(#[case] value: Value) {
        assert_eq!(redacted(value.clone()), value);
    }

    #[test]
    fn equal_values_stay_equal_within_one_ledger_only() {
        let one = redacted(json!({ "email": "kim@example.com", "text": "to KIM@example.com now" }));
        let mark = one["email"].as_str().unwrap();
        assert_eq!(one["text"], format!("to {mark} now"));
        assert_ne!(redacted(json!({ "email": "ada@example.com" }))["email"], one["email"]);
        let mut other = json!({ "email": "kim@example.com" });
        Policy::new(vec![8; 32]).redact(&mut other);
        assert_ne!(other["email"], one["email"]);
    }

    proptest! {
        #[test]
        fn any_text_is_redacted_once(text in "\\PC{0,60}|[a-z@.%0-9 ]{0,60}") {
            let once = policy().text(&text);
            prop_assert_eq!(policy().text(&once), once);
        }
    }
}
