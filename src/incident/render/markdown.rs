//! An incident for a pull request, a job summary or a ticket.

use super::{Layout, text};
use crate::incident::model::Incident;
use crate::incident::text::{cut, lines, one_line};

/// A heading, a table of facts, and what happened in a block of code.
#[must_use]
pub fn markdown(incident: &Incident) -> String {
    let mut out = format!("### {}: {}\n\n", incident.kind, code(&incident.case));
    out.push_str("| | |\n|---|---|\n");
    for (name, value) in text::facts(incident) {
        out.push_str(&format!("| {name} | {} |\n", link(name, &value).unwrap_or_else(|| code(&value))));
    }
    out.push('\n');
    let body = text::body(incident, Layout::FILE);
    out.push_str(&fenced(body.join("\n").trim_start_matches('\n')));
    out
}

/// A runbook that is an ordinary URL can be clicked; nothing else can.
fn link(name: &str, value: &str) -> Option<String> {
    url(value).filter(|_| name == "runbook")
}

/// An ordinary URL as a link; nothing else.
pub(crate) fn url(value: &str) -> Option<String> {
    let path = value.strip_prefix("https://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/?#=&%:@+".contains(c);
    path.chars().all(plain).then(|| format!("<{value}>"))
}

/// Any text as inline code that can stand in a table: nothing in it is markup, a link or a mention.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(&cut(text, 400));
    // GitHub splits a row at every unescaped bar, even within code.
    let text = text.replace('|', "\\|");
    let longest = longest_run(&text, '`');
    let fence = "`".repeat(longest + 1);
    match (text.trim().is_empty(), longest > 0 || text.starts_with('`') || text.ends_with('`')) {
        (true, _) => String::new(),
        (false, true) => format!("{fence} {text} {fence}"),
        (false, false) => format!("`{text}`"),
    }
}

/// Any text as a block of code.
pub(crate) fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
    let text: Vec<String> = lines(text).collect();
    format!("{fence}text\n{}\n{fence}\n", text.join("\n"))
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain", "`plain`")]
    #[case("a|b", "`a\\|b`")]
    #[case("a`b", "`` a`b ``")]
    #[case("``", "``` `` ```")]
    #[case("two\nlines", "`two\\nlines`")]
    #[case("<img src=x> @all", "`<img src=x> @all`")]
    #[case("", "")]
    fn nothing_in_code_is_markup(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(code(text), expected);
    }

    #[rstest]
    #[case("runbook", "https://runbooks.acme.example/a?b=c#d", true)]
    #[case("runbook", "https://a.example/> <script>", false)]
    #[case("runbook", "javascript:alert(1)", false)]
    #[case("runbook", "ask the on-call", false)]
    #[case("promise", "https://a.example/", false)]
    fn only_a_plain_runbook_is_a_link(#[case] name: &str, #[case] value: &str, #[case] expected: bool) {
        assert_eq!(link(name, value).is_some(), expected);
    }

    #[test]
    fn a_block_cannot_be_closed_from_within() {
        assert_eq!(fenced("a\n````\nb"), "`````text\na\n````\nb\n`````\n");
    }
}
