//! What new claims do to the placements they are about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Call;
use super::finding::Found;
use crate::agreements::Terms;
use crate::agreements::store::terms_on;
use crate::arrivals::rules::outcome::{Decided, Said, decide};
use crate::arrivals::store::claims::NewRow;
use crate::db::{Day, DbConnection, Id};
use crate::dispatches::outcomes::{self, Outcome};
use crate::error::Result;

/// Decides every placement of which something new is said, and applies what has changed; each under the terms in effect on the day of its
/// outcome.
pub(super) fn apply(
    connection: &mut DbConnection,
    call: &Call<'_>,
    found: &Found,
    new: &[NewRow],
) -> Result<Vec<Outcome>> {
    let decided = decide_all(found, new);
    let days: Vec<Day> =
        decided.values().map(|decided| decided.happened_on).collect::<BTreeSet<_>>().into_iter().collect();
    let mut terms = HashMap::new();
    terms_of_days(connection, call.agreement_id, &days, &mut terms)?;
    let mut groups: Vec<(Arc<Terms>, Vec<Outcome>)> = Vec::new();
    for (placement_id, decided) in &decided {
        let (Some(subject), Some(terms)) = (found.subjects.get(placement_id), terms.get(&decided.happened_on)) else {
            continue;
        };
        let certain = decided.is_certain(terms.arrival.minimum_evidence);
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
        outcomes::apply(connection, call.actor, call.agreement_id, outcomes, terms)?;
    }
    let outcomes: Vec<Outcome> = groups.into_iter().flat_map(|(_, outcomes)| outcomes).collect();
    judge_corrected(connection, call, found, &outcomes)?;
    Ok(outcomes)
}

/// Verdicts on retention may rest on an arrival that now reads differently.
fn judge_corrected(connection: &mut DbConnection, call: &Call<'_>, found: &Found, outcomes: &[Outcome]) -> Result<()> {
    let had_arrived = |id: &Id| found.subjects.get(id).is_some_and(|subject| subject.placement.onboarded_on.is_some());
    let corrected: Vec<Id> = outcomes
        .iter()
        .filter(|outcome| outcome.onboarded_on.is_some())
        .map(|outcome| outcome.placement_id)
        .filter(had_arrived)
        .collect();
    if corrected.is_empty() { Ok(()) } else { (call.judge)(connection, call.agreement_id, &corrected, call.today()) }
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
