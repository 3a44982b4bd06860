//! Who removes what a run has made when we are gone: a `/bin/sh` that holds a pipe of ours, and the engine's CLI or
//! `curl`.
//!
//! It is a shell and not our own binary, because in somebody's `cargo test` our binary is not at hand. It lives in a
//! process group of its own, so that Ctrl-C in a terminal does not reach it.

use std::fs::File;
use std::io::{self, Write};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::engine::EngineAddress;

const SCRIPT: &str = include_str!("sweeper.sh");
/// How long its end is waited for, once it was told that nothing is left to do.
const END: Duration = Duration::from_secs(2);

/// It stands by. When this is dropped, everything that has the run's label is removed.
#[derive(Debug)]
pub(super) struct Sweeper {
    child: Child,
    /// The end of the pipe that keeps it waiting. Children do not inherit it: std opens it close-on-exec.
    pipe: Mutex<File>,
}

impl Sweeper {
    /// Starts it; `None` where neither the CLI nor `curl` is on this machine.
    pub(super) async fn start(run: &str, engine: &EngineAddress) -> io::Result<Option<Self>> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, &format!("paydrill sweeper of run {run}"), run, &engine.0])
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the sweeper has no pipes"));
        };
        let mut word = [0; 2];
        stdout.read_exact(&mut word).await?;
        if &word != b"up" {
            return Ok(None);
        }
        Ok(Some(Self { child, pipe: Mutex::new(File::from(stdin.into_owned_fd()?)) }))
    }

    /// Has a container removed, without waiting for it.
    pub(super) fn remove(&self, container: &str) {
        self.say(container);
    }

    /// Nothing is left to do.
    pub(super) async fn dismiss(mut self) {
        self.say("over");
        let _ = tokio::time::timeout(END, self.child.wait()).await;
    }

    fn say(&self, word: &str) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        // Were it dead, there would be nobody to tell.
        let _ = writeln!(pipe, "{word}");
    }
}
