//! A mail server that takes everything in and delivers nothing.
//!
//! It speaks as much SMTP (RFC 5321) as ordinary mailers need: `AUTH PLAIN` and `LOGIN` are accepted with any
//! password, which is not kept; `STARTTLS` is not offered.

mod message;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use self::session::{Flow, Session};
use super::shelf::Shelf;
use super::{OutsideError, Server};
use crate::time::Clock;

/// How long a client may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many clients are talked to at once; more wait until one leaves.
const MOST_CLIENTS: usize = 64;
/// What is read at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// Starts a mail server at this address of this machine; port 0: a free one.
///
/// # Errors
/// The port is taken.
pub fn start(at: SocketAddr, clock: Clock, arrivals: watch::Sender<u64>) -> Result<Server, OutsideError> {
    Server::start("mail", at, arrivals, |listener, shelf| serve(listener, shelf, clock))
}

async fn serve(listener: TcpListener, shelf: Arc<Shelf>, clock: Clock) {
    let room = Arc::new(Semaphore::new(MOST_CLIENTS));
    // What is still talked to when the server is dropped ends with this set.
    let mut clients = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        // A connection that broke before it was taken is no reason to take no others.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shelf = Arc::clone(&shelf);
        clients.spawn(async move {
            talk(stream, &shelf, clock).await;
            drop(place);
        });
        while clients.try_join_next().is_some() {}
    }
}

/// One connection, until the client leaves, breaks off or says nothing for too long.
async fn talk(mut stream: TcpStream, shelf: &Shelf, clock: Clock) {
    let mut session = Session::new();
    let mut said = Session::greeting().to_vec();
    let mut chunk = vec![0; CHUNK];
    loop {
        if !matches!(tokio::time::timeout(PATIENCE, stream.write_all(&said)).await, Ok(Ok(()))) {
            return;
        }
        said.clear();
        let read = match tokio::time::timeout(PATIENCE, stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(read)) => read,
            Err(_) => {
                let _ = stream.write_all(b"421 nothing was said for too long\r\n").await;
                return;
            }
        };
        let heard = chunk.get(..read).unwrap_or_default();
        let mut accept = |envelope| shelf.take(clock.elapsed(), message::fields(envelope), 250);
        if session.hear(heard, &mut accept, &mut said) == Flow::Close {
            let _ = tokio::time::timeout(PATIENCE, stream.write_all(&said)).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests;
