//! The app under test of `tests/bad_input.rs` and `tests/lifecycle.rs`: it grants what was paid for, or goes wrong
//! in the way it is told to.
//!
//! What goes wrong at its start is its argument ([`Start`]). What goes wrong with one customer is said by the
//! scenario, in the metadata of the checkout: `set.metadata = { odd = "hangs" }` ([`Odd`]).
#![expect(clippy::print_stdout, reason = "an app of its own, whose output is what the tests look at")]

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PAGE: &str = r#"<!doctype html>
<title>Your account</title>
<h1 id="plan">One moment</h1>
<p id="who"></p>
<p id="elsewhere"></p>
<p id="hidden" style="display: none">not for people</p>
<script>
const shown = (id, text) => { document.getElementById(id).textContent = text; };
shown('who', document.cookie);
fetch('/api/access/CUSTOMER').then(answer => answer.json()).then(access => shown('plan', access.active ? 'Pro' : 'Free'));
fetch('http://elsewhere.example/', { mode: 'no-cors' }).then(() => shown('elsewhere', 'reached'), () => shown('elsewhere', 'not reached'));
</script>"#;

/// 10 MB.
const HUGE: usize = 10_000_000;

#[derive(Debug, Parser)]
struct Args {
    #[arg(value_enum, default_value = "fine")]
    start: Start,
    #[arg(long, env = "PORT")]
    port: u16,
    /// 0.0.0.0 in a container.
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    host: IpAddr,
    #[arg(long, env = "STRIPE_API_BASE")]
    stripe: String,
}

/// How it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Start {
    /// As it should.
    Fine,
    /// It listens, but is never healthy.
    NeverReady,
    /// It ends before it listens.
    Dies,
    /// It runs, and nobody can sign up.
    NoSignup,
    /// It runs, and does not end when it is asked to.
    IgnoresTerm,
    /// It takes more and more memory before it listens.
    Eats,
    /// It runs, and prints without end.
    Floods,
}

/// What it does wrong with one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Odd {
    /// Nothing.
    Nothing,
    /// It answers 200 and grants nothing.
    GrantsNothing,
    /// It grants nothing to the first customer it meets.
    GrantsTheSecond,
    /// It ends while it handles the delivery.
    Dies,
    /// It does not answer the delivery.
    Hangs,
    /// It takes a while, and grants at the end, also where nobody waits for the answer any more.
    TakesItsTime,
    /// It reads the customer at Stripe before it grants.
    ReadsStripe,
    /// It answers, and grants a moment later.
    GrantsLater,
    /// It grants and sends a mail, and a moment later another one.
    MailsTwice,
    /// It grants everybody what one has paid for.
    GrantsAll,
    /// It refuses the first delivery of an event, and grants at the next.
    RefusesOnce,
    /// It takes a while, grants nothing, and holds a lock that only its own clock would end.
    Locks,
    /// It answers the delivery with 10 MB.
    AnswersHuge,
    /// It answers the delivery with 503.
    Refuses,
    /// It does not answer when asked what the customer may use.
    ReadHangs,
    /// It answers that with 10 MB.
    ReadHuge,
    /// It answers that with a page.
    ReadIsAPage,
    /// It asks Stripe for what the double does not model.
    AsksForReviews,
    /// The same, and the call names the customer.
    AsksForFunding,
    /// It gives the customer a colour at Stripe, which has none, and does not look at the answer.
    SendsAColour,
}

#[derive(Debug)]
struct App {
    start: Start,
    stripe: String,
    customers: Mutex<HashMap<String, Customer>>,
}

#[derive(Debug, Clone, Copy)]
struct Customer {
    odd: Odd,
    granted: bool,
    mails: usize,
}

type Shared = State<Arc<App>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let Args { start, port, host, stripe } = Args::parse();
    say("odd app: starting");
    if start == Start::Dies {
        say("odd app: no database");
        return Err(io::Error::other("connect to the database"));
    }
    if start == Start::Eats {
        let mut eaten: Vec<Vec<u8>> = Vec::new();
        loop {
            eaten.push(vec![1; 1 << 20]);
        }
    }
    if start == Start::Floods {
        std::thread::spawn(|| {
            loop {
                say(
                    "odd app: and on, and on, and on, and on, and on, and on, and on, and on, and on, and on",
                );
            }
        });
    }
    if start == Start::IgnoresTerm {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::spawn(async move {
            loop {
                term.recv().await;
                say("odd app: not yet");
            }
        });
    }
    // What an app starts must end with it.
    let _child = std::process::Command::new("sleep").arg("1000").spawn()?;
    let app = Arc::new(App { start, stripe, customers: Mutex::default() });
    let routes = Router::new()
        .route("/healthz", get(health))
        .route("/signup", post(signup))
        .route("/stripe/webhook", post(deliver))
        .route("/api/access/{customer}", get(access))
        .route("/page/{customer}", get(page))
        .with_state(app);
    let listener = TcpListener::bind((host, port)).await?;
    say("odd app: listening");
    axum::serve(listener, routes).await
}

async fn health(State(app): Shared) -> StatusCode {
    if app.start == Start::NeverReady { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}

async fn signup(State(app): Shared) -> Response {
    if app.start == Start::NoSignup {
        return (StatusCode::UNPROCESSABLE_ENTITY, "sign-up is closed").into_response();
    }
    ([(header::SET_COOKIE, "who=ada")], "{}").into_response()
}

/// A page that draws itself: what a person sees is in no answer of the app.
async fn page(Path(customer): Path<String>) -> Html<String> {
    Html(PAGE.replace("CUSTOMER", &customer))
}

/// Not ended with the request: a handler in most languages goes on when its client has gone.
async fn work_slowly(app: &Arc<App>, customer: &str, odd: Odd) -> Response {
    let (app, customer) = (Arc::clone(app), customer.to_owned());
    let work = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        app.note(&customer, Customer { odd, granted: true, mails: 1 });
        say("odd app: done");
    });
    let _ = work.await;
    StatusCode::OK.into_response()
}

async fn deliver(State(app): Shared, body: Bytes) -> Response {
    let Ok(event) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let object = &event["data"]["object"];
    let (Some(customer), odd) = (object["customer"].as_str(), odd(object)) else {
        return StatusCode::OK.into_response();
    };
    say(&format!("odd app: {odd:?} for {customer}"));
    let refused = odd == Odd::GrantsNothing || odd == Odd::GrantsTheSecond && app.is_first(customer);
    let known = app.known(customer);
    if odd == Odd::ReadsStripe
        && let Err(error) = get_from(&app.stripe, &format!("/v1/customers/{customer}")).await
    {
        return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
    }
    // Asked again after it has done its work it says so at once.
    if odd == Odd::TakesItsTime && !known.is_some_and(|known| known.granted) {
        return work_slowly(&app, customer, odd).await;
    }
    if odd == Odd::RefusesOnce && known.is_none() {
        app.note(customer, Customer { odd, granted: false, mails: 0 });
        return (StatusCode::SERVICE_UNAVAILABLE, "not now").into_response();
    }
    if odd == Odd::Locks {
        app.note(customer, Customer { odd, granted: false, mails: 0 });
        if known.is_some() {
            return (StatusCode::CONFLICT, "somebody is at it").into_response();
        }
        return std::future::pending().await;
    }
    if let Some(second) = later(odd) {
        let (app, customer) = (Arc::clone(&app), customer.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            app.note(&customer, second);
        });
    }
    let granted = !refused && odd != Odd::GrantsLater;
    app.note(customer, Customer { odd, granted, mails: usize::from(granted) });
    match odd {
        Odd::Dies => {
            say("odd app: out of memory");
            std::process::abort()
        }
        Odd::Hangs => std::future::pending().await,
        Odd::AnswersHuge => vec![b'x'; HUGE].into_response(),
        Odd::Refuses => (StatusCode::SERVICE_UNAVAILABLE, "not now").into_response(),
        Odd::SendsAColour => {
            match send_to(&app.stripe, &format!("/v1/customers/{customer}"), "colour=red").await {
                Ok(()) => StatusCode::OK.into_response(),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
            }
        }
        Odd::AsksForReviews => ask(&app.stripe, "/v1/reviews").await,
        Odd::AsksForFunding => {
            ask(&app.stripe, &format!("/v1/customers/{customer}/funding_instructions")).await
        }
        _ => StatusCode::OK.into_response(),
    }
}

/// What a moment makes of a customer.
fn later(odd: Odd) -> Option<Customer> {
    let mails = match odd {
        Odd::GrantsLater => 1,
        Odd::MailsTwice => 2,
        _ => return None,
    };
    Some(Customer { odd, granted: true, mails })
}

fn odd(object: &Value) -> Odd {
    let word = object["metadata"]["odd"].as_str();
    word.and_then(|word| Odd::from_str(word, false).ok()).unwrap_or(Odd::Nothing)
}

async fn access(State(app): Shared, Path(customer): Path<String>) -> Response {
    let known = app.known(&customer);
    let Customer { odd, granted, mails } =
        known.unwrap_or(Customer { odd: Odd::Nothing, granted: app.grants_all(), mails: 0 });
    match odd {
        Odd::ReadHangs => std::future::pending().await,
        Odd::ReadHuge => format!("\"{}\"", "x".repeat(HUGE)).into_response(),
        Odd::ReadIsAPage => "<html>Please sign in</html>".into_response(),
        _ => {
            let status = if granted { "active" } else { "none" };
            let read = json!({ "active": granted, "status": status, "mails": vec!["receipt"; mails] });
            read.to_string().into_response()
        }
    }
}

impl App {
    /// Whether no customer but this one has been met.
    fn is_first(&self, customer: &str) -> bool {
        let customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        customers.keys().all(|known| known == customer)
    }

    fn known(&self, id: &str) -> Option<Customer> {
        self.customers.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// Whether somebody's purchase was granted to everybody.
    fn grants_all(&self) -> bool {
        let customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        customers.values().any(|customer| customer.odd == Odd::GrantsAll)
    }

    fn note(&self, id: &str, customer: Customer) {
        self.customers.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), customer);
    }
}

/// Reads from the Stripe API, and is content with whatever it answers.
async fn ask(base: &str, path: &str) -> Response {
    match get_from(base, path).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn get_from(base: &str, path: &str) -> io::Result<()> {
    call(base, &format!("GET {path}"), "").await
}

/// Changes something at Stripe.
async fn send_to(base: &str, path: &str, form: &str) -> io::Result<()> {
    call(base, &format!("POST {path}"), form).await
}

async fn call(base: &str, call: &str, form: &str) -> io::Result<()> {
    let host = base.strip_prefix("http://").unwrap_or(base);
    let mut stream = TcpStream::connect(host).await?;
    let length = form.len();
    let request = format!(
        "{call} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer sk_test_odd\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

/// A line of its log, whole and at once.
fn say(line: &str) {
    println!("{line}");
    // A reader that has gone away is not the app's concern.
    let _ = io::stdout().flush();
}
