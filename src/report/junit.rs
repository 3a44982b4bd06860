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

use quick_junit::{FlakyOrRerun, NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::Reporter;
use super::gather::{Gathered, Handoff, Settled, Status, Tries, telling};
use crate::incident::Incident;
use crate::incident::render::{self, Layout};
use crate::incident::text::{cut, fit, lines, one_line};
use crate::run_event::{CaseRecord, RunEvent, RunEventKind, Trouble};

/// Writes the whole document when the run ends.
#[derive(Debug, Default)]
pub struct Junit {
    gathered: Gathered,
    handoff: Handoff,
}

impl Junit {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(handoff: Handoff) -> Self {
        Self { gathered: Gathered::default(), handoff }
    }
}

impl Reporter for Junit {
    fn event(&mut self, event: &RunEvent) -> Vec<u8> {
        self.gathered.add(event);
        let RunEventKind::RunFinished { took, trouble, .. } = &event.kind else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        // Writing to memory does not fail, and every string has been cleaned.
        let written = self.report(*took, trouble.as_ref()).serialize(&mut bytes);
        if written.is_ok() { bytes } else { Vec::new() }
    }
}

impl Junit {
    fn report(&self, took: Duration, trouble: Option<&Trouble>) -> Report {
        let project = self.gathered.header.as_ref().map_or("paydrill", |header| &header.project);
        let mut report = Report::new(one_line(project));
        report.set_time(took);
        // The only conversion from our timestamps to those of quick-junit that needs no further crate.
        report.timestamp =
            self.gathered.header.as_ref().and_then(|header| header.started.to_string().parse().ok());
        report.add_test_suites(self.suites());
        if let Some(trouble) = trouble {
            report.add_test_suite(self.with_properties(of_trouble(trouble)));
        }
        report
    }

    /// A suite for every scenario, in the order in which its first case ended.
    fn suites(&self) -> Vec<TestSuite> {
        let mut suites: Vec<(String, TestSuite, Duration)> = Vec::new();
        for case in self.gathered.cases() {
            let name = &case.last.head.name;
            let at = suites.iter().position(|(known, ..)| known == name).unwrap_or_else(|| {
                let suite = self.with_properties(TestSuite::new(one_line(name)));
                suites.push((name.clone(), suite, Duration::ZERO));
                suites.len() - 1
            });
            let (_, suite, took) = &mut suites[at];
            *took += case.last.took;
            suite.add_test_case(self.test_case(&case));
        }
        suites
            .into_iter()
            .map(|(_, mut suite, took)| {
                suite.set_time(took);
                suite
            })
            .collect()
    }

    fn with_properties(&self, mut suite: TestSuite) -> TestSuite {
        if let Some(header) = &self.gathered.header {
            suite.add_property(("environment", one_line(&header.environment).as_str()));
            suite.add_property(("seed", header.seed.to_string().as_str()));
        }
        if let Some(problem) = &self.gathered.unrecorded {
            suite.add_property(("not_retained", one_line(&format!("failed to {problem}")).as_str()));
        }
        if let Some(sha) = &self.gathered.deploy_sha {
            suite.add_property(("deploy_sha", one_line(sha).as_str()));
        }
        suite
    }

    fn test_case(&self, case: &Tries<'_>) -> TestCase {
        let Settled { name, head, took, run_id, started, .. } = case.last;
        let incident = telling(case).and_then(|record| self.gathered.incident(record, &self.handoff));
        let mut test = TestCase::new(one_line(name), self.status(case, incident.as_ref()));
        test.set_classname(one_line(&head.name)).set_time(*took);
        test.timestamp = started.to_string().parse().ok();
        let file = &head.place.source.path;
        let properties = [
            ("file", Some(file)),
            ("run_id", run_id.as_ref()),
            ("owner", head.owner.as_ref()),
            ("fingerprint", incident.as_ref().map(|incident| &incident.fingerprint)),
        ];
        for (key, value) in properties {
            if let Some(value) = value {
                test.add_property((key, one_line(value).as_str()));
            }
        }
        for tag in &head.tags {
            test.add_property(("tag", one_line(tag).as_str()));
        }
        if let Some(incident) = incident {
            test.set_system_out(render::text(&incident, Layout::FILE));
        }
        test
    }

    fn status(&self, case: &Tries<'_>, incident: Option<&Incident>) -> TestCaseStatus {
        let mut status = match case.last.status {
            Status::Pass => TestCaseStatus::success(),
            Status::Skip => TestCaseStatus::skipped(),
            Status::Fail | Status::Flaky => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Status::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        let reason = case.last.record.as_ref().and_then(|record| record.reason.as_ref());
        if let Some(reason) = reason {
            status.set_message(fit(&reason.message, 500));
        }
        if let Some(incident) = incident {
            status.set_type(incident.kind.as_str());
            status.set_message(message(incident, case.last));
            status.set_description(description(incident));
        }
        if case.last.status == Status::Flaky {
            status.set_rerun_kind(FlakyOrRerun::Flaky);
        }
        let records = case.earlier.iter().filter_map(|settled| settled.record.as_ref());
        status.add_reruns(records.filter_map(|record| self.rerun(record)));
        status
    }

    fn rerun(&self, record: &CaseRecord) -> Option<TestRerun> {
        let incident = self.gathered.incident(record, &self.handoff)?;
        let kind = match Status::of(record) {
            Status::Error => NonSuccessKind::Error,
            Status::Pass | Status::Flaky | Status::Fail | Status::Skip => NonSuccessKind::Failure,
        };
        let mut rerun = TestRerun::new(kind);
        rerun.timestamp = record.started.to_string().parse().ok();
        rerun
            .set_time(record.took)
            .set_type(incident.kind.as_str())
            .set_message(headline(&incident))
            .set_description(description(&incident));
        Some(rerun)
    }
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

fn message(incident: &Incident, last: &Settled) -> String {
    match last.status {
        Status::Flaky => format!("passed only at try {}: {}", last.attempt, headline(incident)),
        Status::Pass | Status::Fail | Status::Error | Status::Skip => headline(incident),
    }
}

fn headline(incident: &Incident) -> String {
    let Some(finding) = incident.reason.iter().chain(&incident.findings).next() else {
        return incident.kind.to_string();
    };
    let name = if finding.name.is_empty() { String::new() } else { format!("{}: ", finding.name) };
    fit(&format!("{name}{}", finding.headline), 500)
}

/// The promise, and every finding with its place.
fn description(incident: &Incident) -> String {
    let mut out = vec![one_line(&cut(&incident.promise, 500))];
    for finding in incident.reason.iter().chain(&incident.findings) {
        let place = finding.line.as_ref().map_or_else(String::new, |line| {
            format!("{}:{}:{}: ", one_line(&line.file), line.line, line.column)
        });
        let name = if finding.name.is_empty() { "the case" } else { &finding.name };
        out.push(format!("{place}{}: {}", fit(name, 200), fit(&finding.headline, 500)));
    }
    out.push(format!("again: {}", one_line(&incident.rerun)));
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::sample as cases;
    use crate::incident::sample::Sample;
    use crate::report::sample;

    fn junit(events: &[RunEvent]) -> String {
        let mut junit = Junit::new(Handoff::default());
        String::from_utf8(events.iter().flat_map(|event| junit.event(event)).collect()).unwrap()
    }

    #[test]
    fn a_run_with_every_ending() {
        insta::assert_snapshot!(junit(&sample::run()));
    }

    #[test]
    fn failures_are_not_errors() {
        let report = Report::deserialize_from_str(&junit(&sample::run())).unwrap();
        assert_eq!((report.tests, report.failures, report.errors, report.skipped), (5, 2, 1, 1));
    }

    #[test]
    fn trouble_is_an_error() {
        let report = Report::deserialize_from_str(&junit(&sample::troubled())).unwrap();
        assert_eq!((report.tests, report.errors), (1, 1));
        let test = &report.test_suites[0].test_cases[0];
        assert!(test.system_out.as_ref().unwrap().contains("no such table: users"));
    }

    #[test]
    fn hostile_values_leave_well_formed_xml() {
        let xml = junit(&sample::of(vec![cases::hostile(Sample::seed(1))]));
        assert!(xml.chars().all(|c| !c.is_control() || c == '\n'), "XML allows no control characters");
        let report = Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((report.tests, report.failures), (1, 1));
        let owner =
            report.test_suites[0].test_cases[0].properties.iter().find(|p| p.name.as_str() == "owner");
        assert!(owner.unwrap().value.contains("</script>|`]]>&"));
    }
}
