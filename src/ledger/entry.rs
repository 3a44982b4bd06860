//! One entry of the ledger: what is written, byte for byte, and what is read of it.
//!
//! An entry is one JSON object of version 1, whose fields stand in this order. It is stored as it was written and never
//! spelled again: its hash is of these bytes.
//!
//! | field | means |
//! |---|---|
//! | `v` | `1.0`: major and minor of the form |
//! | `project`, `environment`, `run` | whose chain it is in; `run` is the id of the Stripe event that opened the run |
//! | `seq` | its place in the chain, from 0 |
//! | `prev` | SHA-256 of the entry before; of the first one: of the chain's name |
//! | `at` | wall time of the machine that wrote it; order is told by `seq` alone |
//! | `attempt` | which attempt of the run it belongs to; null: none, a person did something |
//! | `kind` | a word of [`super::kind`] |
//! | `body` | what that kind says |
//!
//! A reader takes any minor version and keeps what it does not know; another major version it refuses. Who writes never
//! adds to a ledger in which a newer minor version has written: what that one means by it could be lost.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chain::{Hash, Tip};

/// Version of the form of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Format {
    /// Another one cannot be read.
    pub major: u32,
    /// A higher one has fields and kinds that a lower one does not know.
    pub minor: u32,
}

/// The form that this version writes.
pub const FORMAT: Format = Format { major: 1, minor: 0 };

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Format {
    /// `1.0`
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

/// The name of a chain: one run, wherever it was tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// The project's name.
    pub project: String,
    /// The environment's.
    pub environment: String,
    /// The id of the Stripe event that opened it.
    pub run: String,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} in {}", self.run, self.project, self.environment)
    }
}

/// Something to be written, which has no place in a chain yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Into which chain.
    pub key: RunKey,
    /// When it happened.
    pub at: Timestamp,
    /// Which attempt of the run it belongs to.
    pub attempt: Option<String>,
    /// A word of [`super::kind`].
    pub kind: &'static str,
    /// What it says.
    pub body: Map<String, Value>,
}

/// An entry with its place in a chain, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place.
    pub seq: u64,
    /// As it was written.
    pub bytes: String,
}

impl Stored {
    /// The hash that the next entry carries.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(self.bytes.as_bytes())
    }
}

/// What is read of an entry. What this version does not know stays in its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The form it is written in.
    pub format: Format,
    /// Whose chain it says to be in.
    pub key: RunKey,
    /// Where it says to stand.
    pub seq: u64,
    /// The hash of the one before.
    pub prev: Hash,
    /// When it was written.
    pub at: Timestamp,
    /// Which attempt it belongs to.
    pub attempt: Option<String>,
    /// What kind, known or not.
    pub kind: String,
    /// What it says.
    pub body: Map<String, Value>,
}

/// Why an entry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It is not what this says it is.
    #[error("read an entry: {0}")]
    Malformed(String),
    /// A later Paydrill wrote it.
    #[error("read an entry of version {0}: this paydrill reads {FORMAT}")]
    Newer(Format),
}

#[derive(Serialize)]
struct Written<'a> {
    v: String,
    project: &'a str,
    environment: &'a str,
    run: &'a str,
    seq: u64,
    prev: String,
    at: String,
    attempt: Option<&'a str>,
    kind: &'a str,
    body: &'a Map<String, Value>,
}

#[derive(Deserialize)]
struct Read {
    project: String,
    environment: String,
    run: String,
    seq: u64,
    prev: String,
    at: String,
    #[serde(default)]
    attempt: Option<String>,
    kind: String,
    #[serde(default)]
    body: Map<String, Value>,
}

impl Draft {
    /// The entry that stands at `tip`.
    #[must_use]
    pub fn seal(&self, tip: &Tip) -> Stored {
        let RunKey { project, environment, run } = &self.key;
        let written = Written {
            v: FORMAT.to_string(),
            project,
            environment,
            run,
            seq: tip.next,
            prev: tip.hash.to_string(),
            at: self.at.to_string(),
            attempt: self.attempt.as_deref(),
            kind: self.kind,
            body: &self.body,
        };
        // Every key is a string, which is all that could be wrong with it.
        let bytes = serde_json::to_string(&written).unwrap_or_default();
        Stored { seq: tip.next, bytes }
    }
}

impl Entry {
    /// Reads what was stored.
    ///
    /// # Errors
    /// It is no entry, or of another major version.
    pub fn read(bytes: &str) -> Result<Self, EntryError> {
        let malformed = |problem: String| EntryError::Malformed(problem);
        let value: Value = serde_json::from_str(bytes).map_err(|error| malformed(error.to_string()))?;
        let said = value.get("v").and_then(Value::as_str).and_then(Format::parse);
        let format = said.ok_or_else(|| malformed("it has no version".to_owned()))?;
        if format.major != FORMAT.major {
            return Err(EntryError::Newer(format));
        }
        let read: Read = serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
        let Read { project, environment, run, seq, prev, at, attempt, kind, body } = read;
        let prev = Hash::parse(&prev).ok_or_else(|| malformed(format!("`{prev}` is no hash")))?;
        let at = at.parse().map_err(|_| malformed(format!("`{at}` is no time")))?;
        let key = RunKey { project, environment, run };
        Ok(Self { format, key, seq, prev, at, attempt, kind, body })
    }

    /// What it says, in the words of its kind; what is not there has its default.
    #[must_use]
    pub fn says<T: serde::de::DeserializeOwned + Default>(&self) -> T {
        T::deserialize(&self.body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::ledger::sample;

    #[test]
    fn what_is_written_is_what_the_table_says() {
        let draft = sample::draft("evt_1", "noted", json!({ "who": "kim", "why": "looked at it" }));
        let first = draft.seal(&Tip::start(&draft.key));
        let prev = Tip::start(&draft.key).hash;
        assert_eq!(
            first.bytes,
            format!(
                "{{\"v\":\"1.0\",\"project\":\"acme\",\"environment\":\"ci\",\"run\":\"evt_1\",\"seq\":0,\"prev\":\"{prev}\",\
                 \"at\":\"2026-11-18T11:06:40Z\",\"attempt\":\"a1\",\"kind\":\"noted\",\
                 \"body\":{{\"who\":\"kim\",\"why\":\"looked at it\"}}}}"
            )
        );
        let read = Entry::read(&first.bytes).unwrap();
        assert_eq!((read.seq, &read.key, read.kind.as_str()), (0, &draft.key, "noted"));
        assert_eq!((read.at, read.body), (draft.at, draft.body));
    }

    /// A newer minor version may say more, everywhere.
    #[test]
    fn a_newer_minor_version_is_read() {
        let draft = sample::draft("evt_1", "noted", json!({ "why": "x" }));
        let bytes = draft.seal(&Tip::start(&draft.key)).bytes;
        let newer = bytes
            .replace("\"v\":\"1.0\"", "\"v\":\"1.7\",\"region\":\"eu\"")
            .replace("\"kind\":\"noted\"", "\"kind\":\"weighed\"")
            .replace("\"why\":\"x\"", "\"why\":\"x\",\"grams\":3");
        let read = Entry::read(&newer).unwrap();
        assert_eq!(read.format, Format { major: 1, minor: 7 });
        assert_eq!((read.kind.as_str(), &read.body["grams"]), ("weighed", &json!(3)));
    }

    #[rstest]
    #[case("{", "EOF")]
    #[case("{}", "no version")]
    #[case(r#"{"v":"2.0"}"#, "version 2.0: this paydrill reads 1.0")]
    #[case(r#"{"v":"1.0"}"#, "missing field `project`")]
    #[case(r#"{"v":"one"}"#, "no version")]
    fn what_is_no_entry_is_refused(#[case] bytes: &str, #[case] expected: &str) {
        let said = Entry::read(bytes).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}
