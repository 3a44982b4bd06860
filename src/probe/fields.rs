//! Fields out of a JSON answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use super::ReadError;

/// Field → where it stands in an answer, understood once.
#[derive(Debug, Clone)]
pub struct Fields(Vec<(String, Path)>);

#[derive(Debug, Clone)]
struct Path {
    path: JsonPath,
    gives: Gives,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    /// At most one value.
    Value,
    /// As many as there are: a list, even of one or none.
    List,
}

impl Fields {
    /// Understands the paths.
    ///
    /// # Errors
    /// One is no JSONPath.
    pub fn compile(read: &BTreeMap<String, String>) -> Result<Self, ReadError> {
        let path = |(field, text): (&String, &String)| Ok((field.clone(), Path::parse(text)?));
        read.iter().map(path).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields that an answer has, and whether any path led somewhere.
    #[must_use]
    pub fn read(&self, answer: &Value) -> (Map<String, Value>, bool) {
        let found: Map<_, _> =
            self.0.iter().filter_map(|(field, path)| Some((field.clone(), path.read(answer)?))).collect();
        // A list of nothing is what a wildcard gives for any answer, an error's too.
        let any = found.values().any(|value| value.as_array().is_none_or(|list| !list.is_empty()));
        (found, any)
    }
}

impl Path {
    fn parse(text: &str) -> Result<Self, ReadError> {
        let parse = |text: &str| JsonPath::parse(text);
        let path = parse(text)
            .map_err(|error| ReadError::Path { path: text.to_owned(), problem: error.to_string() })?;
        // RFC 9535 allows only singular queries in a comparison (section 2.3.5.1), and the parser enforces it:
        // a query is singular exactly if it can be compared.
        let gives = if parse(&format!("$[?{path}==1]")).is_ok() { Gives::Value } else { Gives::List };
        Ok(Self { path, gives })
    }

    fn read(&self, answer: &Value) -> Option<Value> {
        let mut found = self.path.query(answer).into_iter();
        match self.gives {
            Gives::Value => found.next().cloned(),
            Gives::List => Some(found.cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::value("$.plan", Some(json!("pro")))]
    #[case::null("$.nothing", Some(json!(null)))]
    #[case::nested("$.limits.seats", Some(json!(3)))]
    #[case::root("$", Some(answer()))]
    #[case::quoted("$['limits'][\"seats\"]", Some(json!(3)))]
    #[case::index("$.features[-1]", Some(json!("b")))]
    #[case::list_itself("$.features", Some(json!(["a", "b"])))]
    #[case::missing("$.trial", None)]
    #[case::not_an_object("$.plan.name", None)]
    #[case::wildcard("$.features[*]", Some(json!(["a", "b"])))]
    #[case::wildcard_of_one("$.one[*]", Some(json!(["x"])))]
    #[case::wildcard_of_none("$.none[*]", Some(json!([])))]
    #[case::slice("$.features[:1]", Some(json!(["a"])))]
    #[case::several_indices("$.features[0,1]", Some(json!(["a", "b"])))]
    #[case::descendants("$..seats", Some(json!([3])))]
    #[case::filter("$.items[?@.on==true].id", Some(json!([2])))]
    #[case::function("$.items[?match(@.name, 'a.*')].id", Some(json!([1])))]
    fn a_field_is_a_value_or_a_list(#[case] path: &str, #[case] expected: Option<Value>) {
        assert_eq!(Path::parse(path).unwrap().read(&answer()), expected);
    }

    fn answer() -> Value {
        json!({
            "plan": "pro", "nothing": null, "limits": {"seats": 3}, "features": ["a", "b"], "one": ["x"], "none": [],
            "items": [{"id": 1, "on": false, "name": "ab"}, {"id": 2, "on": true, "name": "b"}]
        })
    }

    #[rstest]
    #[case("plan")]
    #[case("")]
    #[case("$.items[?@.a==1")]
    #[case("$==1]||$[?$")]
    fn what_is_no_path_is_refused(#[case] path: &str) {
        let error = Fields::compile(&BTreeMap::from([("plan".into(), path.into())])).unwrap_err();
        assert!(matches!(&error, ReadError::Path { path: named, .. } if named == path), "{error}");
    }

    #[test]
    fn it_is_known_whether_any_path_led_somewhere() {
        let read = [("plan", "$.plan"), ("features", "$.features[*]")];
        let read = read.iter().map(|(field, path)| ((*field).to_owned(), (*path).to_owned())).collect();
        let fields = Fields::compile(&read).unwrap();
        let found = |answer: Value| {
            let (fields, any) = fields.read(&answer);
            (Value::Object(fields), any)
        };
        assert_eq!(found(json!({"plan": "pro"})), (json!({"plan": "pro", "features": []}), true));
        assert_eq!(found(json!({"error": "down"})), (json!({"features": []}), false));
        assert_eq!(found(json!({"features": [1]})), (json!({"features": [1]}), true));
    }
}
