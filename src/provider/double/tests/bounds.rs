//! What is kept, and what is forgotten in time.

use super::*;

#[tokio::test]
async fn the_newest_events_of_the_account_at_large_are_kept() {
    let config = DoubleConfig { keep_events: 3, ..DoubleConfig::default() };
    let double = Double::start(config, &catalog(), Clock::start(), 7).await.unwrap();
    let app = App::of(&Stand { double, slot: 0 });
    let mut made = Vec::new();
    for at in 0..5 {
        let customer = app.make("/v1/customers", &format!("name=c{at}")).await;
        made.push(customer["id"].clone());
    }
    let events = app.get("/v1/events").await.json();
    let about: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["data"]["object"]["id"].clone())
        .collect();
    assert_eq!(about, made.into_iter().rev().take(3).collect::<Vec<_>>());
}
