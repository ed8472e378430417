//! Agreements over HTTP: reading, drafting and changing. The steps that follow are in `steps`.

mod steps;

use actix_web::{Responder, get, patch, post, web};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use utoipa_actix_web::service_config::ServiceConfig;

use super::answers::{self, AgreementDetail, AgreementSummary, AgreementVersion};
use super::document::{Document, require_intact};
use super::drafting;
use super::requests::{AgreementChange, AgreementFilter, AsOf, NewAgreement, WhichVersion};
use super::store::versions;
use super::store::{self, Membership};
use crate::app::State;
use crate::db::{Day, DbConnection, Id, Page};
use crate::error::{Error, Result};
use crate::http::Answer;
use crate::http::extract::{Patched, Posted};
use crate::http::query::{Listing, NoFilter, PageParams, Query};
use crate::identity::Caller;
use crate::identity::policy::{AgreementsRead, AgreementsWrite};

/// Mounts what belongs to no single agreement.
pub fn mount(config: &mut ServiceConfig) {
    config.service(draft_agreement).service(list_agreements);
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(get_agreement)
        .service(change_agreement)
        .service(get_agreement_document)
        .service(list_agreement_versions);
    steps::mount_within(config);
}

/// The answer to a command or a look at one agreement.
fn one(connection: &mut DbConnection, membership: Membership, day: Day, today: Day) -> Result<Answer> {
    let version = membership.agreement.version;
    Ok(Answer::ok(&answers::detail(connection, membership, day, today)?)?.version(version))
}

/// Draft an agreement
///
/// Writes a draft with its parties and terms. Only the drafting party sees it until it is proposed. Every fault is told at once, with its
/// place.
#[utoipa::path(
    tag = "agreements",
    request_body = NewAgreement,
    responses((status = 201, description = "The draft", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[post("/v1/agreements")]
async fn draft_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    posted: Posted<NewAgreement>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let new = posted.body;
    let write = move |connection: &mut DbConnection| {
        let membership = drafting::draft(connection, &actor, &new)?;
        let (id, version) = (membership.agreement.id, membership.agreement.version);
        let today = actor.now.day();
        let detail = answers::detail(connection, membership, today, today)?;
        Ok(Answer::created(format!("/v1/agreements/{id}"), &detail)?.version(version))
    };
    posted.key.run(&state, write).await
}

/// List agreements
///
/// The agreements the caller's party takes part in, oldest first. A draft is listed for the party that writes it.
#[utoipa::path(
    tag = "agreements",
    params(PageParams, AgreementFilter),
    responses((status = 200, description = "A page of agreements", body = Page<AgreementSummary>)),
    security(("oauth2" = ["agreements.read"]))
)]
#[get("/v1/agreements")]
async fn list_agreements(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    listing: Listing<AgreementFilter>,
) -> Result<Answer> {
    let page = listing.page(&state)?;
    let (scope, today, keys) = (caller.scope, state.clock.today(), state.keys.clone());
    let read = move |connection: &mut DbConnection| {
        let rows = store::list(connection, &scope, &listing.filter, today, &page)?;
        let items = rows.into_iter().map(|membership| AgreementSummary::of(membership, today)).collect();
        Answer::page(&page.page(&keys, items, |summary| summary.agreement.id))
    };
    state.db.read(read).await
}

/// Get an agreement
///
/// The agreement with its parties, what its state and today say together, and the version of the terms in effect today or on the day
/// in `as_of`. What held on a day in the past never changes.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), AsOf),
    responses((status = 200, description = "The agreement", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.read"]))
)]
#[get("")]
async fn get_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<AsOf>,
) -> Result<Answer> {
    let today = state.clock.today();
    let (scope, id, day) = (caller.scope, path.into_inner(), query.0.as_of.unwrap_or(today));
    let read = move |connection: &mut DbConnection| {
        let membership = store::membership(connection, &scope, id)?;
        let version = membership.agreement.version;
        // The standing, the version in effect and the parties' names change without the row.
        Ok(one(connection, membership, day, today)?.shown(version))
    };
    state.db.read(read).await
}

/// Change a draft
///
/// A merge patch of the draft, by the party that writes it. A proposal is changed by withdrawing it first; a ratified agreement by an
/// amendment.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement")),
    request_body = AgreementChange,
    responses((status = 200, description = "The changed draft", body = AgreementDetail, headers(("ETag")))),
    security(("oauth2" = ["agreements.write"]))
)]
#[patch("")]
async fn change_agreement(
    state: web::Data<State>,
    caller: Caller<AgreementsWrite>,
    path: web::Path<Id>,
    patched: Patched<AgreementChange>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let write = move |connection: &mut DbConnection| {
        let membership = drafting::change(connection, &actor, id, patched.version, &patched.body)?;
        let today = actor.now.day();
        one(connection, membership, today, today)
    };
    state.db.write(write).await
}

/// Get the document of a version
///
/// The exact canonical bytes (RFC 8785) the parties ratify, never written anew. Their SHA-256 is the ETag and, in base64, the
/// Content-Digest (RFC 9530); compute it yourself before you ratify.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), WhichVersion),
    responses((
        status = 200,
        description = "The bytes",
        body = Document,
        headers(("Content-Digest" = String, description = "`sha-256=:…:`, the SHA-256 of the body in base64")), headers(("ETag"))
    )),
    security(("oauth2" = ["agreements.read"]))
)]
#[get("/document")]
async fn get_agreement_document(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    query: Query<WhichVersion>,
) -> Result<impl Responder> {
    let (scope, id, today) = (caller.scope, path.into_inner(), state.clock.today());
    let read = move |connection: &mut DbConnection| {
        store::membership(connection, &scope, id)?;
        let spoken = answers::spoken_version(&versions::outline(connection, id)?, today);
        let number = query.0.version.or(spoken).ok_or_else(|| Error::internal("an agreement without a version"))?;
        versions::version(connection, id, number)
    };
    let row = state.db.read(read).await?;
    require_intact(&row.document, &row.digest)?;
    let digest = format!("sha-256=:{}:", BASE64_STANDARD.encode(&row.digest));
    let etag = format!("\"{}\"", hex::encode(&row.digest));
    let answer = Answer::bytes("application/json", etag, row.document.into_bytes());
    Ok(answer.customize().insert_header(("Content-Digest", digest)))
}

/// List the versions of an agreement
///
/// Every version that was ever written, also the withdrawn ones, with who ratified it, when, and over which digest.
#[utoipa::path(
    tag = "agreements",
    params(("agreement_id" = Id, Path, description = "The agreement"), PageParams),
    responses((status = 200, description = "A page of versions", body = Page<AgreementVersion>)),
    security(("oauth2" = ["agreements.read"]))
)]
#[get("/versions")]
async fn list_agreement_versions(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<NoFilter>,
) -> Result<Answer> {
    let page = listing.page(&state)?;
    let (scope, id, keys) = (caller.scope, path.into_inner(), state.keys.clone());
    let read = move |connection: &mut DbConnection| {
        store::membership(connection, &scope, id)?;
        let rows = versions::page(connection, id, &page)?;
        let ratifications = versions::ratifications_of(connection, id, &rows)?;
        let items = rows.iter().map(|row| AgreementVersion::of(row, &ratifications)).collect();
        Answer::page(&page.page_by_number(&keys, items, |version: &AgreementVersion| version.number))
    };
    state.db.read(read).await
}
