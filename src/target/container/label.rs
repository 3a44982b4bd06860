//! The labels on all that a run makes: which run, and whose.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

/// The run's label.
pub(super) const RUN: &str = "paydrill.run";
/// The label of the process whose run it is.
pub(super) const OWNER: &str = "paydrill.owner";

/// The run of which things are, and the process whose run it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Letters and digits.
    pub(super) run: String,
    pub(super) owner: Owner,
}

/// A process, told apart from all others that ever were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// The machine, since it was switched on, and the processes that see each other there. Empty where the system
    /// does not tell.
    pub(super) world: String,
    pub(super) pid: u32,
    /// When it started; empty where the system does not tell.
    pub(super) started: String,
}

impl Mark {
    /// Of a new run of this process.
    pub(super) fn new() -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let owner = Owner::us();
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest(format!("{} {number}", owner.label()));
        Self { run: hex::encode(digest).chars().take(12).collect(), owner }
    }

    /// As the engine keeps it.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(RUN.to_owned(), self.run.clone()), (OWNER.to_owned(), self.owner.label())])
    }

    /// As a filter of lists.
    pub(super) fn filter(&self) -> HashMap<String, Vec<String>> {
        HashMap::from([("label".to_owned(), vec![format!("{RUN}={}", self.run)])])
    }
}

impl Owner {
    fn us() -> Self {
        let pid = std::process::id();
        Self { world: world(), pid, started: started(pid).unwrap_or_default() }
    }

    /// `WORLD PID STARTED`
    pub(super) fn label(&self) -> String {
        format!("{} {} {}", self.world, self.pid, self.started)
    }

    /// What [`Self::label`] wrote; `None`: it was written by something else.
    pub(super) fn read(label: &str) -> Option<Self> {
        let mut words = label.split(' ');
        let (world, pid, started) = (words.next()?, words.next()?, words.next()?);
        Some(Self { world: world.to_owned(), pid: pid.parse().ok()?, started: started.to_owned() })
    }

    /// Whether it lives; `None`: it cannot be told from here.
    pub(super) fn lives(&self) -> Option<bool> {
        (!self.world.is_empty() && self.world == world())
            .then(|| started(self.pid).is_some_and(|started| started == self.started))
    }
}

/// This boot of this machine, and this namespace of processes.
fn world() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let Ok(namespace) = fs::metadata("/proc/self/ns/pid") else { return String::new() };
    let boot = boot.trim();
    if boot.is_empty() { String::new() } else { format!("{boot}/{}", namespace.ino()) }
}

/// When a process started, in the kernel's ticks; `None`: it does not live.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything, parentheses and spaces too.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18).map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_tells_whether_its_owner_lives() {
        let mark = Mark::new();
        assert_ne!(mark.run, Mark::new().run, "every run has an id of its own");
        let read = Owner::read(&mark.labels()[OWNER]).unwrap();
        assert_eq!((&read, read.lives()), (&mark.owner, Some(true)));
        let reused = Owner { started: "1".to_owned(), ..read.clone() };
        assert_eq!(reused.lives(), Some(false), "another process has its number now");
        let elsewhere = Owner { world: "another/1".to_owned(), ..read };
        assert_eq!(elsewhere.lives(), None);
    }

    #[rstest::rstest]
    #[case("")]
    #[case("boot")]
    #[case("boot pid started")]
    fn a_label_of_somebody_else_is_not_read(#[case] label: &str) {
        assert_eq!(Owner::read(label), None);
    }
}
