//! Retains a run in the ledger while it goes on.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::ledger::{Access, Place};
use crate::cli::settings::Settings;
use crate::ledger::executor::interrupted;
use crate::ledger::kind::Executor;
use crate::ledger::{Ledger, LedgerError, Patience, Policy, Query, Recorder, Setup, Writer};
use crate::report::{Gathered, Handoff};
use crate::run_event::{Retained, RunEvent, RunEventKind};

/// What retains a run.
pub(super) struct Retention {
    recorder: Recorder,
    writer: Writer,
    ledger: Arc<dyn Ledger>,
    /// For the incidents, which follow from the run so far.
    gathered: Gathered,
    handoff: Handoff,
}

/// What the events of a run do not say of it.
pub(super) struct Told {
    /// What incidents say beside what happened.
    pub(super) handoff: Handoff,
    /// Why a person runs it again though that is not known to be safe.
    pub(super) because: Option<String>,
}

/// The start of a retention: what the engine waits for, and who is told of the run.
pub(super) struct Started {
    /// `None`: nothing is retained, and nothing waits.
    pub(super) retained: Option<watch::Receiver<Retained>>,
    /// `None`: nothing can be retained, or is to be.
    pub(super) retention: Option<Retention>,
}

impl Started {
    /// Opens the ledger; where it cannot be written the run is told so, and goes on.
    pub(super) async fn at(place: &Place, told: Told, settings: &Settings) -> Self {
        match Retention::open(place, told, settings).await {
            Ok(None) => Self { retained: None, retention: None },
            Ok(Some(retention)) => {
                Self { retained: Some(retention.writer.retained()), retention: Some(retention) }
            }
            Err(error) => {
                let problem = Some(error.to_string());
                // What it says stays, also when nobody is there to say more.
                let (_, retained) = watch::channel(Retained { through: 0, problem });
                Self { retained: Some(retained), retention: None }
            }
        }
    }
}

impl Retention {
    async fn open(place: &Place, told: Told, settings: &Settings) -> Result<Option<Self>, LedgerError> {
        let Some(ledger) = place.open(Access::Write, settings).await? else { return Ok(None) };
        let policy = Policy::new(ledger.redaction_key().await?);
        let by = Executor::this(env!("CARGO_PKG_VERSION"));
        let open = ledger.heads(&Query::Open).await?;
        let ends = interrupted(&open, &by, settings.clock.now());
        close(&ledger, ends).await?;
        let nonce = format!("{:016x}", settings.seed());
        let Told { handoff, because } = told;
        let setup = Setup { by, nonce, arguments: handoff.arguments.clone(), because };
        Ok(Some(Self {
            recorder: Recorder::new(setup, policy),
            writer: Writer::start(Arc::clone(&ledger), Patience::default()),
            ledger,
            gathered: Gathered::default(),
            handoff,
        }))
    }

    /// Retains an event.
    pub(super) fn event(&mut self, event: &RunEvent) {
        self.gathered.add(event);
        let incident = match &event.kind {
            RunEventKind::CaseFinished { record, .. } => self.gathered.incident(record, &self.handoff),
            _ => None,
        };
        self.writer.take(self.recorder.record(event, incident.as_ref()));
    }

    /// Writes what is left. Gives how many entries could not be written.
    pub(super) async fn finish(self) -> usize {
        let lost = self.writer.finish().await;
        self.ledger.close().await;
        lost
    }
}

/// Ends what nobody else will: runs whose process was killed.
async fn close(ledger: &Arc<dyn Ledger>, ends: Vec<crate::ledger::Draft>) -> Result<(), LedgerError> {
    if ends.is_empty() {
        return Ok(());
    }
    let writer = Writer::start(Arc::clone(ledger), Patience::default());
    writer.take(ends);
    let retained = writer.retained();
    let lost = writer.finish().await;
    let problem = retained.borrow().problem.clone();
    match problem.filter(|_| lost > 0) {
        Some(problem) => Err(LedgerError::Store { act: "write", place: ledger.place(), problem }),
        None => Ok(()),
    }
}
