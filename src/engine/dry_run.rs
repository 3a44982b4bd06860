//! What a run would do, told without doing it: no app is started, and nothing is sent.
//!
//! The same machine decides as in a run. Stripe's side happens in a double that nobody else sees; the app is taken to
//! answer every request and delivery with 200, and its JSON to have every field that a template names.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::case::{Action, AttemptOrder, Case, Input, InputKind, World};
use super::outside::Here;
use super::plan::{CasePlan, RunPlan};
use super::scene::Scene;
use super::session::{Ports, SessionError};
use super::stage::{self, Prepared, Wanted};
use crate::deliver::attempt;
use crate::id::{CaseId, IdMinter};
use crate::probe::{RequestOutcome, describe};
use crate::project::model::{Outlet, Provider};
use crate::provider::double::{Double, DoubleConfig};
use crate::run_event::{AttemptOutcome, AttemptRecord, CallRecord, RequestRecord, RunEventKind};
use crate::scenario::model::{Expected, Step};
use crate::stripe::action::Leaves;
use crate::stripe::object::NEWEST;
use crate::time::human;

/// The whole plan of a run, as text: cases, acts at Stripe, deliveries with their headers, and what is judged until
/// when. Secrets and signatures are masked.
///
/// # Errors
/// The environment cannot be filled in, or the double does not start.
pub async fn dry_run(plan: &RunPlan, ports: &Ports) -> Result<String, SessionError> {
    let after_retries = match plan.environment.provider {
        Provider::Double { after_retries, .. } => after_retries,
        Provider::NotYet(_) => Leaves::default(),
    };
    let double = Double::start(
        DoubleConfig { after_retries, ..DoubleConfig::default() },
        &stage::catalog(&plan.project),
        ports.clock,
        plan.options.seed,
    )
    .await?;
    let prepared = stage::prepare(plan, ports, &double, &Here::default(), &Wanted::default());
    let text = prepared.and_then(|prepared| tell(plan, ports, &double, &prepared));
    double.stop().await;
    text
}

fn tell(plan: &RunPlan, ports: &Ports, double: &Double, shared: &Prepared) -> Result<String, SessionError> {
    let cases = plan.cases.len();
    let mut text = format!(
        "would run {cases} {} of project `{}` in environment `{}`, {} at once, seed {}\n",
        if cases == 1 { "case" } else { "cases" },
        plan.project.name,
        plan.environment.name,
        plan.options.jobs,
        plan.options.seed
    );
    for case in &plan.cases {
        let own = match case.needs_own_app(&plan.project) {
            true => {
                Some(stage::prepare(plan, ports, double, &Here::default(), &Wanted::of(Some(case), plan))?)
            }
            false => None,
        };
        let prepared = own.as_ref().unwrap_or(shared);
        let redactor = prepared.redactor(plan, ports);
        let rehearsal = Rehearsal {
            plan,
            ports,
            double,
            base_url: &prepared.base_url,
            text: String::new(),
            step: None,
            headers: Vec::new(),
        };
        text.push_str(&redactor.redact(&rehearsal.run(case, &prepared.scene)));
    }
    Ok(text)
}

/// One case, told.
struct Rehearsal<'a> {
    plan: &'a RunPlan,
    ports: &'a Ports,
    double: &'a Double,
    base_url: &'a str,
    text: String,
    /// The step whose expectations are still to be told.
    step: Option<usize>,
    /// Those of the case's first delivery.
    headers: Vec<(&'static str, String)>,
}

impl Rehearsal<'_> {
    fn run(mut self, case: &CasePlan, scene: &std::sync::Arc<Scene>) -> String {
        self.line(0, &format!("\n{}: {}", case.name, case.head.promise));
        let mut machine = Case::rehearsed(case.clone(), std::sync::Arc::clone(scene), self.ports.clock.now());
        let mut inputs = VecDeque::from([InputKind::Begin]);
        let slots = case.story.given.customers.len();
        while let Some(kind) = inputs.pop_front() {
            let world = (!matches!(kind, InputKind::Begin)).then(|| self.look(case.id, slots));
            for action in machine.step(Input { at: Duration::ZERO, kind, world }) {
                inputs.extend(self.act(case, action));
            }
        }
        self.double.close(case.id);
        self.text
    }

    fn look(&self, case: CaseId, slots: usize) -> World {
        let events = self.double.drain(case);
        World {
            truths: Some((0..slots).map(|slot| self.double.truth(case, slot, None)).collect()),
            kin: (!events.is_empty()).then(|| self.double.kin(case)),
            events,
            stripe_now: self.double.now(case),
        }
    }

    /// What nobody is told of.
    fn prepare(&self, case: CaseId, action: Action) -> Option<InputKind> {
        match action {
            Action::NameNextEvent(id) => self.double.name_next_event(case, id),
            Action::Keep(event) => self.double.keep_event(case, &event),
            Action::Advance(by) => self.double.advance(case, by),
            _ => {}
        }
        None
    }

    fn act(&mut self, case: &CasePlan, action: Action) -> Option<InputKind> {
        match action {
            Action::Open { at, emails, ids } => Some(self.open(case.id, at, &emails, ids)),
            Action::Act { slot, action } => {
                let acted = self.double.act(case.id, slot, &action);
                Some(InputKind::Acted(acted.map_err(|error| format!("failed to {error}"))))
            }
            Action::NameNextEvent(_) | Action::Keep(_) | Action::Advance(_) => self.prepare(case.id, action),
            Action::Restart => {
                self.line(2, "restart  the app, on the same data");
                Some(InputKind::Restarted(Ok(())))
            }
            Action::Refuse(faults) => {
                for fault in faults {
                    let times =
                        fault.times.map_or_else(|| "every time".to_owned(), |times| format!("{times} times"));
                    let outlet = outlet(&fault.outlet);
                    self.line(2, &format!("fault    {outlet} answered {}, {times}", fault.status));
                }
                None
            }
            Action::Arm(faults) => {
                for fault in faults {
                    let times =
                        fault.times.map_or_else(|| "every time".to_owned(), |times| format!("{times} times"));
                    self.line(2, &format!("fault    {} {:?}, {times}", fault.call, fault.effect));
                }
                None
            }
            Action::Kill { process, after } => Some(self.kill(process, after)),
            Action::MoveClock { ahead, .. } => {
                self.line(2, &format!("clock    of the app: {ahead:#} from now"));
                Some(InputKind::ClockMoved(Ok(())))
            }
            // There is no app that could call.
            Action::Hold => Some(InputKind::Held(no_call())),
            Action::Release => None,
            Action::Request { name, slot, call } => {
                let call = describe(&call, self.base_url);
                Some(self.request(case, slot, name, call))
            }
            Action::Attempt(order) => Some(self.attempt(&order)),
            Action::Emit(kind) => {
                self.emitted(case, &kind);
                None
            }
            Action::Finish(record) => {
                self.judged(case);
                if let Some(reason) = record.reason {
                    self.line(1, &format!("cannot be told further without the app: {}", reason.message));
                }
                None
            }
            Action::Read { .. } | Action::WakeAt(_) => None,
        }
    }

    fn open(&mut self, case: CaseId, at: SignedDuration, emails: &[String], ids: IdMinter) -> InputKind {
        let now = self.ports.clock.now();
        self.double.open(case, now.checked_add(at).unwrap_or(now), ids);
        for email in emails {
            self.double.add_customer(case, email);
            self.line(1, &format!("customer {email} at Stripe"));
        }
        InputKind::Acted(Ok(()))
    }

    fn kill(&mut self, process: String, after: Duration) -> InputKind {
        let after = if after.is_zero() { String::new() } else { format!(", {} later", human(after)) };
        self.line(2, &format!("kill     process `{process}`{after}; it starts again at once"));
        InputKind::Killed { process, result: Ok(()) }
    }

    fn request(&mut self, case: &CasePlan, slot: usize, name: String, call: String) -> InputKind {
        self.line(2, &format!("request  {name}: {call}"));
        let answer = Some(self.answer(case, &name));
        let (sent, took) = (Duration::ZERO, Duration::ZERO);
        let outcome = Ok(RequestOutcome::Changed(0));
        let record = RequestRecord { name, call, sent, took, outcome, body: String::new() };
        InputKind::Requested { slot, record, answer }
    }

    fn attempt(&mut self, order: &AttemptOrder) -> InputKind {
        let timeout = order.change.timeout.unwrap_or(order.endpoint.timeout);
        let to = attempt::Destination {
            url: &order.url,
            secret: &order.endpoint.secret,
            other_secret: &order.endpoint.other_secret,
            old_secret: &order.endpoint.old_secret,
            timeout: Some(timeout),
        };
        let prepared = attempt::prepare(&order.event, &order.change, &to, self.ports.clock.now().as_second());
        let (kind, id) = (
            order.event["type"].as_str().unwrap_or_default(),
            order.event["id"].as_str().unwrap_or_default(),
        );
        let version = order.event["api_version"].as_str().filter(|version| *version != NEWEST);
        let version = version.map(|version| format!(" in {version}")).unwrap_or_default();
        let delay =
            if order.delay.is_zero() { String::new() } else { format!(", {} later", human(order.delay)) };
        self.line(
            2,
            &format!(
                "deliver  {kind} {id}{version} to {}, {} bytes{delay}, answer within {}",
                prepared.url,
                prepared.body.len(),
                human(timeout)
            ),
        );
        self.headers(prepared.headers_masked());
        let outcome = AttemptOutcome::Answered { status: 200, body: String::new() };
        let record =
            AttemptRecord { number: order.number, sent: Duration::ZERO, took: Duration::ZERO, outcome };
        InputKind::Attempted { delivery: order.delivery, record }
    }

    /// All headers of the first delivery, and of later ones what differs.
    fn headers(&mut self, headers: Vec<(&'static str, String)>) {
        for header in &headers {
            if !self.headers.contains(header) {
                self.line(4, &format!("{}: {}", header.0, header.1));
            }
        }
        for (name, _) in self.headers.clone() {
            if !headers.iter().any(|header| header.0 == name) {
                self.line(4, &format!("without {name}"));
            }
        }
        if self.headers.is_empty() {
            self.headers = headers;
        }
    }

    fn emitted(&mut self, case: &CasePlan, kind: &RunEventKind) {
        match kind {
            RunEventKind::StepStarted { step, name, .. } => {
                self.judged(case);
                self.step = *step;
                let number = step.map_or(0, |step| step + 1);
                self.line(1, &format!("step {number}: {name}"));
            }
            RunEventKind::StripeActed { action, events, .. } => {
                let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
                self.line(2, &format!("stripe   {action}: {}", kinds.join(", ")));
            }
            RunEventKind::AttemptFinished { delivery, .. } if !delivery.changes.is_empty() => {
                self.line(4, &format!("differs: {}", delivery.changes.join(", ")));
            }
            _ => {}
        }
    }

    /// What the step that has just been told is judged by, and until when.
    fn judged(&mut self, case: &CasePlan) {
        let Some(step) = self.step.take().and_then(|step| case.story.steps.get(step)) else { return };
        let within = step.within.or(case.story.within).unwrap_or(self.plan.project.within);
        let hold = step.hold.or(case.story.hold).unwrap_or(self.plan.project.hold);
        for line in expectations(step) {
            self.line(2, &format!("judge    {line}, within {}", human(within)));
        }
        for probe in &step.unchanged {
            self.line(2, &format!("judge    {} unchanged, for {}", probe.value, human(hold)));
        }
    }

    /// Every field of the request's answer that a template of this case or the project names.
    fn answer(&self, case: &CasePlan, request: &str) -> Map<String, Value> {
        let project = &self.plan.project;
        let texts = format!("{:?}{:?}{:?}{:?}", project.passes, project.requests, project.probes, case.story);
        let prefix = format!("request.{request}.");
        let fields = texts.match_indices(&prefix).map(|(at, _)| {
            let rest = &texts[at + prefix.len()..];
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
        });
        fields.map(|field| (field.clone(), Value::from(format!("<{request}.{field}>")))).collect()
    }

    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "", indent = depth * 2);
    }
}

/// The call that the app is taken to make.
fn no_call() -> CallRecord {
    CallRecord {
        at: Duration::ZERO,
        method: "GET".to_owned(),
        path: "/v1/…".to_owned(),
        request_id: String::new(),
        status: None,
        note: None,
    }
}

fn outlet(outlet: &Outlet) -> String {
    match outlet {
        Outlet::Mail => "mail is".to_owned(),
        Outlet::Sink(name) => format!("calls to `{name}` are"),
        Outlet::Stripe => "calls to Stripe are".to_owned(),
    }
}

fn expectations(step: &Step) -> Vec<String> {
    let all = |expected: &[Expected]| -> Vec<String> {
        let fields = expected.iter().flat_map(|expected| {
            expected
                .fields
                .iter()
                .map(|(field, value)| format!("{}.{field} = {}", expected.probe, value.value))
        });
        fields.collect()
    };
    let mut lines = all(&step.then);
    if !step.either.is_empty() {
        let alternatives: Vec<String> =
            step.either.iter().map(|expected| all(expected).join(" and ")).collect();
        lines.push(format!("one of: {}", alternatives.join("; or ")));
    }
    lines
}
