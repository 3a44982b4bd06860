//! Provider truth about a customer of a story: the objects that its steps, templates and reconciliation speak of.

use serde_json::{Map, Value};

use super::super::account::{World, subscription};
use super::super::store::Kind;
use crate::stripe::object::text;

/// A slot's subscription: the named one, else the first that has not ended, else the last that did.
pub(super) fn choose(world: &World<'_>, slot: usize, name: Option<&str>) -> Option<String> {
    let slot = world.part.slots.get(slot)?;
    if let Some(name) = name {
        let named = world.get(slot.names.get(name)?)?;
        return match text(named, "object") {
            "subscription" => Some(text(named, "id").to_owned()),
            _ => named["subscription"].as_str().map(str::to_owned),
        };
    }
    let all = world.ids_where(Kind::Subscription, "customer", &slot.customer);
    let running = all.iter().find(|id| !subscription::is_over(world.peek(id)));
    running.or_else(|| all.last()).cloned()
}

/// The newest charge that is as wanted.
pub(super) fn latest_charge(
    world: &World<'_>,
    customer: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Option<String> {
    let charges = world.ids_where(Kind::Charge, "customer", customer);
    charges.into_iter().rev().find(|id| world.get(id).is_some_and(&wanted))
}

/// Provider truth about a slot: the objects a scenario can speak of. See [`super::super::Double::truth`].
pub(crate) fn truth(world: &World<'_>, slot: usize, name: Option<&str>) -> Map<String, Value> {
    let mut truth = Map::new();
    let Some(held) = world.part.slots.get(slot) else { return truth };
    let mut put = |name: &str, id: Option<String>| {
        if let Some(object) = id.and_then(|id| world.get(&id)) {
            truth.insert(name.to_owned(), object.clone());
        }
    };
    let subscription = choose(world, slot, name);
    let newest = |kind: Kind| world.ids_where(kind, "customer", &held.customer).pop();
    let latest = subscription.as_deref().and_then(|id| world.get(id)?["latest_invoice"].as_str());
    put("customer", Some(held.customer.clone()));
    put("invoice", latest.map(str::to_owned).or_else(|| newest(Kind::Invoice)));
    put("subscription", subscription);
    put("checkout", newest_session(world, slot));
    put("charge", latest_charge(world, &held.customer, |_| true));
    for (name, id) in &held.names {
        put(name, Some(id.clone()));
    }
    truth
}

/// The newest session that the slot's customer opened or that the app opened for its e-mail.
fn newest_session(world: &World<'_>, slot: usize) -> Option<String> {
    let slot = world.part.slots.get(slot)?;
    let newest = |field: &str, text: &str| world.part.store.with(Kind::Session, field, text).next_back();
    let named = newest("customer", &slot.customer);
    let session =
        named.into_iter().chain(newest("customer_email", &slot.email)).max_by_key(|one| one.place())?;
    Some(text(session.value(), "id").to_owned())
}
