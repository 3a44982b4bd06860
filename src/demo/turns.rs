//! One customer's events are handled one after another.
//!
//! What was read back from Stripe is only as new as the moment it was read. Without turns a handler that
//! read early and commits late overwrites what another read after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// Forgotten turns are swept when there are more than this.
const SWEEP_ABOVE: usize = 1024;

/// The turns of all customers that somebody waits for.
#[derive(Default)]
pub(super) struct Turns {
    waiting: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits for the customer's turn; it ends when the guard is dropped.
    pub(super) async fn take(&self, customer: &str) -> OwnedMutexGuard<()> {
        let turn = self.of(customer);
        turn.lock_owned().await
    }

    fn of(&self, customer: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = waiting.get(customer).and_then(Weak::upgrade) {
            return turn;
        }
        if waiting.len() > SWEEP_ABOVE {
            waiting.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::default();
        waiting.insert(customer.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_customer_waits_and_another_does_not() {
        let turns = Turns::default();
        let first = turns.take("cus_1").await;
        assert!(turns.of("cus_1").try_lock().is_err());
        assert!(turns.of("cus_2").try_lock().is_ok());
        drop(first);
        assert!(turns.of("cus_1").try_lock().is_ok());
    }

    #[tokio::test]
    async fn turns_nobody_waits_for_are_forgotten() {
        let turns = Turns::default();
        for number in 0..3 * SWEEP_ABOVE {
            drop(turns.take(&format!("cus_{number}")).await);
        }
        assert!(turns.waiting.lock().unwrap().len() <= SWEEP_ABOVE + 1);
    }
}
