//! The steps in the life of an agreement and of its versions.

use actix_web::{post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::one;
use crate::agreements::answers::{AgreementDetail, AgreementVersion};
use crate::agreements::requests::{NewAmendment, NewRatification, ReasonedStep};
use crate::agreements::store::versions::{self, VersionRow};
use crate::agreements::store::{self, Membership};
use crate::agreements::{AgreementAction, drafting, ratifying};
use crate::app::State;
use crate::db::{DbConnection, Id};
use crate::error::Result;
use crate::events::Actor;
use crate::http::Answer;
use crate::http::extract::{EmptyBody, IfMatch, Posted};
use crate::identity::Caller;
use crate::identity::policy::AgreementsWrite;

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(propose_agreement)
        .service(withdraw_agreement)
        .service(ratify_agreement)
        .service(suspend_agreement)
        .service(resume_agreement)
        .service(terminate_agreement)
        .service(propose_amendment)
        .service(withdraw_amendment);
}

/// One step on a locked agreement, and the agreement after it.
fn step(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    if_match: IfMatch,
    taken: impl FnOnce(&mut DbConnection, &Actor, Membership) -> Result<Membership>,
) -> Result<Answer> {
    let membership = store::locked(connection, &actor.scope, agreement_id)?;
    if_match.check(membership.agreement.version)?;
    let membership = taken(connection, actor, membership)?;
    let today = actor.now.day();
    one(connection, membership, today, today)
}

/// A version as it is after a step of its own.
fn version_now(connection: &mut DbConnection, row: &VersionRow) -> Result<AgreementVersion> {
    let ratifications = versions::ratifications_of(connection, row.agreement_id, std::slice::from_ref(row))?;
    Ok(AgreementVersion::of(row, &ratifications))
}

/// Propose an agreement
///
/// Puts the draft before its parties. From now on its document never changes; every party reads it and ratifies its digest.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), IfMatch),
    request_body = EmptyBody,
    responses((status = 200, description = "The proposal", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/proposal")]
async fn propose_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    posted.key.run(&state, move |connection| step(connection, &actor, id, if_match, drafting::propose)).await
}

/// Withdraw a proposal
///
/// The drafting party takes the proposal back. The proposed version stays on record as withdrawn; the draft goes on as a new version.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), IfMatch),
    request_body = EmptyBody,
    responses((status = 200, description = "The draft", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/withdrawal")]
async fn withdraw_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    posted.key.run(&state, move |connection| step(connection, &actor, id, if_match, drafting::withdraw)).await
}

/// Ratify a version
///
/// The caller's party says yes to exactly the bytes with this digest, once. With the last party's yes the version is ratified. A
/// detached signature is verified against the keys registered for the client and kept.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), IfMatch),
    request_body = NewRatification,
    responses((status = 200, description = "The agreement after it", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/ratification")]
async fn ratify_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<NewRatification>,
) -> Result<Answer> {
    let (actor, id, body) = (caller.actor(&state), path.into_inner(), posted.body);
    let ratify = move |connection: &mut DbConnection| {
        step(connection, &actor, id, if_match, |connection, actor, membership| {
            ratifying::ratify(connection, actor, membership, &body)
        })
    };
    posted.key.run(&state, ratify).await
}

/// Suspend an agreement
///
/// An origin or a destination pauses it: no new dispatches; what is on the way goes on.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), IfMatch),
    request_body = ReasonedStep,
    responses((status = 200, description = "The suspended agreement", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/suspension")]
async fn suspend_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<ReasonedStep>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    reasoned(&state, actor, id, if_match, posted, AgreementAction::Suspend).await
}

/// Resume an agreement
///
/// An origin or a destination lets a suspended agreement go on.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), IfMatch),
    request_body = ReasonedStep,
    responses((status = 200, description = "The agreement", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/resumption")]
async fn resume_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<ReasonedStep>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    reasoned(&state, actor, id, if_match, posted, AgreementAction::Resume).await
}

/// Terminate an agreement
///
/// An origin or a destination ends it for good. What happened under it stays readable.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), IfMatch),
    request_body = ReasonedStep,
    responses((status = 200, description = "The terminated agreement", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/termination")]
async fn terminate_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<ReasonedStep>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    reasoned(&state, actor, id, if_match, posted, AgreementAction::Terminate).await
}

async fn reasoned(
    state: &State,
    actor: Actor,
    agreement_id: Id,
    if_match: IfMatch,
    posted: Posted<ReasonedStep>,
    action: AgreementAction,
) -> Result<Answer> {
    let reason = posted.body.reason;
    let take = move |connection: &mut DbConnection| {
        step(connection, &actor, agreement_id, if_match, |connection, actor, membership| {
            ratifying::take_step(connection, actor, membership, action, &reason)
        })
    };
    posted.key.run(state, take).await
}

/// Propose an amendment
///
/// A new version of the terms of a ratified agreement, whole. It holds from its day once every party has ratified it; the version
/// before stays readable and holds for the days before. One amendment at a time. The ETag is that of the agreement.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement")),
    request_body = NewAmendment,
    responses((status = 201, description = "The proposed version", body = AgreementVersion, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/amendments")]
async fn propose_amendment(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    posted: Posted<NewAmendment>,
) -> Result<Answer> {
    let (actor, id, body) = (caller.actor(&state), path.into_inner(), posted.body);
    let amend = move |connection: &mut DbConnection| {
        let mut membership = store::locked(connection, &actor.scope, id)?;
        let row = ratifying::amend(connection, &actor, &mut membership, body)?;
        let location = format!("/v1/agreements/{id}/document?version={}", row.number);
        Ok(Answer::created(location, &version_now(connection, &row)?)?.version(membership.agreement.version))
    };
    posted.key.run(&state, amend).await
}

/// Withdraw an amendment
///
/// Takes a version that is before the parties off the table. Any origin or destination may: an amendment needs every party, so each
/// may refuse it. It stays on record as withdrawn. The ETag is that of the agreement.
#[utoipa::path(
    tag = "agreements",
    params(
        ("agreement_id" = Id, Path, description = "The agreement"),
        ("number" = i64, Path, description = "Number of the version", minimum = 1, maximum = 1_000_000)
    , IfMatch),
    request_body = EmptyBody,
    responses((status = 200, description = "The withdrawn version", body = AgreementVersion, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/amendments/{number}/withdrawal")]
async fn withdraw_amendment(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<(Id, i64)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (id, number)) = (caller.actor(&state), path.into_inner());
    let withdraw = move |connection: &mut DbConnection| {
        let mut membership = store::locked(connection, &actor.scope, id)?;
        if_match.check(membership.agreement.version)?;
        let row = ratifying::withdraw_amendment(connection, &actor, &mut membership, number)?;
        Ok(Answer::ok(&version_now(connection, &row)?)?.version(membership.agreement.version))
    };
    posted.key.run(&state, withdraw).await
}
