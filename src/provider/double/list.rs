//! Lists: which objects a call means, by its filters.

use serde_json::{Map, Value};

use super::account::Home;
use super::error::ApiError;
use super::page::{PARAMS, Page};
use super::params::{Is, Params, Table, nested_int};
use super::state::Account;
use super::store::{Kind, Stored};
use crate::stripe::object::invoice::subscription_of;
use crate::stripe::object::text;

/// A list: its address, what it holds, and by what it is filtered.
pub(crate) struct Listing {
    pub(crate) url: &'static str,
    pub(crate) kind: Kind,
    pub(crate) filters: Table,
}

const CREATED: (&str, Is) = ("created", Is::Map);
const CUSTOMER: (&str, Is) = ("customer", Is::Text);
const STATUS: (&str, Is) = ("status", Is::Text);

/// Every list that the double answers.
pub(crate) const LISTINGS: &[Listing] = &[
    Listing { url: "/v1/customers", kind: Kind::Customer, filters: &[("email", Is::Text), CREATED] },
    Listing {
        url: "/v1/products",
        kind: Kind::Product,
        filters: &[
            ("active", Is::Bool),
            ("ids", Is::List),
            ("url", Is::Text),
            ("shippable", Is::Bool),
            CREATED,
        ],
    },
    Listing {
        url: "/v1/prices",
        kind: Kind::Price,
        filters: &[
            ("active", Is::Bool),
            ("currency", Is::Text),
            ("lookup_keys", Is::List),
            ("product", Is::Text),
            ("recurring", Is::Map),
            ("type", Is::Text),
            CREATED,
        ],
    },
    Listing {
        url: "/v1/subscriptions",
        kind: Kind::Subscription,
        filters: &[CUSTOMER, ("price", Is::Text), ("collection_method", Is::Text), STATUS, CREATED],
    },
    Listing {
        url: "/v1/invoices",
        kind: Kind::Invoice,
        filters: &[CUSTOMER, ("subscription", Is::Text), ("collection_method", Is::Text), STATUS, CREATED],
    },
    Listing {
        url: "/v1/invoiceitems",
        kind: Kind::InvoiceItem,
        filters: &[CUSTOMER, ("invoice", Is::Text), ("pending", Is::Bool), CREATED],
    },
    Listing {
        url: "/v1/invoice_payments",
        kind: Kind::InvoicePayment,
        filters: &[("invoice", Is::Text), STATUS, CREATED],
    },
    Listing { url: "/v1/payment_intents", kind: Kind::PaymentIntent, filters: &[CUSTOMER, CREATED] },
    Listing {
        url: "/v1/charges",
        kind: Kind::Charge,
        filters: &[CUSTOMER, ("payment_intent", Is::Text), CREATED],
    },
    Listing {
        url: "/v1/refunds",
        kind: Kind::Refund,
        filters: &[("charge", Is::Text), ("payment_intent", Is::Text), CREATED],
    },
    Listing {
        url: "/v1/payment_methods",
        kind: Kind::PaymentMethod,
        filters: &[CUSTOMER, ("type", Is::Text)],
    },
    Listing {
        url: "/v1/checkout/sessions",
        kind: Kind::Session,
        filters: &[
            CUSTOMER,
            ("subscription", Is::Text),
            ("payment_intent", Is::Text),
            ("customer_details", Is::Map),
            STATUS,
            CREATED,
        ],
    },
    Listing {
        url: "/v1/entitlements/features",
        kind: Kind::Feature,
        filters: &[("lookup_key", Is::Text), ("archived", Is::Bool)],
    },
    Listing { url: "/v1/entitlements/active_entitlements", kind: Kind::Entitlement, filters: &[CUSTOMER] },
    Listing {
        url: "/v1/events",
        kind: Kind::Event,
        filters: &[("type", Is::Text), ("types", Is::List), ("delivery_success", Is::NotModelled), CREATED],
    },
];

/// Answers a list.
pub(crate) fn list(
    account: &Account,
    listing: &Listing,
    given: &Map<String, Value>,
    home: Option<Home>,
) -> Result<Value, ApiError> {
    let page = Page::read(given)?;
    let mut filters = given.clone();
    PARAMS.iter().for_each(|(name, _)| drop(filters.shift_remove(*name)));
    let filters = Params::read(&filters, listing.filters, &format!("GET {}", listing.url))?;
    check(account, listing, &filters)?;
    let mut found = Vec::new();
    for store in account.stores(home) {
        for stored in store.of(listing.kind) {
            if stored.value["deleted"] != true && keeps(listing, &filters, stored)? {
                found.push(stored);
            }
        }
    }
    page.of_stored(found, listing.kind, listing.url, |id| account.find(id))
}

/// What a list must be asked with, and objects that must exist.
fn check(account: &Account, listing: &Listing, filters: &Params) -> Result<(), ApiError> {
    if listing.kind == Kind::Entitlement {
        filters.needed("customer")?;
    }
    if let Some(customer) = filters.text("customer")
        && !account.find(customer).is_some_and(|stored| stored.kind == Kind::Customer)
    {
        return Err(ApiError::no_such_param("customer", customer, "customer"));
    }
    if let (Kind::Subscription, Some(status)) = (listing.kind, filters.text("status")) {
        const STATUSES: [&str; 10] = [
            "active",
            "all",
            "canceled",
            "ended",
            "incomplete",
            "incomplete_expired",
            "past_due",
            "paused",
            "trialing",
            "unpaid",
        ];
        if !STATUSES.contains(&status) {
            let words = STATUSES.join(", ");
            return Err(ApiError::invalid_param("status", format!("Invalid status: must be one of {words}")));
        }
    }
    Ok(())
}

fn keeps(listing: &Listing, filters: &Params, stored: &Stored) -> Result<bool, ApiError> {
    let value = &stored.value;
    if listing.kind == Kind::Subscription && !keeps_status(filters.text("status"), text(value, "status")) {
        return Ok(false);
    }
    for (name, _) in listing.filters {
        let Some(wanted) = filters.given(name).filter(|wanted| !wanted.is_null()) else { continue };
        let kept = match *name {
            "created" => in_range(wanted, value["created"].as_i64().unwrap_or_default())?,
            "status" if listing.kind == Kind::Subscription => true,
            "ids" => has(wanted, &value["id"]),
            "types" => {
                wanted.as_array().is_some_and(|types| types.iter().any(|wanted| event_type(wanted, value)))
            }
            "type" if listing.kind == Kind::Event => event_type(wanted, value),
            "lookup_keys" => has(wanted, &value["lookup_key"]),
            "archived" => value["active"] != *wanted,
            "pending" => value["invoice"].is_null() == (*wanted == true),
            "price" => has_price(wanted, value),
            "subscription" if listing.kind == Kind::Invoice => subscription_of(value) == wanted.as_str(),
            "customer" if listing.kind == Kind::Entitlement => stored.hidden["customer"] == *wanted,
            "recurring" => matches_all(wanted, &value["recurring"]),
            "customer_details" => matches_all(wanted, &value["customer_details"]),
            // Stripe compares e-mails letter by letter.
            name => value[name] == *wanted,
        };
        if !kept {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Canceled subscriptions are hidden unless asked for.
fn keeps_status(wanted: Option<&str>, status: &str) -> bool {
    match wanted {
        None => !matches!(status, "canceled" | "incomplete_expired"),
        Some("all") => true,
        Some("ended") => matches!(status, "canceled" | "incomplete_expired"),
        Some(wanted) => wanted == status,
    }
}

fn has(list: &Value, value: &Value) -> bool {
    list.as_array().is_some_and(|list| list.contains(value))
}

/// `invoice.*` means all that begin so.
fn event_type(wanted: &Value, event: &Value) -> bool {
    let (wanted, kind) = (wanted.as_str().unwrap_or_default(), text(event, "type"));
    match wanted.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == wanted,
    }
}

fn has_price(wanted: &Value, subscription: &Value) -> bool {
    crate::stripe::object::data(&subscription["items"]).iter().any(|item| item["price"]["id"] == *wanted)
}

fn matches_all(wanted: &Value, fields: &Value) -> bool {
    wanted.as_object().is_some_and(|wanted| wanted.iter().all(|(name, value)| fields[name] == *value))
}

/// `created[gte]=…`, or the second itself.
fn in_range(wanted: &Value, created: i64) -> Result<bool, ApiError> {
    let Value::Object(bounds) = wanted else { return Ok(true) };
    for (bound, second) in bounds {
        let second = nested_int(second, &format!("created[{bound}]"))?.unwrap_or_default();
        let kept = match bound.as_str() {
            "gt" => created > second,
            "gte" => created >= second,
            "lt" => created < second,
            "lte" => created <= second,
            _ => return Err(ApiError::unknown_param(&format!("created[{bound}]"))),
        };
        if !kept {
            return Ok(false);
        }
    }
    Ok(true)
}
