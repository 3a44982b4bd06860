//! Does what cases ask for: sends, reads, moves the double; reports back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;

use super::case::{Action, Ask, AttemptOrder, InputKind, World};
use super::outside::Outside;
use crate::deliver::attempt;
use crate::deliver::http::Sender;
use crate::id::{CaseId, IdMinter};
use crate::probe::{Caller, Cookies, Reader, Reading, RequestOutcome};
use crate::project::model::Call;
use crate::provider::double::{ApiFault as DoubleFault, Closed, Double, Effect};
use crate::run_event::{Intent, Reason, RequestRecord};
use crate::scenario::model::{ApiFault, FaultEffect};
use crate::target::Faketime;
use crate::time::Clock;

/// Something that happened to a case.
pub(super) type Report = (CaseId, InputKind);

/// Does what cases ask for.
pub(super) struct Driver {
    pub(super) clock: Clock,
    pub(super) double: Double,
    pub(super) sender: Sender,
    pub(super) caller: Arc<Caller>,
    /// What each probe reads from its answer.
    pub(super) probes: BTreeMap<String, Arc<Reader>>,
    pub(super) reports: UnboundedSender<Report>,
    /// What leaves the app.
    pub(super) outside: Outside,
    /// Per case and customer, like browsers.
    pub(super) cookies: BTreeMap<CaseId, Vec<Cookies>>,
    /// Moves the app's clock, where that is how it is moved.
    pub(super) faketime: Option<Faketime>,
    /// Where the instances that take deliveries answer.
    pub(super) instances: Vec<String>,
    /// How far the app's clock is ahead of ours.
    pub(super) ahead: SignedDuration,
    /// The version of provider truth that each case has seen.
    pub(super) seen: BTreeMap<CaseId, u64>,
}

impl Driver {
    /// What an action is about to do on the outside; `None`: nothing, or nothing but looking.
    pub(super) fn intent(&self, action: &Action) -> Option<Intent> {
        Some(match action {
            Action::Act { action, .. } => Intent::Stripe { action: action.kind().as_str().to_owned() },
            Action::Request { name, call, .. } => {
                Intent::Request { name: name.clone(), call: self.caller.describe(call) }
            }
            Action::Attempt(order) => order.intent(),
            Action::Restart => Intent::Restart,
            Action::Kill { process, .. } => Intent::Kill { process: process.clone() },
            Action::MoveClock { ahead, .. } => Intent::Clock { ahead: *ahead },
            _ => return None,
        })
    }

    /// Does one thing. What is answered later comes through `reports`; what is answered at once is returned.
    pub(super) fn perform(&mut self, case: CaseId, action: Action) -> Option<InputKind> {
        match action {
            Action::Open { at, emails, ids } => Some(self.open(case, at, &emails, ids)),
            Action::Act { slot, action } => Some(InputKind::Acted(
                self.double.act(case, slot, &action).map_err(|error| format!("failed to {error}")),
            )),
            Action::Keep(event) => {
                self.double.keep_event(case, &event);
                None
            }
            Action::NameNextEvent(id) => {
                self.double.name_next_event(case, id);
                None
            }
            Action::Advance(by) => {
                self.double.advance(case, by);
                None
            }
            Action::Arm(faults) => {
                self.arm(case, faults);
                None
            }
            Action::MoveClock { ahead, call } => self.move_clock(case, ahead, call),
            Action::Hold => {
                self.double.hold(case);
                None
            }
            Action::Release => {
                self.double.release(case);
                None
            }
            Action::Request { name, slot, call } => {
                self.request(case, slot, name, *call);
                None
            }
            Action::Attempt(order) => {
                self.attempt(case, *order);
                None
            }
            Action::Refuse(faults) => {
                let refused = self.outside.refuse(case, &faults);
                let wrong = |problem| Reason { message: format!("failed to {problem}"), place: None };
                refused.map_err(wrong).err().map(InputKind::Stopped)
            }
            Action::Read { slot, probe, ask } => self.read(case, slot, probe, ask),
            Action::Restart
            | Action::Kill { .. }
            | Action::WakeAt(_)
            | Action::Emit(_)
            | Action::Finish(_) => None,
        }
    }

    /// Provider truth of a case now, and what Stripe made since the last look.
    pub(super) fn look(&mut self, case: CaseId) -> World {
        let events = self.double.drain(case);
        World {
            truths: self.truths(case),
            kin: (!events.is_empty()).then(|| self.double.kin(case)),
            events,
            stripe_now: self.double.now(case),
        }
    }

    /// Provider truth is large and looked at with every reading, so it is copied only where something changed.
    fn truths(&mut self, case: CaseId) -> Option<Vec<Map<String, Value>>> {
        // Asked for before the copy: what changes in between is copied again at the next look, never missed.
        let version = self.double.version(case)?;
        if self.seen.insert(case, version) == Some(version) {
            return None;
        }
        let slots = self.cookies.get(&case).map_or(0, Vec::len);
        Some((0..slots).map(|slot| self.double.truth(case, slot, None)).collect())
    }

    /// Forgets a case; its objects leave the double. What is left to tell of its calls is returned.
    pub(super) fn close(&mut self, case: CaseId) -> Closed {
        self.cookies.remove(&case);
        self.seen.remove(&case);
        self.outside.close(case);
        self.double.close(case)
    }

    fn open(&mut self, case: CaseId, at: SignedDuration, emails: &[String], ids: IdMinter) -> InputKind {
        let now: Timestamp = self.clock.now();
        self.double.open(case, now.checked_add(at).unwrap_or(now), ids);
        for email in emails {
            self.double.add_customer(case, email);
        }
        self.cookies.insert(case, emails.iter().map(|_| Cookies::default()).collect());
        InputKind::Acted(Ok(()))
    }

    fn arm(&self, case: CaseId, faults: Vec<ApiFault>) {
        if faults.is_empty() {
            return self.double.disarm(case);
        }
        let faults = faults.into_iter().map(|fault| DoubleFault {
            call: fault.call,
            effect: match fault.effect {
                FaultEffect::Refusal(refusal) => Effect::Refusal(refusal),
                FaultEffect::Latency(latency) => Effect::Latency(latency),
                FaultEffect::Reset => Effect::Reset,
            },
            times: fault.times,
        });
        self.double.arm(case, faults.collect());
    }

    /// Sets the app's clock; deliveries are signed by it from now on, since apps compare the two.
    fn move_clock(
        &mut self,
        case: CaseId,
        ahead: SignedDuration,
        call: Option<Box<Call>>,
    ) -> Option<InputKind> {
        self.ahead = ahead;
        let Some(call) = call else {
            let moved = self.faketime.as_ref().map_or(Ok(()), |faketime| faketime.set(ahead));
            let moved = moved.map_err(|error| format!("failed to move the app's clock: {error}"));
            return Some(InputKind::ClockMoved(moved));
        };
        let (caller, reply, instances) = (Arc::clone(&self.caller), self.reply(case), self.instances.clone());
        tokio::spawn(async move {
            let mut moved = Ok(());
            for instance in &instances {
                let done = caller.request_at(instance, &call, &Cookies::default()).await;
                moved = moved.and(match done.outcome {
                    Ok(outcome) if outcome.is_done() => Ok(()),
                    Ok(RequestOutcome::Answered(status)) => Err(format!(
                        "failed to move the app's clock: it answered {status} {}",
                        cut(&done.text)
                    )),
                    Ok(outcome) => {
                        Err(format!("failed to move the app's clock: {outcome}: {}", cut(&done.text)))
                    }
                    Err(error) => Err(format!("failed to move the app's clock: {error}")),
                });
            }
            reply.send(InputKind::ClockMoved(moved));
        });
        None
    }

    fn cookies(&self, case: CaseId, slot: usize) -> Cookies {
        self.cookies.get(&case).and_then(|slots| slots.get(slot)).cloned().unwrap_or_default()
    }

    fn reply(&self, case: CaseId) -> Reply {
        Reply { case, reports: self.reports.clone(), owed: true }
    }

    fn request(&self, case: CaseId, slot: usize, name: String, call: Call) {
        let (caller, clock) = (Arc::clone(&self.caller), self.clock);
        let (reply, cookies) = (self.reply(case), self.cookies(case, slot));
        tokio::spawn(async move {
            let sent = clock.elapsed();
            let done = caller.request(&call, &cookies).await;
            let took = clock.elapsed().saturating_sub(sent);
            let mut call = caller.describe(&call);
            if let Some(elsewhere) = &done.ended_at {
                call = format!("{call} → {elsewhere}");
            }
            let outcome = done.outcome.map_err(|error| error.to_string());
            let record = RequestRecord { name, call, sent, took, outcome, body: cut(&done.text) };
            reply.send(InputKind::Requested { slot, record, answer: done.answer });
        });
    }

    fn attempt(&self, case: CaseId, order: AttemptOrder) {
        let (sender, reply, clock) = (self.sender.clone(), self.reply(case), self.clock);
        let ahead = self.ahead;
        tokio::spawn(async move {
            if !order.delay.is_zero() {
                tokio::time::sleep(order.delay).await;
            }
            let to = attempt::Destination {
                url: &order.url,
                secret: &order.endpoint.secret,
                other_secret: &order.endpoint.other_secret,
                old_secret: &order.endpoint.old_secret,
                timeout: Some(order.change.timeout.unwrap_or(order.endpoint.timeout)),
            };
            let prepared = attempt::prepare(
                &order.event,
                &order.change,
                &to,
                clock.now().as_second().saturating_add(ahead.as_secs()),
            );
            let input = match sender.send(&prepared, &clock, |_| ()).await {
                Ok(sent) => {
                    InputKind::Attempted { delivery: order.delivery, record: sent.record(order.number) }
                }
                Err(error) => {
                    InputKind::Stopped(Reason { message: format!("failed to {error}"), place: None })
                }
            };
            reply.send(input);
        });
    }

    /// What is known here is read at once.
    fn read(&mut self, case: CaseId, slot: usize, probe: String, ask: Ask) -> Option<InputKind> {
        let at = self.clock.elapsed();
        let reading = match ask {
            Ask::Call(call) => {
                self.read_call(case, slot, probe, *call);
                return None;
            }
            Ask::Outside(asked) => self.outside.read((case, slot, probe.clone()), *asked, at),
            Ask::Truth(fields) => Reading { at, took: Duration::ZERO, fields: Ok(fields) },
        };
        Some(InputKind::Read { slot, probe, reading })
    }

    fn read_call(&self, case: CaseId, slot: usize, probe: String, call: Call) {
        let Some(reader) = self.probes.get(&probe).cloned() else { return };
        let caller = Arc::clone(&self.caller);
        let (reply, cookies) = (self.reply(case), self.cookies(case, slot));
        tokio::spawn(async move {
            let reading = caller.read(&reader, &call, &cookies).await;
            reply.send(InputKind::Read { slot, probe, reading });
        });
    }
}

/// The one answer that a task owes its case.
struct Reply {
    case: CaseId,
    reports: UnboundedSender<Report>,
    owed: bool,
}

impl Reply {
    fn send(mut self, kind: InputKind) {
        self.owed = false;
        // The dispatcher is gone only when the run has ended.
        let _ = self.reports.send((self.case, kind));
    }
}

impl Drop for Reply {
    /// A task that panicked must not leave its case waiting for ever.
    fn drop(&mut self) {
        if self.owed {
            let message = "a call ended without an answer; this is a fault of Paydrill".to_owned();
            let _ = self.reports.send((self.case, InputKind::Stopped(Reason { message, place: None })));
        }
    }
}

/// The start of a body, for reports.
fn cut(body: &str) -> String {
    body.chars().take(2_048).collect()
}

/// How long the app may take to stop.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(5);
