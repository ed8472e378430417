//! The retention curve (N5): which share of those who arrived is still there after so many days, by Kaplan and Meier (1958), with the 95 %
//! interval of Kalbfleisch and Prentice (on the scale of the logarithm of minus the logarithm, from Greenwood's variance).
//!
//! Silence is not confirmation: whoever is not known to have left is counted up to the last day anybody saw them and is censored there,
//! not taken for present. A small group is not shown, because its steps would be single persons.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::facts::region_contains;
use super::history::History;
use super::{cohort, reading, store};
use crate::agreements;
use crate::agreements::rule_terms::EmployerScope;
use crate::db::{Day, DbConnection, Id};
use crate::error::{Error, Result};
use crate::identity::Scope;

/// Fewest placements of which a curve is shown.
pub const SMALLEST_GROUP: usize = 10;
/// The normal deviate that leaves 2.5 % on either side.
const DEVIATE: f64 = 1.959_963_984_540_054;

/// How long one placement was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FollowUp {
    /// Days from the arrival to the end, or to the last day anybody saw the worker.
    pub days: u32,
    /// Whether it ended then; otherwise nothing is known from that day on.
    pub left: bool,
}

/// A step of the curve: the first day on which the share is this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CurveStep {
    /// Days after the arrival.
    #[schema(minimum = 0, maximum = 100_000, example = 90)]
    pub day: u32,
    /// Placements followed up to that day.
    #[schema(minimum = 0, maximum = 10_000_000, example = 240)]
    pub at_risk: u32,
    /// Of them, those who left on it.
    #[schema(minimum = 0, maximum = 10_000_000, example = 3)]
    pub left: u32,
    /// Share still there after it, from 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.91)]
    pub share: f64,
    /// Lower bound of the 95 % interval.
    #[schema(minimum = 0, maximum = 1, example = 0.87)]
    pub low: f64,
    /// Upper bound.
    #[schema(minimum = 0, maximum = 1, example = 0.94)]
    pub high: f64,
}

/// Which curve.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CurveFilter {
    /// Whose post counts; the first employer's unless told.
    pub scope: Option<EmployerScope>,
    /// Only placements of this plan year.
    #[param(minimum = 1980, maximum = 2099)]
    pub plan_year: Option<i64>,
    /// The day; left out: today.
    pub as_of: Option<Day>,
}

/// A retention curve.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RetentionCurve {
    /// The agreement.
    pub agreement_id: Id,
    /// As of which day.
    pub as_of: Day,
    /// Whose post counts.
    pub scope: EmployerScope,
    /// The plan year, when one was asked for.
    pub plan_year: Option<i64>,
    /// Whether the group is too small to be shown; then there are no steps and no numbers.
    pub hidden: bool,
    /// Fewest placements that are shown.
    #[schema(minimum = 1, maximum = 1000, example = 10)]
    pub smallest_group: usize,
    /// Placements that arrived; null when hidden.
    #[schema(minimum = 0, maximum = 10_000_000, example = 300)]
    pub placements: Option<u32>,
    /// The steps, each where somebody left.
    #[schema(max_items = 10_000)]
    pub steps: Vec<CurveStep>,
}

/// The steps of a group. Who left on a day was at risk on it, and so was who was seen last on it.
#[must_use]
pub fn steps(group: &[FollowUp]) -> Vec<CurveStep> {
    let mut days: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for followed in group {
        let (left, gone) = days.entry(followed.days).or_default();
        *left += u32::from(followed.left);
        *gone += 1;
    }
    let mut at_risk = u32::try_from(group.len()).unwrap_or(u32::MAX);
    let (mut share, mut greenwood) = (1.0_f64, 0.0_f64);
    let mut steps = Vec::new();
    for (day, (left, gone)) in days {
        if left > 0 {
            let (of, still) = (f64::from(at_risk), f64::from(at_risk - left));
            share *= still / of;
            greenwood += f64::from(left) / (of * still);
            let (low, high) = interval(share, greenwood);
            steps.push(CurveStep { day, at_risk, left, share, low, high });
        }
        at_risk = at_risk.saturating_sub(gone);
    }
    steps
}

/// The interval around a share with Greenwood's sum; nothing is left to be unsure of when nobody is there any more.
fn interval(share: f64, greenwood: f64) -> (f64, f64) {
    if share <= 0.0 || share >= 1.0 || !greenwood.is_finite() {
        return (share.clamp(0.0, 1.0), share.clamp(0.0, 1.0));
    }
    let spread = DEVIATE * greenwood.sqrt() / share.ln().abs();
    (share.powf(spread.exp()), share.powf((-spread).exp()))
}

/// How long a placement was followed by a day, for one reading of whose post counts; none before the arrival.
#[must_use]
pub fn follow_up(history: &History, scope: EmployerScope, as_of: Day) -> Option<FollowUp> {
    let arrived_on = history.placed.onboarded_on.filter(|day| *day <= as_of)?;
    let book = history.book()?;
    let counts = |employer: Option<Id>, region: &str| match scope {
        EmployerScope::FirstEmployer => {
            employer.is_none_or(|employer| employer == history.placed.employer_id)
                && region_contains(&history.placed.region_code, region)
        }
        EmployerScope::SameRegion => region_contains(&history.placed.region_code, region),
        EmployerScope::Any => true,
    };
    let of_scope: Vec<_> = book
        .spells()
        .map(|(spell, _)| spell)
        .filter(|spell| spell.started_on <= as_of && counts(spell.employer_id, &spell.region_code))
        .collect();
    let open = of_scope.iter().any(|spell| spell.ended_on.is_none_or(|day| day > as_of));
    let ended_on = history.placed.ended.map(|ended| ended.on).filter(|day| *day <= as_of);
    let last_end = of_scope.iter().filter_map(|spell| spell.ended_on).max();
    let left_on = if open { ended_on } else { last_end.or(ended_on) };
    if let Some(day) = left_on {
        return Some(FollowUp { days: days_between(arrived_on, day), left: true });
    }
    let seen = history.observations.iter().filter(|seen| seen.in_post && seen.seen_from <= as_of);
    let seen = seen.filter(|seen| {
        let region = seen.region_code.as_deref().unwrap_or(&history.placed.region_code);
        counts(seen.employer_id, region)
    });
    let last_seen = seen.map(|seen| seen.seen_to.min(as_of)).max().unwrap_or(arrived_on);
    Some(FollowUp { days: days_between(arrived_on, last_seen), left: false })
}

fn days_between(arrived_on: Day, day: Day) -> u32 {
    u32::try_from(day.days_since(arrived_on)).unwrap_or_default()
}

/// The curve of an agreement, for whoever may read it.
///
/// # Errors
/// [`crate::error::Code::NotFound`], [`crate::error::Code::ParameterInvalid`] for a day to come.
pub fn curve(
    connection: &mut DbConnection,
    scope: &Scope,
    agreement_id: Id,
    filter: &CurveFilter,
    today: Day,
) -> Result<RetentionCurve> {
    if agreements::store::readable(connection, scope, agreement_id)?.is_none() {
        return Err(Error::not_found("agreement", "协议"));
    }
    let as_of = reading::day_asked(filter.as_of, today)?;
    let whose = filter.scope.unwrap_or(EmployerScope::FirstEmployer);
    let (mut group, mut after) = (Vec::new(), Id::NIL);
    loop {
        let ids = cohort::onboarded(connection, agreement_id, filter.plan_year, as_of, after)?;
        let Some(last) = ids.last() else { break };
        after = *last;
        let histories = store::histories(connection, agreement_id, &ids)?;
        group.extend(histories.values().filter_map(|history| follow_up(history, whose, as_of)));
    }
    let hidden = group.len() < SMALLEST_GROUP;
    Ok(RetentionCurve {
        agreement_id,
        as_of,
        scope: whose,
        plan_year: filter.plan_year,
        hidden,
        smallest_group: SMALLEST_GROUP,
        placements: (!hidden).then(|| u32::try_from(group.len()).unwrap_or(u32::MAX)),
        steps: if hidden { Vec::new() } else { steps(&group) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn group(left: &[u32], censored: &[u32]) -> Vec<FollowUp> {
        let followed = |left| move |days: &u32| FollowUp { days: *days, left };
        left.iter().map(followed(true)).chain(censored.iter().map(followed(false))).collect()
    }

    /// The published example that every textbook works out: 21 patients under 6-mercaptopurine, weeks of remission (Freireich and others,
    /// Blood 21, 1963, 699-716); shares as in Kalbfleisch and Prentice.
    #[test]
    fn the_published_worked_example_comes_out() {
        let group = group(&[6, 6, 6, 7, 10, 13, 16, 22, 23], &[6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]);
        let found = steps(&group);
        let expected = [
            (6, 21, 3, 0.857),
            (7, 17, 1, 0.807),
            (10, 15, 1, 0.753),
            (13, 12, 1, 0.690),
            (16, 11, 1, 0.627),
            (22, 7, 1, 0.538),
            (23, 6, 1, 0.448),
        ];
        assert_eq!(found.len(), expected.len());
        for (step, (day, at_risk, left, share)) in found.iter().zip(expected) {
            assert_eq!((step.day, step.at_risk, step.left), (day, at_risk, left));
            assert!((step.share - share).abs() < 0.0005, "{step:?}");
        }
        // Greenwood's standard error at week 10 is 0.0963, so the interval there is 0.503 to 0.889.
        assert!((found[2].low - 0.503).abs() < 0.001 && (found[2].high - 0.889).abs() < 0.001, "{:?}", found[2]);
    }

    #[test]
    fn a_group_in_which_nobody_left_has_no_step_and_one_that_all_left_ends_at_nothing() {
        assert_eq!(steps(&group(&[], &[30, 60, 90])), []);
        let all = steps(&group(&[5, 9], &[]));
        assert!(
            all[1].share.abs() < f64::EPSILON && all[1].low.abs() < f64::EPSILON && all[1].high.abs() < f64::EPSILON
        );
        assert_eq!(steps(&[]), []);
    }

    proptest! {
        #[test]
        fn a_curve_only_falls_and_lies_within_its_interval(
            left in prop::collection::vec(0_u32..400, 0..40),
            censored in prop::collection::vec(0_u32..400, 0..40),
        ) {
            let mut before = 1.0;
            for step in steps(&group(&left, &censored)) {
                prop_assert!(step.share < before && step.left > 0 && step.left <= step.at_risk);
                prop_assert!(step.low <= step.share + 1e-12 && step.share <= step.high + 1e-12 && step.high <= 1.0 && step.low >= 0.0);
                before = step.share;
            }
        }

        /// Without anybody unknown the curve is the plain share of those still there.
        #[test]
        fn without_censoring_it_is_the_plain_share(left in prop::collection::vec(0_u32..50, 1..40)) {
            for step in steps(&group(&left, &[])) {
                let still = left.iter().filter(|day| **day > step.day).count();
                let share = |count: usize| f64::from(u32::try_from(count).unwrap());
                prop_assert!((step.share - share(still) / share(left.len())).abs() < 1e-9);
            }
        }
    }
}
