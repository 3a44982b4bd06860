//! placeholder: the double's author writes this file.

/// What happens at Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// placeholder
    Subscribe,
}
