//! An id or e-mail written out that is minted for every case: the story would be about somebody else, or about nobody.

use std::ops::Range;

use crate::scenario::code::Code;
use crate::scenario::decode::Problems;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::tree::{Kind, Node};

/// How ids start, and the template that stands for them.
const IDS: [(&str, &str); 7] = [
    ("cus_", "{{ customer.id }}"),
    ("sub_", "{{ subscription.id }}"),
    ("price_", "{{ price.KEY.id }}"),
    ("prod_", "{{ product.KEY.id }}"),
    ("cs_", "{{ checkout.id }}"),
    ("in_", "{{ invoice.id }}"),
    ("ch_", "{{ charge.id }}"),
];

/// Looks at what happens and what is expected. In `send` a foreign id may be the very point.
pub(super) fn check(tree: &Node, problems: &mut Problems) {
    let list = |node: Option<&Node>| match node.map(|node| &node.kind) {
        Some(Kind::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let steps = list(tree.get("step"));
    let customers = list(tree.get("given").and_then(|given| given.get("customer")));
    let looked_at = ["then", "either", "stripe"]
        .into_iter()
        .flat_map(|key| steps.iter().filter_map(move |step| step.get(key)))
        .chain(customers.iter().filter_map(|customer| customer.get("subscription")));
    let mut found: Vec<(Range<usize>, String, &str)> = Vec::new();
    for node in looked_at {
        node.each_string(&mut |text, range| {
            if let Some(template) = template_for(text) {
                found.push((range.clone(), text.to_owned(), template));
            }
        });
    }
    for (range, text, template) in found {
        let place = problems.place(&range);
        problems.push(
            Diagnostic::warning(Code::LiteralId, format!("`{text}` is written out"))
                .at(&place)
                .label("ids and e-mail addresses are minted for every case")
                .help(format!("write \"{template}\"")),
        );
    }
}

/// The template that stands for a text, if it is an id or an e-mail address and nothing else.
fn template_for(text: &str) -> Option<&'static str> {
    if is_email(text) {
        return Some("{{ customer.email }}");
    }
    let (prefix, template) = IDS.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let rest = text.strip_prefix(prefix)?.trim_start_matches("test_");
    // A word in small letters is a name (`in_progress`), not an id.
    let id = rest.len() >= 3 && rest.chars().all(|c| c.is_ascii_alphanumeric());
    (id && rest.chars().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase())).then_some(*template)
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let word = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    !name.is_empty() && name.chars().all(word) && host.contains('.') && host.chars().all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("cus_9s6XKzkNRiz8i3", Some("{{ customer.id }}"))]
    #[case("cs_test_a1b2", Some("{{ checkout.id }}"))]
    #[case("jenny@example.com", Some("{{ customer.email }}"))]
    #[case("{{ customer.email }}", None)]
    #[case("in_progress", None)]
    #[case("sub_1 of 2", None)]
    #[case("pm_card_visa", None)]
    #[case("@pro", None)]
    #[case("pro", None)]
    fn what_is_minted_is_told_from_words(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(template_for(text), expected);
    }
}
