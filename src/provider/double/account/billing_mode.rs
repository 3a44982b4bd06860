//! `billing_mode`: how the prorations and invoices of a subscription come about
//! (<https://docs.stripe.com/billing/subscriptions/billing-mode>).
//!
//! What differs (<https://docs.stripe.com/billing/subscriptions/billing-mode/compare>) stands where it happens: credits
//! ([`proration`](super::proration)), anchors and trials ([`change`](super::change)), first invoices
//! ([`start`](super::start)), intervals ([`item`](super::item)).

use serde_json::{Value, json};

use super::World;
use super::status::is_over;
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{put, text};
use crate::stripe::version::Version;
use crate::stripe::version::calls::billing_mode::{left_out, mixes_intervals};

pub(crate) const ROUTES: &[Route] = &[Route::change("/v1/subscriptions/{id}/migrate", MIGRATE, migrate)];

const FLEXIBLE: Is = Is::Fields(&[("proration_discounts", Is::Choice(&["included", "itemized"]))]);

/// As a call gives it.
pub(crate) const BILLING_MODE: Is =
    Is::Fields(&[("type", Is::Needed(&Is::Choice(&["classic", "flexible"]))), ("flexible", FLEXIBLE)]);

const MIGRATE: Table = &[(
    "billing_mode",
    Is::Needed(&Is::Fields(&[("type", Is::Needed(&Is::Choice(&["flexible"]))), ("flexible", FLEXIBLE)])),
)];

/// The mode that a call asks for, as an object shows it; left out, that of the caller's version. `param` is its name.
pub(crate) fn read(world: &World<'_>, given: Option<&Value>, param: &str) -> Result<Value, ApiError> {
    let kind = given.and_then(|given| given["type"].as_str()).unwrap_or_else(|| left_out(world.version));
    let flexible = given.map(|given| &given["flexible"]).filter(|flexible| flexible.is_object());
    if kind == "classic" {
        return match flexible {
            None => Ok(json!({ "flexible": null, "type": "classic" })),
            Some(_) => Err(ApiError::invalid_param(
                &format!("{param}[flexible]"),
                format!("`{param}[flexible]` can only be set when `{param}[type]` is `flexible`."),
            )),
        };
    }
    let discounts = flexible.and_then(|flexible| flexible["proration_discounts"].as_str());
    Ok(json!({
        "flexible": { "proration_discounts": discounts.unwrap_or("included") }, "type": "flexible",
    }))
}

/// A billing mode by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Classic,
    Flexible,
}

impl Mode {
    /// That of a `billing_mode`.
    pub(crate) fn of(mode: &Value) -> Self {
        if text(mode, "type") == "flexible" { Self::Flexible } else { Self::Classic }
    }

    /// Whether a call in that version may give a subscription items of different intervals.
    pub(crate) fn mixes(self, version: Version) -> bool {
        self == Self::Flexible && mixes_intervals(version)
    }
}

/// Whether a subscription, or a schedule, is in flexible billing mode.
pub(crate) fn is_flexible(held: &Value) -> bool {
    Mode::of(&held["billing_mode"]) == Mode::Flexible
}

/// A `billing_mode` as a parameter.
pub(crate) fn as_given(mode: &Value) -> Value {
    json!({ "flexible": mode["flexible"], "type": mode["type"] })
}

/// Whether prorations are shown before discounts, with the discounts beside them.
pub(crate) fn itemizes(subscription: &Value) -> bool {
    subscription["billing_mode"]["flexible"]["proration_discounts"] == "itemized"
}

/// `POST /v1/subscriptions/{id}/migrate`: from classic to flexible, never back. What was made before stays as it is.
fn migrate(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Subscription, id)?;
    if is_over(&before) {
        return Err(super::change::canceled());
    }
    if is_flexible(&before) {
        return Err(ApiError::not_modelled(
            "migrating a subscription that is in flexible billing mode already",
        ));
    }
    if !before["schedule"].is_null() {
        return Err(ApiError::not_modelled("migrating a subscription that a schedule manages"));
    }
    let mut mode = read(world, params.given("billing_mode"), "billing_mode")?;
    put(&mut mode, "updated_at", world.second());
    Ok(world.updated("customer.subscription.updated", id, |subscription| {
        put(subscription, "billing_mode", mode);
    }))
}

/// The mode of what a page sells: it was chosen when the page was opened.
pub(crate) fn of_page(world: &World<'_>, given: &Value) -> Result<Value, ApiError> {
    let mode = given.get("billing_mode").filter(|mode| mode.is_object());
    let mut mode = read(world, mode, "subscription_data[billing_mode]")?;
    // Stripe's sessions show this, subscriptions that the API makes do not.
    if text(&mode, "type") == "flexible" {
        put(&mut mode, "updated_at", world.second());
    }
    Ok(mode)
}
