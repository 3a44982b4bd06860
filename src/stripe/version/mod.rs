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
//! Modelled are the breaks since 2020-08-27 that touch an object which the double makes. Of 2024-06-20,
//! 2024-09-30.acacia, 2023-10-16 and 2023-08-16 none does. Neither does one of 2026-09-30.endive that we know of:
//! it changes what calls may say (`billing_cycle_anchor`), not what they are answered. The breaks of 2022-08-01 are
//! about when Checkout makes its payment intent and customer, which no shape can show. Parameters of calls are not
//! translated.

mod basil_2025_03_31;
mod clover_2025_09_30;
mod dahlia_2026_03_25;
mod dated_2022_11_15;
mod dated_2024_04_10;
mod event;
mod fields;
mod number;
mod related;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use self::number::{Version, VersionError};
pub use self::related::{Kin, Related};

/// What undoes a break in one object, whose `object` is given; any other kind of object it leaves alone.
type Undo = fn(&str, &mut Map<String, Value>, &Downgrade<'_>);

/// One break of the API.
struct Break {
    /// The first version that has it.
    since: Version,
    undo: Undo,
}

/// All breaks, newest first, which is the order in which they are undone.
const BREAKS: [Break; 13] = [
    Break { since: dahlia_2026_03_25::SINCE, undo: dahlia_2026_03_25::ui_mode },
    Break { since: clover_2025_09_30::SINCE, undo: clover_2025_09_30::discount_source },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::item_periods::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::parent::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::pricing::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::payments::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::taxes::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::discounts::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::usage::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::shipping::undo },
    Break { since: basil_2025_03_31::SINCE, undo: basil_2025_03_31::counts::undo },
    Break { since: dated_2024_04_10::SINCE, undo: dated_2024_04_10::marketing_features },
    Break { since: dated_2022_11_15::SINCE, undo: dated_2022_11_15::sublists },
];

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
