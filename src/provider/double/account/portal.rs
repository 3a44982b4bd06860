//! The customer portal: what customers may do in it, and sessions that lead there.

use serde_json::{Value, json};

use super::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::list::AS_USUAL;
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{merge, portal, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/billing_portal/configurations",
        Kind::PortalConfiguration,
        &[("active", Is::Bool), ("is_default", Is::Bool)],
        AS_USUAL,
    ),
    Route::retrieve("/v1/billing_portal/configurations/{id}", Kind::PortalConfiguration),
    Route::create("/v1/billing_portal/configurations", CREATE, create),
    Route::change("/v1/billing_portal/configurations/{id}", UPDATE, update),
    Route::create("/v1/billing_portal/sessions", SESSION, create_session),
];

const PROFILE: Is = Is::Fields(&[
    ("headline", Is::Text),
    ("privacy_policy_url", Is::Text),
    ("terms_of_service_url", Is::Text),
]);
const PRORATION: Is = Is::Choice(&["always_invoice", "create_prorations", "none"]);
const LOGIN: Is = Is::Fields(&[("enabled", Is::Needed(&Is::Bool))]);

const FEATURES: Table = &[
    ("customer_update", Is::Fields(&[("enabled", Is::Bool), ("allowed_updates", Is::Texts)])),
    ("invoice_history", Is::Fields(&[("enabled", Is::Needed(&Is::Bool))])),
    (
        "payment_method_update",
        Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("payment_method_configuration", Is::NotModelled)]),
    ),
    (
        "subscription_cancel",
        Is::Fields(&[
            ("enabled", Is::Bool),
            ("mode", Is::Choice(&["at_period_end", "immediately"])),
            ("proration_behavior", PRORATION),
            ("cancellation_reason", Is::Fields(&[("enabled", Is::Bool), ("options", Is::Texts)])),
        ]),
    ),
    (
        "subscription_update",
        Is::Fields(&[
            ("enabled", Is::Bool),
            ("default_allowed_updates", Is::Texts),
            ("proration_behavior", PRORATION),
            (
                "products",
                Is::Rows(&[
                    ("product", Is::Needed(&Is::Text)),
                    ("prices", Is::Needed(&Is::Texts)),
                    ("adjustable_quantity", Is::NotModelled),
                ]),
            ),
            ("schedule_at_period_end", Is::NotModelled),
            ("trial_update_behavior", Is::Choice(&["continue_trial", "end_trial"])),
            ("billing_cycle_anchor", Is::Choice(&["now", "unchanged"])),
        ]),
    ),
];

const CREATE: Table = &[
    ("business_profile", PROFILE),
    ("default_return_url", Is::Text),
    ("features", Is::Needed(&Is::Fields(FEATURES))),
    ("login_page", LOGIN),
    ("metadata", Is::Meta),
    ("name", Is::Text),
];

const UPDATE: Table = &[
    ("active", Is::Bool),
    ("business_profile", PROFILE),
    ("default_return_url", Is::Text),
    ("features", Is::Fields(FEATURES)),
    ("login_page", LOGIN),
    ("metadata", Is::Meta),
    ("name", Is::Text),
];

const FIELDS: [&str; 7] =
    ["active", "business_profile", "default_return_url", "features", "login_page", "metadata", "name"];

const SUBSCRIPTION: Is =
    Is::Fields(&[("subscription", Is::Needed(&Is::Text)), ("retention", Is::NotModelled)]);

const SESSION: Table = &[
    ("customer", Is::Needed(&Is::Text)),
    ("customer_account", Is::NotModelled),
    ("configuration", Is::Text),
    (
        "flow_data",
        Is::Fields(&[
            (
                "type",
                Is::Needed(&Is::Choice(&[
                    "payment_method_update",
                    "subscription_cancel",
                    "subscription_update",
                    "subscription_update_confirm",
                ])),
            ),
            (
                "after_completion",
                Is::Fields(&[
                    (
                        "type",
                        Is::Needed(&Is::Choice(&["hosted_confirmation", "portal_homepage", "redirect"])),
                    ),
                    ("hosted_confirmation", Is::Fields(&[("custom_message", Is::Text)])),
                    ("redirect", Is::Fields(&[("return_url", Is::Needed(&Is::Text))])),
                ]),
            ),
            ("subscription_cancel", SUBSCRIPTION),
            ("subscription_update", SUBSCRIPTION),
            (
                "subscription_update_confirm",
                Is::Fields(&[
                    ("subscription", Is::Needed(&Is::Text)),
                    (
                        "items",
                        Is::Needed(&Is::Rows(&[
                            ("id", Is::Needed(&Is::Text)),
                            ("price", Is::Text),
                            ("quantity", Is::Int),
                        ])),
                    ),
                    ("discounts", Is::NotModelled),
                ]),
            ),
        ]),
    ),
    ("locale", Is::Text),
    ("on_behalf_of", Is::NotModelled),
    ("return_url", Is::Text),
];

/// `POST /v1/billing_portal/configurations`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    check(params)?;
    let id = world.mint("bpc");
    let mut made = portal::configuration(&id, world.second());
    params.apply(&mut made, &FIELDS);
    lead_to_login(&mut made);
    let made = world.insert(Kind::PortalConfiguration, made);
    world.event("billing_portal.configuration.created", made.clone(), None);
    Ok(made)
}

fn check(params: &Params) -> Result<(), ApiError> {
    let Some(features) = params.given("features") else { return Ok(()) };
    let update = &features["subscription_update"];
    if update["enabled"] == true {
        for name in ["default_allowed_updates", "products"] {
            if update[name].as_array().is_none_or(Vec::is_empty) {
                return Err(ApiError::missing_param(&format!("features[subscription_update][{name}]")));
            }
        }
    }
    Ok(())
}

/// A configuration with a login page has an address for it.
fn lead_to_login(configuration: &mut Value) {
    let id = text(configuration, "id").to_owned();
    if let Some(login) = configuration.get_mut("login_page") {
        let url = (login["enabled"] == true).then(|| format!("https://billing.stripe.com/p/login/test_{id}"));
        put(login, "url", url);
    }
}

/// `POST /v1/billing_portal/configurations/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::PortalConfiguration, id)?;
    if before["is_default"] == true && params.given("active").is_some_and(|active| *active == false) {
        let message = "The default configuration cannot be made inactive.";
        return Err(ApiError::invalid_param("active", message));
    }
    let now = world.second();
    let mut after = before.clone();
    params.apply(&mut after, &FIELDS);
    lead_to_login(&mut after);
    if after != before {
        put(&mut after, "updated", now);
    }
    Ok(world.updated("billing_portal.configuration.updated", id, |kept| *kept = after))
}

/// The configuration of sessions that name none: at Stripe the one saved in the Dashboard.
fn default_configuration(world: &mut World<'_>) -> String {
    let is_default = |stored: &&super::Stored| stored.value()["is_default"] == true;
    let kind = Kind::PortalConfiguration;
    let found = world.part.store.of(kind).chain(world.shop.of(kind)).find(is_default);
    if let Some(id) = found.map(|found| text(found.value(), "id").to_owned()) {
        return id;
    }
    let id = world.mint("bpc");
    let mut made = portal::configuration(&id, world.second());
    put(&mut made, "is_default", true);
    let on = json!({
        "customer_update": { "allowed_updates": ["email", "tax_id"], "enabled": true },
        "invoice_history": { "enabled": true }, "payment_method_update": { "enabled": true },
        "subscription_cancel": { "enabled": true },
    });
    if let (Some(features), Value::Object(on)) = (made.get_mut("features"), &on) {
        merge(features, on);
    }
    world.insert(Kind::PortalConfiguration, made);
    id
}

/// `POST /v1/billing_portal/sessions`.
fn create_session(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let customer = params.needed("customer")?.to_owned();
    world.named_by(Kind::Customer, &customer, "customer")?;
    let flow = flow_of(world, params, &customer)?;
    let configuration = match params.text("configuration") {
        Some(id) => {
            let configuration = world.named_by(Kind::PortalConfiguration, id, "configuration")?;
            if configuration["active"] != true {
                let message = "The configuration is inactive and cannot be used.";
                return Err(ApiError::invalid_param("configuration", message));
            }
            id.to_owned()
        }
        None => default_configuration(world),
    };
    let return_url = match params.text("return_url") {
        Some(url) => url.into(),
        None => world.peek(&configuration)["default_return_url"].clone(),
    };
    let id = world.mint("bps");
    let mut secret = String::new();
    world.part.ids.letters(&mut secret, 24);
    let mut made = portal::session(&id, world.second(), &customer, &configuration, &secret);
    params.apply(&mut made, &["locale"]);
    put(&mut made, "flow", flow);
    put(&mut made, "return_url", return_url);
    let made = world.insert(Kind::PortalSession, made);
    world.event("billing_portal.session.created", made.clone(), None);
    Ok(made)
}

/// `flow_data` as a session shows it: every kind of flow is a field, and that which is meant has something in it.
fn flow_of(world: &World<'_>, params: &Params, customer: &str) -> Result<Value, ApiError> {
    let Some(given @ Value::Object(_)) = params.given("flow_data") else { return Ok(Value::Null) };
    let kind = text(given, "type");
    if kind != "payment_method_update" {
        let param = format!("flow_data[{kind}]");
        if given[kind].is_null() {
            return Err(ApiError::missing_param(&param));
        }
        let id = text(&given[kind], "subscription");
        let param = format!("{param}[subscription]");
        let subscription = world.named_by(Kind::Subscription, id, &param)?;
        if text(&subscription, "customer") != customer {
            return Err(ApiError::no_such_param(Kind::Subscription.noun(), id, &param));
        }
    }
    let after = match &given["after_completion"] {
        Value::Object(_) => given["after_completion"].clone(),
        _ => json!({ "type": "portal_homepage" }),
    };
    let mut flow = json!({
        "after_completion": { "hosted_confirmation": null, "redirect": null }, "subscription_cancel": null,
        "subscription_update": null, "subscription_update_confirm": null, "type": kind,
    });
    if let (Some(kept), Value::Object(after)) = (flow.get_mut("after_completion"), &after) {
        merge(kept, after);
    }
    if kind != "payment_method_update" {
        put(&mut flow, kind, given[kind].clone());
    }
    Ok(flow)
}
