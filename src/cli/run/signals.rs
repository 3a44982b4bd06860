//! Ctrl-C and SIGTERM end a run in order.

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::engine::Cancel;
use crate::run_event::CancelReason;

/// Asks the run to stop at the first signal. A second one ends the process at once, as the default does; the app's
/// supervisor then ends the app.
pub(super) fn watch(cancel: Cancel) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut asked = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked {
                let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
            }
            asked = true;
            cancel.ask(CancelReason::Interrupted);
        }
    })
}
