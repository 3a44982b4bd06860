//! The bar on a terminal: the only report that draws on its own.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run_event::{RunEvent, RunEventKind, RunStats};

/// Whether there is somebody to see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Standard error is a terminal.
    Shown,
    /// It is not, or the run is quiet.
    Hidden,
}

/// How many cases have ended, and how many of them not well.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Nothing is drawn before the run starts.
    #[must_use]
    pub fn new(visibility: Visibility) -> Self {
        let target = match visibility {
            Visibility::Shown => ProgressDrawTarget::stderr(),
            Visibility::Hidden => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} cases [{bar:30}] {elapsed} {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }

    /// Takes in the next event.
    pub fn event(&self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::RunStarted(header) => {
                self.bar.set_length(u64::try_from(header.cases).unwrap_or(u64::MAX));
            }
            RunEventKind::CaseFinished { stats, .. } => {
                self.bar.set_message(message(stats));
                self.bar.set_position(u64::try_from(stats.finished).unwrap_or(u64::MAX));
            }
            RunEventKind::RunFinished { .. } => self.bar.finish_and_clear(),
            _ => {}
        }
    }

    /// Writes something above the bar: the bar is taken away, and drawn again when `write` returns.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

fn message(stats: &RunStats) -> String {
    let failing = stats.failed + stats.flaky;
    match (failing, stats.errored) {
        (0, 0) => String::new(),
        (failing, 0) => format!("{failing} failing"),
        (0, errored) => format!("{errored} not judged"),
        (failing, errored) => format!("{failing} failing, {errored} not judged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_bar_follows_the_run() {
        let progress = Progress::new(Visibility::Hidden);
        let events = sample::run();
        let (last, before) = events.split_last().unwrap();
        before.iter().for_each(|event| progress.event(event));
        assert_eq!((progress.bar.position(), progress.bar.length()), (5, Some(5)));
        assert_eq!(progress.bar.message(), "2 failing, 1 not judged");
        assert!(!progress.bar.is_finished());
        progress.event(last);
        assert!(progress.bar.is_finished());
        assert_eq!(progress.suspend(|| 7), 7);
    }
}
