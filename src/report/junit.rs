//! JUnit XML: what CI servers read.
//!
//! A suite for every scenario file, a test case for every case of it. A wrong outcome is a `<failure>`, what
//! could not be judged an `<error>`. A case that passed only on a retry fails the run, so it is a `<failure>`
//! too, with a `<flakyFailure>` or `<flakyError>` for each try that did not pass; tries before a failed one are
//! `<rerunFailure>` and `<rerunError>`. Where the whole run met trouble there is a suite `paydrill` with one
//! error.
//!
//! ```xml
//! <testcase name="checkout-grants-pro" classname="checkout-grants-pro" time="10.210">
//!     <failure message="access.plan: still &quot;free&quot; …" type="paid-without-access">…</failure>
//! </testcase>
//! ```

use std::time::Duration;

use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::gather::Status;
use super::model::{Case, Report, Run, Trouble, Try, duration};
use crate::incident::text::{cut, fit, lines, one_line};
use crate::incident::wire::{WireIncident, WirePlace};

/// The whole document.
#[must_use]
pub(crate) fn junit(report: &Report) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail, and every string has been cleaned.
    let written = document(report).serialize(&mut bytes);
    if written.is_ok() { bytes } else { Vec::new() }
}

fn document(report: &Report) -> Document {
    let first = report.runs.first();
    let project = first.map(|run| one_line(&run.project)).filter(|project| !project.is_empty());
    let mut document = Document::new(project.unwrap_or_else(|| "paydrill".to_owned()));
    document.set_time(duration(report.took_ms()));
    // The only conversion from our timestamps to those of quick-junit that needs no further crate.
    document.timestamp = first.and_then(|run| run.started.parse().ok());
    document.add_test_suites(suites(report));
    for run in &report.runs {
        if let Some(trouble) = &run.trouble {
            document.add_test_suite(with_properties(of_trouble(trouble), run));
        }
    }
    document
}

/// A suite for every scenario of a run, in the order in which its first case ended.
fn suites(report: &Report) -> Vec<TestSuite> {
    let mut suites: Vec<((usize, &str), TestSuite, Duration)> = Vec::new();
    for case in &report.cases {
        let key = (case.run, case.scenario.as_str());
        let at = suites.iter().position(|(known, ..)| *known == key).unwrap_or_else(|| {
            let mut suite = TestSuite::new(one_line(&case.scenario));
            if let Some(run) = report.runs.get(case.run) {
                suite = with_properties(suite, run);
            }
            suites.push((key, suite, Duration::ZERO));
            suites.len() - 1
        });
        let took = case.tries.last().map_or(Duration::ZERO, |last| duration(last.took_ms));
        let (_, suite, sum) = &mut suites[at];
        *sum += took;
        suite.add_test_case(test_case(case));
    }
    suites
        .into_iter()
        .map(|(_, mut suite, took)| {
            suite.set_time(took);
            suite
        })
        .collect()
}

fn with_properties(mut suite: TestSuite, run: &Run) -> TestSuite {
    let properties = [("environment", Some(&run.environment)), ("seed", Some(&run.seed))];
    for (key, value) in properties.into_iter().chain([("deploy_sha", run.deploy_sha.as_ref())]) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            suite.add_property((key, one_line(value).as_str()));
        }
    }
    if let Some(problem) = &run.not_retained {
        suite.add_property(("not_retained", one_line(&format!("failed to {problem}")).as_str()));
    }
    for remark in &run.remarks {
        suite.add_property(("remark", one_line(remark).as_str()));
    }
    suite
}

fn test_case(case: &Case) -> TestCase {
    let telling = case.telling();
    let incident = telling.and_then(|one| one.incident.as_ref());
    let mut test = TestCase::new(one_line(&case.name), status(case, incident));
    test.set_classname(one_line(&case.scenario));
    let last = case.tries.last();
    if let Some(last) = last {
        test.set_time(duration(last.took_ms));
        test.timestamp = last.started.parse().ok();
    }
    let properties = [
        ("file", Some(&case.file)),
        ("run_id", last.and_then(|last| last.run_id.as_ref())),
        ("owner", case.owner.as_ref()),
        ("fingerprint", incident.map(|incident| &incident.fingerprint)),
    ];
    for (key, value) in properties {
        if let Some(value) = value {
            test.add_property((key, one_line(value).as_str()));
        }
    }
    for tag in &case.tags {
        test.add_property(("tag", one_line(tag).as_str()));
    }
    if let Some(text) = telling.and_then(|one| one.text.as_ref()) {
        // The text was made harmless line by line; one of a report that was edited since may not be.
        test.set_system_out(lines(text).map(|line| line + "\n").collect::<String>());
    }
    test
}

fn status(case: &Case, incident: Option<&WireIncident>) -> TestCaseStatus {
    let mut status = match case.status() {
        Status::Pass => TestCaseStatus::success(),
        Status::Skip => TestCaseStatus::skipped(),
        Status::Fail | Status::Flaky => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if let Some(reason) = case.tries.last().and_then(|last| last.reason.as_ref()) {
        status.set_message(fit(reason, 500));
    }
    if let Some(incident) = incident {
        status.set_type(incident.kind.as_str());
        status.set_message(message(incident, case));
        status.set_description(description(incident));
    }
    if case.status() == Status::Flaky {
        status.set_rerun_kind(FlakyOrRerun::Flaky);
    }
    status.add_reruns(case.earlier().iter().filter_map(rerun));
    status
}

fn rerun(one: &Try) -> Option<TestRerun> {
    let incident = one.incident.as_ref()?;
    let kind = match one.status {
        Status::Error => NonSuccessKind::Error,
        Status::Pass | Status::Flaky | Status::Fail | Status::Skip => NonSuccessKind::Failure,
    };
    let mut rerun = TestRerun::new(kind);
    rerun.timestamp = one.started.parse().ok();
    rerun
        .set_time(duration(one.took_ms))
        .set_type(incident.kind.as_str())
        .set_message(headline(incident))
        .set_description(description(incident));
    Some(rerun)
}

fn of_trouble(trouble: &Trouble) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    // The first line says it; a hint and the app's last output may follow.
    status.set_message(format!("failed to {}", fit(trouble.message.lines().next().unwrap_or_default(), 500)));
    let whole: Vec<String> = lines(&cut(&trouble.message, 8_000)).collect();
    status.set_description(format!("failed to {}", whole.join("\n")));
    let mut test = TestCase::new("the run", status);
    test.set_system_out(trouble.log.iter().flat_map(|entry| lines(entry)).collect::<Vec<_>>().join("\n"));
    let mut suite = TestSuite::new("paydrill");
    suite.add_test_case(test);
    suite
}

fn message(incident: &WireIncident, case: &Case) -> String {
    match (case.status(), case.tries.last()) {
        (Status::Flaky, Some(last)) => {
            format!("passed only at try {}: {}", last.attempt, headline(incident))
        }
        _ => headline(incident),
    }
}

fn headline(incident: &WireIncident) -> String {
    fit(&incident.headline(), 500)
}

/// The promise, and every finding with its place.
fn description(incident: &WireIncident) -> String {
    let reason = incident.reason.iter().map(|reason| ("", reason, &incident.reason_place));
    let findings =
        incident.findings.iter().map(|finding| (finding.name.as_str(), &finding.headline, &finding.place));
    let mut out = vec![one_line(&cut(&incident.promise, 500))];
    for (name, headline, place) in reason.chain(findings) {
        let name = if name.is_empty() { "the case" } else { name };
        out.push(format!("{}{}: {}", at(place.as_ref()), fit(name, 200), fit(headline, 500)));
    }
    out.push(format!("again: {}", one_line(&incident.rerun)));
    out.join("\n")
}

fn at(place: Option<&WirePlace>) -> String {
    place.map_or_else(String::new, |line| format!("{}:{}:{}: ", one_line(&line.file), line.line, line.column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::sample as cases;
    use crate::incident::sample::Sample;
    use crate::report::sample;
    use crate::run_event::RunEvent;

    fn junit(events: &[RunEvent]) -> String {
        String::from_utf8(super::junit(&sample::report(events))).unwrap()
    }

    #[test]
    fn a_run_with_every_ending() {
        insta::assert_snapshot!(junit(&sample::run()));
    }

    #[test]
    fn failures_are_not_errors() {
        let report = Document::deserialize_from_str(&junit(&sample::run())).unwrap();
        assert_eq!((report.tests, report.failures, report.errors, report.skipped), (5, 2, 1, 1));
    }

    #[test]
    fn trouble_is_an_error() {
        let report = Document::deserialize_from_str(&junit(&sample::troubled())).unwrap();
        assert_eq!((report.tests, report.errors), (1, 1));
        let test = &report.test_suites[0].test_cases[0];
        assert!(test.system_out.as_ref().unwrap().contains("no such table: users"));
    }

    #[test]
    fn hostile_values_leave_well_formed_xml() {
        let xml = junit(&sample::of(vec![cases::hostile(Sample::seed(1))]));
        assert!(xml.chars().all(|c| !c.is_control() || c == '\n'), "XML allows no control characters");
        let report = Document::deserialize_from_str(&xml).unwrap();
        assert_eq!((report.tests, report.failures), (1, 1));
        let owner =
            report.test_suites[0].test_cases[0].properties.iter().find(|p| p.name.as_str() == "owner");
        assert!(owner.unwrap().value.contains("</script>|`]]>&"));
    }
}
