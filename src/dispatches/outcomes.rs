//! What happens to placements: departure and cancellation of a batch, the outcome of an arrival, the end of a job.
//!
//! Each is set-based, moves the places that go with it, and runs inside [`tally::around`], so that the figures follow.

mod places;
pub mod transfers;

use std::collections::{BTreeMap, HashMap};

use diesel::RunQueryDsl;
use diesel::sql_types::Text;

pub use places::{differences, free_places, quotas_taken, take_places_again};

use super::checks::{self, Onboarded};
use super::enrolment::event;
use super::{Dispatch, Placement, PlacementState, store, tally};
use crate::agreements::Terms;
use crate::agreements::rule_terms::EvidenceLevel;
use crate::db::{Day, DbConnection, Id, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::events::{Actor, log};
use crate::quotas::accounts::{self, EntryKind};
use crate::regions::{RegionCode, Scope, atlas};
use crate::workers::store::{WorkerRef, resolve};

/// What became of a placement after its departure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which placement.
    pub placement_id: Id,
    /// Onboarded, diverted, no_show, refused_by_employer or refused_by_worker.
    pub state: PlacementState,
    /// Day of the outcome.
    pub outcome_on: Day,
    /// First day in post, when the person arrived.
    pub onboarded_on: Option<Day>,
    /// The employer that really took the person, when not the planned one.
    pub real_employer_id: Option<Id>,
    /// The region where the person really works, when not the planned one.
    pub real_region_code: Option<RegionCode>,
    /// The strongest evidence.
    pub evidence: EvidenceLevel,
    /// Reported after the deadline.
    pub late: bool,
    /// The evidence meets the agreement's minimum.
    pub certain: bool,
}

/// The end of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Which placement.
    pub placement_id: Id,
    /// Last day in post.
    pub ended_on: Day,
    /// Why.
    pub end_reason: String,
}

fn workers_of(placements: &[Placement]) -> Vec<(Id, Id)> {
    placements.iter().map(|row| (row.origin_id, row.worker_id)).collect()
}

/// The roster leaves: its places are consumed, its workers counted as dispatched, each in the group of the day of departure.
pub fn depart(
    connection: &mut DbConnection,
    actor: &Actor,
    dispatch: &Dispatch,
    roster: &[Placement],
    departed_on: Day,
) -> Result<()> {
    let refs: Vec<WorkerRef> = roster.iter().map(|row| WorkerRef::Id(row.worker_id)).collect();
    let groups = resolve(connection, dispatch.origin_id, &refs, departed_on)?;
    let rows = RowSet::of(roster.iter().zip(&groups))
        .shared("agreement_id", dispatch.agreement_id)
        .column("id", |(row, _)| row.id)
        .column("group_code", |(row, worker)| worker.as_ref().map_or(row.group_code, |worker| worker.group_code));
    accounts::settle_holds(connection, dispatch.agreement_id, dispatch.id, EntryKind::Consume, "departed", actor.now)?;
    tally::around(connection, dispatch.agreement_id, &workers_of(roster), |connection| {
        statement(
            "update placement set state = 'departed', departed_on = ?, departure_recorded_at = ?, group_code = r.group_code, version = placement.version + 1 from ? r \
             where placement.agreement_id = r.agreement_id and placement.id = r.id and placement.state = 'enrolled'",
        )
        .bind(departed_on)
        .bind(actor.now)
        .bind(rows)
        .run(connection)?;
        Ok(())
    })?;
    statement("update open_placement set holds_until = null where dispatch_id = ?")
        .bind(dispatch.id)
        .run(connection)?;
    Ok(())
}

/// A batch, or what is left of it, does not leave: places and workers are free again.
pub fn cancel_roster(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    dispatch_id: Id,
    reason: &str,
) -> Result<()> {
    accounts::settle_holds(connection, agreement_id, dispatch_id, EntryKind::Release, reason, actor.now)?;
    statement("update placement set state = 'cancelled', cancelled_at = ?, enrolled_again_at = null, holds_place = ?, version = version + 1 where agreement_id = ? and dispatch_id = ? and state = 'enrolled'")
        .bind(actor.now)
        .bind(false)
        .bind(agreement_id)
        .bind(dispatch_id)
        .run(connection)?;
    statement(
        "update dispatch set placements = 0, version = version + 1, updated_at = ? where agreement_id = ? and id = ?",
    )
    .bind(actor.now)
    .bind(agreement_id)
    .bind(dispatch_id)
    .run(connection)?;
    store::close_open_placements(connection, dispatch_id)
}

/// Takes one enrolled row off its roster; the reason stands in the ledger.
pub fn cancel_placement(connection: &mut DbConnection, actor: &Actor, row: &Placement, reason: &str) -> Result<()> {
    let paths = places::account_paths(connection, row.agreement_id, &[row])?;
    let moves: BTreeMap<Id, i64> = paths.into_iter().map(|(_, account)| (account, 1)).collect();
    accounts::release(connection, row.agreement_id, row.dispatch_id, &moves, reason, actor.now)?;
    statement("update placement set state = 'cancelled', cancelled_at = ?, enrolled_again_at = null, holds_place = ?, version = version + 1 where agreement_id = ? and id = ?")
        .bind(actor.now)
        .bind(false)
        .bind(row.agreement_id)
        .bind(row.id)
        .run(connection)?;
    statement("update dispatch set placements = placements - 1, version = version + 1, updated_at = ? where agreement_id = ? and id = ?")
        .bind(actor.now)
        .bind(row.agreement_id)
        .bind(row.dispatch_id)
        .run(connection)?;
    store::close_open_placements_of(connection, &[row])
}

/// Sweeps holds that have run out: nobody waits for it, the next command of the agreement that needs places does it in passing.
pub fn sweep_lapsed(connection: &mut DbConnection, actor: &Actor, agreement_id: Id) -> Result<()> {
    for row in store::lapsed(connection, agreement_id, actor.now)? {
        cancel_roster(connection, actor, agreement_id, row.id, "hold_lapsed")?;
        let swept = Dispatch { placements: 0, version: row.version + 1, ..row };
        log::record(connection, actor, event(&swept, "dispatch.hold_lapsed"))?;
    }
    Ok(())
}

/// Applies outcomes: state and evidence, places freed or taken again, open placements closed, retention checks made.
pub fn apply(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    outcomes: &[Outcome],
    terms: &Terms,
) -> Result<()> {
    let ids: Vec<Id> = outcomes.iter().map(|outcome| outcome.placement_id).collect();
    let rows = store::placements_of(connection, agreement_id, &ids)?;
    let by_id: HashMap<Id, &Placement> = rows.iter().map(|row| (row.id, row)).collect();
    let scopes = scopes(connection, agreement_id, outcomes, &by_id)?;
    tally::around(connection, agreement_id, &workers_of(&rows), |connection| {
        write_outcomes(connection, agreement_id, outcomes, &scopes)?;
        let onboarded: Vec<Onboarded> = outcomes
            .iter()
            .filter_map(|outcome| {
                let plan_year = by_id.get(&outcome.placement_id)?.plan_year;
                outcome.onboarded_on.map(|onboarded_on| Onboarded {
                    placement_id: outcome.placement_id,
                    onboarded_on,
                    plan_year,
                })
            })
            .collect();
        checks::schedule(connection, agreement_id, &onboarded, terms)?;
        drop_checks(connection, agreement_id, outcomes)
    })?;
    places::follow(connection, actor, agreement_id, outcomes, &by_id)
}

/// The scope that the place where each person really works makes; whoever is where the plan says has the scope of the quota's region
/// (again, when a diversion is corrected back).
fn scopes(
    connection: &mut DbConnection,
    agreement_id: Id,
    outcomes: &[Outcome],
    by_id: &HashMap<Id, &Placement>,
) -> Result<HashMap<Id, Scope>> {
    let moved: HashMap<Id, Option<RegionCode>> = outcomes
        .iter()
        .filter(|outcome| {
            let before = by_id.get(&outcome.placement_id).and_then(|row| row.real_region_code);
            outcome.real_region_code.is_some() || before.is_some()
        })
        .map(|outcome| (outcome.placement_id, outcome.real_region_code))
        .collect();
    if moved.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<(Id, RegionCode, RegionCode)> = statement(
        "select p.id, w.hukou_code, q.region_code from ? r cross join placement p cross join worker w cross join quota q \
         where p.agreement_id = r.agreement_id and p.id = r.id and w.party_id = p.origin_id and w.id = p.worker_id \
         and q.agreement_id = p.agreement_id and q.id = p.quota_id",
    )
    .bind(RowSet::list("id", moved.keys().copied()).shared("agreement_id", agreement_id))
    .returning::<(Uid, Text, Text)>()
    .load(connection)?;
    let scope = |(id, hukou, planned): (Id, RegionCode, RegionCode)| {
        let real = moved.get(&id).copied().flatten().unwrap_or(planned);
        atlas().scope_between(hukou, real).ok().map(|scope| (id, scope))
    };
    Ok(places.into_iter().filter_map(scope).collect())
}

fn write_outcomes(
    connection: &mut DbConnection,
    agreement_id: Id,
    outcomes: &[Outcome],
    scopes: &HashMap<Id, Scope>,
) -> Result<()> {
    let rows = RowSet::of(outcomes)
        .shared("agreement_id", agreement_id)
        .column("id", |outcome| outcome.placement_id)
        .column("state", |outcome| outcome.state)
        .column("outcome_on", |outcome| outcome.outcome_on)
        .column("onboarded_on", |outcome| outcome.onboarded_on)
        .column("real_employer_id", |outcome| outcome.real_employer_id)
        .column("real_region_code", |outcome| outcome.real_region_code)
        .column("evidence", |outcome| outcome.evidence)
        .column("late", |outcome| outcome.late)
        .column("certain", |outcome| outcome.certain)
        .column("scope", |outcome| scopes.get(&outcome.placement_id).copied());
    let written = statement(
        "update placement set state = r.state, outcome_on = r.outcome_on, onboarded_on = r.onboarded_on, real_employer_id = r.real_employer_id, \
         real_region_code = r.real_region_code, evidence = r.evidence, late = r.late, certain = r.certain, scope = coalesce(r.scope, placement.scope), \
         version = placement.version + 1 from ? r \
         where placement.agreement_id = r.agreement_id and placement.id = r.id and placement.departed_on is not null and placement.state <> 'ended'",
    )
    .bind(rows)
    .run(connection)?;
    if written == outcomes.len() {
        Ok(())
    } else {
        Err(Error::internal("an outcome was applied to a placement that cannot have one"))
    }
}

/// A person who turns out not to have arrived has no checks to pass.
fn drop_checks(connection: &mut DbConnection, agreement_id: Id, outcomes: &[Outcome]) -> Result<()> {
    let absent = outcomes.iter().filter(|outcome| outcome.onboarded_on.is_none()).map(|outcome| outcome.placement_id);
    let absent = RowSet::list("id", absent).shared("agreement_id", agreement_id);
    if absent.is_empty() {
        return Ok(());
    }
    statement(
        "delete from retention_check where (agreement_id, placement_id) in (select r.agreement_id, r.id from ? r)",
    )
    .bind(absent)
    .run(connection)?;
    Ok(())
}

/// Ends jobs: the worker is free for another dispatch. Call it inside [`tally::around`].
pub fn end(connection: &mut DbConnection, agreement_id: Id, endings: &[Ending]) -> Result<()> {
    let rows = RowSet::of(endings)
        .shared("agreement_id", agreement_id)
        .column("id", |ending| ending.placement_id)
        .column("ended_on", |ending| ending.ended_on)
        .column("end_reason", |ending| ending.end_reason.as_str());
    statement(
        "update placement set state = 'ended', ended_on = r.ended_on, end_reason = r.end_reason, version = placement.version + 1 from ? r \
         where placement.agreement_id = r.agreement_id and placement.id = r.id and placement.onboarded_on is not null",
    )
    .bind(rows)
    .run(connection)?;
    let ids: Vec<Id> = endings.iter().map(|ending| ending.placement_id).collect();
    let ended = store::placements_of(connection, agreement_id, &ids)?;
    store::close_open_placements_of(connection, &ended.iter().collect::<Vec<_>>())
}

/// Takes the end of a job back: it was reported by mistake. Call it inside [`tally::around`].
///
/// The worker is where the arrival had put them, and not free for another dispatch, unless they have been sent elsewhere meanwhile:
/// reconciliation names that clash.
pub fn reopen(connection: &mut DbConnection, actor: &Actor, agreement_id: Id, placement_id: Id) -> Result<()> {
    statement(
        "update placement set state = case when real_employer_id is null and real_region_code is null then 'onboarded' else 'diverted' end, \
         ended_on = null, end_reason = null, version = version + 1 where agreement_id = ? and id = ? and state = 'ended'",
    )
    .bind(agreement_id)
    .bind(placement_id)
    .run(connection)?;
    let reopened = store::placements_of(connection, agreement_id, &[placement_id])?;
    places::open_again(connection, actor, agreement_id, &reopened.iter().collect::<Vec<_>>())
}

/// Marks placements as disputed or no longer so.
pub fn set_disputed(connection: &mut DbConnection, agreement_id: Id, marks: &[(Id, bool)]) -> Result<()> {
    let ids: Vec<Id> = marks.iter().map(|(id, _)| *id).collect();
    let placements = store::placements_of(connection, agreement_id, &ids)?;
    tally::around(connection, agreement_id, &workers_of(&placements), |connection| {
        let rows = RowSet::of(marks)
            .shared("agreement_id", agreement_id)
            .column("id", |(id, _)| *id)
            .column("disputed", |(_, disputed)| *disputed);
        statement(
            "update placement set disputed = r.disputed, version = placement.version + 1 from ? r \
             where placement.agreement_id = r.agreement_id and placement.id = r.id",
        )
        .bind(rows)
        .run(connection)?;
        Ok(())
    })
}
