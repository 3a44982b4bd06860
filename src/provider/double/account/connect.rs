//! Payments for connected accounts: on whose behalf one is made, who gets the money, and what the platform keeps of it
//! (<https://docs.stripe.com/connect/destination-charges>).
//!
//! The transfer and the application fee of a payment are made when its money is there. Like all that is stored, they
//! move no balance. A call for another account (`Stripe-Account`) is refused by name.

use serde_json::{Value, json};

use super::decimal::{as_number, divided, scaled_value};
use super::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::{NULL, connect, int, put, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/application_fees", Kind::ApplicationFee, &[("charge", Is::Text), CREATED], AS_USUAL),
    Route::retrieve("/v1/application_fees/{id}", Kind::ApplicationFee),
];

/// `transfer_data` of a payment.
pub(crate) const TRANSFER: Is = Is::Fields(&[
    ("amount", Is::Int),
    ("destination", Is::Needed(&Is::Text)),
    ("description", Is::NotModelled),
    ("metadata", Is::NotModelled),
    ("payment_data", Is::NotModelled),
]);

/// The same where a payment is changed: it goes where it goes.
pub(crate) const TRANSFER_AMOUNT: Is = Is::Fields(&[
    ("amount", Is::Int),
    ("description", Is::NotModelled),
    ("metadata", Is::NotModelled),
    ("payment_data", Is::NotModelled),
]);

/// `transfer_data` of what is billed again and again.
pub(crate) const TRANSFER_SHARE: Is =
    Is::Fields(&[("amount_percent", Is::Decimal), ("destination", Is::Needed(&Is::Text))]);

/// What a payment says of connected accounts.
pub(crate) const FIELDS: [&str; 3] = ["application_fee_amount", "on_behalf_of", "transfer_data"];

/// A percentage, in millionths of the whole.
const WHOLE: i128 = 1_000_000;

/// Checks what is said of a payment of so much; `before` is what it says already, `within` the parameter that these stand
/// in.
pub(crate) fn check(
    world: &World<'_>,
    params: &Params,
    (before, within): (&Value, &str),
    amount: Option<i64>,
) -> Result<(), ApiError> {
    parties(world, params, within)?;
    let transfer = params.given("transfer_data").filter(|transfer| transfer.is_object());
    let goes = transfer.and_then(|transfer| transfer["destination"].as_str());
    let goes = goes.or_else(|| before["transfer_data"]["destination"].as_str());
    let fee = params.int("application_fee_amount");
    let part = transfer.and_then(|transfer| transfer["amount"].as_i64());
    let refuse = |param: &str, message: &str| Err(ApiError::invalid_param(&named(within, param), message));
    match (fee, part) {
        (Some(_), Some(_)) => {
            return refuse(
                "application_fee_amount",
                "You may only specify one of these parameters: application_fee_amount, transfer_data[amount].",
            );
        }
        (Some(_), None) if goes.is_none() => {
            return refuse(
                "application_fee_amount",
                "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment (using \
                 an OAuth key or Stripe-Account header) or destination payment (using `transfer_data[destination]`).",
            );
        }
        (None, Some(_)) if goes.is_none() => {
            return Err(ApiError::missing_param(&named(within, DESTINATION)));
        }
        _ => {}
    }
    for (given, param) in [(fee, "application_fee_amount"), (part, "transfer_data[amount]")] {
        match given {
            Some(..=0) => return refuse(param, "Invalid positive integer"),
            Some(given) if amount.is_some_and(|amount| given > amount) => {
                return refuse(
                    param,
                    &format!("The `{param}` must be less than or equal to the amount of the payment."),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

const DESTINATION: &str = "transfer_data[destination]";

fn named(within: &str, param: &str) -> String {
    match (within, param.split_once('[')) {
        ("", _) => param.to_owned(),
        (within, Some((first, rest))) => format!("{within}[{first}][{rest}"),
        (within, None) => format!("{within}[{param}]"),
    }
}

/// The accounts that are named must be connected.
fn parties(world: &World<'_>, params: &Params, within: &str) -> Result<(), ApiError> {
    if let Some(account) = params.text("on_behalf_of") {
        world.named_by(Kind::Account, account, &named(within, "on_behalf_of"))?;
    }
    let transfer = params.given("transfer_data").unwrap_or(&NULL);
    if let Some(account) = transfer["destination"].as_str()
        && world.named_by(Kind::Account, account, DESTINATION).is_err()
    {
        return Err(ApiError::no_such_param("destination", account, &named(within, DESTINATION)));
    }
    Ok(())
}

/// What is said of everything that a subscription bills, as its fields.
pub(crate) fn shares(world: &World<'_>, params: &Params, within: &str) -> Result<Value, ApiError> {
    parties(world, params, within)?;
    let mut fields = json!({});
    params.apply(&mut fields, &["on_behalf_of"]);
    if let Some(percent) = params.given("application_fee_percent") {
        put(
            &mut fields,
            "application_fee_percent",
            share(percent, &named(within, "application_fee_percent"))?,
        );
    }
    if let Some(transfer) = params.given("transfer_data") {
        let param = named(within, "transfer_data[amount_percent]");
        let shown = match transfer.is_object() {
            true => json!({
                "amount_percent": share(&transfer["amount_percent"], &param)?, "destination": transfer["destination"],
            }),
            false => NULL,
        };
        put(&mut fields, "transfer_data", shown);
    }
    Ok(fields)
}

/// A percentage as an object shows it.
fn share(given: &Value, param: &str) -> Result<Value, ApiError> {
    let Some(percent) = scaled_value(given, 4) else { return Ok(NULL) };
    if !(0..=WHOLE).contains(&percent) {
        return Err(ApiError::invalid_param(param, "This value must be between 0 and 100."));
    }
    Ok(given.as_str().map_or_else(|| given.clone(), as_number))
}

/// What the payment of an invoice says: its own, or a share by its subscription's.
pub(crate) fn of_invoice(world: &World<'_>, invoice: &Value) -> Value {
    let own = &world.hidden(text(invoice, "id"))["connect"];
    let owner = world.peek(subscription_of(invoice).unwrap_or_default());
    let due = int(invoice, "amount_due");
    let part = |percent: &Value| {
        let part = scaled_value(percent, 4)?.saturating_mul(i128::from(due));
        Some(divided(part, WHOLE))
    };
    let mut fields = json!({ "on_behalf_of": invoice["on_behalf_of"] });
    let fee = own["application_fee_amount"].as_i64().or_else(|| part(&owner["application_fee_percent"]));
    put(&mut fields, "application_fee_amount", fee);
    let transfer = match (own["transfer_data"].is_object(), owner["transfer_data"].is_object()) {
        (true, _) => own["transfer_data"].clone(),
        (false, true) => {
            let mut transfer = json!({ "destination": owner["transfer_data"]["destination"] });
            if let Some(amount) = part(&owner["transfer_data"]["amount_percent"]) {
                put(&mut transfer, "amount", amount);
            }
            transfer
        }
        (false, false) => NULL,
    };
    put(&mut fields, "transfer_data", transfer);
    fields
}

/// Keeps what an invoice says of its payment, which it does not show.
pub(crate) fn keep(world: &mut World<'_>, invoice: &str, params: &Params) {
    let mut kept = world.hidden(invoice)["connect"].clone();
    if !kept.is_object() {
        kept = json!({});
    }
    params.apply(&mut kept, &["application_fee_amount", "transfer_data"]);
    world.keep_beside(invoice, "connect", kept);
}

/// The money of a charge is there: its part is transferred, and the platform's fee is taken. Gives what is still to be
/// told of, once the charge was.
pub(crate) fn settle(world: &mut World<'_>, charge: &str) -> Vec<(&'static str, String)> {
    let of = world.copy(charge);
    let Some(destination) = of["transfer_data"]["destination"].as_str() else { return Vec::new() };
    let now = world.second();
    let group = match of["transfer_group"].as_str() {
        Some(group) => group.to_owned(),
        None => format!("group_{}", of["payment_intent"].as_str().unwrap_or(charge)),
    };
    let amount = of["transfer_data"]["amount"].as_i64().unwrap_or_else(|| int(&of, "amount_captured"));
    let (transfer, payment) = (world.mint("tr"), world.mint("py"));
    let mut made = connect::transfer(&transfer, now);
    put_all(
        &mut made,
        [
            ("amount", amount.into()),
            ("currency", of["currency"].clone()),
            ("destination", destination.into()),
            ("destination_payment", payment.into()),
            ("source_transaction", charge.into()),
            ("transfer_group", group.as_str().into()),
        ],
    );
    world.insert(Kind::Transfer, made);
    let mut told = vec![("transfer.created", transfer.clone())];
    world.change(charge, |charge| {
        put_all(charge, [("transfer", transfer.into()), ("transfer_group", group.into())]);
    });
    if let Some(fee) = of["application_fee_amount"].as_i64().filter(|fee| *fee > 0) {
        let id = world.mint("fee");
        let made = connect::application_fee(&id, now, (charge, text(&of, "currency")), fee, destination);
        world.insert(Kind::ApplicationFee, made);
        world.change(charge, |charge| put(charge, "application_fee", id.as_str()));
        told.push(("application_fee.created", id));
    }
    told
}

/// Tells of them.
pub(crate) fn tell(world: &mut World<'_>, made: Vec<(&'static str, String)>) {
    for (kind, id) in made {
        world.tell(kind, &id);
    }
}
