//! Ctrl-C and SIGTERM end a run in order.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::engine::Cancel;
use crate::run_event::CancelReason;
use crate::time::Clock;

/// How soon after the first signal another is still the same wish: `timeout` and shells signal a process, and then
/// its whole group.
const SAME: Duration = Duration::from_secs(1);

/// Asks the run to stop at the first signal. A later one ends the process at once, as the default does; the app's
/// supervisor then ends the app.
pub(super) fn watch(cancel: Cancel, clock: Clock) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut asked: Option<Duration> = None;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            match asked {
                Some(first) if clock.elapsed().saturating_sub(first) > SAME => {
                    let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
                }
                Some(_) => {}
                None => {
                    asked = Some(clock.elapsed());
                    cancel.ask(CancelReason::Interrupted);
                }
            }
        }
    })
}
