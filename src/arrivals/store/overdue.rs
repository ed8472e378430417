//! Overdue arrivals: computed from the day, never stored.

use diesel::prelude::*;

use crate::arrivals::{ClaimantRole, OverdueArrival, rules};
use crate::calendar::calendar;
use crate::db::schema::{claim, placement};
use crate::db::{Day, DbConnection, Id, PageRequest};
use crate::dispatches::{Placement, PlacementState};
use crate::error::Result;

/// What the list of overdue arrivals may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OverdueFilter {
    /// The day to look from; today unless given. A past day shows what was overdue then, a future day what will be if nobody speaks.
    pub as_of: Option<Day>,
    /// Only placements planned for this employer.
    pub employer_id: Option<Id>,
    /// Only placements of this origin.
    pub origin_id: Option<Id>,
    /// Only placements of this dispatch.
    pub dispatch_id: Option<Id>,
}

/// A page of the placements that have departed, whose last day on time, moved to a working day, lies before the day asked for, and of which by then nobody who
/// may say so had said what became of them.
///
/// # Errors
/// What the database says.
pub fn list(
    connection: &mut DbConnection,
    agreement_id: Id,
    employer: Option<Id>,
    today: Day,
    filter: &OverdueFilter,
    page: &PageRequest,
) -> Result<Vec<OverdueArrival>> {
    let as_of = filter.as_of.unwrap_or(today);
    let mut query = placement::table
        .filter(placement::agreement_id.eq(agreement_id))
        .filter(placement::arrival_due_on.le(calendar().last_day_passed(as_of)))
        .select(Placement::as_select())
        .into_boxed();
    query = if as_of < today {
        // Who has been claimed since was overdue all the same.
        let deciding = ClaimantRole::ALL.iter().copied().filter(|role| *role != ClaimantRole::Origin);
        let spoken = claim::table
            .filter(claim::agreement_id.eq(placement::agreement_id))
            .filter(claim::placement_id.eq(placement::id.nullable()))
            .filter(claim::claimant_role.eq_any(deciding.collect::<Vec<_>>()))
            .filter(claim::recorded_at.lt(as_of.plus_days(1).start()));
        query.filter(placement::departed_on.le(as_of)).filter(diesel::dsl::not(diesel::dsl::exists(spoken)))
    } else {
        query.filter(placement::state.eq(PlacementState::Departed))
    };
    if let Some(employer) = employer {
        query = query.filter(placement::employer_id.eq(employer));
    }
    if let Some(employer) = filter.employer_id {
        query = query.filter(placement::employer_id.eq(employer));
    }
    if let Some(origin) = filter.origin_id {
        query = query.filter(placement::origin_id.eq(origin));
    }
    if let Some(dispatch) = filter.dispatch_id {
        query = query.filter(placement::dispatch_id.eq(dispatch));
    }
    let rows = page.narrow(query, placement::id).load::<Placement>(connection)?;
    Ok(rows
        .into_iter()
        .filter_map(|placement| {
            let days_overdue = rules::days_overdue(placement.arrival_due_on, as_of)?;
            Some(OverdueArrival { days_overdue, placement })
        })
        .collect())
}
