//! Pure rules of quotas: what a request must say, and who gets how many places.

use super::{Approval, NewQuota, Quota, QuotaStanding, QuotaState, QuotaWithdrawal};
use crate::db::Day;
use crate::error::{Fault, Faults, Result};
use crate::regions::workplace_fault;

/// Checks a request for places; every fault is told at once.
pub fn check(new: &NewQuota, today: Day, agreement_ends: Day) -> Result<()> {
    let mut faults = Faults::new();
    faults.text("/post_title", &new.post_title, 100);
    faults.optional_text("/occupation_code", new.occupation_code.as_deref(), 20);
    faults.optional_text("/partner_ref", new.partner_ref.as_deref(), 100);
    faults.require(
        (1..=1_000_000).contains(&new.requested_places),
        "/requested_places",
        "out_of_range",
        "must be from 1 to 1,000,000",
        "须在 1 到 1000000 之间",
    );
    let wage = (new.monthly_wage_min_fen, new.monthly_wage_max_fen);
    for (pointer, fen) in [("/monthly_wage_min_fen", wage.0), ("/monthly_wage_max_fen", wage.1)] {
        let fits = fen.is_none_or(|fen| (0..=100_000_000).contains(&fen));
        faults.require(fits, pointer, "out_of_range", "must be from 0 to 100,000,000 fen", "须在 0 到 1 亿分之间");
    }
    faults.require(
        !matches!(wage, (Some(min), Some(max)) if max < min),
        "/monthly_wage_max_fen",
        "below_minimum",
        "must not be below monthly_wage_min_fen",
        "不得低于最低月工资",
    );
    faults.require(
        new.valid_until >= today && new.valid_until <= agreement_ends,
        "/valid_until",
        "date_out_of_range",
        "must lie between today and the last day of the agreement",
        "须在今日至协议到期日之间",
    );
    faults.add(workplace_fault("/region_code", new.region_code));
    check_cohorts(new, &mut faults);
    faults.check()
}

fn check_cohorts(new: &NewQuota, faults: &mut Faults) {
    if new.cohorts.is_empty() {
        return;
    }
    faults.require(new.cohorts.len() <= 36, "/cohorts", "too_many", "at most 36 starts", "最多 36 个开始日期");
    let total: i64 = new.cohorts.iter().map(|cohort| cohort.places).sum();
    faults.require(
        total == new.requested_places,
        "/cohorts",
        "places_do_not_add_up",
        "the places of the starts must add up to requested_places",
        "各批次名额之和须等于申请名额",
    );
    let mut days: Vec<Day> = new.cohorts.iter().map(|cohort| cohort.starts_on).collect();
    days.sort_unstable();
    days.dedup();
    faults.require(
        days.len() == new.cohorts.len(),
        "/cohorts",
        "day_repeated",
        "each start needs a day of its own",
        "开始日期不得重复",
    );
    faults.require(
        new.cohorts.iter().all(|cohort| cohort.places > 0),
        "/cohorts",
        "out_of_range",
        "each start needs at least one place",
        "每个开始日期至少一个名额",
    );
}

/// Checks how many places are approved, and that fewer than requested have their reason.
pub fn check_approval(quota: &Quota, approval: &Approval) -> Result<()> {
    let mut faults = Faults::new();
    let fits = (0..=quota.requested_places).contains(&approval.approved_places);
    faults.require(
        fits,
        "/approved_places",
        "out_of_range",
        "must be from 0 to the places requested",
        "须在 0 到申请名额之间",
    );
    faults.optional_text("/reason", approval.reason.as_deref(), 200);
    if approval.approved_places < quota.requested_places && approval.reason.is_none() {
        faults.push(Fault::body(
            "/reason",
            "reason_needed",
            "say why fewer places are approved than requested",
            "批准数少于申请数时须说明原因",
        ));
    }
    faults.check()
}

/// Checks that a withdrawal says why.
pub fn check_withdrawal(withdrawal: &QuotaWithdrawal) -> Result<()> {
    let mut faults = Faults::new();
    faults.text("/reason", &withdrawal.reason, 200);
    faults.check()
}

/// What the state, the places taken by workers who departed, and the day say together. A quota that was filled in time stays filled
/// after its last day.
#[must_use]
pub fn standing(quota: &Quota, filled: i64, today: Day) -> QuotaStanding {
    match quota.state {
        QuotaState::Draft => QuotaStanding::Draft,
        QuotaState::Withdrawn => QuotaStanding::Withdrawn,
        QuotaState::Published => standing_of_published(quota.approved_places, filled, quota.valid_until, today),
    }
}

/// The same for one that is published.
#[must_use]
pub fn standing_of_published(approved: i64, filled: i64, valid_until: Day, today: Day) -> QuotaStanding {
    if filled >= approved {
        QuotaStanding::Filled
    } else if today > valid_until {
        QuotaStanding::Expired
    } else {
        QuotaStanding::Open
    }
}

/// Whether rosters are taken on `today`.
#[must_use]
pub fn is_open(quota: &Quota, today: Day) -> bool {
    quota.state == QuotaState::Published && today <= quota.valid_until
}

/// Hands out places row by row, in the order of the call: a row gets its place when every account on its way has one left.
///
/// `free` holds what each account has left and is lowered as places are given. A row that needs more than is left is refused, a
/// later one with other accounts may still fit: nothing is refused that fits.
pub fn allocate(free: &mut [i64], wants: &[Vec<usize>]) -> Vec<bool> {
    wants
        .iter()
        .map(|accounts| {
            let fits = accounts.iter().all(|account| free.get(*account).is_some_and(|left| *left > 0));
            if fits {
                for account in accounts {
                    if let Some(left) = free.get_mut(*account) {
                        *left -= 1;
                    }
                }
            }
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::assert_sound;
    use crate::quotas::TRANSITIONS;
    use proptest::prelude::*;

    #[test]
    fn every_state_of_a_quota_can_be_reached() {
        assert_sound(TRANSITIONS, QuotaState::Draft, QuotaState::ALL);
    }

    #[test]
    fn a_row_that_does_not_fit_leaves_room_for_a_later_one_that_does() {
        // Two quotas share the cap of the agreement (account 2).
        let mut free = vec![1, 5, 3];
        let wants = vec![vec![0, 2], vec![0, 2], vec![1, 2], vec![1, 2], vec![1, 2]];
        assert_eq!(allocate(&mut free, &wants), [true, false, true, true, false]);
        assert_eq!(free, [0, 3, 0]);
    }

    proptest! {
        #[test]
        fn no_account_ever_gives_more_than_it_has(
            free in prop::collection::vec(0_i64..20, 1..6),
            wants in prop::collection::vec(prop::collection::btree_set(0_usize..6, 1..4), 0..60),
        ) {
            let wants: Vec<Vec<usize>> = wants.into_iter().map(|set| set.into_iter().collect()).collect();
            let mut left = free.clone();
            let given = allocate(&mut left, &wants);
            for (account, had) in free.iter().enumerate() {
                let taken = wants.iter().zip(&given).filter(|(want, given)| **given && want.contains(&account)).count();
                prop_assert_eq!(*had - i64::try_from(taken).unwrap(), left[account]);
                prop_assert!(left[account] >= 0);
            }
        }
    }
}
