//! Why stripe-mock refused a call's parameters, read from its own words.
//!
//! Its validator says which property it was in and what it missed there
//! (`Request validation error: validator 0xc0004f failed: object property 'price' validation failed: …`).

use std::fmt;

/// A parameter, or the form as a whole, that Stripe's OpenAPI does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which, as Stripe names them: `line_items[price]`. Empty: it does not say.
    pub params: Vec<String>,
    /// What is wrong.
    pub why: Why,
    /// In its words, without what differs from one start to the next.
    pub message: String,
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There is no such parameter.
    Unknown,
    /// It must be given.
    Missing,
    /// It cannot have this value.
    Value,
    /// The form or the query cannot be read.
    Form,
}

const VALIDATION: &str = "Request validation error: ";
const FORM: &str = "Couldn't parse query/body: ";

impl Refusal {
    /// What the message of a 400 says of the call's parameters; `None`: it is about something else.
    #[must_use]
    pub fn read(message: &str) -> Option<Self> {
        if let Some(problem) = message.strip_prefix(FORM) {
            let message = problem.to_owned();
            return Some(Self { params: Vec::new(), why: Why::Form, message });
        }
        let problem = message.strip_prefix(VALIDATION)?;
        // The validator's name is an address in memory.
        let problem = problem
            .strip_prefix("validator ")
            .and_then(|rest| rest.split_once(" failed: "))
            .map_or(problem, |(_, problem)| problem);
        Some(validation(problem))
    }

    /// Whether it is said that something at the top of the form is unknown, but not what.
    pub(super) fn is_unnamed(&self) -> bool {
        self.why == Why::Unknown && self.params.is_empty()
    }
}

impl fmt::Display for Refusal {
    /// `` `email`: value is not a string ``
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.params.iter().map(|param| format!("`{param}`")).collect();
        match names.as_slice() {
            [] => out.write_str(&self.message),
            names => write!(out, "{}: {}", names.join(", "), self.message),
        }
    }
}

fn validation(problem: &str) -> Refusal {
    let mut path: Vec<&str> = Vec::new();
    let mut rest = problem;
    while let Some((name, inside)) = inside(rest) {
        path.push(name);
        rest = inside;
    }
    let message = rest.to_owned();
    if let Some(name) =
        rest.strip_prefix("object property '").and_then(|rest| rest.strip_suffix("' is required"))
    {
        path.push(name);
        return Refusal {
            params: vec![spelled(&path)],
            why: Why::Missing,
            message: "it is required".to_owned(),
        };
    }
    if let Some(names) = rest.strip_prefix("additional properties are not allowed") {
        // Releases differ: some name what is unknown, others do not.
        let names = names.strip_prefix(": ").unwrap_or_default().split(", ").filter(|name| !name.is_empty());
        let named = names.map(|name| spelled(&[path.as_slice(), &[name]].concat()));
        let mut params: Vec<String> = named.collect();
        if params.is_empty() && !path.is_empty() {
            params.push(spelled(&path));
        }
        return Refusal { params, why: Why::Unknown, message: "Stripe has no such parameter".to_owned() };
    }
    let params = if path.is_empty() { Vec::new() } else { vec![spelled(&path)] };
    Refusal { params, why: Why::Value, message }
}

/// The property that a problem is in, and the problem there.
fn inside(problem: &str) -> Option<(&str, &str)> {
    let named = problem
        .strip_prefix("object property '")
        .or_else(|| problem.strip_prefix("object property for '"))?;
    named.split_once("' validation failed: ")
}

/// `subscription_data[items][price]`
fn spelled(path: &[&str]) -> String {
    let Some((first, rest)) = path.split_first() else { return String::new() };
    rest.iter().fold((*first).to_owned(), |name, part| format!("{name}[{part}]"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("object property 'amount' is required", &["amount"], Why::Missing, "it is required")]
    #[case(
        "object property 'line_items' validation failed: object property 'price' is required",
        &["line_items[price]"],
        Why::Missing,
        "it is required"
    )]
    #[case("additional properties are not allowed", &[], Why::Unknown, "Stripe has no such parameter")]
    #[case(
        "additional properties are not allowed: plan, kind",
        &["plan", "kind"],
        Why::Unknown,
        "Stripe has no such parameter"
    )]
    #[case(
        "object property 'tax' validation failed: additional properties are not allowed",
        &["tax"],
        Why::Unknown,
        "Stripe has no such parameter"
    )]
    #[case(
        "object property 'tax' validation failed: additional properties are not allowed: id",
        &["tax[id]"],
        Why::Unknown,
        "Stripe has no such parameter"
    )]
    #[case(
        "object property 'mode' validation failed: value is not in enumeration",
        &["mode"],
        Why::Value,
        "value is not in enumeration"
    )]
    #[case(
        "object property 'metadata' validation failed: object property for 'a'b' validation failed: value is not a \
         string (Kind: map)",
        &["metadata[a'b]"],
        Why::Value,
        "value is not a string (Kind: map)"
    )]
    #[case("could not validate against any of the constraints", &[], Why::Value, "could not validate against any of the constraints")]
    fn a_validators_words_name_the_parameter(
        #[case] problem: &str,
        #[case] params: &[&str],
        #[case] why: Why,
        #[case] message: &str,
    ) {
        for start in ["", "validator 0xc0001f failed: ", "validator Charge failed: "] {
            let read = Refusal::read(&format!("Request validation error: {start}{problem}")).unwrap();
            assert_eq!(
                (read.params.iter().map(String::as_str).collect::<Vec<_>>(), read.why),
                (params.to_vec(), why)
            );
            assert_eq!(read.message, message);
        }
    }

    #[rstest]
    #[case("Couldn't parse query/body: invalid URL escape \"%\"", true)]
    #[case("Request coercion error: Index 5000 is too large, won't parse as slice", false)]
    #[case("Couldn't parse path parameters: Failed to unescape path parameter 1", false)]
    #[case(
        "Request's `Content-Type` header was empty. Expected: `application/x-www-form-urlencoded`.",
        false
    )]
    #[case("An internal error occurred.", false)]
    #[case("", false)]
    fn other_words_are_about_no_parameter(#[case] message: &str, #[case] is_refusal: bool) {
        assert_eq!(Refusal::read(message).is_some(), is_refusal);
    }

    proptest::proptest! {
        #[test]
        fn no_words_break_it(words in ".{0,80}", deep in 0_usize..400) {
            let nested = "object property 'a' validation failed: ".repeat(deep);
            let read = Refusal::read(&format!("Request validation error: {nested}{words}")).unwrap();
            proptest::prop_assert!(read.message.len() <= words.len() + nested.len() + 30);
        }
    }
}
