//! Stripe's search language: `status:'active' AND metadata['tier']:'gold'`, `-email~"amy"`, `created>1700000000`.
//!
//! Decides which objects a query means, by the fields that Stripe lists for each kind; a query that Stripe
//! would not read is refused in its words. Clauses are tied by `AND` or by `OR`, never by both, and there are
//! no brackets. Texts are compared without regard to case. Unlike Stripe's, this search lags behind nothing.
//! See <https://docs.stripe.com/search#search-query-language>.

use serde_json::{Map, Value};

use super::account::Home;
use super::error::ApiError;
use super::index::WHOLE;
use super::params::{Is, Params, Table, nested_int};
use super::route::Route;
use super::state::Account;
use super::store::{Kind, Stored};
use crate::stripe::object::object;

/// What can be asked about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Whether it is the value.
    Exact,
    /// The same, or whether it contains the value.
    Text,
    /// The same as [`Self::Exact`], or whether it is more or less.
    Number,
    /// `metadata['key']`: the same as [`Self::Text`], of one key.
    Metadata,
}

/// One row a field: its name in a query, where it stands in the object, and what can be asked.
pub(crate) type Fields = &'static [(&'static str, &'static str, Asks)];

/// The parameters of every search.
pub(crate) const PARAMS: Table = &[("query", Is::Needed(&Is::Text)), ("limit", Is::Int), ("page", Is::Text)];

/// The most clauses that Stripe reads.
const MOST: usize = 10;
/// The least that can be looked for inside a text.
const SHORTEST: usize = 3;

/// A query that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    ties: Ties,
    clauses: Vec<Clause>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ties {
    All,
    Any,
}

#[derive(Debug, Clone, PartialEq)]
struct Clause {
    negated: bool,
    /// A JSON pointer.
    at: String,
    compares: Compares,
    wanted: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compares {
    Equals,
    Contains,
    More,
    Less,
    AtLeast,
    AtMost,
    IsNull,
}

impl Query {
    /// Reads a query about objects of the collection `noun`, as `customers`.
    ///
    /// # Errors
    /// Stripe's, where it is no query, or asks for a field that cannot be searched.
    pub(crate) fn read(text: &str, fields: Fields, noun: &str) -> Result<Self, ApiError> {
        let mut reader = Reader { rest: text.trim_start(), fields, noun };
        let mut clauses = vec![reader.clause()?];
        let mut ties = None;
        while let Some(word) = reader.word()? {
            let tie = match word {
                "AND" | "and" => Ties::All,
                "OR" | "or" => Ties::Any,
                _ => return Err(unreadable()),
            };
            if ties.is_some_and(|known| known != tie) {
                return Err(ApiError::invalid_param(
                    "query",
                    "You can't combine AND and OR in the same search query.",
                ));
            }
            ties = Some(tie);
            clauses.push(reader.clause()?);
        }
        if clauses.len() > MOST {
            let message = format!("Search queries can have at most {MOST} clauses.");
            return Err(ApiError::invalid_param("query", message));
        }
        Ok(Self { ties: ties.unwrap_or(Ties::All), clauses })
    }

    /// Whether the object is meant.
    pub(crate) fn means(&self, object: &Value) -> bool {
        match self.ties {
            Ties::All => self.clauses.iter().all(|clause| clause.means(object)),
            Ties::Any => self.clauses.iter().any(|clause| clause.means(object)),
        }
    }
}

impl Clause {
    fn means(&self, object: &Value) -> bool {
        let value = object.pointer(&self.at).unwrap_or(&Value::Null);
        self.compares.holds(value, &self.wanted) != self.negated
    }
}

impl Compares {
    fn holds(self, value: &Value, wanted: &str) -> bool {
        let shown = match value {
            Value::Null => None,
            Value::String(text) => Some(text.to_lowercase()),
            value => Some(value.to_string()),
        };
        let order = || Some(value.as_i64()?.cmp(&wanted.parse().ok()?));
        let wanted = wanted.to_lowercase();
        match self {
            Self::IsNull => shown.is_none(),
            Self::Equals => shown.is_some_and(|shown| shown == wanted),
            Self::Contains => shown.is_some_and(|shown| shown.contains(&wanted)),
            Self::More => order().is_some_and(std::cmp::Ordering::is_gt),
            Self::Less => order().is_some_and(std::cmp::Ordering::is_lt),
            Self::AtLeast => order().is_some_and(std::cmp::Ordering::is_ge),
            Self::AtMost => order().is_some_and(std::cmp::Ordering::is_le),
        }
    }
}

/// What of a query has not been read yet.
struct Reader<'a> {
    rest: &'a str,
    fields: Fields,
    noun: &'a str,
}

impl<'a> Reader<'a> {
    fn clause(&mut self) -> Result<Clause, ApiError> {
        let negated = self.take("-").is_some();
        let (at, asks) = self.field()?;
        let operators = [
            (">=", Compares::AtLeast),
            ("<=", Compares::AtMost),
            (">", Compares::More),
            ("<", Compares::Less),
            (":", Compares::Equals),
            ("~", Compares::Contains),
        ];
        let operator = operators.into_iter().find(|(sign, _)| self.take(sign).is_some());
        let (sign, compares) = operator.ok_or_else(unreadable)?;
        self.skip_space();
        let quoted = self.rest.starts_with(['"', '\'']);
        let wanted = self.value()?;
        let fits = match compares {
            Compares::Equals | Compares::IsNull => true,
            Compares::Contains => matches!(asks, Asks::Text | Asks::Metadata),
            Compares::More | Compares::Less | Compares::AtLeast | Compares::AtMost => asks == Asks::Number,
        };
        if !fits {
            let message = format!("Operator `{sign}` is not supported for the field at {at}.");
            return Err(ApiError::invalid_param("query", message));
        }
        if asks == Asks::Number && wanted != "null" && wanted.parse::<i64>().is_err() {
            let message = format!("Invalid number in the search query: {wanted}");
            return Err(ApiError::invalid_param("query", message));
        }
        if compares == Compares::Contains && wanted.chars().count() < SHORTEST {
            let message = format!("Substring search needs a value of at least {SHORTEST} characters.");
            return Err(ApiError::invalid_param("query", message));
        }
        let nothing = compares == Compares::Equals && !quoted && wanted == "null";
        let compares = if nothing { Compares::IsNull } else { compares };
        self.skip_space();
        Ok(Clause { negated, at, compares, wanted })
    }

    /// The field's name, as a JSON pointer into the object.
    fn field(&mut self) -> Result<(String, Asks), ApiError> {
        let ends = self
            .rest
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '.')
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(ends);
        if name.is_empty() {
            return Err(unreadable());
        }
        let found = self.fields.iter().find(|(known, _, _)| *known == name);
        let (_, at, asks) = found.ok_or_else(|| self.unsupported(name))?;
        self.rest = rest;
        if *asks != Asks::Metadata {
            return Ok(((*at).to_owned(), *asks));
        }
        self.take("[").ok_or_else(unreadable)?;
        let key = self.quoted()?;
        self.take("]").ok_or_else(unreadable)?;
        // As RFC 6901 escapes the names in a pointer.
        let key = key.replace('~', "~0").replace('/', "~1");
        Ok((format!("{at}/{key}"), *asks))
    }

    fn value(&mut self) -> Result<String, ApiError> {
        if self.rest.starts_with(['"', '\'']) {
            return self.quoted();
        }
        let ends = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(ends);
        // What is no number, truth value or null must stand in quotes.
        if !matches!(word, "true" | "false" | "null") && word.parse::<i64>().is_err() {
            return Err(unreadable());
        }
        self.rest = rest;
        Ok(word.to_owned())
    }

    /// A text in either kind of quotes; a backslash takes the next letter as it is.
    fn quoted(&mut self) -> Result<String, ApiError> {
        let mut letters = self.rest.chars();
        let quote = letters.next().filter(|letter| matches!(letter, '"' | '\'')).ok_or_else(unreadable)?;
        let mut text = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => text.push(letters.next().ok_or_else(unreadable)?),
                letter if letter == quote => {
                    self.rest = letters.as_str();
                    return Ok(text);
                }
                letter => text.push(letter),
            }
        }
        Err(unreadable())
    }

    /// The word between two clauses; none at the end.
    fn word(&mut self) -> Result<Option<&'a str>, ApiError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (word, rest) = self.rest.split_once(char::is_whitespace).ok_or_else(unreadable)?;
        self.rest = rest.trim_start();
        Ok(Some(word))
    }

    fn take(&mut self, sign: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(sign)?;
        Some(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn unsupported(&self, name: &str) -> ApiError {
        let name: String = name.chars().take(80).collect();
        let noun = self.noun;
        ApiError::invalid_param(
            "query",
            format!(
                "Field `{name}` is an unsupported search field for resource `{noun}`. See \
                 http://stripe.com/docs/search#query-fields-for-{} for a list of supported fields.",
                noun.replace('_', "-"),
            ),
        )
    }
}

fn unreadable() -> ApiError {
    ApiError::invalid_param(
        "query",
        "We were unable to parse your search query. Try using the format `metadata[\"key\"]:\"value\"` to \
         query for metadata or key:\"value\" to query for other fields.",
    )
}

/// Answers a search: newest first, by pages whose tokens name the last object before them.
pub(crate) fn search(
    account: &Account,
    kind: Kind,
    route: &Route,
    fields: Fields,
    given: &Map<String, Value>,
    home: Option<Home>,
) -> Result<Value, ApiError> {
    let params = Params::read(given, PARAMS, &format_args!("GET {}", route.path))?;
    let noun = route.path.trim_start_matches("/v1/").trim_end_matches("/search");
    let query = Query::read(params.needed("query")?, fields, noun)?;
    let limit = nested_int(params.given("limit").unwrap_or(&Value::Null), "limit")?.unwrap_or(10);
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
    let limit =
        limit.ok_or_else(|| ApiError::invalid_param("limit", "Invalid limit: must be from 1 to 100"))?;
    let mut found: Vec<&Stored> = account
        .stores(home)
        .into_iter()
        .flat_map(|store| store.between(kind, WHOLE))
        .filter(|stored| {
            let glance = stored.glance();
            glance.value()["deleted"] != true && query.means(glance.value())
        })
        .collect();
    found.sort_unstable_by_key(|stored| std::cmp::Reverse(stored.place()));
    let after = match params.text("page") {
        None => 0,
        Some(page) => {
            let wrong = || ApiError::invalid_param("page", format!("Invalid page: {page}"));
            let last: u64 = page.parse().map_err(|_| wrong())?;
            found.iter().position(|stored| stored.seq == last).ok_or_else(wrong)? + 1
        }
    };
    let rest = found.get(after..).unwrap_or_default();
    let page = rest.get(..limit).unwrap_or(rest);
    let more = rest.len() > page.len();
    let next = page.last().filter(|_| more).map(|stored| stored.seq.to_string());
    Ok(object! {
        "object": "search_result", "data": page.iter().map(|stored| stored.whole()).collect::<Vec<_>>(),
        "has_more": more, "next_page": next, "url": route.path,
    })
}

/// The fields of each kind that Stripe searches: <https://docs.stripe.com/search#supported-query-fields-for-each-resource>.
pub(crate) const CUSTOMERS: Fields = &[
    ("created", "/created", Asks::Number),
    ("email", "/email", Asks::Text),
    ("metadata", "/metadata", Asks::Metadata),
    ("name", "/name", Asks::Text),
    ("phone", "/phone", Asks::Text),
];

pub(crate) const SUBSCRIPTIONS: Fields = &[
    ("canceled_at", "/canceled_at", Asks::Number),
    ("created", "/created", Asks::Number),
    ("metadata", "/metadata", Asks::Metadata),
    ("status", "/status", Asks::Exact),
];

pub(crate) const INVOICES: Fields = &[
    ("created", "/created", Asks::Number),
    ("currency", "/currency", Asks::Exact),
    ("customer", "/customer", Asks::Exact),
    ("last_finalization_error_code", "/last_finalization_error/code", Asks::Exact),
    ("last_finalization_error_type", "/last_finalization_error/type", Asks::Exact),
    ("metadata", "/metadata", Asks::Metadata),
    ("number", "/number", Asks::Text),
    ("receipt_number", "/receipt_number", Asks::Text),
    ("status", "/status", Asks::Exact),
    ("subscription", "/parent/subscription_details/subscription", Asks::Exact),
    ("total", "/total", Asks::Number),
];

pub(crate) const PRICES: Fields = &[
    ("active", "/active", Asks::Exact),
    ("currency", "/currency", Asks::Exact),
    ("lookup_key", "/lookup_key", Asks::Text),
    ("metadata", "/metadata", Asks::Metadata),
    ("product", "/product", Asks::Exact),
    ("type", "/type", Asks::Exact),
];

pub(crate) const PRODUCTS: Fields = &[
    ("active", "/active", Asks::Exact),
    ("description", "/description", Asks::Text),
    ("metadata", "/metadata", Asks::Metadata),
    ("name", "/name", Asks::Text),
    ("shippable", "/shippable", Asks::Exact),
    ("url", "/url", Asks::Text),
];

pub(crate) const CHARGES: Fields = &[
    ("amount", "/amount", Asks::Number),
    ("billing_details.address.postal_code", "/billing_details/address/postal_code", Asks::Exact),
    ("created", "/created", Asks::Number),
    ("currency", "/currency", Asks::Exact),
    ("customer", "/customer", Asks::Exact),
    ("disputed", "/disputed", Asks::Exact),
    ("metadata", "/metadata", Asks::Metadata),
    ("payment_method_details.card.brand", "/payment_method_details/card/brand", Asks::Exact),
    ("payment_method_details.card.exp_month", "/payment_method_details/card/exp_month", Asks::Number),
    ("payment_method_details.card.exp_year", "/payment_method_details/card/exp_year", Asks::Number),
    ("payment_method_details.card.fingerprint", "/payment_method_details/card/fingerprint", Asks::Exact),
    ("payment_method_details.card.last4", "/payment_method_details/card/last4", Asks::Exact),
    ("refunded", "/refunded", Asks::Exact),
    ("status", "/status", Asks::Exact),
];

pub(crate) const PAYMENT_INTENTS: Fields = &[
    ("amount", "/amount", Asks::Number),
    ("created", "/created", Asks::Number),
    ("currency", "/currency", Asks::Exact),
    ("customer", "/customer", Asks::Exact),
    ("metadata", "/metadata", Asks::Metadata),
    ("status", "/status", Asks::Exact),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const FIELDS: Fields = &[
        ("amount", "/amount", Asks::Number),
        ("metadata", "/metadata", Asks::Metadata),
        ("name", "/name", Asks::Text),
        ("status", "/status", Asks::Exact),
        ("deep.er", "/deep/er", Asks::Exact),
    ];

    #[rstest::rstest]
    #[case("name:'Jane Doe'", true)]
    #[case("name:\"jane doe\"", true)]
    #[case("name:'Jane'", false)]
    #[case("name~'ane'", true)]
    #[case("-name~\"ane\"", false)]
    #[case("status:'active' AND amount>99", true)]
    #[case("status:'active' and amount>100", false)]
    #[case("status:'ended' OR amount>=100", true)]
    #[case("status:'ended' OR amount<100", false)]
    #[case("amount:100", true)]
    #[case("amount:'100'", true)]
    #[case("amount<=100   AND   -status:'ended'", true)]
    #[case("metadata['tier']:'Gold'", true)]
    #[case("metadata[\"tier\"]:\"silver\"", false)]
    #[case("metadata['a/b~c']:'it\\'s'", true)]
    #[case("metadata['tier']~'old'", true)]
    #[case("metadata['none']:null", true)]
    #[case("-metadata['tier']:null", true)]
    #[case("-metadata['none']:'x'", true)]
    #[case("metadata['none']:'null'", false)]
    #[case("deep.er:true", true)]
    #[case("deep.er:'false'", false)]
    fn queries_mean_what_stripe_says(#[case] query: &str, #[case] means: bool) {
        let object = json!({
            "amount": 100, "name": "Jane Doe", "status": "active", "deep": {"er": true},
            "metadata": {"tier": "gold", "a/b~c": "it's"},
        });
        assert_eq!(Query::read(query, FIELDS, "things").unwrap().means(&object), means, "{query}");
    }

    #[rstest::rstest]
    #[case("", "unable to parse")]
    #[case("name", "unable to parse")]
    #[case("name:", "unable to parse")]
    #[case("name:Jane", "unable to parse")]
    #[case("name:'Jane", "unable to parse")]
    #[case("name:'Jane\\", "unable to parse")]
    #[case("name:'Jane' AND", "unable to parse")]
    #[case("name:'Jane' XOR status:'x'", "unable to parse")]
    #[case("name:'Jane'status:'x'", "unable to parse")]
    #[case("(name:'Jane')", "unable to parse")]
    #[case("metadata:'x'", "unable to parse")]
    #[case("metadata['x':'x'", "unable to parse")]
    #[case("name:'a' AND name:'b' OR name:'c'", "combine AND and OR")]
    #[case("colour:'red'", "Field `colour` is an unsupported search field for resource `things`")]
    #[case("name>'red'", "Operator `>` is not supported")]
    #[case("status~'active'", "Operator `~` is not supported")]
    #[case("amount~'100'", "Operator `~` is not supported")]
    #[case("amount:'many'", "Invalid number")]
    #[case("name~'ab'", "at least 3 characters")]
    fn what_stripe_would_not_read_is_refused(#[case] query: &str, #[case] message: &str) {
        let error = Query::read(query, FIELDS, "things").unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.to_string().contains(message), "{query}: {error}");
    }

    #[test]
    fn ten_clauses_are_read_and_no_more() {
        let clauses = |count| vec!["amount>1"; count].join(" AND ");
        assert!(Query::read(&clauses(10), FIELDS, "things").is_ok());
        assert!(Query::read(&clauses(11), FIELDS, "things").is_err());
    }

    proptest! {
        #[test]
        fn reading_is_total(text in "\\PC{0,40}") {
            let _ = Query::read(&text, FIELDS, "things");
        }

        #[test]
        fn nearly_queries_do_not_panic(text in "(-?(name|amount|metadata|é)[\\[\\]'\":~<>=\\\\ aÄ0-9]{0,12}( AND | OR )?){0,4}") {
            let _ = Query::read(&text, FIELDS, "things");
        }

        #[test]
        fn any_value_is_found_by_itself_and_not_by_its_negation(value in "\\PC{1,20}") {
            let written = value.replace('\\', "\\\\").replace('"', "\\\"");
            let object = json!({"name": value});
            let finds = |query: String| Query::read(&query, FIELDS, "things").unwrap().means(&object);
            let (said, denied) = (format!("name:\"{written}\""), format!("-name:\"{written}\""));
            prop_assert!(finds(said));
            prop_assert!(!finds(denied));
        }
    }
}
