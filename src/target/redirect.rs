//! An app without a setting for Stripe's address is led to the double by a hook in its language's runtime.
//!
//! The hook is a file beside the app's data that the runtime loads before the app: Node by `--require`, Python as
//! `sitecustomize`. What the app's own settings say for the variable that names it is kept.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The hosts of Stripe's API. Stripe's pages (`checkout.stripe.com`) are for browsers, and none of the app's business.
pub(super) const HOSTS: [&str; 4] =
    ["api.stripe.com", "files.stripe.com", "connect.stripe.com", "meter-events.stripe.com"];

/// Which runtime has the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Node: every TLS connection to Stripe's API.
    Node,
    /// Python: the official package `stripe`; other ways to Stripe's API are refused.
    Python,
}

impl Runtime {
    /// The hooks of all runtimes stand in variables of these names.
    pub const VARIABLES: [&'static str; 2] = [Self::Node.variable(), Self::Python.variable()];

    /// The variable that makes it load a hook.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Node => "NODE_OPTIONS",
            Self::Python => "PYTHONPATH",
        }
    }

    /// The hook's name, and its text.
    fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Node => ("stripe-is-the-double.cjs", include_str!("redirect/node.cjs")),
            Self::Python => ("sitecustomize.py", include_str!("redirect/python/sitecustomize.py")),
        }
    }
}

/// A hook that stands ready in a folder.
#[derive(Debug, Clone)]
pub struct Hook {
    runtime: Runtime,
    folder: PathBuf,
}

impl Hook {
    /// Writes the hook into a hidden folder below `dir`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(runtime: Runtime, dir: &Path) -> io::Result<Self> {
        let folder = dir.join(".paydrill");
        fs::create_dir_all(&folder)?;
        let (name, text) = runtime.file();
        fs::write(folder.join(name), text)?;
        Ok(Self { runtime, folder })
    }

    /// Makes a program that is told `env` load the hook, which leads it to `url`. `inherited` gives what the program
    /// finds in its environment beside `env`, in which a later variable wins.
    pub fn lead<'a>(
        &self,
        env: &mut Vec<(String, String)>,
        url: &str,
        inherited: impl FnOnce(&str) -> Option<&'a str>,
    ) {
        self.load(env, inherited);
        env.push(("PAYDRILL_STRIPE_URL".to_owned(), url.to_owned()));
        env.push(("PAYDRILL_STRIPE_HOSTS".to_owned(), HOSTS.join(",")));
    }

    /// Makes it load the hook, and tells it nothing.
    pub(super) fn load<'a>(
        &self,
        env: &mut Vec<(String, String)>,
        inherited: impl FnOnce(&str) -> Option<&'a str>,
    ) {
        let variable = self.runtime.variable();
        let kept = last(env, variable)
            .or_else(|| inherited(variable).map(str::to_owned))
            .filter(|kept| !kept.is_empty());
        let led = match self.runtime {
            Runtime::Node => {
                // Node reads a path in quotes as one word, in which a backslash protects what follows it.
                let path = self.folder.join(self.runtime.file().0).display().to_string();
                let require = format!("--require \"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""));
                [Some(require), kept].into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            // First, so that no other `sitecustomize` hides it; it runs that one afterwards.
            Runtime::Python => {
                let folder = self.folder.display().to_string();
                [Some(folder), kept].into_iter().flatten().collect::<Vec<_>>().join(":")
            }
        };
        env.push((variable.to_owned(), led));
    }
}

/// The value of a variable, of which the last one wins.
pub(super) fn last(env: &[(String, String)], variable: &str) -> Option<String> {
    env.iter().rev().find(|(name, _)| name == variable).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the app says of the variable beats what it inherits, and stays behind the hook.
    #[rstest::rstest]
    #[case(Runtime::Node, None, None, "--require \"DIR/stripe-is-the-double.cjs\"")]
    #[case(Runtime::Node, None, Some("--a"), "--require \"DIR/stripe-is-the-double.cjs\" --a")]
    #[case(Runtime::Node, Some("--b"), Some("--a"), "--require \"DIR/stripe-is-the-double.cjs\" --b")]
    #[case(Runtime::Python, None, Some(""), "DIR")]
    #[case(Runtime::Python, None, Some("/lib"), "DIR:/lib")]
    #[case(Runtime::Python, Some("/own"), Some("/lib"), "DIR:/own")]
    fn what_the_app_has_of_its_own_is_kept(
        #[case] runtime: Runtime,
        #[case] told: Option<&str>,
        #[case] inherited: Option<&'static str>,
        #[case] expected: &str,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let hook = Hook::write(runtime, dir.path()).unwrap();
        let mut env: Vec<_> =
            told.iter().map(|told| (runtime.variable().to_owned(), (*told).to_owned())).collect();
        hook.lead(&mut env, "http://127.0.0.1:9", |name| inherited.filter(|_| name == runtime.variable()));
        let find = |name: &str| env.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let folder = dir.path().join(".paydrill").display().to_string();
        assert_eq!(find(runtime.variable()).unwrap().replace(&folder, "DIR"), expected);
        assert_eq!(find("PAYDRILL_STRIPE_URL").as_deref(), Some("http://127.0.0.1:9"));
        assert!(Path::new(&folder).join(runtime.file().0).is_file());
    }
}
