//! Which parameters are unknown, where stripe-mock says only that some are: it is asked again without them.

use std::borrow::Cow;

use bytes::Bytes;
use form_urlencoded::{Serializer, parse};

use super::{Heard, Question, StripeMock};

/// A call with more parameters at its top is not looked through.
const MOST: usize = 64;

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The parameters at the top of the form, or of the query, that are refused as unknown; empty where that cannot be
/// found out.
pub(super) async fn find(mock: &StripeMock, question: &Question) -> Vec<String> {
    let whole = Parts::of(question);
    let names = whole.names();
    if names.len() > MOST {
        return Vec::new();
    }
    // Taken away one after another as long as it is still refused: what is left has one culprit.
    let mut gone: Vec<&str> = Vec::new();
    let mut culprit = None;
    for name in &names {
        gone.push(name);
        match refused_without(mock, question, &whole, &gone).await {
            Some(true) => {}
            Some(false) => {
                gone.pop();
            }
            None => {
                gone.pop();
                culprit = culprit.or(Some(name.as_str()));
            }
        }
    }
    let Some(culprit) = culprit else { return Vec::new() };
    // The others of its kind are those that are refused in its place.
    let mut unknown = Vec::new();
    for name in &names {
        let others: Vec<&str> = gone.iter().copied().filter(|other| other != name).chain([culprit]).collect();
        let too = gone.contains(&name.as_str())
            && refused_without(mock, question, &whole, &others).await == Some(true);
        if too || name == culprit {
            unknown.push(name.clone());
        }
    }
    unknown
}

/// Whether the call is refused for the same reason without these; `Some(false)`: for another, `None`: it is not.
async fn refused_without(
    mock: &StripeMock,
    question: &Question,
    whole: &Parts<'_>,
    gone: &[&str],
) -> Option<bool> {
    match mock.ask_once(&whole.without(question, gone)).await {
        Ok(Heard::Refused(_, refusal)) => Some(refusal.is_unnamed()),
        Ok(Heard::Answered(_)) => None,
        Ok(Heard::UnknownRoute) | Err(_) => Some(false),
    }
}

/// Where the parameters of a call stand.
struct Parts<'a> {
    path: &'a str,
    query: Pairs<'a>,
    form: Pairs<'a>,
}

impl<'a> Parts<'a> {
    fn of(question: &'a Question) -> Self {
        let (path, query) = question.path.split_once('?').unwrap_or((&question.path, ""));
        Self { path, query: parse(query.as_bytes()).collect(), form: parse(&question.body).collect() }
    }

    /// The first part of each name, once.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.query.iter().chain(&self.form) {
            let top = top(name);
            if !names.iter().any(|known| known == top) {
                names.push(top.to_owned());
            }
        }
        names
    }

    fn without(&self, question: &Question, gone: &[&str]) -> Question {
        let kept = |pairs: &Pairs<'_>| {
            let kept = pairs.iter().filter(|(name, _)| !gone.contains(&top(name)));
            Serializer::new(String::new()).extend_pairs(kept).finish()
        };
        let query = kept(&self.query);
        let path = if query.is_empty() { self.path.to_owned() } else { format!("{}?{query}", self.path) };
        Question { path, body: Bytes::from(kept(&self.form)), ..question.clone() }
    }
}

/// `line_items[0][price]` is one of `line_items`.
fn top(name: &str) -> &str {
    name.split('[').next().unwrap_or_default()
}
