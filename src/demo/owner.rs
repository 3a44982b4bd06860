//! Whose event it is: from the customer at Stripe to the account here.
//!
//! Most customers are known since they signed up. One that is not may be somebody's who registered with an e-mail
//! address and paid before Stripe told who that was; then the first event that names the account links the two. The
//! account stands in what our checkout wrote down (`client_reference_id`, or `user` in the metadata of the session or
//! of the subscription); a customer whom a colleague made in Stripe's dashboard has the account's e-mail address.

use serde_json::Value;

use super::App;
use super::account::{id_of, plain};
use super::apply::{Change, Origin, commit};
use super::bug::Bug;
use super::event::{Event, text};
use super::handle::HandleError;
use super::store::{Account, Record, User};
use super::subscription::{self, Heard};
use super::task::Task;

/// Where an event's object may name the account, and the wrong decision that overlooks it.
const NAMES: [(&str, &str, Option<Bug>); 4] = [
    ("checkout.session", "/client_reference_id", None),
    ("checkout.session", "/metadata/user", Some(Bug::IdMetadataOnSession)),
    ("subscription", "/metadata/user", Some(Bug::IdMetadataOnSubscription)),
    ("invoice", "/parent/subscription_details/metadata/user", Some(Bug::IdMetadataOnSubscription)),
];

/// The user whose customer an event is about, linked now if it is the first to tell; `None`: nobody's here.
pub(super) async fn of(
    app: &App,
    task: Task,
    event: &Event,
    customer: &str,
) -> Result<Option<User>, HandleError> {
    if let Some(user) = app.store.user_of_customer(customer).await? {
        return Ok(Some(user));
    }
    if app.has(Bug::OrderUpdatedNoRow) && is_left_an_orphan(app, event).await? {
        return Ok(None);
    }
    let account = match named(app, task, event).await? {
        Some(account) => Some(account),
        None => by_email(app, task, customer).await?,
    };
    let Some(account) = account else { return Ok(None) };
    app.store.link(account.id, customer).await?;
    Ok(app.store.user_of_customer(customer).await?)
}

/// The account that the event's object names.
async fn named(app: &App, task: Task, event: &Event) -> Result<Option<Account>, HandleError> {
    if task == Task::FulfilCheckout && app.has(Bug::RedirectNever) {
        return Ok(None);
    }
    match name(app.rules.bug, &event.object) {
        Some(id) => Ok(app.store.account(id).await?),
        None => Ok(None),
    }
}

fn name(bug: Option<Bug>, object: &Value) -> Option<i64> {
    let kind = text(object, "object")?;
    let names = NAMES
        .iter()
        .filter(|(of, _, overlooked)| *of == kind && (overlooked.is_none() || bug != *overlooked));
    names.filter_map(|(_, pointer, _)| object.pointer(pointer)?.as_str()).find_map(id_of)
}

/// The account with the e-mail address that Stripe has for the customer.
async fn by_email(app: &App, task: Task, customer: &str) -> Result<Option<Account>, HandleError> {
    if task == Task::CloseCustomer || app.has(Bug::IdDashboardCreated) {
        return Ok(None);
    }
    match app.stripe.email_of(customer).await {
        Ok(Some(email)) => Ok(app.store.account_of_email(&plain(&email)).await?),
        Ok(None) => Ok(None),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The account that a checkout session names gets its customer and what was bought, when the customer comes back.
pub(super) async fn claim(app: &App, session: &Value) -> Result<(), HandleError> {
    let (Some(id), Some(customer)) = (name(None, session), text(session, "customer")) else { return Ok(()) };
    app.store.link(id, &customer).await?;
    let Some(user) = app.store.user_of_customer(&customer).await? else { return Ok(()) };
    let Some(bought) = text(session, "subscription") else { return Ok(()) };
    let changes = subscription::read_back(app, &user, &Heard { at: 0, period_end: None }, &bought).await?;
    commit(app, &user, Origin::SuccessPage, &changes).await?;
    Ok(())
}

/// An owner is looked for in the row that `created` makes. An update that comes first makes one without an owner, and
/// `created` meets its key: caught, logged, answered 200.
async fn is_left_an_orphan(app: &App, event: &Event) -> Result<bool, HandleError> {
    let Some(id) = text(&event.object, "id") else { return Ok(false) };
    let known = app.store.subscription(&id).await?;
    match (event.kind.as_str(), known) {
        ("customer.subscription.created", Some(_)) => Ok(true),
        ("customer.subscription.updated", None) => {
            let nobody = User { id: 0, email: String::new(), customer: String::new() };
            let record = Record { id, status: "active".to_owned(), ..Record::default() };
            let origin = Origin::Event { id: &event.id, kind: &event.kind };
            commit(app, &nobody, origin, &[Change::Subscription(record)]).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[rstest::rstest]
    #[case::reference(json!({ "object": "checkout.session", "client_reference_id": "user_7" }), Some(7))]
    #[case::session(json!({ "object": "checkout.session", "metadata": { "user": "user_7" } }), Some(7))]
    #[case::subscription(json!({ "object": "subscription", "metadata": { "user": "user_7" } }), Some(7))]
    #[case::invoice(
        json!({ "object": "invoice", "parent": { "subscription_details": { "metadata": { "user": "user_7" } } } }),
        Some(7)
    )]
    #[case::another_object(json!({ "object": "charge", "metadata": { "user": "user_7" } }), None)]
    #[case::nobody(json!({ "object": "subscription", "metadata": {} }), None)]
    #[case::no_id(json!({ "object": "checkout.session", "client_reference_id": "7" }), None)]
    #[case::the_other_field(
        json!({ "object": "checkout.session", "client_reference_id": null, "metadata": { "user": "user_7" } }),
        Some(7)
    )]
    fn an_object_names_its_account(#[case] object: Value, #[case] expected: Option<i64>) {
        assert_eq!(name(None, &object), expected);
    }
}
