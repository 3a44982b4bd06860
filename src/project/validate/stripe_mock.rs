//! The stripe-mock beside the double.

use crate::project::document::StripeMockDocument;
use crate::project::model::{MockRuns, STRIPE_MOCK, StripeMock};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Problems, Text};
use crate::scenario::diagnostic::Diagnostic;

/// The stripe-mock; what is wrong with its keys is said.
pub(super) fn stripe_mock(field: &Field<StripeMockDocument>, problems: &mut Problems) -> StripeMock {
    let runs = match (&field.url, &field.image) {
        (Some(url), _) => {
            check_url(url, problems);
            MockRuns::At(url.trim_end_matches('/').to_owned())
        }
        (None, Some(image)) => {
            check_image(image, problems);
            MockRuns::Image(image.value.clone())
        }
        (None, None) => MockRuns::Image(STRIPE_MOCK.to_owned()),
    };
    let checks = field.check_parameters.as_ref().filter(|checks| checks.value);
    StripeMock { runs, checks: checks.map(|checks| checks.key.clone()), place: field.key.clone() }
}

/// What a project sends there is what its app says to Stripe: never to Stripe itself, nor in the clear to a path of
/// somebody's server.
fn check_url(url: &Field<Text>, problems: &mut Problems) {
    let wrong = |label: &str, help: &str| {
        Diagnostic::error(Code::OutOfRange, format!("`{}` is no address of a stripe-mock", url.value))
            .at(&url.place)
            .label(label)
            .help(help)
    };
    let example = "stripe-mock answers at \"http://127.0.0.1:12111\"";
    let Some(rest) = url.strip_prefix("http://") else {
        let label = if url.starts_with("https://") {
            "the certificate of its other port, 12112, is one that nobody signed"
        } else {
            "expected http://HOST:PORT"
        };
        return problems.push(wrong(label, example));
    };
    let host = rest.trim_end_matches('/');
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    if name.is_empty() || host.contains(['/', '?', '#', '@', '{', ' ']) {
        problems.push(wrong("expected http://HOST:PORT", example));
    } else if name == "stripe.com" || name.trim_end_matches('.').ends_with(".stripe.com") {
        problems.push(wrong("this is Stripe itself", example));
    }
}

/// A name that means another image tomorrow would judge differently tomorrow.
fn check_image(image: &Field<Text>, problems: &mut Problems) {
    let name = image.rsplit('/').next().unwrap_or_default();
    let (has_name, pinned) = match (name.split_once('@'), name.split_once(':')) {
        (Some((name, digest)), _) => (!name.is_empty(), !digest.is_empty()),
        (None, Some((name, tag))) => (!name.is_empty(), !tag.is_empty() && tag != "latest"),
        (None, None) => (!name.is_empty(), false),
    };
    if !has_name || image.contains(char::is_whitespace) || image.contains("{{") {
        problems.push(
            Diagnostic::error(Code::OutOfRange, format!("`{}` is no name of an image", image.value))
                .at(&image.place)
                .label("expected NAME:TAG")
                .help(format!("leave it out for `{STRIPE_MOCK}`")),
        );
    } else if !pinned {
        problems.push(
            Diagnostic::error(Code::OutOfRange, format!("`{}` is another image every month", image.value))
                .at(&image.place)
                .label("its tag must say which one")
                .help(format!("leave it out for `{STRIPE_MOCK}`")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version that is pinned, wherever it is written.
    #[test]
    fn one_image_is_pinned_everywhere() {
        for (file, text) in [
            ("docker/compose.yaml", include_str!("../../../docker/compose.yaml")),
            ("src/project/document/stripe_mock.rs", include_str!("../document/stripe_mock.rs")),
            ("README.md", include_str!("../../../README.md")),
        ] {
            let named = text.match_indices("stripe/stripe-mock:").map(|(at, _)| &text[at..]);
            let named: Vec<&str> =
                named.filter_map(|text| text.split(['`', '\n', '"', ' ', ';']).next()).collect();
            assert!(
                !named.is_empty() && named.iter().all(|image| *image == STRIPE_MOCK),
                "{file}: {named:?}"
            );
        }
    }
}
