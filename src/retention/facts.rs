//! The facts a retention check rests on: when the worker was accepted, where the worker was employed from day to day, who
//! saw the worker in post, and when and why the worker left.
//!
//! Facts are given as they stand in the books; nothing here judges them. Deliberately absent: names and ID numbers, and
//! how a fact was recorded.

pub use crate::agreements::guarantee_terms::ExitReason;

use crate::agreements::rule_terms::EvidenceLevel;
use jiff::ToSpan;
use jiff::civil::Date;
use uuid::Uuid;

crate::text_enum! {
    /// How exact a recorded day is.
    ///
    /// The monthly monitoring export (务工月监测) knows only months. A month that is named counts whole: a start counts from its
    /// first day and an end until its last, because that is how the registers on both sides count months worked. A retained
    /// result still needs somebody who saw the worker on or after the due day, so the generous start cannot make one alone.
    pub enum DateGrain {
        /// The day itself is known.
        Day => "day" / "精确到日",
        /// Only the month is known; the stored day is any day in it.
        Month => "month" / "精确到月",
    }
}

impl DateGrain {
    /// The first day that a start recorded as `day` counts from.
    #[must_use]
    pub fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Month => day.first_of_month(),
        }
    }

    /// The last day that an end recorded as `day` counts to.
    #[must_use]
    pub fn end(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Month => day.last_of_month(),
        }
    }
}

/// The recorded end of a placement. The day is the last day in post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The fact's id.
    pub id: Uuid,
    /// Last day in post.
    pub on: Date,
    /// How exact that day is.
    pub grain: DateGrain,
    /// Why.
    pub reason: ExitReason,
}

/// A worker at an employer from day to day (or month to month).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell<'a> {
    /// The fact's id.
    pub id: Uuid,
    /// The employer's party id.
    pub employer: Uuid,
    /// Region code of the workplace.
    pub region: &'a str,
    /// First day in post.
    pub from: Date,
    /// Last day in post; none while it runs.
    pub to: Option<Date>,
    /// How exact both days are.
    pub grain: DateGrain,
}

/// Somebody looked whether the worker was in post over a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation<'a> {
    /// The fact's id.
    pub id: Uuid,
    /// The employer's party id.
    pub employer: Uuid,
    /// Region code of the workplace.
    pub region: &'a str,
    /// First day it speaks of.
    pub from: Date,
    /// Last day it speaks of; the same as `from` for a call or a visit.
    pub to: Date,
    /// How strong it is.
    pub evidence: EvidenceLevel,
    /// The month's wage in fen where the source shows one.
    pub monthly_wage_fen: Option<i64>,
    /// Whether the worker was there.
    pub in_post: bool,
}

/// Everything known about one placement after its arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacementHistory<'a> {
    /// The day the employer accepted the worker.
    pub onboarded_on: Date,
    /// The employer that accepted the worker (which may not be the planned one).
    pub first_employer: Uuid,
    /// Region code of that workplace.
    pub first_region: &'a str,
    /// The plan year the figure is for; read only by rules that count from 1 January.
    pub plan_year: i16,
    /// The day the worker was listed in the rule's group; read only by rules that count from it.
    pub group_listed_on: Option<Date>,
    /// The recorded end of the placement.
    pub exit: Option<Exit>,
    /// Recorded employment after the arrival, in any order. May be empty: the placement itself is the first spell.
    pub spells: &'a [Spell<'a>],
    /// Who saw the worker, in any order.
    pub observations: &'a [Observation<'a>],
}

/// Whether a workplace lies in a region: the same code, or a county or prefecture of the wider six-digit code.
///
/// In GB/T 2260 a trailing `00` stands for all that is below, so `330700` contains `330782`. A code of any other shape (a
/// zone without a code of its own) contains only itself; the caller passes the zone's host code where that is meant.
#[must_use]
pub fn region_contains(wider: &str, place: &str) -> bool {
    let six_digits = |code: &str| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    if !six_digits(wider) || !six_digits(place) {
        return wider == place;
    }
    let stem = wider.strip_suffix("0000").or_else(|| wider.strip_suffix("00")).unwrap_or(wider);
    place.starts_with(stem)
}

/// `start` moved on by whole calendar months; where the month is too short, its last day.
#[must_use]
pub fn calendar_months_after(start: Date, months: u16) -> Date {
    start.saturating_add(i64::from(months).months())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_county_lies_in_its_prefecture_and_its_province() {
        assert!(region_contains("330782", "330782"));
        assert!(region_contains("330700", "330782"));
        assert!(region_contains("330000", "330782"));
        assert!(!region_contains("330782", "330700"), "a coarser place is not proof of the county");
        assert!(!region_contains("330700", "330481"));
        assert!(region_contains("zone-jingkai", "zone-jingkai"));
        assert!(!region_contains("zone-jingkai", "430500"));
    }

    #[test]
    fn a_named_month_counts_whole() {
        assert_eq!(DateGrain::Month.start(date(2026, 2, 17)), date(2026, 2, 1));
        assert_eq!(DateGrain::Month.end(date(2026, 2, 17)), date(2026, 2, 28));
        assert_eq!(DateGrain::Day.end(date(2026, 2, 17)), date(2026, 2, 17));
    }

    #[test]
    fn a_month_that_is_too_short_ends_on_its_last_day() {
        assert_eq!(calendar_months_after(date(2026, 1, 31), 1), date(2026, 2, 28));
        assert_eq!(calendar_months_after(date(2026, 11, 30), 3), date(2027, 2, 28));
        assert_eq!(calendar_months_after(date(2026, 3, 1), 3), date(2026, 6, 1));
    }
}
