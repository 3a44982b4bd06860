//! The job summary in Markdown: a table, and what went wrong below it, folded.

use super::Reporter;
use super::gather::{Gathered, Handoff, Status, Tries, telling};
use crate::incident::render::{self, code, fenced};
use crate::incident::text::{cut, one_line};
use crate::run_event::{RunEvent, RunEventKind, RunStats, Trouble};
use crate::time::human;

/// GitHub takes 1 MiB a step (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
const LARGEST: usize = 900 * 1024;

/// More rows are counted, not listed; those that did not pass come first.
const MOST_ROWS: usize = 200;

/// Writes the summary when the run ends.
#[derive(Debug, Default)]
pub struct JobSummary {
    gathered: Gathered,
    handoff: Handoff,
}

impl JobSummary {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(handoff: Handoff) -> Self {
        Self { gathered: Gathered::default(), handoff }
    }
}

impl Reporter for JobSummary {
    fn event(&mut self, event: &RunEvent) -> Vec<u8> {
        self.gathered.add(event);
        match &event.kind {
            RunEventKind::RunFinished { stats, trouble, .. } => {
                self.render(stats, trouble.as_ref()).into_bytes()
            }
            _ => Vec::new(),
        }
    }
}

impl JobSummary {
    fn render(&self, stats: &RunStats, trouble: Option<&Trouble>) -> String {
        let mut out = self.head(stats);
        if let Some(trouble) = trouble {
            let log = trouble.log.join("\n");
            out.push_str(&fenced(&format!("failed to {}\n{log}", cut(&trouble.message, 2_000))));
            out.push('\n');
        }
        if let Some(problem) = &self.gathered.unrecorded {
            out.push_str("Not retained:\n\n");
            out.push_str(&fenced(&format!("failed to {}", cut(problem, 2_000))));
            out.push('\n');
        }
        let cases = self.gathered.cases();
        out.push_str(&table(&cases));
        let mut left_out = 0;
        for case in &cases {
            let details = self.details(case);
            if out.len() + details.len() > LARGEST {
                left_out += 1;
            } else {
                out.push_str(&details);
            }
        }
        if left_out > 0 {
            out.push_str(&format!("\n{left_out} more are left out: the summary is full.\n"));
        }
        out
    }

    fn head(&self, stats: &RunStats) -> String {
        let outcome = self.gathered.outcome();
        let mut out = format!("## Paydrill: {}\n\n", outcome.meaning());
        out.push_str(&format!(
            "{} of {} passed, {} failed, {} flaky, {} could not be judged, {} skipped, in {}.",
            stats.passed,
            stats.cases,
            stats.failed,
            stats.flaky,
            stats.errored,
            stats.skipped,
            human(self.gathered.took)
        ));
        if let Some(header) = &self.gathered.header {
            out.push_str(&format!(" Environment {}, seed `{}`", code(&header.environment), header.seed));
        }
        let sha = self.gathered.deploy_sha.as_ref();
        out.push_str(&sha.map_or_else(|| ".\n\n".to_owned(), |sha| format!(", deploy {}.\n\n", code(sha))));
        out
    }

    fn details(&self, case: &Tries<'_>) -> String {
        let Some(incident) = telling(case).and_then(|record| self.gathered.incident(record, &self.handoff))
        else {
            return String::new();
        };
        let flaky = match case.last.status {
            Status::Flaky => format!(" (passed at try {})", case.last.attempt),
            _ => String::new(),
        };
        format!(
            "<details><summary>{} {}{flaky}</summary>\n\n{}\n</details>\n",
            case.last.status.word(),
            html(&incident.case),
            render::markdown(&incident)
        )
    }
}

fn table(cases: &[Tries<'_>]) -> String {
    if cases.is_empty() {
        return String::new();
    }
    let mut out = "| | case | took | promise |\n|---|---|---|---|\n".to_owned();
    let mut rows: Vec<&Tries<'_>> = cases.iter().collect();
    rows.sort_by_key(|case| matches!(case.last.status, Status::Pass | Status::Skip));
    for case in rows.iter().take(MOST_ROWS) {
        out.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            case.last.status.word(),
            code(&case.last.name),
            human(case.last.took),
            code(&case.last.head.promise)
        ));
    }
    if rows.len() > MOST_ROWS {
        out.push_str(&format!("\nand {} more cases.\n", rows.len() - MOST_ROWS));
    }
    out.push('\n');
    out
}

/// Text within an HTML element.
fn html(text: &str) -> String {
    one_line(&cut(text, 200))
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('@', "&#64;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::sample as cases;
    use crate::incident::sample::Sample;
    use crate::report::sample;

    fn summary(events: &[RunEvent]) -> String {
        let mut summary = JobSummary::new(Handoff::default());
        String::from_utf8(events.iter().flat_map(|event| summary.event(event)).collect()).unwrap()
    }

    #[test]
    fn a_run_with_every_ending() {
        insta::assert_snapshot!(summary(&sample::run()));
    }

    #[test]
    fn an_app_that_never_came_up() {
        insta::assert_snapshot!(summary(&sample::troubled()), @"
        ## Paydrill: It could not be told whether customers got what they were promised.

        0 of 3 passed, 0 failed, 0 flaky, 0 could not be judged, 0 skipped, in 40 ms. Environment `ci`, seed `42`.

        ```text
        failed to start `web`: it ended with exit code 1 before it was ready
        listening on 4242
        error: no such table: users
        ```
        ");
    }

    #[test]
    fn hostile_values_are_no_markup() {
        let said = summary(&sample::of(vec![cases::hostile(Sample::seed(1))]));
        assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'));
        let outside: Vec<&str> = said.split("```").step_by(2).collect();
        assert!(outside.iter().flat_map(|part| part.lines()).all(|line| !line.starts_with("::error")));
        assert_eq!(said.matches("</details>").count(), 1);
    }

    #[test]
    fn the_summary_fits_and_says_what_is_left_out() {
        let many: Vec<_> = (0..600)
            .map(|number| {
                let mut record = cases::no_access(Sample::seed(number));
                record.name = format!("case-{number}");
                record
            })
            .collect();
        let said = summary(&sample::of(many));
        assert!(said.len() < 1024 * 1024);
        assert!(said.contains("and 400 more cases."));
        assert!(said.contains(" more are left out: the summary is full."));
    }
}
