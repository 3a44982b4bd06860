//! Payment methods: made from Stripe's test numbers, put on a customer's file, taken off it.

use serde_json::{Value, json};

use super::test_card::{
    Does, NOT_A_TEST_CARD, TestCard, decline_of, does, is_card_number, us_account, us_account_ends,
};
use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CUSTOMER};
use crate::provider::double::params::{Is, Params, Table, nested_int};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::method::{self, Face};
use crate::stripe::object::{NULL, merge, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/payment_methods", Kind::PaymentMethod, &[CUSTOMER, ("type", Is::Text)], AS_USUAL),
    Route::create("/v1/payment_methods", CREATE, create),
    Route::retrieve("/v1/payment_methods/{id}", Kind::PaymentMethod),
    Route::change("/v1/payment_methods/{id}", UPDATE, update),
    Route::change("/v1/payment_methods/{id}/attach", ATTACH, attach_by_hand),
    Route::change("/v1/payment_methods/{id}/detach", &[], |world, id, _| detach(world, id)),
    Route::read(
        "/v1/customers/{id}/payment_methods",
        &[("type", Is::Text), ("limit", Is::Int), ("starting_after", Is::Text), ("ending_before", Is::Text)],
        of_customer,
    ),
    Route::read("/v1/customers/{id}/payment_methods/{sub}", &[], one_of_customer),
];

const BILLING: Is = Is::Fields(&[
    ("address", Is::Map),
    ("email", Is::Text),
    ("name", Is::Text),
    ("phone", Is::Text),
    ("tax_id", Is::Text),
]);

const BANK: Is = Is::Fields(&[
    ("account_number", Is::Text),
    ("routing_number", Is::Text),
    ("account_holder_type", Is::Choice(&["individual", "company"])),
    ("account_type", Is::Choice(&["checking", "savings"])),
    ("financial_connections_account", Is::NotModelled),
]);

/// Also `payment_method_data` of intents.
pub(crate) const CREATE: Table = &[
    ("type", Is::Needed(&Is::Text)),
    ("allow_redisplay", Is::Choice(&["always", "limited", "unspecified"])),
    ("billing_details", BILLING),
    (
        "card",
        Is::Fields(&[
            ("number", Is::Text),
            ("exp_month", Is::Int),
            ("exp_year", Is::Int),
            ("cvc", Is::Text),
            ("token", Is::Text),
            ("networks", Is::Map),
        ]),
    ),
    ("us_bank_account", BANK),
    ("sepa_debit", Is::Fields(&[("iban", Is::Needed(&Is::Text))])),
    ("customer_balance", Is::Map),
    ("metadata", Is::Meta),
    ("customer", Is::NotModelled),
    ("payment_method", Is::NotModelled),
    ("radar_options", Is::NotModelled),
];

const UPDATE: Table = &[
    ("allow_redisplay", Is::Choice(&["always", "limited", "unspecified"])),
    ("billing_details", BILLING),
    ("card", Is::Fields(&[("exp_month", Is::Int), ("exp_year", Is::Int), ("networks", Is::Map)])),
    ("metadata", Is::Meta),
    ("us_bank_account", Is::NotModelled),
];

const ATTACH: Table = &[("customer", Is::Needed(&Is::Text))];

/// `POST /v1/payment_methods`.
pub(crate) fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let kind = params.needed("type")?.to_owned();
    let given = params.given(&kind).cloned().unwrap_or_default();
    let mut hidden = NULL;
    let details = match kind.as_str() {
        "card" => new_face(world, &given)?,
        "us_bank_account" => {
            let number = text(&given, "account_number");
            if number.is_empty() {
                return Err(ApiError::missing_param("us_bank_account[account_number]"));
            }
            if us_account_ends(number).is_none() {
                return Err(ApiError::invalid_param(
                    "us_bank_account[account_number]",
                    "You must use a test bank account number in test mode. Try 000123456789 or see more options at \
                     https://stripe.com/docs/connect/testing#account-numbers.",
                ));
            }
            hidden = json!({ "number": number });
            bank_account(number, &given)
        }
        "sepa_debit" => {
            let iban: String = text(&given, "iban").split_whitespace().collect::<String>().to_uppercase();
            if !(15..=34).contains(&iban.len()) || !iban.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(ApiError::invalid_param("sepa_debit[iban]", "The IBAN you provided is invalid."));
            }
            hidden = json!({ "number": iban });
            method::sepa_debit(&iban)
        }
        "customer_balance" => json!({}),
        kind => {
            let kind: String = kind.chars().take(40).collect();
            return Err(ApiError::not_modelled(&format!("type={kind} of POST /v1/payment_methods")));
        }
    };
    let id = world.mint("pm");
    let billing = method::billing_details(&NULL);
    let mut made = method::method(&id, world.second(), &kind, details, billing);
    params.apply(&mut made, &["allow_redisplay", "billing_details", "metadata"]);
    Ok(world.insert_with(Kind::PaymentMethod, made, hidden))
}

/// `card` of a payment method: from a number, or from a token.
fn new_face(world: &World<'_>, given: &Value) -> Result<Value, ApiError> {
    if let Some(token) = given["token"].as_str() {
        if let Some(card) = TestCard::token(token) {
            return Ok(method::card(&face(card, &card.fingerprint(), (12, 2034))));
        }
        let token = world.named_by(Kind::Token, token, "card[token]")?;
        let card = &token["card"];
        let known = TestCard::of(card).unwrap_or(TestCard::usual());
        let expires = (card["exp_month"].as_i64().unwrap_or(12), card["exp_year"].as_i64().unwrap_or(2034));
        return Ok(method::card(&face(known, &known.fingerprint(), expires)));
    }
    let (card, expires) = typed_in(world, given, "card")?;
    Ok(method::card(&face(card, &card.fingerprint(), expires)))
}

/// The card whose number, month and year a person typed in.
pub(crate) fn typed_in(
    world: &World<'_>,
    given: &Value,
    param: &str,
) -> Result<(&'static TestCard, (i64, i64)), ApiError> {
    let of = |name: &str| format!("{param}[{name}]");
    let number = given["number"].as_str().ok_or_else(|| ApiError::missing_param(&of("number")))?;
    let card_error =
        |code, message: &str, name: &str| ApiError::card(code, "", message).with("param", of(name));
    if !is_card_number(number) {
        return Err(card_error("incorrect_number", "Your card number is incorrect.", "number"));
    }
    let needed =
        |name: &str| nested_int(&given[name], &of(name))?.ok_or_else(|| ApiError::missing_param(&of(name)));
    let (month, year) = (needed("exp_month")?, needed("exp_year")?);
    let year = if (0..100).contains(&year) { year + 2_000 } else { year };
    if !(1..=12).contains(&month) {
        return Err(card_error(
            "invalid_expiry_month",
            "Your card's expiration month is invalid.",
            "exp_month",
        ));
    }
    let now = world.part.now.to_zoned(jiff::tz::TimeZone::UTC);
    let (this_year, this_month) = (i64::from(now.year()), i64::from(now.month()));
    if (year, month) < (this_year, this_month) || year > this_year + 50 {
        return Err(card_error("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year"));
    }
    let card = TestCard::numbered(number).ok_or_else(|| {
        ApiError::card(NOT_A_TEST_CARD.code, NOT_A_TEST_CARD.decline_code, NOT_A_TEST_CARD.message)
    })?;
    Ok((card, (month, year)))
}

/// What a test card shows of itself.
pub(crate) fn face<'a>(card: &TestCard, fingerprint: &'a str, expires: (i64, i64)) -> Face<'a> {
    let TestCard { brand, funding, country, .. } = *card;
    Face { brand, last4: card.last4(), funding, country, fingerprint, expires }
}

fn bank_account(number: &str, given: &Value) -> Value {
    let last4 = number.get(number.len().saturating_sub(4)..).unwrap_or_default();
    let or = |name: &str, usual: &'static str| given[name].as_str().unwrap_or(usual).to_owned();
    let routing = or("routing_number", "110000000");
    let (holder, kind) = (or("account_holder_type", "individual"), or("account_type", "checking"));
    method::us_bank_account(&routing, last4, &holder, &kind)
}

/// A card on the customer's file, without an event; of nobody where the customer is `""`.
pub(crate) fn new_card(world: &mut World<'_>, customer: &str, card: &TestCard) -> String {
    let id = world.mint("pm");
    let billing = method::billing_details(world.peek(customer));
    let details = method::card(&face(card, &card.fingerprint(), (12, 2034)));
    let mut made = method::method(&id, world.second(), "card", details, billing);
    put(&mut made, "customer", customer);
    world.insert(Kind::PaymentMethod, made);
    id
}

/// The payment method that a call names: one that was made before, or a new one of Stripe's test methods.
pub(crate) fn named(world: &mut World<'_>, id: &str, param: &str) -> Result<String, ApiError> {
    if let Some(card) = TestCard::method(id) {
        let made = new_card(world, "", card);
        world.change(&made, |method| put(method, "customer", NULL));
        return Ok(made);
    }
    if let Some(number) = us_account(id) {
        let details = bank_account(number, &NULL);
        let made = world.mint("pm");
        let billing = method::billing_details(&json!({ "name": "Jenny Rosen" }));
        let method = method::method(&made, world.second(), "us_bank_account", details, billing);
        world.insert_with(Kind::PaymentMethod, method, json!({ "number": number }));
        return Ok(made);
    }
    if world.get(id).is_some_and(|source| text(source, "object") == "card") {
        return Ok(id.to_owned());
    }
    world.named_by(Kind::PaymentMethod, id, param).map(|_| id.to_owned())
}

/// Puts a payment method on a customer's file: a known one, or one of Stripe's test methods.
pub(crate) fn attach(
    world: &mut World<'_>,
    method: &str,
    customer: &str,
    param: &str,
) -> Result<String, ApiError> {
    let method = named(world, method, param)?;
    match text(world.peek(&method), "customer") {
        "" => {}
        owner if owner == customer => return Ok(method),
        _ => {
            return Err(ApiError::invalid_param(
                param,
                "The payment method you provided has already been attached to a customer.",
            ));
        }
    }
    if world.hidden(&method)["detached"] == true {
        return Err(ApiError::invalid_param(
            param,
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a \
             Customer, and may not be used again.",
        ));
    }
    if matches!(does(world.peek(&method)), Does::Declines(_)) {
        let how = decline_of(world.peek(&method));
        return Err(ApiError::card(how.code, how.decline_code, how.message));
    }
    world.change(&method, |method| put(method, "customer", customer));
    world.tell("payment_method.attached", &method);
    Ok(method)
}

/// Notes that a payment method was set up for payments without the customer.
pub(crate) fn set_up(world: &mut World<'_>, method: &str) {
    note(world, method, "set_up");
}

fn note(world: &mut World<'_>, method: &str, what: &str) {
    world.change_hidden(method, |hidden| {
        if !hidden.is_object() {
            *hidden = json!({});
        }
        put(hidden, what, true);
    });
}

/// `POST /v1/payment_methods/{id}/attach`.
fn attach_by_hand(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let customer = params.needed("customer")?;
    world.named_by(Kind::Customer, customer, "customer")?;
    if TestCard::method(id).is_none() && us_account(id).is_none() {
        world.at_path(Kind::PaymentMethod, id)?;
    }
    let id = attach(world, id, customer, "payment_method")?;
    Ok(world.copy(&id))
}

/// `POST /v1/payment_methods/{id}/detach`.
fn detach(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let method = world.at_path(Kind::PaymentMethod, id)?;
    let customer = text(&method, "customer").to_owned();
    if customer.is_empty() {
        return Err(ApiError::invalid_param(
            "payment_method",
            "The payment method you provided is not attached to a customer so detachment is impossible.",
        ));
    }
    note(world, id, "detached");
    world.update("payment_method.detached", id, |method| put(method, "customer", NULL));
    world.change(&customer, |customer| {
        if let Some(settings) = customer.get_mut("invoice_settings")
            && settings["default_payment_method"] == id
        {
            put(settings, "default_payment_method", NULL);
        }
    });
    Ok(world.copy(id))
}

/// `POST /v1/payment_methods/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let method = world.at_path(Kind::PaymentMethod, id)?;
    if method["customer"].is_null() {
        return Err(ApiError::invalid(
            "You must save this PaymentMethod to a customer before you can update it.",
        ));
    }
    let card = params.given("card").and_then(Value::as_object).cloned().unwrap_or_default();
    if !card.is_empty() && text(&method, "type") != "card" {
        return Err(ApiError::invalid_param("card", "This PaymentMethod is no card."));
    }
    Ok(world.updated("payment_method.updated", id, |method| {
        params.apply(method, &["allow_redisplay", "billing_details", "metadata"]);
        if let Some(kept) = method.get_mut("card") {
            merge(kept, &card);
        }
    }))
}

/// `GET /v1/customers/{id}/payment_methods`.
fn of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let customer = asked.ids.id;
    let holder = account.find(customer).filter(|stored| stored.kind == Kind::Customer);
    // A deleted customer can be retrieved, and nothing of it.
    if holder.is_none_or(|stored| stored.value()["deleted"] == true) {
        return Err(ApiError::no_such_param("customer", customer, "customer"));
    }
    let wanted = asked.params.text("type");
    let methods: Vec<Value> = account
        .stores(asked.home)
        .into_iter()
        .flat_map(|store| store.with(Kind::PaymentMethod, "customer", customer).rev())
        .map(Stored::value)
        .filter(|method| wanted.is_none_or(|wanted| text(method, "type") == wanted))
        .cloned()
        .collect();
    list::page_of(asked, &methods, Kind::PaymentMethod, asked.path)
}

/// `GET /v1/customers/{id}/payment_methods/{sub}`.
fn one_of_customer(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let found = account.find(asked.ids.sub).filter(|stored| stored.kind == Kind::PaymentMethod);
    let found = found.filter(|stored| text(stored.value(), "customer") == asked.ids.id);
    found.map(Stored::whole).ok_or_else(|| ApiError::no_such(Kind::PaymentMethod.noun(), asked.ids.sub))
}

/// Where an intent sends the customer back to.
pub(crate) fn return_url_of(world: &World<'_>, intent: &str) -> Option<String> {
    world.hidden(intent)["return_url"].as_str().map(str::to_owned)
}

/// `next_action` of an intent whose customer is asked by the bank: a page to go to, where the caller said where
/// the customer shall come back to; else Stripe.js takes over.
pub(crate) fn next_action(intent: &str, return_url: Option<&str>) -> Value {
    let url = format!("https://hooks.stripe.com/3d_secure_2/hosted?intent={intent}");
    match return_url {
        Some(back) => json!({
            "redirect_to_url": { "return_url": back, "url": url }, "type": "redirect_to_url",
        }),
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "source": intent, "stripe_js": url, "type": "three_d_secure_redirect" },
        }),
    }
}

/// Forgets what an intent waited for.
pub(crate) fn failed(intent: &mut Value, error_field: &str, error: Value) {
    put_all(
        intent,
        [
            (error_field, error),
            ("next_action", NULL),
            ("payment_method", NULL),
            ("status", "requires_payment_method".into()),
        ],
    );
}
