//! The parameters of payment intents, by route.

use super::{connect, payment_method as method};
use crate::provider::double::params::{Is, Table};

const USAGE: Is = Is::Choice(&["off_session", "on_session"]);
pub(crate) const CAPTURES: Is = Is::Choice(&["automatic", "automatic_async", "manual"]);
const AUTOMATIC: Is = Is::Fields(&[("enabled", Is::Needed(&Is::Bool)), ("allow_redirects", Is::Text)]);

pub(crate) const CREATE: Table = &[
    ("amount", Is::Needed(&Is::Int)),
    ("currency", Is::Needed(&Is::Text)),
    ("automatic_payment_methods", AUTOMATIC),
    ("capture_method", CAPTURES),
    ("confirm", Is::Bool),
    ("confirmation_method", Is::Choice(&["automatic", "manual"])),
    ("customer", Is::Text),
    ("description", Is::Text),
    ("error_on_requires_action", Is::Bool),
    ("mandate_data", Is::Map),
    ("metadata", Is::Meta),
    ("off_session", Is::Bool),
    ("payment_method", Is::Text),
    ("payment_method_data", Is::Fields(method::CREATE)),
    ("payment_method_options", Is::Map),
    ("payment_method_types", Is::Texts),
    ("receipt_email", Is::Text),
    ("return_url", Is::Text),
    ("setup_future_usage", USAGE),
    ("shipping", Is::Map),
    ("statement_descriptor", Is::Text),
    ("statement_descriptor_suffix", Is::Text),
    ("transfer_group", Is::Text),
    ("use_stripe_sdk", Is::Bool),
    ("amount_details", Is::NotModelled),
    ("application_fee_amount", Is::Int),
    ("confirmation_token", Is::Text),
    ("customer_account", Is::NotModelled),
    ("excluded_payment_method_types", Is::NotModelled),
    ("hooks", Is::NotModelled),
    ("mandate", Is::NotModelled),
    ("on_behalf_of", Is::Text),
    ("payment_details", Is::NotModelled),
    ("payment_method_configuration", Is::NotModelled),
    ("radar_options", Is::NotModelled),
    ("transfer_data", connect::TRANSFER),
];

pub(crate) const UPDATE: Table = &[
    ("amount", Is::Int),
    ("capture_method", CAPTURES),
    ("currency", Is::Text),
    ("customer", Is::Text),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("payment_method", Is::Text),
    ("payment_method_data", Is::Fields(method::CREATE)),
    ("payment_method_options", Is::Map),
    ("payment_method_types", Is::Texts),
    ("receipt_email", Is::Text),
    ("setup_future_usage", USAGE),
    ("shipping", Is::Map),
    ("statement_descriptor", Is::Text),
    ("statement_descriptor_suffix", Is::Text),
    ("transfer_group", Is::Text),
    ("amount_details", Is::NotModelled),
    ("application_fee_amount", Is::Int),
    ("hooks", Is::NotModelled),
    ("payment_details", Is::NotModelled),
    ("payment_method_configuration", Is::NotModelled),
    ("transfer_data", connect::TRANSFER_AMOUNT),
];

pub(crate) const CONFIRM: Table = &[
    ("capture_method", CAPTURES),
    ("error_on_requires_action", Is::Bool),
    ("mandate_data", Is::Map),
    ("off_session", Is::Bool),
    ("payment_method", Is::Text),
    ("payment_method_data", Is::Fields(method::CREATE)),
    ("payment_method_options", Is::Map),
    ("payment_method_types", Is::Texts),
    ("receipt_email", Is::Text),
    ("return_url", Is::Text),
    ("setup_future_usage", USAGE),
    ("shipping", Is::Map),
    ("use_stripe_sdk", Is::Bool),
    ("confirmation_token", Is::Text),
    ("mandate", Is::NotModelled),
    ("radar_options", Is::NotModelled),
];

pub(crate) const CAPTURE: Table = &[
    ("amount_to_capture", Is::Int),
    ("metadata", Is::Meta),
    ("statement_descriptor", Is::Text),
    ("statement_descriptor_suffix", Is::Text),
    ("application_fee_amount", Is::Int),
    ("final_capture", Is::NotModelled),
    ("transfer_data", connect::TRANSFER_AMOUNT),
];

pub(crate) const CANCEL: Table = &[(
    "cancellation_reason",
    Is::Choice(&["abandoned", "duplicate", "fraudulent", "requested_by_customer"]),
)];

pub(crate) const INCREMENT: Table = &[
    ("amount", Is::Needed(&Is::Int)),
    ("description", Is::Text),
    ("metadata", Is::Meta),
    ("statement_descriptor", Is::Text),
    ("application_fee_amount", Is::NotModelled),
    ("transfer_data", Is::NotModelled),
];

pub(crate) const FIELDS: [&str; 13] = [
    "automatic_payment_methods",
    "capture_method",
    "confirmation_method",
    "customer",
    "description",
    "metadata",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
];
