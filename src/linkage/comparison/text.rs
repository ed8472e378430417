//! Text, codes and words for sex.

use unicode_normalization::UnicodeNormalization;

/// Jaro-Winkler similarity from which two texts are taken for one with a slip, and for two forms of one (Winkler 1990 uses the same band).
const VERY_SIMILAR: f64 = 0.92;
const SIMILAR: f64 = 0.84;
/// A slip in a shorter code is another code.
const SLIP_LENGTH_MIN: usize = 3;

/// Male or female.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::linkage) enum Sex {
    Male,
    Female,
}

pub(super) fn sex(cell: &str) -> Option<Sex> {
    match folded(cell)?.as_str() {
        "男" | "男性" | "1" | "m" | "male" => Some(Sex::Male),
        "女" | "女性" | "2" | "f" | "female" => Some(Sex::Female),
        _ => None,
    }
}

/// Width, case and padding folded; nothing when nothing is left.
pub(super) fn folded(cell: &str) -> Option<String> {
    let folded: String = cell.nfkc().flat_map(char::to_lowercase).collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    Some(words.join(" ")).filter(|text| !text.is_empty())
}

/// Letters and digits only.
pub(super) fn letters(cell: &str) -> Option<String> {
    let letters: String = cell.nfkc().flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric()).collect();
    Some(letters).filter(|text| !text.is_empty())
}

pub(super) fn similarity_level(left: &str, right: &str) -> usize {
    if left == right {
        return 0;
    }
    let similarity = strsim::jaro_winkler(left, right);
    if similarity >= VERY_SIMILAR {
        1
    } else if similarity >= SIMILAR {
        2
    } else {
        3
    }
}

pub(super) fn slip_level(left: &str, right: &str) -> usize {
    if left == right {
        0
    } else if is_slip(left, right) {
        1
    } else {
        2
    }
}

/// One character changed, dropped, added, or two neighbours swapped.
pub(super) fn is_slip(left: &str, right: &str) -> bool {
    let (shorter, longer) = (left.len().min(right.len()), left.len().max(right.len()));
    shorter >= SLIP_LENGTH_MIN && longer - shorter <= 4 && strsim::osa_distance(left, right) == 1
}
