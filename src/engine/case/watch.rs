//! Expectations that are being judged, and when their probes are read next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::judge::poll::Poll;
use crate::judge::truth;
use crate::judge::{Progress, Track};
use crate::probe::Reading;
use crate::project::model::Reconcile;
use crate::run_event::Judged;

/// Expectations that are being judged.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) purpose: Purpose,
    pub(super) tracks: Vec<Watched>,
    pub(super) polls: BTreeMap<(usize, String), Polled>,
    /// Verdicts that needed no reading.
    pub(super) judged: Vec<Judged>,
    pub(super) reconciles: bool,
}

/// Why something is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The step's verdicts count.
    Step,
    /// A little patience before the story; no verdict.
    Given,
}

#[derive(Debug)]
pub(super) struct Watched {
    pub(super) slot: usize,
    pub(super) track: Track,
    /// Compared with provider truth.
    pub(super) pair: Option<Reconcile>,
}

#[derive(Debug)]
pub(super) struct Polled {
    pub(super) poll: Poll,
    pub(super) in_flight: bool,
}

impl Watch {
    pub(super) fn new(purpose: Purpose, tracks: Vec<Watched>, at: Duration) -> Self {
        let mut polls = BTreeMap::new();
        for watched in &tracks {
            for probe in watched.track.probes() {
                let polled = Polled { poll: Poll::starting(at), in_flight: false };
                polls.insert((watched.slot, probe.to_owned()), polled);
            }
        }
        let reconciles = tracks.iter().any(|watched| watched.pair.is_some());
        Self { purpose, tracks, polls, judged: Vec::new(), reconciles }
    }

    pub(super) fn woken(&mut self, at: Duration) {
        self.polls.values_mut().for_each(|polled| polled.poll.woken(at));
    }

    /// The same for some probes only.
    pub(super) fn woken_of(&mut self, at: Duration, of: impl Fn(&str) -> bool) {
        let woken = self.polls.iter_mut().filter(|((_, probe), _)| of(probe));
        woken.for_each(|(_, polled)| polled.poll.woken(at));
    }

    /// Ticks everything; `None` when all is settled, else when to look again.
    pub(super) fn next(&mut self, at: Duration) -> Option<Duration> {
        self.tracks.iter_mut().for_each(|watched| watched.track.tick(at));
        let mut next: Option<Duration> = None;
        for watched in &self.tracks {
            if let Progress::Open { next_deadline } = watched.track.progress() {
                next = Some(next.map_or(next_deadline, |next| next.min(next_deadline)));
            }
        }
        next
    }

    /// Probes that something open still needs.
    pub(super) fn needed(&self) -> BTreeSet<(usize, String)> {
        let open =
            self.tracks.iter().filter(|watched| matches!(watched.track.progress(), Progress::Open { .. }));
        open.flat_map(|watched| watched.track.probes().map(|probe| (watched.slot, probe.to_owned())))
            .collect()
    }

    /// Those of them that are due, marked as being read.
    pub(super) fn due(&mut self, at: Duration) -> Vec<(usize, String)> {
        let mut due = Vec::new();
        for key in self.needed() {
            if let Some(polled) = self.polls.get_mut(&key)
                && !polled.in_flight
                && polled.poll.due() <= at
            {
                polled.in_flight = true;
                due.push(key);
            }
        }
        due
    }

    /// When the next of them is due.
    pub(super) fn next_poll(&self) -> Option<Duration> {
        let waiting = |key: &(usize, String)| self.polls.get(key).filter(|polled| !polled.in_flight);
        self.needed().iter().filter_map(waiting).map(|polled| polled.poll.due()).min()
    }
}

pub(super) fn observe(
    watched: &mut Watched,
    probe: &str,
    reading: &Reading,
    truth: Option<&Map<String, Value>>,
) {
    match &watched.pair {
        Some(pair) if pair.probe == probe => {
            watched
                .track
                .observe_pair(reading, Ok(truth.and_then(|truth| truth::lookup(truth, &pair.truth))));
        }
        Some(_) => {}
        None => watched.track.observe(probe, reading),
    }
}
