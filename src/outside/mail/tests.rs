//! The server with mailers that people really use.

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::json;

use super::*;
use crate::id::CaseId;
use crate::outside::Fault;

fn server() -> (Server, watch::Receiver<u64>) {
    let (arrivals, told) = watch::channel(0);
    (start(([127, 0, 0, 1], 0).into(), Clock::start(), arrivals).unwrap(), told)
}

fn mailer(server: &Server) -> lettre::transport::smtp::AsyncSmtpTransportBuilder {
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(server.port())
}

fn message(to: &str, subject: &str) -> Message {
    let mailbox = |address: &str| Mailbox::new(None, address.parse().unwrap());
    let message = Message::builder().from(mailbox("hi@app.example")).to(mailbox(to)).subject(subject);
    message
        .multipart(MultiPart::alternative_plain_html("Paid.".to_owned(), "<p>Paid.</p>".to_owned()))
        .unwrap()
}

#[rstest::rstest]
#[case(None)]
#[case(Some(Mechanism::Plain))]
#[case(Some(Mechanism::Login))]
#[tokio::test]
async fn an_ordinary_mailer_sends(#[case] mechanism: Option<Mechanism>) {
    let (server, mut told) = server();
    let mut mailer = mailer(&server);
    if let Some(mechanism) = mechanism {
        let credentials = Credentials::new("app".to_owned(), "secret password".to_owned());
        mailer = mailer.credentials(credentials).authentication(vec![mechanism]);
    }
    mailer.build().send(message("Ann@example.com", "Ihre Rechnung über 5 €")).await.unwrap();
    told.changed().await.unwrap();
    let came = server.shelf().after(0).unwrap();
    assert_eq!(came.len(), 1);
    let expected = json!({
        "to": ["ann@example.com"], "from": "hi@app.example", "subject": "Ihre Rechnung über 5 €",
        "links": [], "text": "Paid.", "html": "<p>Paid.</p>", "attachments": [],
    });
    assert_eq!(serde_json::Value::Object(came[0].fields.clone()), expected);
    assert!(!format!("{came:?}").contains("secret"), "credentials are not kept");
}

#[tokio::test]
async fn a_mailer_is_refused_once_as_the_fault_says_and_tries_again() {
    let (server, _) = server();
    let about = Arc::new(|fields: &serde_json::Map<_, _>| fields["to"] == json!(["ann@example.com"]));
    server.shelf().arm(CaseId(1), vec![Fault { about, status: 451, times: Some(1) }]);
    let mailer = mailer(&server).build();
    mailer.send(message("bob@example.com", "x")).await.unwrap();
    let error = mailer.send(message("ann@example.com", "x")).await.unwrap_err();
    assert_eq!(error.status().map(|code| code.to_string()), Some("451".to_owned()), "{error}");
    mailer.send(message("ann@example.com", "x")).await.unwrap();
    let accepted: Vec<bool> =
        server.shelf().after(0).unwrap().iter().map(|mail| mail.is_accepted()).collect();
    assert_eq!(accepted, [true, false, true]);
}

/// More than are talked to at once; each is served in its turn.
#[tokio::test]
async fn many_send_at_once() {
    let (server, _) = server();
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..2 * MOST_CLIENTS {
        let mailer = mailer(&server).build();
        sending.spawn(async move { mailer.send(message("ann@example.com", &format!("{number}"))).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap().unwrap();
    }
    assert_eq!(server.shelf().after(0).unwrap().len(), 2 * MOST_CLIENTS);
}

#[tokio::test]
async fn nobody_listens_any_more_when_it_is_dropped() {
    let (server, _) = server();
    let port = server.port();
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut greeting = [0; 4];
    client.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 ");
    drop(server);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

/// Python's own mailer, which is what Django and Flask send with.
#[tokio::test]
async fn python_sends() {
    const SCRIPT: &str = "
import smtplib, sys
from email.message import EmailMessage
mail = EmailMessage()
mail['From'], mail['To'], mail['Subject'] = 'hi@app.example', 'ann@example.com', 'Grüße'
mail.set_content('Paid.\\n..\\n')
with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), timeout=20) as smtp:
    smtp.login('app', 'secret password')
    smtp.send_message(mail, to_addrs=['ann@example.com', 'blind@example.com'])
    try:
        smtp.starttls()
    except smtplib.SMTPNotSupportedError:
        print('no tls')
";
    let (server, _) = server();
    let python =
        tokio::process::Command::new("python3").args(["-c", SCRIPT, &server.port().to_string()]).output();
    let Ok(output) = python.await else {
        eprintln!("skipped: there is no python3 here");
        return;
    };
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "no tls\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let came = server.shelf().after(0).unwrap();
    let expected = json!({
        "to": ["ann@example.com", "blind@example.com"], "from": "hi@app.example", "subject": "Grüße",
        "links": [], "text": "Paid.\r\n..\r\n", "attachments": [],
    });
    assert_eq!(serde_json::Value::Object(came[0].fields.clone()), expected);
}
