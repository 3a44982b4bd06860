//! API versions, and objects as an older version shows them.
//!
//! Objects are kept in the newest shape. An older one is made from it the way Stripe does it: every break of the
//! API has one small change, in a file of its own, that puts back what the break took away. Changes are undone
//! newest first, down to the version that is asked for. Nothing is ever made newer.
//!
//! What a break *added* stays in older shapes too: Stripe counts new properties as compatible
//! (docs.stripe.com/upgrades), and real events show both. One of version 2022-11-15, made in November 2025, has
//! `invoice.subscription` and `invoice.parent`, `line_item.price` and `line_item.pricing`; another, of June 2026,
//! has `current_period_end` on the item as well. So only what was renamed in place (such as the words of
//! `ui_mode`) is gone in an older shape.
//!
//! Modelled are the breaks since 2020-08-27 that touch an object which the double makes:
//!
//! | since | what | entry of docs.stripe.com/changelog |
//! |---|---|---|
//! | 2026-03-25.dahlia | words of `ui_mode` of a checkout session | `dahlia/2026-03-25/updates-available-checkout-session-ui-modes` |
//! | 2025-09-30.clover | `coupon` of a discount → `source.coupon` | `clover/2025-09-30/add-discount-source-property` |
//! | 2025-09-30.clover | `coupon` of a promotion code → `promotion.coupon` | `clover/2025-09-30/polymorphic-coupon` |
//! | 2025-03-31.basil | period of a subscription → of its items | `basil/2025-03-31/deprecate-subscription-current-period-start-and-end` |
//! | 2025-03-31.basil | `subscription`, `quote`, `type`, `proration` of invoices, lines and items → `parent` | `basil/2025-03-31/adds-new-parent-field-to-invoicing-objects` |
//! | 2025-03-31.basil | `price`, `plan` of lines and invoice items → `pricing` | `basil/2025-03-31/invoice-pricing-configurations` |
//! | 2025-03-31.basil | `paid`, `payment_intent`, `charge` of an invoice, `invoice` of both → invoice payments | `basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices` |
//! | 2025-03-31.basil | `tax`, `total_tax_amounts`, `tax_amounts` → `total_taxes`, `taxes` | `basil/2025-03-31/invoice-tax-configurations` |
//! | 2025-03-31.basil | `refund`, `tax_amounts` of a credit note → `refunds`, `total_taxes` | `basil` |
//! | 2025-03-31.basil | `discount` of subscriptions and invoices → `discounts` | `basil/2025-03-31/deprecate-singular-coupon-promotion-code` |
//! | 2025-03-31.basil | `coupon` of a phase → `discounts` | `basil/2025-03-31/deprecate-singular-coupon-promotion-code` |
//! | 2025-03-31.basil | `aggregate_usage` of prices and plans is gone | `basil` |
//! | 2025-03-31.basil | `shipping_details` of a checkout session → `collected_information` | `basil/2025-03-31/checkout-session-remove-shipping-details` |
//! | 2025-03-31.basil | `total_count` of embedded lists is gone | `basil` |
//! | 2024-04-10 | `features` of a product → `marketing_features` | `2024-04-10/renames-features-attribute-product-object` |
//! | 2024-04-10 | `rendering_options` of an invoice → `rendering` | `2024-04-10/renames-rendering-options-invoicing` |
//! | 2022-11-15 | `charges` of a payment intent → `latest_charge`; `refunds` of a charge only when asked for | `2022-11-15/removes-charges-attribute-paymentintent` |
//! | 2022-08-01 | `shipping`, `shipping_rate` of a checkout session → `shipping_details`, `shipping_cost` | `2022-08-01/updates-shipping-property-checkout-session` |
//!
//! Of 2023-08-16, 2023-10-16, 2024-06-20 and 2024-09-30.acacia no break touches the shape of such an object. Neither
//! does one of 2026-09-30.endive: it changes what calls may say (`billing_cycle_anchor`, `payment_method_types`), not
//! what they are answered. The releases between, such as 2025-06-30.basil, only add
//! (docs.stripe.com/changelog/basil), so they show the shape of the last break before them. That the table is whole
//! is checked against the declarations in the official SDKs of every release (`tests/oracle/shapes`). The other
//! breaks of 2022-08-01 are about when Checkout makes its payment intent and customer, which no shape can show.
//! What calls may say changes too: `calls`.

mod basil_2025_03_31;
pub(crate) mod calls;
mod clover_2025_09_30;
mod dahlia_2026_03_25;
mod dated_2022_08_01;
mod dated_2022_11_15;
mod dated_2024_04_10;
mod event;
mod fields;
mod number;
pub(crate) mod related;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use self::basil_2025_03_31::{self as basil, SINCE as BASIL};
use self::clover_2025_09_30::{self as clover, SINCE as CLOVER};
use self::dahlia_2026_03_25::SINCE as DAHLIA;
use self::dated_2024_04_10::{self as renames, SINCE as RENAMES};
pub use self::number::{Version, VersionError};
pub use self::related::{Kin, Related};

/// What undoes a break in one object, whose `object` is given; any other kind of object it leaves alone.
type Undo = fn(&str, &mut Map<String, Value>, &Downgrade<'_>);

/// One break of the API.
struct Break {
    /// The first version that has it.
    since: Version,
    /// Where Stripe tells of it, after `docs.stripe.com/changelog/`.
    entry: &'static str,
    undo: Undo,
}

const fn of(since: Version, entry: &'static str, undo: Undo) -> Break {
    Break { since, entry, undo }
}

/// All breaks, newest first, which is the order in which they are undone.
const BREAKS: [Break; 18] = [
    of(DAHLIA, "dahlia/2026-03-25/updates-available-checkout-session-ui-modes", dahlia_2026_03_25::ui_mode),
    of(CLOVER, "clover/2025-09-30/add-discount-source-property", clover::discount_source::undo),
    of(CLOVER, "clover/2025-09-30/polymorphic-coupon", clover::promotion::undo),
    of(
        BASIL,
        "basil/2025-03-31/deprecate-subscription-current-period-start-and-end",
        basil::item_periods::undo,
    ),
    of(BASIL, "basil/2025-03-31/adds-new-parent-field-to-invoicing-objects", basil::parent::undo),
    of(BASIL, "basil/2025-03-31/invoice-pricing-configurations", basil::pricing::undo),
    of(
        BASIL,
        "basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices",
        basil::payments::undo,
    ),
    of(BASIL, "basil/2025-03-31/invoice-tax-configurations", basil::taxes::undo),
    of(BASIL, "basil", basil::credit_notes::undo),
    of(BASIL, "basil/2025-03-31/deprecate-singular-coupon-promotion-code", basil::discounts::undo),
    of(BASIL, "basil/2025-03-31/deprecate-singular-coupon-promotion-code", basil::phases::undo),
    of(BASIL, "basil", basil::usage::undo),
    of(BASIL, "basil/2025-03-31/checkout-session-remove-shipping-details", basil::shipping::undo),
    of(BASIL, "basil", basil::counts::undo),
    of(RENAMES, "2024-04-10/renames-features-attribute-product-object", renames::marketing_features::undo),
    of(RENAMES, "2024-04-10/renames-rendering-options-invoicing", renames::rendering::undo),
    of(
        dated_2022_11_15::SINCE,
        "2022-11-15/removes-charges-attribute-paymentintent",
        dated_2022_11_15::sublists,
    ),
    of(
        dated_2022_08_01::SINCE,
        "2022-08-01/updates-shipping-property-checkout-session",
        dated_2022_08_01::shipping,
    ),
];

/// All breaks, newest first: the first version that has each, and where Stripe tells of it, after
/// `docs.stripe.com/changelog/`.
pub fn breaks() -> impl Iterator<Item = (Version, &'static str)> {
    BREAKS.iter().map(|this| (this.since, this.entry))
}

/// An object in the newest shape, or a list of them, as version `to` shows it; objects inside of it likewise.
///
/// An event comes in its own `api_version`, the newest where it has none, and is left alone where that is `to` or
/// older already, or is none that is modelled. `related` gives what an older shape shows of other objects; what
/// that does not have is null, or as much of it as the object itself tells.
#[must_use]
pub fn downgrade(object: &Value, to: Version, related: &dyn Related) -> Value {
    let mut shaped = object.clone();
    Downgrade { from: Version::NEWEST, to, related }.walk(&mut shaped);
    shaped
}

impl Version {
    /// Whether objects look in it as they do in the newest one.
    #[must_use]
    pub fn looks_newest(self) -> bool {
        BREAKS.iter().all(|this| this.since <= self)
    }
}

/// The way from one version down to another.
#[derive(Clone, Copy)]
struct Downgrade<'a> {
    from: Version,
    to: Version,
    related: &'a dyn Related,
}

impl Downgrade<'_> {
    fn walk(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item)),
            Value::Object(fields) if event::is_event(fields) => event::downgrade(fields, self),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.walk(field));
                self.undo(fields);
            }
            _ => {}
        }
    }

    fn undo(&self, fields: &mut Map<String, Value>) {
        let Some(Value::String(kind)) = fields.get("object") else { return };
        let kind = kind.clone();
        for this in &BREAKS {
            if self.to < this.since && this.since <= self.from {
                (this.undo)(&kind, fields, self);
            }
        }
    }

    /// The object that `named` is, or whose id it is, if it is of that kind; in the older shape.
    fn find(&self, named: &Value, kind: &str) -> Option<Value> {
        let is = |object: &Value| object.get("object").is_some_and(|found| found == kind);
        match named {
            // It was found inside of the object that is walked, so it has been walked already.
            Value::Object(_) => Some(named.clone()).filter(is),
            Value::String(id) => {
                // The kind is looked at before the object is: ids that name each other must not go on for ever.
                let mut object = self.related.object(id).filter(is)?;
                self.walk(&mut object);
                Some(object)
            }
            _ => None,
        }
    }
}
