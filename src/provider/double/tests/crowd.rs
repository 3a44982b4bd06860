//! Ten thousand callers at once, as far as the system lets one process have connections.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const CALLERS: u64 = 10_000;
const ASK: &[u8] = b"GET /v1/prices/price_pro HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_1\r\n\r\n";

/// How many connections this process may hold with both their ends.
fn callers() -> u64 {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    CALLERS.min(hard.saturating_sub(1_000) / 2)
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
    let mut open = Vec::new();
    for _ in 0..callers {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    // All are open; each asks, waits for its turn, and asks again on the same connection.
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
    assert_eq!(open.len() as u64, callers);
    let (Some(before), Some(after)) = (before, resident()) else { return };
    let each = after.saturating_sub(before) / callers;
    eprintln!("{callers} callers: {before} kB before, {after} kB with all of them open, {each} kB for each");
    // Both ends of each connection are in this process.
    assert!(each < 64, "{each} kB for each caller");
}
