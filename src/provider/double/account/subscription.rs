//! Subscriptions: how they start, what a payment does to them, and how they end.
//!
//! A subscription that the API makes with the default `payment_behavior = allow_incomplete` is created
//! `active` where its first payment succeeds at once, and `incomplete` where it does not
//! (<https://docs.stripe.com/billing/subscriptions/webhooks>). One that a checkout makes is created
//! `incomplete` and becomes `active` by an update, unless nothing has to be paid.

use serde_json::{Value, json};

use super::bill::{self, Bill};
use super::billing_mode::Mode;
use super::payment::{self, Collect};
use super::redemption::{self, Buyer};
pub(crate) use super::start::{Start, Via, start};
pub(crate) use super::status::{Pending, after_payment, end, end_with, is_over};
use super::{
    World, anchor, automatic_tax, billing_mode, catalog, connect, invoice_item, item, period, proration,
    tax_rate,
};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::search;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::invoice::Billed;
use crate::stripe::object::{NULL, data, int, merge, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/subscriptions",
        Kind::Subscription,
        &[
            CUSTOMER,
            ("test_clock", Is::Text),
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
    Route::search("/v1/subscriptions/search", Kind::Subscription, search::SUBSCRIPTIONS),
    Route::retrieve("/v1/subscriptions/{id}", Kind::Subscription),
    Route::create("/v1/subscriptions", CREATE, |world, params| create(world, params, None)),
    Route::change("/v1/subscriptions/{id}", super::change::UPDATE, super::change::update),
    Route::delete("/v1/subscriptions/{id}", CANCEL, cancel),
    Route::change("/v1/subscriptions/{id}/resume", super::resume::RESUME, super::resume::resume),
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

pub(crate) const PAYMENT_BEHAVIOR: Is =
    Is::Choice(&["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"]);

pub(crate) const PRORATION_BEHAVIOR: Is = Is::Choice(&["always_invoice", "create_prorations", "none"]);

pub(crate) const TRIAL_SETTINGS: Is = Is::Fields(&[(
    "end_behavior",
    Is::Needed(&Is::Fields(&[(
        "missing_payment_method",
        Is::Needed(&Is::Choice(&["cancel", "create_invoice", "pause"])),
    )])),
)]);

pub(crate) const PAYMENT_SETTINGS: Is = Is::Fields(&[
    ("payment_method_options", Is::Map),
    ("payment_method_types", Is::Texts),
    ("save_default_payment_method", Is::Choice(&["off", "on_subscription"])),
]);

pub(crate) const INVOICE_SETTINGS: Is = Is::Fields(&[
    ("account_tax_ids", Is::Texts),
    ("custom_fields", Is::Rows(&[("name", Is::Text), ("value", Is::Text)])),
    ("description", Is::Text),
    ("footer", Is::Text),
    ("issuer", automatic_tax::PARTY),
]);

pub(crate) const CANCELLATION_DETAILS: Is = Is::Fields(&[
    ("comment", Is::Text),
    (
        "feedback",
        Is::Choice(&[
            "customer_service",
            "low_quality",
            "missing_features",
            "other",
            "switched_service",
            "too_complex",
            "too_expensive",
            "unused",
        ]),
    ),
]);

/// `cancel_at` may name the end of the shortest or of the longest period instead of a moment.
pub(crate) const CANCEL_AT: Is = Is::TimeOr(&["max_period_end", "min_period_end"]);

pub(crate) const CREATE: Table = &[
    ("customer", Is::Text),
    ("items", Is::Rows(item::NEW)),
    ("add_invoice_items", Is::Rows(invoice_item::EXTRA)),
    ("backdate_start_date", Is::Int),
    ("billing_cycle_anchor", Is::Int),
    ("billing_cycle_anchor_config", Is::Fields(anchor::CONFIG)),
    ("cancel_at_period_end", Is::Bool),
    ("cancel_at", CANCEL_AT),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("currency", Is::Text),
    ("days_until_due", Is::Int),
    ("default_payment_method", Is::Text),
    ("default_source", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("off_session", Is::Bool),
    ("payment_behavior", PAYMENT_BEHAVIOR),
    ("payment_settings", PAYMENT_SETTINGS),
    ("proration_behavior", PRORATION_BEHAVIOR),
    ("trial_end", Is::Time),
    ("trial_period_days", Is::Int),
    ("trial_settings", TRIAL_SETTINGS),
    ("trial_from_plan", Is::Bool),
    ("billing_mode", billing_mode::BILLING_MODE),
    ("invoice_settings", INVOICE_SETTINGS),
    ("application_fee_percent", Is::Decimal),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("billing_schedules", Is::NotModelled),
    ("billing_thresholds", Is::NotModelled),
    ("customer_account", Is::NotModelled),
    ("default_tax_rates", Is::Texts),
    ("discounts", redemption::ROWS),
    // The names of old for a single discount.
    ("coupon", Is::Text),
    ("promotion_code", Is::Text),
    ("on_behalf_of", Is::Text),
    ("pending_invoice_item_interval", Is::NotModelled),
    ("transfer_data", connect::TRANSFER_SHARE),
];

pub(crate) const CANCEL: Table =
    &[("cancellation_details", CANCELLATION_DETAILS), ("invoice_now", Is::Bool), ("prorate", Is::Bool)];

pub(crate) const FIELDS: [&str; 9] = [
    "collection_method",
    "days_until_due",
    "default_payment_method",
    "default_source",
    "description",
    "metadata",
    "payment_settings",
    "trial_settings",
    "invoice_settings",
];

/// `POST /v1/subscriptions`. `how` overrides what the payment method would do: the scenario decides.
pub(crate) fn create(
    world: &mut World<'_>,
    params: &Params,
    how: Option<Collect>,
) -> Result<Value, ApiError> {
    let id = world.attempt(|world| made(world, params, how))?;
    Ok(world.copy(&id))
}

fn made(world: &mut World<'_>, params: &Params, how: Option<Collect>) -> Result<String, ApiError> {
    let start = read(world, params, how)?;
    let due = start.how != Collect::Later || params.text("payment_behavior") != Some("default_incomplete");
    let must_pay = params.text("payment_behavior") == Some("error_if_incomplete");
    let asks = start.how == Collect::ActionRequired;
    let no_method = due && start.method.is_none() && !is_sent(params);
    let id = self::start(world, start);
    let unpaid = text(world.peek(&id), "status") == "incomplete";
    if unpaid && no_method {
        return Err(ApiError::no_payment_method());
    }
    if unpaid && must_pay {
        return Err(if asks { ApiError::action_required() } else { ApiError::declined() });
    }
    if params.given("cancel_at_period_end").is_some() || params.given("cancel_at").is_some() {
        super::ending::set(world, &id, params)?;
    }
    Ok(id)
}

/// `invoice_settings[issuer]` must be connected.
pub(crate) fn check_issuer(world: &World<'_>, params: &Params) -> Result<(), ApiError> {
    let settings = params.inside("invoice_settings");
    let issuer = settings.given("issuer").unwrap_or(&NULL);
    automatic_tax::check_party(world, issuer, "invoice_settings[issuer]")
}

fn is_sent(params: &Params) -> bool {
    params.text("collection_method") == Some("send_invoice")
}

/// Reads what a subscription starts with.
fn read(world: &mut World<'_>, params: &Params, how: Option<Collect>) -> Result<Start, ApiError> {
    let now = world.second();
    let customer = params.needed("customer")?.to_owned();
    world.named_by(Kind::Customer, &customer, "customer")?;
    check(params)?;
    let backdate = params.int("backdate_start_date");
    if backdate.is_some_and(|since| !(0..=now).contains(&since)) {
        return Err(ApiError::invalid_param(
            "backdate_start_date",
            "backdate_start_date must be in the past.",
        ));
    }
    let mode = billing_mode::read(world, params.given("billing_mode"), "billing_mode")?;
    let kind = Mode::of(&mode);
    let items = item::read_new(world, &customer, params.list("items"), kind)?;
    let trial_end = trial_end(world, params, &items)?;
    let mut anchor = anchor::read(params, now, item::shortest(&items, now))?;
    if trial_end.is_some() && anchor.is_some() {
        return Err(ApiError::not_modelled("a trial together with a billing_cycle_anchor"));
    }
    if let Some(since) = backdate.filter(|_| kind == Mode::Flexible && trial_end.is_none()) {
        anchor = Some(anchor::backdated(params, anchor, since, now, &items)?);
    }
    let mut fields = json!({ "billing_mode": mode, "metadata": {} });
    params.apply(&mut fields, &FIELDS);
    if let Value::Object(shares) = connect::shares(world, params, "")? {
        merge(&mut fields, &shares);
    }
    check_issuer(world, params)?;
    automatic_tax::check(world, params.given("automatic_tax"), &customer)?;
    automatic_tax::of_subscription(&mut fields, params.given("automatic_tax"));
    if is_sent(params) && params.int("days_until_due").is_none() {
        put(&mut fields, "days_until_due", item::DAYS_UNTIL_DUE);
    }
    let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
    put(&mut fields, "default_tax_rates", rates);
    let buyer = Buyer { customer: &customer, amount: None };
    let discounts = redemption::asked(world, params, buyer)?.unwrap_or_default();
    let method = method(world, params, &customer, &mut fields)?;
    let later = params.text("payment_behavior") == Some("default_incomplete") || is_sent(params);
    let how = how.unwrap_or_else(|| match &method {
        _ if later => Collect::Later,
        Some(method) => payment::outcome_of(world.peek(method)),
        None => Collect::Later,
    });
    Ok(Start {
        extra: invoice_item::read_extra(world, &customer, params.list("add_invoice_items"))?,
        trial_end,
        fields,
        method,
        how,
        discounts,
        anchor,
        backdate,
        prorates: params.text("proration_behavior") != Some("none"),
        ..Start::of(&customer, items)
    })
}

/// What does not go together, in Stripe's words.
fn check(params: &Params) -> Result<(), ApiError> {
    if params.text("payment_behavior") == Some("pending_if_incomplete") {
        return Err(ApiError::invalid_param(
            "payment_behavior",
            "Setting `payment_behavior` to `pending_if_incomplete` has no effect when creating a subscription.",
        ));
    }
    if params.int("days_until_due").is_some() && !is_sent(params) {
        return Err(ApiError::invalid_param(
            "days_until_due",
            "You can only set `days_until_due` if `collection_method` is `send_invoice`.",
        ));
    }
    if params.int("days_until_due").is_some_and(|days| !(0..=36_525).contains(&days)) {
        return Err(ApiError::invalid_param("days_until_due", "Invalid days_until_due."));
    }
    Ok(())
}

fn method(
    world: &mut World<'_>,
    params: &Params,
    customer: &str,
    fields: &mut Value,
) -> Result<Option<String>, ApiError> {
    if let Some(source) = params.text("default_source") {
        world.named_by(Kind::Source, source, "default_source")?;
    }
    match params.text("default_payment_method") {
        Some(method) => {
            let method = payment::attach(world, method, customer, "default_payment_method")?;
            put(fields, "default_payment_method", method.clone());
            Ok(Some(method))
        }
        None => Ok(payment::default_of(world, customer)),
    }
}

fn trial_end(world: &World<'_>, params: &Params, items: &[item::New]) -> Result<Option<i64>, ApiError> {
    let now = world.second();
    let of_plan = |item: &item::New| item.price["recurring"]["trial_period_days"].as_i64();
    let days = match params.int("trial_period_days") {
        None if params.is_true("trial_from_plan") => items.iter().filter_map(of_plan).max(),
        days => days,
    };
    let end = match (days, params.int("trial_end")) {
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

/// What a period of this costs in advance: usage is billed afterwards.
pub(crate) fn amount(world: &World<'_>, price: &Value, quantity: i64) -> i64 {
    if price["recurring"]["usage_type"] == "metered" {
        return 0;
    }
    catalog::amount(world, price, quantity)
}

/// The lines of a subscription's current period; nothing is asked for while it is on trial.
pub(crate) fn lines_of(world: &World<'_>, subscription: &Value) -> Vec<Value> {
    lines_where(world, subscription, |_| true)
}

/// The same of some of its items.
pub(crate) fn lines_where(
    world: &World<'_>,
    subscription: &Value,
    keeps: impl Fn(&Value) -> bool,
) -> Vec<Value> {
    let trial = text(subscription, "status") == "trialing";
    let flexible = billing_mode::is_flexible(subscription);
    let line = |item: &Value| {
        let price = &item["price"];
        let quantity = item["quantity"].as_i64();
        let name = catalog::name_of(world, price);
        let (amount, description) = match (trial, quantity) {
            (true, quantity) if flexible => {
                (0, format!("Free trial for {} × {name}", quantity.unwrap_or_default()))
            }
            (true, None) => (0, format!("0 × {name} (Free trial)")),
            (true, _) => (0, format!("Trial period for {name}")),
            (false, None) => (0, name),
            (false, Some(quantity)) => (amount(world, price, quantity), priced(price, quantity, &name)),
        };
        let period = item::period(item);
        let parent =
            crate::stripe::object::invoice::line_of_subscription(text(subscription, "id"), text(item, "id"));
        let billed = Billed { price, quantity, amount, description, period };
        let mut line = crate::stripe::object::invoice::line(&billed, parent);
        put(&mut line, "discounts", item["discounts"].clone());
        put(&mut line, "tax_rates", item["tax_rates"].clone());
        line
    };
    data(&subscription["items"]).iter().filter(|item| keeps(item)).map(line).collect()
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
    let every = match int(&price["recurring"], "interval_count") {
        ..=1 => format!("/ {interval}"),
        count => format!("every {count} {interval}s"),
    };
    format!("{quantity} × {name} (at {currency}{}.{:02} {every})", amount / 100, amount % 100)
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
    if !params.is_true("invoice_now") && !params.is_true("prorate") {
        end(world, id, details);
        return Ok(world.copy(id));
    }
    let ending = world.copy(id);
    if !params.is_true("invoice_now") {
        invoice_item::forget_pending(world, &ending);
    }
    if params.is_true("prorate") && matches!(text(&ending, "status"), "active" | "past_due" | "unpaid") {
        proration::credit(world, &ending, world.second());
    }
    if params.is_true("invoice_now") {
        end_with_invoice(world, id, &details);
    } else {
        end_with(world, id, &details, Pending::Kept);
    }
    Ok(world.copy(id))
}

/// Ends a subscription, and bills what is still pending for it on a last invoice.
pub(crate) fn end_with_invoice(world: &mut World<'_>, id: &str, details: &Value) {
    let customer = text(world.peek(id), "customer").to_owned();
    let any = !invoice_item::take_pending(world, &customer, Some(id)).is_empty();
    let invoice = any.then(|| world.mint("in"));
    if let Some(invoice) = &invoice {
        world.change(id, |subscription| put(subscription, "latest_invoice", invoice.as_str()));
    }
    end_with(world, id, details, Pending::Kept);
    let ended = world.copy(id);
    if invoice.is_some() {
        let period = item::period_of(&ended);
        let last = Bill {
            id: invoice,
            subscription: &ended,
            reason: "subscription_update",
            lines: Vec::new(),
            period: (period.0, world.second().max(period.0)),
            discounts: None,
        };
        let invoice = bill::draft(world, last);
        bill::collect(world, &invoice, None, None);
    }
}
