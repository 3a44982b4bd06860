//! What a customer does on the page of a checkout session: pays, subscribes, leaves a card, stays on it.

use serde_json::{Map, Value, json};

use super::checkout_terms::Terms;
use super::item::New;
use super::payment::{self, Collect};
use super::payment_method::new_card;
use super::redemption::{self, Buyer, Redeem};
use super::subscription::{Start, Via};
use super::test_card::TestCard;
use super::{
    World, checkout_answers, checkout_invoice, connect, customer, invoice, invoice_payment, payment_link,
    put_all, setup_intent, subscription, tax_rate,
};
use crate::provider::double::error::ApiError;
use crate::provider::double::params::Params;
use crate::provider::double::store::Kind;
use crate::stripe::object::{NULL, int, put, text};

/// The customer goes through the page. Whoever is declined there stays on it: the session stays open.
pub(crate) fn complete(world: &mut World<'_>, id: &str, how: Collect, email: &str) -> Result<(), ApiError> {
    let session = world.at_path(Kind::Session, id)?;
    world.by_itself();
    let discounts = redeemed(world, &session)?;
    let owner = owner_of(world, &session, email)?;
    let page = Page { hidden: world.hidden(id).clone(), session, owner, how };
    let through = match text(&page.session, "mode") {
        "setup" => set_up(world, &page),
        "subscription" => subscribe(world, &page, discounts)?,
        _ => pay(world, &page, &discounts),
    };
    if let Some(made) = through {
        finish(world, &page, made, email);
    }
    Ok(())
}

/// A session whose customer goes through its page.
struct Page {
    session: Value,
    hidden: Value,
    /// Its customer.
    owner: Option<String>,
    how: Collect,
}

/// What going through a page left on its session.
type Made = Vec<(&'static str, Value)>;

impl Page {
    fn total(&self) -> i64 {
        int(&self.session, "amount_total")
    }

    /// Whether the customer is refused, or asked by the bank, where there is something to pay.
    fn stays(&self) -> bool {
        self.total() > 0 && matches!(self.how, Collect::Declined | Collect::ActionRequired)
    }

    /// The card that is typed in or that was made for the page, and whether it is new on the customer's file.
    fn method(&self, world: &mut World<'_>) -> (String, bool) {
        match self.hidden["paid_with"].as_str() {
            Some(method) => typed_in(world, method, self.owner.as_deref(), &self.session),
            None => card_of(world, &self.owner, &self.session),
        }
    }
}

/// A payment intent for what the page asks for, tried with the card; gives it.
fn charge(world: &mut World<'_>, page: &Page, method: &str) -> String {
    let data = &page.hidden["payment_intent_data"];
    let currency = text(&page.session, "currency");
    let who = page.owner.as_deref().map(|owner| world.copy(owner)).unwrap_or_default();
    let intent = payment::open_with(world, page.total(), currency, page.owner.clone().into(), |intent| {
        put(intent, "description", "Checkout");
        checkout_answers::lay_intent(intent, data, &page.session, &who);
    });
    payment::collect(world, &intent, method, page.how);
    intent
}

/// `mode=payment`.
fn pay(world: &mut World<'_>, page: &Page, discounts: &[Redeem]) -> Option<Made> {
    let id = text(&page.session, "id");
    let mut made = Made::new();
    let mut intent = None;
    if page.total() > 0 {
        let (method, _) = page.method(world);
        let charged = charge(world, page, &method);
        if page.stays() {
            return None;
        }
        made.push(("payment_intent", charged.as_str().into()));
        intent = Some(charged);
    }
    let on = [("checkout_session", id), ("customer", page.owner.as_deref().unwrap_or_default())];
    let on = if page.owner.is_some() { &on[..] } else { &on[..1] };
    let redeemed: Vec<_> = discounts.iter().map(|wanted| redemption::redeem(world, wanted, on)).collect();
    if page.session["invoice_creation"]["enabled"] == true
        && let Some(owner) = &page.owner
    {
        let invoice =
            checkout_invoice::make(world, (&page.session, &page.hidden), owner, intent.as_deref(), redeemed);
        made.push(("invoice", invoice.into()));
    }
    Some(made)
}

/// `mode=setup`.
fn set_up(world: &mut World<'_>, page: &Page) -> Option<Made> {
    let intent = text(&page.session, "setup_intent");
    let method = match page.hidden["paid_with"].as_str() {
        Some(method) => method.to_owned(),
        None => new_card(world, "", TestCard::usual()),
    };
    if page.hidden["paid_with"].is_null() {
        world.change(&method, |method| put(method, "customer", NULL));
    }
    let ready = setup_intent::go_through(world, intent, page.owner.as_deref(), &method, page.how);
    ready.then(Made::new)
}

/// The session's customer; in subscription mode, or where asked for, one made from the e-mail.
fn owner_of(world: &mut World<'_>, session: &Value, email: &str) -> Result<Option<String>, ApiError> {
    if let Some(customer) = session["customer"].as_str() {
        return Ok(Some(customer.to_owned()));
    }
    // An invoice is somebody's, and so is a purchase for which nothing is charged.
    let needed = match text(session, "mode") {
        "setup" => false,
        _ => session["invoice_creation"]["enabled"] == true || int(session, "amount_total") <= 0,
    };
    if text(session, "customer_creation") != "always" && !needed {
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

/// `mode=subscription`.
fn subscribe(world: &mut World<'_>, page: &Page, discounts: Vec<Redeem>) -> Result<Option<Made>, ApiError> {
    // Nobody types a card in for something that costs nothing yet, where the session says so.
    let asks = page.total() > 0 || text(&page.session, "payment_method_collection") != "if_required";
    let card = asks.then(|| page.method(world));
    if page.stays()
        && let Some((method, _)) = &card
    {
        charge(world, page, method);
        return Ok(None);
    }
    if let Some((method, true)) = &card {
        world.tell("payment_method.attached", method);
    }
    let start = start_of(world, page, card.map(|(method, _)| method), discounts)?;
    let made = subscription::start(world, start);
    let invoice = world.peek(&made)["latest_invoice"].clone();
    Ok(Some(vec![("invoice", invoice), ("subscription", made.into())]))
}

/// How the subscription starts that a page sells.
fn start_of(
    world: &World<'_>,
    page: &Page,
    method: Option<String>,
    discounts: Vec<Redeem>,
) -> Result<Start, ApiError> {
    let lines = page.hidden["line_items"].as_array().map_or(&[][..], Vec::as_slice);
    let pick = |recurring: bool| -> Vec<New> {
        let of = lines.iter().enumerate();
        of.filter(|(_, line)| line["price"]["recurring"].is_null() != recurring)
            .map(|(at, line)| New {
                price: line["price"].clone(),
                quantity: int(line, "quantity"),
                metadata: line["metadata"].clone(),
                tax_rates: page.hidden["tax_rates"][at].as_array().cloned().unwrap_or_default(),
                discounts: Vec::new(),
            })
            .collect()
    };
    let data = Params::kept(&page.hidden["subscription_data"]);
    let mut fields = json!({});
    data.apply(
        &mut fields,
        &["metadata", "description", "trial_settings", "invoice_settings", "billing_mode"],
    );
    let shares = connect::shares(world, &data, "subscription_data")?;
    if let (Value::Object(fields), Value::Object(shares)) = (&mut fields, shares) {
        fields.extend(shares);
    }
    let rates = data.list("default_tax_rates");
    put(&mut fields, "default_tax_rates", tax_rate::named(world, rates, "default_tax_rates")?);
    let tax = &page.session["automatic_tax"];
    put(&mut fields, "automatic_tax", json!({ "enabled": tax["enabled"], "liability": tax["liability"] }));
    let terms = Terms::of(data);
    let (now, items) = (world.second(), pick(true));
    let recurring = items.first().map_or(NULL, |item| item.price["recurring"].clone());
    Ok(Start {
        extra: pick(false),
        trial_end: terms.trial(now),
        anchor: terms.anchor(now, &recurring)?,
        prorates: terms.prorates(),
        fields,
        method,
        how: if page.total() > 0 { page.how } else { Collect::Paid },
        via: Via::Checkout,
        discounts,
        ..Start::of(page.owner.as_deref().unwrap_or_default(), items)
    })
}

fn finish(world: &mut World<'_>, page: &Page, made: Made, email: &str) {
    let id = text(&page.session, "id");
    let who = page.owner.as_deref().map(|owner| world.copy(owner)).unwrap_or_default();
    let held = page.hidden["payment_intent_data"]["capture_method"] == "manual";
    world.change(id, |session| {
        for (name, value) in made {
            put(session, name, value);
        }
        let status = match page.how {
            _ if page.total() == 0 => "no_payment_required",
            Collect::Processing => "unpaid",
            _ if held => "unpaid",
            _ => "paid",
        };
        checkout_answers::fill_in(session, &who, email);
        put_all(
            session,
            [
                ("customer", page.owner.as_deref().into()),
                ("payment_status", status.into()),
                ("status", "complete".into()),
                ("url", NULL),
            ],
        );
    });
    checkout_answers::update_customer(world, id, &page.hidden["customer_update"]);
    world.tell("checkout.session.completed", id);
    payment_link::completed(world, id);
}

/// A delayed payment of a completed session comes through, or does not.
pub(crate) fn settle(world: &mut World<'_>, id: &str, arrives: bool) {
    world.by_itself();
    let session = world.copy(id);
    let invoice = session["invoice"].as_str().map(str::to_owned);
    let intent = match &invoice {
        Some(invoice) => invoice_payment::intent_of(world, invoice),
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
