//! HTTP of dispatches and placements.

mod placements;

use actix_web::{get, post, web};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::enrolment::{event, event_for_members, origin_in_force};
use super::store;
use super::store::lists::{self, DispatchFilter};
use super::{
    Dispatch, DispatchAction, DispatchState, Leader, NewDispatch, PlacementState, Rescheduling, TRANSITIONS, outcomes,
    rules,
};
use crate::agreements::{self, PartyRole};
use crate::app::State;
use crate::db::{Day, DbConnection, Id, Instant, Page};
use crate::error::{Code, Error, Fault, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::extract::{EmptyBody, IfMatch};
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, DispatchesWrite};
use crate::lifecycle;

/// When the batch left.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"departed_on": "2026-03-05"}))]
pub struct Departure {
    /// Day of departure.
    pub departed_on: Day,
}

fn path_of(row: &Dispatch) -> String {
    format!("/v1/agreements/{}/dispatches/{}", row.agreement_id, row.id)
}

/// Prepares a dispatch
///
/// A batch of workers to be sent under an agreement in force. It starts as a draft that only the origin sees; its holds on places run
/// from now for the days the terms say.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement")), request_body = NewDispatch,
    responses((status = 201, description = "The dispatch, as a draft", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches")]
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
        let terms = origin_in_force(connection, &actor, agreement_id, actor.now.day())?;
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
#[get("/dispatches")]
pub async fn list_dispatches(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<DispatchFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        agreements::store::role(connection, &caller.scope, agreement_id)?;
        let rows = lists::dispatches(connection, caller.scope.party_id, agreement_id, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.id))
    };
    state.db.read(read).await
}

/// Reads a dispatch
///
/// With its state, how many stand on its roster and its version as ETag; members of the agreement see it, a draft only its origin.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    responses((status = 200, description = "The dispatch", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/dispatches/{dispatch_id}")]
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

/// Plans other days
///
/// For a batch that has not left: its workers are then expected by the arrival window after the new day.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch),
    request_body = Rescheduling, responses((status = 200, description = "The dispatch, with other days", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/rescheduling")]
pub async fn reschedule_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Rescheduling>,
) -> Result<Answer> {
    let days = posted.body;
    act(&state, &caller, path.into_inner(), if_match, posted.key, move |connection, actor, dispatch| {
        lifecycle::step(TRANSITIONS, dispatch.state, DispatchAction::Reschedule)?;
        rules::check_rescheduling(&days, dispatch.plan_year, actor.now.day())?;
        let terms = origin_in_force(connection, actor, dispatch.agreement_id, actor.now.day())?;
        let due = days.planned_arrival_on.plus_days(i64::from(terms.arrival.window_days));
        let row = store::reschedule(connection, actor, &dispatch, days, due)?;
        log::record(connection, actor, event(&row, "dispatch.rescheduled"))?;
        Ok(row)
    })
    .await
}

/// Reads the leader of a dispatch
///
/// Whom to call at the handover: for its origin, and for the destinations of the agreement once the roster is locked.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch")),
    responses((status = 200, description = "Name and phone", body = Leader)), security(("oauth2" = ["agreements.read"])))]
#[get("/dispatches/{dispatch_id}/leader")]
pub async fn get_dispatch_leader(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let ((agreement_id, id), keys) = (path.into_inner(), state.keys.clone());
    let read = move |connection: &mut DbConnection| {
        let role = agreements::store::role(connection, &caller.scope, agreement_id)?;
        let row = store::dispatch(connection, &caller.scope, agreement_id, id)?;
        if row.origin_id != caller.scope.party_id && role != PartyRole::Destination {
            return Err(Error::not_found("dispatch", "输送批次"));
        }
        Answer::ok(&store::leader(connection, &keys, &row)?)
    };
    state.db.read(read).await
}

/// Locks a roster
///
/// The roster is fixed and shown to the destination; its places stay held.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch),
    request_body = EmptyBody, responses((status = 200, description = "The dispatch, locked", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/lock")]
pub async fn lock_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
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
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch),
    request_body = EmptyBody, responses((status = 200, description = "The dispatch, a draft again", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/unlock")]
pub async fn unlock_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted.key, |connection, actor, dispatch| {
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Unlock, None)?;
        log::record(connection, actor, event_for_members(&row, "dispatch.unlocked"))?;
        Ok(row)
    })
    .await
}

fn check_departure(dispatch: &Dispatch, departed_on: Day, now: Instant) -> Result<()> {
    if departed_on > now.day() || departed_on < dispatch.planned_departure_on.plus_days(-31) {
        let (en, zh) = ("must not lie ahead, nor a month before the plan", "不得晚于今日，也不得早于计划一个月以上");
        return Err(Error::new(Code::FieldInvalid).fault(Fault::body("/departed_on", "date_out_of_range", en, zh)));
    }
    if dispatch.holds_until <= now {
        return Err(Error::new(Code::HoldLapsed).param("holds_until", dispatch.holds_until.to_string()));
    }
    Ok(())
}

/// Lets a dispatch depart
///
/// The roster must be locked and its holds must not have lapsed. Its places are consumed, its workers count as dispatched, each in the
/// group it belonged to on the day of departure.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch),
    request_body = Departure, responses((status = 200, description = "The dispatch, departed", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/departure")]
pub async fn depart_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Departure>,
) -> Result<Answer> {
    let (departed_on, attach) = (posted.body.departed_on, state.attach);
    act(&state, &caller, path.into_inner(), if_match, posted.key, move |connection, actor, dispatch| {
        lifecycle::step(TRANSITIONS, dispatch.state, DispatchAction::Depart)?;
        check_departure(&dispatch, departed_on, actor.now)?;
        origin_in_force(connection, actor, dispatch.agreement_id, departed_on)?;
        let roster = store::roster(connection, dispatch.agreement_id, dispatch.id)?;
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Depart, Some(departed_on))?;
        outcomes::depart(connection, actor, &row, &roster, departed_on)?;
        let heard = attach(connection, actor, &row)?;
        let events = std::iter::once(event(&row, "dispatch.departed")).chain(heard);
        log::record_all(connection, events.map(|event| (actor, event)).collect())?;
        Ok(row)
    })
    .await
}

/// Cancels a dispatch
///
/// Before departure. Its places and workers are free again at once.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch),
    request_body = EmptyBody, responses((status = 200, description = "The dispatch, cancelled", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/cancellation")]
pub async fn cancel_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted.key, |connection, actor, dispatch| {
        let known = dispatch.state != DispatchState::Draft;
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Cancel, None)?;
        outcomes::cancel_roster(connection, actor, row.agreement_id, row.id, "cancelled")?;
        let row = Dispatch { placements: 0, version: row.version + 1, ..row };
        let told = event_for_members(&row, "dispatch.cancelled");
        let chain = if known { told.chain } else { Chain::Party(row.origin_id) };
        log::record(connection, actor, NewEvent { chain, ..told })?;
        Ok(row)
    })
    .await
}

fn must_be_settled(connection: &mut DbConnection, dispatch: &Dispatch) -> Result<()> {
    let roster = store::roster(connection, dispatch.agreement_id, dispatch.id)?;
    let waiting = roster.iter().filter(|row| row.state == PlacementState::Departed).count();
    if waiting == 0 {
        return Ok(());
    }
    let (en, zh) =
        (format!("{waiting} placements still wait for their outcome"), format!("仍有 {waiting} 人未确认结果"));
    Err(Error::new(Code::TransitionNotAllowed)
        .detail(en, zh)
        .param("state", dispatch.state.as_str())
        .param("allowed_actions", json!([]))
        .param("waiting", waiting))
}

/// Closes a dispatch
///
/// Everything about it is settled: no placement of it still waits for its outcome.
#[utoipa::path(tag = "dispatches", params(("agreement_id" = Id, Path, description = "The agreement"), ("dispatch_id" = Id, Path, description = "The dispatch"), IfMatch),
    request_body = EmptyBody, responses((status = 200, description = "The dispatch, closed", body = Dispatch, headers(("ETag")))), security(("oauth2" = ["dispatches.write"])))]
#[post("/dispatches/{dispatch_id}/closure")]
pub async fn close_dispatch(
    state: web::Data<State>,
    caller: Caller<DispatchesWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted.key, |connection, actor, dispatch| {
        must_be_settled(connection, &dispatch)?;
        let row = store::advance(connection, actor, &dispatch, DispatchAction::Close, None)?;
        log::record(connection, actor, event(&row, "dispatch.closed"))?;
        Ok(row)
    })
    .await
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(prepare_dispatch)
        .service(list_dispatches)
        .service(get_dispatch)
        .service(reschedule_dispatch)
        .service(get_dispatch_leader)
        .service(lock_dispatch)
        .service(unlock_dispatch)
        .service(depart_dispatch)
        .service(cancel_dispatch)
        .service(close_dispatch);
    placements::mount_within(config);
}
