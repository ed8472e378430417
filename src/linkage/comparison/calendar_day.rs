//! Days as spreadsheets write them: 19900307, 1990-03-07, 1990/3/7, 1990年3月7日, 1990.3, 1990年03月, 1990, and the serial number 32939.

use jiff::{ToSpan, civil};

use crate::linkage::blocking::KeyForm;

/// Serial numbers of spreadsheets between 1927 and 2064; a four-digit number is a year.
const SERIALS: std::ops::Range<i64> = 10_000..60_000;

/// Year, and month and day where they are known. Impossible days are kept: two rows may share the same mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateParts {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

impl DateParts {
    /// Reads a cell; nothing when no year of four digits is in it.
    #[must_use]
    pub fn read(cell: &str) -> Option<Self> {
        let groups: Vec<&str> =
            cell.split(|letter: char| !letter.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
        match groups.as_slice() {
            [whole] => Self::read_whole(whole),
            // A day with a time behind it.
            [whole, ..] if whole.len() == 8 => Self::read_whole(whole),
            [year, month, rest @ ..] if year.len() == 4 => {
                let day = rest.first().and_then(|day| day.parse().ok());
                Some(Self { year: year.parse().ok()?, month: Some(month.parse().ok()?), day })
            }
            _ => None,
        }
    }

    fn read_whole(digits: &str) -> Option<Self> {
        let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u8>().ok());
        let year = digits.get(..4)?.parse().ok()?;
        match digits.len() {
            8 => Some(Self { year, month: number(4, 6), day: number(6, 8) }),
            6 => Some(Self { year, month: number(4, 6), day: None }),
            5 => Self::from_serial(digits.parse().ok()?),
            4 => Some(Self { year, month: None, day: None }),
            _ => None,
        }
    }

    fn from_serial(serial: i64) -> Option<Self> {
        let day = SERIALS.contains(&serial).then(|| civil::date(1899, 12, 30).checked_add(serial.days()).ok())??;
        let part = |number: i8| u8::try_from(number).ok();
        Some(Self { year: u16::try_from(day.year()).ok()?, month: part(day.month()), day: part(day.day()) })
    }

    pub(super) fn level(self, other: Self) -> usize {
        if self.year == other.year {
            match (self.month, other.month) {
                (None, _) | (_, None) => return 3,
                (left, right) if left == right => match (self.day, other.day) {
                    (None, _) | (_, None) => return 1,
                    (left, right) if left == right => return 0,
                    _ => {}
                },
                _ => {}
            }
        }
        if self.is_slip_of(other) {
            2
        } else if self.year == other.year {
            3
        } else {
            4
        }
    }

    /// Both to the day: day and month swapped, or one digit changed, or two neighbours swapped.
    fn is_slip_of(self, other: Self) -> bool {
        let (Some(left), Some(right)) = (self.digits(), other.digits()) else { return false };
        let swapped = self.year == other.year && self.month == other.day && self.day == other.month;
        swapped || strsim::osa_distance(&left, &right) == 1
    }

    fn digits(self) -> Option<String> {
        Some(format!("{:04}{:02}{:02}", self.year, self.month?, self.day?))
    }

    pub(super) fn key(self, form: KeyForm) -> Option<String> {
        match form {
            KeyForm::Whole => self.digits(),
            KeyForm::Month => Some(format!("{:04}{:02}", self.year, self.month?)),
            KeyForm::Start => Some(format!("{:04}", self.year)),
            KeyForm::Sound | KeyForm::Tail => None,
        }
    }
}
