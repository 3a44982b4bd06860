//! Edits of an event before it is signed: what differs from how Stripe would send it.

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::event::describe;
use super::path::{Path, PathError, Segment};
use super::time;

/// A change in which nothing is left to fill in. Paths start at `data.object`; see [`Path`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RenderedChange {
    /// Paths and the values to put there.
    pub set: Vec<(String, Value)>,
    /// Paths set to null.
    pub null: Vec<String>,
    /// Paths removed.
    pub remove: Vec<String>,
    /// The event's own `created` is shifted by this much.
    pub created: Option<SignedDuration>,
    /// The event's `livemode` is this.
    pub livemode: Option<bool>,
    /// The event's `account` is this.
    pub account: Option<String>,
}

/// Why a change cannot be made. The case is errored: a mutation that changes nothing proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MutationError {
    /// The path cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// What is changed has no `data.object`, or no `created`.
    #[error("change an event that has no `{field}`")]
    NotAnEvent {
        /// `data.object`.
        field: &'static str,
    },
    /// There is nothing to remove.
    #[error("remove `{path}`: the event has nothing there")]
    NothingThere {
        /// As written.
        path: String,
    },
    /// A list has no such slot. Lists are never made longer.
    #[error("set `{path}`: the list has {length} items")]
    OutOfRange {
        /// As written.
        path: String,
        /// How many items there are.
        length: usize,
    },
    /// The path leads through something that is neither table nor list.
    #[error("set `{path}`: the way there leads through {found}")]
    NoWay {
        /// As written.
        path: String,
        /// `a string`.
        found: &'static str,
    },
}

/// Makes the change, and says what differs now: `set status`, `removed metadata.user`. What was so already is
/// not named. On an error the event is as it was.
///
/// # Errors
///
/// Where a path cannot be read or leads nowhere, and where there is nothing to remove.
pub fn apply(event: &mut Value, change: &RenderedChange) -> Result<Vec<String>, MutationError> {
    let mut changed = event.clone();
    let mut words = Vec::new();
    let object =
        changed.pointer_mut("/data/object").ok_or(MutationError::NotAnEvent { field: "data.object" })?;
    for (path, value) in &change.set {
        if put(object, path, value.clone())? {
            words.push(format!("set {path}"));
        }
    }
    for path in &change.null {
        if put(object, path, Value::Null)? {
            words.push(format!("set {path} to null"));
        }
    }
    for path in &change.remove {
        remove(object, path)?;
        words.push(format!("removed {path}"));
    }
    if let Some(envelope) = changed.as_object_mut() {
        words.extend(readdress(envelope, change)?);
    }
    *event = changed;
    Ok(words)
}

/// Changes beside `data`.
fn readdress(
    envelope: &mut Map<String, Value>,
    change: &RenderedChange,
) -> Result<Vec<String>, MutationError> {
    let mut words = Vec::new();
    if let Some(by) = change.created.filter(|by| by.as_secs() != 0) {
        let created = envelope.get_mut("created").filter(|created| created.is_i64());
        let created = created.ok_or(MutationError::NotAnEvent { field: "created" })?;
        *created = Value::from(time::shift(created.as_i64().unwrap_or_default(), by));
        words.push(format!("created {}", time::shift_in_words(by)));
    }
    if let Some(livemode) = change.livemode {
        let value = Value::from(livemode);
        if envelope.insert("livemode".to_owned(), value.clone()) != Some(value) {
            words.push(format!("livemode {livemode}"));
        }
    }
    if let Some(account) = &change.account {
        let value = Value::from(account.as_str());
        if envelope.get("account") != Some(&value) {
            // Where Stripe has it: after `id` and `object`.
            envelope.shift_remove("account");
            envelope.shift_insert(envelope.len().min(2), "account".to_owned(), value);
            words.push(format!("account {account}"));
        }
    }
    Ok(words)
}

/// Puts a value there, making tables on the way; whether that changed anything.
fn put(object: &mut Value, written: &str, value: Value) -> Result<bool, MutationError> {
    let path = Path::parse(written)?;
    let mut here = object;
    // A field that is new is a change, even if it is null.
    let mut new = false;
    for segment in path.segments() {
        here = match segment {
            Segment::Key(key) => {
                if here.is_null() {
                    *here = Value::Object(Map::new());
                }
                let found = describe(here);
                let table = here.as_object_mut();
                let table = table.ok_or_else(|| MutationError::NoWay { path: written.to_owned(), found })?;
                new |= !table.contains_key(key);
                table.entry(key.as_str()).or_insert(Value::Null)
            }
            Segment::Index(index) => {
                let found = describe(here);
                let list = here.as_array_mut();
                let list = list.ok_or_else(|| MutationError::NoWay { path: written.to_owned(), found })?;
                let length = list.len();
                list.get_mut(*index)
                    .ok_or_else(|| MutationError::OutOfRange { path: written.to_owned(), length })?
            }
        };
    }
    let changed = new || *here != value;
    *here = value;
    Ok(changed)
}

fn remove(object: &mut Value, written: &str) -> Result<(), MutationError> {
    let path = Path::parse(written)?;
    let nothing = || MutationError::NothingThere { path: written.to_owned() };
    let (last, parents) = path.segments().split_last().ok_or_else(nothing)?;
    let parent = parents.iter().try_fold(object, |here, segment| match segment {
        Segment::Key(key) => here.as_object_mut()?.get_mut(key),
        Segment::Index(index) => here.as_array_mut()?.get_mut(*index),
    });
    match (last, parent.ok_or_else(nothing)?) {
        // The order of what stays is kept: a body is compared with what Stripe would have sent.
        (Segment::Key(key), Value::Object(table)) => table.shift_remove(key).map(drop).ok_or_else(nothing),
        (Segment::Index(index), Value::Array(list)) if *index < list.len() => {
            list.remove(*index);
            Ok(())
        }
        _ => Err(nothing()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "id": "evt_1", "object": "event", "created": 1_000, "livemode": false,
            "data": { "object": {
                "id": "sub_1", "status": "active", "customer": "cus_1", "cancellation_details": null,
                "metadata": { "user": "7", "a.b": "c" },
                "items": { "data": [{ "id": "si_1", "quantity": 3 }, { "id": "si_2" }] },
            } },
        })
    }

    fn set(path: &str, value: Value) -> RenderedChange {
        RenderedChange { set: vec![(path.into(), value)], ..RenderedChange::default() }
    }

    fn remove(path: &str) -> RenderedChange {
        RenderedChange { remove: vec![path.into()], ..RenderedChange::default() }
    }

    #[rstest]
    #[case::a_field(set("status", json!("past_due")), "/data/object/status", Some(json!("past_due")), "set status")]
    #[case::in_a_list(set("items.data[0].quantity", json!(9)), "/data/object/items/data/0/quantity", Some(json!(9)), "set items.data[0].quantity")]
    #[case::a_new_table(set("plan.tiers.first", json!(1)), "/data/object/plan/tiers/first", Some(json!(1)), "set plan.tiers.first")]
    #[case::below_null(set("cancellation_details.reason", json!("x")), "/data/object/cancellation_details/reason", Some(json!("x")), "set cancellation_details.reason")]
    #[case::a_dotted_key(set("metadata.\"a.b\"", json!("d")), "/data/object/metadata/a.b", Some(json!("d")), "set metadata.\"a.b\"")]
    #[case::null(RenderedChange { null: vec!["customer".into()], ..RenderedChange::default() }, "/data/object/customer", Some(json!(null)), "set customer to null")]
    #[case::new_null(RenderedChange { null: vec!["discount".into()], ..RenderedChange::default() }, "/data/object/discount", Some(json!(null)), "set discount to null")]
    #[case::remove(remove("metadata.user"), "/data/object/metadata/user", None, "removed metadata.user")]
    #[case::remove_an_item(remove("items.data[0]"), "/data/object/items/data/0/id", Some(json!("si_2")), "removed items.data[0]")]
    #[case::created(RenderedChange { created: Some(SignedDuration::from_secs(-600)), ..RenderedChange::default() }, "/created", Some(json!(400)), "created 10 min earlier")]
    #[case::livemode(RenderedChange { livemode: Some(true), ..RenderedChange::default() }, "/livemode", Some(json!(true)), "livemode true")]
    #[case::account(RenderedChange { account: Some("acct_1".into()), ..RenderedChange::default() }, "/account", Some(json!("acct_1")), "account acct_1")]
    fn changes_are_made_and_said(
        #[case] change: RenderedChange,
        #[case] at: &str,
        #[case] expected: Option<Value>,
        #[case] words: &str,
    ) {
        let mut changed = event();
        assert_eq!(apply(&mut changed, &change), Ok(vec![words.to_owned()]));
        assert_eq!(changed.pointer(at), expected.as_ref());
    }

    #[rstest]
    #[case(set("status", json!("active")))]
    #[case(RenderedChange { livemode: Some(false), created: Some(SignedDuration::ZERO), ..RenderedChange::default() })]
    #[case(RenderedChange::default())]
    fn what_was_so_already_is_not_named(#[case] change: RenderedChange) {
        let mut changed = event();
        assert_eq!(apply(&mut changed, &change), Ok(vec![]));
        assert_eq!(changed.to_string(), event().to_string());
    }

    #[rstest]
    #[case(remove("metadata.nobody"), "remove `metadata.nobody`: the event has nothing there")]
    #[case(remove("status.deep"), "remove `status.deep`: the event has nothing there")]
    #[case(remove("items.data[2]"), "remove `items.data[2]`: the event has nothing there")]
    #[case(set("items.data[2]", json!(1)), "set `items.data[2]`: the list has 2 items")]
    #[case(set("items.data[2].id", json!(1)), "set `items.data[2].id`: the list has 2 items")]
    #[case(set("customer.name", json!(1)), "set `customer.name`: the way there leads through a string")]
    #[case(set("metadata[0]", json!(1)), "set `metadata[0]`: the way there leads through a table")]
    #[case(set("lines[0]", json!(1)), "set `lines[0]`: the way there leads through null")]
    #[case(set("a..b", json!(1)), "read the path `a..b`: a key is missing")]
    fn what_leads_nowhere_changes_nothing(#[case] change: RenderedChange, #[case] expected: &str) {
        let mut change = change;
        change.set.insert(0, ("status".into(), json!("first")));
        let mut changed = event();
        assert_eq!(apply(&mut changed, &change).unwrap_err().to_string(), expected);
        assert_eq!(changed, event());
    }

    #[rstest]
    #[case(json!([]), "data.object")]
    #[case(json!({ "data": { "object": {} } }), "created")]
    #[case(json!({ "data": { "object": {} }, "created": "now" }), "created")]
    fn what_is_no_event_is_refused(#[case] mut json: Value, #[case] expected: &'static str) {
        let change =
            RenderedChange { created: Some(SignedDuration::from_hours(1)), ..RenderedChange::default() };
        let refused = apply(&mut json, &change);
        assert_eq!(refused, Err(MutationError::NotAnEvent { field: expected }));
    }

    #[test]
    fn the_account_stands_where_stripe_has_it() {
        let mut changed = event();
        let change = RenderedChange { account: Some("acct_1".into()), ..RenderedChange::default() };
        apply(&mut changed, &change).unwrap();
        let keys: Vec<_> = changed.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["id", "object", "account", "created", "livemode", "data"]);
    }

    proptest! {
        #[test]
        fn what_is_set_can_be_removed_again(key in "[a-z]{1,8}", value in any::<i64>()) {
            let path = format!("metadata.new_{key}");
            let mut changed = event();
            apply(&mut changed, &set(&path, json!(value))).unwrap();
            prop_assert_ne!(&changed, &event());
            apply(&mut changed, &remove(&path)).unwrap();
            prop_assert_eq!(changed, event());
        }

        #[test]
        fn no_path_panics(path in "[a-z.\\[\\]0-9\"]{0,16}") {
            let _ = apply(&mut event(), &set(&path, json!(1)));
            let _ = apply(&mut event(), &remove(&path));
        }
    }
}
