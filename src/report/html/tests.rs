use rstest::rstest;

use super::*;
use crate::incident::sample as cases;
use crate::incident::sample::Sample;
use crate::report::gather::{Gathered, Handoff};
use crate::report::model::{Aside, merge};
use crate::report::sample;
use crate::run_event::{CaseRecord, RunEvent};

fn report(events: &[RunEvent]) -> Report {
    let mut gathered = Gathered::default();
    events.iter().for_each(|event| gathered.add(event));
    let remarks = vec!["<b>the ledger</b> could not be written".into()];
    Report::of(&gathered, &Handoff::default(), Aside { remarks, ..Aside::default() })
}

fn of(record: CaseRecord) -> Vec<Page> {
    pages(&report(&sample::of(vec![record])))
}

#[test]
fn an_index_and_a_page_for_every_case_that_needs_somebody() {
    let pages = pages(&report(&sample::run()));
    let names: Vec<&str> = pages.iter().map(|page| page.path.split('-').next().unwrap()).collect();
    assert_eq!(names, ["index.html", "cases/checkout", "cases/renewal", "cases/upgrade_order_reversed_"]);
    for page in &pages[1..] {
        assert!(pages[0].text.contains(&format!("href=\"{}\"", page.path)), "{}", page.path);
    }
}

/// What an owner must see without scrolling stands before everything else.
#[test]
fn what_is_wrong_and_what_to_do_come_first() {
    let page = &of(cases::no_access(Sample::seed(1)))[1].text;
    let order = [
        "A customer does not have what they paid for.",
        "A paid checkout gives Pro and one receipt.",
        "expected",
        "&quot;pro&quot;",
        "&quot;free&quot;",
        "What to do",
        "paydrill run scenarios/checkout-grants-pro.toml",
        "What happened",
        "<svg",
        "Deliveries",
    ];
    let mut from = 0;
    for text in order {
        let at =
            page[from..].find(text).unwrap_or_else(|| panic!("`{text}` is not behind what comes before it"));
        from += at;
    }
}

/// No matter what an app, a scenario or Stripe wrote: no element, attribute or handler of it comes to be.
#[rstest]
#[case::plain(vec![cases::no_access(Sample::seed(1))])]
#[case::hostile(vec![cases::hostile(Sample::seed(1))])]
#[case::every_ending(vec![
    cases::refused(Sample::seed(1)), cases::forged(Sample::seed(2)), cases::not_judged(Sample::seed(3)),
    cases::crashed(Sample::seed(4)), cases::bystander(Sample::seed(5)), cases::skipped(Sample::seed(6)),
])]
fn values_are_text(#[case] records: Vec<CaseRecord>) {
    for page in pages(&report(&sample::of(records))) {
        let text = &page.text;
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\0'));
        assert_eq!(text.matches("<script").count(), usize::from(page.path == "index.html"));
        assert_eq!(text.matches("</script").count(), usize::from(page.path == "index.html"));
        assert_eq!(text.matches("<style").count(), 1);
        assert!(!text.contains("<b>the ledger"));
        let tags = text.split('<').skip(1).filter_map(|tag| tag.split('>').next());
        for tag in tags.filter(|tag| !tag.starts_with(['/', '!'])) {
            assert!(
                !tag.contains(" style=") && !tag.contains(" onclick") && !tag.contains(" onerror"),
                "{tag}"
            );
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        }
    }
}

#[rstest]
#[case("https://runbooks.acme.example/a?b=c", true)]
#[case("javascript:alert(1)", false)]
#[case("data:text/html,<script>alert(1)</script>", false)]
#[case("https://a.example/ <script>", false)]
#[case("ask the on-call", false)]
fn only_a_url_is_a_link(#[case] runbook: &str, #[case] expected: bool) {
    let mut record = cases::no_access(Sample::seed(1));
    let head = crate::scenario::model::Head { runbook: Some(runbook.into()), ..(*record.head).clone() };
    record.head = std::sync::Arc::new(head);
    let page = &of(record)[1].text;
    assert_eq!(page.contains("rel=\"noreferrer noopener\""), expected);
    assert!(!page.contains("href=\"javascript:") && !page.contains("href=\"data:text"));
}

#[test]
fn long_values_are_cut_and_long_lists_lose_their_middle() {
    let mut record = cases::no_access(Sample::seed(1));
    record.judged[0].observed = "x".repeat(10_000);
    let delivered = record.deliveries[0].clone();
    record.deliveries = vec![delivered; 5_000];
    let page = &of(record)[1].text;
    assert!(page.len() < 250_000, "{}", page.len());
    assert!(page.contains("4920 more"));
    assert!(!page.contains(&"x".repeat(700)));
}

#[test]
fn several_runs_stand_side_by_side() {
    let merged = merge(vec![report(&sample::run()), report(&sample::troubled())]);
    let index = &pages(&merged)[0].text;
    assert!(index.contains("The runs") && index.contains("no such table: users"));
    assert_eq!(index.matches("<b>2</b> runs").count(), 0, "both have the same seed");
}

#[test]
fn a_page_of_a_case() {
    let page = of(cases::disagrees(Sample::seed(1))).remove(1).text;
    let body = page.split_once("</head>").unwrap().1;
    insta::assert_snapshot!(body.replace("><", ">\n<"));
}
