//! What every page stands in: head, content policy, style.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Whether a page sifts its cases by what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sifts {
    /// By a script, whose hash is in the policy.
    Yes,
    /// It has no script, and may run none.
    No,
}

/// A whole document.
pub(super) fn document(title: &str, sifts: Sifts, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(sifts));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                // Else a browser asks for one.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                @if sifts == Sifts::Yes {
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    };
    page.into_string()
}

fn policy(sifts: Sifts) -> String {
    let script = match sifts {
        Sifts::Yes => hash(SCRIPT),
        Sifts::No => "'none'".to_owned(),
    };
    format!(
        "default-src 'none'; style-src {}; script-src {script}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE)
    )
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}
