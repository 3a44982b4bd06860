//! Issuing: cardholders and their cards.

use serde_json::Value;

use super::{ADDRESS, DAY, Op, Resource};
use crate::provider::double::account::World;
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED, Keeps};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{issuing, put};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/issuing/cardholders", Kind::Cardholder, HOLDER_FILTERS, AS_USUAL),
    Route::retrieve("/v1/issuing/cardholders/{id}", Kind::Cardholder),
    Route::stored("/v1/issuing/cardholders", &CARDHOLDER, Op::Create),
    Route::stored("/v1/issuing/cardholders/{id}", &CARDHOLDER, Op::Update),
    Route::list("/v1/issuing/cards", Kind::IssuingCard, CARD_FILTERS, OF_HOLDER),
    Route::retrieve("/v1/issuing/cards/{id}", Kind::IssuingCard),
    Route::stored("/v1/issuing/cards", &CARD, Op::Create),
    Route::stored("/v1/issuing/cards/{id}", &CARD, Op::Update),
];

static CARDHOLDER: Resource = Resource {
    kind: Kind::Cardholder,
    prefix: "ich",
    fresh: issuing::cardholder,
    create: &[
        ("billing", Is::Needed(&BILLING)),
        ("company", COMPANY),
        ("email", Is::Text),
        ("individual", INDIVIDUAL),
        ("metadata", Is::Meta),
        ("name", Is::Needed(&Is::Text)),
        ("phone_number", Is::Text),
        ("preferred_locales", Is::Texts),
        ("spending_controls", CONTROLS),
        ("status", Is::Choice(&["active", "inactive"])),
        ("type", Is::Choice(&["company", "individual"])),
    ],
    update: &[
        ("billing", BILLING),
        ("company", COMPANY),
        ("email", Is::Text),
        ("individual", INDIVIDUAL),
        ("metadata", Is::Meta),
        ("phone_number", Is::Text),
        ("preferred_locales", Is::Texts),
        ("spending_controls", CONTROLS),
        ("status", Is::Choice(&["active", "inactive"])),
    ],
    unseen: &["company"],
    completes: complete_holder,
    created: Some("issuing_cardholder.created"),
    updated: Some("issuing_cardholder.updated"),
};

static CARD: Resource = Resource {
    kind: Kind::IssuingCard,
    prefix: "ic",
    fresh: issuing::card,
    create: &[
        ("cardholder", Is::Text),
        ("currency", Is::Needed(&Is::Text)),
        ("exp_month", Is::Int),
        ("exp_year", Is::Int),
        ("metadata", Is::Meta),
        ("second_line", Is::Text),
        ("shipping", Is::Map),
        ("spending_controls", CONTROLS),
        ("status", Is::Choice(&["active", "inactive"])),
        ("type", Is::Needed(&Is::Choice(&["physical", "virtual"]))),
        ("financial_account", Is::NotModelled),
        ("lifecycle_controls", Is::NotModelled),
        ("personalization_design", Is::NotModelled),
        ("pin", Is::NotModelled),
        ("replacement_for", Is::NotModelled),
        ("replacement_reason", Is::NotModelled),
    ],
    update: &[
        ("cancellation_reason", Is::Choice(&["lost", "stolen"])),
        ("metadata", Is::Meta),
        ("shipping", Is::Map),
        ("spending_controls", CONTROLS),
        ("status", Is::Choice(&["active", "canceled", "inactive"])),
        ("personalization_design", Is::NotModelled),
        ("pin", Is::NotModelled),
    ],
    unseen: &[],
    completes: complete_card,
    created: Some("issuing_card.created"),
    updated: Some("issuing_card.updated"),
};

const BILLING: Is = Is::Fields(&[("address", Is::Needed(&ADDRESS))]);
const COMPANY: Is = Is::Fields(&[("tax_id", Is::Text)]);
const INDIVIDUAL: Is = Is::Fields(&[
    (
        "card_issuing",
        Is::Fields(&[(
            "user_terms_acceptance",
            Is::Fields(&[("date", Is::Int), ("ip", Is::Text), ("user_agent", Is::Text)]),
        )]),
    ),
    ("dob", DAY),
    ("first_name", Is::Text),
    ("last_name", Is::Text),
    ("verification", Is::Map),
]);
const CONTROLS: Is = Is::Fields(&[
    ("allowed_card_presences", Is::Texts),
    ("allowed_categories", Is::Texts),
    ("allowed_merchant_countries", Is::Texts),
    ("blocked_card_presences", Is::Texts),
    ("blocked_categories", Is::Texts),
    ("blocked_merchant_countries", Is::Texts),
    (
        "spending_limits",
        Is::Rows(&[
            ("amount", Is::Needed(&Is::Int)),
            ("categories", Is::Texts),
            ("interval", Is::Needed(&Is::Text)),
        ]),
    ),
    ("spending_limits_currency", Is::Text),
]);

const HOLDER_FILTERS: Table =
    &[CREATED, ("email", Is::Text), ("phone_number", Is::Text), ("status", Is::Text), ("type", Is::Text)];

const CARD_FILTERS: Table = &[
    ("cardholder", Is::Text),
    CREATED,
    ("exp_month", Is::Int),
    ("exp_year", Is::Int),
    ("last4", Is::Text),
    ("status", Is::Text),
    ("type", Is::Text),
    ("personalization_design", Is::NotModelled),
];

/// A card shows its holder whole.
const OF_HOLDER: Keeps = |name, wanted, stored| {
    (name == "cardholder").then(|| wanted.is_none_or(|wanted| stored.value()["cardholder"]["id"] == *wanted))
};

fn complete_holder(_: &mut World<'_>, holder: &mut Value, params: &Params) -> Result<(), ApiError> {
    if let Some(company) = params.given("company") {
        let told = !company["tax_id"].is_null();
        put(holder, "company", serde_json::json!({ "tax_id_provided": told }));
    }
    if let Some(individual) = params.given("individual").filter(|individual| individual.is_object()) {
        let mut whole = serde_json::json!({
            "card_issuing": { "user_terms_acceptance": null }, "dob": null, "first_name": null,
            "last_name": null, "verification": { "document": null },
        });
        if let Value::Object(given) = individual {
            crate::stripe::object::merge(&mut whole, given);
        }
        put(holder, "individual", whole);
    }
    Ok(())
}

fn complete_card(world: &mut World<'_>, card: &mut Value, params: &Params) -> Result<(), ApiError> {
    let holder = params.needed("cardholder")?;
    let holder = world.named_by(Kind::Cardholder, holder, "cardholder")?;
    put(card, "cardholder", holder);
    Ok(())
}
