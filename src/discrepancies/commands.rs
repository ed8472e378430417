//! What people do with a discrepancy: ask, answer, resolve, undo. Each act is an entry; each command holds the agreement's row.

use serde_json::{Value, json};

use super::cases::Case;
use super::duties::Duty;
use super::requests::{NewAnswer, NewBulkResolution, NewEvidenceRequest, NewResolution, NewUndo};
use super::rules::{require_other_party, undoable};
use super::store::{self, claims};
use super::{
    BulkResolution, CONFIRM_ABOVE, DiscrepancyAction, DiscrepancyEntryKind, DiscrepancyResolution, DiscrepancyState,
    RESOLUTION_ROWS_MAX, RESOLUTION_TRANSITIONS, ResolutionAction, ResolutionOutcome, ResolutionState, rules,
};
use crate::agreements::PartyRole;
use crate::agreements::store::{parties, terms_on};
use crate::db::{DbConnection, Id};
use crate::dispatches::store::placements_of;
use crate::error::{Code, Error, Fault, Faults, Language, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::receipt::{Receipts, RowStatus};
use crate::lifecycle::step;
use crate::reconciliation::consequences::Owner;

/// Who acts, and what its party is in the agreement.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The role of its party.
    pub role: PartyRole,
}

fn words(pointer: &str, text: &str) -> Result<String> {
    let mut faults = Faults::new();
    faults.text(pointer, text, 500);
    faults.check()?;
    Ok(text.trim().to_owned())
}

/// Asks the owner for evidence: it has the days that the terms give for an answer, from today. A duty that is overdue stays missed.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::FieldInvalid`].
pub fn ask(
    connection: &mut DbConnection,
    command: Command<'_>,
    case: &mut Case,
    new: &NewEvidenceRequest,
) -> Result<()> {
    let Command { actor, .. } = command;
    let question = words("/question", &new.question)?;
    case.step(DiscrepancyAction::Ask)?;
    let agreement_id = case.row.agreement_id;
    let terms = terms_on(connection, agreement_id, actor.now.day())?;
    case.row.due_on = Case::due(actor, terms.deadlines.answer_days);
    let entry = case.enter(actor, DiscrepancyEntryKind::Asked, |entry| entry.words = Some(question));
    case.settle(actor, entry, |_| true, |_| false);
    let placed: Vec<Id> = case.row.placement_id.into_iter().collect();
    let placement = placements_of(connection, agreement_id, &placed)?.pop();
    let owners = rules::owners(case.row.owner, placement.as_ref(), &parties(connection, agreement_id)?);
    case.owe(actor, entry, &owners);
    Ok(())
}

/// Answers for the caller's party, which must own the fact; the destination may answer for an employer, which it has to follow up.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::RoleNotAllowed`], [`Code::FieldInvalid`].
pub fn answer(_: &mut DbConnection, command: Command<'_>, case: &mut Case, new: &NewAnswer) -> Result<()> {
    let Command { actor, role } = command;
    let answer = words("/answer", &new.answer)?;
    case.step(DiscrepancyAction::Answer)?;
    let owner = match role {
        PartyRole::Origin => matches!(case.row.owner, Owner::Origin | Owner::Both),
        PartyRole::Destination => matches!(case.row.owner, Owner::Destination | Owner::Employer | Owner::Both),
        PartyRole::Station => false,
    };
    if !owner {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("only the owner of the fact answers", "仅事实的责任方可以答复")
            .param("required_role", case.row.owner.as_str()));
    }
    let entry = case.enter(actor, DiscrepancyEntryKind::Answered, |entry| entry.words = Some(answer));
    let for_employer = case.row.owner == Owner::Employer;
    let concerned = |duty: &Duty| for_employer || duty.party_id == actor.scope.party_id;
    case.settle(actor, entry, concerned, |_| true);
    Ok(())
}

/// Decides one discrepancy.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::OwnFact`], [`Code::FieldInvalid`].
pub fn resolve(_: &mut DbConnection, command: Command<'_>, case: &mut Case, new: &NewResolution) -> Result<()> {
    let reason = words("/reason", &new.reason)?;
    decide(command.actor, case, new.outcome, reason, None)
}

fn decide(
    actor: &Actor,
    case: &mut Case,
    outcome: ResolutionOutcome,
    reason: String,
    resolution_id: Option<Id>,
) -> Result<()> {
    case.step(DiscrepancyAction::Resolve)?;
    require_other_party(&case.row, actor.scope.party_id)?;
    case.row.outcome = Some(outcome);
    let entry = case.enter(actor, DiscrepancyEntryKind::Resolved, |entry| {
        entry.words = Some(reason);
        entry.resolution_id = resolution_id;
    });
    case.settle(actor, entry, |_| true, |party| party == actor.scope.party_id);
    Ok(())
}

/// Takes the last act back, which must be the caller's own: what was before it stands again, and both entries stay.
///
/// # Errors
/// [`Code::TransitionNotAllowed`], [`Code::RoleNotAllowed`], [`Code::FieldInvalid`].
pub fn undo(connection: &mut DbConnection, command: Command<'_>, case: &mut Case, new: &NewUndo) -> Result<()> {
    let Command { actor, .. } = command;
    let reason = words("/reason", &new.reason)?;
    let entries = store::entries(connection, case.row.agreement_id, case.row.id)?;
    let (last, former) = undoable(&entries, actor.scope.party_id)?;
    case.row.state = former.state;
    case.row.due_on = former.due_on;
    case.row.outcome = former.outcome.filter(|_| former.state == DiscrepancyState::Resolved);
    let undoes = last.id;
    let entry = case.enter(actor, DiscrepancyEntryKind::Undone, |entry| {
        entry.words = Some(reason);
        entry.undoes = Some(undoes);
        entry.outcome = None;
    });
    case.restore(actor, entry, undoes, store::duties_of_entry(connection, last)?);
    claims::undo_matches(connection, case.row.agreement_id, undoes, actor.now)
}

/// Decides many discrepancies with one word. Above [`CONFIRM_ABOVE`] rows it is proposed, and a second person confirms it.
///
/// # Errors
/// [`Code::FieldInvalid`].
pub fn resolve_many(
    connection: &mut DbConnection,
    command: Command<'_>,
    agreement_id: Id,
    new: &NewBulkResolution,
    language: Language,
) -> Result<BulkResolution> {
    let Command { actor, .. } = command;
    let count = new.discrepancy_ids.len();
    let mut faults = Faults::new();
    faults.text("/reason", &new.reason, 500);
    let (en, zh) = ("name 1 to 1,000 discrepancies", "每次处理 1 至 1000 条差异");
    faults.require((1..=RESOLUTION_ROWS_MAX).contains(&count), "/discrepancy_ids", "row_count", en, zh);
    faults.check()?;
    let proposed = count > CONFIRM_ABOVE;
    let resolution = DiscrepancyResolution {
        agreement_id,
        id: Id::new(),
        outcome: new.outcome,
        reason: new.reason.trim().to_owned(),
        state: if proposed { ResolutionState::Proposed } else { ResolutionState::InEffect },
        row_count: i64::try_from(count).map_err(Error::internal)?,
        party_id: actor.scope.party_id,
        client_id: actor.scope.client_id,
        confirmed_by: None,
        made_at: actor.now,
        confirmed_at: None,
    };
    store::insert_resolution(connection, &resolution)?;
    let receipts = decide_each(connection, actor, &resolution, &new.discrepancy_ids, language)?;
    let kind = if proposed { "discrepancies.proposed" } else { "discrepancies.resolved" };
    log::record(connection, actor, resolution_event(kind, 1, &resolution, &receipts))?;
    Ok(BulkResolution { resolution, receipts })
}

/// Confirms a bulk resolution, as another client of the party that made it.
///
/// # Errors
/// [`Code::NotFound`] for another party's, [`Code::SecondPersonNeeded`], [`Code::TransitionNotAllowed`].
pub fn confirm(
    connection: &mut DbConnection,
    command: Command<'_>,
    mut resolution: DiscrepancyResolution,
    language: Language,
) -> Result<BulkResolution> {
    let Command { actor, .. } = command;
    if resolution.party_id != actor.scope.party_id {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("only the party that made it may confirm it", "仅作出处理决定的一方可以复核")
            .param("party_id", resolution.party_id.to_string()));
    }
    resolution.state = step(RESOLUTION_TRANSITIONS, resolution.state, ResolutionAction::Confirm)?;
    if resolution.client_id == actor.scope.client_id {
        return Err(Error::new(Code::SecondPersonNeeded).param("client_id", resolution.client_id.to_string()));
    }
    resolution.confirmed_by = Some(actor.scope.client_id);
    resolution.confirmed_at = Some(actor.now);
    store::confirm_resolution(connection, &resolution)?;
    let ids = store::proposed(connection, &resolution)?;
    let receipts = decide_each(connection, actor, &resolution, &ids, language)?;
    log::record(connection, actor, resolution_event("discrepancies.resolved", 2, &resolution, &receipts))?;
    Ok(BulkResolution { resolution, receipts })
}

/// Each row stands alone: one that cannot be decided does not stop the others.
fn decide_each(
    connection: &mut DbConnection,
    actor: &Actor,
    resolution: &DiscrepancyResolution,
    ids: &[Id],
    language: Language,
) -> Result<Receipts> {
    let mut known = store::cases(connection, resolution.agreement_id, ids)?;
    let mut receipts = Receipts::default();
    let mut decided = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        let fault = |code, en, zh| vec![Fault::body(format!("/discrepancy_ids/{at}"), code, en, zh)];
        let outcome = match known.remove(id) {
            None => Err(fault("reference_unknown", "no such discrepancy, or named twice", "没有该差异，或重复填写")),
            Some(mut case) => match settle_one(actor, resolution, &mut case) {
                Ok(()) => {
                    decided.push(case);
                    Ok((RowStatus::Accepted, *id))
                }
                Err(error) if error.code == Code::OwnFact => {
                    Err(fault("own_fact", "your party reported this fact", "该事实由贵方报送"))
                }
                Err(error) if error.code == Code::TransitionNotAllowed => {
                    Err(fault("transition_not_allowed", "it is settled already", "该差异已处理完毕"))
                }
                Err(error) => return Err(error),
            },
        };
        receipts.push(None, outcome, language);
    }
    store::write(connection, resolution.agreement_id, &decided)?;
    Ok(receipts)
}

fn settle_one(actor: &Actor, resolution: &DiscrepancyResolution, case: &mut Case) -> Result<()> {
    if resolution.state == ResolutionState::InEffect {
        return decide(actor, case, resolution.outcome, resolution.reason.clone(), Some(resolution.id));
    }
    step(super::TRANSITIONS, case.row.state, DiscrepancyAction::Resolve)?;
    require_other_party(&case.row, actor.scope.party_id)?;
    case.enter(actor, DiscrepancyEntryKind::Proposed, |entry| {
        entry.words = Some(resolution.reason.clone());
        entry.outcome = Some(resolution.outcome);
        entry.resolution_id = Some(resolution.id);
    });
    Ok(())
}

fn resolution_event(
    kind: &'static str,
    version: i64,
    resolution: &DiscrepancyResolution,
    receipts: &Receipts,
) -> NewEvent {
    NewEvent {
        kind,
        chain: Chain::Agreement(resolution.agreement_id),
        subject_kind: "discrepancy_resolution",
        subject_id: resolution.id,
        subject_version: version,
        employer_id: None,
        payload: json!({
            "agreement_id": resolution.agreement_id,
            "outcome": resolution.outcome,
            "state": resolution.state,
            "party_id": resolution.party_id,
            "accepted": receipts.accepted,
            "rejected": receipts.rejected,
        }),
    }
}

/// Writes what was done to a case, and tells of it. An employer that owes an answer hears of it too.
pub(super) fn finish(connection: &mut DbConnection, actor: &Actor, case: &Case) -> Result<()> {
    store::write(connection, case.row.agreement_id, std::slice::from_ref(case))?;
    let Some(entry) = case.entries.last() else { return Ok(()) };
    let kind = match entry.kind {
        DiscrepancyEntryKind::Asked => "discrepancy.asked",
        DiscrepancyEntryKind::Answered => "discrepancy.answered",
        DiscrepancyEntryKind::Matched => "discrepancy.matched",
        DiscrepancyEntryKind::Undone => "discrepancy.undone",
        _ => "discrepancy.resolved",
    };
    let employer_id = case.owed.first().filter(|_| case.row.owner == Owner::Employer).map(|duty| duty.party_id);
    let payload: Value = json!({
        "agreement_id": case.row.agreement_id,
        "state": case.row.state,
        "code": case.row.code,
        "due_on": case.row.due_on,
        "outcome": case.row.outcome,
        "entry_id": entry.id,
        "placement_id": entry.placement_id.or(case.row.placement_id),
    });
    let event = NewEvent {
        kind,
        chain: Chain::Agreement(case.row.agreement_id),
        subject_kind: "discrepancy",
        subject_id: case.row.id,
        subject_version: case.row.version,
        employer_id,
        payload,
    };
    log::record(connection, actor, event)
}
