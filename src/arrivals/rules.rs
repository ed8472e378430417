//! Pure rules of arrivals: what a claim must say ([`reading`]), what it means for the placement it is about ([`judging`]), and what
//! becomes of a placement of which several parties speak ([`outcome`]).

pub mod judging;
pub mod outcome;
pub mod reading;

use crate::calendar::calendar;
use crate::db::Day;
use crate::error::Fault;
use crate::regions::{RegionCode, atlas};

/// How many days after the planned arrival a claim may still belong to the same sending; the same worker next year is another one.
pub const SEASON_DAYS: i64 = 120;

/// Whether two regions are known to be different: neither contains the other.
#[must_use]
pub fn regions_differ(one: RegionCode, other: RegionCode) -> bool {
    let within = |wider: RegionCode, place: RegionCode| {
        wider == place || atlas().path(place).iter().any(|region| region.code == Some(wider))
    };
    !within(one, other) && !within(other, one)
}

/// Days past the last day on which an arrival is on time, moved to a working day; none while it is not overdue.
#[must_use]
pub fn days_overdue(due_on: Day, as_of: Day) -> Option<i64> {
    Some(as_of.days_since(calendar().moved(due_on))).filter(|days| *days > 0)
}

/// The fault of a row that names no placement its claimant may speak of. The same words whether there is none or it is another's.
#[must_use]
pub fn placement_unknown(pointer: String) -> Fault {
    Fault::body(
        pointer,
        "placement_unknown",
        "there is no such departed placement, or it is not yours to claim",
        "没有这条已出发的安置记录，或贵方无权提交",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn a_county_does_not_differ_from_the_prefecture_it_lies_in() {
        for (one, other, differ) in [
            ("330782", "330782", false),
            ("330782", "330700", false),
            ("330000", "330782", false),
            ("330782", "330481", true),
            ("330700", "330481", true),
        ] {
            assert_eq!(regions_differ(code(one), code(other)), differ, "{one} {other}");
            assert_eq!(regions_differ(code(other), code(one)), differ, "{other} {one}");
        }
    }

    #[test]
    fn an_arrival_is_overdue_from_the_day_after_the_last_day_on_time() {
        let due = day("2026-03-12");
        assert_eq!(days_overdue(due, day("2026-03-11")), None);
        assert_eq!(days_overdue(due, day("2026-03-12")), None);
        assert_eq!(days_overdue(due, day("2026-03-13")), Some(1));
        assert_eq!(days_overdue(due, day("2026-04-12")), Some(31));
        let saturday = day("2026-03-14");
        assert_eq!(days_overdue(saturday, day("2026-03-16")), None, "on Monday it is still on time");
        assert_eq!(days_overdue(saturday, day("2026-03-17")), Some(1));
    }
}
