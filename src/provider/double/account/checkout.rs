//! Checkout sessions: opened by the app or by a scenario, completed by the customer.

use serde_json::{Value, json};

use super::discount::{self, Line};
use super::redemption::{self, Buyer, Redeem};
use super::tax::{self, Payer};
use super::{World, catalog, item, put_all, subscription, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CREATED, CUSTOMER, PARAMS};
use crate::provider::double::params::{Is, Params, Table, nested_int};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, checkout, int, merge, object, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/checkout/sessions",
        Kind::Session,
        &[
            CUSTOMER,
            ("subscription", Is::Text),
            ("payment_intent", Is::Text),
            ("customer_details", Is::Map),
            ("status", Is::Choice(&["open", "complete", "expired"])),
            CREATED,
        ],
        AS_USUAL,
    ),
    Route::retrieve("/v1/checkout/sessions/{id}", Kind::Session),
    Route::read("/v1/checkout/sessions/{id}/line_items", PARAMS, line_items),
    Route::create("/v1/checkout/sessions", CREATE, create),
    Route::change("/v1/checkout/sessions/{id}", UPDATE, update),
    Route::change("/v1/checkout/sessions/{id}/expire", &[], |world, id, _| expire(world, id)),
];

/// `GET /v1/checkout/sessions/{id}/line_items`.
fn line_items(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let stored = account.find(asked.ids.id).filter(|stored| stored.kind == Kind::Session);
    let stored = stored.ok_or_else(|| ApiError::no_such(Kind::Session.noun(), asked.ids.id))?;
    let lines = stored.hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    list::page_of(asked, lines, Kind::Session, asked.path)
}

pub(crate) const CREATE: Table = &[
    ("mode", Is::Text),
    (
        "line_items",
        Is::Rows(&[
            ("price", Is::Text),
            ("price_data", Is::Fields(catalog::PRICE_DATA)),
            ("quantity", Is::Int),
            ("metadata", Is::Meta),
            ("tax_rates", Is::Texts),
            (
                "adjustable_quantity",
                Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("maximum", Is::Int), ("minimum", Is::Int)]),
            ),
            ("dynamic_tax_rates", Is::NotModelled),
        ]),
    ),
    ("customer", Is::Text),
    ("customer_email", Is::Text),
    ("customer_creation", Is::Choice(&["always", "if_required"])),
    ("customer_update", Is::Map),
    ("success_url", Is::Text),
    ("cancel_url", Is::Text),
    ("return_url", Is::Text),
    ("client_reference_id", Is::Text),
    ("metadata", Is::Meta),
    ("subscription_data", Is::Map),
    ("payment_intent_data", Is::Map),
    ("allow_promotion_codes", Is::Bool),
    ("billing_address_collection", Is::Text),
    ("consent_collection", Is::Map),
    ("currency", Is::Text),
    ("custom_fields", Is::List),
    ("custom_text", Is::Map),
    ("expires_at", Is::TimeOr(&[])),
    ("locale", Is::Text),
    ("payment_method_collection", Is::Text),
    ("payment_method_types", Is::List),
    ("phone_number_collection", Is::Map),
    ("submit_type", Is::Text),
    ("tax_id_collection", Is::Map),
    ("ui_mode", Is::Text),
    ("automatic_tax", Is::NotModelled),
    ("after_expiration", Is::NotModelled),
    ("discounts", Is::Rows(&[("coupon", Is::Text), ("promotion_code", Is::Text)])),
    ("invoice_creation", Is::NotModelled),
    ("optional_items", Is::NotModelled),
    ("payment_method_configuration", Is::NotModelled),
    ("payment_method_options", Is::NotModelled),
    ("setup_intent_data", Is::NotModelled),
    ("shipping_address_collection", Is::NotModelled),
    ("shipping_options", Is::NotModelled),
];

const UPDATE: Table = &[("metadata", Is::Meta), ("collected_information", Is::Map)];

const FIELDS: [&str; 17] = [
    "customer",
    "customer_email",
    "customer_creation",
    "success_url",
    "cancel_url",
    "client_reference_id",
    "metadata",
    "allow_promotion_codes",
    "billing_address_collection",
    "consent_collection",
    "custom_fields",
    "custom_text",
    "expires_at",
    "locale",
    "payment_method_collection",
    "payment_method_types",
    "submit_type",
];

/// The most line items that Stripe takes.
const MOST: usize = 100;

/// `POST /v1/checkout/sessions`.
pub(crate) fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let mode = params.needed("mode")?.to_owned();
    if !["payment", "subscription"].contains(&mode.as_str()) {
        return Err(match mode.as_str() {
            "setup" => ApiError::not_modelled("POST /v1/checkout/sessions with mode=setup"),
            _ => ApiError::invalid_param(
                "mode",
                "Invalid mode: must be one of payment, setup, or subscription",
            ),
        });
    }
    if let Some(customer) = params.text("customer") {
        world.named_by(Kind::Customer, customer, "customer")?;
        if params.text("customer_email").is_some() {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: customer, customer_email.",
            ));
        }
    }
    let trial = trial_days(params)?;
    let (mut lines, rates) = read_lines(world, params.list("line_items"), &mode, trial.is_some())?;
    let discounts = discounts(world, params, &lines)?;
    adjust_lines(world, &mut lines, &rates, &discounts, params.text("customer").unwrap_or_default());
    let mut id = "cs_test_a1".to_owned();
    world.part.ids.letters(&mut id, 56);
    let mut session = checkout::session(&id, world.second(), &mode);
    params.apply(&mut session, &FIELDS);
    if let Some(metadata) = params.given("phone_number_collection") {
        put(&mut session, "phone_number_collection", json!({ "enabled": metadata["enabled"] == "true" }));
    }
    if session["customer_creation"].is_null() && session["customer"].is_null() {
        let creation = if mode == "payment" { "if_required" } else { "always" };
        put(&mut session, "customer_creation", creation);
    }
    add_up(&mut session, &lines);
    let shown: Vec<Value> = discounts.iter().map(|discount| discount.shown(world)).collect();
    put(&mut session, "discounts", shown);
    let hidden = object! {
        "line_items": lines,
        "subscription_data": params.given("subscription_data").cloned().unwrap_or_default(),
        "payment_intent_data": params.given("payment_intent_data").cloned().unwrap_or_default(),
        "trial_days": trial,
        "tax_rates": rates,
    };
    Ok(world.insert_with(Kind::Session, session, hidden))
}

fn trial_days(params: &Params) -> Result<Option<i64>, ApiError> {
    let Some(data) = params.given("subscription_data") else { return Ok(None) };
    if !data["trial_end"].is_null() {
        return Err(ApiError::not_modelled(
            "parameter subscription_data[trial_end] of POST /v1/checkout/sessions",
        ));
    }
    match nested_int(&data["trial_period_days"], "subscription_data[trial_period_days]")? {
        Some(days) if !(1..=36_525).contains(&days) => {
            Err(ApiError::invalid_param("subscription_data[trial_period_days]", "Invalid trial period."))
        }
        days => Ok(days),
    }
}

fn read_lines(
    world: &mut World<'_>,
    given: &[Value],
    mode: &str,
    trial: bool,
) -> Result<(Vec<Value>, Vec<Value>), ApiError> {
    if given.is_empty() {
        return Err(ApiError::missing_param("line_items"));
    }
    if given.len() > MOST {
        return Err(ApiError::invalid_param("line_items", "Sessions can have at most 100 line items."));
    }
    let (mut lines, mut rates) = (Vec::new(), Vec::new());
    for (at, given) in given.iter().enumerate() {
        let param = format!("line_items[{at}]");
        let price = catalog::price_param(world, given, &param)?;
        let recurring = !price["recurring"].is_null();
        if recurring && mode == "payment" {
            return Err(ApiError::invalid(
                "You specified `payment` mode but passed a recurring price. Either switch to `subscription` \
                 mode or use only one-time prices.",
            ));
        }
        let quantity = item::quantity(given, &param)?.unwrap_or(1);
        let name = catalog::name_of(world, &price);
        let amount = if recurring && trial { 0 } else { subscription::amount(world, &price, quantity) };
        let mut line = checkout::line_item(&world.mint("li"), &price, quantity, &name, amount);
        put(&mut line, "adjustable_quantity", given["adjustable_quantity"].clone());
        if given["metadata"].is_object() {
            put(&mut line, "metadata", given["metadata"].clone());
        }
        lines.push(line);
        let own = given["tax_rates"].as_array().map_or(&[][..], Vec::as_slice);
        rates.push(tax_rate::named(world, own, &format!("{param}[tax_rates]"))?.into());
    }
    if mode == "subscription" && lines.iter().all(|line| line["price"]["recurring"].is_null()) {
        return Err(ApiError::invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
        ));
    }
    Ok((lines, rates))
}

/// What the session's `discounts` ask for: one at most.
fn discounts(world: &World<'_>, params: &Params, lines: &[Value]) -> Result<Vec<Redeem>, ApiError> {
    if params.given("allow_promotion_codes").is_some() && !params.list("discounts").is_empty() {
        return Err(ApiError::invalid(
            "You may only specify one of these parameters: allow_promotion_codes, discounts.",
        ));
    }
    let amount = lines.iter().map(|line| int(line, "amount_subtotal")).fold(0, i64::saturating_add);
    let currency = lines.first().map_or("", |line| text(line, "currency"));
    let customer = params.text("customer").unwrap_or_default();
    let buyer = Buyer { customer, amount: Some((amount, currency)) };
    let asked = redemption::rows(world, params.list("discounts"), "discounts", buyer)?;
    if asked.len() > 1 {
        return Err(ApiError::invalid_param("discounts", "You can only apply one discount to a session."));
    }
    Ok(asked)
}

/// Takes discounts off the lines and puts taxes on what is left.
pub(crate) fn adjust_lines(
    world: &World<'_>,
    lines: &mut [Value],
    rates: &[Value],
    discounts: &[Redeem],
    customer: &str,
) {
    let seen: Vec<Line> = lines
        .iter()
        .map(|line| Line {
            amount: int(line, "amount_subtotal"),
            currency: text(line, "currency").to_owned(),
            product: text(&line["price"], "product").to_owned(),
            ..Line::default()
        })
        .collect();
    let whole: Vec<_> = discounts.iter().map(|wanted| wanted.terms(world)).collect();
    let payer = Payer::of(text(world.peek(customer), "tax_exempt"));
    let taken = discount::take(&seen, &whole);
    for ((line, taken), rates) in lines.iter_mut().zip(&taken).zip(rates) {
        let off = discount::sum(taken);
        let left = int(line, "amount_subtotal").saturating_sub(off);
        let taxes = tax::on(left, &super::adjust::rates(rates), payer);
        let taxed = taxes.iter().map(|tax| tax.amount).fold(0, i64::saturating_add);
        put_all(
            line,
            [
                ("amount_discount", off.into()),
                ("amount_tax", taxed.into()),
                ("amount_total", left.saturating_add(tax::on_top(&taxes)).into()),
            ],
        );
    }
}

fn add_up(session: &mut Value, lines: &[Value]) {
    let sum = |field: &str| lines.iter().map(|line| int(line, field)).fold(0, i64::saturating_add);
    put_all(
        session,
        [
            ("amount_subtotal", sum("amount_subtotal").into()),
            ("amount_total", sum("amount_total").into()),
            ("currency", lines.first().map_or(NULL, |line| line["currency"].clone())),
        ],
    );
    if let Some(details) = session.get_mut("total_details") {
        put(details, "amount_discount", sum("amount_discount"));
        put(details, "amount_tax", sum("amount_tax"));
    }
}

/// `POST /v1/checkout/sessions/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.at_path(Kind::Session, id)?;
    world.change(id, |session| params.apply(session, &["metadata"]));
    Ok(world.copy(id))
}

/// `POST /v1/checkout/sessions/{id}/expire`.
fn expire(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let session = world.at_path(Kind::Session, id)?;
    if text(&session, "status") != "open" {
        return Err(ApiError::invalid(format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
             status of {}.",
            text(&session, "status"),
        )));
    }
    expire_now(world, id);
    Ok(world.copy(id))
}

pub(crate) fn expire_now(world: &mut World<'_>, id: &str) {
    world.change(id, |session| put_all(session, [("status", "expired".into()), ("url", NULL)]));
    world.tell("checkout.session.expired", id);
}

/// Lays the fields of `set` over a session that the app opened.
pub(crate) fn lay_over(world: &mut World<'_>, id: &str) {
    if let Some((_, fields)) = world.overlay.take() {
        world.change(id, |session| merge(session, &fields));
    }
}
