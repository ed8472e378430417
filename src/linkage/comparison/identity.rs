//! Identity numbers that registration refuses, because digits are hidden, lost or mistyped: what is visible can still be compared.
//!
//! A visible digit supports or contradicts; it never completes a number. Who is certain reads
//! [`IdentityNumber`](crate::workers::identity_number::IdentityNumber).

use super::text::is_slip;
use crate::workers::identity_number::{check_character, fold, upgrade};

const LENGTH: usize = 18;
const OLD_LENGTH: usize = 15;
const KEPT_BY_SPREADSHEETS: usize = 15;
/// Where the order number begins: 6 of the region and 8 of the birth date lie before it.
const TAIL: usize = 14;
/// From so many digits on, two numbers may differ by a slip.
const SLIP_DIGITS_MIN: usize = 15;
/// Fewer common digits than these say little: a region alone, or two at the end.
const VISIBLE_MIN: usize = 8;
/// Stands in a place whose character is not known.
const HIDDEN: char = '*';
const MASKS: [char; 9] = ['*', '●', '•', '█', '■', '□', '○', '?', '#'];

/// Eighteen places, each with its character where it is visible.
#[derive(Clone, PartialEq, Eq)]
pub struct VisibleDigits {
    places: [char; LENGTH],
    /// What was written, hidden characters left out: a dropped digit shifts the places.
    shown: String,
}

impl VisibleDigits {
    /// Reads a cell; nothing when no digit is visible, or when it holds what cannot stand in a number.
    #[must_use]
    pub fn read(cell: &str) -> Option<Self> {
        let folded = fold(cell);
        let written: Vec<char> = match folded.split_once('E') {
            // 4.30523E+17: the first digits of eighteen, of which the last was rounded.
            Some((mantissa, _)) => {
                let digits: Vec<char> = mantissa.chars().filter(char::is_ascii_digit).collect();
                digits.split_last()?.1.to_vec()
            }
            None => folded.chars().enumerate().map(|(place, letter)| visible(place, letter)).collect::<Option<_>>()?,
        };
        let places = placed(&written)?;
        // A number of the old form is compared in the places of the new one.
        let compared = if written.len() == OLD_LENGTH { places.as_slice() } else { written.as_slice() };
        let shown: String = compared.iter().filter(|letter| **letter != HIDDEN).collect();
        if shown.is_empty() { None } else { Some(Self { places, shown }) }
    }

    pub(super) fn level(&self, other: &Self) -> Option<usize> {
        let both = self.places.iter().zip(&other.places).enumerate();
        let common: Vec<(usize, bool)> = both
            .filter(|(_, (left, right))| **left != HIDDEN && **right != HIDDEN)
            .map(|(place, (left, right))| (place, left == right))
            .collect();
        let equal = common.iter().filter(|(_, same)| *same).count();
        let in_tail = common.iter().filter(|(place, _)| *place >= TAIL).count();
        if common.is_empty() {
            return None;
        }
        let all_equal = equal == common.len();
        Some(if all_equal && equal == LENGTH {
            0
        } else if all_equal && (equal >= SLIP_DIGITS_MIN || equal >= VISIBLE_MIN && in_tail >= 3) {
            1
        } else if self.is_slip_of(other) {
            2
        } else if all_equal {
            3
        } else {
            4
        })
    }

    /// One digit changed, dropped, added, or two neighbours swapped; a wrong check digit is the commonest.
    fn is_slip_of(&self, other: &Self) -> bool {
        self.shown.len().min(other.shown.len()) >= SLIP_DIGITS_MIN && is_slip(&self.shown, &other.shown)
    }

    /// The whole number, where every digit is visible.
    pub(super) fn whole(&self) -> Option<String> {
        self.part(0, LENGTH)
    }

    /// The last four characters, where they are visible.
    pub(super) fn tail(&self) -> Option<String> {
        self.part(TAIL, LENGTH)
    }

    /// Year and month of birth, where they are visible.
    pub(super) fn birth_month(&self) -> Option<String> {
        self.part(6, 12)
    }

    fn part(&self, from: usize, to: usize) -> Option<String> {
        let part: String = self.places.get(from..to)?.iter().collect();
        Some(part).filter(|part| !part.contains(HIDDEN))
    }
}

/// The character as it is compared; nothing when no such character can stand in a number.
fn visible(place: usize, letter: char) -> Option<char> {
    match letter {
        '0'..='9' => Some(letter),
        'X' if place == LENGTH - 1 => Some(letter),
        'X' => Some(HIDDEN),
        'B' if place >= LENGTH => Some(letter),
        mask if MASKS.contains(&mask) => Some(HIDDEN),
        _ => None,
    }
}

/// Puts what was written into its places.
fn placed(written: &[char]) -> Option<[char; LENGTH]> {
    let mut characters = match written.len() {
        // The order number and its check, or a little more: what desks ask for by "the last four".
        1..=6 => [vec![HIDDEN; LENGTH - written.len()], written.to_vec()].concat(),
        OLD_LENGTH => upgraded(written),
        LENGTH if was_rounded(written) => written.iter().copied().take(KEPT_BY_SPREADSHEETS).collect(),
        _ => written.to_vec(),
    };
    // A number that was cut off keeps its beginning; a disability card adds to the end.
    characters.resize(LENGTH, HIDDEN);
    characters.try_into().ok()
}

/// The old form in the places of the new one; its check character only when every digit is visible.
fn upgraded(fifteen: &[char]) -> Vec<char> {
    let whole = Some(fifteen.iter().collect::<String>()).filter(|number| !number.contains(HIDDEN));
    if let Some(number) = whole.and_then(|number| upgrade(&number)) {
        return number.chars().collect();
    }
    let (region, rest) = fifteen.split_at(6);
    [region, &['1', '9'], rest].concat()
}

/// A spreadsheet keeps fifteen digits and writes zeros for the rest; the check character then seldom fits.
fn was_rounded(characters: &[char]) -> bool {
    let (kept, zeros) = characters.split_at(KEPT_BY_SPREADSHEETS);
    let digits: Vec<u32> =
        kept.iter().chain(zeros).take(LENGTH - 1).filter_map(|character| character.to_digit(10)).collect();
    zeros.iter().all(|character| *character == '0') && check_character(&digits).is_some_and(|check| check != '0')
}
