//! In which API version events are delivered, and as thin events.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use super::player::{App, Player, case_of, status};
use crate::engine::scene::EndpointAt;
use crate::run_event::Verdict;

/// Plays a scenario against an endpoint that is pinned to a version, and gives what was delivered.
fn delivered(pinned: Option<&str>, scenario: &str) -> (Vec<Value>, Player) {
    delivered_to(|endpoint| endpoint.api_version = pinned.map(|version| version.parse().unwrap()), scenario)
}

/// Plays a scenario against an endpoint that is set up so, and gives what was delivered.
fn delivered_to(set_up: impl FnOnce(&mut EndpointAt), scenario: &str) -> (Vec<Value>, Player) {
    let (plan, scene) = case_of("", scenario);
    let mut scene = Arc::into_inner(scene).unwrap();
    set_up(scene.endpoints.get_mut("main").and_then(Arc::get_mut).unwrap());
    let events = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&events);
    let app = App {
        deliver: Box::new(move |order| {
            kept.borrow_mut().push(Value::clone(&order.event));
            status(200)
        }),
        ..App::default()
    };
    let player = Player::new((plan, Arc::new(scene)), app).play();
    let events = events.borrow().clone();
    (events, player)
}

const MATRIX: &str = "matrix = { shape = [\"endive\"] }";
const LINE: &str = ", shape = \"2022-11-15\"";

#[rstest::rstest]
#[case::newest(None, "", "", None, "")]
#[case::endpoint(Some("2024-06-20"), "", "", Some("2024-06-20"), "")]
#[case::matrix(Some("2024-06-20"), MATRIX, "", None, "in the shape of 2026-10-28.endive")]
#[case::line(Some("2024-06-20"), MATRIX, LINE, Some("2022-11-15"), "in the shape of 2022-11-15")]
#[case::line_only(None, "", LINE, Some("2022-11-15"), "in the shape of 2022-11-15")]
#[case::all_agree(Some("2022-11-15"), "", LINE, Some("2022-11-15"), "")]
fn the_line_wins_over_the_matrix_and_that_over_the_endpoint(
    #[case] pinned: Option<&str>,
    #[case] matrix: &str,
    #[case] line: &str,
    #[case] older: Option<&str>,
    #[case] differs: &str,
) {
    let story = format!(
        "{matrix}\n[[step]]\nstripe.subscribe = {{ price = \"pro_monthly\" }}\n\
         send = [{{ event = \"customer.subscription.created\"{line} }}]\n"
    );
    let (events, player) = delivered(pinned, &story);
    let [event] = &events[..] else { panic!("{}", player.told()) };
    assert_eq!(event["id"], "evt_1");
    assert_eq!(event.get("api_version").and_then(Value::as_str), older);
    let period = &event["data"]["object"]["current_period_end"];
    assert_eq!(*period, if older.is_some() { json!(50) } else { json!(null) });
    assert_eq!(player.record().deliveries[0].0.changes.join(", "), differs);
}

#[test]
fn the_arrangement_and_a_whole_burst_are_in_that_version_too() {
    let story = "matrix = { shape = [\"2024-06-20\"] }\n[[given.customer]]\n\
                 subscription = [{ price = \"pro_monthly\" }]\n[[step]]\nstripe.cancel = {}\n";
    let (events, player) = delivered(None, story);
    assert_eq!(events.len(), 3, "{}", player.told());
    assert!(events.iter().all(|event| event["api_version"] == "2024-06-20"), "{events:?}");
}

#[test]
fn an_event_that_is_sent_again_is_the_same_whatever_has_changed() {
    let story = "[[step]]\nname = \"buys\"\nstripe.subscribe = { price = \"pro_monthly\" }\n\
                 [[step]]\nstripe.change_quantity = { quantity = 2 }\n\
                 send = [{ event = \"invoice.paid\", from = \"buys\", times = 2 }]\n";
    let (events, player) = delivered(Some("2024-06-20"), story);
    let paid: Vec<_> = events.iter().filter(|event| event["type"] == "invoice.paid").collect();
    assert_eq!(paid.len(), 3, "{}", player.told());
    assert_eq!(paid[0]["data"]["object"]["payment_intent"], "pi_2");
    assert!(paid.iter().all(|event| *event == paid[0]), "{paid:?}");
}

#[rstest::rstest]
#[case("2024-06-20", "set = { current_period_end = 5 }", Verdict::Passed, json!(5))]
#[case("2024-06-20", "remove = [\"current_period_end\"]", Verdict::Passed, json!(null))]
#[case("endive", "remove = [\"current_period_end\"]", Verdict::Errored, json!(null))]
fn a_mutation_is_made_in_the_shape_that_is_sent(
    #[case] shape: &str,
    #[case] mutation: &str,
    #[case] verdict: Verdict,
    #[case] expected: Value,
) {
    let story = format!(
        "[[step]]\nstripe.subscribe = {{ price = \"pro_monthly\" }}\n\
         send = [{{ event = \"customer.subscription.created\", shape = \"{shape}\", {mutation} }}]\n"
    );
    let (events, player) = delivered(None, &story);
    assert_eq!(player.record().verdict, verdict, "{}", player.told());
    let sent = events.first().map(|event| event["data"]["object"]["current_period_end"].clone());
    assert_eq!(sent.unwrap_or_default(), expected);
}

/// Plays a story against an endpoint that may be thin.
fn thinly(thin: bool, story: &str) -> (Vec<Value>, Player) {
    delivered_to(|endpoint| endpoint.thin = thin, story)
}

#[rstest::rstest]
#[case::line(false, "", ", shape = \"thin\"", true, "as a thin event")]
#[case::matrix(false, "matrix = { shape = [\"thin\"] }", "", true, "as a thin event")]
#[case::endpoint(true, "", "", true, "")]
#[case::line_wins(true, "", ", shape = \"endive\"", false, "in the shape of 2026-10-28.endive")]
fn thin_events_name_the_object_wherever_that_is_said(
    #[case] pinned: bool,
    #[case] matrix: &str,
    #[case] line: &str,
    #[case] thin: bool,
    #[case] differs: &str,
) {
    let story = format!(
        "{matrix}\n[[step]]\nstripe.subscribe = {{ price = \"pro_monthly\" }}\n\
         send = [{{ event = \"customer.subscription.created\", created = \"-1h\"{line} }}]\n"
    );
    let (events, player) = thinly(pinned, &story);
    let [event] = &events[..] else { panic!("{}", player.told()) };
    let differs = ["created 1 h earlier", differs].into_iter().filter(|word| !word.is_empty());
    assert_eq!(player.record().deliveries[0].0.changes, differs.collect::<Vec<_>>());
    if thin {
        assert_eq!((&event["object"], event.get("data")), (&json!("v2.core.event"), None));
        assert_eq!(event["type"], "v1.customer.subscription.created");
        assert_eq!(event["related_object"]["url"], "/v1/subscriptions/sub_1");
        assert_eq!(player.record().deliveries[0].0.event.kind, "v1.customer.subscription.created");
    } else {
        assert_eq!(event["object"], "event");
    }
}

#[test]
fn a_thin_event_holds_nothing_that_could_be_changed() {
    let story = "matrix = { shape = [\"thin\"] }\n[[step]]\nstripe.subscribe = { price = \"pro_monthly\" }\n\
                 send = [{ event = \"customer.subscription.created\", set = { status = \"x\" } }]\n";
    let (events, player) = thinly(false, story);
    assert_eq!((events.len(), player.record().verdict), (0, Verdict::Errored));
    let reason = player.record().reason.as_ref().unwrap();
    assert!(reason.message.contains("names the object"), "{}", reason.message);
}

#[test]
fn stripe_knows_an_event_that_only_the_scenario_made_before_it_is_sent() {
    let story = "[[step]]\nstripe.subscribe = { price = \"pro_monthly\" }\nsend = []\n[[step]]\n\
                 send = [{ template = \"customer.updated\", shape = \"thin\" }]\n";
    let (events, player) = thinly(false, story);
    assert_eq!(events.len(), 1, "{}", player.told());
    let told = player.told();
    let (keep, tried) = (told.find("keep customer.updated"), told.find("try 1 v1.customer.updated"));
    assert!(keep.is_some() && keep < tried, "{told}");
}
