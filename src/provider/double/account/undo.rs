//! Going back: what an attempt did that failed, or a rehearsal, is undone.

use super::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::store::Mark;
use crate::stripe::object::envelope::Cause;

/// Where a world can go back to. Ids are not minted twice: those of what was undone are gone.
struct Marks {
    part: Mark,
    shop: Mark,
    outbox: usize,
    now: jiff::Timestamp,
    cause: Cause,
}

impl Marks {
    fn keep(self, world: &mut World<'_>) {
        world.part.store.keep(&self.part);
        world.shop.keep(&self.shop);
    }

    fn undo(self, world: &mut World<'_>) {
        for (id, was_there) in world.part.store.undo(&self.part) {
            world.part.agenda.touch(&id);
            if was_there {
                world.own(id);
            } else {
                world.owners.remove(&id);
            }
        }
        for (id, _) in world.shop.undo(&self.shop) {
            world.part.agenda.touch(&id);
        }
        world.part.outbox.truncate(self.outbox);
        world.part.now = self.now;
        world.cause = self.cause;
    }
}

impl World<'_> {
    /// Does something of which nothing stays if it fails.
    pub(crate) fn attempt<T>(
        &mut self,
        does: impl FnOnce(&mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let undo = self.mark();
        let done = does(self);
        match done {
            Ok(_) => undo.keep(self),
            Err(_) => undo.undo(self),
        }
        done
    }

    /// Does something of which nothing stays, for what it would come to. Invoices stay drafts.
    pub(crate) fn rehearse<T>(&mut self, does: impl FnOnce(&mut Self) -> T) -> T {
        let undo = self.mark();
        let before = std::mem::replace(&mut self.drafts_only, true);
        let done = does(self);
        self.drafts_only = before;
        undo.undo(self);
        done
    }

    fn mark(&mut self) -> Marks {
        Marks {
            part: self.part.store.mark(),
            shop: self.shop.mark(),
            outbox: self.part.outbox.len(),
            now: self.part.now,
            cause: self.cause.clone(),
        }
    }
}
