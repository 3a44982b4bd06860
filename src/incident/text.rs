//! Values of others made harmless for a terminal, a log and a table.
//!
//! Everything that an app, a scenario or Stripe may have written goes through here before it is printed:
//! a body must not move the cursor, recolour the screen or reorder what stands beside it.

use std::fmt::Write as _;

/// `text` on one line: ends of lines and tabs are shown as `\n` and `\t`.
pub(crate) fn one_line(text: &str) -> String {
    clean(text, "\\t")
}

/// The lines of `text`, each harmless; tabs become four spaces.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(|line| clean(line, "    "))
}

/// With a capital at the start.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// `text` in at most `width` characters: the middle is left out, since both ends of an id, a URL or a JSON
/// value tell more than its start alone.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let tail = width.saturating_sub(1) / 3;
    let head = width.saturating_sub(1) - tail;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}…{end}")
}

/// One line of at most `width` characters.
pub(crate) fn fit(text: &str, width: usize) -> String {
    // A huge value is cut before it is cleaned too: cleaning costs, and escapes only make it longer.
    cut(&one_line(&cut(text, width.saturating_mul(4))), width)
}

/// One line of at most `width` characters, of which the start is kept: what happened stands there, ids are long. Where
/// it does not fit, ids are shortened first.
pub(crate) fn start_of(text: &str, width: usize) -> String {
    let text = one_line(&cut(text, width.saturating_mul(4)));
    if text.chars().count() <= width {
        return text;
    }
    let text = text.split(' ').map(short_id).collect::<Vec<_>>().join(" ");
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// `evt_…TH34` of `evt_cDsxo6L7UajeBzQYlTlTTH34`; any other word as it is.
fn short_id(word: &str) -> String {
    let tail = |rest: &str| rest.len() >= 14 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match word.rsplit_once('_') {
        Some((prefix, rest)) if tail(rest) => format!("{prefix}_…{}", &rest[rest.len() - 4..]),
        _ => word.to_owned(),
    }
}

/// One line in rows of at most `width` characters, broken at spaces; a word that is too long is broken anywhere.
pub(crate) fn broken(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut rows = vec![String::new()];
    for word in one_line(text).split(' ') {
        let used = rows.last().map_or(0, |row| row.chars().count());
        let long = word.chars().count();
        if used > 0 && used + 1 + long > width {
            rows.push(String::new());
        } else if used > 0
            && let Some(last) = rows.last_mut()
        {
            last.push(' ');
        }
        for letter in word.chars() {
            if rows.last().is_some_and(|row| row.chars().count() >= width) {
                rows.push(String::new());
            }
            if let Some(last) = rows.last_mut() {
                last.push(letter);
            }
        }
    }
    rows
}

fn clean(text: &str, tab: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = without_colour(rest) {
            rest = after;
            continue;
        }
        push(&mut out, c, tab);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// What follows a complete colour sequence (`ESC [ 31 m`) at the start of `text`. Apps colour their logs;
/// dropping the colour keeps them readable. Any other escape sequence is shown.
fn without_colour(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].strip_prefix('m')
}

fn push(out: &mut String, c: char, tab: &str) {
    match c {
        '\t' => out.push_str(tab),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        c if is_dangerous(c) => {
            let _ = write!(out, "{}", c.escape_unicode());
        }
        c => out.push(c),
    }
}

/// Control characters, and the invisible ones that reorder or hide what stands beside them.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain ü 漢", "plain ü 漢")]
    #[case("a\nb\tc\rd", "a\\nb\\tc\\rd")]
    #[case("\u{1b}[31mred\u{1b}[0m", "red")]
    #[case("\u{1b}[2Jgone", "\\u{1b}[2Jgone")]
    #[case("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}")]
    #[case("\u{9b}31m", "\\u{9b}31m")]
    #[case("abc\u{202e}fed", "abc\\u{202e}fed")]
    #[case("zero\u{200b}width", "zero\\u{200b}width")]
    #[case("\u{1b}[31", "\\u{1b}[31")]
    fn what_moves_the_cursor_is_shown(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(one_line(text), expected);
    }

    #[rstest]
    #[case("short", 10, "short")]
    #[case("0123456789", 10, "0123456789")]
    #[case("0123456789a", 10, "012345…89a")]
    #[case("0123456789a", 1, "…")]
    fn long_values_lose_their_middle(#[case] text: &str, #[case] width: usize, #[case] expected: &str) {
        assert_eq!(cut(text, width), expected);
    }

    #[rstest]
    #[case("short", 10, "short")]
    #[case("evt_cDsxo6L7UajeBzQYlTlTTH34 gone", 33, "evt_cDsxo6L7UajeBzQYlTlTTH34 gone")]
    #[case("evt_cDsxo6L7UajeBzQYlTlTTH34 gone", 32, "evt_…TH34 gone")]
    #[case("evt_cDsxo6L7UajeBzQYlTlTTH34 is gone", 12, "evt_…TH34 i…")]
    #[case("a_short_word of no id", 10, "a_short_w…")]
    fn a_verdict_keeps_its_start(#[case] text: &str, #[case] width: usize, #[case] expected: &str) {
        assert_eq!(start_of(text, width), expected);
    }

    #[rstest]
    #[case("one two three", 7, &["one two", "three"])]
    #[case("ab abcdefgh x", 4, &["ab", "abcd", "efgh", "x"])]
    #[case("", 4, &[""])]
    fn nothing_is_left_out_of_rows(#[case] text: &str, #[case] width: usize, #[case] expected: &[&str]) {
        assert_eq!(broken(text, width), expected);
    }

    proptest! {
        #[test]
        fn rows_fit_and_say_all(text in any::<String>(), width in 1usize..60) {
            let rows = broken(&text, width);
            prop_assert!(rows.iter().all(|row| row.chars().count() <= width));
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&rows.concat()), letters(&one_line(&text)));
        }

        #[test]
        fn whatever_is_printed_stays_on_its_line_and_in_its_width(text in any::<String>(), width in 1usize..60) {
            let fitted = fit(&text, width);
            prop_assert!(fitted.chars().count() <= width);
            prop_assert!(!fitted.chars().any(is_dangerous));
            prop_assert!(lines(&text).all(|line| !line.chars().any(is_dangerous)));
        }
    }
}
