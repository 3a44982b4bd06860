//! Tables with known keys.

use std::ops::Range;

use super::Problems;
use crate::scenario::code::Code;
use crate::scenario::diagnostic::Diagnostic;

/// Declares a table of a file: its keys, their types and what they mean, once.
///
/// ```text
/// document! {
///     /// a subscription                              // what messages call it, with its article
///     pub(crate) struct SubscriptionDocument
///         requires(price),                            // keys that must be there
///         one_of(price, items) {                      // exactly one of these
///             /// Which price.
///             price: Text,
///         }
/// }
/// ```
macro_rules! document {
    ($(
        #[doc = $what:literal]
        $vis:vis struct $name:ident
            $(requires($($required:ident),+),)?
            $(one_of($($choice:ident),+),)?
            $(at_most_one($($exclusive:ident),+),)?
        {
            $($(#[doc = $doc:literal])+ $key:ident: $type:ty,)*
        }
    )+) => {$(
        #[doc = $what]
        #[derive(Debug, Clone)]
        $vis struct $name {
            /// Where the table stands.
            #[expect(clippy::allow_attributes, reason = "some tables are placed by what is in them")]
            #[allow(dead_code, reason = "some tables are placed by what is in them")]
            $vis place: $crate::span::Place,
            /// The keys that are there, readable or not.
            written: Vec<String>,
            $(
                $(#[doc = $doc])+
                #[expect(clippy::allow_attributes, reason = "read by a later version; checked now")]
                #[allow(dead_code, reason = "read by a later version; checked now")]
                $vis $key: Option<$crate::scenario::decode::Field<$type>>,
            )*
        }

        impl $name {
            /// What messages call it.
            pub(crate) const WHAT: &'static str = $what.trim_ascii();
            /// Its keys.
            pub(crate) const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            /// Whether a key is there, also where its value could not be read.
            #[expect(clippy::allow_attributes, reason = "not every table is asked")]
            #[allow(dead_code, reason = "not every table is asked")]
            pub(crate) fn has(&self, key: &str) -> bool {
                self.written.iter().any(|written| written == key)
            }
        }

        impl $crate::scenario::decode::Decode for $name {
            fn decode(
                node: &$crate::scenario::tree::Node,
                problems: &mut $crate::scenario::decode::Problems,
            ) -> Option<Self> {
                let Some(entries) = node.entries() else {
                    problems.wrong_type(node, "a table");
                    return None;
                };
                let mut document = Self {
                    place: problems.place(&node.range),
                    written: entries.iter().map(|entry| entry.key.clone()).collect(),
                    $($key: None,)*
                };
                for entry in entries {
                    match entry.key.as_str() {
                        $(stringify!($key) => document.$key = problems.field(entry),)*
                        _ => problems.unknown_key(entry, Self::WHAT, Self::KEYS),
                    }
                }
                $($(
                    if node.get(stringify!($required)).is_none() {
                        problems.missing(&node.range, Self::WHAT, stringify!($required));
                    }
                )+)?
                $($crate::scenario::decode::require_one(
                    node, Self::WHAT, &[$(stringify!($choice)),+],
                    $crate::scenario::decode::table::Least::One, problems,
                );)?
                $($crate::scenario::decode::require_one(
                    node, Self::WHAT, &[$(stringify!($exclusive)),+],
                    $crate::scenario::decode::table::Least::None, problems,
                );)?
                Some(document)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                let name = stringify!($name);
                name.strip_suffix("Document").unwrap_or(name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let keys: Vec<(&str, &str, schemars::Schema)> = vec![$((
                    stringify!($key),
                    concat!($($doc),+).trim_ascii(),
                    generator.subschema_for::<$type>(),
                )),*];
                $crate::scenario::schema::table(
                    Self::WHAT,
                    keys,
                    &[$($(stringify!($required)),+)?],
                    &[$($(stringify!($choice)),+)?],
                )
            }
        }
    )+};
}

pub(crate) use document;

/// How many keys of a choice there must be at least. There is never more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Least {
    None,
    One,
}

/// Checks a choice: exactly one of `choices`, or at most one.
pub(crate) fn require_one(
    node: &crate::scenario::tree::Node,
    what: &str,
    choices: &[&str],
    least: Least,
    problems: &mut Problems,
) {
    let set: Vec<(&str, &Range<usize>)> = node
        .entries()
        .unwrap_or_default()
        .iter()
        .filter(|entry| choices.contains(&entry.key.as_str()))
        .map(|entry| (entry.key.as_str(), &entry.key_range))
        .collect();
    let quoted = choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    let (list, help) = if choices.len() > 8 { ("its keys".to_owned(), Some(quoted)) } else { (quoted, None) };
    let help = help.map(|keys| format!("the keys are {keys}"));
    match set.as_slice() {
        [] if least == Least::One => {
            let diagnostic = Diagnostic::error(Code::ExclusiveKeys, format!("{what} needs one of {list}"))
                .at(&problems.place(&node.range))
                .label("none of them is set")
                .maybe_help(help);
            problems.push(diagnostic);
        }
        [(first, _), rest @ ..] => {
            for (other, range) in rest {
                let list = if choices.len() == 2 { "them" } else { list.as_str() };
                let message = format!("{what} has `{first}` and `{other}`, and can only have one of {list}");
                let place = problems.place(range);
                problems.push(
                    Diagnostic::error(Code::ExclusiveKeys, message)
                        .at(&place)
                        .label(format!("not beside `{first}`")),
                );
            }
        }
        [] => {}
    }
}
