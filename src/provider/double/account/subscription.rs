//! Subscriptions: how they start, what a payment does to them, and how they end.
//!
//! A subscription that the API makes with the default `payment_behavior = allow_incomplete` is created
//! `active` where its first payment succeeds at once, and `incomplete` where it does not
//! (<https://docs.stripe.com/billing/subscriptions/webhooks>). One that a checkout makes is created
//! `incomplete` and becomes `active` by an update, unless nothing has to be paid.

use serde_json::{Value, json};

use super::discount::{self, Line};
use super::invoice::{self, Draft};
use super::item::New;
use super::payment::{self, Collect};
use super::redemption::{Buyer, Redeem};
use super::{World, catalog, entitlement, invoice_item, item, period, put_all, redemption, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::invoice::Billed;
use crate::stripe::object::{NULL, data, int, merge, put, subscription, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/subscriptions",
        Kind::Subscription,
        &[
            CUSTOMER,
            ("price", Is::Text),
            ("collection_method", Is::Text),
            (
                "status",
                Is::Choice(&[
                    "active",
                    "all",
                    "canceled",
                    "ended",
                    "incomplete",
                    "incomplete_expired",
                    "past_due",
                    "paused",
                    "trialing",
                    "unpaid",
                ]),
            ),
            CREATED,
        ],
        keeps,
    ),
    Route::retrieve("/v1/subscriptions/{id}", Kind::Subscription),
    Route::create("/v1/subscriptions", CREATE, |world, params| create(world, params, None)),
    Route::change("/v1/subscriptions/{id}", super::change::UPDATE, super::change::update),
    Route::delete("/v1/subscriptions/{id}", CANCEL, cancel),
];

fn keeps(name: &str, wanted: Option<&Value>, stored: &Stored) -> Option<bool> {
    match name {
        "status" => {
            let over = is_over(stored.value());
            let status = text(stored.value(), "status");
            Some(match wanted.and_then(Value::as_str) {
                // Canceled subscriptions are hidden unless asked for.
                None => !over,
                Some("all") => true,
                Some("ended") => over,
                Some(wanted) => wanted == status,
            })
        }
        "price" => {
            let items = data(&stored.value()["items"]);
            Some(items.iter().any(|item| Some(&item["price"]["id"]) == wanted)).filter(|_| wanted.is_some())
        }
        _ => None,
    }
}

pub(crate) const CREATE: Table = &[
    ("customer", Is::Text),
    ("items", Is::Rows(item::NEW)),
    ("cancel_at_period_end", Is::Bool),
    ("cancel_at", Is::Int),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("currency", Is::Text),
    ("days_until_due", Is::Int),
    ("default_payment_method", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("off_session", Is::Bool),
    (
        "payment_behavior",
        Is::Choice(&[
            "allow_incomplete",
            "default_incomplete",
            "error_if_incomplete",
            "pending_if_incomplete",
        ]),
    ),
    ("payment_settings", Is::Map),
    ("proration_behavior", Is::Choice(&["create_prorations", "none", "always_invoice"])),
    ("trial_end", Is::Time),
    ("trial_period_days", Is::Int),
    ("trial_settings", Is::Map),
    ("trial_from_plan", Is::Bool),
    ("billing_mode", Is::Map),
    ("invoice_settings", Is::Map),
    ("add_invoice_items", Is::NotModelled),
    ("automatic_tax", Is::NotModelled),
    ("backdate_start_date", Is::NotModelled),
    ("billing_cycle_anchor", Is::NotModelled),
    ("billing_cycle_anchor_config", Is::NotModelled),
    ("billing_thresholds", Is::NotModelled),
    ("default_tax_rates", Is::Texts),
    ("discounts", redemption::ROWS),
    // The names of old for a single discount.
    ("coupon", Is::Text),
    ("promotion_code", Is::Text),
    ("on_behalf_of", Is::NotModelled),
    ("application_fee_percent", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
    ("pending_invoice_item_interval", Is::NotModelled),
];

const CANCEL: Table =
    &[("cancellation_details", Is::Map), ("invoice_now", Is::NotModelled), ("prorate", Is::Bool)];

pub(crate) const FIELDS: [&str; 8] = [
    "collection_method",
    "days_until_due",
    "default_payment_method",
    "description",
    "metadata",
    "payment_settings",
    "trial_settings",
    "invoice_settings",
];

/// Who makes a subscription; it decides in which status the world first hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    Api,
    Checkout,
}

/// A subscription about to start.
pub(crate) struct Start {
    pub(crate) customer: String,
    /// Recurring prices.
    pub(crate) items: Vec<New>,
    /// One-off prices on the first invoice.
    pub(crate) extra: Vec<New>,
    pub(crate) trial_end: Option<i64>,
    /// Fields laid over the new object.
    pub(crate) fields: Value,
    pub(crate) method: Option<String>,
    pub(crate) how: Collect,
    pub(crate) via: Via,
    /// What the subscription redeems.
    pub(crate) discounts: Vec<Redeem>,
}

/// `POST /v1/subscriptions`. `how` overrides what the payment method would do: the scenario decides.
pub(crate) fn create(
    world: &mut World<'_>,
    params: &Params,
    how: Option<Collect>,
) -> Result<Value, ApiError> {
    let customer = params.needed("customer")?.to_owned();
    world.named_by(Kind::Customer, &customer, "customer")?;
    let items = item::read_new(world, &customer, params.list("items"))?;
    let buyer = Buyer { customer: &customer, amount: None };
    let discounts = redemption::asked(world, params, buyer)?.unwrap_or_default();
    let trial_end = trial_end(world, params)?;
    let mut fields = json!({ "metadata": {} });
    params.apply(&mut fields, &FIELDS);
    let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
    put(&mut fields, "default_tax_rates", rates);
    let method = match params.text("default_payment_method") {
        Some(method) => {
            let method = payment::attach(world, method, &customer, "default_payment_method")?;
            put(&mut fields, "default_payment_method", method.clone());
            Some(method)
        }
        None => payment::default_of(world, &customer),
    };
    let later = params.text("payment_behavior") == Some("default_incomplete")
        || params.text("collection_method") == Some("send_invoice");
    let how = how.unwrap_or_else(|| match &method {
        _ if later => Collect::Later,
        Some(method) => payment::outcome_of(world.peek(method)),
        None => Collect::Later,
    });
    let start = Start {
        customer,
        items,
        extra: Vec::new(),
        trial_end,
        fields,
        method,
        how,
        via: Via::Api,
        discounts,
    };
    if start.method.is_none() && !later && due_now(world, &start) {
        return Err(ApiError::no_payment_method());
    }
    let must_pay = params.text("payment_behavior") == Some("error_if_incomplete");
    let id = world.attempt(|world| {
        let id = self::start(world, start);
        let unpaid = must_pay && text(world.peek(&id), "status") == "incomplete";
        if unpaid { Err(ApiError::declined()) } else { Ok(id) }
    })?;
    if params.is_true("cancel_at_period_end") || params.int("cancel_at").is_some() {
        super::change::set_end(world, &id, params);
    }
    Ok(world.copy(&id))
}

fn trial_end(world: &World<'_>, params: &Params) -> Result<Option<i64>, ApiError> {
    let now = world.second();
    let end = match (params.int("trial_period_days"), params.int("trial_end")) {
        (Some(0), None) | (None, None) => return Ok(None),
        (Some(days), _) if !(0..=36_525).contains(&days) => {
            return Err(ApiError::invalid_param("trial_period_days", "Invalid trial period."));
        }
        (Some(days), None) => now + days * period::DAY,
        (None, Some(end)) => end,
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_param(
                "trial_end",
                "You may only specify one of these parameters: trial_end, trial_period_days.",
            ));
        }
    };
    if end <= now || end > now + 40_000 * period::DAY {
        return Err(ApiError::invalid_param(
            "trial_end",
            "Invalid timestamp: must be an integer Unix timestamp in the future.",
        ));
    }
    Ok(Some(end))
}

/// Starts a subscription and bills its first period.
pub(crate) fn start(world: &mut World<'_>, start: Start) -> String {
    let now = world.second();
    let id = world.mint("sub");
    let invoice = world.mint("in");
    let recurring = start.items.first().map_or(NULL, |item| item.price["recurring"].clone());
    let ends = start.trial_end.unwrap_or_else(|| period::end(now, now, &recurring));
    let mut made = subscription::subscription(&id, now, &start.customer);
    if let Value::Object(fields) = &start.fields {
        merge(&mut made, fields);
    }
    let status = first_status(&start, due_now(world, &start));
    let items = item::build(world, (&start.customer, &id), &start.items, (now, ends));
    item::replace(&mut made, items);
    let on = [("customer", start.customer.as_str()), ("subscription", id.as_str())];
    let redeemed: Vec<String> =
        start.discounts.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
    // The first invoice consumes what counts once, so nobody ever sees that on the subscription.
    let lasting = |id: &&String| start.trial_end.is_some() || !redemption::is_once(world, id);
    put(&mut made, "discounts", redeemed.iter().filter(lasting).cloned().collect::<Vec<_>>());
    if start.via == Via::Checkout && status != "incomplete" {
        put(&mut made, "default_payment_method", start.method.clone());
    }
    put_all(
        &mut made,
        [
            ("billing_cycle_anchor", start.trial_end.unwrap_or(now).into()),
            ("latest_invoice", invoice.as_str().into()),
            ("status", status.into()),
            ("trial_end", start.trial_end.into()),
            ("trial_start", start.trial_end.map(|_| now).into()),
        ],
    );
    let made = world.insert(Kind::Subscription, made);
    world.event("customer.subscription.created", made.clone(), None);
    let mut lines = lines_of(world, &made);
    lines.extend(start.extra.iter().map(|extra| one_off(world, extra)));
    redemption::tell_changes(world, &[], &redemption::held_by(&made));
    let draft = Draft {
        id: Some(invoice.clone()),
        customer: &start.customer,
        currency: text(&made, "currency"),
        reason: "subscription_create",
        lines,
        subscription: &made,
        period: (now, now),
        discounts: (!redeemed.is_empty()).then_some(redeemed),
        tax_rates: None,
    };
    invoice::draft(world, draft);
    invoice::finalize(world, &invoice);
    if text(world.peek(&invoice), "status") == "open"
        && let Some(method) = &start.method
    {
        invoice::pay(world, &invoice, method, start.how, None);
    }
    begin(world, &id, &start);
    entitlement::refresh(world, &start.customer);
    id
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

/// Whether the first invoice asks for anything.
fn due_now(world: &World<'_>, start: &Start) -> bool {
    let recurring = if start.trial_end.is_none() { &start.items[..] } else { &[] };
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
fn seen(world: &World<'_>, item: &New) -> Line {
    Line {
        amount: amount(world, &item.price, item.quantity),
        currency: text(&item.price, "currency").to_owned(),
        product: text(&item.price, "product").to_owned(),
        fixed: false,
        own: item.discounts.iter().map(|wanted| wanted.terms(world)).collect(),
    }
}

fn first_status(start: &Start, due: bool) -> &'static str {
    if start.trial_end.is_some() {
        return "trialing";
    }
    let invoiced = start.fields["collection_method"] == "send_invoice";
    match (start.how, start.via) {
        _ if !due || invoiced => "active",
        // Stripe lets a subscription run while a bank debit is on its way.
        (Collect::Paid, Via::Api) | (Collect::Processing, _) => "active",
        _ => "incomplete",
    }
}

/// What a period of this costs in advance: usage is billed afterwards.
pub(crate) fn amount(world: &World<'_>, price: &Value, quantity: i64) -> i64 {
    if price["recurring"]["usage_type"] == "metered" {
        return 0;
    }
    catalog::amount(world, price, quantity)
}

/// The lines of a subscription's current period; nothing is asked for while it is on trial.
pub(crate) fn lines_of(world: &World<'_>, subscription: &Value) -> Vec<Value> {
    let trial = text(subscription, "status") == "trialing";
    let line = |item: &Value| {
        let price = &item["price"];
        let quantity = item["quantity"].as_i64();
        let name = catalog::name_of(world, price);
        let (amount, description) = match (trial, quantity) {
            (true, _) => (0, format!("Trial period for {name}")),
            (false, None) => (0, name),
            (false, Some(quantity)) => (amount(world, price, quantity), priced(price, quantity, &name)),
        };
        let period = (int(item, "current_period_start"), int(item, "current_period_end"));
        let parent =
            crate::stripe::object::invoice::line_of_subscription(text(subscription, "id"), text(item, "id"));
        let billed = Billed { price, quantity, amount, description, period };
        let mut line = crate::stripe::object::invoice::line(&billed, parent);
        put(&mut line, "discounts", item["discounts"].clone());
        put(&mut line, "tax_rates", item["tax_rates"].clone());
        line
    };
    data(&subscription["items"]).iter().map(line).collect()
}

/// A line for something that is paid once.
pub(crate) fn one_off(world: &World<'_>, wanted: &New) -> Value {
    let now = world.second();
    let (price, quantity) = (&wanted.price, wanted.quantity);
    let description = catalog::name_of(world, price);
    let amount = amount(world, price, quantity);
    let billed = Billed { price, quantity: Some(quantity), amount, description, period: (now, now) };
    let mut line = crate::stripe::object::invoice::line(&billed, NULL);
    put(&mut line, "tax_rates", wanted.tax_rates.clone());
    line
}

/// `2 × Pro (at $99.00 / month)`
fn priced(price: &Value, quantity: i64, name: &str) -> String {
    let amount = int(price, "unit_amount");
    let currency = match text(price, "currency") {
        "usd" => "$".to_owned(),
        "eur" => "€".to_owned(),
        other => format!("{} ", other.to_uppercase()),
    };
    let interval = text(&price["recurring"], "interval");
    format!("{quantity} × {name} (at {currency}{}.{:02} / {interval})", amount / 100, amount % 100)
}

/// What became of an invoice changes the subscription that made it, and whether the customer is delinquent.
pub(crate) fn after_payment(world: &mut World<'_>, invoice: &str, how: Collect) {
    let billed = world.copy(invoice);
    let Some(id) = crate::stripe::object::invoice::subscription_of(&billed).map(str::to_owned) else {
        return;
    };
    let subscription = world.copy(&id);
    let paid = how == Collect::Paid && text(&billed, "status") == "paid";
    let latest = subscription["latest_invoice"] == invoice;
    let next = match (text(&subscription, "status"), how) {
        ("incomplete" | "past_due" | "unpaid", _) if paid && latest => "active",
        ("active", Collect::Declined | Collect::ActionRequired) => "past_due",
        (status, _) => status,
    }
    .to_owned();
    world.update("customer.subscription.updated", &id, |subscription| put(subscription, "status", next));
    let customer = text(&subscription, "customer").to_owned();
    let renewal = text(&billed, "billing_reason") != "subscription_create";
    if paid || renewal && matches!(how, Collect::Declined | Collect::ActionRequired) {
        world.update("customer.updated", &customer, |customer| put(customer, "delinquent", !paid));
    }
    entitlement::refresh(world, &customer);
}

/// Whether a subscription has ended for good.
pub(crate) fn is_over(subscription: &Value) -> bool {
    matches!(text(subscription, "status"), "canceled" | "incomplete_expired")
}

/// Ends a subscription now; `details` say why.
pub(crate) fn end(world: &mut World<'_>, id: &str, details: Value) {
    let now = world.second();
    world.change(id, |subscription| {
        if let (Some(kept), Value::Object(details)) = (subscription.get_mut("cancellation_details"), &details)
        {
            merge(kept, details);
        }
        let asked_at = if subscription["canceled_at"].is_null() {
            now.into()
        } else {
            subscription["canceled_at"].clone()
        };
        put_all(
            subscription,
            [("canceled_at", asked_at), ("ended_at", now.into()), ("status", "canceled".into())],
        );
    });
    let ended = world.copy(id);
    invoice_item::forget_pending(world, &ended);
    world.event("customer.subscription.deleted", ended.clone(), None);
    entitlement::refresh(world, text(&ended, "customer"));
}

/// `DELETE /v1/subscriptions/{id}`.
pub(crate) fn cancel(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let subscription = world.at_path(Kind::Subscription, id)?;
    if is_over(&subscription) {
        return Err(ApiError::no_such(Kind::Subscription.noun(), id));
    }
    let mut details = params.given("cancellation_details").cloned().unwrap_or_else(|| json!({}));
    put(&mut details, "reason", "cancellation_requested");
    // The overlay of `stripe.cancel` is about the subscription, which is not made here but changed.
    if let Some((_, fields)) = world.overlay.take() {
        world.change(id, |subscription| merge(subscription, &fields));
    }
    end(world, id, details);
    Ok(world.copy(id))
}
