//! How time passes for the account at large: with the wall clock, and ahead of it by what was asked for.

use jiff::{SignedDuration, Timestamp};

use super::account::Home;
use super::account::clock::{self, TooMuch, Whose};
use super::state::Account;
use crate::stripe::object::envelope::Cause;

/// What one call waits for at most. What is left falls due with the next one: the account lags behind the wall
/// clock, as Stripe's does, but nothing is left out.
const MOST_BESIDE_A_CALL: usize = 500;

/// What one advance of the whole account plays out at most.
const MOST_AT_ONCE: usize = 500_000;

impl Account {
    /// Lets the account at large live up to this moment of the wall clock, with what falls due on the way.
    /// Costs a look at the agenda where nothing is due.
    pub(crate) fn catch_up(&mut self, wall: Timestamp) {
        let until = wall.saturating_add(self.ahead).unwrap_or(wall);
        let until = until.max(self.large.now);
        // What is left over is not lost: the clock stands before it.
        let _ = clock::play(
            &mut self.world(Home::Large, Cause::default()),
            Whose::Everybody,
            until,
            MOST_BESIDE_A_CALL,
        );
    }

    /// Moves the account at large ahead of the wall clock by `by` more, with what falls due for everybody; gives
    /// the new time. Cases and test clocks have times of their own.
    ///
    /// # Errors
    /// Too much fell due: the account stands where it came to, and may be advanced further.
    pub(crate) fn advance_all(&mut self, by: SignedDuration) -> Result<Timestamp, TooMuch> {
        let before = self.large.now;
        let until = before.saturating_add(by.max(SignedDuration::ZERO)).unwrap_or(Timestamp::MAX);
        let played = clock::play(
            &mut self.world(Home::Large, Cause::default()),
            Whose::Everybody,
            until,
            MOST_AT_ONCE,
        );
        self.ahead = self.ahead.saturating_add(self.large.now.duration_since(before));
        played.map(|()| self.large.now)
    }

    /// When the next thing falls due for the account at large by the wall clock, for who waits for it.
    pub(crate) fn next_due(&mut self) -> Option<Timestamp> {
        let world = &mut self.world(Home::Large, Cause::default());
        clock::settle(world);
        let at = world.part.agenda.due(None, i64::MAX).next()?.at;
        Timestamp::from_second(at).ok()?.checked_sub(self.ahead).ok()
    }
}
