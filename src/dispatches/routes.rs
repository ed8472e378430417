//! HTTP of dispatches and placements.

mod placements;

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::enrolment::{enrol_roster as enrol_roster_rows, event, origin_in_force};
use super::roster::{RosterRow, RowOutcome};
use super::store::{self, DispatchFilter};
use super::{Dispatch, DispatchAction, NewDispatch, PlacementState, ROSTER_ROWS_MAX, TRANSITIONS, outcomes, rules};
use crate::agreements;
use crate::app::State;
use crate::db::{Day, DbConnection, Id, Page};
use crate::error::{Code, Error, Fault, Language, Result};
use crate::events::{Actor, log};
use crate::http::extract::IfMatch;
use crate::http::receipt::Receipts;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, DispatchesWrite};
use crate::lifecycle;

/// A roster, or a part of one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterCall {
    /// The rows; rows stand alone, what is rejected does not stop the rest.
    #[schema(min_items = 1, max_items = 5000)]
    pub rows: Vec<RosterRow>,
}

/// When the batch left.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// Day of departure.
    pub departed_on: Day,
}

/// An action without further words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct Nothing {}

fn path_of(row: &Dispatch) -> String {
    format!("/v1/agreements/{}/dispatches/{}", row.agreement_id, row.id)
}

/// Prepares a dispatch
///
/// A batch of workers to be sent under an agreement in force. It starts as a draft that only the origin sees; its holds on places run
/// from now for the days the terms say.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement")), request_body = NewDispatch,
    responses((status = 201, description = "The dispatch, as a draft", body = Dispatch)), security(("oauth2" = ["dispatches.write"])))]
#[post("/v1/agreements/{agreement_id}/dispatches")]
pub async fn prepare_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<Id>,
    posted: Posted<NewDispatch>,
) -> Result<Answer> {
    let (actor, keys, agreement_id) = (caller.actor(&state), state.keys.clone(), path.into_inner());
    let Posted { body, key } = posted;
    rules::check(&body, state.clock.today())?;
    key.run(&state, move |connection| {
        let terms = origin_in_force(connection, &actor, agreement_id)?;
        let row = store::insert(connection, &actor, &keys, agreement_id, &body, terms.hold_days)?;
        log::record(connection, &actor, event(&row, "dispatch.prepared"))?;
        Answer::created(path_of(&row), &row).map(|answer| answer.version(row.version))
    })
    .await
}

/// Lists dispatches
///
/// Drafts are visible to their origin only.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, DispatchFilter),
    responses((status = 200, description = "A page of dispatches", body = Page<Dispatch>)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/dispatches")]
pub async fn list_dispatches(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<DispatchFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        agreements::store::role(connection, &caller.scope, agreement_id)?;
        let rows = store::list(connection, caller.scope.party_id, agreement_id, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.id))
    };
    state.db.read(read).await
}

/// Reads a dispatch
///
/// With its state, its counts by outcome and its version as ETag; members of the agreement see it.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    responses((status = 200, description = "The dispatch", body = Dispatch)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/dispatches/{dispatch_id}")]
pub async fn get_dispatch(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (agreement_id, id) = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        agreements::store::role(connection, &caller.scope, agreement_id)?;
        let row = store::dispatch(connection, &caller.scope, agreement_id, id)?;
        Ok(Answer::ok(&row)?.version(row.version))
    };
    state.db.read(read).await
}

/// The faults of a refused row, each under the row's pointer.
fn row_faults(error: Error, row: usize) -> Vec<Fault> {
    if error.faults.is_empty() {
        let definition = error.code.definition();
        let mut fault = Fault::body(format!("/rows/{row}"), definition.name, definition.title_en, definition.title_zh);
        fault.params = error.params;
        return vec![fault];
    }
    let prefixed = |mut fault: Fault| {
        if let crate::error::Place::Body { pointer } = &mut fault.place {
            *pointer = format!("#/rows/{row}{}", pointer.trim_start_matches('#'));
        }
        fault
    };
    error.faults.into_iter().map(prefixed).collect()
}

fn receipts(rows: &[RosterRow], results: Vec<RowOutcome>, language: Language) -> Receipts {
    let mut receipts = Receipts::default();
    for (number, (row, result)) in rows.iter().zip(results).enumerate() {
        receipts.push(row.partner_ref.clone(), result.map_err(|error| row_faults(error, number)), language);
    }
    receipts
}

/// Enrols workers on a roster
///
/// Up to 5,000 rows. A place is held the moment its row is accepted, never oversold; a worker with an open placement anywhere in the
/// exchange is refused. Rows stand alone: each has a receipt, accepted, unchanged (it was there already) or rejected with code and pointer.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    request_body = RosterCall, responses((status = 207, description = "A receipt for each row", body = Receipts)), security(("oauth2" = ["dispatches.write"])))]
#[post("/v1/agreements/{agreement_id}/dispatches/{dispatch_id}/roster")]
pub async fn enrol_roster(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<RosterCall>,
) -> Result<Answer> {
    let (actor, keys, ids) = (caller.actor(&state), state.keys.clone(), path.into_inner());
    let Posted { body, key } = posted;
    if !(1..=ROSTER_ROWS_MAX).contains(&body.rows.len()) {
        return Err(Error::new(Code::FieldInvalid).fault(Fault::body(
            "/rows",
            "row_count",
            "1 to 5,000 rows in one call",
            "每次提交 1 至 5000 行",
        )));
    }
    let language = key.language();
    key.run(&state, move |connection| {
        let results = enrol_roster_rows(connection, &actor, &keys, ids, if_match, &body.rows)?;
        Answer::multi_status(&receipts(&body.rows, results, language))
    })
    .await
}

/// One action on a dispatch of the caller's own.
async fn act(
    state: &State,
    caller: &Caller<DispatchesWrite>,
    ids: (Id, Id),
    if_match: IfMatch,
    key: crate::http::idempotency::IdempotencyKey,
    step: impl FnOnce(&mut DbConnection, &Actor, Dispatch) -> Result<Dispatch> + Send + 'static,
) -> Result<Answer> {
    let actor = caller.actor(state);
    key.run(state, move |connection| {
        agreements::store::role(connection, &actor.scope, ids.0)?;
        let dispatch = store::own_dispatch(connection, &actor.scope, ids.0, ids.1)?;
        if_match.check(dispatch.version)?;
        let row = step(connection, &actor, dispatch)?;
        Ok(Answer::ok(&row)?.version(row.version))
    })
    .await
}

/// Locks a roster
///
/// The roster is fixed and shown to the destination; its places stay held.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    request_body = Nothing, responses((status = 200, description = "The dispatch, locked", body = Dispatch)), security(("oauth2" = ["dispatches.write"])))]
#[post("/v1/agreements/{agreement_id}/dispatches/{dispatch_id}/lock")]
pub async fn lock_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Nothing>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted.key, |connection, actor, dispatch| {
        if dispatch.placements == 0 {
            return Err(Error::new(Code::RosterEmpty));
        }
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Lock, None)?;
        log::record(connection, actor, event(&row, "dispatch.locked"))?;
        Ok(row)
    })
    .await
}

/// Unlocks a roster
///
/// Opens the roster of a locked dispatch again.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    request_body = Nothing, responses((status = 200, description = "The dispatch, a draft again", body = Dispatch)), security(("oauth2" = ["dispatches.write"])))]
#[post("/v1/agreements/{agreement_id}/dispatches/{dispatch_id}/unlock")]
pub async fn unlock_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Nothing>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted.key, |connection, actor, dispatch| {
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Unlock, None)?;
        log::record(connection, actor, event(&row, "dispatch.unlocked"))?;
        Ok(row)
    })
    .await
}

/// Lets a dispatch depart
///
/// The roster must be locked and its holds must not have lapsed. Its places are consumed, its workers count as dispatched, each in the
/// group it belonged to on the day of departure.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    request_body = Departure, responses((status = 200, description = "The dispatch, departed", body = Dispatch)), security(("oauth2" = ["dispatches.write"])))]
#[post("/v1/agreements/{agreement_id}/dispatches/{dispatch_id}/departure")]
pub async fn depart_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Departure>,
) -> Result<Answer> {
    let departed_on = posted.body.departed_on;
    let today = state.clock.today();
    act(&state, &caller, path.into_inner(), if_match, posted.key, move |connection, actor, dispatch| {
        lifecycle::step(TRANSITIONS, dispatch.state, DispatchAction::Depart)?;
        if departed_on > today || departed_on < dispatch.planned_departure_on.plus_days(-31) {
            let fault = Fault::body(
                "/departed_on",
                "date_out_of_range",
                "must not lie ahead, nor a month before the plan",
                "不得晚于今日，也不得早于计划一个月以上",
            );
            return Err(Error::new(Code::FieldInvalid).fault(fault));
        }
        if dispatch.holds_until <= actor.now {
            return Err(Error::new(Code::HoldLapsed).param("holds_until", dispatch.holds_until.to_string()));
        }
        origin_in_force(connection, actor, dispatch.agreement_id)?;
        let roster = store::roster(connection, dispatch.agreement_id, dispatch.id)?;
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Depart, Some(departed_on))?;
        outcomes::depart(connection, actor, &row, &roster, departed_on)?;
        log::record(connection, actor, event(&row, "dispatch.departed"))?;
        Ok(row)
    })
    .await
}

/// Cancels a dispatch
///
/// Before departure. Its places and workers are free again at once.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    request_body = Nothing, responses((status = 200, description = "The dispatch, cancelled", body = Dispatch)), security(("oauth2" = ["dispatches.write"])))]
#[post("/v1/agreements/{agreement_id}/dispatches/{dispatch_id}/cancellation")]
pub async fn cancel_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Nothing>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted.key, |connection, actor, dispatch| {
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Cancel, None)?;
        outcomes::cancel_roster(connection, actor, row.agreement_id, row.id, "cancelled")?;
        let row = Dispatch { placements: 0, version: row.version + 1, ..row };
        log::record(connection, actor, event(&row, "dispatch.cancelled"))?;
        Ok(row)
    })
    .await
}

/// Closes a dispatch
///
/// Everything about it is settled: no placement of it still waits for its outcome.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    request_body = Nothing, responses((status = 200, description = "The dispatch, closed", body = Dispatch)), security(("oauth2" = ["dispatches.write"])))]
#[post("/v1/agreements/{agreement_id}/dispatches/{dispatch_id}/closure")]
pub async fn close_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Nothing>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted.key, |connection, actor, dispatch| {
        let waiting = store::roster(connection, dispatch.agreement_id, dispatch.id)?
            .iter()
            .filter(|row| row.state == PlacementState::Departed)
            .count();
        if waiting > 0 {
            let detail =
                (format!("{waiting} placements still wait for their outcome"), format!("仍有 {waiting} 人未确认结果"));
            return Err(Error::new(Code::TransitionNotAllowed).detail(detail.0, detail.1).param("waiting", waiting));
        }
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Close, None)?;
        log::record(connection, actor, event(&row, "dispatch.closed"))?;
        Ok(row)
    })
    .await
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(prepare_dispatch)
        .service(list_dispatches)
        .service(get_dispatch)
        .service(enrol_roster)
        .service(lock_dispatch)
        .service(unlock_dispatch)
        .service(depart_dispatch)
        .service(cancel_dispatch)
        .service(close_dispatch);
    placements::mount(config);
}
