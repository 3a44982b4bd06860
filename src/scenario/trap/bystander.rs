//! A bystander whom the app cannot know: nothing of it could change, whatever the app confuses.

use crate::project::model::Project;
use crate::scenario::code::Code;
use crate::scenario::decode::Problems;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Story, Told};

pub(super) fn check(story: &Story, project: &Project, problems: &mut Problems) {
    for (index, customer) in story.given.customers.iter().enumerate() {
        let bystander = story.steps.iter().all(|step| step.customer != index);
        let introduced = customer.requests.as_ref().map_or(!project.given.is_empty(), |all| !all.is_empty());
        let told = customer.subscriptions.iter().any(|subscription| subscription.told == Told::Yes);
        if bystander && !introduced && !told {
            problems.push(
                Diagnostic::warning(Code::IdleBystander, "the app does not know this bystander")
                    .at(&customer.place)
                    .label("nothing of it could change")
                    .help("give it a subscription, or let a step be about it"),
            );
        }
    }
}
