//! What happens at Stripe in a step.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::Scope;
use crate::project::validate::unknown_action;
use crate::scenario::code::Code;
use crate::scenario::decode::table::{Least, require_one};
use crate::scenario::decode::{Decode, Field, Problems};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::document::ActionDocument;
use crate::scenario::model::StripeStep;
use crate::scenario::tree::{Entry, Kind, Node};
use crate::span::Place;
use crate::stripe::action::{Action, ActionKind};

/// What messages call `stripe = { … }`.
const WHAT: &str = "`stripe`";

impl Decode for ActionDocument {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Some(entries) = node.entries() else {
            problems.wrong_type(node, "a table");
            return None;
        };
        for entry in entries {
            match entry.key.parse::<ActionKind>() {
                Ok(kind) => check_keys(kind, entry, problems),
                Err(_) => {
                    let place = problems.place(&entry.key_range);
                    problems.push(unknown_action(&entry.key, &place));
                }
            }
        }
        let words: Vec<&str> = ActionKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let known = entries.iter().any(|entry| words.contains(&entry.key.as_str()));
        let least = if known || !entries.is_empty() { Least::None } else { Least::One };
        require_one(node, WHAT, &words, least, problems);
        Some(Self(node.clone()))
    }
}

/// The keys that an action can have.
fn keys_of(kind: ActionKind) -> Vec<&'static str> {
    kind.own_keys().iter().copied().chain(ActionKind::COMMON_KEYS).collect()
}

fn check_keys(kind: ActionKind, entry: &Entry, problems: &mut Problems) {
    let Some(keys) = entry.node.entries() else {
        problems.wrong_type(&entry.node, "a table");
        return;
    };
    // `set` is open: its keys are objects.
    if kind == ActionKind::Set {
        return;
    }
    let known = keys_of(kind);
    for key in keys {
        if !known.contains(&key.key.as_str()) {
            problems.unknown_key(key, &format!("`stripe.{kind}`"), &known);
        }
    }
}

impl JsonSchema for ActionDocument {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let actions: Map<String, Value> =
            ActionKind::ALL.iter().map(|kind| (kind.as_str().to_owned(), action_schema(*kind))).collect();
        json_schema!({
            "description": "One thing that happens at Stripe.",
            "type": "object",
            "properties": actions,
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

fn action_schema(kind: ActionKind) -> Value {
    if kind == ActionKind::Set {
        let objects = serde_json::json!({ "type": "object" });
        return serde_json::json!({
            "description": kind.summary(), "type": "object", "additionalProperties": objects,
        });
    }
    let keys: Map<String, Value> =
        keys_of(kind).iter().map(|key| ((*key).to_owned(), key_schema(key))).collect();
    serde_json::json!({
        "description": kind.summary(), "type": "object", "properties": keys, "additionalProperties": false,
    })
}

fn key_schema(key: &str) -> Value {
    let description = match key {
        "name" => "What later steps call the object that this makes.",
        "subscription" => "Which subscription, by name; left out, the first.",
        "set" => "Any other field of the object that this makes.",
        "price" => "A price of the catalogue.",
        "items" => "Several prices: [{ price = \"pro_monthly\", quantity = 2 }].",
        "card" => {
            "`false`: no card is on file, so that the trial ends as the subscription's trial_settings say."
        }
        "payment_behavior" => "What becomes of the change while that is not paid: Stripe's word.",
        "by" => "How far Stripe's clock moves: \"31d\".",
        _ => return Value::Bool(true),
    };
    serde_json::json!({ "description": description })
}

/// The names that a step's action gives.
pub(super) fn names(document: Option<&Field<ActionDocument>>) -> Vec<&str> {
    let actions = document.and_then(|document| document.0.entries()).unwrap_or_default();
    actions
        .iter()
        .filter(|entry| entry.key != "set")
        .filter_map(|entry| match &entry.node.get("name")?.kind {
            Kind::String(name) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

/// The action of a step; `None` where there is none, or after saying why.
pub(super) fn action(
    document: Option<&Field<ActionDocument>>,
    subscriptions: &[String],
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<StripeStep> {
    let entries = document?.0.entries()?;
    let entry = entries.iter().find(|entry| entry.key.parse::<ActionKind>().is_ok())?;
    let kind = entry.key.parse::<ActionKind>().ok()?;
    let place = problems.place(&(entry.key_range.start..entry.node.range.end.max(entry.key_range.end)));
    let keys = entry.node.to_map();
    if kind != ActionKind::Set {
        check_names(&entry.node, subscriptions, scope, problems);
    }
    let known = keys_of(kind);
    // Unknown keys were reported already.
    if kind == ActionKind::Set || keys.keys().all(|key| known.contains(&key.as_str())) {
        let places: Vec<(String, Place)> = entry
            .node
            .entries()?
            .iter()
            .map(|key| (key.key.clone(), problems.place(&key.node.range)))
            .collect();
        check_values(kind, &keys, &places, &place, problems);
    }
    Some(StripeStep { kind, keys, place })
}

/// Prices and subscriptions that an action names must exist.
fn check_names(node: &Node, subscriptions: &[String], scope: &Scope<'_>, problems: &mut Problems) {
    if let Some(Node { kind: Kind::String(price), range }) = node.get("price") {
        let place = problems.place(range);
        scope.check_price(price, &place, problems);
    }
    if let Some(items) = node.get("items") {
        check_items(items, scope, problems);
    }
    if let Some(Node { kind: Kind::String(name), range }) = node.get("subscription") {
        if name.contains("{{") || subscriptions.contains(name) {
            return;
        }
        let place = problems.place(range);
        problems.push(
            Diagnostic::error(Code::UnknownObject, format!("unknown subscription `{name}`"))
                .at(&place)
                .label("nothing before this step is called so")
                .maybe_help(crate::scenario::diagnostic::suggest(
                    name,
                    "named subscriptions",
                    subscriptions.iter().map(String::as_str),
                )),
        );
    }
}

/// The prices of `items`.
pub(super) fn check_items(items: &Node, scope: &Scope<'_>, problems: &mut Problems) {
    let Kind::Array(items) = &items.kind else { return };
    for item in items {
        if let Some(Node { kind: Kind::String(price), range }) = item.get("price") {
            let place = problems.place(range);
            scope.check_price(price, &place, problems);
        }
    }
}

/// Checks the values with the action's own reader. Where a template is left, they are only known in the run.
pub(super) fn check_values(
    kind: ActionKind,
    keys: &Map<String, Value>,
    places: &[(String, Place)],
    whole: &Place,
    problems: &mut Problems,
) {
    let plain: Map<String, Value> = keys
        .iter()
        // Fields of objects are free, and often templates.
        .filter(|(key, _)| kind == ActionKind::Set || key.as_str() != "set")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if Value::Object(plain.clone()).to_string().contains("{{") {
        return;
    }
    if let Err(problem) = Action::from_keys(kind, &plain) {
        let place = places.iter().find(|(key, _)| *key == problem.key).map_or(whole, |(_, place)| place);
        problems.push(
            Diagnostic::error(
                Code::BadAction,
                format!("`stripe.{kind}`: `{}` {}", problem.key, problem.problem),
            )
            .at(place)
            .label(kind.summary()),
        );
    }
}
