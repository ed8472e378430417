//! Phone numbers of a cell. Shared by a couple or a village, so one that many rows have proves little: its frequency says so.

use super::text::is_slip;
use crate::workers::phone::{Phone, PhoneError};

const SEPARATORS: [char; 10] = ['/', '、', ',', '，', ';', '；', '|', '或', '\n', ' '];
const MASKS: [char; 6] = ['*', '●', '•', '█', '#', 'x'];
/// Shorter runs of digits are no number.
const DIGITS_MIN: usize = 7;
/// A number that shows fewer digits says nothing.
const SHOWN_MIN: usize = 4;

/// The numbers of a cell, in ascending order; hidden digits are `*`.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::linkage) struct PhoneNumbers(Vec<String>);

impl PhoneNumbers {
    pub(super) fn read(cell: &str) -> Option<Self> {
        let mut numbers: Vec<String> = match Phone::parse(cell) {
            Ok(phone) => vec![phone.as_str().to_owned()],
            Err(PhoneError::Several) => cell.split(SEPARATORS).filter_map(one).collect(),
            Err(_) => one(cell).into_iter().collect(),
        };
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() { None } else { Some(Self(numbers)) }
    }

    pub(super) fn level(&self, other: &Self) -> usize {
        let any =
            |alike: fn(&str, &str) -> bool| self.0.iter().any(|left| other.0.iter().any(|right| alike(left, right)));
        if any(|left, right| left == right && !left.contains('*')) {
            0
        } else if any(|left, right| visible_equal(left, right) || is_slip(left, right)) {
            1
        } else {
            2
        }
    }

    /// The whole numbers.
    pub(super) fn all(&self) -> &[String] {
        &self.0
    }

    /// The number of a cell that holds one.
    pub(super) fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// One number, also one of which the register would say that it is none: a landline, or partly hidden.
fn one(cell: &str) -> Option<String> {
    if let Ok(phone) = Phone::parse(cell) {
        return Some(phone.as_str().to_owned());
    }
    let cell = cell.to_ascii_lowercase();
    let number: String = cell
        .chars()
        .filter_map(
            |letter| if MASKS.contains(&letter) { Some('*') } else { Some(letter).filter(char::is_ascii_digit) },
        )
        .collect();
    let shown = number.chars().filter(char::is_ascii_digit).count();
    (number.len() >= DIGITS_MIN && shown >= SHOWN_MIN).then_some(number)
}

/// Of numbers of one length, at least one partly hidden: every digit that both show is the same, and they are enough.
fn visible_equal(left: &str, right: &str) -> bool {
    let hidden = left.contains('*') || right.contains('*');
    if !hidden || left.len() != right.len() {
        return false;
    }
    let mut shown = left.bytes().zip(right.bytes()).filter(|(left, right)| *left != b'*' && *right != b'*').peekable();
    let count = shown.clone().count();
    count >= SHOWN_MIN && shown.all(|(left, right)| left == right)
}
