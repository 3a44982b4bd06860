//! Checkout sessions: opened by the app or by a scenario, completed by the customer.

use serde_json::{Value, json};

use super::checkout_params::{self, CREATE};
use super::checkout_terms::{self, Terms};
use super::discount::{self, Line};
use super::redemption::{self, Buyer, Redeem};
use super::tax::{self, Payer};
use super::{
    World, automatic_tax, billing_mode, catalog, connect, item, period, put_all, setup_intent, shipping_rate,
    tax_rate,
};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CREATED, CUSTOMER, PARAMS};
use crate::provider::double::params::{Is, Params, Table};
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
    let lines = stored.hidden()["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    list::page_of(asked, lines, Kind::Session, asked.path)
}

const UPDATE: Table = &[("metadata", Is::Meta), ("collected_information", Is::Map)];

/// What a session shows as it was given.
const FIELDS: [&str; 31] = [
    "adaptive_pricing",
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "billing_address_collection",
    "branding_settings",
    "cancel_url",
    "client_reference_id",
    "custom_text",
    "customer",
    "customer_creation",
    "customer_email",
    "excluded_payment_method_types",
    "expires_at",
    "integration_identifier",
    "locale",
    "metadata",
    "name_collection",
    "optional_items",
    "origin_context",
    "payment_method_collection",
    "payment_method_options",
    "payment_method_types",
    "permissions",
    "phone_number_collection",
    "redirect_on_completion",
    "return_url",
    "shipping_address_collection",
    "submit_type",
    "success_url",
    "wallet_options",
    "currency",
];

/// The most line items that Stripe takes.
const MOST: usize = 100;

/// `POST /v1/checkout/sessions`.
pub(crate) fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let id = world.attempt(|world| open(world, params))?;
    Ok(world.copy(&id))
}

fn open(world: &mut World<'_>, params: &Params) -> Result<String, ApiError> {
    let mode = checkout_terms::mode(params)?;
    checkout_terms::check(world, params, mode)?;
    if let Some(customer) = params.text("customer") {
        world.named_by(Kind::Customer, customer, "customer")?;
    }
    let terms = Terms::read(world, params)?;
    let (mut lines, rates) = match mode {
        "setup" => (Vec::new(), Vec::new()),
        _ => read_lines(world, params, mode, &terms)?,
    };
    connect::check(world, &params.inside("payment_intent_data"), (&NULL, "payment_intent_data"), None)?;
    connect::shares(world, &params.inside("subscription_data"), "subscription_data")?;
    let discounts = discounts(world, params, &lines)?;
    adjust_lines(world, &mut lines, &rates, &discounts, params.text("customer").unwrap_or_default());
    let mut id = "cs_test_a1".to_owned();
    world.part.ids.letters(&mut id, 56);
    let mut session = checkout::session(&id, world.second(), mode);
    params.apply(&mut session, &FIELDS);
    page(world, &mut session, params, mode)?;
    if mode == "setup" {
        let intent = setup_intent::of_page(world, &params.inside("setup_intent_data"), &session);
        put_all(
            &mut session,
            [("amount_subtotal", NULL), ("amount_total", NULL), ("setup_intent", intent.into())],
        );
    } else {
        add_up(&mut session, &lines);
    }
    let shown: Vec<Value> = discounts.iter().map(|discount| discount.shown(world)).collect();
    put(&mut session, "discounts", shown);
    let kept = |name: &str| params.given(name).cloned().unwrap_or_default();
    let mut sold = kept("subscription_data");
    if mode == "subscription" {
        let mode = billing_mode::of_page(world, &sold)?;
        let mut data = if sold.is_object() { sold } else { json!({}) };
        put(&mut data, "billing_mode", mode);
        sold = data;
    }
    let hidden = object! {
        "line_items": lines,
        "subscription_data": sold,
        "payment_intent_data": kept("payment_intent_data"),
        "payment_method_data": kept("payment_method_data"),
        "customer_update": kept("customer_update"),
        "tax_rates": rates,
    };
    world.insert_with(Kind::Session, session, hidden);
    Ok(id)
}

/// What a session shows in another form than it was given.
fn page(world: &mut World<'_>, session: &mut Value, params: &Params, mode: &str) -> Result<(), ApiError> {
    if mode != "setup" && session["customer_creation"].is_null() && session["customer"].is_null() {
        let creation = if mode == "payment" { "if_required" } else { "always" };
        put(session, "customer_creation", creation);
    }
    let customer = params.text("customer").unwrap_or_default();
    let located = !customer.is_empty() && automatic_tax::is_located(world, customer);
    automatic_tax::lay(session, params.given("automatic_tax"), located);
    put(session, "custom_fields", checkout_params::custom_fields(params.list("custom_fields")));
    if let Some(consent) = params.given("consent_collection") {
        put(session, "consent_collection", checkout_params::consent_collection(consent));
    }
    if let Some(tax_ids) = params.given("tax_id_collection") {
        put(session, "tax_id_collection", checkout_params::tax_id_collection(tax_ids));
    }
    if mode == "payment" {
        let creation = checkout_params::invoice_creation(params.given("invoice_creation"));
        put(session, "invoice_creation", creation);
    }
    if params.given("after_expiration").is_some() {
        put(session, "after_expiration", checkout_terms::after_expiration(params));
    }
    if let Some(Value::Object(options)) = params.given("saved_payment_method_options") {
        let mut shown = json!({
            "allow_redisplay_filters": null, "payment_method_remove": null, "payment_method_save": null,
        });
        merge(&mut shown, options);
        put(session, "saved_payment_method_options", shown);
    }
    let options = shipping_rate::options(world, params.list("shipping_options"))?;
    // The first is chosen until the customer chooses another.
    if let Some(chosen) = options.first() {
        let amount = int(chosen, "shipping_amount");
        put(
            session,
            "shipping_cost",
            json!({
                "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount,
                "shipping_rate": chosen["shipping_rate"],
            }),
        );
    }
    put(session, "shipping_options", options);
    checkout_terms::lay_mode(world, session, params);
    Ok(())
}

fn read_lines(
    world: &mut World<'_>,
    params: &Params,
    mode: &str,
    terms: &Terms,
) -> Result<(Vec<Value>, Vec<Value>), ApiError> {
    let given = params.list("line_items");
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
        checkout_terms::check_price(world, &price, mode, params.text("currency"))?;
        let quantity = item::quantity(given, &param)?.unwrap_or(1);
        let name = catalog::name_of(world, &price);
        let amount = terms.amount_now(world, &price, quantity)?;
        let mut line = checkout::line_item(&world.mint("li"), &price, quantity, &name, amount);
        put(&mut line, "adjustable_quantity", given["adjustable_quantity"].clone());
        if given["metadata"].is_object() {
            put(&mut line, "metadata", given["metadata"].clone());
        }
        lines.push(line);
        let own = given["tax_rates"].as_array().map_or(&[][..], Vec::as_slice);
        rates.push(tax_rate::named(world, own, &format!("{param}[tax_rates]"))?.into());
    }
    let every = lines.iter().map(|line| &line["price"]["recurring"]);
    if !period::all_same(every.filter(|every| !every.is_null())) {
        return Err(ApiError::invalid(
            "Checkout does not support multiple prices with different billing intervals.",
        ));
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
    let shipping = int(&session["shipping_cost"], "amount_total");
    put_all(
        session,
        [
            ("amount_subtotal", sum("amount_subtotal").into()),
            ("amount_total", sum("amount_total").saturating_add(shipping).into()),
            ("currency", lines.first().map_or(NULL, |line| line["currency"].clone())),
        ],
    );
    if let Some(details) = session.get_mut("total_details") {
        put(details, "amount_discount", sum("amount_discount"));
        put(details, "amount_shipping", shipping);
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
    let until = world.second().saturating_add(checkout_terms::RECOVERY_FOR);
    world.change(id, |session| {
        put_all(session, [("status", "expired".into()), ("url", NULL)]);
        let url = format!("https://buy.stripe.com/r/{}", text(session, "id"));
        let recovery = session.get_mut("after_expiration").and_then(|after| after.get_mut("recovery"));
        if let Some(recovery) = recovery.filter(|recovery| recovery["enabled"] == true) {
            put_all(recovery, [("expires_at", until.into()), ("url", url.into())]);
        }
    });
    if let Some(intent) = world.peek(id)["setup_intent"].as_str().map(str::to_owned) {
        setup_intent::abandon(world, &intent);
    }
    world.tell("checkout.session.expired", id);
}

/// Lays the fields of `set` over a session that the app opened.
pub(crate) fn lay_over(world: &mut World<'_>, id: &str) {
    if let Some((_, fields)) = world.overlay.take() {
        world.change(id, |session| merge(session, &fields));
    }
}
