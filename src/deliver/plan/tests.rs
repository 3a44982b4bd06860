//! `check` takes a burst, a `send` and the endpoints in short, and compares what would go out.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::scenario::model::SignatureMode;
use crate::span::Source;

fn place() -> Place {
    let source = Arc::new(Source { path: "a.toml".into(), text: String::new() });
    Place { source, range: 0..0 }
}

/// `a b a`: three events, two of them of type `a`; their ids are `a1 b1 a2` in this order. `a@x` has account x.
fn events(short: &str) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    for word in short.split_whitespace() {
        let (kind, account) = word.split_once('@').map_or((word, None), |(kind, x)| (kind, Some(x)));
        let nth = events.iter().filter(|event| event["type"] == kind).count() + 1;
        let mut event = json!({
            "id": format!("{kind}{nth}"), "object": "event", "type": kind, "created": 0, "data": { "object": {} },
        });
        if let Some(account) = account {
            event["account"] = json!(account);
        }
        events.push(event);
    }
    events
}

/// `main side:a.* connect!:b`: three endpoints, of which the last two have subscribed, the last for accounts.
fn routes(short: &str) -> Vec<Route> {
    let route = |word: &str| {
        let (name, events) = word
            .split_once(':')
            .map_or((word, vec![]), |(name, events)| (name, events.split(',').map(str::to_owned).collect()));
        let connect = name.ends_with('!');
        Route { name: name.trim_end_matches('!').to_owned(), events, thin: false, connect }
    };
    short.split_whitespace().map(route).collect()
}

/// `b | a#2 x3 | * >side | a <early | a <given | ~made | f:evt`: a list of entries.
fn list_of(short: &str, order: Order) -> Send {
    let entries = short.split('|').map(str::trim).filter(|entry| !entry.is_empty()).map(entry).collect();
    Send::List { entries, order }
}

fn entry(short: &str) -> SendEntry {
    let mut words = short.split_whitespace();
    let first = words.next().unwrap();
    let mut entry = SendEntry { pick: pick(first), change: Change::default(), times: 1, place: place() };
    for word in words {
        let (mark, rest) = word.split_at(1);
        match (mark, &mut entry.pick) {
            ("x", _) => entry.times = rest.parse().unwrap(),
            (">", _) => entry.change.endpoint = Some(rest.to_owned()),
            ("@", _) => entry.change.account = Some(rest.to_owned()),
            ("<", Pick::Made { from, .. }) => {
                *from = if rest == "given" { From::Given } else { From::Step(rest.parse().unwrap()) };
            }
            _ => panic!("{word}"),
        }
    }
    entry
}

fn pick(short: &str) -> Pick {
    if let Some(kind) = short.strip_prefix('~') {
        return Pick::Template(kind.to_owned());
    }
    if let Some(path) = short.strip_prefix("f:") {
        let event = if path == "evt" { events("filed").remove(0) } else { json!({ "object": "invoice" }) };
        return Pick::File { path: path.to_owned(), event };
    }
    let (event, nth) =
        short.split_once('#').map_or((short, None), |(event, nth)| (event, Some(nth.parse().unwrap())));
    Pick::Made { event: event.to_owned(), from: From::This, nth }
}

fn planned(burst: &str, send: &Send, endpoints: &str) -> Result<Vec<Planned>, PlanError> {
    let (this, early, given) = (events(burst), events("e a"), events("g a"));
    let sources = Sources {
        this: Burst { step: "now", events: &this },
        earlier: &[Burst { step: "early", events: &early }, Burst { step: "idle", events: &[] }],
        given: &given,
        captured: &BTreeMap::from([("filed1".to_owned(), "of-this-case".to_owned())]),
    };
    let mut build = |kind: &str| match kind {
        "none" => Err(TemplateError::NoObject { kind: kind.to_owned(), object: "charge" }),
        _ => Ok(json!({ "id": format!("new-{kind}"), "type": kind })),
    };
    plan(send, &sources, &mut build, &routes(endpoints), &mut IdMinter::new(1, 1))
}

/// `a1 b1>side`: ids in order; the endpoint is named where it is not `main`.
fn spell(planned: Result<Vec<Planned>, PlanError>) -> String {
    let one = |planned: &Planned| match planned.endpoint.as_str() {
        "main" => planned.event["id"].as_str().unwrap().to_owned(),
        other => format!("{}>{other}", planned.event["id"].as_str().unwrap()),
    };
    match planned {
        Ok(planned) => planned.iter().map(one).collect::<Vec<_>>().join(" "),
        Err(error) => format!("failed to {error}"),
    }
}

#[rstest]
#[case::as_stripe_made_them("a b a", Order::Natural, "", "main", "a1 b1 a2")]
#[case::reversed("a b c", Order::Reversed, "", "main", "c1 b1 a1")]
#[case::nothing_happened("", Order::Natural, "", "", "")]
#[case::lost("a.x b a.y", Order::Natural, "a.*", "main", "b1")]
#[case::all_lost("a b", Order::Natural, "*", "main", "")]
#[case::lost_by_either("a b c", Order::Natural, "a c", "main", "b1")]
#[case::one_pattern_is_enough("a b", Order::Natural, "a z", "main", "b1")]
#[case::nothing_lost(
    "a b a",
    Order::Natural,
    "z",
    "main",
    "failed to lose `z` from the burst: it made a (2), b"
)]
#[case::nothing_to_lose(
    "",
    Order::Natural,
    "z",
    "main",
    "failed to lose `z` from the burst: it made no events"
)]
#[case::to_all_endpoints("a b", Order::Natural, "", "main side", "a1 a1>side b1 b1>side")]
#[case::only_what_was_subscribed_to("a.x b", Order::Natural, "", "main side:a.*", "a.x1 a.x1>side b1")]
#[case::of_nobody("a", Order::Natural, "", "main:b", "")]
#[case::accounts_apart("a b@acct", Order::Natural, "", "main conn!", "a1 b1>conn")]
#[case::accounts_to_nobody("a b@acct", Order::Natural, "", "main", "a1")]
#[case::no_endpoint("a", Order::Natural, "", "", "failed to find an endpoint: the environment has none")]
fn bursts(
    #[case] burst: &str,
    #[case] order: Order,
    #[case] drop: &str,
    #[case] endpoints: &str,
    #[case] expected: &str,
) {
    let drop = drop.split_whitespace().map(str::to_owned).collect();
    assert_eq!(spell(planned(burst, &Send::Burst { order, drop }, endpoints)), expected);
}

#[rstest]
#[case::held_back("", "main", "")]
#[case::one("b", "main", "b1")]
#[case::the_first_of_its_type("a", "main", "a1")]
#[case::another("a#2", "main", "a2")]
#[case::again("a | a", "main", "a1 a1")]
#[case::times("a x3 | b", "main", "a1 a1 a1 b1")]
#[case::never("a x0 | b", "main", "b1")]
#[case::the_rest("b | *", "main", "b1 a1 a2")]
#[case::the_rest_first("* | a", "main", "b1 a2 a1")]
#[case::the_rest_twice("* x2 | b", "main", "a1 a1 a2 a2 b1")]
#[case::one_of_the_rest("a | *#2", "main", "a1 a2")]
#[case::a_rest_of_nothing("a | b | a#2 | *", "main", "a1 b1 a2")]
#[case::of_an_earlier_step("a <0", "main", "a1")]
#[case::the_rest_of_an_earlier_step("a <0 | * <0", "main", "a1 e1")]
#[case::a_name_there_is_no_name_here("a <0 | *", "main", "a1 a1 b1 a2")]
#[case::of_the_arrangement("g <given", "main", "g1")]
#[case::a_template("~x.y", "main", "new-x.y")]
#[case::a_file("f:evt x2", "main", "of-this-case of-this-case")]
#[case::to_an_endpoint("a >side | b", "main side", "a1>side b1")]
#[case::to_the_only_one("a", "web", "a1>web")]
#[case::what_is_named_is_sent("a | a >side", "main:z side:z", "a1 a1>side")]
#[case::the_rest_is_not_named("*", "main:b side", "a1>side b1 b1>side a2>side")]
#[case::unless_its_endpoint_is("* >main", "main:b side", "a1 b1 a2")]
#[case::of_an_account("a @acct", "main conn!", "a1>conn")]
#[case::the_rest_of_an_account("* @acct | b", "main conn!:a", "a1>conn a2>conn b1")]
#[case::of_an_account_to_the_only_one("a @acct", "main", "a1")]
#[case::main_is_not_for_accounts("a", "web conn!", "a1>web")]
fn lists(#[case] send: &str, #[case] endpoints: &str, #[case] expected: &str) {
    assert_eq!(spell(planned("a b a", &list_of(send, Order::Natural), endpoints)), expected);
}

#[rstest]
#[case("z", "main", "find `z` among the events of step `now`: it made a (2), b")]
#[case("a#3", "main", "find `a` number 3 among the events of step `now`: it made a (2), b")]
#[case("a#0", "main", "find `a` number 0 among the events of step `now`: it made a (2), b")]
#[case("b <0", "main", "find `b` among the events of step `early`: it made e, a")]
#[case("b <1", "main", "find `b` among the events of step `idle`: it made no events")]
#[case("b <7", "main", "find `b` among the events of step 8: it made no events")]
#[case("b <given", "main", "find `b` among the events of the arrangement: it made g, a")]
#[case("* <1", "main", "find `*` among the events of step `idle`: it made no events")]
#[case("*#4", "main", "find `*` number 4 among the events of step `now`: it made a (2), b")]
#[case("~none", "main", "build `none`: the customer has no charge")]
#[case("f:odd", "main", "send `odd`: failed to read an event: this is a Stripe `invoice`, not an `event`")]
#[case("a >z", "main side", "find the endpoint `z` (there is `main`, `side`)")]
#[case("* >z", "main", "find the endpoint `z` (there is `main`)")]
#[case("a", "web side", "tell which endpoint is meant (`web`, `side`): none is called `main`")]
#[case("a", "", "find an endpoint: the environment has none")]
#[case("*", "", "find an endpoint: the environment has none")]
fn what_cannot_be_sent_is_said(#[case] send: &str, #[case] endpoints: &str, #[case] expected: &str) {
    let error = planned("a b a", &list_of(send, Order::Natural), endpoints).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.place().is_some(), error != PlanError::NoEndpoint);
}

#[rstest]
#[case(Order::Natural, "b1 b1 a1 a2")]
#[case(Order::Reversed, "a2 a1 b1 b1")]
fn lists_have_an_order_too(#[case] order: Order, #[case] expected: &str) {
    assert_eq!(spell(planned("a b a", &list_of("b x2 | *", order), "main")), expected);
}

#[test]
fn an_entry_keeps_its_change_and_place() {
    let mut entry = entry("*");
    entry.change.signature = SignatureMode::Stale;
    let planned = planned("a b", &Send::List { entries: vec![entry], order: Order::Natural }, "main");
    for one in planned.unwrap() {
        assert_eq!((one.change.signature, one.place), (SignatureMode::Stale, Some(place())));
    }
}

fn shuffled(burst: &[Value], seed: u64) -> Vec<String> {
    let sources = Sources {
        this: Burst { step: "now", events: burst },
        earlier: &[],
        given: &[],
        captured: &BTreeMap::new(),
    };
    let send = Send::Burst { order: Order::Shuffled, drop: vec![] };
    let mut build = |_: &str| Ok(Value::Null);
    let planned = plan(&send, &sources, &mut build, &routes("main"), &mut IdMinter::new(seed, 0));
    planned.unwrap().iter().map(|planned| planned.event["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_seed_reproduces_a_shuffle_and_every_order_occurs() {
    let burst = events("a b c");
    assert_eq!(shuffled(&burst, 7), shuffled(&burst, 7));
    let orders: std::collections::BTreeSet<_> = (0..200).map(|seed| shuffled(&burst, seed)).collect();
    assert_eq!(orders.len(), 6);
}

proptest! {
    #[test]
    fn a_burst_keeps_every_event_once(burst in prop::collection::vec("[abc]", 0..20), seed in any::<u64>()) {
        let burst = burst.join(" ");
        let expected: Vec<String> =
            events(&burst).iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
        let send = Send::Burst { order: Order::Natural, drop: vec![] };
        prop_assert_eq!(spell(planned(&burst, &send, "main")), expected.join(" "));
        let mut shuffled = shuffled(&events(&burst), seed);
        let mut expected = expected;
        shuffled.sort();
        expected.sort();
        prop_assert_eq!(shuffled, expected);
    }

    #[test]
    fn times_multiplies(burst in prop::collection::vec("[abc]", 1..10), times in 0_u32..5) {
        let burst = burst.join(" ");
        let once = planned(&burst, &list_of("*", Order::Natural), "main").unwrap().len();
        let many = planned(&burst, &list_of(&format!("* x{times}"), Order::Natural), "main").unwrap().len();
        prop_assert_eq!(many, once * usize::try_from(times).unwrap());
    }

    #[test]
    fn drop_loses_what_matches_and_nothing_else(burst in prop::collection::vec("[abc]", 1..20)) {
        let burst = format!("a {}", burst.join(" "));
        let send = Send::Burst { order: Order::Natural, drop: vec!["a".into()] };
        let expected: Vec<String> = events(&burst)
            .iter()
            .filter(|event| event["type"] != "a")
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        prop_assert_eq!(spell(planned(&burst, &send, "main")), expected.join(" "));
    }
}
