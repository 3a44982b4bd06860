//! How a subscription starts: its first period, its first invoice, the status in which the world hears of it.

use serde_json::Value;

use super::bill::{self, Bill};
use super::discount::{self, Line};
use super::payment::Collect;
use super::redemption::{self, Redeem};
use super::subscription::{amount, lines_where};
use super::{
    World, anchor::Anchor, billing_mode, entitlement, invoice, invoice_item, item, period, proration, put_all,
};
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, merge, put, subscription, text};

/// Who makes a subscription; it decides in which status the world first hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Api,
    Checkout,
}

/// A subscription about to start.
pub(crate) struct Start {
    pub(crate) customer: String,
    pub(crate) items: Vec<item::New>,
    /// One-off prices on the first invoice.
    pub(crate) extra: Vec<item::New>,
    pub(crate) trial_end: Option<i64>,
    /// Fields laid over the new object.
    pub(crate) fields: Value,
    pub(crate) method: Option<String>,
    pub(crate) how: Collect,
    pub(crate) via: Via,
    /// What the subscription redeems.
    pub(crate) discounts: Vec<Redeem>,
    /// Where the first whole period begins, if not now.
    pub(crate) anchor: Option<Anchor>,
    /// Since when it is said to run, if not from now on.
    pub(crate) backdate: Option<i64>,
    /// Whether time beside whole periods is billed.
    pub(crate) prorates: bool,
}

impl Start {
    /// One that is paid at once, with nothing special about it.
    pub(crate) fn of(customer: &str, items: Vec<item::New>) -> Self {
        Self {
            customer: customer.to_owned(),
            items,
            extra: Vec::new(),
            trial_end: None,
            fields: NULL,
            method: None,
            how: Collect::Paid,
            via: Via::Api,
            discounts: Vec::new(),
            anchor: None,
            backdate: None,
            prorates: true,
        }
    }

    /// Whether the first whole period begins at another time than now: until then there is a part of one.
    fn is_stub(&self) -> bool {
        self.anchor.is_some() && self.trial_end.is_none()
    }

    /// The first period of an item of this price: until the trial ends, or to the anchor, or a whole one; where the
    /// anchor lies before now, the one that runs.
    fn period(&self, now: i64, price: &Value) -> (i64, i64) {
        let anchored = self.anchor.as_ref().map(|anchor| anchor.at);
        match (self.trial_end, anchored) {
            (Some(end), _) => (now, end),
            (None, Some(at)) if at > now => (now, at),
            (None, Some(at)) => period::around(at, now, &price["recurring"]),
            (None, None) => (now, period::end(now, now, &price["recurring"])),
        }
    }

    fn is_flexible(&self) -> bool {
        // What no caller says is as the template has it.
        self.fields["billing_mode"].is_null() || billing_mode::is_flexible(&self.fields)
    }

    fn invoiced(&self) -> bool {
        self.fields["collection_method"] == "send_invoice"
    }

    fn first_status(&self, due: bool) -> &'static str {
        if self.trial_end.is_some() {
            return "trialing";
        }
        match (self.how, self.via) {
            _ if !due || self.invoiced() => "active",
            // Stripe lets a subscription run while a bank debit is on its way.
            (Collect::Paid, Via::Api) | (Collect::Processing, _) => "active",
            _ => "incomplete",
        }
    }
}

/// Whether the first invoice asks for anything.
fn due_now(world: &World<'_>, start: &Start) -> bool {
    let recurs = start.trial_end.is_none() && (start.prorates || !start.is_stub());
    let recurring = if recurs { &start.items[..] } else { &[] };
    let lines: Vec<Line> = recurring.iter().chain(&start.extra).map(|item| seen(world, item)).collect();
    let whole: Vec<_> = match start.discounts.is_empty() {
        false => start.discounts.iter().map(|wanted| wanted.terms(world)).collect(),
        true => redemption::in_force(world, &NULL, &start.customer)
            .iter()
            .map(|id| redemption::terms_of(world, id))
            .collect(),
    };
    let taken = discount::take(&lines, &whole);
    lines.iter().zip(&taken).any(|(line, taken)| line.amount > discount::sum(taken))
}

/// An item as discounts see it.
fn seen(world: &World<'_>, item: &item::New) -> Line {
    Line {
        amount: amount(world, &item.price, item.quantity),
        currency: text(&item.price, "currency").to_owned(),
        product: text(&item.price, "product").to_owned(),
        fixed: false,
        own: item.discounts.iter().map(|wanted| wanted.terms(world)).collect(),
    }
}

/// Starts a subscription and bills its first period.
pub(crate) fn start(world: &mut World<'_>, start: Start) -> String {
    let now = world.second();
    let id = world.mint("sub");
    let bills = (start.prorates || !start.is_stub()) && bills_something(&start) || !start.extra.is_empty();
    let invoice = bills.then(|| world.mint("in"));
    let (made, redeemed) = build(world, &id, &start, invoice.as_deref());
    let made = world.insert(Kind::Subscription, made);
    world.event("customer.subscription.created", made.clone(), None);
    warn_of_short_trial(world, &start, &id);
    for extra in &start.extra {
        invoice_item::extra(world, &made, extra);
    }
    redemption::tell_changes(world, &[], &redemption::held_by(&made));
    if let Some(invoice) = invoice {
        let draft = Bill {
            id: Some(invoice),
            subscription: &made,
            reason: "subscription_create",
            lines: first_lines(world, &made, &start),
            period: (start.backdate.unwrap_or(now), now),
            discounts: (!redeemed.is_empty()).then_some(redeemed),
        };
        let invoice = bill::draft(world, draft);
        collect(world, &invoice, &start);
    }
    begin(world, &id, &start);
    entitlement::refresh(world, &start.customer);
    id
}

/// In flexible billing mode usage that there is none of yet makes no line, and an invoice without lines is not made.
fn bills_something(start: &Start) -> bool {
    let metered = |item: &item::New| item.price["recurring"]["usage_type"] == "metered";
    !start.is_flexible() || !start.items.iter().all(metered)
}

/// The subscription, and the discounts that its first invoice takes.
fn build(world: &mut World<'_>, id: &str, start: &Start, invoice: Option<&str>) -> (Value, Vec<String>) {
    let now = world.second();
    let anchored = start.anchor.as_ref().map(|anchor| anchor.at);
    let mut made = subscription::subscription(id, now, &start.customer);
    if let Value::Object(fields) = &start.fields {
        merge(&mut made, fields);
    }
    let status = start.first_status(due_now(world, start));
    let items = item::build(world, (&start.customer, id), &start.items, |price| start.period(now, price));
    item::replace(&mut made, items);
    let on = [("customer", start.customer.as_str()), ("subscription", id)];
    let redeemed: Vec<String> =
        start.discounts.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
    // The first invoice consumes what counts once, so nobody ever sees that on the subscription.
    let lasting = |id: &&String| start.trial_end.is_some() || !redemption::is_once(world, id);
    put(&mut made, "discounts", redeemed.iter().filter(lasting).cloned().collect::<Vec<_>>());
    if start.via == Via::Checkout && status != "incomplete" {
        put(&mut made, "default_payment_method", start.method.clone());
    }
    let config = start.anchor.as_ref().map_or(NULL, |anchor| anchor.config.clone());
    put_all(
        &mut made,
        [
            ("billing_cycle_anchor", start.trial_end.or(anchored).unwrap_or(now).into()),
            ("billing_cycle_anchor_config", config),
            ("latest_invoice", invoice.into()),
            ("start_date", start.backdate.unwrap_or(now).into()),
            ("status", status.into()),
            ("trial_end", start.trial_end.into()),
            ("trial_start", start.trial_end.map(|_| now).into()),
        ],
    );
    (made, redeemed)
}

/// Stripe announces the end of a trial three days before; of a shorter one, at once
/// (<https://docs.stripe.com/billing/subscriptions/trials>).
fn warn_of_short_trial(world: &mut World<'_>, start: &Start, id: &str) {
    if start.trial_end.is_some_and(|end| end - world.second() < super::due::TRIAL_WARNING) {
        world.tell("customer.subscription.trial_will_end", id);
    }
}

fn first_lines(world: &World<'_>, made: &Value, start: &Start) -> Vec<Value> {
    let now = world.second();
    let flexible = billing_mode::is_flexible(made);
    let licensed = |item: &Value| !flexible || !item["quantity"].is_null();
    let mut lines = Vec::new();
    match start.backdate.filter(|_| start.prorates) {
        Some(since) if flexible && start.is_stub() => {
            return proration::split_lines(world, made, since);
        }
        Some(since) => lines.extend(proration::backdated_lines(world, made, (since, now))),
        None => {}
    }
    match start.is_stub() {
        true if start.prorates => lines.extend(proration::stub_lines(world, made)),
        true => {}
        false => lines.extend(lines_where(world, made, licensed)),
    }
    lines
}

fn collect(world: &mut World<'_>, invoice: &str, start: &Start) {
    if start.invoiced() {
        // It waits as a draft, like those of later periods, so that it can still be edited before it is sent.
        return;
    }
    invoice::finalize(world, invoice);
    if text(world.peek(invoice), "status") == "open"
        && let Some(method) = &start.method
    {
        invoice::pay(world, invoice, method, start.how, None);
    }
}

/// What a checkout leaves for an update: the status, and the card that was used.
fn begin(world: &mut World<'_>, id: &str, start: &Start) {
    if start.via == Via::Api || text(world.peek(id), "status") != "incomplete" {
        return;
    }
    if start.how == Collect::Paid {
        world.update("customer.subscription.updated", id, |subscription| {
            put_all(
                subscription,
                [("default_payment_method", start.method.clone().into()), ("status", "active".into())],
            );
        });
    }
}
