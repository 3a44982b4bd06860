//! The words of a verdict.

use serde_json::Value;

use super::condition::{Sight, Watch};
use super::track::{Alternative, Phase, Rules, Start, Track, Watched};
use super::words;
use crate::run_event::{Judged, Verdict};
use crate::time::human;

/// A sentence is about at most this many alternatives and fields; the rest is counted.
const MANY: usize = 3;

/// The verdict of an expectation whose alternatives have ended, or of which one has passed.
pub(super) fn judged(track: &Track) -> Judged {
    let decisive = decisive(&track.alternatives);
    let verdict = decisive.map_or(Verdict::Errored, |alternative| verdict(&alternative.phase));
    let single = match track.alternatives.as_slice() {
        [Alternative { watched, .. }] if watched.len() == 1 => watched.first(),
        _ => None,
    };
    let (expected, observed, headline) = match (single, decisive) {
        (Some(watched), Some(alternative)) => one(watched, alternative, track.rules),
        (None, Some(alternative)) => several(track, alternative, verdict),
        (_, None) => (String::new(), String::new(), "no alternative was given".to_owned()),
    };
    Judged {
        kind: track.subject.kind,
        step: track.subject.step,
        probe: single.map(|watched| watched.watch.probe().to_owned()).unwrap_or_default(),
        field: single.map(|watched| watched.watch.field().to_owned()).unwrap_or_default(),
        place: track.subject.place.clone(),
        verdict,
        expected,
        observed,
        headline,
        due: Some(track.rules.deadline()),
    }
}

/// The alternative that says how it ended: one that passed; else one that could not be told, since it might
/// have passed; else the first.
fn decisive(alternatives: &[Alternative]) -> Option<&Alternative> {
    let with = |wanted| alternatives.iter().find(move |each| verdict(&each.phase) == wanted);
    with(Verdict::Passed).or_else(|| with(Verdict::Errored)).or(alternatives.first())
}

fn verdict(phase: &Phase) -> Verdict {
    match phase {
        Phase::Passed { .. } => Verdict::Passed,
        Phase::Broken { .. } | Phase::Missed => Verdict::Failed,
        Phase::Unread { .. } | Phase::Waiting | Phase::Holding { .. } => Verdict::Errored,
    }
}

fn one(watched: &Watched, alternative: &Alternative, rules: Rules) -> (String, String, String) {
    let Watched { watch, last, .. } = watched;
    let expected = watch.expected(last.as_ref());
    let observed = match (&alternative.phase, last) {
        (Phase::Unread { problem: Some(problem) }, _) => words::cut(problem),
        (_, Some(sight)) => watch.observed(sight),
        (_, None) => not_read(rules),
    };
    let headline = match &alternative.phase {
        Phase::Passed { first, held } => {
            let after = human(first.saturating_sub(rules.since));
            match held {
                None => format!("{observed} after {after}"),
                Some(held) if alternative.was_true => format!("{observed} for {}", human(*held)),
                Some(held) => format!("{observed} after {after}, and for {}", human(*held)),
            }
        }
        Phase::Broken { at } => broken(watch, last.as_ref(), &human(at.saturating_sub(rules.since))),
        Phase::Unread { problem: Some(problem) } => words::cut(problem),
        Phase::Unread { problem: None } => unread(watched, rules),
        Phase::Missed | Phase::Waiting | Phase::Holding { .. } => missed(watched, &observed, rules),
    };
    (expected, observed, headline)
}

/// `became 200 after 340 ms, and had to stay 100`
fn broken(watch: &Watch, last: Option<&Sight>, after: &str) -> String {
    let Some(sight) = last else { return format!("changed after {after}") };
    match (watch, &sight.wanted, &sight.actual) {
        (Watch::Unchanged { .. }, Some(Value::Object(was)), Some(Value::Object(is))) => {
            let keys: Vec<_> = was.keys().chain(is.keys().filter(|key| !was.contains_key(*key))).collect();
            let changed = |key: &&String| {
                let (was, is) = (words::found(was.get(*key)), words::found(is.get(*key)));
                format!("{key} became {is} and had to stay {was}")
            };
            let shown: Vec<_> = keys.iter().take(MANY).map(changed).collect();
            let more = keys.len().saturating_sub(MANY);
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            format!("after {after} {}{more}", shown.join("; "))
        }
        _ => format!(
            "became {} after {after}, and had to stay {}",
            watch.observed(sight),
            watch.expected(last)
        ),
    }
}

/// `still "free" 10 s after the last delivery (211 readings)`
fn missed(watched: &Watched, observed: &str, rules: Rules) -> String {
    let (within, count) = (human(rules.within), words::readings(watched.readings));
    let still = if watched.steady && watched.readings > 1 { "still " } else { "" };
    let value = match &watched.watch {
        Watch::Agrees { .. } => {
            format!("{still}{observed}, while Stripe has {},", watched.watch.expected(watched.last.as_ref()))
        }
        Watch::Deliveries(_) => return observed.to_owned(),
        Watch::Field { .. } | Watch::Unchanged { .. } => format!("{still}{observed}"),
    };
    format!("{value} {within} after {} ({count})", moment(rules.start))
}

/// `never read: failed to reach http://127.0.0.1:4242/x: connection refused`
fn unread(watched: &Watched, rules: Rules) -> String {
    let count = words::readings(watched.readings);
    match (&watched.last, watched.readings) {
        (Some(Sight { holds: Err(problem), .. }), 0) => format!("never read: {}", words::cut(problem)),
        (Some(Sight { holds: Err(problem), .. }), _) => {
            format!("could not be read any more after {count}: {}", words::cut(problem))
        }
        (Some(_), _) => format!("was not read again after {count}, so it is not known whether it stayed"),
        (None, _) => format!("never read: {}", not_read(rules)),
    }
}

fn not_read(rules: Rules) -> String {
    format!("no reading was complete {} after {}", human(rules.within), moment(rules.start))
}

fn moment(start: Start) -> &'static str {
    match start {
        Start::LastDelivery => "the last delivery",
        Start::LastRequest => "the last request",
        Start::Step => "the step began",
    }
}

fn several(track: &Track, decisive: &Alternative, verdict: Verdict) -> (String, String, String) {
    let expected = joined(&track.alternatives, " or ", |each| {
        format!("{} {}", name(each), each.watch.expected(each.last.as_ref()))
    });
    let state = |each: &Watched| match &each.last {
        Some(sight) => format!("{} {}", name(each), each.watch.observed(sight)),
        None => format!("{} not read", name(each)),
    };
    let decided = std::slice::from_ref(decisive);
    let headline = match (verdict, &decisive.phase) {
        (Verdict::Passed, Phase::Passed { first, held }) => {
            let held = held.map(|held| format!(", and for {}", human(held))).unwrap_or_default();
            let after = human(first.saturating_sub(track.rules.since));
            return (
                expected,
                joined(decided, "", state),
                format!("{} after {after}{held}", joined(decided, "", state)),
            );
        }
        (_, Phase::Unread { problem: Some(problem) }) => words::cut(problem),
        (Verdict::Errored, _) => {
            let unknown = |each: &&Watched| each.last.as_ref().is_none_or(|sight| sight.holds.is_err());
            let watched = decisive.watched.iter().find(unknown).or(decisive.watched.first());
            watched.map(|each| format!("{} {}", name(each), unread(each, track.rules))).unwrap_or_default()
        }
        _ if track.alternatives.len() == 1 => {
            format!("{}, {}", joined(decided, "", state), ending(decisive, track.rules))
        }
        _ => {
            let each = |each: &Alternative| {
                format!("{} ({})", joined(std::slice::from_ref(each), "", state), ending(each, track.rules))
            };
            let shown: Vec<_> = track.alternatives.iter().take(MANY).map(each).collect();
            format!("neither came true: {}", shown.join("; "))
        }
    };
    (expected, joined(&track.alternatives, "; ", state), headline)
}

/// How an alternative failed.
fn ending(alternative: &Alternative, rules: Rules) -> String {
    let only_deliveries = |each: &Watched| matches!(each.watch, Watch::Deliveries(_));
    match &alternative.phase {
        Phase::Broken { at } => {
            format!("did not stay, {} after {}", human(at.saturating_sub(rules.since)), moment(rules.start))
        }
        _ if alternative.watched.iter().any(only_deliveries) => "final".to_owned(),
        _ => format!("{} after {}", human(rules.within), moment(rules.start)),
    }
}

fn joined(alternatives: &[Alternative], between: &str, say: impl Fn(&Watched) -> String) -> String {
    let one = |each: &Alternative| each.watched.iter().map(&say).collect::<Vec<_>>().join(" and ");
    words::cut(&alternatives.iter().map(one).collect::<Vec<_>>().join(between))
}

/// `access.plan`
fn name(watched: &Watched) -> String {
    format!("{}.{}", watched.watch.probe(), watched.watch.field())
}
