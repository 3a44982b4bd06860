//! Time as an argument: the only place of the library that reads a clock.
//!
//! Everything else takes a [`Clock`], or a [`Timestamp`] or [`Duration`] that somebody read from one.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A wall clock and a monotonic one that started together.
///
/// Wall time is derived from monotonic time, so a clock that is set back while a run is going on
/// cannot reorder what was observed.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Timestamp,
    start: Instant,
}

impl Clock {
    /// Starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads a clock")]
    pub fn start() -> Self {
        Self { wall: Timestamp::now(), start: Instant::now() }
    }

    /// Time since this clock started.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads a clock")]
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// Wall time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(self.elapsed())
    }

    /// Wall time at `elapsed` after the start.
    #[must_use]
    pub fn at(&self, elapsed: Duration) -> Timestamp {
        self.wall
            .saturating_add(jiff::SignedDuration::try_from(elapsed).unwrap_or(jiff::SignedDuration::MAX))
            .unwrap_or(self.wall)
    }

    /// The moment `elapsed` after the start, for timers.
    #[must_use]
    pub fn instant(&self, elapsed: Duration) -> Instant {
        self.start + elapsed
    }
}

/// A duration the way people write it: `3ms`, `1.5s`, `2m 5s`.
#[must_use]
pub fn human(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => {
            let seconds = format!("{:.1}", duration.as_secs_f64());
            format!("{} s", seconds.strip_suffix(".0").unwrap_or(&seconds))
        }
        _ => format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, "0 ms")]
    #[case(999, "999 ms")]
    #[case(1_000, "1 s")]
    #[case(1_540, "1.5 s")]
    #[case(65_000, "1 min 5 s")]
    fn durations_read_as_people_write_them(#[case] ms: u64, #[case] expected: &str) {
        assert_eq!(human(Duration::from_millis(ms)), expected);
    }

    #[test]
    fn wall_time_follows_the_monotonic_clock() {
        let clock = Clock::start();
        let later = clock.at(Duration::from_secs(90));
        assert_eq!(later.duration_since(clock.at(Duration::ZERO)).as_secs(), 90);
    }
}
