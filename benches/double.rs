//! Figures of the embedded double, printed: `cargo bench --bench double`. Nothing is asserted.
//!
//! The double runs on one thread of its own, the load comes from another thread over keep-alive connections
//! with plain blocking sockets, pipelining nothing: each connection sends its next request when it has read
//! its answer. On a machine with two free cores that is one core for each side. CPU time of the double's
//! thread is read from `/proc/self/task`, so that requests per second of *its* core are shown too.
//!
//! Then the double runs as a process of its own, as an app's tests meet it: start, throughput, time to a webhook, and
//! memory with many subscriptions. With `--beside-localstripe` the same is asked of localstripe, a Python program
//! (of PyPI), and ratios are printed. It is installed from PyPI into an environment
//! below the target folder, and only then. It listens on all addresses while it runs, and keeps what it has in
//! `/tmp/localstripe.pickle`, both as it was written. It waits a second before it sends a webhook.
//!
//! `cargo bench --bench double -- [--beside-localstripe] [--subscriptions N]`; N is 100,000 if left out.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark stops where it cannot measure, and prints"
)]

#[path = "double/beside.rs"]
mod beside;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use paydrill::id::{CaseId, IdMinter};
use paydrill::provider::double::{Catalog, CatalogPrice, CatalogProduct, Double, DoubleConfig};
use paydrill::stripe::action::{Action, ActionKind};
use paydrill::time::Clock;
use serde_json::{Map, json};

/// Keep-alive connections of the load.
const CONNECTIONS: usize = 32;
/// How long each load lasts.
const LASTS: Duration = Duration::from_secs(3);
/// Cases that are opened and closed for the memory figure.
const CASES: u32 = 10_000;

/// Subscriptions of the memory figures as a process, where none are named.
const SUBSCRIPTIONS: usize = 100_000;

fn main() {
    let given: Vec<String> = std::env::args().collect();
    let number = |name| {
        let at = given.iter().position(|word| word == name)?;
        given.get(at + 1)?.parse::<usize>().ok()
    };
    if let Some(keep_events) = number("--serve") {
        return beside::serve(keep_events);
    }
    in_process();
    let localstripe = given.iter().any(|word| word == "--beside-localstripe");
    beside::compare(number("--subscriptions").unwrap_or(SUBSCRIPTIONS), localstripe);
}

fn in_process() {
    let (double, thread, started) = start();
    println!("start                    {:>10.2} ms (until it listens)", started.as_secs_f64() * 1e3);
    let case = CaseId(1);
    let subscription = subscribe(&double, case);
    let customer = id_of(&double, case, "customer");
    for (name, request) in [
        ("retrieve subscription", get(&format!("/v1/subscriptions/{subscription}"))),
        ("retrieve, expanded", get(&format!("/v1/subscriptions/{subscription}?expand[]=latest_invoice"))),
        ("list subscriptions", get(&format!("/v1/subscriptions?customer={customer}"))),
        ("create customer", post("/v1/customers", "name=Load&metadata[k]=v")),
    ] {
        let (busy, (count, took)) = measured(thread, || load(&double, &request));
        let each = count as f64 / took.as_secs_f64();
        let of_core = count as f64 / busy.as_secs_f64().max(1e-9);
        println!("{name:<24} {each:>10.0} /s   {of_core:>8.0} per second of the double's own CPU time");
    }
    memory(&double);
}

/// Starts the double on a thread of its own; gives that thread's id.
fn start() -> (Double, u32, Duration) {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let clock = Clock::start();
            let double =
                Double::start(DoubleConfig::default(), &catalog(), clock, 7).await.expect("a double");
            let took = clock.elapsed();
            let thread = std::fs::read_link("/proc/thread-self").ok();
            let thread = thread.and_then(|path| path.file_name()?.to_str()?.parse().ok()).unwrap_or(0);
            send.send((double, thread, took)).expect("the main thread waits");
            std::future::pending::<()>().await;
        });
    });
    receive.recv().expect("the double starts")
}

fn catalog() -> Catalog {
    let product = CatalogProduct {
        key: "pro".into(),
        id: None,
        name: "Pro".into(),
        features: Vec::new(),
        metadata: Map::new(),
    };
    let price = CatalogPrice {
        key: "pro_monthly".into(),
        id: None,
        product: "pro".into(),
        unit_amount: 9_900,
        currency: "usd".into(),
        every: Some("month".into()),
        metered: false,
        metadata: Map::new(),
    };
    Catalog { products: vec![product], prices: vec![price] }
}

/// A case with a subscription and its burst; gives the subscription's id.
fn subscribe(double: &Double, case: CaseId) -> String {
    double.open(case, jiff::Timestamp::UNIX_EPOCH, IdMinter::new(7, u64::from(case.0)));
    double.add_customer(case, &format!("c{}@example.com", case.0));
    let keys = json!({ "price": "pro_monthly" });
    let keys = keys.as_object().expect("a table");
    let action = Action::from_keys(ActionKind::Checkout, keys).expect("readable keys");
    double.act(case, 0, &action).expect("a checkout");
    assert_eq!(double.drain(case).len(), 13, "the figures below name the size of the burst");
    id_of(double, case, "subscription")
}

fn id_of(double: &Double, case: CaseId, object: &str) -> String {
    double.truth(case, 0, None)[object]["id"].as_str().expect("an id").to_owned()
}

fn get(path: &str) -> String {
    request("GET", path, "")
}

fn post(path: &str, body: &str) -> String {
    request("POST", path, body)
}

fn request(method: &str, path: &str, form: &str) -> String {
    let sent = if form.is_empty() {
        String::new()
    } else {
        let length = form.len();
        format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n")
    };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer sk_test_bench\r\n{sent}\r\n{form}"
    )
}

/// CPU time of the double's thread while `work` runs, and what `work` gives.
fn measured<T>(thread: u32, work: impl FnOnce() -> T) -> (Duration, T) {
    let before = cpu_time(thread);
    let given = work();
    (cpu_time(thread).saturating_sub(before), given)
}

/// From the scheduler's own account, in nanoseconds.
fn cpu_time(thread: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Sends `request` over and over on all connections: one round writes to each, then reads from each.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
fn load(double: &Double, request: &str) -> (u64, Duration) {
    let address = double.url().replace("http://", "");
    let connect = || {
        let stream = TcpStream::connect(&address).expect("the double listens");
        stream.set_nodelay(true).expect("a socket option");
        stream
    };
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| connect()).collect();
    let mut buffer = vec![0; 64 * 1024];
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < LASTS {
        for stream in &mut connections {
            stream.write_all(request.as_bytes()).expect("a request is written");
        }
        for stream in &mut connections {
            read_answer(stream, &mut buffer);
            count += 1;
        }
    }
    (count, begin.elapsed())
}

/// Reads one answer, whole; gives where in the buffer its body stands.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> (usize, usize) {
    let mut have = 0;
    loop {
        let read = stream.read(&mut buffer[have..]).expect("an answer is read");
        assert!(read > 0, "the connection ended in the middle of an answer");
        have += read;
        let Some(head) = buffer[..have].windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).expect("headers are text").to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let end = head + 4 + length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if have >= end {
            let answer = String::from_utf8_lossy(&buffer[..end]);
            assert!(text.starts_with("http/1.1 200"), "{answer}");
            return (head + 4, end);
        }
    }
}

/// What cases leave behind, and what an open one holds.
fn memory(double: &Double) {
    let many = |from: u32, count: u32, close: bool| {
        for case in from..from + count {
            subscribe(double, CaseId(case));
            if close {
                double.close(CaseId(case));
            }
        }
    };
    many(10, 100, true);
    let before = resident();
    let clock = Clock::start();
    many(1_000, CASES, true);
    let took = clock.elapsed();
    let grown = resident().saturating_sub(before);
    println!("bytes per closed case    {:>10.1} ({CASES} cases)", grown as f64 / f64::from(CASES));
    println!(
        "checkout in process      {:>10.0} /s   (open, checkout, drain, truth, close)",
        f64::from(CASES) / took.as_secs_f64()
    );
    let before = resident();
    many(100_000, 1_000, false);
    let held = resident().saturating_sub(before);
    println!(
        "KB per open case         {:>10.1} (a subscription and its burst of 13 events)",
        held as f64 / 1_024.0 / 1_000.0
    );
    println!("resident                 {:>10.1} MB", resident() as f64 / 1_048_576.0);
}

/// Resident memory of this process, load side included, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}
