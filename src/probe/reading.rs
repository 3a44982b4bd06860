//! One reading of a probe.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::time::human;

/// One reading of a probe: what was read, or why it could not be.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// When the answer was complete, since the run's start.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// The fields that were there. A field that the answer lacks is not a key here: `absent` matches it.
    pub fields: Result<Map<String, Value>, ReadError>,
}

/// Why a probe could not be read. It makes a verdict *errored*, never *failed*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The connection was refused or broke.
    #[error("reach {url}: {problem}")]
    Unreachable {
        /// Without secrets.
        url: String,
        /// In a few words.
        problem: String,
    },
    /// There was no whole answer in time.
    #[error("get an answer from {url} within {}", human(*limit))]
    TimedOut {
        /// Without secrets.
        url: String,
        /// What was waited for.
        limit: Duration,
    },
    /// The answer is larger than a probe may be.
    #[error("read {url}: its answer is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// Without secrets.
        url: String,
        /// In bytes; whole mebibytes.
        limit: usize,
    },
    /// Fields are read from JSON, and the answer is something else.
    #[error("read {url} as JSON: it answered {status} with {content}")]
    NotJson {
        /// Without secrets.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The start of what it answered.
        content: String,
    },
    /// Fields are read from JSON, and the answer is JSON, but an error without any of them.
    #[error("read the fields from {url}: it answered {status} with {content}")]
    Refused {
        /// Without secrets.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The start of what it answered.
        content: String,
    },
    /// The call cannot be made as it is written.
    #[error("make the call to {call}: {problem}")]
    Call {
        /// The path as it is written.
        call: String,
        /// In a few words.
        problem: String,
    },
    /// A database did not answer, or refused.
    #[error("ask the database {url}: {problem}")]
    Database {
        /// Without credentials.
        url: String,
        /// What it said.
        problem: String,
    },
    /// A program could not be run.
    #[error("run {program}: {problem}")]
    Command {
        /// Without its arguments.
        program: String,
        /// In a few words.
        problem: String,
    },
    /// Fields are read from JSON, and a program printed something else.
    #[error("read what {program} prints as JSON: it ended with {exit} after {content}")]
    NotPrinted {
        /// Without its arguments.
        program: String,
        /// Its exit code.
        exit: i32,
        /// The start of what it printed.
        content: String,
    },
    /// More left the app than is kept.
    #[error("tell what left the app: there were more than {limit} {what}")]
    Overflow {
        /// `mails`
        what: String,
        /// How many are kept.
        limit: usize,
    },
    /// What a probe means of what left the app cannot be understood.
    #[error("choose by `{key}`: {problem}")]
    Selection {
        /// `subject`
        key: String,
        /// In a few words.
        problem: String,
    },
    /// A browser could not be sent to a page, or could not read it.
    #[error("look at {url}: {problem}")]
    Browser {
        /// Without secrets.
        url: String,
        /// What it said.
        problem: String,
    },
    /// A field's path is none.
    #[error("understand the JSONPath {path}: {problem}")]
    Path {
        /// As it is written.
        path: String,
        /// In a few words.
        problem: String,
    },
    /// A template in the probe has no value.
    #[error("fill in {template}: {problem}")]
    Template {
        /// The string with the template.
        template: String,
        /// What is missing.
        problem: String,
    },
}

impl ReadError {
    /// Everything in it that came from outside, for whoever has to mask it.
    pub(crate) fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Unreachable { url, problem } => vec![url, problem],
            Self::TimedOut { url, .. } | Self::TooLarge { url, .. } => vec![url],
            Self::NotJson { url, content, .. } | Self::Refused { url, content, .. } => vec![url, content],
            Self::Database { url, problem } | Self::Browser { url, problem } => vec![url, problem],
            Self::Command { program, problem } => vec![program, problem],
            Self::NotPrinted { program, content, .. } => vec![program, content],
            Self::Call { call, problem } => vec![call, problem],
            Self::Overflow { what, .. } => vec![what],
            Self::Selection { key, problem } => vec![key, problem],
            Self::Path { path, problem } => vec![path, problem],
            Self::Template { template, problem } => vec![template, problem],
        }
    }
}
