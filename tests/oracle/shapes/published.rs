//! The shapes that Stripe publishes, and how an object differs from its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

/// The shapes of one API version: of every kind of object, one or more (a deleted object has another).
pub(crate) struct Published(HashMap<String, Vec<Shape>>);

/// An object's fields.
type Shape = BTreeMap<String, Field>;

struct Field {
    optional: bool,
    is: Vec<Type>,
}

enum Type {
    Any,
    Null,
    Text,
    Number,
    /// Exactly this text, number or boolean.
    Const(Value),
    /// An object of this kind.
    Kind(String),
    Array(Vec<Type>),
    Map(Vec<Type>),
    Fields(Shape),
}

/// One way in which objects of a kind are not as published: where, and what is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Difference {
    pub(crate) kind: String,
    /// `lines.data[].taxes`
    pub(crate) at: String,
    /// `missing`, `unknown`, `is null`, `is "word"`, …
    pub(crate) what: String,
}

impl Published {
    /// Reads what `declarations.mjs` printed.
    pub(crate) fn read(json: &str) -> Self {
        let kinds: HashMap<String, Vec<Value>> = serde_json::from_str(json).unwrap();
        Self(kinds.into_iter().map(|(kind, shapes)| (kind, shapes.iter().map(shape).collect())).collect())
    }

    pub(crate) fn has(&self, kind: &str) -> bool {
        self.0.contains_key(kind)
    }

    /// Whether objects of this kind may have a field there.
    pub(crate) fn declares(&self, kind: &str, at: &str) -> bool {
        let path: Vec<&str> = at.split('.').map(|key| key.trim_end_matches("[]")).collect();
        self.0.get(kind).is_some_and(|shapes| shapes.iter().any(|shape| leads(shape, &path)))
    }

    /// How `object`, and every object in it, differs from what is published; the kinds that were looked at go to
    /// `seen`.
    pub(crate) fn differences(&self, object: &Value, seen: &mut BTreeSet<String>) -> BTreeSet<Difference> {
        let mut found = BTreeSet::new();
        let kind = object["object"].as_str().unwrap_or_default();
        if kind == "list" {
            for item in object["data"].as_array().unwrap() {
                found.extend(self.differences(item, seen));
            }
        } else {
            found.extend(self.object(object, kind, seen));
        }
        found
    }

    fn object(&self, object: &Value, kind: &str, seen: &mut BTreeSet<String>) -> BTreeSet<Difference> {
        seen.insert(kind.to_owned());
        let shapes = self.0.get(kind).map_or(&[][..], Vec::as_slice);
        let compared = shapes.iter().map(|shape| {
            let mut looking =
                Looking { published: self, kind, found: BTreeSet::new(), seen: BTreeSet::new() };
            looking.fields(object, shape, "");
            looking
        });
        let Some(closest) = compared.min_by_key(|looking| looking.found.len()) else {
            let what = "not published".to_owned();
            return BTreeSet::from([Difference { kind: kind.to_owned(), at: String::new(), what }]);
        };
        seen.extend(closest.seen);
        closest.found
    }
}

fn leads(shape: &Shape, path: &[&str]) -> bool {
    let Some((key, rest)) = path.split_first() else { return true };
    shape.get(*key).is_some_and(|field| field.is.iter().any(|is| is.leads(rest)))
}

struct Looking<'a> {
    published: &'a Published,
    kind: &'a str,
    found: BTreeSet<Difference>,
    seen: BTreeSet<String>,
}

impl Looking<'_> {
    fn tell(&mut self, at: &str, what: impl Into<String>) {
        self.found.insert(Difference { kind: self.kind.to_owned(), at: at.to_owned(), what: what.into() });
    }

    fn fields(&mut self, object: &Value, shape: &Shape, at: &str) {
        let fields = object.as_object().unwrap();
        let path = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        for (key, field) in shape {
            match fields.get(key) {
                Some(value) => self.value(value, &field.is, &path(key)),
                None if field.optional => {}
                None => self.tell(&path(key), "missing"),
            }
        }
        for key in fields.keys().filter(|key| !shape.contains_key(*key)) {
            self.tell(&path(key), "unknown");
        }
    }

    fn value(&mut self, value: &Value, types: &[Type], at: &str) {
        if types.iter().any(|is| matches!(is, Type::Any)) {
            return;
        }
        match value {
            Value::Object(_) => self.nested(value, types, at),
            Value::Array(items) => {
                let Some(of) = types.iter().find_map(Type::as_array) else {
                    return self.tell(at, "is a list");
                };
                items.iter().for_each(|item| self.value(item, of, &format!("{at}[]")));
            }
            plain if types.iter().any(|is| is.admits(plain)) => {}
            Value::Null => self.tell(at, "is null"),
            Value::String(_) if !types.iter().any(Type::is_text) => self.tell(at, "is a text"),
            plain => self.tell(at, format!("is {plain}")),
        }
    }

    fn nested(&mut self, object: &Value, types: &[Type], at: &str) {
        let kind = object.get("object").and_then(Value::as_str).unwrap_or_default();
        if types.iter().any(|is| matches!(is, Type::Kind(named) if named == kind)) {
            let found = self.published.object(object, kind, &mut self.seen);
            self.found.extend(found);
            return;
        }
        if let Some(of) = types.iter().find_map(Type::as_map) {
            let values = object.as_object().unwrap().values();
            values.for_each(|value| self.value(value, of, &format!("{at}.*")));
            return;
        }
        let compared = types.iter().filter_map(|is| match is {
            Type::Fields(shape) => {
                let mut looking = Looking {
                    published: self.published,
                    kind: self.kind,
                    found: BTreeSet::new(),
                    seen: BTreeSet::new(),
                };
                looking.fields(object, shape, at);
                Some(looking)
            }
            _ => None,
        });
        match compared.min_by_key(|looking| looking.found.len()) {
            Some(closest) => {
                self.found.extend(closest.found);
                self.seen.extend(closest.seen);
            }
            None => self.tell(at, "is an object"),
        }
    }
}

impl Type {
    fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(of) = self { Some(of) } else { None }
    }

    fn as_map(&self) -> Option<&[Self]> {
        if let Self::Map(of) = self { Some(of) } else { None }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Const(Value::String(_)))
    }

    fn leads(&self, path: &[&str]) -> bool {
        match self {
            Self::Any => true,
            Self::Array(of) => of.iter().any(|is| is.leads(path)),
            Self::Map(of) => path.split_first().is_some_and(|(_, rest)| of.iter().any(|is| is.leads(rest))),
            Self::Fields(shape) => leads(shape, path),
            Self::Null | Self::Text | Self::Number | Self::Const(_) | Self::Kind(_) => path.is_empty(),
        }
    }

    fn admits(&self, plain: &Value) -> bool {
        match self {
            Self::Null => plain.is_null(),
            Self::Text => plain.is_string(),
            Self::Number => plain.is_number(),
            Self::Const(value) => plain == value,
            _ => false,
        }
    }
}

fn shape(fields: &Value) -> Shape {
    let field = |field: &Value| Field { optional: field["optional"] == true, is: types(&field["type"]) };
    fields.as_object().unwrap().iter().map(|(key, value)| (key.clone(), field(value))).collect()
}

fn types(alternatives: &Value) -> Vec<Type> {
    alternatives.as_array().unwrap().iter().filter_map(one).collect()
}

fn one(json: &Value) -> Option<Type> {
    Some(match json.as_str() {
        Some("string") => Type::Text,
        Some("number") => Type::Number,
        Some("null") => Type::Null,
        // A list of texts that may grow: what stands in it is still what Stripe sends today.
        Some("other") => return None,
        Some(_) => Type::Any,
        None => {
            let (name, of) = json.as_object().unwrap().iter().next().unwrap();
            match name.as_str() {
                "const" => Type::Const(of.clone()),
                "is" => Type::Kind(of.as_str().unwrap().to_owned()),
                "array" => Type::Array(types(of)),
                "map" => Type::Map(types(of)),
                // Declared without a field: an event's object, which may be anything.
                "fields" if of.as_object().unwrap().is_empty() => Type::Any,
                "fields" => Type::Fields(shape(of)),
                other => panic!("no type is called {other}"),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PUBLISHED: &str = r#"{
        "coupon": [
            {
                "id": {"optional": false, "type": ["string"]}, "object": {"optional": false, "type": [{"const": "coupon"}]},
                "duration": {"optional": false, "type": ["other", {"const": "once"}, {"const": "forever"}]},
                "percent_off": {"optional": false, "type": ["null", "number"]},
                "applies_to": {"optional": true, "type": [{"fields": {"products": {"optional": false, "type": [{"array": ["string"]}]}}}]},
                "metadata": {"optional": false, "type": ["null", {"map": ["string"]}]}
            },
            {
                "id": {"optional": false, "type": ["string"]}, "object": {"optional": false, "type": [{"const": "coupon"}]},
                "deleted": {"optional": false, "type": [{"const": true}]}
            }
        ],
        "promotion_code": [{
            "object": {"optional": false, "type": [{"const": "promotion_code"}]},
            "coupon": {"optional": false, "type": ["string", {"is": "coupon"}]}
        }]
    }"#;

    fn coupon() -> Value {
        json!({"id": "c", "object": "coupon", "duration": "once", "percent_off": 5, "metadata": {"a": "b"}})
    }

    #[rstest::rstest]
    #[case("/percent_off", json!(null), &[])]
    #[case("/percent_off", json!("5"), &["percent_off is a text"])]
    #[case("/percent_off", json!(true), &["percent_off is true"])]
    #[case("/duration", json!("twice"), &["duration is \"twice\""])]
    #[case("/duration", json!(null), &["duration is null"])]
    #[case("/duration", json!([]), &["duration is a list"])]
    #[case("/duration", json!({}), &["duration is an object"])]
    #[case("/metadata", json!({"a": 1}), &["metadata.* is 1"])]
    #[case("/applies_to", json!({"products": ["a", 1]}), &["applies_to.products[] is 1"])]
    #[case("/applies_to", json!({}), &["applies_to.products missing"])]
    #[case("/colour", json!("red"), &["colour unknown"])]
    fn what_is_not_as_published_is_found(#[case] at: &str, #[case] value: Value, #[case] expected: &[&str]) {
        let mut object = coupon();
        object[at.trim_start_matches('/')] = value;
        let found = Published::read(PUBLISHED).differences(&object, &mut BTreeSet::new());
        let found: Vec<_> = found.iter().map(|one| format!("{} {}", one.at, one.what)).collect();
        assert_eq!(found, expected);
    }

    #[rstest::rstest]
    #[case("coupon", "duration", true)]
    #[case("coupon", "deleted", true)]
    #[case("coupon", "colour", false)]
    #[case("coupon", "duration.more", false)]
    #[case("coupon", "applies_to.products[]", true)]
    #[case("coupon", "applies_to.prices", false)]
    #[case("coupon", "metadata.a", true)]
    #[case("promotion_code", "coupon.duration", false)]
    #[case("payout", "id", false)]
    fn a_declared_field_is_known(#[case] kind: &str, #[case] at: &str, #[case] expected: bool) {
        assert_eq!(Published::read(PUBLISHED).declares(kind, at), expected);
    }

    #[test]
    fn what_is_missing_deleted_nested_or_of_no_kind_is_told() {
        let published = Published::read(PUBLISHED);
        let found = |object: Value| {
            let mut seen = BTreeSet::new();
            let found = published.differences(&object, &mut seen);
            let found: Vec<_> =
                found.iter().map(|one| format!("{}: {} {}", one.kind, one.at, one.what)).collect();
            (found, seen.len())
        };
        assert_eq!(found(json!({"id": "c", "object": "coupon", "deleted": true})), (vec![], 1));
        let mut broken = coupon();
        broken.as_object_mut().unwrap().remove("percent_off");
        let code = json!({"object": "promotion_code", "coupon": broken});
        let list = json!({"object": "list", "data": [code, coupon()]});
        assert_eq!(found(list), (vec!["coupon: percent_off missing".to_owned()], 2));
        assert_eq!(found(json!({"object": "payout"})), (vec!["payout:  not published".to_owned()], 1));
    }
}
