//! The classic bugs: each one wrong decision that real handlers make, all of them reported in public.

use std::fmt;
use std::str::FromStr;

/// No bug has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find a bug named `{name}`")]
pub struct UnknownBug {
    /// The name asked for.
    pub name: String,
}

/// Writes the enum and its tables from one list, so that no bug is without a story.
macro_rules! bugs {
    ($($bug:ident = $name:literal, $failure_mode:literal, $story:literal;)+) => {
        /// One wrong decision in an app that is otherwise right. With most of them every delivery is
        /// still answered 200.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Bug {
            $(#[doc = $story] $bug,)+
        }

        impl Bug {
            /// Every bug, in the order of the catalogue of failure modes.
            pub const ALL: &[Self] = &[$(Self::$bug,)+];

            /// The name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)+ }
            }

            /// What the app does, in one sentence.
            #[must_use]
            pub const fn story(self) -> &'static str {
                match self { $(Self::$bug => $story,)+ }
            }

            /// The failure mode of the catalogue that it is an example of.
            #[must_use]
            pub const fn failure_mode(self) -> &'static str {
                match self { $(Self::$bug => $failure_mode,)+ }
            }
        }
    };
}

bugs! {
    OrderUpdatedBeforeCreated = "order-updated-before-created", "order-updated-before-created",
        "Writes a new subscription as `created` tells it: what a faster update said of it before is overwritten.";
    OrderUpdatedNoRow = "order-updated-no-row", "order-updated-no-row",
        "Writes an update without a row as one that nobody owns, and `created`, which knows the owner, meets its key.";
    OrderInvoiceBeforeCheckout = "order-invoice-before-checkout", "order-invoice-before-checkout",
        "Takes from a completed checkout only whose it is; what it means is left to an invoice that may have come before.";
    OrderStaleUpdateWins = "order-stale-update-wins", "order-stale-update-wins",
        "Writes the state that the event carries, so an event that arrives late puts the old state back.";
    OrderZombieAfterDelete = "order-zombie-after-delete", "order-zombie-after-delete",
        "Skips events older than the last one, but forgets that when a subscription ends: a late update revives it.";
    OrderSameSecondTie = "order-same-second-tie", "order-same-second-tie",
        "Takes only events newer than the last one, and Stripe's timestamps are whole seconds: the second of a pair is dropped.";
    OrderConcurrentPair = "order-concurrent-pair", "order-concurrent-pair",
        "Looks whether a subscription is new before it waits for its turn, and overwrites what was written meanwhile.";
    OrderRefundBeforePurchase = "order-refund-before-purchase", "order-refund-before-purchase",
        "Finds no purchase for a refund that came first, answers 200, and hands out everything afterwards.";
    OrderWebhookBeforeLocalRow = "order-webhook-before-local-row", "order-webhook-before-local-row",
        "Answers 200 to a payment whose order is not saved yet, and the order that is saved afterwards stays pending.";
    RedirectFirst = "redirect-first", "redirect-first",
        "Shows who is back before the event as a free customer who may choose a plan, so they pay again.";
    RedirectNever = "redirect-never", "redirect-never",
        "Links a checkout to its account when the customer comes back from it, and some close the tab.";
    RedirectAndWebhookDouble = "redirect-and-webhook-double", "redirect-and-webhook-double",
        "Both the success page and the webhook hand out what was bought.";
    DupSameEventCredits = "dup-same-event-credits", "dup-same-event-credits",
        "Adds the credits with every delivery, and Stripe delivers an event more than once.";
    DupTwoEventsOneFact = "dup-two-events-one-fact", "dup-two-events-one-fact",
        "Does once what an event asks for, and Stripe tells of one paid invoice with two events.";
    DupNotification = "dup-notification", "dup-notification",
        "Writes its state once, but sends the mail with every delivery.";
    DupMemoryOnly = "dup-memory-only", "dup-memory-only",
        "Remembers what it has done in the memory of its process, so after a restart a repeated event is new to it.";
    DupMarkedBeforeWork = "dup-marked-before-work", "dup-marked-before-work",
        "Marks an event as done before doing it, so the retry after a failure is taken for a duplicate.";
    DupTimeoutThenRetry = "dup-timeout-then-retry", "dup-timeout-then-retry",
        "Looks whether an event is new before the work and not with it, so a retry during slow work does it again.";
    AckSwallowedError = "ack-swallowed-error", "ack-swallowed-error",
        "Catches its own error and answers 200, so Stripe never tries again.";
    AckThenLost = "ack-then-lost", "ack-then-lost",
        "Answers 200 to a completed checkout and hands it out afterwards: what its process dies with is lost for good.";
    Ack4xxBusinessError = "ack-4xx-business-error", "ack-4xx-business-error",
        "Takes a mail that cannot be sent for a failure of the whole event: the retry hands everything out again.";
    AckPartialWrite = "ack-partial-write", "ack-partial-write",
        "Takes the old plan away before it has read the new one: whatever fails in between leaves the customer nothing.";
    AckInvoiceCreated = "ack-invoice-created", "ack-invoice-created",
        "Looks for the payment of a renewal when its invoice is created, and fails because there is none yet.";
    ShapePeriodEndMoved = "shape-period-end-moved", "shape-period-end-moved",
        "Moves the end of the period only where the event has it on the subscription: since 2025-03-31 the items have it.";
    ShapeInvoiceSubscriptionMoved = "shape-invoice-subscription-moved", "shape-invoice-subscription-moved",
        "Looks for an invoice's subscription where it was before 2025-03-31, and finds none.";
    ShapeEndpointOlderThanCode = "shape-endpoint-older-than-code", "shape-endpoint-older-than-code",
        "Takes only events of the API version that it calls Stripe in, and the endpoint is pinned to an older one.";
    ShapeThinVsSnapshot = "shape-thin-vs-snapshot", "shape-thin-vs-snapshot",
        "Answers 200 to a thin event, finds no object in it and does nothing.";
    ShapeCancelAt = "shape-cancel-at", "shape-cancel-at",
        "Reads `cancel_at_period_end` only, and Stripe's portal says with `cancel_at` that a subscription ends.";
    ShapeListTruncated = "shape-list-truncated", "shape-list-truncated",
        "Takes the features that the event embeds for all of them, and it embeds ten.";
    ShapeUnexpandedRef = "shape-unexpanded-ref", "shape-unexpanded-ref",
        "Reads the name of a product that came as an id: it is undefined, and the old name stays.";
    ShapeRefundEventRenamed = "shape-refund-event-renamed", "shape-refund-event-renamed",
        "Listens to `charge.refunded` only, and not to the newer `refund.created`.";
    ShapeExpandableNull = "shape-expandable-null", "shape-expandable-null",
        "Demands a quantity of every item, and a metered one has none.";
    MapIncompleteGrants = "map-incomplete-grants", "map-incomplete-grants",
        "Gives access to a subscription whose first payment has not gone through.";
    MapIncompleteExpired = "map-incomplete-expired", "map-incomplete-expired",
        "Lists the statuses that give no access, and `incomplete_expired` is not in the list.";
    MapUnpaidKeeps = "map-unpaid-keeps", "map-unpaid-keeps",
        "Keeps access after Stripe has given up collecting.";
    MapPastdueRevokesAtOnce = "map-pastdue-revokes-at-once", "map-pastdue-revokes-at-once",
        "Takes access away at the first declined renewal, while Stripe is still trying.";
    MapPausedStatus = "map-paused-status", "map-paused-status",
        "Does not know the status `paused`, and keeps the one it had: a trial without a card goes on.";
    MapPauseCollection = "map-pause-collection", "map-pause-collection",
        "Looks at the status only, and that of a subscription whose collection is paused stays `active`.";
    MapUpgradeBeforePayment = "map-upgrade-before-payment", "map-upgrade-before-payment",
        "Gives the better plan as soon as it is ordered, also where its payment was declined.";
    MapCancelEarly = "map-cancel-early", "map-cancel-early",
        "Takes access away when the customer cancels, though the period is paid.";
    MapPortalPlanChange = "map-portal-plan-change", "map-portal-plan-change",
        "Writes the plan at the first purchase and never again.";
    MapUnknownPriceNoop = "map-unknown-price-noop", "map-unknown-price-noop",
        "Answers 200 and does nothing when it does not know the price, and it was not told of the team plan.";
    MapUnknownPriceFree = "map-unknown-price-free", "map-unknown-price-free",
        "Takes a price that it does not know for no plan at all, and tells nobody.";
    MapUnknownPrice500 = "map-unknown-price-500", "map-unknown-price-500",
        "Fails on a price that it does not know, three days long.";
    MapStaleItems = "map-stale-items", "map-stale-items",
        "Adds the items that it is told of and removes none: who moves down keeps the better plan.";
    MapQuantity = "map-quantity", "map-quantity",
        "Writes the plan but not the quantity: seats that were bought are never granted.";
    MapTrialNeverEnds = "map-trial-never-ends", "map-trial-never-ends",
        "Gives a trial until Stripe says that it is over, and what Stripe said was lost.";
    MapRenewalTtl = "map-renewal-ttl", "map-renewal-ttl",
        "Gives thirty days from the purchase and does not think of renewals: on day 31 who pays is locked out.";
    IdMetadataOnSession = "id-metadata-on-session", "id-metadata-missing",
        "Looks for the user in the metadata of the subscription only, and it stands on the checkout session.";
    IdMetadataOnSubscription = "id-metadata-on-subscription", "id-metadata-missing",
        "Looks for the user in the checkout session only, and it stands in the metadata of the subscription.";
    IdMultiSubClobber = "id-multi-sub-clobber", "id-multi-sub-clobber",
        "Keeps one subscription per customer, so whichever was heard of last decides.";
    IdDuplicateRows = "id-duplicate-rows", "id-duplicate-rows",
        "Keeps what a checkout bought beside what a subscription's events tell: one subscription, two rows.";
    IdDashboardCreated = "id-dashboard-created", "id-dashboard-created",
        "Finds accounts by what its own checkout wrote down: a subscription made in the dashboard is nobody's.";
    IdZeroPaymentCreatedOnly = "id-zero-payment-created-only", "id-zero-payment-created-only",
        "Waits for the update that follows a new subscription, and one that costs nothing yet has none.";
    IdCustomerDeleted = "id-customer-deleted", "id-customer-deleted",
        "Asks Stripe about the customer on the billing page, and fails when there is none any more.";
    IdForeignEvents = "id-foreign-events", "id-foreign-events",
        "Fails on events of customers that another product of the same Stripe account has.";
    IdConnectAccount = "id-connect-account", "id-connect-account",
        "Takes what happened in somebody else's Stripe account for something that happened in its own.";
    IdLivemode = "id-livemode", "id-livemode",
        "Does not look whether an event is a live or a test one.";
    MoneyRefundNoClawback = "money-refund-no-clawback", "money-refund-no-clawback",
        "Leaves the customer what was bought with a payment that went back.";
    MoneyAsyncUnpaid = "money-async-unpaid", "money-async-unpaid",
        "Hands out what was bought when the checkout is completed, though the payment is still on its way.";
    MoneyAsyncForgotten = "money-async-forgotten", "money-async-unpaid",
        "Waits for a payment that is on its way, and does not listen to the event that tells of its arrival.";
    MoneyZeroAmount = "money-zero-amount", "money-zero-amount",
        "Waits for a payment intent, and a checkout that costs nothing has none.";
    MoneyZeroTrialMail = "money-zero-trial-mail", "money-zero-trial-mail",
        "Sends a receipt for an invoice of nothing.";
    MoneyScaRenewal = "money-sca-renewal", "money-sca-renewal",
        "Does not tell the customer that the bank wants a payment confirmed.";
    NetWrongSecret = "net-wrong-secret", "net-wrong-secret",
        "Checks the second endpoint with the secret of the first, so every delivery there is refused.";
    NetSignatureUnchecked = "net-signature-unchecked", "net-empty-secret",
        "Does not check signatures, so anybody can send it events.";
    NetEmptySecret = "net-empty-secret", "net-empty-secret",
        "Accepts the secret before the last as well; none is set, and an empty key signs too.";
    NetTimestamp = "net-timestamp", "net-timestamp",
        "Checks the signature but not its age, so a body that leaked can be sent again for ever.";
    NetTimestampRetry = "net-timestamp-retry", "net-timestamp",
        "Takes the age of the event for that of the signature, so a retry that comes days later is refused.";
    NetBodyReserialised = "net-body-reserialised", "net-body-reserialised",
        "Checks the signature over JSON that it parsed and printed again, not over the bytes that came.";
    NetAuthCsrf = "net-auth-csrf", "net-auth-csrf",
        "Has a log-in page in front of its second endpoint: Stripe gets that page with a 200, and nothing is done.";
    NetEndpointDisabled = "net-endpoint-disabled", "net-endpoint-disabled",
        "Repairs at night what it missed and tells nobody, so nobody learns that the endpoint is switched off.";
    NetNotSubscribed = "net-not-subscribed", "net-not-subscribed",
        "Compares subscriptions with Stripe's at night, but not purchases and refunds, whose events nobody sends it.";
    NetMissedBeyondReplay = "net-missed-beyond-replay", "net-missed-beyond-replay",
        "Compares only what began in the last three days with Stripe's: what was missed before that is never found.";
    OutCache = "out-cache", "out-cache",
        "Writes the new plan and goes on serving the old one from its cache.";
    OutNotificationLost = "out-notification-lost", "out-notification-lost",
        "Sends a mail once and forgets it, also where the mail server did not take it.";
    OutDunningMissing = "out-dunning-missing", "out-dunning-missing",
        "Does not tell the customer that a payment was declined.";
    OutPolicyWrittenNowhere = "out-policy-written-nowhere", "out-policy-written-nowhere",
        "Knows the plan and enforces it nowhere: the paid feature is open to all.";
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Bug {
    /// Its place in [`Self::ALL`], from 1: a name that says nothing.
    #[must_use]
    pub fn number(self) -> usize {
        Self::ALL.iter().take_while(|bug| **bug != self).count() + 1
    }
}

impl FromStr for Bug {
    type Err = UnknownBug;

    /// By its name, or by its number.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let number = name.parse::<usize>().ok();
        Self::ALL
            .iter()
            .find(|bug| bug.name() == name || Some(bug.number()) == number)
            .copied()
            .ok_or_else(|| UnknownBug { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_a_name_of_its_own_that_reads_back() {
        for (place, bug) in Bug::ALL.iter().enumerate() {
            assert_eq!(bug.name().parse(), Ok(*bug));
            assert_eq!((place + 1).to_string().parse(), Ok(*bug));
            assert!(Bug::ALL.iter().skip(place + 1).all(|other| other.name() != bug.name()), "{bug} twice");
        }
    }

    #[test]
    fn stories_are_one_sentence() {
        for bug in Bug::ALL {
            let story = bug.story();
            assert!(story.ends_with('.') && !story.contains('\n') && story.len() < 130, "{bug}: {story}");
        }
    }

    #[test]
    fn an_unknown_name_is_named() {
        let error = "no-such-bug".parse::<Bug>().unwrap_err();
        assert_eq!(error.to_string(), "find a bug named `no-such-bug`");
    }
}
