//! 2026-03-25.dahlia: the words of a checkout session's `ui_mode` are other ones
//! (docs.stripe.com/changelog/dahlia/2026-03-25/updates-available-checkout-session-ui-modes).

use serde_json::{Map, Value};

use super::{Downgrade, Version};

pub(super) const SINCE: Version = Version("2026-03-25.dahlia");

/// The word since dahlia, and the one before.
const WORDS: [(&str, &str); 3] =
    [("hosted_page", "hosted"), ("embedded_page", "embedded"), ("elements", "custom")];

/// `hosted_page` is `hosted` again.
pub(super) fn ui_mode(kind: &str, object: &mut Map<String, Value>, _: &Downgrade<'_>) {
    if kind != "checkout.session" {
        return;
    }
    let Some(mode) = object.get_mut("ui_mode") else { return };
    if let Some((_, before)) = WORDS.iter().find(|(word, _)| *mode == *word) {
        *mode = (*before).into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kin, downgrade};
    use super::*;

    #[rstest::rstest]
    #[case("hosted_page", "2026-03-25.dahlia", "hosted_page")]
    #[case("hosted_page", "2026-02-25.clover", "hosted")]
    #[case("embedded_page", "2026-02-25.clover", "embedded")]
    #[case("elements", "2020-08-27", "custom")]
    #[case("hosted", "2020-08-27", "hosted")]
    fn the_old_word_is_used(#[case] word: &str, #[case] to: &'static str, #[case] expected: &str) {
        let session = json!({"id": "cs_1", "object": "checkout.session", "ui_mode": word});
        assert_eq!(downgrade(&session, Version(to), &Kin::default())["ui_mode"], expected);
    }
}
