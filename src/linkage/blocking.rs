//! Which pairs are compared at all: those that share at least one of several keys.
//!
//! Five thousand rows against five thousand are 25 million pairs; true partners almost always share *some* key, so only those pairs are
//! looked at, each once. A block of more pairs than the cap (everybody of one surname in one township) is divided by the keys that
//! follow: two rows that share nothing but a common value are no candidates, two that share it and something else are. What is still too
//! large when [`KEYS_TOGETHER_MAX`] keys are shared, or no key is left, is not compared and is reported ([`OversizedBlock`]), never
//! dropped in silence.
//!
//! Bounds: a block costs at most the cap in pairs, so n rows and k keys give at most about n · k · √cap pairs before they are
//! deduplicated, and a pair is eight bytes.

use std::collections::HashMap;

use super::comparison::{Comparator, Value};
use super::fields::Field;

/// A block is divided until its rows share so many keys; more would cost time for rows that are alike in everything.
pub const KEYS_TOGETHER_MAX: usize = 3;

/// The form in which a value is used as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyForm {
    /// The value itself, in its folded form.
    Whole,
    /// How a Chinese name sounds, whatever the order of its parts.
    Sound,
    /// How it begins: surname, first letters, year; of a place the last part of its path.
    Start,
    /// Year and month, of a date or an identity number.
    Month,
    /// The last four characters of an identity number.
    Tail,
}

impl KeyForm {
    /// The name under which a key is asked for on a command line.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("whole", Self::Whole),
        ("sound", Self::Sound),
        ("start", Self::Start),
        ("month", Self::Month),
        ("tail", Self::Tail),
    ];

    /// The form of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }
}

/// A key made of one or more fields: both rows need all of its parts, and share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockingKey {
    /// Place of each field in the field list, and the form in which it counts.
    pub parts: Vec<(usize, KeyForm)>,
}

impl BlockingKey {
    /// A key of several parts.
    #[must_use]
    pub fn of(parts: &[(usize, KeyForm)]) -> Self {
        Self { parts: parts.to_vec() }
    }

    /// One key per field that tells people apart, for lists nobody has thought about: sex makes none.
    #[must_use]
    pub fn for_fields(fields: &[Field]) -> Vec<Self> {
        let forms = |comparator| match comparator {
            Comparator::Sex => &[][..],
            Comparator::ChineseName => &[KeyForm::Sound],
            Comparator::IdentityNumber => &[KeyForm::Tail],
            _ => &[KeyForm::Whole],
        };
        let keyed = fields
            .iter()
            .enumerate()
            .flat_map(|(place, field)| forms(field.comparator()).iter().map(move |form| Self::of(&[(place, *form)])));
        keyed.collect()
    }
}

/// Rows that share several keys, too many to compare each with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OversizedBlock {
    /// Place of the first key that they share.
    pub key: usize,
    /// Rows of the left list.
    pub left_rows: usize,
    /// Rows of the right list.
    pub right_rows: usize,
}

/// A row whose cells were read.
pub(super) type ReadRow = Vec<Option<Value>>;

/// The pairs to compare, ascending, each once; and what was too large to be compared.
pub(super) struct CandidatePairs {
    pub(super) pairs: Vec<(u32, u32)>,
    pub(super) oversized: Vec<OversizedBlock>,
}

/// The keys of every row, as numbers: for each blocking key, for each row, none, one, or several.
struct KeysOfRows {
    left: Vec<Vec<Vec<u32>>>,
    right: Vec<Vec<Vec<u32>>>,
}

pub(super) fn candidate_pairs(
    left: &[ReadRow],
    right: &[ReadRow],
    keys: &[BlockingKey],
    block_pairs_max: usize,
) -> CandidatePairs {
    let mut of_rows = KeysOfRows { left: Vec::with_capacity(keys.len()), right: Vec::with_capacity(keys.len()) };
    for key in keys {
        let mut numbers = HashMap::new();
        let mut numbered = |rows: &[ReadRow]| rows.iter().map(|row| keys_of(row, key, &mut numbers)).collect();
        of_rows.left.push(numbered(left));
        of_rows.right.push(numbered(right));
    }
    let all = |rows: &[ReadRow]| (0..).take(rows.len()).collect::<Vec<u32>>();
    let (left, right) = (all(left), all(right));
    let mut found = CandidatePairs { pairs: Vec::new(), oversized: Vec::new() };
    for key in 0..keys.len() {
        divide(&of_rows, &[key], (&left, &right), block_pairs_max, &mut found);
        // Key by key, so that a pair which many keys find does not wait many times in memory.
        found.pairs.sort_unstable();
        found.pairs.dedup();
    }
    found.oversized.sort_unstable();
    found.oversized.dedup();
    found
}

/// Divides two groups of rows by the last of the shared keys, and parts that are too large by the keys behind it.
fn divide(
    of_rows: &KeysOfRows,
    shared: &[usize],
    (left, right): (&[u32], &[u32]),
    block_pairs_max: usize,
    found: &mut CandidatePairs,
) {
    let (Some(first_key), Some(key)) = (shared.first().copied(), shared.last().copied()) else { return };
    let (Some(left_keys), Some(right_keys)) = (of_rows.left.get(key), of_rows.right.get(key)) else { return };
    let mut blocks: HashMap<u32, (Vec<u32>, Vec<u32>)> = HashMap::new();
    for row in left {
        for value in keys_at(left_keys, *row) {
            blocks.entry(*value).or_default().0.push(*row);
        }
    }
    for row in right {
        for value in keys_at(right_keys, *row) {
            if let Some((_, members)) = blocks.get_mut(value) {
                members.push(*row);
            }
        }
    }
    for (left, right) in blocks.into_values() {
        if left.len().saturating_mul(right.len()) <= block_pairs_max {
            found.pairs.extend(left.iter().flat_map(|row| right.iter().map(|other| (*row, *other))));
        } else if key + 1 == of_rows.left.len() || shared.len() == KEYS_TOGETHER_MAX {
            found.oversized.push(OversizedBlock { key: first_key, left_rows: left.len(), right_rows: right.len() });
        } else {
            for next in key + 1..of_rows.left.len() {
                divide(of_rows, &[shared, &[next]].concat(), (&left, &right), block_pairs_max, found);
            }
        }
    }
}

fn keys_at(keys: &[Vec<u32>], row: u32) -> &[u32] {
    usize::try_from(row).ok().and_then(|row| keys.get(row)).map_or(&[], Vec::as_slice)
}

/// The numbers of a row's keys; every text gets the next number when it is first seen.
fn keys_of(row: &ReadRow, key: &BlockingKey, numbers: &mut HashMap<String, u32>) -> Vec<u32> {
    let mut texts = vec![String::new()];
    for (field, form) in &key.parts {
        let values = row.get(*field).and_then(Option::as_ref).map(|value| value.keys(*form)).unwrap_or_default();
        texts = texts.iter().flat_map(|text| values.iter().map(move |value| format!("{text}\u{1f}{value}"))).collect();
    }
    let mut found: Vec<u32> = texts
        .into_iter()
        .filter_map(|text| {
            let next = u32::try_from(numbers.len()).ok()?;
            Some(*numbers.entry(text).or_insert(next))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(cells: &[[&str; 2]]) -> Vec<ReadRow> {
        cells.iter().map(|row| row.iter().map(|cell| Comparator::Exact.read(cell)).collect()).collect()
    }

    fn each_field() -> Vec<BlockingKey> {
        vec![BlockingKey::of(&[(0, KeyForm::Whole)]), BlockingKey::of(&[(1, KeyForm::Whole)])]
    }

    #[test]
    fn a_pair_that_shares_two_keys_is_compared_once_and_one_that_shares_none_never() {
        let left = rows(&[["zhang", "baicang"], ["li", "huangjing"], ["", ""]]);
        let right = rows(&[["zhang", "baicang"], ["zhao", "huangjing"], ["", ""]]);
        let found = candidate_pairs(&left, &right, &each_field(), 100);
        assert_eq!(found.pairs, [(0, 0), (1, 1)], "an empty cell is no key");
        assert_eq!(found.oversized, []);
    }

    #[test]
    fn a_key_of_two_parts_needs_both() {
        let left = rows(&[["zhang", "baicang"], ["zhang", ""]]);
        let right = rows(&[["zhang", "baicang"], ["zhang", "huangjing"]]);
        let both = [BlockingKey::of(&[(0, KeyForm::Whole), (1, KeyForm::Whole)])];
        assert_eq!(candidate_pairs(&left, &right, &both, 100).pairs, [(0, 0)]);
    }

    #[test]
    fn a_block_too_large_is_divided_by_the_next_key_and_what_stays_too_large_is_reported() {
        let mut people = vec![["zhang", "baicang"]; 4];
        people.extend([["zhang", "huangjing"]; 2]);
        let found = candidate_pairs(&rows(&people), &rows(&people), &each_field(), 10);
        // Everybody is called Zhang: 36 pairs. Those of Huangjing are few enough; those of Baicang are not, by either key.
        assert_eq!(found.pairs, [(4, 4), (4, 5), (5, 4), (5, 5)]);
        let sizes: Vec<_> =
            found.oversized.iter().map(|block| (block.key, block.left_rows, block.right_rows)).collect();
        assert_eq!(sizes, [(0, 4, 4), (1, 4, 4)]);
    }

    proptest! {
        #[test]
        fn below_the_cap_exactly_the_pairs_that_share_a_key_are_compared(
            left in prop::collection::vec((0_u8..4, 0_u8..4), 0..12),
            right in prop::collection::vec((0_u8..4, 0_u8..4), 0..12),
        ) {
            let read = |list: &[(u8, u8)]| -> Vec<ReadRow> {
                list.iter().map(|(one, other)| {
                    [one, other].map(|cell| Comparator::Exact.read(&cell.to_string())).to_vec()
                }).collect()
            };
            let found = candidate_pairs(&read(&left), &read(&right), &each_field(), 1_000);
            let mut expected = Vec::new();
            for (place, one) in (0..).zip(&left) {
                for (other_place, other) in (0..).zip(&right) {
                    if one.0 == other.0 || one.1 == other.1 {
                        expected.push((place, other_place));
                    }
                }
            }
            prop_assert_eq!(found.pairs, expected);
            prop_assert!(found.oversized.is_empty());
        }
    }
}
