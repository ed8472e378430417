//! Facts read and tallies kept: the statements behind [`super::around`] and of whoever reads the figures.

use std::collections::{BTreeMap, BTreeSet};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::super::PlacementState;
use super::{Cell, Count, Fact, Figures, Measure, Standing};
use crate::db::{Day, DbConnection, Id, RowSet, Uid, statement};
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
    let rows = RowSet::of(difference)
        .shared("agreement_id", agreement_id)
        .column("plan_year", |(cell, _)| cell.plan_year)
        .column("quota_id", |(cell, _)| cell.quota_id)
        .column("scope", |(cell, _)| scope_text(cell.scope))
        .column("population", |(cell, _)| cell.population)
        .column("measure", |(cell, _)| cell.measure)
        .column("node", |(cell, _)| cell.node.as_str())
        .column("standing", |(cell, _)| cell.standing)
        .column("persons", |(_, count)| count.persons)
        .column("placements", |(_, count)| count.placements);
    // First the rows, then the figures: a CHECK would refuse a negative difference even where the sum is fine.
    statement(
        "insert into tally (agreement_id, plan_year, quota_id, scope, population, measure, node, standing, persons, placements) \
         select r.agreement_id, r.plan_year, r.quota_id, r.scope, r.population, r.measure, r.node, r.standing, 0, 0 from ? r where true \
         on conflict do nothing",
    )
    .bind(rows.clone())
    .run(connection)?;
    statement(
        "update tally set persons = tally.persons + r.persons, placements = tally.placements + r.placements from ? r \
         where tally.agreement_id = r.agreement_id and tally.plan_year = r.plan_year and tally.quota_id = r.quota_id and tally.scope = r.scope \
         and tally.population = r.population and tally.measure = r.measure and tally.node = r.node and tally.standing = r.standing",
    )
    .bind(rows)
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
    let rows = RowSet::of(difference)
        .shared("agreement_id", agreement_id)
        .column("plan_year", |((plan_year, ..), _)| *plan_year)
        .column("quota_id", |((_, quota_id, ..), _)| *quota_id)
        .column("node", |((_, _, node, _), _)| node.as_str())
        .column("due_on", |((.., due_on), _)| *due_on)
        .column("placements", |(_, placements)| *placements);
    statement(
        "insert into retention_due (agreement_id, plan_year, quota_id, node, due_on, placements) \
         select r.agreement_id, r.plan_year, r.quota_id, r.node, r.due_on, 0 from ? r where true on conflict do nothing",
    )
    .bind(rows.clone())
    .run(connection)?;
    statement(
        "update retention_due set placements = retention_due.placements + r.placements from ? r \
         where retention_due.agreement_id = r.agreement_id and retention_due.plan_year = r.plan_year and retention_due.quota_id = r.quota_id \
         and retention_due.node = r.node and retention_due.due_on = r.due_on",
    )
    .bind(rows)
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

const FACT_COLUMNS: &str = "p.id, p.plan_year, p.quota_id, p.origin_id, p.worker_id, p.scope, p.group_code, p.state, p.departed_on, \
    p.onboarded_on, p.certain, p.disputed";
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
    // Of some workers, their rows lead; of all, the agreement's placements are read through.
    let workers = workers.map(|workers| {
        let unique: BTreeSet<(Id, Id)> = workers.iter().copied().collect();
        RowSet::of(unique)
            .shared("agreement_id", agreement_id)
            .column("origin_id", |(origin, _)| origin)
            .column("worker_id", |(_, worker)| worker)
    });
    let ask = |columns: &str, joined: &str, kept: &str| match workers.clone() {
        Some(workers) => statement(format!(
            "select {columns} from ? r cross join placement p{joined} where p.agreement_id = r.agreement_id \
             and p.origin_id = r.origin_id and p.worker_id = r.worker_id and {kept}"
        ))
        .bind(workers),
        None => statement(format!("select {columns} from placement p{joined} where p.agreement_id = ? and {kept}"))
            .bind(agreement_id),
    };
    let placements: Vec<FactRow> =
        ask(FACT_COLUMNS, "", "p.departed_on is not null").returning::<FactTypes>().load(connection)?;
    let checks: Vec<(Id, String, Day, String)> = ask(
        "k.placement_id, k.node, k.due_on, k.state",
        " cross join retention_check k",
        "k.agreement_id = p.agreement_id and k.placement_id = p.id",
    )
    .returning::<(Uid, Text, Text, Text)>()
    .load(connection)?;
    let mut by_placement: BTreeMap<Id, Vec<(String, Day, Option<Measure>)>> = BTreeMap::new();
    for (placement, node, due_on, state) in checks {
        by_placement.entry(placement).or_default().push((node, due_on, Measure::from_text(&state)));
    }
    let whole = |row: FactRow| {
        let checks = by_placement.remove(&row.placement_id).unwrap_or_default();
        row.with_checks(checks)
    };
    Ok(placements.into_iter().map(whole).collect())
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
