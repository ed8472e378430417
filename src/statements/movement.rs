//! "Why did this number change?" (N3) and "what would these terms have meant?" (N1): one month computed twice, and the rows that moved a
//! figure, with the figures each moved and by how much. The moves of all rows add up to the difference of the placements.
//!
//! Nothing is written. The rows of the first computation are held in memory until the second has passed them.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::computing::{Question, compute};
use super::difference::{figure_changes, row_change};
use super::document::{FigureChange, RowChange};
use super::figures::RowContent;
use super::month::Month;
use super::store::facts;
use crate::db::{DbConnection, Id, Instant};
use crate::error::Result;

crate::text_enum! {
    /// What kind of fact stands behind a move.
    pub enum FactKind {
        /// What a party says happened.
        Claim => "claim" / "到岗申报",
        /// An exit reported, corrected or withdrawn.
        Exit => "exit" / "离岗登记",
        /// Somebody seen in post.
        Observation => "observation" / "在岗记录",
        /// A dispute raised.
        Dispute => "dispute" / "异议",
    }
}

/// A fact recorded between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MovingFact {
    /// What kind.
    pub kind: FactKind,
    /// Its id.
    pub id: Id,
    /// When it was recorded.
    pub recorded_at: Instant,
}

/// By how much a row moved a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Move {
    /// The figure, such as `onboarded/month/certain`.
    #[schema(max_length = 60, example = "onboarded/month/certain")]
    pub figure: String,
    /// 1 when it came in, -1 when it went out.
    #[schema(minimum = -1, maximum = 1, example = 1)]
    pub by: i64,
}

/// A row that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MovedRow {
    /// Before and after, with the fields that differ.
    #[serde(flatten)]
    pub change: RowChange,
    /// The figures it moved; empty where it changed and counts as before.
    #[schema(max_items = 200)]
    pub moves: Vec<Move>,
    /// What was recorded about it in between, oldest first.
    #[schema(max_items = 10_000)]
    pub facts: Vec<MovingFact>,
}

/// Why the figures of a month changed between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FigureMovement {
    /// The month.
    pub month: Month,
    /// Facts recorded before this instant made the figures as they were.
    pub from: Instant,
    /// Facts recorded before this instant make them as they are.
    pub to: Instant,
    /// The figures that differ.
    #[schema(max_items = 1000)]
    pub figures: Vec<FigureChange>,
    /// Every row that is not as it was.
    #[schema(max_items = 1_000_000)]
    pub rows: Vec<MovedRow>,
}

/// For which month the effect of an amendment is shown.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"month": "2026-03"}))]
pub struct NewPreview {
    /// The month; it must be over.
    pub month: Month,
}

/// What the figures of a past month would be if a proposed version had held from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AmendmentEffect {
    /// Number of the proposed version.
    #[schema(minimum = 1, maximum = 1_000_000, example = 2)]
    pub version: i64,
    /// The month.
    pub month: Month,
    /// The figures that would differ: before as ratified, after as proposed.
    #[schema(max_items = 1000)]
    pub figures: Vec<FigureChange>,
    /// Every row that would differ.
    #[schema(max_items = 1_000_000)]
    pub rows: Vec<MovedRow>,
}

/// Computes a month twice and gives what differs.
///
/// # Errors
/// What the database says.
pub fn between(
    connection: &mut DbConnection,
    before: &Question<'_>,
    after: &Question<'_>,
) -> Result<(Vec<FigureChange>, Vec<MovedRow>)> {
    let mut held: HashMap<(bool, Id), RowContent> = HashMap::new();
    let was = compute(connection, before, |_, rows| {
        held.extend(rows.iter().map(|row| (key_of(&row.content), row.content.clone())));
        Ok(())
    })?;
    let mut changed: Vec<((bool, Id), RowChange)> = Vec::new();
    let is = compute(connection, after, |_, rows| {
        for row in rows {
            let key = key_of(&row.content);
            let earlier = held.remove(&key);
            if earlier.as_ref() != Some(&row.content) {
                changed.push((key, row_change(earlier, Some(row.content.clone()))?));
            }
        }
        Ok(())
    })?;
    for (key, gone) in held {
        changed.push((key, row_change(Some(gone), None)?));
    }
    changed.sort_by_key(|(key, _)| *key);
    let moved = changed.into_iter().map(|(_, change)| MovedRow {
        moves: moves(&change, after.month),
        change,
        facts: Vec::new(),
    });
    Ok((figure_changes(&was.figures, &is.figures), moved.collect()))
}

fn key_of(row: &RowContent) -> (bool, Id) {
    (row.claim_id.is_some(), row.subject())
}

/// The figures a row moved: those it counts in now and did not, and the other way round.
fn moves(change: &RowChange, month: Month) -> Vec<Move> {
    let mut figures: BTreeMap<String, i64> = BTreeMap::new();
    for (row, by) in [(&change.before, -1), (&change.after, 1)] {
        for (name, standing) in row.iter().flat_map(|row| row.counts_in(month)) {
            *figures.entry(name.mark(standing)).or_default() += by;
        }
    }
    figures.into_iter().filter(|(_, by)| *by != 0).map(|(figure, by)| Move { figure, by }).collect()
}

/// Why the figures of a month changed between two instants: both computations, and what was recorded about each row in between.
///
/// # Errors
/// What the database says.
pub fn explain(connection: &mut DbConnection, before: &Question<'_>, after: &Question<'_>) -> Result<FigureMovement> {
    let (figures, mut rows) = between(connection, before, after)?;
    let ids: Vec<Id> = rows.iter().map(|row| row.change.subject_id).collect();
    let (from, to) = (before.known_before, after.known_before);
    let mut recorded = facts::recorded_between(connection, after.agreement_id, (from, to), &ids)?;
    for row in &mut rows {
        row.facts = recorded.remove(&row.change.subject_id).unwrap_or_default();
        row.facts.sort_by_key(|fact| (fact.recorded_at, fact.id));
    }
    Ok(FigureMovement { month: after.month, from, to, figures, rows })
}
