//! How good links are, where the truth is known: benchmarks only, the matcher itself never sees a truth.

use std::collections::BTreeSet;
use std::fmt;

/// Right, wrong and missed links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Links that are true.
    pub right: u32,
    /// Links that are not.
    pub wrong: u32,
    /// True pairs that were not linked.
    pub missed: u32,
}

impl Quality {
    /// Compares links with the true pairs.
    pub fn of<K: Ord>(links: impl IntoIterator<Item = (K, K)>, truth: &BTreeSet<(K, K)>) -> Self {
        let links: BTreeSet<(K, K)> = links.into_iter().collect();
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let right = links.intersection(truth).count();
        Self { right: count(right), wrong: count(links.len() - right), missed: count(truth.len() - right) }
    }

    /// Share of the links that are true; 1 without links.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.right, self.wrong)
    }

    /// Share of the true pairs that were linked; 1 without true pairs.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.right, self.missed)
    }

    /// Harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
    }
}

fn share(part: u32, rest: u32) -> f64 {
    let whole = f64::from(part) + f64::from(rest);
    if whole > 0.0 { f64::from(part) / whole } else { 1.0 }
}

impl fmt::Display for Quality {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "precision {:.4}  recall {:.4}  F1 {:.4}  ({} right, {} wrong, {} missed)",
            self.precision(),
            self.recall(),
            self.f1(),
            self.right,
            self.wrong,
            self.missed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_worked_out_by_hand() {
        let truth = BTreeSet::from([(1, 1), (2, 2), (3, 3), (4, 4)]);
        let quality = Quality::of([(1, 1), (2, 2), (3, 4)], &truth);
        assert_eq!(quality, Quality { right: 2, wrong: 1, missed: 2 });
        assert!((quality.precision() - 2.0 / 3.0).abs() < 1e-12);
        assert!((quality.recall() - 0.5).abs() < 1e-12);
        assert!((quality.f1() - 4.0 / 7.0).abs() < 1e-12);
        assert!(Quality::of([], &truth).f1() < 1e-12, "nothing found is no success");
    }
}
