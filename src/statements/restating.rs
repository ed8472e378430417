//! What today's facts say of months that are frozen (F38): found by computing each anew and comparing it row by row with what was signed.

use std::collections::HashMap;

use super::MonthlyStatement;
use super::computing::{Question, compute};
use super::difference::{figure_changes, row_change};
use super::document::{FrozenRef, Restatement, RowChange};
use super::merkle::Hash;
use super::store::editions;
use crate::db::{DbConnection, Id};
use crate::error::Result;

/// A frozen statement, as others point at it.
///
/// # Errors
/// What the database says.
pub fn frozen_ref(connection: &mut DbConnection, row: &MonthlyStatement) -> Result<FrozenRef> {
    let edition = editions::one(connection, row, None)?;
    Ok(FrozenRef { statement_id: row.id, month: row.month, digest: hex::encode(edition.digest) })
}

/// The corrections of frozen months, oldest first; a month that comes out as it was signed has none.
///
/// # Errors
/// What the database says.
pub fn restatements(
    connection: &mut DbConnection,
    question: &Question<'_>,
    frozen: &[MonthlyStatement],
) -> Result<Vec<Restatement>> {
    let mut found = Vec::new();
    for row in frozen {
        found.extend(restatement(connection, question, row)?);
    }
    Ok(found)
}

/// The correction of one frozen month.
fn restatement(
    connection: &mut DbConnection,
    question: &Question<'_>,
    row: &MonthlyStatement,
) -> Result<Option<Restatement>> {
    let edition = editions::one(connection, row, None)?;
    let signed = edition.read()?;
    let leaves = editions::leaves(connection, &edition)?;
    let mut gone: HashMap<(bool, Id), (i64, Hash)> =
        leaves.into_iter().map(|leaf| ((leaf.of_claim, leaf.subject_id), (leaf.ordinal, leaf.leaf))).collect();
    let mut changes: Vec<((bool, Id), RowChange)> = Vec::new();
    let today = Question { month: row.month, ..*question };
    let computed = compute(connection, &today, |connection, rows| {
        for row in rows {
            let key = (row.content.claim_id.is_some(), row.content.subject());
            let was = gone.remove(&key);
            if was.map(|(_, leaf)| leaf) != Some(row.leaf) {
                let before = editions::content_at(connection, &edition, was.map(|(ordinal, _)| ordinal))?;
                changes.push((key, row_change(before, Some(row.content.clone()))?));
            }
        }
        Ok(())
    })?;
    if hex::encode(computed.rows_root) == signed.rows_root {
        return Ok(None);
    }
    for (key, (ordinal, _)) in gone {
        let before = editions::content_at(connection, &edition, Some(ordinal))?;
        changes.push((key, row_change(before, None)?));
    }
    changes.sort_by_key(|(key, _)| *key);
    Ok(Some(Restatement {
        corrects: frozen_ref(connection, row)?,
        figures: figure_changes(&signed.figures, &computed.figures),
        rows: changes.into_iter().map(|(_, change)| change).collect(),
    }))
}
