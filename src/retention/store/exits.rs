//! Queries of the entries about exits.

use std::collections::BTreeSet;

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::{OptionalExtension, RunQueryDsl};
use serde_json::{Value, json};

use crate::db::{Column, DbConnection, Id, Uid, statement};
use crate::error::Result;
use crate::retention::exits::ExitEntry;

type ExitTypes = (Uid, Uid, Uid, Text, Text, Text, Text, Bool, Nullable<Text>, Uid, BigInt);

/// The entries about exits of placements, in the order they were recorded.
pub fn of(connection: &mut DbConnection, agreement_id: Id, ids: &[Id]) -> Result<Vec<ExitEntry>> {
    let unique: BTreeSet<[&Id; 1]> = ids.iter().map(|id| [id]).collect();
    let source = connection.rows(&[("id", Column::Id)]);
    Ok(statement(format!(
        "select e.id, e.placement_id, e.spell_id, e.kind, e.ended_on, e.grain, e.reason, e.late, e.placement_ended_on, e.reported_by, e.recorded_at \
         from {source} r cross join exit_entry e where e.agreement_id = ? and e.placement_id = r.id order by e.recorded_at, e.id"
    ))
    .bind(serde_json::to_string(&unique)?)
    .bind(agreement_id)
    .returning::<ExitTypes>()
    .load(connection)?)
}

/// Writes entries about exits.
pub fn insert(connection: &mut DbConnection, agreement_id: Id, new: &[ExitEntry]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let row = |entry: &ExitEntry| {
        json!([
            entry.id,
            entry.placement_id,
            entry.spell_id,
            entry.kind,
            entry.ended_on,
            entry.grain,
            entry.reason,
            entry.late,
            entry.placement_ended_on,
            entry.reported_by,
            entry.recorded_at.as_micros()
        ])
    };
    let source = connection.rows(&[
        ("id", Column::Id),
        ("placement_id", Column::Id),
        ("spell_id", Column::Id),
        ("kind", Column::Text),
        ("ended_on", Column::Text),
        ("grain", Column::Text),
        ("reason", Column::Text),
        ("late", Column::Bool),
        ("placement_ended_on", Column::Text),
        ("reported_by", Column::Id),
        ("recorded_at", Column::Int),
    ]);
    statement(format!(
        "insert into exit_entry (agreement_id, id, placement_id, spell_id, kind, ended_on, grain, reason, late, placement_ended_on, reported_by, recorded_at) \
         select a.id, r.id, r.placement_id, r.spell_id, r.kind, r.ended_on, r.grain, r.reason, r.late, r.placement_ended_on, r.reported_by, r.recorded_at \
         from {source} r, agreement a where a.id = ?"
    ))
    .bind(Value::Array(new.iter().map(row).collect()).to_string())
    .bind(agreement_id)
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
