//! What of a case was not as promised, each with the line that demanded it.

use super::model::{Access, Finding, SourceLine};
use crate::run_event::{CaseRecord, Judged, JudgedKind, Verdict};
use crate::span::Place;

/// Everything that failed or could not be told, in the order of the file.
pub(super) fn of(record: &CaseRecord) -> Vec<Finding> {
    record
        .judged
        .iter()
        .filter(|judged| judged.verdict != Verdict::Passed)
        .map(|judged| finding(record, judged))
        .collect()
}

/// The finding that stands for the incident: the first wrong outcome, else the first that could not be told.
pub(super) fn primary(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().find(|finding| finding.verdict == Verdict::Failed).or_else(|| findings.first())
}

/// Why the case as a whole could not be judged.
pub(super) fn reason(record: &CaseRecord) -> Option<Finding> {
    let reason = record.reason.as_ref()?;
    Some(Finding {
        kind: None,
        name: String::new(),
        step: None,
        step_name: None,
        verdict: record.verdict,
        expected: String::new(),
        observed: reason.message.clone(),
        headline: reason.message.clone(),
        due: None,
        line: reason.place.as_ref().map(source_line),
    })
}

/// What the customer was to be able to see: of each probe, all that was expected in the step where part of it
/// did not come true. What was right is kept too: it tells how much of the promise is broken.
pub(super) fn access(record: &CaseRecord) -> Vec<Access> {
    let broken = |judged: &Judged| {
        record.judged.iter().any(|other| {
            other.verdict != Verdict::Passed
                && (other.kind, other.step, &other.probe) == (judged.kind, judged.step, &judged.probe)
        })
    };
    record
        .judged
        .iter()
        .filter(|judged| broken(judged))
        .map(|judged| Access {
            name: name(judged),
            expected: judged.expected.clone(),
            observed: judged.observed.clone(),
            verdict: judged.verdict,
        })
        .collect()
}

fn finding(record: &CaseRecord, judged: &Judged) -> Finding {
    Finding {
        kind: Some(judged.kind),
        name: name(judged),
        step: judged.step,
        step_name: judged.step.and_then(|step| record.steps.get(step)).cloned(),
        verdict: judged.verdict,
        expected: judged.expected.clone(),
        observed: judged.observed.clone(),
        headline: judged.headline.clone(),
        due: judged.due,
        line: Some(source_line(&judged.place)),
    }
}

fn name(judged: &Judged) -> String {
    match (judged.probe.as_str(), judged.field.as_str()) {
        ("", "") => match judged.kind {
            JudgedKind::Delivery | JudgedKind::DeliveryRefused => "delivery".to_owned(),
            JudgedKind::Either => "either".to_owned(),
            JudgedKind::Then
            | JudgedKind::Unchanged
            | JudgedKind::Reconcile
            | JudgedKind::Bystander
            | JudgedKind::Parameter => String::new(),
        },
        (probe, "") => probe.to_owned(),
        ("", field) => field.to_owned(),
        (probe, field) => format!("{probe}.{field}"),
    }
}

/// The line of a place; of a place of several lines, the first.
fn source_line(place: &Place) -> SourceLine {
    let position = place.position();
    let text = place.source.line(position.line).to_owned();
    let rest = text.chars().count().saturating_sub(position.column - 1);
    let start = place.range.start.min(place.source.text.len());
    let end = place.range.end.clamp(start, place.source.text.len());
    let meant = place.source.text.get(start..end).map_or(1, |meant| meant.chars().count());
    SourceLine {
        file: place.source.path.clone(),
        line: position.line,
        column: position.column,
        length: meant.min(rest).max(1),
        text,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::span::Source;

    #[rstest]
    #[case("a = 1\nb = \"ü\"\n", 10..14, 2, 5, 3)]
    #[case("a = [\n1,\n]\n", 4..10, 1, 5, 1)]
    #[case("a", 900..1_000, 1, 2, 1)]
    #[case("", 0..0, 1, 1, 1)]
    #[case("ü", 1..2, 1, 1, 1)]
    #[expect(clippy::reversed_empty_ranges, reason = "a place is only data: it may be nonsense")]
    #[case("abc", 2..1, 1, 3, 1)]
    fn a_place_becomes_a_line_whatever_it_says(
        #[case] text: &str,
        #[case] range: std::ops::Range<usize>,
        #[case] line: usize,
        #[case] column: usize,
        #[case] length: usize,
    ) {
        let source = Arc::new(Source { path: "a.toml".into(), text: text.into() });
        let found = source_line(&Place { source, range });
        assert_eq!((found.line, found.column, found.length), (line, column, length));
    }
}
