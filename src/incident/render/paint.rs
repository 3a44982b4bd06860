//! Colour, which repeats what the words say.

/// Whether text is coloured. The caller knows the terminal and `NO_COLOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Never,
    /// ANSI escape sequences.
    Always,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// As promised.
    Good,
    /// Wrong.
    Bad,
    /// Could not be told, or unsteady.
    Doubtful,
    /// A title.
    Title,
    /// Less important.
    Faint,
}

impl Color {
    /// `text` in `ink`.
    pub(crate) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "31;1",
            Ink::Doubtful => "33",
            Ink::Title => "1",
            Ink::Faint => "2",
        };
        match self {
            Self::Never => text.to_owned(),
            Self::Always => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
