//! Facts read and tallies kept: the statements behind [`super::around`] and of whoever reads the figures.

use std::collections::{BTreeMap, BTreeSet};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use serde_json::{Value, json};

use super::super::PlacementState;
use super::{Cell, Count, Fact, Figures, Measure, Standing};
use crate::db::{Column, Day, DbConnection, Id, Uid, statement};
use crate::error::Result;
use crate::regions::Scope;
use crate::workers::{GroupCode, Population};

/// The scope as it is stored.
fn scope_text(scope: Option<Scope>) -> &'static str {
    scope.map_or("any", Scope::as_str)
}

/// Adds differences to the stored tallies.
pub(super) fn add_tallies(
    connection: &mut DbConnection,
    agreement_id: Id,
    difference: &BTreeMap<Cell, Count>,
) -> Result<()> {
    if difference.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = difference
        .iter()
        .map(|(cell, count)| {
            json!([
                cell.plan_year,
                cell.quota_id,
                scope_text(cell.scope),
                cell.population,
                cell.measure,
                cell.node,
                cell.standing,
                count.persons,
                count.placements
            ])
        })
        .collect();
    let rows = Value::Array(rows).to_string();
    let source = connection.rows(&[
        ("plan_year", Column::Int),
        ("quota_id", Column::Id),
        ("scope", Column::Text),
        ("population", Column::Text),
        ("measure", Column::Text),
        ("node", Column::Text),
        ("standing", Column::Text),
        ("persons", Column::Int),
        ("placements", Column::Int),
    ]);
    let key = connection.driven_key();
    // First the rows, then the figures: a CHECK would refuse a negative difference even where the sum is fine.
    statement(format!(
        "insert into tally (agreement_id, plan_year, quota_id, scope, population, measure, node, standing, persons, placements) \
         select a.id, r.plan_year, r.quota_id, r.scope, r.population, r.measure, r.node, r.standing, 0, 0 from {source} r, agreement a where a.id = ? \
         on conflict do nothing"
    ))
    .bind(rows.clone())
    .bind(agreement_id)
    .run(connection)?;
    statement(format!(
        "update tally set persons = tally.persons + r.persons, placements = tally.placements + r.placements from {source} r \
         where tally.agreement_id = {key} and tally.plan_year = r.plan_year and tally.quota_id = r.quota_id and tally.scope = r.scope \
         and tally.population = r.population and tally.measure = r.measure and tally.node = r.node and tally.standing = r.standing"
    ))
    .bind(rows)
    .bind(agreement_id)
    .run(connection)?;
    Ok(())
}

/// Adds differences to how many placements fall due.
pub(super) fn add_due(
    connection: &mut DbConnection,
    agreement_id: Id,
    difference: &BTreeMap<(i64, Id, String, Day), i64>,
) -> Result<()> {
    if difference.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = difference
        .iter()
        .map(|((plan_year, quota_id, node, due_on), placements)| json!([plan_year, quota_id, node, due_on, placements]))
        .collect();
    let rows = Value::Array(rows).to_string();
    let source = connection.rows(&[
        ("plan_year", Column::Int),
        ("quota_id", Column::Id),
        ("node", Column::Text),
        ("due_on", Column::Text),
        ("placements", Column::Int),
    ]);
    let key = connection.driven_key();
    statement(format!(
        "insert into retention_due (agreement_id, plan_year, quota_id, node, due_on, placements) \
         select a.id, r.plan_year, r.quota_id, r.node, r.due_on, 0 from {source} r, agreement a where a.id = ? on conflict do nothing"
    ))
    .bind(rows.clone())
    .bind(agreement_id)
    .run(connection)?;
    statement(format!(
        "update retention_due set placements = retention_due.placements + r.placements from {source} r \
         where retention_due.agreement_id = {key} and retention_due.plan_year = r.plan_year and retention_due.quota_id = r.quota_id \
         and retention_due.node = r.node and retention_due.due_on = r.due_on"
    ))
    .bind(rows)
    .bind(agreement_id)
    .run(connection)?;
    Ok(())
}

/// A placement as it is stored, without its checks.
#[derive(diesel::Queryable)]
struct FactRow {
    placement_id: Id,
    plan_year: i64,
    quota_id: Id,
    origin_id: Id,
    worker_id: Id,
    scope: Scope,
    group_code: GroupCode,
    state: PlacementState,
    departed_on: Option<Day>,
    onboarded_on: Option<Day>,
    certain: bool,
    disputed: bool,
}

type FactTypes = (Uid, BigInt, Uid, Uid, Uid, Text, Text, Text, Nullable<Text>, Nullable<Text>, Bool, Bool);

impl FactRow {
    fn with_checks(self, checks: Vec<(String, Day, Option<Measure>)>) -> Fact {
        Fact {
            placement_id: self.placement_id,
            plan_year: self.plan_year,
            quota_id: self.quota_id,
            person: (self.origin_id, self.worker_id),
            scope: self.scope,
            group_code: self.group_code,
            state: self.state,
            departed: self.departed_on.is_some(),
            onboarded: self.onboarded_on.is_some(),
            certain: self.certain,
            disputed: self.disputed,
            checks,
        }
    }
}

/// The facts of some workers of an agreement, or of all of them. Placements that never left count nowhere.
pub fn facts(connection: &mut DbConnection, agreement_id: Id, workers: Option<&[(Id, Id)]>) -> Result<Vec<Fact>> {
    let (from, rows) = match workers {
        Some(workers) => {
            let unique: BTreeSet<&(Id, Id)> = workers.iter().collect();
            let rows: Vec<Value> = unique.into_iter().map(|(origin, worker)| json!([origin, worker])).collect();
            let source = connection.rows(&[("origin_id", Column::Id), ("worker_id", Column::Id)]);
            let join = connection.driving_join();
            let from =
                format!("{source} r {join} placement p on p.origin_id = r.origin_id and p.worker_id = r.worker_id");
            (from, Some(Value::Array(rows).to_string()))
        }
        None => ("placement p".to_owned(), None),
    };
    let ask = |sql: String| match &rows {
        Some(rows) => statement(sql).bind(rows.clone()).bind(agreement_id),
        None => statement(sql).bind(agreement_id),
    };
    let placements: Vec<FactRow> = ask(format!(
        "select p.id, p.plan_year, p.quota_id, p.origin_id, p.worker_id, p.scope, p.group_code, p.state, p.departed_on, p.onboarded_on, p.certain, p.disputed \
         from {from} where p.agreement_id = ?"
    ))
    .returning::<FactTypes>()
    .load(connection)?;
    let checks: Vec<(Id, String, Day, String)> = ask(format!(
        "select k.placement_id, k.node, k.due_on, k.state from {from} join retention_check k on k.agreement_id = p.agreement_id and k.placement_id = p.id \
         where p.agreement_id = ?"
    ))
    .returning::<(Uid, Text, Text, Text)>()
    .load(connection)?;
    let mut by_placement: BTreeMap<Id, Vec<(String, Day, Option<Measure>)>> = BTreeMap::new();
    for (placement, node, due_on, state) in checks {
        by_placement.entry(placement).or_default().push((node, due_on, Measure::from_text(&state)));
    }
    let mut whole = |row: FactRow| {
        let checks = by_placement.remove(&row.placement_id).unwrap_or_default();
        row.with_checks(checks)
    };
    // Not asked of the database: before a batch leaves nobody has departed, and PostgreSQL, whose figures are of that time, would plan for
    // no row at all.
    Ok(placements.into_iter().filter(|row| row.departed_on.is_some()).map(&mut whole).collect())
}

type TallyRow = (i64, Id, String, Population, Measure, String, Standing, i64, i64);
type TallyTypes = (BigInt, Uid, Text, Text, Text, Text, Text, BigInt, BigInt);

/// The stored figures of an agreement, zeros left out.
pub fn stored(connection: &mut DbConnection, agreement_id: Id) -> Result<Figures> {
    let rows: Vec<TallyRow> = statement(
        "select plan_year, quota_id, scope, population, measure, node, standing, persons, placements from tally where agreement_id = ? and placements > 0",
    )
    .bind(agreement_id)
    .returning::<TallyTypes>()
    .load(connection)?;
    let due: Vec<(i64, Id, String, Day, i64)> =
        statement("select plan_year, quota_id, node, due_on, placements from retention_due where agreement_id = ? and placements > 0")
            .bind(agreement_id)
            .returning::<(BigInt, Uid, Text, Text, BigInt)>()
            .load(connection)?;
    let tallies = rows.into_iter().map(
        |(plan_year, quota_id, scope, population, measure, node, standing, persons, placements)| {
            let scope = Scope::from_text(&scope);
            (Cell { plan_year, quota_id, scope, population, measure, node, standing }, Count { persons, placements })
        },
    );
    Ok(Figures {
        tallies: tallies.collect(),
        due: due
            .into_iter()
            .map(|(plan_year, quota_id, node, due_on, placements)| ((plan_year, quota_id, node, due_on), placements))
            .collect(),
    })
}
