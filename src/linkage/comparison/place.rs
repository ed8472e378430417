//! Places as they stand in rosters: more or less of the path from province to village.

use super::text::folded;

/// Jaro-Winkler similarity from which two places are taken for one with a slip: one character of three.
const SIMILAR: f64 = 0.8;
/// What ends the name of a division; the last part of a path begins behind the last but one of them.
const DIVISIONS: [&str; 10] = ["街道", "社区", "省", "市", "州", "县", "区", "镇", "乡", "村"];

/// A place in one spelling, and its last part without the word for its kind.
#[derive(Clone, PartialEq, Eq)]
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

/// 湖南省邵阳县塘渡口镇 ends in 塘渡口. A name keeps two characters at least: in 小溪市乡 the 市 is part of the name, and 乡 alone is none.
fn last_part(whole: &str) -> &str {
    let is_name = |part: &str| part.chars().count() > 1;
    let stem = DIVISIONS.iter().find_map(|kind| whole.strip_suffix(kind)).filter(|stem| is_name(stem)).unwrap_or(whole);
    let ends = DIVISIONS.iter().flat_map(|kind| stem.match_indices(kind).map(|(at, kind)| at + kind.len()));
    let parts = ends.filter_map(|at| stem.get(at..)).filter(|part| is_name(part));
    parts.min_by_key(|part| part.len()).unwrap_or(stem)
}
