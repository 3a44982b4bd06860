//! What is *stored*: kept, answered as it was given, listed, changed, and told of in events, without the behaviour
//! that Stripe has behind it. No money moves between balances, nobody is verified, no report is computed.
//!
//! One [`Resource`] says all about a kind of object; what it does beyond being made and changed stands beside it.
//! The README has a table of them, which a test compares with the routes and with the events that come.

pub(crate) mod account;
pub(crate) mod identity;
pub(crate) mod issuing;
pub(crate) mod meter;
pub(crate) mod money;
pub(crate) mod purchase;
pub(crate) mod report;

use serde_json::Value;

use super::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::store::Kind;

/// One stored resource.
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    /// Of its ids.
    pub(crate) prefix: &'static str,
    /// One that has just been made, with Stripe's whole key set.
    pub(crate) fresh: fn(&str, i64) -> Value,
    /// What making one takes.
    pub(crate) create: Table,
    /// What changing one takes.
    pub(crate) update: Table,
    /// Parameters that the object does not show.
    pub(crate) unseen: &'static [&'static str],
    /// What the parameters alone do not say: defaults, and the objects that they name.
    pub(crate) completes: fn(&mut World<'_>, &mut Value, &Params) -> Result<(), ApiError>,
    /// The event of making one; some have none.
    pub(crate) created: Option<&'static str>,
    /// The event of changing one; some have none.
    pub(crate) updated: Option<&'static str>,
}

/// What is done to a stored resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Create,
    Update,
}

impl Resource {
    /// The parameters of one operation.
    pub(crate) const fn table(&self, op: Op) -> Table {
        match op {
            Op::Create => self.create,
            Op::Update => self.update,
        }
    }

    /// Carries an operation out on the object `id`, or on none yet.
    pub(crate) fn run(
        &self,
        op: Op,
        world: &mut World<'_>,
        id: &str,
        params: &Params,
    ) -> Result<Value, ApiError> {
        match op {
            Op::Create => self.make(world, params),
            Op::Update => self.change(world, id, params),
        }
    }

    /// Makes one.
    pub(crate) fn make(&self, world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
        let id = world.mint(self.prefix);
        let mut object = (self.fresh)(&id, world.second());
        self.lay(&mut object, params);
        (self.completes)(world, &mut object, params)?;
        let object = world.insert(self.kind, object);
        if let Some(created) = self.created {
            world.event(created, object.clone(), None);
        }
        Ok(object)
    }

    /// Changes one.
    pub(crate) fn change(&self, world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
        world.at_path(self.kind, id)?;
        let changed = world.diff(id, |object| self.lay(object, params));
        if let Some(updated) = self.updated {
            world.tell_changed(updated, id, changed);
        }
        Ok(world.copy(id))
    }

    /// Lays the parameters over an object: what is given stands there as it was given.
    pub(crate) fn lay(&self, object: &mut Value, params: &Params) {
        let seen = params.fields().keys().map(String::as_str).filter(|name| !self.unseen.contains(name));
        params.apply(object, &seen.collect::<Vec<_>>());
    }
}

/// What the parameters say is all.
pub(crate) fn as_given(_: &mut World<'_>, _: &mut Value, _: &Params) -> Result<(), ApiError> {
    Ok(())
}

/// A postal address.
pub(crate) const ADDRESS: Is = Is::Fields(&[
    ("city", Is::Text),
    ("country", Is::Text),
    ("line1", Is::Text),
    ("line2", Is::Text),
    ("postal_code", Is::Text),
    ("state", Is::Text),
]);

/// The day of a birth.
pub(crate) const DAY: Is = Is::Fields(&[("day", Is::Int), ("month", Is::Int), ("year", Is::Int)]);
