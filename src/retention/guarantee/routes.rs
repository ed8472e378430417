//! HTTP of replacement duties.

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::commands;
use super::store::{self as duties, ReplacementDutyFilter};
use super::{NewReplacement, NewWaiver, ReplacementDuty, ReplacementDutyToday};
use crate::app::State;
use crate::db::{Day, DbConnection, Id, Page};
use crate::error::Result;
use crate::http::extract::IfMatch;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, RetentionWrite};
use crate::retention::store;

/// The answer that shows a duty as of a day.
fn shown(duty: ReplacementDuty, today: Day) -> Result<Answer> {
    let version = duty.version;
    Ok(Answer::ok(&ReplacementDutyToday::of(duty, today))?.shown(version))
}

/// Lists replacement duties
///
/// Another worker is owed in the place of one who left within the guarantee of the terms (`guarantee`), for a reason that they name. An
/// origin sees what it owes, an employer what it is owed, destinations and stations all.
#[utoipa::path(tag = "retention", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, ReplacementDutyFilter),
    responses((status = 200, description = "A page of replacement duties", body = Page<ReplacementDutyToday>)), security(("oauth2" = ["agreements.read"])))]
#[get("/replacement-duties")]
pub async fn list_replacement_duties(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<ReplacementDutyFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let today = state.clock.today();
    let read = move |connection: &mut DbConnection| {
        let reader = store::reporter(connection, &caller.scope, agreement_id)?;
        let rows = duties::list(connection, agreement_id, reader, today, &listing.filter, &page)?;
        let rows = rows.into_iter().map(|duty| ReplacementDutyToday::of(duty, today)).collect();
        Answer::page(&page.page(&keys, rows, |row: &ReplacementDutyToday| row.duty.id))
    };
    state.db.read(read).await
}

/// Reads a replacement duty
///
/// Who owes it to whom, until when, and what became of it.
#[utoipa::path(tag = "retention",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("duty_id" = Id, Path, description = "The replacement duty")),
    responses((status = 200, description = "The replacement duty", body = ReplacementDutyToday, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/replacement-duties/{duty_id}")]
pub async fn get_replacement_duty(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let ((agreement_id, id), today) = (path.into_inner(), state.clock.today());
    let read = move |connection: &mut DbConnection| {
        let reader = store::reporter(connection, &caller.scope, agreement_id)?;
        shown(duties::duty(connection, agreement_id, reader, id)?, today)
    };
    state.db.read(read).await
}

/// Fulfils a replacement duty
///
/// For the origin: names the placement of the worker who has arrived in the place of the one who left. One that arrived after the last
/// day fulfils it too, marked late. Should that arrival be denied later, the duty is owed again.
#[utoipa::path(tag = "retention",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("duty_id" = Id, Path, description = "The replacement duty"), IfMatch),
    request_body = NewReplacement, responses((status = 200, description = "The duty, fulfilled", body = ReplacementDutyToday, headers(("ETag")))),
    security(("oauth2" = ["retention.write"])))]
#[post("/replacement-duties/{duty_id}/fulfilment")]
pub async fn fulfil_replacement_duty(
    state: web::Data<State>,
    caller: Caller<RetentionWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewReplacement>,
) -> Result<Answer> {
    let (actor, duty, Posted { body, key }) = (caller.actor(&state), path.into_inner(), posted);
    let fulfil = move |connection: &mut DbConnection| {
        shown(commands::fulfil(connection, &actor, duty, if_match, &body)?, actor.now.day())
    };
    key.run(&state, fulfil).await
}

/// Waives a replacement duty
///
/// For the destination or the employer that was left: nobody is needed in that place. The place stays free.
#[utoipa::path(tag = "retention",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("duty_id" = Id, Path, description = "The replacement duty"), IfMatch),
    request_body = NewWaiver, responses((status = 200, description = "The duty, waived", body = ReplacementDutyToday, headers(("ETag")))),
    security(("oauth2" = ["retention.write"])))]
#[post("/replacement-duties/{duty_id}/waiver")]
pub async fn waive_replacement_duty(
    state: web::Data<State>,
    caller: Caller<RetentionWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewWaiver>,
) -> Result<Answer> {
    let (actor, duty, Posted { body, key }) = (caller.actor(&state), path.into_inner(), posted);
    let waive = move |connection: &mut DbConnection| {
        shown(commands::waive(connection, &actor, duty, if_match, &body)?, actor.now.day())
    };
    key.run(&state, waive).await
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(list_replacement_duties)
        .service(get_replacement_duty)
        .service(fulfil_replacement_duty)
        .service(waive_replacement_duty);
}
