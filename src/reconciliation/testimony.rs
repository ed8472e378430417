//! What everybody says about one person at a cut-off: who confirms, who denies, who only reports, and where they differ.
//!
//! A claim *confirms* when employer or destination says that the person arrived and the proof is at least what the agreement
//! asked for on the day of the arrival. It *denies* when employer or destination says that the person did not arrive. Every other word of an arrival, and
//! every sighting, *reports*. Of several claims the employer's goes before the destination's, then the stronger, the earlier and
//! at last the smaller id, so that nothing depends on the order in which claims are read.
//!
//! Deliberately absent: the plan of the origin and the clock's deadlines; `reconciliation::rules` brings them in.

use super::differences::{Detail, FieldValue, MismatchField, Said, SaidBy};
use super::facts::{ClaimRow, EmployerRef, SeenSummary, WindowsInTime};
use crate::agreements::rule_terms::EvidenceLevel;
use crate::arrivals::ClaimantRole;
use crate::retention::day_ranges::days_between;
use crate::retention::facts::region_contains;
use jiff::civil::Date;
use std::cmp::Reverse;
use uuid::Uuid;

/// The claims and sightings of one row, read at a cut-off.
#[derive(Debug, Clone, Copy)]
pub struct Testimony<'a> {
    claims: &'a [ClaimRow<'a>],
    seen: Option<SeenSummary>,
    windows: WindowsInTime<'a>,
    cut_off: Date,
}

impl<'a> Testimony<'a> {
    /// Reads the claims and sightings that are not dated after the cut-off.
    #[must_use]
    pub fn read(
        claims: &'a [ClaimRow<'a>],
        seen: Option<SeenSummary>,
        windows: impl Into<WindowsInTime<'a>>,
        cut_off: Date,
    ) -> Self {
        let seen = seen.filter(|seen| seen.first_seen_on <= cut_off);
        Self { claims, seen, windows: windows.into(), cut_off }
    }

    /// Whether nobody says anything.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.seen.is_none() && self.heard().next().is_none()
    }

    /// Whether anybody says, or saw, that the person arrived.
    #[must_use]
    pub fn says_arrived(&self) -> bool {
        self.seen.is_some() || self.arrivals().next().is_some()
    }

    /// A contested claim.
    #[must_use]
    pub fn disputed(&self) -> Option<&'a ClaimRow<'a>> {
        self.heard().filter(|claim| claim.disputed).min_by_key(|claim| weight(claim))
    }

    /// The claim to name where no other decides: an arrival before anything else.
    #[must_use]
    pub fn weightiest_claim(&self) -> Option<&'a ClaimRow<'a>> {
        self.heard().min_by_key(|claim| (!claim.outcome.is_arrival(), weight(claim)))
    }

    /// The claim that confirms the arrival.
    #[must_use]
    pub fn confirmed(&self) -> Option<&'a ClaimRow<'a>> {
        self.confirming().min_by_key(|claim| weight(claim))
    }

    /// Whether any confirming claim was on time.
    #[must_use]
    pub fn confirmed_in_time(&self) -> bool {
        self.confirming().any(|claim| !claim.late)
    }

    /// The claim that denies the arrival.
    #[must_use]
    pub fn denied(&self) -> Option<&'a ClaimRow<'a>> {
        self.heard()
            .filter(|claim| claim.role.confirms() && !claim.outcome.is_arrival())
            .min_by_key(|claim| (claim.role, Reverse(claim.day), claim.claim_id))
    }

    /// The earliest day for which an arrival was said or seen without being confirmed.
    #[must_use]
    pub fn reported_on(&self) -> Option<Date> {
        let claimed = self.arrivals().filter(|claim| !self.confirms(claim)).map(|claim| claim.day).min();
        let seen = self.seen.map(|seen| seen.first_seen_on);
        claimed.into_iter().chain(seen).min()
    }

    /// The earliest day for which origin or station said that the person did not arrive.
    #[must_use]
    pub fn other_outcome_on(&self) -> Option<Date> {
        self.heard().filter(|claim| !claim.role.confirms() && !claim.outcome.is_arrival()).map(|claim| claim.day).min()
    }

    /// Two employers that both say the person arrived with them: the confirming claim and its rival.
    #[must_use]
    pub fn rival_employers(&self) -> Option<(&'a ClaimRow<'a>, &'a ClaimRow<'a>)> {
        let confirmed = self.confirmed().filter(|claim| claim.role == ClaimantRole::Employer)?;
        let rival = self
            .arrivals()
            .filter(|claim| claim.role == ClaimantRole::Employer && claim.claimant != confirmed.claimant)
            .filter(|claim| claim.employer().differs_from(&confirmed.employer()))
            .min_by_key(|claim| weight(claim))?;
        Some((confirmed, rival))
    }

    /// One says arrived, another says not, and at least one of the two could confirm or deny. A denial dated before the
    /// arrival is no conflict: the person came later.
    #[must_use]
    pub fn outcome_conflict(&self) -> Option<Detail<'a>> {
        let pairs = self.arrivals().flat_map(|arrival| self.denials().map(move |denial| (arrival, denial)));
        let claimed = pairs
            .filter(|(arrival, denial)| arrival.role.confirms() || denial.role.confirms())
            .filter(|(arrival, denial)| arrival.day <= denial.day)
            .min_by_key(|(arrival, denial)| (weight(arrival), weight(denial)))
            .map(|(arrival, denial)| (Said::in_claim(arrival, FieldValue::Outcome(arrival.outcome)), denial));
        let seen = || {
            let seen = self.seen?;
            let denial = self
                .denials()
                .filter(|denial| denial.role.confirms() && seen.first_seen_on <= denial.day)
                .min_by_key(|denial| weight(denial))?;
            Some((Said { by: SaidBy::Observations, value: FieldValue::Seen }, denial))
        };
        let (one, denial) = claimed.or_else(seen)?;
        let other = Said::in_claim(denial, FieldValue::Outcome(denial.outcome));
        Some(Detail::Difference { field: MismatchField::Outcome, one, other })
    }

    /// Another confirming claim names another employer or region.
    #[must_use]
    pub fn confirmers_differ(&self, confirmed: &'a ClaimRow<'a>) -> Option<Detail<'a>> {
        let others = || self.confirming().filter(|claim| claim.claim_id != confirmed.claim_id);
        let employer = others()
            .filter(|claim| claim.employer().differs_from(&confirmed.employer()))
            .min_by_key(|claim| weight(claim));
        if let Some(other) = employer {
            let value = |claim: &'a ClaimRow<'a>| Said::in_claim(claim, FieldValue::Employer(claim.employer()));
            let (one, other) = (value(confirmed), value(other));
            return Some(Detail::Difference { field: MismatchField::Employer, one, other });
        }
        let other = others()
            .filter(|claim| regions_differ(claim.real_region, confirmed.real_region))
            .min_by_key(|claim| weight(claim))?;
        let value = |claim: &'a ClaimRow<'a>| Said::in_claim(claim, FieldValue::Region(claim.real_region));
        let (one, other) = (value(confirmed), value(other));
        Some(Detail::Difference { field: MismatchField::Region, one, other })
    }

    /// Another word of the arrival gives a day further off than the agreement tolerates.
    #[must_use]
    pub fn day_differs(&self, confirmed: &'a ClaimRow<'a>) -> Option<Detail<'a>> {
        let tolerance = u64::from(self.windows.on(confirmed.day).day_tolerance_days);
        let other = self
            .arrivals()
            .filter(|claim| days_between(claim.day, confirmed.day).unsigned_abs() > tolerance)
            .min_by_key(|claim| weight(claim))?;
        let value = |claim: &'a ClaimRow<'a>| Said::in_claim(claim, FieldValue::Day(claim.day));
        let (one, other) = (value(confirmed), value(other));
        Some(Detail::Difference { field: MismatchField::ArrivalDay, one, other })
    }

    fn heard(&self) -> impl Iterator<Item = &'a ClaimRow<'a>> + use<'a> {
        let cut_off = self.cut_off;
        self.claims.iter().filter(move |claim| claim.day <= cut_off)
    }

    fn arrivals(&self) -> impl Iterator<Item = &'a ClaimRow<'a>> + use<'a> {
        self.heard().filter(|claim| claim.outcome.is_arrival())
    }

    fn denials(&self) -> impl Iterator<Item = &'a ClaimRow<'a>> + use<'a> {
        self.heard().filter(|claim| !claim.outcome.is_arrival())
    }

    fn confirming(&self) -> impl Iterator<Item = &'a ClaimRow<'a>> {
        self.arrivals().filter(|claim| self.confirms(claim))
    }

    fn confirms(&self, claim: &ClaimRow<'_>) -> bool {
        claim.role.confirms() && claim.evidence >= self.windows.on(claim.day).minimum_evidence
    }
}

impl<'a> ClaimRow<'a> {
    /// Where the claim says the worker is. An employer that names nobody speaks of itself.
    #[must_use]
    pub fn employer(&self) -> EmployerRef<'a> {
        let names_nobody = self.real_employer == EmployerRef::default();
        if names_nobody && self.role == ClaimantRole::Employer {
            return EmployerRef { party: Some(self.claimant), credit_code: None };
        }
        self.real_employer
    }
}

fn weight(claim: &ClaimRow<'_>) -> (ClaimantRole, Reverse<EvidenceLevel>, Date, Uuid) {
    (claim.role, Reverse(claim.evidence), claim.day, claim.claim_id)
}

fn regions_differ(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| !region_contains(one, other) && !region_contains(other, one))
}
