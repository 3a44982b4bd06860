//! One client's conversation. Pure: bytes in, bytes out; parsing is Stalwart's.

use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver, LineReceiver, RequestReceiver};
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error, Request};

/// The largest message, in bytes; told to clients with `SIZE`.
const LARGEST: usize = 10 * 1024 * 1024;
/// The most recipients of one message.
const MOST_RECIPIENTS: usize = 100;
/// A client that says nothing that can be understood so often is no mailer.
const MOST_MISTAKES: usize = 20;

/// A message, and who sends it to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Envelope {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: Vec<u8>,
}

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    Close,
}

/// One conversation.
pub(super) struct Session {
    hearing: Hearing,
    requests: RequestReceiver,
    /// What the client has announced; `None`: no `MAIL` yet.
    envelope: Option<Envelope>,
    mistakes: usize,
}

/// What the next bytes are.
enum Hearing {
    Commands,
    Data(DataReceiver, Vec<u8>),
    /// A message that is too large: heard to its end, and not kept.
    TooLarge(DummyDataReceiver),
    /// So many more lines of credentials.
    Credentials(u8, LineReceiver<()>),
}

impl Session {
    pub(super) fn new() -> Self {
        Self { hearing: Hearing::Commands, requests: RequestReceiver::default(), envelope: None, mistakes: 0 }
    }

    pub(super) fn greeting() -> &'static [u8] {
        b"220 paydrill takes mail for tests and delivers none\r\n"
    }

    /// Takes what the client said; `accept` gives the status of a whole message. Answers are added to `said`.
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        accept: &mut dyn FnMut(Envelope) -> u16,
        said: &mut Vec<u8>,
    ) -> Flow {
        let mut bytes = bytes.iter();
        while !bytes.as_slice().is_empty() {
            match &mut self.hearing {
                Hearing::Commands => match self.requests.ingest(&mut bytes).map(Request::into_owned) {
                    Ok(request) => {
                        if self.obey(request, said) == Flow::Close {
                            return Flow::Close;
                        }
                    }
                    Err(Error::NeedsMoreData { .. }) => break,
                    Err(error) => {
                        if self.misunderstand(&error, said) == Flow::Close {
                            return Flow::Close;
                        }
                    }
                },
                Hearing::Data(receiver, data) => {
                    if receiver.ingest(&mut bytes, data) {
                        let data = std::mem::take(data);
                        self.whole(data, accept, said);
                    } else if data.len() > LARGEST {
                        self.hearing = Hearing::TooLarge(DummyDataReceiver::new_data(receiver));
                    }
                }
                Hearing::TooLarge(receiver) => {
                    if receiver.ingest(&mut bytes) {
                        self.reset();
                        say(said, TOO_LARGE);
                    }
                }
                Hearing::Credentials(left, line) => {
                    if line.ingest(&mut bytes) {
                        let cancelled = line.buf == b"*";
                        let left = left.saturating_sub(1);
                        self.credentials(if cancelled { None } else { Some(left) }, said);
                    }
                }
            }
        }
        Flow::Go
    }

    fn obey(&mut self, request: Request<String>, said: &mut Vec<u8>) -> Flow {
        match request {
            Request::Ehlo { .. } | Request::Lhlo { .. } => {
                self.reset();
                said.extend_from_slice(
                    format!(
                        "250-paydrill\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                         250-SIZE {LARGEST}\r\n250 AUTH PLAIN LOGIN\r\n"
                    )
                    .as_bytes(),
                );
            }
            Request::Helo { .. } => {
                self.reset();
                say(said, "250 paydrill");
            }
            Request::Mail { from } if from.size > LARGEST => say(said, TOO_LARGE),
            Request::Mail { from } => self.mail(from.address, said),
            Request::Rcpt { to } => self.recipient(to.address, said),
            Request::Data => self.data(said),
            Request::Auth { mechanism, initial_response } => {
                self.authenticate(mechanism, &initial_response, said);
            }
            Request::Rset => {
                self.reset();
                say(said, "250 forgotten");
            }
            Request::Noop { .. } => say(said, "250 ok"),
            Request::Vrfy { .. } => say(said, "252 everybody is taken for granted"),
            Request::Quit => {
                say(said, "221 bye");
                return Flow::Close;
            }
            Request::Expn { .. }
            | Request::Help { .. }
            | Request::Etrn { .. }
            | Request::Atrn { .. }
            | Request::Burl { .. }
            | Request::Bdat { .. }
            | Request::StartTls => say(said, "502 not offered here"),
        }
        Flow::Go
    }

    fn mail(&mut self, from: String, said: &mut Vec<u8>) {
        if self.envelope.is_some() {
            return say(said, "503 one message after the other");
        }
        self.envelope = Some(Envelope { from, ..Envelope::default() });
        say(said, "250 ok");
    }

    fn recipient(&mut self, to: String, said: &mut Vec<u8>) {
        match &mut self.envelope {
            None => say(said, "503 MAIL comes first"),
            Some(envelope) if envelope.to.len() >= MOST_RECIPIENTS => say(said, "452 too many recipients"),
            Some(envelope) => {
                envelope.to.push(to);
                say(said, "250 ok");
            }
        }
    }

    fn data(&mut self, said: &mut Vec<u8>) {
        match &self.envelope {
            None => say(said, "503 MAIL comes first"),
            Some(envelope) if envelope.to.is_empty() => say(said, "503 RCPT comes first"),
            Some(_) => {
                self.hearing = Hearing::Data(DataReceiver::new(), Vec::new());
                say(said, "354 go on, and end with a dot");
            }
        }
    }

    /// Any credentials will do. `PLAIN` is one line, `LOGIN` two; either may come with the command.
    fn authenticate(&mut self, mechanism: u64, initial: &str, said: &mut Vec<u8>) {
        let lines: u8 = match mechanism {
            AUTH_PLAIN => 1,
            AUTH_LOGIN => 2,
            _ => return say(said, "504 PLAIN or LOGIN"),
        };
        let given = u8::from(!initial.is_empty());
        self.credentials(Some(lines.saturating_sub(given)), said);
    }

    /// Asks for the lines that are left; `None`: the client thought better of it.
    fn credentials(&mut self, left: Option<u8>, said: &mut Vec<u8>) {
        self.hearing = match left {
            None | Some(0) => Hearing::Commands,
            Some(left) => Hearing::Credentials(left, LineReceiver::new(())),
        };
        say(
            said,
            match left {
                None => "501 as you wish",
                Some(0) => "235 welcome",
                // The words of RFC 4616 and of the mailers: "Username:" and "Password:".
                Some(1) => "334 UGFzc3dvcmQ6",
                Some(_) => "334 VXNlcm5hbWU6",
            },
        );
    }

    fn whole(&mut self, data: Vec<u8>, accept: &mut dyn FnMut(Envelope) -> u16, said: &mut Vec<u8>) {
        let envelope = self.envelope.take().unwrap_or_default();
        self.reset();
        if data.len() > LARGEST {
            return say(said, TOO_LARGE);
        }
        match accept(Envelope { data, ..envelope }) {
            status @ 200..=299 => say(said, &format!("{status} taken")),
            status @ 400..=499 => say(said, &format!("{status} not now: the scenario refuses it")),
            status => say(said, &format!("{status} never: the scenario refuses it")),
        }
    }

    fn misunderstand(&mut self, error: &Error, said: &mut Vec<u8>) -> Flow {
        self.mistakes += 1;
        if self.mistakes >= MOST_MISTAKES || matches!(error, Error::ResponseTooLong) {
            say(said, "421 this is no mail");
            return Flow::Close;
        }
        match error {
            Error::UnknownCommand => say(said, "500 no such command"),
            Error::InvalidSenderAddress | Error::InvalidRecipientAddress => say(said, "501 no such address"),
            Error::UnsupportedParameter { .. } => say(said, "555 no such parameter"),
            _ => say(said, "501 this cannot be understood"),
        }
        Flow::Go
    }

    fn reset(&mut self) {
        self.hearing = Hearing::Commands;
        self.envelope = None;
    }
}

const TOO_LARGE: &str = "552 the message is too large";

fn say(said: &mut Vec<u8>, line: &str) {
    said.extend_from_slice(line.as_bytes());
    said.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// What was answered, each line by its code, and what came in.
    fn talk(session: &mut Session, bytes: &[u8], status: u16) -> (String, Vec<Envelope>, Flow) {
        let (mut came, mut said) = (Vec::new(), Vec::new());
        let mut accept = |envelope| {
            came.push(envelope);
            status
        };
        let flow = session.hear(bytes, &mut accept, &mut said);
        let said = String::from_utf8(said).unwrap();
        let codes: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
        (codes.join(" "), came, flow)
    }

    fn mail(body: &str) -> String {
        format!("MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n{body}\r\n.\r\n")
    }

    #[rstest]
    #[case::esmtp("EHLO me\r\n", "250 250 250 250 250 250")]
    #[case::smtp("HELO me\r\n", "250")]
    #[case::anything_goes_in_small_letters("helo me\r\nnoop\r\nrset\r\n", "250 250 250")]
    #[case::plain_at_once("AUTH PLAIN AGEAYg==\r\n", "235")]
    #[case::plain_when_asked("AUTH PLAIN\r\nAGEAYg==\r\n", "334 235")]
    #[case::login("AUTH LOGIN\r\nYQ==\r\nYg==\r\n", "334 334 235")]
    #[case::login_with_name("AUTH LOGIN YQ==\r\nYg==\r\n", "334 235")]
    #[case::thinks_better("AUTH LOGIN\r\n*\r\nNOOP\r\n", "334 501 250")]
    #[case::other_mechanism("AUTH CRAM-MD5\r\n", "504")]
    #[case::no_tls("STARTTLS\r\n", "502")]
    #[case::a_message(
        "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n",
        "250 250 354 250 221"
    )]
    #[case::a_bounce("MAIL FROM:<>\r\nRCPT TO:<d@e.f>\r\n", "250 250")]
    #[case::parameters("MAIL FROM:<a@b.c> SIZE=100 BODY=8BITMIME SMTPUTF8\r\n", "250")]
    #[case::too_large("MAIL FROM:<a@b.c> SIZE=99999999\r\n", "552")]
    #[case::no_sender("RCPT TO:<d@e.f>\r\nDATA\r\n", "503 503")]
    #[case::no_recipient("MAIL FROM:<a@b.c>\r\nDATA\r\n", "250 503")]
    #[case::two_senders("MAIL FROM:<a@b.c>\r\nMAIL FROM:<a@b.c>\r\n", "250 503")]
    #[case::forgotten("MAIL FROM:<a@b.c>\r\nRSET\r\nRCPT TO:<d@e.f>\r\n", "250 250 503")]
    #[case::nonsense("WHAT?\r\nNOOP\r\n", "500 250")]
    #[case::http("GET / HTTP/1.1\r\n", "500")]
    fn commands_are_answered(#[case] bytes: &str, #[case] expected: &str) {
        assert_eq!(talk(&mut Session::new(), bytes.as_bytes(), 250).0, expected);
    }

    #[test]
    fn a_message_comes_as_it_was_sent() {
        let (_, came, flow) = talk(&mut Session::new(), mail("Subject: x\r\n\r\n..dot\r\n.").as_bytes(), 250);
        let data = b"Subject: x\r\n\r\n.dot\r\n".to_vec();
        let expected = Envelope { from: "a@b.c".into(), to: vec!["d@e.f".into()], data };
        assert_eq!((came, flow), (vec![expected], Flow::Go));
    }

    #[rstest]
    #[case(250, "250")]
    #[case(451, "451")]
    #[case(550, "550")]
    fn a_message_is_refused_and_the_next_one_may_come(#[case] status: u16, #[case] expected: &str) {
        let mut session = Session::new();
        let (said, came, _) = talk(&mut session, mail("one").as_bytes(), status);
        assert_eq!((said, came.len()), (format!("250 250 354 {expected}"), 1));
        assert_eq!(talk(&mut session, mail("two").as_bytes(), 250).0, "250 250 354 250");
    }

    #[test]
    fn a_message_larger_than_it_said_is_heard_out_and_not_kept() {
        let mut session = Session::new();
        let (said, came, _) = talk(&mut session, mail(&"x".repeat(LARGEST + 1)).as_bytes(), 250);
        assert_eq!((said.as_str(), came.len()), ("250 250 354 552", 0));
        talk(&mut session, b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n", 250);
        for _ in 0..12 {
            assert_eq!(talk(&mut session, &vec![b'x'; 1 << 20], 250).0, "");
        }
        assert_eq!(talk(&mut session, b"\r\n.\r\nNOOP\r\n", 250).0, "552 250");
    }

    #[test]
    fn recipients_have_an_end() {
        let mut session = Session::new();
        talk(&mut session, b"MAIL FROM:<a@b.c>\r\n", 250);
        for _ in 0..MOST_RECIPIENTS {
            assert_eq!(talk(&mut session, b"RCPT TO:<d@e.f>\r\n", 250).0, "250");
        }
        assert_eq!(talk(&mut session, b"RCPT TO:<d@e.f>\r\n", 250).0, "452");
    }

    #[test]
    fn who_never_speaks_smtp_is_not_listened_to_for_ever() {
        let (said, _, flow) = talk(&mut Session::new(), "WHAT?\r\n".repeat(50).as_bytes(), 250);
        assert_eq!(said, format!("{}421", "500 ".repeat(MOST_MISTAKES - 1)));
        assert_eq!(flow, Flow::Close);
        assert_eq!(talk(&mut Session::new(), &[b'x'; 100_000], 250).2, Flow::Close);
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(cuts in prop::collection::vec(1usize..40, 1..40)) {
            let text = format!(
                "EHLO me\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\n{}{}QUIT\r\n", mail("Subject: a\r\n\r\n.."), mail("b\r\n.c"),
            );
            let whole = talk(&mut Session::new(), text.as_bytes(), 250);
            let mut session = Session::new();
            let (mut said, mut came, mut rest) = (Vec::new(), Vec::new(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                let heard = talk(&mut session, now, 250);
                said.extend(heard.0.split_whitespace().map(str::to_owned));
                came.extend(heard.1);
                rest = later;
            }
            prop_assert_eq!((said.join(" "), came), (whole.0, whole.1));
        }

        #[test]
        fn no_bytes_make_it_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8)) {
            let mut session = Session::new();
            for chunk in chunks {
                let _ = session.hear(&chunk, &mut |_| 250, &mut Vec::new());
            }
        }
    }
}
