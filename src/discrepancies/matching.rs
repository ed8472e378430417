//! Matching by hand: a claim that names a person is put to a placement by somebody who looked at both.
//!
//! All claims about the person in that season go together, and the next run reads them as claims about the placement. A placement of which
//! the claimant has spoken already takes no second claim of it, forced or not: last season's placement is never swallowed.

use super::cases::Case;
use super::commands::Command;
use super::requests::NewMatch;
use super::rules::{misfits, of_season, require_other_party};
use super::store::claims::{self, ClaimMatch, NamedClaim};
use super::{DiscrepancyAction, DiscrepancyEntryKind};
use crate::agreements::store::terms_on;
use crate::db::{DbConnection, Id};
use crate::dispatches::PlacementState;
use crate::dispatches::store::placements_of;
use crate::error::{Code, Error, Faults, Result};
use crate::reconciliation::facts::AgreementWindows;

/// Matches the claim of a discrepancy to a placement.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::OwnFact`], [`Code::FieldInvalid`], [`Code::MatchNotPossible`], [`Code::MatchNeedsForce`].
pub fn match_by_hand(
    connection: &mut DbConnection,
    command: Command<'_>,
    case: &mut Case,
    new: &NewMatch,
) -> Result<()> {
    let Command { actor, .. } = command;
    check_words(new)?;
    case.step(DiscrepancyAction::Match)?;
    require_other_party(&case.row, actor.scope.party_id)?;
    let agreement_id = case.row.agreement_id;
    let claim = case.row.claim_id.filter(|_| case.row.placement_id.is_none());
    let claim = claim.ok_or_else(|| {
        not_possible("it is about a placement already, not about a claim that names a person", "该差异已对应安置记录")
    })?;
    let windows = AgreementWindows::of(&terms_on(connection, agreement_id, actor.now.day())?.arrival);
    let same_person = claims::naming_the_same(connection, agreement_id, &[claim])?;
    let named: Vec<&NamedClaim> = of_season(&windows, claim, &same_person).filter(|claim| claim.in_effect).collect();
    check_placement(connection, agreement_id, new.placement_id, &named)?;
    let target = claims::target(connection, agreement_id, new.placement_id)?;
    let against = misfits(&windows, &named, &target);
    if !new.force && !against.is_empty() {
        return Err(Error::new(Code::MatchNeedsForce).faults(against));
    }
    let forced = !against.is_empty();
    let entry_id = case.enter(actor, DiscrepancyEntryKind::Matched, |entry| {
        entry.words = new.reason.as_deref().map(|reason| reason.trim().to_owned());
        entry.placement_id = Some(new.placement_id);
        entry.forced = forced;
    });
    case.settle(actor, entry_id, |_| true, |party| party == actor.scope.party_id);
    let matches: Vec<ClaimMatch> = named
        .iter()
        .map(|claim| ClaimMatch {
            agreement_id,
            id: Id::new(),
            claim_id: claim.id,
            placement_id: new.placement_id,
            discrepancy_id: case.row.id,
            entry_id,
            forced,
            matched_by: actor.scope.party_id,
            recorded_at: actor.now,
            undone_at: None,
        })
        .collect();
    claims::insert_matches(connection, &matches)
}

fn check_words(new: &NewMatch) -> Result<()> {
    let mut faults = Faults::new();
    faults.optional_text("/reason", new.reason.as_deref(), 500);
    let (en, zh) = ("a forced match needs a reason", "强制匹配须说明理由");
    faults.require(!new.force || new.reason.is_some(), "/reason", "reason_needed", en, zh);
    faults.check()
}

/// The placement must have departed, and no claimant of these may have spoken of it.
fn check_placement(connection: &mut DbConnection, agreement_id: Id, id: Id, named: &[&NamedClaim]) -> Result<()> {
    let placement = placements_of(connection, agreement_id, &[id])?.pop();
    let mut faults = Faults::new();
    let (en, zh) = ("no such placement under this agreement", "本协议下没有该安置记录");
    faults.require(placement.is_some(), "/placement_id", "reference_unknown", en, zh);
    faults.check()?;
    if placement.is_some_and(|row| row.departed_on.is_none() || row.state == PlacementState::Cancelled) {
        return Err(not_possible("the placement has not departed", "该安置尚未出发"));
    }
    let spoken = claims::spoken(connection, agreement_id, id)?;
    if named.iter().any(|claim| spoken.contains(&claim.claimant_id)) {
        return Err(not_possible(
            "the claimant has spoken of this placement already; let it correct that claim",
            "申报方已对该安置提交过信息，请由其更正原申报",
        ));
    }
    Ok(())
}

fn not_possible(en: &str, zh: &str) -> Error {
    Error::new(Code::MatchNotPossible).detail(en, zh)
}
