//! Cases for the tests of incidents and reports: the same story, ended in every way there is.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::derive::{EventOrigin, IncidentContext};
use super::idempotency::Evidence;
use crate::id::{CaseId, IdMinter};
use crate::probe::RequestOutcome;
use crate::probe::{ReadError, Reading};
use crate::run_event::{
    ActRecord, AttemptOutcome, AttemptRecord, CallRecord, CaseRecord, CustomerRef, DeliveryRef, EventRef,
    Fact, Judged, JudgedKind, ObservationRecord, Reason, Reconciliation, RequestRecord, Verdict,
};
use crate::scenario::model::{Head, SignatureMode};
use crate::span::{Place, Source};

pub(crate) const SCENARIO: &str = r#"promise = "A paid checkout gives Pro and one receipt."
owner   = "billing-oncall"
runbook = "https://runbooks.acme.example/checkout"
tags    = ["revenue"]

[[step]]
name = "paid"
stripe.checkout = { price = "pro_monthly" }
then.access  = { plan = "pro", active = true }
then.receipt = { messages = 1 }
"#;

/// What differs from run to run.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub seed: u64,
    /// How much later, and slower, everything was.
    pub late: Duration,
    pub port: u16,
    pub readings: u32,
}

impl Sample {
    pub(crate) fn seed(seed: u64) -> Self {
        Self { seed, late: Duration::ZERO, port: 4242, readings: 211 }
    }

    fn at(self, ms: u64) -> Duration {
        Duration::from_millis(ms) + self.late
    }
}

pub(crate) fn context() -> IncidentContext {
    IncidentContext {
        environment: "ci".into(),
        deploy_sha: Some("3f2a91c04be17d5a6e8f90123456789abcdef012".into()),
        project: "acme".into(),
        idempotency: Evidence::default(),
        evidence: None,
        rerun: "paydrill run scenarios/checkout-grants-pro.toml --environment ci --seed 7".into(),
        bound_customer: None,
        origin: EventOrigin::Double,
    }
}

/// Where `word` stands in the scenario.
pub(crate) fn place(word: &str) -> Place {
    let start = SCENARIO.find(word).unwrap();
    let source =
        Arc::new(Source { path: "scenarios/checkout-grants-pro.toml".into(), text: SCENARIO.into() });
    Place { source, range: start..start + word.len() }
}

/// Everything as promised.
pub(crate) fn passed(sample: Sample) -> CaseRecord {
    let mut mint = IdMinter::new(sample.seed, 0);
    let event = EventRef { id: mint.mint("evt"), kind: "checkout.session.completed".into() };
    let paid = EventRef { id: mint.mint("evt"), kind: "invoice.paid".into() };
    let customer = CustomerRef { id: mint.mint("cus"), email: format!("kim.{}@example.com", sample.seed) };
    let (subscription, invoice) = (mint.mint("sub"), mint.mint("in"));
    CaseRecord {
        case: CaseId(0),
        head: head(),
        name: "checkout-grants-pro".into(),
        verdict: Verdict::Passed,
        flaky: false,
        attempt: 1,
        retry_of: None,
        run_id: Some(event.id.clone()),
        started: Timestamp::from_second(1_795_000_000).unwrap() + sample.late,
        started_at: sample.at(100),
        took: Duration::from_millis(84) + sample.late,
        truth: truth(&customer, &subscription, &invoice),
        steps: vec!["paid".into()],
        acts: vec![ActRecord {
            at: sample.at(140),
            step: Some(0),
            action: "checkout".into(),
            events: vec![event.clone(), paid],
        }],
        requests: vec![RequestRecord {
            name: "signup".into(),
            call: format!("POST http://127.0.0.1:{}/signup", sample.port),
            sent: sample.at(105),
            took: Duration::from_millis(9),
            outcome: Ok(RequestOutcome::Answered(201)),
            body: "{\"user_id\":1}".into(),
        }],
        deliveries: vec![delivered(sample, event)],
        calls: vec![CallRecord {
            at: sample.at(155),
            method: "GET".into(),
            path: format!("/v1/subscriptions/{subscription}"),
            request_id: mint.mint("req"),
            status: Some(200),
            note: None,
        }],
        observations: vec![
            seen(sample, &customer.id, "access", 145, 1, json!({ "plan": "free", "active": false })),
            seen(sample, &customer.id, "access", 170, 2, json!({ "plan": "pro", "active": true })),
        ],
        judged: vec![
            judged(JudgedKind::Then, "access", "plan", "\"pro\"", "\"pro\""),
            judged(JudgedKind::Then, "access", "active", "true", "true"),
        ],
        reconciliation: None,
        log: vec![],
        reason: None,
        customer,
    }
}

/// The event, delivered as Stripe would, and answered 200.
fn delivered(sample: Sample, event: EventRef) -> (DeliveryRef, Vec<AttemptRecord>) {
    (DeliveryRef::usual(event), vec![attempt(sample, 1, 150, answered(200, "ok"))])
}

/// The event was answered 200, and the customer has nothing.
pub(crate) fn no_access(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Failed;
    record.took = Duration::from_millis(10_210) + sample.late;
    record.calls.clear();
    let after = crate::time::human(Duration::from_millis(10_000) + sample.late);
    let readings = sample.readings;
    fail(
        &mut record.judged[0],
        "\"free\"",
        format!("still \"free\" {after} after the last delivery ({readings} readings)"),
    );
    fail(
        &mut record.judged[1],
        "false",
        format!("still false {after} after the last delivery ({readings} readings)"),
    );
    record.observations.truncate(1);
    record.observations[0].last = sample.at(10_160);
    record.observations[0].count = sample.readings;
    record.reconciliation = Some(Reconciliation {
        at: sample.at(10_170),
        handler_read: None,
        facts: vec![
            fact("customer", Some(json!(record.customer.id)), Some(json!(record.customer.id)), Some(true)),
            fact("plan", Some(json!("pro_monthly")), Some(json!("free")), None),
            fact("status", Some(json!("active")), None, None),
        ],
    });
    record.log = vec!["INFO listening".into(), "\u{1b}[31mERROR\u{1b}[0m no such user: None\u{1b}[2J".into()];
    record
}

/// Every attempt was answered 500.
pub(crate) fn refused(sample: Sample) -> CaseRecord {
    let mut record = no_access(sample);
    record.deliveries[0].1 = (1..=4)
        .map(|number| {
            attempt(sample, number, 150 + u64::from(number) * 20, answered(500, "KeyError: 'user'"))
        })
        .collect();
    let mut refused =
        judged(JudgedKind::DeliveryRefused, "", "", "{ price = \"pro_monthly\" }", "accepted by `main`");
    fail(&mut refused, "answered 500", "answered 500 at all of 4 attempts".into());
    record.judged = vec![refused];
    record.reconciliation = None;
    record
}

/// Access is right, the receipt was not sent.
pub(crate) fn no_receipt(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Failed;
    let mut missing = judged(JudgedKind::Then, "receipt", "messages", "messages = 1", "1");
    fail(&mut missing, "0", format!("still 0 10 s after the last delivery ({} readings)", sample.readings));
    record.judged.push(missing);
    let customer = record.customer.id.clone();
    record.observations.push(seen(
        sample,
        &customer,
        "receipt",
        171,
        sample.readings,
        json!({ "messages": 0 }),
    ));
    record
}

/// The app's own record is not what Stripe says.
pub(crate) fn disagrees(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Failed;
    let mut differs = judged(JudgedKind::Reconcile, "billing", "seats", "stripe.checkout", "4");
    fail(&mut differs, "3", "the app says 3, Stripe says 4".into());
    record.judged.push(differs);
    record.reconciliation = Some(Reconciliation {
        at: sample.at(200),
        handler_read: Some(sample.at(155)),
        facts: vec![
            fact("status", Some(json!("active")), Some(json!("active")), Some(true)),
            fact("subscription.items.data[0].quantity", Some(json!(4)), Some(json!(3)), Some(false)),
        ],
    });
    record
}

/// Somebody else lost what they had.
pub(crate) fn bystander(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Failed;
    let expected = "{\"active\":true,\"features\":[\"sso\"],\"plan\":\"pro\"}";
    let mut changed = judged(JudgedKind::Bystander, "access", "", "stripe.checkout", expected);
    fail(
        &mut changed,
        "{\"active\":false,\"features\":[],\"plan\":\"free\"}",
        "changed 12 ms after the last delivery".into(),
    );
    record.judged.push(changed);
    record
}

/// A probe that could not be read.
pub(crate) fn not_judged(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Errored;
    let problem = ReadError::Unreachable {
        url: format!("http://127.0.0.1:{}/api/entitlements", sample.port),
        problem: "connection refused".into(),
    };
    let last = &mut record.judged[1];
    last.verdict = Verdict::Errored;
    last.observed = format!("failed to {problem}");
    last.headline = "never read: connection refused".into();
    record.observations[1].reading.fields = Err(problem);
    record.log = vec!["panicked at src/main.rs:12".into()];
    record
}

/// The app ended by itself on the first delivery of a burst; the more telling event was never sent.
pub(crate) fn crashed(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Errored;
    let mut unsent = record.deliveries[0].0.clone();
    unsent.number = 1;
    record.deliveries[0].0.event = record.acts[0].events[1].clone();
    record.deliveries[0].1 = vec![attempt(sample, 1, 150, AttemptOutcome::Reset)];
    record.deliveries.push((unsent, vec![]));
    record.judged.clear();
    record.calls.clear();
    record.observations.truncate(1);
    record.log = vec!["web: panicked at src/main.rs:12".into()];
    record.reason = Some(Reason { message: "the app under test ended by itself".into(), place: None });
    record
}

/// An event with a broken signature was answered 200, and gave the customer Pro.
pub(crate) fn forged(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Failed;
    record.deliveries[0].0.signature = SignatureMode::OtherSecret;
    record.deliveries[0].0.changes = vec!["signed with another secret".into()];
    let mut changed = judged(JudgedKind::Unchanged, "access", "", "then.access", "{\"plan\":\"free\"}");
    let headline = "after 12 ms plan became \"pro\" and had to stay \"free\"".into();
    fail(&mut changed, "{\"plan\":\"pro\"}", headline);
    record.judged = vec![changed];
    record
}

/// Not applicable here.
pub(crate) fn skipped(sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.verdict = Verdict::Skipped;
    record.judged.clear();
    record.deliveries.clear();
    record.run_id = None;
    let message = "this project has no probe `receipt`".into();
    record.reason = Some(Reason { message, place: Some(place("then.receipt")) });
    record
}

/// Passed at its second try.
pub(crate) fn flaky(first: &CaseRecord, sample: Sample) -> CaseRecord {
    let mut record = passed(sample);
    record.flaky = true;
    record.attempt = 2;
    record.retry_of = first.run_id.clone();
    record
}

/// The same event delivered once more, with the same answer.
pub(crate) fn twice(mut record: CaseRecord) -> CaseRecord {
    let (mut delivery, attempts) = record.deliveries[0].clone();
    delivery.number = record.deliveries.len();
    record.deliveries.push((delivery, attempts));
    record
}

/// Every string that an app, a scenario or Stripe may have written is hostile.
pub(crate) fn hostile(sample: Sample) -> CaseRecord {
    let nasty = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}evil\n::error::x\r\0</script>|`]]>&\u{9b}1m%0A";
    let mut record = no_access(sample);
    record.name = format!("hostile{nasty}");
    record.head = Arc::new(Head { promise: nasty.into(), owner: Some(nasty.into()), ..(*head()).clone() });
    record.customer.email = nasty.into();
    record.judged[0].expected = nasty.into();
    record.judged[0].observed = nasty.repeat(2_000);
    record.judged[0].headline = nasty.into();
    record.judged[0].place.source = Arc::new(Source { path: nasty.into(), text: nasty.repeat(50) });
    record.log = vec![nasty.into(), "x".repeat(100_000)];
    record.deliveries[0].0.changes = vec![nasty.into()];
    record.deliveries[0].1[0].outcome = answered(500, nasty);
    record.calls.push(CallRecord {
        at: sample.at(1),
        method: nasty.into(),
        path: nasty.into(),
        request_id: nasty.into(),
        status: None,
        note: Some(nasty.into()),
    });
    record.observations[0].reading.fields =
        Ok(Map::from_iter([(nasty.to_owned(), Value::from(nasty.repeat(500)))]));
    record.steps = vec![nasty.into()];
    record.requests[0].outcome = Err(nasty.into());
    record
}

fn head() -> Arc<Head> {
    Arc::new(Head {
        name: "checkout-grants-pro".into(),
        place: place("\"A paid checkout gives Pro and one receipt.\""),
        promise: "A paid checkout gives Pro and one receipt.".into(),
        owner: Some("billing-oncall".into()),
        runbook: Some("https://runbooks.acme.example/checkout".into()),
        source: None,
        tags: vec!["revenue".into()],
    })
}

fn truth(customer: &CustomerRef, subscription: &str, invoice: &str) -> Map<String, Value> {
    let price = json!({ "id": "price_pro", "lookup_key": "pro_monthly" });
    let truth = json!({
        "customer": { "id": customer.id, "email": customer.email },
        "subscription": {
            "id": subscription, "status": "active", "items": { "data": [{ "price": price, "quantity": 1 }] }
        },
        "invoice": { "id": invoice, "status": "paid", "total": 9900, "currency": "usd" },
    });
    truth.as_object().cloned().unwrap()
}

fn answered(status: u16, body: &str) -> AttemptOutcome {
    AttemptOutcome::Answered { status, body: body.into() }
}

fn attempt(sample: Sample, number: u32, at: u64, outcome: AttemptOutcome) -> AttemptRecord {
    AttemptRecord { number, sent: sample.at(at), took: Duration::from_millis(12) + sample.late, outcome }
}

fn seen(
    sample: Sample,
    customer: &str,
    probe: &str,
    at: u64,
    count: u32,
    fields: Value,
) -> ObservationRecord {
    let took = Duration::from_millis(2);
    let fields = fields.as_object().cloned().unwrap();
    ObservationRecord {
        step: Some(0),
        customer: customer.into(),
        probe: probe.into(),
        reading: Reading { at: sample.at(at), took, fields: Ok(fields) },
        last: sample.at(at + u64::from(count - 1) * 5),
        count,
    }
}

fn judged(kind: JudgedKind, probe: &str, field: &str, word: &str, expected: &str) -> Judged {
    Judged {
        kind,
        step: Some(0),
        probe: probe.into(),
        field: field.into(),
        place: place(word),
        verdict: Verdict::Passed,
        expected: expected.into(),
        observed: expected.into(),
        headline: "12 ms after the last delivery".into(),
        due: None,
    }
}

fn fail(judged: &mut Judged, observed: &str, headline: String) {
    judged.verdict = Verdict::Failed;
    judged.observed = observed.into();
    judged.headline = headline;
}

fn fact(name: &str, provider: Option<Value>, local: Option<Value>, agrees: Option<bool>) -> Fact {
    Fact { name: name.into(), provider, local, agrees }
}
