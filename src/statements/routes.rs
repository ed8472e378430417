//! Routes of monthly statements: compute, open, object, sign; read the figures, the rows, the difference between editions, the signed
//! bytes and the package.

mod moving;
mod reading;

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::commands::{self, Command};
use super::store::objections::{self, ObjectionFilter};
use super::{MonthlyStatement, NewObjection, NewSignature, NewStatement, Objection, StatementDetail, rules, store};
use crate::agreements::store::{locked, membership};
use crate::app::State;
use crate::db::{DbConnection, Id, Page};
use crate::error::Result;
use crate::events::Actor;
use crate::http::extract::{EmptyBody, IfMatch};
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, StatementsWrite};
use crate::seal::KeyRing;

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(draft_statement)
        .service(recompute_statement)
        .service(open_statement)
        .service(sign_statement)
        .service(raise_objection)
        .service(list_objections)
        .service(withdraw_objection);
    reading::mount_within(config);
    moving::mount_within(config);
}

/// A statement as answers show it.
fn shown(connection: &mut DbConnection, row: MonthlyStatement) -> Result<Answer> {
    let version = row.version;
    Ok(Answer::ok(&commands::detail(connection, row, None)?)?.shown(version))
}

/// One step of a side on a statement, and the statement after it.
fn step(
    connection: &mut DbConnection,
    (actor, keys): (&Actor, &KeyRing),
    (agreement_id, id): (Id, Id),
    if_match: IfMatch,
    take: impl FnOnce(&mut DbConnection, &Command<'_>, MonthlyStatement) -> Result<MonthlyStatement>,
) -> Result<Answer> {
    let held = locked(connection, &actor.scope, agreement_id)?;
    rules::require_side(held.role)?;
    let row = store::one(connection, agreement_id, id)?;
    if_match.check(row.version)?;
    let row = take(connection, &Command { actor, agreement: &held.agreement, keys }, row)?;
    shown(connection, row)
}

/// Compute the statement of a month
///
/// Computes what today's facts say of a month that is over: figures, and the rows behind each. A draft; both sides are asked when it is
/// opened. For the origins and destinations of the agreement.
#[utoipa::path(tag = "statements", params(("agreement_id" = Id, Path, description = "The agreement")), request_body = NewStatement,
    responses((status = 201, description = "The draft", body = StatementDetail, headers(("ETag")))), security(("oauth2" = ["statements.write"])))]
#[post("/statements")]
async fn draft_statement(
    state: web::Data<State>,
    caller: Caller<StatementsWrite>,
    path: web::Path<Id>,
    posted: Posted<NewStatement>,
) -> Result<Answer> {
    let (actor, keys, agreement_id) = (caller.actor(&state), state.keys.clone(), path.into_inner());
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let held = locked(connection, &actor.scope, agreement_id)?;
        rules::require_side(held.role)?;
        let command = Command { actor: &actor, agreement: &held.agreement, keys: &keys };
        let row = commands::draft(connection, &command, body)?;
        let (location, version) = (format!("/v1/agreements/{agreement_id}/statements/{}", row.id), row.version);
        Ok(Answer::created(location, &commands::detail(connection, row, None)?)?.shown(version))
    })
    .await
}

/// Compute a statement anew
///
/// From everything recorded by now, as the next edition; earlier editions stay readable. Signatures are for one edition, so both sides
/// sign the new one; once the statement was opened, the time to object begins again.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), IfMatch),
    request_body = EmptyBody, responses((status = 200, description = "The new edition", body = StatementDetail, headers(("ETag")))),
    security(("oauth2" = ["statements.write"])))]
#[post("/statements/{statement_id}/recomputation")]
async fn recompute_statement(
    state: web::Data<State>,
    caller: Caller<StatementsWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, keys, ids) = (caller.actor(&state), state.keys.clone(), path.into_inner());
    let run =
        move |connection: &mut DbConnection| step(connection, (&actor, &keys), ids, if_match, commands::recompute);
    posted.key.run(&state, run).await
}

/// Open a statement for objection
///
/// For the days that `deadlines.objection_days` of the terms give. Both sides may sign at once; signing says that nothing is objected to.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), IfMatch),
    request_body = EmptyBody, responses((status = 200, description = "The open statement", body = StatementDetail, headers(("ETag")))),
    security(("oauth2" = ["statements.write"])))]
#[post("/statements/{statement_id}/opening")]
async fn open_statement(
    state: web::Data<State>,
    caller: Caller<StatementsWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, keys, ids) = (caller.actor(&state), state.keys.clone(), path.into_inner());
    let run = move |connection: &mut DbConnection| step(connection, (&actor, &keys), ids, if_match, commands::open);
    posted.key.run(&state, run).await
}

/// Sign a statement
///
/// The caller's party says yes to the exact bytes of the latest edition, with a detached signature of a key registered for the client.
/// With the last side's signature the statement is frozen. Another edition or digest is refused with the way to what differs.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), IfMatch),
    request_body = NewSignature, responses((status = 200, description = "The statement after it", body = StatementDetail, headers(("ETag")))),
    security(("oauth2" = ["statements.write"])))]
#[post("/statements/{statement_id}/signature")]
async fn sign_statement(
    state: web::Data<State>,
    caller: Caller<StatementsWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<NewSignature>,
) -> Result<Answer> {
    let (actor, keys, ids) = (caller.actor(&state), state.keys.clone(), path.into_inner());
    let Posted { body, key } = posted;
    let sign = move |connection: &mut DbConnection| {
        step(connection, (&actor, &keys), ids, if_match, |connection, command, row| {
            commands::sign(connection, command.actor, row, &body)
        })
    };
    key.run(&state, sign).await
}

/// Object to a statement
///
/// Until the last day of the window. While an objection stands nobody can sign; correct the facts and have the statement computed anew,
/// or withdraw the objection.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement")),
    request_body = NewObjection, responses((status = 201, description = "The objection", body = Objection)), security(("oauth2" = ["statements.write"])))]
#[post("/statements/{statement_id}/objections")]
async fn raise_objection(
    state: web::Data<State>,
    caller: Caller<StatementsWrite>,
    path: web::Path<(Id, Id)>,
    posted: Posted<NewObjection>,
) -> Result<Answer> {
    let (actor, (agreement_id, id)) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let held = locked(connection, &actor.scope, agreement_id)?;
        rules::require_side(held.role)?;
        let row = store::one(connection, agreement_id, id)?;
        let objection = commands::object(connection, &actor, &row, &body)?;
        Answer::created(format!("/v1/agreements/{agreement_id}/statements/{id}/objections"), &objection)
    })
    .await
}

/// List the objections to a statement
///
/// Those that stand and those withdrawn, with who raised them, why, and against which edition.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"), PageParams, ObjectionFilter),
    responses((status = 200, description = "A page of objections", body = Page<Objection>)), security(("oauth2" = ["agreements.read"])))]
#[get("/statements/{statement_id}/objections")]
async fn list_objections(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    listing: Listing<ObjectionFilter>,
) -> Result<Answer> {
    let (page, keys, (agreement_id, id)) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        membership(connection, &caller.scope, agreement_id)?;
        let row = store::one(connection, agreement_id, id)?;
        let rows = objections::list(connection, &row, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |objection| objection.id))
    };
    state.db.read(read).await
}

/// Withdraw an objection
///
/// Only the party that raised it may.
#[utoipa::path(tag = "statements",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("statement_id" = Id, Path, description = "The statement"),
        ("objection_id" = Id, Path, description = "The objection")),
    request_body = EmptyBody, responses((status = 200, description = "The objection, withdrawn", body = Objection)),
    security(("oauth2" = ["statements.write"])))]
#[post("/statements/{statement_id}/objections/{objection_id}/withdrawal")]
async fn withdraw_objection(
    state: web::Data<State>,
    caller: Caller<StatementsWrite>,
    path: web::Path<(Id, Id, Id)>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (agreement_id, id, objection_id)) = (caller.actor(&state), path.into_inner());
    let withdraw = move |connection: &mut DbConnection| {
        locked(connection, &actor.scope, agreement_id)?;
        let row = store::one(connection, agreement_id, id)?;
        Answer::ok(&commands::withdraw_objection(connection, &actor, &row, objection_id)?)
    };
    posted.key.run(&state, withdraw).await
}
