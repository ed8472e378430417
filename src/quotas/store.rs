//! Queries of quotas. Each takes the caller's scope or an agreement the caller was let into.

mod requests;

pub use requests::{OfferedPost, employers, insert, of_references, offered_posts, publish};

use diesel::prelude::*;

use super::{
    Hold, LedgerEntry, NewQuota, Quota, QuotaAction, QuotaStanding, QuotaState, QuotaToday, TRANSITIONS, rules,
};
use crate::db::schema::quota::dsl;
use crate::db::schema::{place_account, place_entry, place_hold};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::http::query::AnyOf;
use crate::lifecycle;

/// What a list of quotas may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuotaFilter {
    /// Only quotas in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<QuotaState>>,
    /// Only quotas of this standing today.
    pub standing: Option<QuotaStanding>,
    /// Only quotas of this employer.
    pub employer_id: Option<Id>,
    /// Only the quota with this reference of the destination.
    #[param(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Only quotas that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// A requested quota as it will be written.
#[must_use]
pub fn draft(actor: &Actor, agreement_id: Id, new: &NewQuota) -> Quota {
    Quota {
        agreement_id,
        id: Id::new(),
        destination_id: actor.scope.party_id,
        employer_id: new.employer_id,
        post_title: new.post_title.trim().to_owned(),
        occupation_code: new.occupation_code.clone(),
        region_code: new.region_code,
        zone_id: new.zone_id,
        requested_places: new.requested_places,
        approved_places: 0,
        approval_reason: None,
        withdrawal_reason: None,
        monthly_wage_min_fen: new.monthly_wage_min_fen,
        monthly_wage_max_fen: new.monthly_wage_max_fen,
        valid_until: new.valid_until,
        state: QuotaState::Draft,
        partner_ref: new.partner_ref.clone(),
        version: 1,
        created_at: actor.now,
        updated_at: actor.now,
    }
}

/// One quota of an agreement the caller was let into.
pub fn quota(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<Quota> {
    let found = dsl::quota.find((agreement_id, id)).select(Quota::as_select()).get_result(connection).optional()?;
    found.ok_or_else(|| Error::not_found("quota", "岗位名额"))
}

/// The quota with what its places and today say of it.
pub fn standing(connection: &mut DbConnection, quota: Quota, today: Day) -> Result<QuotaToday> {
    let filled = place_account::table
        .find((quota.agreement_id, quota.id))
        .select(place_account::consumed)
        .get_result(connection)?;
    Ok(QuotaToday { standing: rules::standing(&quota, filled, today), quota })
}

/// A page of the agreement's quotas; `only_employer` narrows it to what `viewer` may see as an employer, and drafts are the destination's own.
pub fn list(
    connection: &mut DbConnection,
    agreement_id: Id,
    viewer: Id,
    only_employer: bool,
    (filter, today): (&QuotaFilter, Day),
    page: &PageRequest,
) -> Result<Vec<QuotaToday>> {
    let own_account = place_account::agreement_id.eq(dsl::agreement_id).and(place_account::id.eq(dsl::id));
    let mut query = dsl::quota
        .inner_join(place_account::table.on(own_account))
        .filter(dsl::agreement_id.eq(agreement_id))
        .select((Quota::as_select(), place_account::consumed))
        .into_boxed();
    query = query.filter(dsl::state.ne(QuotaState::Draft).or(dsl::destination_id.eq(viewer)));
    if only_employer {
        query = query.filter(dsl::employer_id.eq(viewer));
    }
    if let Some(states) = &filter.state {
        query = query.filter(dsl::state.eq_any(states.values()));
    }
    // The words of `rules::standing`.
    let filled = || place_account::consumed.ge(dsl::approved_places);
    query = match filter.standing {
        None => query,
        Some(QuotaStanding::Draft) => query.filter(dsl::state.eq(QuotaState::Draft)),
        Some(QuotaStanding::Withdrawn) => query.filter(dsl::state.eq(QuotaState::Withdrawn)),
        Some(QuotaStanding::Filled) => query.filter(dsl::state.eq(QuotaState::Published)).filter(filled()),
        Some(QuotaStanding::Expired) => query
            .filter(dsl::state.eq(QuotaState::Published).and(dsl::valid_until.lt(today)))
            .filter(diesel::dsl::not(filled())),
        Some(QuotaStanding::Open) => query
            .filter(dsl::state.eq(QuotaState::Published).and(dsl::valid_until.ge(today)))
            .filter(diesel::dsl::not(filled())),
    };
    if let Some(since) = filter.updated_since {
        query = query.filter(dsl::updated_at.ge(since));
    }
    if let Some(employer) = filter.employer_id {
        query = query.filter(dsl::employer_id.eq(employer));
    }
    if let Some(partner_ref) = &filter.partner_ref {
        query = query.filter(dsl::partner_ref.eq(partner_ref));
    }
    let rows: Vec<(Quota, i64)> = page.narrow(query, dsl::id).load(connection)?;
    let standing = |(quota, filled)| QuotaToday { standing: rules::standing(&quota, filled, today), quota };
    Ok(rows.into_iter().map(standing).collect())
}

/// The holds on a quota and its cohorts that have not lapsed by `now`.
pub fn holds(connection: &mut DbConnection, quota: &Quota, now: Instant) -> Result<Vec<Hold>> {
    let of_account = place_account::agreement_id.eq(place_hold::agreement_id);
    Ok(place_hold::table
        .inner_join(place_account::table.on(of_account.and(place_account::id.eq(place_hold::account_id))))
        .filter(place_account::agreement_id.eq(quota.agreement_id))
        .filter(place_account::quota_id.eq(quota.id))
        .filter(place_hold::holds_until.gt(now))
        .order((place_hold::account_id, place_hold::dispatch_id))
        .select(Hold::as_select())
        .load(connection)?)
}

/// A page of the entries that moved places of a quota or its cohorts.
pub fn ledger(
    connection: &mut DbConnection,
    agreement_id: Id,
    quota_id: Id,
    page: &PageRequest,
) -> Result<Vec<LedgerEntry>> {
    let of_account = place_account::agreement_id.eq(place_entry::agreement_id);
    let query = place_entry::table
        .inner_join(place_account::table.on(of_account.and(place_account::id.eq(place_entry::account_id))))
        .filter(place_account::agreement_id.eq(agreement_id))
        .filter(place_account::quota_id.eq(quota_id))
        .select(LedgerEntry::as_select())
        .into_boxed();
    Ok(page.narrow(query, place_entry::id).load(connection)?)
}

/// Moves a quota to its next state with these approved places, if nobody else has changed it meanwhile.
pub fn approve(
    connection: &mut DbConnection,
    actor: &Actor,
    quota: &Quota,
    action: QuotaAction,
    places: i64,
    reason: Option<&str>,
) -> Result<Quota> {
    let state = lifecycle::step(TRANSITIONS, quota.state, action)?;
    let changed = statement(
        "update quota set state = ?, approved_places = ?, approval_reason = ?, version = version + 1, updated_at = ? \
         where agreement_id = ? and id = ? and version = ?",
    )
    .bind(state.as_str())
    .bind(places)
    .bind(reason)
    .bind(actor.now)
    .bind(quota.agreement_id)
    .bind(quota.id)
    .bind(quota.version)
    .run(connection)?;
    if changed == 0 {
        return Err(Error::new(Code::PreconditionFailed));
    }
    record_approval(connection, quota, places, actor.now)?;
    Ok(Quota {
        state,
        approved_places: places,
        approval_reason: reason.map(ToOwned::to_owned),
        version: quota.version + 1,
        updated_at: actor.now,
        ..quota.clone()
    })
}

/// Closes a quota for new rosters, if nobody else has changed it meanwhile; what was approved stays on record.
pub fn withdraw(connection: &mut DbConnection, actor: &Actor, quota: &Quota, reason: &str) -> Result<Quota> {
    let state = lifecycle::step(TRANSITIONS, quota.state, QuotaAction::Withdraw)?;
    let changed = statement(
        "update quota set state = ?, withdrawal_reason = ?, version = version + 1, updated_at = ? \
         where agreement_id = ? and id = ? and version = ?",
    )
    .bind(state.as_str())
    .bind(reason)
    .bind(actor.now)
    .bind(quota.agreement_id)
    .bind(quota.id)
    .bind(quota.version)
    .run(connection)?;
    if changed == 0 {
        return Err(Error::new(Code::PreconditionFailed));
    }
    Ok(Quota {
        state,
        withdrawal_reason: Some(reason.to_owned()),
        version: quota.version + 1,
        updated_at: actor.now,
        ..quota.clone()
    })
}

/// Keeps from when on how many places are approved, so that a past day can be read as it was.
fn record_approval(connection: &mut DbConnection, quota: &Quota, places: i64, now: Instant) -> Result<()> {
    statement(
        "insert into quota_approval (agreement_id, quota_id, version, places, approved_at) values (?, ?, ?, ?, ?)",
    )
    .bind(quota.agreement_id)
    .bind(quota.id)
    .bind(quota.version + 1)
    .bind(places)
    .bind(now)
    .run(connection)?;
    Ok(())
}
