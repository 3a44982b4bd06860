//! `paydrill fmt`: one way to write a file, without changing what it means.
//!
//! Comments stay with the key below them. Under `[[step]]` keys stand in the order in which they act, and tables are
//! dotted keys: a `[step.then]` header would swallow every key that is added below it.
//!
//! ```
//! let text = "promise='p'\n[[step]]\nwithin = '5s'\n[step.then]\naccess={plan='pro'}\n";
//! assert_eq!(
//!     paydrill::scenario::format::format(text).unwrap(),
//!     "promise = 'p'\n\n[[step]]\nthen.access = { plan = 'pro' }\nwithin = '5s'\n",
//! );
//! ```

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, KeyMut, RawString, Table, Value};

use super::document::StepDocument;

/// Why a text could not be formatted. It is left as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is no TOML: `lint` says where.
    #[error("read it as TOML: {0}")]
    Syntax(String),
    /// Formatting it would have changed what it means, which is a fault of Paydrill.
    #[error("format it without changing what it means; please report this file")]
    Meaning,
}

/// The same file, written the one way. Formatting twice changes nothing more.
///
/// # Errors
/// Where the text is no TOML.
pub fn format(text: &str) -> Result<String, FormatError> {
    let before = meaning(text)?;
    let syntax = |error: toml_edit::TomlError| FormatError::Syntax(error.message().to_owned());
    let mut document: DocumentMut = text.parse().map_err(syntax)?;
    if let Some(Item::ArrayOfTables(steps)) = document.get_mut("step") {
        steps.iter_mut().for_each(order_step);
    }
    table(document.as_table_mut(), &mut First::Yes);
    let trailing = Lines::of(Some(document.trailing())).text(&mut First::No);
    document.set_trailing(trailing);
    let formatted = format!("{}\n", document.to_string().trim_matches(['\n', ' ', '\t', '\r']));
    let formatted = if formatted == "\n" { String::new() } else { formatted };
    if meaning(&formatted).ok() == Some(before) { Ok(formatted) } else { Err(FormatError::Meaning) }
}

/// What a text means, however it is written.
fn meaning(text: &str) -> Result<String, FormatError> {
    match text.parse::<toml::Table>() {
        // Not `==`: a NaN is not equal to itself.
        Ok(table) => Ok(format!("{table:?}")),
        Err(error) => Err(FormatError::Syntax(error.message().to_owned())),
    }
}

/// Puts the keys of a step in the order in which they act, and makes its tables dotted keys.
fn order_step(step: &mut Table) {
    for name in ["stripe", "then"] {
        if let Some(item) = step.get_mut(name) {
            make_dotted(item);
        }
    }
    let names: Vec<String> = step.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let headed = match step.get(&name) {
            Some(Item::Table(table)) => !table.is_dotted(),
            Some(Item::ArrayOfTables(_)) => true,
            _ => false,
        };
        if headed {
            make_value(step, &name);
        }
    }
    let place = |name: &str| StepDocument::KEYS.iter().position(|key| *key == name).unwrap_or(usize::MAX);
    step.sort_values_by(|a, _, b, _| place(a.get()).cmp(&place(b.get())));
}

/// `[step.then]` and `then = { … }` become `then.PROBE = …`.
fn make_dotted(item: &mut Item) {
    if let Item::Value(Value::InlineTable(inline)) = item {
        if inline.is_empty() || comments_of_inline(inline) {
            return;
        }
        *item = Item::Table(std::mem::take(inline).into_table());
    }
    let Item::Table(table) = item else { return };
    if table.is_empty() {
        return;
    }
    let header = comments(&Item::Table(Table::clone(table)), Depth::Own);
    table.set_dotted(true);
    table.set_implicit(true);
    table.decor_mut().clear();
    let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    for name in &names {
        let headed = match table.get(name) {
            Some(Item::Table(inner)) => !inner.is_dotted(),
            Some(Item::ArrayOfTables(_)) => true,
            _ => false,
        };
        if headed {
            make_value(table, name);
        }
    }
    if let Some(mut key) = names.first().and_then(|first| table.key_mut(first)) {
        prepend(&mut key, &header);
    }
}

/// A table or array of tables with headers becomes an inline value; its comments stand above it.
fn make_value(table: &mut Table, name: &str) {
    let Some(item) = table.get_mut(name) else { return };
    let lines = comments(item, Depth::Whole);
    let taken = std::mem::take(item);
    *item = match taken.into_value() {
        Ok(mut value) => {
            bare(&mut value);
            Item::Value(value)
        }
        Err(item) => item,
    };
    if let Some(mut key) = table.key_mut(name) {
        prepend(&mut key, &lines);
    }
}

/// Removes all comments and line breaks from a value that was a table with headers.
fn bare(value: &mut Value) {
    value.decor_mut().clear();
    match value {
        Value::InlineTable(inline) => {
            inline.set_dotted(false);
            inline.fmt();
            inline.iter_mut().for_each(|(_, value)| bare(value));
        }
        Value::Array(array) => {
            array.fmt();
            array.iter_mut().for_each(bare);
            array.fmt();
        }
        _ => {}
    }
}

/// How far to look for comments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Of the header only.
    Own,
    /// Of everything below it too.
    Whole,
}

/// The comment lines of a table with headers.
fn comments(item: &Item, depth: Depth) -> Vec<String> {
    let mut lines = Vec::new();
    match item {
        Item::Table(table) => {
            lines.extend(decor_comments(table.decor()));
            if depth == Depth::Whole {
                for (name, item) in table.iter() {
                    lines
                        .extend(table.key(name).into_iter().flat_map(|key| decor_comments(key.leaf_decor())));
                    lines.extend(comments(item, depth));
                }
            }
        }
        Item::ArrayOfTables(tables) => {
            for table in tables {
                lines.extend(comments(&Item::Table(table.clone()), depth));
            }
        }
        Item::Value(value) => lines.extend(value_comments(value)),
        Item::None => {}
    }
    lines
}

/// The comments around and inside of a value.
fn value_comments(value: &Value) -> Vec<String> {
    let mut lines = decor_comments(value.decor());
    match value {
        Value::Array(array) => {
            lines.extend(array.iter().flat_map(value_comments));
            lines.extend(Lines::of(Some(array.trailing())).comments());
        }
        Value::InlineTable(inline) => {
            for (name, value) in inline.iter() {
                lines.extend(inline.key(name).into_iter().flat_map(|key| decor_comments(key.leaf_decor())));
                lines.extend(value_comments(value));
            }
            lines.extend(Lines::of(Some(inline.trailing())).comments());
        }
        _ => {}
    }
    lines
}

fn decor_comments(decor: &Decor) -> Vec<String> {
    let both = [decor.prefix(), decor.suffix()];
    both.into_iter().flat_map(|raw| Lines::of(raw).comments()).collect()
}

/// Comments inside of an inline table are TOML 1.1: it is left as it is.
fn comments_of_inline(inline: &InlineTable) -> bool {
    let mut inner = inline.clone();
    inner.decor_mut().clear();
    !value_comments(&Value::InlineTable(inner)).is_empty()
}

/// Puts comment lines above those that a key has already.
fn prepend(key: &mut KeyMut<'_>, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let own = key.leaf_decor().prefix().and_then(RawString::as_str).unwrap_or_default().to_owned();
    let above: String = lines.iter().map(|line| format!("{line}\n")).collect();
    key.leaf_decor_mut().set_prefix(format!("{above}{own}"));
}

/// Whether nothing of the table stands above: then there is no blank line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Yes,
    No,
}

/// Blank lines and comments between two things.
struct Lines(Vec<String>);

impl Lines {
    fn of(raw: Option<&RawString>) -> Self {
        let text = raw.and_then(RawString::as_str).unwrap_or_default();
        let mut lines: Vec<String> = text.split('\n').map(|line| line.trim().to_owned()).collect();
        // What follows the last line break is the indentation of what comes after, never a line of its own.
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
        Self(lines)
    }

    /// Whole lines, with at most one blank line in a row, and none at the start of a table.
    fn text(&self, first: &mut First) -> String {
        let skip = usize::from(*first == First::Yes && self.0.first().is_some_and(String::is_empty));
        *first = First::No;
        self.0[skip..].iter().map(|line| format!("{line}\n")).collect()
    }

    fn comments(self) -> impl Iterator<Item = String> {
        self.0.into_iter().filter(|line| line.starts_with('#'))
    }
}

/// Writes the keys of a table one way.
fn table(table: &mut Table, first: &mut First) {
    for (mut key, item) in table.iter_mut() {
        match item {
            Item::Value(value) => {
                let prefix = Lines::of(key.leaf_decor().prefix()).text(first);
                *key.leaf_decor_mut() = Decor::new(prefix, " ");
                key.dotted_decor_mut().clear();
                line_value(value);
            }
            Item::Table(inner) if inner.is_dotted() => {
                key.dotted_decor_mut().clear();
                self::table(inner, first);
            }
            Item::Table(inner) => headed_table(inner, &mut key, "table"),
            Item::ArrayOfTables(tables) => {
                let name = key.get().to_owned();
                tables.iter_mut().for_each(|inner| headed_table(inner, &mut key, &name));
            }
            Item::None => {}
        }
    }
}

/// A table with a header. A step has a blank line above it.
fn headed_table(inner: &mut Table, key: &mut KeyMut<'_>, name: &str) {
    let mut lines = Lines::of(inner.decor().prefix());
    if name == "step" && lines.0.first().is_none_or(|line| !line.is_empty()) {
        lines.0.insert(0, String::new());
    }
    let prefix = lines.text(&mut First::No);
    let suffix = trailing_comment(inner.decor().suffix());
    *inner.decor_mut() = Decor::new(prefix, suffix);
    key.leaf_decor_mut().clear();
    key.dotted_decor_mut().clear();
    table(inner, &mut First::Yes);
}

/// A value after `=`, to the end of its line.
fn line_value(value: &mut Value) {
    let suffix = trailing_comment(value.decor().suffix());
    value_inside(value);
    *value.decor_mut() = Decor::new(" ", suffix);
}

/// A comment behind something keeps its distance: people align them.
fn trailing_comment(raw: Option<&RawString>) -> String {
    let text = raw.and_then(RawString::as_str).unwrap_or_default().trim_end();
    match text.starts_with('#') {
        true => format!(" {text}"),
        false => text.to_owned(),
    }
}

/// What is inside of a value. An array over several lines keeps its lines.
fn value_inside(value: &mut Value) {
    match value {
        Value::Array(array) => array_inside(array),
        Value::InlineTable(inline) if !comments_of_inline(inline) => {
            inline.fmt();
            inline.set_trailing("");
            inline.set_trailing_comma(false);
            inline.iter_mut().for_each(|(_, value)| value_inside(value));
        }
        _ => {}
    }
}

fn array_inside(array: &mut Array) {
    let raw = |raw: Option<&RawString>| raw.and_then(RawString::as_str).unwrap_or_default().contains('\n');
    let lines = raw(Some(array.trailing()))
        || array.iter().any(|item| raw(item.decor().prefix()) || raw(item.decor().suffix()));
    if !lines {
        array.fmt();
    }
    array.iter_mut().for_each(value_inside);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::examples;

    fn check(text: &str, expected: &str) {
        let formatted = format(text).unwrap();
        assert_eq!(formatted, expected);
        assert_eq!(format(&formatted).unwrap(), formatted, "twice");
    }

    #[test]
    fn the_keys_of_a_step_stand_in_the_order_in_which_they_act() {
        check(
            "[[step]]\nwithin='5s'\nthen.access={plan='pro'}\n# what was bought\nstripe.checkout={price='a'} # now\nname='pays'\n",
            "[[step]]\nname = 'pays'\n# what was bought\nstripe.checkout = { price = 'a' } # now\nthen.access = { plan = 'pro' }\nwithin = '5s'\n",
        );
    }

    #[test]
    fn headers_below_a_step_become_dotted_keys_and_keep_their_comments() {
        check(
            "[[step]]\nname = 'a'\n# outcome\n[step.then]\n# is pro\naccess = { plan = 'pro' } # at last\n[step.then.credits]\n# all\nbalance = 1\n[[step.send]]\n# first\nevent = 'a.b'\n[step.stripe.cancel]\n",
            "[[step]]\nname = 'a'\nstripe.cancel = {}\n# first\nsend = [{ event = 'a.b' }]\n# outcome\n# is pro\nthen.access = { plan = 'pro' } # at last\n# all\nthen.credits = { balance = 1 }\n",
        );
    }

    #[test]
    fn inline_tables_of_a_step_become_dotted_keys() {
        check(
            "[[step]]\nstripe = { cancel = {} }\nthen = { access = { plan = 'free' }, credits = {balance=0} }\n",
            "[[step]]\nstripe.cancel = {}\nthen.access = { plan = 'free' }\nthen.credits = { balance = 0 }\n",
        );
    }

    #[test]
    fn blank_lines_and_spaces_are_tidied() {
        check(
            "\n\n# a story\n\n\npromise   =   'p'   \n  tags=[ 'a','b' , ]\n[given]\n\nat='-1d'\n[[step]]\n\n\n\nname='x'\n\n\nrequest=[\n  'a', # one\n  {b=1},\n]\n\n\n# end",
            "# a story\n\npromise = 'p'\ntags = ['a', 'b']\n[given]\nat = '-1d'\n\n[[step]]\nname = 'x'\n\nrequest = [\n  'a', # one\n  { b = 1 },\n]\n\n# end\n",
        );
    }

    #[rstest::rstest]
    #[case("", "")]
    #[case("\n\n", "")]
    #[case("# only a comment", "# only a comment\n")]
    #[case("a = '''\n  x  \n\n\n'''\n", "a = '''\n  x  \n\n\n'''\n")]
    #[case("a = 1\r\nb = 2\r\n", "a = 1\nb = 2\n")]
    #[case("a = {\n  b = 1, # why\n}\n", "a = {\n  b = 1, # why\n}\n")]
    #[case("a = {\n  b = 1,\n}\n", "a = { b = 1 }\n")]
    fn the_rest_stays(#[case] text: &str, #[case] expected: &str) {
        check(text, expected);
    }

    #[test]
    fn what_is_no_toml_is_left_alone() {
        assert!(matches!(format("a = "), Err(FormatError::Syntax(_))));
    }

    #[test]
    fn the_examples_keep_their_meaning() {
        for (file, text) in examples() {
            let formatted = format(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(format(&formatted).unwrap(), formatted, "{file}");
            let comments = |text: &str| text.matches('#').count();
            assert_eq!(comments(&text), comments(&formatted), "{file}");
        }
    }

    proptest::proptest! {
        /// Lines of examples in any order: what is TOML at all can be formatted, keeps its meaning, and stays so.
        #[test]
        fn formatting_twice_changes_nothing_more(seed in proptest::collection::vec(0..400_usize, 1..14)) {
            let lines: Vec<String> =
                examples().values().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
            let text: String = seed.iter().map(|at| format!("{}\n", lines[at % lines.len()])).collect();
            if let Ok(before) = meaning(&text) {
                let formatted = format(&text).unwrap();
                proptest::prop_assert_eq!(meaning(&formatted).unwrap(), before);
                proptest::prop_assert_eq!(format(&formatted).unwrap(), formatted);
            }
        }
    }
}
