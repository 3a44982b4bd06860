//! Subscriptions: what Stripe says of one, and what the app writes of it.

use serde_json::Value;

use super::App;
use super::apply::{Change, MailKind, take_away};
use super::bug::Bug;
use super::clock;
use super::event::{Event, reference, text};
use super::handle::HandleError;
use super::plan::Plan;
use super::store::{Record, User};

const CREATED: &str = "customer.subscription.created";

/// What to write when an event says that a subscription changed.
///
/// Events come late, twice and in any order, so what one carries is never written: the subscription is read
/// back, and every event, however old, leaves the newest state behind.
pub(super) async fn changed(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    if trusts_payload(app) {
        return as_told(app, user, event).await;
    }
    if app.has(Bug::OrderUpdatedBeforeCreated) && event.kind == CREATED {
        return written(app, user, &Heard::of(app, event), &event.object, None);
    }
    let id = text(&event.object, "id").ok_or(HandleError::Lacks("data.object.id"))?;
    read_back(app, user, &Heard::of(app, event), &id).await
}

/// Whether the app writes what events carry instead of asking Stripe.
pub(super) fn trusts_payload(app: &App) -> bool {
    app.has(Bug::OrderStaleUpdateWins)
        || app.has(Bug::OrderZombieAfterDelete)
        || app.has(Bug::OrderSameSecondTie)
}

/// What to write of a subscription as Stripe has it now.
pub(super) async fn read_back(
    app: &App,
    user: &User,
    heard: &Heard,
    id: &str,
) -> Result<Vec<Change>, HandleError> {
    let known = app.store.subscription(id).await?;
    if app.has(Bug::AckPartialWrite) {
        take_away(app, id).await?;
    }
    let truth = match app.has(Bug::ShapeUnexpandedRef) {
        true => app.stripe.bare_subscription(id).await?,
        false => app.stripe.subscription(id).await?,
    };
    written(app, user, heard, &truth, known.as_ref())
}

/// The wrong way, in three degrees of care.
async fn as_told(app: &App, user: &User, event: &Event) -> Result<Vec<Change>, HandleError> {
    let id = text(&event.object, "id").ok_or(HandleError::Lacks("data.object.id"))?;
    let known = app.store.subscription(&id).await?;
    let last = known.as_ref().map_or(i64::MIN, |record| record.event_created);
    let is_news = match app.rules.bug {
        Some(Bug::OrderZombieAfterDelete) => event.created >= last,
        Some(Bug::OrderSameSecondTie) => event.created > last,
        _ => true,
    };
    if !is_news {
        return Ok(Vec::new());
    }
    written(app, user, &Heard::of(app, event), &event.object, known.as_ref())
}

/// What an event says beside which subscription it is about.
pub(super) struct Heard {
    /// When it was made.
    pub(super) at: i64,
    /// The end of the period, where it stood before 2025-03-31.basil.
    pub(super) period_end: Option<i64>,
}

impl Heard {
    pub(super) fn of(app: &App, event: &Event) -> Self {
        // What has ended needs no guard any more: so somebody thought.
        let unguarded = app.has(Bug::OrderZombieAfterDelete) && event.kind == "customer.subscription.deleted";
        let at = if unguarded { i64::MIN } else { event.created };
        Self { at, period_end: period_end(&event.object) }
    }
}

/// What to write of a new subscription, by one who thinks that nothing can have been written of it yet, and looks
/// before it is this event's turn; `None`: that is not so, or nobody thinks so.
pub(super) async fn early_look(
    app: &App,
    user: &User,
    event: &Event,
) -> Result<Option<Vec<Change>>, HandleError> {
    if !app.has(Bug::OrderConcurrentPair) || event.kind != CREATED {
        return Ok(None);
    }
    let id = text(&event.object, "id").ok_or(HandleError::Lacks("data.object.id"))?;
    match app.store.subscription(&id).await? {
        Some(_) => Ok(None),
        None => written(app, user, &Heard::of(app, event), &event.object, None).map(Some),
    }
}

/// What to write of this subscription, which was known as `known` until now.
pub(super) fn written(
    app: &App,
    user: &User,
    heard: &Heard,
    subscription: &Value,
    known: Option<&Record>,
) -> Result<Vec<Change>, HandleError> {
    let customer = reference(subscription, "/customer").ok_or(HandleError::Lacks("customer"))?;
    if customer != user.customer {
        return Err(HandleError::NotTheCustomers);
    }
    if app.has(Bug::ShapeExpandableNull) && !all_have_quantities(subscription) {
        return Err(HandleError::Lacks("quantity"));
    }
    let status = status(app.rules.bug, subscription, known).ok_or(HandleError::Lacks("status"))?;
    let item = SoldItem::of(app.rules.bug, subscription);
    let Some(plan) = plan(app, &status, item.plan, known)? else { return Ok(Vec::new()) };
    let alert = (item.plan.is_none() && !app.has(Bug::MapUnknownPriceFree))
        .then(|| unknown_price(subscription, &item));
    let record = Record {
        id: text(subscription, "id").ok_or(HandleError::Lacks("id"))?,
        customer,
        status,
        plan,
        product: item.product.or_else(|| known.and_then(|known| known.product.clone())),
        price: item.price,
        seats: item.seats,
        renews_at: match known {
            Some(known) if app.has(Bug::ShapePeriodEndMoved) => heard.period_end.or(known.renews_at),
            _ => item.renews_at.or_else(|| period_end(subscription)),
        },
        ending: is_ending(app.rules.bug, subscription),
        paused: subscription.get("pause_collection").is_some_and(Value::is_object),
        latest_invoice: reference(subscription, "/latest_invoice"),
        event_created: heard.at,
        bought: known.map_or_else(clock::seconds, |known| known.bought),
        written: i64::try_from(clock::now().as_nanos()).unwrap_or(i64::MAX),
    };
    Ok([Change::Subscription(record)].into_iter().chain(alert).collect())
}

/// The plan to write, by the one that was sold; nothing where nothing is to be written.
fn plan(
    app: &App,
    status: &str,
    sold: Option<Plan>,
    known: Option<&Record>,
) -> Result<Option<Plan>, HandleError> {
    Ok(Some(match (sold, known) {
        (Some(_), Some(known)) if app.has(Bug::MapPortalPlanChange) => known.plan,
        // A better plan is there when it is paid.
        (Some(plan), Some(known)) if status == "past_due" && waits_for_payment(app) => plan.min(known.plan),
        (Some(plan), Some(known)) if app.has(Bug::MapStaleItems) => plan.max(known.plan),
        (Some(plan), _) => plan,
        (None, _) if app.has(Bug::MapUnknownPriceNoop) => return Ok(None),
        (None, _) if app.has(Bug::MapUnknownPrice500) => return Err(HandleError::UnknownPrice),
        (None, _) if app.has(Bug::MapUnknownPriceFree) => Plan::Free,
        // Somebody sold what this app was not told of. Who has access keeps it until a person has looked.
        (None, known) => known.map_or(Plan::Free, |known| known.plan),
    }))
}

fn waits_for_payment(app: &App) -> bool {
    app.rules.policy.upgrade_waits_for_payment && !app.has(Bug::MapUpgradeBeforePayment)
}

fn unknown_price(subscription: &Value, item: &SoldItem) -> Change {
    let id = text(subscription, "id").unwrap_or_default();
    let price = item.price.as_deref().unwrap_or("none");
    Change::Mail {
        fact: format!("alert:{id}:{price}"),
        kind: MailKind::Alert,
        subject: format!("Subscription {id} has a price we do not sell: {price}"),
    }
}

/// Stripe's word, whichever it is.
fn status(bug: Option<Bug>, subscription: &Value, known: Option<&Record>) -> Option<String> {
    let told = text(subscription, "status")?;
    match known {
        Some(known) if bug == Some(Bug::MapPausedStatus) && told == "paused" => Some(known.status.clone()),
        _ => Some(told),
    }
}

/// Stripe's portal sets either field.
fn is_ending(bug: Option<Bug>, subscription: &Value) -> bool {
    let flag = subscription.get("cancel_at_period_end").and_then(Value::as_bool).unwrap_or(false);
    let at = subscription.get("cancel_at").is_some_and(Value::is_i64);
    flag || at && bug != Some(Bug::ShapeCancelAt)
}

/// Where it was before 2025-03-31.basil.
fn period_end(subscription: &Value) -> Option<i64> {
    subscription.get("current_period_end").and_then(Value::as_i64)
}

fn all_have_quantities(subscription: &Value) -> bool {
    let items = subscription.pointer("/items/data").and_then(Value::as_array);
    items.into_iter().flatten().all(|item| item.get("quantity").is_some_and(Value::is_i64))
}

/// What was sold with the item that carries the plan.
struct SoldItem {
    plan: Option<Plan>,
    price: Option<String>,
    /// What customers call it.
    product: Option<String>,
    seats: i64,
    /// On the item since 2025-03-31.basil, on the subscription before.
    renews_at: Option<i64>,
}

impl SoldItem {
    /// The item with the best plan, else the first.
    fn of(bug: Option<Bug>, subscription: &Value) -> Self {
        let items = subscription.pointer("/items/data").and_then(Value::as_array);
        let sold = items.into_iter().flatten().map(|item| Self::read(bug, item));
        let best = sold.reduce(|best, item| if item.plan > best.plan { item } else { best });
        best.unwrap_or(Self { plan: None, price: None, product: None, seats: 1, renews_at: None })
    }

    fn read(bug: Option<Bug>, item: &Value) -> Self {
        let lookup_key = item.pointer("/price/lookup_key").and_then(Value::as_str);
        // Metered prices have no quantity.
        let quantity = item.get("quantity").and_then(Value::as_i64).unwrap_or(1);
        Self {
            plan: lookup_key.and_then(|key| Plan::of(bug, key)),
            product: item.pointer("/price/product/name").and_then(Value::as_str).map(str::to_owned),
            price: lookup_key.map(str::to_owned).or_else(|| reference(item, "/price")),
            seats: if bug == Some(Bug::MapQuantity) { 1 } else { quantity },
            renews_at: item.get("current_period_end").and_then(Value::as_i64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(lookup_key: Value, quantity: Value) -> Value {
        json!({ "quantity": quantity, "current_period_end": 99, "price": { "id": "price_1", "lookup_key": lookup_key } })
    }

    fn sold(items: &[Value]) -> SoldItem {
        SoldItem::of(None, &json!({ "items": { "data": items } }))
    }

    #[test]
    fn the_item_with_the_best_plan_counts() {
        let found = sold(&[item(json!("basic_monthly"), json!(9)), item(json!("team_monthly"), json!(4))]);
        assert_eq!((found.plan, found.seats, found.renews_at), (Some(Plan::Team), 4, Some(99)));
    }

    #[test]
    fn a_metered_item_has_one_seat() {
        assert_eq!(sold(&[item(json!("pro_monthly"), Value::Null)]).seats, 1);
    }

    #[test]
    fn a_price_without_lookup_key_goes_by_its_id_and_is_unknown() {
        let found = sold(&[item(Value::Null, json!(1))]);
        assert_eq!((found.plan, found.price.as_deref()), (None, Some("price_1")));
    }

    #[rstest::rstest]
    #[case(json!({}), false)]
    #[case(json!({ "cancel_at_period_end": false, "cancel_at": null }), false)]
    #[case(json!({ "cancel_at_period_end": true, "cancel_at": null }), true)]
    #[case(json!({ "cancel_at_period_end": false, "cancel_at": 1_764_000_000 }), true)]
    fn either_field_says_that_it_ends(#[case] subscription: Value, #[case] expected: bool) {
        assert_eq!(is_ending(None, &subscription), expected);
    }

    #[rstest::rstest]
    #[case(json!(null))]
    #[case(json!({ "items": { "data": [null, 3, { "price": [] }] } }))]
    fn nonsense_has_no_plan(#[case] subscription: Value) {
        assert_eq!(SoldItem::of(None, &subscription).plan, None);
    }
}
