//! Pages of lists: newest first, by cursor.

use std::borrow::Cow;
use std::ops::Bound;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::index::{Span, WHOLE};
use super::params::{Is, Table, nested_int};
use super::store::{Kind, Stored};
use crate::stripe::object::{object, text};

/// [Glances](Stored::glance) at objects that a page can show, oldest first.
pub(crate) type Candidates<'a> = Box<dyn DoubleEndedIterator<Item = Cow<'a, Stored>> + 'a>;

/// Which page is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    limit: usize,
    cursor: Option<(Side, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    After,
    Before,
}

/// The parameters of every list.
pub(crate) const PARAMS: Table =
    &[("limit", Is::Int), ("starting_after", Is::Text), ("ending_before", Is::Text)];

impl Page {
    /// Reads limit and cursor.
    pub(crate) fn read(given: &Map<String, Value>) -> Result<Self, ApiError> {
        let limit = match given.get("limit") {
            None => 10,
            Some(limit) => nested_int(limit, "limit")?.unwrap_or(10),
        };
        let out_of_range = match limit {
            ..1 => Some("This value must be greater than or equal to 1.".to_owned()),
            1..=100 => None,
            _ => Some(format!("This value must be less than or equal to 100 (it currently is '{limit}').")),
        };
        if let Some(message) = out_of_range {
            return Err(ApiError::coded("parameter_invalid_integer", "limit", message));
        }
        let cursor = |name: &str, side| Some((side, given.get(name)?.as_str()?.to_owned()));
        let cursor = match (cursor("starting_after", Side::After), cursor("ending_before", Side::Before)) {
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid(
                    "You may only specify one of these parameters: starting_after, ending_before.",
                ));
            }
            (after, before) => after.or(before),
        };
        Ok(Self { limit: usize::try_from(limit).unwrap_or(10), cursor })
    }

    /// Which part of a list can hold the page; `find` looks an object up that may no longer be in the list. `None`:
    /// there is no such object.
    pub(crate) fn span<'a>(&self, find: impl Fn(&str) -> Option<&'a Stored>) -> Option<Span> {
        let Some((side, id)) = &self.cursor else { return Some(WHOLE) };
        let cursor = Bound::Excluded(find(id)?.place());
        Some(match side {
            Side::After => (Bound::Unbounded, cursor),
            Side::Before => (cursor, Bound::Unbounded),
        })
    }

    /// The page of what stands in several lists, each given oldest first and [as far as it counts](Self::span).
    pub(crate) fn of_stored(&self, lists: Vec<Candidates<'_>>, url: &str) -> Value {
        let (found, more) = self.pick(lists);
        list(found.into_iter().map(Stored::whole_of).collect(), more, url)
    }

    /// The same as it is printed, from what was printed of each object before.
    pub(crate) fn printed(&self, lists: Vec<Candidates<'_>>, url: &str) -> Bytes {
        let (found, more) = self.pick(lists);
        let objects: Vec<Bytes> = found.iter().map(|stored| stored.rendered()).collect();
        printed(&objects, more, url)
    }

    /// What stands on the page, and whether more is where it was looked.
    pub(crate) fn pick<'a>(&self, lists: Vec<Candidates<'a>>) -> (Vec<Cow<'a, Stored>>, bool) {
        let backwards = matches!(self.cursor, Some((Side::Before, _)));
        let enough = self.limit + 1;
        let mut found: Vec<Cow<'_, Stored>> = Vec::new();
        for list in lists {
            if backwards {
                found.extend(list.take(enough));
            } else {
                found.extend(list.rev().take(enough));
            }
        }
        found.sort_unstable_by_key(|stored| stored.place());
        if !backwards {
            found.reverse();
        }
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        if backwards {
            found.reverse();
        }
        (found, more)
    }

    /// The page of values that are already in order.
    pub(crate) fn of_values(&self, all: &[Value], kind: Kind, url: &str) -> Result<Value, ApiError> {
        let (from, to) = match &self.cursor {
            None => (0, all.len()),
            Some((side, id)) => {
                let at =
                    all.iter().position(|value| text(value, "id") == id).ok_or_else(|| self.lost(kind))?;
                if *side == Side::After { (at + 1, all.len()) } else { (0, at) }
            }
        };
        let (range, more) = self.cut(from, to);
        Ok(list(all[range].to_vec(), more, url))
    }

    fn cut(&self, from: usize, to: usize) -> (std::ops::Range<usize>, bool) {
        let more = to - from > self.limit;
        match self.cursor {
            Some((Side::Before, _)) => (to.saturating_sub(self.limit).max(from)..to, more),
            _ => (from..(from + self.limit).min(to), more),
        }
    }

    /// That the object beside which the page is cannot be found.
    pub(crate) fn lost(&self, kind: Kind) -> ApiError {
        let (side, id) = match &self.cursor {
            Some((Side::Before, id)) => ("ending_before", id.as_str()),
            Some((Side::After, id)) => ("starting_after", id.as_str()),
            None => ("starting_after", ""),
        };
        ApiError::no_such_param(kind.noun(), id, side)
    }
}

/// A page as it is answered.
pub(crate) fn list(data: Vec<Value>, more: bool, url: &str) -> Value {
    object! { "object": "list", "data": data, "has_more": more, "url": url }
}

/// The same of objects that were printed by themselves: as parts of the list their lines stand further in.
fn printed(objects: &[Bytes], more: bool, url: &str) -> Bytes {
    let room = objects.iter().map(|object| object.len() * 3 / 2).sum::<usize>() + url.len() + 100;
    let mut page = Vec::with_capacity(room);
    page.extend_from_slice(b"{\n  \"object\": \"list\",\n  \"data\": [");
    for (at, object) in objects.iter().enumerate() {
        page.extend_from_slice(if at == 0 { b"" } else { b"," });
        for line in object.split(|byte| *byte == b'\n') {
            page.extend_from_slice(b"\n    ");
            page.extend_from_slice(line);
        }
    }
    page.extend_from_slice(if objects.is_empty() { b"" } else { b"\n  " });
    let url = Value::from(url);
    page.extend_from_slice(format!("],\n  \"has_more\": {more},\n  \"url\": {url}\n}}").as_bytes());
    page.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::provider::double::store::{Store, render};

    fn ids(page: &Value) -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|value| text(value, "id").to_owned()).collect()
    }

    fn store(created: &[i64]) -> Store {
        let mut store = Store::default();
        for (at, created) in created.iter().enumerate() {
            let value = json!({
                "id": format!("cus_{at}"), "created": created, "name": "a\n\"b\"", "none": {}, "list": [{}, [1, "]"]],
            });
            store.insert(Kind::Customer, at as u64, value, Value::Null);
        }
        store
    }

    /// The customers' page that is asked for.
    fn page(store: &Store, given: &Value) -> Value {
        let page = Page::read(given.as_object().unwrap()).unwrap();
        let span = page.span(|id| store.get(id)).unwrap();
        let lists = || -> Vec<Candidates<'_>> {
            vec![Box::new(store.between(Kind::Customer, span).map(Stored::glance))]
        };
        let value = page.of_stored(lists(), "/x");
        assert_eq!(page.printed(lists(), "/x"), render(&value), "printed at once it is the same");
        value
    }

    /// Follows the cursor until there is no more.
    fn all_pages(store: &Store, limit: usize, cursor: &str) -> Vec<String> {
        let mut given = json!({"limit": limit.to_string()});
        let mut seen = Vec::new();
        loop {
            let page = page(store, &given);
            let ids = ids(&page);
            if cursor == "starting_after" {
                given[cursor] = json!(ids.last().cloned().unwrap_or_default());
                seen.extend(ids);
            } else {
                given[cursor] = json!(ids.first().cloned().unwrap_or_default());
                seen.splice(0..0, ids);
            }
            if page["has_more"] == false {
                return seen;
            }
        }
    }

    proptest! {
        #[test]
        fn pages_cover_every_object_once(created in prop::collection::vec(0_i64..5, 0..40), limit in 1_usize..8) {
            let store = store(&created);
            let forward = all_pages(&store, limit, "starting_after");
            let mut expected: Vec<_> = created.iter().enumerate().collect();
            expected.sort_by_key(|(at, created)| std::cmp::Reverse((**created, *at)));
            let expected: Vec<_> = expected.into_iter().map(|(at, _)| format!("cus_{at}")).collect();
            prop_assert_eq!(&forward, &expected);
            if let Some(oldest) = expected.last() {
                let given = json!({"limit": "100", "ending_before": oldest});
                prop_assert_eq!(ids(&page(&store, &given)), expected[..expected.len() - 1].to_vec());
            }
        }
    }

    #[test]
    fn a_page_before_the_cursor_is_the_nearest_one() {
        let store = store(&[1, 2, 3, 4, 5]);
        let page = page(&store, &json!({"limit": "2", "ending_before": "cus_0"}));
        assert_eq!(ids(&page), ["cus_2", "cus_1"]);
        assert_eq!(page["has_more"], true);
    }

    #[rstest::rstest]
    #[case(json!({"limit": "0"}))]
    #[case(json!({"limit": "101"}))]
    #[case(json!({"limit": "ten"}))]
    #[case(json!({"starting_after": "a", "ending_before": "b"}))]
    fn nonsense_is_refused(#[case] given: Value) {
        assert_eq!(Page::read(given.as_object().unwrap()).unwrap_err().status, 400);
    }
}
