//! Form encoding as Stripe reads it: `a[b][0][c]=x`, `a[]=x`, nested without end in sight, in any order.
//!
//! Total: any bytes give a map or an error, and neither memory nor stack follows what a caller writes
//! beyond the limits below.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::error::ApiError;

/// Brackets in one name.
const DEEPEST: usize = 12;
/// Pairs in one call.
const MOST_PAIRS: usize = 10_000;

/// Decodes `text`, a query string or a form body. Every leaf is a string.
///
/// # Errors
/// Stripe's, for what is no text, for names that are none, and for too many of them.
pub(crate) fn decode(text: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let text = std::str::from_utf8(text).map_err(|_| no_text())?;
    let mut root = Node::default();
    for (count, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if count >= MOST_PAIRS {
            return Err(ApiError::invalid("Too many parameters."));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = unescape(name)?;
        let path = path(&name)?;
        root.insert(&path, unescape(value)?).map_err(|Conflict| {
            ApiError::invalid_param(
                path[0],
                format!("Invalid parameter: `{name}` is given twice, in two ways."),
            )
        })?;
    }
    match root.into_value() {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

/// The same name as a value and as a container.
struct Conflict;

/// A container while it is filled: keys stay in the order in which they came.
#[derive(Default)]
struct Node {
    leaf: Option<String>,
    fields: Vec<(String, Node)>,
    /// Made by `[]`: keys are positions.
    appended: bool,
}

impl Node {
    fn insert(&mut self, path: &[&str], value: String) -> Result<(), Conflict> {
        let Some((key, rest)) = path.split_first() else {
            if !self.fields.is_empty() {
                return Err(Conflict);
            }
            self.leaf = Some(value);
            return Ok(());
        };
        if self.leaf.is_some() {
            return Err(Conflict);
        }
        if key.is_empty() {
            return self.append(rest, value);
        }
        let at = match self.fields.iter().position(|(name, _)| name == key) {
            Some(at) => at,
            None => {
                self.fields.push(((*key).to_owned(), Self::default()));
                self.fields.len() - 1
            }
        };
        self.fields[at].1.insert(rest, value)
    }

    /// `a[]=1&a[]=2` makes two elements; `a[][x]=1&a[][y]=2&a[][x]=3` makes two as well: a name that the
    /// last element already has starts the next.
    fn append(&mut self, rest: &[&str], value: String) -> Result<(), Conflict> {
        if !self.fields.is_empty() && !self.appended {
            return Err(Conflict);
        }
        self.appended = true;
        let fits = !rest.is_empty() && self.fields.last().is_some_and(|(_, last)| !last.has(rest));
        if !fits {
            self.fields.push((self.fields.len().to_string(), Self::default()));
        }
        match self.fields.last_mut() {
            Some((_, last)) => last.insert(rest, value),
            None => Err(Conflict),
        }
    }

    fn has(&self, path: &[&str]) -> bool {
        match path.split_first() {
            None => true,
            Some((&"", _)) => false,
            Some((key, rest)) => self.fields.iter().any(|(name, node)| name == key && node.has(rest)),
        }
    }

    /// Whole-number keys make a list, in their order; Stripe does not mind gaps.
    fn into_value(self) -> Value {
        if let Some(leaf) = self.leaf {
            return Value::String(leaf);
        }
        let positions: Option<Vec<u64>> = self.fields.iter().map(|(key, _)| key.parse().ok()).collect();
        match positions {
            Some(positions) if !positions.is_empty() => {
                let mut items: Vec<_> = positions.into_iter().zip(self.fields).collect();
                items.sort_by_key(|(position, _)| *position);
                Value::Array(items.into_iter().map(|(_, (_, node))| node.into_value()).collect())
            }
            _ => Value::Object(self.fields.into_iter().map(|(key, node)| (key, node.into_value())).collect()),
        }
    }
}

/// `a[b][]` → `a`, `b`, ``.
fn path(name: &str) -> Result<Vec<&str>, ApiError> {
    let invalid = || ApiError::invalid(format!("Invalid parameter name: {}", shortened(name)));
    let (first, mut rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    if first.is_empty() {
        return Err(invalid());
    }
    let mut path = vec![first];
    while let Some(inside) = rest.strip_prefix('[') {
        let end = inside.find(']').ok_or_else(invalid)?;
        if path.len() > DEEPEST {
            return Err(invalid());
        }
        path.push(&inside[..end]);
        rest = &inside[end + 1..];
    }
    if rest.is_empty() { Ok(path) } else { Err(invalid()) }
}

fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}

/// Percent-decodes; what is no valid escape stays as written.
fn unescape(text: &str) -> Result<String, ApiError> {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned).map_err(|_| no_text())
}

fn no_text() -> ApiError {
    ApiError::invalid("Invalid UTF-8 in the parameters of the request.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case("", json!({}))]
    #[case("a=1&b=", json!({"a": "1", "b": ""}))]
    #[case("flag", json!({"flag": ""}))]
    #[case("a[b][0][c]=x", json!({"a": {"b": [{"c": "x"}]}}))]
    #[case("a[]=1&a[]=2", json!({"a": ["1", "2"]}))]
    #[case("a[1]=two&a[0]=one", json!({"a": ["one", "two"]}))]
    #[case("i[][price]=p&i[][quantity]=2&i[][price]=q", json!({"i": [{"price": "p", "quantity": "2"}, {"price": "q"}]}))]
    #[case("metadata%5Bkey%5D=a%20b+c%26", json!({"metadata": {"key": "a b c&"}}))]
    #[case("a=%zz%", json!({"a": "%zz%"}))]
    #[case("a=1&a=2", json!({"a": "2"}))]
    #[case("expand[]=data.customer", json!({"expand": ["data.customer"]}))]
    #[case("a[999999999]=x", json!({"a": ["x"]}))]
    #[case("a[7]=x&a[999999999]=z&a[8]=y", json!({"a": ["x", "y", "z"]}))]
    #[case("a[18446744073709551616]=x", json!({"a": {"18446744073709551616": "x"}}))]
    #[case("a[-1]=x", json!({"a": {"-1": "x"}}))]
    #[case("a[b]=1&a[b]=2", json!({"a": {"b": "2"}}))]
    #[case("a[0]=1&a[0]=2", json!({"a": ["2"]}))]
    fn forms_are_read(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(Value::Object(decode(text.as_bytes()).unwrap()), expected);
    }

    #[rstest::rstest]
    #[case("=x")]
    #[case("a=%ff%fe")]
    #[case("%c3=x")]
    #[case("[a]=x")]
    #[case("a[b=x")]
    #[case("a[b]c=x")]
    #[case("a=1&a[b]=2")]
    #[case("a[b]=2&a=1")]
    #[case("a[b]=2&a[]=1")]
    #[case("a[b][b][b][b][b][b][b][b][b][b][b][b][b][b]=1")]
    fn nonsense_is_refused(#[case] text: &str) {
        assert_eq!(decode(text.as_bytes()).unwrap_err().status, 400);
    }

    #[rstest::rstest]
    #[case::closed(format!("a{}=x", "[b]".repeat(100_000)))]
    #[case::open(format!("a{}=x", "[".repeat(100_000)))]
    #[case::appended(format!("a{}=x", "[]".repeat(100_000)))]
    #[case::pairs("a[]=1&".repeat(MOST_PAIRS + 1))]
    fn endless_forms_are_refused(#[case] text: String) {
        let error = decode(text.as_bytes()).unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.to_string().len() < 200, "the answer does not repeat what came");
    }

    /// Bytes of all texts, and how deep they stand.
    fn size(value: &Value) -> (usize, usize) {
        let parts: Vec<(usize, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.len(), value)).collect(),
            Value::Array(items) => items.iter().map(|item| (1, item)).collect(),
            leaf => return (leaf.as_str().map_or(0, str::len), 0),
        };
        let sizes = parts.into_iter().map(|(key, value)| (key, size(value)));
        let (bytes, depth) =
            sizes.fold((0, 0), |(bytes, depth), (key, (more, deep))| (bytes + key + more, depth.max(deep)));
        (bytes, depth + 1)
    }

    /// Encodes as the SDKs do, so that decoding can be checked against it.
    fn encode(name: &str, value: &Value, to: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| encode(&format!("{name}[{key}]"), value, to));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, value)| encode(&format!("{name}[{at}]"), value, to));
            }
            value => to.push(format!("{name}={}", value.as_str().unwrap_or_default())),
        }
    }

    fn nested() -> impl Strategy<Value = Value> {
        let leaf = "[a-z]{0,5}".prop_map(Value::from);
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z]{1,4}", inner, 1..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(value in nested()) {
            let mut pairs = Vec::new();
            encode("x", &value, &mut pairs);
            prop_assert_eq!(&decode(pairs.join("&").as_bytes()).unwrap()["x"], &value);
        }

        #[test]
        fn no_text_panics(text in r"[a-c\[\]=&%+0-9é]{0,80}") {
            let _ = decode(text.as_bytes());
        }

        #[test]
        fn what_is_decoded_is_no_more_than_what_was_written(
            pairs in prop::collection::vec(r"[ab](\[([ab]|[0-9]{1,12}|)\]){0,15}=[a-c%é]{0,3}", 0..20),
        ) {
            let text = pairs.join("&");
            if let Ok(fields) = decode(text.as_bytes()) {
                let (bytes, depth) = size(&Value::Object(fields));
                prop_assert!(bytes <= text.len() && depth <= DEEPEST + 1, "{} bytes, {} deep", bytes, depth);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = decode(&bytes);
        }
    }
}
