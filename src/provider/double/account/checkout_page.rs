//! What a customer does on the page of a checkout session: pays, subscribes, stays on it.

use serde_json::{Map, Value, json};

use super::item::New;
use super::payment::{self, Collect};
use super::payment_method::new_card;
use super::redemption::{self, Buyer, Redeem};
use super::subscription::{Start, Via};
use super::test_card::TestCard;
use super::{World, customer, invoice, period, put_all, subscription};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::Params;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, checkout, int, put, text};

/// The customer goes through the page. Whoever is declined there stays on it: the session stays open.
pub(crate) fn complete(world: &mut World<'_>, id: &str, how: Collect, email: &str) -> Result<(), ApiError> {
    let session = world.at_path(Kind::Session, id)?;
    let hidden = world.stored(id).map(|stored| stored.hidden.clone()).unwrap_or_default();
    world.by_itself();
    let discounts = redeemed(world, &session)?;
    let owner = owner_of(world, &session, email)?;
    let (method, attached) = match hidden["paid_with"].as_str() {
        Some(method) => typed_in(world, method, owner.as_deref(), &session),
        None => card_of(world, &owner, &session),
    };
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
    if !subscribes {
        let on = [("checkout_session", id), ("customer", owner.as_deref().unwrap_or_default())];
        let on = if owner.is_some() { &on[..] } else { &on[..1] };
        for wanted in &discounts {
            redemption::redeem(world, wanted, on);
        }
    }
    if subscribes {
        if attached {
            world.tell("payment_method.attached", &method);
        }
        let owner = owner.clone().unwrap_or_default();
        let how = if total > 0 { how } else { Collect::Paid };
        let made = subscribe(world, (&owner, &hidden), method, how, discounts);
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
    let Some(owner) = owner else { return (new_card(world, "", TestCard::usual()), false) };
    match payment::default_of(world, owner) {
        Some(method) => (method, false),
        None => {
            let method = new_card(world, owner, TestCard::usual());
            // A payment alone does not save the card.
            if text(session, "mode") == "payment" {
                world.change(&method, |method| put(method, "customer", NULL));
            }
            (method, true)
        }
    }
}

/// The payment method that was made for the page: a subscription keeps it on the customer's file.
fn typed_in(world: &mut World<'_>, method: &str, owner: Option<&str>, session: &Value) -> (String, bool) {
    let saves = text(session, "mode") == "subscription" && world.peek(method)["customer"].is_null();
    if let Some(owner) = owner.filter(|_| saves) {
        world.change(method, |method| put(method, "customer", owner));
    }
    (method.to_owned(), saves)
}

/// The discounts of a session, which are only redeemed when it is completed.
fn redeemed(world: &World<'_>, session: &Value) -> Result<Vec<Redeem>, ApiError> {
    let rows = session["discounts"].as_array().map_or(&[][..], Vec::as_slice);
    let buyer = Buyer { customer: text(session, "customer"), amount: None };
    redemption::rows(world, rows, "discounts", buyer)
}

fn subscribe(
    world: &mut World<'_>,
    (owner, hidden): (&str, &Value),
    method: String,
    how: Collect,
    discounts: Vec<Redeem>,
) -> String {
    let lines = hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    let pick = |recurring: bool| -> Vec<New> {
        let of = lines.iter().enumerate();
        of.filter(|(_, line)| line["price"]["recurring"].is_null() != recurring)
            .map(|(at, line)| New {
                price: line["price"].clone(),
                quantity: int(line, "quantity"),
                metadata: line["metadata"].clone(),
                tax_rates: hidden["tax_rates"][at].as_array().cloned().unwrap_or_default(),
                discounts: Vec::new(),
            })
            .collect()
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
            extra: pick(false),
            trial_end,
            fields,
            method: Some(method),
            how,
            via: Via::Checkout,
            discounts,
            ..Start::of(owner, pick(true))
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
