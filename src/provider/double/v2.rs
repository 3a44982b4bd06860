//! How the v2 API differs from v1: bodies are JSON, a page names the address of the next, and an error has codes of
//! its own (docs.stripe.com/api-v2-overview).
//!
//! Our reading, where nothing is published: a page has 10 entries where `limit` is left out and 100 at most, as in
//! v1, and what `page` says is for Stripe alone to read: here it names the entry that the page is beside.

use serde_json::{Map, Value};

use super::error::ApiError;
use super::page;
use super::params::{Is, Params};
use crate::stripe::object::{object, text};

/// The parameters of every list.
pub(crate) const LIMIT: (&str, Is) = ("limit", Is::Int);
pub(crate) const PAGE: (&str, Is) = ("page", Is::Text);

/// Whether a call is one of the v2 API.
pub(crate) fn is_v2(path: &str) -> bool {
    path.starts_with("/v2/")
}

/// Lists that may be written as one text where they have one element: `include=webhook_endpoint.url`.
const LISTS: [&str; 2] = ["include", "types"];

/// A query's parameters as v2 means them.
pub(crate) fn read_query(params: &mut Map<String, Value>) {
    for list in LISTS {
        if let Some(value) = params.get_mut(list).filter(|value| value.is_string()) {
            *value = Value::Array(vec![value.take()]);
        }
    }
}

/// A body's parameters.
pub(crate) fn read_body(kind: &str, body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if kind != "application/json" {
        return Err(ApiError::invalid(format!(
            "Invalid content type: {kind}. The v2 API takes application/json."
        )));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("The request body is no JSON object: {error}")))
}

/// Which page is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    /// The same as v1 says it.
    pub(crate) page: page::Page,
    /// Whether it is beside another.
    from: Option<Side>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    After,
    Before,
}

impl Side {
    const fn word(self) -> &'static str {
        match self {
            Self::After => "after_",
            Self::Before => "before_",
        }
    }
}

impl Page {
    /// Reads `limit` and `page`; `known` gives the id under which an entry is kept that is shown with this one.
    pub(crate) fn read(params: &Params, known: impl Fn(&str) -> String) -> Result<Self, ApiError> {
        let mut v1 = Map::new();
        if let Some(limit) = params.given("limit").filter(|limit| !limit.is_null()) {
            v1.insert("limit".to_owned(), limit.clone());
        }
        let mut from = None;
        if let Some(page) = params.text("page") {
            let told = [Side::After, Side::Before]
                .into_iter()
                .find_map(|side| Some((side, page.strip_prefix(side.word())?)));
            let (side, id) =
                told.ok_or_else(|| ApiError::invalid_param("page", format!("Invalid page: {page}")))?;
            let cursor = if side == Side::After { "starting_after" } else { "ending_before" };
            v1.insert(cursor.to_owned(), known(id).into());
            from = Some(side);
        }
        Ok(Self { page: page::Page::read(&v1)?, from })
    }

    /// The page, with the addresses of those beside it. `more`: there are others in the direction in which was looked.
    pub(crate) fn of(&self, shown: Vec<Value>, more: bool, path: &str, params: &Params) -> Value {
        let backwards = self.from == Some(Side::Before);
        let beside = |side: Side, at: Option<&Value>, is_there: bool| -> Value {
            let Some(at) = at.filter(|_| is_there) else { return Value::Null };
            address(path, params, &format!("{}{}", side.word(), text(at, "id"))).into()
        };
        let next = beside(Side::After, shown.last(), backwards || more);
        let previous =
            beside(Side::Before, shown.first(), if backwards { more } else { self.from.is_some() });
        object! { "data": shown, "next_page_url": next, "previous_page_url": previous }
    }
}

/// A cursor to what is no longer there, or never was.
pub(crate) fn no_such_page() -> ApiError {
    ApiError::invalid_param("page", "Invalid page: what it was beside is not there")
}

/// The address of a list's page, with everything else that was asked.
fn address(path: &str, params: &Params, page: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.fields().iter().filter(|(name, _)| *name != "page") {
        spell(name, value, &mut query);
    }
    query.append_pair("page", page);
    format!("{path}?{}", query.finish())
}

fn spell(name: &str, value: &Value, to: &mut form_urlencoded::Serializer<'_, String>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| spell(&format!("{name}[{key}]"), value, to));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| spell(&format!("{name}[{at}]"), item, to));
        }
        Value::String(text) => drop(to.append_pair(name, text)),
        other => drop(to.append_pair(name, &other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: super::super::params::Table = &[LIMIT, PAGE, ("types", Is::Texts), ("created", Is::Map)];

    fn page(given: Value, shown: &[&str], more: bool) -> [Value; 2] {
        let mut given = given.as_object().cloned().unwrap();
        read_query(&mut given);
        let params = Params::read(&given, TABLE, &"").unwrap();
        let page = Page::read(&params, str::to_owned).unwrap();
        let shown = shown.iter().map(|id| json!({ "id": id })).collect();
        let mut page = page.of(shown, more, "/v2/x", &params);
        [page["previous_page_url"].take(), page["next_page_url"].take()]
    }

    #[rstest::rstest]
    #[case(json!({}), &["a"], false, [json!(null), json!(null)])]
    #[case(json!({"limit": "1"}), &["a"], true, [json!(null), json!("/v2/x?limit=1&page=after_a")])]
    #[case(json!({"page": "after_a"}), &["b", "c"], false, [json!("/v2/x?page=before_b"), json!(null)])]
    #[case(json!({"page": "before_c"}), &["b"], true, [json!("/v2/x?page=before_b"), json!("/v2/x?page=after_b")])]
    #[case(json!({"page": "before_c"}), &["a"], false, [json!(null), json!("/v2/x?page=after_a")])]
    #[case(json!({"page": "after_z"}), &[], false, [json!(null), json!(null)])]
    #[case(
        json!({"types": "a&b", "created": {"gte": "2026-01-01T00:00:00Z"}}), &["a"], true,
        [json!(null), json!("/v2/x?types%5B0%5D=a%26b&created%5Bgte%5D=2026-01-01T00%3A00%3A00Z&page=after_a")]
    )]
    fn a_page_names_those_beside_it(
        #[case] given: Value,
        #[case] shown: &[&str],
        #[case] more: bool,
        #[case] expected: [Value; 2],
    ) {
        assert_eq!(page(given, shown, more), expected);
    }

    #[rstest::rstest]
    #[case(json!({"page": "a"}))]
    #[case(json!({"limit": "0"}))]
    fn nonsense_is_refused(#[case] given: Value) {
        let params = Params::read(given.as_object().unwrap(), TABLE, &"").unwrap();
        assert_eq!(Page::read(&params, str::to_owned).unwrap_err().status, 400);
    }
}
