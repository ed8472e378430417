//! Routes of reconciliation: begin a run, read runs and their rows, read what the situations mean.

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::report::{NewReconciliation, ReconciliationRow, ReconciliationRun, SituationTable};
use super::run::reconcile;
use super::run_command::{AT_ONCE_MAX, Reconcile};
use super::situations::SITUATIONS;
use super::store::rows::{self, RowFilter};
use super::store::runs::{self, RunFilter};
use crate::agreements::store::membership;
use crate::app::State;
use crate::db::{DbConnection, Id, Page, PageRequest};
use crate::error::Result;
use crate::http::export::{self, Listed, Reader, Source, TableParams, TableRow};
use crate::http::extract::Prefer;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, ReconciliationWrite};
use crate::jobs::Job;
use crate::jobs::receiving::accepted;

/// Mounts what belongs to no agreement.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_situations);
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(run_reconciliation)
        .service(list_reconciliations)
        .service(get_reconciliation)
        .service(list_reconciliation_rows);
}

/// Compare both sides
///
/// Puts every placement of the agreement, and every claim that no placement answers to, into exactly one situation as of the end of the
/// cut-off day. Only facts recorded by then count, so the same cut-off gives the same rows and the same hash however often it is asked
/// for, unless a fact recorded by then is still missing today. For the parties of the agreement.
///
/// Above 50,000 placements, or with `Prefer: respond-async`, the run becomes a job: read the run by the job's id while it is running.
#[utoipa::path(tag = "reconciliation", params(("agreement_id" = Id, Path, description = "The agreement")),
    request_body = NewReconciliation,
    responses((status = 201, description = "The finished run", body = ReconciliationRun, headers(("ETag"))), (status = 202, description = "The job the run became; the run goes by its id", body = Job)),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/reconciliations")]
async fn run_reconciliation(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<Id>,
    prefer: Prefer,
    posted: Posted<NewReconciliation>,
) -> Result<Answer> {
    let (actor, agreement_id) = (caller.actor(&state), path.into_inner());
    let (Posted { body: NewReconciliation { cut_off_on }, key }, follow) = (posted, state.follow);
    let command = Reconcile { agreement_id, cut_off_on };
    let answer = key.run(&state, move |connection| {
        command.admit(connection, &actor)?;
        if prefer.respond_async || runs::has_more_placements(connection, agreement_id, AT_ONCE_MAX)? {
            return accepted(&command.queue(connection, &actor)?);
        }
        let run = reconcile(connection, &actor, follow, agreement_id, cut_off_on)?;
        let location = format!("/v1/agreements/{agreement_id}/reconciliations/{}", run.id);
        Ok(Answer::created(location, &run)?.version(run.version()))
    });
    let answer = answer.await?;
    state.jobs_waiting.notify_one();
    Ok(answer)
}

/// List reconciliations
///
/// The runs of an agreement with their figures. For its parties.
#[utoipa::path(tag = "reconciliation", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, RunFilter),
    responses((status = 200, description = "A page of runs", body = Page<ReconciliationRun>)),
    security(("oauth2" = ["agreements.read"])))]
#[get("/reconciliations")]
async fn list_reconciliations(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<RunFilter>,
) -> Result<Answer> {
    let (scope, agreement_id, page) = (caller.scope, path.into_inner(), listing.page(&state)?);
    let keys = state.keys.clone();
    let reading = state.db.read(move |connection| {
        membership(connection, &scope, agreement_id)?;
        let rows = runs::list(connection, agreement_id, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.id))
    });
    reading.await
}

/// Read a reconciliation
///
/// Its counts by situation, by two-sided standing and by weight, each side's total, and the hash of its rows.
#[utoipa::path(tag = "reconciliation",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("run_id" = Id, Path, description = "The run")),
    responses((status = 200, description = "The run", body = ReconciliationRun, headers(("ETag")))),
    security(("oauth2" = ["agreements.read"])))]
#[get("/reconciliations/{run_id}")]
async fn get_reconciliation(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (scope, (agreement_id, run_id)) = (caller.scope, path.into_inner());
    let reading = state.db.read(move |connection| {
        membership(connection, &scope, agreement_id)?;
        let run = runs::run(connection, agreement_id, run_id)?;
        Ok(Answer::ok(&run)?.version(run.version()))
    });
    reading.await
}

/// List the rows of a reconciliation
///
/// In the order in which what they are about was registered; `sort` takes `id` for that order. Each row says which situation it is in, who has to act and
/// what to do. Names are compared by keyed index and never shown. `Accept: text/csv` or a workbook gives all of them as a file.
#[utoipa::path(tag = "reconciliation",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("run_id" = Id, Path, description = "The run"), PageParams, RowFilter, TableParams),
    responses((status = 200, description = "A page of rows, or all of them as a file", content((Page<ReconciliationRow> = "application/json"), (Vec<u8> = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))),
    security(("oauth2" = ["agreements.read"])))]
#[get("/reconciliations/{run_id}/rows")]
async fn list_reconciliation_rows(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    listing: Listing<RowFilter>,
    wanted: export::Wanted,
) -> Result<Listed> {
    let read = |connection: &mut DbConnection, reader: &Reader, filter: &RowFilter, page: &PageRequest| {
        membership(connection, &reader.scope, reader.agreement_id)?;
        let run = runs::run(connection, reader.agreement_id, reader.below)?;
        rows::list(connection, &run, filter, page)
    };
    let (agreement_id, run_id) = path.into_inner();
    let reader = Reader::new(&state, caller.scope, [agreement_id, run_id]);
    export::list(&state, listing, wanted, reader, Source { read, id: |row| row.subject_id }).await
}

impl TableRow for ReconciliationRow {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("subject_id", "对象标识"),
        ("placement_id", "安置标识"),
        ("claim_id", "到岗信息标识"),
        ("situation", "情形"),
        ("two_sided", "双方情况"),
        ("discrepancy", "差异代码"),
        ("owner", "责任方"),
        ("counts_as", "计数"),
        ("tier", "身份匹配等级"),
        ("detail", "比对详情"),
        ("remedy_zh", "处理办法"),
        ("remedy_en", "处理办法（英文）"),
    ];
}

/// List the situations
///
/// What each situation of a reconciliation means, how the two sides stand in it, who has to act, what to do, and whether it counts.
#[utoipa::path(tag = "reconciliation",
    responses((status = 200, description = "Every situation", body = SituationTable)),
    security(("oauth2" = ["agreements.read"])))]
#[get("/v1/situations")]
async fn list_situations(_caller: Caller<AgreementsRead>) -> Result<Answer> {
    Answer::ok(&SituationTable { items: SITUATIONS.to_vec() })
}
