//! The working-day calendar (工作日历) of mainland China: weekends, public holidays and the working days that make up for them (调休).
//!
//! The State Council publishes each year's days by a notice; `calendar/holidays.csv` holds them with the number of the notice. Of a year
//! without a notice only the weekends are known, and every answer about such a year says so. A deadline that falls on a day off moves to
//! the next working day; what the contract or the terms say stays as it is written, only what is judged late goes by the moved day.
//!
//! Deliberately absent: guessing holidays ahead of their notice, and holidays of a single province or trade.

pub mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::civil::Weekday;
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::Day;

const HOLIDAYS: &str = include_str!("calendar/holidays.csv");

/// More days off in a row than any holiday with its weekends has.
const DAYS_OFF_IN_A_ROW: i64 = 31;

static CALENDAR: LazyLock<Calendar> = LazyLock::new(|| Calendar::of_table(HOLIDAYS));

crate::text_enum! {
    /// Why a day is a working day or a day off.
    pub enum DayKind {
        /// Monday to Friday, and nothing else.
        Weekday => "weekday" / "工作日" / "working day",
        /// Saturday or Sunday.
        Weekend => "weekend" / "周末",
        /// A day off by the notice of the year (节假日).
        Holiday => "holiday" / "节假日" / "public holiday",
        /// A weekend day on which people work, in place of a day of a holiday (调休上班).
        MakeUp => "make_up" / "调休上班" / "working day in place of a holiday",
    }
}

impl DayKind {
    /// Whether people work.
    #[must_use]
    pub const fn is_working(self) -> bool {
        matches!(self, Self::Weekday | Self::MakeUp)
    }
}

/// A day, whether people work on it, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CalendarDay {
    /// The day.
    pub day: Day,
    /// Whether it is a working day.
    pub is_working: bool,
    /// Why.
    pub kind: DayKind,
    /// The holiday it belongs to, or makes up for; null for an ordinary day.
    #[schema(max_length = 50, example = "国庆节")]
    pub holiday: Option<&'static str>,
    /// The notice that says so; null for an ordinary day.
    #[schema(max_length = 50, example = "国办发明电〔2025〕7号")]
    pub notice: Option<&'static str>,
    /// Whether the days of this year are published here; if not, only weekends are known.
    pub is_published: bool,
}

/// A line of the table.
#[derive(Debug)]
struct Line {
    from: Day,
    to: Day,
    kind: DayKind,
    holiday: &'static str,
    notice: &'static str,
}

/// The days that are not what their weekday says, by year of a notice.
#[derive(Debug, Default)]
pub struct Calendar {
    days: BTreeMap<Day, (DayKind, &'static str, &'static str)>,
    years: BTreeSet<i64>,
}

/// The calendar, read once at first use.
#[must_use]
pub fn calendar() -> &'static Calendar {
    &CALENDAR
}

impl Calendar {
    /// Reads a table. A line that cannot be read is left out; a test holds the embedded one to every day it should have.
    fn of_table(table: &'static str) -> Self {
        let mut calendar = Self::default();
        for Line { from, to, kind, holiday, notice } in table.lines().skip(1).filter_map(Line::read) {
            let days = (0..=to.days_since(from)).map(|step| from.plus_days(step));
            calendar.days.extend(days.map(|day| (day, (kind, holiday, notice))));
            calendar.years.insert(from.year());
        }
        calendar
    }

    /// A day, with why people work or do not.
    #[must_use]
    pub fn day(&self, day: Day) -> CalendarDay {
        let special = self.days.get(&day);
        let by_weekday = match day.0.weekday() {
            Weekday::Saturday | Weekday::Sunday => DayKind::Weekend,
            _ => DayKind::Weekday,
        };
        let kind = special.map_or(by_weekday, |(kind, ..)| *kind);
        CalendarDay {
            day,
            is_working: kind.is_working(),
            kind,
            holiday: special.map(|(_, holiday, _)| *holiday),
            notice: special.map(|(.., notice)| *notice),
            is_published: self.years.contains(&day.year()),
        }
    }

    /// The day on which something due on `day` is due in truth: that day, or the next working day where it is a day off.
    #[must_use]
    pub fn moved(&self, day: Day) -> Day {
        let days = (0..DAYS_OFF_IN_A_ROW).map(|step| day.plus_days(step));
        days.into_iter().find(|day| self.day(*day).is_working).unwrap_or(day)
    }

    /// The day on which something that is to be done within `days` of `from` is due.
    #[must_use]
    pub fn due(&self, from: Day, days: i64) -> Day {
        self.moved(from.plus_days(days))
    }

    /// The last calendar day whose deadlines have all passed as of a day: the last working day before it. A list compares the written
    /// day with this one and so is judged by the moved day, without moving each row.
    #[must_use]
    pub fn last_day_passed(&self, as_of: Day) -> Day {
        let days = (1..=DAYS_OFF_IN_A_ROW).map(|step| as_of.plus_days(-step));
        days.into_iter().find(|day| self.day(*day).is_working).unwrap_or(as_of)
    }
}

impl Line {
    fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split(',');
        Some(Self {
            from: Day::parse(cells.next()?).ok()?,
            to: Day::parse(cells.next()?).ok()?,
            kind: DayKind::from_text(cells.next()?)?,
            holiday: cells.next()?,
            notice: cells.next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn every_line_of_the_table_is_read_and_says_something_new() {
        let lines: Vec<Line> = HOLIDAYS.lines().skip(1).filter_map(Line::read).collect();
        assert_eq!(lines.len(), HOLIDAYS.lines().count() - 1);
        let days: i64 = lines.iter().map(|line| line.to.days_since(line.from) + 1).sum();
        assert_eq!(days, i64::try_from(calendar().days.len()).unwrap(), "no day stands twice");
        for (day, (kind, ..)) in &calendar().days {
            let weekend = matches!(day.0.weekday(), Weekday::Saturday | Weekday::Sunday);
            assert!(*kind == DayKind::Holiday || weekend, "{day} is worked on anyway");
        }
    }

    #[test]
    fn a_year_has_as_many_days_off_and_made_up_as_its_notice_says() {
        for (year, off, made_up) in [(2024, 28, 8), (2025, 28, 5), (2026, 33, 6)] {
            let count = |wanted: DayKind| {
                calendar().days.iter().filter(|(day, (kind, ..))| day.year() == year && *kind == wanted).count()
            };
            assert_eq!((count(DayKind::Holiday), count(DayKind::MakeUp)), (off, made_up), "{year}");
        }
    }

    #[test]
    fn a_day_says_whether_people_work_and_why() {
        use DayKind::{Holiday, MakeUp, Weekday, Weekend};
        for (on, kind, holiday, published) in [
            ("2026-03-02", Weekday, None, true),
            ("2026-03-07", Weekend, None, true),
            ("2026-02-16", Holiday, Some("春节"), true),
            ("2026-02-28", MakeUp, Some("春节"), true),
            ("2025-10-08", Holiday, Some("国庆节、中秋节"), true),
            ("2024-02-09", Weekday, None, true),
            ("2027-10-01", Weekday, None, false),
            ("2027-10-02", Weekend, None, false),
        ] {
            let told = calendar().day(day(on));
            assert_eq!((told.kind, told.holiday, told.is_published), (kind, holiday, published), "{on}");
            assert_eq!(told.is_working, matches!(kind, Weekday | MakeUp), "{on}");
        }
    }

    #[test]
    fn a_deadline_on_a_day_off_moves_to_the_next_working_day() {
        for (written, moved) in [
            ("2026-03-05", "2026-03-05"),
            ("2026-03-07", "2026-03-09"),
            ("2026-02-14", "2026-02-14"),
            ("2026-02-15", "2026-02-24"),
            ("2026-02-21", "2026-02-24"),
            ("2026-02-28", "2026-02-28"),
            ("2026-05-01", "2026-05-06"),
            ("2026-10-03", "2026-10-08"),
            ("2024-12-31", "2024-12-31"),
            ("2025-01-01", "2025-01-02"),
        ] {
            assert_eq!(calendar().moved(day(written)), day(moved), "{written}");
        }
    }

    #[test]
    fn what_has_passed_is_told_by_one_day_for_a_whole_list() {
        for as_of in (0..400).map(|step| day("2025-12-20").plus_days(step)) {
            let passed = calendar().last_day_passed(as_of);
            for written in (0..60).map(|step| as_of.plus_days(-step)) {
                let overdue = calendar().moved(written) < as_of;
                assert_eq!(written <= passed, overdue, "{written} as of {as_of}");
            }
        }
    }
}
