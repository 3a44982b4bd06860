use rstest::rstest;
use tokio::sync::watch;

use super::*;
use crate::notify::{Change, sample};
use crate::outside::mail::start;
use crate::time::Clock;

fn to() -> Vec<String> {
    vec!["Billing <billing@acme.example>".to_owned(), "owner@acme.example".to_owned()]
}

fn mail(smtp: &str) -> Result<Mail, MailError> {
    Mail::new(&Secret::new(smtp), "Paydrill <paydrill@acme.example>", &to())
}

#[test]
fn opened_as_text() {
    insta::assert_snapshot!(text(&sample::notice(Change::Opened)));
}

#[test]
fn opened_as_html() {
    insta::assert_snapshot!(page(&sample::notice(Change::Opened)).replace("><", ">\n<"));
}

#[rstest]
#[case(sample::notice(Change::Opened), "[paydrill] Paid without access: checkout-grants-pro")]
#[case(sample::notice(Change::Resolved), "[paydrill] Resolved: paid without access: checkout-grants-pro")]
#[case(sample::test(Change::Opened), "[paydrill] Test of Paydrill's messages")]
fn the_subject_says_it(#[case] notice: Notice, #[case] expected: &str) {
    assert_eq!(subject(&notice), expected);
}

#[test]
fn hostile_values_are_text_and_no_header() {
    let notice = sample::hostile(Change::Opened);
    let said = subject(&notice);
    assert!(said.chars().count() <= SUBJECT && !said.contains(['\r', '\n']));
    assert!(text(&notice).len() < 4 * LARGEST);
    let page = page(&notice);
    assert!(!page.contains("<script") && !page.contains("</script") && !page.contains("<http"));
    let message = mail("smtp://127.0.0.1:25").unwrap().message(&notice).unwrap();
    let headers = String::from_utf8(message.formatted()).unwrap();
    let headers = headers.split_once("\r\n\r\n").unwrap().0;
    assert!(!headers.contains("::error") || headers.contains("=?utf-8?"), "{headers}");
    assert_eq!(headers.lines().filter(|line| line.starts_with("To:")).count(), 1);
}

/// A server that really speaks SMTP, and says what it took in.
#[tokio::test]
async fn a_server_takes_it_in() {
    let (arrivals, mut told) = watch::channel(0);
    let server = start(([127, 0, 0, 1], 0).into(), Clock::start(), arrivals).unwrap();
    let mail = mail(&format!("smtp://paydrill:p%40ss@127.0.0.1:{}", server.port())).unwrap();
    mail.send(&sample::notice(Change::Opened)).await.unwrap();
    told.changed().await.unwrap();
    let came = server.shelf().after(0).unwrap();
    let fields = &came[0].fields;
    assert_eq!(fields["to"], serde_json::json!(["billing@acme.example", "owner@acme.example"]));
    assert_eq!(fields["subject"], "[paydrill] Paid without access: checkout-grants-pro");
    let came = fields["text"].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(came.trim_end(), text(&sample::notice(Change::Opened)).trim_end());
    assert!(fields["html"].as_str().unwrap().contains("A customer does not have what they paid for."));
}

/// Readers join what they were told of one incident.
#[test]
fn one_thread_per_incident() {
    let mail = mail("smtp://127.0.0.1:25").unwrap();
    let header = |change: Change, name: &str| {
        let message = String::from_utf8(mail.message(&sample::notice(change)).unwrap().formatted()).unwrap();
        let line = message.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.to_owned()
    };
    assert_eq!(header(Change::Opened, "References:"), header(Change::Resolved, "References:"));
    assert_eq!(
        header(Change::Opened, "References:"),
        "References: <b72e2184b5522878.incident@paydrill.invalid>"
    );
    assert_ne!(header(Change::Opened, "Message-ID:"), header(Change::Resolved, "Message-ID:"));
    assert_eq!(header(Change::Opened, "Auto-Submitted:"), "Auto-Submitted: auto-generated");
}

#[rstest]
#[case::not_listening("smtp://paydrill:p%40ss-word@127.0.0.1:9", Again::Yes)]
#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again(#[case] smtp: &str, #[case] again: Again) {
    let error = mail(smtp).unwrap().send(&sample::notice(Change::Opened)).await.unwrap_err();
    assert_eq!(error.again, again);
    assert!(!error.problem.contains("p@ss") && !error.problem.contains("p%40ss"), "{}", error.problem);
}

#[rstest]
#[case::clear(
    "smtp://mail.acme.example:25",
    "use its mail server without TLS: expected smtps:// or ?tls=required (smtp:// alone only on this machine)"
)]
#[case::opportunistic(
    "smtp://mail.acme.example:25?tls=opportunistic",
    "use its mail server without TLS: expected smtps:// or ?tls=required (smtp:// alone only on this machine)"
)]
#[case::other(
    "https://user:hunter22@mail.acme.example",
    "read the address of its mail server: expected smtps://USER:PASSWORD@HOST or smtp://HOST:587?tls=required"
)]
#[case::nonsense(
    "mail.acme.example",
    "read the address of its mail server: expected smtps://USER:PASSWORD@HOST or smtp://HOST:587?tls=required"
)]
fn a_server_is_checked_and_its_password_not_told(#[case] smtp: &str, #[case] expected: &str) {
    let error = mail(smtp).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[rstest]
#[case("smtps://user:hunter22@mail.acme.example")]
#[case("smtp://mail.acme.example:587?tls=required")]
#[case("smtp://127.0.0.1:2525")]
fn a_server_with_tls_or_on_this_machine_is_taken(#[case] smtp: &str) {
    assert!(!format!("{:?}", mail(smtp).unwrap()).contains("hunter22"));
}

#[test]
fn mailboxes_are_checked() {
    let smtp = Secret::new("smtp://127.0.0.1:25");
    let wrong = |from: &str, to: &[&str]| {
        let to: Vec<String> = to.iter().map(|to| (*to).to_owned()).collect();
        Mail::new(&smtp, from, &to).unwrap_err().to_string()
    };
    assert_eq!(wrong("paydrill", &["a@b.example"]), "read `paydrill` as an e-mail address");
    assert_eq!(wrong("a@b.example", &["nobody"]), "read `nobody` as an e-mail address");
    assert_eq!(wrong("a@b.example", &[]), "find anybody to write to: `to` is empty");
}
