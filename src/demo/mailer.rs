//! Sends what waits in the outbox, by SMTP.
//!
//! A mail is written in the transaction of the change that it tells of, and sent before the delivery is answered. One
//! that cannot be sent waits on, and the delivery is answered with an error: Stripe delivers it again, which finds the
//! change made and the mail waiting.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use reqwest::Url;

use super::App;
use super::bug::Bug;
use super::log;
use super::store::Waiting;

/// A mail server that does not answer within this is as good as down: Stripe is waiting too.
const PATIENCE: Duration = Duration::from_secs(3);
const SENDER: &str = "Demo <hello@demo.example>";

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum MailError {
    #[error("use the outbox")]
    Database(#[from] sqlx::Error),
    #[error("understand its address")]
    Address(#[from] lettre::address::AddressError),
    #[error("write it")]
    Write(#[from] lettre::error::Error),
    #[error("hand it to the mail server")]
    Send(#[from] lettre::transport::smtp::Error),
}

/// The way to the mail server.
pub(super) struct Mailer(AsyncSmtpTransport<Tokio1Executor>);

impl Mailer {
    /// The server at `smtp://HOST:PORT`, a relay on the same network, without TLS; `None`: that is no such URL.
    pub(super) fn new(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok().filter(|url| url.scheme() == "smtp")?;
        let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(url.host_str()?);
        Some(Self(server.port(url.port().unwrap_or(25)).timeout(Some(PATIENCE)).build()))
    }

    async fn send(&self, mail: &Waiting) -> Result<(), MailError> {
        let to: Mailbox = mail.recipient.parse()?;
        let message = Message::builder().from(SENDER.parse()?).to(to).subject(&mail.subject);
        let message = message.body(format!("{}\n\nAccount {}\n", mail.subject, mail.customer))?;
        self.0.send(message).await?;
        Ok(())
    }
}

/// Sends a customer's mails that wait, in the order in which they were written.
///
/// One is taken out before it is sent and put back if that fails, so that no other instance of the app sends it too. An
/// app that dies in between loses it rather than sending it twice.
pub(super) async fn send_waiting(app: &App, customer: &str) -> Result<(), MailError> {
    let Some(mailer) = &app.mailer else { return Ok(()) };
    while let Some(mail) = app.store.take_mail(customer).await? {
        let Err(error) = mailer.send(&mail).await else { continue };
        if app.has(Bug::OutNotificationLost) {
            log::failed(&error);
            continue;
        }
        app.store.put_back(&mail).await?;
        return Err(error);
    }
    Ok(())
}
