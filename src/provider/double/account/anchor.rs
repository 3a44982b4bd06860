//! When a subscription's periods begin: `billing_cycle_anchor`, `billing_cycle_anchor_config`, `backdate_start_date`
//! (<https://docs.stripe.com/billing/subscriptions/billing-cycle>).

use jiff::civil::{DateTime, date};
use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::item::New;
use super::period;
use crate::provider::double::error::ApiError;
use crate::provider::double::params::{Is, Params, Table};
use crate::stripe::object::{NULL, data, int, text};

/// `billing_cycle_anchor_config`: a day of the month, and more of the moment where it matters.
pub(crate) const CONFIG: Table = &[
    ("day_of_month", Is::Needed(&Is::Int)),
    ("hour", Is::Int),
    ("minute", Is::Int),
    ("month", Is::Int),
    ("second", Is::Int),
];

/// Where the first whole period begins, where the caller says so.
pub(crate) struct Anchor {
    pub(crate) at: i64,
    /// As the subscription shows it; null for a plain timestamp.
    pub(crate) config: Value,
}

/// What a new subscription is anchored to; `recurring` is its prices' interval.
pub(crate) fn read(params: &Params, now: i64, recurring: &Value) -> Result<Option<Anchor>, ApiError> {
    let config = params.given("billing_cycle_anchor_config").filter(|config| config.is_object());
    let anchor = match (params.int("billing_cycle_anchor"), config) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: billing_cycle_anchor, \
                 billing_cycle_anchor_config.",
            ));
        }
        (Some(at), None) => Anchor { at, config: NULL },
        (None, Some(config)) => configured(config, now, recurring)?,
        (None, None) => return Ok(None),
    };
    if anchor.at <= now {
        return Err(ApiError::invalid_param(
            "billing_cycle_anchor",
            "Invalid timestamp: must be an integer Unix timestamp in the future.",
        ));
    }
    let natural = period::end(now, now, recurring);
    if anchor.at > natural {
        return Err(ApiError::invalid_param(
            "billing_cycle_anchor",
            format!(
                "billing_cycle_anchor cannot be later than next natural billing date ({natural}) for plan"
            ),
        ));
    }
    Ok(Some(anchor))
}

/// What a subscription in flexible billing mode is anchored to that is said to run since before: to that moment, where
/// nobody says anything else (<https://docs.stripe.com/billing/subscriptions/billing-mode/compare#backdate-subscriptions>).
pub(crate) fn backdated(
    params: &Params,
    said: Option<Anchor>,
    since: i64,
    now: i64,
    items: &[New],
) -> Result<Anchor, ApiError> {
    if said.is_none() && params.text("proration_behavior") == Some("none") {
        return Err(ApiError::not_modelled(
            "backdate_start_date with proration_behavior=none and no billing_cycle_anchor in flexible billing mode",
        ));
    }
    let anchor = said.unwrap_or(Anchor { at: since, config: NULL });
    let mut lines = 0_usize;
    for item in items {
        let mut from = since;
        while from < now.max(anchor.at) && lines <= MOST_LINES {
            (_, from) = period::around(anchor.at, from, &item.price["recurring"]);
            lines = lines.saturating_add(1);
        }
    }
    match lines {
        0..=MOST_LINES => Ok(anchor),
        _ => Err(ApiError::invalid_param(
            "backdate_start_date",
            "Backdating isn't supported if the resulting invoice has more than 250 line items.",
        )),
    }
}

/// The most lines of a backdated invoice.
const MOST_LINES: usize = 250;

/// The next moment that the config names.
fn configured(config: &Value, now: i64, recurring: &Value) -> Result<Anchor, ApiError> {
    if !matches!(text(recurring, "interval"), "month" | "year") {
        return Err(ApiError::invalid_param(
            "billing_cycle_anchor_config",
            "billing_cycle_anchor_config can only be used with monthly and yearly price intervals.",
        ));
    }
    let start = Timestamp::from_second(now).unwrap_or_default().to_zoned(TimeZone::UTC).datetime();
    let field = |name: &str, most: i64, least: i64| match config[name].as_i64() {
        None => Ok(None),
        Some(value) if (least..=most).contains(&value) => Ok(i8::try_from(value).ok()),
        Some(_) => {
            let param = format!("billing_cycle_anchor_config[{name}]");
            Err(ApiError::invalid_param(&param, format!("Invalid {name}: must be from {least} to {most}")))
        }
    };
    let day = field("day_of_month", 31, 1)?.unwrap_or(1);
    let month = field("month", 12, 1)?;
    let (hour, minute, second) = (field("hour", 23, 0)?, field("minute", 59, 0)?, field("second", 59, 0)?);
    let time =
        (hour.unwrap_or(start.hour()), minute.unwrap_or(start.minute()), second.unwrap_or(start.second()));
    let found = (0..=24).find_map(|months| {
        let first = date(start.year(), start.month(), 1).checked_add(Span::new().months(months)).ok()?;
        if month.is_some_and(|month| month != first.month()) {
            return None;
        }
        let at = seconds(on_day(first.year(), first.month(), day, time))?;
        (at > now).then_some(at)
    });
    let config = json!({
        "day_of_month": day, "hour": hour, "minute": minute, "month": month, "second": second,
    });
    let at = found.ok_or_else(|| ApiError::invalid("billing_cycle_anchor_config names no date."))?;
    Ok(Anchor { at, config })
}

fn on_day(year: i16, month: i8, day: i8, (hour, minute, second): (i8, i8, i8)) -> DateTime {
    let last = date(year, month, 1).days_in_month();
    date(year, month, day.min(last)).at(hour, minute, second, 0)
}

fn seconds(at: DateTime) -> Option<i64> {
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_second())
}

/// What periods are counted from. A config's day may be missing in the anchor's own month: then from the last month
/// that has it, so that the 31st comes back after February.
pub(crate) fn counted_from(subscription: &Value) -> i64 {
    let anchor = subscription["billing_cycle_anchor"].as_i64().unwrap_or_default();
    let day = subscription["billing_cycle_anchor_config"]["day_of_month"].as_i64();
    let Some(day) = day.and_then(|day| i8::try_from(day).ok()) else { return anchor };
    let at = Timestamp::from_second(anchor).unwrap_or_default().to_zoned(TimeZone::UTC).datetime();
    if at.day() >= day {
        return anchor;
    }
    let recurring = &data(&subscription["items"]).first().unwrap_or(&NULL)["price"]["recurring"];
    let months = if text(recurring, "interval") == "year" { 12 } else { 1 };
    let step = int(recurring, "interval_count").clamp(1, 36).saturating_mul(months);
    let with_the_day = (1..=12).find_map(|steps| {
        let months = steps * step;
        let month = at.date().first_of_month().checked_sub(Span::new().months(months)).ok()?;
        if month.days_in_month() < day {
            return None;
        }
        seconds(on_day(month.year(), month.month(), day, (at.hour(), at.minute(), at.second())))
    });
    with_the_day.unwrap_or(anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> i64 {
        date.parse::<Timestamp>().unwrap().as_second()
    }

    #[rstest::rstest]
    #[case(json!({"day_of_month": 1}), "2026-12-01T10:00:00Z")]
    #[case(json!({"day_of_month": 23, "hour": 11}), "2026-11-23T11:00:00Z")]
    #[case(json!({"day_of_month": 23}), "2026-12-23T10:00:00Z")]
    #[case(json!({"day_of_month": 31, "hour": 0, "minute": 0, "second": 0}), "2026-11-30T00:00:00Z")]
    #[case(json!({"day_of_month": 31, "month": 2}), "2027-02-28T10:00:00Z")]
    fn a_config_names_the_next_such_day(#[case] config: Value, #[case] expected: &str) {
        let yearly = json!({"interval": "year", "interval_count": 1});
        let given = json!({"billing_cycle_anchor_config": config});
        let table: Table = &[("billing_cycle_anchor_config", Is::Fields(CONFIG))];
        let params = Params::read(given.as_object().unwrap(), table, &"").unwrap();
        let anchor = read(&params, at("2026-11-23T10:00:00Z"), &yearly).unwrap().unwrap();
        assert_eq!(anchor.at, at(expected));
    }

    #[rstest::rstest]
    #[case(json!({"day_of_month": 32}))]
    #[case(json!({"day_of_month": 1, "hour": 24}))]
    fn nonsense_is_refused(#[case] config: Value) {
        let monthly = json!({"interval": "month", "interval_count": 1});
        assert!(configured(&config, at("2026-11-23T10:00:00Z"), &monthly).is_err());
    }

    #[test]
    fn the_31st_comes_back_after_february() {
        let subscription = json!({
            "billing_cycle_anchor": at("2027-02-28T00:00:00Z"), "billing_cycle_anchor_config": {"day_of_month": 31},
        });
        let monthly = json!({"interval": "month", "interval_count": 1});
        let from = counted_from(&subscription);
        assert_eq!(from, at("2027-01-31T00:00:00Z"));
        assert_eq!(period::end(from, at("2027-02-28T00:00:00Z"), &monthly), at("2027-03-31T00:00:00Z"));
    }
}
