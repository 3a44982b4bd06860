//! Payouts, top-ups and transfers, with their reversals. The balance itself is not looked at.

use serde_json::Value;

use super::{Op, Resource};
use crate::provider::double::account::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{self, AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params, Table};
use crate::provider::double::route::{Asked, Ids, Route};
use crate::provider::double::state::Account;
use crate::provider::double::store::{Kind, Stored};
use crate::stripe::object::{connect, data, int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/payouts", Kind::Payout, PAYOUT_FILTERS, AS_USUAL),
    Route::retrieve("/v1/payouts/{id}", Kind::Payout),
    Route::stored("/v1/payouts", &PAYOUT, Op::Create),
    Route::stored("/v1/payouts/{id}", &PAYOUT, Op::Update),
    Route::change("/v1/payouts/{id}/cancel", &[], cancel_payout),
    Route::list("/v1/topups", Kind::Topup, TOPUP_FILTERS, AS_USUAL),
    Route::retrieve("/v1/topups/{id}", Kind::Topup),
    Route::stored("/v1/topups", &TOPUP, Op::Create),
    Route::stored("/v1/topups/{id}", &TOPUP, Op::Update),
    Route::change("/v1/topups/{id}/cancel", &[], cancel_topup),
    Route::list("/v1/transfers", Kind::Transfer, TRANSFER_FILTERS, AS_USUAL),
    Route::retrieve("/v1/transfers/{id}", Kind::Transfer),
    Route::stored("/v1/transfers", &TRANSFER, Op::Create),
    Route::stored("/v1/transfers/{id}", &TRANSFER, Op::Update),
    Route::read("/v1/transfers/{id}/reversals", list::PARAMS, reversals),
    Route::change("/v1/transfers/{id}/reversals", REVERSE, reverse).made(),
    Route::read("/v1/transfers/{id}/reversals/{sub}", &[], reversal),
    Route::change_in("/v1/transfers/{id}/reversals/{sub}", &[("metadata", Is::Meta)], update_reversal).made(),
];

static PAYOUT: Resource = Resource {
    kind: Kind::Payout,
    prefix: "po",
    fresh: connect::payout,
    create: &[
        ("amount", Is::Needed(&Is::Int)),
        ("currency", Is::Needed(&Is::Text)),
        ("description", Is::Text),
        ("destination", Is::Text),
        ("metadata", Is::Meta),
        ("method", Is::Choice(&["instant", "standard"])),
        ("payout_method", Is::Text),
        ("source_type", Is::Choice(&["bank_account", "card", "fpx"])),
        ("statement_descriptor", Is::Text),
    ],
    update: &[("metadata", Is::Meta)],
    unseen: &[],
    completes: complete_payout,
    created: Some("payout.created"),
    updated: Some("payout.updated"),
};

const PAYOUT_FILTERS: Table =
    &[("arrival_date", Is::NotModelled), CREATED, ("destination", Is::Text), ("status", Is::Text)];

static TOPUP: Resource = Resource {
    kind: Kind::Topup,
    prefix: "tu",
    fresh: connect::topup,
    create: &[
        ("amount", Is::Needed(&Is::Int)),
        ("currency", Is::Needed(&Is::Text)),
        ("description", Is::Text),
        ("metadata", Is::Meta),
        ("source", Is::NotModelled),
        ("statement_descriptor", Is::Text),
        ("transfer_group", Is::Text),
    ],
    update: &[("description", Is::Text), ("metadata", Is::Meta)],
    unseen: &[],
    completes: positive,
    created: Some("topup.created"),
    updated: None,
};

const TOPUP_FILTERS: Table = &[("amount", Is::NotModelled), CREATED, ("status", Is::Text)];

static TRANSFER: Resource = Resource {
    kind: Kind::Transfer,
    prefix: "tr",
    fresh: connect::transfer,
    create: &[
        ("amount", Is::Int),
        ("currency", Is::Needed(&Is::Text)),
        ("description", Is::Text),
        ("destination", Is::Needed(&Is::Text)),
        ("metadata", Is::Meta),
        ("source_transaction", Is::Text),
        ("source_type", Is::Choice(&["bank_account", "card", "fpx"])),
        ("transfer_group", Is::Text),
    ],
    update: &[("description", Is::Text), ("metadata", Is::Meta)],
    unseen: &[],
    completes: complete_transfer,
    created: Some("transfer.created"),
    updated: Some("transfer.updated"),
};

const TRANSFER_FILTERS: Table = &[CREATED, ("destination", Is::Text), ("transfer_group", Is::Text)];

const REVERSE: Table = &[
    ("amount", Is::Int),
    ("description", Is::NotModelled),
    ("metadata", Is::Meta),
    ("refund_application_fee", Is::NotModelled),
];

fn positive(_: &mut World<'_>, _: &mut Value, params: &Params) -> Result<(), ApiError> {
    match params.int("amount") {
        Some(amount) if amount <= 0 => Err(ApiError::invalid_param("amount", "Invalid positive integer")),
        _ => Ok(()),
    }
}

fn complete_payout(world: &mut World<'_>, payout: &mut Value, params: &Params) -> Result<(), ApiError> {
    positive(world, payout, params)?;
    if params.text("destination").is_none() {
        let bank = world.mint("ba");
        put(payout, "destination", bank);
    }
    Ok(())
}

/// `POST /v1/payouts/{id}/cancel`.
fn cancel_payout(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    pending(world, Kind::Payout, id, "Payouts")?;
    Ok(world.updated("payout.canceled", id, |payout| put(payout, "status", "canceled")))
}

/// `POST /v1/topups/{id}/cancel`.
fn cancel_topup(world: &mut World<'_>, id: &str, _: &Params) -> Result<Value, ApiError> {
    pending(world, Kind::Topup, id, "Top-ups")?;
    Ok(world.updated("topup.canceled", id, |topup| put(topup, "status", "canceled")))
}

fn pending(world: &World<'_>, kind: Kind, id: &str, what: &str) -> Result<(), ApiError> {
    let object = world.at_path(kind, id)?;
    match text(&object, "status") {
        "pending" => Ok(()),
        status => Err(ApiError::invalid(format!(
            "{what} can only be canceled while they are pending. This one is {status}."
        ))),
    }
}

fn complete_transfer(world: &mut World<'_>, transfer: &mut Value, params: &Params) -> Result<(), ApiError> {
    positive(world, transfer, params)?;
    let destination = params.needed("destination")?;
    if world.get(destination).is_none_or(|account| account["object"] != "account") {
        return Err(ApiError::no_such_param("destination", destination, "destination"));
    }
    match (params.text("source_transaction"), params.int("amount")) {
        (None, None) => return Err(ApiError::missing_param("amount")),
        (Some(charge), amount) => {
            let charge = world.named_by(Kind::Charge, charge, "source_transaction")?;
            put(transfer, "amount", amount.unwrap_or_else(|| int(&charge, "amount")));
        }
        (None, Some(_)) => {}
    }
    let payment = world.mint("py");
    put(transfer, "destination_payment", payment);
    Ok(())
}

/// `POST /v1/transfers/{id}/reversals`.
fn reverse(world: &mut World<'_>, id: &str, params: &Params) -> Result<Value, ApiError> {
    let transfer = world.at_path(Kind::Transfer, id)?;
    let left = int(&transfer, "amount").saturating_sub(int(&transfer, "amount_reversed"));
    let amount = params.int("amount").unwrap_or(left);
    if amount <= 0 {
        return Err(ApiError::invalid_param("amount", "Invalid positive integer"));
    }
    if amount > left {
        return Err(ApiError::invalid_param(
            "amount",
            format!("Reversal amount ({amount}) is greater than unreversed amount on transfer ({left})"),
        ));
    }
    let reversal = world.mint("trr");
    let mut reversal = connect::reversal(&reversal, world.second(), &transfer, amount);
    params.apply(&mut reversal, &["metadata"]);
    let reversal = world.insert(Kind::TransferReversal, reversal);
    let reversed = int(&transfer, "amount_reversed").saturating_add(amount);
    world.change(id, |transfer| {
        put_all(transfer, [("amount_reversed", reversed.into()), ("reversed", (amount == left).into())]);
        if let Some(shown) = transfer.get_mut("reversals") {
            show_first(shown, reversal.clone());
        }
    });
    world.tell("transfer.reversed", id);
    Ok(reversal)
}

/// Puts an object at the head of a list that shows the newest ten.
fn show_first(list: &mut Value, object: Value) {
    let mut shown = vec![object];
    shown.extend(data(list).iter().cloned());
    let more = shown.len() > 10 || list["has_more"] == true;
    shown.truncate(10);
    put_all(list, [("data", shown.into()), ("has_more", more.into())]);
}

/// `GET /v1/transfers/{id}/reversals`.
fn reversals(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let id = asked.ids.id;
    if account.find(id).is_none_or(|stored| stored.kind != Kind::Transfer) {
        return Err(ApiError::no_such(Kind::Transfer.noun(), id));
    }
    let all: Vec<Value> = account
        .stores(asked.home)
        .into_iter()
        .flat_map(|store| store.with(Kind::TransferReversal, "transfer", id).rev())
        .map(Stored::whole)
        .collect();
    list::page_of(asked, &all, Kind::TransferReversal, asked.path)
}

/// `GET /v1/transfers/{id}/reversals/{sub}`.
fn reversal(account: &Account, asked: &Asked<'_>) -> Result<Value, ApiError> {
    let Ids { id, sub } = asked.ids;
    account
        .find(sub)
        .filter(|stored| stored.kind == Kind::TransferReversal && text(stored.value(), "transfer") == id)
        .map(Stored::whole)
        .ok_or_else(|| ApiError::no_such(Kind::TransferReversal.noun(), sub))
}

/// `POST /v1/transfers/{id}/reversals/{sub}`. Stripe has no event for it.
fn update_reversal(world: &mut World<'_>, ids: Ids<'_>, params: &Params) -> Result<Value, ApiError> {
    let Ids { id, sub } = ids;
    let reversal = world.at_path(Kind::TransferReversal, sub)?;
    if text(&reversal, "transfer") != id {
        return Err(ApiError::no_such(Kind::TransferReversal.noun(), sub));
    }
    world.change(sub, |reversal| params.apply(reversal, &["metadata"]));
    let now = world.copy(sub);
    world.change(id, |transfer| {
        if let Some(Value::Array(shown)) = transfer.pointer_mut("/reversals/data") {
            for kept in shown.iter_mut().filter(|kept| kept["id"] == now["id"]) {
                *kept = now.clone();
            }
        }
    });
    Ok(now)
}
