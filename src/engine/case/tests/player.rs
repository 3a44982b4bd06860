//! Plays a case: Stripe and the app made of a few closures, and every answer put in as the driver would.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::engine::case::{Action, AttemptOrder, Case, Input, InputKind, World};
use crate::engine::plan::{CasePlan, Selection, cases};
use crate::engine::scene::{EndpointAt, Scene, Variables};
use crate::probe::RequestOutcome;
use crate::probe::{ReadError, Reading};
use crate::run_event::{
    AttemptOutcome, AttemptRecord, CallRecord, CaseRecord, Reason, RequestRecord, RunEventKind,
};
use crate::scenario::folder::{Folder, parse_folder};
use crate::scenario::render::{Color, render};
use crate::secret::Secret;
use crate::stripe::version::Kin;

/// What every story here is told with.
const PROJECT: &str = r#"
[project]
name = "acme"
[defaults]
within = "1s"
hold = "1ms"
[catalog.product.pro]
name = "Pro"
[catalog.price.pro_monthly]
product = "pro"
unit_amount = 9900
currency = "usd"
every = "month"
[request.signup]
http = { method = "POST", path = "/signup/{{ customer.id }}" }
[request.page]
http = { path = "/page" }
[given]
request = ["signup"]
[probe.access]
http = { path = "/access/{{ customer.id }}" }
read = { active = "$.active" }
[probe.credits]
http = { path = "/credits/{{ customer.id }}" }
read = { balance = "$.balance" }
[environment.ci]
provider.double = {}
target.process.web = { command = ["true"], port = 1 }
target.endpoint.main = { path = "/hook", secret = "{{ secret.HOOK }}" }
"#;

/// Compares a probe with provider truth.
pub(super) const RECONCILE: &str = "[reconcile]\n\"access.active\" = \"subscription.active\"\n";

/// No case here needs nearly as many inputs: one that does will not end.
const MOST_INPUTS: usize = 5_000;

/// A case and its scene, of a scenario as a user writes it, without its promise.
pub(super) fn case_of(more_project: &str, scenario: &str) -> (CasePlan, Arc<Scene>) {
    let files = vec![
        ("paydrill.toml".to_owned(), format!("{PROJECT}{more_project}")),
        ("story.toml".to_owned(), format!("promise = \"A promise.\"\n{scenario}")),
    ];
    let folder = Folder { root: PathBuf::from("."), shown: "scenarios".to_owned(), files };
    let (project, scenarios, diagnostics) = parse_folder(&folder);
    let told = render(&diagnostics, Color::No);
    let project = project.unwrap_or_else(|| panic!("{told}"));
    let plan = cases(&scenarios, &project.environments["ci"], &Selection::default());
    let plan = plan.into_iter().next().unwrap_or_else(|| panic!("{told}"));
    let endpoint = EndpointAt {
        name: "main".to_owned(),
        url: "http://127.0.0.1:1/hook".to_owned(),
        path: "/hook".to_owned(),
        secret: Secret::new("whsec_one"),
        other_secret: Secret::new("whsec_other"),
        old_secret: Secret::new("whsec_old"),
        api_version: None,
        events: Vec::new(),
        thin: false,
        connect: false,
        timeout: Duration::from_secs(10),
    };
    let clock = project.environments["ci"].target.clock.clone();
    let scene = Scene {
        project: Arc::new(project),
        endpoints: BTreeMap::from([("main".to_owned(), Arc::new(endpoint))]),
        processes: BTreeMap::from(
            ["web", "web#2"].map(|id| (id.to_owned(), format!("http://127.0.0.1/{id}"))),
        ),
        turns: if scenario.contains("instances") {
            vec!["web".to_owned(), "web#2".to_owned()]
        } else {
            Vec::new()
        },
        clock,
        names: Map::new(),
        variables: Variables::default(),
        seed: 7,
    };
    (plan, Arc::new(scene))
}

type Deliver = dyn FnMut(&AttemptOrder) -> AttemptOutcome;
/// By the request's name.
type Request = dyn FnMut(&str) -> Result<u16, String>;
/// By customer and probe.
type Read = dyn FnMut(usize, &str) -> Result<Value, ReadError>;

/// The app, as far as a case sees it.
pub(super) struct App {
    pub(super) deliver: Box<Deliver>,
    pub(super) request: Box<Request>,
    pub(super) read: Box<Read>,
    /// It changes something at Stripe with every event that it handles.
    pub(super) echoes: bool,
    pub(super) stripe: Result<(), String>,
    /// It calls Stripe while it handles a delivery.
    pub(super) calls: bool,
    /// What comes of moving its clock.
    pub(super) clock: Result<(), String>,
    /// What comes of a restart, of the whole app or of a process that was killed.
    pub(super) restart: Result<(), String>,
}

impl Default for App {
    /// It accepts everything, and everything is as the stories here promise.
    fn default() -> Self {
        Self {
            deliver: Box::new(|_| status(200)),
            request: Box::new(|_| Ok(200)),
            read: Box::new(|_, _| Ok(json!({ "active": true, "balance": 1 }))),
            echoes: false,
            calls: true,
            clock: Ok(()),
            stripe: Ok(()),
            restart: Ok(()),
        }
    }
}

pub(super) fn status(status: u16) -> AttemptOutcome {
    AttemptOutcome::Answered { status, body: String::new() }
}

pub(super) fn unreachable() -> ReadError {
    ReadError::Unreachable { url: "http://127.0.0.1:1".to_owned(), problem: "refused".to_owned() }
}

/// Something that the case has asked for and that was not answered yet.
struct Asked {
    at: Duration,
    action: Action,
}

/// Plays one case.
pub(super) struct Player {
    case: Case,
    pub(super) app: App,
    pub(super) at: Duration,
    asked: VecDeque<Asked>,
    wake: Option<Duration>,
    made: usize,
    outbox: Vec<Value>,
    truths: Vec<Map<String, Value>>,
    stripe_now: Timestamp,
    /// A line an input: what it was, and what the case then asked for.
    pub(super) transcript: Vec<String>,
    /// Every `Finish`.
    pub(super) finished: Vec<CaseRecord>,
    pub(super) inputs: usize,
    /// What came after the first `Finish`.
    pub(super) afterwards: usize,
}

impl Player {
    pub(super) fn new((plan, scene): (CasePlan, Arc<Scene>), app: App) -> Self {
        let stripe_now = Timestamp::from_second(1_700_000_000).unwrap();
        Self {
            case: Case::new(plan, scene, Duration::ZERO, stripe_now),
            app,
            at: Duration::ZERO,
            asked: VecDeque::new(),
            wake: None,
            made: 0,
            outbox: Vec::new(),
            truths: Vec::new(),
            stripe_now,
            transcript: Vec::new(),
            finished: Vec::new(),
            inputs: 0,
            afterwards: 0,
        }
    }

    /// Plays to the end, answering in the order of asking.
    pub(super) fn play(mut self) -> Self {
        self.begin();
        while self.finished.is_empty() {
            self.answer(0);
        }
        self
    }

    pub(super) fn begin(&mut self) {
        self.put("begin", InputKind::Begin);
    }

    /// Answers one of the things that were asked for, or lets the time come that the case waits for.
    pub(super) fn answer(&mut self, which: usize) {
        assert!(self.inputs < MOST_INPUTS, "it does not end:\n{}", self.transcript.join("\n"));
        let which = if self.asked.is_empty() { 0 } else { which % self.asked.len() };
        match self.asked.remove(which) {
            Some(Asked { at, action }) => {
                self.at += Duration::from_millis(1);
                let (label, kind) = self.answer_to(at, action);
                self.put(&label, kind);
            }
            None => {
                let stuck = || panic!("it waits for nothing:\n{}", self.transcript.join("\n"));
                self.at = self.at.max(self.wake.take().unwrap_or_else(stuck));
                self.put("timer", InputKind::Timer);
            }
        }
    }

    pub(super) fn stop(&mut self) {
        let reason = Reason { message: "the run was interrupted".to_owned(), place: None };
        self.put("stopped", InputKind::Stopped(reason));
    }

    /// Puts in an input, and takes note of what comes of it.
    pub(super) fn put(&mut self, label: &str, kind: InputKind) {
        self.inputs += 1;
        let looks = !matches!(
            kind,
            InputKind::Begin | InputKind::Timer | InputKind::Stopped(_) | InputKind::Called(_)
        );
        let world = looks.then(|| World {
            truths: Some(self.truths.clone()),
            kin: (!self.outbox.is_empty()).then(|| self.kin()),
            events: std::mem::take(&mut self.outbox),
            stripe_now: Some(self.stripe_now),
        });
        let had_finished = !self.finished.is_empty();
        let actions = self.case.step(Input { at: self.at, kind, world });
        let mut told = Vec::new();
        for action in actions {
            self.afterwards += usize::from(had_finished || !self.finished.is_empty());
            told.extend(words(&action));
            self.take(action);
        }
        let line = format!("{label}: {}", told.join(", "));
        if !told.is_empty() && self.transcript.last() != Some(&line) {
            self.transcript.push(line);
        }
    }

    fn take(&mut self, action: Action) {
        match action {
            Action::Open { ref emails, .. } => {
                let customer =
                    |slot: usize| json!({ "customer": { "id": format!("cus_{slot}") } }).as_object().cloned();
                self.truths = (0..emails.len()).filter_map(customer).collect();
                self.ask(action);
            }
            Action::Advance(by) => self.stripe_now += by,
            Action::WakeAt(when) => self.wake = Some(self.wake.map_or(when, |wake| wake.min(when))),
            Action::Finish(record) => self.finished.push(*record),
            Action::Arm(_)
            | Action::Refuse(_)
            | Action::Emit(_)
            | Action::Keep(_)
            | Action::NameNextEvent(_)
            | Action::Release => {}
            Action::Hold if !self.app.calls => {}
            Action::Act { .. }
            | Action::Restart
            | Action::Kill { .. }
            | Action::MoveClock { .. }
            | Action::Hold
            | Action::Request { .. }
            | Action::Attempt(_)
            | Action::Read { .. } => self.ask(action),
        }
    }

    fn ask(&mut self, action: Action) {
        self.asked.push_back(Asked { at: self.at, action });
    }

    fn answer_to(&mut self, asked: Duration, action: Action) -> (String, InputKind) {
        let took = self.at - asked;
        match action {
            Action::Open { .. } => ("opened".to_owned(), InputKind::Acted(Ok(()))),
            Action::Act { slot, action } => {
                self.happens(slot, action.kind().as_str());
                ("acted".to_owned(), InputKind::Acted(self.app.stripe.clone()))
            }
            Action::Kill { process, .. } => {
                let result = self.app.restart.clone();
                (format!("{process} is back"), InputKind::Killed { process, result })
            }
            Action::MoveClock { .. } => {
                ("clock moved".to_owned(), InputKind::ClockMoved(self.app.clock.clone()))
            }
            Action::Hold => ("held".to_owned(), InputKind::Held(call())),
            Action::Restart => ("restarted".to_owned(), InputKind::Restarted(self.app.restart.clone())),
            Action::Request { name, slot, .. } => {
                let outcome = (self.app.request)(&name).map(RequestOutcome::Answered);
                let label = format!("{name} answered");
                let record = RequestRecord {
                    name,
                    call: String::new(),
                    sent: asked,
                    took,
                    outcome,
                    body: String::new(),
                };
                (label, InputKind::Requested { slot, record, answer: None })
            }
            Action::Attempt(order) => {
                let outcome = (self.app.deliver)(&order);
                if self.app.echoes {
                    self.make("customer.updated");
                }
                let label = match &outcome {
                    AttemptOutcome::Answered { status, .. } => {
                        format!("#{} answered {status}", order.delivery)
                    }
                    other => format!("#{} {other:?}", order.delivery),
                };
                let record = AttemptRecord { number: order.number, sent: asked, took, outcome };
                (label, InputKind::Attempted { delivery: order.delivery, record })
            }
            Action::Read { slot, probe, .. } => {
                let read = (self.app.read)(slot, &probe);
                let fields = read.map(|value| value.as_object().cloned().unwrap_or_default());
                let reading = Reading { at: self.at, took, fields };
                (format!("{probe} of {slot} read"), InputKind::Read { slot, probe, reading })
            }
            other => panic!("nobody answers {other:?}"),
        }
    }

    /// What Stripe makes of an action: enough to be told apart.
    fn happens(&mut self, slot: usize, kind: &str) {
        if let Some(truth) = self.truths.get_mut(slot)
            && kind == "subscribe"
        {
            truth.insert("subscription".to_owned(), json!({ "id": "sub_1", "active": true }));
        }
        match kind {
            "subscribe" => {
                self.make("customer.subscription.created");
                self.make("invoice.paid");
            }
            _ => self.make("customer.subscription.updated"),
        }
    }

    fn make(&mut self, kind: &str) {
        self.made += 1;
        let id = format!("evt_{}", self.made);
        let created = self.stripe_now.as_second();
        self.outbox.push(json!({
            "id": id, "object": "event", "type": kind, "created": created, "data": { "object": object(kind) },
        }));
    }

    /// The invoice has been paid by another intent whenever one looks: only older shapes would tell.
    fn kin(&self) -> Kin {
        let payment = json!({ "payment_intent": format!("pi_{}", self.made) });
        Kin(vec![
            json!({ "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "payment": payment }),
        ])
    }

    /// Whether an answer or a moment is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        self.unanswered() > 0 || self.wake.is_some()
    }

    /// How many answers are still to come.
    pub(super) fn unanswered(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn told(&self) -> String {
        self.transcript.join("\n")
    }

    pub(super) fn record(&self) -> &CaseRecord {
        assert_eq!(self.finished.len(), 1, "{}", self.told());
        &self.finished[0]
    }

    /// `invoice.paid x3`: what was delivered, and how often each was tried.
    pub(super) fn attempts(&self) -> String {
        let each = self.record().deliveries.iter();
        let each = each.map(|(delivery, attempts)| format!("{} x{}", delivery.event.kind, attempts.len()));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// A call of the app to Stripe.
fn call() -> CallRecord {
    CallRecord {
        at: Duration::ZERO,
        method: "GET".to_owned(),
        path: "/v1/subscriptions/sub_1".to_owned(),
        request_id: "req_1".to_owned(),
        status: Some(200),
        note: Some("kept waiting".to_owned()),
    }
}

/// As much of an object as older shapes change.
fn object(kind: &str) -> Value {
    if kind.starts_with("invoice") {
        return json!({ "id": "in_1", "object": "invoice", "status": "paid" });
    }
    let items =
        json!({ "object": "list", "data": [{ "current_period_start": 20, "current_period_end": 50 }] });
    json!({ "id": "sub_1", "object": "subscription", "items": items })
}

/// An action in a few words; `None`: it says nothing about order.
fn words(action: &Action) -> Option<String> {
    Some(match action {
        Action::Open { emails, .. } => format!("open {}", emails.len()),
        Action::Act { slot, action } => format!("{} of {slot}", action.kind().as_str()),
        Action::Keep(event) => format!("keep {}", event["type"].as_str().unwrap_or_default()),
        Action::Advance(by) => format!("+{by:#}"),
        Action::Arm(faults) if faults.is_empty() => "disarm".to_owned(),
        Action::Arm(faults) => format!("arm {}", faults.len()),
        Action::Refuse(faults) if faults.is_empty() => return None,
        Action::Refuse(faults) => format!("refuse {}", faults.len()),
        Action::Restart => "restart".to_owned(),
        Action::Kill { process, after } => format!("kill {process} in {after:?}"),
        Action::MoveClock { ahead, .. } => format!("clock {ahead:#}"),
        Action::Hold => "hold".to_owned(),
        Action::Release => "release".to_owned(),
        Action::Request { name, slot, .. } => format!("{name} of {slot}"),
        Action::Attempt(order) => {
            let kind = order.event["type"].as_str().unwrap_or_default();
            format!("#{} try {} {kind}", order.delivery, order.number)
        }
        Action::Read { slot, probe, .. } => format!("read {probe} of {slot}"),
        Action::Emit(RunEventKind::StepStarted { name, .. }) => format!("[{name}]"),
        Action::Finish(record) => format!("{:?}", record.verdict),
        Action::Emit(_) | Action::NameNextEvent(_) | Action::WakeAt(_) => return None,
    })
}
