//! When a probe is read next. Pure.

use std::time::Duration;

/// The first wait: most handlers have done their work by then.
const FIRST: Duration = Duration::from_millis(3);

/// The longest wait. What is seen late is settled late, so it stays far below what people notice.
const LONGEST: Duration = Duration::from_millis(25);

/// When a probe is read next: at once, then after 3 ms, and each time half as long again, up to 25 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    due: Duration,
    wait: Duration,
}

impl Poll {
    /// The first reading is due at `now`.
    #[must_use]
    pub fn starting(now: Duration) -> Self {
        Self { due: now, wait: FIRST }
    }

    /// When the next reading is due. While one is being taken this is in the past.
    #[must_use]
    pub fn due(&self) -> Duration {
        self.due
    }

    /// A reading was complete at `now`; returns when the next one is due.
    pub fn taken(&mut self, now: Duration) -> Duration {
        self.due = now.saturating_add(self.wait);
        self.wait = (self.wait * 3 / 2).min(LONGEST);
        self.due
    }

    /// Something happened that may have changed what is read: the next reading is due at `now`, and waits
    /// start short again.
    pub fn woken(&mut self, now: Duration) {
        *self = Self { due: now.min(self.due), wait: FIRST };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn readings_become_rarer_up_to_a_limit() {
        let mut poll = Poll::starting(us(1_000));
        assert_eq!(poll.due(), us(1_000));
        let mut now = us(2_000);
        let waits: Vec<_> = (0..8)
            .map(|_| {
                let due = poll.taken(now);
                let wait = due - now;
                now = due;
                wait.as_micros()
            })
            .collect();
        assert_eq!(waits, [3_000, 4_500, 6_750, 10_125, 15_187, 22_781, 25_000, 25_000]);
    }

    #[test]
    fn waking_reads_at_once_and_never_delays() {
        let mut poll = Poll::starting(us(0));
        for _ in 0..9 {
            poll.taken(us(0));
        }
        assert_eq!(poll.due(), us(25_000));
        poll.woken(us(1_000));
        assert_eq!(poll.due(), us(1_000));
        poll.woken(us(2_000));
        assert_eq!(poll.due(), us(1_000));
        assert_eq!(poll.taken(us(2_000)), us(5_000));
    }

    #[test]
    fn the_end_of_time_is_survived() {
        assert_eq!(Poll::starting(Duration::MAX).taken(Duration::MAX), Duration::MAX);
    }
}
