//! The weights, learnt from the lists themselves: expectation-maximisation for the model of Fellegi and Sunter (1969).
//!
//! For every level of every field the model holds two shares: how many true partners stand there (m) and how many strangers (u). The
//! weight of the level is log₂(m/u), in bits: each bit doubles the odds that two rows are one person. Nobody says which pairs are
//! true: the probability of each pair follows from the shares, and the shares follow from these probabilities, by turns, until neither
//! moves. Both are counted over distinct rows of levels, of which there are few, so the order of the pairs plays no part.
//!
//! True partners are looked for among the compared pairs. Strangers are learnt from pairs drawn from *all* (each counted by the
//! probability of being one), because compared pairs share a blocking key by selection: among them strangers of one surname are the rule,
//! and the surname would seem to prove nothing. So the share of true pairs is one of all pairs too.
//!
//! Fields are taken to be independent of each other, given that two rows are partners or strangers. They are not quite (a birth
//! date stands in the identity number as well), which makes the model too sure of itself: hence an automatic threshold far above one half.
//!
//! Guards, each for a way in which the method is known to go astray:
//! - **Prior.** Every share starts from the comparator's value and is held there by [`PRIOR_SAME`] and [`PRIOR_DIFFERENT`] pairs: a list
//!   of ten rows, or one without any true pair, gets sensible weights and not whatever cluster the noise offers.
//! - **One partner each.** The share of true pairs never exceeds what one partner per row allows.
//! - **Order.** More agreement never weighs less: neighbouring levels that come out the other way round are pooled.

use super::comparison::Level;
use super::fields::{FIELDS_MAX, Field};

/// How many true pairs the starting values of a field are worth.
pub const PRIOR_SAME: f64 = 10.0;
/// How many pairs of strangers the starting values of a field are worth.
pub const PRIOR_DIFFERENT: f64 = 100.0;
/// Most pairs drawn to learn how often strangers agree by chance.
pub const DRAWN_PAIRS_MAX: u32 = 100_000;
/// Rounds after which the search ends in any case.
const ROUNDS_MAX: u32 = 500;
/// The search ends when no share moves further than this.
const MOVE_MIN: f64 = 1e-7;
const BITS_PER_LEVEL: u32 = 4;

/// A row of levels, four bits for each field: 0 for missing, else the place of the level plus one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Pattern(u64);

impl Pattern {
    pub(super) fn push(&mut self, field: usize, level: Option<usize>) {
        let code = level.and_then(|level| u64::try_from(level + 1).ok()).unwrap_or(0);
        self.0 |= code << shift(field);
    }

    pub(super) fn level(self, field: usize) -> Option<usize> {
        usize::try_from((self.0 >> shift(field)) & 0xf).ok()?.checked_sub(1)
    }
}

fn shift(field: usize) -> u32 {
    BITS_PER_LEVEL * u32::try_from(field.min(FIELDS_MAX - 1)).unwrap_or(0)
}

/// The two shares of a level, and the weight they give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelShares {
    /// Share of true partners on this level (m).
    pub same: f64,
    /// Share of strangers on this level (u).
    pub different: f64,
    /// log₂(same / different), after pooling; bits.
    pub bits: f64,
}

/// What was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Per field, per level from equal to different.
    pub fields: Vec<Vec<LevelShares>>,
    /// Share of true pairs among all pairs of a left and a right row.
    pub share_same: f64,
    /// Rounds until nothing moved.
    pub rounds: u32,
}

impl Model {
    /// The odds, in bits, that a pair is a true one before anything of it is known.
    #[must_use]
    pub fn prior_bits(&self) -> f64 {
        (self.share_same / (1.0 - self.share_same)).log2()
    }

    /// The weight of a level, in bits.
    #[must_use]
    pub fn bits(&self, field: usize, level: usize) -> f64 {
        self.fields.get(field).and_then(|levels| levels.get(level)).map_or(0.0, |shares| shares.bits)
    }

    fn start(fields: &[Field], share_same: f64) -> Self {
        let shares = |level: &Level| LevelShares {
            same: level.when_same,
            different: level.when_different,
            bits: (level.when_same / level.when_different).log2(),
        };
        let levels = |field: &Field| field.comparator().levels().iter().map(shares).collect();
        Self { fields: fields.iter().map(levels).collect(), share_same, rounds: 0 }
    }

    /// The probability that a pair with these levels is a true one, as the model stands.
    fn probability(&self, pattern: Pattern) -> f64 {
        let bits: f64 = self
            .fields
            .iter()
            .enumerate()
            .filter_map(|(field, levels)| levels.get(pattern.level(field)?).map(|shares| shares.bits))
            .sum();
        1.0 / (1.0 + (-(self.prior_bits() + bits)).exp2())
    }
}

/// Counts distinct patterns, ascending.
pub(super) fn counted(patterns: &[Pattern]) -> Vec<(Pattern, f64)> {
    let mut sorted = patterns.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|left, right| left == right).filter_map(|run| Some((*run.first()?, count(run.len())))).collect()
}

fn count(length: usize) -> f64 {
    u32::try_from(length).map_or(f64::from(u32::MAX), f64::from)
}

/// The pairs from which the shares of strangers are learnt: all of them where there are few, else the same [`DRAWN_PAIRS_MAX`] at every
/// run, spread evenly by a fixed sequence of numbers.
pub(super) fn drawn_pairs(left_rows: usize, right_rows: usize) -> Vec<(u32, u32)> {
    let rows = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let (left_rows, right_rows) = (rows(left_rows), rows(right_rows));
    if u64::from(left_rows) * u64::from(right_rows) <= u64::from(DRAWN_PAIRS_MAX) {
        return (0..left_rows).flat_map(|left| (0..right_rows).map(move |right| (left, right))).collect();
    }
    let mut state = 0;
    let mut below = |rows: u32| {
        let scaled = (u128::from(next(&mut state)) * u128::from(rows)) >> 64;
        u32::try_from(scaled).unwrap_or(0)
    };
    (0..DRAWN_PAIRS_MAX).map(|_| (below(left_rows), below(right_rows))).collect()
}

/// SplitMix64 (Steele, Lea and Flood 2014): a fixed sequence, good enough to draw rows, bound to no library's version.
pub(super) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What there is to learn from.
pub(super) struct Observed<'a> {
    /// The counted patterns of the compared pairs, among which the true ones are.
    pub(super) compared: &'a [(Pattern, f64)],
    /// The counted patterns of pairs drawn from all, nearly all of them strangers.
    pub(super) drawn: &'a [(Pattern, f64)],
    /// Rows of the left and of the right list.
    pub(super) rows: (usize, usize),
}

/// Learns the model.
pub(super) fn estimate(fields: &[Field], observed: &Observed<'_>) -> Model {
    let (left, right) = (count(observed.rows.0), count(observed.rows.1));
    let all_pairs = (left * right).max(1.0);
    // One partner per row at the most; where that leaves no stranger, one pair in ten is taken for one.
    let share_max = (left.min(right).max(1.0) / all_pairs).min(0.9);
    let mut model = Model::start(fields, share_max / 2.0);
    let start = model.clone();
    while model.rounds < ROUNDS_MAX {
        let mut expected = Expected::none(&model);
        for (pattern, count) in observed.compared {
            expected.add_same(*pattern, count * model.probability(*pattern));
        }
        for (pattern, count) in observed.drawn {
            expected.add_different(*pattern, count * (1.0 - model.probability(*pattern)));
        }
        let share_same = ((expected.same + 0.5) / (all_pairs + 1.0)).min(share_max);
        let moved = expected.improve(&mut model, &start, share_same);
        model.rounds += 1;
        if moved < MOVE_MIN {
            break;
        }
    }
    for levels in &mut model.fields {
        pool(levels);
    }
    model
}

/// How many true pairs and strangers are expected on each level.
struct Expected {
    levels: Vec<Vec<(f64, f64)>>,
    same: f64,
}

impl Expected {
    fn none(model: &Model) -> Self {
        Self { levels: model.fields.iter().map(|levels| vec![(0.0, 0.0); levels.len()]).collect(), same: 0.0 }
    }

    fn add_same(&mut self, pattern: Pattern, pairs: f64) {
        self.same += pairs;
        self.each_level(pattern, |level| level.0 += pairs);
    }

    fn add_different(&mut self, pattern: Pattern, pairs: f64) {
        self.each_level(pattern, |level| level.1 += pairs);
    }

    fn each_level(&mut self, pattern: Pattern, add: impl Fn(&mut (f64, f64))) {
        for (field, levels) in self.levels.iter_mut().enumerate() {
            if let Some(level) = pattern.level(field).and_then(|level| levels.get_mut(level)) {
                add(level);
            }
        }
    }

    /// Sets the shares to what was expected, held by the prior. Returns the largest move of a share.
    fn improve(&self, model: &mut Model, start: &Model, share_same: f64) -> f64 {
        let mut moved = (share_same - model.share_same).abs();
        model.share_same = share_same;
        for ((levels, prior), expected) in model.fields.iter_mut().zip(&start.fields).zip(&self.levels) {
            let (same, different) = expected.iter().fold((0.0, 0.0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
            for ((level, prior), expected) in levels.iter_mut().zip(prior).zip(expected) {
                let next_same = (expected.0 + PRIOR_SAME * prior.same) / (same + PRIOR_SAME);
                let next_different = (expected.1 + PRIOR_DIFFERENT * prior.different) / (different + PRIOR_DIFFERENT);
                moved = moved.max((next_same - level.same).abs()).max((next_different - level.different).abs());
                *level = LevelShares {
                    same: next_same,
                    different: next_different,
                    bits: (next_same / next_different).log2(),
                };
            }
        }
        moved
    }
}

/// Pools neighbours until no level weighs more than a better one (pool adjacent violators).
fn pool(levels: &mut [LevelShares]) {
    let mut runs: Vec<(f64, f64, usize)> = Vec::with_capacity(levels.len());
    for level in levels.iter() {
        let mut run = (level.same, level.different, 1);
        while let Some(before) = runs.pop_if(|before| before.0 / before.1 < run.0 / run.1) {
            run = (before.0 + run.0, before.1 + run.1, before.2 + run.2);
        }
        runs.push(run);
    }
    let pooled =
        runs.into_iter().flat_map(|(same, different, length)| std::iter::repeat_n((same / different).log2(), length));
    for (level, bits) in levels.iter_mut().zip(pooled) {
        level.bits = bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linkage::comparison::Comparator;

    fn fields() -> Vec<Field> {
        ["a", "b", "c"].map(|name| Field::new(name, Comparator::Exact)).to_vec()
    }

    fn pattern(levels: [Option<usize>; 3]) -> Pattern {
        let mut pattern = Pattern::default();
        for (field, level) in levels.into_iter().enumerate() {
            pattern.push(field, level);
        }
        pattern
    }

    /// How many pairs of each pattern there are when fields are independent and partners agree with probability `agree`.
    fn expected_counts(pairs: f64, agree: [f64; 3]) -> Vec<(Pattern, f64)> {
        let mut counts = Vec::new();
        for bits in 0..8_usize {
            let levels = [bits & 1, bits >> 1 & 1, bits >> 2 & 1];
            let share: f64 =
                levels.iter().zip(agree).map(|(level, agree)| if *level == 0 { agree } else { 1.0 - agree }).product();
            counts.push((pattern(levels.map(Some)), pairs * share));
        }
        counts
    }

    #[test]
    fn the_shares_behind_a_mixture_are_found_again() {
        let (same, different) = ([0.95, 0.85, 0.9], [0.05, 0.2, 0.01]);
        let strangers = expected_counts(1_000_000.0 - 1_000.0, different);
        let compared: Vec<(Pattern, f64)> = strangers
            .iter()
            .zip(expected_counts(1_000.0, same))
            .map(|((pattern, strangers), (_, partners))| (*pattern, strangers + partners))
            .collect();
        let model = estimate(&fields(), &Observed { compared: &compared, drawn: &compared, rows: (1_000, 1_000) });
        for (field, (same, different)) in same.iter().zip(different).enumerate() {
            let equal = model.fields[field][0];
            assert!((equal.same - same).abs() < 0.03, "{field}: {equal:?}");
            assert!((equal.different - different).abs() < 0.003, "{field}: {equal:?}");
        }
        assert!((model.share_same * 1_000_000.0 - 1_000.0).abs() < 60.0, "{}", model.share_same);
    }

    #[test]
    fn a_list_too_short_to_teach_anything_keeps_the_starting_values() {
        let nothing = Observed { compared: &[], drawn: &[], rows: (0, 0) };
        let model = estimate(&fields(), &nothing);
        let level = &Comparator::Exact.levels()[0];
        assert!((model.fields[0][0].same - level.when_same).abs() < 1e-9);
        assert!((model.fields[0][0].different - level.when_different).abs() < 1e-9);
        assert!(model.prior_bits().is_finite());
    }

    #[test]
    fn levels_in_the_wrong_order_are_pooled() {
        let shares = |same, different: f64| LevelShares { same, different, bits: 0.0 };
        let mut levels = [shares(0.5, 0.05), shares(0.3, 0.01), shares(0.2, 0.94)];
        pool(&mut levels);
        assert!((levels[0].bits - (0.8_f64 / 0.06).log2()).abs() < 1e-9);
        assert_eq!(levels[0].bits.to_bits(), levels[1].bits.to_bits());
        assert!((levels[2].bits - (0.2_f64 / 0.94).log2()).abs() < 1e-9);
    }

    #[test]
    fn a_pattern_keeps_the_levels_of_all_fields() {
        let mut whole = Pattern::default();
        for field in 0..FIELDS_MAX {
            whole.push(field, (field % 3 != 0).then_some(field % 14));
        }
        for field in 0..FIELDS_MAX {
            assert_eq!(whole.level(field), (field % 3 != 0).then_some(field % 14));
        }
    }

    #[test]
    fn pairs_are_drawn_evenly_and_always_the_same() {
        assert_eq!(drawn_pairs(2, 2), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        let drawn = drawn_pairs(5_000, 4_000);
        assert_eq!(drawn.len(), usize::try_from(DRAWN_PAIRS_MAX).unwrap());
        assert_eq!(drawn, drawn_pairs(5_000, 4_000));
        assert!(drawn.iter().all(|(left, right)| *left < 5_000 && *right < 4_000));
        let first_half = drawn.iter().filter(|(left, _)| *left < 2_500).count();
        assert!((49_000..51_000).contains(&first_half), "{first_half}");
    }
}
