//! Disputes (异议): a party contests what is said of a placement. Nothing is overwritten; the row counts in the column of disputed rows as
//! long as one dispute stands.

use serde_json::json;

use super::store::{self, disputes};
use super::{Dispute, DisputeAction, DisputeState, NewDispute, TRANSITIONS};
use crate::db::{DbConnection, Id};
use crate::dispatches::{self, Placement, outcomes};
use crate::error::{Code, Error, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::identity::Scope;
use crate::lifecycle;

/// A placement the caller may see: a party of the agreement, or its planned or real employer; before the departure its origin only.
///
/// # Errors
/// [`Code::NotFound`].
pub fn placement(connection: &mut DbConnection, scope: &Scope, agreement_id: Id, id: Id) -> Result<Placement> {
    let member = store::viewer(connection, scope, agreement_id)?;
    let found = dispatches::store::placements_of(connection, agreement_id, &[id])?;
    let mine = |row: &Placement| row.employer_id == scope.party_id || row.real_employer_id == Some(scope.party_id);
    found
        .into_iter()
        .find(|row| row.origin_id == scope.party_id || (row.departed_on.is_some() && (member.is_some() || mine(row))))
        .ok_or_else(|| Error::not_found("placement", "安置记录"))
}

/// Raises a dispute about a placement the caller may see and that has departed.
///
/// # Errors
/// [`Code::FieldInvalid`], [`Code::ClaimNotPossible`] before the departure, [`Code::DisputeStanding`] when the party has one already.
pub fn raise(connection: &mut DbConnection, actor: &Actor, placement: &Placement, new: &NewDispute) -> Result<Dispute> {
    let mut faults = Faults::new();
    faults.text("/reason", &new.reason, 500);
    faults.check()?;
    if placement.departed_on.is_none() {
        return Err(Error::new(Code::ClaimNotPossible).param("state", placement.state.as_str()));
    }
    let (agreement_id, placement_id) = (placement.agreement_id, placement.id);
    disputes::lock_placement(connection, agreement_id, placement_id)?;
    let standing = disputes::standing(connection, agreement_id, placement_id)?;
    if let Some(own) = standing.iter().find(|dispute| dispute.raised_by == actor.scope.party_id) {
        return Err(Error::new(Code::DisputeStanding).param("dispute_id", own.id.to_string()));
    }
    let dispute = Dispute {
        agreement_id,
        id: Id::new(),
        placement_id,
        raised_by: actor.scope.party_id,
        reason: new.reason.trim().to_owned(),
        state: DisputeState::Open,
        raised_at: actor.now,
        withdrawn_at: None,
    };
    disputes::insert(connection, &dispute)?;
    if standing.is_empty() {
        outcomes::set_disputed(connection, agreement_id, &[(placement_id, true)])?;
    }
    log::record(connection, actor, event("dispute.raised", 1, placement, &dispute))?;
    Ok(dispute)
}

/// Takes the caller's own dispute back.
///
/// # Errors
/// [`Code::RoleNotAllowed`] for another party's, [`Code::TransitionNotAllowed`] when it is withdrawn already.
pub fn withdraw(connection: &mut DbConnection, actor: &Actor, placement: &Placement, id: Id) -> Result<Dispute> {
    let (agreement_id, placement_id) = (placement.agreement_id, placement.id);
    disputes::lock_placement(connection, agreement_id, placement_id)?;
    let dispute = disputes::dispute(connection, agreement_id, placement_id, id)?;
    if dispute.raised_by != actor.scope.party_id {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("only the party that raised a dispute may withdraw it", "仅提出异议的一方可以撤回")
            .param("raised_by", dispute.raised_by.to_string()));
    }
    let state = lifecycle::step(TRANSITIONS, dispute.state, DisputeAction::Withdraw)?;
    disputes::withdraw(connection, &dispute, actor.now)?;
    let withdrawn = Dispute { state, withdrawn_at: Some(actor.now), ..dispute };
    if disputes::standing(connection, agreement_id, placement_id)?.is_empty() {
        outcomes::set_disputed(connection, agreement_id, &[(placement_id, false)])?;
    }
    log::record(connection, actor, event("dispute.withdrawn", 2, placement, &withdrawn))?;
    Ok(withdrawn)
}

fn event(kind: &'static str, version: i64, placement: &Placement, dispute: &Dispute) -> NewEvent {
    NewEvent {
        kind,
        chain: Chain::Agreement(dispute.agreement_id),
        subject_kind: "dispute",
        subject_id: dispute.id,
        subject_version: version,
        employer_id: Some(placement.employer_id),
        payload: json!({ "placement_id": dispute.placement_id, "raised_by": dispute.raised_by, "state": dispute.state }),
    }
}
