//! The app under test in the dispatcher's hands: up, or on its way back from a restart.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::id::CaseId;
use crate::target::{Death, LaunchError, Launched, Launcher, LogLine};
use crate::time::Clock;

/// An app that was restarted for a case, or why it did not come back.
pub(super) type Back = (CaseId, Result<Launched, LaunchError>);

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
    /// Where it is told that it is back.
    back: UnboundedSender<Back>,
}

impl App {
    /// An app that is up, and how to start it again.
    pub(super) fn new(
        up: Launched,
        launcher: Arc<dyn Launcher>,
        clock: Clock,
        back: UnboundedSender<Back>,
    ) -> Self {
        Self { launcher, clock, up: Some(up), past: Vec::new(), back }
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

    /// What it printed since then, in all its lives.
    pub(super) fn log_since(&self, since: Duration) -> Vec<LogLine> {
        let past = self.past.iter().filter(|line| line.at >= since).cloned();
        past.chain(self.up.iter().flat_map(|up| up.log_since(since))).collect()
    }

    /// Stops it and starts it again on the same data; whoever holds the other end of `back` is told.
    pub(super) fn restart(&mut self, case: CaseId) {
        let Some(up) = self.up.take() else { return };
        self.past.extend(up.log_tail(PAST_LINES));
        self.past.drain(..self.past.len().saturating_sub(PAST_LINES));
        let (launcher, clock, back) = (Arc::clone(&self.launcher), self.clock, self.back.clone());
        tokio::spawn(async move {
            up.stop().await;
            let launched = launcher.launch(clock).await;
            // Where nobody waits any more the run is over, and the app ends with what is dropped here.
            let _ = back.send((case, launched));
        });
    }

    /// Takes it back; `Err`: why it did not come up.
    pub(super) fn take_back(&mut self, launched: Result<Launched, LaunchError>) -> Result<(), String> {
        self.up = Some(launched.map_err(|error| format!("failed to restart the app: {error}"))?);
        Ok(())
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        if let Some(up) = self.up {
            up.stop().await;
        }
    }
}
