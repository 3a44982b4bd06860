//! Reports: a run is done at once, and its file is empty.

use serde_json::Value;

use super::{Op, Resource, as_given};
use crate::provider::double::account::{World, put_all};
use crate::provider::double::error::ApiError;
use crate::provider::double::list::{AS_USUAL, CREATED};
use crate::provider::double::params::{Is, Params};
use crate::provider::double::route::Route;
use crate::provider::double::store::Kind;
use crate::stripe::object::{other, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::list("/v1/reporting/report_runs", Kind::ReportRun, &[CREATED], AS_USUAL),
    Route::retrieve("/v1/reporting/report_runs/{id}", Kind::ReportRun),
    Route::create("/v1/reporting/report_runs", RUN.table(Op::Create), create).made(),
];

static RUN: Resource = Resource {
    kind: Kind::ReportRun,
    prefix: "frr",
    fresh: other::report_run,
    create: &[
        (
            "parameters",
            Is::Fields(&[
                ("columns", Is::Texts),
                ("connected_account", Is::Text),
                ("currency", Is::Text),
                ("interval_end", Is::Int),
                ("interval_start", Is::Int),
                ("payout", Is::Text),
                ("reporting_category", Is::Text),
                ("timezone", Is::Text),
            ]),
        ),
        ("report_type", Is::Needed(&Is::Text)),
    ],
    update: &[],
    unseen: &[],
    completes: as_given,
    created: None,
    updated: None,
};

/// `POST /v1/reporting/report_runs`: answered while it is pending; the event tells that it is done.
fn create(world: &mut World<'_>, params: &Params) -> Result<Value, ApiError> {
    let run = RUN.make(world, params)?;
    let id = text(&run, "id");
    let file = world.mint("file");
    let file = other::report_file(&file, world.second(), id);
    let now = world.second();
    world.by_itself();
    world.change(id, |run| {
        put_all(run, [("result", file), ("status", "succeeded".into()), ("succeeded_at", now.into())]);
    });
    world.tell("reporting.report_run.succeeded", id);
    Ok(run)
}
