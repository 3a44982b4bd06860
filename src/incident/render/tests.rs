use rstest::rstest;

use super::*;
use crate::incident::idempotency::Evidence;
use crate::incident::sample::{self, Sample};
use crate::incident::{EventOrigin, Incident, IncidentContext, derive};
use crate::run_event::CaseRecord;

fn incident(record: &CaseRecord) -> Incident {
    derive(record, &sample::context()).unwrap()
}

#[rstest]
#[case("no_access", sample::no_access(Sample::seed(1)))]
#[case("refused", sample::refused(Sample::seed(1)))]
#[case("no_receipt", sample::no_receipt(Sample::seed(1)))]
#[case("disagrees", sample::disagrees(Sample::seed(1)))]
#[case("bystander", sample::bystander(Sample::seed(1)))]
#[case("not_judged", sample::not_judged(Sample::seed(1)))]
#[case("crashed", sample::crashed(Sample::seed(1)))]
#[case("forged", sample::forged(Sample::seed(1)))]
#[case("hostile", sample::hostile(Sample::seed(1)))]
fn as_text(#[case] name: &str, #[case] record: CaseRecord) {
    insta::assert_snapshot!(format!("text_{name}"), text(&incident(&record), Layout::FILE));
}

#[rstest]
#[case(40)]
#[case(80)]
fn only_a_command_is_wider_than_the_terminal(#[case] width: usize) {
    let layout = Layout { width, color: Color::Never, detail: Detail::Everything };
    for record in [sample::hostile(Sample::seed(1)), sample::refused(Sample::seed(1))] {
        for line in text(&incident(&record), layout).lines() {
            assert!(line.chars().count() <= width || line.trim_start().starts_with("$ "), "{line}");
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let layout = Layout { color: Color::Always, ..Layout::FILE };
    let found = incident(&sample::no_access(Sample::seed(1)));
    let coloured = text(&found, layout);
    assert!(coloured.contains("\u{1b}["));
    let plain: Vec<String> = coloured.lines().map(crate::incident::text::one_line).collect();
    assert_eq!(plain.join("\n") + "\n", text(&found, Layout::FILE));
}

#[test]
fn as_markdown() {
    insta::assert_snapshot!(markdown(&incident(&sample::no_access(Sample::seed(1)))));
}

#[test]
fn as_json() {
    insta::assert_snapshot!(json(&incident(&sample::disagrees(Sample::seed(1)))).unwrap());
}

#[test]
fn hostile_values_stay_values() {
    let found = incident(&sample::hostile(Sample::seed(1)));
    let parsed: serde_json::Value = serde_json::from_str(&json(&found).unwrap()).unwrap();
    assert_eq!(parsed["customer"]["email"], found.customer.email.as_str());
    let markdown = markdown(&found);
    assert!(!markdown.contains('\u{1b}') && !markdown.contains('\u{202e}'));
    assert!(!markdown.lines().any(|line| line.starts_with("::error")));
}

#[test]
fn a_real_event_can_be_resent() {
    let mut evidence = Evidence::default();
    evidence.add(&sample::twice(sample::passed(Sample::seed(3))));
    let context = IncidentContext { idempotency: evidence, origin: EventOrigin::Stripe, ..sample::context() };
    let found = derive(&sample::no_access(Sample::seed(1)), &context).unwrap();
    let event = found.event.as_ref().map(|event| event.id.clone()).unwrap();
    let action = &found.guidance.actions[0];
    assert_eq!(action.command, Some(format!("stripe events resend {event}")));
    assert_eq!(action.why, "`checkout-grants-pro` shows that a second delivery does no harm.");
}

#[rstest]
#[case(sample::passed(Sample::seed(1)))]
#[case(sample::skipped(Sample::seed(1)))]
fn what_went_well_is_no_incident(#[case] record: CaseRecord) {
    assert_eq!(derive(&record, &sample::context()), None);
}

#[rstest]
#[case("orders/late[order=reversed] #2", "orders_late_order=reversed___2")]
#[case("../../etc/passwd", "______etc_passwd")]
#[case("ü\0\n", "___")]
fn a_file_name_is_only_a_name(#[case] case: &str, #[case] expected: &str) {
    let mut found = incident(&sample::no_access(Sample::seed(1)));
    found.case = case.into();
    assert_eq!(found.file_stem(), format!("{expected}-{}", found.fingerprint));
}

#[test]
fn where_no_probe_is_named_every_reading_tells() {
    let mut record = sample::no_receipt(Sample::seed(1));
    let shown = |record: &CaseRecord| text(&incident(record), Layout::FILE);
    assert!(!shown(&record).contains("access  {"), "the receipt is what went wrong");
    for judged in &mut record.judged {
        judged.kind = crate::run_event::JudgedKind::Either;
    }
    assert!(shown(&record).contains("access   {\"plan\""));
}
