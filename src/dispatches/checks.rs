//! Retention checks of a placement: one row per node of the agreement's rule, made when the worker is onboarded.
//!
//! Only what the facts decide is stored (`retained`, `left`); until then a row is `pending`, and whether it is not due or unverifiable
//! is told by the clock.

use crate::agreements::Terms;
use crate::agreements::rule_terms::{RetentionNode, StartBasis};
use crate::db::{Day, DbConnection, Id, RowSet, statement};
use crate::error::Result;

/// Onboarded placements whose checks are to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Onboarded {
    /// The placement.
    pub placement_id: Id,
    /// First day in post.
    pub onboarded_on: Day,
    /// The plan year, for rules that count from 1 January.
    pub plan_year: i64,
}

/// Makes the pending checks of placements; checks that are there already keep their decision and take the new due day.
pub fn schedule(
    connection: &mut DbConnection,
    agreement_id: Id,
    placements: &[Onboarded],
    terms: &Terms,
) -> Result<()> {
    if placements.is_empty() {
        return Ok(());
    }
    let nodes = &terms.retention.nodes;
    let asked: Vec<(Id, String, Day)> = placements
        .iter()
        .flat_map(|placement| {
            let start = start_of(placement, terms.retention.start_basis);
            nodes
                .iter()
                .map(move |node: &RetentionNode| (placement.placement_id, node.code(), Day(node.due_day(start.0))))
        })
        .collect();
    drop_foreign(connection, agreement_id, placements, nodes)?;
    let rows = RowSet::of(&asked)
        .shared("agreement_id", agreement_id)
        .column("placement_id", |(placement_id, ..)| *placement_id)
        .column("node", |(_, node, _)| node.as_str())
        .column("due_on", |(.., due_on)| *due_on);
    // "where true" keeps SQLite from reading "on conflict" as part of a join.
    statement(
        "insert into retention_check (agreement_id, placement_id, node, due_on, state, reason) \
         select r.agreement_id, r.placement_id, r.node, r.due_on, 'pending', 'scheduled' from ? r where true \
         on conflict (agreement_id, placement_id, node) do update set due_on = excluded.due_on",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// A corrected day of arrival may lie under another version of the terms: the nodes of the former rule are no longer asked.
fn drop_foreign(
    connection: &mut DbConnection,
    agreement_id: Id,
    placements: &[Onboarded],
    nodes: &[RetentionNode],
) -> Result<()> {
    let placed = RowSet::list("id", placements.iter().map(|placement| placement.placement_id));
    let codes: Vec<String> = nodes.iter().map(|node| node.code()).collect();
    statement(
        "delete from retention_check where (agreement_id, placement_id) in (select r.agreement_id, r.id from ? r) \
         and node not in (select n.node from ? n)",
    )
    .bind(placed.shared("agreement_id", agreement_id))
    .bind(RowSet::list("node", codes.iter().map(String::as_str)))
    .run(connection)?;
    Ok(())
}

/// A listing day is not known when the worker arrives; such rules start from the arrival until the retention slice decides.
fn start_of(placement: &Onboarded, basis: StartBasis) -> Day {
    match basis {
        StartBasis::JanuaryFirst => {
            let year = i16::try_from(placement.plan_year).unwrap_or(placement.onboarded_on.0.year());
            let first = jiff::civil::Date::new(year, 1, 1).map_or(placement.onboarded_on, Day);
            first.max(placement.onboarded_on)
        }
        StartBasis::OnboardedDay | StartBasis::GroupListingDay => placement.onboarded_on,
    }
}
