//! The double as a process of its own, side by side with localstripe, both through the same sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use paydrill::provider::double::{Alone, Catalog, Double, DoubleConfig};
use paydrill::stripe::version::Version;
use paydrill::time::Clock;
use serde_json::Value;

use super::{CONNECTIONS, LASTS, read_answer, request};

/// What is compared with.
const LOCALSTRIPE: &str = "localstripe==1.15.10";
/// How long either side may take to make its subscriptions.
const MOST: Duration = Duration::from_secs(240);
/// localstripe writes all that it has to a file at each change, so it makes fewer and fewer a second.
const MOST_OF_LOCALSTRIPE: Duration = Duration::from_secs(60);
/// Changes whose webhooks are waited for.
const HOOKS: usize = 10;
/// How long a webhook may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who<'a> {
    /// The double by itself, which keeps so many events.
    Ours(usize),
    /// localstripe, in this Python.
    Localstripe(&'a Path),
}

/// A running process with a Stripe API.
struct Side<'a> {
    who: Who<'a>,
    child: Child,
    address: String,
    /// From the start of the process to its first answer.
    started: Duration,
}

impl Drop for Side<'_> {
    fn drop(&mut self) {
        // It may have ended by itself, and there is nobody else to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one side could do, by name; nothing where it could not.
#[derive(Default)]
struct Figures {
    rows: Vec<(&'static str, Option<f64>)>,
}

/// Compares; `subscriptions` are made for the memory figures.
pub(crate) fn compare(subscriptions: usize, localstripe: bool) {
    println!("\n{:<32} {:>12} {:>12} {:>9}", "as processes, side by side", "ours", "localstripe", "ratio");
    let python = localstripe.then(installed);
    let theirs = python.as_deref().map(Who::Localstripe);
    let ours = figures(&Side::start(Who::Ours(10_000)));
    let of_theirs = theirs.map(|theirs| figures(&Side::start(theirs)));
    for (at, (name, one)) in ours.rows.iter().enumerate() {
        let other = of_theirs.as_ref().and_then(|theirs| theirs.rows.get(at)?.1);
        row(name, *one, other);
    }
    println!("\nmemory of {subscriptions} subscriptions, each with its customer, invoice and payment");
    held("bounded log of 10,000 events", Who::Ours(10_000), subscriptions);
    held("every burst kept", Who::Ours(usize::MAX), subscriptions);
    if let Some(theirs) = theirs {
        held("localstripe, every event kept", theirs, subscriptions);
    }
}

fn row(name: &str, ours: Option<f64>, theirs: Option<f64>) {
    let number = |number: Option<f64>| number.map_or("-".into(), |number| format!("{number:.1}"));
    let ratio = ours.zip(theirs).map(|(ours, theirs)| format!("{:.2}", ours / theirs)).unwrap_or_default();
    println!("{name:<32} {:>12} {:>12} {ratio:>9}", number(ours), number(theirs));
}

fn figures(side: &Side<'_>) -> Figures {
    let mut line = Line::to(&side.address);
    let mut figures = Figures::default();
    let mut add = |name, figure| figures.rows.push((name, figure));
    add("start to first answer, ms", Some(side.started.as_secs_f64() * 1e3));
    add("resident at start, MB", Some(side.resident() / 1_048_576.0));
    let item = stock(&mut line, side.who);
    let (customer, subscription) = subscribe(&mut line, side.who, &item, 0);
    let one = request("GET", &format!("/v1/subscriptions/{subscription}"), "");
    let list = request("GET", &format!("/v1/subscriptions?customer={customer}"), "");
    add("retrieve a subscription, /s", Some(rate(&side.address, &one)));
    add("list subscriptions, /s", Some(rate(&side.address, &list)));
    add("change to webhook received, ms", hooks(&mut line, side.who));
    // Last, for it leaves much behind.
    let made = request("POST", "/v1/customers", "name=Load&metadata[k]=v");
    add("create a customer, /s", Some(rate(&side.address, &made)));
    figures
}

/// Memory of a fresh process with so many subscriptions, or as many as it makes in time.
fn held(name: &str, who: Who<'_>, subscriptions: usize) {
    let side = Side::start(who);
    let mut line = Line::to(&side.address);
    let item = stock(&mut line, who);
    // What the first few leave behind is there only once.
    (0..20).for_each(|at| drop(subscribe(&mut line, who, &item, at)));
    let before = side.resident();
    let most = if matches!(who, Who::Localstripe(_)) { MOST_OF_LOCALSTRIPE } else { MOST };
    let (clock, mut made) = (Clock::start(), 0);
    while made < subscriptions && clock.elapsed() < most {
        subscribe(&mut line, who, &item, made);
        made += 1;
    }
    let took = clock.elapsed().as_secs_f64();
    let resident = side.resident();
    println!(
        "{name:<32} {:>8.1} MB resident, {:>8.0} bytes a subscription, {made} made, {:.0} /s",
        resident / 1_048_576.0,
        (resident - before) / made as f64,
        made as f64 / took
    );
}

impl<'a> Side<'a> {
    fn start(who: Who<'a>) -> Self {
        let clock = Clock::start();
        let (child, address) = match who {
            Who::Ours(keep) => ours(keep),
            Who::Localstripe(python) => localstripe(python),
        };
        while TcpStream::connect(&address).is_err() {
            assert!(clock.elapsed() < PATIENCE, "nobody listens on {address}");
            std::thread::sleep(Duration::from_millis(2));
        }
        Line::to(&address).call("GET", "/v1/customers", "");
        Self { who, child, address, started: clock.elapsed() }
    }

    /// Resident memory in bytes.
    fn resident(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap_or_default();
        text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4_096.0
    }
}

/// This program again, as a server.
fn ours(keep_events: usize) -> (Child, String) {
    let program = std::env::args_os().next().expect("the name of this program");
    let mut child = Command::new(program)
        .args(["--serve", &keep_events.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut url = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut url).expect("it says where it listens");
    (child, url.trim().replace("http://", ""))
}

/// Serves the double by itself, until the process is killed.
pub(crate) fn serve(keep_events: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let alone = Alone {
            api_version: Version::NEWEST,
            forward_to: Vec::new(),
            clock_speed: 1.0,
            allow_hosts: Vec::new(),
        };
        let config = DoubleConfig { keep_events, alone: Some(alone), ..DoubleConfig::default() };
        let double = Double::start(config, &Catalog::default(), Clock::start(), 7).await.expect("a double");
        println!("{}", double.url());
        std::io::stdout().flush().expect("somebody reads it");
        std::future::pending::<()>().await;
    });
}

fn localstripe(python: &Path) -> (Child, String) {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let child = Command::new(python)
        .args(["-m", "localstripe", "--from-scratch", "--port", &free.port().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("localstripe starts");
    (child, free.to_string())
}

/// The Python that has localstripe, which is installed below the target folder if it is not there yet.
fn installed() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("localstripe");
    let python = folder.join("bin/python");
    let run =
        |command: &mut Command| assert!(command.status().is_ok_and(|status| status.success()), "{command:?}");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    }
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", LOCALSTRIPE]));
    python
}

/// One keep-alive connection.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, buffer: vec![0; 1024 * 1024] }
    }

    fn call(&mut self, method: &str, path: &str, form: &str) -> Value {
        self.stream.write_all(request(method, path, form).as_bytes()).expect("a request is written");
        let (from, to) = read_answer(&mut self.stream, &mut self.buffer);
        serde_json::from_slice(&self.buffer[from..to]).unwrap_or_default()
    }

    /// Makes something; gives its id.
    fn make(&mut self, path: &str, form: &str) -> String {
        self.call("POST", path, form)["id"].as_str().expect("an id").to_owned()
    }
}

/// Puts on sale what costs 99 a month; gives the item of a subscription to it.
fn stock(line: &mut Line, who: Who<'_>) -> String {
    if matches!(who, Who::Localstripe(_)) {
        let plan = "amount=9900&currency=usd&interval=month&product[name]=Pro";
        return format!("items[0][plan]={}", line.make("/v1/plans", plan));
    }
    let product = line.make("/v1/products", "name=Pro");
    let price = format!("product={product}&unit_amount=9900&currency=usd&recurring[interval]=month");
    format!("items[0][price]={}", line.make("/v1/prices", &price))
}

/// A customer with a card, subscribed and paid; gives both ids.
fn subscribe(line: &mut Line, who: Who<'_>, item: &str, at: usize) -> (String, String) {
    let customer = format!("email=c{at}@example.com");
    let customer = if matches!(who, Who::Localstripe(_)) {
        let card =
            "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2040&card[cvc]=123";
        let (customer, card) =
            (line.make("/v1/customers", &customer), line.make("/v1/payment_methods", card));
        line.make(&format!("/v1/payment_methods/{card}/attach"), &format!("customer={customer}"));
        let default = format!("invoice_settings[default_payment_method]={card}");
        line.make(&format!("/v1/customers/{customer}"), &default)
    } else {
        let card = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
        line.make("/v1/customers", &format!("{customer}&{card}"))
    };
    let subscription = line.make("/v1/subscriptions", &format!("customer={customer}&{item}"));
    (customer, subscription)
}

/// Requests a second on all connections.
fn rate(address: &str, request: &str) -> f64 {
    let mut lines: Vec<_> = (0..CONNECTIONS).map(|_| Line::to(address)).collect();
    let (clock, mut count) = (Clock::start(), 0_u32);
    while clock.elapsed() < LASTS {
        for line in &mut lines {
            line.stream.write_all(request.as_bytes()).expect("a request is written");
        }
        for line in &mut lines {
            read_answer(&mut line.stream, &mut line.buffer);
            count += 1;
        }
    }
    f64::from(count) / clock.elapsed().as_secs_f64()
}

/// From the moment in which a change is asked for to that in which its webhook has come, in milliseconds: the median.
fn hooks(line: &mut Line, who: Who<'_>) -> Option<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (send, arrived) = mpsc::channel();
    std::thread::spawn(move || receive(&listener, &send));
    if matches!(who, Who::Localstripe(_)) {
        line.call("POST", "/_config/webhooks/bench", &format!("url={url}&secret=whsec_bench"));
    } else {
        line.make("/v1/webhook_endpoints", &format!("url={url}&enabled_events[]=*"));
    }
    let mut times = Vec::new();
    for at in 0..HOOKS {
        let clock = Clock::start();
        let customer = line.make("/v1/customers", &format!("name=hook{at}"));
        loop {
            let body = arrived.recv_timeout(PATIENCE).ok()?;
            if body.contains(&customer) {
                break;
            }
        }
        times.push(clock.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times.get(HOOKS / 2).copied()
}

/// Answers 200 to whatever comes, and hands it on.
fn receive(listener: &TcpListener, arrived: &mpsc::Sender<String>) {
    for stream in listener.incoming().flatten() {
        let arrived = arrived.clone();
        std::thread::spawn(move || while hook(&stream, &arrived).is_some() {});
    }
}

/// One webhook; `None`: the connection has ended, or nobody waits any more.
fn hook(mut stream: &TcpStream, arrived: &mpsc::Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    arrived.send(String::from_utf8_lossy(&body).into_owned()).ok()
}
