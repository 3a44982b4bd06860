//! What leaves the app: servers of our own that take in its mail and its calls to third parties.
//!
//! Each keeps what came in, in order of arrival and as a table of fields, on a [`Shelf`]; which of it a probe means is
//! decided by whoever reads the shelf. Nothing is passed on, and only this machine is listened to.

pub mod mail;
pub mod shelf;
pub mod sink;

use std::net::{Ipv4Addr, TcpListener};

pub use mail::MailServer;
pub use shelf::{Fault, Full, Shelf, Taken};
pub use sink::{Answer, SinkServer};

/// A server of ours did not start.
#[derive(Debug, thiserror::Error)]
#[error("listen on 127.0.0.1:{port} for {what}: {source}")]
pub struct OutsideError {
    /// `mail`, or the name of a sink.
    what: String,
    /// The port asked for; 0: any.
    port: u16,
    source: std::io::Error,
}

/// A port of this machine's loopback; 0: a free one.
fn listen(what: &str, port: u16) -> Result<(tokio::net::TcpListener, u16), OutsideError> {
    let wrong = |source| OutsideError { what: what.to_owned(), port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(wrong)?;
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
