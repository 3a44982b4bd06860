//! Rust text as tokens: no comments, no content of strings. As much of the language as layers need.

/// One token; a string or character literal is `""`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: usize,
}

impl Token<'_> {
    /// An identifier or a keyword.
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_start)
    }
}

/// All tokens of `text`. Text that is not Rust gives tokens too: the compiler says what is wrong with it.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let (length, kept) = next(rest);
        let (taken, after) = rest.split_at(length);
        match kept {
            Kept::Nothing => {}
            Kept::Text => tokens.push(Token { text: taken, line }),
            Kept::Literal => tokens.push(Token { text: "\"\"", line }),
        }
        line += taken.matches('\n').count();
        rest = after;
    }
    tokens
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    Text,
    Literal,
}

/// How many bytes the next piece has, and what of it is a token.
fn next(rest: &str) -> (usize, Kept) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Kept::Nothing);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), Kept::Nothing);
    }
    if let Some(length) = literal(rest) {
        return (length, Kept::Literal);
    }
    if let Some(word) = rest.strip_prefix("r#").filter(|word| word.starts_with(is_word_start)) {
        return (2 + word_length(word), Kept::Text);
    }
    if rest.starts_with("::") {
        return (2, Kept::Text);
    }
    match rest.chars().next() {
        Some('\'') => (1 + word_length(&rest[1..]), Kept::Nothing), // a lifetime: characters are literals
        Some(first) if first.is_whitespace() => (first.len_utf8(), Kept::Nothing),
        Some(first) if is_word_part(first) => (word_length(rest), Kept::Text),
        first => (first.map_or(1, char::len_utf8), Kept::Text),
    }
}

fn is_word_start(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

fn is_word_part(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn word_length(rest: &str) -> usize {
    rest.find(|letter| !is_word_part(letter)).unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a string, byte string, C string or character that starts here.
fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '\'']) || raw(prefix, rest))
    })?;
    let body = &rest[prefix.len()..];
    let length = if prefix.ends_with('r') {
        raw_length(body)?
    } else if body.starts_with('"') {
        quoted(body, '"')
    } else {
        character(body)?
    };
    Some(prefix.len() + length)
}

/// `#"…` after a prefix that makes a string raw, and not a raw identifier.
fn raw(prefix: &str, rest: &str) -> bool {
    prefix.ends_with('r') && rest.starts_with('#') && rest.trim_start_matches('#').starts_with('"')
}

fn raw_length(body: &str) -> Option<usize> {
    let hashes = body.len() - body.trim_start_matches('#').len();
    let content = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(content.find(&end).map_or(body.len(), |at| hashes + 1 + at + end.len()))
}

/// Up to the closing quote; a backslash protects what follows it.
fn quoted(body: &str, quote: char) -> usize {
    let mut letters = body.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    body.len()
}

/// `'x'` or `'\n'`; a lifetime is none.
fn character(body: &str) -> Option<usize> {
    let mut letters = body.chars().skip(1);
    match (letters.next()?, letters.next()?) {
        ('\\', _) => Some(quoted(body, '\'')),
        (letter, '\'') => Some(letter.len_utf8() + 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::tokens;

    /// Tokens joined by a space.
    #[rstest::rstest]
    #[case::plain("use crate::a::{b, c};", "use crate :: a :: { b , c } ;")]
    #[case::line_comment("a // crate::b\nc", "a c")]
    #[case::doc_comment("/// crate::b\n//! crate::c\na", "a")]
    #[case::nested_comment("a /* x /* crate::b */ y */ c", "a c")]
    #[case::string(r#"a "crate::b \" // c" d"#, r#"a "" d"#)]
    #[case::string_that_ends_in_a_backslash(r#"a "b\\" c "d" e"#, r#"a "" c "" e"#)]
    #[case::raw_string(r###"a r#"x " crate::b"# c"###, r#"a "" c"#)]
    #[case::raw_string_without_hashes(r#"a r"\" c"#, r#"a "" c"#)]
    #[case::byte_strings(r###"b"x" br#"y"# c"z" b'"' a"###, r#""" "" "" "" a"#)]
    #[case::raw_identifier("r#type b", "r#type b")]
    #[case::words_like_prefixes("br cr b c r", "br cr b c r")]
    #[case::characters(r#"'"' a '\'' b '\u{e9}' c 'ß' d"#, r#""" a "" b "" c "" d"#)]
    #[case::lifetimes("&'a str, 'b: 'static", "& str , :")]
    #[case::numbers("1_000u32 0x1F", "1_000u32 0x1F")]
    fn are(#[case] text: &str, #[case] expected: &str) {
        let found: Vec<&str> = tokens(text).iter().map(|token| token.text).collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn know_their_line() {
        let text = "a\n/* x\n */ b \"\n\" c\n\nd";
        let found: Vec<(&str, usize)> = tokens(text).iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(found, [("a", 1), ("b", 3), ("\"\"", 3), ("c", 4), ("d", 6)]);
    }

    proptest::proptest! {
        /// Whatever the text, the scanner ends and does not panic.
        #[test]
        fn come_from_any_text(text in "([a-z'\"#/*\\\\{}:br\n é]|//|/\\*|\\*/){0,60}") {
            let lines = text.matches('\n').count() + 1;
            proptest::prop_assert!(tokens(&text).iter().all(|token| (1..=lines).contains(&token.line)));
        }
    }
}
