//! Markdown for a pull request and for GitHub's job summary: what went wrong first, everything else folded.
//!
//! What does not fit is counted. Values stand in code, where nothing is markup, a link or a mention.

use super::gather::Status;
use super::model::{Case, Report, Run, Stats, Try, duration};
use crate::incident::render::{code, fenced, url};
use crate::incident::text::{cut, fit, one_line};
use crate::incident::wire::{WireFinding, WireGuidance, WireIncident};
use crate::time::human;

/// GitHub takes 1 MiB a step (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
pub(crate) const SUMMARY: usize = 900 * 1024;

/// A comment has at most 65,536 characters
/// (<https://github.com/orgs/community/discussions/27190>); bytes are never fewer.
pub(crate) const COMMENT: usize = 65_536;

/// More rows are counted, not listed.
const MOST_ROWS: usize = 200;

/// More findings of a case are counted, not listed.
const MOST_FINDINGS: usize = 8;

/// Kept free for the line that says what is left out, and for what ends folds.
const RESERVE: usize = 400;

/// The report in at most `limit` bytes.
#[must_use]
pub(crate) fn markdown(report: &Report, limit: usize) -> String {
    let mut out = head(report);
    let mut room = Room { left: limit.saturating_sub(out.len()).saturating_sub(RESERVE) };
    let wrong: Vec<(&Case, &Try, &WireIncident)> = report
        .cases
        .iter()
        .filter_map(|case| {
            let told = case.telling()?;
            Some((case, told, told.incident.as_ref()?))
        })
        .collect();
    // What every owner needs comes before what some will unfold.
    let shorts: Vec<Option<String>> =
        wrong.iter().map(|(case, _, incident)| room.take(short(case, incident))).collect();
    let missing = shorts.iter().filter(|short| short.is_none()).count();
    for ((_, told, _), short) in wrong.iter().zip(shorts) {
        let Some(short) = short else { continue };
        out.push_str(&short);
        let everything = told.text.as_ref().map(|text| folded("Everything that was recorded", &fenced(text)));
        out.push_str(&everything.and_then(|everything| room.take(everything)).unwrap_or_default());
    }
    if missing > 0 {
        out.push_str(&format!("\n{missing} more did not pass, and are left out: the report is full.\n"));
    }
    out.push_str(&room.take(rest(report)).unwrap_or_default());
    out
}

/// How much may still be written.
struct Room {
    left: usize,
}

impl Room {
    /// The text, if there is room for it.
    fn take(&mut self, text: String) -> Option<String> {
        self.left = self.left.checked_sub(text.len())?;
        Some(text)
    }
}

fn head(report: &Report) -> String {
    let mut out = format!("## Paydrill: {}\n\n", report.outcome().meaning());
    out.push_str(&counts(report.stats()));
    out.push_str(&format!(", in {}.", human(duration(report.took_ms()))));
    if let Some(environment) = report.shared(|run| &run.environment) {
        out.push_str(&format!(" Environment {}", code(environment)));
        out.push_str(&match report.shared(|run| &run.seed) {
            Some(seed) => format!(", seed {}", code(seed)),
            None => format!(", {} runs", report.runs.len()),
        });
        let sha = report.shared(|run| &run.deploy_sha).and_then(Option::as_ref);
        out.push_str(&sha.map_or_else(String::new, |sha| format!(", deploy {}", code(sha))));
        out.push('.');
    }
    out.push_str("\n\n");
    for run in report.runs.iter().take(MOST_ROWS) {
        out.push_str(&trouble(run));
        out.extend(run.remarks().take(20).map(|remark| format!("- {}\n", code(&remark))));
    }
    out
}

fn trouble(run: &Run) -> String {
    let Some(trouble) = &run.trouble else { return String::new() };
    let log: Vec<String> = trouble.log.iter().rev().take(20).rev().map(|line| cut(line, 400)).collect();
    fenced(&format!("failed to {}\n{}", cut(&trouble.message, 2_000), log.join("\n"))) + "\n"
}

/// `118 of 124 passed, 4 failed, 2 flaky`
pub(crate) fn counts(stats: Stats) -> String {
    let parts = [
        (stats.failed, "failed"),
        (stats.flaky, "flaky"),
        (stats.errored, "could not be judged"),
        (stats.skipped, "skipped"),
        (stats.cases.saturating_sub(stats.finished), "did not run"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
    format!("{} of {} passed{}", stats.passed, stats.cases, parts.collect::<String>())
}

/// What the customer did not get, and what to do.
fn short(case: &Case, incident: &WireIncident) -> String {
    let kind = crate::incident::text::sentence(&incident.kind.to_string());
    let flaky = match (case.status(), case.tries.last()) {
        (Status::Flaky, Some(last)) => format!(" (passed at try {})", last.attempt),
        _ => String::new(),
    };
    let mut out = format!("### {kind}: {}{flaky}\n\n{}", code(&case.name), code(&incident.promise));
    let owner = incident.owner.as_ref().map_or_else(String::new, |owner| format!(", owner {}", code(owner)));
    let runbook = incident.runbook.as_ref().map_or_else(String::new, |runbook| {
        format!(", runbook {}", url(runbook).unwrap_or_else(|| code(runbook)))
    });
    out.push_str(&format!(" Severity {}{owner}{runbook}.\n\n", incident.severity));
    out.push_str(&findings(incident));
    out.push_str(&fenced(&next(&incident.guidance)));
    out.push('\n');
    out
}

fn findings(incident: &WireIncident) -> String {
    if let Some(reason) = &incident.reason {
        return format!("{}\n\n", code(reason));
    }
    let row = |finding: &WireFinding| {
        let name = if finding.name.is_empty() { "the case" } else { &finding.name };
        format!("| {} | {} | {} |\n", code(name), code(&finding.expected), code(&finding.observed))
    };
    let mut out = "| | expected | observed |\n|---|---|---|\n".to_owned();
    out.extend(incident.findings.iter().take(MOST_FINDINGS).map(row));
    let more = incident.findings.len().saturating_sub(MOST_FINDINGS);
    if more > 0 {
        out.push_str(&format!("\nand {more} more.\n"));
    }
    out.push('\n');
    out
}

fn next(guidance: &WireGuidance) -> String {
    let mut out = vec![
        format!("The way out:      {}", guidance.route.words()),
        format!("Who tries again?  {}", fit(&guidance.who_retries, 400)),
        format!("Send it again?    {}", fit(&guidance.send_again, 400)),
    ];
    for (number, action) in guidance.actions.iter().enumerate() {
        out.push(format!("{}. {}", number + 1, fit(&action.what, 400)));
        // A command is never cut: it is there to be pasted. One of this length is no command.
        out.extend(action.command.iter().map(|command| format!("   $ {}", cut(&one_line(command), 2_000))));
    }
    out.join("\n")
}

/// What needs nobody: the cases that passed, and those that do not apply here.
fn rest(report: &Report) -> String {
    let fine = report.cases.iter().filter(|case| case.telling().is_none());
    let rows: Vec<&Case> = fine.collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut table = "| | case | took | promise |\n|---|---|---|---|\n".to_owned();
    for case in rows.iter().take(MOST_ROWS) {
        let took = case.tries.last().map_or(0.0, |last| last.took_ms);
        table.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            case.status().word(),
            code(&fit(&case.name, 120)),
            human(duration(took)),
            code(&fit(&case.promise, 160))
        ));
    }
    if rows.len() > MOST_ROWS {
        table.push_str(&format!("\nand {} more cases.\n", rows.len() - MOST_ROWS));
    }
    let title = match rows.len() {
        1 => "1 case that needs nobody".to_owned(),
        some => format!("{some} cases that need nobody"),
    };
    folded(&title, &table)
}

fn folded(title: &str, body: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{body}\n</details>\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::sample as cases;
    use crate::incident::sample::Sample;
    use crate::report::sample;
    use crate::run_event::RunEvent;

    fn summary(events: &[RunEvent]) -> String {
        markdown(&sample::report(events), SUMMARY)
    }

    #[test]
    fn a_run_with_every_ending() {
        insta::assert_snapshot!(summary(&sample::run()));
    }

    #[test]
    fn an_app_that_never_came_up() {
        insta::assert_snapshot!(summary(&sample::troubled()), @"
        ## Paydrill: It could not be told whether customers got what they were promised.

        0 of 3 passed, 3 did not run, in 40 ms. Environment `ci`, seed `42`.

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
        assert_eq!(outside.concat().matches("</details>").count(), 1);
    }

    #[test]
    fn the_summary_fits_and_says_what_is_left_out() {
        let many: Vec<_> = (0..1_500)
            .map(|number| {
                let mut record = cases::no_access(Sample::seed(number));
                record.name = format!("case-{number}");
                record
            })
            .collect();
        let said = summary(&sample::of(many));
        assert!(said.len() < 1024 * 1024);
        assert!(said.contains(" more did not pass, and are left out: the report is full."));
    }

    /// Every incident's short form comes before anybody's long one.
    #[rstest::rstest]
    #[case(3_000)]
    #[case(20_000)]
    #[case(COMMENT)]
    fn a_comment_fits_whatever_it_tells(#[case] limit: usize) {
        let mut records: Vec<_> = (0..40).map(|seed| cases::no_access(Sample::seed(seed))).collect();
        records.extend((40..600).map(|seed| cases::passed(Sample::seed(seed))));
        records.push(cases::hostile(Sample::seed(600)));
        for (number, record) in records.iter_mut().enumerate() {
            record.name = format!("case-{number}");
        }
        let said = markdown(&sample::report(&sample::of(records)), limit);
        assert!(said.len() <= limit, "{}", said.len());
        assert_eq!(said.matches("<details>").count(), said.matches("\n</details>").count());
        assert!(said.starts_with("## Paydrill: A customer did not get what was promised."));
        let told = said.matches("### ").count();
        let left_out = said.contains("more did not pass");
        assert_eq!(told == 41, !left_out, "{told}");
        assert_eq!(limit == COMMENT, told == 41);
    }
}
