//! The events of a call: one for a single claim; for a list one per employer and so many people, so that each employer sees what is said
//! of its own people, and who follows the feed learns of each of them however long the list is.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::finding::Found;
use super::{Call, Form};
use crate::arrivals::store::claims::NewRow;
use crate::db::Id;
use crate::dispatches::PlacementState;
use crate::dispatches::outcomes::Outcome;
use crate::events::{Chain, NewEvent};

/// Most claims one event speaks of. A longer list makes several events, each complete.
pub(super) const IDS_AT_ONCE: usize = 200;

/// What happened, thin: ids, states and counts.
pub(super) fn of(call: &Call<'_>, found: &Found, new: &[NewRow], outcomes: &[Outcome]) -> Vec<NewEvent> {
    let chain = Chain::Agreement(call.agreement_id);
    if call.form == Form::Single {
        return new.iter().map(|row| of_one(chain, employer_of(found, row), row, outcomes)).collect();
    }
    let mut by_employer: BTreeMap<Option<Id>, Vec<&NewRow>> = BTreeMap::new();
    for row in new {
        by_employer.entry(employer_of(found, row)).or_default().push(row);
    }
    let states: HashMap<Id, PlacementState> =
        outcomes.iter().map(|outcome| (outcome.placement_id, outcome.state)).collect();
    by_employer
        .iter()
        .flat_map(|(employer, rows)| rows.chunks(IDS_AT_ONCE).map(|rows| (*employer, rows)))
        .map(|(employer_id, rows)| NewEvent {
            kind: "claims.recorded",
            chain,
            subject_kind: "agreement",
            subject_id: call.agreement_id,
            subject_version: call.standing.version,
            employer_id,
            payload: of_many(call, rows, &states),
        })
        .collect()
}

/// The planned employer; of somebody nobody announced, the one the claim names.
fn employer_of(found: &Found, row: &NewRow) -> Option<Id> {
    let subject = row.placement_id.and_then(|id| found.subjects.get(&id));
    subject.map(|subject| subject.placement.employer_id).or(row.said.employer_id)
}

fn of_one(chain: Chain, employer_id: Option<Id>, row: &NewRow, outcomes: &[Outcome]) -> NewEvent {
    let applied = outcomes.iter().find(|outcome| Some(outcome.placement_id) == row.placement_id);
    NewEvent {
        kind: "claim.recorded",
        chain,
        subject_kind: "claim",
        subject_id: row.said.claim_id,
        subject_version: 1,
        employer_id,
        payload: json!({
            "placement_id": row.placement_id,
            "claimant_id": row.said.claimant_id,
            "claimant_role": row.said.role,
            "outcome": row.said.outcome,
            "late": row.said.late,
            "replaces": row.replaces,
            "placement_state": applied.map(|outcome| outcome.state),
        }),
    }
}

fn of_many(call: &Call<'_>, rows: &[&NewRow], outcomes: &HashMap<Id, PlacementState>) -> Value {
    let mut claimed: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *claimed.entry(row.said.outcome.as_str()).or_default() += 1;
    }
    let ids: Vec<Id> = rows.iter().filter_map(|row| row.placement_id).collect();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for state in ids.iter().filter_map(|id| outcomes.get(id)) {
        *states.entry(state.as_str()).or_default() += 1;
    }
    json!({
        "claimant_id": call.claimant(),
        "claims": rows.len(),
        "late": rows.iter().filter(|row| row.said.late).count(),
        "unannounced": rows.iter().filter(|row| row.placement_id.is_none()).count(),
        "outcomes": claimed,
        "placement_states": states,
        "placement_ids": ids,
    })
}
