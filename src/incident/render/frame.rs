//! The line of a scenario that demanded what did not come true, drawn with a caret under it.

use super::Layout;
use super::paint::Ink;
use crate::incident::model::{Finding, SourceLine};
use crate::incident::text::{broken, cut, fit, one_line};
use crate::run_event::{JudgedKind, Verdict};

/// ```text
/// failed: access.plan
///   --> scenarios/checkout.toml:9:25
///    |
///  9 | then.access = { plan = "pro" }
///    |                        ^^^^^ still "free" 10 s after the last delivery (211 readings)
/// ```
pub(super) fn frame(finding: &Finding, layout: Layout) -> Vec<String> {
    let mut out = vec![title(finding, layout)];
    let Some(line) = &finding.line else {
        let width = layout.usable_width() - 2;
        let headline = one_line(&cut(&finding.headline, 4 * width));
        out.extend(broken(&headline, width).into_iter().map(|row| format!("  {row}")));
        return out;
    };
    let number = line.line.to_string();
    let gutter = " ".repeat(number.len());
    let bar = |left: &str| layout.color.paint(Ink::Faint, &format!("{left} |"));
    let width = layout.usable_width() - number.len() - 3;
    let (text, start, length) = window(line, width);
    let place = format!("{}:{}:{}", line.file, line.line, line.column);
    let place = fit(&place, layout.usable_width().saturating_sub(number.len() + 4));
    out.push(format!("{gutter}{} {place}", layout.color.paint(Ink::Faint, "-->")));
    out.push(bar(&gutter));
    out.push(format!("{} {text}", bar(&number)));
    let carets = format!("{}{}", " ".repeat(start), "^".repeat(length));
    let label = one_line(&cut(&finding.headline, 4 * width));
    let used = carets.chars().count() + 1;
    if used + label.chars().count() <= width {
        let marked = format!("{} {label}", "^".repeat(length));
        out.push(format!("{} {}{}", bar(&gutter), " ".repeat(start), ink(finding, layout, &marked)));
    } else {
        // No room beside the caret: under it, from the left.
        out.push(format!(
            "{} {}{}",
            bar(&gutter),
            " ".repeat(start),
            ink(finding, layout, &"^".repeat(length))
        ));
        for row in broken(&label, width) {
            out.push(format!("{} {}", bar(&gutter), ink(finding, layout, &row)));
        }
    }
    out
}

fn title(finding: &Finding, layout: Layout) -> String {
    let verdict = match finding.verdict {
        Verdict::Failed => "failed",
        Verdict::Errored => "could not be judged",
        Verdict::Skipped => "skipped",
        Verdict::Passed => "passed",
    };
    let step = finding.step_name.as_ref().map_or(String::new(), |name| format!(", in step \"{name}\""));
    let what = fit(&format!("{}{step}", what(finding)), layout.usable_width() - verdict.len() - 2);
    format!("{}{}", ink(finding, layout, &format!("{verdict}: ")), layout.color.paint(Ink::Title, &what))
}

fn what(finding: &Finding) -> String {
    let name = &finding.name;
    match finding.kind {
        None => "the case".to_owned(),
        Some(JudgedKind::Then) => name.clone(),
        Some(JudgedKind::Either) => "none of the alternatives".to_owned(),
        Some(JudgedKind::Unchanged) => format!("{name} had to stay as it was"),
        Some(JudgedKind::Delivery) => "the answer to a delivery".to_owned(),
        Some(JudgedKind::DeliveryRefused) => "a delivery was never accepted".to_owned(),
        Some(JudgedKind::Reconcile) => format!("{name} against Stripe"),
        Some(JudgedKind::Bystander) => format!("{name} of a bystander"),
        Some(JudgedKind::Parameter) => name.clone(),
    }
}

fn ink(finding: &Finding, layout: Layout, text: &str) -> String {
    let ink = if finding.verdict == Verdict::Failed { Ink::Bad } else { Ink::Doubtful };
    layout.color.paint(ink, text)
}

/// The part of a line that fits, and where in it what is meant starts and how long it is, in characters as
/// printed: a tab or a control character is printed as several.
fn window(line: &SourceLine, width: usize) -> (String, usize, usize) {
    let chars: Vec<char> = line.text.chars().collect();
    let column = (line.column - 1).min(chars.len());
    // So much of the start of a long line is left out that what is meant begins in the left half.
    let skipped = column.saturating_sub(width / 2).min(chars.len().saturating_sub(width));
    let printed = |range: &[char]| -> String { range.iter().map(|c| one_line(&c.to_string())).collect() };
    let before = printed(&chars[skipped..column]);
    let end = (column + line.length).min(chars.len());
    let meant = printed(&chars[column..end]);
    let start = before.chars().count().min(width - 1);
    let length = meant.chars().count().clamp(1, width - start);
    let text: String = format!("{before}{meant}{}", printed(&chars[end..])).chars().take(width).collect();
    (text.trim_end().to_owned(), start, length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::incident::findings;
    use crate::incident::render::{Color, Detail};
    use crate::incident::sample::{self, Sample};

    fn layout(width: usize) -> Layout {
        Layout { width, color: Color::Never, detail: Detail::Relevant }
    }

    #[test]
    fn the_caret_stands_under_what_was_demanded() {
        let found = findings::of(&sample::no_access(Sample::seed(1)));
        insta::assert_snapshot!(frame(&found[0], layout(100)).join("\n"), @r#"
        failed: access.plan, in step "paid"
         --> scenarios/checkout-grants-pro.toml:9:25
          |
        9 | then.access  = { plan = "pro", active = true }
          |                         ^^^^^ still "free" 10 s after the last delivery (211 readings)
        "#);
    }

    #[test]
    fn a_narrow_terminal_keeps_the_caret_and_moves_the_words() {
        let found = findings::of(&sample::no_access(Sample::seed(1)));
        insta::assert_snapshot!(frame(&found[1], layout(44)).join("\n"), @r#"
        failed: access.active, in step "paid"
         --> scenarios/checkout-grants-pro.toml:9:41
          |
        9 | ccess  = { plan = "pro", active = true }
          |                                   ^^^^
          | still false 10 s after the last delivery
          | (211 readings)
        "#);
    }

    proptest! {
        #[test]
        fn any_line_is_drawn_within_its_width(
            text in any::<String>(), column in 1usize..200, length in 1usize..200, width in 40usize..120,
        ) {
            let mut finding = findings::of(&sample::no_access(Sample::seed(1))).remove(0);
            finding.headline.clone_from(&text);
            let file = "a.toml".into();
            finding.line = Some(SourceLine { file, line: 1_000, column, length, text });
            for line in frame(&finding, layout(width)) {
                prop_assert!(line.chars().count() <= width, "{line:?}");
            }
        }
    }
}
