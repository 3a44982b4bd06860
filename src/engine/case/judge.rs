//! Reads what a step is judged by, and waits until everything is settled.

use std::time::Duration;

use super::watch::{Purpose, Watch, observe};
use super::{Action, Case, Running};
use crate::judge::truth::{self, Sides};
use crate::judge::{Hold, Rules, Start, instant};
use crate::probe::{ReadError, Reading};
use crate::run_event::RunEventKind;

impl Case {
    pub(super) fn read_action(&self, slot: usize, probe: &str, at: Duration) -> Result<Action, Reading> {
        let unread = |error: ReadError| Reading { at, took: Duration::ZERO, fields: Err(error) };
        let ask = self.ask(slot, probe).map_err(unread)?;
        Ok(Action::Read { slot, probe: probe.to_owned(), ask })
    }

    /// Takes a reading, brings it to Stripe's words, and judges by it.
    pub(super) fn was_read(
        &mut self,
        slot: usize,
        probe: &str,
        reading: Reading,
        at: Duration,
        out: &mut Vec<Action>,
    ) {
        let Some(model) = self.scene.project.probes.get(probe) else { return };
        let fields = reading.fields.map(|fields| instant::normalise(model, fields));
        let reading = Reading { fields, ..reading };
        let customer = self.customer_id(slot);
        if self.record.observed(&customer, probe, &reading) {
            let (case, probe, reading) = (self.plan.id, probe.to_owned(), reading.clone());
            out.push(Action::Emit(RunEventKind::Observed { case, customer, probe, reading }));
        }
        if slot == 0 {
            self.last_readings.insert(probe.to_owned(), reading.clone());
        }
        match &mut self.running {
            Running::Readings(awaited) => {
                let begun = reading.at.saturating_sub(reading.took);
                // A late one, asked for by what was given up waiting for, must not become a baseline: of the
                // first customer it would make a bystander.
                if begun < awaited.since || !awaited.left.remove(&(slot, probe.to_owned())) {
                    return;
                }
                if awaited.left.is_empty() {
                    self.running = Running::Nothing;
                }
                self.baselines.take(slot, probe, reading);
            }
            Running::Judging(watch) => {
                if let Some(polled) = watch.polls.get_mut(&(slot, probe.to_owned())) {
                    polled.in_flight = false;
                    polled.poll.taken(at);
                }
                let truth = self.slots.get(slot).map(|slot| &slot.truth);
                for watched in watch.tracks.iter_mut().filter(|watched| watched.slot == slot) {
                    observe(watched, probe, &reading, truth);
                }
                self.judge_on(at, out);
            }
            _ => {}
        }
    }

    /// Judges a step.
    pub(super) fn judge(&mut self, step: usize, at: Duration, out: &mut Vec<Action>) {
        match self.watch(step, at) {
            Ok(watch) => {
                self.running = Running::Judging(Box::new(watch));
                self.judge_on(at, out);
            }
            Err(reason) => self.give_up(reason, at, out),
        }
    }

    /// Waits a little until the app's record agrees with what it was told, so that the story starts from there.
    pub(super) fn settle_given(&mut self, at: Duration, out: &mut Vec<Action>) {
        let hold = self.plan.story.hold.unwrap_or(self.scene.project.hold);
        let rules = Rules {
            since: at,
            start: Start::LastDelivery,
            within: hold,
            hold: Hold::WhereNeeded(Duration::ZERO),
        };
        let told: Vec<usize> = (0..self.slots.len()).collect();
        let tracks = told.into_iter().flat_map(|slot| self.reconcile(None, slot, rules)).collect();
        self.running = Running::Judging(Box::new(Watch::new(Purpose::Given, tracks, at)));
        self.judge_on(at, out);
    }

    /// Reads what is due, and ends when everything is settled.
    pub(super) fn judge_on(&mut self, at: Duration, out: &mut Vec<Action>) {
        loop {
            let Running::Judging(watch) = &mut self.running else { return };
            let Some(deadline) = watch.next(at) else { return self.judged(at) };
            let due = watch.due(at);
            let mut unread = false;
            for (slot, probe) in due {
                match self.read_action(slot, &probe, at) {
                    Ok(action) => out.push(action),
                    Err(reading) => {
                        unread = true;
                        self.could_not_read(slot, &probe, &reading, at);
                    }
                }
            }
            if !unread {
                let Running::Judging(watch) = &self.running else { return };
                let next = watch.next_poll().map_or(deadline, |poll| poll.min(deadline));
                return self.wake_at(next, out);
            }
        }
    }

    fn could_not_read(&mut self, slot: usize, probe: &str, reading: &Reading, at: Duration) {
        let customer = self.customer_id(slot);
        self.record.observed(&customer, probe, reading);
        let Running::Judging(watch) = &mut self.running else { return };
        if let Some(polled) = watch.polls.get_mut(&(slot, probe.to_owned())) {
            polled.in_flight = false;
            polled.poll.taken(at);
        }
        for watched in watch.tracks.iter_mut().filter(|watched| watched.slot == slot) {
            watched.track.observe(probe, reading);
        }
    }

    fn judged(&mut self, at: Duration) {
        let Running::Judging(watch) = std::mem::replace(&mut self.running, Running::Nothing) else { return };
        if watch.purpose == Purpose::Given {
            return;
        }
        let mut judged = watch.judged;
        judged.extend(watch.tracks.iter().filter_map(|watched| watched.track.judged().cloned()));
        judged.sort_by_key(|judged| judged.place.range.start);
        self.record.judged(judged);
        if watch.reconciles {
            self.compare(at);
        }
    }

    /// Puts both sides beside each other.
    pub(super) fn compare(&mut self, at: Duration) {
        let Some(slot) = self.slots.first() else { return };
        let sides = Sides {
            at,
            handler_read: self.record.last_call(),
            truth: &slot.truth,
            local: &self.last_readings,
        };
        let project = &self.scene.project;
        let reconciliation = truth::facts(sides, &project.reconcile, &project.probes);
        self.record.reconciled(reconciliation);
    }

    fn customer_id(&self, slot: usize) -> String {
        let id = self.slots.get(slot).and_then(|slot| slot.truth.get("customer")?.get("id")?.as_str());
        id.unwrap_or_default().to_owned()
    }
}
