//! What a story says and cannot mean: it is valid, and proves less than its author thinks. Only warnings, and only
//! where nothing is wrong; `allow` accepts one on purpose. Pure.
//!
//! | file | trap |
//! |---|---|
//! | `proof` | a story that can never fail, expectations that hold of any app |
//! | `change` | changes of an event that change nothing |
//! | `literal` | an id or e-mail written out that is minted for every case |
//! | `matrix` | a matrix that multiplies nothing |
//! | `bystander` | a bystander whom the app cannot know |

mod allow;
mod bystander;
mod change;
mod literal;
mod matrix;
mod proof;

#[cfg(test)]
mod tests;

pub(crate) use allow::allowed;
pub(crate) use matrix::warn_if_idle as warn_of_matrix;

use super::decode::Problems;
use super::model::{Head, Story};
use super::tree::Node;
use crate::project::model::Project;

/// Warns of everything in a story that cannot mean what it says. `tree` is the file with the matrix filled in.
pub(crate) fn warn(head: &Head, story: &Story, tree: &Node, project: &Project, problems: &mut Problems) {
    proof::check(head, story, project, problems);
    change::check(story, project, problems);
    bystander::check(story, project, problems);
    literal::check(tree, problems);
}
