//! Items of a subscription: read from parameters, built, and kept inside the subscription.

use serde_json::{Map, Value, json};

use super::billing_mode::Mode;
use super::redemption::{self, Buyer, Redeem};
use super::subscription::{PAYMENT_BEHAVIOR, PRORATION_BEHAVIOR};
use super::{World, anchor, catalog, change, period, tax_rate};
use crate::provider::double::error::ApiError;
use crate::provider::double::list;
use crate::provider::double::params::{Is, Params, Table, nested_int};
use crate::provider::double::route::{Asked, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::Kind;
use crate::stripe::object::customer::deleted;
use crate::stripe::object::{NULL, data, int, object, put, subscription, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::read(
        "/v1/subscription_items",
        &[
            ("subscription", Is::Needed(&Is::Text)),
            ("limit", Is::Int),
            ("starting_after", Is::Text),
            ("ending_before", Is::Text),
        ],
        list,
    ),
    Route::read("/v1/subscription_items/{id}", &[], |account, asked| retrieve(account, asked.ids.id)),
    Route::create("/v1/subscription_items", CREATE, create).made(),
    Route::change("/v1/subscription_items/{id}", UPDATE, update).made(),
    Route::delete("/v1/subscription_items/{id}", DELETE, delete),
];

/// A row of a new subscription's `items`.
pub(crate) const NEW: Table = &[
    ("price", Is::Text),
    // The name of old for a recurring price.
    ("plan", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("metadata", Is::Meta),
    ("discounts", redemption::ROWS),
    ("tax_rates", Is::Texts),
    ("billing_thresholds", Is::NotModelled),
    ("trial", Is::NotModelled),
];

/// A row of `items` where a subscription is changed.
pub(crate) const CHANGED: Table = &[
    ("id", Is::Text),
    ("deleted", Is::Bool),
    ("clear_usage", Is::NotModelled),
    ("price", Is::Text),
    ("plan", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("metadata", Is::Meta),
    ("discounts", redemption::ROWS),
    ("tax_rates", Is::Texts),
    ("billing_thresholds", Is::NotModelled),
];

const CREATE: Table = &[
    ("subscription", Is::Text),
    ("price", Is::Text),
    ("plan", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("metadata", Is::Meta),
    ("off_session", Is::Bool),
    ("payment_behavior", PAYMENT_BEHAVIOR),
    ("proration_behavior", PRORATION_BEHAVIOR),
    ("proration_date", Is::Int),
    ("discounts", redemption::ROWS),
    ("tax_rates", Is::Texts),
    ("billing_thresholds", Is::NotModelled),
];

const UPDATE: Table = &[
    ("price", Is::Text),
    ("plan", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("quantity", Is::Int),
    ("metadata", Is::Meta),
    ("off_session", Is::Bool),
    ("payment_behavior", PAYMENT_BEHAVIOR),
    ("proration_behavior", PRORATION_BEHAVIOR),
    ("proration_date", Is::Int),
    ("discounts", redemption::ROWS),
    ("tax_rates", Is::Texts),
    ("billing_thresholds", Is::NotModelled),
];

const DELETE: Table = &[
    ("payment_behavior", PAYMENT_BEHAVIOR),
    ("proration_behavior", PRORATION_BEHAVIOR),
    ("proration_date", Is::Int),
    ("clear_usage", Is::NotModelled),
];

/// Days until an invoice is due where nobody says: what new accounts are set to.
pub(crate) const DAYS_UNTIL_DUE: i64 = 30;

/// The most items that Stripe takes.
const MOST: usize = 20;

/// An item about to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct New {
    /// In full.
    pub(crate) price: Value,
    pub(crate) quantity: i64,
    pub(crate) metadata: Value,
    /// In full.
    pub(crate) tax_rates: Vec<Value>,
    pub(crate) discounts: Vec<Redeem>,
}

/// What the `items` of a new subscription in that billing mode say.
pub(crate) fn read_new(
    world: &mut World<'_>,
    customer: &str,
    given: &[Value],
    mode: Mode,
) -> Result<Vec<New>, ApiError> {
    if given.is_empty() {
        return Err(ApiError::missing_param("items"));
    }
    if given.len() > MOST {
        return Err(ApiError::invalid_param("items", "Subscriptions can have at most 20 items."));
    }
    let mut items: Vec<New> = Vec::new();
    for (at, given) in given.iter().enumerate() {
        items.push(read_one(world, customer, given, &format!("items[{at}]"))?);
    }
    let prices: Vec<&Value> = items.iter().map(|item| &item.price).collect();
    fit(&prices, mode.mixes(world.version))?;
    Ok(items)
}

fn read_one(world: &mut World<'_>, customer: &str, given: &Value, param: &str) -> Result<New, ApiError> {
    let list = |name: &str| given[name].as_array().map_or(&[][..], Vec::as_slice);
    let buyer = Buyer { customer, amount: None };
    Ok(New {
        price: recurring_price(world, given, param)?,
        quantity: quantity(given, param)?.unwrap_or(1),
        metadata: given["metadata"].clone(),
        tax_rates: tax_rate::named(world, list("tax_rates"), &format!("{param}[tax_rates]"))?,
        discounts: redemption::rows(world, list("discounts"), &format!("{param}[discounts]"), buyer)?,
    })
}

/// Items of one subscription share the currency, and no price twice; intervals must be the same, or align where they
/// may be `mixed`.
fn fit(prices: &[&Value], mixed: bool) -> Result<(), ApiError> {
    let Some((first, others)) = prices.split_first() else {
        return Ok(());
    };
    if others.iter().any(|other| other["currency"] != first["currency"]) {
        return Err(ApiError::invalid(
            "Currency and interval fields must match across all plans on this subscription. Found mismatch in currency \
             field.",
        ));
    }
    let same = period::all_same(prices.iter().map(|price| &price["recurring"]));
    if !same && !mixed {
        return Err(ApiError::invalid_param(
            "items",
            "All prices on a subscription must have the same `recurring.interval` and `recurring.interval_count`. If you \
             meant to update an existing subscription item instead of creating a new one, make sure to include the \
             subscription item ID in the request. See examples at \
             https://stripe.com/docs/billing/subscriptions/upgrade-downgrade#changing.",
        ));
    }
    if !same && !period::align(prices.iter().map(|price| &price["recurring"])) {
        return Err(ApiError::invalid_param(
            "items",
            "All prices on a subscription must have intervals that are a multiple of the shortest one.",
        ));
    }
    let twice = prices
        .iter()
        .enumerate()
        .find(|(at, price)| prices.iter().take(*at).any(|earlier| earlier["id"] == price["id"]));
    match twice {
        None => Ok(()),
        Some((_, price)) => Err(ApiError::invalid(format!(
            "Cannot add multiple subscription items with the same plan: {}",
            text(price, "id")
        ))),
    }
}

fn recurring_price(world: &mut World<'_>, given: &Value, param: &str) -> Result<Value, ApiError> {
    let price = catalog::price_param(world, given, param)?;
    if price["recurring"].is_null() {
        return Err(ApiError::invalid_param(
            &format!("{param}[price]"),
            "The price specified is set to `type=one_time` but this field only accepts prices with \
             `type=recurring`.",
        ));
    }
    Ok(price)
}

/// How often the item is billed whose first period ends first.
pub(crate) fn shortest(items: &[New], now: i64) -> &Value {
    let recurring = items.iter().map(|item| &item.price["recurring"]);
    recurring.min_by_key(|recurring| period::end(now, now, recurring)).unwrap_or(&NULL)
}

/// A whole number that Stripe takes as a quantity.
pub(crate) fn quantity(given: &Value, param: &str) -> Result<Option<i64>, ApiError> {
    let param = format!("{param}[quantity]");
    match nested_int(&given["quantity"], &param)? {
        Some(quantity) if !(0..=i64::from(u32::MAX)).contains(&quantity) => {
            Err(ApiError::invalid_param(&param, "Invalid quantity."))
        }
        quantity => Ok(quantity),
    }
}

/// New items, each over the period that `of` gives for its price.
pub(crate) fn build(
    world: &mut World<'_>,
    (customer, subscription): (&str, &str),
    items: &[New],
    of: impl Fn(&Value) -> (i64, i64),
) -> Vec<Value> {
    items.iter().map(|item| one(world, (customer, subscription), item, of(&item.price))).collect()
}

fn one(world: &mut World<'_>, (customer, owner): (&str, &str), wanted: &New, period: (i64, i64)) -> Value {
    let id = world.mint("si");
    let metered = wanted.price["recurring"]["usage_type"] == "metered";
    let quantity = (!metered).then_some(wanted.quantity);
    let mut item = subscription::item(&id, world.second(), owner, &wanted.price, quantity);
    set_period(&mut item, period);
    if let Some(metadata) = item.get_mut("metadata").filter(|_| wanted.metadata.is_object()) {
        crate::provider::double::params::merge_metadata(metadata, &wanted.metadata);
    }
    let discounts = redeem_on((customer, owner, &id), world, &wanted.discounts);
    put(&mut item, "discounts", discounts);
    put(&mut item, "tax_rates", wanted.tax_rates.clone());
    world.insert(Kind::Item, object! { "id": id, "subscription": owner });
    item
}

/// Redeems what an item asks for; gives the ids.
fn redeem_on(
    (customer, subscription, item): (&str, &str, &str),
    world: &mut World<'_>,
    wanted: &[Redeem],
) -> Vec<String> {
    let on = [("customer", customer), ("subscription", subscription), ("subscription_item", item)];
    wanted.iter().map(|wanted| redemption::redeem(world, wanted, &on)).collect()
}

pub(crate) fn set_period(item: &mut Value, (start, end): (i64, i64)) {
    put(item, "current_period_end", end);
    put(item, "current_period_start", start);
}

/// Gives a subscription its items, and the plan and quantity that Stripe shows for a single one.
pub(crate) fn replace(subscription: &mut Value, items: Vec<Value>) {
    let single = if let [item] = &items[..] { item.clone() } else { NULL };
    put(subscription, "plan", single["plan"].clone());
    put(subscription, "quantity", single["quantity"].clone());
    if let Some(first) = items.first() {
        put(subscription, "currency", first["price"]["currency"].clone());
    }
    if let Some(list) = subscription.get_mut("items") {
        put(list, "data", items);
    }
}

/// The period of a subscription: from the latest start of an item to the earliest end
/// (<https://docs.stripe.com/billing/subscriptions/mixed-interval#billing-periods-for-mixed-interval-subscriptions>).
pub(crate) fn period_of(subscription: &Value) -> (i64, i64) {
    let items = data(&subscription["items"]).iter();
    let (starts, ends): (Vec<i64>, Vec<i64>) = items.map(period).unzip();
    (starts.into_iter().max().unwrap_or_default(), ends.into_iter().min().unwrap_or_default())
}

/// When the last period of an item ends.
pub(crate) fn last_end(subscription: &Value) -> i64 {
    data(&subscription["items"]).iter().map(|item| period(item).1).max().unwrap_or_default()
}

/// The period of one item.
pub(crate) fn period(item: &Value) -> (i64, i64) {
    (int(item, "current_period_start"), int(item, "current_period_end"))
}

/// The period that an item of this price has in a subscription that runs: that of the others which are billed equally
/// often, or of all while there is a trial or a part of a period; else the whole one around now.
fn period_in(subscription: &Value, price: &Value, now: i64) -> (i64, i64) {
    let others = data(&subscription["items"]);
    let waits = text(subscription, "status") == "trialing" || int(subscription, "billing_cycle_anchor") > now;
    let alike = others.iter().find(|item| period::same(&item["price"]["recurring"], &price["recurring"]));
    match alike {
        Some(item) => period(item),
        None if waits => period_of(subscription),
        None => period::around(anchor::counted_from(subscription), now, &price["recurring"]),
    }
}

/// Gives the items of a subscription other periods; `of` gives that of each.
pub(crate) fn set_periods(subscription: &mut Value, of: impl Fn(&Value) -> (i64, i64)) {
    if let Some(Value::Array(items)) = subscription.get_mut("items").and_then(|list| list.get_mut("data")) {
        for item in items {
            let period = of(item);
            set_period(item, period);
        }
    }
}

/// What `items` of an update makes of a subscription's items: each names one by id and changes or deletes
/// it, or adds one.
pub(crate) fn read_changed(
    world: &mut World<'_>,
    subscription: &Value,
    given: &[Value],
) -> Result<Vec<Value>, ApiError> {
    let mut items = data(&subscription["items"]).to_vec();
    let mode = Mode::of(&subscription["billing_mode"]);
    for (at, given) in given.iter().enumerate() {
        let param = format!("items[{at}]");
        let Some(id) = given["id"].as_str() else {
            let wanted = read_one(world, text(subscription, "customer"), given, &param)?;
            let owner = (text(subscription, "customer"), text(subscription, "id"));
            let period = period_in(subscription, &wanted.price, world.second());
            items.push(one(world, owner, &wanted, period));
            continue;
        };
        let Some(place) = items.iter().position(|item| text(item, "id") == id) else {
            return Err(ApiError::no_such_param(Kind::Item.noun(), id, &format!("{param}[id]")));
        };
        if given["deleted"] == true || given["deleted"] == "true" {
            items.remove(place);
            continue;
        }
        let customer = text(subscription, "customer");
        let mut item = changed(world, customer, &items[place], given, &param)?;
        let before = &items[place]["price"]["recurring"];
        // In classic billing mode a new period begins for all of them.
        if mode == Mode::Flexible && !period::same(before, &item["price"]["recurring"]) {
            let period = period_in(subscription, &item["price"], world.second());
            set_period(&mut item, period);
        }
        items[place] = item;
    }
    let prices: Vec<&Value> = items.iter().map(|item| &item["price"]).collect();
    fit(&prices, mode.mixes(world.version))?;
    match items.len() {
        0 => Err(ApiError::invalid("A subscription must have at least one active item.")),
        1..=MOST => Ok(items),
        _ => Err(ApiError::invalid_param("items", "Subscriptions can have at most 20 items.")),
    }
}

fn changed(
    world: &mut World<'_>,
    customer: &str,
    item: &Value,
    given: &Value,
    param: &str,
) -> Result<Value, ApiError> {
    let mut item = item.clone();
    if ["price", "plan", "price_data"].iter().any(|name| !given[*name].is_null()) {
        let price = recurring_price(world, given, param)?;
        put(&mut item, "plan", crate::stripe::object::catalog::plan(&price));
        put(&mut item, "price", price);
    }
    if let Some(quantity) = quantity(given, param)? {
        put(&mut item, "quantity", quantity);
    }
    if let Some(metadata) = item.get_mut("metadata").filter(|_| !given["metadata"].is_null()) {
        crate::provider::double::params::merge_metadata(metadata, &given["metadata"]);
    }
    if let Some(rates) = given["tax_rates"].as_array() {
        put(&mut item, "tax_rates", tax_rate::named(world, rates, &format!("{param}[tax_rates]"))?);
    }
    if let Some(rows) = given["discounts"].as_array() {
        let buyer = Buyer { customer, amount: None };
        let wanted = redemption::rows(world, rows, &format!("{param}[discounts]"), buyer)?;
        let on = (customer, text(&item, "subscription").to_owned(), text(&item, "id").to_owned());
        let discounts = redeem_on((on.0, &on.1, &on.2), world, &wanted);
        put(&mut item, "discounts", discounts);
    }
    Ok(item)
}

/// `GET /v1/subscription_items?subscription=…`.
fn list(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let owner = asked.params.needed("subscription")?;
    let stored = account.find(owner).filter(|stored| stored.kind == Kind::Subscription);
    let stored = stored.ok_or_else(|| ApiError::no_such_param("subscription", owner, "subscription"))?;
    let url = format!("/v1/subscription_items?subscription={owner}");
    list::page_of(asked, data(&stored.value()["items"]), Kind::Item, &url)
}

/// `GET /v1/subscription_items/{id}`.
fn retrieve(account: &Account, id: &str) -> Result<Value, ApiError> {
    let owner = account.find(id).filter(|stored| stored.kind == Kind::Item);
    let owner = owner.and_then(|item| account.find(text(item.value(), "subscription")));
    let item = owner.and_then(|owner| inside(owner.value(), id));
    item.ok_or_else(|| ApiError::no_such(Kind::Item.noun(), id))
}

fn inside(subscription: &Value, id: &str) -> Option<Value> {
    data(&subscription["items"]).iter().find(|item| text(item, "id") == id).cloned()
}

fn owner_of(world: &World<'_>, id: &str) -> Result<String, ApiError> {
    Ok(text(&world.at_path(Kind::Item, id)?, "subscription").to_owned())
}

/// `POST /v1/subscription_items`.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let owner = params.needed("subscription")?.to_owned();
    world.named_by(Kind::Subscription, &owner, "subscription")?;
    let subscription = update_one(world, &owner, params, &[])?;
    data(&subscription["items"]).last().cloned().ok_or_else(|| ApiError::missing_param("price"))
}

/// `POST /v1/subscription_items/{id}`.
fn update(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let owner = owner_of(world, id)?;
    let subscription = update_one(world, &owner, params, &[("id", id.into())])?;
    inside(&subscription, id).ok_or_else(|| ApiError::no_such(Kind::Item.noun(), id))
}

/// `DELETE /v1/subscription_items/{id}`.
fn delete(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let owner = owner_of(world, id)?;
    update_one(world, &owner, params, &[("id", id.into()), ("deleted", true.into())])?;
    world.remove(id);
    Ok(deleted(id, "subscription_item"))
}

/// All three are an update of the subscription with one item named.
fn update_one(
    world: &mut World<'_>,
    owner: &str,
    params: &Params,
    more: &[(&str, Value)],
) -> Result<Value, ApiError> {
    let (mut item, mut update) = (Map::new(), Map::new());
    for (name, value) in params.fields() {
        let of_the_item = CHANGED.iter().any(|(known, _)| known == name);
        let into = if of_the_item { &mut item } else { &mut update };
        if name != "subscription" {
            into.insert(name.clone(), value.clone());
        }
    }
    item.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    update.insert("items".to_owned(), json!([item]));
    let update = Params::read(&update, change::UPDATE, &"POST /v1/subscription_items")?;
    change::update(world, owner, &update)
}
