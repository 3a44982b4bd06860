//! Annotations: workflow commands that GitHub shows beside the line of the scenario.
//!
//! ```text
//! ::error file=scenarios/checkout.toml,line=9,endLine=9,col=25,endColumn=30,title=checkout: access.plan::still "free" …
//! ```
//!
//! GitHub reads them from standard output. How they are escaped:
//! <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>. The caller knows whether it
//! runs there (`GITHUB_ACTIONS`).

use super::Reporter;
use super::gather::{Gathered, Handoff, Status, Tries, telling};
use crate::incident::Incident;
use crate::incident::model::Finding;
use crate::incident::text::{cut, fit, lines, one_line};
use crate::run_event::{RunEvent, RunEventKind};

/// Longer messages lose their middle; GitHub takes 64 KiB for all of them.
const LONGEST: usize = 1_000;

/// Writes all annotations when the run ends.
#[derive(Debug, Default)]
pub struct Annotations {
    gathered: Gathered,
    handoff: Handoff,
}

impl Annotations {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(handoff: Handoff) -> Self {
        Self { gathered: Gathered::default(), handoff }
    }
}

impl Reporter for Annotations {
    fn event(&mut self, event: &RunEvent) -> Vec<u8> {
        self.gathered.add(event);
        let RunEventKind::RunFinished { trouble, .. } = &event.kind else {
            return Vec::new();
        };
        let mut out: String = self.gathered.cases().iter().map(|case| self.of_case(case)).collect();
        if let Some(trouble) = trouble {
            let lines: Vec<String> = lines(&cut(&trouble.message, LONGEST)).collect();
            let message = format!("failed to {}", lines.join("\n"));
            out.push_str(&command("error", &[("title", "paydrill")], &message));
        }
        if let Some(problem) = &self.gathered.unrecorded {
            let message = format!("not retained: failed to {}", cut(problem, LONGEST));
            out.push_str(&command("warning", &[("title", "paydrill")], &message));
        }
        out.into_bytes()
    }
}

impl Annotations {
    fn of_case(&self, case: &Tries<'_>) -> String {
        let Some(incident) = telling(case).and_then(|record| self.gathered.incident(record, &self.handoff))
        else {
            return String::new();
        };
        let flaky = case.last.status == Status::Flaky;
        let findings = incident.reason.iter().chain(&incident.findings);
        findings.map(|finding| annotation(&incident, finding, flaky.then_some(case.last.attempt))).collect()
    }
}

/// `passed_at`: the try at which a flaky case passed.
fn annotation(incident: &Incident, finding: &Finding, passed_at: Option<u32>) -> String {
    let title = match finding.name.as_str() {
        "" => incident.case.clone(),
        name => format!("{}: {name}", incident.case),
    };
    let title = fit(&title, 200);
    let mut parameters = Vec::new();
    let numbers;
    if let Some(line) = &finding.line {
        numbers = [line.line, line.column, line.column + line.length].map(|number| number.to_string());
        let [number, column, end] = &numbers;
        parameters.extend([
            ("file", line.file.as_str()),
            ("line", number),
            ("endLine", number),
            ("col", column),
            ("endColumn", end),
        ]);
    }
    parameters.push(("title", &title));
    let mut lines = vec![finding.headline.clone(), incident.promise.clone()];
    if finding.kind.is_some() {
        lines.push(format!("expected {}, observed {}", finding.expected, finding.observed));
    }
    lines.extend(passed_at.map(|attempt| format!("flaky: it passed at try {attempt}")));
    lines.push(format!("again: {}", incident.rerun));
    let lines: Vec<String> = lines.iter().map(|line| one_line(&cut(line, LONGEST))).collect();
    command("error", &parameters, &lines.join("\n"))
}

fn command(name: &str, parameters: &[(&str, &str)], message: &str) -> String {
    let parameters: Vec<String> =
        parameters.iter().map(|(key, value)| format!("{key}={}", property(&one_line(value)))).collect();
    format!("::{name} {}::{}\n", parameters.join(","), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::sample as cases;
    use crate::incident::sample::Sample;
    use crate::report::sample;

    fn annotations(events: &[RunEvent]) -> String {
        let mut annotations = Annotations::new(Handoff::default());
        String::from_utf8(events.iter().flat_map(|event| annotations.event(event)).collect()).unwrap()
    }

    #[rstest]
    #[case("plain", "plain", "plain")]
    #[case("50%", "50%25", "50%25")]
    #[case("a\r\nb", "a%0D%0Ab", "a%0D%0Ab")]
    #[case("a:b,c", "a:b,c", "a%3Ab%2Cc")]
    #[case("%0A::error::", "%250A::error::", "%250A%3A%3Aerror%3A%3A")]
    fn escaping(#[case] text: &str, #[case] as_data: &str, #[case] as_property: &str) {
        assert_eq!(data(text), as_data);
        assert_eq!(property(text), as_property);
    }

    #[test]
    fn every_finding_has_an_annotation_at_its_line() {
        insta::assert_snapshot!(annotations(&sample::run()));
    }

    #[test]
    fn trouble_has_one_without_a_line() {
        assert_eq!(
            annotations(&sample::troubled()),
            "::error title=paydrill::failed to start `web`: it ended with exit code 1 before it was ready\n"
        );
    }

    #[test]
    fn hostile_values_start_no_command() {
        let said = annotations(&sample::of(vec![cases::hostile(Sample::seed(1))]));
        assert!(said.lines().all(|line| line.starts_with("::error file=")), "{said}");
        assert_eq!(said.lines().count(), 2);
        assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'));
    }
}
