//! Paths into an event's object: `items.data[0].price.id`, `metadata."a.b"`.

use serde_json::Value;

/// A path that was parsed: at least one step, the first of them a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Into a table.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// Why a path cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the path `{path}`: {problem}")]
pub struct PathError {
    /// As written.
    pub path: String,
    /// In a few words.
    pub problem: &'static str,
}

impl Path {
    /// Reads a path. A key that holds a dot, a bracket or a quote is written in double quotes, in which `\"`
    /// and `\\` stand for the characters themselves.
    ///
    /// # Errors
    ///
    /// On an empty path, an empty bare key, an index that is no number, and quotes or brackets left open.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let fail = |problem| PathError { path: path.to_owned(), problem };
        let mut segments = Vec::new();
        let mut rest = path;
        loop {
            let (key, after) = key(rest).map_err(fail)?;
            segments.push(Segment::Key(key));
            rest = after;
            while let Some(inside) = rest.strip_prefix('[') {
                let (number, after) = inside.split_once(']').ok_or_else(|| fail("`]` is missing"))?;
                let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                let number = if digits { number.parse().ok() } else { None };
                segments
                    .push(Segment::Index(number.ok_or_else(|| fail("between `[` and `]` stands a number"))?));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Self(segments)),
                None => return Err(fail("after a key or `]` comes `.` or `[`")),
            }
        }
    }

    /// The steps, at least one.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// What stands there, if anything does.
    #[must_use]
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, segment| match segment {
            Segment::Key(key) => value.as_object()?.get(key),
            Segment::Index(index) => value.as_array()?.get(*index),
        })
    }
}

/// A bare or quoted key, and what follows it.
fn key(text: &str) -> Result<(String, &str), &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_key(quoted);
    }
    let end = text.find(['.', '[', ']', '"']).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    if key.is_empty() { Err("a key is missing") } else { Ok((key.to_owned(), rest)) }
}

fn quoted_key(text: &str) -> Result<(String, &str), &'static str> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((key, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => key.push(escaped),
                _ => return Err("in quotes, `\\` stands before `\"` or `\\` only"),
            },
            _ => key.push(character),
        }
    }
    Err("a quote is left open")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("status", json!("active"))]
    #[case("items.data[1].price.id", json!("price_b"))]
    #[case("metadata.\"a.b\"", json!("dotted"))]
    #[case("metadata.\"\\\"[\\\\\"", json!("odd"))]
    #[case("metadata.\"\"", json!("empty"))]
    #[case("grid[1][0]", json!(3))]
    fn paths_find_what_they_name(#[case] path: &str, #[case] expected: Value) {
        let object = json!({
            "status": "active",
            "items": { "data": [{}, { "price": { "id": "price_b" } }] },
            "metadata": { "a.b": "dotted", "\"[\\": "odd", "": "empty" },
            "grid": [[1, 2], [3, 4]],
        });
        assert_eq!(Path::parse(path).unwrap().find(&object), Some(&expected));
    }

    #[rstest]
    #[case("", "a key is missing")]
    #[case("a..b", "a key is missing")]
    #[case("a.", "a key is missing")]
    #[case("[0]", "a key is missing")]
    #[case("a[", "`]` is missing")]
    #[case("a[x]", "between `[` and `]` stands a number")]
    #[case("a[+1]", "between `[` and `]` stands a number")]
    #[case("a[99999999999999999999]", "between `[` and `]` stands a number")]
    #[case("a]b", "after a key or `]` comes `.` or `[`")]
    #[case("a[0]b", "after a key or `]` comes `.` or `[`")]
    #[case("\"a\"b", "after a key or `]` comes `.` or `[`")]
    #[case("\"a", "a quote is left open")]
    #[case("\"a\\n\"", "in quotes, `\\` stands before `\"` or `\\` only")]
    fn what_is_no_path_is_said(#[case] path: &str, #[case] problem: &str) {
        assert_eq!(Path::parse(path).unwrap_err().problem, problem);
    }

    proptest! {
        #[test]
        fn nothing_panics(path in "[a\"\\\\.\\[\\]0é]{0,12}") {
            let _ = Path::parse(&path);
        }

        #[test]
        fn any_key_can_be_quoted(name in any::<String>()) {
            let quoted = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(Path::parse(&quoted), Ok(Path(vec![Segment::Key(name)])));
        }
    }
}
