//! Returning a row of a locked roster (退回补正): the destination or the employer sends it back with a reason.
//!
//! The row leaves the roster and its place is free; sent again it is the same placement, and the return keeps what it was before. The
//! delay is not the workers' doing, so the batch holds its places anew for the full time. A row that the origin itself takes off
//! renews nothing.

use serde_json::json;

use super::enrolment::event;
use super::store::{self, returns};
use super::{Dispatch, DispatchAction, NewRosterReturn, Placement, RosterReturn, TRANSITIONS, outcomes};
use crate::agreements;
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::lifecycle;

/// Sends a row back.
///
/// # Errors
/// [`Code::NotFound`] for a row the caller may not see, [`Code::RoleNotAllowed`] unless it is the destination or the planned employer,
/// [`Code::TransitionNotAllowed`] unless the roster is locked, [`Code::HoldLapsed`] when its places are no longer held.
pub fn return_row(
    connection: &mut DbConnection,
    actor: &Actor,
    (agreement_id, placement_id): (Id, Id),
    new: &NewRosterReturn,
) -> Result<RosterReturn> {
    let mut faults = Faults::new();
    faults.text("/reason", &new.reason, 500);
    faults.check()?;
    let seen = store::placement(connection, &actor.scope, agreement_id, placement_id)?;
    if ![seen.destination_id, seen.employer_id].contains(&actor.scope.party_id) {
        return Err(Error::new(Code::RoleNotAllowed).param("required_role", json!(["destination", "employer"])));
    }
    let dispatch = returns::lock_dispatch(connection, agreement_id, seen.dispatch_id)?;
    lifecycle::step(TRANSITIONS, dispatch.state, DispatchAction::Return)?;
    if dispatch.holds_until <= actor.now {
        return Err(Error::new(Code::HoldLapsed).param("holds_until", dispatch.holds_until.to_string()));
    }
    // The origin may have taken the row off while we waited for the roster.
    let row = store::placement(connection, &actor.scope, agreement_id, placement_id)?;
    let returned = RosterReturn {
        agreement_id,
        id: Id::new(),
        placement_id,
        quota_id: row.quota_id,
        cohort_id: row.cohort_id,
        returned_by: actor.scope.party_id,
        reason: new.reason.trim().to_owned(),
        returned_at: actor.now,
    };
    outcomes::cancel_placement(connection, actor, &row, "returned")?;
    returns::insert(connection, &returned)?;
    let terms = agreements::store::terms_on(connection, agreement_id, actor.now.day())?;
    returns::renew_holds(connection, &dispatch, actor.now.plus_days(terms.hold_days))?;
    let changed = Dispatch { version: dispatch.version + 1, placements: dispatch.placements - 1, ..dispatch };
    let told = [returned_event(&row, &returned), event(&changed, "dispatch.roster_changed")];
    log::record_all(connection, told.into_iter().map(|event| (actor, event)).collect())?;
    Ok(returned)
}

fn returned_event(row: &Placement, returned: &RosterReturn) -> NewEvent {
    NewEvent {
        kind: "placement.returned",
        chain: Chain::Agreement(returned.agreement_id),
        subject_kind: "roster_return",
        subject_id: returned.id,
        subject_version: 1,
        employer_id: Some(row.employer_id),
        payload: json!({
            "agreement_id": returned.agreement_id,
            "dispatch_id": row.dispatch_id,
            "placement_id": returned.placement_id,
            "returned_by": returned.returned_by,
        }),
    }
}
