//! The page of a case that did not pass: what the customer did not get, what to do, and how it came about.

use maud::{Markup, html};

use super::parts::{log, relative, took, words};
use super::shell::{Sifts, document};
use super::{timeline, told};
use crate::incident::text::{fit, sentence};
use crate::incident::wire::WireIncident;
use crate::report::gather::Status;
use crate::report::model::{Case, Report, Shown, Try, pictures};

pub(super) fn page(report: &Report, case: &Case, one: &Try, incident: &WireIncident) -> String {
    let title = format!("{}: {}", sentence(&incident.kind.to_string()), fit(&case.name, 120));
    let body = html! {
        div.top {
            a.back href="../index.html" { "← All cases" }
            span { b { "Paydrill" } " · " (words(&fit(&incident.project, 80))) }
        }
        header class={ "hero " (told::tone_of(incident)) } {
            div.tags {
                span.tag { (sentence(&incident.kind.to_string())) }
                span.tag { (incident.severity) }
                @if case.status() == Status::Flaky { span.tag { "flaky: passed at a later try" } }
            }
            h1 { (incident.kind.sentence()) }
            p.lead { "Promised: " (words(&incident.promise)) }
            p.meta {
                span { code { (fit(&case.name, 300)) } }
                span { "ran " b { (super::parts::at(&one.started)) } ", for " (took(one.took_ms)) }
                @if one.attempt > 1 { span { "try " b { (one.attempt) } } }
            }
        }
        main {
            section.first { div class={ "card edge big " (told::tone_of(incident)) } { (told::findings(incident)) } }
            section { h2 { "What to do" } div.card { (told::next(&incident.guidance)) (told::again(incident)) } }
            section { h2 { "Who and what" } div.card { (told::facts(incident)) } }
            (story(report, incident))
            (tries(case))
        }
        footer { "Run this one case again, with the same ids:" code.command { (crate::incident::text::one_line(&incident.rerun)) } }
    };
    document(&title, Sifts::No, &body)
}

/// How it came about.
fn story(report: &Report, incident: &WireIncident) -> Markup {
    let shots = pictures(report, incident);
    html! {
        section { h2 { "What happened" } div.card { (timeline::timeline(incident)) } }
        @if let Some(both) = &incident.reconciliation {
            section { h2 { "Stripe and the app" } div.card { (told::both(both)) } }
        }
        @if !shots.is_empty() {
            section { h2 { "What the customer saw" } div.shots { @for shot in shots { (picture(incident, shot)) } } }
        }
        @if !incident.requests.is_empty() {
            section { h2 { "Requests in the app" } div.card { (told::requests(incident)) } }
        }
        section { h2 { "Deliveries" } div.card { (told::deliveries(incident)) } }
        section { h2 { "What the app asked Stripe" } div.card { (told::calls(incident)) } }
        @if !incident.observations.is_empty() {
            section { h2 { "What was read" } div.card { (told::readings(incident)) } }
        }
        @if !incident.log.is_empty() {
            section { h2 { "Last output of the app" } (log(&incident.log)) }
        }
    }
}

fn picture(incident: &WireIncident, shot: Shown<'_>) -> Markup {
    let when = relative(incident.zero_ms, shot.at_ms);
    html! {
        figure {
            @match (&shot.picture.png, &shot.picture.left_out) {
                (Some(png), _) => {
                    img src={ "data:image/png;base64," (png) } alt={ "The page that " (fit(shot.probe, 80)) " looked at, " (when) };
                },
                (None, reason) => {
                    p.notice { "The picture " (words(&shot.picture.name)) " is left out: " (words(reason.as_deref().unwrap_or("it is not there"))) "." }
                },
            }
            figcaption { (words(shot.probe)) ", " (when) }
        }
    }
}

/// The tries before the last.
fn tries(case: &Case) -> Markup {
    html! {
        @if case.tries.len() > 1 {
            section {
                h2 { "Tries" }
                div.card {
                    table.list {
                        tbody {
                            @for one in &case.tries {
                                tr class=[one.incident.is_some().then_some("off")] {
                                    td.num { "try " (one.attempt) }
                                    td { (one.status.word()) }
                                    td { @if let Some(incident) = &one.incident { (words(&incident.headline())) } }
                                    td.num { (took(one.took_ms)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
