//! Claims that waited for a departure: an employer may report an arrival by name and identity number before the origin records that the
//! person has left. Such a claim stands as unannounced; when the batch departs it is said again of the placement, word for word and by
//! the same claimant, and the outcome is decided in the same transaction.
//!
//! The claim as it was sent stays in history, replaced by the one about the placement. What belongs to no placement for certain, or to
//! one its claimant may not speak of, goes on waiting: the rules are those of a claim made after the departure.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;

use super::effects::{Deciding, settle};
use super::events::IDS_AT_ONCE;
use crate::arrivals::ClaimantRole;
use crate::arrivals::rules::judging::{Claiming, Subject, judge};
use crate::arrivals::rules::outcome::{Said, decide};
use crate::arrivals::rules::reading::{Stated, Target};
use crate::arrivals::store::claims::{self, NewRow, Waiting};
use crate::arrivals::store::subjects;
use crate::db::{DbConnection, Id};
use crate::dispatches::Dispatch;
use crate::dispatches::outcomes::Outcome;
use crate::error::Result;
use crate::events::{Actor, Chain, NewEvent};

/// Attaches the claims that waited for a batch which has just departed; gives the events, to be recorded after that of the departure.
/// Arrivals lie above dispatches, so this is handed down.
pub type Attach = fn(&mut DbConnection, &Actor, &Dispatch) -> Result<Vec<NewEvent>>;

/// See [`Attach`].
///
/// # Errors
/// What the database says.
pub fn attach_waiting(connection: &mut DbConnection, actor: &Actor, dispatch: &Dispatch) -> Result<Vec<NewEvent>> {
    let agreement_id = dispatch.agreement_id;
    let waiting = claims::waiting_for(connection, agreement_id, dispatch.id)?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let ids: HashSet<Id> = waiting.iter().map(|claim| claim.placement_id).collect();
    let subjects = subjects::locked(connection, agreement_id, &ids)?;
    let new = said_again(actor, &subjects, waiting);
    if new.is_empty() {
        return Ok(Vec::new());
    }
    claims::insert(connection, agreement_id, actor.now, &new)?;
    let about: HashSet<Id> = new.iter().filter_map(|row| row.placement_id).collect();
    let mut decided = BTreeMap::new();
    for (placement_id, claims) in claims::about(connection, agreement_id, about.into_iter())? {
        let said: Vec<Said> = claims.into_iter().map(|claim| claim.said).collect();
        let subject = subjects.get(&placement_id);
        if let Some(outcome) = subject.and_then(|it| decide(&it.placement, it.planned_region, &said)) {
            decided.insert(placement_id, outcome);
        }
    }
    // Nobody can have been seen in a post before the exchange knew of the departure, so there is nothing to judge.
    let deciding = Deciding { actor, agreement_id, judge: |_, _, _, _| Ok(()) };
    let outcomes = settle(connection, deciding, &subjects, &decided)?;
    Ok(events(dispatch, &subjects, &new, &outcomes))
}

/// The claims about placements: of those that fit a single placement in its season, the latest of each claimant.
fn said_again(actor: &Actor, subjects: &HashMap<Id, Subject>, waiting: Vec<Waiting>) -> Vec<NewRow> {
    let mut fitting: BTreeMap<Id, Vec<(Waiting, &Subject, ClaimantRole)>> = BTreeMap::new();
    for claim in waiting {
        let Some(subject) = subjects.get(&claim.placement_id) else { continue };
        let member = Some(claim.said.role).filter(|role| *role != ClaimantRole::Employer);
        let role = subject.capacity_of(claim.said.claimant_id, member);
        if let Some(role) = role.filter(|_| subject.season_contains(claim.said.happened_on)) {
            fitting.entry(claim.said.claim_id).or_default().push((claim, subject, role));
        }
    }
    let mut latest: BTreeMap<(Id, Id), NewRow> = BTreeMap::new();
    for mut candidates in fitting.into_values() {
        let (Some((claim, subject, role)), true) = (candidates.pop(), candidates.is_empty()) else { continue };
        if let Some(row) = row(actor, &claim, subject, role) {
            latest.insert((subject.placement.id, claim.said.claimant_id), row);
        }
    }
    latest.into_values().collect()
}

/// A waiting claim, as it reads once the placement is known. Whether it is late goes by the day it was sent.
fn row(actor: &Actor, claim: &Waiting, subject: &Subject, role: ClaimantRole) -> Option<NewRow> {
    let said = &claim.said;
    let stated = Stated {
        target: Target::Placement(subject.placement.id),
        outcome: said.outcome,
        happened_on: said.happened_on,
        employer_id: said.employer_id.filter(|employer| *employer != said.claimant_id),
        region_code: said.region_code,
        evidence: said.evidence,
        client_ref: None,
    };
    let by = Claiming { party: said.claimant_id, role, today: said.recorded_at.day() };
    let judged = judge(&stated, subject, by, None, "").ok()?;
    let said = Said {
        claim_id: Id::new(),
        role,
        outcome: judged.outcome,
        employer_id: judged.employer_id,
        late: judged.late,
        recorded_at: actor.now,
        ..said.clone()
    };
    Some(NewRow {
        said,
        placement_id: Some(subject.placement.id),
        person: None,
        client_ref: None,
        content_hash: claim.content_hash.clone(),
        replaces: Some(claim.said.claim_id),
    })
}

fn events(dispatch: &Dispatch, subjects: &HashMap<Id, Subject>, new: &[NewRow], outcomes: &[Outcome]) -> Vec<NewEvent> {
    let mut by_employer: BTreeMap<Option<Id>, Vec<&NewRow>> = BTreeMap::new();
    for row in new {
        let subject = row.placement_id.and_then(|id| subjects.get(&id));
        by_employer.entry(subject.map(|subject| subject.placement.employer_id)).or_default().push(row);
    }
    let event = |employer_id: Option<Id>, rows: &[&NewRow]| {
        let claims = rows.iter().map(|row| {
            let outcome = outcomes.iter().find(|outcome| Some(outcome.placement_id) == row.placement_id);
            json!({
                "claim_id": row.said.claim_id,
                "replaces": row.replaces,
                "placement_id": row.placement_id,
                "placement_state": outcome.map(|outcome| outcome.state),
            })
        });
        NewEvent {
            kind: "claims.attached",
            chain: Chain::Agreement(dispatch.agreement_id),
            subject_kind: "dispatch",
            subject_id: dispatch.id,
            subject_version: dispatch.version,
            employer_id,
            payload: json!({ "dispatch_id": dispatch.id, "claims": claims.collect::<Vec<_>>() }),
        }
    };
    let chunks = by_employer.iter().flat_map(|(employer, rows)| rows.chunks(IDS_AT_ONCE).map(|rows| (*employer, rows)));
    chunks.map(|(employer, rows)| event(employer, rows)).collect()
}
