//! Sets of days: the arithmetic of "in post from … to …".
//!
//! Both ends of a range belong to it, because that is how rosters, wage ledgers and clerks write periods. Deliberately
//! absent: times of day and time zones; a day here is a day in Asia/Shanghai, decided before it gets here.

use jiff::civil::Date;

/// The day after; the last day of the calendar has no other.
#[must_use]
pub fn day_after(day: Date) -> Date {
    day.tomorrow().unwrap_or(Date::MAX)
}

/// The day before; the first day of the calendar has no other.
#[must_use]
pub fn day_before(day: Date) -> Date {
    day.yesterday().unwrap_or(Date::MIN)
}

/// Days from `earlier` to `later`; negative when they are the other way round.
#[must_use]
pub fn days_between(earlier: Date, later: Date) -> i64 {
    later.duration_since(earlier).as_hours() / 24
}

/// `day` moved on by a number of days, held at the ends of the calendar.
#[must_use]
pub fn days_after(day: Date, days: i64) -> Date {
    day.saturating_add(jiff::SignedDuration::from_hours(days.saturating_mul(24)))
}

/// A period of whole days, at least one, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayRange {
    first: Date,
    last: Date,
}

impl DayRange {
    /// The period, or nothing when it would end before it begins.
    #[must_use]
    pub fn new(first: Date, last: Date) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The first day in it.
    #[must_use]
    pub const fn first(self) -> Date {
        self.first
    }

    /// The last day in it.
    #[must_use]
    pub const fn last(self) -> Date {
        self.last
    }

    /// How many days it has.
    #[must_use]
    pub fn days(self) -> i64 {
        days_between(self.first, self.last) + 1
    }

    /// Whether the day is in it.
    #[must_use]
    pub fn contains(self, day: Date) -> bool {
        self.first <= day && day <= self.last
    }

    /// The days in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }
}

/// A set of days, kept as periods in order with at least one day between neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayRanges(Vec<DayRange>);

impl DayRanges {
    /// The set of all days in any of the periods, which may overlap and come in any order.
    #[must_use]
    pub fn covering(mut periods: Vec<DayRange>) -> Self {
        periods.sort_unstable();
        let mut merged: Vec<DayRange> = Vec::with_capacity(periods.len());
        for period in periods {
            match merged.last_mut() {
                Some(open) if period.first <= day_after(open.last) => {
                    open.last = open.last.max(period.last);
                }
                _ => merged.push(period),
            }
        }
        Self(merged)
    }

    /// The periods in order.
    pub fn iter(&self) -> impl Iterator<Item = DayRange> {
        self.0.iter().copied()
    }

    /// Whether there is no day in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The days of `period` that are in the set.
    #[must_use]
    pub fn within(&self, period: DayRange) -> Self {
        Self(self.iter().filter_map(|own| own.intersection(period)).collect())
    }

    /// The days of `period` that are not in the set.
    #[must_use]
    pub fn missing_from(&self, period: DayRange) -> Self {
        let mut missing = Vec::new();
        let mut next = period.first;
        for covered in self.within(period).iter() {
            missing.extend(DayRange::new(next, day_before(covered.first)).filter(|gap| gap.last < covered.first));
            if covered.last == period.last {
                return Self(missing);
            }
            next = day_after(covered.last);
        }
        missing.extend(DayRange::new(next, period.last));
        Self(missing)
    }

    /// The days of this set that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.iter().flat_map(|own| other.missing_from(own).0).collect())
    }

    /// How many days are in it.
    #[must_use]
    pub fn total_days(&self) -> i64 {
        self.iter().map(DayRange::days).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn day(number: i64) -> Date {
        days_after(jiff::civil::date(2026, 1, 1), number)
    }

    fn ranges(pairs: &[(i64, i64)]) -> DayRanges {
        DayRanges::covering(pairs.iter().filter_map(|&(first, last)| DayRange::new(day(first), day(last))).collect())
    }

    fn numbers(set: &DayRanges) -> BTreeSet<Date> {
        set.iter().flat_map(|range| (0..range.days()).map(move |step| days_after(range.first(), step))).collect()
    }

    #[test]
    fn periods_that_touch_are_one_and_both_ends_count() {
        let set = ranges(&[(10, 12), (1, 3), (4, 5)]);
        assert_eq!(set, ranges(&[(1, 5), (10, 12)]));
        assert_eq!(set.total_days(), 8);
        let whole = DayRange::new(day(0), day(13)).unwrap();
        assert_eq!(set.missing_from(whole), ranges(&[(0, 0), (6, 9), (13, 13)]));
    }

    #[test]
    fn the_ends_of_the_calendar_hold() {
        let all = DayRange::new(Date::MIN, Date::MAX).unwrap();
        assert!(DayRanges::covering(vec![all]).missing_from(all).is_empty());
        assert_eq!(day_after(Date::MAX), Date::MAX);
        assert_eq!(days_after(Date::MAX, 5), Date::MAX);
    }

    fn some_ranges() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0_i64..40, 0_i64..8).prop_map(|(first, length)| (first, first + length)), 0..6)
    }

    proptest! {
        #[test]
        fn day_sets_agree_with_counting_the_days_one_by_one(left in some_ranges(), right in some_ranges()) {
            let (left, right) = (ranges(&left), ranges(&right));
            let expected: BTreeSet<_> = numbers(&left).difference(&numbers(&right)).copied().collect();
            prop_assert_eq!(numbers(&left.without(&right)), expected);
            let whole = DayRange::new(day(0), day(60)).unwrap();
            prop_assert_eq!(left.total_days() + left.missing_from(whole).total_days(), whole.days());
        }
    }
}
