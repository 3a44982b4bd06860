//! Connected accounts, as far as a platform makes, reads and closes them.

use serde_json::{Map, Value, json};

use super::{ADDRESS, Op, Resource};
use crate::provider::double::account::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{connect, object, put};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/accounts", Kind::Account, &[CREATED], AS_USUAL),
    Route::retrieve("/v1/accounts/{id}", Kind::Account),
    Route::stored("/v1/accounts", &ACCOUNT, Op::Create),
    Route::change("/v1/accounts/{id}", UPDATE, update),
    Route::delete("/v1/accounts/{id}", &[], delete),
];

/// There is no event for an account that is made.
static ACCOUNT: Resource = Resource {
    kind: Kind::Account,
    prefix: "acct",
    fresh: connect::account,
    create: CREATE,
    update: UPDATE,
    unseen: &["capabilities", "controller"],
    completes: complete,
    created: None,
    updated: None,
};

const CREATE: Table = &[
    ("type", Is::Choice(&["custom", "express", "standard"])),
    ("country", Is::Text),
    ("business_profile", BUSINESS_PROFILE),
    ("business_type", Is::Choice(&["company", "government_entity", "individual", "non_profit"])),
    ("capabilities", Is::Map),
    ("company", Is::Map),
    ("controller", Is::Map),
    ("default_currency", Is::Text),
    ("email", Is::Text),
    ("individual", Is::Map),
    ("metadata", Is::Meta),
    ("settings", Is::Map),
    ("tos_acceptance", TOS_ACCEPTANCE),
    ("account_token", Is::NotModelled),
    ("documents", Is::NotModelled),
    ("external_account", Is::NotModelled),
    ("groups", Is::NotModelled),
];

const UPDATE: Table = &[
    ("business_profile", BUSINESS_PROFILE),
    ("business_type", Is::Choice(&["company", "government_entity", "individual", "non_profit"])),
    ("capabilities", Is::Map),
    ("company", Is::Map),
    ("default_currency", Is::Text),
    ("email", Is::Text),
    ("individual", Is::Map),
    ("metadata", Is::Meta),
    ("settings", Is::Map),
    ("tos_acceptance", TOS_ACCEPTANCE),
    ("account_token", Is::NotModelled),
    ("documents", Is::NotModelled),
    ("external_account", Is::NotModelled),
    ("groups", Is::NotModelled),
];

const BUSINESS_PROFILE: Is = Is::Fields(&[
    ("annual_revenue", Is::Map),
    ("estimated_worker_count", Is::Int),
    ("mcc", Is::Text),
    ("minority_owned_business_designation", Is::Texts),
    ("name", Is::Text),
    ("product_description", Is::Text),
    ("support_address", ADDRESS),
    ("support_email", Is::Text),
    ("support_phone", Is::Text),
    ("support_url", Is::Text),
    ("url", Is::Text),
]);

const TOS_ACCEPTANCE: Is = Is::Fields(&[
    ("date", Is::Int),
    ("ip", Is::Text),
    ("service_agreement", Is::Text),
    ("user_agent", Is::Text),
]);

fn complete(_: &mut World<'_>, account: &mut Value, params: &Params) -> Result<(), ApiError> {
    let controller = match params.text("type") {
        Some("express") => json!({
            "fees": { "payer": "application_express" }, "is_controller": true,
            "losses": { "payments": "application" }, "requirement_collection": "stripe",
            "stripe_dashboard": { "type": "express" }, "type": "application",
        }),
        Some("custom") => json!({
            "fees": { "payer": "application_custom" }, "is_controller": true,
            "losses": { "payments": "application" }, "requirement_collection": "application",
            "stripe_dashboard": { "type": "none" }, "type": "application",
        }),
        _ => account["controller"].clone(),
    };
    put(account, "controller", controller);
    if let Some(Value::Object(given)) = params.given("controller") {
        if params.text("type").is_some() {
            // In Stripe's words: one of them describes the account, not both.
            return Err(ApiError::invalid("You may only specify one of these parameters: type, controller."));
        }
        put(account, "type", "none");
        if let Some(kept) = account.get_mut("controller") {
            crate::stripe::object::merge(kept, given);
        }
    }
    request_capabilities(account, params);
    Ok(())
}

/// What is requested is inactive until somebody has onboarded the account, which nobody does here.
fn request_capabilities(account: &mut Value, params: &Params) {
    let Some(Value::Object(asked)) = params.given("capabilities") else { return };
    let wanted = |capability: &Value| capability["requested"] == "true" || capability["requested"] == true;
    let wanted: Map<String, Value> = asked
        .iter()
        .filter(|(_, capability)| wanted(capability))
        .map(|(name, _)| (name.clone(), "inactive".into()))
        .collect();
    if let Some(kept) = account.get_mut("capabilities") {
        crate::stripe::object::merge(kept, &wanted);
    }
}

/// `POST /v1/accounts/{id}`. The event is the account's own: only endpoints for connected accounts hear of it.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Account, id)?;
    let changed = world.diff(id, |account| {
        ACCOUNT.lay(account, params);
        request_capabilities(account, params);
    });
    let account = world.copy(id);
    if !changed.is_empty() {
        world.event_at("account.updated", account.clone(), Some(changed), Some(id));
    }
    Ok(account)
}

/// `DELETE /v1/accounts/{id}`. Stripe tells the platform's application that it has lost the account.
fn delete(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Account, id)?;
    world.remove(id);
    let application = world.mint("ca");
    let application = connect::application(&application);
    world.event_at("account.application.deauthorized", application, None, Some(id));
    Ok(object! { "id": id, "object": "account", "deleted": true })
}
