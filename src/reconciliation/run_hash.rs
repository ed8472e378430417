//! The fingerprint of a reconciliation run: the same facts give the same rows and the same hash, whoever computes it and in
//! whatever order the rows came.
//!
//! Each row has a hash of its own, so that an incremental run takes over the unchanged rows and hashes only the others. The run's
//! hash covers the cut-off and every row's key and hash in ascending order of the keys. Every field is written with its
//! length before it, so that no two different rows can be written alike.
//!
//! Deliberately absent: signing, and the statement that the two sides sign.

use super::differences::{Detail, FieldValue, Said, SaidBy};
use super::facts::EmployerRef;
use super::rules::Classification;
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// An announced placement.
    Placement(Uuid),
    /// A claim that no origin announced, or that cannot be told apart.
    Claim(Uuid),
}

/// SHA-256 of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowHash(pub [u8; 32]);

/// SHA-256 of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunHash(pub [u8; 32]);

impl fmt::Display for RunHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The rows did not come in ascending order of their keys, or one came twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {0:?} comes twice or out of order in this run")]
pub struct RowOutOfOrder(pub RowKey);

/// Hashes a run row by row, in ascending order of the keys, in constant memory.
#[derive(Debug, Clone)]
pub struct RunHasher {
    line: Line,
    last: Option<RowKey>,
}

impl RunHasher {
    /// Starts a run at a cut-off.
    #[must_use]
    pub fn new(cut_off: Date) -> Self {
        let mut line = Line::new("reconciliation-run/1");
        line.day(Some(cut_off));
        Self { line, last: None }
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// [`RowOutOfOrder`] when the key is not greater than the one before it.
    pub fn push(&mut self, key: RowKey, hash: RowHash) -> Result<(), RowOutOfOrder> {
        if self.last.is_some_and(|last| last >= key) {
            return Err(RowOutOfOrder(key));
        }
        self.last = Some(key);
        self.line.key(key);
        self.line.field(&hash.0);
        Ok(())
    }

    /// The hash of the run.
    #[must_use]
    pub fn finish(self) -> RunHash {
        RunHash(self.line.0.finalize().into())
    }
}

/// The hash of a run whose rows are at hand in any order.
///
/// # Errors
/// [`RowOutOfOrder`] when two rows have the same key.
pub fn run_hash(cut_off: Date, mut rows: Vec<(RowKey, RowHash)>) -> Result<RunHash, RowOutOfOrder> {
    rows.sort_unstable();
    let mut hasher = RunHasher::new(cut_off);
    for (key, hash) in rows {
        hasher.push(key, hash)?;
    }
    Ok(hasher.finish())
}

/// The hash of one row: what it is about, its situation, both values of a difference, and the fact that decided.
#[must_use]
pub fn row_hash(key: RowKey, row: &Classification<'_>) -> RowHash {
    let mut line = Line::new("reconciliation-row/1");
    line.key(key);
    line.text(row.situation.code());
    line.id(row.deciding_claim);
    line.day(row.arrived_on);
    line.detail(&row.detail);
    RowHash(line.0.finalize().into())
}

/// Fields written one after another, each with its length before it.
#[derive(Debug, Clone)]
struct Line(Sha256);

impl Line {
    fn new(kind: &str) -> Self {
        let mut line = Self(Sha256::new());
        line.text(kind);
        line
    }

    fn field(&mut self, bytes: &[u8]) {
        // A slice is never longer than u64 can say.
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.field(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                self.text("some");
                self.text(text);
            }
            None => self.text("none"),
        }
    }

    fn id(&mut self, id: Option<Uuid>) {
        self.field(id.as_ref().map_or(&[], |id| id.as_bytes().as_slice()));
    }

    fn day(&mut self, day: Option<Date>) {
        match day {
            Some(day) => {
                self.field(&day.year().to_be_bytes());
                self.field(&day.month().to_be_bytes());
                self.field(&day.day().to_be_bytes());
            }
            None => self.field(&[]),
        }
    }

    fn key(&mut self, key: RowKey) {
        let (kind, id) = match key {
            RowKey::Placement(id) => ("placement", id),
            RowKey::Claim(id) => ("claim", id),
        };
        self.text(kind);
        self.id(Some(id));
    }

    fn detail(&mut self, detail: &Detail<'_>) {
        match *detail {
            Detail::None => self.text("none"),
            Detail::Difference { field, one, other } => {
                self.text("difference");
                self.text(field.as_str());
                self.said(one);
                self.said(other);
            }
            Detail::Deadline(day) => {
                self.text("deadline");
                self.day(Some(day));
            }
            Detail::DuplicateRow(id) => {
                self.text("duplicate_row");
                self.id(Some(id));
            }
            Detail::DuplicateClaim(id) => {
                self.text("duplicate_claim");
                self.id(Some(id));
            }
            Detail::Candidates(ids) => {
                self.text("candidates");
                for &id in ids {
                    self.id(Some(id));
                }
            }
            Detail::Places { rank, approved } => {
                self.text("places");
                self.field(&rank.to_be_bytes());
                self.field(&approved.to_be_bytes());
            }
        }
    }

    fn said(&mut self, said: Said<'_>) {
        match said.by {
            SaidBy::Plan => self.text("plan"),
            SaidBy::Observations => self.text("observations"),
            SaidBy::Claim { claim_id, role } => {
                self.text(role.as_str());
                self.id(Some(claim_id));
            }
        }
        match said.value {
            FieldValue::Outcome(outcome) => self.text(outcome.as_str()),
            FieldValue::Seen => self.text("seen"),
            FieldValue::Employer(EmployerRef { party, credit_code }) => {
                self.id(party);
                self.optional(credit_code);
            }
            FieldValue::Region(region) => self.optional(region),
            FieldValue::Day(day) => self.day(Some(day)),
            FieldValue::Sealed => self.text("sealed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconciliation::differences::MismatchField;
    use crate::reconciliation::situations::Situation;
    use jiff::civil::date;

    fn key(id: u128) -> RowKey {
        RowKey::Placement(Uuid::from_u128(id))
    }

    fn row(situation: Situation, detail: Detail<'_>) -> Classification<'_> {
        Classification { situation, detail, deciding_claim: None, arrived_on: None }
    }

    #[test]
    fn the_hash_of_a_run_does_not_depend_on_the_order_of_its_rows() {
        let matched = row(Situation::Matched, Detail::None);
        let missing = row(Situation::Missing, Detail::Deadline(date(2026, 3, 15)));
        let rows = vec![(key(1), row_hash(key(1), &matched)), (key(2), row_hash(key(2), &missing))];
        let turned = rows.iter().rev().copied().collect();
        let cut_off = date(2026, 4, 1);
        assert_eq!(run_hash(cut_off, rows.clone()), run_hash(cut_off, turned));
        assert_ne!(run_hash(cut_off, rows.clone()), run_hash(date(2026, 4, 2), rows.clone()), "another cut-off");
        assert_eq!(run_hash(cut_off, rows).unwrap().to_string().len(), 64);
    }

    #[test]
    fn a_row_that_comes_twice_is_refused() {
        let hash = row_hash(key(1), &row(Situation::Matched, Detail::None));
        let twice = vec![(key(1), hash), (key(1), hash)];
        assert_eq!(run_hash(date(2026, 4, 1), twice), Err(RowOutOfOrder(key(1))));
        let mut hasher = RunHasher::new(date(2026, 4, 1));
        hasher.push(key(2), hash).unwrap();
        assert!(hasher.push(key(1), hash).is_err());
    }

    #[test]
    fn every_difference_between_two_rows_shows_in_the_hash() {
        let said = |value| Said { by: SaidBy::Plan, value };
        let difference = |one, other| {
            let detail = Detail::Difference { field: MismatchField::Region, one: said(one), other: said(other) };
            row_hash(key(1), &row(Situation::WrongRegion, detail))
        };
        let region = |code| FieldValue::Region(Some(code));
        let hashes = [
            row_hash(key(1), &row(Situation::Matched, Detail::None)),
            row_hash(key(2), &row(Situation::Matched, Detail::None)),
            row_hash(key(1), &row(Situation::Late, Detail::None)),
            row_hash(RowKey::Claim(Uuid::from_u128(1)), &row(Situation::Matched, Detail::None)),
            difference(region("330481"), region("330782")),
            difference(region("330782"), region("330481")),
            difference(region("33048"), region("1330782")),
            difference(FieldValue::Region(None), region("330782")),
        ];
        let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(distinct.len(), hashes.len());
    }
}
