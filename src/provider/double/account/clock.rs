//! Time that passes: what falls due on the way happens, in its order, each at its own moment.

use jiff::SignedDuration;

use super::due::{self, Due};
use super::renewal::move_to;
use super::{World, checkout};
use crate::provider::double::store::Kind;
use crate::stripe::object::{int, text};

/// More than this at once is a mistake, not a story.
const MOST: usize = 5_000;

/// Something that happens by itself.
enum Happens {
    Billing(Due),
    SessionExpires(String),
}

/// More fell due than could be played out.
#[derive(Debug)]
pub(crate) struct TooMuch;

/// Moves the clock by `by`, with what falls due for one customer. Others keep still until their own turn:
/// no step is about them.
pub(crate) fn advance(world: &mut World<'_>, customer: &str, by: SignedDuration) -> Result<(), TooMuch> {
    let target = world.part.now.saturating_add(by).unwrap_or(world.part.now);
    let until = target.as_second();
    for _ in 0..MOST {
        let Some((at, what)) = next(world, customer, until) else {
            world.part.now = world.part.now.max(target);
            return Ok(());
        };
        move_to(world, at);
        world.by_itself();
        happen(world, what);
    }
    Err(TooMuch)
}

fn happen(world: &mut World<'_>, what: Happens) {
    match what {
        Happens::Billing(due) => due::happen(world, due),
        Happens::SessionExpires(id) => checkout::expire_now(world, &id),
    }
}

/// The earliest thing that is due until `until`; of those of one moment, the first found.
fn next(world: &World<'_>, customer: &str, until: i64) -> Option<(i64, Happens)> {
    let mut all: Vec<(i64, Happens)> =
        due::of(world, customer).into_iter().map(|(at, due)| (at, Happens::Billing(due))).collect();
    for id in world.ids_where(Kind::Session, "customer", customer) {
        let session = world.peek(&id);
        if text(session, "status") == "open" {
            all.push((int(session, "expires_at"), Happens::SessionExpires(id)));
        }
    }
    all.into_iter().filter(|(at, _)| *at <= until).min_by_key(|(at, _)| *at)
}
