//! Asking a run to stop early.

use tokio::sync::watch;

use crate::run_event::CancelReason;

/// Asks a run to stop early. Cloned to whoever may ask.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Sender<Option<CancelReason>>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Cancel {
    /// Asks. The first reason stays.
    pub fn ask(&self, reason: CancelReason) {
        self.0.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(reason);
            first
        });
    }

    /// Why the run was asked to stop; `None`: it was not.
    #[must_use]
    pub fn asked(&self) -> Option<CancelReason> {
        *self.0.borrow()
    }

    /// Waits until somebody asks.
    pub async fn wanted(&self) -> CancelReason {
        let mut receiver = self.0.subscribe();
        loop {
            if let Some(reason) = *receiver.borrow_and_update() {
                return reason;
            }
            if receiver.changed().await.is_err() {
                // `self` holds a sender, so this does not happen; waiting for ever is what nobody asking means.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stays_and_is_seen_by_all() {
        let cancel = Cancel::default();
        let other = cancel.clone();
        assert_eq!(other.asked(), None);
        cancel.ask(CancelReason::Interrupted);
        other.ask(CancelReason::MaxFail);
        assert_eq!(other.wanted().await, CancelReason::Interrupted);
    }
}
