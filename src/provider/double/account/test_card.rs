//! Stripe's test cards and test bank accounts, and what each of them does: pure tables.
//!
//! A card is known again by its fingerprint, which is made from its number, so that an object needs nothing
//! beside what Stripe shows of it. See <https://docs.stripe.com/testing>.

use serde_json::Value;

use crate::stripe::object::text;

/// What using a card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// It is charged.
    Pays,
    /// It is charged, and the money is available at once.
    PaysAtOnce,
    /// It is refused wherever it is used: it cannot be put on a customer's file either.
    Declines(Decline),
    /// It can be put on a customer's file; every charge is refused.
    DeclinesCharges,
    /// The bank asks the customer, each time.
    Asks,
    /// The same; then it is refused.
    AsksThenDeclines(Decline),
    /// The bank asks the customer, but not again once the card was set up for later.
    AsksUntilSetUp,
    /// It was set up elsewhere: the bank asks only when the customer is there.
    AsksOnSession,
    /// It is charged, and the payment is disputed.
    Disputes(Reason),
    /// A refund fails a while after it seemed to succeed.
    RefundFails,
    /// A refund takes a while.
    RefundTakesTime,
}

/// Why a payment is disputed, as Stripe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The holder says it was not them.
    Fraudulent,
    /// The holder says that nothing came.
    ProductNotReceived,
    /// The bank asks first: no money is taken back yet.
    Inquiry,
}

/// How a card is refused: Stripe's `code`, `decline_code` and message.
/// See <https://docs.stripe.com/declines/codes>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    /// `""` where Stripe gives none.
    pub(crate) decline_code: &'static str,
    pub(crate) message: &'static str,
}

const fn decline(code: &'static str, decline_code: &'static str, message: &'static str) -> Decline {
    Decline { code, decline_code, message }
}

pub(crate) const GENERIC: Decline = decline("card_declined", "generic_decline", "Your card was declined.");
pub(crate) const INSUFFICIENT_FUNDS: Decline =
    decline("card_declined", "insufficient_funds", "Your card has insufficient funds.");
const LOST: Decline = decline("card_declined", "lost_card", "Your card was declined.");
const STOLEN: Decline = decline("card_declined", "stolen_card", "Your card was declined.");
const VELOCITY: Decline = decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
);
const FRAUDULENT: Decline = decline("card_declined", "fraudulent", "Your card was declined.");
const EXPIRED: Decline = decline("expired_card", "expired_card", "Your card has expired.");
const WRONG_CVC: Decline =
    decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.");
const PROCESSING: Decline = decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
);
/// The bank wants to ask, and nobody is there to answer.
pub(crate) const ASKED_IN_VAIN: Decline = decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
);
/// A real number, or one that Stripe's documentation does not list.
pub(crate) const NOT_A_TEST_CARD: Decline = decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. For a list of valid \
     test cards, visit: https://stripe.com/docs/testing.",
);

/// One of Stripe's test cards.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestCard {
    pub(crate) number: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) funding: &'static str,
    pub(crate) country: &'static str,
    pub(crate) does: Does,
    /// `visa` for `pm_card_visa` and `tok_visa`.
    names: &'static [&'static str],
}

const fn card(
    number: &'static str,
    (brand, funding, country): (&'static str, &'static str, &'static str),
    does: Does,
    names: &'static [&'static str],
) -> TestCard {
    TestCard { number, brand, funding, country, does, names }
}

const VISA: (&str, &str, &str) = ("visa", "credit", "US");
const MASTERCARD: (&str, &str, &str) = ("mastercard", "credit", "US");

const CARDS: &[TestCard] = &[
    card("4242424242424242", VISA, Does::Pays, &["visa", "us"]),
    card("4000056655665556", ("visa", "debit", "US"), Does::Pays, &["visa_debit"]),
    card("5555555555554444", MASTERCARD, Does::Pays, &["mastercard"]),
    card("2223003122003222", MASTERCARD, Does::Pays, &[]),
    card("5200828282828210", ("mastercard", "debit", "US"), Does::Pays, &["mastercard_debit"]),
    card("5105105105105100", ("mastercard", "prepaid", "US"), Does::Pays, &["mastercard_prepaid"]),
    card("378282246310005", ("amex", "credit", "US"), Does::Pays, &["amex"]),
    card("371449635398431", ("amex", "credit", "US"), Does::Pays, &[]),
    card("6011111111111117", ("discover", "credit", "US"), Does::Pays, &["discover"]),
    card("6011000990139424", ("discover", "credit", "US"), Does::Pays, &[]),
    card("3056930009020004", ("diners", "credit", "US"), Does::Pays, &["diners"]),
    card("36227206271667", ("diners", "credit", "US"), Does::Pays, &[]),
    card("3566002020360505", ("jcb", "credit", "JP"), Does::Pays, &["jcb"]),
    card("6200000000000005", ("unionpay", "credit", "CN"), Does::Pays, &["unionpay"]),
    card("4000000760000002", ("visa", "credit", "BR"), Does::Pays, &["br"]),
    card("4000001240000000", ("visa", "credit", "CA"), Does::Pays, &["ca"]),
    card("4000004840008001", ("visa", "credit", "MX"), Does::Pays, &["mx"]),
    card("4000000400000008", ("visa", "credit", "AT"), Does::Pays, &["at"]),
    card("4000002500000003", ("visa", "credit", "FR"), Does::Pays, &["fr"]),
    card("4000002760000016", ("visa", "credit", "DE"), Does::Pays, &["de"]),
    card("4000003720000005", ("visa", "credit", "IE"), Does::Pays, &["ie"]),
    card("4000003800000008", ("visa", "credit", "IT"), Does::Pays, &["it"]),
    card("4000005280000002", ("visa", "credit", "NL"), Does::Pays, &["nl"]),
    card("4000007240000007", ("visa", "credit", "ES"), Does::Pays, &["es"]),
    card("4000007560000009", ("visa", "credit", "CH"), Does::Pays, &["ch"]),
    card("4000008260000000", ("visa", "credit", "GB"), Does::Pays, &["gb"]),
    card("4000000360000006", ("visa", "credit", "AU"), Does::Pays, &["au"]),
    card("4000003560000008", ("visa", "credit", "IN"), Does::Pays, &["in"]),
    card("4000003920000003", ("visa", "credit", "JP"), Does::Pays, &["jp"]),
    card("4000007020000003", ("visa", "credit", "SG"), Does::Pays, &["sg"]),
    card(
        "4000000000000002",
        VISA,
        Does::Declines(GENERIC),
        &["visa_chargeDeclined", "chargeDeclined", "visa_chargeDeclinedGeneric"],
    ),
    card(
        "4000000000009995",
        VISA,
        Does::Declines(INSUFFICIENT_FUNDS),
        &["visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"],
    ),
    card("4000000000009987", VISA, Does::Declines(LOST), &["visa_chargeDeclinedLostCard"]),
    card("4000000000009979", VISA, Does::Declines(STOLEN), &["visa_chargeDeclinedStolenCard"]),
    card("4000000000000069", VISA, Does::Declines(EXPIRED), &["chargeDeclinedExpiredCard"]),
    card("4000000000000127", VISA, Does::Declines(WRONG_CVC), &["chargeDeclinedIncorrectCvc"]),
    card("4000000000000119", VISA, Does::Declines(PROCESSING), &["chargeDeclinedProcessingError"]),
    card("4000000000006975", VISA, Does::Declines(VELOCITY), &["visa_chargeDeclinedVelocityLimitExceeded"]),
    card("4100000000000019", VISA, Does::Declines(FRAUDULENT), &["radarBlock", "chargeDeclinedFraudulent"]),
    card("4000000000000341", VISA, Does::DeclinesCharges, &["chargeCustomerFail"]),
    card("4000000000009235", VISA, Does::Pays, &["riskLevelElevated"]),
    card("4000002500003155", VISA, Does::AsksUntilSetUp, &["authenticationRequiredOnSetup"]),
    card("4000002760003184", VISA, Does::Asks, &["authenticationRequired"]),
    card("4000003800000446", VISA, Does::AsksOnSession, &["authenticationRequiredSetupForOffSession"]),
    card(
        "4000008260003178",
        VISA,
        Does::AsksThenDeclines(INSUFFICIENT_FUNDS),
        &["authenticationRequiredChargeDeclinedInsufficientFunds"],
    ),
    card("4000000000003220", VISA, Does::Asks, &["threeDSecure2Required"]),
    card("4000000000003063", VISA, Does::Asks, &["threeDSecureRequired"]),
    card("4000008400001629", VISA, Does::AsksThenDeclines(GENERIC), &["threeDSecureRequiredChargeDeclined"]),
    card("4000000000003055", VISA, Does::Pays, &["threeDSecureOptional"]),
    card("4000000000000259", VISA, Does::Disputes(Reason::Fraudulent), &["createDispute"]),
    card(
        "4000000000002685",
        VISA,
        Does::Disputes(Reason::ProductNotReceived),
        &["createDisputeProductNotReceived"],
    ),
    card("4000000000001976", VISA, Does::Disputes(Reason::Inquiry), &["createDisputeInquiry"]),
    card("4000000000007726", VISA, Does::RefundTakesTime, &["pendingRefund"]),
    card("4000000000005126", VISA, Does::RefundFails, &["refundFail"]),
    card("4000000000000077", VISA, Does::PaysAtOnce, &["bypassPending"]),
    card("4000003720000278", ("visa", "credit", "IE"), Does::PaysAtOnce, &["bypassPendingInternational"]),
];

impl TestCard {
    pub(crate) fn last4(&self) -> &'static str {
        self.number.get(self.number.len().saturating_sub(4)..).unwrap_or_default()
    }

    /// Sixteen letters, as Stripe's are.
    pub(crate) fn fingerprint(&self) -> String {
        format!("paydrill{}{}", self.number.get(4..8).unwrap_or_default(), self.last4())
    }

    /// The card that everybody has.
    pub(crate) fn usual() -> &'static Self {
        const USUAL: &TestCard = &CARDS[0];
        USUAL
    }

    /// By number, with or without spaces.
    pub(crate) fn numbered(number: &str) -> Option<&'static Self> {
        let digits: String =
            number.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
        CARDS.iter().find(|card| card.number == digits)
    }

    /// `pm_card_visa`.
    pub(crate) fn method(id: &str) -> Option<&'static Self> {
        Self::named(id.strip_prefix("pm_card_")?)
    }

    /// `tok_visa`.
    pub(crate) fn token(id: &str) -> Option<&'static Self> {
        Self::named(id.strip_prefix("tok_")?)
    }

    fn named(name: &str) -> Option<&'static Self> {
        CARDS.iter().find(|card| card.names.contains(&name))
    }

    /// The card of a payment method or of a card object, by its fingerprint.
    pub(crate) fn of(method: &Value) -> Option<&'static Self> {
        let card = if method["card"].is_object() { &method["card"] } else { method };
        let fingerprint = text(card, "fingerprint");
        CARDS.iter().find(|card| !fingerprint.is_empty() && card.fingerprint() == fingerprint)
    }
}

/// What using this payment method, or card object, does.
pub(crate) fn does(method: &Value) -> Does {
    TestCard::of(method).map_or(Does::Pays, |card| card.does)
}

/// How this payment method is refused, where it is.
pub(crate) fn decline_of(method: &Value) -> Decline {
    match does(method) {
        Does::Declines(decline) | Does::AsksThenDeclines(decline) => decline,
        _ => GENERIC,
    }
}

/// Whether it is a number at all: the last digit fits the others.
/// See <https://en.wikipedia.org/wiki/Luhn_algorithm>.
pub(crate) fn is_card_number(number: &str) -> bool {
    let digits: Option<Vec<u32>> =
        number.chars().filter(|letter| !letter.is_whitespace()).map(|letter| letter.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| (12..=19).contains(&digits.len())) else { return false };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// How a debit from a bank account ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Debit {
    pub(crate) ends: Ends,
    /// Takes at least three minutes, also where no clock is turned.
    pub(crate) slow: bool,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Arrives,
    /// Stripe's `failure_code`.
    Bounces(&'static str),
    /// It arrives and is disputed.
    Disputed,
    /// It is on its way for ever.
    Never,
}

const fn debit(ends: Ends, slow: bool) -> Debit {
    Debit { ends, slow }
}

/// American accounts: `pm_usBankAccount_…`, account number, what a debit does.
/// See <https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment#test-account-numbers>.
const US_ACCOUNTS: &[(&str, &str, Ends)] = &[
    ("success", "000123456789", Ends::Arrives),
    ("accountClosed", "000111111113", Ends::Bounces("account_closed")),
    ("noAccount", "000111111116", Ends::Bounces("no_account")),
    ("insufficientFunds", "000222222227", Ends::Bounces("insufficient_funds")),
    ("debitNotAuthorized", "000333333335", Ends::Bounces("debit_not_authorized")),
    ("invalidCurrency", "000444444440", Ends::Bounces("invalid_currency")),
    ("failureLimitExceeded", "000777777771", Ends::Bounces("payment_method_debit_limit_exceeded")),
    ("dispute", "000999999991", Ends::Disputed),
    ("processing", "000000000009", Ends::Never),
];

/// The number behind `pm_usBankAccount_success`.
pub(crate) fn us_account(id: &str) -> Option<&'static str> {
    let name = id.strip_prefix("pm_usBankAccount_")?;
    US_ACCOUNTS.iter().find(|(known, ..)| *known == name).map(|(_, number, _)| *number)
}

/// Whether this is an American account number that Stripe tests with.
pub(crate) fn us_account_ends(number: &str) -> Option<Debit> {
    US_ACCOUNTS.iter().find(|(_, known, _)| *known == number).map(|(.., ends)| debit(*ends, false))
}

/// What a debit from a European account does, by the endings that Stripe lists for most countries.
/// See <https://docs.stripe.com/payments/sepa-debit/accept-a-payment#test-integration>.
pub(crate) fn iban_ends(iban: &str) -> Debit {
    const ENDINGS: &[(&str, Ends, bool)] = &[
        ("3204", Ends::Arrives, true),
        ("3202", Ends::Bounces("insufficient_funds"), false),
        ("3205", Ends::Bounces("insufficient_funds"), true),
        ("3203", Ends::Disputed, false),
        ("532013003", Ends::Arrives, true),
        ("532013001", Ends::Bounces("insufficient_funds"), false),
        ("532013004", Ends::Bounces("insufficient_funds"), true),
        ("532013002", Ends::Disputed, false),
        // The Italian account that the official CLI lets fail.
        ("IT60X0542811101000000123456", Ends::Bounces("insufficient_funds"), false),
    ];
    let iban: String = iban.chars().filter(|letter| !letter.is_whitespace()).collect();
    let found = ENDINGS.iter().find(|(ending, ..)| iban.ends_with(ending));
    found.map_or(debit(Ends::Arrives, false), |(_, ends, slow)| debit(*ends, *slow))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn cards_are_told_apart_by_number_name_and_fingerprint() {
        let (mut numbers, mut prints, mut names) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for card in CARDS {
            assert!(is_card_number(card.number), "{}", card.number);
            assert!(numbers.insert(card.number), "{} twice", card.number);
            assert!(prints.insert(card.fingerprint()), "{} looks like another", card.number);
            assert_eq!(card.fingerprint().len(), 16);
            for name in card.names {
                assert!(names.insert(name), "{name} twice");
            }
            assert_eq!(does(&json!({"card": {"fingerprint": card.fingerprint()}})), card.does);
        }
    }

    #[rstest::rstest]
    #[case("pm_card_visa", "4242424242424242")]
    #[case("pm_card_chargeCustomerFail", "4000000000000341")]
    #[case("pm_card_refundFail", "4000000000005126")]
    #[case("pm_card_bypassPending", "4000000000000077")]
    #[case("pm_card_visa_chargeDeclined", "4000000000000002")]
    fn methods_and_tokens_name_the_same_cards(#[case] method: &str, #[case] number: &str) {
        assert_eq!(TestCard::method(method).unwrap().number, number);
        let token = method.replace("pm_card_", "tok_");
        assert_eq!(TestCard::token(&token), TestCard::method(method));
        assert_eq!(TestCard::method(&token), None);
    }

    #[rstest::rstest]
    #[case("4242424242424241", false)]
    #[case("4242 4242 4242 4242", true)]
    #[case("4", false)]
    #[case("", false)]
    #[case("42424242x2424242", false)]
    fn the_last_digit_is_checked(#[case] number: &str, #[case] is: bool) {
        assert_eq!(is_card_number(number), is);
    }

    #[test]
    fn accounts_end_as_documented() {
        assert_eq!(iban_ends("AT61 1904 3002 3457 3201"), debit(Ends::Arrives, false));
        assert_eq!(iban_ends("AT321904300235473204"), debit(Ends::Arrives, true));
        assert_eq!(iban_ends("DE62370400440532013001").ends, Ends::Bounces("insufficient_funds"));
        assert_eq!(
            us_account("pm_usBankAccount_success").and_then(us_account_ends).unwrap().ends,
            Ends::Arrives
        );
        assert_eq!(us_account_ends("1"), None);
    }
}
