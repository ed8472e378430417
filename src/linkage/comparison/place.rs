//! Places as they stand in rosters: more or less of the path from province to village.

use super::text::folded;

/// Jaro-Winkler similarity from which two places are taken for one with a slip.
const SIMILAR: f64 = 0.85;
/// What ends the name of a division; the last part of a path begins behind the last but one of them.
const DIVISIONS: [&str; 10] = ["街道", "社区", "省", "市", "州", "县", "区", "镇", "乡", "村"];

/// A place in one spelling, and its last part without the word for its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::linkage) struct PlaceText {
    whole: String,
    last_part: String,
}

impl PlaceText {
    pub(super) fn read(cell: &str) -> Option<Self> {
        let whole: String = folded(cell)?.chars().filter(|letter| !letter.is_whitespace()).collect();
        let last_part = last_part(&whole).to_owned();
        Some(Self { whole, last_part })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.whole
    }

    pub(super) fn last_part(&self) -> &str {
        &self.last_part
    }

    pub(super) fn level(&self, other: &Self) -> usize {
        let ends = |long: &str, short: &str| long.ends_with(short);
        if self.whole == other.whole {
            0
        } else if self.last_part == other.last_part
            && (ends(&self.whole, &other.whole)
                || ends(&other.whole, &self.whole)
                || self.whole == other.last_part
                || other.whole == self.last_part)
        {
            1
        } else if strsim::jaro_winkler(&self.last_part, &other.last_part) >= SIMILAR {
            2
        } else {
            3
        }
    }
}

/// 湖南省邵阳县塘渡口镇 ends in 塘渡口; a name of one character keeps its kind.
fn last_part(whole: &str) -> &str {
    let stem = DIVISIONS.iter().find_map(|kind| whole.strip_suffix(kind)).unwrap_or(whole);
    let begins = DIVISIONS.iter().filter_map(|kind| stem.rfind(kind).map(|at| at + kind.len())).max().unwrap_or(0);
    let part = stem.get(begins..).unwrap_or_default();
    if part.chars().count() > 1 { part } else { whole }
}
