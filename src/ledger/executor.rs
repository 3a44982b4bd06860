//! Processes that execute runs, and whether they still do.

use std::path::Path;

use super::entry::Draft;
use super::kind::{self, Executor, Interrupted};
use super::store::Head;

impl Executor {
    /// This process. What this machine does not tell stays unknown.
    #[must_use]
    pub fn this(version: &str) -> Self {
        let line = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let pid = std::process::id();
        Self {
            version: version.to_owned(),
            machine: line("/proc/sys/kernel/hostname").unwrap_or_default(),
            boot: line("/proc/sys/kernel/random/boot_id"),
            pid,
            started: started(Path::new("/proc"), pid),
        }
    }

    /// Whether it has ended, as far as `here` can tell: of another machine nothing can be told.
    fn is_gone(&self, here: &Self, started: impl Fn(u32) -> Option<u64>) -> bool {
        let known = !self.machine.is_empty() && self.machine == here.machine && self.started.is_some();
        known && (self.boot != here.boot || started(self.pid) != self.started)
    }
}

/// The ends of attempts whose process is gone: nobody else will write them.
#[must_use]
pub fn interrupted(heads: &[Head], here: &Executor, at: jiff::Timestamp) -> Vec<Draft> {
    ended(heads, here, at, |pid| started(Path::new("/proc"), pid))
}

fn ended(
    heads: &[Head],
    here: &Executor,
    at: jiff::Timestamp,
    started: impl Fn(u32) -> Option<u64>,
) -> Vec<Draft> {
    let open = heads.iter().flat_map(|head| head.summary.open_attempts().map(move |attempt| (head, attempt)));
    let gone = open.filter(|(_, attempt)| attempt.by.is_gone(here, &started));
    gone.map(|(head, attempt)| {
        let why = format!("its process {} on {} is gone", attempt.by.pid, attempt.by.machine);
        let body = serde_json::json!(Interrupted { why });
        let body = body.as_object().cloned().unwrap_or_default();
        let (key, attempt) = (head.key.clone(), Some(attempt.id.clone()));
        Draft { key, at, attempt, kind: kind::INTERRUPTED, body }
    })
    .collect()
}

/// When a process started, in ticks since the machine did (proc(5), `stat`, field 22).
fn started(proc: &Path, pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
    // The second field is a name in parentheses, with anything in it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::ledger::chain::Tip;
    use crate::ledger::fold::{Attempt, State, Summary};
    use crate::ledger::sample;

    fn here() -> Executor {
        Executor {
            version: String::new(),
            machine: "a".into(),
            boot: Some("b1".into()),
            pid: 1,
            started: Some(5),
        }
    }

    #[rstest]
    #[case::at_work(Executor { pid: 7, started: Some(70), ..here() }, State::Open, 0)]
    #[case::gone(Executor { pid: 8, ..here() }, State::Open, 1)]
    #[case::its_number_is_used_again(Executor { pid: 7, started: Some(60), ..here() }, State::Open, 1)]
    #[case::before_the_machine_started(
        Executor { pid: 7, started: Some(70), boot: Some("b0".into()), ..here() },
        State::Open,
        1
    )]
    #[case::of_another_machine(Executor { pid: 8, machine: "other".into(), ..here() }, State::Open, 0)]
    #[case::not_known(Executor { pid: 8, started: None, ..here() }, State::Open, 0)]
    #[case::it_has_ended(Executor { pid: 8, ..here() }, State::Passed, 0)]
    fn who_is_gone_closes_nothing_more(#[case] by: Executor, #[case] state: State, #[case] expected: usize) {
        let key = sample::key("evt_1");
        let attempts = vec![Attempt { id: "a".into(), state, by, ..Attempt::default() }];
        let summary = Summary { attempts, ..Summary::default() };
        let head = Head { tip: Tip::start(&key), key, summary };
        let found = ended(&[head], &here(), jiff::Timestamp::UNIX_EPOCH, |pid| (pid == 7).then_some(70));
        assert_eq!(found.len(), expected);
    }

    #[test]
    fn this_process_is_not_gone() {
        let this = Executor::this("0");
        assert!(this.started.is_some() && !this.machine.is_empty());
        assert!(!this.is_gone(&this, |pid| started(Path::new("/proc"), pid)));
    }
}
