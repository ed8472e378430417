//! HTTP of claims, overdue arrivals and disputes.

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::claims_command::RecordClaims;
use super::store::disputes::{self, DisputeFilter};
use super::store::overdue::{self, OverdueFilter};
use super::store::{self, ClaimFilter};
use super::{Claim, Dispute, NewClaim, NewClaims, NewDispute, OverdueArrival, disputing, recording};
use crate::app::State;
use crate::bulk::{PostedRows, RowsMode};
use crate::db::{DbConnection, Id, Page};
use crate::error::{Code, Error, Fault, Result};
use crate::http::extract::EmptyBody;
use crate::http::receipt::{Receipts, RowStatus};
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::policy::{AgreementsRead, ArrivalsWrite};
use crate::identity::{Caller, Scope};
use crate::jobs::Job;

fn path_of(claim: &Claim) -> String {
    format!("/v1/agreements/{}/claims/{}", claim.agreement_id, claim.id)
}

/// The party an answer is narrowed to: an employer sees what concerns it, parties of the agreement see all.
fn narrowed(connection: &mut DbConnection, scope: &Scope, agreement_id: Id) -> Result<Option<Id>> {
    let member = store::viewer(connection, scope, agreement_id)?;
    Ok(member.is_none().then_some(scope.party_id))
}

/// Records claims
///
/// Employer, destination, station and origin say what became of people who have departed, one or thousands at once. Rows stand alone: a
/// rejected row does not stop the others, a row that is already in effect is `unchanged`. Late claims are accepted and marked. The latest
/// claim of each claimant counts; earlier ones stay in history. Name and identity number find the one departed placement of that person
/// the caller may speak of; otherwise the arrival is kept as unannounced until reconciliation decides.
#[utoipa::path(tag = "arrivals", params(("agreement_id" = Id, Path, description = "The agreement"), RowsMode),
    request_body(content((NewClaims = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    responses((status = 207, description = "What became of each row", body = Receipts), (status = 202, description = "The job the rows became", body = Job)), security(("oauth2" = ["arrivals.write"])))]
#[post("/claims")]
pub async fn record_claims(
    state: web::Data<State>,
    caller: Caller<ArrivalsWrite>,
    path: web::Path<Id>,
    posted: PostedRows<RecordClaims>,
) -> Result<Answer> {
    posted.run(&state, caller.actor(&state), RecordClaims { agreement_id: path.into_inner() }).await
}

/// Records a claim about one placement
///
/// The same as a list of one row, with its faults as a problem. 200 when it is in effect already.
#[utoipa::path(tag = "arrivals",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement")),
    request_body = NewClaim,
    responses((status = 201, description = "The claim", body = Claim, headers(("ETag"))), (status = 200, description = "The claim that already says so", body = Claim, headers(("ETag")))),
    security(("oauth2" = ["arrivals.write"])))]
#[post("/placements/{placement_id}/claims")]
pub async fn record_claim(
    state: web::Data<State>,
    caller: Caller<ArrivalsWrite>,
    path: web::Path<(Id, Id)>,
    posted: Posted<NewClaim>,
) -> Result<Answer> {
    let (actor, keys, (agreement_id, placement_id)) = (caller.actor(&state), state.keys.clone(), path.into_inner());
    let (Posted { body, key }, judge) = (posted, state.judge);
    key.run(&state, move |connection| {
        let claim = about_path(body, placement_id)?;
        let (status, id) = recording::record_one(connection, &actor, &keys, judge, agreement_id, claim)?;
        let claim = store::claim(connection, &keys, agreement_id, None, id)?;
        let answer = match status {
            RowStatus::Unchanged => Answer::ok(&claim)?,
            _ => Answer::created(path_of(&claim), &claim)?,
        };
        Ok(answer.shown(version_of(&claim)))
    })
    .await
}

/// A claim changes once, when a later one replaces it.
fn version_of(claim: &Claim) -> i64 {
    1 + i64::from(claim.replaced_by.is_some())
}

/// The path names the placement; the body may repeat it but not name another.
fn about_path(claim: NewClaim, placement_id: Id) -> Result<NewClaim> {
    let elsewhere = claim.placement_id.is_some_and(|id| id != placement_id)
        || claim.placement_ref.is_some()
        || claim.name.is_some()
        || claim.identity_number.is_some();
    if elsewhere {
        let fault = Fault::body(
            "",
            "target_not_single",
            "the path names the placement; leave placement_ref, name and identity_number out",
            "路径已指明安置记录，请删除 placement_ref、姓名和身份证号码",
        );
        return Err(Error::new(Code::FieldInvalid).fault(fault));
    }
    Ok(NewClaim { placement_id: Some(placement_id), ..claim })
}

/// Lists claims
///
/// Every claim ever made under the agreement, also replaced ones. Parties of the agreement see all, an employer those that concern it.
#[utoipa::path(tag = "arrivals", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, ClaimFilter),
    responses((status = 200, description = "A page of claims", body = Page<Claim>)), security(("oauth2" = ["agreements.read"])))]
#[get("/claims")]
pub async fn list_claims(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<ClaimFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        let employer = narrowed(connection, &caller.scope, agreement_id)?;
        let rows = store::list(connection, &keys, agreement_id, employer, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |claim| claim.id))
    };
    state.db.read(read).await
}

/// Reads a claim
///
/// Claims are never changed: `replaced_by` names the later claim of the same claimant that stands in its place.
#[utoipa::path(tag = "arrivals",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("claim_id" = Id, Path, description = "The claim")),
    responses((status = 200, description = "The claim", body = Claim, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/claims/{claim_id}")]
pub async fn get_claim(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (keys, (agreement_id, id)) = (state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        let employer = narrowed(connection, &caller.scope, agreement_id)?;
        let claim = store::claim(connection, &keys, agreement_id, employer, id)?;
        Ok(Answer::ok(&claim)?.shown(version_of(&claim)))
    };
    state.db.read(read).await
}

/// Lists overdue arrivals
///
/// People who have departed, whose last day on time has passed, and of whom neither employer, destination nor station has said what became
/// of them. Computed from the day: it turns with the clock, and a claim, however late, clears it.
#[utoipa::path(tag = "arrivals", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, OverdueFilter),
    responses((status = 200, description = "A page of overdue arrivals", body = Page<OverdueArrival>)), security(("oauth2" = ["agreements.read"])))]
#[get("/overdue-arrivals")]
pub async fn list_overdue_arrivals(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<OverdueFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let today = state.clock.today();
    let read = move |connection: &mut DbConnection| {
        let employer = narrowed(connection, &caller.scope, agreement_id)?;
        let rows = overdue::list(connection, agreement_id, employer, today, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |row: &OverdueArrival| row.placement.id))
    };
    state.db.read(read).await
}

/// Raises a dispute
///
/// Contests what is said of a placement. The value stays with its owner; while the dispute stands the placement counts as disputed and in
/// neither the certain nor the probable figure.
#[utoipa::path(tag = "arrivals",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement")),
    request_body = NewDispute, responses((status = 201, description = "The dispute", body = Dispute)), security(("oauth2" = ["arrivals.write"])))]
#[post("/placements/{placement_id}/disputes")]
pub async fn raise_dispute(
    state: web::Data<State>,
    caller: Caller<ArrivalsWrite>,
    path: web::Path<(Id, Id)>,
    posted: Posted<NewDispute>,
) -> Result<Answer> {
    let (actor, (agreement_id, placement_id)) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let placement = disputing::placement(connection, &actor.scope, agreement_id, placement_id)?;
        let dispute = disputing::raise(connection, &actor, &placement, &body)?;
        let path = format!("/v1/agreements/{agreement_id}/placements/{placement_id}/disputes");
        Answer::created(path, &dispute)
    })
    .await
}

/// Lists the disputes of a placement
///
/// Open ones and those that were withdrawn, with who raised them and why.
#[utoipa::path(tag = "arrivals",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement"), PageParams, DisputeFilter),
    responses((status = 200, description = "A page of disputes", body = Page<Dispute>)), security(("oauth2" = ["agreements.read"])))]
#[get("/placements/{placement_id}/disputes")]
pub async fn list_disputes(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    listing: Listing<DisputeFilter>,
) -> Result<Answer> {
    let (page, keys, (agreement_id, placement_id)) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        disputing::placement(connection, &caller.scope, agreement_id, placement_id)?;
        let rows = disputes::list(connection, agreement_id, placement_id, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |dispute| dispute.id))
    };
    state.db.read(read).await
}

/// Withdraws a dispute
///
/// Only the party that raised it may.
#[utoipa::path(tag = "arrivals",
    params(("agreement_id" = Id, Path, description = "The agreement"), ("placement_id" = Id, Path, description = "The placement"),
        ("dispute_id" = Id, Path, description = "The dispute")),
    request_body = EmptyBody, responses((status = 200, description = "The dispute, withdrawn", body = Dispute)),
    security(("oauth2" = ["arrivals.write"])))]
#[post("/placements/{placement_id}/disputes/{dispute_id}/withdrawal")]
pub async fn withdraw_dispute(
    state: web::Data<State>,
    caller: Caller<ArrivalsWrite>,
    path: web::Path<(Id, Id, Id)>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (agreement_id, placement_id, id)) = (caller.actor(&state), path.into_inner());
    posted
        .key
        .run(&state, move |connection| {
            let placement = disputing::placement(connection, &actor.scope, agreement_id, placement_id)?;
            Answer::ok(&disputing::withdraw(connection, &actor, &placement, id)?)
        })
        .await
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(record_claims)
        .service(list_claims)
        .service(get_claim)
        .service(record_claim)
        .service(list_overdue_arrivals)
        .service(raise_dispute)
        .service(list_disputes)
        .service(withdraw_dispute);
}
