//! Ports on loopback.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::LaunchError;

/// A port on loopback that nobody listens on now.
///
/// Somebody else may take it before the target does; a [`ReservedPort`] keeps that time short.
///
/// # Errors
/// When the system has none left.
pub fn free_port() -> Result<u16, LaunchError> {
    Ok(ReservedPort::take()?.port())
}

/// A free port, held so that nobody else is given it; [`ProcessLauncher::holding`] lets it go just before the
/// target starts.
///
/// [`ProcessLauncher::holding`]: super::ProcessLauncher::holding
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    /// Holds it: while this is bound, the system gives the port to nobody.
    _listener: TcpListener,
}

impl ReservedPort {
    /// Takes one.
    ///
    /// # Errors
    /// When the system has none left.
    pub fn take() -> Result<Self, LaunchError> {
        let bound =
            |listener: TcpListener| Ok(Self { port: listener.local_addr()?.port(), _listener: listener });
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(bound)
            .map_err(|cause| LaunchError::NoFreePort { cause })
    }

    /// Its number.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a process that is just being started has of it.
    #[cfg(test)]
    pub(super) fn copy(&self) -> TcpListener {
        self._listener.try_clone().unwrap()
    }
}

/// The first pause before looking again whether a port that was ours is free; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The last of them. All together are one second.
const LAST_PAUSE: Duration = Duration::from_millis(512);

/// Whether nobody else has a port; `was_ours`: we have just let go of it.
pub(super) async fn is_free(port: u16, was_ours: bool) -> bool {
    let mut pause = FIRST_PAUSE;
    while in_use(port) {
        // A process that another thread starts at this moment has a copy of all that is open here until it
        // has become its program: the port is ours a little longer than we hold it. Tests that run in
        // parallel in one process meet this.
        if !was_ours || pause > LAST_PAUSE {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    true
}

/// Whether something listens on a port of loopback, or holds it. Port 0 is never in use.
#[must_use]
pub fn in_use(port: u16) -> bool {
    // Binding finds also what is bound and does not listen yet. It does not find everything: where it is
    // allowed to bind one address beside a listener on all of them (macOS), only connecting tells.
    port != 0 && (bind_refused(port) || listens(Ipv4Addr::LOCALHOST.into(), port))
}

/// Whether something accepts connections on a port of loopback.
pub(super) fn listens(address: IpAddr, port: u16) -> bool {
    // On loopback a connection is made or refused at once; the limit is for a full backlog.
    let stream = TcpStream::connect_timeout(&SocketAddr::new(address, port), Duration::from_millis(200));
    stream.is_ok_and(|stream| !is_own_echo(stream.local_addr(), stream.peer_addr()))
}

/// Whether a connection is one to itself: without a listener, a connect to a port from which the system also
/// takes local ports can by chance meet itself.
pub(super) fn is_own_echo(local: io::Result<SocketAddr>, peer: io::Result<SocketAddr>) -> bool {
    matches!((local, peer), (Ok(local), Ok(peer)) if local == peer)
}

fn bind_refused(port: u16) -> bool {
    // std sets SO_REUSEADDR: connections that linger after a restart of the target do not count.
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_in_use_until_it_is_let_go() {
        let reserved = ReservedPort::take().unwrap();
        let port = reserved.port();
        assert!(in_use(port));
        drop(reserved);
        assert!(!in_use(port));
    }

    #[test]
    fn reserved_ports_differ() {
        let ports: Vec<_> = (0..50).map(|_| ReservedPort::take().unwrap()).collect();
        let numbers: std::collections::BTreeSet<_> = ports.iter().map(ReservedPort::port).collect();
        assert_eq!(numbers.len(), ports.len());
    }
}
