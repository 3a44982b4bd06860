//! `{{ customer.id }}`: strings that are filled in when their time comes.
//!
//! Strict: a name without a value is an error, never an empty string. A value that is one template and nothing
//! else keeps its type, so `seats = "{{ variable.seats }}"` is a number where the variable is one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

/// Why a template could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fill in `{template}`: {problem}")]
pub struct TemplateError {
    /// The string with the template.
    pub template: String,
    /// What is wrong, in words.
    pub problem: String,
}

/// Where names get their values: `customer` is asked for, `{{ customer.id }}` reads from the answer.
pub trait Names {
    /// The value of the first part of a dotted name; `None`: it has none.
    fn get(&self, root: &str) -> Option<Cow<'_, Value>>;
}

impl Names for Map<String, Value> {
    fn get(&self, root: &str) -> Option<Cow<'_, Value>> {
        Map::get(self, root).map(Cow::Borrowed)
    }
}

/// `value` with every template in its strings filled in from `names`.
///
/// # Errors
/// A template does not parse, or names something that has no value.
pub fn render(value: &Value, names: &dyn Names) -> Result<Value, TemplateError> {
    match value {
        Value::String(text) => render_value(text, names),
        Value::Array(items) => items.iter().map(|item| render(item, names)).collect(),
        Value::Object(fields) => Ok(Value::Object(render_map(fields, names)?)),
        other => Ok(other.clone()),
    }
}

/// The same for every value of a table.
///
/// # Errors
/// As [`render`].
pub fn render_map(
    fields: &Map<String, Value>,
    names: &dyn Names,
) -> Result<Map<String, Value>, TemplateError> {
    fields.iter().map(|(key, field)| Ok((key.clone(), render(field, names)?))).collect()
}

/// `text` with its templates filled in, as text.
///
/// # Errors
/// As [`render`].
pub fn render_text(text: &str, names: &dyn Names) -> Result<String, TemplateError> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    if let Some(filled) = filled(text, names) {
        return Ok(filled);
    }
    let template = environment().template_from_str(text).map_err(|error| problem(text, &error))?;
    let used = used(template.undeclared_variables(false), names);
    template.render(used).map_err(|error| problem(text, &error))
}

/// Whether a string holds a template at all.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// The dotted names that the templates of `text` use: `customer.id`.
///
/// # Errors
/// The template does not parse.
pub fn names(text: &str) -> Result<BTreeSet<String>, TemplateError> {
    if !is_template(text) {
        return Ok(BTreeSet::new());
    }
    let template = environment().template_from_str(text).map_err(|error| problem(text, &error))?;
    Ok(template.undeclared_variables(true).into_iter().collect())
}

fn render_value(text: &str, names: &dyn Names) -> Result<Value, TemplateError> {
    let Some(expression) = whole_expression(text) else {
        return Ok(Value::String(render_text(text, names)?));
    };
    let compiled = environment().compile_expression(expression).map_err(|error| problem(text, &error))?;
    let used = used(compiled.undeclared_variables(false), names);
    let value = compiled.eval(used).map_err(|error| problem(text, &error))?;
    if value.is_undefined() {
        return Err(TemplateError {
            template: text.to_owned(),
            problem: format!("`{}` has no value", expression.trim()),
        });
    }
    serde_json::to_value(value)
        .map_err(|error| TemplateError { template: text.to_owned(), problem: error.to_string() })
}

/// The common case, dotted names whose values are strings, without parser and copies of provider truth: a probe's path is
/// filled in for every reading. `None`: the template is more than that, or has no value, which the parser says best.
fn filled(text: &str, names: &dyn Names) -> Option<String> {
    // Tags, comments and the line end that templates lose are the parser's.
    if text.contains("{%") || text.contains("{#") || text.ends_with('\n') {
        return None;
    }
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        filled.push_str(before);
        push_named(&mut filled, name.trim_matches(' '), names)?;
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

fn push_named(filled: &mut String, name: &str, names: &dyn Names) -> Option<()> {
    let is_word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    // One word alone may be one of the language's own, such as `true`.
    let (root, path) = name.split_once('.')?;
    if !is_word(root) || !path.split('.').all(is_word) {
        return None;
    }
    let value = names.get(root)?;
    let found = path.split('.').try_fold(&*value, |value, part| value.as_object()?.get(part))?;
    filled.push_str(found.as_str()?);
    Some(())
}

/// Only what the template uses is fetched: provider truth is large.
fn used(roots: std::collections::HashSet<String>, names: &dyn Names) -> minijinja::Value {
    let found: Map<String, Value> = roots
        .into_iter()
        .filter_map(|root| names.get(&root).map(|value| (root, value.into_owned())))
        .collect();
    minijinja::value::Serde(&found).into()
}

/// The expression, where the string is one template and nothing else.
fn whole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then_some(inner)
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Paydrill's values go into JSON, headers and commands, never into HTML.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        // The language writes `True`, as Python does; addresses and variables of an app want what JSON and TOML say.
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::Bool => Ok(out.write_str(if value.is_true() { "true" } else { "false" })?),
            _ => minijinja::escape_formatter(out, state, value),
        });
        environment
    })
}

fn problem(text: &str, error: &minijinja::Error) -> TemplateError {
    let problem = match error.kind() {
        minijinja::ErrorKind::UndefinedError => match names(text) {
            Ok(names) if names.len() == 1 => {
                format!("`{}` has no value", names.iter().next().map_or("", String::as_str))
            }
            _ => "one of its names has no value".to_owned(),
        },
        _ => error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned),
    };
    TemplateError { template: text.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context() -> Map<String, Value> {
        let Value::Object(map) =
            json!({ "customer": { "id": "cus_1" }, "variable": { "seats": 3, "on": true } })
        else {
            unreachable!("a table")
        };
        map
    }

    #[rstest::rstest]
    #[case(json!("{{ customer.id }}"), json!("cus_1"))]
    #[case(json!("{{ variable.seats }}"), json!(3))]
    #[case(json!(" {{variable.on}} "), json!(true))]
    #[case(json!("/api/{{ customer.id }}?n={{ variable.seats }}"), json!("/api/cus_1?n=3"))]
    #[case(json!("on={{ variable.on }}"), json!("on=true"))]
    #[case(json!({ "a": ["{{ customer.id }}", 1] }), json!({ "a": ["cus_1", 1] }))]
    #[case(json!("no template <&>"), json!("no template <&>"))]
    fn templates_are_filled_in(#[case] value: Value, #[case] expected: Value) {
        assert_eq!(render(&value, &context()).unwrap(), expected);
    }

    /// What is filled in without the parser is what the parser would make of it.
    #[rstest::rstest]
    #[case("/api/{{ customer.id }}", true)]
    #[case("{{customer.id}}{{ customer.id }}?a={b}", true)]
    #[case("{{ customer.id }} }}", true)]
    #[case("{{ customer.id }}\n", false)]
    #[case("{{- customer.id -}} ", false)]
    #[case("{{ customer['id'] }} {{ customer.id | upper }}", false)]
    #[case("{{ variable.seats }} {{ variable.on }}", false)]
    #[case("{% if variable.on %}{{ customer.id }}{% endif %}", false)]
    #[case("{# {{ customer.id }} #}{{ customer.id }}", false)]
    fn the_short_way_leads_to_the_same_text(#[case] text: &str, #[case] short: bool) {
        let parsed = environment().template_from_str(text).unwrap();
        let parsed = parsed.render(minijinja::value::Serde(&context())).unwrap();
        assert_eq!(filled(text, &context()), short.then(|| parsed.clone()));
        assert_eq!(render_text(text, &context()).unwrap(), parsed);
    }

    #[rstest::rstest]
    #[case("{{ customer.nmae }}", "`customer.nmae` has no value")]
    #[case("{{ invoice.id }}", "`invoice.id` has no value")]
    #[case("x {{ invoice.id }}", "`invoice.id` has no value")]
    fn a_name_without_a_value_is_an_error(#[case] text: &str, #[case] expected: &str) {
        let error = render(&json!(text), &context()).unwrap_err();
        assert_eq!(error.problem, expected);
    }

    #[test]
    fn a_template_that_does_not_parse_is_an_error() {
        assert!(render(&json!("{{ customer.id"), &context()).is_err());
        assert!(names("{{ a b }}").is_err());
    }

    #[test]
    fn names_are_dotted() {
        let names = names("{{ customer.id }}-{{ variable.seats + 1 }}").unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["customer.id", "variable.seats"]);
    }
}
