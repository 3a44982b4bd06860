//! Expected and observed, one under the other.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::Layout;
use super::paint::Ink;
use crate::incident::text::{fit, lines};

/// How many lines of a large value are shown.
const MOST_LINES: usize = 30;

/// `- expected  "pro"` and `+ observed  "free"`; tables, lists and texts of several lines line by line.
pub(super) fn diff(expected: &str, observed: &str, layout: Layout) -> Vec<String> {
    let (left, right) = (spread(expected), spread(observed));
    if !left.contains('\n') && !right.contains('\n') {
        return vec![
            line(ChangeTag::Delete, &format!("expected  {expected}"), layout),
            line(ChangeTag::Insert, &format!("observed  {observed}"), layout),
        ];
    }
    let diff = TextDiff::from_lines(left.as_str(), right.as_str());
    let all: Vec<String> = diff
        .iter_all_changes()
        .flat_map(|change| {
            let tag = change.tag();
            lines(change.value()).map(move |text| line(tag, &text, layout)).collect::<Vec<_>>()
        })
        .collect();
    let more = all.len().saturating_sub(MOST_LINES);
    let mut out = vec!["- expected, + observed".to_owned()];
    out.extend(all.into_iter().take(MOST_LINES));
    if more > 0 {
        out.push(format!("  ({more} more lines)"));
    }
    out
}

/// A table or list gets a line per member.
fn spread(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => {
            serde_json::to_string_pretty(&value).unwrap_or_else(|_| text.to_owned())
        }
        _ => text.trim_end().to_owned(),
    }
}

fn line(tag: ChangeTag, text: &str, layout: Layout) -> String {
    let text = fit(text, layout.usable_width() - 6);
    match tag {
        ChangeTag::Delete => layout.color.paint(Ink::Good, &format!("- {text}")),
        ChangeTag::Insert => layout.color.paint(Ink::Bad, &format!("+ {text}")),
        ChangeTag::Equal => format!("  {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_two_lines() {
        let out = diff("\"pro\"", "\"free\"", Layout::FILE);
        assert_eq!(out, ["- expected  \"pro\"", "+ observed  \"free\""]);
    }

    #[test]
    fn a_table_shows_what_differs() {
        let out = diff(r#"{"plan":"pro","seats":3}"#, r#"{"plan":"free","seats":3}"#, Layout::FILE);
        insta::assert_snapshot!(out.join("\n"), @r#"
        - expected, + observed
          {
        -   "plan": "pro",
        +   "plan": "free",
            "seats": 3
          }
        "#);
    }

    #[test]
    fn a_huge_value_is_bounded() {
        let huge = serde_json::to_string(&vec![1; 10_000]).unwrap_or_default();
        assert_eq!(diff("[]", &huge, Layout::FILE).len(), MOST_LINES + 2);
        assert_eq!(diff("1", &"x".repeat(100_000), Layout::FILE)[1].chars().count(), 106);
    }
}
