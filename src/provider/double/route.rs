//! Which call does what: the routes of every resource, found by method and path. What stands in no table is
//! refused by name: the double never guesses.

use std::sync::LazyLock;

use bytes::Bytes;
use matchit::Router;
use serde_json::{Map, Value};

use super::account::stored::{Op, Resource};
use super::account::{self, Home, World};
use super::error::ApiError;
use super::list::{self, Keeps};
use super::params::{Params, Table};
use super::search::{self, Fields};
use super::state::Account;
use super::store::Kind;
use crate::stripe::object::envelope::Cause;
use crate::stripe::object::text;
use crate::stripe::version::Version;

/// A call as it came, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) params: Map<String, Value>,
}

/// The methods that Stripe's v1 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

impl Call {
    /// The parts of the path, without empty ones.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    fn route(&self) -> String {
        named(self.method.as_str(), &self.path)
    }
}

/// `POST /v1/reviews`: the route as messages name it, with `{id}` for what is no word of the API.
pub(crate) fn named(method: &str, path: &str) -> String {
    let is_id =
        |part: &&str| part.contains(|letter: char| letter.is_ascii_digit()) && *part != "v1" && *part != "v2";
    let parts = path.split('/').filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.map(|part| if is_id(&part) { "{id}" } else { part }).collect();
    let path: String = parts.join("/").chars().take(120).collect();
    format!("{method} /{path}")
}

/// One route of the API.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// `/v1/customers/{id}`; a second id is `{sub}`.
    pub(crate) path: &'static str,
    pub(crate) params: Table,
    does: Does,
    answers: Answers,
}

/// The ids in a path; `""` where it has none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ids<'a> {
    pub(crate) id: &'a str,
    pub(crate) sub: &'a str,
}

/// What a route that only reads is asked.
pub(crate) struct Asked<'a> {
    pub(crate) ids: Ids<'a>,
    pub(crate) params: &'a Params,
    /// As it came, for lists that name their own address.
    pub(crate) path: &'a str,
    /// Whose call it is.
    pub(crate) home: Option<Home>,
}

type Reads = fn(&Account, &Asked<'_>) -> Result<Value, ApiError>;
type Creates = fn(&mut World<'_>, &Params) -> Result<Value, ApiError>;
type Changes = fn(&mut World<'_>, &str, &Params) -> Result<Value, ApiError>;
type ChangesIn = fn(&mut World<'_>, Ids<'_>, &Params) -> Result<Value, ApiError>;

/// What a route does.
#[derive(Clone, Copy)]
enum Does {
    /// Answers the object of this kind that the path names.
    Retrieve(Kind),
    /// Answers a page of the objects of this kind.
    List(Kind, Keeps),
    /// Answers a page of the objects of this kind that a query means.
    Search(Kind, Fields),
    /// Answers what a function reads.
    Read(Reads),
    /// Makes, changes or deletes something.
    Write(Writes),
}

/// How a route changes the account.
#[derive(Clone, Copy)]
enum Writes {
    /// Makes something.
    Create(Creates),
    /// Changes what the path names.
    Change(Changes),
    /// The same, with both ids of the path.
    ChangeIn(ChangesIn),
    /// Makes or changes a stored resource.
    Stored(&'static Resource, Op),
}

impl Writes {
    fn run(self, world: &mut World<'_>, ids: Ids<'_>, params: &Params) -> Result<Value, ApiError> {
        match self {
            Self::Create(creates) => creates(world, params),
            Self::Change(changes) => changes(world, ids.id, params),
            Self::ChangeIn(changes) => changes(world, ids, params),
            Self::Stored(resource, op) => resource.run(op, world, ids.id, params),
        }
    }
}

/// How a route that changes something is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// With the object as it is kept.
    Kept,
    /// With what the function gave: a part of an object, a deleted one's stub.
    Made,
}

impl Route {
    const fn new(method: Method, path: &'static str, params: Table, does: Does) -> Self {
        Self { method, path, params, does, answers: Answers::Kept }
    }

    /// `GET` of one object.
    pub(crate) const fn retrieve(path: &'static str, kind: Kind) -> Self {
        Self::new(Method::Get, path, &[], Does::Retrieve(kind))
    }

    /// `GET` of a page, by filters: what they mean where it is not that a field equals them, `keeps` says.
    pub(crate) const fn list(path: &'static str, kind: Kind, filters: Table, keeps: Keeps) -> Self {
        Self::new(Method::Get, path, filters, Does::List(kind, keeps))
    }

    /// `GET` of what a query means.
    pub(crate) const fn search(path: &'static str, kind: Kind, fields: Fields) -> Self {
        Self::new(Method::Get, path, search::PARAMS, Does::Search(kind, fields))
    }

    /// `GET` of anything else.
    pub(crate) const fn read(path: &'static str, params: Table, reads: Reads) -> Self {
        Self::new(Method::Get, path, params, Does::Read(reads))
    }

    /// `POST` to a collection.
    pub(crate) const fn create(path: &'static str, params: Table, creates: Creates) -> Self {
        Self::new(Method::Post, path, params, Does::Write(Writes::Create(creates)))
    }

    /// `POST` to an object, or to something that is done to it.
    pub(crate) const fn change(path: &'static str, params: Table, changes: Changes) -> Self {
        Self::new(Method::Post, path, params, Does::Write(Writes::Change(changes)))
    }

    /// `POST` to an object inside another.
    pub(crate) const fn change_in(path: &'static str, params: Table, changes: ChangesIn) -> Self {
        Self::new(Method::Post, path, params, Does::Write(Writes::ChangeIn(changes)))
    }

    /// `POST` that makes or changes a stored resource.
    pub(crate) const fn stored(path: &'static str, resource: &'static Resource, op: Op) -> Self {
        Self::new(Method::Post, path, resource.table(op), Does::Write(Writes::Stored(resource, op)))
    }

    /// `DELETE`, answered with what `changes` gives.
    pub(crate) const fn delete(path: &'static str, params: Table, changes: Changes) -> Self {
        Self::new(Method::Delete, path, params, Does::Write(Writes::Change(changes))).made()
    }

    /// `DELETE` of an object inside another, answered with what `changes` gives.
    pub(crate) const fn delete_in(path: &'static str, params: Table, changes: ChangesIn) -> Self {
        Self::new(Method::Delete, path, params, Does::Write(Writes::ChangeIn(changes))).made()
    }

    /// Answered with what the function gives: it is not kept in this form.
    pub(crate) const fn made(self) -> Self {
        Self { answers: Answers::Made, ..self }
    }
}

/// What a call is answered with.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An object as it is kept: its bytes may be printed already.
    Stored(String),
    /// Something made for this call.
    Made(Value),
    /// The same, printed already in the version and the extent that were asked for.
    Printed(Bytes),
}

/// The routes by method and path.
struct Routes {
    get: Router<&'static Route>,
    post: Router<&'static Route>,
    delete: Router<&'static Route>,
}

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let mut routes = Routes { get: Router::new(), post: Router::new(), delete: Router::new() };
    for route in all() {
        let table = match route.method {
            Method::Get => &mut routes.get,
            Method::Post => &mut routes.post,
            Method::Delete => &mut routes.delete,
        };
        let inserted = table.insert(route.path, route);
        debug_assert!(inserted.is_ok(), "{} stands in two tables: {inserted:?}", route.path);
    }
    routes
});

/// Every route that is answered.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    account::ROUTES.iter().copied().flatten()
}

/// Words that stand where an id could: routes of their own, which must not be taken for an object that is missing.
const NO_IDS: [&str; 4] = ["search", "upcoming", "create_preview", "preview"];

/// Carries a call out, in the version that its caller speaks. `as_kept`: it is answered in the newest version and nothing is expanded, so that what was
/// printed before can be answered again.
pub(crate) fn dispatch(
    account: &mut Account,
    call: &Call,
    home: Option<Home>,
    (cause, version, is_named): (Cause, Version, bool),
    as_kept: bool,
) -> Result<Reply, ApiError> {
    let table = match call.method {
        Method::Get => &ROUTES.get,
        Method::Post => &ROUTES.post,
        Method::Delete => &ROUTES.delete,
    };
    let path = call.path.trim_end_matches('/');
    let found = table.at(path).map_err(|_| ApiError::not_modelled(&call.route()))?;
    let ids = Ids {
        id: found.params.get("id").unwrap_or_default(),
        sub: found.params.get("sub").unwrap_or_default(),
    };
    if NO_IDS.contains(&ids.id) {
        return Err(ApiError::not_modelled(&call.route()));
    }
    let route = *found.value;
    match route.does {
        Does::Retrieve(kind) => {
            read_params(route, call)?;
            match account.find(ids.id) {
                Some(stored) if stored.kind == kind => Ok(Reply::Stored(ids.id.to_owned())),
                _ => Err(ApiError::no_such(kind.noun(), ids.id)),
            }
        }
        Does::List(kind, keeps) => {
            let of = list::Of { account, kind, route, keeps, home };
            let given = without_expand(&call.params);
            match as_kept {
                true => list::printed(of, &given).map(Reply::Printed),
                false => list::list(of, &given).map(Reply::Made),
            }
        }
        Does::Search(kind, fields) => {
            search::search(account, kind, route, fields, &without_expand(&call.params), home).map(Reply::Made)
        }
        Does::Read(reads) => {
            let params = &read_params(route, call)?;
            reads(account, &Asked { ids, params, path, home }).map(Reply::Made)
        }
        Does::Write(writes) => {
            let params = read_params(route, call)?;
            if let (Some(Home::Case(case)), Some(clock)) = (home, params.text("test_clock")) {
                account.claim_clock(case, clock)?;
            }
            if let (Some(Home::Case(case)), Some(token)) = (home, params.text("confirmation_token")) {
                account.claim_token(case, token);
            }
            let world = &mut account.world(home.unwrap_or(Home::Large), cause);
            (world.version, world.is_named) = (version, is_named);
            let clock = clock_named(world, ids, &params);
            let outside = world.enter(clock.as_deref());
            let made = writes.run(world, ids, &params);
            world.leave(outside);
            let made = made?;
            Ok(match route.answers {
                Answers::Kept => Reply::Stored(text(&made, "id").to_owned()),
                Answers::Made => Reply::Made(made),
            })
        }
    }
}

/// The test clock by which the first thing lives that a call names.
fn clock_named(world: &World<'_>, ids: Ids<'_>, params: &Params) -> Option<String> {
    if let Some(clock) = params.text("test_clock") {
        return Some(clock.to_owned());
    }
    let words = [ids.id, ids.sub].into_iter().chain(params.fields().values().filter_map(Value::as_str));
    let mut clocks = words.filter_map(|word| account::clock::clock_of(world, word));
    clocks.next().map(str::to_owned)
}

fn read_params(route: &Route, call: &Call) -> Result<Params, ApiError> {
    Params::read(&call.params, route.params, &format_args!("{} {}", route.method.as_str(), route.path))
}

fn without_expand(params: &Map<String, Value>) -> Map<String, Value> {
    let mut given = params.clone();
    given.shift_remove("expand");
    given
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_route_stands_in_two_tables() {
        let mut seen = BTreeSet::new();
        for route in all() {
            assert!(seen.insert((route.method.as_str(), route.path)), "{} twice", route.path);
        }
        let mut tables = [Router::new(), Router::new(), Router::new()];
        for route in all() {
            tables[route.method as usize].insert(route.path, ()).unwrap();
        }
    }
}
