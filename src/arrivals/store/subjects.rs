//! Finding the placements that claims are about. Each function is one statement, however many rows are asked for.

use std::collections::{HashMap, HashSet};

use diesel::sql_types::BigInt;
use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl, RunQueryDsl, SelectableHelper};

use crate::arrivals::rules::judging::Subject;
use crate::db::schema::{dispatch, placement, quota};
use crate::db::{Day, DbConnection, Id, RowSet, Uid, statement};
use crate::dispatches::Placement;
use crate::error::Result;
use crate::regions::RegionCode;

/// A person to be looked up in one origin's register.
#[derive(Debug, Clone)]
pub struct Sought {
    /// The row of the call.
    pub row: usize,
    /// The origin.
    pub origin_id: Id,
    /// Index of the identity number in that origin's register.
    pub identity_index: [u8; 32],
    /// Index of the name in the whole exchange.
    pub name_index: [u8; 32],
}

/// Placements by the origin's own references: row of the call and placement; several rows for one reference where origins or batches
/// share it.
pub fn by_reference(
    connection: &mut DbConnection,
    agreement_id: Id,
    references: &[(usize, &str)],
) -> Result<Vec<(usize, Id)>> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let rows =
        RowSet::of(references).shared("agreement_id", agreement_id).column("reference", |(_, reference)| *reference);
    let found: Vec<(i64, Id)> = statement(
        "select r.ordinal, p.id from ? r cross join placement p \
         where p.agreement_id = r.agreement_id and p.partner_ref = r.reference order by r.ordinal, p.id",
    )
    .bind(rows)
    .returning::<(BigInt, Uid)>()
    .load(connection)?;
    Ok(numbered(found, |place| references.get(place).map(|(row, _)| *row)))
}

/// Departed placements of people with this identity number and this very name.
pub fn by_person(connection: &mut DbConnection, agreement_id: Id, sought: &[Sought]) -> Result<Vec<(usize, Id)>> {
    if sought.is_empty() {
        return Ok(Vec::new());
    }
    let rows = RowSet::of(sought)
        .shared("agreement_id", agreement_id)
        .column("origin_id", |one| one.origin_id)
        .column("identity_index", |one| one.identity_index)
        .column("name_index", |one| one.name_index);
    let found: Vec<(i64, Id)> = statement(
        "select r.ordinal, p.id from ? r cross join worker w cross join placement p \
         where w.party_id = r.origin_id and w.identity_index = r.identity_index and w.name_index = r.name_index \
         and p.origin_id = w.party_id and p.worker_id = w.id \
         and p.agreement_id = r.agreement_id and p.departed_on is not null order by r.ordinal, p.id",
    )
    .bind(rows)
    .returning::<(BigInt, Uid)>()
    .load(connection)?;
    Ok(numbered(found, |place| sought.get(place).map(|one| one.row)))
}

/// With the number of the row in the call, by the place among the rows that were asked about.
fn numbered(found: Vec<(i64, Id)>, number: impl Fn(usize) -> Option<usize>) -> Vec<(usize, Id)> {
    found.into_iter().filter_map(|(place, id)| Some((number(usize::try_from(place).ok()?)?, id))).collect()
}

/// The placements of ids, locked until the end of the transaction in the order of their ids, so that two calls about the same people
/// wait for each other instead of overlooking each other.
pub fn locked(connection: &mut DbConnection, agreement_id: Id, ids: &HashSet<Id>) -> Result<HashMap<Id, Subject>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    if let DbConnection::Postgres(_) = connection {
        statement(
            "select p.id from placement p where (p.agreement_id, p.id) in (select r.agreement_id, r.id from ? r) \
             order by p.id for update of p",
        )
        .bind(RowSet::list("id", ids.iter().copied()).shared("agreement_id", agreement_id))
        .run(connection)?;
    }
    let found: Vec<(Placement, RegionCode, Day)> = placement::table
        .inner_join(
            quota::table.on(quota::agreement_id.eq(placement::agreement_id).and(quota::id.eq(placement::quota_id))),
        )
        .inner_join(
            dispatch::table
                .on(dispatch::agreement_id.eq(placement::agreement_id).and(dispatch::id.eq(placement::dispatch_id))),
        )
        .filter(placement::agreement_id.eq(agreement_id))
        .filter(placement::id.eq_any(ids.iter().copied().collect::<Vec<_>>()))
        .select((Placement::as_select(), quota::region_code, dispatch::planned_arrival_on))
        .load(connection)?;
    Ok(found
        .into_iter()
        .map(|(placement, planned_region, planned_arrival_on)| {
            (placement.id, Subject { placement, planned_region, planned_arrival_on })
        })
        .collect())
}

/// Which of these ids are parties that can be a workplace.
pub fn workplaces(connection: &mut DbConnection, ids: &HashSet<Id>) -> Result<HashSet<Id>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<Id> =
        statement("select p.id from ? r cross join party p where p.id = r.id and p.kind in ('employer', 'agency')")
            .bind(RowSet::list("id", ids.iter().copied()))
            .returning::<Uid>()
            .load(connection)?;
    Ok(found.into_iter().collect())
}
