//! Lists: which objects a call means, by its filters.

use std::borrow::Cow;
use std::ops::Bound;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::account::Home;
use super::error::ApiError;
use super::index::{self, Span, WHOLE, overlap};
pub(crate) use super::page::PARAMS;
use super::page::{Candidates, Page};
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

/// Which objects a list is of.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) account: &'a Account,
    pub(crate) kind: Kind,
    pub(crate) route: &'a Route,
    pub(crate) keeps: Keeps,
    pub(crate) home: Option<Home>,
}

/// Answers a list.
pub(crate) fn list(of: Of<'_>, given: &Map<String, Value>) -> Result<Value, ApiError> {
    found(of, given, |page, lists| page.of_stored(lists, of.route.path))
}

/// The same as it is printed in the newest version.
pub(crate) fn printed(of: Of<'_>, given: &Map<String, Value>) -> Result<Bytes, ApiError> {
    found(of, given, |page, lists| page.printed(lists, of.route.path))
}

fn found<'a, T>(
    Of { account, kind, route, keeps, home }: Of<'a>,
    given: &Map<String, Value>,
    answer: impl FnOnce(&Page, Vec<Candidates<'_>>) -> T,
) -> Result<T, ApiError> {
    let page = Page::read(given)?;
    let mut filters = given.clone();
    PARAMS.iter().for_each(|(name, _)| drop(filters.shift_remove(*name)));
    let filters = Params::read(&filters, route.params, &format_args!("GET {}", route.path))?;
    if let Some(customer) = filters.text("customer")
        && account.find(customer).is_none_or(|stored| stored.kind != Kind::Customer)
    {
        return Err(ApiError::no_such_param("customer", customer, "customer"));
    }
    let find = |id: &str| account.find(id).filter(|stored| stored.kind == kind);
    let span = page.span(find).ok_or_else(|| page.lost(kind))?;
    let span = overlap(span, made_in(filters.given("created"))?);
    let word = route.params.iter().map(|(name, _)| *name).filter(|name| index::is_word(name));
    let word = word.filter_map(|name| Some((name, filters.text(name)?))).next();
    let lists = account.stores(home).into_iter().map(|store| {
        let stays = |stored: &'a Stored| {
            if stored.told().is_some() {
                // An event is found without being unpacked.
                return stays(route.params, &filters, keeps, stored).then_some(Cow::Borrowed(stored));
            }
            let glance = stored.glance();
            let stays = glance.value()["deleted"] != true && stays(route.params, &filters, keeps, &glance);
            stays.then_some(glance)
        };
        match word {
            Some((word, text)) => {
                Box::new(store.with_between(kind, word, text, span).filter_map(stays)) as Candidates<'_>
            }
            None => Box::new(store.between(kind, span).filter_map(stays)),
        }
    });
    Ok(answer(&page, lists.collect()))
}

/// A page of objects that are already in order: those inside another object.
pub(crate) fn page_of(asked: &Asked<'_>, all: &[Value], kind: Kind, url: &str) -> Result<Value, ApiError> {
    Page::read(asked.params.fields())?.of_values(all, kind, url)
}

fn stays(table: Table, filters: &Params, keeps: Keeps, stored: &Stored) -> bool {
    for (name, _) in table {
        let wanted = filters.given(name).filter(|wanted| !wanted.is_null());
        let kept = match (keeps(name, wanted, stored), wanted) {
            (Some(kept), _) => kept,
            // Which seconds are meant decides where in the list is looked.
            (None, None) if *name == "test_clock" => {
                // What lives by a test clock is hidden unless its clock or customer is asked for.
                stored.value()["test_clock"].is_null() || filters.text("customer").is_some()
            }
            (None, None) => true,
            (None, Some(_)) if *name == "created" => true,
            // Stripe compares texts letter by letter.
            (None, Some(wanted)) => equals(wanted, &stored.value()[*name]),
        };
        if !kept {
            return false;
        }
    }
    true
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

/// `created[gte]=…`: the part of the list that it means.
fn made_in(wanted: Option<&Value>) -> Result<Span, ApiError> {
    let mut span = WHOLE;
    let Some(Value::Object(bounds)) = wanted else { return Ok(span) };
    for (bound, second) in bounds {
        let second = nested_int(second, &format!("created[{bound}]"))?.unwrap_or_default();
        let (first, last) = ((second, u64::MIN), (second, u64::MAX));
        let part = match bound.as_str() {
            "gt" => (Bound::Excluded(last), Bound::Unbounded),
            "gte" => (Bound::Included(first), Bound::Unbounded),
            "lt" => (Bound::Unbounded, Bound::Excluded(first)),
            "lte" => (Bound::Unbounded, Bound::Included(last)),
            _ => return Err(ApiError::unknown_param(&format!("created[{bound}]"))),
        };
        span = overlap(span, part);
    }
    Ok(span)
}
