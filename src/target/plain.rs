//! Output as plain text: without colours, hyperlinks, and whatever else would steer a terminal.
//!
//! What the target prints is shown in terminals, reports and incidents, and it may print what its customers
//! sent it: nothing of that may move a cursor.

use std::borrow::Cow;
use std::str::Chars;

/// `text` without control characters and escape sequences; tabs stay.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_steering) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            '\u{1b}' => skip_escape(&mut rest),
            next if is_steering(next) => {}
            next => plain.push(next),
        }
    }
    plain.into()
}

fn is_steering(letter: char) -> bool {
    letter.is_control() && letter != '\t'
}

/// Skips what follows an escape character (ECMA-48): `[` up to a final letter (colours), `]` up to its
/// terminator (hyperlinks, titles), else one character. One that does not end takes the rest of the line.
fn skip_escape(rest: &mut Chars<'_>) {
    match rest.next() {
        Some('[') => while rest.next().is_some_and(|letter| !matches!(letter, '@'..='~')) {},
        Some(']') => {
            while let Some(letter) = rest.next() {
                match letter {
                    '\u{7}' => break,
                    '\u{1b}' => {
                        rest.next();
                        break;
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[rstest::rstest]
    #[case::plain("listening on 3000\tü", "listening on 3000\tü")]
    #[case::colours("\u{1b}[1;32mINFO\u{1b}[0m up", "INFO up")]
    #[case::hyperlink("see \u{1b}]8;;http://x\u{1b}\\here\u{1b}]8;;\u{1b}\\", "see here")]
    #[case::title("\u{1b}]0;title\u{7}up", "up")]
    #[case::cursor("paid\u{8}\u{8}\u{1b}[2Kfailed", "paidfailed")]
    #[case::one_letter("\u{1b}cup", "up")]
    #[case::without_end("up\u{1b}[31", "up")]
    fn what_steers_a_terminal_is_left_out(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(plain(text), expected);
    }

    proptest! {
        #[test]
        fn nothing_steering_is_left(text in "([a-z]|\\PC|\u{1b}|\\[|\\]|\u{7}|;|[0-9]|\t|\r){0,40}") {
            let once = plain(&text);
            prop_assert!(!once.contains(is_steering));
            prop_assert_eq!(plain(&once), once.as_ref());
        }
    }
}
