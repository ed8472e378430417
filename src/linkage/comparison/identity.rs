//! Identity numbers that registration refuses, because digits are hidden, lost or mistyped: what is visible can still be compared.
//!
//! A visible digit supports or contradicts; it never completes a number. Who is certain reads
//! [`IdentityNumber`](crate::workers::identity_number::IdentityNumber).

use super::text::is_slip;
use crate::workers::identity_number::{check_character, fold, upgrade};

const LENGTH: usize = 18;
const OLD_LENGTH: usize = 15;
/// Where the order number begins: 6 of the region and 8 of the birth date lie before it.
const TAIL: usize = 14;
/// From so many digits on, two numbers may differ by a slip.
const SLIP_DIGITS_MIN: usize = 15;
/// Fewer common digits than these say little: a region alone, or two at the end.
const VISIBLE_MIN: usize = 8;
const MASKS: [char; 9] = ['*', '●', '•', '█', '■', '□', '○', '?', '#'];

/// Eighteen places, each with its character where it is visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleDigits {
    places: [Option<char>; LENGTH],
    /// What was written, hidden characters left out: a dropped digit shifts the places.
    shown: String,
}

impl VisibleDigits {
    /// Reads a cell; nothing when no digit is visible, or when it cannot be said where the visible ones belong.
    #[must_use]
    pub fn read(cell: &str) -> Option<Self> {
        let folded = fold(cell);
        let written = match folded.split_once('E') {
            // 4.30523E+17: the first digits of eighteen, of which the last was rounded.
            Some((mantissa, _)) => {
                let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
                digits.get(..digits.len().checked_sub(1)?)?.chars().map(Some).collect::<Vec<_>>()
            }
            None => {
                folded.chars().enumerate().map(|(place, letter)| visible(place, letter)).collect::<Option<Vec<_>>>()?
            }
        };
        let places = placed(&written)?;
        // A number of the old form is compared in the places of the new one.
        let shown: String = if written.len() == OLD_LENGTH {
            places.iter().flatten().collect()
        } else {
            written.iter().flatten().collect()
        };
        if shown.is_empty() { None } else { Some(Self { places, shown }) }
    }

    pub(super) fn level(&self, other: &Self) -> Option<usize> {
        let both = self.places.iter().zip(&other.places).enumerate();
        let common: Vec<(usize, bool)> =
            both.filter_map(|(place, (left, right))| Some((place, (*left)? == (*right)?))).collect();
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
        self.places.iter().copied().collect()
    }

    /// The last four characters, where they are visible.
    pub(super) fn tail(&self) -> Option<String> {
        self.places.iter().skip(TAIL).copied().collect()
    }

    /// Year and month of birth, where they are visible.
    pub(super) fn birth_month(&self) -> Option<String> {
        self.places.iter().skip(6).take(6).copied().collect()
    }
}

/// Outer nothing: no such character can stand in a number. Inner nothing: hidden.
fn visible(place: usize, letter: char) -> Option<Option<char>> {
    match letter {
        '0'..='9' => Some(Some(letter)),
        'X' if place == LENGTH - 1 => Some(Some(letter)),
        'X' => Some(None),
        'B' if place >= LENGTH => Some(Some(letter)),
        hidden if MASKS.contains(&hidden) => Some(None),
        _ => None,
    }
}

/// Puts what was written into its places.
fn placed(written: &[Option<char>]) -> Option<[Option<char>; LENGTH]> {
    let mut characters = written.to_vec();
    match characters.len() {
        // The order number and its check, or a little more: what desks ask for by "the last four".
        1..=6 => {
            let mut places = vec![None; LENGTH - characters.len()];
            places.append(&mut characters);
            characters = places;
        }
        OLD_LENGTH => characters = upgraded(&characters),
        18 if was_rounded(&characters) => characters.truncate(TAIL + 1),
        _ => {}
    }
    // A number that was cut off keeps its beginning; a disability card adds to the end.
    characters.resize(LENGTH, None);
    characters.try_into().ok()
}

/// The old form in the places of the new one; its check character only when every digit is visible.
fn upgraded(fifteen: &[Option<char>]) -> Vec<Option<char>> {
    if let Some(whole) = fifteen.iter().copied().collect::<Option<String>>().and_then(|number| upgrade(&number)) {
        return whole.chars().map(Some).collect();
    }
    let (region, rest) = fifteen.split_at(6);
    [region, &[Some('1'), Some('9')], rest].concat()
}

/// A spreadsheet keeps fifteen digits and writes zeros for the rest; the check character then seldom fits.
fn was_rounded(characters: &[Option<char>]) -> bool {
    let digits: Option<Vec<u32>> =
        characters.iter().take(LENGTH - 1).map(|character| character.and_then(|letter| letter.to_digit(10))).collect();
    let ends_in_zeros = characters.iter().skip(TAIL + 1).all(|character| *character == Some('0'));
    ends_in_zeros && digits.is_some_and(|digits| check_character(&digits) != Some('0'))
}
