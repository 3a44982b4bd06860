//! What a call may say in a version: parameters that a break of the API took away, renamed or gave another form, those
//! that came later, and what one means that is left out.
//!
//! The double takes what any version says. Whoever names the version of a call is held to it: what a break took away is
//! refused from then on as Stripe does, what it renamed is taken under the name of before, and what came later is not
//! known before.
//!
//! | since | what | entry of docs.stripe.com/changelog |
//! |---|---|---|
//! | 2026-09-30.endive | `billing_cycle_anchor` of a change: a word → an object | `endive/2026-09-30/polymorphic-billing-cycle-anchor` |
//! | 2026-09-30.endive | `payment_method_types` of payment and setup intents | `endive/2026-09-30/removes-the-payment-method-types-parameter-from-payment-intents-and-setup-intents` |
//! | 2026-09-30.endive | `payment_method_types` of a checkout session | `endive/2026-09-30/remove-payment-method-types-checkout-sessions` |
//! | 2025-09-30.clover | `billing_mode` left out: classic → flexible | `clover/2025-09-30/billing-mode-default-flexible` |
//! | 2025-09-30.clover | `iterations` of a phase → `duration` | `clover/2025-09-30/remove-iterations` |
//! | 2025-09-30.clover | `coupon` of a promotion code → `promotion[coupon]` | `clover/2025-09-30/polymorphic-coupon` |
//! | 2025-06-30.basil | `billing_mode` is there | `basil/2025-06-30/billing-mode` |
//! | 2025-03-31.basil | `coupon`, `promotion_code` → `discounts` | `basil/2025-03-31/deprecate-singular-coupon-promotion-code` |
//! | 2025-03-31.basil | `price` of an invoice item → `pricing[price]` | `basil/2025-03-31/invoice-pricing-configurations` |
//! | 2024-04-10 | `features` of a product → `marketing_features` | `2024-04-10/renames-features-attribute-product-object` |
//! | 2023-08-16 | payment methods of an intent left out: cards → those of the Dashboard | `2023-08-16/automatic-payment-methods` |

pub(crate) mod billing_cycle_anchor;
pub(crate) mod billing_mode;
pub(crate) mod payment_methods;

use serde_json::{Map, Value};

use super::Version;

/// A parameter that a call of its version cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// In full: `phases[0][iterations]`.
    pub(crate) param: String,
    pub(crate) why: Why,
}

/// Why it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Stripe does not know it.
    Unknown,
    /// Stripe refuses it since that version, with a code of its own.
    NoLonger(&'static str, Version),
    /// It has another form: an `object`, a `string`.
    Not(&'static str, String),
}

/// One break.
struct Break {
    since: Version,
    /// Paths of calls; `*` stands for an id.
    calls: &'static [&'static str],
    /// The parameter; a second name stands in the first, or in each of its rows.
    param: &'static [&'static str],
    becomes: Becomes,
}

/// What became of a parameter.
#[derive(Debug, Clone, Copy)]
enum Becomes {
    /// It is not known any more.
    Unknown,
    /// It is refused with a code of its own.
    Refused(&'static str),
    /// It has another name.
    Named(&'static str),
    /// It is known only now.
    Known,
}

const ENDIVE: Version = Version("2026-09-30.endive");
const CLOVER: Version = Version("2025-09-30.clover");
const JUNE_2025: Version = Version("2025-06-30.basil");
const BASIL: Version = Version("2025-03-31.basil");
const APRIL_2024: Version = Version("2024-04-10");

const DISCOUNTED: &[&str] = &[
    "/v1/customers",
    "/v1/customers/*",
    "/v1/customers/*/subscriptions",
    "/v1/customers/*/subscriptions/*",
    "/v1/invoices/create_preview",
    "/v1/subscriptions",
    "/v1/subscriptions/*",
];
const SCHEDULES: &[&str] = &["/v1/subscription_schedules", "/v1/subscription_schedules/*"];

const BREAKS: &[Break] = &[
    Break {
        since: ENDIVE,
        calls: &[
            "/v1/payment_intents",
            "/v1/payment_intents/*",
            "/v1/payment_intents/*/confirm",
            "/v1/setup_intents",
            "/v1/setup_intents/*",
        ],
        param: &["payment_method_types"],
        becomes: Becomes::Refused("payment_method_types_no_longer_supported"),
    },
    Break {
        since: ENDIVE,
        calls: &["/v1/checkout/sessions"],
        param: &["payment_method_types"],
        becomes: Becomes::Unknown,
    },
    Break { since: CLOVER, calls: SCHEDULES, param: &["phases", "iterations"], becomes: Becomes::Unknown },
    Break {
        since: JUNE_2025,
        calls: &["/v1/subscriptions", "/v1/subscription_schedules", "/v1/subscriptions/*/migrate"],
        param: &["billing_mode"],
        becomes: Becomes::Known,
    },
    Break {
        since: JUNE_2025,
        calls: &["/v1/checkout/sessions", "/v1/quotes", "/v1/quotes/*"],
        param: &["subscription_data", "billing_mode"],
        becomes: Becomes::Known,
    },
    Break { since: CLOVER, calls: &["/v1/promotion_codes"], param: &["coupon"], becomes: Becomes::Unknown },
    Break { since: BASIL, calls: DISCOUNTED, param: &["coupon"], becomes: Becomes::Unknown },
    Break { since: BASIL, calls: DISCOUNTED, param: &["promotion_code"], becomes: Becomes::Unknown },
    Break { since: BASIL, calls: SCHEDULES, param: &["phases", "coupon"], becomes: Becomes::Unknown },
    Break {
        since: BASIL,
        calls: &["/v1/invoiceitems", "/v1/invoiceitems/*"],
        param: &["price"],
        becomes: Becomes::Unknown,
    },
    Break {
        since: APRIL_2024,
        calls: &["/v1/products", "/v1/products/*"],
        param: &["features"],
        becomes: Becomes::Named("marketing_features"),
    },
];

/// Reads the parameters of a POST as its version means them; without a version, as any means them.
///
/// # Errors
/// The first of them that the version does not have, or has in another form.
pub(crate) fn read(
    path: &str,
    params: &mut Map<String, Value>,
    version: Option<Version>,
) -> Result<(), Misfit> {
    billing_cycle_anchor::read(path, params, version)?;
    let Some(version) = version else {
        return Ok(());
    };
    for broken in BREAKS.iter().filter(|broken| broken.calls.iter().any(|call| matches(call, path))) {
        let why = match (broken.becomes, version < broken.since) {
            (Becomes::Named(now), true) => {
                rename(params, broken.param, now);
                continue;
            }
            // By its old name it is unknown already, by the new one it is what it is.
            (Becomes::Named(_), false) | (Becomes::Unknown | Becomes::Refused(_), true) => continue,
            (Becomes::Known, false) => continue,
            (Becomes::Unknown, false) | (Becomes::Known, true) => Why::Unknown,
            (Becomes::Refused(code), false) => Why::NoLonger(code, broken.since),
        };
        if let Some(param) = given(params, broken.param) {
            return Err(Misfit { param, why });
        }
    }
    Ok(())
}

fn matches(call: &str, path: &str) -> bool {
    let (mut call, mut path) = (call.split('/'), path.trim_end_matches('/').split('/'));
    loop {
        match (call.next(), path.next()) {
            (None, None) => return true,
            (Some(word), Some(part)) if word == "*" || word == part => {}
            _ => return false,
        }
    }
}

/// A parameter's name in full, where the call has it.
fn given(params: &Map<String, Value>, param: &[&str]) -> Option<String> {
    let (first, inside) = param.split_first()?;
    let value = params.get(*first)?;
    let Some(name) = inside.first() else { return Some((*first).to_owned()) };
    if value.get(*name).is_some() {
        return Some(format!("{first}[{name}]"));
    }
    let rows = value.as_array().map_or(&[][..], Vec::as_slice);
    let at = rows.iter().position(|row| row.get(*name).is_some())?;
    Some(format!("{first}[{at}][{name}]"))
}

fn rename(params: &mut Map<String, Value>, param: &[&str], now: &str) {
    if let [before] = param
        && let Some(value) = params.shift_remove(*before)
    {
        params.insert(now.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The last version that takes it, the first that does not, and what that says.
    #[rstest::rstest]
    #[case("2026-08-26.dahlia", "2026-09-30.endive", "/v1/payment_intents/pi_1/confirm", json!({"payment_method_types": ["card"]}), "payment_method_types")]
    #[case("2026-08-26.dahlia", "2026-10-28.endive", "/v1/checkout/sessions", json!({"payment_method_types": ["card"]}), "payment_method_types")]
    #[case("2025-08-27.basil", "2025-09-30.clover", "/v1/subscription_schedules", json!({"phases": [{"items": []}, {"iterations": 3}]}), "phases[1][iterations]")]
    #[case("2025-08-27.basil", "2025-10-29.clover", "/v1/promotion_codes", json!({"coupon": "x"}), "coupon")]
    #[case("2025-02-24.acacia", "2025-03-31.basil", "/v1/subscriptions/sub_1", json!({"coupon": "x"}), "coupon")]
    #[case("2025-02-24.acacia", "2025-03-31.basil", "/v1/customers", json!({"promotion_code": "x"}), "promotion_code")]
    #[case("2025-02-24.acacia", "2025-03-31.basil", "/v1/subscription_schedules/sub_sched_1", json!({"phases": [{"coupon": "x"}]}), "phases[0][coupon]")]
    #[case("2025-02-24.acacia", "2025-03-31.basil", "/v1/invoiceitems", json!({"price": "x"}), "price")]
    fn a_parameter_is_gone_since_its_break(
        #[case] last: &str,
        #[case] first: &str,
        #[case] path: &str,
        #[case] params: Value,
        #[case] param: &str,
    ) {
        let mut params = params.as_object().unwrap().clone();
        let before = params.clone();
        let (last, first): (Version, Version) = (last.parse().unwrap(), first.parse().unwrap());
        assert_eq!(read(path, &mut params, Some(last)), Ok(()));
        let gone = read(path, &mut params, Some(first)).unwrap_err();
        assert_eq!(gone.param, param);
        let why = match path.contains("intents") {
            true => Why::NoLonger("payment_method_types_no_longer_supported", first),
            false => Why::Unknown,
        };
        assert_eq!((gone.why, &params), (why, &before), "and nothing else changes");
        assert_eq!(read(path, &mut params, None), Ok(()), "whoever names no version may say it");
    }

    /// The last version that does not know it, and the first that does.
    #[rstest::rstest]
    #[case("/v1/subscriptions", json!({"billing_mode": {"type": "flexible"}}), "billing_mode")]
    #[case("/v1/subscriptions/sub_1/migrate", json!({"billing_mode": {"type": "flexible"}}), "billing_mode")]
    #[case("/v1/quotes", json!({"subscription_data": {"billing_mode": {"type": "flexible"}}}), "subscription_data[billing_mode]")]
    fn a_parameter_is_known_since_it_came(#[case] path: &str, #[case] params: Value, #[case] param: &str) {
        let mut params = params.as_object().unwrap().clone();
        let unknown = read(path, &mut params, Some("2025-05-28.basil".parse().unwrap())).unwrap_err();
        assert_eq!(unknown, Misfit { param: param.to_owned(), why: Why::Unknown });
        assert_eq!(read(path, &mut params, Some("2025-06-30.basil".parse().unwrap())), Ok(()));
    }

    #[rstest::rstest]
    #[case("2023-10-16", json!({"marketing_features": [{"name": "x"}]}))]
    #[case("2024-04-10", json!({"features": [{"name": "x"}]}))]
    fn a_renamed_parameter_is_taken_by_its_old_name_before(#[case] version: &str, #[case] expected: Value) {
        let mut params = json!({"features": [{"name": "x"}]}).as_object().unwrap().clone();
        read("/v1/products/prod_1", &mut params, Some(version.parse().unwrap())).unwrap();
        assert_eq!(Value::Object(params), expected);
    }

    #[rstest::rstest]
    #[case("/v1/coupons", json!({"coupon": "x"}))]
    #[case("/v1/subscriptions/sub_1/resume", json!({"coupon": "x"}))]
    #[case("/v1/payment_intents/pi_1/capture", json!({"payment_method_types": []}))]
    fn other_calls_are_not_touched(#[case] path: &str, #[case] params: Value) {
        let mut params = params.as_object().unwrap().clone();
        assert_eq!(read(path, &mut params, Some(Version::NEWEST)), Ok(()));
    }
}
