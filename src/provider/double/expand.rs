//! `expand[]`: ids become the objects they name.

use serde_json::Value;

use super::error::ApiError;

/// The most levels that Stripe expands.
const DEEPEST: usize = 4;

/// What an id names, and what an object can include beside its own fields.
pub(crate) trait Source {
    /// The object with this id.
    fn resolve(&self, id: &str) -> Option<Value>;
    /// A part of `object` that is only shown when asked for.
    fn include(&self, object: &Value, name: &str) -> Option<Value>;
}

/// Expands every path of `paths` in `value`; in lists, paths begin with `data.`.
///
/// # Errors
/// Stripe's, for a path that is too deep or leads to nothing that can be expanded.
pub(crate) fn expand(value: &mut Value, paths: &[String], source: &impl Source) -> Result<(), ApiError> {
    for path in paths {
        let steps: Vec<&str> = path.split('.').collect();
        if steps.len() > DEEPEST {
            return Err(ApiError::invalid_param(
                "expand",
                format!("You cannot expand more than {DEEPEST} levels of a property. Property: {path}"),
            ));
        }
        walk(value, &steps, path, source)?;
    }
    Ok(())
}

fn walk(value: &mut Value, steps: &[&str], path: &str, source: &impl Source) -> Result<(), ApiError> {
    if let Value::Array(items) = value {
        return items.iter_mut().try_for_each(|item| walk(item, steps, path, source));
    }
    let Some((name, rest)) = steps.split_first() else { return Ok(()) };
    let cannot = || ApiError::invalid_param("expand", format!("This property cannot be expanded ({path})."));
    let included = value.get(name).is_none();
    if included {
        let part = source.include(value, name).ok_or_else(cannot)?;
        let whole = part.get("object").is_none() && rest.is_empty();
        crate::stripe::object::put(value, name, part);
        if whole {
            // Something that is no object of its own: the tiers of a price.
            return Ok(());
        }
    }
    let child = value.get_mut(name).ok_or_else(cannot)?;
    if let Value::String(id) = child {
        *child = source.resolve(id).ok_or_else(cannot)?;
    }
    if let Value::Array(items) = child
        && *name != "data"
    {
        // A list of ids, as of discounts.
        for item in items.iter_mut() {
            if let Value::String(id) = item {
                *item = source.resolve(id).ok_or_else(cannot)?;
            } else if item.get("object").is_none() {
                return Err(cannot());
            }
        }
        return if rest.is_empty() { Ok(()) } else { walk(child, rest, path, source) };
    }
    match child {
        Value::Null => Ok(()),
        Value::Array(_) if *name == "data" => walk(child, rest, path, source),
        Value::Object(fields) if included || !rest.is_empty() || fields.contains_key("object") => {
            walk(child, rest, path, source)
        }
        _ => Err(cannot()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Two;

    impl Source for Two {
        fn resolve(&self, id: &str) -> Option<Value> {
            match id {
                "cus_1" => {
                    Some(json!({"id": "cus_1", "object": "customer", "best": "sub_1", "all": ["sub_1"]}))
                }
                "sub_1" => {
                    Some(json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "note": "x"}))
                }
                _ => None,
            }
        }

        fn include(&self, object: &Value, name: &str) -> Option<Value> {
            (object["object"] == "subscription" && name == "more")
                .then(|| json!({"object": "list", "data": []}))
        }
    }

    #[rstest::rstest]
    #[case("customer", "/customer/id", json!("cus_1"))]
    #[case("customer.best", "/customer/best/id", json!("sub_1"))]
    #[case("more", "/more/object", json!("list"))]
    fn paths_are_followed(#[case] path: &str, #[case] pointer: &str, #[case] expected: Value) {
        let mut value = Two.resolve("sub_1").unwrap();
        expand(&mut value, &[path.to_owned()], &Two).unwrap();
        assert_eq!(value.pointer(pointer), Some(&expected));
    }

    #[test]
    fn lists_of_ids_become_lists_of_objects() {
        let mut value = Two.resolve("cus_1").unwrap();
        expand(&mut value, &["all".to_owned(), "all.customer".to_owned()], &Two).unwrap();
        assert_eq!(value["all"][0]["customer"]["id"], "cus_1");
    }

    #[test]
    fn lists_are_expanded_through_data() {
        let mut value = json!({"object": "list", "data": [Two.resolve("sub_1").unwrap(), {"object": "subscription", "customer": null}]});
        expand(&mut value, &["data.customer".to_owned()], &Two).unwrap();
        assert_eq!(value["data"][0]["customer"]["id"], "cus_1");
        assert_eq!(value["data"][1]["customer"], json!(null));
    }

    #[rstest::rstest]
    #[case("note")]
    #[case("nothing")]
    #[case("id.x")]
    #[case("")]
    #[case("customer.nothing")]
    #[case("customer.best.customer.best.customer")]
    fn what_cannot_be_expanded_is_refused(#[case] path: &str) {
        let mut value = Two.resolve("sub_1").unwrap();
        assert_eq!(expand(&mut value, &[path.to_owned()], &Two).unwrap_err().status, 400);
    }
}
