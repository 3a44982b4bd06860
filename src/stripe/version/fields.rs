//! Reading and writing single fields.

use serde_json::{Map, Value};

/// Puts a field where Stripe prints it: in the order of the alphabet, after `id` and `object`. A field that is there
/// keeps its place.
pub(super) fn put(object: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    let value = value.into();
    if let Some(field) = object.get_mut(key) {
        *field = value;
        return;
    }
    let heads = object.keys().take_while(|head| *head == "id" || *head == "object").count();
    let before = object.keys().skip(heads).take_while(|other| other.as_str() < key).count();
    object.shift_insert(heads + before, key.to_owned(), value);
}

/// What stands at `path`, or null.
pub(super) fn at(object: &Map<String, Value>, path: &[&str]) -> Value {
    let mut path = path.iter();
    let mut here = path.next().and_then(|key| object.get(*key));
    for key in path {
        here = here.and_then(|value| value.get(key));
    }
    here.cloned().unwrap_or_default()
}

/// A list that holds everything it covers.
pub(super) fn sublist(data: Vec<Value>, url: &str) -> Value {
    let mut list = crate::stripe::object::list(data, url);
    count(&mut list);
    list
}

/// Says how many objects a list covers, where it holds all of them.
pub(super) fn count(list: &mut Value) {
    let Value::Object(fields) = list else { return };
    let is_list = fields.get("object").is_some_and(|kind| kind == "list");
    let is_whole = fields.get("has_more").is_some_and(|more| more == false);
    if let (true, true, Some(data)) = (is_list, is_whole, fields.get("data").and_then(Value::as_array)) {
        let length = data.len();
        put(fields, "total_count", length);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case(json!({"id": 1, "object": 2, "b": 3, "d": 4}), "c", r#"{"id":1,"object":2,"b":3,"c":0,"d":4}"#)]
    #[case(json!({"id": 1, "object": 2, "b": 3}), "a", r#"{"id":1,"object":2,"a":0,"b":3}"#)]
    #[case(json!({"id": 1, "b": 3}), "z", r#"{"id":1,"b":3,"z":0}"#)]
    #[case(json!({"z": 1, "a": 3}), "z", r#"{"z":0,"a":3}"#)]
    #[case(json!({}), "a", r#"{"a":0}"#)]
    fn a_field_gets_its_place(#[case] object: Value, #[case] key: &str, #[case] expected: &str) {
        let mut object = object.as_object().unwrap().clone();
        put(&mut object, key, 0);
        assert_eq!(Value::Object(object).to_string(), expected);
    }

    #[rstest::rstest]
    #[case(&["a", "b"], json!(1))]
    #[case(&["a"], json!({"b": 1}))]
    #[case(&["a", "b", "c"], json!(null))]
    #[case(&["x", "b"], json!(null))]
    #[case(&[], json!(null))]
    fn what_is_not_there_is_null(#[case] path: &[&str], #[case] expected: Value) {
        assert_eq!(at(json!({"a": {"b": 1}}).as_object().unwrap(), path), expected);
    }
}
