//! Named ways to read state.

mod reading;

pub use reading::{ReadError, Reading};
