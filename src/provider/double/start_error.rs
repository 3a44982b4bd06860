//! Why a double could not be started.

use std::net::SocketAddr;

/// Why the double did not start.
#[derive(Debug, thiserror::Error)]
pub enum DoubleError {
    /// Somebody else listens there.
    #[error("listen on {at}: the port is in use")]
    PortInUse {
        /// The address.
        at: SocketAddr,
    },
    /// The system refused a socket.
    #[error("listen on {at}")]
    Listen {
        /// The address; port 0 where any would do.
        at: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A price of a product that is not in the catalogue.
    #[error("find product `{product}` of price `{price}` in the catalogue")]
    UnknownProduct {
        /// The price's key.
        price: String,
        /// What it names.
        product: String,
    },
    /// A price's `every` is no interval.
    #[error("read every = \"{every}\" of price `{price}`: write \"month\", \"year\", \"3 months\", …")]
    Interval {
        /// The price's key.
        price: String,
        /// What it says.
        every: String,
    },
    /// An endpoint that Stripe would refuse.
    #[error("forward to `{url}`: {why}")]
    Endpoint {
        /// Its address.
        url: String,
        /// What Stripe would say.
        why: String,
    },
    /// An address elsewhere.
    #[error(
        "forward to `{url}`: only addresses on this machine are called, and hosts that are allowed by name"
    )]
    Far {
        /// The address.
        url: String,
    },
    /// A clock that stands still or goes back.
    #[error("run the clock {0} times as fast: it must be more than 0")]
    Speed(f64),
    /// Two products or prices with one id.
    #[error("put two things with id `{0}` into the catalogue")]
    IdTwice(String),
}
