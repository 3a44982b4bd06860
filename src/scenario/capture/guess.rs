//! What happened at Stripe, guessed from the types of the events that it made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::CaptureError;
use super::read::Event;
use super::redact::Redaction;
use crate::project::model::{Price, Project};
use crate::stripe::action::ActionKind;

/// Events so near to each other, in seconds, are told of one thing.
const ONE_BURST: i64 = 10;
/// Seconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60;

/// An action and its keys.
type Acted = (ActionKind, Map<String, Value>);

/// The story that the events tell.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    /// Customers in the order in which they are met; `None`: nobody is named.
    pub(super) customers: Vec<Customer>,
    pub(super) steps: Vec<Step<'a>>,
}

/// A customer of the story.
#[derive(Debug, Default)]
pub(super) struct Customer {
    id: Option<String>,
    /// The subscription that must exist before the story: the keys of `stripe.subscribe`.
    pub(super) subscribed: Option<Map<String, Value>>,
    /// An earlier step, or the arrangement, gives one.
    pub(super) has_subscription: bool,
    declined: bool,
    delayed: bool,
}

/// One thing that happened.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// Index into [`Story::customers`].
    pub(super) customer: usize,
    pub(super) events: Vec<&'a Event>,
    /// The action and its keys; `None`: no action makes such events.
    pub(super) action: Option<Acted>,
    /// Seconds since the step before.
    pub(super) after: i64,
}

/// The story of some events, oldest first.
pub(super) fn story<'a>(
    events: &'a [Event],
    project: &Project,
    redaction: &mut Redaction,
) -> Result<Story<'a>, CaptureError> {
    let mut story = Story::default();
    let mut ids: BTreeMap<Option<String>, usize> = BTreeMap::new();
    let mut last = None;
    for events in bursts(events) {
        let whose = events.iter().find_map(|event| event.customer.clone());
        // What names nobody is told of the customer whom the story is about.
        let whose = if whose.is_none() && !story.customers.is_empty() {
            story.customers.first().and_then(|first| first.id.clone())
        } else {
            whose
        };
        let customer = *ids.entry(whose.clone()).or_insert_with(|| {
            story.customers.push(Customer { id: whose, ..Customer::default() });
            story.customers.len() - 1
        });
        let created = events.first().map_or(0, |event| event.created);
        let after = last.map_or(0, |last: i64| created.saturating_sub(last));
        last = Some(created);
        let Some(known) = story.customers.get_mut(customer) else { continue };
        let action = Guess { events: &events, project, redaction: &mut *redaction }.action(known)?;
        story.steps.push(Step { customer, events, action, after });
    }
    Ok(story)
}

/// Events of one customer that follow each other at once.
fn bursts(events: &[Event]) -> Vec<Vec<&Event>> {
    let mut bursts: Vec<Vec<&Event>> = Vec::new();
    for event in events {
        let near = bursts.last_mut().filter(|burst| {
            let same = |other: &&Event| {
                other.customer == event.customer || other.customer.is_none() || event.customer.is_none()
            };
            let first = burst.first().map_or(event.created, |first| first.created);
            event.created.saturating_sub(first) <= ONE_BURST && burst.iter().all(same)
        });
        match near {
            Some(burst) => burst.push(event),
            None => bursts.push(vec![event]),
        }
    }
    bursts
}

/// Guesses what one burst tells.
struct Guess<'g, 'a> {
    events: &'g [&'a Event],
    project: &'g Project,
    redaction: &'g mut Redaction,
}

impl<'a> Guess<'_, 'a> {
    fn find(&self, kinds: &[&str]) -> Option<&'a Event> {
        self.events.iter().copied().find(|event| kinds.contains(&event.kind.as_str()))
    }

    /// The action that makes such events, most telling types first.
    fn action(&mut self, customer: &mut Customer) -> Result<Option<Acted>, CaptureError> {
        if let Some(event) = self.find(&["checkout.session.completed"]) {
            return self.checkout(event.object(), customer).map(Some);
        }
        if let Some(event) = self
            .find(&["checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed"])
            .filter(|_| customer.delayed)
        {
            let failed = event.kind.ends_with("failed");
            return Ok(Some((
                ActionKind::Settle,
                if failed { keys([("outcome", json!("failed"))]) } else { Map::new() },
            )));
        }
        if let Some(event) = self.find(&["customer.subscription.created"]) {
            let subscription = event.object();
            return self.subscribe(subscription, customer).map(Some);
        }
        let found = match self.of_something_there(customer)? {
            Some(found) => Some(found),
            None => self.pays(),
        };
        let needs = match &found {
            Some((kind, _)) => !matches!(kind, ActionKind::DeleteCustomer | ActionKind::Pay),
            // A copy that is sent as it is: what it is about should be there.
            None => self.events.iter().any(|event| is_of_subscription(event.object())),
        };
        if needs && !customer.has_subscription {
            customer.subscribed = Some(self.bought()?);
            customer.has_subscription = true;
        }
        Ok(found)
    }

    fn checkout(&mut self, session: &Value, customer: &mut Customer) -> Result<Acted, CaptureError> {
        let recurring = session["mode"] == "subscription";
        let subscription = self.find(&["customer.subscription.created", "customer.subscription.updated"]);
        let mut keys = match subscription.filter(|_| recurring) {
            Some(event) => self.items(event.object())?,
            None => self.for_amount(session["amount_total"].as_i64(), recurring)?,
        };
        if session["payment_status"] == "unpaid" {
            keys.insert("payment".to_owned(), "delayed".into());
            customer.delayed = true;
        }
        if session["amount_total"] == 0
            && session["amount_subtotal"].as_i64().is_some_and(|amount| amount > 0)
        {
            keys.insert("discount_percent".to_owned(), 100.into());
        }
        self.set(ActionKind::Checkout, session, &mut keys);
        customer.has_subscription |= recurring;
        Ok((ActionKind::Checkout, keys))
    }

    fn subscribe(&mut self, subscription: &Value, customer: &mut Customer) -> Result<Acted, CaptureError> {
        let mut keys = self.items(subscription)?;
        let trial = subscription["trial_end"].as_i64().zip(subscription["trial_start"].as_i64());
        if let Some((end, start)) = trial.filter(|_| subscription["status"] == "trialing") {
            keys.insert("trial".to_owned(), (end.saturating_sub(start) / DAY).max(1).into());
        }
        if self.find(&["invoice.payment_failed"]).is_some() {
            keys.insert("first_payment".to_owned(), "fails".into());
        } else if self.find(&["invoice.payment_action_required"]).is_some() {
            keys.insert("first_payment".to_owned(), "action_required".into());
        }
        self.set(ActionKind::Subscribe, subscription, &mut keys);
        customer.has_subscription = true;
        Ok((ActionKind::Subscribe, keys))
    }

    /// What happens to a subscription or a payment that is there already.
    fn of_something_there(&self, customer: &mut Customer) -> Result<Option<Acted>, CaptureError> {
        let plain = |kind| Some((kind, Map::new()));
        if self.find(&["customer.deleted"]).is_some() {
            return Ok(plain(ActionKind::DeleteCustomer));
        }
        if self.find(&["customer.subscription.deleted"]).is_some() {
            return Ok(Some((ActionKind::Cancel, keys([("at", json!("now"))]))));
        }
        if self.find(&["charge.dispute.created"]).is_some() {
            return Ok(plain(ActionKind::Dispute));
        }
        if self.find(&["charge.refunded", "refund.created"]).is_some() {
            return Ok(plain(ActionKind::Refund));
        }
        if self.find(&["invoice.payment_failed"]).is_some() {
            customer.declined = true;
            return Ok(plain(ActionKind::PaymentFails));
        }
        if self.find(&["invoice.payment_action_required"]).is_some() {
            customer.declined = true;
            return Ok(plain(ActionKind::PaymentActionRequired));
        }
        if let Some(event) = self.find(&["invoice.paid", "invoice.payment_succeeded"]) {
            if customer.declined {
                customer.declined = false;
                return Ok(plain(ActionKind::PaymentRecovers));
            }
            return Ok(
                plain(ActionKind::Renew).filter(|_| event.object()["billing_reason"] == "subscription_cycle")
            );
        }
        self.updates()
    }

    /// What an update says was otherwise before.
    fn updates(&self) -> Result<Option<Acted>, CaptureError> {
        let Some(event) = self.find(&["customer.subscription.updated"]) else { return Ok(None) };
        let (now, before) = (event.object(), event.previous());
        let (item, old) = (&now["items"]["data"][0], &before["items"]["data"][0]);
        if old["price"]["id"].is_string() && old["price"]["id"] != item["price"]["id"] {
            let price = self.price(&item["price"])?;
            return Ok(Some((ActionKind::ChangePrice, keys([("price", price.into())]))));
        }
        if let Some(quantity) = item["quantity"]
            .as_i64()
            .filter(|_| old["quantity"].is_i64() && old["quantity"] != item["quantity"])
        {
            return Ok(Some((ActionKind::ChangeQuantity, keys([("quantity", quantity.into())]))));
        }
        let changed = |key: &str| before.get(key).is_some();
        if (changed("cancel_at_period_end") || changed("cancel_at"))
            && (now["cancel_at_period_end"] == true || now["cancel_at"].is_i64())
        {
            return Ok(Some((ActionKind::Cancel, keys([("at", json!("period_end"))]))));
        }
        if changed("pause_collection") {
            let paused = now["pause_collection"].is_object();
            return Ok(Some((if paused { ActionKind::Pause } else { ActionKind::Resume }, Map::new())));
        }
        Ok(None)
    }

    /// A payment outside of everything else.
    fn pays(&self) -> Option<Acted> {
        let event = self.find(&["payment_intent.succeeded", "charge.succeeded"])?;
        let invoiced = event.object().get("invoice").is_some_and(|invoice| !invoice.is_null());
        let amount = event.object()["amount"].as_i64().filter(|amount| *amount > 0 && !invoiced)?;
        Some((ActionKind::Pay, keys([("amount", amount.into())])))
    }

    /// What the customer had bought when the burst began, as far as it tells.
    fn bought(&self) -> Result<Map<String, Value>, CaptureError> {
        let subscription = self.events.iter().find(|event| event.object()["object"] == "subscription");
        let Some(event) = subscription else {
            return Ok(keys([("price", self.price(&Value::Null)?.into())]));
        };
        let mut before = event.object().clone();
        let (item, old) = (&event.object()["items"]["data"][0], &event.previous()["items"]["data"][0]);
        for key in ["price", "quantity"] {
            let value = if old[key].is_null() { &item[key] } else { &old[key] };
            if before["items"]["data"][0].is_object() {
                before["items"]["data"][0][key] = value.clone();
            }
        }
        self.items(&before)
    }

    /// `price` and `quantity`, or `items`.
    fn items(&self, subscription: &Value) -> Result<Map<String, Value>, CaptureError> {
        let items = subscription["items"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut bought = Vec::new();
        for item in items {
            let mut one = keys([("price", self.price(&item["price"])?.into())]);
            if let Some(quantity) = item["quantity"].as_i64().filter(|quantity| *quantity > 1) {
                one.insert("quantity".to_owned(), quantity.into());
            }
            bought.push(one);
        }
        match bought.len() {
            0 => Ok(keys([("price", self.price(&Value::Null)?.into())])),
            1 => Ok(bought.remove(0)),
            _ => Ok(keys([("items", bought.into_iter().map(Value::Object).collect())])),
        }
    }

    fn price(&self, captured: &Value) -> Result<String, CaptureError> {
        price(self.project, captured, true).ok_or(CaptureError::NoPrice)
    }

    /// What a checkout of so much was of: the dearest price that goes into it, and how often it does.
    fn for_amount(&self, amount: Option<i64>, recurring: bool) -> Result<Map<String, Value>, CaptureError> {
        let amount = amount.filter(|amount| *amount > 0);
        let fits = |price: &Price| {
            let times = amount?.checked_div(price.unit_amount)?;
            ((1..=1_000).contains(&times) && amount? % price.unit_amount == 0).then_some(times)
        };
        let of_kind = self.project.prices.iter().filter(|(_, price)| price.every.is_some() == recurring);
        let found = of_kind.filter_map(|(key, price)| Some((price.unit_amount, key, fits(price)?))).max();
        let Some((_, key, times)) = found else {
            let key = price(self.project, &Value::Null, recurring).ok_or(CaptureError::NoPrice)?;
            return Ok(keys([("price", key.into())]));
        };
        let mut keys = keys([("price", key.as_str().into())]);
        if times > 1 {
            keys.insert("quantity".to_owned(), times.into());
        }
        Ok(keys)
    }

    /// What the app itself passed to Stripe, unless the project says that for every such action.
    fn set(&mut self, kind: ActionKind, object: &Value, keys: &mut Map<String, Value>) {
        let passed = self.project.passes.get(&kind);
        let mut set = Map::new();
        if let Some(metadata) = object["metadata"].as_object().filter(|metadata| !metadata.is_empty()) {
            set.insert(
                "metadata".to_owned(),
                Value::Object(self.redaction.metadata("data.object.metadata", metadata)),
            );
        }
        if object["client_reference_id"].is_string() {
            set.insert("client_reference_id".to_owned(), "redacted".into());
        }
        set.retain(|key, _| passed.is_none_or(|passed| !passed.contains_key(key)));
        if !set.is_empty() {
            keys.insert("set".to_owned(), Value::Object(set));
        }
    }
}

fn is_of_subscription(object: &Value) -> bool {
    object["object"] == "subscription" || object["subscription"].is_string()
}

/// The price of the catalogue that is most like a captured one: by id, by lookup key, by amount, else the first of its
/// kind.
pub(super) fn price(project: &Project, captured: &Value, recurring: bool) -> Option<String> {
    let prices = &project.prices;
    let text = |key: &str| captured[key].as_str();
    let amount = captured["unit_amount"].as_i64();
    let of_kind = || prices.iter().filter(|(_, price)| price.every.is_some() == recurring);
    let by_id = prices.iter().find(|(_, price)| price.id.is_some() && price.id.as_deref() == text("id"));
    let by_key = || text("lookup_key").and_then(|key| prices.get_key_value(key));
    let by_amount = || of_kind().find(|(_, price)| Some(price.unit_amount) == amount);
    let found = by_id.or_else(by_key).or_else(by_amount).or_else(|| of_kind().next());
    found.or_else(|| prices.iter().next()).map(|(key, _)| key.clone())
}

fn keys<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
