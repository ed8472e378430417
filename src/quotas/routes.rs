//! HTTP of quotas: requesting, publishing and withdrawing places, their balance and their ledger.
//!
//! Who holds what is read in one snapshot, so that the holds listed add up to what is held.

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::store::{self, QuotaFilter};
use super::{
    Approval, Balance, LedgerEntry, NewQuota, Quota, QuotaAction, QuotaState, QuotaToday, QuotaWithdrawal, accounts,
    requesting, rules,
};
use crate::agreements;
use crate::app::State;
use crate::db::{Day, DbConnection, Id, Instant, Page, PageRequest};
use crate::error::{Code, Error, Result};
use crate::events::{Actor, log};
use crate::http::export::{self, Listed, Reader, Source, TableParams, TableRow};
use crate::http::extract::IfMatch;
use crate::http::query::NoFilter;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::policy::{AgreementsRead, QuotasWrite};
use crate::identity::{Caller, Scope};

fn event(connection: &mut DbConnection, actor: &Actor, quota: &Quota, kind: &'static str) -> Result<()> {
    log::record(connection, actor, requesting::event(quota, kind))
}

fn path_of(quota: &Quota) -> String {
    format!("/v1/agreements/{}/quotas/{}", quota.agreement_id, quota.id)
}

/// Requests places
///
/// A destination offers places of an employer under an agreement. The quota is a draft until it is published with the places approved.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement")), request_body = NewQuota,
    responses((status = 201, description = "The quota, as a draft", body = QuotaToday, headers(("ETag")))), security(("oauth2" = ["quotas.write"])))]
#[post("/quotas")]
pub async fn request_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<Id>,
    posted: Posted<NewQuota>,
) -> Result<Answer> {
    let (actor, agreement_id) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let quota = requesting::request(connection, &actor, agreement_id, body)?;
        created(connection, quota, actor.now.day())
    })
    .await
}

fn created(connection: &mut DbConnection, quota: Quota, today: Day) -> Result<Answer> {
    let (path, version) = (path_of(&quota), quota.version);
    let shown = store::standing(connection, quota, today)?;
    Answer::created(path, &shown).map(|answer| answer.version(version))
}

/// Lists quotas
///
/// Parties of the agreement see the published and withdrawn ones, the destination also its drafts, an employer its own. `Accept: text/csv`
/// or a workbook gives all of them as a file.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, QuotaFilter, TableParams),
    responses((status = 200, description = "A page of quotas, or all of them as a file", content((Page<QuotaToday> = "application/json"), (Vec<u8> = "text/csv"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))), security(("oauth2" = ["agreements.read"])))]
#[get("/quotas")]
pub async fn list_quotas(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<QuotaFilter>,
    wanted: export::Wanted,
) -> Result<Listed> {
    let read = |connection: &mut DbConnection, reader: &Reader, filter: &QuotaFilter, page: &PageRequest| {
        let role = agreements::store::readable(connection, &reader.scope, reader.agreement_id)?;
        let viewer = reader.scope.party_id;
        store::list(connection, reader.agreement_id, viewer, role.is_none(), (filter, reader.today), page)
    };
    let reader = Reader::new(&state, caller.scope, [path.into_inner(), Id::NIL]);
    export::list(&state, listing, wanted, reader, Source { read, id: |row: &QuotaToday| row.quota.id }).await
}

impl TableRow for QuotaToday {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("id", "名额标识"),
        ("partner_ref", "岗位编号"),
        ("agreement_id", "协议标识"),
        ("destination_id", "输入地标识"),
        ("employer_id", "用人单位标识"),
        ("post_title", "岗位名称"),
        ("occupation_code", "职业代码"),
        ("region_code", "工作地区划代码"),
        ("zone_id", "园区标识"),
        ("requested_places", "招聘人数"),
        ("approved_places", "核定人数"),
        ("approval_reason", "核减原因"),
        ("withdrawal_reason", "撤回原因"),
        ("monthly_wage_min_fen", "最低月工资（分）"),
        ("monthly_wage_max_fen", "最高月工资（分）"),
        ("valid_until", "有效期至"),
        ("state", "状态"),
        ("standing", "当前情况"),
        ("version", "版本"),
        ("created_at", "创建时间"),
        ("updated_at", "更新时间"),
    ];
}

/// A quota the caller may see: published ones for all parties, drafts for their destination, an employer's own for the employer.
fn visible(connection: &mut DbConnection, scope: &Scope, agreement_id: Id, id: Id) -> Result<Quota> {
    let role = agreements::store::readable(connection, scope, agreement_id)?;
    let quota = store::quota(connection, agreement_id, id)?;
    let own = quota.destination_id == scope.party_id;
    let seen = own || (quota.state != QuotaState::Draft && (role.is_some() || quota.employer_id == scope.party_id));
    if seen { Ok(quota) } else { Err(Error::not_found("quota", "岗位名额")) }
}

/// Reads a quota
///
/// Its version begins the ETag, and what the day says of it stands beside it; a draft is visible only to the party that wrote it. How
/// many places are free is in its balance.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota")),
    responses((status = 200, description = "The quota", body = QuotaToday, headers(("ETag")))), security(("oauth2" = ["agreements.read"])))]
#[get("/quotas/{quota_id}")]
pub async fn get_quota(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let ((agreement_id, id), today) = (path.into_inner(), state.clock.today());
    let read = move |connection: &mut DbConnection| {
        let quota = visible(connection, &caller.scope, agreement_id, id)?;
        let version = quota.version;
        Ok(Answer::ok(&store::standing(connection, quota, today)?)?.shown(version))
    };
    state.db.read(read).await
}

/// Reads the balance of a quota
///
/// Places, held, filled and free of the quota, its cohorts and the caps above it, with every open hold, in one snapshot.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota")),
    responses((status = 200, description = "The balance", body = Balance)), security(("oauth2" = ["agreements.read"])))]
#[get("/quotas/{quota_id}/balance")]
pub async fn get_quota_balance(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (agreement_id, id) = path.into_inner();
    let as_of = state.clock.now();
    let read = move |connection: &mut DbConnection| {
        let quota = visible(connection, &caller.scope, agreement_id, id)?;
        let accounts = accounts::of_quota(connection, &quota, as_of)?;
        let holds = store::holds(connection, &quota, as_of)?;
        Answer::ok(&Balance { as_of, accounts, holds })
    };
    state.db.read(read).await
}

/// Lists the ledger of a quota
///
/// Every entry that ever moved places of the quota or its cohorts; the counters of the balance are their sum.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota"), PageParams),
    responses((status = 200, description = "A page of entries", body = Page<LedgerEntry>)), security(("oauth2" = ["agreements.read"])))]
#[get("/quotas/{quota_id}/ledger")]
pub async fn list_quota_ledger(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    listing: Listing<NoFilter>,
) -> Result<Answer> {
    let (page, keys, (agreement_id, id)) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        visible(connection, &caller.scope, agreement_id, id)?;
        let rows = store::ledger(connection, agreement_id, id, &page)?;
        Answer::page(&page.page(&keys, rows, |entry| entry.id))
    };
    state.db.read(read).await
}

/// One step of a quota of the caller's own, at the version the caller means; the event, and the quota after it.
fn step(
    connection: &mut DbConnection,
    actor: &Actor,
    (agreement_id, id): (Id, Id),
    if_match: IfMatch,
    kind: &'static str,
    taken: impl FnOnce(&mut DbConnection, &Quota) -> Result<Quota>,
) -> Result<Answer> {
    agreements::store::membership(connection, &actor.scope, agreement_id)?;
    let quota = visible(connection, &actor.scope, agreement_id, id)?;
    if quota.destination_id != actor.scope.party_id {
        return Err(Error::new(Code::RoleNotAllowed).param("required_role", "destination"));
    }
    if_match.check(quota.version)?;
    let quota = taken(connection, &quota)?;
    event(connection, actor, &quota, kind)?;
    let version = quota.version;
    Ok(Answer::ok(&store::standing(connection, quota, actor.now.day())?)?.version(version))
}

/// Fine when the quota's account, limited to `places`, still holds all that is held and filled now.
fn require_room(connection: &mut DbConnection, quota: &Quota, places: i64, now: Instant) -> Result<()> {
    let accounts = accounts::of_quota(connection, quota, now)?;
    let own = accounts.iter().find(|account| account.id == quota.id);
    let taken = own.map_or(0, |account| account.places - account.free);
    if places < taken { Err(Error::new(Code::PlacesBelowUse).param("places_in_use", taken)) } else { Ok(()) }
}

/// Sets the approved places, on the quota and on its account.
fn approve(
    connection: &mut DbConnection,
    actor: &Actor,
    quota: &Quota,
    action: QuotaAction,
    approval: &Approval,
) -> Result<Quota> {
    rules::check_approval(quota, approval)?;
    let reason = approval.reason.as_deref();
    let quota = store::approve(connection, actor, quota, action, approval.approved_places, reason)?;
    require_room(connection, &quota, quota.approved_places, actor.now)?;
    accounts::set_places(connection, &quota, quota.approved_places)?;
    Ok(quota)
}

/// Publishes a quota
///
/// Opens it for rosters with the places approved, in full or in part.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota"), IfMatch),
    request_body = Approval, responses((status = 200, description = "The quota, published", body = QuotaToday, headers(("ETag")))), security(("oauth2" = ["quotas.write"])))]
#[post("/quotas/{quota_id}/publication")]
pub async fn publish_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Approval>,
) -> Result<Answer> {
    let (actor, path) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    let publish = move |connection: &mut DbConnection| {
        step(connection, &actor, path, if_match, "quota.published", |connection, quota| {
            approve(connection, &actor, quota, QuotaAction::Publish, &body)
        })
    };
    key.run(&state, publish).await
}

/// Changes the approved places of a quota
///
/// More or fewer, but never fewer than are held or filled.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota"), IfMatch),
    request_body = Approval, responses((status = 200, description = "The quota", body = QuotaToday, headers(("ETag")))), security(("oauth2" = ["quotas.write"])))]
#[post("/quotas/{quota_id}/approval")]
pub async fn approve_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Approval>,
) -> Result<Answer> {
    let (actor, path) = (caller.actor(&state), path.into_inner());
    let (Posted { body, key }, sweep) = (posted, state.sweep);
    let change = move |connection: &mut DbConnection| {
        step(connection, &actor, path, if_match, "quota.approved", |connection, quota| {
            // What has lapsed counts as free, so it must be free for the ledger too.
            sweep(connection, &actor, quota.agreement_id)?;
            approve(connection, &actor, quota, QuotaAction::Approve, &body)
        })
    };
    key.run(&state, change).await
}

/// Withdraws a quota
///
/// It takes no more rosters; what is held or filled stays. The reason stands in the quota for all who read it.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota"), IfMatch),
    request_body = QuotaWithdrawal, responses((status = 200, description = "The quota, withdrawn", body = QuotaToday, headers(("ETag")))), security(("oauth2" = ["quotas.write"])))]
#[post("/quotas/{quota_id}/withdrawal")]
pub async fn withdraw_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<QuotaWithdrawal>,
) -> Result<Answer> {
    let (actor, path) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    rules::check_withdrawal(&body)?;
    let withdraw = move |connection: &mut DbConnection| {
        step(connection, &actor, path, if_match, "quota.withdrawn", |connection, quota| {
            store::withdraw(connection, &actor, quota, body.reason.trim())
        })
    };
    key.run(&state, withdraw).await
}

/// Mounts the routes of this part below `/v1/agreements/{agreement_id}`.
pub fn mount_within(config: &mut ServiceConfig) {
    config
        .service(request_quota)
        .service(list_quotas)
        .service(get_quota)
        .service(get_quota_balance)
        .service(list_quota_ledger)
        .service(publish_quota)
        .service(approve_quota)
        .service(withdraw_quota);
}
