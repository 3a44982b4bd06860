//! One process of the target: started in a group of its own, watched, ended.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::error::{LaunchError, not_found_hint};
use super::faketime::Leftovers;
use super::group::Group;
use super::log::{Log, Stream};
use super::ready::wanted;
use super::spec::{EnvBase, ProcessSpec};
use crate::time::Clock;

/// How long an ended process's last output is waited for: what it started may hold its pipes open for good.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long the end of a killed process is waited for.
const KILLED: Duration = Duration::from_secs(2);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// A container that used more memory than it may.
    OutOfMemory,
    /// A container that somebody else removed.
    Removed,
    /// A container whose engine does not answer any more.
    EngineGone,
    /// Unknown: the system did not tell.
    Unknown,
}

impl End {
    fn of(status: io::Result<ExitStatus>) -> Self {
        let Ok(status) = status else { return Self::Unknown };
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Signalled(signal),
            (None, None) => Self::Unknown,
        }
    }
}

impl fmt::Display for End {
    /// `exited with status 1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with status {code}"),
            Self::Signalled(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(signal) => write!(f, "was ended by {signal}"),
                Err(_) => write!(f, "was ended by signal {signal}"),
            },
            Self::OutOfMemory => write!(f, "was killed for using more memory than it may"),
            Self::Removed => write!(f, "was removed by somebody else"),
            Self::EngineGone => write!(f, "was lost: its container engine does not answer any more"),
            Self::Unknown => write!(f, "ended in an unknown way"),
        }
    }
}

/// A running process. Dropping it ends its group without waiting.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) log: Arc<Log>,
    ended: watch::Receiver<Option<(End, Duration)>>,
    /// Set at once, while `ended` waits for its last words.
    gone: Arc<AtomicBool>,
    group: Group,
    /// Removed after it has ended.
    _leftovers: Option<Leftovers>,
    /// Stop reading when this is dropped: a daemon that left the group could hold the pipes for ever.
    _readers: JoinSet<()>,
}

/// How much persuasion it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Asked,
    Killed,
}

impl Process {
    /// Starts it. `grace` is what it is given when we are killed.
    pub(super) async fn start(
        spec: &ProcessSpec,
        grace: Duration,
        clock: Clock,
    ) -> Result<Self, LaunchError> {
        let mut command = command(spec)?;
        let failed = |cause| LaunchError::Spawn { process: spec.name.clone(), cause };
        let group = Group::start(&spec.name, grace).await.map_err(failed)?;
        let mut child = match command.process_group(group.id()).spawn() {
            Ok(child) => child,
            Err(cause) => {
                group.kill().await;
                return Err(spawn_error(spec, cause));
            }
        };
        let log = Log::new(&spec.name, wanted(spec.ready.as_ref()));
        let mut readers = JoinSet::new();
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            readers.spawn(Arc::clone(&log).drain(Stream::Stdout, stdout, clock));
            readers.spawn(Arc::clone(&log).drain(Stream::Stderr, stderr, clock));
        }
        let leftovers = Leftovers::of(child.id(), &spec.env);
        let (tell, ended) = watch::channel(None);
        let gone = Arc::new(AtomicBool::new(false));
        tokio::spawn(watch_over(child, Arc::clone(&log), clock, Arc::clone(&gone), tell));
        Ok(Self {
            name: spec.name.clone(),
            log,
            ended,
            gone,
            group,
            _leftovers: leftovers,
            _readers: readers,
        })
    }

    /// Whether it has ended, be its last words read or not.
    pub(super) fn gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// How and when it ended, if it did and its last words are read.
    pub(super) fn end(&self) -> Option<(End, Duration)> {
        *self.ended.borrow()
    }

    /// Resolves when it ends.
    pub(super) async fn ended(&self) {
        if self.ended.clone().wait_for(Option::is_some).await.is_err() {
            // Its watcher went with its runtime, so nobody can know any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether it, or what it started, has loaded a library. Where that cannot be told: yes.
    pub(super) fn has_loaded(&self, library: &Path) -> bool {
        let Some(name) = library.to_str() else { return true };
        let Some(members) = self.group.members() else { return true };
        members.into_iter().any(|id| {
            // Not ours to read, or gone: it cannot be told.
            std::fs::read_to_string(format!("/proc/{id}/maps")).map_or(true, |maps| maps.contains(name))
        })
    }

    /// Kills it and all it started, without a word before.
    pub(super) async fn kill(self) {
        self.group.kill_now();
        let calm = async {
            self.ended().await;
            self.group.emptied().await;
        };
        // Nothing withstands KILL but a process that is stuck in the kernel.
        let _ = tokio::time::timeout(KILLED, calm).await;
        self.group.kill().await;
    }

    /// Asks it and all it started to end, kills what has not after `grace`.
    pub(super) async fn stop(self, grace: Duration) -> Manner {
        self.group.terminate();
        let calm = async {
            self.ended().await;
            self.group.emptied().await;
        };
        let manner =
            if tokio::time::timeout(grace, calm).await.is_ok() { Manner::Asked } else { Manner::Killed };
        self.group.kill().await;
        let mut ended = self.ended;
        let _ = tokio::time::timeout(KILLED, ended.wait_for(Option::is_some)).await;
        manner
    }
}

/// Waits for a process, so that it is reaped, and tells its end once its last words are in the log.
async fn watch_over(
    mut child: Child,
    log: Arc<Log>,
    clock: Clock,
    gone: Arc<AtomicBool>,
    tell: watch::Sender<Option<(End, Duration)>>,
) {
    let end = End::of(child.wait().await);
    let at = clock.elapsed();
    gone.store(true, Ordering::Release);
    let _ = tokio::time::timeout(LAST_WORDS, log.closed()).await;
    tell.send_replace(Some((end, at)));
}

/// The command as it is to be run, but for its group.
fn command(spec: &ProcessSpec) -> Result<Command, LaunchError> {
    let process = || spec.name.clone();
    let Some((program, arguments)) = spec.command.split_first() else {
        return Err(LaunchError::NoCommand { process: process() });
    };
    check_dir(&spec.dir).map_err(|cause| LaunchError::BadDir {
        process: process(),
        dir: spec.dir.clone(),
        cause,
    })?;
    let mut command = Command::new(program);
    if spec.env_base == EnvBase::Empty {
        command.env_clear();
    }
    command
        .args(arguments)
        .current_dir(&spec.dir)
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// Looked at first, since a missing folder and a missing program are the same error to the system.
fn check_dir(dir: &Path) -> io::Result<()> {
    if std::fs::metadata(dir)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

fn spawn_error(spec: &ProcessSpec, cause: io::Error) -> LaunchError {
    let process = spec.name.clone();
    match not_found_hint(spec, &cause) {
        Some(hint) => {
            let command = spec.command.first().cloned().unwrap_or_default();
            LaunchError::CommandNotFound { process, command, hint }
        }
        None => LaunchError::Spawn { process, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, "exited with status 0")]
    #[case(0x0100, "exited with status 1")]
    #[case(9, "was ended by SIGKILL")]
    #[case(15, "was ended by SIGTERM")]
    fn ends_read_as_sentences(#[case] wait_status: i32, #[case] expected: &str) {
        assert_eq!(End::of(Ok(ExitStatus::from_raw(wait_status))).to_string(), expected);
    }
}
