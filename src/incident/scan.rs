//! Finds in text what differs from run to run, and puts marks of a fixed width there.
//!
//! | what | mark |
//! |---|---|
//! | an id, `sub_` and at least 14 letters and digits | `sub_000000000000000000000001`, as wide as it was |
//! | an e-mail address | `email0001@example.com` |
//! | a duration as we write it, `10.2 s` | `0 ms` |
//! | `211 readings` | `0 readings` |
//! | an instant (RFC 3339, or with a space) | `2000-01-01T00:00:00Z`; a date alone `2000-01-01` |
//! | Unix seconds, milliseconds | `1000000000`, `1000000000000` |
//! | `127.0.0.1:4242` | `127.0.0.1:00000` |
//! | `--seed 7` | `--seed 0` |
//!
//! Ids and addresses are numbered by first appearance, so that what was equal stays equal.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Which ids and addresses were seen.
#[derive(Default)]
pub(super) struct Marks {
    /// By prefix; addresses under `@`.
    seen: HashMap<String, Vec<String>>,
}

/// A mark and how many bytes of the text it replaces.
type Found = (String, usize);

impl Marks {
    /// `text` with marks.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(c) = rest.chars().next() {
            let at_word = before.is_none_or(|before: char| !before.is_alphanumeric() && before != '_');
            match if at_word { self.find(rest, before) } else { None } {
                Some((mark, length)) => {
                    out.push_str(&mark);
                    before = rest[..length].chars().next_back();
                    rest = &rest[length..];
                }
                None => {
                    out.push(c);
                    before = Some(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        out
    }

    /// Every string of a value, keys included, and numbers that are instants.
    pub(super) fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => self.map(fields),
            Value::Number(number) => {
                if let Some((mark, _)) = unix_time(&number.to_string()) {
                    *value = mark.parse::<u64>().map_or(Value::Null, Value::from);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The same for a table.
    pub(super) fn map(&mut self, fields: &mut Map<String, Value>) {
        for (key, mut field) in std::mem::take(fields) {
            self.value(&mut field);
            fields.insert(self.text(&key), field);
        }
    }

    fn find(&mut self, rest: &str, before: Option<char>) -> Option<Found> {
        self.address(rest).or_else(|| self.id(rest)).or_else(|| seed(rest)).or_else(|| port(rest)).or_else(
            || match before {
                // A digit after a point or a colon belongs to the number or address before it …
                Some('.') => None,
                // … but in JSON: `{"renews_at":1795000000}`.
                Some(':') => unix_time(rest),
                _ => number(rest),
            },
        )
    }

    fn address(&mut self, rest: &str) -> Option<Found> {
        let local = run(rest, |c| c.is_ascii_alphanumeric() || "._%+-".contains(c));
        let host = rest.get(local..)?.strip_prefix('@')?;
        let mut length = run(host, |c| c.is_ascii_alphanumeric() || ".-".contains(c));
        length = host[..length].trim_end_matches(['.', '-']).len();
        if local == 0 || !host[..length].contains('.') {
            return None;
        }
        let length = local + 1 + length;
        Some((format!("email{:04}@example.com", self.number("@", &rest[..length])), length))
    }

    fn id(&mut self, rest: &str) -> Option<Found> {
        let length = run(rest, |c| c.is_ascii_alphanumeric() || c == '_');
        let (prefix, letters) = rest[..length].rsplit_once('_')?;
        let minted = letters.bytes().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        let named = prefix.starts_with(|c: char| c.is_ascii_lowercase());
        if !minted || !named || letters.len() < 14 {
            return None;
        }
        let width = letters.len();
        Some((format!("{prefix}_{:0width$}", self.number(prefix, letters)), length))
    }

    fn number(&mut self, kind: &str, word: &str) -> usize {
        let seen = self.seen.entry(kind.to_owned()).or_default();
        match seen.iter().position(|known| known == word) {
            Some(at) => at + 1,
            None => {
                seen.push(word.to_owned());
                seen.len()
            }
        }
    }
}

fn seed(rest: &str) -> Option<Found> {
    let digits = rest.strip_prefix("--seed ")?;
    Some(("--seed 0".to_owned(), "--seed ".len() + run(digits, |c| c.is_ascii_digit())))
}

fn port(rest: &str) -> Option<Found> {
    let host = ["127.0.0.1:", "localhost:", "[::1]:"].into_iter().find(|host| rest.starts_with(host))?;
    let digits = run(&rest[host.len()..], |c| c.is_ascii_digit());
    (digits > 0).then(|| (format!("{host}00000"), host.len() + digits))
}

fn number(rest: &str) -> Option<Found> {
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    instant(rest).or_else(|| readings(rest)).or_else(|| duration(rest)).or_else(|| unix_time(rest))
}

/// `2026-11-23T20:31:49.5Z`, `2026-11-23 20:31:49`, `2026-11-23`; not the API version `2026-10-28.endive`.
fn instant(rest: &str) -> Option<Found> {
    let date = matching(rest, "0000-00-00")?;
    let after = &rest[date..];
    let separator = after.chars().next().filter(|c| matches!(c, 'T' | 't' | ' '));
    let Some((separator, time)) = separator.and_then(|c| Some((c, matching(&after[1..], "00:00:00")?)))
    else {
        let version = after.strip_prefix('.').is_some_and(|name| name.starts_with(char::is_alphabetic));
        return (!version).then(|| ("2000-01-01".to_owned(), date));
    };
    let mut length = date + 1 + time;
    if let Some(fraction) = rest[length..].strip_prefix('.') {
        length += 1 + run(fraction, |c| c.is_ascii_digit());
    }
    let zone = &rest[length..];
    let zone = if zone.starts_with(['Z', 'z']) {
        1
    } else if zone.starts_with(['+', '-']) {
        matching(&zone[1..], "00:00").map_or(0, |length| length + 1)
    } else {
        0
    };
    let end = if zone > 0 { "Z" } else { "" };
    Some((format!("2000-01-01{separator}00:00:00{end}"), length + zone))
}

fn readings(rest: &str) -> Option<Found> {
    let digits = run(rest, |c| c.is_ascii_digit());
    let word = [" readings", " reading"].into_iter().find(|word| rest[digits..].starts_with(word))?;
    Some(("0 readings".to_owned(), digits + word.len()))
}

/// As [`crate::time::human`] writes it.
fn duration(rest: &str) -> Option<Found> {
    let digits = run(rest, |c| c.is_ascii_digit() || c == '.');
    let unit = [" ms", " min", " s"].into_iter().find(|unit| {
        rest[digits..].strip_prefix(unit).is_some_and(|after| !after.starts_with(char::is_alphanumeric))
    })?;
    let mut length = digits + unit.len();
    if unit == " min"
        && let Some(seconds) = rest[length..].strip_prefix(' ')
        && let more = run(seconds, |c| c.is_ascii_digit())
        && more > 0
        && seconds[more..].starts_with(" s")
    {
        length += 1 + more + " s".len();
    }
    Some(("0 ms".to_owned(), length))
}

/// Between 2014 and 2103, so that an amount of money is seldom taken for one.
fn unix_time(rest: &str) -> Option<Found> {
    let digits = run(rest, |c| c.is_ascii_digit());
    let ends = !rest[digits..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let value: u64 = rest[..digits].parse().ok().filter(|_| ends)?;
    match value {
        1_400_000_000..4_200_000_000 => Some(("1000000000".to_owned(), digits)),
        1_400_000_000_000..4_200_000_000_000 => Some(("1000000000000".to_owned(), digits)),
        _ => None,
    }
}

/// How many bytes of `text` match, `0` standing for any digit.
fn matching(text: &str, pattern: &str) -> Option<usize> {
    let start = text.as_bytes().get(..pattern.len())?;
    let fits =
        |(byte, wanted): (&u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { *byte == wanted };
    start.iter().zip(pattern.bytes()).all(fits).then_some(pattern.len())
}

/// How many bytes at the start are such characters.
fn run(text: &str, such: impl Fn(char) -> bool) -> usize {
    text.find(|c| !such(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("cus_0aB3456789abcdef", "cus_0000000000000001")]
    #[case("cs_test_0aB3456789abcdef", "cs_test_0000000000000001")]
    #[case("no_internationalization", "no_internationalization")]
    #[case("price_pro", "price_pro")]
    #[case("/v1/subscriptions/sub_0aB3456789abcdef?expand", "/v1/subscriptions/sub_0000000000000001?expand")]
    #[case("to kim.7+x@mail.example.com.", "to email0001@example.com.")]
    #[case("a@b", "a@b")]
    #[case("still \"free\" 10.2 s after (211 readings)", "still \"free\" 0 ms after (0 readings)")]
    #[case("1 reading, 2 min 5 s, 3 min", "0 readings, 0 ms, 0 ms")]
    #[case("4 seats, 9 messages, 10s", "4 seats, 9 messages, 10s")]
    #[case("at 2026-11-23T20:31:49.123456Z!", "at 2000-01-01T00:00:00Z!")]
    #[case("2026-11-23 20:31:49+01:00", "2000-01-01 00:00:00Z")]
    #[case("2026-11-23 20:31:49", "2000-01-01 00:00:00")]
    #[case("until 2026-11-23, then", "until 2000-01-01, then")]
    #[case("2026-10-28.endive", "2026-10-28.endive")]
    #[case("1795000000 and 1795000000123", "1000000000 and 1000000000000")]
    #[case("{\"at\":1795000000,\"seats\":4}", "{\"at\":1000000000,\"seats\":4}")]
    #[case("9900 usd", "9900 usd")]
    #[case("http://127.0.0.1:4242/x localhost:1", "http://127.0.0.1:00000/x localhost:00000")]
    #[case("run a.toml --seed 1844674407 --x", "run a.toml --seed 0 --x")]
    #[case("ü2026-11-2", "ü2026-11-2")]
    fn only_what_differs_is_marked(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(Marks::default().text(text), expected);
    }

    #[test]
    fn what_was_equal_stays_equal() {
        let mut marks = Marks::default();
        let [a, b] = ["evt_0aB3456789abcdef", "evt_1aB3456789abcdef"];
        assert_eq!(marks.text(a), "evt_0000000000000001");
        assert_eq!(marks.text(&format!("{b} {a}")), "evt_0000000000000002 evt_0000000000000001");
        assert_eq!(marks.text("sub_0aB3456789abcdef"), "sub_0000000000000001", "numbered by prefix");
    }

    #[test]
    fn values_are_marked_within() {
        let mut value = json!({ "renews_at": 1_795_000_000, "seats": 4, "id": ["in_0aB3456789abcdef"] });
        Marks::default().value(&mut value);
        assert_eq!(value, json!({ "renews_at": 1_000_000_000, "seats": 4, "id": ["in_0000000000000001"] }));
    }

    proptest! {
        #[test]
        fn marked_text_stays_as_it_is(text in "\\PC*|([0-9 .:TZ@_a-c-]|min|ms| s){0,40}") {
            let once = Marks::default().text(&text);
            prop_assert_eq!(Marks::default().text(&once), once);
        }
    }
}
