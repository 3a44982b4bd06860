//! What came in at one server, in order of arrival, and what of it is to be refused.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::id::CaseId;

/// The most that one app may leave here: a loop that sends for ever ends as a reading that cannot be taken.
const MOST: usize = 20_000;
/// The same in bytes, roughly.
const MOST_BYTES: usize = 128 * 1024 * 1024;

/// One mail or call.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// When it was whole, since the run's start.
    pub at: Duration,
    /// What there is to know of it: `subject`, `path`, `json`.
    pub fields: Map<String, Value>,
    /// What it was answered; 0: nothing.
    pub status: u16,
}

impl Taken {
    /// Whether it was answered as a success, by SMTP's and by HTTP's rules alike.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// More came in than is kept, so what was there cannot be told any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How much is kept.
    pub limit: usize,
}

/// Whether something with these fields is meant.
pub type About = Arc<dyn Fn(&Map<String, Value>) -> bool + Send + Sync>;

/// Refuses what it is about, so many times.
#[derive(Clone)]
pub struct Fault {
    /// What it is about.
    pub about: About,
    /// What is answered.
    pub status: u16,
    /// To so many; `None`: to all.
    pub times: Option<u32>,
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("status", &self.status)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// What came in at one server. Whoever waits for more watches `arrivals`.
#[derive(Debug)]
pub struct Shelf {
    inside: Mutex<Inside>,
    arrivals: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inside {
    kept: Vec<Arc<Taken>>,
    bytes: usize,
    full: bool,
    faults: Vec<(CaseId, Fault)>,
}

impl Shelf {
    /// An empty one, which tells of everything that comes in.
    #[must_use]
    pub fn new(arrivals: watch::Sender<u64>) -> Self {
        Self { inside: Mutex::default(), arrivals }
    }

    /// Keeps what came in and says what it is to be answered: by the first fault that is about it, else as `usual`.
    pub fn take(&self, at: Duration, fields: Map<String, Value>, usual: u16) -> u16 {
        let mut inside = self.inside();
        let status = inside.strike(&fields).unwrap_or(usual);
        inside.keep(Taken { at, fields, status });
        drop(inside);
        self.arrivals.send_modify(|count| *count = count.wrapping_add(1));
        status
    }

    /// What came in after the first `seen`.
    ///
    /// # Errors
    /// More came in than is kept.
    pub fn after(&self, seen: usize) -> Result<Vec<Arc<Taken>>, Full> {
        let inside = self.inside();
        if inside.full {
            return Err(Full { limit: inside.kept.len() });
        }
        Ok(inside.kept.get(seen..).unwrap_or_default().to_vec())
    }

    /// Refuses from now on what these faults are about, instead of what the case had armed before.
    pub fn arm(&self, case: CaseId, faults: Vec<Fault>) {
        let mut inside = self.inside();
        inside.faults.retain(|(owner, _)| *owner != case);
        inside.faults.extend(faults.into_iter().map(|fault| (case, fault)));
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// The status of the first fault that is about it; it is used up by one.
    fn strike(&mut self, fields: &Map<String, Value>) -> Option<u16> {
        let about = |fault: &Fault| fault.times != Some(0) && (fault.about)(fields);
        let (_, fault) = self.faults.iter_mut().find(|(_, fault)| about(fault))?;
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
        }
        Some(fault.status)
    }

    fn keep(&mut self, taken: Taken) {
        self.bytes = self.bytes.saturating_add(size(&taken.fields));
        if self.kept.len() >= MOST || self.bytes > MOST_BYTES {
            self.full = true;
        } else {
            self.kept.push(Arc::new(taken));
        }
    }
}

/// About how much memory a table takes.
fn size(fields: &Map<String, Value>) -> usize {
    fields.iter().map(|(key, value)| key.len().saturating_add(size_of_value(value))).sum()
}

fn size_of_value(value: &Value) -> usize {
    const NODE: usize = 64;
    NODE + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size_of_value).sum(),
        Value::Object(fields) => size(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn shelf() -> (Shelf, watch::Receiver<u64>) {
        let (sender, receiver) = watch::channel(0);
        (Shelf::new(sender), receiver)
    }

    fn fault(to: &'static str, status: u16, times: Option<u32>) -> Fault {
        Fault { about: Arc::new(move |fields| fields["to"] == to), status, times }
    }

    #[test]
    fn faults_meet_what_they_are_about_so_often_and_end_with_their_case() {
        let (shelf, _) = shelf();
        let take = |to: &str| shelf.take(Duration::ZERO, fields(json!({ "to": to })), 250);
        shelf.arm(CaseId(1), vec![fault("a", 451, Some(1))]);
        shelf.arm(CaseId(2), vec![fault("b", 550, None)]);
        assert_eq!(["b", "a", "a", "c", "b"].map(take), [550, 451, 250, 250, 550]);
        shelf.arm(CaseId(2), Vec::new());
        assert_eq!(take("b"), 250);
        let accepted = shelf.after(0).unwrap().iter().map(|taken| taken.is_accepted()).collect::<Vec<_>>();
        assert_eq!(accepted, [false, false, true, true, false, true]);
    }

    #[test]
    fn who_has_seen_some_gets_the_rest_and_is_told_of_more() {
        let (shelf, mut arrivals) = shelf();
        assert!(!arrivals.has_changed().unwrap());
        for number in 0..3 {
            shelf.take(Duration::from_secs(number), fields(json!({ "number": number })), 200);
        }
        assert!(arrivals.has_changed().unwrap());
        arrivals.mark_unchanged();
        let rest =
            |seen| shelf.after(seen).unwrap().iter().map(|taken| taken.at.as_secs()).collect::<Vec<_>>();
        assert_eq!((rest(0), rest(2), rest(3), rest(9)), (vec![0, 1, 2], vec![2], vec![], vec![]));
        assert!(!arrivals.has_changed().unwrap());
    }

    #[test]
    fn what_is_too_much_is_not_kept_and_not_forgotten_in_silence() {
        let (shelf, _) = shelf();
        let large = "x".repeat(MOST_BYTES / 4);
        let take = || shelf.take(Duration::ZERO, fields(json!({ "text": large })), 250);
        for _ in 0..3 {
            take();
            assert!(shelf.after(0).is_ok());
        }
        assert_eq!(take(), 250);
        assert_eq!(shelf.after(0), Err(Full { limit: 3 }));
    }
}
