//! HTTP of quotas: requesting, publishing and withdrawing places, their balance and their ledger.
//!
//! Who holds what is read in one snapshot, so that the holds listed add up to what is held.

use actix_web::{get, post, web};
use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::accounts::{self, Account, EntryKind};
use super::store::{self, QuotaFilter};
use super::{NewQuota, Quota, QuotaAction, QuotaState, rules};
use crate::agreements::{self, PartyRole};
use crate::app::State;
use crate::db::{DbConnection, Id, Instant, Page, Uid, statement};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::extract::{EmptyBody, IfMatch, NoFilter};
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::policy::{AgreementsRead, QuotasWrite};
use crate::identity::{Caller, Scope};

/// How many of the requested places are approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"approved_places": 280, "reason": "宿舍床位不足"}))]
pub struct Approval {
    /// Places approved, at most the places requested.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub approved_places: i64,
    /// Why fewer than requested; needed then.
    #[serde(default)]
    #[schema(max_length = 200, min_length = 1)]
    pub reason: Option<String>,
}

/// Who holds places of an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Hold {
    /// The account.
    pub account_id: Id,
    /// The dispatch that holds them.
    pub dispatch_id: Id,
    /// How many.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub places: i64,
    /// Until when.
    pub holds_until: Instant,
}

/// Places of a quota: its accounts and the open holds, read in one snapshot, so that the holds add up to what is held.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Balance {
    /// When it was read; holds that ran out before count as free.
    pub as_of: Instant,
    /// The quota itself, its cohorts, and the caps above it.
    #[schema(max_items = 200)]
    pub accounts: Vec<Account>,
    /// Open holds on the quota and its cohorts.
    #[schema(max_items = 100_000)]
    pub holds: Vec<Hold>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LedgerEntry {
    /// Id; entries are listed in the order they were made.
    pub id: Id,
    /// The account.
    pub account_id: Id,
    /// The dispatch that moved the places.
    pub dispatch_id: Id,
    /// How it moves the counters.
    pub kind: EntryKind,
    /// How many places.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub places: i64,
    /// Why.
    #[schema(max_length = 50, example = "enrolled")]
    pub reason: String,
    /// When.
    pub recorded_at: Instant,
}

fn event(connection: &mut DbConnection, actor: &Actor, quota: &Quota, kind: &'static str) -> Result<()> {
    let payload = json!({ "agreement_id": quota.agreement_id, "state": quota.state, "requested_places": quota.requested_places, "approved_places": quota.approved_places });
    let event = NewEvent {
        kind,
        // A draft is its destination's own.
        chain: match quota.state {
            QuotaState::Draft => Chain::Party(quota.destination_id),
            QuotaState::Published | QuotaState::Withdrawn => Chain::Agreement(quota.agreement_id),
        },
        subject_kind: "quota",
        subject_id: quota.id,
        subject_version: quota.version,
        employer_id: (quota.state != QuotaState::Draft).then_some(quota.employer_id),
        payload,
    };
    log::record(connection, actor, event)
}

fn path_of(quota: &Quota) -> String {
    format!("/v1/agreements/{}/quotas/{}", quota.agreement_id, quota.id)
}

/// Requests places
///
/// A destination offers places of an employer under an agreement. The quota is a draft until it is published with the places approved.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement")), request_body = NewQuota,
    responses((status = 201, description = "The quota, as a draft", body = Quota)), security(("oauth2" = ["quotas.write"])))]
#[post("/v1/agreements/{agreement_id}/quotas")]
pub async fn request_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<Id>,
    posted: Posted<NewQuota>,
) -> Result<Answer> {
    let (actor, agreement_id) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let membership = agreements::store::membership(connection, &actor.scope, agreement_id)?;
        if membership.role != PartyRole::Destination {
            return Err(Error::new(Code::RoleNotAllowed).param("required_role", "destination"));
        }
        let terms = agreements::store::terms_in_force(connection, &membership.agreement, actor.now.day())?;
        rules::check(&body, actor.now.day(), membership.agreement.effective_to)?;
        require_references(connection, &body)?;
        let quota = store::insert(connection, &actor, agreement_id, &body)?;
        accounts::open(connection, &quota, &body.cohorts)?;
        accounts::follow_caps(connection, agreement_id, &terms.caps)?;
        event(connection, &actor, &quota, "quota.requested")?;
        Answer::created(path_of(&quota), &quota).map(|answer| answer.version(quota.version))
    })
    .await
}

fn require_references(connection: &mut DbConnection, new: &NewQuota) -> Result<()> {
    let mut faults = Faults::new();
    let employers: Vec<String> = statement("select kind from party where id = ? and kind = 'employer'")
        .bind(new.employer_id)
        .returning::<Text>()
        .load(connection)?;
    faults.require(
        !employers.is_empty(),
        "/employer_id",
        "employer_unknown",
        "no registered employer has this id",
        "没有登记该用人单位",
    );
    if let Some(zone_id) = new.zone_id {
        let hosts: Vec<String> =
            statement("select host_code from zone where id = ?").bind(zone_id).returning::<Text>().load(connection)?;
        let fits = hosts.first().is_some_and(|host| *host == new.region_code.to_string());
        faults.require(
            fits,
            "/zone_id",
            "zone_unknown",
            "no zone with this id is hosted by region_code",
            "该区划下没有此园区",
        );
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::new(Code::ReferenceUnknown).faults(faults.into_inner())) }
}

/// Lists quotas
///
/// Parties of the agreement see the published and withdrawn ones, the destination also its drafts, an employer its own.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), PageParams, QuotaFilter),
    responses((status = 200, description = "A page of quotas", body = Page<Quota>)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/quotas")]
pub async fn list_quotas(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<Id>,
    listing: Listing<QuotaFilter>,
) -> Result<Answer> {
    let (page, keys, agreement_id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        let role = agreements::store::readable(connection, &caller.scope, agreement_id)?;
        let rows =
            store::list(connection, agreement_id, caller.scope.party_id, role.is_none(), &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |quota| quota.id))
    };
    state.db.read(read).await
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
/// With its balance of places and its version as ETag; a draft is visible only to the party that wrote it.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota")),
    responses((status = 200, description = "The quota", body = Quota)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/quotas/{quota_id}")]
pub async fn get_quota(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (agreement_id, id) = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        let quota = visible(connection, &caller.scope, agreement_id, id)?;
        Ok(Answer::ok(&quota)?.version(quota.version))
    };
    state.db.read(read).await
}

/// Reads the balance of a quota
///
/// Places, held, filled and free of the quota, its cohorts and the caps above it, with every open hold, in one snapshot.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota")),
    responses((status = 200, description = "The balance", body = Balance)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/quotas/{quota_id}/balance")]
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
        let holds: Vec<(Id, Id, i64, Instant)> = statement(
            "select h.account_id, h.dispatch_id, h.places, h.holds_until from place_hold h join place_account a on a.agreement_id = h.agreement_id and a.id = h.account_id \
             where a.agreement_id = ? and a.quota_id = ? and h.holds_until > ? order by h.account_id, h.dispatch_id",
        )
        .bind(agreement_id)
        .bind(quota.id)
        .bind(as_of)
        .returning::<(Uid, Uid, BigInt, BigInt)>()
        .load(connection)?;
        let holds = holds
            .into_iter()
            .map(|(account_id, dispatch_id, places, holds_until)| Hold { account_id, dispatch_id, places, holds_until })
            .collect();
        Answer::ok(&Balance { as_of, accounts, holds })
    };
    state.db.read(read).await
}

/// Lists the ledger of a quota
///
/// Every entry that ever moved places of the quota or its cohorts; the counters of the balance are their sum.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota"), PageParams),
    responses((status = 200, description = "A page of entries", body = Page<LedgerEntry>)), security(("oauth2" = ["agreements.read"])))]
#[get("/v1/agreements/{agreement_id}/quotas/{quota_id}/ledger")]
pub async fn list_quota_ledger(
    state: web::Data<State>,
    caller: Caller<AgreementsRead>,
    path: web::Path<(Id, Id)>,
    listing: Listing<NoFilter>,
) -> Result<Answer> {
    let (page, keys, (agreement_id, id)) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let read = move |connection: &mut DbConnection| {
        visible(connection, &caller.scope, agreement_id, id)?;
        let (comparison, order, start) =
            if page.descending { ("<", "desc", Id(uuid::Uuid::max())) } else { (">", "asc", Id::NIL) };
        let rows: Vec<(Id, Id, Id, EntryKind, i64, String, Instant)> = statement(format!(
            "select e.id, e.account_id, e.dispatch_id, e.kind, e.places, e.reason, e.recorded_at from place_entry e \
             join place_account a on a.agreement_id = e.agreement_id and a.id = e.account_id \
             where e.agreement_id = ? and a.quota_id = ? and e.id {comparison} ? order by e.id {order} limit ?"
        ))
        .bind(agreement_id)
        .bind(id)
        .bind(page.after.unwrap_or(start))
        .bind(page.probe())
        .returning::<(Uid, Uid, Uid, Text, BigInt, Text, BigInt)>()
        .load(connection)?;
        let entry = |(id, account_id, dispatch_id, kind, places, reason, recorded_at)| LedgerEntry {
            id,
            account_id,
            dispatch_id,
            kind,
            places,
            reason,
            recorded_at,
        };
        Answer::page(&page.page(&keys, rows.into_iter().map(entry).collect(), |entry: &LedgerEntry| entry.id))
    };
    state.db.read(read).await
}

/// A quota of the caller's own, locked for the command at hand.
fn own(connection: &mut DbConnection, scope: &Scope, agreement_id: Id, id: Id, if_match: IfMatch) -> Result<Quota> {
    agreements::store::membership(connection, scope, agreement_id)?;
    let quota = visible(connection, scope, agreement_id, id)?;
    if quota.destination_id != scope.party_id {
        return Err(Error::new(Code::RoleNotAllowed).param("required_role", "destination"));
    }
    if_match.check(quota.version)?;
    Ok(quota)
}

fn check_approval(quota: &Quota, approval: &Approval) -> Result<()> {
    let mut faults = Faults::new();
    let fits = (0..=quota.requested_places).contains(&approval.approved_places);
    faults.require(
        fits,
        "/approved_places",
        "out_of_range",
        "must be from 0 to the places requested",
        "须在 0 到申请名额之间",
    );
    faults.optional_text("/reason", approval.reason.as_deref(), 200);
    if approval.approved_places < quota.requested_places && approval.reason.is_none() {
        faults.push(Fault::body(
            "/reason",
            "reason_needed",
            "say why fewer places are approved than requested",
            "批准数少于申请数时须说明原因",
        ));
    }
    faults.check()
}

fn places_in_use(connection: &mut DbConnection, actor: &Actor, quota: &Quota, places: i64) -> Result<()> {
    let accounts = accounts::of_quota(connection, quota, actor.now)?;
    let taken =
        accounts.iter().find(|account| account.id == quota.id).map_or(0, |account| account.places - account.free);
    if places < taken { Err(Error::new(Code::PlacesBelowUse).param("places_in_use", taken)) } else { Ok(()) }
}

/// Publishes a quota
///
/// Opens it for rosters with the places approved, in full or in part.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota")),
    request_body = Approval, responses((status = 200, description = "The quota, published", body = Quota)), security(("oauth2" = ["quotas.write"])))]
#[post("/v1/agreements/{agreement_id}/quotas/{quota_id}/publication")]
pub async fn publish_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Approval>,
) -> Result<Answer> {
    let (actor, (agreement_id, id)) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let quota = own(connection, &actor.scope, agreement_id, id, if_match)?;
        check_approval(&quota, &body)?;
        let quota = store::advance(
            connection,
            &actor,
            &quota,
            QuotaAction::Publish,
            body.approved_places,
            body.reason.as_deref(),
        )?;
        accounts::set_places(connection, &quota, quota.approved_places)?;
        event(connection, &actor, &quota, "quota.published")?;
        Ok(Answer::ok(&quota)?.version(quota.version))
    })
    .await
}

/// Changes the approved places of a quota
///
/// More or fewer, but never fewer than are held or filled.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota")),
    request_body = Approval, responses((status = 200, description = "The quota", body = Quota)), security(("oauth2" = ["quotas.write"])))]
#[post("/v1/agreements/{agreement_id}/quotas/{quota_id}/approval")]
pub async fn approve_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<Approval>,
) -> Result<Answer> {
    let (actor, (agreement_id, id)) = (caller.actor(&state), path.into_inner());
    let (Posted { body, key }, sweep) = (posted, state.sweep);
    key.run(&state, move |connection| {
        let quota = own(connection, &actor.scope, agreement_id, id, if_match)?;
        if quota.state != QuotaState::Published {
            let problem = Error::new(Code::TransitionNotAllowed).param("state", quota.state.as_str());
            return Err(problem.param("allowed_actions", json!(["publish", "withdraw"])));
        }
        check_approval(&quota, &body)?;
        // What has lapsed counts as free, so it must be free for the ledger too.
        sweep(connection, &actor, agreement_id)?;
        places_in_use(connection, &actor, &quota, body.approved_places)?;
        let quota = store::approve(connection, &actor, &quota, body.approved_places, body.reason.as_deref())?;
        accounts::set_places(connection, &quota, quota.approved_places)?;
        event(connection, &actor, &quota, "quota.approved")?;
        Ok(Answer::ok(&quota)?.version(quota.version))
    })
    .await
}

/// Withdraws a quota
///
/// It takes no more rosters; what is held or filled stays.
#[utoipa::path(tag = "quotas", params(("agreement_id" = Id, Path, description = "The agreement"), ("quota_id" = Id, Path, description = "The quota")),
    request_body = EmptyBody, responses((status = 200, description = "The quota, withdrawn", body = Quota)), security(("oauth2" = ["quotas.write"])))]
#[post("/v1/agreements/{agreement_id}/quotas/{quota_id}/withdrawal")]
pub async fn withdraw_quota(
    state: web::Data<State>,
    caller: Caller<QuotasWrite>,
    path: web::Path<(Id, Id)>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (agreement_id, id)) = (caller.actor(&state), path.into_inner());
    posted
        .key
        .run(&state, move |connection| {
            let quota = own(connection, &actor.scope, agreement_id, id, if_match)?;
            let reason = quota.approval_reason.clone();
            let quota = store::advance(
                connection,
                &actor,
                &quota,
                QuotaAction::Withdraw,
                quota.approved_places,
                reason.as_deref().or(Some("withdrawn")),
            )?;
            event(connection, &actor, &quota, "quota.withdrawn")?;
            Ok(Answer::ok(&quota)?.version(quota.version))
        })
        .await
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
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
