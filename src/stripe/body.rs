//! The bytes of an event on the wire. The JSON is the same in every spelling, the signature is not.

use std::fmt::Write as _;

use serde_json::Value;

/// As Stripe does it: two spaces of indentation, non-ASCII characters as they are.
#[must_use]
pub fn indented(event: &Value) -> String {
    format!("{event:#}")
}

/// Without whitespace. A handler that parses and prints again before it verifies gets *these* bytes.
#[must_use]
pub fn compact(event: &Value) -> String {
    event.to_string()
}

/// As [`indented`], with every non-ASCII character as `\uXXXX` (a surrogate pair above U+FFFF), and `/` as
/// `\/`: what PHP's and Ruby's printers do.
#[must_use]
pub fn escaped(event: &Value) -> String {
    let plain = indented(event);
    let mut escaped = String::with_capacity(plain.len() + plain.len() / 8);
    // Slashes and non-ASCII characters stand in strings only, where each may be escaped without changing
    // its meaning; the printer itself never escapes them.
    for character in plain.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            '\0'..='\x7f' => escaped.push(character),
            _ => escape(character, &mut escaped),
        }
    }
    escaped
}

fn escape(character: char, to: &mut String) {
    let mut units = [0; 2];
    for unit in character.encode_utf16(&mut units) {
        // Writing to a string cannot fail.
        let _ = write!(to, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn spellings_of_one_event() {
        let event = json!({ "url": "a/b", "name": "Zoë 😀", "items": [1, {}], "quote": "\\/\"\n" });
        insta::assert_snapshot!(indented(&event), @r#"
        {
          "url": "a/b",
          "name": "Zoë 😀",
          "items": [
            1,
            {}
          ],
          "quote": "\\/\"\n"
        }
        "#);
        insta::assert_snapshot!(compact(&event), @r#"{"url":"a/b","name":"Zoë 😀","items":[1,{}],"quote":"\\/\"\n"}"#);
        insta::assert_snapshot!(escaped(&event), @r#"
        {
          "url": "a\/b",
          "name": "Zo\u00eb \ud83d\ude00",
          "items": [
            1,
            {}
          ],
          "quote": "\\\/\"\n"
        }
        "#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_spelling_is_the_same_json(event in any_json()) {
            for body in [indented(&event), compact(&event), escaped(&event)] {
                prop_assert_eq!(&serde_json::from_str::<Value>(&body).unwrap(), &event, "{}", body);
            }
        }

        #[test]
        fn escaped_is_ascii_and_has_no_bare_slash(text in any::<String>()) {
            let body = escaped(&Value::from(text));
            prop_assert!(body.is_ascii());
            prop_assert_eq!(body.matches('/').count(), body.matches("\\/").count());
        }
    }
}
