//! Search over HTTP, where Stripe has it.

use super::*;

#[tokio::test]
async fn what_a_query_means_is_found_in_pages() {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    for at in 0..5 {
        let tier = if at == 2 { "gold" } else { "silver" };
        app.make("/v1/customers", &format!("name=Person+{at}&metadata[tier]={tier}")).await;
    }
    let page = app.get("/v1/customers/search?query=metadata['tier']:'silver'&limit=3").await.json();
    assert_eq!((&page["object"], &page["url"]), (&json!("search_result"), &json!("/v1/customers/search")));
    assert_eq!(page["has_more"], true);
    let names = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|found| text(found, "name").to_owned()).collect()
    };
    assert_eq!(names(&page), ["Person 4", "Person 3", "Person 1"]);
    let next = text(&page, "next_page");
    let page =
        app.get(&format!("/v1/customers/search?query=metadata['tier']:'silver'&limit=3&page={next}")).await;
    let page = page.json();
    assert_eq!(names(&page), ["Person 0"]);
    assert_eq!((&page["has_more"], &page["next_page"]), (&json!(false), &json!(null)));
}

#[rstest::rstest]
#[case("customers", "email:'jenny@example.com'", "customer")]
#[case("subscriptions", "status:'active'", "subscription")]
#[case("invoices", "total>100 AND status:'paid'", "invoice")]
#[case("prices", "lookup_key:'pro_monthly'", "price")]
#[case("products", "name~'PRO'", "product")]
#[case("charges", "payment_method_details.card.last4:4242", "charge")]
#[case("payment_intents", "-status:'canceled'", "payment_intent")]
#[tokio::test]
async fn every_resource_that_stripe_searches(#[case] noun: &str, #[case] query: &str, #[case] object: &str) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    stand.act("subscribe", json!({"price": "pro_monthly"}));
    let found = app.get(&format!("/v1/{noun}/search?query={query}")).await.json();
    let found = found["data"].as_array().unwrap_or_else(|| panic!("{found}"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["object"], object);
    let none = app.get(&format!("/v1/{noun}/search?query=metadata['x']:'y'")).await.json();
    assert_eq!(none["data"], json!([]));
}

#[rstest::rstest]
#[case("", "Missing required param: query.")]
#[case("?query=name:'x'&limit=0", "Invalid limit: must be from 1 to 100")]
#[case("?query=name:'x'&page=zzz", "Invalid page: zzz")]
#[case("?query=name:'x'&starting_after=cus_x", "Received unknown parameter: starting_after")]
#[tokio::test]
async fn a_search_that_makes_no_sense_is_refused(#[case] asked: &str, #[case] message: &str) {
    let stand = Stand::new().await;
    let got = App::of(&stand).get(&format!("/v1/customers/search{asked}")).await;
    assert_eq!(got.error(), (400, message.to_owned()));
}
