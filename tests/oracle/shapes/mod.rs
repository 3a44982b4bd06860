//! Every object in the shape that Stripe publishes, in the newest version and in the older ones.
//!
//! Stripe publishes shapes as the declarations of its `stripe` package for Node: each release of it is made for one
//! API version, and unlike the package for Python it tells a field that may be null from one that may be missing.
//! `declarations.mjs` reads them; `story.rs` makes one of each kind of object; what differs must stand, with its
//! reason, in `differences.toml`.

mod published;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use paydrill::stripe::version::Version;
use serde_json::Value;

use self::published::{Difference, Published};
use super::{heavy, install};

/// The last release of the package for each API version that has a shape of its own, oldest first.
const RELEASES: [(&str, &str); 12] = [
    ("2020-08-27", "8.222.0"),
    ("2022-08-01", "10.17.0"),
    ("2022-11-15", "12.18.0"),
    ("2023-08-16", "13.11.0"),
    ("2023-10-16", "14.25.0"),
    ("2024-04-10", "15.12.0"),
    ("2024-06-20", "16.12.0"),
    ("2025-02-24.acacia", "17.7.0"),
    ("2025-08-27.basil", "18.5.0"),
    ("2026-02-25.clover", "20.4.1"),
    ("2026-08-26.dahlia", "22.6.2"),
    ("2026-10-28.endive", "23.1.0"),
];

/// What reads the declarations.
const TYPESCRIPT: &str = "5.9.3";

const KNOWN: &str = include_str!("differences.toml");

/// The kinds of objects that the double models, each of which the story makes.
const KINDS: &[&str] = &[
    "balance_transaction",
    "billing_portal.configuration",
    "billing_portal.session",
    "charge",
    "checkout.session",
    "confirmation_token",
    "coupon",
    "credit_note",
    "credit_note_line_item",
    "customer",
    "customer_balance_transaction",
    "discount",
    "dispute",
    "entitlements.active_entitlement",
    "entitlements.active_entitlement_summary",
    "entitlements.feature",
    "event",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "item",
    "line_item",
    "payment_intent",
    "payment_link",
    "payment_method",
    "plan",
    "price",
    "product",
    "product_feature",
    "promotion_code",
    "quote",
    "refund",
    "setup_attempt",
    "setup_intent",
    "subscription",
    "subscription_item",
    "subscription_schedule",
    "tax_id",
    "tax_rate",
    "test_helpers.test_clock",
    "webhook_endpoint",
];

/// What Stripe's billing has and the double does not model yet. Once it does, the story has to make one.
const NOT_YET: &[(&str, &str)] = &[
    ("billing.credit_grant", "GET /v1/billing/credit_grants"),
    ("payment_method_configuration", "GET /v1/payment_method_configurations"),
    ("tax.registration", "GET /v1/tax/registrations"),
];

/// A difference that is known, and why it is there.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    kind: String,
    at: String,
    what: String,
    /// The oldest and the newest version that has it, of [`RELEASES`]: `2020-08-27..2022-08-01`, or one version.
    versions: String,
    why: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFile {
    difference: Vec<Known>,
}

/// Each difference with the versions in which it is there.
type Differences = BTreeMap<Difference, BTreeSet<&'static str>>;

#[tokio::test]
async fn every_object_has_the_shape_that_stripe_publishes() {
    if !heavy::asked("oracle") {
        return;
    }
    let told = story::told().await;
    let releases: Vec<_> = RELEASES.iter().map(|(version, _)| (*version, published(version))).collect();
    let mut found = Differences::new();
    let mut kinds = BTreeSet::new();
    for (at, (version, _)) in releases.iter().enumerate() {
        let objects = told.objects(Version::in_full(version).unwrap()).await;
        for difference in differences(&releases[at..], &objects, &mut kinds) {
            found.entry(difference).or_default().insert(*version);
        }
    }
    let made: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(made, KINDS, "the story makes exactly the kinds that are modelled");
    let not_yet = || NOT_YET.iter().map(|(_, path)| *path);
    let missing = told.not_modelled(not_yet()).await;
    let expected: Vec<&str> = not_yet().map(|path| path.split_once(' ').unwrap().1).collect();
    assert_eq!(missing, expected, "what is modelled by now is in the story and in KINDS");
    let known = known();
    assert!(found == known, "{}", told_apart(&found, &known));
}

/// How objects differ from the newest shapes, beside what is known of the double's.
pub(crate) fn unknown_differences(objects: &[Value]) -> Vec<String> {
    let (newest, _) = RELEASES[RELEASES.len() - 1];
    let known = known();
    let found = differences(&[(newest, published(newest))], objects, &mut BTreeSet::new());
    let known = |one: &Difference| known.get(one).is_some_and(|versions| versions.contains(newest));
    found.into_iter().filter(|one| !known(one)).map(|one| format!("{one:?}")).collect()
}

/// What differs in the first of these releases. What a later one added may be there already: Stripe counts new
/// fields as compatible (docs.stripe.com/upgrades), and so do we. Such a field is no difference.
fn differences(
    releases: &[(&str, Published)],
    objects: &[Value],
    kinds: &mut BTreeSet<String>,
) -> BTreeSet<Difference> {
    let Some(((_, first), later)) = releases.split_first() else { return BTreeSet::new() };
    let mut found: BTreeSet<_> = objects.iter().flat_map(|object| first.differences(object, kinds)).collect();
    found.retain(|one| match one.what.as_str() {
        "unknown" => !later.iter().any(|(_, shapes)| shapes.declares(&one.kind, &one.at)),
        "not published" => !later.iter().any(|(_, shapes)| shapes.has(&one.kind)),
        _ => true,
    });
    found
}

fn known() -> Differences {
    let file: KnownFile = toml::from_str(KNOWN).unwrap();
    let mut known = Differences::new();
    for Known { kind, at, what, versions, why } in file.difference {
        assert!(!why.is_empty(), "{kind} {at}: why?");
        let (first, last) = versions.split_once("..").unwrap_or((&versions, &versions));
        let place = |name: &str| {
            RELEASES
                .iter()
                .position(|(version, _)| *version == name)
                .unwrap_or_else(|| panic!("no version {name}"))
        };
        let range = RELEASES.get(place(first)..=place(last)).unwrap().iter().map(|(version, _)| *version);
        known.entry(Difference { kind, at, what }).or_default().extend(range);
    }
    known
}

/// What is new and what is there no more, as `differences.toml` would say it.
fn told_apart(found: &Differences, known: &Differences) -> String {
    let mut text = String::new();
    for (title, these, others) in
        [("differs, and is not known to", found, known), ("is known to differ, and does not", known, found)]
    {
        writeln!(text, "# {title}:").unwrap();
        for (difference, versions) in these {
            let other = others.get(difference);
            let left: Vec<_> = versions
                .iter()
                .filter(|version| !other.is_some_and(|other| other.contains(*version)))
                .collect();
            for (first, last) in ranges(&left) {
                let Difference { kind, at, what } = difference;
                let versions = if first == last { first.to_owned() } else { format!("{first}..{last}") };
                writeln!(
                    text,
                    "    {{ kind = {kind:?}, at = {at:?}, what = {what:?}, versions = {versions:?}, why = \"\" }},"
                )
                .unwrap();
            }
        }
    }
    text
}

/// Versions that follow each other are one range.
fn ranges<'a>(versions: &[&&'a str]) -> Vec<(&'a str, &'a str)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for at in RELEASES
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| versions.iter().any(|one| **one == *name))
        .map(|(at, _)| at)
    {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == at => *last = at,
            _ => ranges.push((at, at)),
        }
    }
    let name = |at: usize| *versions.iter().find(|one| ***one == RELEASES[at].0).unwrap();
    ranges.into_iter().map(|(first, last)| (*name(first), *name(last))).collect()
}

/// The shapes of a version, read once.
fn published(version: &str) -> Published {
    let (_, release) = RELEASES.iter().find(|(name, _)| *name == version).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/shapes/declarations.mjs");
    // Another script reads other things.
    let mark = std::fs::read(&script)
        .unwrap()
        .iter()
        .fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let package = install::npm("stripe", release).join("node_modules/stripe");
    let typescript = install::npm("typescript", TYPESCRIPT);
    let folder = install::once(&format!("shapes-{release}-{mark:016x}"), |folder| {
        // A module is looked for beside the script.
        let beside = typescript.join("declarations.mjs");
        std::fs::copy(&script, &beside).unwrap();
        let output = Command::new("node").arg(&beside).arg(&package).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::write(folder.join("shapes.json"), output.stdout).unwrap();
    });
    Published::read(&std::fs::read_to_string(folder.join("shapes.json")).unwrap())
}

#[rstest::rstest]
#[case(&["2020-08-27"], &[("2020-08-27", "2020-08-27")])]
#[case(&["2022-11-15", "2020-08-27", "2022-08-01", "2024-04-10"], &[("2020-08-27", "2022-11-15"), ("2024-04-10", "2024-04-10")])]
#[case(&[], &[])]
fn versions_that_follow_are_a_range(#[case] versions: &[&str], #[case] expected: &[(&str, &str)]) {
    assert_eq!(ranges(&versions.iter().collect::<Vec<_>>()), expected);
}
