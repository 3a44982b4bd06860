//! The index: how the run ended, who needs somebody, and every case.

use maud::{Markup, html};

use super::parts::{at, deploy, notices, tone, took, value, words};
use super::shell::{Sifts, document};
use super::told::sides;
use crate::incident::severity::Severity;
use crate::incident::text::sentence;
use crate::incident::wire::WireIncident;
use crate::report::gather::Status;
use crate::report::model::{Case, Report, Run, Stats};
use crate::report::summary::Outcome;

pub(super) fn page(report: &Report) -> String {
    let outcome = report.outcome();
    let body = html! {
        (top(report))
        header class={ "hero " (tone_of(outcome)) } {
            h1 { (outcome.meaning()) }
            (share(report.stats()))
            (meta(report))
        }
        @for run in &report.runs { (notices(run)) }
        main {
            (wrong(report))
            (all(report))
            @if report.runs.len() > 1 { (runs(report)) }
        }
        (footer(report))
    };
    document(&format!("{} ({})", outcome.meaning(), project(report)), Sifts::Yes, &body)
}

fn tone_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failed => "tone-bad",
        Outcome::NotJudged | Outcome::Interrupted | Outcome::NothingSelected => "tone-warn",
        Outcome::Passed => "tone-good",
    }
}

fn project(report: &Report) -> String {
    let name = report.shared(|run| &run.project).map_or("several projects", String::as_str);
    crate::incident::text::fit(name, 80)
}

fn top(report: &Report) -> Markup {
    html! {
        div.top {
            span { b { "Paydrill" } " · " (words(&project(report))) }
            span { (report.runs.first().map(|run| at(&run.started)).unwrap_or_default()) }
        }
    }
}

/// How many cases are where, as one bar.
fn share(stats: Stats) -> Markup {
    let parts = [
        ("bad", stats.failed),
        ("warn", stats.flaky + stats.errored),
        ("good", stats.passed),
        ("soft", stats.cases.saturating_sub(stats.failed + stats.flaky + stats.errored + stats.passed)),
    ];
    let all = parts.iter().map(|(_, count)| count).sum::<usize>().max(1) as f64;
    let mut from = 0.0;
    let bars: Vec<(&str, f64, f64)> = parts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| {
            // One of ten thousand is to be seen too.
            let width = (count as f64 / all * 1_000.0).max(6.0);
            let start = from;
            from += width;
            (class, start, width)
        })
        .collect();
    html! {
        svg.share viewBox={ "0 0 " (format!("{:.1}", from.max(1.0))) " 8" } preserveAspectRatio="none" aria-hidden="true" {
            @for (class, start, width) in bars {
                rect class=(class) x=(format!("{start:.1}")) y="0" width=(format!("{width:.1}")) height="8" {}
            }
        }
    }
}

fn meta(report: &Report) -> Markup {
    let counts = crate::report::markdown::counts(report.stats());
    html! {
        p.meta {
            span { b { (counts) } " in " (took(report.took_ms())) }
            @if let Some(environment) = report.shared(|run| &run.environment) {
                span { "environment " b { (words(environment)) } }
            }
            @if let Some(sha) = report.shared(|run| run.deploy_sha.as_ref()) {
                span { "deploy " b { (deploy(sha)) } }
            }
            @if let Some(seed) = report.shared(|run| &run.seed) {
                span { "seed " b { (words(seed)) } }
            } @else {
                span { b { (report.runs.len()) } " runs" }
            }
        }
    }
}

/// The cases that need somebody, gravest first.
fn wrong(report: &Report) -> Markup {
    let mut wrong: Vec<(&Case, &WireIncident)> =
        report.cases.iter().filter_map(|case| Some((case, case.telling()?.incident.as_ref()?))).collect();
    wrong.sort_by_key(|(_, incident)| std::cmp::Reverse(incident.severity));
    html! {
        @if !wrong.is_empty() {
            section {
                h2 { (if wrong.len() == 1 { "This needs somebody".to_owned() } else { format!("These {} need somebody", wrong.len()) }) }
                @for (case, incident) in wrong { (card(case, incident)) }
            }
        }
    }
}

fn card(case: &Case, incident: &WireIncident) -> Markup {
    html! {
        a class={ "wrong card edge " (super::told::tone_of(incident)) } href=(super::path(case)) {
            div.tags {
                span.tag { (sentence(&incident.kind.to_string())) }
                @if incident.severity == Severity::Critical { span.tag { "critical" } }
                @if case.status() == Status::Flaky { span.tag { "flaky" } }
                code.small.soft { (crate::incident::text::fit(&case.name, 200)) }
            }
            h3 { (words(&incident.promise)) }
            (sides(incident, 3))
            p.next { b { "Next: " } (incident.guidance.route.words()) "." }
        }
    }
}

/// Every case, and what chooses among them.
fn all(report: &Report) -> Markup {
    let mut cases: Vec<&Case> = report.cases.iter().collect();
    let rank = |case: &Case| match case.status() {
        Status::Fail => 0,
        Status::Flaky => 1,
        Status::Error => 2,
        Status::Pass => 3,
        Status::Skip => 4,
    };
    cases.sort_by(|one, other| (rank(one), &one.name).cmp(&(rank(other), &other.name)));
    html! {
        @if !cases.is_empty() {
            section {
                h2 { "Every case" }
                (filter(&cases))
                ul.cases { @for case in cases { (row(report, case)) } }
                p #none .soft hidden { "No case is like that." }
            }
        }
    }
}

/// Without a script: the style hides what is not chosen. The box to type in appears where a script runs.
fn filter(cases: &[&Case]) -> Markup {
    let kinds = [
        (Status::Fail, "fail", "failed"),
        (Status::Flaky, "flaky", "flaky"),
        (Status::Error, "error", "not judged"),
        (Status::Pass, "pass", "passed"),
        (Status::Skip, "skip", "skipped"),
    ];
    let count = |status: Status| cases.iter().filter(|case| case.status() == status).count();
    html! {
        div.filter role="group" aria-label="Which cases are shown" {
            label { input #show-all type="radio" name="show" checked; "all " (cases.len()) }
            @for (status, class, word) in kinds {
                @if count(status) > 0 {
                    label { input id={ "show-" (class) } type="radio" name="show"; (count(status)) " " (word) }
                }
            }
            input #find type="search" placeholder="name, promise, owner" aria-label="Find cases" autocomplete="off" hidden;
        }
    }
}

fn row(report: &Report, case: &Case) -> Markup {
    let status = case.status();
    let last = case.tries.last();
    let told = case.telling().and_then(|told| told.incident.as_ref());
    html! {
        li class={ "case " (status.word().to_lowercase()) " " (tone(status)) } {
            span.word { (status.word()) }
            span.name {
                @if told.is_some() { a href=(super::path(case)) { (words(&case.name)) } } @else { (words(&case.name)) }
            }
            span.took { @if status != Status::Skip { (took(last.map_or(0.0, |last| last.took_ms))) } }
            span.about {
                @match (told, last.and_then(|last| last.reason.as_ref())) {
                    (Some(incident), _) => { (words(&incident.headline())) },
                    (None, Some(reason)) => { (words(reason)) },
                    (None, None) => { (words(&case.promise)) " " span.small { (proof(case)) } },
                }
                @if let Some(owner) = &case.owner { " · " (words(owner)) }
                @if report.runs.len() > 1 {
                    @if let Some(run) = report.runs.get(case.run) { " · " (words(&run.environment)) }
                }
            }
        }
    }
}

/// What a passed case stands on.
fn proof(case: &Case) -> String {
    let Some(last) = case.tries.last() else { return String::new() };
    let some = |count: usize, one: &str, many: &str| {
        if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
    };
    format!(
        "({} after {})",
        some(last.judged, "expectation", "expectations"),
        some(last.deliveries, "delivery", "deliveries")
    )
}

fn runs(report: &Report) -> Markup {
    html! {
        section {
            h2 { "The runs" }
            div.card {
                table.list {
                    thead { tr { th { "environment" } th { "outcome" } th { "deploy" } th { "seed" } th { "took" } } }
                    tbody { @for run in &report.runs { (of_run(run)) } }
                }
            }
        }
    }
}

fn of_run(run: &Run) -> Markup {
    html! {
        tr {
            td { (words(&run.environment)) }
            td { (crate::report::markdown::counts(run.stats)) }
            td data-side="deploy" { (value(&deploy(run.deploy_sha.as_ref()))) }
            td data-side="seed" { (value(&run.seed)) }
            td.num { (took(run.took_ms)) }
        }
    }
}

fn footer(report: &Report) -> Markup {
    let version = report.shared(|run| &run.version).map_or("", String::as_str);
    html! { footer { "Written by Paydrill " (words(version)) ". It is about test data and holds no secret that Paydrill knows." } }
}
