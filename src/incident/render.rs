//! An incident as text, Markdown or JSON: bytes out, no I/O.

mod diff;
mod frame;
mod json;
mod markdown;
pub(crate) mod paint;
mod sections;
mod text;

pub use json::json;
pub use markdown::markdown;
pub(crate) use markdown::{code, fenced, url};
pub use paint::Color;
pub use text::text;

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// In characters; values that do not fit lose their middle. Less than 40 counts as 40.
    pub width: usize,
    /// Whether colour is added. The text says everything without it.
    pub color: Color,
    /// How much is told.
    pub detail: Detail,
}

/// How much of a case is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Readings of the probes that were not as promised, and the first lines of long lists.
    Relevant,
    /// Everything that was recorded.
    Everything,
}

impl Layout {
    /// What goes into files: no colour, a fixed width.
    pub const FILE: Self = Self { width: 110, color: Color::Never, detail: Detail::Relevant };

    fn usable_width(self) -> usize {
        self.width.max(40)
    }
}

#[cfg(test)]
mod tests;
