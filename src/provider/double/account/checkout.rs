//! Checkout sessions: opened by the app or by a scenario, completed by the customer.

use serde_json::{Map, Value, json};

use super::payment::{self, Collect};
use super::subscription::{Start, Via};
use super::{World, catalog, customer, invoice, item, period, put_all, subscription};
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
    Route::create("/v1/checkout/sessions", CREATE, |world, params| create(world, params, 0)),
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
    ("line_items", Is::List),
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
    ("expires_at", Is::Int),
    ("locale", Is::Text),
    ("payment_method_collection", Is::Text),
    ("payment_method_types", Is::List),
    ("phone_number_collection", Is::Map),
    ("submit_type", Is::Text),
    ("tax_id_collection", Is::Map),
    ("ui_mode", Is::Text),
    ("automatic_tax", Is::NotModelled),
    ("after_expiration", Is::NotModelled),
    ("discounts", Is::NotModelled),
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

/// `POST /v1/checkout/sessions`; `discount_percent` is what a coupon would take off.
pub(crate) fn create(
    world: &mut World<'_>,
    params: &Params,
    discount_percent: i64,
) -> Result<Value, ApiError> {
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
    let lines = read_lines(world, params.list("line_items"), &mode, trial.is_some(), discount_percent)?;
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
    let hidden = object! {
        "line_items": lines,
        "subscription_data": params.given("subscription_data").cloned().unwrap_or_default(),
        "payment_intent_data": params.given("payment_intent_data").cloned().unwrap_or_default(),
        "trial_days": trial,
        "discount_percent": discount_percent,
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
    discount_percent: i64,
) -> Result<Vec<Value>, ApiError> {
    if given.is_empty() {
        return Err(ApiError::missing_param("line_items"));
    }
    if given.len() > MOST {
        return Err(ApiError::invalid_param("line_items", "Sessions can have at most 100 line items."));
    }
    let mut lines = Vec::new();
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
        let mut line = checkout::line_item(&world.mint("li"), &price, quantity, &name);
        let metered = price["recurring"]["usage_type"] == "metered";
        let subtotal = if recurring && trial || metered { 0 } else { int(&line, "amount_subtotal") };
        let off = subtotal.saturating_mul(discount_percent) / 100;
        put_all(
            &mut line,
            [
                ("amount_discount", off.into()),
                ("amount_subtotal", subtotal.into()),
                ("amount_total", (subtotal - off).into()),
            ],
        );
        lines.push(line);
    }
    if mode == "subscription" && lines.iter().all(|line| line["price"]["recurring"].is_null()) {
        return Err(ApiError::invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
        ));
    }
    Ok(lines)
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

/// The customer goes through the page. Whoever is declined there stays on it: the session stays open.
pub(crate) fn complete(world: &mut World<'_>, id: &str, how: Collect, email: &str) -> Result<(), ApiError> {
    let session = world.at_path(Kind::Session, id)?;
    let hidden = world.stored(id).map(|stored| stored.hidden.clone()).unwrap_or_default();
    world.by_itself();
    let owner = owner_of(world, &session, email)?;
    let (method, attached) = card_of(world, &owner, &session);
    let total = int(&session, "amount_total");
    let subscribes = text(&session, "mode") == "subscription";
    let stays = matches!(how, Collect::Declined | Collect::ActionRequired);
    if total > 0 && (stays || !subscribes) {
        let metadata = hidden["payment_intent_data"]["metadata"].clone();
        let currency = text(&session, "currency");
        let intent = payment::open(world, total, currency, owner.clone().into(), "Checkout", metadata);
        payment::collect(world, &intent, &method, how);
        if stays {
            return Ok(());
        }
        world.change(id, |session| put(session, "payment_intent", intent));
    }
    if subscribes {
        if attached {
            world.tell("payment_method.attached", &method);
        }
        let owner = owner.clone().unwrap_or_default();
        let made = subscribe(world, &owner, &hidden, method, if total > 0 { how } else { Collect::Paid });
        let invoice = world.peek(&made)["latest_invoice"].clone();
        world.change(id, |session| put_all(session, [("invoice", invoice), ("subscription", made.into())]));
    }
    finish(world, id, owner.as_deref(), how, email);
    Ok(())
}

/// The session's customer; in subscription mode, or where asked for, one made from the e-mail.
fn owner_of(world: &mut World<'_>, session: &Value, email: &str) -> Result<Option<String>, ApiError> {
    if let Some(customer) = session["customer"].as_str() {
        return Ok(Some(customer.to_owned()));
    }
    if text(session, "customer_creation") != "always" && int(session, "amount_total") > 0 {
        return Ok(None);
    }
    let email = session["customer_email"].as_str().unwrap_or(email);
    let given = json!({ "email": email });
    let params =
        Params::read(given.as_object().unwrap_or(&Map::new()), customer::CREATE, &"POST /v1/customers")?;
    let made = customer::create(world, &params)?;
    Ok(Some(text(&made, "id").to_owned()))
}

/// The card that is typed in: a new one, or the one that the customer has.
fn card_of(world: &mut World<'_>, owner: &Option<String>, session: &Value) -> (String, bool) {
    let Some(owner) = owner else { return (payment::new_card(world, "", "4242"), false) };
    match payment::default_of(world, owner) {
        Some(method) => (method, false),
        None => {
            let method = payment::new_card(world, owner, "4242");
            // A payment alone does not save the card.
            if text(session, "mode") == "payment" {
                world.change(&method, |method| put(method, "customer", NULL));
            }
            (method, true)
        }
    }
}

fn subscribe(world: &mut World<'_>, owner: &str, hidden: &Value, method: String, how: Collect) -> String {
    let lines = hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    let pick = |recurring: bool| -> Vec<(Value, i64)> {
        let of = lines.iter().filter(|line| line["price"]["recurring"].is_null() != recurring);
        of.map(|line| (line["price"].clone(), int(line, "quantity"))).collect()
    };
    let data = &hidden["subscription_data"];
    let mut fields = json!({});
    for name in ["metadata", "description"] {
        if !data[name].is_null() {
            put(&mut fields, name, data[name].clone());
        }
    }
    let trial_end = hidden["trial_days"].as_i64().map(|days| world.second() + days * period::DAY);
    subscription::start(
        world,
        Start {
            customer: owner.to_owned(),
            items: pick(true),
            extra: pick(false),
            trial_end,
            fields,
            method: Some(method),
            how,
            via: Via::Checkout,
            discount_percent: int(hidden, "discount_percent"),
        },
    )
}

fn finish(world: &mut World<'_>, id: &str, owner: Option<&str>, how: Collect, email: &str) {
    let who = owner.map(|owner| world.copy(owner)).unwrap_or_default();
    let address = if text(&who, "email").is_empty() { email.into() } else { who["email"].clone() };
    world.change(id, |session| {
        let status = match how {
            _ if int(session, "amount_total") == 0 => "no_payment_required",
            Collect::Processing => "unpaid",
            _ => "paid",
        };
        put_all(
            session,
            [
                ("customer", owner.into()),
                ("customer_details", checkout::customer_details(address, who["name"].clone())),
                ("payment_status", status.into()),
                ("status", "complete".into()),
                ("url", NULL),
            ],
        );
    });
    world.tell("checkout.session.completed", id);
}

/// A delayed payment of a completed session comes through, or does not.
pub(crate) fn settle(world: &mut World<'_>, id: &str, arrives: bool) {
    world.by_itself();
    let session = world.copy(id);
    let invoice = session["invoice"].as_str().map(str::to_owned);
    let intent = match &invoice {
        Some(invoice) => invoice::intent_of(world, invoice),
        None => session["payment_intent"].as_str().map(str::to_owned),
    };
    let Some(intent) = intent else { return };
    let method = text(world.peek(&intent), "payment_method").to_owned();
    let how = if arrives { Collect::Paid } else { Collect::Declined };
    match (&invoice, arrives) {
        (Some(invoice), true) => {
            invoice::pay(world, invoice, &method, how, None);
        }
        (None, true) => {
            payment::collect(world, &intent, &method, how);
        }
        (invoice, false) => {
            payment::bounce(world, &intent);
            if let Some(invoice) = invoice {
                world.tell("invoice.payment_failed", invoice);
            }
        }
    }
    if let Some(invoice) = invoice {
        subscription::after_payment(world, &invoice, how);
    }
    if arrives {
        world.change(id, |session| put(session, "payment_status", "paid"));
    }
    let outcome = if arrives { "succeeded" } else { "failed" };
    world.tell(&format!("checkout.session.async_payment_{outcome}"), id);
}

/// Lays the fields of `set` over a session that the app opened.
pub(crate) fn lay_over(world: &mut World<'_>, id: &str) {
    if let Some((_, fields)) = world.overlay.take() {
        world.change(id, |session| merge(session, &fields));
    }
}
