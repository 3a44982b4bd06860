//! Named ways to read state.
//!
//! A probe executes a call whose templates are already filled in, and says what was there or why that cannot be
//! told. It judges nothing: fields are given as the app spells them.

mod caller;
mod client;
mod command;
mod cookies;
mod database;
mod fields;
mod http_json;
mod page;
mod reading;
#[cfg(feature = "sql")]
mod sql;

pub use caller::{Caller, CommandReader, Done, Reader, RequestOutcome, describe};
pub use client::{HttpAnswer, HttpCaller, describe_call};
pub use command::Workplace;
pub use cookies::Cookies;
pub use database::{KNOWS_SQL, reach};
pub use fields::Fields;
pub use http_json::{HttpProbe, Text};
pub use page::{Browser, PageReader};
pub use reading::{ReadError, Reading};
