//! A process group that cannot outlive us.
//!
//! Its leader is a supervisor: a `/bin/sh` that reads a pipe of which we alone hold the other end. When that
//! end closes, for whatever reason, the supervisor sends TERM to its own group, and KILL after a grace. It
//! is up before the first member starts, and members are born into the group, so there is no moment at
//! which killing us leaves one behind. It is a shell and not our own binary, because in somebody's
//! `cargo test` our binary is not at hand.
//!
//! The supervisor is not waited for before the group has ended, so the group's id cannot be given to others.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, Command};

/// What the supervisor does; `$1` is the grace in seconds.
///
/// It ignores every signal that an app may send to its own group. Where `sleep` is missing, or knows no
/// fractions, it fails at once: the group then ends without grace, but it ends.
const SUPERVISOR: &str = "\
trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2 TSTP TTIN TTOU
echo up
exec >&-
while read -r _; do :; done
kill -TERM 0
sleep \"$1\"
kill -KILL 0";

/// A process group; dropping it ends its processes: TERM now, KILL after the grace, neither waited for.
#[derive(Debug)]
pub(super) struct Group {
    id: Pid,
    supervisor: Child,
    /// The end of the pipe that keeps the group alive. Children do not inherit it: std opens it close-on-exec.
    _hold: ChildStdin,
}

impl Group {
    /// Starts the supervisor; what is to live in the group is then started with [`Group::id`].
    ///
    /// `name` is what a process list shows.
    pub(super) async fn start(name: &str, grace: Duration) -> io::Result<Self> {
        let mut supervisor = Command::new("/bin/sh")
            .args([
                "-c",
                SUPERVISOR,
                &format!("paydrill supervisor of {name}"),
                &grace.as_secs_f64().to_string(),
            ])
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(hold), Some(mut ready), Some(id)) = (
            supervisor.stdin.take(),
            supervisor.stdout.take(),
            supervisor.id().and_then(|id| i32::try_from(id).ok()),
        ) else {
            return Err(io::Error::other("the supervisor has no pipes"));
        };
        // From here on it ignores what could end it before its work is done.
        ready.read_exact(&mut [0; 3]).await?;
        Ok(Self { id: Pid::from_raw(id), supervisor, _hold: hold })
    }

    /// The id, for [`Command::process_group`].
    pub(super) fn id(&self) -> i32 {
        self.id.as_raw()
    }

    /// Every living process of it but the supervisor; `None` where that cannot be told.
    pub(super) fn members(&self) -> Option<Vec<i32>> {
        living(self.id()).map(Iterator::collect)
    }

    /// Asks every process of the group to end.
    pub(super) fn terminate(&self) {
        // It fails only when the group is gone.
        let _ = killpg(self.id, Signal::SIGTERM);
    }

    /// Kills every process of the group, the supervisor included, and waits for none.
    pub(super) fn kill_now(&self) {
        let _ = killpg(self.id, Signal::SIGKILL);
    }

    /// Resolves once only the supervisor is left.
    pub(super) async fn emptied(&self) {
        let mut pause = Duration::from_millis(2);
        while self.has_members().await {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    async fn has_members(&self) -> bool {
        let group = self.id();
        tokio::task::spawn_blocking(move || has_members(group)).await.unwrap_or(false)
    }

    /// Ends what is left of the group, the supervisor included.
    pub(super) async fn kill(mut self) {
        self.kill_now();
        // Nothing withstands KILL, but a process may be stuck in the kernel: then it is left to its fate.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.supervisor.wait()).await;
    }
}

/// Whether a group has living members beside its leader. Without `/proc` this cannot be told: none.
fn has_members(group: i32) -> bool {
    living(group).is_some_and(|mut members| members.next().is_some())
}

/// The living members of a group beside its leader; `None` without `/proc`.
fn living(group: i32) -> Option<impl Iterator<Item = i32>> {
    let processes = std::fs::read_dir("/proc").ok()?;
    Some(processes.filter_map(Result::ok).filter_map(move |entry| {
        let id = entry.file_name().to_str()?.parse::<i32>().ok().filter(|id| *id != group)?;
        let stat = std::fs::read(entry.path().join("stat")).ok()?;
        (living_group(&stat) == Some(group)).then_some(id)
    }))
}

/// The process group that `/proc/PID/stat` tells; `None` for a process that has ended and is not yet reaped.
fn living_group(stat: &[u8]) -> Option<i32> {
    // The program's name stands in parentheses and may hold anything, parentheses and spaces too.
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::plain("12 (sleep) S 1 77 77 0 -1", Some(77))]
    #[case::odd_name("12 (a) R 9 (b)) S 1 77 77 0 -1", Some(77))]
    #[case::zombie("12 (sleep) Z 1 77 77 0 -1", None)]
    #[case::cut_off("12 (sleep) S 1", None)]
    #[case::empty("", None)]
    fn proc_stat_is_read(#[case] stat: &str, #[case] expected: Option<i32>) {
        assert_eq!(living_group(stat.as_bytes()), expected);
    }

    #[tokio::test]
    async fn a_group_has_members_until_they_end() {
        let group = Group::start("test", Duration::ZERO).await.unwrap();
        let mut member = Command::new("sleep").arg("1000").process_group(group.id()).spawn().unwrap();
        assert!(group.has_members().await);
        group.terminate();
        group.emptied().await;
        assert!(!member.wait().await.unwrap().success());
        group.kill().await;
    }

    #[tokio::test]
    async fn closing_the_pipe_ends_members_and_supervisor() {
        let Group { id, mut supervisor, _hold } = Group::start("test", Duration::ZERO).await.unwrap();
        let ignores_term = ["-c", "trap '' TERM; sleep 1000 & wait; sleep 1000"];
        let mut member = Command::new("sh").args(ignores_term).process_group(id.as_raw()).spawn().unwrap();
        drop(_hold);
        assert!(!member.wait().await.unwrap().success());
        assert!(!supervisor.wait().await.unwrap().success());
    }

    #[tokio::test]
    async fn the_supervisor_outlives_signals_to_its_group() {
        let mut group = Group::start("test", Duration::ZERO).await.unwrap();
        for signal in ["HUP", "INT", "QUIT", "ALRM", "TERM", "USR1", "USR2"] {
            let signal = std::str::FromStr::from_str(&format!("SIG{signal}"));
            killpg(group.id, signal.unwrap_or(Signal::SIGKILL)).unwrap();
        }
        // Had one of them ended it, that would be what it ended by.
        drop(std::mem::replace(&mut group._hold, Group::start("other", Duration::ZERO).await.unwrap()._hold));
        let status = group.supervisor.wait().await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::SIGKILL as i32));
    }
}
