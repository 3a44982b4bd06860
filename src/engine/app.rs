//! The app under test in the dispatcher's hands: up, or on its way back from a restart.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::case::InputKind;
use crate::id::CaseId;
use crate::target::{Death, Front, LaunchError, Launched, Launcher, LogLine, Revived, Victim};
use crate::time::Clock;

/// What has come back for a case.
pub(super) type Back = (CaseId, Returned);

/// What has come back, or why it did not.
pub(super) enum Returned {
    /// The app, after a restart.
    App(Result<Launched, LaunchError>),
    /// A process that was killed.
    Process(String, Box<Result<Revived, KillError>>),
}

/// Why a process could not be killed, or did not come back.
#[derive(Debug, thiserror::Error)]
pub(super) enum KillError {
    #[error("kill a process of the app: it has none named `{0}`")]
    Unknown(String),
    #[error("kill process `{0}` of the app: it had ended by itself before its moment came")]
    Gone(String),
    #[error("start process `{0}` again after it was killed: {1}")]
    Revive(String, LaunchError),
}

/// The most lines of earlier lives that are kept.
const PAST_LINES: usize = 1_000;

/// The app under test.
pub(super) struct App {
    launcher: Arc<dyn Launcher>,
    clock: Clock,
    /// `None` while it restarts.
    up: Option<Launched>,
    /// What it printed before it was restarted.
    past: Vec<LogLine>,
    /// Where it is led when it asks for Stripe.
    front: Option<Front>,
    /// Where it is told that it is back.
    back: UnboundedSender<Back>,
}

impl App {
    /// An app that is up, and how to start it again.
    pub(super) fn new(
        up: Launched,
        launcher: Arc<dyn Launcher>,
        front: Option<Front>,
        clock: Clock,
        back: UnboundedSender<Back>,
    ) -> Self {
        Self { launcher, clock, up: Some(up), past: Vec::new(), front, back }
    }

    /// Whether it has ended though nobody asked it to.
    pub(super) fn gone(&self) -> bool {
        self.up.as_ref().is_some_and(Launched::gone)
    }

    /// Resolves when it ends by itself.
    pub(super) async fn died(&self) -> Death {
        match &self.up {
            Some(up) => up.died().await,
            None => std::future::pending().await,
        }
    }

    /// What it printed since then, in all its lives, and what there is to say of whom it asked.
    pub(super) fn log_since(&self, since: Duration) -> Vec<LogLine> {
        let past = self.past.iter().filter(|line| line.at >= since).cloned();
        let mut lines: Vec<LogLine> = past.chain(self.up.iter().flat_map(|up| up.log_since(since))).collect();
        if let Some(front) = &self.front {
            lines.extend(front.said_since(since));
            lines.sort_by_key(|line| line.at);
        }
        lines
    }

    /// Stops it and starts it again on the same data; whoever holds the other end of `back` is told.
    pub(super) fn restart(&mut self, case: CaseId) {
        let Some(up) = self.up.take() else { return };
        self.past.extend(up.log_tail(PAST_LINES));
        self.past.drain(..self.past.len().saturating_sub(PAST_LINES));
        let (launcher, clock, back) = (Arc::clone(&self.launcher), self.clock, self.back.clone());
        tokio::spawn(async move {
            let launched = launcher.relaunch(up, clock).await;
            // Where nobody waits any more the run is over, and the app ends with what is dropped here.
            let _ = back.send((case, Returned::App(launched)));
        });
    }

    /// Kills a process, that long from now, and starts it again on the same data; whoever holds the other end of
    /// `back` is told. What it does by itself until then is not looked at.
    pub(super) fn kill(&mut self, case: CaseId, process: String, after: Duration) {
        let victim = self.up.as_mut().and_then(|up| up.take_out(&process));
        let (clock, back) = (self.clock, self.back.clone());
        tokio::spawn(async move {
            let killed = kill(victim, &process, after, clock).await;
            let _ = back.send((case, Returned::Process(process, Box::new(killed))));
        });
    }

    /// Takes it back, and says for whom what has come of it.
    pub(super) fn take_back(&mut self, (case, returned): Back) -> (CaseId, InputKind) {
        let kind = match returned {
            Returned::App(launched) => InputKind::Restarted(match launched {
                Ok(launched) => {
                    self.up = Some(launched);
                    Ok(())
                }
                Err(error) => Err(format!("failed to restart the app: {error}")),
            }),
            Returned::Process(process, revived) => {
                let result = (*revived).map_err(|error| format!("failed to {error}")).map(|revived| {
                    if let Some(up) = &mut self.up {
                        up.put_back(revived);
                    }
                });
                InputKind::Killed { process, result }
            }
        };
        (case, kind)
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        if let Some(up) = self.up {
            up.stop().await;
        }
    }
}

async fn kill(
    victim: Option<Victim>,
    process: &str,
    after: Duration,
    clock: Clock,
) -> Result<Revived, KillError> {
    let victim = victim.ok_or_else(|| KillError::Unknown(process.to_owned()))?;
    tokio::time::sleep(after).await;
    if victim.gone() {
        return Err(KillError::Gone(process.to_owned()));
    }
    victim.kill_and_revive(clock).await.map_err(|error| KillError::Revive(process.to_owned(), error))
}
