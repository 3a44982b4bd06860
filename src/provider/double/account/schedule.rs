//! Subscription schedules: what a subscription will be, phase by phase
//! (<https://docs.stripe.com/billing/subscriptions/subscription-schedules>).

use serde_json::{Map, Value, json};

use super::billing_mode::Mode;
use super::{World, automatic_tax, billing_mode, item, period, phase, put_all, subscription};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{CREATED, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::{NULL, int, put, schedule, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/subscription_schedules",
        Kind::Schedule,
        &[
            CUSTOMER,
            ("scheduled", Is::Bool),
            ("canceled_at", Is::NotModelled),
            ("completed_at", Is::NotModelled),
            ("released_at", Is::NotModelled),
            CREATED,
        ],
        |name, wanted, stored: &Stored| {
            let waits = text(stored.value(), "status") == "not_started";
            Some(waits == (wanted? == true)).filter(|_| name == "scheduled")
        },
    ),
    Route::retrieve("/v1/subscription_schedules/{id}", Kind::Schedule),
    Route::create("/v1/subscription_schedules", CREATE, create),
    Route::change("/v1/subscription_schedules/{id}", UPDATE, update),
    Route::change("/v1/subscription_schedules/{id}/cancel", CANCEL, |world, id, _| cancel(world, id)),
    Route::change("/v1/subscription_schedules/{id}/release", RELEASE, release),
];

const SETTINGS: Is = Is::Fields(&[
    ("billing_cycle_anchor", Is::Choice(&["automatic"])),
    ("collection_method", Is::Choice(&["charge_automatically", "send_invoice"])),
    ("default_payment_method", Is::Text),
    ("description", Is::Text),
    ("invoice_settings", Is::Map),
    ("application_fee_percent", Is::NotModelled),
    ("automatic_tax", automatic_tax::AUTOMATIC_TAX),
    ("billing_thresholds", Is::NotModelled),
    ("on_behalf_of", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
]);

const END_BEHAVIOR: Is = Is::Choice(&["release", "cancel"]);

pub(crate) const CREATE: Table = &[
    ("customer", Is::Text),
    ("from_subscription", Is::Text),
    ("phases", Is::Rows(phase::PHASE)),
    ("start_date", Is::Time),
    ("end_behavior", END_BEHAVIOR),
    ("default_settings", SETTINGS),
    ("metadata", Is::Meta),
    ("billing_mode", billing_mode::BILLING_MODE),
    ("customer_account", Is::NotModelled),
    ("pause_schedules", Is::NotModelled),
];

pub(crate) const UPDATE: Table = &[
    ("phases", Is::Rows(phase::PHASE)),
    ("end_behavior", END_BEHAVIOR),
    ("default_settings", SETTINGS),
    ("metadata", Is::Meta),
    ("proration_behavior", phase::PRORATIONS),
    ("pause_schedules", Is::NotModelled),
];

const CANCEL: Table = &[("invoice_now", Is::Bool), ("prorate", Is::Bool)];
const RELEASE: Table = &[("preserve_cancel_date", Is::Bool)];

/// When Stripe announces the end of a schedule.
const WARNING: i64 = 7 * period::DAY;

/// Something that a schedule does by itself.
pub(crate) enum Due {
    Starts(String),
    Expiring(String),
    PhaseEnds(String),
}

/// What is next due for a schedule.
pub(crate) fn due(world: &World<'_>, id: &str) -> Option<(i64, Due)> {
    let schedule = world.peek(id);
    match text(schedule, "status") {
        "not_started" => Some((int(schedule["phases"].get(0)?, "start_date"), Due::Starts(id.to_owned()))),
        "active" => {
            let ends = (int(&schedule["current_phase"], "end_date"), Due::PhaseEnds(id.to_owned()));
            let warns = last_end(schedule) - WARNING;
            let told = world.hidden(id)["warned"] == true;
            Some(if told || warns > ends.0 { ends } else { (warns, Due::Expiring(id.to_owned())) })
        }
        _ => None,
    }
}

fn last_end(schedule: &Value) -> i64 {
    schedule["phases"].as_array().and_then(|phases| phases.last()).map_or(0, |phase| int(phase, "end_date"))
}

/// Does it, now.
pub(crate) fn happen(world: &mut World<'_>, due: Due) {
    match due {
        Due::Starts(id) => {
            // Somebody may have deleted what the phase needs: then it never starts.
            if start(world, &id).is_err() {
                close(world, &id, "canceled", "canceled_at");
                return world.tell("subscription_schedule.aborted", &id);
            }
            world.tell("subscription_schedule.updated", &id);
        }
        Due::Expiring(id) => {
            world.change_hidden(&id, |hidden| put(hidden, "warned", true));
            world.tell("subscription_schedule.expiring", &id);
        }
        Due::PhaseEnds(id) => next_phase(world, &id),
    }
}

/// `POST /v1/subscription_schedules`.
pub(crate) fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    if let Some(subscription) = params.text("from_subscription") {
        return from_subscription(world, subscription, params);
    }
    let customer = params.needed("customer")?.to_owned();
    world.named_by(Kind::Customer, &customer, "customer")?;
    let now = world.second();
    let starts = params.int("start_date").unwrap_or(now);
    let tax = params.inside("default_settings");
    automatic_tax::check_liability_in(world, tax.given("automatic_tax"), "default_settings[automatic_tax]")?;
    world.attempt(|world| {
        let mode = billing_mode::read(world, params.given("billing_mode"), "billing_mode")?;
        let phases = phase::read(world, &customer, params.list("phases"), (starts, Mode::of(&mode)))?;
        let id = make(world, &customer, params, phases, mode);
        if starts <= now {
            start(world, &id)?;
        }
        world.tell("subscription_schedule.created", &id);
        Ok(world.copy(&id))
    })
}

fn make(world: &mut World<'_>, customer: &str, params: &Params, phases: Vec<Value>, mode: Value) -> String {
    let id = world.mint("sub_sched");
    let mut made = schedule::schedule(&id, world.second(), customer);
    apply(&mut made, params);
    put_all(&mut made, [("billing_mode", mode), ("phases", phases.into())]);
    let warned = last_end(&made) - WARNING <= world.second();
    world.insert_with(Kind::Schedule, made, json!({ "warned": warned }));
    id
}

/// Lays parameters over a schedule, but for its phases.
fn apply(schedule: &mut Value, params: &Params) {
    params.apply(schedule, &["default_settings", "end_behavior", "metadata"]);
    let settings = params.inside("default_settings");
    if let Some(kept) = schedule.get_mut("default_settings") {
        automatic_tax::lay(kept, settings.given("automatic_tax"), true);
    }
}

/// A schedule for a subscription that runs: its current period is the first phase.
fn from_subscription(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    for name in ["customer", "phases", "start_date", "end_behavior", "default_settings", "billing_mode"] {
        if params.given(name).is_some() {
            let message = format!("You cannot set `{name}` if `from_subscription` is set.");
            return Err(ApiError::invalid_param(name, message));
        }
    }
    let held = world.named_by(Kind::Subscription, id, "from_subscription")?;
    if !held["schedule"].is_null() {
        let message =
            format!("You cannot migrate a subscription that is already attached to a schedule: `{id}`.");
        return Err(ApiError::invalid_param("from_subscription", message));
    }
    if !["active", "trialing", "past_due"].contains(&text(&held, "status")) {
        let message = "You can only migrate a subscription that is active, trialing or past due.";
        return Err(ApiError::invalid_param("from_subscription", message));
    }
    let phases = vec![phase::of_subscription(&held)];
    let mode = billing_mode::as_given(&held["billing_mode"]);
    let made = make(world, text(&held, "customer"), params, phases, mode);
    let (starts, ends) = item::period_of(&held);
    world.change(&made, |schedule| activate(schedule, id, (starts, ends)));
    world.update("customer.subscription.updated", id, |held| put(held, "schedule", made.as_str()));
    world.tell("subscription_schedule.created", &made);
    Ok(world.copy(&made))
}

fn activate(schedule: &mut Value, subscription: &str, (start, end): (i64, i64)) {
    let current = json!({ "end_date": end, "start_date": start });
    put_all(
        schedule,
        [("current_phase", current), ("status", "active".into()), ("subscription", subscription.into())],
    );
}

/// The first phase begins: with a subscription of its own.
fn start(world: &mut World<'_>, id: &str) -> Result<(), ApiError> {
    let schedule = world.copy(id);
    let first = schedule["phases"][0].clone();
    let customer = text(&schedule, "customer");
    let mut given = phase::starting(&first, &schedule["default_settings"], customer);
    put(&mut given, "billing_mode", billing_mode::as_given(&schedule["billing_mode"]));
    let mut fields = Map::from_iter([("schedule".to_owned(), Value::from(id))]);
    let method = super::payment::default_of(world, customer);
    if method.is_none()
        && given["default_payment_method"].is_null()
        && given["collection_method"] != "send_invoice"
    {
        // Nobody is there who could answer an error: the subscription runs, with an invoice that stays open.
        put(&mut given, "payment_behavior", "default_incomplete");
        let status = if first["trial_end"].is_null() { "active" } else { "trialing" };
        fields.insert("status".to_owned(), status.into());
    }
    if text(&schedule, "end_behavior") == "cancel" {
        fields.insert("cancel_at".to_owned(), last_end(&schedule).into());
    }
    let asked = world.overlay.replace((Kind::Subscription, fields));
    let none = Map::new();
    let made =
        Params::read(given.as_object().unwrap_or(&none), subscription::CREATE, &"a phase of a schedule")
            .and_then(|params| subscription::create(world, &params, None));
    world.overlay = asked;
    let made = text(&made?, "id").to_owned();
    let span = (int(&first, "start_date"), int(&first, "end_date"));
    world.change(id, |schedule| activate(schedule, &made, span));
    Ok(())
}

/// A phase is over: the next one begins, or the schedule is complete.
fn next_phase(world: &mut World<'_>, id: &str) {
    let schedule = world.copy(id);
    let owner = text(&schedule, "subscription").to_owned();
    let ended = int(&schedule["current_phase"], "end_date");
    let phases = schedule["phases"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(next) = phases.iter().find(|phase| int(phase, "start_date") >= ended) else {
        return complete(world, id, &owner, text(&schedule, "end_behavior"));
    };
    let span = (int(next, "start_date"), int(next, "end_date"));
    let proration = text(next, "proration_behavior");
    // What a phase needs was there when it was read; where it is gone since, the subscription stays as it is.
    let _ = phase::sell_extra(world, &owner, next);
    let _ = phase::apply(world, &owner, next, &schedule["default_settings"], proration);
    world.by_itself();
    world.update("subscription_schedule.updated", id, |schedule| activate(schedule, &owner, span));
}

fn complete(world: &mut World<'_>, id: &str, owner: &str, behavior: &str) {
    let now = world.second();
    let mut done =
        vec![("completed_at", Value::from(now)), ("current_phase", NULL), ("status", "completed".into())];
    if behavior == "release" {
        done.extend([("released_subscription", Value::from(owner)), ("subscription", NULL)]);
    }
    world.change(id, |schedule| done.into_iter().for_each(|(key, value)| put(schedule, key, value)));
    match behavior {
        "cancel" => subscription::end(world, owner, json!({})),
        _ => {
            world.update("customer.subscription.updated", owner, |held| put(held, "schedule", NULL));
        }
    }
    world.tell("subscription_schedule.completed", id);
}

/// `POST /v1/subscription_schedules/{id}`.
pub(crate) fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Schedule, id)?;
    open(&before, "update")?;
    world.attempt(|world| {
        let mut after = before.clone();
        let tax = params.inside("default_settings");
        let param = "default_settings[automatic_tax]";
        automatic_tax::check_liability_in(world, tax.given("automatic_tax"), param)?;
        apply(&mut after, params);
        if params.given("phases").is_some() {
            let phases = rephased(world, &before, params.list("phases"))?;
            put(&mut after, "phases", phases);
        }
        settle(world, &before, &mut after, params)?;
        let warned = last_end(&after) - WARNING <= world.second();
        world.change_hidden(id, |hidden| put(hidden, "warned", warned));
        Ok(world.updated("subscription_schedule.updated", id, |schedule| *schedule = after))
    })
}

/// The new phases of a schedule, after those that are over.
fn rephased(world: &mut World<'_>, before: &Value, given: &[Value]) -> Result<Vec<Value>, ApiError> {
    let now = world.second();
    let start = match given.first().map(|first| &first["start_date"]) {
        Some(Value::String(_)) => now,
        Some(Value::Number(start)) => start.as_i64().unwrap_or_default(),
        _ => {
            let message = "The subscription schedule update is missing at least one phase with a `start_date` to \
                           anchor end dates to.";
            return Err(ApiError::invalid_param("phases", message));
        }
    };
    let kept = before["phases"].as_array().into_iter().flatten();
    let mut phases: Vec<_> = kept.filter(|phase| int(phase, "end_date") <= start.min(now)).cloned().collect();
    if let Some(last) = phases.last().filter(|last| int(last, "end_date") > start) {
        let message = format!("The phases must follow each other: one ends at {}.", int(last, "end_date"));
        return Err(ApiError::invalid_param("phases[0][start_date]", message));
    }
    let current = int(&before["current_phase"], "start_date");
    if text(before, "status") == "active" && start != current && start < now {
        let message = "You can not modify the start date of the current phase.";
        return Err(ApiError::invalid_param("phases[0][start_date]", message));
    }
    let mode = Mode::of(&before["billing_mode"]);
    phases.extend(phase::read(world, text(before, "customer"), given, (start, mode))?);
    Ok(phases)
}

/// What an update means for the subscription at once: the current phase may be another.
fn settle(world: &mut World<'_>, before: &Value, after: &mut Value, params: &Params) -> Result<(), ApiError> {
    let Some(owner) = after["subscription"].as_str().map(str::to_owned) else { return Ok(()) };
    let now = world.second();
    let phases = after["phases"].as_array().map_or(&[][..], Vec::as_slice);
    let current = phases.iter().find(|phase| int(phase, "start_date") <= now && now < int(phase, "end_date"));
    let Some(current) = current.cloned() else {
        let message = "The subscription schedule must have a phase that is current.";
        return Err(ApiError::invalid_param("phases", message));
    };
    let mut was = before["phases"].as_array().into_iter().flatten();
    let was = was.find(|phase| phase["start_date"] == before["current_phase"]["start_date"]).cloned();
    let settings = after["default_settings"].clone();
    let same = was.is_some_and(|was| {
        let (mut was, mut current) = (was, current.clone());
        for phase in [&mut was, &mut current] {
            put_all(phase, [("end_date", NULL), ("start_date", NULL), ("proration_behavior", NULL)]);
        }
        was == current && before["default_settings"] == settings
    });
    if !same {
        let proration = params.text("proration_behavior").unwrap_or("create_prorations");
        if current["start_date"] != before["current_phase"]["start_date"] {
            phase::sell_extra(world, &owner, &current)?;
        }
        phase::apply(world, &owner, &current, &settings, proration)?;
    }
    let span = (int(&current, "start_date"), int(&current, "end_date"));
    activate(after, &owner, span);
    let cancels = (text(after, "end_behavior") == "cancel").then(|| last_end(after));
    world.update("customer.subscription.updated", &owner, |held| put(held, "cancel_at", cancels));
    Ok(())
}

fn open(schedule: &Value, verb: &str) -> Result<(), ApiError> {
    let status = text(schedule, "status");
    if ["not_started", "active"].contains(&status) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "You cannot {verb} a subscription schedule that is currently in the `{status}` status. It must be `not_started` \
         or `active`."
    )))
}

fn close(world: &mut World<'_>, id: &str, status: &str, when: &str) {
    let now = world.second();
    world.change(id, |schedule| {
        put_all(schedule, [(when, now.into()), ("current_phase", NULL), ("status", status.into())]);
    });
}

/// `POST /v1/subscription_schedules/{id}/cancel`: with its subscription, at once.
fn cancel(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Schedule, id)?;
    open(&before, "cancel")?;
    match before["subscription"].as_str() {
        // Its end takes the schedule along.
        Some(owner) => subscription::end(world, owner, json!({ "reason": "cancellation_requested" })),
        None => {
            close(world, id, "canceled", "canceled_at");
            world.tell("subscription_schedule.canceled", id);
            // The official CLI's trigger of this event cancels a schedule that has not started.
            world.tell("subscription_schedule.aborted", id);
        }
    }
    Ok(world.copy(id))
}

/// A subscription has ended before its schedule; `reason` is why.
pub(crate) fn subscription_ended(world: &mut World<'_>, subscription: &Value) {
    let Some(id) = subscription["schedule"].as_str() else { return };
    if text(world.peek(id), "status") != "active" {
        return;
    }
    close(world, id, "canceled", "canceled_at");
    let delinquent = text(&subscription["cancellation_details"], "reason") == "payment_failed";
    let word = if delinquent { "aborted" } else { "canceled" };
    world.tell(&format!("subscription_schedule.{word}"), id);
}

/// `POST /v1/subscription_schedules/{id}/release`: the subscription goes on without it.
fn release(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Schedule, id)?;
    open(&before, "release")?;
    let owner = before["subscription"].clone();
    close(world, id, "released", "released_at");
    world.change(id, |schedule| {
        put_all(schedule, [("released_subscription", owner.clone()), ("subscription", NULL)]);
    });
    if let Some(owner) = owner.as_str() {
        world.update("customer.subscription.updated", owner, |held| {
            put(held, "schedule", NULL);
            if text(&before, "end_behavior") == "cancel" && !params.is_true("preserve_cancel_date") {
                put(held, "cancel_at", NULL);
            }
        });
    }
    world.tell("subscription_schedule.released", id);
    Ok(world.copy(id))
}

/// A subscription that a schedule manages is canceled through the schedule.
pub(crate) fn allows(subscription: &Value, params: &Params) -> Result<(), ApiError> {
    let ends = ["cancel_at", "cancel_at_period_end"].iter().any(|name| params.given(name).is_some());
    match subscription["schedule"].as_str().filter(|_| ends) {
        None => Ok(()),
        Some(id) => Err(ApiError::invalid(format!(
            "The subscription is managed by the subscription schedule `{id}`, and updating any cancelation behavior \
             directly is not allowed. Please update the schedule instead."
        ))),
    }
}
