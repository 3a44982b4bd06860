//! `allow = ["never-fails"]`: warnings that the author has read and means to keep.

use crate::scenario::code::Code;
use crate::scenario::decode::Problems;
use crate::scenario::diagnostic::{Diagnostic, Severity, suggest};
use crate::scenario::tree::{Kind, Node};

/// The diagnostics without the warnings that the file allows. What it allows and does not have is a warning itself:
/// it would hide the next one.
pub(crate) fn allowed(tree: &Node, problems: &mut Problems) {
    let Some(Node { kind: Kind::Array(items), .. }) = tree.get("allow") else { return };
    for item in items {
        let Kind::String(word) = &item.kind else { continue };
        let place = problems.place(&item.range);
        let Ok(code) = word.parse::<Code>() else {
            let all = Code::ALL.iter().map(|code| code.as_str());
            problems.push(
                Diagnostic::error(Code::UnknownWord, format!("`{word}` is no code of a diagnostic"))
                    .at(&place)
                    .label("expected one such as \"never-fails\"")
                    .maybe_help(suggest(word, "codes", all)),
            );
            continue;
        };
        let before = problems.list.len();
        problems.list.retain(|found| found.code != code || found.severity == Severity::Error);
        if problems.list.len() == before {
            problems.push(
                Diagnostic::warning(Code::IdleAllow, format!("there is no warning `{code}` to allow"))
                    .at(&place)
                    .label("leave it out"),
            );
        }
    }
}
