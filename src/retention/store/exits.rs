//! Queries of the entries about exits.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl};

use crate::db::{DbConnection, Id, RowSet, Uid, statement};
use crate::error::Result;
use crate::retention::exits::ExitEntry;

type ExitTypes = (Uid, Uid, Uid, Text, Text, Text, Text, Bool, Nullable<Text>, Uid, BigInt);

/// The entries about exits of placements, in the order they were recorded.
pub fn of(connection: &mut DbConnection, agreement_id: Id, ids: &[Id]) -> Result<Vec<ExitEntry>> {
    let unique: BTreeSet<Id> = ids.iter().copied().collect();
    Ok(statement(
        "select e.id, e.placement_id, e.spell_id, e.kind, e.ended_on, e.grain, e.reason, e.late, e.placement_ended_on, e.reported_by, e.recorded_at \
         from ? r cross join exit_entry e where e.agreement_id = r.agreement_id and e.placement_id = r.id order by e.recorded_at, e.id",
    )
    .bind(RowSet::list("id", unique).shared("agreement_id", agreement_id))
    .returning::<ExitTypes>()
    .load(connection)?)
}

/// Writes entries about exits.
pub fn insert(connection: &mut DbConnection, agreement_id: Id, new: &[ExitEntry]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let rows = RowSet::of(new)
        .shared("agreement_id", agreement_id)
        .column("id", |entry| entry.id)
        .column("placement_id", |entry| entry.placement_id)
        .column("spell_id", |entry| entry.spell_id)
        .column("kind", |entry| entry.kind)
        .column("ended_on", |entry| entry.ended_on)
        .column("grain", |entry| entry.grain)
        .column("reason", |entry| entry.reason)
        .column("late", |entry| entry.late)
        .column("placement_ended_on", |entry| entry.placement_ended_on)
        .column("reported_by", |entry| entry.reported_by)
        .column("recorded_at", |entry| entry.recorded_at);
    statement(
        "insert into exit_entry (agreement_id, id, placement_id, spell_id, kind, ended_on, grain, reason, late, placement_ended_on, reported_by, recorded_at) \
         select r.agreement_id, r.id, r.placement_id, r.spell_id, r.kind, r.ended_on, r.grain, r.reason, r.late, r.placement_ended_on, r.reported_by, r.recorded_at \
         from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// The placement a recorded spell belongs to.
pub fn placement_of_spell(connection: &mut DbConnection, agreement_id: Id, spell_id: Id) -> Result<Option<Id>> {
    Ok(statement("select placement_id from employment_spell where agreement_id = ? and id = ?")
        .bind(agreement_id)
        .bind(spell_id)
        .returning::<Uid>()
        .get_result(connection)
        .optional()?)
}
