use std::collections::BTreeMap;

use rstest::rstest;

use super::*;
use crate::project::model::Select;

fn taken(status: u16, fields: Value) -> Arc<Taken> {
    Arc::new(Taken { at: Duration::ZERO, fields: fields.as_object().cloned().unwrap(), status })
}

fn table(value: Value) -> BTreeMap<String, Value> {
    value.as_object().cloned().unwrap().into_iter().collect()
}

fn tally(outlet: Outlet, fields: Value, read: &[(&str, &str)]) -> Tally {
    let select = Select { fields: table(fields), ..Select::default() };
    let read = read.iter().map(|(field, path)| ((*field).to_owned(), (*path).to_owned())).collect();
    Tally::new(OutsideProbe { outlet, select, read }).unwrap()
}

/// What is refused did not reach the customer, and what was seen is not counted again.
#[test]
fn mails_are_counted_once_and_the_newest_that_arrived_is_read() {
    let mut tally = tally(Outlet::Mail, json!({ "to": "ann@example.com" }), &[]);
    let none = json!({ "messages": 0, "refused": 0, "subjects": [] });
    assert_eq!(Value::Object(tally.add(Vec::new())), none);
    let to = json!(["ann@example.com"]);
    let first = tally.add(vec![
        taken(250, json!({ "to": ["bob@example.com"], "subject": "Bob's" })),
        taken(451, json!({ "to": to, "subject": "refused" })),
        taken(250, json!({ "to": to, "subject": "one", "text": "1" })),
    ]);
    let expected =
        json!({ "to": to, "subject": "one", "text": "1", "messages": 1, "refused": 1, "subjects": ["one"] });
    assert_eq!(Value::Object(first.clone()), expected);
    assert_eq!(tally.add(Vec::new()), first);
    let second = tally.add(vec![taken(250, json!({ "to": to }))]);
    let expected = json!({ "to": to, "messages": 2, "refused": 1, "subjects": ["one", null] });
    assert_eq!(Value::Object(second), expected);
}

#[rstest]
#[case::none(vec![], json!({ "calls": 0, "accepted": 0, "refused": 0 }))]
#[case::some(
    vec![
        taken(503, json!({ "method": "POST", "path": "/a", "text": "{}", "json": { "name": "Ann" } })),
        taken(0, json!({ "method": "POST", "path": "/a", "text": "" })),
        taken(201, json!({ "method": "PUT", "path": "/b", "text": "{}", "json": { "name": "Bob", "tags": [1] } })),
    ],
    json!({
        "calls": 3, "accepted": 1, "refused": 2, "method": "PUT", "path": "/b", "status": 201, "text": "{}",
        "name": "Bob", "tags": [1],
    })
)]
fn calls_are_counted_and_the_newest_is_read(#[case] came: Vec<Arc<Taken>>, #[case] expected: Value) {
    let read = [("name", "$.name"), ("tags", "$.tags[*]")];
    let mut tally = tally(Outlet::Sink("crm".into()), json!({}), &read);
    assert_eq!(Value::Object(tally.add(came)), expected);
}

#[test]
fn a_selection_that_cannot_be_understood_is_no_reading() {
    let select = Select { fields: table(json!({ "subject": { "matches": "(" } })), ..Select::default() };
    let probe = OutsideProbe { outlet: Outlet::Mail, select, read: BTreeMap::new() };
    let error = Tally::new(probe).unwrap_err().to_string();
    assert!(error.starts_with("choose by `subject`: understand the matcher `matches`"), "{error}");
}
