//! Places and open placements follow the outcome of an arrival.
//!
//! Whoever did not arrive frees the place and may be sent again. Whoever arrived after all takes a place again if one is left; when none
//! is left the arrival stands all the same (it is a fact) and reconciliation shows the row as over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::super::{Placement, store};
use super::transfers::OpenQuota;
use super::{Outcome, sweep_lapsed};
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::Result;
use crate::events::Actor;
use crate::quotas::accounts::{self, EntryKind};
use crate::quotas::rules::allocate;
use crate::regions::RegionCode;

/// Lets places and open placements follow outcomes that were just written; `by_id` holds the placements as they were before.
pub(super) fn follow(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    outcomes: &[Outcome],
    by_id: &HashMap<Id, &Placement>,
) -> Result<()> {
    let (mut absent, mut back) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match (by_id.get(&outcome.placement_id), outcome.onboarded_on.is_some()) {
            (Some(row), false) => absent.push(*row),
            (Some(row), true) if !row.holds_place => back.push(*row),
            _ => {}
        }
    }
    if !absent.is_empty() {
        store::close_open_placements_of(connection, &absent)?;
        let freed: Vec<&Placement> = absent.into_iter().filter(|row| row.holds_place).collect();
        move_places(connection, actor, agreement_id, &freed, &[EntryKind::Restore], "not_arrived")?;
        set_holds_place(connection, agreement_id, &freed, false)?;
    }
    if !back.is_empty() {
        open_again(connection, actor, agreement_id, &back)?;
        take_where_left(connection, actor, agreement_id, &back, "arrived_after_all")?;
    }
    Ok(())
}

/// Places are taken by those for whom one is left.
fn take_where_left(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    rows: &[&Placement],
    reason: &str,
) -> Result<()> {
    // What has lapsed counts as free, so it must be free for the ledger too.
    sweep_lapsed(connection, actor, agreement_id)?;
    let placed = those_with_a_place_left(connection, actor, agreement_id, rows)?;
    let kinds = [EntryKind::Reserve, EntryKind::Consume];
    move_places(connection, actor, agreement_id, &placed, &kinds, reason)?;
    set_holds_place(connection, agreement_id, &placed, true)
}

/// Frees the places of placements; gives, for those that took one, the quota that has it back.
pub fn free_places(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    placements: &[Id],
    reason: &str,
) -> Result<HashMap<Id, Id>> {
    if placements.is_empty() {
        return Ok(HashMap::new());
    }
    let freed = quotas_taken(connection, agreement_id, placements)?;
    let rows = store::placements_of(connection, agreement_id, placements)?;
    let holding: Vec<&Placement> = rows.iter().filter(|row| row.holds_place).collect();
    move_places(connection, actor, agreement_id, &holding, &[EntryKind::Restore], reason)?;
    set_holds_place(connection, agreement_id, &holding, false)?;
    Ok(freed)
}

/// Placements take the place again that they gave up, where one is left.
pub fn take_places_again(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    placements: &[Id],
    reason: &str,
) -> Result<()> {
    if placements.is_empty() {
        return Ok(());
    }
    let rows = store::placements_of(connection, agreement_id, placements)?;
    let without: Vec<&Placement> = rows.iter().filter(|row| !row.holds_place).collect();
    take_where_left(connection, actor, agreement_id, &without, reason)
}

/// The quota whose place each of these placements takes; who takes none is missing.
pub fn quotas_taken(connection: &mut DbConnection, agreement_id: Id, placements: &[Id]) -> Result<HashMap<Id, Id>> {
    let rows: Vec<(Id, Option<Id>)> = statement(
        "select p.id, case when t.placement_id is null then p.quota_id else t.quota_id end from ? r cross join placement p \
         left join transferred_place t on t.agreement_id = p.agreement_id and t.placement_id = p.id \
         where p.agreement_id = r.agreement_id and p.id = r.id and p.holds_place",
    )
    .bind(RowSet::list("id", placements.iter().copied()).shared("agreement_id", agreement_id))
    .returning::<(Uid, Nullable<Uid>)>()
    .load(connection)?;
    Ok(rows.into_iter().filter_map(|(placement, quota)| Some((placement, quota?))).collect())
}

/// Quotas whose filled places are not as many as the placements that take one of them, with both numbers; what `verify` asks.
pub fn differences(connection: &mut DbConnection) -> Result<Vec<(Id, i64, i64)>> {
    Ok(statement(
        "select a.id, a.consumed, coalesce(c.places, 0) from place_account a left join \
         (select p.agreement_id, coalesce(t.quota_id, p.quota_id) as quota_id, count(*) as places from placement p \
         left join transferred_place t on t.agreement_id = p.agreement_id and t.placement_id = p.id \
         where p.holds_place and p.departed_on is not null group by p.agreement_id, coalesce(t.quota_id, p.quota_id)) c \
         on c.agreement_id = a.agreement_id and c.quota_id = a.id where a.kind = 'quota' and a.consumed <> coalesce(c.places, 0)",
    )
    .returning::<(Uid, BigInt, BigInt)>()
    .load(connection)?)
}

/// The published quotas of employers.
pub(super) fn open_quotas(
    connection: &mut DbConnection,
    agreement_id: Id,
    employers: &BTreeSet<Id>,
) -> Result<Vec<OpenQuota>> {
    let rows: Vec<(Id, Id, RegionCode, Day)> = statement(
        "select q.id, q.employer_id, q.region_code, q.valid_until from ? r cross join quota q \
         where q.employer_id = r.id and q.agreement_id = r.agreement_id and q.state = 'published' order by q.id",
    )
    .bind(RowSet::list("id", employers.iter().copied()).shared("agreement_id", agreement_id))
    .returning::<(Uid, Uid, Text, Text)>()
    .load(connection)?;
    let quota = |(id, employer_id, region_code, valid_until)| OpenQuota { id, employer_id, region_code, valid_until };
    Ok(rows.into_iter().map(quota).collect())
}

/// Notes where the places of placements lie from now on; no quota stands for none.
pub(super) fn point(
    connection: &mut DbConnection,
    agreement_id: Id,
    moved: &BTreeMap<Id, Option<Id>>,
    now: Instant,
) -> Result<()> {
    let rows = RowSet::of(moved)
        .shared("agreement_id", agreement_id)
        .shared("moved_at", now)
        .column("placement_id", |(placement, _)| *placement)
        .column("quota_id", |(_, quota)| *quota);
    statement(
        "insert into transferred_place (agreement_id, placement_id, quota_id, moved_at) \
         select r.agreement_id, r.placement_id, r.quota_id, r.moved_at from ? r where true \
         on conflict (agreement_id, placement_id) do update set quota_id = excluded.quota_id, moved_at = excluded.moved_at",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// The ledger keeps entries by dispatch, so the places move by dispatch.
pub(super) fn move_places(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    rows: &[&Placement],
    kinds: &[EntryKind],
    reason: &str,
) -> Result<()> {
    let dispatch_of: HashMap<Id, Id> = rows.iter().map(|row| (row.id, row.dispatch_id)).collect();
    let mut moves: BTreeMap<Id, BTreeMap<Id, i64>> = BTreeMap::new();
    for (placement, account) in account_paths(connection, agreement_id, rows)? {
        if let Some(dispatch) = dispatch_of.get(&placement) {
            *moves.entry(*dispatch).or_default().entry(account).or_default() += 1;
        }
    }
    for (dispatch_id, moves) in &moves {
        for kind in kinds {
            accounts::post(connection, agreement_id, *dispatch_id, *kind, reason, moves, actor.now)?;
        }
    }
    Ok(())
}

/// Of those who arrived after all, those for whom every account on their way has a place left, in the order of their placements.
fn those_with_a_place_left<'a>(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    back: &[&'a Placement],
) -> Result<Vec<&'a Placement>> {
    let quotas: BTreeSet<Id> = back.iter().map(|row| row.quota_id).collect();
    let quotas: Vec<Id> = quotas.into_iter().collect();
    let accounts = accounts::lock_for(connection, agreement_id, &quotas, actor.now)?;
    let place_of: HashMap<Id, usize> =
        accounts.iter().enumerate().map(|(place, account)| (account.id, place)).collect();
    let mut wants: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
    for (placement, account) in account_paths(connection, agreement_id, back)? {
        wants.entry(placement).or_default().extend(place_of.get(&account));
    }
    let mut free: Vec<i64> = accounts.iter().map(|account| account.free).collect();
    let given = allocate(&mut free, &wants.values().cloned().collect::<Vec<_>>());
    let placed: BTreeSet<Id> = wants.into_keys().zip(given).filter_map(|(id, given)| given.then_some(id)).collect();
    Ok(back.iter().copied().filter(|row| placed.contains(&row.id)).collect())
}

/// Their placements are open again. Who was sent elsewhere meanwhile keeps the newer open placement, unless its hold has lapsed:
/// reconciliation names the clash.
pub(super) fn open_again(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    back: &[&Placement],
) -> Result<()> {
    statement(
        "insert into open_placement (person_id, placement_id, dispatch_id, agreement_id, holds_until) \
         select w.person_id, p.id, p.dispatch_id, p.agreement_id, null from ? r cross join placement p cross join worker w \
         where p.agreement_id = r.agreement_id and p.id = r.id and w.party_id = p.origin_id and w.id = p.worker_id and w.state = 'active' \
         on conflict (person_id) do update set placement_id = excluded.placement_id, dispatch_id = excluded.dispatch_id, \
         agreement_id = excluded.agreement_id, holds_until = null where open_placement.holds_until <= ?",
    )
    .bind(RowSet::list("id", back.iter().map(|row| row.id)).shared("agreement_id", agreement_id))
    .bind(actor.now)
    .run(connection)?;
    Ok(())
}

pub(super) fn set_holds_place(
    connection: &mut DbConnection,
    agreement_id: Id,
    rows: &[&Placement],
    holds: bool,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids = RowSet::list("id", rows.iter().map(|row| row.id)).shared("agreement_id", agreement_id);
    statement(
        "update placement set holds_place = ? where (agreement_id, id) in (select r.agreement_id, r.id from ? r)",
    )
    .bind(holds)
    .bind(ids)
    .run(connection)?;
    Ok(())
}

/// The accounts each placement takes a place of, as pairs: quota, cohort, and the caps above. After a transfer the quota is that of the new
/// employer, and none where it gave no place.
pub(super) fn account_paths(
    connection: &mut DbConnection,
    agreement_id: Id,
    rows: &[&Placement],
) -> Result<Vec<(Id, Id)>> {
    let rows = RowSet::of(rows.iter().copied())
        .shared("agreement_id", agreement_id)
        .column("id", |row| row.id)
        .column("quota_id", |row| row.quota_id)
        .column("cohort_id", |row| row.cohort_id);
    Ok(statement(
        "select r.id, a.id from ? r left join transferred_place t on t.agreement_id = r.agreement_id and t.placement_id = r.id \
         cross join quota q cross join place_account a \
         where q.agreement_id = r.agreement_id and q.id = case when t.placement_id is null then r.quota_id else t.quota_id end \
         and a.agreement_id = q.agreement_id and (a.id = q.id or (t.placement_id is null and a.id = r.cohort_id) \
         or a.kind = 'agreement' or (a.kind = 'region' and a.region_code = q.region_code))",
    )
    .bind(rows)
    .returning::<(Uid, Uid)>()
    .load(connection)?)
}
