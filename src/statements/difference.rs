//! What differs between two computations of a month: figure by figure and row by row.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::document::{FigureChange, RowChange};
use super::figures::{Basis, Count, RowContent, StatementFigure, StatementIndicator};
use super::merkle::Hash;
use crate::db::{Id, Instant};
use crate::error::Result;

/// One of the two editions that are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EditionRef {
    /// Its number.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub edition: i64,
    /// SHA-256 of its bytes, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub digest: String,
    /// Root of the tree over its rows, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub rows_root: String,
    /// The party that asked for it.
    pub computed_by: Id,
    /// Facts recorded before this instant count.
    pub computed_at: Instant,
}

/// Why two editions have different digests, down to the first row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EditionDifference {
    /// The earlier edition.
    pub from: EditionRef,
    /// The later edition.
    pub to: EditionRef,
    /// Whether every row is the same.
    pub same_rows: bool,
    /// Rows that differ.
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 1)]
    pub rows_differing: i64,
    /// The first of them, in the order of the statement; null when every row is the same.
    pub first: Option<RowChange>,
    /// The figures that differ.
    #[schema(max_items = 1000)]
    pub figures: Vec<FigureChange>,
}

/// A row as it is compared: what it is about, and its leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Whether it is about a claim; placements come first.
    pub of_claim: bool,
    /// The placement or claim.
    pub subject_id: Id,
    /// Its place in its edition, from 1.
    pub ordinal: i64,
    /// Its hash.
    pub leaf: Hash,
}

impl Leaf {
    fn key(&self) -> (bool, Id) {
        (self.of_claim, self.subject_id)
    }
}

/// The places of the rows that differ, each with its place before and after. Both lists are in the order of their statements.
#[must_use]
pub fn differing(before: &[Leaf], after: &[Leaf]) -> Vec<(Option<i64>, Option<i64>)> {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    let mut found = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(is)) => was.key().cmp(&is.key()),
        };
        let was = if order.is_le() { before.next() } else { None };
        let is = if order.is_ge() { after.next() } else { None };
        if was.map(|row| row.leaf) != is.map(|row| row.leaf) {
            found.push((was.map(|row| row.ordinal), is.map(|row| row.ordinal)));
        }
    }
}

/// A row before and after, with the names of the fields that differ.
///
/// # Errors
/// An internal error when a row cannot be written.
pub fn row_change(before: Option<RowContent>, after: Option<RowContent>) -> Result<RowChange> {
    let fields = |row: &Option<RowContent>| -> Result<BTreeMap<String, Value>> {
        Ok(match serde_json::to_value(row)? {
            Value::Object(fields) => fields.into_iter().collect(),
            _ => BTreeMap::new(),
        })
    };
    let (was, is) = (fields(&before)?, fields(&after)?);
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let fields = names.into_iter().filter(|name| was.get(*name) != is.get(*name)).cloned().collect();
    let subject_id = after.as_ref().or(before.as_ref()).map_or(Id::NIL, RowContent::subject);
    Ok(RowChange { subject_id, fields, before, after })
}

/// The figures that differ, in their order.
#[must_use]
pub fn figure_changes(before: &[StatementFigure], after: &[StatementFigure]) -> Vec<FigureChange> {
    type Sides = [[Count; 3]; 2];
    let mut sides: BTreeMap<(StatementIndicator, Option<&str>, Basis), Sides> = BTreeMap::new();
    for (side, figures) in [before, after].into_iter().enumerate() {
        for figure in figures {
            let both = sides.entry((figure.indicator, figure.node.as_deref(), figure.basis)).or_default();
            if let Some(counts) = both.get_mut(side) {
                *counts = [figure.certain, figure.probable, figure.disputed];
            }
        }
    }
    sides
        .into_iter()
        .filter(|(_, [before, after])| before != after)
        .map(|((indicator, node, basis), [before, after])| FigureChange {
            indicator,
            node: node.map(ToOwned::to_owned),
            basis,
            before,
            after,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(id: u128, ordinal: i64, content: u8) -> Leaf {
        Leaf { of_claim: false, subject_id: Id(uuid::Uuid::from_u128(id)), ordinal, leaf: [content; 32] }
    }

    #[test]
    fn a_row_that_changed_came_or_went_is_found_and_no_other() {
        let before = [leaf(1, 1, 0), leaf(2, 2, 0), leaf(4, 3, 0)];
        let after = [leaf(1, 1, 0), leaf(2, 2, 9), leaf(3, 3, 0), leaf(5, 4, 0)];
        let expected = [(Some(2), Some(2)), (None, Some(3)), (Some(3), None), (None, Some(4))];
        assert_eq!(differing(&before, &after), expected);
        assert_eq!(differing(&before, &before), []);
        assert_eq!(differing(&[], &after).len(), 4);
    }

    #[test]
    fn placements_come_before_claims_whatever_their_ids() {
        let claim = |id, ordinal| Leaf { of_claim: true, ..leaf(id, ordinal, 0) };
        assert_eq!(differing(&[leaf(9, 1, 0), claim(1, 2)], &[leaf(9, 1, 0), claim(1, 2)]), []);
        assert_eq!(differing(&[claim(1, 1)], &[leaf(9, 1, 0), claim(1, 2)]), [(None, Some(1))]);
    }
}
