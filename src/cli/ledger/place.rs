//! Where a project's ledger is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::cli::settings::Settings;
use crate::ledger::{Ledger, LedgerError, PostgresLedger, SqliteLedger};
use crate::project::model::Project;
use crate::secret::Secret;
use crate::template;

/// Below the project, beside what else is kept of its runs.
const FILE: &str = ".paydrill/ledger.db";

/// Where a ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Place {
    /// Nowhere: nothing is retained.
    Nowhere,
    /// In a file.
    File(PathBuf),
    /// In PostgreSQL. The URL may have a password.
    Postgres(Secret),
}

/// What is done with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Access {
    /// It is looked at, and must be there.
    Read,
    /// It is added to, and made where it is not there.
    Write,
}

impl Place {
    /// What is given on the command line or in the environment, else what the project says, else beside the project.
    ///
    /// # Errors
    /// A sentence and a hint where the project's URL names a secret that is not set.
    pub(in crate::cli) fn of(
        given: Option<&str>,
        project: Option<&Project>,
        settings: &Settings,
    ) -> Result<Self, (String, String)> {
        if let Some(given) = given {
            return Self::parse(given, &settings.current_dir);
        }
        let Some(project) = project else { return Ok(Self::File(settings.current_dir.join(FILE))) };
        match &project.ledger {
            Some(url) => Self::parse(&filled(url, settings)?, &project.root),
            None => Ok(Self::File(project.root.join(FILE))),
        }
    }

    /// A mistyped URL is refused: as a file it would be a ledger that nobody looks into, with a password in its name.
    fn parse(text: &str, base: &Path) -> Result<Self, (String, String)> {
        let hint = || "a file, `sqlite://FILE`, `postgres://USER@HOST/DATABASE`, or `none`".to_owned();
        if text.is_empty() {
            return Err(("the ledger's place is empty".to_owned(), hint()));
        }
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        // A colon before any slash ends a scheme; `./a:b.db` is a file.
        let scheme = text.split_once(':').filter(|(scheme, _)| !scheme.contains(['/', '.']));
        let Some((scheme, rest)) = scheme else { return Ok(Self::File(base.join(text))) };
        match (scheme.to_ascii_lowercase().as_str(), rest.strip_prefix("//")) {
            ("postgres" | "postgresql", Some(rest)) => {
                Ok(Self::Postgres(Secret::new(format!("postgres://{rest}"))))
            }
            ("sqlite", Some(file)) => Ok(Self::File(base.join(file))),
            _ => Err((format!("a ledger cannot be at a URL that begins with `{scheme}:`"), hint())),
        }
    }

    /// Opens it; `None`: nothing is retained.
    pub(in crate::cli) async fn open(
        &self,
        access: Access,
        settings: &Settings,
    ) -> Result<Option<Arc<dyn Ledger>>, LedgerError> {
        let key = settings.fresh_key();
        Ok(match (self, access) {
            (Self::Nowhere, _) => None,
            (Self::File(path), Access::Write) => Some(Arc::new(SqliteLedger::open(path, &key).await?)),
            (Self::File(path), Access::Read) => Some(Arc::new(SqliteLedger::open_read_only(path).await?)),
            (Self::Postgres(url), Access::Write) => {
                Some(Arc::new(PostgresLedger::open(url.expose(), &key).await?))
            }
            (Self::Postgres(url), Access::Read) => {
                Some(Arc::new(PostgresLedger::open_read_only(url.expose()).await?))
            }
        })
    }
}

/// The URL with its secrets.
fn filled(url: &str, settings: &Settings) -> Result<String, (String, String)> {
    let wrong = |problem: String| {
        (format!("failed to read `[ledger] url`: {problem}"), "`--ledger` names another".to_owned())
    };
    let mut secrets = Map::new();
    for name in template::names(url).map_err(|error| wrong(error.to_string()))? {
        let Some(name) = name.strip_prefix("secret.") else {
            return Err(wrong(format!("it can name secrets only, not `{name}`")));
        };
        match settings.secret(name) {
            Ok(Some(secret)) => secrets.insert(name.to_owned(), secret.expose().into()),
            Ok(None) => return Err(wrong(format!("{{{{ secret.{name} }}}} is not set"))),
            Err(error) => return Err(wrong(error.to_string())),
        };
    }
    let names = Map::from_iter([("secret".to_owned(), Value::Object(secrets))]);
    template::render_text(url, &names).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("none", Place::Nowhere)]
    #[case("ledger.db", Place::File("/base/ledger.db".into()))]
    #[case("/var/ledger.db", Place::File("/var/ledger.db".into()))]
    #[case("sqlite://below/ledger.db", Place::File("/base/below/ledger.db".into()))]
    #[case("postgres://ada:pw@db/paydrill", Place::Postgres(Secret::new("postgres://ada:pw@db/paydrill")))]
    #[case("postgresql://db/paydrill", Place::Postgres(Secret::new("postgres://db/paydrill")))]
    #[case("POSTGRES://db/paydrill", Place::Postgres(Secret::new("postgres://db/paydrill")))]
    #[case("./a:b.db", Place::File("/base/./a:b.db".into()))]
    fn a_place_is_a_file_or_a_url(#[case] text: &str, #[case] expected: Place) {
        assert_eq!(Place::parse(text, Path::new("/base")), Ok(expected));
    }

    /// And nothing of it is repeated but its scheme: it may hold a password.
    #[rstest]
    #[case("mysql://ada:secretpw@db/paydrill")]
    #[case("postgres:/ada:secretpw@db/paydrill")]
    #[case("postgres:ada:secretpw@db")]
    #[case("")]
    fn a_mistyped_url_is_no_file(#[case] text: &str) {
        let (message, hint) = Place::parse(text, Path::new("/base")).unwrap_err();
        assert!(!message.contains("secretpw") && !message.contains("ada"), "{message}");
        assert!(hint.contains("postgres://"), "{hint}");
    }
}
