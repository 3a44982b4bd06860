//! A TLS front for Stripe's API, for an app that cannot be told Stripe's address: whatever it asks of
//! `api.stripe.com` reaches the double as it is.
//!
//! How does an unchanged program come here? Not by the name: `/etc/hosts` is everybody's, and a private one takes a
//! namespace that many machines refuse to those who are not root. Not by a library that is loaded before it: programs
//! that are linked statically, as Go's are, load none. What is left is what runtimes are told by variables: a proxy
//! (`HTTPS_PROXY`) and whom to trust (`SSL_CERT_FILE` and its like). So the front is a proxy that knows Stripe's hosts,
//! ends TLS for them with a certificate of an authority made for this run alone, and refuses every other host by name.
//!
//! A container has a hosts file of its own. There the front is reached directly, on port 443, where we may listen
//! there; the proxy is what remains.
//!
//! Some programs hear neither. Node's `https` knows no proxy: it has a hook. Stripe's package for Python trusts only
//! certificates that it brings along: it has a hook that shows it ours.

mod authority;
mod leading;
mod relay;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use tokio::task::JoinHandle;

use self::authority::Authority;
use self::relay::{Relay, Remarks};
use super::LogLine;
use super::redirect::{HOSTS, Hook, Runtime};
use crate::time::Clock;

/// Where programs look for TLS.
const TLS: u16 = 443;
/// The system's own certificates, by distribution: Debian and Alpine, Fedora, SUSE, what is left.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why there is no front.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// Its certificates could not be made.
    #[error("make certificates for Stripe's hosts: {0}")]
    Certificates(#[from] rcgen::Error),
    /// They cannot be used.
    #[error("make certificates for Stripe's hosts: {0}")]
    Tls(#[from] rustls::Error),
    /// They could not be written.
    #[error("write the certificates of `target.redirect`: {0}")]
    Write(#[source] io::Error),
    /// There is no port for it.
    #[error("listen for what the app asks of Stripe: {0}")]
    Listen(#[source] io::Error),
}

/// Where a front stands.
#[derive(Debug, Clone)]
pub struct FrontPlace<'a> {
    /// Where it listens.
    pub listen_on: IpAddr,
    /// What the app calls that.
    pub host: String,
    /// The app has a hosts file of its own, so that it can come directly.
    pub own_hosts: bool,
    /// Where the double listens.
    pub double: SocketAddr,
    /// The folder of the run.
    pub dir: &'a Path,
}

/// A TLS front for Stripe's API. It ends when it is dropped.
#[derive(Debug)]
pub struct Front {
    host: String,
    port: u16,
    /// The address to which Stripe's names must lead, where it is reached directly.
    direct: Option<IpAddr>,
    folder: PathBuf,
    /// The authority's certificate.
    authority: String,
    /// The system's certificates.
    system: String,
    python: Hook,
    node: Hook,
    remarks: Arc<Remarks>,
    tasks: Vec<JoinHandle<()>>,
}

impl Front {
    /// Starts one.
    ///
    /// # Errors
    /// There is no port for it, or its certificates cannot be made or written.
    pub fn start(place: &FrontPlace<'_>, clock: Clock) -> Result<Self, FrontError> {
        let folder = place.dir.join(".paydrill");
        fs::create_dir_all(&folder).map_err(FrontError::Write)?;
        let Authority { certificate, acceptor } = Authority::make(&HOSTS)?;
        let remarks = Arc::new(Remarks::new(clock));
        let relay = Arc::new(Relay::new(acceptor, place.double, Arc::clone(&remarks)));
        let proxy = listen(place.listen_on, 0).map_err(FrontError::Listen)?;
        let port = proxy.local_addr().map_err(FrontError::Listen)?.port();
        // Ports this low may be root's alone; the proxy does without.
        let direct = if place.own_hosts { listen(place.listen_on, TLS).ok() } else { None };
        let reached = direct.as_ref().map(|_| place.listen_on);
        let mut tasks = vec![tokio::spawn(Arc::clone(&relay).proxy(proxy))];
        tasks.extend(direct.map(|direct| tokio::spawn(relay.direct(direct))));
        let hook = |runtime| Hook::write(runtime, place.dir).map_err(FrontError::Write);
        let front = Self {
            host: place.host.clone(),
            port,
            direct: reached,
            authority: certificate,
            system: SYSTEM.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default(),
            python: hook(Runtime::Python)?,
            node: hook(Runtime::Node)?,
            folder,
            remarks,
            tasks,
        };
        front.write_certificates().map_err(FrontError::Write)?;
        Ok(front)
    }

    /// `http://127.0.0.1:4242`: the proxy.
    #[must_use]
    pub fn proxy(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// The file with the certificate of the run's authority alone.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join(leading::AUTHORITY)
    }

    /// The file with the system's certificates and that one.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.folder.join(leading::BUNDLE)
    }

    /// The names that must lead somewhere else, and where: for an app with a hosts file of its own.
    #[must_use]
    pub fn hosts(&self) -> Vec<(String, String)> {
        let to = self.direct.iter();
        to.flat_map(|to| HOSTS.map(|host| (host.to_owned(), to.to_string()))).collect()
    }

    /// What it has to say since then, of hosts that it refused and of apps that did not trust it.
    #[must_use]
    pub fn said_since(&self, since: std::time::Duration) -> Vec<LogLine> {
        self.remarks.since(since)
    }

    fn write_certificates(&self) -> io::Result<()> {
        fs::write(self.authority(), &self.authority)?;
        fs::write(self.bundle(), format!("{}\n{}", self.system, self.authority))
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // What they have started ends with them.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn listen(address: IpAddr, port: u16) -> io::Result<tokio::net::TcpListener> {
    let listener = TcpListener::bind((address, port))?;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

#[cfg(test)]
mod tests;
