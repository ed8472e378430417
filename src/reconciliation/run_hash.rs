//! The fingerprint of a reconciliation run: the same facts give the same rows and the same hash, whoever computes it and in
//! whatever order the rows came.
//!
//! Each row has a hash of its own. The rows of a run are added up: every row hash is stretched to 1,024 numbers of 16 bits (the key stream
//! of ChaCha20 under it), and the run's sum is the sum of these, number by number, modulo 2^16. A row can be taken out of a sum and
//! another put in without looking at the rest, and no order matters; making two sets of rows with one sum is as hard as finding a short
//! vector in a lattice (LtHash: Bellare and Micciancio 1997, Lewi and others 2019). The run's hash covers the cut-off, the number of rows
//! and the sum. Every field is written with its length before it, so that no two different rows can be written alike.
//!
//! Deliberately absent: signing, and the statement that the two sides sign.

use super::differences::{Detail, FieldValue, Said, SaidBy};
use super::facts::EmployerRef;
use super::rules::Classification;
use jiff::civil::Date;
use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};
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

/// Numbers of a sum.
const LANES: usize = 1024;

/// The sum over the rows of a run.
#[derive(Clone, PartialEq, Eq)]
pub struct RowSum(Box<[u16; LANES]>);

impl fmt::Debug for RowSum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("RowSum").finish_non_exhaustive()
    }
}

impl Default for RowSum {
    fn default() -> Self {
        Self(Box::new([0; LANES]))
    }
}

impl RowSum {
    /// The sum as it is stored: each number with its low byte first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// A stored sum; none where the bytes are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<2>();
        let lanes: Vec<u16> = numbers.iter().map(|number| u16::from_le_bytes(*number)).collect();
        Some(Self(lanes.try_into().ok()?)).filter(|_| rest.is_empty())
    }

    /// Puts a row in.
    pub fn add(&mut self, hash: RowHash) {
        self.each(hash, u16::wrapping_add);
    }

    /// Takes a row out.
    pub fn take(&mut self, hash: RowHash) {
        self.each(hash, u16::wrapping_sub);
    }

    fn each(&mut self, hash: RowHash, change: impl Fn(u16, u16) -> u16) {
        let mut stretched = [0; 2 * LANES];
        ChaCha20Rng::from_seed(hash.0).fill_bytes(&mut stretched);
        let (numbers, _) = stretched.as_chunks::<2>();
        for (lane, number) in self.0.iter_mut().zip(numbers) {
            *lane = change(*lane, u16::from_le_bytes(*number));
        }
    }

    /// The hash of a run with these rows.
    #[must_use]
    pub fn run_hash(&self, cut_off: Date, rows: i64) -> RunHash {
        let mut line = Line::new("reconciliation-run/2");
        line.day(Some(cut_off));
        line.field(&rows.to_be_bytes());
        line.field(&self.to_bytes());
        RunHash(line.0.finalize().into())
    }
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

    fn sum(rows: impl IntoIterator<Item = RowHash>) -> RowSum {
        let mut sum = RowSum::default();
        rows.into_iter().for_each(|hash| sum.add(hash));
        sum
    }

    #[test]
    fn the_hash_of_a_run_does_not_depend_on_the_order_of_its_rows() {
        let matched = row_hash(key(1), &row(Situation::Matched, Detail::None));
        let missing = row_hash(key(2), &row(Situation::Missing, Detail::Deadline(date(2026, 3, 15))));
        let hash = sum([matched, missing]).run_hash(date(2026, 4, 1), 2);
        assert_eq!(hash, sum([missing, matched]).run_hash(date(2026, 4, 1), 2));
        assert_ne!(hash, sum([matched, missing]).run_hash(date(2026, 4, 2), 2), "another cut-off");
        assert_ne!(hash, sum([matched, matched]).run_hash(date(2026, 4, 1), 2), "another row");
        assert_eq!(hash.to_string().len(), 64);
    }

    #[test]
    fn a_row_taken_out_was_never_there() {
        let one = row_hash(key(1), &row(Situation::Matched, Detail::None));
        let other = row_hash(key(2), &row(Situation::Late, Detail::None));
        let mut both = sum([one, other]);
        both.take(one);
        assert_eq!(both, sum([other]));
        assert_eq!(RowSum::from_bytes(&both.to_bytes()), Some(both));
        assert_eq!(RowSum::from_bytes(&[0; 2047]), None);
    }

    /// What anybody computes who has ChaCha20: key 00 01 … 1f, counter and nonce zero, and the first numbers of its key stream.
    #[test]
    fn a_row_is_stretched_by_the_key_stream_of_chacha20() {
        let hash = RowHash(std::array::from_fn(|place| u8::try_from(place).unwrap()));
        let bytes = sum([hash]).to_bytes();
        assert_eq!(hex::encode(&bytes[..16]), "39fd2b7dd9c5196a8dbd0377b8dc4a49");
        assert_eq!(bytes.len(), 2048);
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
