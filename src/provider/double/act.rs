//! Scenario actions on the account: each ends in the functions that the HTTP routes use.

mod truth;

use serde_json::{Map, Value, json};

pub(crate) use self::truth::truth;
use self::truth::{choose, latest_charge};
use super::ActError;
use super::account::dispute;
use super::account::payment::{self, Collect};
use super::account::{
    World, change, checkout, checkout_page, checkout_params, clock, coupon, customer, payment_link, period,
    refund, renewal, schedule, subscription,
};
use super::error::ApiError;
use super::params::{Params, Table};
use super::store::{Kind, Stored};
use crate::stripe::action::{
    Action, ActionKind, Becomes, CancelAt, Card, Checkout, DisputeEnds, FirstPayment, Item, Outcome, Payment,
    PaymentKind, PriceChange, Purchase, Scheduled, What,
};
use crate::stripe::object::envelope::Cause;
use crate::stripe::object::{data, int, merge, put, text};

/// The part that an action works on, with the catalogue's ids by key.
pub(crate) struct Stage<'w, 'a> {
    pub(crate) world: &'w mut World<'a>,
    pub(crate) slot: usize,
    pub(crate) prices: &'w [(String, String)],
}

impl Stage<'_, '_> {
    /// Carries an action out, and names what it made.
    pub(crate) fn act(&mut self, action: &Action) -> Result<(), ActError> {
        self.world.overlay = overlay(action);
        // A customer on a test clock lives by it; to move it, one has to stand outside.
        let clock = clock::clock_of(self.world, &self.customer()).map(str::to_owned);
        let clock = clock.filter(|_| action.kind() != ActionKind::Advance);
        let outside = self.world.enter(clock.as_deref());
        let made = self.happen(action);
        self.world.leave(outside);
        let made = made?;
        // What was not taken up by a new object belongs to the one that was changed.
        if let Some((_, fields)) = self.world.overlay.take()
            && let Some(made) = &made
        {
            self.world.change(made, |object| merge(object, &fields));
        }
        if let (Some(name), Some(made)) = (&action.name, made) {
            self.world.part.slots[self.slot].names.insert(name.clone(), made);
        }
        Ok(())
    }

    fn happen(&mut self, action: &Action) -> Result<Option<String>, ActError> {
        let which = action.subscription.as_deref();
        match &action.what {
            What::Subscribe(purchase) => self.subscribe(purchase).map(Some),
            What::Checkout(checkout) => self.checkout(checkout).map(Some),
            What::Settle(outcome) => self.settle(*outcome).map(|()| None),
            What::Pay(payment) => self.pay(payment).map(Some),
            What::Renew => {
                let id = self.renewing(which)?;
                let how = if self.delinquent() { Collect::Declined } else { Collect::Paid };
                Ok(Some(renewal::renew(self.world, &id, how)))
            }
            What::PaymentFails(declines) => {
                let id = self.running(which)?;
                Ok(Some(renewal::decline(self.world, &id, *declines)))
            }
            What::PaymentActionRequired => {
                let id = self.renewing(which)?;
                Ok(Some(renewal::renew(self.world, &id, Collect::ActionRequired)))
            }
            What::PaymentRecovers => self.recover(which).map(Some),
            What::ChangePrice(change) => self.change_price(which, change).map(Some),
            What::ChangeQuantity(quantity) => {
                let id = self.running(which)?;
                let item = self.first_item(&id)?;
                self.update(&id, json!({ "items": [{ "id": item, "quantity": quantity }] })).map(Some)
            }
            What::ChangeItems(items) => self.change_items(which, items).map(Some),
            What::Cancel(at) => self.cancel(which, *at).map(Some),
            What::Pause(behavior) => {
                let id = self.running(which)?;
                self.update(&id, json!({ "pause_collection": { "behavior": behavior } })).map(Some)
            }
            What::Resume => {
                let id = self.running(which)?;
                self.update(&id, json!({ "pause_collection": "" })).map(Some)
            }
            What::Refund(amount) => self.refund(*amount).map(Some),
            What::Dispute(ends) => self.dispute(*ends).map(Some),
            What::DeleteCustomer => {
                self.asked();
                let customer = self.customer();
                customer::delete(self.world, &customer)?;
                Ok(None)
            }
            What::Advance(by) => {
                let customer = self.customer();
                clock::advance(self.world, &customer, *by).map_err(|_| ActError::TooMuch)?;
                Ok(None)
            }
            What::Set(fields) => self.set(fields).map(|()| None),
            What::Schedule(scheduled) => self.schedule(which, scheduled).map(Some),
        }
    }

    /// What follows was asked for through the API: its events name a request.
    fn asked(&mut self) {
        let mut id = "req_".to_owned();
        self.world.part.ids.letters(&mut id, 14);
        self.world.cause = Cause { request: Some(id), idempotency_key: None };
    }

    fn customer(&self) -> String {
        self.world.part.slots[self.slot].customer.clone()
    }

    fn delinquent(&self) -> bool {
        self.world.peek(&self.customer())["delinquent"] == true
    }

    fn price(&self, key: &str) -> Result<String, ActError> {
        let price = self.prices.iter().find(|(known, _)| known == key);
        price.map(|(_, id)| id.clone()).ok_or_else(|| ActError::UnknownPrice(key.to_owned()))
    }

    /// The subscription that an action is about, which must not have ended.
    fn running(&self, name: Option<&str>) -> Result<String, ActError> {
        let missing = || ActError::NoSubscription(name.map(str::to_owned));
        let id = choose(self.world, self.slot, name).ok_or_else(missing)?;
        if subscription::is_over(self.world.peek(&id)) { Err(missing()) } else { Ok(id) }
    }

    /// The same, and it has begun: what is incomplete does not renew.
    fn renewing(&self, name: Option<&str>) -> Result<String, ActError> {
        let id = self.running(name)?;
        if text(self.world.peek(&id), "status") == "incomplete" { Err(ActError::NotBegun) } else { Ok(id) }
    }

    fn first_item(&self, id: &str) -> Result<String, ActError> {
        let subscription = self.world.copy(id);
        let item = data(&subscription["items"]).first().map(|item| text(item, "id").to_owned());
        item.ok_or(ActError::NoSubscription(None))
    }

    fn line_items(&self, items: &[Item]) -> Result<Vec<Value>, ActError> {
        let line = |item: &Item| Ok(json!({ "price": self.price(&item.price)?, "quantity": item.quantity }));
        items.iter().map(line).collect()
    }

    fn subscribe(&mut self, purchase: &Purchase) -> Result<String, ActError> {
        let items = self.line_items(&purchase.items)?;
        let customer = self.customer();
        let has_card = purchase.card == Card::OnFile;
        if has_card {
            payment::on_file(self.world, &customer);
        }
        self.asked();
        let mut given = json!({ "customer": customer, "items": items });
        if let Some(days) = purchase.trial_days {
            put(&mut given, "trial_period_days", days);
        }
        let params = read(&given, subscription::CREATE)?;
        // Without a card the account would decide how it goes; on a trial nothing is due.
        let how = has_card.then(|| collect(purchase.first_payment));
        let made = subscription::create(self.world, &params, how)?;
        Ok(text(&made, "id").to_owned())
    }

    fn checkout(&mut self, checkout: &Checkout) -> Result<String, ActError> {
        let id = if let Some(link) = &checkout.payment_link {
            let id = self.open_link(link)?;
            checkout::lay_over(self.world, &id);
            id
        } else if checkout.purchase.items.is_empty() {
            let id = self.open_session()?;
            checkout::lay_over(self.world, &id);
            id
        } else {
            self.open(checkout)?
        };
        let how = match (checkout.purchase.first_payment, checkout.payment) {
            (FirstPayment::Paid, PaymentKind::Delayed) => Collect::Processing,
            (first, _) => collect(first),
        };
        let email = self.world.part.slots[self.slot].email.clone();
        checkout_page::complete(self.world, &id, how, &email)?;
        Ok(id)
    }

    /// Opens the session that the app would have opened.
    fn open(&mut self, checkout: &Checkout) -> Result<String, ActError> {
        let lines = self.line_items(&checkout.purchase.items)?;
        let recurs = |line: &Value| {
            self.world.get(text(line, "price")).is_some_and(|price| !price["recurring"].is_null())
        };
        let mode = if lines.iter().any(recurs) { "subscription" } else { "payment" };
        let mut given = json!({
            "mode": checkout.mode.as_deref().unwrap_or(mode), "customer": self.customer(),
            "line_items": lines, "success_url": "https://example.com/success?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://example.com/cancel",
        });
        if let Some(days) = checkout.purchase.trial_days {
            put(&mut given, "subscription_data", json!({ "trial_period_days": days }));
        }
        if checkout.discount_percent > 0 {
            let coupon = coupon::premade(self.world, checkout.discount_percent);
            put(&mut given, "discounts", json!([{ "coupon": coupon }]));
        }
        let params = read(&given, checkout_params::CREATE)?;
        let made = checkout::create(self.world, &params)?;
        Ok(text(&made, "id").to_owned())
    }

    /// Opens a payment link, with the customer's e-mail in its address and the reference that `set` gives: the newest
    /// that is active and has this id, this address, or sells this price.
    fn open_link(&mut self, link: &str) -> Result<String, ActError> {
        let price = self.price(link).ok();
        let sells = |stored: &Stored| {
            let lines = stored.hidden()["line_items"].as_array().map_or(&[][..], Vec::as_slice);
            price.as_ref().is_some_and(|price| lines.iter().any(|line| line["price"]["id"] == **price))
        };
        let is_meant = |stored: &&Stored| {
            let (id, url) = (text(stored.value(), "id"), text(stored.value(), "url"));
            stored.value()["active"] == true && (id == link || url == link || sells(stored))
        };
        let own = self.world.part.store.of(Kind::PaymentLink).rev().find(is_meant);
        let found = own.or_else(|| self.world.shop.of(Kind::PaymentLink).rev().find(is_meant));
        let id = found.map(|stored| text(stored.value(), "id").to_owned()).ok_or(ActError::NoOpenCheckout)?;
        let reference = self.world.overlay.as_ref().and_then(|(_, set)| set.get("client_reference_id"));
        let prefilled = json!({
            "client_reference_id": reference, "prefilled_email": self.world.part.slots[self.slot].email,
        });
        let overlay = self.world.overlay.take();
        let opened = payment_link::open(self.world, &id, &prefilled);
        self.world.overlay = overlay;
        Ok(text(&opened?, "id").to_owned())
    }

    /// The newest open session that names the customer or its e-mail, or nobody at all.
    fn open_session(&self) -> Result<String, ActError> {
        let slot = &self.world.part.slots[self.slot];
        let reference = self.world.overlay.as_ref().and_then(|(_, set)| set.get("client_reference_id"));
        let mine = |session: &Value| {
            let (customer, email) = (text(session, "customer"), text(session, "customer_email"));
            let nobody = customer.is_empty() && email.is_empty();
            let told = reference.is_some_and(|reference| session["client_reference_id"] == *reference);
            customer == slot.customer
                || email.eq_ignore_ascii_case(&slot.email)
                || nobody && (told || self.world.part.slots.len() == 1)
        };
        let sessions = self.world.part.store.of(Kind::Session).rev().map(Stored::value);
        let session =
            sessions.filter(|session| text(session, "status") == "open").find(|session| mine(session));
        session.map(|session| text(session, "id").to_owned()).ok_or(ActError::NoOpenCheckout)
    }

    fn settle(&mut self, outcome: Outcome) -> Result<(), ActError> {
        let customer = self.customer();
        let waits = |id: &String| {
            let session = self.world.copy(id);
            text(&session, "status") == "complete" && text(&session, "payment_status") == "unpaid"
        };
        let sessions = self.world.ids_where(Kind::Session, "customer", &customer);
        let id = sessions.into_iter().rev().find(waits).ok_or(ActError::NothingOpen)?;
        checkout_page::settle(self.world, &id, outcome == Outcome::Succeeded);
        Ok(())
    }

    fn pay(&mut self, payment: &Payment) -> Result<String, ActError> {
        let customer = self.customer();
        let (amount, currency) = match (&payment.price, payment.amount) {
            (Some(key), _) => {
                let price = self.world.copy(&self.price(key)?);
                (int(&price, "unit_amount"), text(&price, "currency").to_owned())
            }
            (None, amount) => {
                let holder = self.world.copy(&customer);
                (amount.unwrap_or_default(), holder["currency"].as_str().unwrap_or("usd").to_owned())
            }
        };
        self.asked();
        let method = payment::on_file(self.world, &customer);
        let about = customer.into();
        let intent = payment::open(self.world, amount, &currency, about, "Payment", Value::Null);
        let how = if payment.outcome == Outcome::Succeeded { Collect::Paid } else { Collect::Declined };
        payment::collect(self.world, &intent, &method, how);
        Ok(text(self.world.peek(&intent), "latest_charge").to_owned())
    }

    fn recover(&mut self, which: Option<&str>) -> Result<String, ActError> {
        let id = choose(self.world, self.slot, which)
            .ok_or_else(|| ActError::NoSubscription(which.map(str::to_owned)))?;
        let invoice = renewal::open_invoice(self.world, &id).ok_or(ActError::NothingOpen)?;
        renewal::recover(self.world, &invoice);
        Ok(invoice)
    }

    fn update(&mut self, id: &str, given: Value) -> Result<String, ActError> {
        self.update_paid(id, given, None)
    }

    fn update_paid(&mut self, id: &str, given: Value, how: Option<Collect>) -> Result<String, ActError> {
        self.asked();
        change::update_paid(self.world, id, &read(&given, change::UPDATE)?, how)?;
        Ok(id.to_owned())
    }

    fn change_price(&mut self, which: Option<&str>, change: &PriceChange) -> Result<String, ActError> {
        let id = self.running(which)?;
        let item = self.first_item(&id)?;
        let price = self.price(&change.price)?;
        let mut given = json!({ "items": [{ "id": item, "price": price }] });
        self.begin_anew(&id, &mut given, &[&price]);
        if change.payment.is_some() {
            put(&mut given, "proration_behavior", "always_invoice");
        }
        if change.waits {
            put(&mut given, "payment_behavior", "pending_if_incomplete");
        }
        self.update_paid(&id, given, change.payment.map(collect))
    }

    /// Items that keep their price keep their id.
    fn change_items(&mut self, which: Option<&str>, items: &[Item]) -> Result<String, ActError> {
        let id = self.running(which)?;
        let mut wanted = self.line_items(items)?;
        let subscription = self.world.copy(&id);
        let mut given = Vec::new();
        for item in data(&subscription["items"]) {
            match wanted.iter().position(|line| line["price"] == item["price"]["id"]) {
                Some(at) => {
                    let line = wanted.remove(at);
                    given.push(json!({ "id": item["id"], "quantity": line["quantity"] }));
                }
                None => given.push(json!({ "id": item["id"], "deleted": true })),
            }
        }
        let added: Vec<String> = wanted.iter().map(|line| text(line, "price").to_owned()).collect();
        given.extend(wanted);
        let mut given = json!({ "items": given });
        self.begin_anew(&id, &mut given, &added.iter().collect::<Vec<_>>());
        self.update(&id, given)
    }

    /// Who is billed at another interval from now on is billed at once: apps ask for it, now that Stripe does not do it
    /// by itself any more.
    fn begin_anew(&self, id: &str, given: &mut Value, prices: &[&String]) {
        let recurring = |price: &&String| self.world.peek(price)["recurring"].clone();
        let held = data(&self.world.peek(id)["items"]).iter().map(|item| &item["price"]["recurring"]);
        let held: Vec<_> = held.collect();
        let differs = |wanted: &Value| held.iter().all(|held| !period::same(held, wanted));
        let trialing = text(self.world.peek(id), "status") == "trialing";
        if !trialing && prices.iter().map(recurring).any(|wanted| differs(&wanted)) {
            put(given, "billing_cycle_anchor", "now");
        }
    }

    /// The items as they are until then, and what they become afterwards.
    fn schedule(&mut self, which: Option<&str>, scheduled: &Scheduled) -> Result<String, ActError> {
        let id = self.running(which)?;
        let row = |item: &Value| json!({ "price": item["price"]["id"], "quantity": item["quantity"] });
        let held: Vec<Value> = data(&self.world.peek(&id)["items"]).iter().map(row).collect();
        let mut items = held.clone();
        match &scheduled.becomes {
            Becomes::Price(price) => {
                let price = self.price(price)?;
                if let Some(first) = items.first_mut() {
                    put(first, "price", price);
                }
            }
            Becomes::Items(wanted) => items = self.line_items(wanted)?,
        }
        self.asked();
        let schedule = match self.world.peek(&id)["schedule"].as_str() {
            Some(schedule) => schedule.to_owned(),
            None => {
                let given = json!({ "from_subscription": id });
                text(&schedule::create(self.world, &read(&given, schedule::CREATE)?)?, "id").to_owned()
            }
        };
        let current = self.world.peek(&schedule)["current_phase"].clone();
        let ends = scheduled.after.map_or_else(
            || current["end_date"].clone(),
            |after| self.world.second().saturating_add(after.as_secs()).into(),
        );
        let recurring = |line: &Value| self.world.peek(text(line, "price"))["recurring"].clone();
        let every: Vec<_> = held.iter().chain(&items).map(recurring).collect();
        let mut next = json!({ "items": items });
        if !period::all_same(every.iter()) {
            put(&mut next, "billing_cycle_anchor", "phase_start");
        }
        let phases = json!([
            { "items": held, "start_date": current["start_date"], "end_date": ends }, next,
        ]);
        self.asked();
        schedule::update(self.world, &schedule, &read(&json!({ "phases": phases }), schedule::UPDATE)?)?;
        Ok(id)
    }

    fn cancel(&mut self, which: Option<&str>, at: CancelAt) -> Result<String, ActError> {
        let id = self.running(which)?;
        match at {
            CancelAt::PeriodEnd => self.update(&id, json!({ "cancel_at_period_end": true })),
            CancelAt::At(second) => self.update(&id, json!({ "cancel_at": second })),
            CancelAt::After(after) => {
                self.update(&id, json!({ "cancel_at": self.world.second() + after.as_secs() }))
            }
            CancelAt::Now => {
                self.asked();
                subscription::cancel(self.world, &id, &Params::default())?;
                Ok(id)
            }
        }
    }

    fn refund(&mut self, amount: Option<i64>) -> Result<String, ActError> {
        let charge = latest_charge(self.world, &self.customer(), |charge| refund::left_of(charge) > 0);
        let charge = charge.ok_or(ActError::NoCharge)?;
        self.asked();
        let mut given = json!({ "charge": charge });
        if let Some(amount) = amount {
            put(&mut given, "amount", amount);
        }
        let made = refund::create(self.world, &read(&given, refund::CREATE)?)?;
        Ok(text(&made, "id").to_owned())
    }

    fn dispute(&mut self, ends: DisputeEnds) -> Result<String, ActError> {
        let fresh = |charge: &Value| refund::left_of(charge) > 0 && charge["disputed"] != true;
        let charge = latest_charge(self.world, &self.customer(), fresh).ok_or(ActError::NothingToDispute)?;
        let id = dispute::open(self.world, &charge, "fraudulent", dispute::Stage::Chargeback);
        match ends {
            DisputeEnds::Open => {}
            DisputeEnds::Won => dispute::end(self.world, &id, "won"),
            DisputeEnds::Lost => dispute::end(self.world, &id, "lost"),
        }
        Ok(id)
    }

    fn set(&mut self, objects: &Map<String, Value>) -> Result<(), ActError> {
        let truth = truth(self.world, self.slot, None);
        for (name, fields) in objects {
            let id = truth.get(name).map(|object| text(object, "id").to_owned());
            let id = id.ok_or_else(|| ActError::UnknownObject(name.clone()))?;
            if let Value::Object(fields) = fields {
                self.world.change(&id, |object| merge(object, fields));
            }
        }
        Ok(())
    }
}

/// `set` is for the object that the action makes.
fn overlay(action: &Action) -> Option<(Kind, Map<String, Value>)> {
    if action.set.is_empty() {
        return None;
    }
    let kind = match action.kind().makes()? {
        "checkout" => Kind::Session,
        "subscription" => Kind::Subscription,
        "invoice" => Kind::Invoice,
        "charge" => Kind::Charge,
        "dispute" => Kind::Dispute,
        _ => Kind::Refund,
    };
    Some((kind, action.set.clone()))
}

fn read(given: &Value, table: Table) -> Result<Params, ApiError> {
    let none = Map::new();
    Params::read(given.as_object().unwrap_or(&none), table, &"the action")
}

fn collect(first: FirstPayment) -> Collect {
    match first {
        FirstPayment::Paid => Collect::Paid,
        FirstPayment::Fails => Collect::Declined,
        FirstPayment::ActionRequired => Collect::ActionRequired,
    }
}
