//! The statements of enrolling a roster: one for each step, whatever the number of rows.

use std::collections::{HashMap, HashSet};

use diesel::RunQueryDsl;
use diesel::sql_types::{Nullable, Text};

use super::super::{Dispatch, PlacementState};
use super::checks::Listed;
use super::{Candidate, OpenQuota, RosterRow, Target};
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::events::Actor;
use crate::quotas::QuotaState;
use crate::regions::RegionCode;
use crate::workers::store::WorkerFacts;

type QuotaRow = (Id, Id, Id, RegionCode, Option<String>, QuotaState, Day);
type QuotaTypes = (Uid, Uid, Uid, Text, Nullable<Text>, Text, Text);

/// The quotas `q` of an agreement that rows `r` name in a way still to be said, drafts left out.
const QUOTA: &str = "select q.id, q.destination_id, q.employer_id, q.region_code, q.partner_ref, q.state, q.valid_until \
    from ? r cross join quota q where q.agreement_id = r.agreement_id and q.state <> 'draft'";

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
    let mut found: Vec<QuotaRow> = Vec::new();
    if !ids.is_empty() {
        let named = RowSet::list("id", ids.iter().copied()).shared("agreement_id", agreement_id);
        let query = statement(format!("{QUOTA} and q.id = r.id")).bind(named).returning::<QuotaTypes>();
        found.extend(query.load::<QuotaRow>(connection)?);
    }
    if !refs.is_empty() {
        let named = RowSet::list("ref", refs).shared("agreement_id", agreement_id);
        let query = statement(format!("{QUOTA} and q.partner_ref = r.ref")).bind(named).returning::<QuotaTypes>();
        found.extend(query.load::<QuotaRow>(connection)?.into_iter().filter(|(id, ..)| !ids.contains(id)));
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
    let workers = RowSet::list("worker_id", workers.iter().flatten().map(|worker| worker.id))
        .shared("agreement_id", dispatch.agreement_id)
        .shared("dispatch_id", dispatch.id);
    let found: Vec<Row> = statement(
        "select p.worker_id, p.id, p.quota_id, p.cohort_id, p.partner_ref, p.state from ? r cross join placement p \
         where p.agreement_id = r.agreement_id and p.dispatch_id = r.dispatch_id and p.worker_id = r.worker_id",
    )
    .bind(workers)
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
    let rows = RowSet::of(rows)
        .shared("agreement_id", target.dispatch.agreement_id)
        .shared("dispatch_id", target.dispatch.id)
        .shared("holds_until", target.holds_until)
        .column("person_id", |(person_id, _)| person_id)
        .column("placement_id", |(_, placement_id)| placement_id);
    let won: Vec<Id> = statement(format!(
        "insert into open_placement (person_id, placement_id, dispatch_id, agreement_id, holds_until) \
         select r.person_id, r.placement_id, r.dispatch_id, r.agreement_id, r.holds_until from ? r where true {order} \
         on conflict (person_id) do update set placement_id = excluded.placement_id, dispatch_id = excluded.dispatch_id, \
         agreement_id = excluded.agreement_id, holds_until = excluded.holds_until where open_placement.holds_until <= ? \
         returning placement_id"
    ))
    .bind(rows)
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
    let found: Vec<(Id, Id)> = statement(
        "select o.person_id, o.placement_id from ? r cross join open_placement o where o.person_id = r.person_id",
    )
    .bind(RowSet::list("person_id", losers.iter().map(|loser| loser.worker.person_id)))
    .returning::<(Uid, Uid)>()
    .load(connection)?;
    Ok(found.into_iter().collect())
}

/// Closes placements that were opened and then got no place.
pub(super) fn give_up(connection: &mut DbConnection, refused: &[Candidate]) -> Result<()> {
    if refused.is_empty() {
        return Ok(());
    }
    let rows = RowSet::of(refused)
        .column("person_id", |candidate| candidate.worker.person_id)
        .column("placement_id", |candidate| candidate.placement_id);
    statement(
        "delete from open_placement where (person_id, placement_id) in (select r.person_id, r.placement_id from ? r)",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

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
    let due = target.dispatch.planned_arrival_on.plus_days(i64::from(target.terms.arrival.window_days));
    let placements = RowSet::of(fresh.iter().copied())
        .shared("agreement_id", target.dispatch.agreement_id)
        .shared("dispatch_id", target.dispatch.id)
        .shared("origin_id", target.dispatch.origin_id)
        .shared("plan_year", target.dispatch.plan_year)
        .shared("arrival_due_on", due)
        .shared("enrolled_at", now)
        .column("id", |candidate| candidate.placement_id)
        .column("quota_id", |candidate| candidate.quota.id)
        .column("cohort_id", |candidate| candidate.cohort_id)
        .column("worker_id", |candidate| candidate.worker.id)
        .column("destination_id", |candidate| candidate.quota.destination_id)
        .column("employer_id", |candidate| candidate.quota.employer_id)
        .column("partner_ref", |candidate| rows.get(candidate.row).and_then(|row| row.partner_ref.as_deref()))
        .column("group_code", |candidate| candidate.worker.group_code)
        .column("scope", |candidate| candidate.scope);
    statement(
        "insert into placement (agreement_id, id, dispatch_id, quota_id, cohort_id, worker_id, origin_id, destination_id, employer_id, plan_year, partner_ref, \
         group_code, scope, arrival_due_on, state, certain, late, disputed, holds_place, version, enrolled_at) \
         select r.agreement_id, r.id, r.dispatch_id, r.quota_id, r.cohort_id, r.worker_id, r.origin_id, r.destination_id, r.employer_id, r.plan_year, r.partner_ref, \
         r.group_code, r.scope, r.arrival_due_on, 'enrolled', false, false, false, true, 1, r.enrolled_at from ? r",
    )
    .bind(placements)
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
    let placements = RowSet::of(revived.iter().copied())
        .shared("agreement_id", dispatch.agreement_id)
        .column("id", |candidate| candidate.placement_id)
        .column("quota_id", |candidate| candidate.quota.id)
        .column("cohort_id", |candidate| candidate.cohort_id)
        .column("destination_id", |candidate| candidate.quota.destination_id)
        .column("employer_id", |candidate| candidate.quota.employer_id)
        .column("group_code", |candidate| candidate.worker.group_code)
        .column("scope", |candidate| candidate.scope)
        .column("partner_ref", |candidate| rows.get(candidate.row).and_then(|row| row.partner_ref.as_deref()));
    statement(
        "update placement set state = 'enrolled', quota_id = r.quota_id, cohort_id = r.cohort_id, destination_id = r.destination_id, employer_id = r.employer_id, \
         group_code = r.group_code, scope = r.scope, partner_ref = coalesce(r.partner_ref, placement.partner_ref), holds_place = true, enrolled_again_at = ?, version = placement.version + 1 from ? r \
         where placement.agreement_id = r.agreement_id and placement.id = r.id and placement.state = 'cancelled'",
    )
    .bind(now)
    .bind(placements)
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
