//! What leaves the app: servers of our own that take in its mail and its calls to third parties.
//!
//! Each keeps what came in, in order of arrival and as a table of fields, on a [`Shelf`]; which of it a probe means is
//! decided by whoever reads the shelf. Nothing is passed on, and only this machine is listened to.

pub mod mail;
pub mod shelf;
pub mod sink;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use shelf::{Fault, Full, Shelf, Taken};
pub use sink::Answer;

/// A server that takes in what it is sent. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    shelf: Arc<Shelf>,
    port: u16,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts one for `what` at this address of this machine, port 0: a free one; `serve` does what it does.
    fn start<F>(
        what: &str,
        at: SocketAddr,
        arrivals: watch::Sender<u64>,
        serve: impl FnOnce(tokio::net::TcpListener, Arc<Shelf>) -> F,
    ) -> Result<Self, OutsideError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, port) = listen(what, at)?;
        let shelf = Arc::new(Shelf::new(arrivals));
        let task = tokio::spawn(serve(listener, Arc::clone(&shelf)));
        Ok(Self { shelf, port, task })
    }

    /// What came in.
    #[must_use]
    pub fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it and frees its port.
    pub async fn stop(mut self) {
        self.task.abort();
        // It was asked to end; how it did is no matter.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server of ours did not start.
#[derive(Debug, thiserror::Error)]
#[error("listen on {at} for {what}: {source}")]
pub struct OutsideError {
    /// `mail`, or the name of a sink.
    what: String,
    /// The address asked for; port 0: any.
    at: SocketAddr,
    source: std::io::Error,
}

/// Listens at an address of this machine; port 0: a free one.
fn listen(what: &str, at: SocketAddr) -> Result<(tokio::net::TcpListener, u16), OutsideError> {
    let wrong = |source| OutsideError { what: what.to_owned(), at, source };
    let listener = TcpListener::bind(at).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    let port = listener.local_addr().map_err(wrong)?.port();
    Ok((tokio::net::TcpListener::from_std(listener).map_err(wrong)?, port))
}

/// The start of a text, cut between characters.
fn start_of(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// The most that is kept of one text, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;
