//! Customers.

use serde_json::{Value, json};

use super::credit_balance::{self, Why};
use super::redemption::{self, Buyer};
use super::{World, automatic_tax, cash_balance, payment, source, subscription, tax_id, test_clock};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::Route;
use crate::provider::double::search;
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::customer::{self, deleted};
use crate::stripe::object::{int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list(
        "/v1/customers",
        Kind::Customer,
        &[("email", Is::Text), ("test_clock", Is::Text), CREATED],
        AS_USUAL,
    ),
    Route::search("/v1/customers/search", Kind::Customer, search::CUSTOMERS),
    Route::retrieve("/v1/customers/{id}", Kind::Customer),
    Route::create("/v1/customers", CREATE, create),
    Route::change("/v1/customers/{id}", CREATE, update),
    Route::delete("/v1/customers/{id}", &[], |world, id, _| delete(world, id)),
];

const ADDRESS: Is = Is::Fields(&[
    ("city", Is::Text),
    ("country", Is::Text),
    ("line1", Is::Text),
    ("line2", Is::Text),
    ("postal_code", Is::Text),
    ("state", Is::Text),
]);

pub(crate) const CREATE: Table = &[
    ("email", Is::Text),
    ("name", Is::Text),
    ("phone", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("address", ADDRESS),
    (
        "shipping",
        Is::Fields(&[
            ("address", Is::Needed(&ADDRESS)),
            ("name", Is::Needed(&Is::Text)),
            ("phone", Is::Text),
        ]),
    ),
    (
        "invoice_settings",
        Is::Fields(&[
            ("default_payment_method", Is::Text),
            ("footer", Is::Text),
            ("custom_fields", Is::Rows(&[("name", Is::Needed(&Is::Text)), ("value", Is::Needed(&Is::Text))])),
            (
                "rendering_options",
                Is::Fields(&[
                    ("amount_tax_display", Is::Choice(&["exclude_tax", "include_inclusive_tax"])),
                    ("template", Is::NotModelled),
                ]),
            ),
        ]),
    ),
    ("invoice_prefix", Is::Text),
    ("next_invoice_sequence", Is::Int),
    ("preferred_locales", Is::Texts),
    ("tax_exempt", Is::Choice(&["none", "exempt", "reverse"])),
    ("balance", Is::Int),
    ("payment_method", Is::Text),
    // The names of old for a discount on everything; newer versions have none.
    ("coupon", Is::Text),
    ("promotion_code", Is::Text),
    ("source", Is::Text),
    ("default_source", Is::Text),
    ("tax", automatic_tax::CUSTOMER),
    ("tax_id_data", Is::Rows(tax_id::DATA)),
    ("test_clock", Is::Text),
    ("cash_balance", Is::Fields(cash_balance::SETTINGS)),
];

const FIELDS: [&str; 11] = [
    "email",
    "name",
    "phone",
    "description",
    "metadata",
    "address",
    "shipping",
    "invoice_prefix",
    "next_invoice_sequence",
    "preferred_locales",
    "tax_exempt",
];

/// `POST /v1/customers`. With the e-mail of a slot, the customer becomes that slot's.
pub(crate) fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    test_clock::takes_customer(world, params)?;
    world.attempt(|world| make(world, params))
}

fn make(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let discount = redemption::asked(world, params, Buyer::default())?;
    for data in params.list("tax_id_data") {
        tax_id::check(text(data, "type"))?;
    }
    let id = world.mint("cus");
    let made = bare(world, &id, params);
    world.insert(Kind::Customer, made);
    set_card(world, &id, params)?;
    adopt(world, &id);
    set_balance(world, &id, params);
    automatic_tax::set_location(world, &id, params)?;
    cash_balance::set(world, &id, &params.inside("cash_balance"));
    world.tell("customer.created", &id);
    if let Some(discount) = discount.as_deref().and_then(<[_]>::first) {
        redemption::set_on_customer(world, &id, Some(discount));
    }
    for data in params.list("tax_id_data") {
        tax_id::make(world, &id, text(data, "type"), text(data, "value"))?;
    }
    Ok(world.copy(&id))
}

/// `POST /v1/customers/{id}`.
pub(crate) fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    world.attempt(|world| change(world, id, params))
}

fn change(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let before = world.at_path(Kind::Customer, id)?;
    if params.given("test_clock").is_some() {
        return Err(ApiError::unknown_param("test_clock"));
    }
    let discount = redemption::asked(world, params, Buyer { customer: id, amount: None })?;
    set_card(world, id, params)?;
    world.change(id, |customer| params.apply(customer, &FIELDS));
    set_balance(world, id, params);
    automatic_tax::set_location(world, id, params)?;
    cash_balance::set(world, id, &params.inside("cash_balance"));
    if let Some(discount) = discount {
        redemption::set_on_customer(world, id, discount.first());
    }
    let changed = crate::stripe::object::previous(&before, world.peek(id));
    world.tell_changed("customer.updated", id, changed);
    Ok(world.copy(id))
}

/// `balance`: what it differs by is a transaction.
fn set_balance(world: &mut World<'_>, id: &str, params: &Params) {
    let Some(wanted) = params.int("balance") else { return };
    let moved = wanted.saturating_sub(int(world.peek(id), "balance"));
    if moved != 0 {
        credit_balance::record(world, id, moved, Why::Adjusted("usd"));
    }
}

/// The objects of a kind that name a customer, newest first; a deleted one has none.
pub(crate) fn parts(account: &Account, id: &str, kind: Kind) -> Result<Vec<Value>, ApiError> {
    let holder = account.find(id).filter(|stored| stored.kind == Kind::Customer);
    let holder = holder.filter(|stored| stored.value()["deleted"] != true);
    if holder.is_none() {
        return Err(ApiError::no_such(Kind::Customer.noun(), id));
    }
    let home = account.home(id);
    let store = home.map(|home| &account.part(home).store);
    let of = store.into_iter().flat_map(|store| store.with(kind, "customer", id).rev());
    Ok(of.map(crate::provider::double::store::Stored::whole).collect())
}

/// `DELETE /v1/customers/{id}`: its subscriptions end at once.
pub(crate) fn delete(world: &mut World<'_>, id: &str) -> Result<Value, ApiError> {
    let customer = world.at_path(Kind::Customer, id)?;
    for subscription in world.ids_where(Kind::Subscription, "customer", id) {
        if subscription::is_over(world.peek(&subscription)) {
            continue;
        }
        subscription::end(world, &subscription, json!({ "reason": "cancellation_requested" }));
    }
    let stub = deleted(id, "customer");
    world.change(id, |kept| *kept = stub.clone());
    world.event("customer.deleted", customer, None);
    Ok(stub)
}

/// The customer of a slot, before the app knows of it: no event, it was there when the story began.
pub(crate) fn premade(world: &mut World<'_>, email: &str) -> String {
    let id = world.mint("cus");
    let mut customer = bare(world, &id, &Params::default());
    put(&mut customer, "email", email);
    world.insert(Kind::Customer, customer);
    id
}

fn bare(world: &mut World<'_>, id: &str, params: &Params) -> Value {
    let mut prefix = String::new();
    world.part.ids.letters(&mut prefix, 8);
    let mut customer = customer::customer(id, world.second(), &prefix.to_uppercase());
    params.apply(&mut customer, &FIELDS);
    customer
}

/// `payment_method` and `invoice_settings[default_payment_method]`.
fn set_card(world: &mut World<'_>, id: &str, params: &Params) -> Result<(), ApiError> {
    if let Some(method) = params.text("payment_method") {
        payment::attach(world, method, id, "payment_method")?;
    }
    if let Some(token) = params.text("source") {
        source::set_default(world, id, token)?;
    }
    if let Some(source) = params.text("default_source") {
        source::choose_default(world, id, source)?;
    }
    let Some(settings) = params.given("invoice_settings").cloned() else { return Ok(()) };
    let mut settings = settings;
    if let Some(method) = settings["default_payment_method"].as_str().map(str::to_owned) {
        let param = "invoice_settings[default_payment_method]";
        let method = payment::attach(world, &method, id, param)?;
        put(&mut settings, "default_payment_method", method);
    }
    if let Value::Object(settings) = settings {
        world.change(id, |customer| {
            if let Some(kept) = customer.get_mut("invoice_settings") {
                crate::stripe::object::merge(kept, &settings);
            }
        });
    }
    Ok(())
}

/// The first customer that the app makes with a slot's e-mail takes the place of the one made beforehand,
/// which goes unless something already refers to it.
fn adopt(world: &mut World<'_>, id: &str) {
    let email = text(world.peek(id), "email").to_lowercase();
    let Some(slot) = world.part.slots.iter_mut().find(|slot| !slot.adopted && slot.email == email) else {
        return;
    };
    slot.adopted = true;
    let premade = std::mem::replace(&mut slot.customer, id.to_owned());
    let kinds = [Kind::Subscription, Kind::Invoice, Kind::Session, Kind::Charge, Kind::PaymentMethod];
    if kinds.iter().all(|kind| world.ids_where(*kind, "customer", &premade).is_empty()) {
        world.remove(&premade);
    }
}
