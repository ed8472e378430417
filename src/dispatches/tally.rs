//! Counters that officials read, kept in the transaction of the fact.
//!
//! [`contributions`] is the one definition of every figure: a pure function from facts to counts. Commands run inside [`around`], which
//! counts the workers they touch before and after and adds the difference to the stored tallies, so that reading costs the same at a
//! hundred placements and at ten million. `verify` counts all facts with the same function and names any difference.

mod store;

use std::collections::{BTreeMap, BTreeSet};

pub use store::{facts, stored};

use super::PlacementState;
use crate::db::{Day, DbConnection, Id, statement};
use crate::error::Result;
use crate::regions::Scope;
use crate::workers::{GroupCode, Population};

crate::text_enum! {
    /// What a tally counts.
    pub enum Measure {
        /// Departed under the agreement.
        Dispatched => "dispatched" / "已输送",
        /// Arrived, as the terms define it.
        Onboarded => "onboarded" / "已到岗",
        /// Did not arrive, or was turned down.
        NotArrived => "not_arrived" / "未到岗",
        /// Retained at a node.
        Retained => "retained" / "稳岗",
        /// Known to have left before a node.
        Left => "left" / "到期前离岗",
        /// No longer in post.
        Ended => "ended" / "已离岗",
    }
}

crate::text_enum! {
    /// How sure a figure is (N4).
    pub enum Standing {
        /// The evidence meets the agreement's minimum.
        Certain => "certain" / "确定",
        /// Said, but not yet shown as the agreement demands.
        Probable => "probable" / "可能",
        /// Contested by a party; in neither total.
        Disputed => "disputed" / "有争议",
    }
}

/// A placement as the figures see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The placement.
    pub placement_id: Id,
    /// Plan year.
    pub plan_year: i64,
    /// Quota.
    pub quota_id: Id,
    /// Origin and worker: the person.
    pub person: (Id, Id),
    /// How far from the origin.
    pub scope: Scope,
    /// Group on the day of departure.
    pub group_code: GroupCode,
    /// State.
    pub state: PlacementState,
    /// Whether it departed.
    pub departed: bool,
    /// Whether it was onboarded.
    pub onboarded: bool,
    /// Whether the evidence meets the minimum.
    pub certain: bool,
    /// Whether it is disputed.
    pub disputed: bool,
    /// Checks: node, due day, and the decision if there is one.
    pub checks: Vec<(String, Day, Option<Measure>)>,
}

impl Fact {
    /// What the placement counts for: measure and node.
    fn measures(&self) -> impl Iterator<Item = (Measure, &str)> {
        let not_arrived = matches!(
            self.state,
            PlacementState::NoShow | PlacementState::RefusedByEmployer | PlacementState::RefusedByWorker
        );
        let plain = [
            (self.departed, Measure::Dispatched),
            (self.onboarded, Measure::Onboarded),
            (not_arrived, Measure::NotArrived),
            (self.state == PlacementState::Ended, Measure::Ended),
        ];
        let decided =
            self.checks.iter().filter_map(|(node, _, decision)| decision.map(|measure| (measure, node.as_str())));
        plain.into_iter().filter_map(|(holds, measure)| holds.then_some((measure, ""))).chain(decided)
    }

    /// A departure is the origin's own fact and certain; what follows rests on evidence.
    fn standing(&self, measure: Measure) -> Standing {
        if self.disputed {
            Standing::Disputed
        } else if self.certain || measure == Measure::Dispatched {
            Standing::Certain
        } else {
            Standing::Probable
        }
    }
}

/// Which figure: quota ([`Id::NIL`] for the whole agreement), scope (none for everywhere), population, measure and node, per plan year.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Plan year.
    pub plan_year: i64,
    /// Quota, or nil.
    pub quota_id: Id,
    /// Scope, or everywhere.
    pub scope: Option<Scope>,
    /// Population.
    pub population: Population,
    /// Measure.
    pub measure: Measure,
    /// Node; empty for measures without one.
    pub node: String,
    /// Standing.
    pub standing: Standing,
}

/// Persons are distinct, placements are person-times; the two are never added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Distinct persons, each under its best standing.
    pub persons: i64,
    /// Placements.
    pub placements: i64,
}

/// Every figure the facts make: the tallies, and how many placements fall due per quota, node and day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// The tallies.
    pub tallies: BTreeMap<Cell, Count>,
    /// (plan year, quota, node, due day) → placements.
    pub due: BTreeMap<(i64, Id, String, Day), i64>,
}

/// Counts facts. All facts of a person must come together, or persons would be counted twice.
#[must_use]
pub fn contributions(facts: &[Fact]) -> Figures {
    let mut figures = Figures::default();
    let mut persons: BTreeSet<(Cell, (Id, Id))> = BTreeSet::new();
    for fact in facts {
        for (node, due_on, _) in &fact.checks {
            for quota_id in [Id::NIL, fact.quota_id] {
                *figures.due.entry((fact.plan_year, quota_id, node.clone(), *due_on)).or_default() += 1;
            }
        }
        for (measure, node) in fact.measures() {
            let standing = fact.standing(measure);
            for cell in cells(fact, measure, node, standing) {
                figures.tallies.entry(cell.clone()).or_default().placements += 1;
                persons.insert((cell, fact.person));
            }
        }
    }
    count_persons(&mut figures.tallies, &persons);
    figures
}

fn cells(fact: &Fact, measure: Measure, node: &str, standing: Standing) -> Vec<Cell> {
    let mut cells = Vec::with_capacity(8);
    for population in Population::ALL.iter().filter(|population| fact.group_code.is_in(**population)) {
        for quota_id in [Id::NIL, fact.quota_id] {
            for scope in [None, Some(fact.scope)] {
                cells.push(Cell {
                    plan_year: fact.plan_year,
                    quota_id,
                    scope,
                    population: *population,
                    measure,
                    node: node.to_owned(),
                    standing,
                });
            }
        }
    }
    cells
}

/// A person stands in a figure once, under the best standing any of its placements has there.
fn count_persons(tallies: &mut BTreeMap<Cell, Count>, seen: &BTreeSet<(Cell, (Id, Id))>) {
    for (cell, person) in seen {
        let better = |standing: Standing| seen.contains(&(Cell { standing, ..cell.clone() }, *person));
        let best =
            Standing::ALL.iter().take_while(|standing| **standing != cell.standing).all(|standing| !better(*standing));
        if best && let Some(count) = tallies.get_mut(cell) {
            count.persons += 1;
        }
    }
}

/// Runs `change` and lets the tallies follow. Everything that changes placements or retention checks of these workers runs inside.
pub fn around<T>(
    connection: &mut DbConnection,
    agreement_id: Id,
    workers: &[(Id, Id)],
    change: impl FnOnce(&mut DbConnection) -> Result<T>,
) -> Result<T> {
    // One writer of an agreement's figures at a time; the row lock also orders commands that touch the same workers.
    statement("update agreement set tally_version = tally_version + 1 where id = ?")
        .bind(agreement_id)
        .run(connection)?;
    let before = contributions(&facts(connection, agreement_id, Some(workers))?);
    let result = change(connection)?;
    let after = contributions(&facts(connection, agreement_id, Some(workers))?);
    store::add_tallies(connection, agreement_id, &difference(&before.tallies, &after.tallies))?;
    store::add_due(connection, agreement_id, &due_difference(&before, &after))?;
    Ok(result)
}

fn difference(before: &BTreeMap<Cell, Count>, after: &BTreeMap<Cell, Count>) -> BTreeMap<Cell, Count> {
    let mut difference = after.clone();
    for (cell, count) in before {
        let entry = difference.entry(cell.clone()).or_default();
        entry.persons -= count.persons;
        entry.placements -= count.placements;
    }
    difference.retain(|_, count| *count != Count::default());
    difference
}

fn due_difference(before: &Figures, after: &Figures) -> BTreeMap<(i64, Id, String, Day), i64> {
    let mut difference = after.due.clone();
    for (key, placements) in &before.due {
        *difference.entry(key.clone()).or_default() -= placements;
    }
    difference.retain(|_, placements| *placements != 0);
    difference
}

/// Figures of an agreement that the facts do not give; what `verify` asks. Empty when everything fits.
pub fn differences(connection: &mut DbConnection, agreement_id: Id) -> Result<Vec<String>> {
    let counted = contributions(&facts(connection, agreement_id, None)?);
    let kept = stored(connection, agreement_id)?;
    let tallies = difference(&kept.tallies, &counted.tallies).into_iter();
    let named = tallies.map(|(cell, count)| {
        format!("{cell:?} is off by {} persons and {} placements", -count.persons, -count.placements)
    });
    let due = due_difference(&kept, &counted)
        .into_iter()
        .map(|(key, placements)| format!("due {key:?} is off by {}", -placements));
    Ok(named.chain(due).collect())
}
