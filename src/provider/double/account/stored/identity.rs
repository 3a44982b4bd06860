//! Identity: verification sessions that nobody completes.

use serde_json::{Value, json};

use super::{Op, Resource};
use crate::provider::double::account::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, other, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/identity/verification_sessions", Kind::VerificationSession, FILTERS, AS_USUAL),
    Route::retrieve("/v1/identity/verification_sessions/{id}", Kind::VerificationSession),
    Route::stored("/v1/identity/verification_sessions", &SESSION, Op::Create),
    Route::stored("/v1/identity/verification_sessions/{id}", &SESSION, Op::Update),
    Route::change("/v1/identity/verification_sessions/{id}/cancel", &[], cancel),
    Route::change("/v1/identity/verification_sessions/{id}/redact", &[], redact).made(),
];

static SESSION: Resource = Resource {
    kind: Kind::VerificationSession,
    prefix: "vs",
    fresh: other::verification_session,
    create: &[
        ("client_reference_id", Is::Text),
        ("metadata", Is::Meta),
        ("options", OPTIONS),
        ("provided_details", DETAILS),
        ("related_customer", Is::Text),
        ("return_url", Is::Text),
        ("type", Is::Choice(&["document", "id_number"])),
        ("related_customer_account", Is::NotModelled),
        ("related_person", Is::NotModelled),
        ("verification_flow", Is::NotModelled),
    ],
    update: &[
        ("metadata", Is::Meta),
        ("options", OPTIONS),
        ("provided_details", DETAILS),
        ("type", Is::Choice(&["document", "id_number"])),
    ],
    unseen: &["return_url"],
    completes: complete,
    created: Some("identity.verification_session.created"),
    updated: None,
};

const OPTIONS: Is = Is::Fields(&[(
    "document",
    Is::Fields(&[
        ("allowed_types", Is::Texts),
        ("require_id_number", Is::Bool),
        ("require_live_capture", Is::Bool),
        ("require_matching_selfie", Is::Bool),
    ]),
)]);

const DETAILS: Is = Is::Fields(&[("email", Is::Text), ("phone", Is::Text)]);

const FILTERS: Table =
    &[("client_reference_id", Is::Text), CREATED, ("related_customer", Is::Text), ("status", Is::Text)];

fn complete(world: &mut World<'_>, session: &mut Value, params: &Params) -> Result<(), ApiError> {
    // Without a flow, which is not modelled, Stripe must be told what is checked.
    params.needed("type")?;
    if let Some(customer) = params.text("related_customer") {
        world.named_by(Kind::Customer, customer, "related_customer")?;
    }
    if session["options"].is_null() {
        put(session, "options", json!({}));
    }
    let mut secret = format!("{}_secret_", text(session, "id"));
    world.part.ids.letters(&mut secret, 24);
    put(session, "client_secret", secret);
    Ok(())
}

/// What a session that nobody can go on with no longer shows.
fn close(session: &mut Value) {
    put_all(session, [("status", "canceled".into()), ("client_secret", NULL), ("url", NULL)]);
}

/// `POST /v1/identity/verification_sessions/{id}/cancel`: docs.stripe.com/identity/verification-sessions#cancel.
fn cancel(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    let session = world.at_path(Kind::VerificationSession, id)?;
    match text(&session, "status") {
        "requires_input" => {
            world.change(id, close);
            world.tell("identity.verification_session.canceled", id);
        }
        // Canceling twice changes nothing.
        "canceled" => {}
        status => {
            return Err(ApiError::invalid(format!(
                "You cannot cancel this VerificationSession because its status is {status}."
            )));
        }
    }
    Ok(world.copy(id))
}

/// `POST /v1/identity/verification_sessions/{id}/redact`: answered while it goes on; the event tells of its end
/// (docs.stripe.com/identity/verification-sessions#redact).
fn redact(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    let session = world.at_path(Kind::VerificationSession, id)?;
    if !session["redaction"].is_null() {
        return Ok(session);
    }
    if text(&session, "status") == "requires_input" {
        world.change(id, close);
        world.tell("identity.verification_session.canceled", id);
    }
    world.change(id, |session| put(session, "redaction", json!({ "status": "processing" })));
    let answer = world.copy(id);
    world.by_itself();
    world.change(id, |session| {
        put_all(session, [("metadata", json!({})), ("redaction", json!({ "status": "redacted" }))]);
    });
    world.tell("identity.verification_session.redacted", id);
    Ok(answer)
}
