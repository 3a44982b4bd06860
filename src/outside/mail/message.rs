//! What there is to know of a mail.

use std::sync::LazyLock;

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use regex::Regex;
use serde_json::{Map, Value};

use super::session::Envelope;
use crate::outside::{LONGEST_TEXT, start_of};

/// The most links of one message.
const MOST_LINKS: usize = 100;

/// A link in plain text or in an attribute.
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"https?://[^\s"'<>\\^`{|}]+"#).ok());

/// A mail as fields: `to`, `from`, `subject`, `text`, `html`, `links`, `attachments`. Addresses are in small letters;
/// `to` is whom it reaches, blind copies too, whatever its header says.
pub(super) fn fields(envelope: Envelope) -> Map<String, Value> {
    let Envelope { from, to, data } = envelope;
    let parsed = MessageParser::default().parse(&data);
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("to", to.iter().map(|address| address.to_lowercase()).collect());
    let Some(message) = parsed else {
        put("from", from.to_lowercase().into());
        put("text", start_of(&String::from_utf8_lossy(&data), LONGEST_TEXT).into());
        return fields;
    };
    let named = message.from().and_then(|from| from.first()?.address()).unwrap_or(&from);
    put("from", named.to_lowercase().into());
    if let Some(subject) = message.subject() {
        put("subject", subject.into());
    }
    // A message in HTML only is read as a person would.
    let text = message.body_text(0).unwrap_or_default().into_owned();
    let html = html(&message);
    put("links", links(&text, html).into());
    put("text", start_of(&text, LONGEST_TEXT).into());
    if let Some(html) = html {
        put("html", start_of(html, LONGEST_TEXT).into());
    }
    put("attachments", message.attachments().filter_map(|part| part.attachment_name()).collect());
    fields
}

fn html<'a>(message: &'a Message<'_>) -> Option<&'a str> {
    message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.as_ref()),
        _ => None,
    })
}

/// Links in the order in which a reader meets them, each once.
fn links(text: &str, html: Option<&str>) -> Vec<Value> {
    let mut links: Vec<Value> = Vec::new();
    let found =
        LINK.iter().flat_map(|link| [html.unwrap_or_default(), text].map(|text| link.find_iter(text)));
    for link in found.flatten() {
        let link = link.as_str().replace("&amp;", "&");
        // What ends a sentence ends the link.
        let link = Value::from(link.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']));
        if links.len() < MOST_LINKS && !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(data: &str) -> Value {
        let to = vec!["Ann@Example.com".to_owned()];
        let data = data.replace('\n', "\r\n").into_bytes();
        Value::Object(fields(Envelope { from: "bounces@app.example".into(), to, data }))
    }

    #[rstest::rstest]
    #[case::plain(
        "From: The App <Hi@App.example>\nSubject: Your receipt\n\nPaid. See https://app.example/r/1?a=b&c=d.\n",
        json!({
            "to": ["ann@example.com"], "from": "hi@app.example", "subject": "Your receipt",
            "links": ["https://app.example/r/1?a=b&c=d"], "attachments": [],
            "text": "Paid. See https://app.example/r/1?a=b&c=d.",
        })
    )]
    #[case::encoded(
        "From: hi@app.example\nSubject: =?utf-8?q?Ihre_Rechnung_=E2=82=AC?=\n\
         Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe",
        json!({
            "to": ["ann@example.com"], "from": "hi@app.example", "subject": "Ihre Rechnung €",
            "links": [], "text": "Grüße", "attachments": [],
        })
    )]
    #[case::html_only(
        "From: hi@app.example\nSubject: x\nContent-Type: text/html\n\n\
         <p>Please <a href=\"https://a.example/?x=1&amp;y=2\">pay</a></p>",
        json!({
            "to": ["ann@example.com"], "from": "hi@app.example", "subject": "x",
            "links": ["https://a.example/?x=1&y=2"], "attachments": [],
            "text": "Please pay", "html": "<p>Please <a href=\"https://a.example/?x=1&amp;y=2\">pay</a></p>",
        })
    )]
    #[case::both_and_a_file(
        "From: hi@app.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\n\
         --m\nContent-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain\n\nplain\n\
         --a\nContent-Type: text/html\n\n<b>rich</b>\n--a--\n\
         --m\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"r.pdf\"\n\nPDF\n--m--\n",
        json!({
            "to": ["ann@example.com"], "from": "hi@app.example", "subject": "x", "links": [],
            "text": "plain", "html": "<b>rich</b>", "attachments": ["r.pdf"],
        })
    )]
    #[case::nothing("", json!({ "to": ["ann@example.com"], "from": "bounces@app.example", "text": "" }))]
    fn a_mail_is_read_as_a_person_does(#[case] data: &str, #[case] expected: Value) {
        let mut actual = read(data);
        if let Some(Value::String(text)) = actual.get_mut("text") {
            *text = text.trim().to_owned();
        }
        assert_eq!(actual, expected);
    }

    #[test]
    fn long_texts_are_cut_and_links_have_an_end() {
        let many: String = (0..300).map(|number| format!("https://a.example/{number} ")).collect();
        let long = read(&format!("Subject: x\n\n{many}{}", "ü".repeat(LONGEST_TEXT)));
        assert_eq!(long["links"].as_array().unwrap().len(), MOST_LINKS);
        assert!(long["text"].as_str().unwrap().len() <= LONGEST_TEXT);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let _ = fields(Envelope { data, ..Envelope::default() });
        }
    }
}
