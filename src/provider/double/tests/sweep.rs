//! Every route there is, asked with everything that is wrong: the answer is Stripe's or the double's own refusal,
//! never a panic. A new route comes under this by being in its table.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::provider::double::answer::{Answer, Request, answer};
use crate::provider::double::form;
use crate::provider::double::params::{Is, Table};
use crate::provider::double::route::{self, Call, Method, Route};

/// What is in the account before the first call: `{cus}` is the newest id with that prefix. What is not modelled
/// yet is left out.
const THERE: &[(&str, &str)] = &[
    ("customers", "name=Ann&email=ann@example.com"),
    ("products", "name=Box"),
    ("prices", "product={prod}&currency=usd&unit_amount=700&recurring[interval]=month"),
    ("payment_methods", "type=card&card[token]=tok_visa"),
    ("payment_methods/pm_card_visa/attach", "customer={cus}"),
    ("customers/{cus}", "payment_method=pm_card_visa"),
    ("customers/{cus}", "invoice_settings[default_payment_method]={pm}"),
    ("coupons", "percent_off=10&duration=once"),
    ("promotion_codes", "promotion[type]=coupon&promotion[coupon]={coupon}"),
    ("tax_rates", "display_name=VAT&percentage=20&inclusive=false"),
    ("subscriptions", "customer={cus}&items[0][price]={price}"),
    ("invoiceitems", "customer={cus}&amount=300&currency=usd"),
    ("invoices", "customer={cus}&pending_invoice_items_behavior=include"),
    (
        "payment_intents",
        "amount=900&currency=usd&customer={cus}&payment_method={pm}&confirm=true&off_session=true",
    ),
    ("refunds", "charge={ch}&amount=100"),
    ("setup_intents", "customer={cus}"),
    (
        "checkout/sessions",
        "mode=payment&success_url=https://x.io&line_items[0][price]=price_pro&line_items[0][quantity]=1",
    ),
    ("payment_links", "line_items[0][price]={price}&line_items[0][quantity]=1"),
    ("billing_portal/configurations", "features[invoice_history][enabled]=true"),
    ("billing_portal/sessions", "customer={cus}"),
    ("subscription_schedules", "customer={cus}&start_date=now&phases[0][items][0][price]={price}"),
    ("quotes", "customer={cus}&line_items[0][price]={price}"),
    ("credit_notes", "invoice={in}&amount=100"),
    ("customers/{cus}/balance_transactions", "amount=-100&currency=usd"),
    ("customers/{cus}/tax_ids", "type=eu_vat&value=DE123456789"),
    ("customers/{cus}/sources", "source=tok_visa"),
    ("test_helpers/test_clocks", "frozen_time=1800000000"),
    ("webhook_endpoints", "url=https://x.io/hook&enabled_events[]=*"),
    ("entitlements/features", "name=Gold&lookup_key=gold"),
    ("products/{prod}/features", "entitlement_feature={feat}"),
    ("tokens", "card[number]=4242424242424242"),
    ("sources", "type=card&token=tok_visa"),
    ("charges", "amount=500&currency=usd&customer={cus}"),
    ("billing/meters", "display_name=M&event_name=e&default_aggregation[formula]=sum"),
];

/// Without these the sweep would look at little.
const NEEDED: &[&str] = &["cus", "prod", "price", "pm", "sub", "in", "pi", "ch", "re", "evt"];

/// An account with something of everything, and a newest id for each prefix.
struct Full {
    account: Account,
    ids: BTreeMap<String, String>,
}

fn now() -> Timestamp {
    START.parse().unwrap()
}

impl Full {
    fn new() -> Self {
        let mut account = Account::new(now(), 7);
        super::super::catalog::stock(&mut account, &catalog()).unwrap();
        let mut full = Self { account, ids: BTreeMap::new() };
        for (path, form) in THERE {
            full.learn();
            let path = format!("/v1/{}", full.filled(path));
            let params = form::decode(full.filled(form).as_bytes()).unwrap();
            full.ask(Method::Post, &path, params);
        }
        full.learn();
        for prefix in NEEDED {
            assert!(full.ids.contains_key(*prefix), "no {prefix} in {:?}", full.ids);
        }
        full
    }

    fn learn(&mut self) {
        let account = &self.account;
        let ids = account.large.store.ids().chain(account.shop.ids());
        let mut ids: Vec<_> = ids.filter_map(|id| Some((account.find(id)?.seq, id.to_string()))).collect();
        ids.sort_unstable();
        let mut kinds: BTreeMap<String, String> = BTreeMap::new();
        for (_, id) in ids {
            let object = text(account.find(&id).unwrap().value(), "object").to_owned();
            kinds.insert(object, id.clone());
            if let Some((prefix, _)) = id.rsplit_once('_') {
                kinds.insert(prefix.to_owned(), id);
            }
        }
        self.ids = kinds;
    }

    fn filled(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (prefix, id)| text.replace(&format!("{{{prefix}}}"), id))
    }

    /// Calls, and puts back what the call did.
    fn try_out(&mut self, method: Method, path: &str, params: Map<String, Value>) -> Answer {
        let marks = (self.account.large.store.mark(), self.account.shop.mark());
        let answer = self.ask(method, path, params);
        self.account.large.store.undo(&marks.0);
        self.account.shop.undo(&marks.1);
        answer
    }

    fn ask(&mut self, method: Method, path: &str, params: Map<String, Value>) -> Answer {
        let call = Call { method, path: path.to_owned(), params };
        let request = Request {
            call: Ok(call),
            named: None,
            version: Version::NEWEST,
            method: method.as_str(),
            path,
            idempotency_key: None,
            now: now(),
            passes_on: false,
        };
        answer(&mut self.account, request)
    }
}

/// What is wrong with an answer, if anything is.
fn fault(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let error = &body["error"];
    if !body.is_object() || answer.body.len() > 1_000_000 {
        return Some(format!("answered {} bytes that are no object", answer.body.len()));
    }
    match answer.status {
        200 if error.is_null() => None,
        400 | 402 | 403 | 404 | 409 | 429 | 501
            if !text(error, "type").is_empty() && !text(error, "message").is_empty() =>
        {
            None
        }
        status => Some(format!("answered {status}: {body}")),
    }
}

/// What a parameter of this name could be, so that a call gets past the first check.
fn right(full: &Full, name: &str, is: Is) -> Value {
    let id = |prefix: &str| Value::from(full.ids.get(prefix).cloned().unwrap_or_default());
    match is {
        Is::Needed(is) => right(full, name, *is),
        Is::Fields(table) | Is::TextOr(table) => Value::Object(needed(full, table)),
        Is::Rows(table) => json!([needed(full, table)]),
        Is::Choice(words) => words[0].into(),
        Is::Bool => "true".into(),
        Is::Int => "1".into(),
        Is::Time | Is::TimeOr(_) => "1900000000".into(),
        Is::Decimal => "1.5".into(),
        Is::Map | Is::Meta => json!({ "a": "b" }),
        Is::List if name == "items" || name == "line_items" => {
            json!([{ "price": id("price"), "quantity": "1" }])
        }
        Is::List | Is::Texts => json!(["a"]),
        Is::NotModelled => "x".into(),
        Is::Text => match name {
            "customer" => id("cus"),
            "product" => id("prod"),
            "price" => "price_pro".into(),
            "subscription" => id("sub"),
            "invoice" => id("in"),
            "charge" => id("ch"),
            "payment_intent" => id("pi"),
            "payment_method" | "default_payment_method" => id("pm"),
            "coupon" => id("coupon"),
            "test_clock" => id("clock"),
            "entitlement_feature" => id("feat"),
            "quote" => id("qt"),
            "currency" => "usd".into(),
            name if name.contains("url") => "https://example.com/x".into(),
            name if name.contains("email") => "ann@example.com".into(),
            _ => "x".into(),
        },
    }
}

fn needed(full: &Full, table: Table) -> Map<String, Value> {
    let needed = table.iter().filter(|(_, is)| matches!(is, Is::Needed(_)));
    needed.map(|(name, is)| ((*name).to_owned(), right(full, name, *is))).collect()
}

/// Values as the form decoder gives them, most of them wrong wherever they stand.
fn odd(full: &Full) -> Vec<Value> {
    let mut odd = vec![
        json!(""),
        json!("x"),
        json!("0"),
        json!("-1"),
        json!("1.5"),
        json!("true"),
        json!("now"),
        json!(i64::MAX.to_string()),
        json!(i64::MIN.to_string()),
        json!("99999999999999999999"),
        json!("é\u{0}🦀\u{202e}"),
        json!("x".repeat(6_000)),
        json!("cus_missing"),
        json!(["x"]),
        json!([["x"]]),
        json!([{ "x": "y" }]),
        json!([{ "price": "price_missing" }]),
        json!({ "x": "y" }),
        json!({ "id": { "id": { "id": "x" } } }),
    ];
    // Something that is there, of another kind.
    odd.extend(["sub", "cus", "evt", "price"].map(|prefix| json!(full.ids[prefix])));
    odd
}

/// One parameter with a wrong value: `(as it is named, the top-level parameter, its value)`.
fn wrong(full: &Full, table: Table, odd: &[Value]) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (name, is) in table {
        all.extend(odd.iter().map(|value| ((*name).to_owned(), (*name).to_owned(), value.clone())));
        let (inner, in_rows) = match is {
            Is::Fields(inner) | Is::Needed(Is::Fields(inner)) => (*inner, false),
            Is::Rows(inner) | Is::Needed(Is::Rows(inner)) => (*inner, true),
            _ => continue,
        };
        let mut nested = wrong(full, inner, odd);
        nested.push(("no_such_thing".into(), "no_such_thing".into(), "x".into()));
        for (path, field, value) in nested {
            let mut fields = needed(full, inner);
            fields.insert(field, value);
            let value = if in_rows { json!([fields]) } else { Value::Object(fields) };
            all.push((format!("{name}[{path}]"), (*name).to_owned(), value));
        }
    }
    all
}

/// The path with ids of objects that the route is about, as far as there are such.
fn path_of(full: &mut Full, route: &Route) -> String {
    if !route.path.contains('{') {
        return route.path.to_owned();
    }
    let mut ids: Vec<String> = full.ids.values().cloned().collect();
    ids.dedup();
    for id in &ids {
        for sub in ids.iter().take(if route.path.contains("{sub}") { usize::MAX } else { 1 }) {
            let path = route.path.replace("{id}", id).replace("{sub}", sub);
            if full.try_out(route.method, &path, Map::new()).status != 404 {
                return path;
            }
        }
    }
    route.path.replace("{id}", &ids[0]).replace("{sub}", &ids[0])
}

/// Makes all calls of a route that are wrong in one place; gives what was wrong with the answers.
fn sweep(full: &mut Full, route: &Route, odd: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |full: &mut Full, what: &str, path: &str, params: Map<String, Value>| {
        let told = format!("{} {} {what}", route.method.as_str(), route.path);
        let answered =
            catch_unwind(AssertUnwindSafe(|| fault(&full.try_out(route.method, path, params.clone()))));
        match answered {
            Ok(None) => {}
            Ok(Some(fault)) => faults.push(format!("{told}: {fault} {params:.200?}")),
            Err(_) => {
                faults.push(format!("{told}: panicked {params:.200?}"));
                *full = Full::new();
            }
        }
    };
    let base = needed(full, route.params);
    for id in full.ids.values().cloned().chain(["missing".to_owned(), "é%00".to_owned()]).collect::<Vec<_>>()
    {
        let path = route.path.replace("{id}", &id).replace("{sub}", &id);
        check(full, &format!("of {id}"), &path, base.clone());
        check(full, &format!("of {id}, bare"), &path, Map::new());
    }
    let path = path_of(full, route);
    for (name, top, value) in wrong(full, route.params, odd) {
        let mut params = base.clone();
        params.insert(top, value);
        check(full, &name, &path, params);
    }
    let mut unknown = base;
    unknown.insert("no_such_thing".to_owned(), "x".into());
    check(full, "no_such_thing", &path, unknown.clone());
    let answer = full.try_out(route.method, &path, unknown);
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status != 400 || body["error"]["param"] != "no_such_thing" {
        faults.push(format!("{} {}: takes an unknown parameter: {body}", route.method.as_str(), route.path));
    }
    faults
}

#[test]
fn whatever_is_wrong_is_refused_by_every_route() {
    let mut full = Full::new();
    let odd = odd(&full);
    let faults: Vec<_> = route::all().flat_map(|route| sweep(&mut full, route, &odd)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(40)].join("\n"));
}

/// A call with several parameters, each right or wrong: picks are taken modulo what there is to choose from.
type Picks = Vec<(usize, usize)>;

fn mixed(full: &Full, table: Table, picks: &Picks, odd: &[Value]) -> Map<String, Value> {
    let mut params = needed(full, table);
    for (which, value) in picks {
        if table.is_empty() {
            break;
        }
        let (name, is) = table[which % table.len()];
        if matches!(is, Is::NotModelled) {
            continue;
        }
        // Half of them are right, and of those that have fields half are given some more.
        let inside = if let Is::Needed(is) = is { *is } else { is };
        let nested = |inner| mixed(full, inner, &vec![(*value / 4, *which), (*which, *value)], odd);
        let value = match (value % 4, inside) {
            (0, _) => odd[value / 4 % odd.len()].clone(),
            (1, Is::Fields(inner)) => Value::Object(nested(inner)),
            (1, Is::Rows(inner)) => json!([nested(inner)]),
            _ => right(full, name, is),
        };
        params.insert(name.to_owned(), value);
    }
    params
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn calls_in_any_order_are_answered(
        calls in prop::collection::vec((any::<usize>(), any::<(usize, usize)>(), prop::collection::vec((0_usize..10_000, 0_usize..10_000), 0..6)), 1..20)
    ) {
        let routes: Vec<&Route> = route::all().collect();
        let mut full = Full::new();
        let odd = odd(&full);
        for (which, (id, sub), picks) in &calls {
            let route = routes[which % routes.len()];
            let ids: Vec<String> = full.ids.values().cloned().collect();
            let path = route.path.replace("{id}", &ids[id % ids.len()]).replace("{sub}", &ids[sub % ids.len()]);
            let params = mixed(&full, route.params, picks, &odd);
            let answer = full.ask(route.method, &path, params.clone());
            let fault = fault(&answer);
            prop_assert!(fault.is_none(), "{} {path} {params:?}: {fault:?}", route.method.as_str());
            full.learn();
        }
    }
}
