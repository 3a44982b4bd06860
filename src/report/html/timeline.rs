//! The time line of a case, drawn: what happened at Stripe and in the app, what was delivered, what the app asked, what
//! was read, and when the time was over.
//!
//! Drawn twice, for a wide page and for a phone: text in a picture that is only shrunk cannot be read.

use maud::{Markup, html};

use super::parts::{relative, took};
use super::scale::Scale;
use super::told::{is_done, reading};
use crate::incident::text::{fit, one_line};
use crate::incident::wire::{WireIncident, WireObservation};

/// Height of a lane's band, and of the marks on it.
const BAND: f64 = 22.0;
const MARK: f64 = 12.0;
/// A letter is about as wide as this.
const LETTER: f64 = 7.6;
/// A mark is at least as wide.
const LEAST: f64 = 3.0;
/// More marks than this on a lane are one dark bar, whatever they are: only the first and last of them are drawn.
const MARKS: usize = 400;
/// More probes than this make the picture taller than a page.
const PROBES: usize = 6;

/// Something that took place, for a while or at once.
#[derive(Debug, Clone, PartialEq)]
struct Mark {
    from: f64,
    to: f64,
    class: &'static str,
    /// What a pointer that rests on it is told.
    title: String,
    /// What stands beside it where there is room.
    label: String,
}

/// Marks of one kind.
#[derive(Debug, Clone, PartialEq)]
struct Lane {
    name: String,
    marks: Vec<Mark>,
}

/// For which width it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Form {
    class: &'static str,
    width: f64,
    /// For the names of the lanes; 0: they stand above their bands.
    gutter: f64,
    /// Between labels of the axis.
    apart: f64,
}

const WIDE: Form = Form { class: "wide", width: 920.0, gutter: 132.0, apart: 70.0 };
const NARROW: Form = Form { class: "narrow", width: 340.0, gutter: 0.0, apart: 66.0 };

/// The picture, and how to read it.
pub(super) fn timeline(incident: &WireIncident) -> Markup {
    let lanes = lanes(incident);
    let due = due(incident);
    html! {
        figure.chart {
            @for form in [WIDE, NARROW] { (draw(incident, &lanes, due, form)) }
            figcaption {
                (key("ok", "as it should be")) (key("no", "went wrong")) (key("act", "at Stripe")) (key("seen", "read"))
                "Times count from " (one_line(&since(incident))) "; pauses are shortened."
            }
        }
    }
}

fn since(incident: &WireIncident) -> String {
    if incident.zero_since.is_empty() {
        "the moment marked 0".to_owned()
    } else {
        fit(&incident.zero_since, 120)
    }
}

fn key(class: &str, meaning: &str) -> Markup {
    html! {
        span.key {
            svg viewBox="0 0 10 10" aria-hidden="true" { rect class=(class) width="10" height="10" rx="2" {} }
            (meaning)
        }
        " "
    }
}

/// When the time of the first finding was over.
fn due(incident: &WireIncident) -> Option<f64> {
    incident.findings.iter().find_map(|finding| finding.due_ms).filter(|at| at.is_finite())
}

fn lanes(incident: &WireIncident) -> Vec<Lane> {
    let named = [
        ("At Stripe", acts(incident)),
        ("Requests", requests(incident)),
        ("Deliveries", deliveries(incident)),
    ];
    let named = named.into_iter().chain([("App asks Stripe", calls(incident))]);
    let mut lanes: Vec<Lane> = named
        .map(|(name, marks)| Lane { name: name.to_owned(), marks })
        .chain(probes(incident))
        .filter(|lane| !lane.marks.is_empty())
        .collect();
    for lane in &mut lanes {
        lane.marks.sort_by(|one, other| one.from.total_cmp(&other.from));
        let more = lane.marks.len().saturating_sub(MARKS);
        if more > 0 {
            lane.marks.drain(MARKS / 2..MARKS / 2 + more);
        }
    }
    lanes
}

fn acts(incident: &WireIncident) -> Vec<Mark> {
    let acts = incident.acts.iter().filter(|act| !act.events.is_empty() || !act.action.is_empty());
    acts.map(|act| {
        let action = if act.action.is_empty() { "by the app" } else { &act.action };
        let events: Vec<&str> = act.events.iter().take(20).map(|event| event.r#type.as_str()).collect();
        let title = format!("{} {action}: {}", relative(incident.zero_ms, act.at_ms), events.join(", "));
        mark(act.at_ms, 0.0, "act", title, action)
    })
    .collect()
}

fn requests(incident: &WireIncident) -> Vec<Mark> {
    let requests = incident.requests.iter();
    requests
        .map(|request| {
            let class = if is_done(request) { "ok" } else { "no" };
            let title =
                format!("{} {} {}", relative(incident.zero_ms, request.at_ms), request.name, request.call);
            mark(request.at_ms, request.took_ms, class, title, &request.name)
        })
        .collect()
}

fn deliveries(incident: &WireIncident) -> Vec<Mark> {
    let attempts =
        incident.deliveries.iter().flat_map(|one| one.attempts.iter().map(move |attempt| (one, attempt)));
    attempts
        .map(|(one, attempt)| {
            let said = attempt.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let class = if matches!(attempt.status, Some(200..=299)) { "ok" } else { "no" };
            let number = one.delivery.number;
            let title = format!(
                "#{number} {} {}, {said} in {}",
                relative(incident.zero_ms, attempt.at_ms),
                one.delivery.event.r#type,
                took(attempt.took_ms)
            );
            mark(attempt.at_ms, attempt.took_ms, class, title, &format!("#{number}"))
        })
        .collect()
}

fn calls(incident: &WireIncident) -> Vec<Mark> {
    let calls = incident.calls.iter();
    calls
        .map(|call| {
            let class = if matches!(call.status, Some(200..=399)) { "ok" } else { "no" };
            let said = call.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let title =
                format!("{} {} {}, {said}", relative(incident.zero_ms, call.at_ms), call.method, call.path);
            mark(call.at_ms, 0.0, class, title, "")
        })
        .collect()
}

/// A lane for every probe, those that were not as promised first.
fn probes(incident: &WireIncident) -> Vec<Lane> {
    let mut names: Vec<&str> =
        incident.findings.iter().filter_map(|finding| finding.name.split('.').next()).collect();
    names.extend(incident.observations.iter().map(|seen| seen.probe.as_str()));
    let mut lanes: Vec<Lane> = Vec::new();
    for name in names {
        if lanes.len() < PROBES && !lanes.iter().any(|lane| lane.name == name) {
            lanes.push(Lane { name: name.to_owned(), marks: of_probe(incident, name) });
        }
    }
    lanes
}

fn of_probe(incident: &WireIncident, probe: &str) -> Vec<Mark> {
    let wrong = incident.findings.iter().any(|finding| finding.name.split('.').next() == Some(probe));
    let mut of_probe: Vec<&WireObservation> =
        incident.observations.iter().filter(|seen| seen.probe == probe).collect();
    of_probe.sort_by(|one, other| one.first.at_ms.total_cmp(&other.first.at_ms));
    let last = of_probe.len().saturating_sub(1);
    of_probe
        .iter()
        .enumerate()
        .map(|(number, seen)| {
            let class = match () {
                () if seen.first.problem.is_some() || (wrong && number == last) => "seen no",
                () if number % 2 == 1 => "seen alt",
                () => "seen",
            };
            let read = reading(seen);
            let title = format!("{} {}", relative(incident.zero_ms, seen.first.at_ms), read);
            mark(seen.first.at_ms, seen.last_at_ms - seen.first.at_ms, class, title, "")
        })
        .collect()
}

fn mark(from: f64, took: f64, class: &'static str, title: String, label: &str) -> Mark {
    let to = if took > 0.0 { from + took } else { from };
    Mark { from, to, class, title: fit(&title, 300), label: fit(label, 24) }
}

fn draw(incident: &WireIncident, lanes: &[Lane], due: Option<f64>, form: Form) -> Markup {
    let moments = lanes.iter().flat_map(|lane| &lane.marks).flat_map(|mark| [mark.from, mark.to]);
    let (left, right) = (form.gutter + 8.0, form.width - 14.0);
    let scale = Scale::new(moments.chain([incident.zero_ms]).chain(due), left, right);
    let step = if form.gutter > 0.0 { BAND + 6.0 } else { BAND + 22.0 };
    let above = if form.gutter > 0.0 { 0.0 } else { 16.0 };
    let top = 20.0;
    let bottom = top + step * lanes.len() as f64;
    let said = format!("Time line of {} lanes: {}", lanes.len(), names(lanes));
    html! {
        svg class=(form.class) viewBox={ "0 0 " (n(form.width)) " " (n(bottom + 24.0)) } role="img" aria-label=(said) {
            @for (number, lane) in lanes.iter().enumerate() {
                (band(lane, &scale, form, top + step * number as f64, above))
            }
            (line("zero", scale.x(incident.zero_ms), top, bottom))
            @if let Some(due) = due { (deadline(incident, due, &scale, form, top, bottom)) }
            @for (at, x) in scale.ticks(&first(incident, due), form.apart, form.gutter + 26.0, form.width - 28.0) {
                text x=(n(x)) y=(n(bottom + 16.0)) text-anchor="middle" {
                    (if at == incident.zero_ms { "0".to_owned() } else { relative(incident.zero_ms, at) })
                }
            }
        }
    }
}

fn names(lanes: &[Lane]) -> String {
    let names: Vec<String> =
        lanes.iter().map(|lane| format!("{} ({})", fit(&lane.name, 40), lane.marks.len())).collect();
    names.join(", ")
}

/// What is labelled before everything else.
fn first(incident: &WireIncident, due: Option<f64>) -> Vec<f64> {
    [incident.zero_ms].into_iter().chain(due).collect()
}

fn band(lane: &Lane, scale: &Scale, form: Form, y: f64, above: f64) -> Markup {
    let top = y + above;
    let middle = top + BAND / 2.0;
    let edge = form.width - 2.0;
    html! {
        text.lane x="0" y=(n(if above > 0.0 { y + 11.0 } else { middle + 4.0 })) { (fit(&lane.name, 20)) }
        rect.row x=(n(form.gutter)) y=(n(top)) width=(n(form.width - form.gutter)) height=(n(BAND)) rx="4" {}
        @for (number, mark) in lane.marks.iter().enumerate() {
            @let x = scale.x(mark.from);
            @let width = (scale.x(mark.to) - x).max(LEAST);
            rect class=(mark.class) x=(n(x)) y=(n(middle - MARK / 2.0)) width=(n(width)) height=(n(MARK)) rx="1.5" {
                title { (mark.title) }
            }
            @let end = lane.marks.get(number + 1).map_or(edge, |next| scale.x(next.from));
            @if !mark.label.is_empty() && x + width + 4.0 + LETTER * mark.label.chars().count() as f64 <= end - 3.0 {
                text x=(n(x + width + 4.0)) y=(n(middle + 4.0)) { (mark.label) }
            }
        }
    }
}

fn deadline(incident: &WireIncident, due: f64, scale: &Scale, form: Form, top: f64, bottom: f64) -> Markup {
    let x = scale.x(due);
    let label = format!("deadline {}", relative(incident.zero_ms, due));
    html! {
        (line("due", x, top - 4.0, bottom))
        text.due x=(n(x)) y="12" text-anchor=(anchor(x, form)) { (label) }
    }
}

fn line(class: &str, x: f64, from: f64, to: f64) -> Markup {
    html! { line class=(class) x1=(n(x)) x2=(n(x)) y1=(n(from)) y2=(n(to)) {} }
}

/// A label at an edge stays inside.
fn anchor(x: f64, form: Form) -> &'static str {
    match () {
        () if x < form.gutter + 40.0 => "start",
        () if x > form.width - 60.0 => "end",
        () => "middle",
    }
}

/// A number as SVG has it: to a tenth.
fn n(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
