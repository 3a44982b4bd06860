//! What a program is told so that it comes to the front and trusts it.

use std::fs;
use std::path::PathBuf;

use super::super::redirect::{HOSTS, last};
use super::Front;

/// The certificate of the run's authority alone.
pub(super) const AUTHORITY: &str = "stripe-ca.pem";
/// The system's certificates, and that one.
pub(super) const BUNDLE: &str = "ca-bundle.pem";
/// What Python's hook shows to the package `stripe`.
const CERTIFICATES: &str = "PAYDRILL_STRIPE_CA";

/// A variable that names a file of certificates.
struct Trust {
    variable: &'static str,
    /// The file stands for all certificates, not for those beside the runtime's own.
    whole: bool,
}

const TRUST: [Trust; 5] = [
    // OpenSSL, hence Python and Ruby; Go, .NET, Rust.
    Trust { variable: "SSL_CERT_FILE", whole: true },
    Trust { variable: "CURL_CA_BUNDLE", whole: true },
    // Python's `requests`.
    Trust { variable: "REQUESTS_CA_BUNDLE", whole: true },
    Trust { variable: "NODE_EXTRA_CA_CERTS", whole: false },
    // Deno.
    Trust { variable: "DENO_CERT", whole: false },
];

/// Who is asked for a way; programs read either spelling. Ruby takes the one for HTTP for HTTPS too.
const PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

impl Front {
    /// Variables of our environment that it adds to, beside those of hooks.
    pub const VARIABLES: [&'static str; 5] =
        [TRUST[0].variable, TRUST[1].variable, TRUST[2].variable, TRUST[3].variable, TRUST[4].variable];

    /// Leads a program that is told `env`, and that has the run's folder where it is here and, where there are any, the
    /// hosts of [`Self::hosts`]. `inherited` gives what the program finds in its environment
    /// beside `env`, in which a later variable wins. `double` is the double's own address.
    pub fn lead<'a>(
        &self,
        env: &mut Vec<(String, String)>,
        double: &str,
        inherited: impl Fn(&str) -> Option<&'a str>,
    ) {
        for Trust { variable, whole } in TRUST {
            let own = last(env, variable).or_else(|| inherited(variable).map(str::to_owned));
            let own = own.filter(|file| !file.is_empty()).and_then(|file| fs::read_to_string(file).ok());
            let usual = if whole { self.bundle() } else { self.authority() };
            let file = match own {
                Some(own) => self.joined(variable, &own).unwrap_or(usual),
                None => usual,
            };
            env.push((variable.to_owned(), file.display().to_string()));
        }
        // Where its names lead here, it needs neither.
        if self.direct.is_none() {
            self.lead_through_proxy(env);
            self.node.lead(env, double, &inherited);
        }
        self.python.load(env, &inherited);
        env.push((CERTIFICATES.to_owned(), self.bundle().display().to_string()));
    }

    fn lead_through_proxy(&self, env: &mut Vec<(String, String)>) {
        env.extend(PROXY.map(|name| (name.to_owned(), self.proxy())));
        for name in NO_PROXY {
            if let Some(past) = last(env, name) {
                env.push((name.to_owned(), without_stripe(&past)));
            }
        }
    }

    /// Writes a file of certificates that the program has of its own, and ours.
    fn joined(&self, variable: &str, own: &str) -> Option<PathBuf> {
        let file = self.folder.join(format!("{}.pem", variable.to_lowercase()));
        fs::write(&file, format!("{own}\n{}", self.authority)).ok()?;
        Some(file)
    }
}

/// The hosts that are reached past the proxy, without those that would take Stripe's in.
fn without_stripe(no_proxy: &str) -> String {
    let covers = |entry: &&str| {
        let name = entry.trim().to_lowercase();
        let name =
            name.split(':').next().unwrap_or_default().trim_start_matches("*.").trim_start_matches('.');
        let stripe = HOSTS.into_iter().any(|host| {
            host.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        });
        name == "*" || !name.is_empty() && stripe
    };
    no_proxy.split(',').filter(|entry| !covers(entry)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("127.0.0.1,localhost", "127.0.0.1,localhost")]
    #[case("*", "")]
    #[case("intern.example,.stripe.com,127.0.0.1", "intern.example,127.0.0.1")]
    #[case("a.example, *.com ,api.stripe.com:443,stripe.com", "a.example")]
    #[case("tripe.com,mystripe.com,js.stripe.com", "tripe.com,mystripe.com,js.stripe.com")]
    fn nothing_leads_past_the_proxy_to_stripe(#[case] set: &str, #[case] expected: &str) {
        assert_eq!(without_stripe(set), expected);
    }
}
