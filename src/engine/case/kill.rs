//! Processes that a step kills, each once, at a point of the step's first delivery that gets so far.
//!
//! While a process is down nothing more is sent, and the step goes on once it is up again: what is delivered later,
//! Stripe's retries among it, reaches the new one.

use std::time::Duration;

use super::{Action, Case, Running};
use crate::run_event::{Reason, RunEventKind};
use crate::scenario::model::{Kill, KillMoment, Step};
use crate::span::Place;
use crate::time::human;

/// The kills of the step that is under way.
#[derive(Debug, Default)]
pub(super) struct Kills {
    list: Vec<Planned>,
    /// Until when a call to Stripe is waited for.
    patience: Option<Duration>,
    /// One of them has begun: what then breaks off was cut off by us.
    begun: bool,
}

#[derive(Debug)]
struct Planned {
    kill: Kill,
    place: Place,
    state: State,
    /// `20 ms after #3 was sent`.
    moment: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its moment has not come.
    Ahead,
    /// It is being killed, or on its way back.
    UnderWay,
    Done,
}

impl Kills {
    pub(super) fn of(step: &Step) -> Self {
        let planned = step.faults.iter().filter_map(|fault| {
            let kill = fault.kill()?.clone();
            Some(Planned { kill, place: fault.place.clone(), state: State::Ahead, moment: String::new() })
        });
        Self { list: planned.collect(), ..Self::default() }
    }

    /// Whether a process is down now, or about to be.
    pub(super) fn under_way(&self) -> bool {
        self.list.iter().any(|planned| planned.state == State::UnderWay)
    }

    /// Whether something that breaks off now was cut off by the scenario.
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    fn ahead(&self, on: KillMoment) -> bool {
        self.list.iter().any(|planned| planned.state == State::Ahead && planned.kill.on == on)
    }
}

impl Case {
    /// A delivery is about to be sent: from now on the app's next call to Stripe is kept waiting, if that is the
    /// moment of a kill.
    pub(super) fn before_sending(&mut self, out: &mut Vec<Action>) {
        if self.kills.ahead(KillMoment::Called) {
            // One that is armed already stays: the first call counts, whatever delivery it is made for.
            out.push(Action::Hold);
        }
    }

    /// Delivery `number` has come to a point: begins the kills that wait for it. `late`: how much later it is sent.
    pub(super) fn reached(
        &mut self,
        on: KillMoment,
        number: Option<usize>,
        late: Duration,
        out: &mut Vec<Action>,
    ) {
        let mut struck = Vec::new();
        for planned in &mut self.kills.list {
            if planned.state != State::Ahead || planned.kill.on != on {
                continue;
            }
            planned.state = State::UnderWay;
            planned.moment = in_words(&planned.kill, number);
            let (process, after) = (planned.kill.process.clone(), planned.kill.after.saturating_add(late));
            struck.push(format!("`{process}` killed {}", planned.moment));
            out.push(Action::Kill { process, after });
        }
        self.kills.begun |= !struck.is_empty();
        if let Some(delivery) = number.and_then(|number| self.deliveries.get_mut(number)) {
            delivery.reference.changes.extend(struck);
        }
    }

    /// A process was killed and is up again, or did not come up.
    pub(super) fn killed(
        &mut self,
        process: &str,
        result: Result<(), String>,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        let under_way =
            |planned: &&mut Planned| planned.state == State::UnderWay && planned.kill.process == process;
        let Some(planned) = self.kills.list.iter_mut().find(under_way) else { return };
        planned.state = State::Done;
        if let Err(message) = result {
            let place = Some(planned.place.clone());
            return self.give_up(Reason { message, place }, at, out);
        }
        out.push(Action::Emit(RunEventKind::ProcessKilled {
            case: self.plan.id,
            process: process.to_owned(),
            moment: planned.moment.clone(),
        }));
        if planned.kill.on == KillMoment::Called {
            // Where another process made the call, it gets its answer now.
            out.push(Action::Release);
        }
        self.started_anew();
        self.deliver_on(at, out);
    }

    /// Whether all deliveries have ended and a call to Stripe is still waited for: an app may do its work after it
    /// has answered. `Err`: a process that was to be killed was not, so what the step is to show was not shown.
    pub(super) fn waits_to_kill(&mut self, at: Duration, out: &mut Vec<Action>) -> Result<bool, Reason> {
        let Some(planned) = self.kills.list.iter().find(|planned| planned.state == State::Ahead) else {
            return Ok(false);
        };
        let within = self.patience();
        let until = *self.kills.patience.get_or_insert(at.saturating_add(within));
        if planned.kill.on == KillMoment::Called && at < until {
            self.wake_at(until, out);
            return Ok(true);
        }
        let process = &planned.kill.process;
        let message = match planned.kill.on {
            KillMoment::Sent => format!("failed to kill `{process}`: the step sent nothing"),
            KillMoment::Answered => {
                format!("failed to kill `{process}`: no delivery of the step was answered")
            }
            KillMoment::Called => format!(
                "failed to kill `{process}`: the app made no call to Stripe about this customer within {}; \
                 `on = \"sent\"` with `after` kills without one",
                human(within)
            ),
        };
        Err(Reason { message, place: Some(planned.place.clone()) })
    }

    /// How long an app may take for what it does by itself: what an expectation may take.
    fn patience(&self) -> Duration {
        let story = &self.plan.story;
        let step = match &self.running {
            Running::Delivering(delivering) => delivering.step().and_then(|step| story.steps.get(step)),
            _ => None,
        };
        step.and_then(|step| step.within).or(story.within).unwrap_or(self.scene.project.within)
    }
}

fn in_words(kill: &Kill, number: Option<usize>) -> String {
    let delivery = number.map_or_else(|| "a delivery".to_owned(), |number| format!("#{number}"));
    let moment = match kill.on {
        KillMoment::Sent => format!("{delivery} was sent"),
        KillMoment::Called => "the app's first call to Stripe".to_owned(),
        KillMoment::Answered => format!("{delivery} was answered"),
    };
    match kill.after {
        Duration::ZERO if kill.on == KillMoment::Called => format!("at {moment}"),
        Duration::ZERO => format!("when {moment}"),
        after => format!("{} after {moment}", human(after)),
    }
}
