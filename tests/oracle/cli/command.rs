//! Commands beside `trigger`: what people type, and fixture files of their own.

use std::process::Output;

use serde_json::Value;

use super::{Cli, complaint};
use crate::api::Api;
use crate::heavy;
use crate::receiver::Receiver;

/// A fixture file of ours: a shop with a subscription that is canceled again.
const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/cli/shop.json");

/// What the command printed, which must have succeeded.
fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", complaint(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stdout));
    })
}

#[tokio::test]
async fn objects_are_posted_got_listed_and_deleted() {
    if !heavy::asked("oracle") {
        return;
    }
    let cli = Cli::installed();
    let (api, double) = Api::double().await;
    let url = api.url.as_str();
    let made =
        printed(&cli.call(url, &["post", "/v1/customers", "-d", "name=Jenny", "-d", "metadata[a]=1"]).await);
    assert_eq!((&made["name"], &made["metadata"]["a"]), (&"Jenny".into(), &"1".into()));
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/customers/{id}");
    assert_eq!(printed(&cli.call(url, &["get", &path]).await), made);
    assert_eq!(printed(&cli.call(url, &["customers", "retrieve", id]).await), made);
    let other = printed(&cli.call(url, &["customers", "create", "--name", "Joe"]).await);
    let list = printed(&cli.call(url, &["customers", "list", "--limit", "1"]).await);
    assert_eq!((&list["data"][0], &list["has_more"]), (&other, &true.into()));
    let renamed = printed(&cli.call(url, &["customers", "update", id, "--name", "Jane"]).await);
    assert_eq!((&renamed["id"], &renamed["name"]), (&made["id"], &"Jane".into()));
    // It asks before it deletes.
    let gone = printed(&cli.call(url, &["delete", &path, "--confirm"]).await);
    assert_eq!((&gone["id"], &gone["deleted"]), (&made["id"], &true.into()));
    let wrong = cli.call(url, &["post", "/v1/customers", "-d", "colour=red"]).await;
    assert_eq!(complaint(&wrong), "\"message\": \"Received unknown parameter: colour\",");
    double.stop().await;
}

#[tokio::test]
async fn a_fixture_file_is_carried_out() {
    if !heavy::asked("oracle") {
        return;
    }
    let cli = Cli::installed();
    let (api, double) = Api::double().await;
    let output = cli.call(&api.url, &["fixtures", SHOP]).await;
    assert!(output.status.success(), "{}", complaint(&output));
    let (_, subscriptions) = api.get("/v1/subscriptions?status=all").await;
    let subscription = &subscriptions["data"][0];
    assert_eq!(subscription["status"], "canceled");
    assert_eq!(subscription["items"]["data"][0]["quantity"], 3);
    let product = subscription["items"]["data"][0]["price"]["product"].as_str().unwrap();
    let (_, product) = api.get(&format!("/v1/products/{product}")).await;
    assert_eq!(product["metadata"]["made_by"], "a fixture of ours");
    let events = api.events().await;
    assert!(events.iter().any(|event| event["type"] == "customer.subscription.deleted"));
    double.stop().await;
}

/// The same event comes again: its id, its very body but for how many endpoints still wait, and a signature of
/// now.
#[tokio::test]
async fn an_event_is_sent_again_to_the_endpoint_that_is_named() {
    if !heavy::asked("oracle") {
        return;
    }
    let cli = Cli::installed();
    let (api, double) = Api::double().await;
    let receiver = Receiver::start().await;
    let endpoint = |path: &str| format!("{}{path}", receiver.url);
    let (here, there) = (endpoint("/here"), endpoint("/there"));
    let (_, here) = api.post("/v1/webhook_endpoints", &[("enabled_events[]", "*"), ("url", &here)]).await;
    api.post("/v1/webhook_endpoints", &[("enabled_events[]", "*"), ("url", &there)]).await;
    api.post("/v1/customers", &[("name", "Jenny")]).await;
    let came = receiver.wait_for(2).await;
    let event = came[0].event().unwrap();
    let id = event["id"].as_str().unwrap();
    let arguments = ["events", "resend", id, "--webhook-endpoint", here["id"].as_str().unwrap()];
    let resent = printed(&cli.call(&api.url, &arguments).await);
    assert_eq!(resent["id"], event["id"]);
    let came = receiver.wait_for(3).await;
    assert_eq!(came[2].path, "/here");
    assert!(came[2].is_signed_with(here["secret"].as_str().unwrap()));
    let again = came[2].event().unwrap();
    assert_eq!((&again["id"], &again["data"]), (&event["id"], &event["data"]));
    double.stop().await;
}
