//! Small things that several pages say.

use maud::{Markup, html};

use crate::incident::text::{cut, one_line};
use crate::report::gather::Status;
use crate::report::model::{Run, duration};
use crate::time::human;

/// Longer values lose their middle.
const VALUE: usize = 600;

/// A value of the app, of Stripe or of a scenario, as it is, on one line.
pub(super) fn value(text: &str) -> Markup {
    html! { code { (one_line(&cut(text, VALUE))) } }
}

/// Words that somebody wrote; what stands between backticks is a value.
pub(super) fn words(text: &str) -> Markup {
    let text = one_line(&cut(text, 2 * VALUE));
    let parts: Vec<&str> = text.split('`').collect();
    html! {
        span.own {
            @if parts.len() % 2 == 1 {
                @for (number, part) in parts.into_iter().enumerate() {
                    @if number % 2 == 1 { code { (part) } } @else { (part) }
                }
            } @else {
                (text)
            }
        }
    }
}

/// A link where it is an ordinary URL; nothing else can be clicked.
pub(super) fn link(text: &str) -> Markup {
    let is_url = ["https://", "http://"].iter().any(|start| text.starts_with(start));
    html! {
        @if is_url && text.chars().all(|c| c.is_ascii_graphic()) && text.len() <= VALUE {
            a href=(text) rel="noreferrer noopener" { (text) }
        } @else {
            (words(text))
        }
    }
}

/// `340 ms`
pub(super) fn took(ms: f64) -> String {
    human(duration(ms))
}

/// `+12 ms`, `-3 ms`, counted from `zero`.
pub(super) fn relative(zero: f64, at: f64) -> String {
    if at >= zero { format!("+{}", took(at - zero)) } else { format!("-{}", took(zero - at)) }
}

/// The class that colours what ended so.
pub(super) fn tone(status: Status) -> &'static str {
    match status {
        Status::Fail => "tone-bad",
        Status::Flaky | Status::Error => "tone-warn",
        Status::Pass => "tone-good",
        Status::Skip => "tone-soft",
    }
}

/// What is deployed, in as many letters as tell it.
pub(super) fn deploy(sha: Option<&String>) -> String {
    sha.map_or_else(|| "not known".to_owned(), |sha| one_line(&sha.chars().take(12).collect::<String>()))
}

/// `2026-11-18 12:26 UTC` of what RFC 3339 spells.
pub(super) fn at(time: &str) -> String {
    match (time.get(..10), time.get(11..16), time.ends_with('Z')) {
        (Some(day), Some(minute), true) => one_line(&format!("{day} {minute} UTC")),
        _ => one_line(&cut(time, 40)),
    }
}

/// What a run must say beside its cases.
pub(super) fn notices(run: &Run) -> Markup {
    html! {
        @if let Some(trouble) = &run.trouble {
            div.notice role="alert" {
                p { b { "The run met trouble: " } (words(&format!("failed to {}", trouble.message))) }
                @if !trouble.log.is_empty() { (log(&trouble.log)) }
            }
        }
        @for remark in run.remarks() {
            p.notice { (words(&remark)) }
        }
    }
}

/// Output of the app.
pub(super) fn log(entries: &[String]) -> Markup {
    let text: Vec<String> = entries
        .iter()
        .flat_map(|entry| crate::incident::text::lines(&cut(entry, 4 * VALUE)).collect::<Vec<_>>())
        .collect();
    html! { pre.log { (text.join("\n")) } }
}
