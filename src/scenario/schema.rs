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
