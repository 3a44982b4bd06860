//! Updates of a subscription: items with proration, new billing cycles, trials, pauses, cancellation later.

use serde_json::{Value, json};

use super::bill::{self, Bill};
use super::payment::{self, Collect};
use super::redemption::{self, Buyer};
use super::status::{become_, give_up_trial, pause};
use super::subscription::{self, FIELDS, is_over};
use super::{
    World, automatic_tax, billing_mode, connect, ending, entitlement, invoice_item, item, pending_update,
    period, proration, put_all, tax_rate,
};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, data, int, merge, put, text};

pub(crate) const UPDATE: Table = &[
    ("items", Is::Rows(item::CHANGED)),
    ("add_invoice_items", Is::Rows(invoice_item::EXTRA)),
    ("billing_cycle_anchor", Is::Choice(&["now", "unchanged"])),
    ("cancel_at_period_end", Is::Bool),
    ("cancel_at", subscription::CANCEL_AT),
    ("cancellation_details", subscription::CANCELLATION_DETAILS),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("days_until_due", Is::Int),
    ("default_payment_method", Is::Text),
    ("default_source", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("off_session", Is::Bool),
    (
        "pause_collection",
        Is::Fields(&[
            ("behavior", Is::Needed(&Is::Choice(&["keep_as_draft", "mark_uncollectible", "void"]))),
            ("resumes_at", Is::Int),
        ]),
    ),
    ("payment_behavior", subscription::PAYMENT_BEHAVIOR),
    ("payment_settings", subscription::PAYMENT_SETTINGS),
    ("proration_behavior", subscription::PRORATION_BEHAVIOR),
    ("proration_date", Is::Int),
    ("trial_end", Is::Time),
    ("trial_from_plan", Is::Bool),
    ("trial_settings", subscription::TRIAL_SETTINGS),
    ("invoice_settings", subscription::INVOICE_SETTINGS),
    ("application_fee_percent", Is::Decimal),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("billing_schedules", Is::NotModelled),
    ("billing_thresholds", Is::NotModelled),
    ("coupon", Is::Text),
    ("default_tax_rates", Is::Texts),
    ("discounts", redemption::ROWS),
    ("promotion_code", Is::Text),
    ("on_behalf_of", Is::Text),
    ("pending_invoice_item_interval", Is::NotModelled),
    ("transfer_data", connect::TRANSFER_SHARE),
];

/// What an update does to the billing cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cycle {
    /// It goes on.
    Same,
    /// A new period begins at once, and is billed.
    Anew,
    /// A trial begins, until then.
    Trial(i64),
    /// The trial that runs ends then instead.
    TrialMoved(i64),
}

/// An update, with nothing left to read.
struct Change<'a> {
    before: &'a Value,
    after: Value,
    cycle: Cycle,
    /// The moment from which time is prorated.
    at: i64,
    params: &'a Params,
    /// How a payment goes that is asked for at once, where the scenario decides it.
    how: Option<Collect>,
}

/// `POST /v1/subscriptions/{id}`.
pub(crate) fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    update_paid(world, id, params, None)
}

/// The same. `how` overrides what the payment method would do: the scenario decides.
pub(crate) fn update_paid(
    world: &mut World<'_>,
    id: &str,
    params: &Params,
    how: Option<Collect>,
) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Subscription, id)?;
    allowed(&before, params)?;
    world.attempt(|world| change(world, &before, params, how))?;
    Ok(world.copy(id))
}

/// What Stripe refuses because of the status.
fn allowed(before: &Value, params: &Params) -> Result<(), ApiError> {
    let only = |allowed: &[&str]| params.fields().keys().all(|name| allowed.contains(&name.as_str()));
    if is_over(before) && !only(&["metadata", "cancellation_details"]) {
        return Err(canceled());
    }
    super::schedule::allows(before, params)?;
    if params.text("payment_behavior") == Some("pending_if_incomplete") {
        pending_update::check(params)?;
    }
    Ok(())
}

/// What Stripe says to changes of a subscription that has ended.
pub(crate) fn canceled() -> ApiError {
    ApiError::invalid("A canceled subscription can only update its cancellation_details and metadata.")
        .with_code("invalid_canceled_subscription_fields")
}

fn change(
    world: &mut World<'_>,
    before: &Value,
    params: &Params,
    how: Option<Collect>,
) -> Result<(), ApiError> {
    let now = world.second();
    let mut after = before.clone();
    params.apply(&mut after, &FIELDS);
    params.apply(&mut after, &["cancellation_details"]);
    if let Value::Object(shares) = connect::shares(world, params, "")? {
        merge(&mut after, &shares);
    }
    subscription::check_issuer(world, params)?;
    automatic_tax::check(world, params.given("automatic_tax"), text(before, "customer"))?;
    automatic_tax::lay(&mut after, params.given("automatic_tax"), true);
    methods(world, before, params, &mut after)?;
    if let Some(pause) = params.given("pause_collection") {
        let behavior = json!({ "behavior": pause["behavior"], "resumes_at": pause["resumes_at"] });
        put(&mut after, "pause_collection", if pause.is_object() { behavior } else { NULL });
    }
    if !params.list("items").is_empty() {
        let items = item::read_changed(world, before, params.list("items"))?;
        item::replace(&mut after, items);
    }
    lay_discounts(world, &mut after, params)?;
    let cycle = cycle(world, before, &after, params)?;
    if cycle == Cycle::Anew && text(before, "status") == "trialing" && !can_pay(world, &after) {
        return end_trial_unpaid(world, before, after);
    }
    begin(&mut after, cycle, now);
    ending::lay(&mut after, params, now)?;
    ending::follow(&mut after, params);
    if let Some((_, fields)) = world.overlay.take() {
        merge(&mut after, &fields);
    }
    let customer = text(before, "customer");
    for extra in invoice_item::read_extra(world, customer, params.list("add_invoice_items"))? {
        invoice_item::extra(world, &after, &extra);
    }
    let at = prorated_at(before, params, now)?;
    apply(world, Change { before, after, cycle, at, params, how })
}

/// `discounts` and `default_tax_rates`.
fn lay_discounts(world: &mut World<'_>, subscription: &mut Value, params: &Params) -> Result<(), ApiError> {
    if params.given("default_tax_rates").is_some() {
        let rates = tax_rate::named(world, params.list("default_tax_rates"), "default_tax_rates")?;
        put(subscription, "default_tax_rates", rates);
    }
    let (customer, id) = (text(subscription, "customer").to_owned(), text(subscription, "id").to_owned());
    let buyer = Buyer { customer: &customer, amount: None };
    let Some(wanted) = redemption::asked(world, params, buyer)? else { return Ok(()) };
    let on = [("customer", customer.as_str()), ("subscription", id.as_str())];
    let ids: Vec<_> = wanted.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect();
    put(subscription, "discounts", ids);
    Ok(())
}

fn methods(
    world: &mut World<'_>,
    before: &Value,
    params: &Params,
    after: &mut Value,
) -> Result<(), ApiError> {
    if let Some(method) = params.text("default_payment_method") {
        let method = payment::attach(world, method, text(before, "customer"), "default_payment_method")?;
        put(after, "default_payment_method", method);
    }
    if let Some(source) = params.text("default_source") {
        world.named_by(Kind::Source, source, "default_source")?;
    }
    if params.int("days_until_due").is_some_and(|days| !(0..=36_525).contains(&days)) {
        return Err(ApiError::invalid_param("days_until_due", "Invalid days_until_due."));
    }
    let sent = text(after, "collection_method") == "send_invoice";
    match (sent, after["days_until_due"].is_null()) {
        (true, true) => put(after, "days_until_due", item::DAYS_UNTIL_DUE),
        (false, false) => put(after, "days_until_due", NULL),
        _ => {}
    }
    Ok(())
}

/// `proration_date`, which must lie in the current period.
fn prorated_at(before: &Value, params: &Params, now: i64) -> Result<i64, ApiError> {
    let (start, end) = item::period_of(before);
    match params.int("proration_date") {
        None => Ok(now),
        Some(at) if (start..=end).contains(&at) => Ok(at),
        Some(_) => Err(ApiError::invalid_param(
            "proration_date",
            "Cannot specify a proration date that is outside of the current billing period.",
        )),
    }
}

/// Another interval, a trial that begins or ends, or the wish for it change the billing cycle. In flexible billing mode
/// nothing but the wish and trials do
/// (<https://docs.stripe.com/billing/subscriptions/billing-mode/compare#reset-the-billing-cycle-anchor>).
fn cycle(world: &World<'_>, before: &Value, after: &Value, params: &Params) -> Result<Cycle, ApiError> {
    let first = |subscription: &Value| data(&subscription["items"]).first().cloned().unwrap_or_default();
    let costs = |subscription: &Value| {
        let amount = |item: &Value| subscription::amount(world, &item["price"], int(item, "quantity"));
        data(&subscription["items"]).iter().any(|item| amount(item) != 0)
    };
    let resets = || {
        let recurring = |subscription: &Value| first(subscription)["price"]["recurring"].clone();
        !billing_mode::is_flexible(before)
            && (!period::same(&recurring(before), &recurring(after)) || !costs(before) && costs(after))
    };
    let trialing = text(before, "status") == "trialing";
    let runs = matches!(text(before, "status"), "active" | "past_due");
    match params.given("trial_end") {
        Some(Value::String(_)) if trialing => return Ok(Cycle::Anew),
        Some(Value::Number(end)) => {
            let end = end.as_i64().unwrap_or_default();
            if end <= world.second() || end > world.second().saturating_add(40_000 * period::DAY) {
                let message = "Invalid timestamp: must be an integer Unix timestamp in the future.";
                return Err(ApiError::invalid_param("trial_end", message));
            }
            return match (trialing, runs) {
                (true, _) => Ok(Cycle::TrialMoved(end)),
                (_, true) => Ok(Cycle::Trial(end)),
                _ => Err(ApiError::not_modelled(
                    "a trial of a subscription that is incomplete, unpaid or paused",
                )),
            };
        }
        _ => {}
    }
    match params.text("billing_cycle_anchor") {
        Some("now") if trialing => Err(ApiError::not_modelled("billing_cycle_anchor=now during a trial")),
        Some("now") => Ok(Cycle::Anew),
        _ if !trialing && resets() => Ok(Cycle::Anew),
        _ => Ok(Cycle::Same),
    }
}

/// Whether the first period after a trial can be collected, or need not be.
pub(crate) fn can_pay(world: &World<'_>, subscription: &Value) -> bool {
    let free = data(&subscription["items"]).iter().all(|item| {
        subscription::amount(world, &item["price"], item["quantity"].as_i64().unwrap_or_default()) == 0
    });
    let stands_for_it = json!({
        "customer": subscription["customer"],
        "parent": { "subscription_details": { "subscription": subscription["id"] } },
    });
    free || text(subscription, "collection_method") == "send_invoice"
        || !subscription["default_payment_method"].is_null()
        || bill::method_of(world, &stands_for_it).is_some()
}

/// `trial_settings.end_behavior.missing_payment_method` decides.
pub(crate) fn end_trial_unpaid(world: &mut World<'_>, before: &Value, after: Value) -> Result<(), ApiError> {
    let id = text(before, "id").to_owned();
    let behavior = text(&after["trial_settings"]["end_behavior"], "missing_payment_method").to_owned();
    let now = world.second();
    world.change(&id, |subscription| {
        *subscription = after;
        put(subscription, "trial_end", now);
    });
    match behavior.as_str() {
        "pause" => pause(world, &id),
        "cancel" => give_up_trial(world, &id),
        _ => return Err(ApiError::no_payment_method()),
    }
    Ok(())
}

/// Lays the new period over the subscription, where one begins.
fn begin(subscription: &mut Value, cycle: Cycle, now: i64) {
    match cycle {
        Cycle::Same => {}
        Cycle::Anew => begin_anew(subscription, now),
        Cycle::Trial(end) => {
            item::set_periods(subscription, |_| (now, end));
            put_all(
                subscription,
                [
                    ("billing_cycle_anchor", end.into()),
                    ("status", "trialing".into()),
                    ("trial_end", end.into()),
                ],
            );
            // In classic billing mode it always tells of the first trial.
            if billing_mode::is_flexible(subscription) || subscription["trial_start"].is_null() {
                put(subscription, "trial_start", now);
            }
        }
        Cycle::TrialMoved(end) => move_trial(subscription, end),
    }
}

/// A trial ends at another time, and so do the periods that it is.
pub(super) fn move_trial(subscription: &mut Value, end: i64) {
    item::set_periods(subscription, |item| (item::period(item).0, end));
    put_all(subscription, [("billing_cycle_anchor", end.into()), ("trial_end", end.into())]);
}

/// New periods from now on.
pub(crate) fn begin_anew(subscription: &mut Value, now: i64) {
    put_all(subscription, [("billing_cycle_anchor", now.into()), ("billing_cycle_anchor_config", NULL)]);
    if text(subscription, "status") == "trialing" {
        put_all(subscription, [("status", "active".into()), ("trial_end", now.into())]);
    }
    item::set_periods(subscription, |item| (now, period::end(now, now, &item["price"]["recurring"])));
}

/// Prorates, tells, and bills what cannot wait.
fn apply(world: &mut World<'_>, change: Change<'_>) -> Result<(), ApiError> {
    let Change { before, after, cycle, at, params, how } = change;
    let id = text(before, "id").to_owned();
    let customer = text(before, "customer").to_owned();
    let behavior = params.text("proration_behavior").unwrap_or("create_prorations");
    let running = matches!(text(before, "status"), "active" | "past_due" | "unpaid");
    let anew = matches!(cycle, Cycle::Anew | Cycle::Trial(_));
    if behavior != "none" && running {
        proration::prorate(world, before, &after, at, anew);
        ending::credit(world, before, &after, anew);
    }
    if !before["pending_update"].is_null() && (anew || before["items"] != after["items"]) {
        pending_update::expire(world, &id);
    }
    let invoice = (anew || running && behavior == "always_invoice").then(|| world.mint("in"));
    let waits = params.text("payment_behavior") == Some("pending_if_incomplete");
    match invoice {
        Some(invoice) if waits => {
            let invoice = draft(world, &after, invoice, anew);
            bill_first(world, &id, &after, invoice, params, how);
        }
        invoice => {
            let mut after = after;
            if let Some(invoice) = &invoice {
                put(&mut after, "latest_invoice", invoice.as_str());
            }
            put(&mut after, "pending_update", world.peek(&id)["pending_update"].clone());
            world.update("customer.subscription.updated", &id, |subscription| *subscription = after.clone());
            redemption::tell_changes(world, &redemption::held_by(before), &redemption::held_by(&after));
            tell_trial_end(world, before, &after);
            if let Some(invoice) = invoice {
                let invoice = draft(world, &after, invoice, anew);
                bill_after(world, &after, &invoice, params, how)?;
            }
        }
    }
    entitlement::refresh(world, &customer);
    Ok(())
}

/// `trial_will_end` is also sent when a trial is ended at once.
fn tell_trial_end(world: &mut World<'_>, before: &Value, after: &Value) {
    if text(before, "status") == "trialing" && text(after, "status") == "active" {
        world.tell("customer.subscription.trial_will_end", text(after, "id"));
    }
}

fn draft(world: &mut World<'_>, subscription: &Value, invoice: String, anew: bool) -> String {
    let lines = if anew { subscription::lines_of(world, subscription) } else { Vec::new() };
    let bill = Bill {
        id: Some(invoice),
        subscription,
        reason: "subscription_update",
        lines,
        period: item::period_of(subscription),
        discounts: None,
    };
    bill::draft(world, bill)
}

/// Bills a change that was made, whatever the payment comes to, unless the caller wants an error then.
fn bill_after(
    world: &mut World<'_>,
    after: &Value,
    invoice: &str,
    params: &Params,
    how: Option<Collect>,
) -> Result<(), ApiError> {
    let behavior = params.text("payment_behavior").unwrap_or("allow_incomplete");
    let how = how.or_else(|| (behavior == "default_incomplete").then_some(Collect::Later));
    let how = bill::collect(world, invoice, how, None);
    let automatic = text(after, "collection_method") == "charge_automatically";
    match (behavior, how) {
        _ if !automatic => {}
        (_, Collect::Paid) => subscription::after_payment(world, invoice, how),
        ("error_if_incomplete", Collect::ActionRequired) => return Err(ApiError::action_required()),
        ("error_if_incomplete", Collect::Declined) => return Err(ApiError::declined()),
        // It waits for the customer to confirm the payment.
        ("default_incomplete", _) => become_(world, text(after, "id"), "past_due"),
        _ => subscription::after_payment(world, invoice, how),
    }
    Ok(())
}

/// Bills a change that is only made once it is paid.
fn bill_first(
    world: &mut World<'_>,
    id: &str,
    after: &Value,
    invoice: String,
    params: &Params,
    how: Option<Collect>,
) {
    bill::collect(world, &invoice, how, None);
    if text(world.peek(&invoice), "status") == "open" {
        return pending_update::wait(world, id, after, params, &invoice);
    }
    world.update("customer.subscription.updated", id, |subscription| {
        *subscription = after.clone();
        put(subscription, "latest_invoice", invoice);
    });
}
