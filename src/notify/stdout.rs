//! Standard output: for a log that somebody else reads.

use async_trait::async_trait;

use super::clamp::line;
use super::{Notice, Notifier, SendError};

/// Who writes, given whole lines.
pub type Say<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Says it.
pub struct Stdout<'a> {
    say: Say<'a>,
}

impl std::fmt::Debug for Stdout<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stdout")
    }
}

impl<'a> Stdout<'a> {
    /// `say`: the one place that writes.
    #[must_use]
    pub fn new(say: Say<'a>) -> Self {
        Self { say }
    }
}

#[async_trait]
impl Notifier for Stdout<'_> {
    fn kind(&self) -> &'static str {
        "stdout"
    }

    async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        (self.say)(&text(notice));
        Ok(())
    }
}

/// One line, so that a log stays a list.
#[must_use]
pub fn text(notice: &Notice) -> String {
    let subject = &notice.subject;
    let mut text = format!(
        "incident {} {} {} in {}: {}",
        notice.change.as_str(),
        subject.fingerprint,
        subject.severity,
        subject.environment,
        notice.title()
    );
    if notice.asks() {
        text.push_str(&format!(": {}. Next: {}", subject.headline, subject.route));
    }
    for more in notice.note.iter().cloned().chain(notice.and_more()) {
        text.push_str(&format!(". {more}"));
    }
    line(&text, 1_000) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{Change, sample};

    #[rstest::rstest]
    #[case(
        sample::notice(Change::Opened),
        "incident opened b72e2184b5522878 critical in ci: Paid without access: checkout-grants-pro: access.plan: still \"free\" 10 s after the last delivery (211 readings). Next: reconcile access\n"
    )]
    #[case(
        sample::notice(Change::Resolved),
        "incident resolved b72e2184b5522878 critical in ci: Resolved: paid without access: checkout-grants-pro\n"
    )]
    #[case(
        sample::test(Change::Opened),
        "incident opened paydrill-test-acme-ci low in ci: Test of Paydrill's messages. Sent by `paydrill notify test`. Nobody needs to do anything.\n"
    )]
    fn a_change_is_one_line(#[case] notice: Notice, #[case] expected: &str) {
        assert_eq!(text(&notice), expected);
    }

    #[test]
    fn hostile_values_keep_to_their_line() {
        assert_eq!(text(&sample::hostile(Change::Opened)).lines().count(), 1);
    }
}
