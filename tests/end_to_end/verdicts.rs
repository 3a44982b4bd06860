//! What would give a false verdict with a hasty judge: each is told rightly.

use rstest::rstest;

use crate::support::{Project, Ran};

/// The odd app and its one mail, in a step with these lines instead of its expectation.
fn judged(odd: &str, lines: &str) -> Ran {
    let read = "read = { active = \"$.active\", mails = \"$.mails\" }";
    Project::with(odd)
        .project("read = { active = \"$.active\" }", read)
        .project("hold   = \"10ms\"", "hold   = \"400ms\"")
        .edit("scenarios/story.toml", "then.access = { active = true }", lines)
        .run(&["run", "--json"])
}

#[rstest]
// What is so before anything has happened must stay so.
#[case::nothing_happens_is_not_seen_too_early("grants-later", "then.access = { active = false }", "failed")]
#[case::unchanged_is_not_seen_too_early("grants-later", "unchanged = [\"access\"]", "failed")]
#[case::nothing_happens("grants-nothing", "then.access = { active = false }", "passed")]
// One mail is not one mail as long as another may follow.
#[case::exactly_one_is_not_seen_too_early("mails-twice", "then.access = { mails = { count = 1 } }", "failed")]
#[case::none_is_not_one_yet("grants-later", "then.access = { mails = { count = 1 } }", "passed")]
#[case::a_retry_that_repairs("refuses-once", "then.access = { active = true }", "passed")]
#[case::no_retry_asked_for(
    "refuses-once",
    "send = [{ event = \"checkout.session.completed\", retry = false }]\nthen.access = { active = true }",
    "failed"
)]
#[case::a_handler_that_is_cut_off_goes_on(
    "takes-its-time",
    "send = [{ event = \"checkout.session.completed\", timeout = \"100ms\" }]\nwithin = \"2s\"\nthen.access = { active = true }",
    "passed"
)]
// The app may be waiting for its own clock, which stands still: that is no verdict on it.
#[case::a_lock_that_only_time_would_end(
    "locks",
    "send = [{ event = \"checkout.session.completed\", timeout = \"60ms\" }]\nthen.access = { active = false }",
    "errored"
)]
fn each_is_told_rightly(#[case] odd: &str, #[case] lines: &str, #[case] expected: &str) {
    let ran = judged(odd, lines);
    assert_eq!(ran.verdicts(), [format!("story {expected}")], "{}", ran.stderr);
}

#[rstest]
#[case::changes("grants-all", "failed")]
#[case::stays_as_it_was("nothing", "passed")]
fn a_bystander_must_not_change(#[case] odd: &str, #[case] expected: &str) {
    let bystander = "[[given.customer]]\n[[given.customer]]\nname = \"bystander\"\n\n[[step]]";
    let project = Project::with(odd).edit("scenarios/story.toml", "[[step]]", bystander);
    assert_eq!(project.run(&["run", "--json"]).verdicts(), [format!("story {expected}")]);
}

/// While an event is held back the app cannot agree with Stripe, and nobody says that it should; in the end it must.
#[rstest]
#[case::told_in_the_end("send = [{ event = \"*\", from = \"pays\" }]", "passed")]
#[case::never_told("request = [\"signup\"]", "failed")]
fn an_event_that_is_held_back_is_no_alarm(#[case] last: &str, #[case] expected: &str) {
    let steps =
        format!("send = []\nthen.access = {{ active = false }}\n\n[[step]]\nname = \"in the end\"\n{last}");
    let pair = "[reconcile]\n\"access.status\" = \"subscription.status\"\n\n[environment.ci]";
    let project = Project::with("nothing")
        .project(
            "read = { active = \"$.active\" }",
            "read = { active = \"$.active\", status = \"$.status\" }",
        )
        .project("[environment.ci]", pair)
        .edit("scenarios/story.toml", "then.access = { active = true }", &steps);
    let ran = project.run(&["run", "--json"]);
    assert_eq!(ran.verdicts(), [format!("story {expected}")], "{}", ran.stderr);
}
