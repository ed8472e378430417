//! Counting duties as of the end of a day, by party.

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;

use crate::calendar::calendar;
use crate::db::{Day, DbConnection, Id, Uid, statement};
use crate::discrepancies::duties::DutyCount;
use crate::error::Result;

type Counted = (Id, i64, i64, i64, i64, i64);
type CountTypes = (Uid, BigInt, BigInt, BigInt, BigInt, BigInt);

fn counts(rows: Vec<Counted>) -> Vec<(Id, DutyCount)> {
    let count =
        |(party, open, overdue, disputed, due, in_time)| (party, DutyCount { open, overdue, disputed, due, in_time });
    rows.into_iter().map(count).collect()
}

/// What planned employers owe: to say what became of those who have departed. The word of the destination or a station is an answer too.
pub fn arrivals(connection: &mut DbConnection, agreement_id: Id, as_of: Day) -> Result<Vec<(Id, DutyCount)>> {
    let end = as_of.plus_days(1).start();
    let rows: Vec<Counted> = statement(
        "select t.employer_id, \
         cast(sum(case when t.spoken or t.disputed then 0 else 1 end) as bigint), \
         cast(sum(case when not t.spoken and not t.disputed and t.passed then 1 else 0 end) as bigint), \
         cast(sum(case when not t.spoken and t.disputed then 1 else 0 end) as bigint), \
         cast(sum(case when t.spoken or t.passed then 1 else 0 end) as bigint), \
         cast(sum(case when t.in_time then 1 else 0 end) as bigint) \
         from (select p.employer_id, p.disputed, p.arrival_due_on <= ? as passed, \
           exists (select 1 from claim c where c.agreement_id = p.agreement_id and c.placement_id = p.id and c.claimant_role <> 'origin' \
             and c.recorded_at < ?) as spoken, \
           exists (select 1 from claim c where c.agreement_id = p.agreement_id and c.placement_id = p.id and c.claimant_role <> 'origin' \
             and c.recorded_at < ? and not c.late) as in_time \
           from placement p where p.agreement_id = ? and p.departed_on <= ? and p.departure_recorded_at < ?) t group by t.employer_id",
    )
    .bind(calendar().last_day_passed(as_of))
    .bind(end)
    .bind(end)
    .bind(agreement_id)
    .bind(as_of)
    .bind(end)
    .returning::<CountTypes>()
    .load(connection)?;
    Ok(counts(rows))
}

/// What owners of discrepancies owe.
pub fn discrepancies(connection: &mut DbConnection, agreement_id: Id, as_of: Day) -> Result<Vec<(Id, DutyCount)>> {
    let end = as_of.plus_days(1).start();
    let rows: Vec<Counted> = statement(
        "select t.party_id, \
         cast(sum(case when t.owed and not t.disputed then 1 else 0 end) as bigint), \
         cast(sum(case when t.owed and not t.disputed and t.passed then 1 else 0 end) as bigint), \
         cast(sum(case when t.owed and t.disputed then 1 else 0 end) as bigint), \
         cast(sum(case when t.owed and t.passed or not t.owed and t.closing <> 'lifted' then 1 else 0 end) as bigint), \
         cast(sum(case when not t.owed and t.closing = 'in_time' then 1 else 0 end) as bigint) \
         from (select y.party_id, y.closing, y.due_on < ? as passed, (y.closed_at is null or y.closed_at >= ?) as owed, \
           (p.id is not null and p.disputed) as disputed \
           from discrepancy_duty y join discrepancy d on d.agreement_id = y.agreement_id and d.id = y.discrepancy_id \
           left join placement p on p.agreement_id = d.agreement_id and p.id = d.placement_id \
           where y.agreement_id = ? and y.opened_at < ?) t group by t.party_id",
    )
    .bind(as_of)
    .bind(end)
    .bind(agreement_id)
    .bind(end)
    .returning::<CountTypes>()
    .load(connection)?;
    Ok(counts(rows))
}
