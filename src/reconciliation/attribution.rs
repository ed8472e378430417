//! Which of several rows of one worker counts, and whether a quota has more or fewer arrivals than places.
//!
//! The written rule of the agreement decides; the others are kept as duplicates of the one that counts. Deliberately
//! absent: finding the rows of one worker, which is the ordered scan of the run.

use super::situations::Situation;
use crate::agreements::rule_terms::AttributionRule;
use jiff::civil::Date;
use uuid::Uuid;

/// One of several rows of the same worker for the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributionCandidate {
    /// The placement.
    pub placement_id: Uuid,
    /// The confirmed day of arrival.
    pub arrived_on: Option<Date>,
    /// The recorded day of departure.
    pub departed_on: Option<Date>,
}

/// The row that counts; none where there is no row. A row without the day that the rule asks for comes after those with it, and
/// of equal rows the smaller placement id, that is the one enrolled first.
#[must_use]
pub fn primary_placement(candidates: &[AttributionCandidate], rule: AttributionRule) -> Option<Uuid> {
    let day = |row: &AttributionCandidate| match rule {
        AttributionRule::EarliestConfirmedArrival => row.arrived_on,
        AttributionRule::FirstDispatch => row.departed_on,
    };
    candidates.iter().min_by_key(|row| (day(row).unwrap_or(Date::MAX), row.placement_id)).map(|row| row.placement_id)
}

/// The arrivals of one quota that are above its places, each with its place by day and placement id, from 1.
#[must_use]
pub fn above_places(mut arrivals: Vec<(Date, Uuid)>, approved_places: u32) -> Vec<(Uuid, u32)> {
    arrivals.sort_unstable();
    let places = (1_u32..).zip(arrivals);
    places.filter(|(rank, _)| *rank > approved_places).map(|(rank, (_, id))| (id, rank)).collect()
}

/// How a quota as a whole stands at a cut-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaStanding {
    /// Confirmed arrivals above the approved places; each of them is a row in situation `over`.
    pub over: u32,
    /// Approved places without a confirmed arrival.
    pub under: u32,
}

impl QuotaStanding {
    /// Compares confirmed arrivals with approved places.
    #[must_use]
    pub const fn of(approved_places: u32, confirmed_arrivals: u32) -> Self {
        Self {
            over: confirmed_arrivals.saturating_sub(approved_places),
            under: approved_places.saturating_sub(confirmed_arrivals),
        }
    }

    /// The situation of the quota: over, under, or matched.
    #[must_use]
    pub const fn situation(self) -> Situation {
        match (self.over, self.under) {
            (0, 0) => Situation::Matched,
            (0, _) => Situation::Under,
            _ => Situation::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn candidate(id: u128, arrived: Option<i8>, departed: Option<i8>) -> AttributionCandidate {
        AttributionCandidate {
            placement_id: Uuid::from_u128(id),
            arrived_on: arrived.map(|day| date(2026, 3, day)),
            departed_on: departed.map(|day| date(2026, 2, day)),
        }
    }

    #[test]
    fn the_written_rule_decides_which_row_counts() {
        let rows = [candidate(1, None, Some(1)), candidate(2, Some(9), Some(3)), candidate(3, Some(5), Some(4))];
        let chosen = |rule| primary_placement(&rows, rule);
        assert_eq!(chosen(AttributionRule::EarliestConfirmedArrival), Some(Uuid::from_u128(3)));
        assert_eq!(chosen(AttributionRule::FirstDispatch), Some(Uuid::from_u128(1)));
    }

    #[test]
    fn equal_rows_count_for_the_one_enrolled_first_in_whatever_order_they_come() {
        let rule = AttributionRule::EarliestConfirmedArrival;
        let rows = [candidate(8, Some(5), None), candidate(7, Some(5), None)];
        assert_eq!(primary_placement(&rows, rule), Some(Uuid::from_u128(7)));
        assert_eq!(primary_placement(&[], rule), None);
    }

    #[test]
    fn the_latest_arrivals_are_the_ones_above_the_places() {
        let arrival = |id, day| (date(2026, 3, day), Uuid::from_u128(id));
        let arrivals = vec![arrival(4, 9), arrival(1, 7), arrival(3, 5), arrival(2, 7)];
        let above = above_places(arrivals.clone(), 2);
        assert_eq!(above, [(Uuid::from_u128(2), 3), (Uuid::from_u128(4), 4)]);
        assert!(above_places(arrivals, 4).is_empty());
    }

    #[test]
    fn a_quota_is_over_under_or_just_filled() {
        assert_eq!(QuotaStanding::of(30, 28), QuotaStanding { over: 0, under: 2 });
        assert_eq!(QuotaStanding::of(30, 28).situation(), Situation::Under);
        assert_eq!(QuotaStanding::of(30, 30).situation(), Situation::Matched);
        assert_eq!(QuotaStanding::of(30, 33), QuotaStanding { over: 3, under: 0 });
        assert_eq!(QuotaStanding::of(30, 33).situation(), Situation::Over);
    }
}
