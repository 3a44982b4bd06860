//! What can happen at Stripe in a scenario (`stripe.ACTION = { … }`), typed.
//!
//! An action says *what* happens; the provider carries it out, changes its truth and makes the events.
//! Keys arrive rendered: no template is left in them.
//!
//! ```
//! use paydrill::stripe::action::{Action, ActionKind, What};
//!
//! let keys = serde_json::json!({ "price": "pro_monthly", "quantity": 3 });
//! let action = Action::from_keys(ActionKind::Subscribe, keys.as_object().unwrap()).unwrap();
//! let What::Subscribe(purchase) = action.what else { unreachable!() };
//! assert_eq!(purchase.items[0].quantity, 3);
//! ```

mod keys;
mod kind;

use jiff::SignedDuration;
use serde_json::{Map, Value};

pub use self::keys::KeyProblem;
use self::keys::Keys;
pub use self::kind::{ActionKind, UnknownAction};

/// One thing that happens at Stripe.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The name under which the object that this makes is found later.
    pub name: Option<String>,
    /// Which subscription it is about, by name; left out, the first.
    pub subscription: Option<String>,
    /// Further fields of the object that this makes, merged deeply.
    pub set: Map<String, Value>,
    /// What happens.
    pub what: What,
}

/// What happens, with what is needed for it.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The app's backend subscribes the customer, whose card is on file.
    Subscribe(Purchase),
    /// The customer completes a checkout.
    Checkout(Checkout),
    /// A delayed payment comes through, or does not.
    Settle(Outcome),
    /// A one-off payment, outside any checkout.
    Pay(Payment),
    /// The billing period ends and the next one is paid.
    Renew,
    /// The renewal is declined.
    PaymentFails(Declines),
    /// The renewal asks the customer to authenticate.
    PaymentActionRequired,
    /// What was open is paid.
    PaymentRecovers,
    /// The first item moves to another price.
    ChangePrice(PriceChange),
    /// The first item's quantity changes.
    ChangeQuantity(i64),
    /// The items become these.
    ChangeItems(Vec<Item>),
    /// A change is scheduled.
    Schedule(Scheduled),
    /// The subscription is canceled.
    Cancel(CancelAt),
    /// Collection pauses; the key is Stripe's `pause_collection.behavior`.
    Pause(String),
    /// Collection resumes.
    Resume,
    /// A charge is given back: so much of it, in the smallest unit, or all.
    Refund(Option<i64>),
    /// A charge is disputed.
    Dispute(DisputeEnds),
    /// The customer is deleted.
    DeleteCustomer,
    /// Time passes.
    Advance(SignedDuration),
    /// Fields of objects change without any event; by `customer`, `subscription`, … or a given name.
    Set(Map<String, Value>),
}

/// What is bought.
#[derive(Debug, Clone, PartialEq)]
pub struct Purchase {
    /// At least one, but for a checkout that completes the session the app opened.
    pub items: Vec<Item>,
    /// Days on trial.
    pub trial_days: Option<i64>,
    /// How the first payment goes.
    pub first_payment: FirstPayment,
    /// Whether there is a card to charge.
    pub card: Card,
}

/// Whether a customer who subscribes has a card on file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Card {
    /// One that works, from the beginning.
    #[default]
    OnFile,
    /// None: the trial ends as `trial_settings.end_behavior` says.
    Missing,
}

/// A price, by its catalogue key, and how many of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The catalogue key.
    pub price: String,
    /// From 1; ignored for a metered price.
    pub quantity: i64,
}

/// How the first payment of a subscription goes, or that of a change which is billed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstPayment {
    /// It succeeds.
    #[default]
    Paid,
    /// The card is declined: the subscription stays `incomplete`.
    Fails,
    /// The bank asks the customer: `incomplete` until that is done.
    ActionRequired,
}

/// A move to another price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceChange {
    /// The catalogue key.
    pub price: String,
    /// The difference is billed at once, and the payment goes so; left out, it waits for the next invoice.
    pub payment: Option<FirstPayment>,
    /// The subscription changes only when that is paid: Stripe's `payment_behavior=pending_if_incomplete`.
    pub waits: bool,
}

/// A completed checkout.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkout {
    /// What is bought; without items, the open session's own.
    pub purchase: Purchase,
    /// Taken off every item, 0 to 100.
    pub discount_percent: i64,
    /// Whether the money is there at once.
    pub payment: PaymentKind,
    /// Stripe's `mode`, where the prices do not tell it.
    pub mode: Option<String>,
    /// The payment link whose address the customer opens: its id, its address, or the catalogue key of what it sells.
    pub payment_link: Option<String>,
}

/// Whether a payment is known to succeed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaymentKind {
    /// At once.
    #[default]
    Card,
    /// Days later: `settle` says how it ends.
    Delayed,
}

/// How a payment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// The money arrives.
    #[default]
    Succeeded,
    /// It does not.
    Failed,
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DisputeEnds {
    /// Not yet: it waits for evidence.
    #[default]
    Open,
    /// The money comes back.
    Won,
    /// It does not.
    Lost,
}

/// A one-off payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// A one-off price, by its catalogue key.
    pub price: Option<String>,
    /// Or an amount, in the smallest unit of the currency.
    pub amount: Option<i64>,
    /// How it ends.
    pub outcome: Outcome,
}

/// How often a renewal is declined, and how the subscription is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declines {
    /// So many attempts, of the four that Stripe makes by default; more are left.
    Some(u32),
    /// All that are left; then the subscription ends up so, or as the account is set.
    All(Option<Leaves>),
}

/// How a subscription is left when the last attempt was declined (a setting of the Stripe account).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leaves {
    /// Still `past_due`.
    PastDue,
    /// `unpaid`.
    Unpaid,
    /// `canceled`, the setting that new accounts have.
    #[default]
    Canceled,
}

/// A change that takes effect later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// What the items become then.
    pub becomes: Becomes,
    /// So long from now; left out, when the current period is over.
    pub after: Option<SignedDuration>,
}

/// What the items of a subscription become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Becomes {
    /// The first item moves to another price, named by its catalogue key.
    Price(String),
    /// The items become these.
    Items(Vec<Item>),
}

/// When a cancellation takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CancelAt {
    /// At once.
    #[default]
    Now,
    /// When what was paid for is over: Stripe's `cancel_at_period_end`.
    PeriodEnd,
    /// So long from now: Stripe's `cancel_at`, without `cancel_at_period_end`.
    After(SignedDuration),
    /// At this second since 1970: the same.
    At(i64),
}

impl Action {
    /// Reads an action's keys.
    ///
    /// # Errors
    /// The first key that is unknown, missing, or of a value that makes no sense.
    pub fn from_keys(kind: ActionKind, keys: &Map<String, Value>) -> Result<Self, KeyProblem> {
        if kind == ActionKind::Set {
            return read_set(keys);
        }
        let mut keys = Keys::new(kind, keys)?;
        let (name, subscription) = (keys.word("name")?, keys.word("subscription")?);
        let set = keys.object("set")?;
        if !set.is_empty() && kind.makes().is_none() {
            return Err(KeyProblem::new("set", format!("`{kind}` makes no object that could take fields")));
        }
        Ok(Self { name, subscription, set, what: read_what(kind, &mut keys)? })
    }

    /// Which action this is.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        match &self.what {
            What::Subscribe(_) => ActionKind::Subscribe,
            What::Checkout(_) => ActionKind::Checkout,
            What::Settle(_) => ActionKind::Settle,
            What::Pay(_) => ActionKind::Pay,
            What::Renew => ActionKind::Renew,
            What::PaymentFails(_) => ActionKind::PaymentFails,
            What::PaymentActionRequired => ActionKind::PaymentActionRequired,
            What::PaymentRecovers => ActionKind::PaymentRecovers,
            What::ChangePrice(_) => ActionKind::ChangePrice,
            What::ChangeQuantity(_) => ActionKind::ChangeQuantity,
            What::ChangeItems(_) => ActionKind::ChangeItems,
            What::Schedule(_) => ActionKind::Schedule,
            What::Cancel(_) => ActionKind::Cancel,
            What::Pause(_) => ActionKind::Pause,
            What::Resume => ActionKind::Resume,
            What::Refund(_) => ActionKind::Refund,
            What::Dispute(_) => ActionKind::Dispute,
            What::DeleteCustomer => ActionKind::DeleteCustomer,
            What::Advance(_) => ActionKind::Advance,
            What::Set(_) => ActionKind::Set,
        }
    }
}

/// `set.subscription = { … }`: each key is an object's word or name, each value the fields to lay over it.
fn read_set(keys: &Map<String, Value>) -> Result<Action, KeyProblem> {
    if let Some((key, _)) = keys.iter().find(|(_, value)| !value.is_object()) {
        return Err(KeyProblem::new(key, "must be a table of fields"));
    }
    if keys.is_empty() {
        return Err(KeyProblem::new("set", "names no object: set.subscription = { … }"));
    }
    Ok(Action { name: None, subscription: None, set: Map::new(), what: What::Set(keys.clone()) })
}

fn read_what(kind: ActionKind, keys: &mut Keys<'_>) -> Result<What, KeyProblem> {
    Ok(match kind {
        ActionKind::Subscribe => {
            let purchase = read_purchase(keys)?;
            if purchase.items.is_empty() {
                return Err(KeyProblem::new("price", "is missing: what is subscribed to?"));
            }
            What::Subscribe(Purchase { card: read_card(keys, &purchase)?, ..purchase })
        }
        ActionKind::Checkout => What::Checkout(read_checkout(keys)?),
        ActionKind::Settle => What::Settle(read_outcome(keys)?),
        ActionKind::Pay => What::Pay(read_payment(keys)?),
        ActionKind::Renew => What::Renew,
        ActionKind::PaymentFails => What::PaymentFails(read_declines(keys)?),
        ActionKind::PaymentActionRequired => What::PaymentActionRequired,
        ActionKind::PaymentRecovers => What::PaymentRecovers,
        ActionKind::ChangePrice => What::ChangePrice(read_price_change(keys)?),
        ActionKind::ChangeQuantity => What::ChangeQuantity(keys.needed("quantity", Keys::quantity)?),
        ActionKind::ChangeItems => What::ChangeItems(keys.needed("items", Keys::items)?),
        ActionKind::Schedule => What::Schedule(read_scheduled(keys)?),
        ActionKind::Cancel => What::Cancel(read_cancel_at(keys)?),
        ActionKind::Pause => What::Pause(
            keys.choice(
                "behavior",
                &["void", "keep_as_draft", "mark_uncollectible"].map(|word| (word, word)),
            )?
            .unwrap_or("void")
            .to_owned(),
        ),
        ActionKind::Resume => What::Resume,
        ActionKind::Refund => What::Refund(keys.amount("amount")?),
        ActionKind::Dispute => What::Dispute(
            keys.choice("outcome", &[("won", DisputeEnds::Won), ("lost", DisputeEnds::Lost)])?
                .unwrap_or_default(),
        ),
        ActionKind::DeleteCustomer => What::DeleteCustomer,
        ActionKind::Advance => What::Advance(keys.needed("by", Keys::duration)?),
        ActionKind::Set => return Err(KeyProblem::new("set", "names no object")),
    })
}

fn read_purchase(keys: &mut Keys<'_>) -> Result<Purchase, KeyProblem> {
    let items = match (keys.word("price")?, keys.items("items")?) {
        (Some(_), Some(_)) => {
            return Err(KeyProblem::new("items", "and `price` are two ways to say the same"));
        }
        (Some(price), None) => vec![Item { price, quantity: keys.quantity("quantity")?.unwrap_or(1) }],
        (None, Some(items)) => items,
        (None, None) => Vec::new(),
    };
    if keys.has("quantity") && (items.is_empty() || keys.has("items")) {
        return Err(KeyProblem::new("quantity", "needs `price` beside it"));
    }
    let first_payment = keys.choice("first_payment", &FIRST_PAYMENTS)?;
    let trial_days = keys.days("trial")?;
    Ok(Purchase { items, trial_days, first_payment: first_payment.unwrap_or_default(), card: Card::OnFile })
}

/// Without a card Stripe refuses to begin anything but a trial.
fn read_card(keys: &mut Keys<'_>, purchase: &Purchase) -> Result<Card, KeyProblem> {
    match keys.flag("card")? {
        Some(false) if purchase.trial_days.is_none() => {
            Err(KeyProblem::new("card", "can only be left out of a trial: `trial` says how long it is"))
        }
        Some(false) if keys.has("first_payment") => {
            Err(KeyProblem::new("first_payment", "needs a card, and `card = false` says that there is none"))
        }
        Some(false) => Ok(Card::Missing),
        _ => Ok(Card::OnFile),
    }
}

fn read_cancel_at(keys: &mut Keys<'_>) -> Result<CancelAt, KeyProblem> {
    if keys.is("at", "now") || !keys.has("at") {
        return Ok(CancelAt::Now);
    }
    if keys.is("at", "period_end") {
        return Ok(CancelAt::PeriodEnd);
    }
    if let Some(second) = keys.second("at")? {
        return Ok(CancelAt::At(second));
    }
    let problem = |_| {
        KeyProblem::new(
            "at",
            "must be \"now\", \"period_end\", a duration from now like \"20d\", or seconds since 1970",
        )
    };
    match keys.duration("at").map_err(problem)? {
        Some(after) if after.as_secs() > 0 => Ok(CancelAt::After(after)),
        _ => Err(KeyProblem::new("at", "must be later than now; \"now\" cancels at once")),
    }
}

const FIRST_PAYMENTS: [(&str, FirstPayment); 3] = [
    ("paid", FirstPayment::Paid),
    ("fails", FirstPayment::Fails),
    ("action_required", FirstPayment::ActionRequired),
];

fn read_price_change(keys: &mut Keys<'_>) -> Result<PriceChange, KeyProblem> {
    let price = keys.needed("price", Keys::word)?;
    let payment = keys.choice("payment", &FIRST_PAYMENTS)?;
    let waits =
        keys.choice("payment_behavior", &[("allow_incomplete", false), ("pending_if_incomplete", true)])?;
    if waits.is_some() && payment.is_none() {
        return Err(KeyProblem::new(
            "payment_behavior",
            "needs `payment` beside it: without, nothing is billed yet",
        ));
    }
    Ok(PriceChange { price, payment, waits: waits.unwrap_or_default() })
}

fn read_checkout(keys: &mut Keys<'_>) -> Result<Checkout, KeyProblem> {
    let purchase = read_purchase(keys)?;
    let discount_percent = keys.amount("discount_percent")?.unwrap_or(0);
    if discount_percent > 100 {
        return Err(KeyProblem::new("discount_percent", "is 100 at most"));
    }
    let payment =
        keys.choice("payment", &[("card", PaymentKind::Card), ("delayed", PaymentKind::Delayed)])?;
    let mode = keys.choice("mode", &["payment", "subscription", "setup"].map(|word| (word, word)))?;
    let payment_link = keys.word("payment_link")?;
    if payment_link.is_some() && (!purchase.items.is_empty() || discount_percent > 0) {
        return Err(KeyProblem::new(
            "payment_link",
            "says what is bought: it goes with no price and no discount",
        ));
    }
    Ok(Checkout {
        payment_link,
        purchase,
        discount_percent,
        payment: payment.unwrap_or_default(),
        mode: mode.map(str::to_owned),
    })
}

fn read_scheduled(keys: &mut Keys<'_>) -> Result<Scheduled, KeyProblem> {
    let becomes = match (keys.word("price")?, keys.items("items")?) {
        (Some(price), None) => Becomes::Price(price),
        (None, Some(items)) => Becomes::Items(items),
        _ => return Err(KeyProblem::new("price", "or `items`: exactly one of them says what is scheduled")),
    };
    let after = if keys.is("at", "period_end") { None } else { keys.duration("at")? };
    if after.is_some_and(|after| after.as_secs() == 0) {
        return Err(KeyProblem::new("at", "must be later than now"));
    }
    Ok(Scheduled { becomes, after })
}

fn read_outcome(keys: &mut Keys<'_>) -> Result<Outcome, KeyProblem> {
    let choices = [("succeeded", Outcome::Succeeded), ("failed", Outcome::Failed)];
    Ok(keys.choice("outcome", &choices)?.unwrap_or_default())
}

fn read_payment(keys: &mut Keys<'_>) -> Result<Payment, KeyProblem> {
    let (price, amount) = (keys.word("price")?, keys.amount("amount")?);
    if price.is_some() == amount.is_some() {
        return Err(KeyProblem::new("price", "or `amount`: exactly one of them says what is paid"));
    }
    Ok(Payment { price, amount, outcome: read_outcome(keys)? })
}

fn read_declines(keys: &mut Keys<'_>) -> Result<Declines, KeyProblem> {
    let choices = [("past_due", Leaves::PastDue), ("unpaid", Leaves::Unpaid), ("canceled", Leaves::Canceled)];
    let leaves = keys.choice("leaves", &choices)?;
    match (keys.attempts("attempts")?, leaves) {
        (None, leaves) => Ok(Declines::All(leaves)),
        (Some(_), Some(_)) => {
            Err(KeyProblem::new("leaves", "says how the last attempt ends: it needs attempts = \"all\""))
        }
        (Some(attempts), None) => Ok(Declines::Some(attempts)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: &str, keys: Value) -> Result<Action, KeyProblem> {
        Action::from_keys(kind.parse().unwrap(), keys.as_object().unwrap())
    }

    #[rstest::rstest]
    #[case("subscribe", json!({}), "price")]
    #[case("subscribe", json!({"price": 7}), "price")]
    #[case("subscribe", json!({"price": "p", "colour": "red"}), "colour")]
    #[case("subscribe", json!({"price": "p", "quantity": 0}), "quantity")]
    #[case("subscribe", json!({"items": [{"price": "p"}], "quantity": 2}), "quantity")]
    #[case("subscribe", json!({"price": "p", "items": [{"price": "p"}]}), "items")]
    #[case("subscribe", json!({"items": []}), "items")]
    #[case("subscribe", json!({"items": [{"prise": "p"}]}), "items")]
    #[case("subscribe", json!({"price": "p", "first_payment": "maybe"}), "first_payment")]
    #[case("checkout", json!({"price": "p", "discount_percent": 101}), "discount_percent")]
    #[case("checkout", json!({"price": "p", "payment_link": "p"}), "payment_link")]
    #[case("pay", json!({}), "price")]
    #[case("payment_fails", json!({"attempts": 1, "leaves": "unpaid"}), "leaves")]
    #[case("payment_fails", json!({"leaves": "unpaid"}), "leaves")]
    #[case("payment_fails", json!({"attempts": 0}), "attempts")]
    #[case("change_price", json!({}), "price")]
    #[case("cancel", json!({"at": "noon"}), "at")]
    #[case("cancel", json!({"at": "0s"}), "at")]
    #[case("cancel", json!({"at": -1}), "at")]
    #[case("cancel", json!({"at": true}), "at")]
    #[case("subscribe", json!({"price": "p", "card": false}), "card")]
    #[case("subscribe", json!({"price": "p", "trial": 14, "card": "none"}), "card")]
    #[case("subscribe", json!({"price": "p", "trial": 14, "card": false, "first_payment": "fails"}), "first_payment")]
    #[case("checkout", json!({"price": "p", "trial": 14, "card": false}), "card")]
    #[case("schedule", json!({}), "price")]
    #[case("schedule", json!({"price": "p", "items": [{"price": "p"}]}), "price")]
    #[case("schedule", json!({"price": "p", "at": "noon"}), "at")]
    #[case("schedule", json!({"price": "p", "at": "0s"}), "at")]
    #[case("advance", json!({"by": "-1d"}), "by")]
    #[case("advance", json!({"by": "a month"}), "by")]
    #[case("advance", json!({"by": "99999999999999d"}), "by")]
    #[case("advance", json!({"by": "1d", "set": {"x": 1}}), "set")]
    #[case("set", json!({"subscription": "past_due"}), "subscription")]
    #[case("set", json!({}), "set")]
    fn what_is_wrong_is_named(#[case] kind: &str, #[case] keys: Value, #[case] key: &str) {
        assert_eq!(read(kind, keys).unwrap_err().key, key);
    }

    #[rstest::rstest]
    #[case("payment_fails", json!({}), What::PaymentFails(Declines::Some(1)))]
    #[case("payment_fails", json!({"attempts": "all"}), What::PaymentFails(Declines::All(None)))]
    #[case("payment_fails", json!({"attempts": "all", "leaves": "unpaid"}), What::PaymentFails(Declines::All(Some(Leaves::Unpaid))))]
    #[case("cancel", json!({}), What::Cancel(CancelAt::Now))]
    #[case("cancel", json!({"at": "period_end"}), What::Cancel(CancelAt::PeriodEnd))]
    #[case("cancel", json!({"at": "2d"}), What::Cancel(CancelAt::After(SignedDuration::from_hours(48))))]
    #[case("cancel", json!({"at": 1_800_000_000}), What::Cancel(CancelAt::At(1_800_000_000)))]
    #[case("schedule", json!({"price": "p", "at": "period_end"}), What::Schedule(Scheduled { becomes: Becomes::Price("p".into()), after: None }))]
    #[case("schedule", json!({"price": "p", "at": "2d"}), What::Schedule(Scheduled { becomes: Becomes::Price("p".into()), after: Some(SignedDuration::from_hours(48)) }))]
    #[case("refund", json!({"amount": 500}), What::Refund(Some(500)))]
    #[case("advance", json!({"by": "31d"}), What::Advance(SignedDuration::from_hours(31 * 24)))]
    #[case("advance", json!({"by": "1.5h"}), What::Advance(SignedDuration::from_mins(90)))]
    #[case("change_quantity", json!({"quantity": 4}), What::ChangeQuantity(4))]
    #[case("change_price", json!({"price": "p"}), What::ChangePrice(PriceChange { price: "p".into(), payment: None, waits: false }))]
    #[case("change_price", json!({"price": "p", "payment": "fails", "payment_behavior": "pending_if_incomplete"}), What::ChangePrice(PriceChange { price: "p".into(), payment: Some(FirstPayment::Fails), waits: true }))]
    fn keys_are_read(#[case] kind: &str, #[case] keys: Value, #[case] expected: What) {
        assert_eq!(read(kind, keys).unwrap().what, expected);
    }

    #[rstest::rstest]
    #[case(json!({"price": "p", "trial": 14}), Some(14))]
    #[case(json!({"price": "p", "trial": "14d"}), Some(14))]
    #[case(json!({"price": "p"}), None)]
    fn a_trial_is_days(#[case] keys: Value, #[case] expected: Option<i64>) {
        let What::Subscribe(purchase) = read("subscribe", keys).unwrap().what else {
            panic!("not a purchase")
        };
        assert_eq!(purchase.trial_days, expected);
    }

    #[rstest::rstest]
    #[case(json!({"price": "p", "trial": 14, "card": false}), Card::Missing)]
    #[case(json!({"price": "p", "card": true}), Card::OnFile)]
    #[case(json!({"price": "p"}), Card::OnFile)]
    fn a_card_is_there_unless_the_story_says_otherwise(#[case] keys: Value, #[case] expected: Card) {
        let What::Subscribe(purchase) = read("subscribe", keys).unwrap().what else {
            panic!("not a purchase")
        };
        assert_eq!(purchase.card, expected);
    }

    #[test]
    fn common_keys_are_kept() {
        let action = read(
            "checkout",
            json!({"price": "p", "name": "first", "subscription": "old", "set": {"metadata": {"a": "1"}}}),
        )
        .unwrap();
        assert_eq!(action.name.as_deref(), Some("first"));
        assert_eq!(action.subscription.as_deref(), Some("old"));
        assert_eq!(action.set["metadata"]["a"], "1");
        assert_eq!(action.kind(), ActionKind::Checkout);
    }
}
