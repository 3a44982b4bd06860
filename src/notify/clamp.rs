//! Texts in the room that a receiver gives them.

use crate::incident::text::{cut, lines, one_line};

/// One harmless line of at most `most` characters.
pub(super) fn line(text: &str, most: usize) -> String {
    cut(&one_line(&cut(text, most.saturating_mul(4))), most)
}

/// Harmless lines, at most `most` characters together: what does not fit is left out at the end.
pub(super) fn block(text: &str, most: usize) -> String {
    let text = lines(text).collect::<Vec<_>>().join("\n");
    head(&text, most)
}

/// The start of a text.
pub(super) fn head(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Escaped pieces, one after another, as many as fit whole into `most` characters: a piece is never cut, since half
/// an entity or an open block of code would change what stands behind it.
pub(super) fn whole(pieces: impl IntoIterator<Item = String>, most: usize) -> String {
    let mut out = String::new();
    let mut used = 0_usize;
    for piece in pieces {
        let length = piece.chars().count();
        if used.saturating_add(length) > most {
            break;
        }
        used = used.saturating_add(length);
        out.push_str(&piece);
    }
    out
}
