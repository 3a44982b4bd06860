//! What goes together in a checkout session: which parameters its mode takes, and when its subscription begins to cost.

use serde_json::{Value, json};

use super::anchor::{self, Anchor};
use super::checkout_params::ui_mode;
use super::{World, automatic_tax, period, proration, put_all, subscription};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::Params;
use crate::stripe::object::{NULL, put, text};

/// How long the address works by which an expired session can be taken up again
/// (<https://docs.stripe.com/payments/checkout/abandoned-carts>).
pub(crate) const RECOVERY_FOR: i64 = 30 * period::DAY;

/// What Stripe does not take in a mode.
const FOREIGN: [(&str, &[&str]); 3] = [
    ("payment", &["payment_method_collection", "setup_intent_data", "subscription_data"]),
    ("subscription", &["invoice_creation", "payment_intent_data", "setup_intent_data", "shipping_options"]),
    (
        "setup",
        &[
            "allow_promotion_codes",
            "discounts",
            "invoice_creation",
            "line_items",
            "optional_items",
            "payment_intent_data",
            "payment_method_collection",
            "shipping_options",
            "subscription_data",
        ],
    ),
];

/// `payment`, `subscription` or `setup`.
pub(crate) fn mode(params: &Params) -> Result<&'static str, ApiError> {
    let given = params.needed("mode")?;
    let known = FOREIGN.iter().find(|(mode, _)| *mode == given);
    known.map(|(mode, _)| *mode).ok_or_else(|| {
        ApiError::invalid_param("mode", "Invalid mode: must be one of payment, setup, or subscription")
    })
}

/// What does not go together, in Stripe's words.
pub(crate) fn check(world: &World<'_>, params: &Params, mode: &str) -> Result<(), ApiError> {
    let given = |name: &str| params.given(name).is_some_and(|value| !is_empty(value));
    let foreign = FOREIGN.iter().find(|(of, _)| *of == mode).map_or(&[][..], |(_, names)| names);
    if let Some(name) = foreign.iter().find(|name| given(name)) {
        let message = format!("You can not pass `{name}` in `{mode}` mode.");
        return Err(ApiError::invalid_param(name, message));
    }
    if mode == "subscription" && given("customer_creation") {
        let message = "`customer_creation` can only be used in `payment` mode.";
        return Err(ApiError::invalid_param("customer_creation", message));
    }
    if mode == "setup" && !given("currency") && !given("payment_method_types") {
        return Err(ApiError::missing_param("currency"));
    }
    for (one, other) in [("customer", "customer_email"), ("customer", "customer_creation")] {
        if given(one) && given(other) {
            let message = format!("You may only specify one of these parameters: {one}, {other}.");
            return Err(ApiError::invalid(message));
        }
    }
    if given("customer_update") && !given("customer") {
        let message = "`customer_update` can only be used with `customer`.";
        return Err(ApiError::invalid_param("customer_update", message));
    }
    check_mode_of_page(params)?;
    check_tax(world, params)?;
    check_end(world, params)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// A page inside the app's own has a way back instead of two ways out.
fn check_mode_of_page(params: &Params) -> Result<(), ApiError> {
    let word = params.text("ui_mode").unwrap_or("hosted_page");
    let (mode, never) = (ui_mode(word), params.text("redirect_on_completion") == Some("never"));
    let refuse = |name: &str, message: String| Err(ApiError::invalid_param(name, message));
    let hosted = mode == "hosted_page";
    let foreign =
        if hosted { ["return_url", "redirect_on_completion"] } else { ["success_url", "cancel_url"] };
    if let Some(name) = foreign.into_iter().find(|name| params.text(name).is_some()) {
        return refuse(name, format!("`{name}` can not be used when `ui_mode` is `{word}`."));
    }
    if hosted {
        return Ok(());
    }
    match (params.text("return_url"), never) {
        (None, false) if mode == "embedded_page" => Err(ApiError::missing_param("return_url")),
        (Some(_), true) => {
            let message = "`return_url` can not be used when `redirect_on_completion` is `never`.";
            refuse("return_url", message.to_owned())
        }
        _ => Ok(()),
    }
}

/// Where an existing customer is, must be known, or be learned from the page.
fn check_tax(world: &World<'_>, params: &Params) -> Result<(), ApiError> {
    let Some(tax) = params.given("automatic_tax") else { return Ok(()) };
    automatic_tax::check_liability(world, Some(tax))?;
    let Some(customer) = params.text("customer").filter(|_| tax["enabled"] == true) else { return Ok(()) };
    let update = params.given("customer_update").unwrap_or(&NULL);
    let learns = ["address", "shipping"].iter().any(|part| update[*part] == "auto");
    if learns || automatic_tax::is_located(world, customer) {
        return Ok(());
    }
    let message = "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address \
                   to the Customer or set either `customer_update[address]` to 'auto' or \
                   `customer_update[shipping]` to 'auto' to save the address entered in Checkout to the Customer.";
    Err(ApiError::coded("customer_tax_location_invalid", "automatic_tax", message))
}

/// A session is open for half an hour at least, and a day at most.
fn check_end(world: &World<'_>, params: &Params) -> Result<(), ApiError> {
    let Some(at) = params.int("expires_at") else { return Ok(()) };
    let left = at.saturating_sub(world.second());
    let message = match left {
        ..1_800 => "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
        1_800..=86_400 => return Ok(()),
        _ => "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
    };
    Err(ApiError::invalid_param("expires_at", message))
}

/// Whether a session of this mode can sell at a price.
pub(crate) fn check_price(
    world: &World<'_>,
    price: &Value,
    mode: &str,
    currency: Option<&str>,
) -> Result<(), ApiError> {
    if !price["recurring"].is_null() && mode == "payment" {
        return Err(ApiError::invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` \
             mode or use only one-time prices.",
        ));
    }
    let own = text(price, "currency");
    let Some(asked) = currency.filter(|asked| !asked.eq_ignore_ascii_case(own)) else { return Ok(()) };
    if !world.hidden(text(price, "id"))["currency_options"][asked.to_lowercase()].is_null() {
        return Err(ApiError::not_modelled("a checkout session in another currency of its prices"));
    }
    let message = format!(
        "The price specified only supports `{own}`. This doesn't match the expected currency: `{asked}`."
    );
    Err(ApiError::invalid(message))
}

/// `after_expiration` as a session shows it.
pub(crate) fn after_expiration(params: &Params) -> Value {
    let recovery = &params.given("after_expiration").unwrap_or(&NULL)["recovery"];
    if !recovery.is_object() {
        return NULL;
    }
    json!({ "recovery": {
        "allow_promotion_codes": recovery["allow_promotion_codes"].as_bool().unwrap_or(false),
        "enabled": recovery["enabled"], "expires_at": null, "url": null,
    } })
}

/// Where the page is shown: at Stripe, or inside the app by a secret.
pub(crate) fn lay_mode(world: &mut World<'_>, session: &mut Value, params: &Params) {
    let mode = ui_mode(params.text("ui_mode").unwrap_or("hosted_page"));
    put(session, "ui_mode", mode);
    if mode == "hosted_page" {
        return;
    }
    let mut secret = format!("{}_secret_", text(session, "id"));
    world.part.ids.letters(&mut secret, 43);
    put_all(session, [("client_secret", secret.into()), ("url", NULL)]);
    if mode == "embedded_page" && params.text("redirect_on_completion").is_none() {
        put(session, "redirect_on_completion", "always");
    }
}

/// When the subscription of a session begins to cost.
pub(crate) struct Terms {
    /// Days on trial, counted from completion.
    pub(crate) trial_days: Option<i64>,
    /// Or the end of the trial.
    pub(crate) trial_end: Option<i64>,
    /// What `subscription_data` says.
    data: Params,
}

impl Terms {
    /// Reads `subscription_data`.
    pub(crate) fn read(world: &World<'_>, params: &Params) -> Result<Self, ApiError> {
        let terms = Self::of(params.inside("subscription_data"));
        let given = |name: &str| terms.data.given(name).is_some_and(|value| !value.is_null());
        let anchors = ["billing_cycle_anchor", "billing_cycle_anchor_config"];
        if terms.trial_days.is_some_and(|days| !(1..=36_525).contains(&days)) {
            let param = "subscription_data[trial_period_days]";
            return Err(ApiError::invalid_param(param, "Invalid trial period."));
        }
        let Some(end) = terms.trial_end else {
            return match (anchors.into_iter().find(|name| given(name)), terms.trial_days) {
                (Some(anchor), Some(_)) => Err(both(anchor, "trial_period_days")),
                _ => Ok(terms),
            };
        };
        if let Some(other) =
            ["trial_period_days", anchors[0], anchors[1]].into_iter().find(|name| given(name))
        {
            return Err(both(other, "trial_end"));
        }
        let left = end.saturating_sub(world.second());
        if !(2 * period::DAY..=40_000 * period::DAY).contains(&left) {
            let message = "The `trial_end` date has to be at least 2 days in the future.";
            return Err(ApiError::invalid_param("subscription_data[trial_end]", message));
        }
        Ok(terms)
    }

    /// What was read when the session was made.
    pub(crate) fn of(data: Params) -> Self {
        Self { trial_days: data.int("trial_period_days"), trial_end: data.int("trial_end"), data }
    }

    /// Until when a subscription that begins now is on trial.
    pub(crate) fn trial(&self, now: i64) -> Option<i64> {
        let days = self.trial_days.map(|days| now.saturating_add(days.saturating_mul(period::DAY)));
        self.trial_end.or(days)
    }

    /// What the first whole period of such prices is anchored to.
    pub(crate) fn anchor(&self, now: i64, recurring: &Value) -> Result<Option<Anchor>, ApiError> {
        anchor::read(&self.data, now, recurring)
    }

    /// Whether the time before that is billed.
    pub(crate) fn prorates(&self) -> bool {
        self.data.text("proration_behavior") != Some("none")
    }

    /// What so many of a price cost when the session is completed.
    pub(crate) fn amount_now(
        &self,
        world: &World<'_>,
        price: &Value,
        quantity: i64,
    ) -> Result<i64, ApiError> {
        let whole = subscription::amount(world, price, quantity);
        if price["recurring"].is_null() {
            return Ok(whole);
        }
        let now = world.second();
        if self.trial(now).is_some() {
            return Ok(0);
        }
        Ok(match self.anchor(now, &price["recurring"])? {
            None => whole,
            Some(_) if !self.prorates() => 0,
            Some(anchor) => proration::stub(world, price, quantity, (now, anchor.at)),
        })
    }
}

fn both(one: &str, other: &str) -> ApiError {
    ApiError::invalid(format!(
        "You may only specify one of these parameters: subscription_data[{one}], subscription_data[{other}]."
    ))
}
