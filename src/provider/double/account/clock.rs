//! Time that passes: what falls due on the way happens, in its order, each at its own moment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::due::{self, Due};
use super::renewal::move_to;
use super::{World, checkout, coupon, later, promotion_code, quote, schedule, test_clock};
use crate::provider::double::agenda::Entry;
use crate::provider::double::store::Kind;
use crate::stripe::object::{int, text};

/// More than this at once for one customer is a mistake, not a story.
const MOST: usize = 5_000;

/// More than this of one object in one second does not happen.
const MOST_OF_ONE: usize = 16;

/// Something that happens by itself.
enum Happens {
    Billing(Due),
    Schedule(schedule::Due),
    SessionExpires(String),
    /// A debit or a refund that was on its way.
    Ends(String),
    QuoteExpires(String),
    CouponLapses(String),
    CodeLapses(String),
    ClockIsDeleted(String),
}

/// More fell due than could be played out. The clock stands at the last moment that was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// For whom time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    /// Everybody who lives by the part's own time.
    Everybody,
    /// One customer. Others keep still until their own turn: no step is about them.
    Customer(&'a str),
}

/// Moves the clock by `by`, with what falls due for one customer, and the customer's test clock, if it has one.
pub(crate) fn advance(world: &mut World<'_>, customer: &str, by: SignedDuration) -> Result<(), TooMuch> {
    if let Some(clock) = clock_of(world, customer).map(str::to_owned) {
        test_clock::pass_by(world, &clock, by)?;
    }
    let until = world.part.now.saturating_add(by).unwrap_or(world.part.now);
    play(world, Whose::Customer(customer), until, MOST)
}

/// Plays out what falls due until `until`, and moves the clock there. No more than `most` things happen.
pub(crate) fn play(
    world: &mut World<'_>,
    whose: Whose<'_>,
    until: Timestamp,
    most: usize,
) -> Result<(), TooMuch> {
    let (mut left, mut again) = (most, 0);
    while let Some(entry) = next(world, whose, until.as_second()) {
        let Some((at, what)) = next_of(world, &entry.id).filter(|(at, _)| *at == entry.at) else {
            // It changed with time alone.
            look_at(world, &entry.id);
            continue;
        };
        left = left.checked_sub(1).ok_or(TooMuch)?;
        move_to(world, at);
        world.by_itself();
        happen(world, what);
        look_at(world, &entry.id);
        let same = world.part.agenda.due(entry.clock.as_ref(), at).any(|next| *next == entry);
        again = if same { again + 1 } else { 0 };
        if again > MOST_OF_ONE {
            // Nothing comes of it, and nothing will until the object changes.
            world.part.agenda.set(&entry.id, None);
        }
    }
    world.part.now = world.part.now.max(until);
    Ok(())
}

/// Notes when something is next due for what changed since the last time.
pub(crate) fn settle(world: &mut World<'_>) {
    while let Some(id) = world.part.agenda.take_touched() {
        look_at(world, &id);
    }
}

/// The earliest entry that is due until `until`.
fn next(world: &mut World<'_>, whose: Whose<'_>, until: i64) -> Option<Entry> {
    settle(world);
    let clock = world.clock.clone();
    let mut due = world.part.agenda.due(clock.as_ref(), until);
    match whose {
        Whose::Everybody => due.next().cloned(),
        Whose::Customer(customer) => {
            due.find(|entry| text(world.peek(&entry.id), "customer") == customer).cloned()
        }
    }
}

fn look_at(world: &mut World<'_>, id: &str) {
    let entry = next_of(world, id).and_then(|(at, _)| {
        let stored = world.timed(id)?;
        let clock = clock_of(world, id).map(Arc::from);
        Some(Entry { clock, at, rank: rank(stored.kind), seq: stored.seq, id: id.into() })
    });
    world.part.agenda.set(id, entry);
}

/// The test clock that an object lives by: its own, or its customer's.
pub(crate) fn clock_of<'a>(world: &'a World<'_>, id: &str) -> Option<&'a str> {
    let object = world.peek(id);
    let of = |id: &str| world.peek(id)["test_clock"].as_str();
    object["test_clock"]
        .as_str()
        .or_else(|| of(text(object, "customer")))
        .or_else(|| of(text(object, "subscription")))
}

/// What comes first of all that is due in one second.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Schedule => 0,
        Kind::Subscription => 1,
        Kind::Invoice => 2,
        _ => 3,
    }
}

/// What is next due for an object; of one second, what comes first.
fn next_of(world: &World<'_>, id: &str) -> Option<(i64, Happens)> {
    let stored = world.timed(id)?;
    if let Some(at) = later::at(stored) {
        return Some((at, Happens::Ends(id.to_owned())));
    }
    match stored.kind {
        Kind::Subscription | Kind::Invoice | Kind::PaymentIntent => {
            let due = due::of(world, id).into_iter().min_by_key(|(at, _)| *at);
            due.map(|(at, due)| (at, Happens::Billing(due)))
        }
        Kind::Schedule => schedule::due(world, id).map(|(at, due)| (at, Happens::Schedule(due))),
        Kind::Session if text(stored.value(), "status") == "open" => {
            Some((int(stored.value(), "expires_at"), Happens::SessionExpires(id.to_owned())))
        }
        Kind::Coupon => Some((coupon::lapses(stored.value())?, Happens::CouponLapses(id.to_owned()))),
        Kind::PromotionCode => {
            Some((promotion_code::lapses(stored.value())?, Happens::CodeLapses(id.to_owned())))
        }
        Kind::Quote => Some((quote::expires(stored.value())?, Happens::QuoteExpires(id.to_owned()))),
        Kind::TestClock => {
            Some((int(stored.value(), "deletes_after"), Happens::ClockIsDeleted(id.to_owned())))
        }
        _ => None,
    }
}

fn happen(world: &mut World<'_>, what: Happens) {
    match what {
        Happens::Billing(due) => due::happen(world, due),
        Happens::Schedule(due) => schedule::happen(world, due),
        Happens::SessionExpires(id) => checkout::expire_now(world, &id),
        Happens::Ends(id) => later::end(world, &id),
        Happens::QuoteExpires(id) => quote::cancel_now(world, &id),
        Happens::CouponLapses(id) => coupon::lapse(world, &id),
        Happens::CodeLapses(id) => promotion_code::lapse(world, &id),
        Happens::ClockIsDeleted(id) => test_clock::delete_now(world, &id),
    }
}
