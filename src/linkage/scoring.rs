//! What each field of a compared pair says, and what that adds up to.
//!
//! The weight of a level is the model's, to which the frequency of the left cell's value is added: two rows that agree on a rare value are
//! far more often one person than two that agree on a common one, in proportion to how common it is (term frequency). It is bounded,
//! because a frequency counted on a short list is a rough guess.

use std::collections::HashMap;

use super::blocking::ReadRow;
use super::comparison::Level;
use super::estimation::{Model, Pattern};
use super::fields::Field;
use super::weight::Weight;

/// The most that the frequency of a value adds or takes (bits).
const FREQUENCY_BITS_MAX: f64 = 4.0;

/// What one field says of a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The two cells stand on this level.
    Level(&'static Level),
    /// Nothing readable in the left list's cell.
    MissingLeft,
    /// Nothing readable in the right list's cell.
    MissingRight,
    /// Nothing readable in either.
    MissingBoth,
    /// Both can be read, but they show nothing in common that could be compared (two masked numbers with other digits visible).
    Incomparable,
}

/// One field of a pair with its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldOutcome {
    /// Place of the field in the field list.
    pub field: usize,
    /// What was found.
    pub outcome: Outcome,
    /// What it counts; 0 when something is missing.
    pub weight: Weight,
    /// The part of the weight that comes from the value being rare (positive) or common (negative).
    pub rarity: Weight,
    /// What it would count if the two cells were equal: the difference is what a correction of this field would change.
    pub weight_if_equal: Weight,
}

/// The rarity of every left row's values, per field, in bits; nothing where the value is missing or its field knows no frequency.
pub(super) fn rarity(fields: &[Field], left: &[ReadRow], right: &[ReadRow]) -> Vec<Vec<f64>> {
    let tables: Vec<HashMap<&str, f64>> = (0..fields.len()).map(|field| rarity_of_values(field, left, right)).collect();
    let of_row = |row: &ReadRow| {
        let rarities = row.iter().zip(&tables).map(|(value, table)| {
            value.as_ref().and_then(|value| table.get(value.frequency_key()?)).copied().unwrap_or(0.0)
        });
        rarities.collect()
    };
    left.iter().map(of_row).collect()
}

/// log₂ of how much rarer a value is than the values on which strangers agree by chance, on average.
fn rarity_of_values<'a>(field: usize, left: &'a [ReadRow], right: &'a [ReadRow]) -> HashMap<&'a str, f64> {
    let mut counts: HashMap<&str, f64> = HashMap::new();
    for row in left.iter().chain(right) {
        if let Some(key) = row.get(field).and_then(Option::as_ref).and_then(|value| value.frequency_key()) {
            *counts.entry(key).or_insert(0.0) += 1.0;
        }
    }
    let total: f64 = counts.values().sum();
    // Counts are whole numbers, so the sum does not depend on the order of the table.
    let squares: f64 = counts.values().map(|count| count * count).sum();
    let average = squares / total.max(1.0);
    let rarity = |count: f64| (average / count).log2().clamp(-FREQUENCY_BITS_MAX, FREQUENCY_BITS_MAX);
    counts.into_iter().map(|(key, count)| (key, rarity(count))).collect()
}

pub(super) fn pattern(left: &ReadRow, right: &ReadRow) -> Pattern {
    let mut pattern = Pattern::default();
    for (field, (left, right)) in left.iter().zip(right).enumerate() {
        let level = left.as_ref().zip(right.as_ref()).and_then(|(left, right)| left.level(right));
        pattern.push(field, level);
    }
    pattern
}

/// Weight of a level, and the part of it that is rarity. A rare value adds where the cells are equal; a common one takes from every level
/// that speaks for the pair, but never makes agreement speak against it, nor more agreement weigh less.
fn weigh(model: &Model, field: usize, level: usize, rarity: f64) -> (Weight, Weight) {
    let plain = Weight::from_bits(model.bits(field, level));
    let rarity = Weight::from_bits(if level == 0 { rarity } else { rarity.min(0.0) });
    if plain <= Weight::ZERO {
        return (plain, Weight::ZERO);
    }
    let weight = (plain + rarity).max(Weight::ZERO);
    (weight, weight - plain)
}

/// The score of a pair, and whether a field that may support a link agrees.
pub(super) fn score(fields: &[Field], model: &Model, pattern: Pattern, rarity: &[f64]) -> (Weight, bool) {
    let mut score = Weight::ZERO;
    let mut supported = false;
    for ((place, field), rarity) in fields.iter().enumerate().zip(rarity) {
        let Some(level) = pattern.level(place) else { continue };
        let (weight, _) = weigh(model, place, level, *rarity);
        score = score + weight;
        supported |= field.corroborates() && weight > Weight::ZERO;
    }
    (score, supported)
}

/// The same, field by field.
pub(super) fn outcomes(
    fields: &[Field],
    model: &Model,
    (left, right): (&ReadRow, &ReadRow),
    rarity: &[f64],
) -> Vec<FieldOutcome> {
    let pattern = pattern(left, right);
    let outcome = |(place, field): (usize, &Field)| {
        let of_left = rarity.get(place).copied().unwrap_or(0.0);
        let level = pattern.level(place);
        let found = level.and_then(|level| field.comparator().levels().get(level));
        let has = |row: &ReadRow| row.get(place).is_some_and(Option::is_some);
        let (weight, rarity) = level.map_or_else(Default::default, |level| weigh(model, place, level, of_left));
        FieldOutcome {
            field: place,
            outcome: match (found, has(left), has(right)) {
                (Some(level), ..) => Outcome::Level(level),
                (None, true, true) => Outcome::Incomparable,
                (None, true, false) => Outcome::MissingRight,
                (None, false, true) => Outcome::MissingLeft,
                (None, false, false) => Outcome::MissingBoth,
            },
            weight,
            rarity,
            weight_if_equal: weigh(model, place, 0, of_left).0,
        }
    };
    fields.iter().enumerate().map(outcome).collect()
}
