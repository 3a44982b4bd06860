//! Programs beside the app: what they print, and how they end. Bounded in time and size, and none outlives its
//! call: it is the leader of a process group, which is killed when the time is over.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::ReadError;
use crate::project::model::CommandCall;

/// How long a program may run.
const LIMIT: Duration = Duration::from_secs(30);

/// The most that is read of what it prints, in bytes.
const LARGEST: usize = 1024 * 1024;

/// Where programs run.
#[derive(Debug, Clone, Default)]
pub struct Workplace {
    /// The project's root.
    pub dir: PathBuf,
    /// What the app itself is told, added to our own environment.
    pub env: Vec<(String, String)>,
}

/// A program that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code; of one that a signal ended, 128 and the signal, as a shell says it.
    pub(super) exit: i32,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Runs a program to its end.
pub(super) async fn run(call: &CommandCall, at: &Workplace) -> Result<Ended, ReadError> {
    let program = call.command.first().map(String::as_str).unwrap_or_default();
    let wrong = |problem: String| ReadError::Command { program: program.to_owned(), problem };
    let mut child = Command::new(located(program, &at.dir))
        .args(call.command.iter().skip(1))
        .current_dir(&at.dir)
        .envs(at.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| wrong(error.kind().to_string()))?;
    let _group = Group(child.id());
    let ended = tokio::time::timeout(LIMIT, end(&mut child)).await;
    let ended = ended.map_err(|_| ReadError::TimedOut { url: program.to_owned(), limit: LIMIT })?;
    let ended = ended.map_err(|error| wrong(error.kind().to_string()))?;
    if ended.stdout.len() > LARGEST {
        return Err(ReadError::TooLarge { url: program.to_owned(), limit: LARGEST });
    }
    Ok(ended)
}

/// A program with a `/` in its name is one of the project's.
fn located(program: &str, dir: &Path) -> PathBuf {
    if program.contains('/') { dir.join(program) } else { PathBuf::from(program) }
}

async fn end(child: &mut Child) -> std::io::Result<Ended> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(start_of(stdout), start_of(stderr))?;
    if stdout.len() > LARGEST || stderr.len() > LARGEST {
        // It may print for ever; whoever asked gives up, and the group ends with it.
        return Ok(Ended { exit: -1, stdout, stderr });
    }
    let status = child.wait().await?;
    let by_signal = std::os::unix::process::ExitStatusExt::signal(&status).map_or(-1, |signal| 128 + signal);
    Ok(Ended { exit: status.code().unwrap_or(by_signal), stdout, stderr })
}

/// All of it, unless it is too much.
async fn start_of(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(LARGEST as u64 + 1).read_to_end(&mut read).await?;
    }
    Ok(read)
}

/// Ends with everything in it.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0.and_then(|id| i32::try_from(id).ok()) {
            // It has ended by itself in most cases.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}
