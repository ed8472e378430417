//! What new claims do to the placements they are about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::finding::Found;
use super::{Call, Judge};
use crate::agreements::store::{parties, terms_on};
use crate::agreements::{PartyRole, Terms};
use crate::arrivals::rules::judging::Subject;
use crate::arrivals::rules::outcome::{Decided, Said, decide};
use crate::arrivals::rules::regions_differ;
use crate::arrivals::store::claims::NewRow;
use crate::db::{Day, DbConnection, Id};
use crate::dispatches::outcomes::{self, Outcome};
use crate::error::Result;
use crate::events::Actor;
use crate::regions::RegionCode;

/// By whose command placements are decided, under which agreement, and who judges the retention that rests on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deciding<'a> {
    pub actor: &'a Actor,
    pub agreement_id: Id,
    pub judge: Judge,
}

/// Decides every placement of which a call says something new, and applies what has changed.
pub(super) fn apply(
    connection: &mut DbConnection,
    call: &Call<'_>,
    found: &Found,
    new: &[NewRow],
) -> Result<Vec<Outcome>> {
    let deciding = Deciding { actor: call.actor, agreement_id: call.agreement_id, judge: call.judge };
    settle(connection, deciding, &found.subjects, &decide_all(found, new))
}

/// Applies what has been decided and is not recorded yet; each under the terms in effect on the day of its outcome.
pub(super) fn settle(
    connection: &mut DbConnection,
    deciding: Deciding<'_>,
    subjects: &HashMap<Id, Subject>,
    decided: &BTreeMap<Id, Decided>,
) -> Result<Vec<Outcome>> {
    let Deciding { actor, agreement_id, judge } = deciding;
    let days: Vec<Day> =
        decided.values().map(|decided| decided.happened_on).collect::<BTreeSet<_>>().into_iter().collect();
    let mut terms = HashMap::new();
    terms_of_days(connection, agreement_id, &days, &mut terms)?;
    let moved = decided.values().any(|decided| decided.real_region_code.is_some());
    let regions = if moved { regions_of(connection, agreement_id)? } else { Vec::new() };
    let mut groups: Vec<(Arc<Terms>, Vec<Outcome>)> = Vec::new();
    for (placement_id, decided) in decided {
        let (Some(subject), Some(terms)) = (subjects.get(placement_id), terms.get(&decided.happened_on)) else {
            continue;
        };
        let inside = decided.real_region_code.is_none_or(|region| lies_in(&regions, region));
        let certain = inside && decided.is_certain(terms.arrival.minimum_evidence);
        if decided.is_recorded_in(&subject.placement, certain) {
            continue;
        }
        let outcome = outcome_of(*placement_id, decided, certain);
        match groups.iter_mut().find(|(known, _)| known == terms) {
            Some((_, outcomes)) => outcomes.push(outcome),
            None => groups.push((Arc::clone(terms), vec![outcome])),
        }
    }
    for (terms, outcomes) in &groups {
        outcomes::apply(connection, actor, agreement_id, outcomes, terms)?;
    }
    let outcomes: Vec<Outcome> = groups.into_iter().flat_map(|(_, outcomes)| outcomes).collect();
    // Who turns out to have arrived after all may have been seen in post long before.
    let arrived: Vec<Id> =
        outcomes.iter().filter(|outcome| outcome.onboarded_on.is_some()).map(|outcome| outcome.placement_id).collect();
    if !arrived.is_empty() {
        judge(connection, agreement_id, &arrived, actor.now.day())?;
    }
    Ok(outcomes)
}

/// The regions of the agreement's destinations; empty where one of them is bound to no region, so that every place lies in it.
fn regions_of(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<RegionCode>> {
    let parties = parties(connection, agreement_id)?.into_iter();
    let destinations = parties.filter(|party| party.role == PartyRole::Destination);
    Ok(destinations.map(|party| party.region_code).collect::<Option<Vec<_>>>().unwrap_or_default())
}

/// Somebody who works outside every region of the agreement has arrived, but not for certain under it.
fn lies_in(regions: &[RegionCode], place: RegionCode) -> bool {
    regions.is_empty() || regions.iter().any(|region| !regions_differ(*region, place))
}

fn decide_all(found: &Found, new: &[NewRow]) -> BTreeMap<Id, Decided> {
    let mut decided = BTreeMap::new();
    for row in new {
        let Some(subject) = row.placement_id.and_then(|id| found.subjects.get(&id)) else { continue };
        let others = found.claims.get(&subject.placement.id).into_iter().flatten();
        let others = others.map(|claim| &claim.said).filter(|said| said.claimant_id != row.said.claimant_id);
        let claims: Vec<Said> = others.chain([&row.said]).cloned().collect();
        if let Some(outcome) = decide(&subject.placement, subject.planned_region, &claims) {
            decided.insert(subject.placement.id, outcome);
        }
    }
    decided
}

/// The terms of each day. Versions follow each other, so where the first and the last day have the same, all between have them too.
fn terms_of_days(
    connection: &mut DbConnection,
    agreement_id: Id,
    days: &[Day],
    terms: &mut HashMap<Day, Arc<Terms>>,
) -> Result<()> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(()) };
    let from = terms_on(connection, agreement_id, *first)?;
    if first == last || terms_on(connection, agreement_id, *last)? == from {
        terms.extend(days.iter().map(|day| (*day, Arc::clone(&from))));
        return Ok(());
    }
    let (earlier, later) = days.split_at(days.len() / 2);
    terms_of_days(connection, agreement_id, earlier, terms)?;
    terms_of_days(connection, agreement_id, later, terms)
}

fn outcome_of(placement_id: Id, decided: &Decided, certain: bool) -> Outcome {
    Outcome {
        placement_id,
        state: decided.outcome.state(),
        outcome_on: decided.happened_on,
        onboarded_on: decided.onboarded_on(),
        real_employer_id: decided.real_employer_id,
        real_region_code: decided.real_region_code,
        evidence: decided.evidence,
        late: decided.late,
        certain,
    }
}
