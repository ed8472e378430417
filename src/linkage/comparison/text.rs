//! Text, codes and words for sex.

use unicode_normalization::UnicodeNormalization;

use crate::linkage::blocking::KeyForm;

/// Jaro-Winkler similarity from which two texts are taken for one with a slip, and for two forms of one (Winkler 1990 uses the same band).
const VERY_SIMILAR: f64 = 0.92;
const SIMILAR: f64 = 0.84;
/// Counters of letters; a power of two.
const COUNTERS: usize = 32;
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

/// Letters and digits, and how often each occurs.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::linkage) struct Letters {
    text: String,
    length: u8,
    /// By the low bits of the character; characters that share them are counted together.
    counts: [u8; COUNTERS],
}

impl Letters {
    pub(super) fn read(cell: &str) -> Option<Self> {
        let text = letters(cell)?;
        let mut counts = [0_u8; COUNTERS];
        for letter in text.chars() {
            let low_bits = usize::try_from(u32::from(letter)).map_or(0, |code| code % COUNTERS);
            if let Some(count) = counts.get_mut(low_bits) {
                *count = count.saturating_add(1);
            }
        }
        let length = u8::try_from(text.chars().count()).unwrap_or(u8::MAX);
        Some(Self { text, length, counts })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn level(&self, other: &Self) -> usize {
        if self.text == other.text {
            return 0;
        }
        if self.similarity_most(other) < SIMILAR {
            return 3;
        }
        let similarity = strsim::jaro_winkler(&self.text, &other.text);
        if similarity >= VERY_SIMILAR {
            1
        } else if similarity >= SIMILAR {
            2
        } else {
            3
        }
    }

    /// What the similarity can be at most, from the letters that both have: strangers, who are most, need no closer look.
    fn similarity_most(&self, other: &Self) -> f64 {
        if self.length == u8::MAX || other.length == u8::MAX {
            return 1.0;
        }
        let common: u32 = self.counts.iter().zip(&other.counts).map(|(left, right)| u32::from(*left.min(right))).sum();
        let common = f64::from(common);
        let jaro = (common / f64::from(self.length) + common / f64::from(other.length) + 1.0) / 3.0;
        let prefix =
            self.text.chars().zip(other.text.chars()).take(4).take_while(|(left, right)| left == right).count();
        let prefix = u32::try_from(prefix).map_or(4.0, f64::from);
        jaro + 0.1 * prefix * (1.0 - jaro)
    }
}

/// The text, or its first four characters.
pub(super) fn keys(text: &str, form: KeyForm) -> Vec<String> {
    match form {
        KeyForm::Whole => vec![text.to_owned()],
        KeyForm::Start => vec![text.chars().take(4).collect()],
        KeyForm::Sound | KeyForm::Month | KeyForm::Tail => Vec::new(),
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
