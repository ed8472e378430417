//! Pages of dispatches and placements.

use diesel::prelude::*;

use crate::calendar::calendar;
use crate::db::schema::{claim, claim_match, dispatch, dispute, exit_entry, observation, placement};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest};
use crate::dispatches::{Dispatch, DispatchState, Placement, PlacementState};
use crate::error::Result;
use crate::http::query::AnyOf;

/// What a list of placements may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlacementFilter {
    /// Only placements of this dispatch.
    pub dispatch_id: Option<Id>,
    /// Only placements against this quota.
    pub quota_id: Option<Id>,
    /// Only placements in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<PlacementState>>,
    /// Only placements whose arrival is overdue today, or only the others.
    pub arrival_overdue: Option<bool>,
    /// Only placements of this worker.
    pub worker_id: Option<Id>,
    /// Only the placements with this reference of the origin.
    #[param(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Only placements (about which anything was recorded, or whose batch changed) that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// What a list of dispatches may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DispatchFilter {
    /// Only dispatches in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<DispatchState>>,
    /// Only the dispatch with this reference of the origin.
    #[param(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Only dispatches that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// A page of the agreement's dispatches.
pub fn dispatches(
    connection: &mut DbConnection,
    viewer: Id,
    agreement_id: Id,
    filter: &DispatchFilter,
    page: &PageRequest,
) -> Result<Vec<Dispatch>> {
    let mut query =
        dispatch::table.filter(dispatch::agreement_id.eq(agreement_id)).select(Dispatch::as_select()).into_boxed();
    let known = [DispatchState::Locked, DispatchState::Departed, DispatchState::Closed];
    query = query.filter(dispatch::origin_id.eq(viewer).or(dispatch::state.eq_any(known)));
    if let Some(states) = &filter.state {
        query = query.filter(dispatch::state.eq_any(states.values()));
    }
    if let Some(partner_ref) = &filter.partner_ref {
        query = query.filter(dispatch::partner_ref.eq(partner_ref));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(dispatch::updated_at.ge(since));
    }
    Ok(page.narrow(query, dispatch::id).load(connection)?)
}

/// A page of the agreement's placements; rosters that have not left are the origin's own until they are locked.
pub fn placements(
    connection: &mut DbConnection,
    viewer: Id,
    only_employer: bool,
    agreement_id: Id,
    (filter, today): (&PlacementFilter, Day),
    page: &PageRequest,
) -> Result<Vec<Placement>> {
    let mut query =
        placement::table.filter(placement::agreement_id.eq(agreement_id)).select(Placement::as_select()).into_boxed();
    // The words of `is_presented`.
    let locked = dispatch::table
        .filter(dispatch::agreement_id.eq(placement::agreement_id))
        .filter(dispatch::id.eq(placement::dispatch_id))
        .filter(dispatch::state.eq(DispatchState::Locked));
    let presented = placement::state.eq(PlacementState::Enrolled).and(diesel::dsl::exists(locked));
    query = query.filter(placement::origin_id.eq(viewer).or(placement::departed_on.is_not_null()).or(presented));
    if only_employer {
        query = query.filter(placement::employer_id.eq(viewer).or(placement::real_employer_id.eq(viewer)));
    }
    if let Some(dispatch) = filter.dispatch_id {
        query = query.filter(placement::dispatch_id.eq(dispatch));
    }
    if let Some(quota) = filter.quota_id {
        query = query.filter(placement::quota_id.eq(quota));
    }
    if let Some(states) = &filter.state {
        query = query.filter(placement::state.eq_any(states.values()));
    }
    // The words of `rules::is_arrival_overdue`.
    let passed = calendar().last_day_passed(today);
    let overdue = || placement::state.eq(PlacementState::Departed).and(placement::arrival_due_on.le(passed));
    query = match filter.arrival_overdue {
        Some(true) => query.filter(overdue()),
        Some(false) => query.filter(diesel::dsl::not(overdue())),
        None => query,
    };
    if let Some(since) = filter.updated_since {
        query = query.filter(changed_since(agreement_id, since));
    }
    if let Some(worker) = filter.worker_id {
        query = query.filter(placement::worker_id.eq(worker));
    }
    if let Some(partner_ref) = &filter.partner_ref {
        query = query.filter(placement::partner_ref.eq(partner_ref));
    }
    Ok(page.narrow(query, placement::id).load(connection)?)
}

/// Whatever may have changed a placement since an instant: its batch, or a fact about it. Every kind of fact has an index by the instant of
/// its recording, or is few under one agreement.
#[diesel::dsl::auto_type(no_type_alias)]
fn changed_since(agreement_id: Id, since: Instant) -> _ {
    let claimed = claim::table
        .filter(claim::agreement_id.eq(agreement_id).and(claim::recorded_at.ge(since)))
        .select(claim::placement_id);
    let observed = observation::table
        .filter(observation::agreement_id.eq(agreement_id).and(observation::recorded_at.ge(since)))
        .select(observation::placement_id);
    let ended = exit_entry::table
        .filter(exit_entry::agreement_id.eq(agreement_id).and(exit_entry::recorded_at.ge(since)))
        .select(exit_entry::placement_id);
    let contested = dispute::table
        .filter(dispute::agreement_id.eq(agreement_id))
        .filter(dispute::raised_at.ge(since).or(dispute::withdrawn_at.ge(since)))
        .select(dispute::placement_id);
    let matched = claim_match::table
        .filter(claim_match::agreement_id.eq(agreement_id))
        .filter(claim_match::recorded_at.ge(since).or(claim_match::undone_at.ge(since)))
        .select(claim_match::placement_id);
    let batch = dispatch::table
        .filter(dispatch::agreement_id.eq(agreement_id).and(dispatch::updated_at.ge(since)))
        .select(dispatch::id);
    placement::dispatch_id
        .eq_any(batch)
        .or(placement::id.eq_any(observed))
        .or(placement::id.eq_any(ended))
        .or(placement::id.eq_any(contested))
        .or(placement::id.eq_any(matched))
        .or(placement::id.nullable().eq_any(claimed))
}
