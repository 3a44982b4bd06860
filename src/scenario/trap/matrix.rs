//! A matrix that multiplies nothing.

use crate::scenario::code::Code;
use crate::scenario::decode::Problems;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::tree::{Kind, Node};

/// Axes that act by themselves, whether or not a template names them.
const ACTING: [&str; 3] = ["shape", "order", "answers_in"];

/// Looks at the file as it is written, with no value filled in.
pub(crate) fn warn_if_idle(tree: &Node, problems: &mut Problems) {
    for entry in tree.get("matrix").and_then(Node::entries).unwrap_or_default() {
        let Kind::Array(values) = &entry.node.kind else { continue };
        let acts = ACTING.contains(&entry.key.as_str());
        let why = match values.len() {
            // There is no other way to say the shape of a whole story.
            1 if entry.key != "shape" => "has one value",
            2.. if !acts && !is_named(tree, &entry.key) => "is named nowhere",
            _ => continue,
        };
        let place = problems.place(&entry.key_range);
        problems.push(
            Diagnostic::warning(Code::IdleMatrix, format!("`matrix.{}` {why}", entry.key))
                .at(&place)
                .label("it makes no other case")
                .help(format!("`{{{{ matrix.{} }}}}` stands for one of several values", entry.key)),
        );
    }
}

/// Whether a template of the file names this axis.
fn is_named(tree: &Node, axis: &str) -> bool {
    let mut named = false;
    tree.each_string(&mut |text, _| {
        named |=
            text.match_indices(axis).any(|(at, _)| text.get(..at).is_some_and(|s| s.ends_with("matrix.")));
    });
    named
}
