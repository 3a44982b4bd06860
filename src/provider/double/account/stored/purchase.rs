//! Issuing: purchases with issued cards, as test helpers make them.

use serde_json::{Value, json};

use crate::provider::double::account::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED, Keeps};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{issuing, merge, put};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/issuing/authorizations", Kind::Authorization, AUTHORIZATION_FILTERS, OF_CARD),
    Route::retrieve("/v1/issuing/authorizations/{id}", Kind::Authorization),
    Route::change("/v1/issuing/authorizations/{id}", &[("metadata", Is::Meta)], update_authorization),
    Route::create("/v1/test_helpers/issuing/authorizations", AUTHORIZE, authorize),
    Route::change("/v1/issuing/cards/{id}/test/authorizations", OLD_AUTHORIZE, authorize_as_before),
    Route::list("/v1/issuing/transactions", Kind::IssuingTransaction, TRANSACTION_FILTERS, AS_USUAL),
    Route::retrieve("/v1/issuing/transactions/{id}", Kind::IssuingTransaction),
    Route::change("/v1/issuing/transactions/{id}", &[("metadata", Is::Meta)], update_transaction),
    Route::create("/v1/test_helpers/issuing/transactions/create_force_capture", TRANSACT, force_capture),
    Route::create("/v1/test_helpers/issuing/transactions/create_unlinked_refund", TRANSACT, unlinked_refund),
];

const AUTHORIZATION_FILTERS: Table =
    &[("card", Is::Text), ("cardholder", Is::Text), CREATED, ("status", Is::Text)];

const TRANSACTION_FILTERS: Table =
    &[("card", Is::Text), ("cardholder", Is::Text), CREATED, ("type", Is::Text)];

/// An authorization shows its card whole.
const OF_CARD: Keeps = |name, wanted, stored| {
    (name == "card").then(|| wanted.is_none_or(|wanted| stored.value()["card"]["id"] == *wanted))
};

const METHODS: Is = Is::Choice(&["chip", "contactless", "keyed_in", "online", "swipe"]);

const AUTHORIZE: Table = &[
    ("amount", Is::Needed(&Is::Int)),
    ("authorization_method", METHODS),
    ("card", Is::Needed(&Is::Text)),
    ("currency", Is::Text),
    ("merchant_data", MERCHANT),
    ("wallet", Is::Choice(&["apple_pay", "google_pay", "samsung_pay"])),
    ("amount_details", Is::NotModelled),
    ("fleet", Is::NotModelled),
    ("fraud_disputability_likelihood", Is::NotModelled),
    ("fuel", Is::NotModelled),
    ("is_amount_controllable", Is::NotModelled),
    ("merchant_amount", Is::NotModelled),
    ("merchant_currency", Is::NotModelled),
    ("network_data", Is::NotModelled),
    ("risk_assessment", Is::NotModelled),
    ("verification_data", Is::NotModelled),
];

/// Of a route that Stripe no longer documents and its command line still calls.
const OLD_AUTHORIZE: Table =
    &[("authorization_method", METHODS), ("held_amount", Is::Needed(&Is::Int)), ("held_currency", Is::Text)];

const TRANSACT: Table = &[
    ("amount", Is::Needed(&Is::Int)),
    ("card", Is::Needed(&Is::Text)),
    ("currency", Is::Text),
    ("merchant_data", MERCHANT),
    ("purchase_details", PURCHASE),
];

const MERCHANT: Is = Is::Fields(&[
    ("category", Is::Text),
    ("city", Is::Text),
    ("country", Is::Text),
    ("name", Is::Text),
    ("network_id", Is::Text),
    ("postal_code", Is::Text),
    ("state", Is::Text),
    ("terminal_id", Is::Text),
    ("url", Is::Text),
]);

const PURCHASE: Is = Is::Fields(&[
    (
        "receipt",
        Is::Rows(&[
            ("description", Is::Text),
            ("quantity", Is::Decimal),
            ("total", Is::Int),
            ("unit_cost", Is::Int),
        ]),
    ),
    ("reference", Is::Text),
    ("fleet", Is::NotModelled),
    ("flight", Is::NotModelled),
    ("fuel", Is::NotModelled),
    ("lodging", Is::NotModelled),
]);

/// What is bought, and how.
struct Purchase<'a> {
    amount: i64,
    currency: Option<&'a str>,
    params: &'a Params,
}

/// `POST /v1/test_helpers/issuing/authorizations`.
fn authorize(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let card = world.named_by(Kind::IssuingCard, params.needed("card")?, "card")?;
    let amount = params.int("amount").unwrap_or_default();
    ask(world, &card, &Purchase { amount, currency: params.text("currency"), params })
}

/// `POST /v1/issuing/cards/{id}/test/authorizations`.
fn authorize_as_before(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let card = world.at_path(Kind::IssuingCard, id)?;
    let amount = params.int("held_amount").unwrap_or_default();
    ask(world, &card, &Purchase { amount, currency: params.text("held_currency"), params })
}

/// Asks for an authorization and answers it: an active card is accepted. Nobody's answer to the webhook counts.
fn ask(world: &mut World<'_>, card: &Value, purchase: &Purchase<'_>) -> Result<Value, ApiError> {
    let amount = purchase.amount;
    if amount < 0 {
        return Err(ApiError::invalid_param("amount", "Invalid non-negative integer"));
    }
    let (id, now) = (world.mint("iauth"), world.second());
    let mut made = issuing::authorization(&id, now, card);
    purchase.params.apply(&mut made, &["authorization_method", "merchant_data", "wallet"]);
    if let Some(currency) = purchase.currency {
        put_all(&mut made, [("currency", currency.into()), ("merchant_currency", currency.into())]);
    }
    let pending = issuing::pending_request(amount, &made["currency"]);
    put(&mut made, "pending_request", pending.clone());
    let made = world.insert(Kind::Authorization, made);
    world.event("issuing_authorization.request", made, None);
    let approved = card["status"] == "active";
    let (reason, status) = if approved { ("card_active", "pending") } else { ("card_inactive", "closed") };
    let held = if approved { amount } else { 0 };
    world.change(&id, |made| {
        let history = json!([issuing::answered_request(now, &pending, approved, reason)]);
        put_all(
            made,
            [
                ("amount", held.into()),
                ("approved", approved.into()),
                ("merchant_amount", held.into()),
                ("pending_request", Value::Null),
                ("request_history", history),
                ("status", status.into()),
            ],
        );
    });
    world.tell("issuing_authorization.created", &id);
    Ok(world.copy(&id))
}

/// `POST /v1/issuing/authorizations/{id}`.
fn update_authorization(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Authorization, id)?;
    let mark = |made: &mut Value| params.apply(made, &["metadata"]);
    Ok(world.updated("issuing_authorization.updated", id, mark))
}

/// `POST /v1/issuing/transactions/{id}`.
fn update_transaction(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::IssuingTransaction, id)?;
    let mark = |made: &mut Value| params.apply(made, &["metadata"]);
    Ok(world.updated("issuing_transaction.updated", id, mark))
}

/// `POST /v1/test_helpers/issuing/transactions/create_force_capture`.
fn force_capture(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    transact(world, params, "capture")
}

/// `POST /v1/test_helpers/issuing/transactions/create_unlinked_refund`.
fn unlinked_refund(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    transact(world, params, "refund")
}

/// Money leaves the account with a capture, and comes back with a refund.
fn transact(world: &mut World<'_>, params: &Params, kind: &str) -> Result<Value, ApiError> {
    let card = world.named_by(Kind::IssuingCard, params.needed("card")?, "card")?;
    let amount = params.int("amount").unwrap_or_default();
    if amount <= 0 {
        return Err(ApiError::invalid_param("amount", "Invalid positive integer"));
    }
    let amount = if kind == "capture" { -amount } else { amount };
    let id = world.mint("ipi");
    let mut made = issuing::transaction(&id, world.second(), &card);
    params.apply(&mut made, &["merchant_data"]);
    put_all(
        &mut made,
        [("amount", amount.into()), ("merchant_amount", amount.into()), ("type", kind.into())],
    );
    if let Some(currency) = params.text("currency") {
        put_all(&mut made, [("currency", currency.into()), ("merchant_currency", currency.into())]);
    }
    // Only shown where it is asked for (`expand[]=purchase_details`).
    let details = params.given("purchase_details").filter(|details| details.is_object()).map(whole_details);
    let receipt = details.as_ref().is_some_and(|details| details["receipt"].is_array());
    let hidden = json!({ "purchase_details": details });
    let made = world.insert_with(Kind::IssuingTransaction, made, hidden);
    world.event("issuing_transaction.created", made.clone(), None);
    if receipt {
        world.event("issuing_transaction.purchase_details_receipt_updated", made.clone(), None);
    }
    Ok(made)
}

fn whole_details(given: &Value) -> Value {
    let mut whole = json!({
        "fleet": null, "flight": null, "fuel": null, "lodging": null, "receipt": null, "reference": null,
    });
    if let Value::Object(given) = given {
        merge(&mut whole, given);
    }
    whole
}
