//! JSON Schemas (draft-07, which TOML editors read) of both files, from the declarations that decode them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::document::ScenarioDocument;
use crate::project::document::ProjectDocument;

/// The schema of a scenario file.
#[must_use]
pub fn scenario_schema() -> Value {
    let mut schema = schema_of::<ScenarioDocument>(
        "Paydrill scenario",
        "One story: what happens at Stripe, and what the customer must then see.",
    );
    allow_matrix(&mut schema);
    schema["definitions"]["MatrixTemplate"] = json!({
        "description": "A value of the matrix, of whatever type it is there.",
        "type": "string",
        "pattern": "^\\{\\{ *matrix\\.[A-Za-z0-9_]+ *\\}\\}$",
    });
    schema
}

/// The schema of `paydrill.toml`.
#[must_use]
pub fn project_schema() -> Value {
    schema_of::<ProjectDocument>(
        "Paydrill project",
        "What is for sale, how the app is reached, and what can be done and read in it.",
    )
}

fn schema_of<T: JsonSchema>(title: &str, description: &str) -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let schema = generator.into_root_schema_for::<T>();
    let mut whole = Map::new();
    let Value::Object(mut parts) = schema.to_value() else { return Value::Null };
    if let Some(version) = parts.shift_remove("$schema") {
        whole.insert("$schema".to_owned(), version);
    }
    whole.insert("title".to_owned(), title.into());
    whole.insert("description".to_owned(), description.into());
    for (key, part) in parts {
        whole.entry(key).or_insert(part);
    }
    Value::Object(whole)
}

/// A table with known keys. `choice`: exactly one of these.
pub(crate) fn table(
    what: &str,
    keys: Vec<(&str, &str, Schema)>,
    required: &[&str],
    choice: &[&str],
) -> Schema {
    let properties: Map<String, Value> =
        keys.into_iter().map(|(key, doc, schema)| (key.to_owned(), described(doc, schema))).collect();
    let mut table = Map::new();
    table.insert("description".to_owned(), what.into());
    table.insert("type".to_owned(), "object".into());
    table.insert("properties".to_owned(), properties.into());
    table.insert("additionalProperties".to_owned(), false.into());
    if !required.is_empty() {
        table.insert("required".to_owned(), required.into());
    }
    if !choice.is_empty() {
        let one = choice.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>();
        table.insert("oneOf".to_owned(), one.into());
    }
    Schema::from(table)
}

/// A key's schema with what the key means. In draft-07 everything beside a `$ref` is ignored, hence `allOf`.
fn described(doc: &str, schema: Schema) -> Value {
    match schema.to_value() {
        Value::Object(mut parts) if !parts.contains_key("$ref") => {
            let mut whole = Map::new();
            whole.insert("description".to_owned(), doc.into());
            parts.shift_remove("description");
            whole.extend(parts);
            Value::Object(whole)
        }
        Value::Bool(true) => json!({ "description": doc }),
        reference => json!({ "description": doc, "allOf": [reference] }),
    }
}

/// Where a number, a boolean or one of a few words is expected, `"{{ matrix.x }}"` may stand as well.
fn allow_matrix(schema: &mut Value) {
    match schema {
        Value::Object(parts) => {
            parts.values_mut().for_each(allow_matrix);
            let typed = parts.get("type").is_some_and(|kind| kind == "integer" || kind == "boolean");
            if typed || parts.get("enum").is_some_and(Value::is_array) {
                let description = parts.shift_remove("description");
                let plain = Value::Object(std::mem::take(parts));
                parts.extend(description.map(|description| ("description".to_owned(), description)));
                parts.insert("anyOf".to_owned(), json!([plain, { "$ref": "#/definitions/MatrixTemplate" }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(allow_matrix),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::document;
    use crate::scenario::tests::examples;

    /// A committed copy is what editors and people link to.
    fn check_committed(name: &str, schema: &Value) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
        #[expect(clippy::disallowed_methods, reason = "how a person asks for new copies, in this test only")]
        if std::env::var_os("PAYDRILL_UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_same(&committed, &text, name);
    }

    fn assert_same(committed: &str, text: &str, name: &str) {
        if committed != text {
            let diff = similar::TextDiff::from_lines(committed, text);
            panic!(
                "schemas/{name} is out of date; PAYDRILL_UPDATE_SCHEMAS=1 cargo test writes it anew\n{}",
                diff.unified_diff()
            );
        }
    }

    #[test]
    fn committed_copies_are_up_to_date() {
        check_committed("scenario.schema.json", &scenario_schema());
        check_committed("project.schema.json", &project_schema());
    }

    #[rstest::rstest]
    #[case(scenario_schema())]
    #[case(project_schema())]
    fn both_are_valid_draft_07(#[case] schema: Value) {
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        assert!(jsonschema::draft7::meta::is_valid(&schema));
    }

    fn errors(schema: &Value, text: &str) -> Vec<String> {
        let validator = jsonschema::draft7::new(schema).unwrap();
        let instance: Value = toml::from_str::<Value>(text).unwrap();
        validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    #[test]
    fn every_example_fits_its_schema() {
        for (file, text) in examples() {
            let schema = if file == "paydrill.toml" { project_schema() } else { scenario_schema() };
            assert_eq!(errors(&schema, &text), Vec::<String>::new(), "{file}");
        }
    }

    #[rstest::rstest]
    #[case("promise = 'p'\nonwer = 'x'\n[[step]]\n")]
    #[case("[[step]]\n")]
    #[case("promise = 'p'\n[[step]]\nwithin = 5\n")]
    #[case("promise = 'p'\n[[step]]\nwithin = '5 s'\n")]
    #[case("promise = 'p'\n[[step]]\norder = 'backwards'\n")]
    #[case("promise = 'p'\n[[step]]\nstripe = { cancel = {}, resume = {} }\n")]
    #[case("promise = 'p'\n[[step]]\nstripe.cancel = { when = 'now' }\n")]
    #[case("promise = 'p'\n[[step]]\nfault = [{}]\n")]
    #[case("promise = 'p'\n[[step]]\nsend = [{ event = 'a.b', file = 'c' }]\n")]
    #[case("promise = 'p'\nrepeat = 0\n[[step]]\n")]
    fn what_is_wrong_does_not_fit(#[case] text: &str) {
        assert_ne!(errors(&scenario_schema(), text), Vec::<String>::new());
        assert_ne!(crate::scenario::tests::parse(text).1, []);
    }

    /// The decoder and the schema are made from one declaration; this holds them together all the same.
    #[test]
    fn schema_keys_are_decoder_keys() {
        let schema = scenario_schema();
        let keys = |table: &Value| -> Vec<String> {
            table["properties"].as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(keys(&schema), ScenarioDocument::KEYS);
        assert_eq!(keys(&schema["definitions"]["Step"]), document::StepDocument::KEYS);
        assert_eq!(keys(&schema["definitions"]["Send"]), document::SendDocument::KEYS);
        assert_eq!(keys(&project_schema()), ProjectDocument::KEYS);
    }

    /// Editors show it at the cursor.
    #[test]
    fn every_key_is_described() {
        fn check(path: &str, schema: &Value, missing: &mut Vec<String>) {
            let Some(parts) = schema.as_object() else { return };
            for (name, part) in parts {
                let path = format!("{path}/{name}");
                if name == "properties" && !path.contains("/Action/") {
                    for (key, described) in part.as_object().unwrap() {
                        if described.get("description").is_none_or(|text| text == "") {
                            missing.push(format!("{path}/{key}"));
                        }
                    }
                }
                check(&path, part, missing);
            }
        }
        let mut missing = Vec::new();
        check("scenario", &scenario_schema(), &mut missing);
        check("project", &project_schema(), &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }
}
