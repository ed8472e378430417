//! HTTP of placements: enrolling workers, many or one, reading them, taking one off a roster.

use actix_web::{get, post, web};
use serde_json::json;
use utoipa_actix_web::service_config::ServiceConfig;

use super::super::enrolment::{Enrolment, event};
use super::super::roster::{RosterCall, RosterRow};
use super::super::roster_command::EnrolRoster;
use super::super::store::lists::{self, PlacementFilter};
use super::super::store::{self, returns};
use super::super::{
    Dispatch, NewRosterReturn, Placement, PlacementState, PlacementToday, RosterReturn, outcomes, returning,
};
use crate::agreements;
use crate::app::State;
use crate::bulk::{PostedRows, RowsMode};
use crate::db::{DbConnection, Id, Page, PageRequest};
use crate::error::{Code, Error, Result};
use crate::events::log;
use crate::http::export::{self, Listed, Reader, Source, TableParams, TableRow};
use crate::http::extract::{EmptyBody, IfMatch};
use crate::http::query::NoFilter;
use crate::http::receipt::Receipts;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, ArrivalsWrite, DispatchesWrite};
use crate::jobs::Job;
use crate::workers;
use crate::workers::WorkerCard;

/// Enrols workers on a roster
///
/// Up to 5,000 rows at once, as a job more. A place is held the moment its row is accepted, never oversold; a worker with an open placement anywhere in the
/// exchange is refused. Rows stand alone: each has a receipt, accepted, unchanged (it was there already) or rejected with code and pointer.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch, RowsMode),
    request_body(content((RosterCall = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 207, description = "A receipt for each row", body = Receipts), (status = 202, description = "The job the rows became", body = Job)), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/roster")]
pub async fn enrol_roster(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: PostedRows<EnrolRoster>,
) -> Result<Answer> {
    let (agreement_id, dispatch_id) = path.into_inner();
    let command = EnrolRoster { agreement_id, dispatch_id, if_match };
    posted.run(&state, caller.actor(&state), command).await
}

/// Enrols one worker
///
/// The same as a roster of one row, with a placement or a problem as its answer: 409 when no place is left or the worker has an open
/// placement somewhere; the problem then carries a `lookup_id` and nothing about the other side.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch),
    request_body = RosterRow, responses((status = 201, description = "The placement, enrolled", body = PlacementToday, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/placements")]
pub async fn enrol_worker(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<RosterRow>,
) -> Result<Answer> {
    let (agreement_id, dispatch_id) = path.into_inner();
    let (actor, keys) = (caller.actor(&state), state.keys.clone());
    let Posted { body: row, key } = posted;
    key.run_in(&state, &state.enrolments, Enrolment { actor, keys, agreement_id, dispatch_id, if_match, row }).await
}

/// Lists placements
///
/// Parties of the agreement see every placement that has departed or stands on a locked roster, the origin all of its own; an employer
/// sees those planned for it or with it. Placements carry no personal data. `Accept: text/csv` or a workbook gives all of them as a file.
#[utoipa::path(tag = "placements", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, PlacementFilter, TableParams),
    responses((status = 200, description = "A page of placements, or all of them as a file", content((Page<PlacementToday> = "application/json"), (Vec<u8> = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))), security(("oauth2" = ["agreements.read"])))]
#[get("/placements")]
pub async fn list_placements(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<PlacementFilter>,
    wanted: export::Wanted,
) -> Result<Listed> {
    let read = |connection: &mut DbConnection, reader: &Reader, filter: &PlacementFilter, page: &PageRequest| {
        let role = agreements::store::readable(connection, &reader.scope, reader.agreement_id)?;
        let (viewer, asked) = (reader.scope.party_id, (filter, reader.today));
        let rows = lists::placements(connection, viewer, role.is_none(), reader.agreement_id, asked, page)?;
        Ok(rows.into_iter().map(|row| PlacementToday::of(row, reader.today)).collect())
    };
    let reader = Reader::new(&state, caller.scope, [path.into_inner(), Id::NIL]);
    export::list(&state, listing, wanted, reader, Source { read, id: |row: &PlacementToday| row.placement.id }).await
}

impl TableRow for PlacementToday {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("id", "安置标识"),
        ("partner_ref", "安置编号"),
        ("agreement_id", "协议标识"),
        ("dispatch_id", "批次标识"),
        ("quota_id", "名额标识"),
        ("cohort_id", "开工批次标识"),
        ("worker_id", "人员标识"),
        ("origin_id", "输出地标识"),
        ("destination_id", "输入地标识"),
        ("employer_id", "计划用人单位标识"),
        ("plan_year", "计划年度"),
        ("group_code", "人员类别"),
        ("scope", "转移范围"),
        ("state", "状态"),
        ("departed_on", "出发日期"),
        ("arrival_due_on", "到岗期限"),
        ("arrival_overdue", "逾期未确认"),
        ("outcome_on", "结果日期"),
        ("onboarded_on", "到岗日期"),
        ("real_employer_id", "实际用人单位标识"),
        ("real_region_code", "实际工作地区划代码"),
        ("evidence", "证据等级"),
        ("certain", "证据达标"),
        ("late", "逾期上报"),
        ("disputed", "争议中"),
        ("holds_place", "占用名额"),
        ("ended_on", "离岗日期"),
        ("end_reason", "离岗原因"),
        ("version", "版本"),
    ];
}

/// Reads a placement
///
/// One worker of one dispatch against one quota: members of the agreement and the employer planned or met see it.
#[utoipa::path(tag = "placements", params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement")),
    responses((status = 200, description = "The placement", body = PlacementToday, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/placements/{placement_id}")]
pub async fn get_placement(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let ((agreement_id, id), today) = (path.into_inner(), state.clock.today());
    let read = move |connection: &mut DbConnection| {
        let row = store::placement(connection, &caller.scope, agreement_id, id)?;
        let version = row.version;
        Ok(Answer::ok(&PlacementToday::of(row, today))?.shown(version))
    };
    state.db.read(read).await
}

/// Reads the worker of a placement
///
/// What destination and employer need to receive the person: name, masked identity number, phone. Nothing else leaves the origin.
#[utoipa::path(tag = "placements", params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement")),
    responses((status = 200, description = "Who is sent", body = WorkerCard)), security(("oauth2" = ["agreements.read"])))]
#[get("/placements/{placement_id}/worker")]
pub async fn get_placement_worker(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (agreement_id, id) = path.into_inner();
    let keys = state.keys.clone();
    let read = move |connection: &mut DbConnection| {
        let row = store::placement_to_receive(connection, &caller.scope, agreement_id, id)?;
        Answer::ok(&workers::store::card(connection, &keys, row.origin_id, row.worker_id)?)
    };
    state.db.read(read).await
}

fn must_be_enrolled(row: &Placement) -> Result<()> {
    if row.state == PlacementState::Enrolled {
        return Ok(());
    }
    let en = format!("a placement that is {} cannot be cancelled", row.state);
    Err(Error::new(Code::TransitionNotAllowed)
        .detail(en, "已出发或已结束的安置不能取消")
        .param("state", row.state.as_str())
        .param("allowed_actions", json!([])))
}

/// Takes a worker off a roster
///
/// Before departure. The place and the worker are free again at once.
#[utoipa::path(tag = "placements", params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement"), IfMatch),
    request_body = EmptyBody, responses((status = 200, description = "The placement, cancelled", body = PlacementToday, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/placements/{placement_id}/cancellation")]
pub async fn cancel_placement(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (agreement_id, id)) = (caller.actor(&state), path.into_inner());
    posted
        .key
        .run(&state, move |connection| {
            let row = store::placement(connection, &actor.scope, agreement_id, id)?;
            let dispatch = store::own_dispatch(connection, &actor.scope, agreement_id, row.dispatch_id)?;
            if_match.check(row.version)?;
            must_be_enrolled(&row)?;
            outcomes::cancel_placement(connection, &actor, &row, "cancelled")?;
            let changed = Dispatch { version: dispatch.version + 1, placements: dispatch.placements - 1, ..dispatch };
            log::record(connection, &actor, event(&changed, "dispatch.roster_changed"))?;
            let row = store::placement(connection, &actor.scope, agreement_id, id)?;
            let version = row.version;
            Ok(Answer::ok(&PlacementToday::of(row, actor.now.day()))?.version(version))
        })
        .await
}

/// Returns a row of a locked roster
///
/// 退回补正: the destination or the planned employer sends a row back with a reason. It leaves the roster and frees its place. The origin
/// unlocks the roster and sends the row again, corrected, and it is the same placement. The batch holds its other places anew for the
/// full time of the terms, because the delay is not the workers' doing.
#[utoipa::path(tag = "placements", params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement")),
    request_body = NewRosterReturn, responses((status = 201, description = "The row as it was, and why it was sent back", body = RosterReturn)),
    security(("oauth2" = ["arrivals.write"])))]
#[post("/placements/{placement_id}/returns")]
pub async fn return_placement(
    state: web::Data<State>,
    caller: Caller<ArrivalsWrite>,
    path: web::Path<(Id, Id)>,
    posted: Posted<NewRosterReturn>,
) -> Result<Answer> {
    let (actor, ids) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let returned = returning::return_row(connection, &actor, ids, &body)?;
        let path = format!("/v1/agreements/{}/placements/{}/returns", returned.agreement_id, returned.placement_id);
        Answer::created(path, &returned)
    })
    .await
}

/// Lists the returns of a placement
///
/// Each with the row as it was before it was corrected, for the origin and for those who may send it back.
#[utoipa::path(tag = "placements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement"), PageParams),
    responses((status = 200, description = "A page of returns", body = Page<RosterReturn>)), security(("oauth2" = ["agreements.read"])))]
#[get("/placements/{placement_id}/returns")]
pub async fn list_placement_returns(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    listing: Listing<NoFilter>,
) -> Result<Answer> {
    let (page, keys, ids) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        let rows = returns::list(connection, &caller.scope, ids, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.id))
    };
    state.db.read(read).await
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub(super) fn mount_within(config: &mut ServiceConfig) {
    config
        .service(enrol_roster)
        .service(enrol_worker)
        .service(list_placements)
        .service(get_placement)
        .service(get_placement_worker)
        .service(cancel_placement)
        .service(return_placement)
        .service(list_placement_returns);
}
