//! Stripe entitlements: the features that a customer has at Stripe.

use serde_json::Value;

use super::App;
use super::apply::Change;
use super::bug::Bug;
use super::event::{Event, text};
use super::handle::HandleError;
use super::store::User;

/// What to write when they changed. The event embeds ten at most, so they are asked for, page by page.
pub(super) async fn changed(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let found = match app.has(Bug::ShapeListTruncated) {
        true => embedded(event),
        false => app.stripe.entitlements(&user.customer).await?,
    };
    Ok(vec![Change::Features(found.iter().filter_map(|row| text(row, "lookup_key")).collect())])
}

fn embedded(event: &Event) -> Vec<Value> {
    event.object.pointer("/entitlements/data").and_then(Value::as_array).cloned().unwrap_or_default()
}
