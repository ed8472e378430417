//! HTTP of discrepancies: what people do with one or with many of them. Reading is in `reading`.

mod reading;

use actix_web::{post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::cases::Case;
use super::commands::{self, Command};
use super::matching::match_by_hand;
use super::requests::{NewAnswer, NewBulkResolution, NewEvidenceRequest, NewMatch, NewResolution, NewUndo};
use super::rules::require_side;
use super::{BulkResolution, DiscrepancyToday, store};
use crate::agreements::store::locked;
use crate::app::State;
use crate::db::{DbConnection, Id};
use crate::error::{Error, Result};
use crate::http::extract::{EmptyBody, IfMatch};
use crate::http::{Answer, Posted};
use crate::identity::Caller;
use crate::identity::policy::ReconciliationWrite;

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(request_evidence)
        .service(answer_discrepancy)
        .service(resolve_discrepancy)
        .service(match_discrepancy)
        .service(undo_on_discrepancy)
        .service(resolve_discrepancies)
        .service(confirm_resolution);
    reading::mount_within(config);
}

/// One act of a side on a discrepancy, and the discrepancy after it.
async fn act<T: 'static + Send>(
    state: &web::Data<State>,
    caller: &Caller<ReconciliationWrite>,
    (agreement_id, id): (Id, Id),
    if_match: IfMatch,
    posted: Posted<T>,
    take: fn(&mut DbConnection, Command<'_>, &mut Case, &T) -> Result<()>,
) -> Result<Answer> {
    let actor = caller.actor(state);
    let Posted { body, key } = posted;
    key.run(state, move |connection| {
        let held = locked(connection, &actor.scope, agreement_id)?;
        require_side(held.role)?;
        let mut case = store::case(connection, agreement_id, id)?;
        if_match.check(case.row.version)?;
        take(connection, Command { actor: &actor, role: held.role }, &mut case, &body)?;
        commands::finish(connection, &actor, &case)?;
        let version = case.row.version;
        let shown = reading::today(connection, agreement_id, actor.now.day(), vec![case.row])?.pop();
        Ok(Answer::ok(&shown.ok_or_else(|| Error::internal("a row was lost"))?)?.shown(version))
    })
    .await
}

/// Ask the owner for evidence
///
/// The owner has the days that `deadlines.answer_days` of the terms give, from today; a last day that is a day off moves to the next
/// working day. What was overdue before stays missed.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("discrepancy_id" = Id, Path, description = "The discrepancy"), IfMatch),
    request_body = NewEvidenceRequest, responses((status = 200, description = "The discrepancy after it", body = DiscrepancyToday, headers(("ETag")))),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/discrepancies/{discrepancy_id}/evidence-requests")]
async fn request_evidence(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewEvidenceRequest>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted, commands::ask).await
}

/// Answer a discrepancy
///
/// For the party that owns the fact; the destination answers for an employer too, which it has to follow up.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("discrepancy_id" = Id, Path, description = "The discrepancy"), IfMatch),
    request_body = NewAnswer, responses((status = 200, description = "The discrepancy after it", body = DiscrepancyToday, headers(("ETag")))),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/discrepancies/{discrepancy_id}/answers")]
async fn answer_discrepancy(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewAnswer>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted, commands::answer).await
}

/// Resolve a discrepancy
///
/// Says whose word stands. The party that reported the fact in question (`reported_by`) cannot decide about it. A later run leaves it
/// resolved until the facts change.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("discrepancy_id" = Id, Path, description = "The discrepancy"), IfMatch),
    request_body = NewResolution, responses((status = 200, description = "The discrepancy after it", body = DiscrepancyToday, headers(("ETag")))),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/discrepancies/{discrepancy_id}/resolution")]
async fn resolve_discrepancy(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewResolution>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted, commands::resolve).await
}

/// Match a claim to a placement by hand
///
/// For a discrepancy about a claim that names a person (`unannounced`, `ambiguous`). Where number, name or day do not fit, `force` with a
/// reason matches all the same. The next run reads the claims about this person in this season as claims about the placement; a
/// placement of which the claimant has spoken already takes none.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("discrepancy_id" = Id, Path, description = "The discrepancy"), IfMatch),
    request_body = NewMatch, responses((status = 200, description = "The discrepancy after it", body = DiscrepancyToday, headers(("ETag")))),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/discrepancies/{discrepancy_id}/match")]
async fn match_discrepancy(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewMatch>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted, match_by_hand).await
}

/// Undo the last act on a discrepancy
///
/// Restores the state before the caller's own last question, answer, resolution or match. Both entries stay.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("discrepancy_id" = Id, Path, description = "The discrepancy"), IfMatch),
    request_body = NewUndo, responses((status = 200, description = "The discrepancy after it", body = DiscrepancyToday, headers(("ETag")))),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/discrepancies/{discrepancy_id}/undo")]
async fn undo_on_discrepancy(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewUndo>,
) -> Result<Answer> {
    act(&state, &caller, path.into_inner(), if_match, posted, commands::undo).await
}

/// Resolve many discrepancies
///
/// One word over up to a thousand of them; rows stand alone. Above 20 rows it is only proposed, and takes effect when another client of the
/// same party confirms it.
#[utoipa::path(tag = "discrepancies", params(("agreement_id" = Id, Path, description = "The agreement")), request_body = NewBulkResolution,
    responses((status = 207, description = "The resolution, and what became of each row", body = BulkResolution)),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/discrepancy-resolutions")]
async fn resolve_discrepancies(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<Id>,
    posted: Posted<NewBulkResolution>,
) -> Result<Answer> {
    let (actor, agreement_id) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    let language = key.language();
    key.run(&state, move |connection| {
        let held = locked(connection, &actor.scope, agreement_id)?;
        require_side(held.role)?;
        let command = Command { actor: &actor, role: held.role };
        Answer::multi_status(&commands::resolve_many(connection, command, agreement_id, &body, language)?)
    })
    .await
}

/// Confirm a resolution of many discrepancies
///
/// By another client of the party that proposed it. Rows that were settled or changed hands meanwhile are told, the others are resolved.
#[utoipa::path(tag = "discrepancies",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("resolution_id" = Id, Path, description = "The resolution")),
    request_body = EmptyBody, responses((status = 207, description = "The resolution, and what became of each row", body = BulkResolution)),
    security(("oauth2" = ["reconciliation.write"])))]
#[post("/discrepancy-resolutions/{resolution_id}/confirmation")]
async fn confirm_resolution(
    state: web::Data<State>,
    caller: Caller<ReconciliationWrite>,
    path: web::Path<(Id, Id)>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (agreement_id, id)) = (caller.actor(&state), path.into_inner());
    let (key, language) = (posted.key.clone(), posted.key.language());
    key.run(&state, move |connection| {
        let held = locked(connection, &actor.scope, agreement_id)?;
        let row = store::resolution(connection, agreement_id, id)?;
        let command = Command { actor: &actor, role: held.role };
        Answer::multi_status(&commands::confirm(connection, command, row, language)?)
    })
    .await
}
