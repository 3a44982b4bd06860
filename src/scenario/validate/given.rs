//! The state before the story.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Scope, action, unique};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Problems};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::document::{CustomerDocument, ScenarioDocument, SubscriptionDocument};
use crate::scenario::model::{Given, GivenCustomer, GivenSubscription, Told};
use crate::span::{Place, Spanned};
use crate::stripe::action::ActionKind;

/// What `[given]` says; where it says nothing, one customer with nothing bought.
pub(super) fn given(document: &ScenarioDocument, scope: &Scope<'_>, problems: &mut Problems) -> Given {
    let given = document.given.as_ref();
    let requests = scope.requests(given.and_then(|given| given.request.as_ref()), problems);
    let mut names = BTreeSet::new();
    let mut customers: Vec<GivenCustomer> = Vec::new();
    for item in given.and_then(|given| given.customer.as_ref()).into_iter().flat_map(|list| list.iter()) {
        if let Some(name) = &item.value.name {
            unique(name, &name.place, "customers", &mut names, problems);
        }
        let mut customer = customer(item, scope, problems);
        customer.requests = customer.requests.or_else(|| requests.clone());
        customers.push(customer);
    }
    if customers.is_empty() {
        customers.push(GivenCustomer {
            name: None,
            place: promise_place(document),
            requests,
            subscriptions: Vec::new(),
        });
    }
    let instances = given.and_then(|given| given.instances.as_ref());
    for (name, field) in instances.into_iter().flat_map(|instances| instances.iter()) {
        scope.check_process(name, &field.key, problems);
    }
    let counted = instances.into_iter().flat_map(|instances| instances.iter());
    Given {
        instances: counted.map(|(name, field)| (name.to_owned(), field.get())).collect(),
        instances_place: instances.map(|instances| instances.key.clone()),
        at: at(given.and_then(|given| given.at.as_ref().map(|at| (at.0, &at.place))), problems),
        customers,
    }
}

/// Where the promise stands, or the file's start.
fn promise_place(document: &ScenarioDocument) -> Place {
    document.promise.as_ref().map_or_else(|| document.place.clone(), |promise| promise.place.clone())
}

fn at(at: Option<(SignedDuration, &Place)>, problems: &mut Problems) -> SignedDuration {
    let Some((at, place)) = at else { return SignedDuration::ZERO };
    if at.is_positive() {
        problems.push(
            Diagnostic::error(Code::OutOfRange, "a story cannot start in the future")
                .at(place)
                .label("expected a time back: \"-31d\""),
        );
    }
    at
}

fn customer(item: &Spanned<CustomerDocument>, scope: &Scope<'_>, problems: &mut Problems) -> GivenCustomer {
    let mut names = BTreeSet::new();
    let mut subscriptions = Vec::new();
    for item in item.value.subscription.iter().flat_map(|list| list.iter()) {
        if let Some(name) = &item.value.name {
            unique(name, &name.place, "subscriptions", &mut names, problems);
        }
        subscriptions.push(subscription(item, scope, problems));
    }
    GivenCustomer {
        name: item.value.name.as_ref().map(|name| name.value.clone()),
        place: item.place.clone(),
        requests: scope.requests(item.value.request.as_ref(), problems),
        subscriptions,
    }
}

fn subscription(
    item: &Spanned<SubscriptionDocument>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> GivenSubscription {
    let document = &item.value;
    let texts = [("name", document.name.as_ref()), ("price", document.price.as_ref())];
    let texts =
        texts.into_iter().filter_map(|(key, field)| Some((key, field?.value.clone().into(), &field?.place)));
    let any = [
        ("quantity", document.quantity.as_ref()),
        ("items", document.items.as_ref()),
        ("trial", document.trial.as_ref()),
        ("first_payment", document.first_payment.as_ref()),
        ("card", document.card.as_ref()),
    ];
    let any = any.into_iter().filter_map(|(key, field)| Some((key, field?.0.to_json(), &field?.place)));
    let set = document.set.iter().map(|field: &Field<_>| ("set", field.0.to_json(), &field.place));
    let keys: Vec<(&str, serde_json::Value, &Place)> = texts.chain(any).chain(set).collect();
    if let Some(price) = &document.price {
        scope.check_price(price, &price.place, problems);
    }
    if let Some(items) = &document.items {
        action::check_items(&items.0, scope, problems);
    }
    let places: Vec<(String, Place)> =
        keys.iter().map(|(key, _, place)| ((*key).to_owned(), (*place).clone())).collect();
    let keys = keys.into_iter().map(|(key, value, _)| (key.to_owned(), value)).collect();
    if document.price.is_some() != document.items.is_some() {
        action::check_values(ActionKind::Subscribe, &keys, &places, &item.place, problems);
    }
    let told = if document.told.as_ref().is_none_or(|told| told.value) { Told::Yes } else { Told::No };
    GivenSubscription { keys, told, place: item.place.clone() }
}
