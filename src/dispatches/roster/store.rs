//! The statements of enrolling a roster: one for each step, whatever the number of rows.

use std::collections::{HashMap, HashSet};

use diesel::RunQueryDsl;
use diesel::sql_types::{Nullable, Text};

use super::super::{Dispatch, PlacementState};
use super::checks::Listed;
use super::{Candidate, OpenQuota, RosterRow, Target};
use crate::db::{Column, Day, DbConnection, Id, Instant, Uid, statement};
use crate::error::{Error, Result};
use crate::events::Actor;
use crate::quotas::QuotaState;
use crate::regions::RegionCode;
use crate::workers::store::WorkerFacts;

type QuotaRow = (Id, Id, Id, RegionCode, Option<String>, QuotaState, Day);
type QuotaTypes = (Uid, Uid, Uid, Text, Nullable<Text>, Text, Text);

/// The quotas that the rows name, drafts left out.
pub(super) fn quotas(
    connection: &mut DbConnection,
    agreement_id: Id,
    rows: &[RosterRow],
    today: Day,
) -> Result<Vec<OpenQuota>> {
    let ids: HashSet<Id> = rows.iter().filter_map(|row| row.quota_id).collect();
    let refs: HashSet<&str> =
        rows.iter().filter(|row| row.quota_id.is_none()).filter_map(|row| row.quota_ref.as_deref()).collect();
    let columns = "select q.id, q.destination_id, q.employer_id, q.region_code, q.partner_ref, q.state, q.valid_until from quota q";
    let mut found: Vec<QuotaRow> = Vec::new();
    if !ids.is_empty() {
        let source = connection.rows(&[("id", Column::Id)]);
        let query = statement(format!(
            "{columns} where q.agreement_id = ? and q.state <> 'draft' and q.id in (select r.id from {source} r)"
        ));
        let list: Vec<[Id; 1]> = ids.iter().map(|id| [*id]).collect();
        found.extend(
            query
                .bind(agreement_id)
                .bind(serde_json::to_string(&list)?)
                .returning::<QuotaTypes>()
                .load::<QuotaRow>(connection)?,
        );
    }
    if !refs.is_empty() {
        let source = connection.rows(&[("ref", Column::Text)]);
        let query = statement(format!(
            "{columns} where q.agreement_id = ? and q.state <> 'draft' and q.partner_ref in (select r.ref from {source} r)"
        ));
        let list: Vec<[&str; 1]> = refs.iter().map(|reference| [*reference]).collect();
        let named = query
            .bind(agreement_id)
            .bind(serde_json::to_string(&list)?)
            .returning::<QuotaTypes>()
            .load::<QuotaRow>(connection)?;
        found.extend(named.into_iter().filter(|(id, ..)| !ids.contains(id)));
    }
    let open = |(id, destination_id, employer_id, region_code, partner_ref, state, valid_until): QuotaRow| OpenQuota {
        id,
        destination_id,
        employer_id,
        region_code,
        partner_ref,
        is_open: state == QuotaState::Published && today <= valid_until,
    };
    Ok(found.into_iter().map(open).collect())
}

/// Workers who stand on this roster already, with their rows.
pub(super) fn already_listed(
    connection: &mut DbConnection,
    dispatch: &Dispatch,
    workers: &[Option<WorkerFacts>],
) -> Result<HashMap<Id, Listed>> {
    type Row = (Id, Id, Id, Option<Id>, Option<String>, PlacementState);
    if dispatch.version == 1 {
        // Nobody has been enrolled yet.
        return Ok(HashMap::new());
    }
    let rows: Vec<[Id; 1]> = workers.iter().flatten().map(|worker| [worker.id]).collect();
    let (source, join) = (connection.rows(&[("worker_id", Column::Id)]), connection.driving_join());
    let found: Vec<Row> = statement(format!(
        "select p.worker_id, p.id, p.quota_id, p.cohort_id, p.partner_ref, p.state from {source} r {join} placement p on p.worker_id = r.worker_id \
         where p.agreement_id = ? and p.dispatch_id = ?"
    ))
    .bind(serde_json::to_string(&rows)?)
    .bind(dispatch.agreement_id)
    .bind(dispatch.id)
    .returning::<(Uid, Uid, Uid, Nullable<Uid>, Nullable<Text>, Text)>()
    .load(connection)?;
    let listed = |(worker, placement_id, quota_id, cohort_id, partner_ref, state): Row| {
        (worker, Listed { placement_id, quota_id, cohort_id, partner_ref, state })
    };
    Ok(found.into_iter().map(listed).collect())
}

/// Tries to open a placement for each worker; a hold that has lapsed does not stand in the way. Gives the placements that won.
pub(super) fn open_placements(
    connection: &mut DbConnection,
    actor: &Actor,
    target: &Target<'_>,
    candidates: &[Candidate],
) -> Result<HashSet<Id>> {
    let mut rows: Vec<(Id, Id)> =
        candidates.iter().map(|candidate| (candidate.worker.person_id, candidate.placement_id)).collect();
    // One order for all callers, so that two rosters with the same people wait for each other and do not deadlock. SQLite has one
    // writer, and keeps the order of the rows without sorting them.
    rows.sort_unstable();
    let order = if matches!(connection, DbConnection::Postgres(_)) { "order by r.ordinal" } else { "" };
    let source = connection.rows(&[("person_id", Column::Id), ("placement_id", Column::Id)]);
    let won: Vec<Id> = statement(format!(
        "insert into open_placement (person_id, placement_id, dispatch_id, agreement_id, holds_until) \
         select r.person_id, r.placement_id, d.id, d.agreement_id, cast(? as bigint) from {source} r, dispatch d where d.agreement_id = ? and d.id = ? {order} \
         on conflict (person_id) do update set placement_id = excluded.placement_id, dispatch_id = excluded.dispatch_id, \
         agreement_id = excluded.agreement_id, holds_until = excluded.holds_until where open_placement.holds_until <= ? \
         returning placement_id"
    ))
    .bind(target.holds_until)
    .bind(serde_json::to_string(&rows)?)
    .bind(target.dispatch.agreement_id)
    .bind(target.dispatch.id)
    .bind(actor.now)
    .returning::<Uid>()
    .load(connection)?;
    Ok(won.into_iter().collect())
}

/// The placements that stand in the way, by person.
pub(super) fn clashes(connection: &mut DbConnection, losers: &[Candidate]) -> Result<HashMap<Id, Id>> {
    if losers.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<[Id; 1]> = losers.iter().map(|loser| [loser.worker.person_id]).collect();
    let (source, join) = (connection.rows(&[("person_id", Column::Id)]), connection.driving_join());
    let found: Vec<(Id, Id)> = statement(format!(
        "select o.person_id, o.placement_id from {source} r {join} open_placement o on o.person_id = r.person_id"
    ))
    .bind(serde_json::to_string(&rows)?)
    .returning::<(Uid, Uid)>()
    .load(connection)?;
    Ok(found.into_iter().collect())
}

/// Closes placements that were opened and then got no place.
pub(super) fn give_up(connection: &mut DbConnection, dispatch_id: Id, placements: &[Id]) -> Result<()> {
    if placements.is_empty() {
        return Ok(());
    }
    let rows: Vec<[&Id; 1]> = placements.iter().map(|id| [id]).collect();
    let source = connection.rows(&[("placement_id", Column::Id)]);
    statement(format!(
        "delete from open_placement where dispatch_id = ? and placement_id in (select r.placement_id from {source} r)"
    ))
    .bind(dispatch_id)
    .bind(serde_json::to_string(&rows)?)
    .run(connection)?;
    Ok(())
}

/// The columns that differ from row to row; what all rows share comes from the dispatch itself.
const PLACEMENT_COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Id),
    ("quota_id", Column::Id),
    ("cohort_id", Column::Id),
    ("worker_id", Column::Id),
    ("destination_id", Column::Id),
    ("employer_id", Column::Id),
    ("partner_ref", Column::Text),
    ("group_code", Column::Text),
    ("scope", Column::Text),
];

/// Writes the placements of workers who are new to the roster.
pub(super) fn insert(
    connection: &mut DbConnection,
    now: Instant,
    target: &Target<'_>,
    rows: &[RosterRow],
    fresh: &[&Candidate],
) -> Result<()> {
    if fresh.is_empty() {
        return Ok(());
    }
    let values: Vec<_> = fresh
        .iter()
        .map(|candidate| {
            let partner_ref = rows.get(candidate.row).and_then(|row| row.partner_ref.as_deref());
            let quota = &candidate.quota;
            (
                candidate.placement_id,
                quota.id,
                candidate.cohort_id,
                candidate.worker.id,
                quota.destination_id,
                quota.employer_id,
                partner_ref,
                candidate.worker.group_code,
                candidate.scope,
            )
        })
        .collect();
    let source = connection.rows(PLACEMENT_COLUMNS);
    let due = target.dispatch.planned_arrival_on.plus_days(i64::from(target.terms.arrival.window_days));
    statement(format!(
        "insert into placement (agreement_id, id, dispatch_id, quota_id, cohort_id, worker_id, origin_id, destination_id, employer_id, plan_year, partner_ref, \
         group_code, scope, arrival_due_on, state, certain, late, disputed, holds_place, version, enrolled_at) \
         select d.agreement_id, r.id, d.id, r.quota_id, r.cohort_id, r.worker_id, d.origin_id, r.destination_id, r.employer_id, d.plan_year, r.partner_ref, \
         r.group_code, r.scope, cast(? as text), 'enrolled', false, false, false, true, 1, cast(? as bigint) from {source} r, dispatch d where d.agreement_id = ? and d.id = ?",
    ))
    .bind(due)
    .bind(now)
    .bind(serde_json::to_string(&values)?)
    .bind(target.dispatch.agreement_id)
    .bind(target.dispatch.id)
    .run(connection)?;
    Ok(())
}

/// Takes up again the cancelled placements of workers who come back to the roster.
pub(super) fn revive(
    connection: &mut DbConnection,
    now: Instant,
    dispatch: &Dispatch,
    rows: &[RosterRow],
    revived: &[&Candidate],
) -> Result<()> {
    if revived.is_empty() {
        return Ok(());
    }
    let values: Vec<_> = revived
        .iter()
        .map(|candidate| {
            (
                candidate.placement_id,
                candidate.quota.id,
                candidate.cohort_id,
                candidate.quota.destination_id,
                candidate.quota.employer_id,
                candidate.worker.group_code,
                candidate.scope,
                rows.get(candidate.row).and_then(|row| row.partner_ref.as_deref()),
            )
        })
        .collect();
    let source = connection.rows(&[
        ("id", Column::Id),
        ("quota_id", Column::Id),
        ("cohort_id", Column::Id),
        ("destination_id", Column::Id),
        ("employer_id", Column::Id),
        ("group_code", Column::Text),
        ("scope", Column::Text),
        ("partner_ref", Column::Text),
    ]);
    let key = connection.driven_key();
    statement(format!(
        "update placement set state = 'enrolled', quota_id = r.quota_id, cohort_id = r.cohort_id, destination_id = r.destination_id, employer_id = r.employer_id, \
         group_code = r.group_code, scope = r.scope, partner_ref = coalesce(r.partner_ref, placement.partner_ref), holds_place = true, enrolled_again_at = ?, version = placement.version + 1 from {source} r \
         where placement.agreement_id = {key} and placement.id = r.id and placement.state = 'cancelled'"
    ))
    .bind(now)
    .bind(serde_json::to_string(&values)?)
    .bind(dispatch.agreement_id)
    .run(connection)?;
    Ok(())
}

/// Brings the dispatch up to date: its placements, its version, and until when it holds their places.
pub(super) fn count_in(
    connection: &mut DbConnection,
    actor: &Actor,
    target: &Target<'_>,
    enrolled: usize,
) -> Result<()> {
    let placements = i64::try_from(enrolled).map_err(Error::internal)?;
    statement("update dispatch set placements = placements + ?, version = version + ?, holds_until = ?, updated_at = ? where agreement_id = ? and id = ?")
        .bind(placements)
        .bind(if target.calls_of_one_row { placements } else { 1 })
        .bind(target.holds_until)
        .bind(actor.now)
        .bind(target.dispatch.agreement_id)
        .bind(target.dispatch.id)
        .run(connection)?;
    Ok(())
}
