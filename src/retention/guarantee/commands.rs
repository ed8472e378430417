//! Replacement duties at work: they follow exits, are fulfilled by the origin, and waived by the side they are owed to.

use serde_json::json;

use super::rules::{self, Consequence};
use super::{
    NewReplacement, NewWaiver, ReplacementAction, ReplacementDuty, ReplacementState, TRANSITIONS, store as duties,
};
use crate::agreements::guarantee_terms::GuaranteeRule;
use crate::calendar::calendar;
use crate::db::{Day, DbConnection, Id};
use crate::dispatches::{outcomes, store::placements_of};
use crate::error::{Code, Error, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::extract::IfMatch;
use crate::lifecycle;
use crate::retention::checks::RuleBook;
use crate::retention::history::History;
use crate::retention::records::ReporterRole;
use crate::retention::spell_book::Ended;
use crate::retention::store;

/// Duties that an exit, its correction or its withdrawal changes, sorted by what happens to them.
#[derive(Default)]
struct Changes {
    opened: Vec<ReplacementDuty>,
    reopened: Vec<ReplacementDuty>,
    corrected: Vec<ReplacementDuty>,
    cancelled: Vec<ReplacementDuty>,
}

/// Lets the duties and the places of placements follow their end, which was just reported, corrected or withdrawn.
///
/// # Errors
/// What the database says.
pub fn follow(connection: &mut DbConnection, actor: &Actor, agreement_id: Id, histories: &[&History]) -> Result<()> {
    if histories.is_empty() {
        return Ok(());
    }
    let ids: Vec<Id> = histories.iter().map(|history| history.placed.id).collect();
    let mut known = duties::of(connection, agreement_id, &ids)?;
    let book = RuleBook::read(connection, agreement_id)?;
    let mut changes = Changes::default();
    for history in histories {
        let Some(onboarded_on) = history.placed.onboarded_on else { continue };
        let rule = book.terms_on(onboarded_on).and_then(|terms| terms.guarantee.as_ref());
        let owed = history.placed.ended.filter(|ended| rules::is_owed(rule, onboarded_on, *ended));
        let duty = known.remove(&history.placed.id);
        changes.sort_in(actor, history, rule, owed, duty)?;
    }
    changes.write(connection, actor, agreement_id)
}

impl Changes {
    fn sort_in(
        &mut self,
        actor: &Actor,
        history: &History,
        rule: Option<&GuaranteeRule>,
        owed: Option<Ended>,
        known: Option<ReplacementDuty>,
    ) -> Result<()> {
        let state = known.as_ref().map(|duty| duty.state);
        match (rules::consequence(owed.is_some(), state), owed, rule, known) {
            (Consequence::Open, Some(ended), Some(rule), _) => {
                self.opened.push(opened(actor, history, rule, ended));
            }
            (Consequence::Reopen, Some(ended), Some(rule), Some(duty)) => {
                let state = lifecycle::step(TRANSITIONS, duty.state, ReplacementAction::Reopen)?;
                let version = duty.version + 1;
                let anew = opened(actor, history, rule, ended);
                self.reopened.push(ReplacementDuty { id: duty.id, opened_at: duty.opened_at, state, version, ..anew });
            }
            (Consequence::Correct, Some(ended), _, Some(duty))
                if (duty.ended_on, duty.reason) != (ended.on, ended.reason) =>
            {
                let version = duty.version + 1;
                let (ended_on, reason) = (ended.on, ended.reason);
                self.corrected.push(ReplacementDuty { ended_on, reason, version, updated_at: actor.now, ..duty });
            }
            (Consequence::Cancel, _, _, Some(duty)) => {
                let state = lifecycle::step(TRANSITIONS, duty.state, ReplacementAction::Cancel)?;
                let version = duty.version + 1;
                self.cancelled.push(ReplacementDuty { state, version, updated_at: actor.now, ..duty });
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes the duties. The place of one who left is free for the replacement; where the exit no longer counts, the worker takes it
    /// again if one is left.
    fn write(mut self, connection: &mut DbConnection, actor: &Actor, agreement_id: Id) -> Result<()> {
        let left: Vec<Id> = self.opened.iter().chain(&self.reopened).map(|duty| duty.placement_id).collect();
        let freed = outcomes::free_places(connection, actor, agreement_id, &left, "guarantee_exit")?;
        for duty in self.opened.iter_mut().chain(&mut self.reopened) {
            duty.quota_id = freed.get(&duty.placement_id).copied();
        }
        let freed_before = self.cancelled.iter().filter(|duty| duty.quota_id.is_some());
        let back: Vec<Id> = freed_before.map(|duty| duty.placement_id).collect();
        outcomes::take_places_again(connection, actor, agreement_id, &back, "exit_no_longer_counts")?;
        for duty in &mut self.cancelled {
            (duty.quota_id, duty.replacement_id, duty.replacement_arrived_on) = (None, None, None);
            (duty.waived_by, duty.waiver_reason) = (None, None);
        }
        duties::insert(connection, agreement_id, &self.opened)?;
        let changed: Vec<ReplacementDuty> =
            self.reopened.iter().chain(&self.corrected).chain(&self.cancelled).cloned().collect();
        duties::rewrite(connection, agreement_id, &changed)?;
        let told = [
            ("replacement_duty.opened", &self.opened),
            ("replacement_duty.opened", &self.reopened),
            ("replacement_duty.corrected", &self.corrected),
            ("replacement_duty.cancelled", &self.cancelled),
        ];
        let events = told.into_iter().flat_map(|(kind, duties)| duties.iter().map(move |duty| (kind, duty)));
        log::record_all(connection, events.map(|(kind, duty)| (actor, event(agreement_id, kind, duty))).collect())
    }
}

fn opened(actor: &Actor, history: &History, rule: &GuaranteeRule, ended: Ended) -> ReplacementDuty {
    ReplacementDuty {
        id: Id::new(),
        placement_id: history.placed.id,
        owner_id: history.placed.origin_id,
        employer_id: history.workplace_on(ended.on).0,
        quota_id: None,
        reason: ended.reason,
        ended_on: ended.on,
        window_days: i64::from(rule.window_days),
        due_on: due_on(actor.now.day(), rule),
        state: ReplacementState::Open,
        replacement_id: None,
        replacement_arrived_on: None,
        waived_by: None,
        waiver_reason: None,
        version: 1,
        opened_at: actor.now,
        updated_at: actor.now,
    }
}

/// Counted from the day the exit was recorded: whoever owes the replacement knows of it from then on only.
fn due_on(recorded_on: Day, rule: &GuaranteeRule) -> Day {
    calendar().due(recorded_on, i64::from(rule.replacement_days))
}

/// Names the placement that replaces the one whose worker left.
///
/// # Errors
/// [`Code::NotFound`], [`Code::RoleNotAllowed`] for all but the owner, [`Code::TransitionNotAllowed`], [`Code::FieldInvalid`] for a placement
/// that cannot be the replacement, [`Code::PreconditionFailed`].
pub fn fulfil(
    connection: &mut DbConnection,
    actor: &Actor,
    (agreement_id, id): (Id, Id),
    if_match: IfMatch,
    new: &NewReplacement,
) -> Result<ReplacementDuty> {
    let reporter = store::reporter(connection, &actor.scope, agreement_id)?;
    store::lock(connection, agreement_id)?;
    let duty = duties::duty(connection, agreement_id, reporter, id)?;
    if_match.check(duty.version)?;
    if duty.owner_id != actor.scope.party_id {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("only the party that owes a replacement names it", "仅承担补员义务的一方可以填报补员")
            .param("owner_id", duty.owner_id.to_string()));
    }
    let state = lifecycle::step(TRANSITIONS, rules::state_in_effect(&duty), ReplacementAction::Fulfil)?;
    let placement = placements_of(connection, agreement_id, &[new.placement_id])?.pop();
    let replaces = duties::replaces(connection, agreement_id, new.placement_id)?;
    if let Some(fault) = rules::replacement_fault(&duty, placement.as_ref(), replaces) {
        return Err(Error::new(Code::FieldInvalid).fault(fault));
    }
    let replacement_arrived_on = placement.and_then(|row| row.onboarded_on);
    let (replacement_id, version) = (Some(new.placement_id), duty.version + 1);
    let fulfilled =
        ReplacementDuty { state, replacement_id, replacement_arrived_on, version, updated_at: actor.now, ..duty };
    written(connection, actor, agreement_id, "replacement_duty.fulfilled", fulfilled)
}

/// Does without a replacement.
///
/// # Errors
/// [`Code::NotFound`], [`Code::RoleNotAllowed`] for all but the destination and the employer that was left, [`Code::TransitionNotAllowed`],
/// [`Code::FieldInvalid`], [`Code::PreconditionFailed`].
pub fn waive(
    connection: &mut DbConnection,
    actor: &Actor,
    (agreement_id, id): (Id, Id),
    if_match: IfMatch,
    new: &NewWaiver,
) -> Result<ReplacementDuty> {
    let reporter = store::reporter(connection, &actor.scope, agreement_id)?;
    store::lock(connection, agreement_id)?;
    let duty = duties::duty(connection, agreement_id, reporter, id)?;
    if_match.check(duty.version)?;
    if !matches!(reporter.role, ReporterRole::Destination | ReporterRole::Employer) {
        return Err(Error::new(Code::RoleNotAllowed).detail(
            "only the destination or the employer that was left may do without a replacement",
            "仅输入地或原用人单位可以免除补员",
        ));
    }
    let state = lifecycle::step(TRANSITIONS, rules::state_in_effect(&duty), ReplacementAction::Waive)?;
    let mut faults = Faults::new();
    faults.text("/reason", &new.reason, 500);
    faults.check()?;
    let waiver_reason = Some(new.reason.trim().to_owned());
    let (waived_by, version) = (Some(actor.scope.party_id), duty.version + 1);
    let waived = ReplacementDuty {
        state,
        replacement_id: None,
        waived_by,
        waiver_reason,
        version,
        updated_at: actor.now,
        ..duty
    };
    written(connection, actor, agreement_id, "replacement_duty.waived", waived)
}

fn written(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    kind: &'static str,
    duty: ReplacementDuty,
) -> Result<ReplacementDuty> {
    duties::rewrite(connection, agreement_id, std::slice::from_ref(&duty))?;
    log::record(connection, actor, event(agreement_id, kind, &duty))?;
    Ok(duty)
}

fn event(agreement_id: Id, kind: &'static str, duty: &ReplacementDuty) -> NewEvent {
    NewEvent {
        kind,
        chain: Chain::Agreement(agreement_id),
        subject_kind: "replacement_duty",
        subject_id: duty.id,
        subject_version: duty.version,
        employer_id: Some(duty.employer_id),
        payload: json!({
            "agreement_id": agreement_id,
            "placement_id": duty.placement_id,
            "owner_id": duty.owner_id,
            "quota_id": duty.quota_id,
            "reason": duty.reason,
            "ended_on": duty.ended_on,
            "due_on": duty.due_on,
            "state": duty.state,
            "replacement_id": duty.replacement_id,
        }),
    }
}
