//! What is wrong with the letters of a file, whatever they mean: literal secrets, and TOML 1.1 inline tables.

use std::ops::Range;
use std::sync::Arc;

use super::code::Code;
use super::diagnostic::Diagnostic;
use crate::span::{Place, Source};

/// How secrets start that must never stand in a file.
const SECRETS: [&str; 3] = ["sk_live_", "rk_live_", "whsec_"];

/// Checks the letters of a file, comments included.
pub(crate) fn check(source: &Arc<Source>) -> Vec<Diagnostic> {
    let place = |range: Range<usize>| Place { source: Arc::clone(source), range };
    let mut diagnostics = Vec::new();
    for (range, prefix) in secrets(&source.text) {
        diagnostics.push(
            Diagnostic::error(Code::LiteralSecret, format!("a literal `{prefix}…` stands in this file"))
                .at(&place(range))
                .label("a secret")
                .help("roll it, and write {{ secret.NAME }}: it is read from the environment"),
        );
    }
    for (range, what) in inline_tables(&source.text) {
        diagnostics.push(
            Diagnostic::warning(
                Code::InlineTable,
                format!("{what} in an inline table: TOML 1.0 has no such thing"),
            )
            .at(&place(range))
            .label("editors refuse it")
            .help("write it on one line, without a comma at its end, or as dotted keys"),
        );
    }
    diagnostics
}

/// Where literal secrets stand, and how they start.
pub(crate) fn secrets(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    for prefix in SECRETS {
        for (start, _) in text.match_indices(prefix) {
            let tail = &text[start + prefix.len()..];
            let length = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
            if length > 0 {
                found.push((start..start + prefix.len() + length, prefix));
            }
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}

/// What a bracket opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Array,
    Table,
}

/// Line breaks and trailing commas of inline tables.
fn inline_tables(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found: Vec<(Range<usize>, &'static str)> = Vec::new();
    let mut open: Vec<(Open, usize)> = Vec::new();
    // The table whose line breaks were told of: a table of many lines is one problem.
    let mut told: Option<usize> = None;
    // The comma that nothing has followed yet.
    let mut comma: Option<usize> = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let next = token_end(text, at);
        match bytes[at] {
            b'[' => open.push((Open::Array, at)),
            b'{' => open.push((Open::Table, at)),
            b']' | b'}' => {
                if let (Some(comma), Some((Open::Table, _))) = (comma, open.last()) {
                    found.push((comma..comma + 1, "a trailing comma"));
                }
                open.pop();
            }
            b'\n' => {
                if let Some((Open::Table, start)) = open.last()
                    && told != Some(*start)
                {
                    told = Some(*start);
                    found.push((*start..*start + 1, "a line break"));
                }
            }
            _ => {}
        }
        comma = match bytes[at] {
            b',' => Some(at),
            b' ' | b'\t' | b'\r' | b'\n' | b'#' => comma,
            _ => None,
        };
        at = next;
    }
    found
}

/// The end of what starts at `at`: a string or comment whole, else one byte.
fn token_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let bytes = rest.as_bytes();
    if bytes[0] == b'#' {
        return at + rest.find('\n').unwrap_or(rest.len());
    }
    for (quote, escapes) in [("\"\"\"", true), ("'''", false), ("\"", true), ("'", false)] {
        if rest.starts_with(quote) {
            return at + string_end(rest, quote, escapes);
        }
    }
    // Only whole characters, so that `text[at..]` never splits one.
    at + rest.chars().next().map_or(1, char::len_utf8)
}

/// The length of a string that starts with `quote`. One that never ends goes to the end of the text, or of the line
/// when it can only have one: the parser reports it.
fn string_end(rest: &str, quote: &str, escapes: bool) -> usize {
    let mut at = quote.len();
    let bytes = rest.as_bytes();
    while at < bytes.len() {
        if escapes && bytes[at] == b'\\' {
            at += 2;
        } else if rest.is_char_boundary(at) && rest[at..].starts_with(quote) {
            return at + quote.len();
        } else if quote.len() == 1 && bytes[at] == b'\n' {
            return at;
        } else {
            at += 1;
        }
    }
    // An escape may have gone past the end, or into a character.
    let mut end = at.min(rest.len());
    while !rest.is_char_boundary(end) {
        end += 1;
    }
    end
}

/// The same text with every literal secret blanked out letter by letter, for drawing it.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = text.to_owned();
    for (range, prefix) in secrets(text) {
        let secret = range.start + prefix.len()..range.end;
        let stars = "*".repeat(secret.len());
        masked.replace_range(secret, &stars);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("key = \"sk_live_abc123\" # x", &["sk_live_abc123"])]
    #[case("# old: whsec_Zm9v and rk_live_1", &["whsec_Zm9v", "rk_live_1"])]
    #[case("# a literal `sk_live_…` or whsec_", &[])]
    #[case("key = 'sk_test_abc'", &[])]
    fn secrets_are_found_wherever_they_stand(#[case] text: &str, #[case] expected: &[&str]) {
        let found: Vec<_> = secrets(text).into_iter().map(|(range, _)| &text[range]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mask_keeps_every_place() {
        assert_eq!(mask("a = 'whsec_abc' # x"), "a = 'whsec_***' # x");
    }

    #[rstest::rstest]
    #[case("a = { b = 1 }", 0)]
    #[case("a = [\n  { b = 1 },\n]", 0)]
    #[case("a = { b = \"x,\\\"}\\n\" }\n", 0)]
    #[case("a = { b = '''\n''' }", 0)]
    #[case("# { \n", 0)]
    #[case("a = { b = 1, }", 1)]
    #[case("a = {\n b = 1\n}", 1)]
    #[case("a = { b = 1, # x\n}", 2)]
    #[case("a = { b = [\n1,\n] }", 0)]
    fn inline_tables_of_toml_1_1_are_found(#[case] text: &str, #[case] expected: usize) {
        assert_eq!(inline_tables(text).len(), expected, "{text}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[\\\\\"'#{}\\[\\],\nüa=]*") {
            let _ = inline_tables(&text);
            proptest::prop_assert_eq!(mask(&text).len(), text.len());
        }
    }
}
