//! What can be said about a page that sells something: a checkout session, and a payment link, which opens them.

use serde_json::{Value, json};

use super::automatic_tax::{AUTOMATIC_TAX, PARTY};
use super::billing_mode::BILLING_MODE;
use super::stored::ADDRESS;
use super::subscription::{INVOICE_SETTINGS, TRIAL_SETTINGS};
use super::{anchor, catalog, connect, shipping_rate};
use crate::provider::double::params::{Is, Table, joined};
use crate::stripe::object::{NULL, text};

const ENABLED: Is = Is::Fields(&[("enabled", Is::Needed(&Is::Bool))]);
const ALWAYS: Is = Is::Choice(&["always", "if_required"]);
const UPDATES: Is = Is::Choice(&["auto", "never"]);
const MESSAGE: Is = Is::Fields(&[("message", Is::Needed(&Is::Text))]);
const LENGTHS: Is =
    Is::Fields(&[("default_value", Is::Text), ("maximum_length", Is::Int), ("minimum_length", Is::Int)]);
const NAME: Is = Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("optional", Is::Bool)]);

pub(crate) const ADJUSTABLE: Is =
    Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("maximum", Is::Int), ("minimum", Is::Int)]);

/// A thing that is sold, as sessions and links both take it.
pub(crate) const LINE: Table = &[
    ("price", Is::Text),
    ("price_data", Is::Fields(catalog::PRICE_DATA)),
    ("adjustable_quantity", ADJUSTABLE),
];

const CUSTOM_FIELDS: Is = Is::Rows(&[
    (
        "dropdown",
        Is::Fields(&[
            ("default_value", Is::Text),
            (
                "options",
                Is::Needed(&Is::Rows(&[("label", Is::Needed(&Is::Text)), ("value", Is::Needed(&Is::Text))])),
            ),
        ]),
    ),
    ("key", Is::Needed(&Is::Text)),
    (
        "label",
        Is::Needed(&Is::Fields(&[
            ("custom", Is::Needed(&Is::Text)),
            ("type", Is::Needed(&Is::Choice(&["custom"]))),
        ])),
    ),
    ("numeric", LENGTHS),
    ("optional", Is::Bool),
    ("text", LENGTHS),
    ("type", Is::Needed(&Is::Choice(&["dropdown", "numeric", "text"]))),
]);

const INVOICE_CREATION: Is = Is::Fields(&[
    ("enabled", Is::Needed(&Is::Bool)),
    (
        "invoice_data",
        Is::Fields(&[
            ("account_tax_ids", Is::Texts),
            ("custom_fields", Is::Rows(&[("name", Is::Needed(&Is::Text)), ("value", Is::Needed(&Is::Text))])),
            ("description", Is::Text),
            ("footer", Is::Text),
            ("issuer", PARTY),
            ("metadata", Is::Meta),
            (
                "rendering_options",
                Is::Fields(&[
                    ("amount_tax_display", Is::Choice(&["exclude_tax", "include_inclusive_tax"])),
                    ("template", Is::Text),
                ]),
            ),
        ]),
    ),
]);

/// The same, which no link changes once it is made.
pub(crate) const FIXED: Table = &[
    (
        "consent_collection",
        Is::Fields(&[
            (
                "payment_method_reuse_agreement",
                Is::Fields(&[("position", Is::Needed(&Is::Choice(&["auto", "hidden"])))]),
            ),
            ("promotions", Is::Choice(&["auto", "none"])),
            ("terms_of_service", Is::Choice(&["none", "required"])),
        ]),
    ),
    ("currency", Is::Text),
    ("managed_payments", Is::NotModelled),
    ("shipping_options", Is::Rows(shipping_rate::OPTION)),
];

/// What sessions and links both take, beside their lines.
pub(crate) const PAGE: Table = &[
    ("allow_promotion_codes", Is::Bool),
    ("automatic_tax", AUTOMATIC_TAX),
    ("billing_address_collection", Is::Choice(&["auto", "required"])),
    ("custom_fields", CUSTOM_FIELDS),
    (
        "custom_text",
        Is::Fields(&[
            ("after_submit", MESSAGE),
            ("shipping_address", MESSAGE),
            ("submit", MESSAGE),
            ("terms_of_service_acceptance", MESSAGE),
        ]),
    ),
    ("customer_creation", ALWAYS),
    ("invoice_creation", INVOICE_CREATION),
    ("metadata", Is::Meta),
    ("name_collection", Is::Fields(&[("business", NAME), ("individual", NAME)])),
    (
        "optional_items",
        Is::Rows(&[
            ("adjustable_quantity", ADJUSTABLE),
            ("price", Is::Needed(&Is::Text)),
            ("quantity", Is::Needed(&Is::Int)),
        ]),
    ),
    ("payment_method_collection", ALWAYS),
    ("payment_method_options", PAYMENT_METHOD_OPTIONS),
    ("payment_method_types", Is::Texts),
    ("phone_number_collection", ENABLED),
    ("shipping_address_collection", Is::Fields(&[("allowed_countries", Is::Needed(&Is::Texts))])),
    ("submit_type", Is::Choice(&["auto", "book", "donate", "pay", "subscribe"])),
    (
        "tax_id_collection",
        Is::Fields(&[
            ("enabled", Is::Needed(&Is::Bool)),
            ("required", Is::Choice(&["if_supported", "never"])),
        ]),
    ),
];

/// What the payment intent of a page gets.
pub(crate) const INTENT: Table = &[
    ("capture_method", Is::Choice(&["automatic", "automatic_async", "manual"])),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("setup_future_usage", Is::Choice(&["off_session", "on_session"])),
    ("statement_descriptor", Is::Text),
    ("statement_descriptor_suffix", Is::Text),
    ("transfer_group", Is::Text),
];

/// What the subscription of a page gets.
pub(crate) const SUBSCRIPTION: Table = &[
    ("description", Is::Text),
    ("invoice_settings", INVOICE_SETTINGS),
    ("metadata", Is::Meta),
    ("trial_period_days", Is::Int),
    ("trial_settings", TRIAL_SETTINGS),
];

/// `POST /v1/checkout/sessions`.
pub(crate) const CREATE: Table = joined![
    PAGE,
    FIXED,
    &[
        ("mode", Is::Text),
        (
            "line_items",
            Is::Rows(joined![
                LINE,
                &[
                    ("dynamic_tax_rates", Is::NotModelled),
                    ("metadata", Is::Meta),
                    ("quantity", Is::Int),
                    ("tax_rates", Is::Texts),
                ],
            ]),
        ),
        ("adaptive_pricing", Is::Fields(&[("enabled", Is::Bool)])),
        (
            "after_expiration",
            Is::Fields(&[(
                "recovery",
                Is::Fields(&[("allow_promotion_codes", Is::Bool), ("enabled", Is::Needed(&Is::Bool))]),
            )]),
        ),
        ("allowed_payment_method_types", Is::Texts),
        ("branding_settings", BRANDING),
        ("cancel_url", Is::Text),
        ("client_reference_id", Is::Text),
        ("customer", Is::Text),
        ("customer_account", Is::NotModelled),
        ("customer_email", Is::Text),
        ("customer_update", Is::Fields(&[("address", UPDATES), ("name", UPDATES), ("shipping", UPDATES)])),
        ("discounts", Is::Rows(&[("coupon", Is::Text), ("promotion_code", Is::Text)])),
        ("excluded_payment_method_types", Is::Texts),
        ("expires_at", Is::TimeOr(&[])),
        ("integration_identifier", Is::Text),
        ("locale", Is::Text),
        ("origin_context", Is::Choice(&["mobile_app", "web"])),
        ("payment_intent_data", Is::Fields(PAYMENT_INTENT)),
        ("payment_method_configuration", Is::NotModelled),
        (
            "payment_method_data",
            Is::Fields(&[("allow_redisplay", Is::Choice(&["always", "limited", "unspecified"]))]),
        ),
        (
            "permissions",
            Is::Fields(&[("update_shipping_details", Is::Choice(&["client_only", "server_only"]))]),
        ),
        ("redirect_on_completion", Is::Choice(&["always", "if_required", "never"])),
        ("return_url", Is::Text),
        (
            "saved_payment_method_options",
            Is::Fields(&[
                ("allow_redisplay_filters", Is::Texts),
                ("payment_method_remove", Is::Choice(&["disabled", "enabled"])),
                ("payment_method_save", Is::Choice(&["disabled", "enabled"])),
            ]),
        ),
        (
            "setup_intent_data",
            Is::Fields(&[("description", Is::Text), ("metadata", Is::Meta), ("on_behalf_of", Is::Text),]),
        ),
        ("subscription_data", Is::Fields(SUBSCRIPTION_DATA)),
        ("success_url", Is::Text),
        (
            "ui_mode",
            Is::Choice(&["hosted_page", "embedded_page", "elements", "hosted", "embedded", "custom"])
        ),
        ("wallet_options", Is::Fields(&[("link", Is::Fields(&[("display", UPDATES)]))])),
    ],
];

const PAYMENT_INTENT: Table = joined![
    INTENT,
    &[
        ("application_fee_amount", Is::Int),
        ("on_behalf_of", Is::Text),
        ("receipt_email", Is::Text),
        (
            "shipping",
            Is::Fields(&[
                ("address", Is::Needed(&ADDRESS)),
                ("carrier", Is::Text),
                ("name", Is::Needed(&Is::Text)),
                ("phone", Is::Text),
                ("tracking_number", Is::Text),
            ]),
        ),
        ("transfer_data", connect::TRANSFER),
    ],
];

const SUBSCRIPTION_DATA: Table = joined![
    SUBSCRIPTION,
    &[
        ("application_fee_percent", Is::Decimal),
        ("billing_cycle_anchor", Is::Int),
        ("billing_cycle_anchor_config", Is::Fields(anchor::CONFIG)),
        ("billing_mode", BILLING_MODE),
        ("default_tax_rates", Is::Texts),
        ("on_behalf_of", Is::Text),
        ("pending_invoice_item_interval", Is::NotModelled),
        ("proration_behavior", Is::Choice(&["create_prorations", "none"])),
        ("transfer_data", connect::TRANSFER_SHARE),
        ("trial_end", Is::Int),
    ],
];

const IMAGE: Is =
    Is::Fields(&[("file", Is::Text), ("type", Is::Needed(&Is::Choice(&["file", "url"]))), ("url", Is::Text)]);

const BRANDING: Is = Is::Fields(&[
    ("background_color", Is::Text),
    ("border_style", Is::Choice(&["pill", "rectangular", "rounded"])),
    ("button_color", Is::Text),
    ("display_name", Is::Text),
    ("font_family", Is::Text),
    ("icon", IMAGE),
    ("logo", IMAGE),
]);

const USAGE: Is = Is::Choice(&["none", "off_session", "on_session"]);
const EXTENDED: Is = Is::Choice(&["if_available", "never"]);
const SIMPLE: Is = Is::Fields(&[("setup_future_usage", USAGE)]);
const CAPTURED: Is =
    Is::Fields(&[("capture_method", Is::Choice(&["manual"])), ("setup_future_usage", USAGE)]);
const VOUCHER: Is = Is::Fields(&[("expires_after_days", Is::Int), ("setup_future_usage", USAGE)]);

/// Options of each payment method; they do nothing here but are shown, and checked.
const PAYMENT_METHOD_OPTIONS: Is = Is::Fields(&[
    (
        "acss_debit",
        Is::Fields(&[
            ("currency", Is::Choice(&["cad", "usd"])),
            ("mandate_options", Is::Map),
            ("setup_future_usage", USAGE),
            ("target_date", Is::Text),
            ("verification_method", Is::Choice(&["automatic", "instant", "microdeposits"])),
        ]),
    ),
    ("affirm", CAPTURED),
    ("afterpay_clearpay", CAPTURED),
    ("alipay", SIMPLE),
    ("amazon_pay", CAPTURED),
    ("au_becs_debit", Is::Fields(&[("setup_future_usage", USAGE), ("target_date", Is::Text)])),
    (
        "bacs_debit",
        Is::Fields(&[("mandate_options", Is::Map), ("setup_future_usage", USAGE), ("target_date", Is::Text)]),
    ),
    ("bancontact", SIMPLE),
    ("boleto", VOUCHER),
    (
        "card",
        Is::Fields(&[
            ("capture_method", Is::Choice(&["manual"])),
            ("installments", Is::Fields(&[("enabled", Is::Bool)])),
            ("request_extended_authorization", EXTENDED),
            ("request_incremental_authorization", EXTENDED),
            ("request_multicapture", EXTENDED),
            ("request_overcapture", EXTENDED),
            ("request_three_d_secure", Is::Choice(&["any", "automatic", "challenge"])),
            ("restrictions", Is::Fields(&[("brands_blocked", Is::Texts)])),
            ("setup_future_usage", USAGE),
            ("statement_descriptor_suffix_kana", Is::Text),
            ("statement_descriptor_suffix_kanji", Is::Text),
        ]),
    ),
    ("cashapp", CAPTURED),
    (
        "customer_balance",
        Is::Fields(&[
            ("bank_transfer", Is::Map),
            ("funding_type", Is::Choice(&["bank_transfer"])),
            ("setup_future_usage", USAGE),
        ]),
    ),
    ("eps", SIMPLE),
    ("giropay", SIMPLE),
    ("ideal", SIMPLE),
    ("klarna", Is::Map),
    ("konbini", VOUCHER),
    ("link", CAPTURED),
    ("mobilepay", CAPTURED),
    ("multibanco", SIMPLE),
    ("oxxo", VOUCHER),
    ("p24", Is::Fields(&[("setup_future_usage", USAGE), ("tos_shown_and_accepted", Is::Bool)])),
    (
        "paypal",
        Is::Fields(&[
            ("capture_method", Is::Choice(&["manual"])),
            ("preferred_locale", Is::Text),
            ("reference", Is::Text),
            ("risk_correlation_id", Is::Text),
            ("setup_future_usage", USAGE),
        ]),
    ),
    ("pix", Is::Fields(&[("expires_after_seconds", Is::Int), ("setup_future_usage", USAGE)])),
    ("revolut_pay", CAPTURED),
    (
        "sepa_debit",
        Is::Fields(&[("mandate_options", Is::Map), ("setup_future_usage", USAGE), ("target_date", Is::Text)]),
    ),
    ("sofort", SIMPLE),
    ("swish", Is::Fields(&[("reference", Is::Text)])),
    (
        "us_bank_account",
        Is::Fields(&[
            ("financial_connections", Is::Fields(&[("permissions", Is::Texts), ("prefetch", Is::Texts)])),
            ("setup_future_usage", USAGE),
            ("target_date", Is::Text),
            ("verification_method", Is::Choice(&["automatic", "instant"])),
        ]),
    ),
    (
        "wechat_pay",
        Is::Fields(&[
            ("app_id", Is::Text),
            ("client", Is::Choice(&["android", "ios", "web"])),
            ("setup_future_usage", USAGE),
        ]),
    ),
]);

/// The word of today for a `ui_mode`: that before 2026-03-25.dahlia is taken, too.
pub(crate) fn ui_mode(word: &str) -> &str {
    match word {
        "hosted" => "hosted_page",
        "embedded" => "embedded_page",
        "custom" => "elements",
        word => word,
    }
}

/// `custom_fields` as a page shows them: with every key, and nothing filled in yet.
pub(crate) fn custom_fields(given: &[Value]) -> Vec<Value> {
    let one = |field: &Value| {
        let kind = text(field, "type");
        let own = &field[kind];
        let mut shown = json!({
            "key": field["key"], "label": field["label"],
            "optional": field["optional"].as_bool().unwrap_or(false), "type": kind,
        });
        let details = match kind {
            "dropdown" => {
                json!({ "default_value": own["default_value"], "options": own["options"], "value": null })
            }
            _ => json!({
                "default_value": own["default_value"], "maximum_length": own["maximum_length"],
                "minimum_length": own["minimum_length"], "value": null,
            }),
        };
        crate::stripe::object::put(&mut shown, kind, details);
        shown
    };
    given.iter().map(one).collect()
}

/// `invoice_creation` as a page in payment mode shows it.
pub(crate) fn invoice_creation(given: Option<&Value>) -> Value {
    let given = given.unwrap_or(&NULL);
    let data = &given["invoice_data"];
    let metadata = if data["metadata"].is_object() { data["metadata"].clone() } else { json!({}) };
    json!({
        "enabled": given["enabled"].as_bool().unwrap_or(false),
        "invoice_data": {
            "account_tax_ids": data["account_tax_ids"], "custom_fields": data["custom_fields"],
            "description": data["description"], "footer": data["footer"], "issuer": data["issuer"],
            "metadata": metadata, "rendering_options": data["rendering_options"],
        },
    })
}

/// `consent_collection` as a page shows it: with every key.
pub(crate) fn consent_collection(given: &Value) -> Value {
    if !given.is_object() {
        return NULL;
    }
    json!({
        "payment_method_reuse_agreement": given["payment_method_reuse_agreement"],
        "promotions": given["promotions"], "terms_of_service": given["terms_of_service"],
    })
}

/// `tax_id_collection` as a page shows it.
pub(crate) fn tax_id_collection(given: &Value) -> Value {
    json!({
        "enabled": given["enabled"] == true, "required": given["required"].as_str().unwrap_or("never"),
    })
}
