//! What the user wrote: one story a file.

pub mod model;
