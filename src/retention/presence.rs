//! Where a worker was, day by day, as the facts of one placement tell it: when the worker was seen in post, and when the
//! worker is known to have been away.
//!
//! Three kinds of day follow from the facts. A day is *seen* when an observation that counts speaks of it. A day is *absent*
//! when no employment in scope and no such observation covers it. Every other day is *silent*: employed according to the
//! books, seen by nobody. Deliberately absent: nodes and verdicts; `retention::rules` judges.

use super::day_ranges::{DayRange, DayRanges, day_before};
use super::facts::{Observation, PlacementHistory, region_contains};
use crate::agreements::rule_terms::{EmployerScope, EvidenceLevel};
use jiff::civil::Date;
use uuid::Uuid;

/// What an observation must show to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Weakest evidence that counts.
    pub minimum_evidence: EvidenceLevel,
    /// Lowest monthly wage in fen; none where every wage counts.
    pub wage_floor_fen: Option<i64>,
}

impl Demand {
    fn is_met_by(self, observation: &Observation<'_>) -> bool {
        observation.evidence >= self.minimum_evidence
            && self.wage_floor_fen.is_none_or(|floor| observation.monthly_wage_fen.is_some_and(|wage| wage >= floor))
    }
}

/// A stretch of days in which somebody saw the worker in post, in scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The observation it comes from.
    pub observation: Uuid,
    /// The days.
    pub days: DayRange,
    /// How strong it is.
    pub evidence: EvidenceLevel,
}

/// Employment at one employer, from a recorded spell or from the placement itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Employment<'a> {
    /// The recorded spell; none for the first employment that the arrival itself began.
    pub spell: Option<Uuid>,
    employer: Uuid,
    region: &'a str,
    /// The days, without end while it runs.
    pub days: DayRange,
}

/// The facts of one placement, read for one scope and as of one day.
#[derive(Debug, Clone)]
pub struct Presence<'a> {
    history: &'a PlacementHistory<'a>,
    scope: EmployerScope,
    today: Date,
    employments: Vec<Employment<'a>>,
}

impl<'a> Presence<'a> {
    /// Reads the facts.
    #[must_use]
    pub fn read(history: &'a PlacementHistory<'a>, scope: EmployerScope, today: Date) -> Self {
        Self { history, scope, today, employments: employments(history) }
    }

    /// The sightings that meet the demand, in order of their first day; of several on one day the strongest comes first.
    ///
    /// An observation over a period is less exact than a recorded first or last day: where employment at that employer is
    /// recorded, only the recorded days of the period count. After the last recorded day at that employer the observation itself
    /// shows the return; before a recorded first day there it shows nothing. Days on which an equally strong or stronger observation did not find the worker there do not count.
    #[must_use]
    pub fn sightings(&self, demand: Demand) -> Vec<Sighting> {
        let mut sightings: Vec<Sighting> = self
            .history
            .observations
            .iter()
            .filter(|seen| seen.in_post && demand.is_met_by(seen) && self.in_scope(seen.employer, seen.region))
            .flat_map(|seen| {
                let days = self.days_spoken_for(seen);
                days.iter()
                    .map(|days| Sighting { observation: seen.id, days, evidence: seen.evidence })
                    .collect::<Vec<_>>()
            })
            .collect();
        sightings.sort_unstable_by_key(|seen| (seen.days.first(), std::cmp::Reverse(seen.evidence), seen.observation));
        sightings
    }

    /// The wages that observations in post and in scope show, each with the days it was seen on.
    #[must_use]
    pub fn wages(&self, minimum_evidence: EvidenceLevel) -> Vec<(DayRange, i64)> {
        let counts = |seen: &&Observation<'_>| {
            seen.in_post && seen.evidence >= minimum_evidence && self.in_scope(seen.employer, seen.region)
        };
        let seen = self.history.observations.iter().filter(counts);
        seen.filter_map(|seen| Some((self.days_of(seen)?, seen.monthly_wage_fen?))).collect()
    }

    /// The days of `period` on which the worker is known to have been away from every employer in scope.
    ///
    /// A wage under the floor does not make a worker absent, so only the strength of the evidence matters here. A stronger
    /// observation that found the worker missing makes the days absent; an equally strong one that found the worker there leaves
    /// them silent.
    #[must_use]
    pub fn absences(&self, minimum_evidence: EvidenceLevel, period: DayRange) -> DayRanges {
        let mut present: Vec<DayRange> =
            self.sightings(Demand { minimum_evidence, wage_floor_fen: None }).iter().map(|seen| seen.days).collect();
        for employment in self.employments.iter().filter(|job| self.in_scope(job.employer, job.region)) {
            let missed = self.days_missed_at(employment.employer, minimum_evidence);
            present.extend(DayRanges::covering(vec![employment.days]).without(&missed).iter());
        }
        DayRanges::covering(present).missing_from(period)
    }

    /// The recorded spell that ended right before the absence, or else the one elsewhere that began with it.
    #[must_use]
    pub fn spell_behind(&self, absence: DayRange) -> Option<Uuid> {
        let ended = |job: &&Employment<'_>| job.days.last() == day_before(absence.first());
        let began = |job: &&Employment<'_>| job.days.first() == absence.first();
        let earliest = |wanted: &dyn Fn(&&Employment<'a>) -> bool| {
            self.employments.iter().filter(wanted).filter_map(|job| job.spell).min()
        };
        earliest(&ended).or_else(|| earliest(&began))
    }

    /// The observation that found the worker missing on the first day of the absence.
    #[must_use]
    pub fn missed_by(&self, absence: DayRange, minimum_evidence: EvidenceLevel) -> Option<Uuid> {
        self.history
            .observations
            .iter()
            .filter(|look| !look.in_post && look.evidence >= minimum_evidence)
            .filter(|look| look.from <= absence.first() && absence.first() <= look.to)
            .map(|look| look.id)
            .min()
    }

    fn in_scope(&self, employer: Uuid, region: &str) -> bool {
        let here = region_contains(self.history.first_region, region);
        match self.scope {
            EmployerScope::FirstEmployer => here && employer == self.history.first_employer,
            EmployerScope::SameRegion => here,
            EmployerScope::Any => true,
        }
    }

    fn days_of(&self, look: &Observation<'_>) -> Option<DayRange> {
        DayRange::new(look.from, look.to.min(self.today))
    }

    fn days_spoken_for(&self, seen: &Observation<'_>) -> DayRanges {
        let Some(period) = self.days_of(seen) else { return DayRanges::default() };
        let recorded: Vec<DayRange> =
            self.employments.iter().filter(|job| job.employer == seen.employer).map(|job| job.days).collect();
        let begins_later = recorded.iter().any(|job| job.first() > period.last());
        let exact = DayRanges::covering(recorded).within(period);
        let shows_a_return = exact.is_empty() && !begins_later;
        let spoken_for = if shows_a_return { DayRanges::covering(vec![period]) } else { exact };
        let contradicted = self
            .looks_at(seen.employer)
            .filter(|look| !look.in_post && look.evidence >= seen.evidence)
            .filter_map(|look| self.days_of(look))
            .collect();
        spoken_for.without(&DayRanges::covering(contradicted))
    }

    fn days_missed_at(&self, employer: Uuid, minimum_evidence: EvidenceLevel) -> DayRanges {
        let missed = self
            .looks_at(employer)
            .filter(|look| !look.in_post && look.evidence >= minimum_evidence)
            .filter_map(|look| Some((look, self.days_of(look)?)))
            .flat_map(|(look, days)| {
                let seen = self
                    .looks_at(employer)
                    .filter(|seen| seen.in_post && seen.evidence >= look.evidence)
                    .filter_map(|seen| self.days_of(seen))
                    .collect();
                DayRanges::covering(seen).missing_from(days).iter().collect::<Vec<_>>()
            })
            .collect();
        DayRanges::covering(missed)
    }

    fn looks_at(&self, employer: Uuid) -> impl Iterator<Item = &'a Observation<'a>> {
        self.history.observations.iter().filter(move |look| look.employer == employer)
    }
}

/// Recorded spells, and the employment that the arrival itself began where no spell records it.
///
/// The recorded exit ends every employment that began before it. The first employment ends at the latest when the next
/// recorded one begins, because a worker is in one post at a time.
fn employments<'a>(history: &PlacementHistory<'a>) -> Vec<Employment<'a>> {
    let last_day = history.exit.map(|exit| exit.grain.end(exit.on));
    let mut employments: Vec<Employment<'a>> = history
        .spells
        .iter()
        .filter_map(|spell| {
            let first = spell.grain.start(spell.from);
            let recorded = spell.to.map_or(Date::MAX, |to| spell.grain.end(to));
            let last = match last_day {
                Some(exit) if first < exit || first == history.onboarded_on => recorded.min(exit),
                _ => recorded,
            };
            Some(Employment {
                spell: Some(spell.id),
                employer: spell.employer,
                region: spell.region,
                days: DayRange::new(first, last)?,
            })
        })
        .collect();

    let arrival_is_recorded = employments.iter().any(|job| {
        job.employer == history.first_employer
            && region_contains(history.first_region, job.region)
            && job.days.contains(history.onboarded_on)
    });
    if !arrival_is_recorded {
        let next = employments.iter().map(|job| job.days.first()).filter(|&first| first > history.onboarded_on).min();
        let last = next.map_or(Date::MAX, day_before).min(last_day.unwrap_or(Date::MAX));
        employments.extend(DayRange::new(history.onboarded_on, last).map(|days| Employment {
            spell: None,
            employer: history.first_employer,
            region: history.first_region,
            days,
        }));
    }
    employments
}
