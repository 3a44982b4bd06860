//! The demo: a small billing app that sells plans and credits, and its classic bugs.
//!
//! It is what Paydrill tests on a fresh machine, so it is written as a product would be: a sign-up page,
//! an entitlements API, a webhook endpoint, one SQLite file. It runs as its own process and shares no
//! code with the harness, signature check and Stripe client included: a mistake made once and used on
//! both sides would be invisible. A test on the layers keeps it so.
//!
//! The right handler takes from an event only *which* object it is about, reads that object back from
//! Stripe while it holds the customer's turn, and writes everything in one transaction, each effect under
//! the name of the fact that caused it. What no event told, a nightly sync finds. [`Bug`] names what others
//! decide instead; each decision stands in the code beside the right one.

mod access;
mod account;
mod api;
mod apply;
mod billing;
mod bug;
mod cache;
mod checkout;
mod clawback;
mod clock;
mod connect;
mod event;
mod feature;
mod handle;
mod invoice;
mod log;
mod mailer;
mod order;
mod owner;
mod page;
mod partner;
mod plan;
mod policy;
mod signature;
mod signup;
mod store;
mod stripe;
mod stripe_entitlement;
mod subscription;
mod sync;
mod task;
mod turns;
mod webhook;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use tokio::net::TcpListener;

pub use self::bug::{Bug, UnknownBug};
pub use self::policy::Policy;

use self::access::Rules;
use self::cache::Cache;
use self::mailer::Mailer;
use self::store::Store;
use self::stripe::Stripe;
use self::turns::Turns;

/// How the app is set up. Holds two secrets, hence no `Debug`.
#[derive(Clone)]
pub struct DemoSettings {
    /// The address to listen on: 127.0.0.1, or 0.0.0.0 in a container.
    pub host: IpAddr,
    /// The port; 0 takes a free one, which the first log line names.
    pub port: u16,
    /// Folder of the database; made when missing.
    pub data_dir: PathBuf,
    /// Stripe's API without a slash at the end, such as `https://api.stripe.com`.
    pub stripe_api_base: String,
    /// Secret key for that API.
    pub stripe_api_key: String,
    /// Signing secret of the webhook endpoint, `whsec_…`.
    pub webhook_secret: String,
    /// Signing secret of the endpoint for connected accounts; empty: nothing is accepted there.
    pub connect_secret: String,
    /// The mail server, `smtp://127.0.0.1:25`; `None`: mails stay in the outbox.
    pub smtp_url: Option<String>,
    /// Whether anybody may set its clock, by `POST /test/clock`.
    pub test_clock: bool,
    /// The company's choices.
    pub policy: Policy,
    /// The wrong decision to make, if any.
    pub bug: Option<Bug>,
}

/// Why the app could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The folder of the database could not be made.
    #[error("make the data folder `{folder}`")]
    Folder {
        /// The folder asked for.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database could not be opened or set up.
    #[error("open the database")]
    Database(#[from] sqlx::Error),
    /// The client for Stripe's API could not be built.
    #[error("build the client for Stripe's API")]
    Client(#[source] reqwest::Error),
    /// The mail server's URL is none.
    #[error("understand the mail server's URL: it is no smtp://HOST:PORT")]
    MailUrl,
    /// The port is taken, or may not be used.
    #[error("listen on {at}")]
    Listen {
        /// The address asked for.
        at: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server stopped.
    #[error("serve requests")]
    Serve(#[source] std::io::Error),
}

/// Runs the app until its process is ended.
///
/// # Errors
/// When the database, the client or the port cannot be had; see [`DemoError`].
pub async fn serve(settings: DemoSettings) -> Result<(), DemoError> {
    let at = SocketAddr::new(settings.host, settings.port);
    let test_clock = settings.test_clock;
    let app = App::open(settings).await?;
    let listener = TcpListener::bind(at).await.map_err(|source| DemoError::Listen { at, source })?;
    let address = listener.local_addr().map_err(DemoError::Serve)?;
    log::line(&format!("listening on http://{address}"));
    let mut routes = routes(app);
    if test_clock {
        routes = routes.route("/test/clock", post(clock::set));
    }
    axum::serve(listener, routes).await.map_err(DemoError::Serve)
}

/// What every request may use.
struct App {
    store: Store,
    stripe: Stripe,
    mailer: Option<Mailer>,
    cache: Cache,
    turns: Turns,
    webhook_secret: String,
    connect_secret: String,
    /// Tells this process from those before it.
    started: u128,
    rules: Rules,
}

impl App {
    async fn open(settings: DemoSettings) -> Result<Arc<Self>, DemoError> {
        let folder = settings.data_dir;
        std::fs::create_dir_all(&folder)
            .map_err(|source| DemoError::Folder { folder: folder.clone(), source })?;
        Ok(Arc::new(Self {
            store: Store::open(&folder.join("app.db")).await?,
            stripe: Stripe::new(settings.stripe_api_base, &settings.stripe_api_key)
                .map_err(DemoError::Client)?,
            mailer: match settings.smtp_url.as_deref() {
                Some(url) => Some(Mailer::new(url).ok_or(DemoError::MailUrl)?),
                None => None,
            },
            cache: Cache::new(settings.bug),
            turns: Turns::default(),
            webhook_secret: settings.webhook_secret,
            connect_secret: settings.connect_secret,
            started: clock::now().as_nanos(),
            rules: Rules { policy: settings.policy, bug: settings.bug },
        }))
    }

    /// Whether this app makes that wrong decision.
    fn has(&self, bug: Bug) -> bool {
        self.rules.bug == Some(bug)
    }
}

fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::home))
        .route("/signup", post(signup::sign_up))
        .route("/register", post(account::register))
        .route("/checkout", post(signup::check_out))
        .route("/billing/done", get(page::done))
        .route("/billing/{customer}", get(billing::show))
        .route("/stripe/webhook", post(webhook::receive))
        .route("/stripe/connect", post(connect::receive))
        .route("/jobs/sync", post(sync::run))
        .route("/partners/{customer}", put(partner::join).delete(partner::leave))
        .route("/api/partner/{customer}", get(partner::state))
        .route("/api/entitlements/{customer}", get(api::entitlements))
        .route("/api/billing/{customer}", get(api::billing))
        .route("/api/account", get(account::show))
        .route("/orders", post(order::save))
        .route("/api/orders/{customer}", get(order::newest))
        .route("/api/outbox/{customer}", get(api::outbox))
        .route("/api/feature/sso/{customer}", get(feature::sso))
        .route("/healthz", get(api::healthz))
        .route("/version", get(api::version))
        .with_state(app)
}
