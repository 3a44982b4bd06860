//! What the event log and the lists say is what the account is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fuzz::with_ids;
use super::laws::anything;
use super::*;
use crate::provider::double::answer::{Request, answer};
use crate::provider::double::form;
use crate::provider::double::route::{Call, Method};
use crate::stripe::object::{data, int, merge};

/// What the shop's own program may do meanwhile: method, path, form. `ID:x` stands for an id of that kind.
type AppCall = (Method, &'static str, String);

#[derive(Debug, Clone)]
enum Step {
    Act(&'static str, Value),
    Call(AppCall),
}

fn call() -> impl Strategy<Value = AppCall> {
    use Method::{Delete, Post};
    let cards = vec!["pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"];
    let post = |path: &'static str, form: &str| (Post, path, form.to_owned());
    prop_oneof![
        ("[a-c]", -3_000_i64..3_000).prop_map(move |(word, balance)| {
            post("/v1/customers/ID:customer", &format!("name={word}&metadata[{word}]=1&balance={balance}"))
        }),
        "[a-c]?".prop_map(move |word| post("/v1/customers/ID:customer", &format!("metadata[a]={word}"))),
        (prop::sample::select(cards), 1_i64..4).prop_map(move |(card, quantity)| {
            let form = format!("customer=ID:customer&default_payment_method={card}");
            post(
                "/v1/subscriptions",
                &format!("{form}&items[0][price]=price_pro&items[0][quantity]={quantity}"),
            )
        }),
        prop::sample::select(vec!["classic", "flexible"]).prop_map(move |mode| {
            let form = "customer=ID:customer&default_payment_method=pm_card_visa&items[0][price]=price_pro";
            let yearly = "items[1][price_data][currency]=usd&items[1][price_data][product_data][name]=Year&\
                          items[1][price_data][unit_amount]=500&items[1][price_data][recurring][interval]=year";
            let more = if mode == "flexible" { yearly } else { "items[0][quantity]=2" };
            post("/v1/subscriptions", &format!("{form}&billing_mode[type]={mode}&{more}"))
        }),
        Just(post("/v1/subscriptions/ID:subscription/migrate", "billing_mode[type]=flexible")),
        any::<bool>().prop_map(move |ends| {
            let form = format!("cancel_at_period_end={ends}&metadata[ends]={ends}");
            post("/v1/subscriptions/ID:subscription", &form)
        }),
        (-900_i64..3_000).prop_map(move |amount| {
            post("/v1/invoiceitems", &format!("customer=ID:customer&amount={amount}&currency=usd"))
        }),
        Just(post("/v1/invoices", "customer=ID:customer&pending_invoice_items_behavior=include")),
        Just(post("/v1/invoices/ID:invoice", "metadata[seen]=1&description=x")),
        prop::sample::select(vec!["finalize", "pay", "void", "mark_uncollectible"]).prop_map(move |verb| {
            match verb {
                "finalize" => post("/v1/invoices/ID:invoice/finalize", ""),
                "pay" => post("/v1/invoices/ID:invoice/pay", "payment_method=pm_card_visa"),
                "void" => post("/v1/invoices/ID:invoice/void", ""),
                _ => post("/v1/invoices/ID:invoice/mark_uncollectible", ""),
            }
        }),
        (1_i64..3_000)
            .prop_map(move |amount| post("/v1/refunds", &format!("charge=ID:charge&amount={amount}"))),
        Just((Delete, "/v1/subscriptions/ID:subscription", String::new())),
        Just((Delete, "/v1/invoices/ID:invoice", String::new())),
        Just((Delete, "/v1/customers/ID:customer", String::new())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![anything().prop_map(|(kind, keys)| Step::Act(kind, keys)), call().prop_map(Step::Call)]
}

/// A history: the customer from before it, the events that it made, and every object that there is after it.
fn history(steps: &[Step]) -> (Value, Vec<Value>, BTreeMap<String, Value>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stand = Stand::seeded(13).await;
        let customer = stand.truth()["customer"].clone();
        let mut events = Vec::new();
        for step in steps {
            match step {
                // What the account's state does not allow is refused, and must leave no trace.
                Step::Act(kind, keys) => drop(stand.try_act(kind, keys.clone())),
                Step::Call((method, path, form)) => {
                    let truth = stand.truth();
                    let path = with_ids(path, &truth);
                    let params = form::decode(with_ids(form, &truth).as_bytes()).unwrap();
                    let call = Ok(Call { method: *method, path: path.clone(), params });
                    let (version, now) = (Version::all().next().unwrap(), START.parse().unwrap());
                    let method = method.as_str();
                    let request = Request {
                        call,
                        named: None,
                        version,
                        method,
                        path: &path,
                        idempotency_key: None,
                        now,
                        passes_on: false,
                    };
                    answer(&mut stand.double.shared.account(), request);
                }
            }
            events.extend(stand.double.drain(CASE));
        }
        let account = stand.double.shared.account();
        let store = &account.cases[&CASE].store;
        let object = |id: &Arc<str>| (id.to_string(), store.get(id).unwrap().whole());
        (
            customer,
            events,
            store.ids().map(object).filter(|(_, object)| object["object"] != "event").collect(),
        )
    })
}

/// An account as it looks to one who has nothing but its events, and the customer from before them.
struct Replica {
    objects: BTreeMap<String, Value>,
    gone: BTreeSet<String>,
}

impl Replica {
    fn of(customer: Value) -> Self {
        let objects = BTreeMap::from([(text(&customer, "id").to_owned(), customer)]);
        Self { objects, gone: BTreeSet::new() }
    }

    fn take(&mut self, event: &Value) {
        let object = &event["data"]["object"];
        let Some(id) = object["id"].as_str() else { return };
        // A subscription that ended is kept, with the status `canceled`.
        if text(event, "type").ends_with(".deleted") && object["object"] != "subscription" {
            self.objects.remove(id);
            self.gone.insert(id.to_owned());
        } else {
            self.objects.insert(id.to_owned(), object.clone());
        }
    }
}

/// What changes without an event about the object: what billing leaves on its customer, which is no change that
/// somebody asked of it, and the invoice that takes an item in, of which `invoice.created` tells (Stripe has
/// `invoiceitem.created` and `invoiceitem.deleted` only: <https://docs.stripe.com/api/events/types>).
const SILENT: &[(&str, &[&str])] = &[
    ("customer", &["/currency", "/invoice_settings/default_payment_method", "/next_invoice_sequence"]),
    ("invoiceitem", &["/invoice"]),
];

/// The kinds of which there is no event when they are made. Stripe has none of balance transactions of either sort;
/// of invoice payments, methods and discounts there is one when they are paid, attached to or given to a customer;
/// of entitlements there is the summary; a scenario's coupon stands for one that was there before. An item is
/// kept to say which subscription it is of, and has no `object`.
const UNTOLD: &[&str] = &[
    "",
    "balance_transaction",
    "coupon",
    "customer_balance_transaction",
    "discount",
    "entitlements.active_entitlement",
    "invoice_payment",
    "payment_method",
];

/// The fields in which two states of an object differ, but for silent ones. A key that is missing is null.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let kind = text(one, "object");
    let silent = SILENT.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, paths)| paths);
    let told = |object: &Value| {
        let mut object = object.clone();
        for path in silent {
            object.pointer_mut(path).map(Value::take);
        }
        object
    };
    let (one, other) = (told(one), told(other));
    let keys: BTreeSet<_> = [&one, &other].iter().flat_map(|it| it.as_object().unwrap().keys()).collect();
    let differ = keys.into_iter().filter(|key| !same(&one[*key], &other[*key]));
    differ.map(|key| format!("{kind}.{key}")).collect()
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            a.keys().chain(b.keys()).all(|key| same(&one[key], &other[key]))
        }
        _ => one == other,
    }
}

/// Whether a history's events are enough to make the account from nothing.
fn replays(steps: &[Step]) -> Result<(), TestCaseError> {
    let (customer, events, objects) = history(steps);
    let mut replica = Replica::of(customer);
    events.iter().for_each(|event| replica.take(event));
    for (id, object) in &objects {
        let kind = text(object, "object");
        if object["deleted"] == true {
            prop_assert!(replica.gone.contains(id), "{} is deleted and the events do not say so", id);
            continue;
        }
        match replica.objects.get(id) {
            Some(told) => {
                prop_assert_eq!(differences(told, object), Vec::<String>::new(), "{:?}", types(&events));
            }
            None => {
                let events = types(&events);
                prop_assert!(UNTOLD.contains(&kind), "no event tells of {} {}: {:?}", kind, id, events);
            }
        }
    }
    for id in replica.objects.keys() {
        prop_assert!(objects.contains_key(id), "{} is gone and the events do not say so", id);
    }
    Ok(())
}

/// Histories that broke the law once: drafts that do not advance by themselves, or do from the start.
#[rstest::rstest]
#[case(vec![act("payment_fails", json!({"attempts": "all", "leaves": "unpaid"})), act("renew", json!({}))])]
#[case(vec![act("pause", json!({"behavior": "keep_as_draft"})), act("renew", json!({}))])]
#[case(vec![
    ask("/v1/subscriptions/ID:subscription", "collection_method=send_invoice&days_until_due=30"),
    act("renew", json!({})),
])]
#[case(vec![ask(
    "/v1/subscriptions",
    "customer=ID:customer&items[0][price]=price_pro&collection_method=send_invoice&days_until_due=30",
)])]
fn what_broke_the_replay_once_does_not_again(#[case] then: Vec<Step>) {
    let mut steps = vec![act("checkout", json!({"price": "pro_monthly"}))];
    steps.extend(then);
    replays(&steps).unwrap();
}

fn act(kind: &'static str, keys: Value) -> Step {
    Step::Act(kind, keys)
}

fn ask(path: &'static str, form: &str) -> Step {
    Step::Call((Method::Post, path, form.to_owned()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replayed_from_nothing_the_events_give_the_account(steps in prop::collection::vec(step(), 1..10)) {
        replays(&steps)?;
    }

    #[test]
    fn previous_attributes_lead_back_to_the_event_before(steps in prop::collection::vec(step(), 1..10)) {
        let (customer, events, _) = history(&steps);
        let mut replica = Replica::of(customer);
        for event in &events {
            let object = &event["data"]["object"];
            let before = object["id"].as_str().and_then(|id| replica.objects.get(id));
            if let (Some(before), Some(changed)) = (before, event["data"]["previous_attributes"].as_object()) {
                prop_assert!(!changed.is_empty(), "{} of no change", event["type"]);
                let mut back = object.clone();
                merge(&mut back, changed);
                prop_assert_eq!(differences(&back, before), Vec::<String>::new(), "{}", event["type"]);
            }
            replica.take(event);
        }
    }

    #[test]
    fn the_lines_of_what_was_paid_come_to_its_total(steps in prop::collection::vec(step(), 1..10)) {
        let (_, events, _) = history(&steps);
        let sum = |list: &Value| -> i64 { list.as_array().into_iter().flatten().map(|one| int(one, "amount")).sum() };
        for invoice in events.iter().map(|event| &event["data"]["object"]) {
            if invoice["object"] != "invoice" {
                continue;
            }
            prop_assert_eq!(int(invoice, "amount_paid") + int(invoice, "amount_remaining"), int(invoice, "amount_due"));
            if invoice["status"] == "paid" {
                let added = |tax: &&Value| tax["tax_behavior"] == "exclusive";
                let taxes: i64 = invoice["total_taxes"].as_array().into_iter().flatten().filter(added).map(|tax| int(tax, "amount")).sum();
                let lines: i64 = data(&invoice["lines"]).iter().map(|line| int(line, "amount") - sum(&line["discount_amounts"])).sum();
                prop_assert_eq!(lines + taxes, int(invoice, "total"));
                prop_assert_eq!(int(invoice, "amount_remaining"), 0);
            }
        }
    }
}

/// Follows a list's pages to the end; gives the ids, newest first.
async fn walk(app: &App, path: &str, limit: usize, backwards: bool) -> Vec<String> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    if backwards {
        // From the oldest, which no page before it holds.
        let Some(oldest) = Box::pin(walk(app, path, 100, false)).await.pop() else { return seen };
        cursor = format!("&ending_before={oldest}");
        seen.push(oldest);
    }
    loop {
        let got = app.get(&format!("{path}{joint}limit={limit}{cursor}")).await;
        assert_eq!(got.status, 200, "{}", got.text);
        let page = got.json();
        let ids: Vec<_> = data(&page).iter().map(|one| text(one, "id").to_owned()).collect();
        assert!(ids.len() <= limit);
        if backwards {
            cursor = ids.first().map(|id| format!("&ending_before={id}")).unwrap_or_default();
            seen.splice(0..0, ids);
        } else {
            cursor = ids.last().map(|id| format!("&starting_after={id}")).unwrap_or_default();
            seen.extend(ids);
        }
        if page["has_more"] == false {
            return seen;
        }
    }
}

/// Everything in a list, with the ids of those that keep to a condition.
async fn scan(app: &App, path: &str, keeps: impl Fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for id in walk(app, path, 100, false).await {
        let object = app.get(&format!("{path}/{id}")).await.json();
        if keeps(&object) {
            found.push(id);
        }
    }
    found
}

/// Whether an object is one of those that a filter means.
type Keeps<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

/// Three customers, two of them with one address, and what was made for them in the account at large.
async fn stocked(made: &[(usize, u8, i64)]) -> (Stand, App, Vec<String>) {
    let stand = Stand::new().await;
    let app = App::of(&stand);
    let mut customers = Vec::new();
    for email in ["a@example.com", "a@example.com", "b@example.com"] {
        let customer = app.make("/v1/customers", &format!("email={email}")).await;
        customers.push(text(&customer, "id").to_owned());
    }
    for (of, what, seconds) in made {
        let customer = &customers[*of];
        stand.double.advance_all(SignedDuration::from_secs(*seconds)).unwrap();
        if *what > 0 {
            app.make("/v1/invoiceitems", &format!("customer={customer}&amount=500&currency=usd")).await;
        }
        if *what > 1 {
            let form = format!("customer={customer}&pending_invoice_items_behavior=include");
            let form = format!("{form}&collection_method=send_invoice&days_until_due=30");
            let invoice = app.make("/v1/invoices", &form).await;
            if *what > 2 {
                app.make(&format!("/v1/invoices/{}/finalize", text(&invoice, "id")), "").await;
            }
        }
    }
    (stand, app, customers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn pages_of_a_filtered_list_are_what_a_scan_of_everything_finds(
        made in prop::collection::vec((0_usize..3, 0_u8..4, 0_i64..3), 1..14), limit in 1_usize..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_stand, app, customers) = stocked(&made).await;
            let middle = app.get(&format!("/v1/customers/{}", customers[1])).await.json();
            let since = int(&middle, "created") + 2;
            let first = &customers[0];
            let of_first = |object: &Value| text(object, "customer") == first;
            let later = |object: &Value| int(object, "created") >= since;
            let open = |object: &Value| object["status"] == "open";
            let cases: Vec<(&str, String, Keeps<'_>)> = vec![
                ("/v1/customers", "email=a@example.com".into(), Box::new(|object| object["email"] == "a@example.com")),
                ("/v1/invoiceitems", format!("customer={first}"), Box::new(of_first)),
                ("/v1/invoiceitems", format!("customer={first}&created[gte]={since}"), Box::new(move |object| of_first(object) && later(object))),
                ("/v1/invoices", "status=open".into(), Box::new(open)),
                ("/v1/invoices", format!("customer={first}&status=open"), Box::new(move |object| of_first(object) && open(object))),
                ("/v1/invoices", format!("created[lt]={since}"), Box::new(move |object| !later(object))),
                ("/v1/events", "type=invoice.*".into(), Box::new(|object| text(object, "type").starts_with("invoice."))),
            ];
            for (path, filter, keeps) in cases {
                let expected = scan(&app, path, keeps).await;
                for backwards in [false, true] {
                    let pages = walk(&app, &format!("{path}?{filter}"), limit, backwards).await;
                    prop_assert_eq!(&pages, &expected, "{}?{} by {}", path, &filter, limit);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_seed_reproduces_answers_over_http(calls in prop::collection::vec(call(), 1..8), seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let link = regex::Regex::new(r"\?t=\d+").unwrap();
        let run = || runtime.block_on(async {
            let stand = Stand::seeded(seed).await;
            let app = App::of(&stand);
            stand.act("checkout", json!({"price": "pro_monthly"}));
            let mut answers = Vec::new();
            for (method, path, form) in &calls {
                let truth = stand.truth();
                let got = app.send(method.as_str(), &with_ids(path, &truth), &with_ids(form, &truth), &[]).await.unwrap();
                // An error's link to the log names the second by the wall clock.
                let bytes = link.replace_all(&got.text, "").into_owned();
                answers.push((got.status, got.header("request-id").to_owned(), bytes));
            }
            (answers, stand.double.drain(CASE))
        });
        let (first, again) = (run(), run());
        prop_assert_eq!(first.0, again.0);
        prop_assert!(serde_json::to_string(&first.1).unwrap() == serde_json::to_string(&again.1).unwrap());
    }
}
