//! From scored pairs to links: two thresholds, at most one partner each, and no choice between equals.
//!
//! A row has at most one partner, so the candidates of a row compete. The probability of a pair is its odds beside the odds of
//! every other pair of its two rows and of there being no partner at all:
//! `2^score / (2^-prior + Σ 2^score of all pairs that share a row with it)`. Two pairs that share a row can therefore not both be above one
//! half, and two equal candidates are both below it: a link is never a coin that was tossed, and the order of rows plays no part.
//!
//! What is linked leaves the field, and the rest is weighed anew until nothing more is found. Only the first weighing may link
//! automatically: what depends on an earlier link having been right is for a person to look at.

use super::weight::Weight;

/// A pair less probable than this, alone, is no rival of a better one.
const RIVAL_PROBABILITY_MIN: f64 = 1e-6;

/// What is said of a row of the left list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// One partner, beyond the threshold for automatic links: the first candidate.
    Automatic,
    /// One probable partner, for a person to confirm: the first candidate.
    Review,
    /// Several candidates about as good as each other; all are listed, none is preferred.
    Ambiguous,
    /// No partner; what comes nearest is listed.
    Unlinked,
}

impl Decision {
    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Review => "review",
            Self::Ambiguous => "ambiguous",
            Self::Unlinked => "unlinked",
        }
    }

    /// Label in Chinese.
    #[must_use]
    pub const fn label_zh(self) -> &'static str {
        match self {
            Self::Automatic => "自动关联",
            Self::Review => "待人工确认",
            Self::Ambiguous => "候选相当，不作选择",
            Self::Unlinked => "未关联",
        }
    }

    /// Label in English.
    #[must_use]
    pub const fn label_en(self) -> &'static str {
        match self {
            Self::Automatic => "linked automatically",
            Self::Review => "to be confirmed by a person",
            Self::Ambiguous => "several candidates alike, none chosen",
            Self::Unlinked => "not linked",
        }
    }
}

/// A compared pair with its score.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScoredPair {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) score: Weight,
    /// Whether a field agrees that may support a link.
    pub(super) supported: bool,
}

/// The decision on each left row.
pub(super) struct Decided {
    pub(super) decisions: Vec<Decision>,
    /// The partner of each left row, and of each right row.
    pub(super) partner_of_left: Vec<Option<usize>>,
    pub(super) partner_of_right: Vec<Option<usize>>,
}

impl Decided {
    /// Notes what was found and takes its rows out of the field.
    fn settle(&mut self, found: &[ScoredPair], decision: Decision, open: &mut Vec<ScoredPair>) {
        for pair in found {
            set(&mut self.decisions, pair.left, decision);
            set(&mut self.partner_of_left, pair.left, Some(pair.right));
            set(&mut self.partner_of_right, pair.right, Some(pair.left));
        }
        let taken = |partners: &[Option<usize>], row: usize| partners.get(row).copied().flatten().is_some();
        open.retain(|pair| !taken(&self.partner_of_left, pair.left) && !taken(&self.partner_of_right, pair.right));
    }
}

/// The probability of a pair, beside the odds of all pairs of its rows.
fn probability(odds: f64, of_left: f64, of_right: f64, of_none: f64) -> f64 {
    // The pair itself is in both sums. It is taken from each before they are added: rounding then never makes the rivals of one of two
    // equal pairs smaller than that pair, however high their odds.
    odds / (of_none + (of_left - odds) + (of_right - odds) + odds)
}

/// A pair's own probability, as if its rows had no other.
pub(super) fn lone_probability(score: Weight, prior_bits: f64) -> f64 {
    1.0 / (1.0 + (-(prior_bits + score.bits())).exp2())
}

/// Decides; `pairs` are in ascending order of their rows.
pub(super) fn decide(
    pairs: &[ScoredPair],
    rows: (usize, usize),
    prior_bits: f64,
    (automatic, review): (f64, f64),
) -> Decided {
    let mut decided = Decided {
        decisions: vec![Decision::Unlinked; rows.0],
        partner_of_left: vec![None; rows.0],
        partner_of_right: vec![None; rows.1],
    };
    let mut open: Vec<ScoredPair> = pairs
        .iter()
        .copied()
        .filter(|pair| lone_probability(pair.score, prior_bits) >= RIVAL_PROBABILITY_MIN)
        .collect();
    let found = above(&open, rows, prior_bits, automatic);
    decided.settle(&found, Decision::Automatic, &mut open);
    loop {
        let found = above(&open, rows, prior_bits, review);
        if found.is_empty() {
            break;
        }
        decided.settle(&found, Decision::Review, &mut open);
    }
    // Good enough alone, and still not linked: something as good stands beside it.
    for pair in open.iter().filter(|pair| pair.supported && lone_probability(pair.score, prior_bits) > review) {
        set(&mut decided.decisions, pair.left, Decision::Ambiguous);
    }
    decided
}

/// The supported pairs above a threshold of at least one half; no two of them share a row.
fn above(open: &[ScoredPair], rows: (usize, usize), prior_bits: f64, at_least: f64) -> Vec<ScoredPair> {
    let (mut of_left, mut of_right) = (vec![0.0; rows.0], vec![0.0; rows.1]);
    for pair in open {
        let odds = pair.score.bits().exp2();
        add(&mut of_left, pair.left, odds);
        add(&mut of_right, pair.right, odds);
    }
    let sum = |sums: &[f64], row: usize| sums.get(row).copied().unwrap_or(0.0);
    let is_above = |pair: &&ScoredPair| {
        let (left, right) = (sum(&of_left, pair.left), sum(&of_right, pair.right));
        pair.supported && probability(pair.score.bits().exp2(), left, right, (-prior_bits).exp2()) > at_least
    };
    open.iter().filter(is_above).copied().collect()
}

fn set<T>(list: &mut [T], at: usize, value: T) {
    if let Some(place) = list.get_mut(at) {
        *place = value;
    }
}

fn add(list: &mut [f64], at: usize, value: f64) {
    if let Some(place) = list.get_mut(at) {
        *place += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(left: usize, right: usize, bits: f64) -> ScoredPair {
        ScoredPair { left, right, score: Weight::from_bits(bits), supported: true }
    }

    fn decisions(pairs: &[ScoredPair]) -> Vec<Decision> {
        decide(pairs, (3, 3), -10.0, (0.999, 0.5)).decisions
    }

    #[test]
    fn the_thresholds_part_automatic_from_review_from_nothing() {
        use Decision::{Automatic, Review, Unlinked};
        assert_eq!(decisions(&[pair(0, 0, 25.0), pair(1, 1, 12.0), pair(2, 2, 9.0)]), [Automatic, Review, Unlinked]);
    }

    #[test]
    fn a_rival_turns_a_certain_link_into_one_for_review_and_an_equal_one_into_none() {
        assert_eq!(decisions(&[pair(0, 0, 25.0), pair(0, 1, 20.0)])[0], Decision::Review);
        assert_eq!(decisions(&[pair(0, 0, 25.0), pair(0, 1, 25.0)])[0], Decision::Ambiguous);
        assert_eq!(decisions(&[pair(0, 0, 25.0), pair(1, 0, 25.0)])[..2], [Decision::Ambiguous; 2]);
    }

    #[test]
    fn what_depends_on_another_link_is_for_review() {
        // The left row 1 would rather have the right row 0, which belongs to the left row 0.
        let found = decide(&[pair(0, 0, 50.0), pair(1, 0, 30.0), pair(1, 1, 28.0)], (3, 3), -10.0, (0.999, 0.5));
        assert_eq!(found.decisions[..2], [Decision::Automatic, Decision::Review]);
        assert_eq!(found.partner_of_left[..2], [Some(0), Some(1)]);
    }

    #[test]
    fn without_support_nothing_is_linked() {
        let unsupported = ScoredPair { supported: false, ..pair(0, 0, 40.0) };
        assert_eq!(decisions(&[unsupported])[0], Decision::Unlinked);
    }

    proptest! {
        #[test]
        fn equals_are_never_parted_and_nobody_has_two_partners(
            mut scores in prop::collection::vec(-2_000_i32..30_000, 9),
            twin in 1_usize..3,
            at_least in 0.5_f64..0.999,
        ) {
            // Of the left row 0, one candidate is as good as another.
            scores[0] = scores[twin];
            let pairs: Vec<ScoredPair> =
                scores.iter().enumerate().map(|(at, score)| pair(at / 3, at % 3, f64::from(*score) / 100.0)).collect();
            let found = decide(&pairs, (3, 3), -10.0, (at_least, at_least));
            let partners: Vec<usize> = found.partner_of_left.iter().flatten().copied().collect();
            let distinct: std::collections::BTreeSet<usize> = partners.iter().copied().collect();
            prop_assert_eq!(partners.len(), distinct.len());
            if let Some(partner) = found.partner_of_left[0] {
                let equal = (0..3).filter(|right| *right != partner && scores[*right] == scores[partner]);
                for right in equal {
                    prop_assert!(found.partner_of_right[right].is_some(), "an equal candidate was free");
                }
            }
        }
    }
}
