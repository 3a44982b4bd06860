//! Readings at times, and the verdict that they must give at which time.
//!
//! A script is `ms:value` with JSON values, `-` for a field that is not there and `!` for a reading that could
//! not be taken; a bare `ms` only tells the time. Judging starts at 1 000 ms, an expectation may take 100 ms,
//! a hold is 50 ms.

use std::collections::BTreeMap;
use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::probe::ReadError;
use crate::project::model::{Call, ProbeKind};
use crate::run_event::{AttemptOutcome, AttemptRecord, DeliveryRef, EventRef, Verdict};
use crate::span::Source;

const SINCE: u64 = 1_000;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn place() -> Place {
    Place { source: Arc::new(Source { path: "a.toml".into(), text: String::new() }), range: 0..0 }
}

fn subject(kind: JudgedKind) -> Subject {
    Subject { kind, step: Some(0), place: place() }
}

fn probe() -> Probe {
    let read = BTreeMap::from([("plan".to_owned(), "$.plan".to_owned())]);
    let kind = ProbeKind::Call { call: Call::Http(Default::default()), read };
    Probe { kind, times: vec!["renews_at".into()], words: BTreeMap::new(), place: place() }
}

fn rules() -> Rules {
    Rules { since: ms(SINCE), start: Start::LastDelivery, within: ms(100), hold: Hold::WhereNeeded(ms(50)) }
}

fn said() -> Rules {
    Rules { hold: Hold::Said(ms(50)), ..rules() }
}

fn reading(at: u64, field: &str, value: &str) -> Reading {
    let fields = match value {
        "!" => {
            Err(ReadError::Unreachable { url: "http://app/".into(), problem: "connection refused".into() })
        }
        "-" => Ok(serde_json::Map::new()),
        value => Ok([(field.to_owned(), serde_json::from_str(value).unwrap())].into_iter().collect()),
    };
    Reading { at: ms(at), took: Duration::ZERO, fields }
}

fn before(field: &str, value: &str) -> Before {
    let step = BTreeMap::from([("access".to_owned(), reading(0, field, value))]);
    Before { step, delivery: BTreeMap::new() }
}

fn condition(field: &str, expected: &Value) -> Condition {
    Condition::field("access", &probe(), field, expected).unwrap()
}

fn field(field: &str, expected: Value, rules: Rules, was: &str) -> Track {
    Track::field(subject(JudgedKind::Then), condition(field, &expected), rules, &before(field, was))
}

/// Plays a script to the first entry that settles the track; says when, how, and in which words.
fn play(track: &mut Track, field: &str, script: &str) -> String {
    if let Some(judged) = track.judged() {
        return format!("at once {}", said_of(judged));
    }
    for entry in script.split_whitespace() {
        let (at, value) = entry.split_once(':').map_or((entry, None), |(at, value)| (at, Some(value)));
        let at = at.parse::<u64>().unwrap() + SINCE;
        match value {
            Some(value) => track.observe("access", &reading(at, field, value)),
            None => track.tick(ms(at)),
        }
        if let Some(judged) = track.judged() {
            return format!("{} {}", at - SINCE, said_of(judged));
        }
    }
    match track.progress() {
        Progress::Open { next_deadline } => format!("open until {}", (next_deadline - ms(SINCE)).as_millis()),
        Progress::Settled(judged) => panic!("settled only now: {judged:?}"),
    }
}

fn said_of(judged: &Judged) -> String {
    format!("{:?}: {}", judged.verdict, judged.headline)
}

#[rstest]
#[case::nothing_yet("", "open until 100")]
#[case::first_true_reading("1:\"free\" 12:\"pro\"", r#"12 Passed: "pro" after 12 ms"#)]
#[case::leaving_later_is_no_matter("5:\"pro\" 9:\"free\"", r#"5 Passed: "pro" after 5 ms"#)]
#[case::at_the_deadline("1:\"free\" 100:\"pro\"", r#"100 Passed: "pro" after 100 ms"#)]
#[case::too_late(
    "1:\"free\" 99:\"free\" 101:\"pro\"",
    r#"101 Failed: still "free" 100 ms after the last delivery (2 readings)"#
)]
#[case::never("1:\"free\" 99 100", r#"100 Failed: "free" 100 ms after the last delivery (1 reading)"#)]
#[case::not_steady(
    "1:\"free\" 2:\"basic\" 100",
    r#"100 Failed: "basic" 100 ms after the last delivery (2 readings)"#
)]
#[case::absent("1:- 2:- 100", "100 Failed: still absent 100 ms after the last delivery (2 readings)")]
#[case::an_error_settles_nothing("1:! 2:\"free\" 3:! 4:\"pro\"", r#"4 Passed: "pro" after 4 ms"#)]
#[case::never_read("1:! 100", "100 Errored: never read: failed to reach http://app/: connection refused")]
#[case::no_reading("100", "100 Errored: never read: no reading was complete 100 ms after the last delivery")]
#[case::error_at_the_end(
    "1:\"free\" 2:\"free\" 3:! 100",
    "100 Errored: could not be read any more after 2 readings: failed to reach http://app/: connection refused"
)]
#[case::first_error_too_late(
    "150:!",
    "150 Errored: never read: failed to reach http://app/: connection refused"
)]
fn a_value_that_must_come(#[case] script: &str, #[case] expected: &str) {
    assert_eq!(play(&mut field("plan", json!("pro"), rules(), "\"free\""), "plan", script), expected);
}

#[rstest]
#[case::must_hold("1:\"pro\" 40:\"pro\"", "open until 151")]
#[case::held("1:\"pro\" 30:\"pro\" 51:\"pro\"", r#"51 Passed: "pro" for 50 ms"#)]
#[case::from_the_first_true_reading("20:\"pro\" 51:\"pro\" 70:\"pro\"", r#"70 Passed: "pro" for 50 ms"#)]
#[case::time_alone_does_not_hold("1:\"pro\" 51 60", "open until 151")]
#[case::leaves("1:\"pro\" 12:\"free\"", r#"12 Failed: became "free" after 12 ms, and had to stay "pro""#)]
#[case::gone_at_first_sight("3:\"free\"", r#"3 Failed: became "free" after 3 ms, and had to stay "pro""#)]
#[case::vanishes("1:\"pro\" 12:-", r#"12 Failed: became absent after 12 ms, and had to stay "pro""#)]
#[case::error_between("1:\"pro\" 12:! 60:\"pro\"", r#"60 Passed: "pro" for 50 ms"#)]
#[case::error_at_the_end(
    "1:\"pro\" 12:\"pro\" 60:!",
    "60 Errored: could not be read any more after 2 readings: failed to reach http://app/: connection refused"
)]
#[case::never_read("1:! 100", "100 Errored: never read: failed to reach http://app/: connection refused")]
#[case::not_read_again(
    "1:\"pro\" 151",
    "151 Errored: was not read again after 1 reading, so it is not known whether it stayed"
)]
fn a_value_that_was_there_already(#[case] script: &str, #[case] expected: &str) {
    assert_eq!(play(&mut field("plan", json!("pro"), rules(), "\"pro\""), "plan", script), expected);
}

#[rstest]
#[case::reached_and_held("1:0 10:1 60:1", "60 Passed: 1 after 10 ms, and for 50 ms")]
#[case::one_too_many("1:0 10:1 30:2", "30 Failed: became 2 after 30 ms, and had to stay 1")]
#[case::late_but_in_time("1:0 99:1 140:1 149:1", "149 Passed: 1 after 99 ms, and for 50 ms")]
#[case::never("1:0 50:0 100", "100 Failed: still 0 100 ms after the last delivery (2 readings)")]
fn a_number_of_things(#[case] script: &str, #[case] expected: &str) {
    assert_eq!(play(&mut field("messages", json!(1), rules(), "0"), "messages", script), expected);
}

#[rstest]
#[case::holds("1:0 60:0", "60 Passed: 0 for 50 ms")]
#[case::comes("1:0 30:1", "30 Failed: became 1 after 30 ms, and had to stay 0")]
fn no_things_at_all(#[case] script: &str, #[case] expected: &str) {
    assert_eq!(play(&mut field("messages", json!(0), rules(), "0"), "messages", script), expected);
}

#[rstest]
#[case::held("1:\"free\" 10:\"pro\" 60:\"pro\"", r#"60 Passed: "pro" after 10 ms, and for 50 ms"#)]
#[case::leaves(
    "10:\"pro\" 30:\"free\" 40:\"pro\"",
    r#"30 Failed: became "free" after 30 ms, and had to stay "pro""#
)]
#[case::never("1:\"free\" 100", r#"100 Failed: "free" 100 ms after the last delivery (1 reading)"#)]
fn a_step_that_says_hold(#[case] script: &str, #[case] expected: &str) {
    assert_eq!(play(&mut field("plan", json!("pro"), said(), "\"free\""), "plan", script), expected);
}

#[test]
fn what_is_not_known_to_be_new_must_hold() {
    let mut unreadable = field("plan", json!("pro"), rules(), "!");
    assert_eq!(play(&mut unreadable, "plan", "1:\"free\" 9:\"pro\""), "open until 159");
    let (condition, nothing) = (condition("plan", &json!("pro")), Before::default());
    let mut unread = Track::field(subject(JudgedKind::Then), condition, rules(), &nothing);
    let verdict = play(&mut unread, "plan", "1:\"pro\" 51:\"pro\"");
    assert_eq!(verdict, r#"51 Passed: "pro" after 1 ms, and for 50 ms"#);
}

#[test]
fn a_step_that_only_looks_waits_for_nothing_that_is_true() {
    let looks = Rules { start: Start::Step, ..rules() };
    let verdict = play(&mut field("plan", json!("pro"), looks, "\"pro\""), "plan", "1:\"pro\"");
    assert_eq!(verdict, r#"1 Passed: "pro" after 1 ms"#);
    let verdict = play(&mut field("plan", json!("pro"), looks, "\"pro\""), "plan", "1:\"free\" 100");
    assert_eq!(verdict, r#"100 Failed: "free" 100 ms after the step began (1 reading)"#);
}

#[test]
fn what_came_true_between_the_step_and_its_last_delivery_was_there_already() {
    let mut before = before("plan", "\"free\"");
    before.delivery.insert("access".into(), reading(900, "plan", "\"pro\""));
    let condition = condition("plan", &json!("pro"));
    let mut track = Track::field(subject(JudgedKind::Then), condition, rules(), &before);
    assert_eq!(play(&mut track, "plan", "1:\"pro\""), "open until 151");
}

#[test]
fn readings_that_began_before_judging_are_not_judged() {
    let mut track = field("plan", json!("pro"), rules(), "\"free\"");
    let stale = Reading { took: ms(10), ..reading(SINCE + 5, "plan", "\"pro\"") };
    track.observe("access", &stale);
    assert_eq!(track.judged(), None);
    track.observe("access", &Reading { took: ms(5), ..stale });
    assert_eq!(track.judged().map(|judged| judged.verdict), Some(Verdict::Passed));
}

#[test]
fn other_probes_are_no_matter() {
    let mut track = field("plan", json!("pro"), rules(), "\"free\"");
    track.observe("billing", &reading(SINCE + 1, "plan", "\"pro\""));
    assert_eq!(track.judged(), None);
    assert_eq!(track.probes().collect::<Vec<_>>(), ["access"]);
}

#[rstest]
#[case::changed("100", "1:100 10:50", "10 Passed: 50 (100 before) after 10 ms")]
#[case::twice(
    "100",
    "1:100 10:0 100",
    "100 Failed: 0 (100 before) 100 ms after the last delivery (2 readings)"
)]
#[case::unread(
    "!",
    "1:50",
    "at once Errored: could not be read before the step: failed to reach http://app/: connection refused"
)]
#[case::absent("-", "1:50 100", "100 Failed: 50 (absent before) 100 ms after the last delivery (1 reading)")]
fn a_change_since_the_step_began(#[case] was: &str, #[case] script: &str, #[case] expected: &str) {
    assert_eq!(play(&mut field("balance", json!({"by": -50}), rules(), was), "balance", script), expected);
}

#[rstest]
#[case::stays("\"pro\"", "1:\"pro\" 51:\"pro\"", r#"51 Passed: {"plan":"pro"} for 50 ms"#)]
#[case::changes(
    "\"pro\"",
    "1:\"pro\" 9:\"free\"",
    r#"9 Failed: after 9 ms plan became "free" and had to stay "pro""#
)]
#[case::vanishes("\"pro\"", "1:-", r#"1 Failed: after 1 ms plan became absent and had to stay "pro""#)]
#[case::appears("-", "1:\"pro\"", r#"1 Failed: after 1 ms plan became "pro" and had to stay absent"#)]
#[case::never_read(
    "\"pro\"",
    "1:! 100",
    "100 Errored: never read: failed to reach http://app/: connection refused"
)]
#[case::unread_on_both_sides(
    "!",
    "1:!",
    "at once Errored: could not be read before the step: failed to reach http://app/: connection refused"
)]
fn what_must_not_change(#[case] was: &str, #[case] script: &str, #[case] expected: &str) {
    let before = before("plan", was);
    let mut track = Track::unchanged(subject(JudgedKind::Unchanged), "access", &probe(), rules(), &before);
    assert_eq!(play(&mut track, "plan", script), expected);
}

#[test]
fn only_changed_fields_are_named_and_texts_are_not_compared() {
    let fields = |value: Value| Reading {
        at: ms(SINCE + 7),
        took: ms(0),
        fields: Ok(value.as_object().cloned().unwrap()),
    };
    let was = fields(
        json!({"a": 1, "b": 2, "c": 3, "d": 4, "plan": "pro", "text": "at 12:00", "http_status": 200}),
    );
    let before = Before { step: BTreeMap::from([("access".into(), was)]), delivery: BTreeMap::new() };
    let mut track = Track::unchanged(subject(JudgedKind::Bystander), "access", &probe(), rules(), &before);
    let same =
        json!({"http_status": 200, "a": 1.0, "b": 2, "c": 3, "d": 4, "plan": "pro", "text": "at 12:01"});
    track.observe("access", &fields(same));
    assert_eq!(track.judged(), None);
    let other = json!({"http_status": 200, "a": 0, "b": 0, "c": 0, "d": 0, "plan": "pro"});
    track.observe("access", &fields(other));
    let judged = track.judged().unwrap();
    assert_eq!((judged.verdict, judged.kind), (Verdict::Failed, JudgedKind::Bystander));
    assert_eq!((judged.probe.as_str(), judged.field.as_str()), ("access", ""));
    assert_eq!(judged.expected, r#"{"a":1,"b":2,"c":3,"d":4}"#);
    assert_eq!(judged.observed, r#"{"a":0,"b":0,"c":0,"d":0}"#);
    let expected = "after 7 ms a became 0 and had to stay 1; b became 0 and had to stay 2; \
                    c became 0 and had to stay 3; and 1 more";
    assert_eq!(judged.headline, expected);
}

/// Plays `ms:local=truth`; `!` on either side is one that could not be read.
fn play_pairs(field: &str, rules: Rules, script: &str) -> String {
    let pair = Reconcile {
        probe: "access".into(),
        field: field.into(),
        truth: "subscription.status".into(),
        place: place(),
    };
    let mut track = Track::reconcile(Some(0), &pair, &probe(), rules);
    for entry in script.split_whitespace() {
        let (at, sides) = entry.split_once(':').unwrap_or((entry, ""));
        let at = at.parse::<u64>().unwrap() + SINCE;
        match sides.split_once('=') {
            None => track.tick(ms(at)),
            Some((local, truth)) => {
                let value = serde_json::from_str(truth).ok();
                let truth = if truth == "!" { Err("Stripe did not answer") } else { Ok(value.as_ref()) };
                track.observe_pair(&reading(at, field, local), truth);
            }
        }
        if let Some(judged) = track.judged() {
            return format!("{} {} | {} | {}", at - SINCE, said_of(judged), judged.expected, judged.observed);
        }
    }
    "open".into()
}

#[rstest]
#[case::agrees(
    "1:\"active\"=\"canceled\" 9:\"canceled\"=\"canceled\"",
    r#"9 Passed: "canceled" after 9 ms | "canceled" | "canceled""#
)]
#[case::truth_moves(
    "1:\"active\"=\"canceled\" 9:\"active\"=\"active\"",
    r#"9 Passed: "active" after 9 ms | "active" | "active""#
)]
#[case::never(
    "1:\"active\"=\"canceled\" 2:\"active\"=\"canceled\" 100",
    concat!(
        r#"100 Failed: still "active", while Stripe has "canceled", 100 ms after the last delivery (2 readings)"#,
        r#" | "canceled" | "active""#
    )
)]
#[case::null_is_left_out("1:-=null", "1 Passed: absent after 1 ms | null | absent")]
#[case::nothing_is_there("1:null=-", "1 Passed: null after 1 ms | absent | null")]
#[case::local_is_missing(
    "1:-=1 100",
    "100 Failed: absent, while Stripe has 1, 100 ms after the last delivery (1 reading) | 1 | absent"
)]
#[case::truth_unread(
    "1:1=! 100",
    "100 Errored: never read: Stripe did not answer | subscription.status | Stripe did not answer"
)]
#[case::local_unread("1:!=1 2:1=1", "2 Passed: 1 after 2 ms | 1 | 1")]
fn both_sides_must_agree(#[case] script: &str, #[case] expected: &str) {
    assert_eq!(play_pairs("status", rules(), script), expected);
}

#[test]
fn both_sides_agree_as_instants() {
    let expected =
        r#"1 Passed: "2026-11-23T20:31:52Z" after 1 ms | "2026-11-23T20:31:52Z" | "2026-11-23T20:31:52Z""#;
    assert_eq!(play_pairs("renews_at", rules(), "1:\"2026-11-23T20:31:52Z\"=1795465912"), expected);
}

#[test]
fn a_held_agreement_must_stay() {
    let verdict = play_pairs("status", said(), "1:1=1 30:1=2");
    assert_eq!(verdict, "30 Failed: became 1 after 30 ms, and had to stay 2 | 2 | 1");
}

fn delivered(status: u16) -> Vec<(DeliveryRef, Vec<AttemptRecord>)> {
    let event = EventRef { id: "evt_1".into(), kind: "invoice.paid".into() };
    let outcome = AttemptOutcome::Answered { status, body: String::new() };
    let attempt = AttemptRecord { number: 1, sent: ms(0), took: ms(5), outcome };
    vec![(DeliveryRef::usual(event), vec![attempt])]
}

fn granted_or_refused(status: u16, was: &str) -> Track {
    let refused =
        Condition::delivery("class", &json!({"one_of": ["4xx", "5xx"]}), &delivered(status)).unwrap();
    let alternatives = vec![vec![condition("active", &json!(true))], vec![refused]];
    Track::either(subject(JudgedKind::Either), alternatives, rules(), &before("active", was))
}

#[rstest]
#[case::refused(500, "false", "", r#"at once Passed: delivery.class "5xx" after 0 ms"#)]
#[case::granted(200, "false", "1:false 9:true", "9 Passed: access.active true after 9 ms")]
#[case::stayed(200, "true", "1:true 51:true", "51 Passed: access.active true after 1 ms, and for 50 ms")]
#[case::neither(
    200,
    "false",
    "1:false 2:false 100",
    "100 Failed: neither came true: access.active false (100 ms after the last delivery); delivery.class \"2xx\" (final)"
)]
#[case::lost(
    200,
    "true",
    "1:false",
    concat!(
        "1 Failed: neither came true: access.active false (did not stay, 1 ms after the last delivery); ",
        "delivery.class \"2xx\" (final)"
    )
)]
#[case::unread(
    200,
    "false",
    "1:! 100",
    "100 Errored: access.active never read: failed to reach http://app/: connection refused"
)]
fn one_of_several(#[case] status: u16, #[case] was: &str, #[case] script: &str, #[case] expected: &str) {
    assert_eq!(play(&mut granted_or_refused(status, was), "active", script), expected);
}

#[test]
fn an_alternative_that_could_not_be_told_comes_before_one_that_failed() {
    let granted = condition("active", &json!(true));
    let refused = Condition::delivery("class", &json!("5xx"), &delivered(200)).unwrap();
    let before = before("active", "false");
    let alternatives = vec![vec![refused], vec![granted]];
    let mut track = Track::either(subject(JudgedKind::Either), alternatives, rules(), &before);
    let expected = "100 Errored: access.active never read: failed to reach http://app/: connection refused";
    assert_eq!(play(&mut track, "active", "1:! 100"), expected);
}

#[test]
fn an_alternative_names_all_that_it_demands() {
    let mut track = granted_or_refused(200, "false");
    play(&mut track, "active", "1:false 100");
    let judged = track.judged().unwrap();
    assert_eq!(judged.expected, r#"access.active true or delivery.class one of "4xx", "5xx""#);
    assert_eq!(judged.observed, r#"access.active false; delivery.class "2xx""#);
    assert_eq!((judged.probe.as_str(), judged.field.as_str()), ("", ""));
}

#[test]
fn conditions_of_an_alternative_must_be_true_at_the_same_time() {
    let conditions = || vec![condition("plan", &json!("pro")), condition("seats", &json!(3))];
    let at = |at: u64, fields: Value| Reading {
        at: ms(SINCE + at),
        took: ms(0),
        fields: Ok(fields.as_object().cloned().unwrap()),
    };
    let before = Before {
        step: BTreeMap::from([("access".into(), at(0, json!({"plan": "free"})))]),
        delivery: BTreeMap::new(),
    };
    let mut track = Track::either(subject(JudgedKind::Either), vec![conditions()], rules(), &before);
    track.observe("access", &at(1, json!({"plan": "pro", "seats": 2})));
    track.observe("access", &at(2, json!({"plan": "free", "seats": 3})));
    assert_eq!(track.judged(), None);
    track.tick(ms(SINCE + 100));
    let headline = "access.plan \"free\" and access.seats 3, 100 ms after the last delivery";
    assert_eq!(said_of(track.judged().unwrap()), format!("Failed: {headline}"));

    let mut track = Track::either(subject(JudgedKind::Either), vec![conditions()], rules(), &before);
    track.observe("access", &at(3, json!({"plan": "pro", "seats": 3})));
    let headline = "access.plan \"pro\" and access.seats 3 after 3 ms";
    assert_eq!(said_of(track.judged().unwrap()), format!("Passed: {headline}"));
}

#[test]
fn probes_of_an_alternative_are_all_read_at_the_end_of_a_hold() {
    let other = Condition::field("billing", &probe(), "plan", &json!("pro")).unwrap();
    let alternatives = vec![vec![condition("plan", &json!("pro")), other]];
    let before = before("plan", "\"free\"");
    let mut track = Track::either(subject(JudgedKind::Either), alternatives, said(), &before);
    let mut observe = |probe: &str, at: u64, value: &str| {
        track.observe(probe, &reading(SINCE + at, "plan", value));
        track.judged().map(|judged| judged.verdict)
    };
    assert_eq!(observe("access", 1, "\"pro\""), None);
    assert_eq!(observe("billing", 2, "\"pro\""), None);
    assert_eq!(observe("access", 53, "\"pro\""), None);
    assert_eq!(observe("billing", 54, "\"pro\""), Some(Verdict::Passed));
}

#[test]
fn nothing_to_choose_from_cannot_be_judged() {
    let track = Track::either(subject(JudgedKind::Either), vec![], rules(), &Before::default());
    assert_eq!(said_of(track.judged().unwrap()), "Errored: no alternative was given");
}

mod laws;
