//! What the user wrote: one story a file.
//!
//! ```text
//! load ─ text → tree (spanned) → matrix filled in → document (spanned, everything optional) → validate → model
//! ```
//!
//! Every stage reports all it finds as [`Diagnostic`]s and stops none of the others. Only [`mod@load`] touches a disk.

pub mod capture;
pub mod load;
pub mod model;

pub mod diagnostic;
pub mod explain;
pub mod folder;
pub mod format;
pub mod render;
pub mod schema;

pub(crate) mod code;
pub(crate) mod decode;
pub(crate) mod document;
pub(crate) mod duration;
pub(crate) mod lexical;
pub(crate) mod matrix;
pub(crate) mod shape;
pub(crate) mod template;
pub(crate) mod trap;
pub(crate) mod tree;
pub(crate) mod validate;

pub use crate::project::refuse_unsupported;
pub use code::Code;
pub use diagnostic::{Diagnostic, Severity};
pub use folder::{Folder, parse_folder};
pub use load::{
    LoadError, Loaded, check_regular, find_project, load, load_captured, load_project, load_scenarios,
    scenario_files, scenario_folder,
};
pub use validate::parse_scenario;

#[cfg(test)]
pub(crate) mod tests;
