//! The app's clock, where it can be moved: it follows Stripe's.
//!
//! Both start together, `given.at` from now; the app's goes on ticking, and is moved ahead by as much as Stripe's jumps.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Action, Case, Running};
use crate::project::model::{Call, MovedBy};
use crate::run_event::Reason;

/// Less is left to the clock's own ticking: every step takes a second at Stripe.
const JUMP: SignedDuration = SignedDuration::from_mins(1);

/// The app's clock, as far as it was moved.
#[derive(Debug, Default)]
pub(super) struct AppClock {
    /// Now, by the clock of this machine.
    pub(super) wall: Timestamp,
    /// Stripe's time at the start, had `given.at` not been there.
    start: Option<Timestamp>,
    /// How far ahead of this machine's it was last set; `None`: it must be set before anything else.
    told: Option<SignedDuration>,
    asked: Option<SignedDuration>,
}

impl Case {
    /// How far Stripe's clock is ahead of this machine's, but for the time that the case takes.
    fn ahead(&mut self) -> Option<SignedDuration> {
        let stripe_now = self.stripe_now?;
        let at = self.plan.story.given.at;
        let start = *self.clock.start.get_or_insert(stripe_now.checked_sub(at).unwrap_or(stripe_now));
        Some(stripe_now.duration_since(start))
    }

    /// Moves the app's clock where Stripe's has jumped since the last time; whether the case has to wait for it.
    pub(super) fn moves_clock(&mut self, at: Duration, out: &mut Vec<Action>) -> bool {
        if self.clock.asked.is_some() {
            return true;
        }
        let Some(clock) = self.scene.clock.clone() else { return false };
        let Some(ahead) = self.ahead() else { return false };
        let jumped = |told: SignedDuration| ahead.saturating_sub(told).abs() >= JUMP;
        if !self.clock.told.is_none_or(jumped) {
            return false;
        }
        self.clock.asked = Some(ahead);
        let call = match clock {
            MovedBy::Faketime => None,
            MovedBy::Hook(call) => match self.render_call(0, &Call::Http(*call)) {
                Ok(call) => Some(Box::new(call)),
                Err(error) => {
                    let message = format!("failed to move the app's clock: {error}");
                    let place = self.record.place.clone();
                    self.give_up(Reason { message, place }, at, out);
                    return true;
                }
            },
        };
        out.push(Action::MoveClock { ahead, call });
        true
    }

    /// The app's clock was moved, or could not be.
    pub(super) fn clock_moved(&mut self, result: Result<(), String>, at: Duration, out: &mut Vec<Action>) {
        let asked = self.clock.asked.take();
        self.clock.told = asked;
        if let Err(message) = result {
            let place = self.record.place.clone();
            return self.give_up(Reason { message, place }, at, out);
        }
        match self.running {
            Running::Answer => self.running = Running::Nothing,
            Running::Delivering(_) => self.deliver_on(at, out),
            _ => {}
        }
    }

    /// A process that was started anew knows nothing of what the one before it was told.
    pub(super) fn started_anew(&mut self) {
        if matches!(self.scene.clock, Some(MovedBy::Hook(_))) {
            self.clock.told = None;
        }
    }

    /// `clock.unix` and `clock.iso`: the time by the app's clock.
    pub(super) fn clock_names(&self) -> Value {
        let ahead = self.clock.asked.or(self.clock.told).unwrap_or_default();
        let now = self.clock.wall.checked_add(ahead).unwrap_or(self.clock.wall);
        let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
        json!({ "unix": now.as_second(), "iso": whole.to_string() })
    }
}
