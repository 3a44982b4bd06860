//! The JSON Schema of a report (draft-07), from the structs that write it.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::model::Report;

/// The schema of what `run --report-json` writes.
#[must_use]
pub(crate) fn report_schema() -> Value {
    // What is written: a field that may be null is there all the same.
    let generator = SchemaSettings::draft07().for_serialize().into_generator();
    let Value::Object(mut parts) = generator.into_root_schema_for::<Report>().to_value() else {
        return Value::Null;
    };
    let mut whole = Map::new();
    if let Some(version) = parts.shift_remove("$schema") {
        whole.insert("$schema".to_owned(), version);
    }
    whole.insert("title".to_owned(), "Paydrill report".into());
    whole.insert(
        "description".to_owned(),
        "What one or several runs amounted to, version 1. Fields may be added.".into(),
    );
    for (key, part) in parts {
        whole.entry(key).or_insert(part);
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::notify::{Change, Receipt};
    use crate::report::gather::{Gathered, Handoff};
    use crate::report::model::Aside;
    use crate::report::sample;

    /// A committed copy is what other programs are checked against.
    #[test]
    fn the_committed_schema_is_this_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/report.schema.json");
        let text = format!("{}\n", serde_json::to_string_pretty(&report_schema()).unwrap());
        #[expect(clippy::disallowed_methods, reason = "how a person asks for a new copy, in this test only")]
        let update = std::env::var_os("PAYDRILL_UPDATE_SCHEMAS").is_some();
        if update {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "`paydrill schema report > schemas/report.schema.json` brings it up to date"
        );
    }

    /// What is written is what the schema says, with every kind of ending in it.
    #[test]
    fn a_report_is_as_its_schema_says() {
        let validator = jsonschema::validator_for(&report_schema()).unwrap();
        for events in [sample::run(), sample::troubled()] {
            let mut gathered = Gathered::default();
            events.iter().for_each(|event| gathered.add(event));
            let notices = vec![Receipt {
                notifier: "oncall".into(),
                kind: "slack".into(),
                fingerprint: "b72e2184b5522878".into(),
                change: Change::Opened,
                attempts: 5,
                problem: Some("connect".into()),
            }];
            let aside = Aside { remarks: notices.iter().filter_map(Receipt::remark).collect(), notices };
            let report = Report::of(&gathered, &Handoff::default(), aside);
            let value = serde_json::to_value(&report).unwrap();
            let problems: Vec<String> =
                validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(problems, Vec::<String>::new());
        }
    }
}
