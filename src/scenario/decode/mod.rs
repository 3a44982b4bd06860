//! From the tree to documents: tables with known keys, every value optional and with its place.
//!
//! One declaration, [`document!`], is the only source of a table's keys: it gives the struct, its decoder, its key
//! list and its JSON Schema, with the doc comments as descriptions. Decoding collects every problem and never stops
//! at the first; what could not be read is `None` in the document.

pub(crate) mod table;
pub(crate) mod values;

use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;

use super::code::Code;
use super::diagnostic::{Diagnostic, suggest};
use super::tree::{Entry, Node};
use crate::span::{Place, Source, Spanned};

pub(crate) use table::{document, require_one};
pub(crate) use values::{Any, Length, List, Map, Number, OrNone, Shift, Table, Text, words};

/// A value of a document, with the place of its key.
#[derive(Debug, Clone)]
pub(crate) struct Field<T> {
    /// The key.
    pub(crate) key: Place,
    /// The value.
    pub(crate) place: Place,
    pub(crate) value: T,
}

impl<T> std::ops::Deref for Field<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Clone> Field<T> {
    /// The value and its place.
    pub(crate) fn spanned(&self) -> Spanned<T> {
        Spanned { value: self.value.clone(), place: self.place.clone() }
    }
}

/// What can be read from a node of the tree.
pub(crate) trait Decode: Sized + JsonSchema {
    /// The value; `None` after saying why it cannot be read.
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self>;
}

/// The problems of one file, as they are found.
#[derive(Debug)]
pub(crate) struct Problems {
    /// The file.
    pub(crate) source: Arc<Source>,
    /// What was found so far.
    pub(crate) list: Vec<Diagnostic>,
}

impl Problems {
    pub(crate) fn new(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), list: Vec::new() }
    }

    /// A place in this file.
    pub(crate) fn place(&self, range: &Range<usize>) -> Place {
        Place { source: Arc::clone(&self.source), range: range.clone() }
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// A value of the wrong type.
    pub(crate) fn wrong_type(&mut self, node: &Node, wanted: &str) {
        let diagnostic = Diagnostic::error(
            Code::WrongType,
            format!("wrong type: expected {wanted}, found {}", node.type_name()),
        )
        .at(&self.place(&node.range))
        .label(format!("expected {wanted}"));
        self.push(diagnostic);
    }

    /// A value of the right type that is out of range.
    pub(crate) fn out_of_range(&mut self, node: &Node, message: impl Into<String>, label: &str) {
        let place = self.place(&node.range);
        self.push(Diagnostic::error(Code::OutOfRange, message).at(&place).label(label));
    }

    /// A key that means nothing here.
    pub(crate) fn unknown_key(&mut self, entry: &Entry, what: &str, known: &[&str]) {
        let diagnostic = Diagnostic::error(Code::UnknownKey, format!("unknown key `{}`", entry.key))
            .at(&self.place(&entry.key_range))
            .label(format!("not a key of {what}"))
            .maybe_help(suggest(&entry.key, "keys", known.iter().copied()));
        self.push(diagnostic);
    }

    /// A key that must be there.
    pub(crate) fn missing(&mut self, range: &Range<usize>, what: &str, key: &str) {
        let diagnostic = Diagnostic::error(Code::MissingKey, format!("{what} needs the key `{key}`"))
            .at(&self.place(range))
            .label(format!("`{key}` is missing"));
        self.push(diagnostic);
    }

    /// The value of a key, decoded.
    pub(crate) fn field<T: Decode>(&mut self, entry: &Entry) -> Option<Field<T>> {
        let value = T::decode(&entry.node, self)?;
        Some(Field { key: self.place(&entry.key_range), place: self.place(&entry.node.range), value })
    }
}
