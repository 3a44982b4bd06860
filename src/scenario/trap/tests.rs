//! Stories with a trap in them, and their neighbours that have none.

use crate::scenario::code::Code;
use crate::scenario::render::{Color, render};
use crate::scenario::tests::parse;

/// A story of one step, and what is beside it.
fn story(before: &str, step: &str) -> String {
    format!("promise = \"p\"\n{before}\n[[step]]\n{step}\n")
}

const CANCEL: &str = "stripe.cancel = { at = \"now\" }\n";

/// Read the snapshot: it is what this module is for.
const TRAPS: &[(&str, &str, &str)] = &[
    ("only that it is delivered", "", "stripe.cancel = {}\nreconcile = false"),
    ("nothing at all", "", "stripe.cancel = {}\nsend = []\nreconcile = false"),
    (
        "matchers that match everything",
        "",
        "stripe.cancel = {}\nreconcile = false\nthen.access = { plan = { matches = \".*\" }, features = { count = { gte = 0 } }, active = { one_of = [true, false] }, http_status = { gte = 100, lt = 600 } }\nthen.delivery = { class = { one_of = [\"2xx\", \"3xx\", \"4xx\", \"5xx\"] }, took = { gte = \"0s\" } }",
    ),
    (
        "an alternative that always holds",
        "",
        "stripe.cancel = {}\nreconcile = false\neither = [{ access = { plan = \"free\" } }, { access = { plan = { contains = \"\" } } }]",
    ),
    ("unchanged before anything was sent", "", "stripe.cancel = {}\nsend = []\nunchanged = [\"access\"]"),
    ("no time", "", "stripe.cancel = {}\nthen.access = { plan = \"free\" }\nwithin = \"1ms\""),
    (
        "changes that change nothing",
        "",
        "stripe.cancel = {}\nsend = [{ event = \"customer.subscription.deleted\", livemode = false, created = \"0s\", set = { status = \"canceled\" } }, { event = \"customer.subscription.deleted\", remove = [\"current_period_end\", \"custmer\"], null = [\"items.total\"] }, { event = \"customer.subscription.deleted\", set = { customer = \"x\" }, remove = [\"customer\"] }, { event = \"customer.subscription.deleted\", set = { customer = \"{{ customer.id }}\", livemode = false } }]\nthen.access = { plan = \"free\" }",
    ),
    (
        "ids written out",
        "[[given.customer]]\nsubscription = [{ price = \"pro_monthly\", set.description = \"jenny@example.com\" }]",
        "stripe.change_price = { price = \"team_monthly\", set.metadata = { customer = \"cus_9s6XKzkNRiz8i3\" } }\nthen.access = { plan = \"sub_1Mowv\" }",
    ),
    (
        "an event too many",
        "",
        "stripe.change_quantity = { quantity = 2 }\nsend = [{ event = \"invoiceitem.created\", nth = 2 }, { event = \"invoiceitem.created\", nth = 3 }]\nthen.access = { seats = 2 }",
    ),
    (
        "lost twice",
        "",
        "stripe.renew = {}\ndrop = [\"invoice.*\", \"invoice.paid\"]\nthen.access = { plan = \"pro\" }",
    ),
    (
        "a matrix of one, and one that is named nowhere",
        "matrix = { order = [\"reversed\"], x = [1, 2] }",
        "stripe.renew = {}\nthen.access = { plan = \"pro\" }",
    ),
    (
        "a bystander whom nobody knows",
        "[[given.customer]]\n[[given.customer]]\nrequest = []\nsubscription = [{ price = \"pro_monthly\", told = false }]",
        "stripe.subscribe = { price = \"pro_monthly\" }\nthen.access = { plan = \"pro\" }",
    ),
    (
        "allowing what is not there",
        "allow = [\"never-fails\", \"never-fials\"]",
        "stripe.cancel = {}\nthen.access = { plan = \"free\" }",
    ),
];

#[test]
fn traps_say_what_is_wrong_and_where() {
    let mut told = String::new();
    for (title, before, step) in TRAPS {
        let (_, diagnostics) = parse(&story(before, step));
        assert!(!diagnostics.is_empty(), "{title}");
        told.push_str(&format!("==== {title}\n\n{}", render(&diagnostics, Color::No)));
    }
    insta::assert_snapshot!(told);
}

/// What looks like a trap, and is none.
#[rstest::rstest]
#[case::compared_with_stripe("", "stripe.cancel = {}")]
#[case::a_bystander(
    "[[given.customer]]\n[[given.customer]]\nsubscription = [{ price = \"pro_monthly\" }]",
    "stripe.subscribe = { price = \"pro_monthly\" }\nreconcile = false"
)]
#[case::refused(
    "",
    "stripe.cancel = {}\nreconcile = false\nthen.delivery = { class = { one_of = [\"4xx\", \"5xx\"] } }"
)]
#[case::at_least_one("", "stripe.cancel = {}\nthen.access = { features = { count = { gte = 0, lte = 3 } } }")]
#[case::unchanged_after_something("", "stripe.cancel = {}\nunchanged = [\"access\"]")]
#[case::unchanged_though_held_back(
    "",
    "stripe.cancel = {}\n[[step]]\nstripe.pause = {}\nsend = []\nunchanged = [\"access\"]"
)]
#[case::a_field_of_an_older_shape(
    "matrix = { shape = [\"2024-06-20\"] }",
    "stripe.cancel = {}\nsend = [{ event = \"customer.subscription.deleted\", remove = [\"current_period_end\", \"metadata.user\", \"pause_collection.behavior\"] }]\nthen.access = { plan = \"free\" }"
)]
#[case::a_status_that_is_wrong(
    "",
    "stripe.cancel = {}\nsend = [{ event = \"customer.subscription.deleted\", set = { status = \"active\" } }]\nthen.access = { plan = \"free\" }"
)]
#[case::a_foreign_id_is_sent(
    "",
    "stripe.cancel = {}\nsend = [{ event = \"customer.subscription.deleted\", set = { customer = \"cus_9s6XKzkNRiz8i3\" } }]\nunchanged = [\"access\"]\nreconcile = false"
)]
#[case::words("", "stripe.cancel = {}\nthen.access = { plan = \"in_progress\" }")]
#[case::an_axis_in_a_text(
    "matrix = { plan = [\"a\", \"b\"] }",
    "stripe.cancel = {}\nthen.access = { plan = \"{{ matrix.plan }}\" }"
)]
#[case::a_bystander_the_app_knows(
    "[[given.customer]]\n[[given.customer]]",
    "stripe.subscribe = { price = \"pro_monthly\" }\nthen.access = { plan = \"pro\" }"
)]
#[case::allowed("allow = [\"never-fails\"]", "stripe.cancel = {}\nreconcile = false")]
fn what_looks_like_a_trap_and_is_none(#[case] before: &str, #[case] step: &str) {
    let (scenario, diagnostics) = parse(&story(before, step));
    assert!(diagnostics.is_empty() && scenario.is_some(), "{}", render(&diagnostics, Color::No));
}

#[test]
fn an_error_cannot_be_allowed() {
    let (scenario, diagnostics) =
        parse(&story("allow = [\"unknown-probe\"]", &format!("{CANCEL}then.acess = {{ plan = \"free\" }}")));
    assert!(scenario.is_none());
    assert!(diagnostics.iter().any(|found| found.code == Code::UnknownProbe));
}
