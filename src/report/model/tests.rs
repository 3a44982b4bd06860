use rstest::rstest;

use super::*;
use crate::incident::sample as cases;
use crate::incident::sample::Sample;
use crate::report::sample;
use crate::run_event::{CaseRecord, RunEvent};

fn report(events: &[RunEvent]) -> Report {
    sample::report(events)
}

fn of(records: Vec<CaseRecord>) -> Report {
    report(&sample::of(records))
}

#[test]
fn what_is_written_is_read() {
    for events in [sample::run(), sample::troubled(), sample::of(vec![cases::hostile(Sample::seed(1))])] {
        let written = report(&events);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(read(&text).unwrap(), written);
    }
}

#[test]
fn a_newer_paydrill_may_have_added_fields() {
    let mut value = serde_json::to_value(report(&sample::run())).unwrap();
    value["mood"] = "good".into();
    value["cases"][0]["tries"][0]["mood"] = "good".into();
    assert_eq!(read(&value.to_string()).unwrap(), report(&sample::run()));
}

#[rstest]
#[case::no_json("<html>", "read it as a report: expected value at line 1 column 1")]
#[case::other_json("{}", "read it as a report: missing field `v`")]
#[case::newer(r#"{ "v": 2 }"#, "read it: it is of version 2, and this Paydrill knows version 1")]
#[case::no_cases(r#"{ "v": 1, "runs": [] }"#, "read it as a report: missing field `cases`")]
#[case::no_try(
    r#"{ "v": 1, "runs": [], "cases": [{ "name": "a", "scenario": "a", "file": "a", "promise": "", "owner": null, "tags": [], "tries": [] }] }"#,
    "read it as a report: the case `a` belongs to no run, or has no try"
)]
fn what_is_no_report_is_refused(#[case] text: &str, #[case] expected: &str) {
    let said = read(text).unwrap_err().to_string();
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn shards_add_up() {
    let shards =
        vec![of(vec![cases::passed(Sample::seed(1))]), report(&sample::run()), report(&sample::troubled())];
    let alone: Vec<Stats> = shards.iter().map(Report::stats).collect();
    let whole = merge(shards);
    assert_eq!(whole.runs.len(), 3);
    assert_eq!(whole.stats().cases, alone.iter().map(|stats| stats.cases).sum::<usize>());
    assert_eq!(whole.stats().failed, 1);
    assert_eq!(whole.outcome(), Outcome::Failed);
    assert_eq!(whole.cases.iter().map(|case| case.run).collect::<Vec<_>>(), [0, 1, 1, 1, 1, 1]);
    assert_eq!(whole.shared(|run| run.environment.as_str()), Some("ci"));
    assert_eq!(whole.shared(|run| run.deploy_sha.is_some()), None);
    // A report of a report says the same.
    assert_eq!(merge(vec![whole.clone()]), whole);
}

#[rstest]
#[case(vec![], Outcome::NothingSelected)]
#[case(vec![report(&sample::troubled())], Outcome::NotJudged)]
#[case(vec![of(vec![cases::passed(Sample::seed(1))]), of(vec![cases::skipped(Sample::seed(2))])], Outcome::Passed)]
#[case(vec![of(vec![cases::not_judged(Sample::seed(1))]), of(vec![cases::no_access(Sample::seed(2))])], Outcome::Failed)]
fn the_gravest_outcome_counts(#[case] reports: Vec<Report>, #[case] expected: Outcome) {
    assert_eq!(merge(reports).outcome(), expected);
}

#[test]
fn a_flaky_case_is_told_by_the_try_that_failed() {
    let report = report(&sample::run());
    let flaky = report.cases.iter().find(|case| case.status() == Status::Flaky).unwrap();
    assert_eq!((flaky.tries.len(), flaky.telling().unwrap().attempt), (2, 1));
}

/// A page probe names its picture in each reading; one picture may stand for several.
#[test]
fn pictures_are_taken_in_once_and_bounded() {
    let png = |size: usize| [b"\x89PNG\r\n".to_vec(), vec![0; size]].concat();
    let mut record = cases::no_access(Sample::seed(1));
    let seen = record.observations[0].clone();
    record.observations = ["/a/1.png", "/a/1.png", "/a/gone.png", "/a/text.png", "/a/large.png"]
        .map(|path| {
            let mut seen = seen.clone();
            seen.reading.fields.as_mut().unwrap().insert("screenshot".into(), path.into());
            seen
        })
        .to_vec();
    let mut report = of(vec![record]);
    report.take_pictures(&|path| match path {
        "/a/1.png" => Ok(png(10)),
        "/a/text.png" => Ok(b"<script>".to_vec()),
        "/a/large.png" => Ok(png(2_000_000)),
        _ => Err("no such file".to_owned()),
    });
    let incident = report.cases[0].telling().unwrap().incident.as_ref().unwrap();
    let shown: Vec<(&str, bool, Option<&str>)> = pictures(&report, incident)
        .iter()
        .map(|shown| {
            (shown.picture.name.as_str(), shown.picture.png.is_some(), shown.picture.left_out.as_deref())
        })
        .collect();
    let expected = [
        ("1.png", true, None),
        ("gone.png", false, Some("no such file")),
        ("text.png", false, Some("it is no PNG")),
        ("large.png", false, Some("it has 1953 KB")),
    ];
    assert_eq!(shown, expected);
}
