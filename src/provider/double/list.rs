//! Lists: which objects a call means, by its filters.

use serde_json::{Map, Value};

use super::account::Home;
use super::error::ApiError;
pub(crate) use super::page::PARAMS;
use super::page::Page;
use super::params::{Is, Params, Table, nested_int};
use super::route::{Asked, Route};
use super::state::Account;
use super::store::{Kind, Stored};

/// What a filter means for an object, where it is not that the field of its name equals it: whether the object
/// stays, or nothing where the filter means the usual. Asked for every filter, also for one that is not given.
pub(crate) type Keeps = fn(&str, Option<&Value>, &Stored) -> Option<bool>;

/// Every filter means the usual.
pub(crate) const AS_USUAL: Keeps = |_, _, _| None;

pub(crate) const CREATED: (&str, Is) = ("created", Is::Map);
pub(crate) const CUSTOMER: (&str, Is) = ("customer", Is::Text);

/// Answers a list.
pub(crate) fn list(
    account: &Account,
    kind: Kind,
    route: &Route,
    keeps: Keeps,
    given: &Map<String, Value>,
    home: Option<Home>,
) -> Result<Value, ApiError> {
    let page = Page::read(given)?;
    let mut filters = given.clone();
    PARAMS.iter().for_each(|(name, _)| drop(filters.shift_remove(*name)));
    let filters = Params::read(&filters, route.params, &format_args!("GET {}", route.path))?;
    if let Some(customer) = filters.text("customer")
        && !account.find(customer).is_some_and(|stored| stored.kind == Kind::Customer)
    {
        return Err(ApiError::no_such_param("customer", customer, "customer"));
    }
    let mut found = Vec::new();
    for store in account.stores(home) {
        for stored in store.of(kind) {
            if stored.value()["deleted"] != true && stays(route.params, &filters, keeps, stored)? {
                found.push(stored);
            }
        }
    }
    page.of_stored(found, kind, route.path, |id| account.find(id))
}

/// A page of objects that are already in order: those inside another object.
pub(crate) fn page_of(asked: &Asked<'_>, all: &[Value], kind: Kind, url: &str) -> Result<Value, ApiError> {
    Page::read(asked.params.fields())?.of_values(all, kind, url)
}

fn stays(table: Table, filters: &Params, keeps: Keeps, stored: &Stored) -> Result<bool, ApiError> {
    let value = stored.value();
    for (name, _) in table {
        let wanted = filters.given(name).filter(|wanted| !wanted.is_null());
        let kept = match (keeps(name, wanted, stored), wanted) {
            (Some(kept), _) => kept,
            (None, None) => true,
            (None, Some(wanted)) => match *name {
                "created" => in_range(wanted, value["created"].as_i64().unwrap_or_default())?,
                // Stripe compares texts letter by letter.
                name => equals(wanted, &value[name]),
            },
        };
        if !kept {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Nested filters field by field; form encoding has texts only.
fn equals(wanted: &Value, value: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => wanted.iter().all(|(name, wanted)| equals(wanted, &value[name])),
        Value::String(wanted) => match value {
            Value::String(value) => value == wanted,
            value => wanted.parse::<Value>().is_ok_and(|wanted| wanted == *value),
        },
        wanted => wanted == value,
    }
}

/// Whether a list filter names the value.
pub(crate) fn names(list: &Value, value: &Value) -> bool {
    list.as_array().is_some_and(|list| list.contains(value))
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
