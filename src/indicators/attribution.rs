//! To whom a person is attributed whom several placements claim in one indicator and period.
//!
//! Within one agreement its written rule decides. Between agreements the rule decides that all of them have written down; where they differ,
//! the default: the earliest confirmed arrival. All credit goes to the agreement of the primary placement, unless every agreement concerned
//! has written down that it is shared. The shares of one person always add up to the whole.

use std::collections::BTreeSet;

use crate::agreements::rule_terms::{AttributionRule, SplitCredit};
use crate::db::{Day, Id};
use crate::reconciliation::attribution::{AttributionCandidate, primary_placement};

/// The credit for one person.
pub const WHOLE: i64 = 10_000;

/// A placement that claims a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimant {
    /// The agreement.
    pub agreement_id: Id,
    /// The placement.
    pub placement_id: Id,
    /// The confirmed day of arrival.
    pub arrived_on: Option<Day>,
    /// The recorded day of departure.
    pub departed_on: Option<Day>,
    /// What its terms say of attribution.
    pub rule: AttributionRule,
    /// What its terms say of splitting.
    pub split: SplitCredit,
}

/// The placement that counts, of those that claim a person; none where there are none.
#[must_use]
pub fn primary(claimants: &[Claimant]) -> Option<Claimant> {
    let candidates: Vec<AttributionCandidate> = claimants
        .iter()
        .map(|claimant| AttributionCandidate {
            placement_id: claimant.placement_id.0,
            arrived_on: claimant.arrived_on.map(|day| day.0),
            departed_on: claimant.departed_on.map(|day| day.0),
        })
        .collect();
    let first = claimants.first()?;
    let agreed = claimants.iter().all(|claimant| claimant.rule == first.rule);
    let rule = if agreed { first.rule } else { AttributionRule::EarliestConfirmedArrival };
    let chosen = primary_placement(&candidates, rule)?;
    claimants.iter().find(|claimant| claimant.placement_id.0 == chosen).copied()
}

/// The credit an agreement has for a person, in ten-thousandths.
#[must_use]
pub fn credit(claimants: &[Claimant], agreement_id: Id) -> i64 {
    let Some(primary) = primary(claimants) else { return 0 };
    let agreements: BTreeSet<Id> = claimants.iter().map(|claimant| claimant.agreement_id).collect();
    let is_primary = primary.agreement_id == agreement_id;
    if !agreements.contains(&agreement_id) {
        return 0;
    }
    if claimants.iter().any(|claimant| claimant.split != SplitCredit::EqualShares) {
        return if is_primary { WHOLE } else { 0 };
    }
    let parts = i64::try_from(agreements.len()).unwrap_or(WHOLE);
    // What does not divide evenly is the primary one's, so that nothing is lost.
    WHOLE / parts + if is_primary { WHOLE % parts } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claimant(agreement: u128, placement: u128, arrived: Option<&str>, departed: &str) -> Claimant {
        let id = |number| Id(uuid::Uuid::from_u128(number));
        Claimant {
            agreement_id: id(agreement),
            placement_id: id(placement),
            arrived_on: arrived.map(|day| Day::parse(day).unwrap()),
            departed_on: Some(Day::parse(departed).unwrap()),
            rule: AttributionRule::EarliestConfirmedArrival,
            split: SplitCredit::WholeToPrimary,
        }
    }

    fn agreement(number: u128) -> Id {
        Id(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn who_arrived_first_counts_unless_all_have_written_otherwise() {
        // Shaoyang sent the worker in February and the arrival was confirmed in April; Longhui sent in March, arrived the day after.
        let shaoyang = claimant(1, 11, Some("2026-04-02"), "2026-02-20");
        let longhui = claimant(2, 22, Some("2026-03-06"), "2026-03-05");
        let by = |one: AttributionRule, other: AttributionRule| {
            let claimants = [Claimant { rule: one, ..shaoyang }, Claimant { rule: other, ..longhui }];
            primary(&claimants).unwrap().agreement_id
        };
        let (arrival, dispatch) = (AttributionRule::EarliestConfirmedArrival, AttributionRule::FirstDispatch);
        assert_eq!(by(arrival, arrival), agreement(2));
        assert_eq!(by(dispatch, dispatch), agreement(1));
        assert_eq!(by(dispatch, arrival), agreement(2), "neither's rule binds the other");
    }

    #[test]
    fn the_whole_credit_is_the_primary_ones_unless_all_share() {
        let claimants = [
            claimant(1, 11, Some("2026-03-01"), "2026-02-20"),
            claimant(2, 22, Some("2026-05-01"), "2026-04-20"),
            claimant(3, 33, Some("2026-08-01"), "2026-07-20"),
        ];
        let credits = |claimants: &[Claimant]| [1, 2, 3].map(|number| credit(claimants, agreement(number)));
        assert_eq!(credits(&claimants), [WHOLE, 0, 0]);
        let shared = claimants.map(|claimant| Claimant { split: SplitCredit::EqualShares, ..claimant });
        assert_eq!(credits(&shared), [3_334, 3_333, 3_333]);
        assert_eq!(credits(&[shared[0], shared[1], claimants[2]]), [WHOLE, 0, 0], "one has not agreed to share");
        assert_eq!(credit(&shared, agreement(4)), 0);
        assert_eq!(credit(&[], agreement(1)), 0);
    }

    proptest! {
        /// Whatever the agreements have written down, one person is credited once.
        #[test]
        fn the_shares_of_a_person_add_up_to_the_whole(rows in proptest::collection::vec((1_u128..6, 1_u128..1_000, proptest::option::of(1_i64..300), 1_i64..300, any::<bool>(), any::<bool>()), 1..8)) {
            let first = Day::parse("2026-01-01").unwrap();
            let claimants: Vec<Claimant> = rows.into_iter().enumerate().map(|(place, (of, placement, arrived, departed, by_dispatch, shares))| Claimant {
                agreement_id: agreement(of),
                placement_id: agreement(placement * 10 + u128::try_from(place).unwrap()),
                arrived_on: arrived.map(|days| first.plus_days(days)),
                departed_on: Some(first.plus_days(departed)),
                rule: if by_dispatch { AttributionRule::FirstDispatch } else { AttributionRule::EarliestConfirmedArrival },
                split: if shares { SplitCredit::EqualShares } else { SplitCredit::WholeToPrimary },
            }).collect();
            prop_assert_eq!((1..6).map(|of| credit(&claimants, agreement(of))).sum::<i64>(), WHOLE);
            let mut turned = claimants.clone();
            turned.reverse();
            prop_assert_eq!(primary(&turned), primary(&claimants), "the order in which claims are read decides nothing");
        }
    }
}
