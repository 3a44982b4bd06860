//! Ten thousand callers at once: they are a process of their own, for each process may hold only so many connections.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const CALLERS: u64 = 10_000;
const ASK: &[u8] = b"GET /v1/prices/price_pro HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_1\r\n\r\n";

/// How many connections this process may hold, beside what else it has open.
fn callers() -> u64 {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    CALLERS.min(hard.saturating_sub(1_000))
}

/// What the process holds in memory, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

async fn ask(stream: &mut TcpStream) {
    stream.write_all(ASK).await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"\n}") {
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "closed");
    }
    assert!(got.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&got));
}

/// The callers: all are open; each asks, waits for its turn, and asks again on the same connection.
async fn call(address: &str, callers: u64) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..callers {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    for _ in 0..2 {
        let mut asking = tokio::task::JoinSet::new();
        for mut stream in open.drain(..) {
            asking.spawn(async move {
                ask(&mut stream).await;
                stream
            });
        }
        while let Some(stream) = asking.join_next().await {
            open.push(stream.unwrap());
        }
    }
    open
}

/// Where the other process is told whom to call; then it says how many were answered, and holds on until its input ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the other process of `ten_thousand_callers_are_answered`"]
async fn the_callers() {
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).unwrap();
    let Some((address, count)) = told.trim().split_once(' ') else { return };
    let _ = callers();
    let open = call(address, count.parse().unwrap()).await;
    // On a line of its own, after what the harness says of the test.
    println!("\nanswered {}", open.len());
    std::io::stdin().read_line(&mut told).unwrap();
}

fn start() -> Child {
    let this = std::env::args_os().next().unwrap();
    let name = concat!(module_path!(), "::the_callers");
    let name = name.split_once("::").unwrap().1;
    Command::new(this)
        .args(["--exact", name, "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_are_answered() {
    let callers = callers();
    if callers < 1_000 {
        eprintln!("skipped: the limit of open files allows only {callers} callers");
        return;
    }
    let stand = Stand::new().await;
    let address = stand.double.address;
    let before = resident();
    let mut others = start();
    let mut tell = others.stdin.take().unwrap();
    writeln!(tell, "{address} {callers}").unwrap();
    let said = BufReader::new(others.stdout.take().unwrap());
    let answered = tokio::task::spawn_blocking(move || {
        let mut lines = said.lines().map_while(Result::ok);
        let answered = lines.find_map(|line| line.strip_prefix("answered ")?.parse().ok());
        (answered, lines)
    });
    let (answered, rest) = answered.await.unwrap();
    assert_eq!(answered, Some(callers), "all of them, at once");
    let after = resident();
    drop(tell);
    assert!(others.wait().unwrap().success());
    drop(rest);
    let (Some(before), Some(after)) = (before, after) else { return };
    let each = after.saturating_sub(before) / callers;
    eprintln!("{callers} callers: {before} kB before, {after} kB with all of them open, {each} kB for each");
    assert!(each < 32, "{each} kB for each caller");
}
