//! The facts of a run as they come from the books, and what one run compares them by.
//!
//! A record owns what the borrowed rows of `reconciliation::facts` look at. Deliberately absent: where the records come from, and
//! everything that was recorded after the cut-off: it never gets here.

use super::facts::{AgreementWindows, ClaimRow, EmployerRef, OriginRow, OriginState, SeenSummary, WindowsInTime};
use crate::agreements::rule_terms::{AttributionRule, EvidenceLevel};
use crate::arrivals::{ClaimantRole, ClaimedOutcome};
use jiff::civil::Date;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What one run compares by.
#[derive(Debug, Clone)]
pub struct Measure {
    /// The day at whose end both sides are compared.
    pub cut_off: Date,
    /// The periods of the agreement, as it began.
    pub windows: AgreementWindows,
    /// The periods of later versions, each with its first day, in order.
    pub later_windows: Vec<(Date, AgreementWindows)>,
    /// Which of several rows of one worker counts, by version with its first day, in order.
    pub attributions: Vec<(Date, AttributionRule)>,
    /// The quotas of the agreement, by id.
    pub quotas: HashMap<Uuid, QuotaRecord>,
}

impl Measure {
    /// The periods through the versions of the agreement.
    #[must_use]
    pub fn windows_in_time(&self) -> WindowsInTime<'_> {
        WindowsInTime::new(&self.windows, &self.later_windows)
    }

    /// Which of several rows of one worker counts, where the first of them begins on `day`.
    #[must_use]
    pub fn attribution_on(&self, day: Date) -> AttributionRule {
        let version = self.attributions.iter().rfind(|(first, _)| *first <= day).or_else(|| self.attributions.first());
        version.map_or(AttributionRule::EarliestConfirmedArrival, |(_, rule)| *rule)
    }
}

/// What a row needs to know of its quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRecord {
    /// Region code of the workplace.
    pub region: String,
    /// Approved places.
    pub approved_places: u32,
}

/// One placement as the origin registered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementRecord {
    /// The placement.
    pub id: Uuid,
    /// The quota that holds the place.
    pub quota_id: Uuid,
    /// The planned employer.
    pub employer_id: Uuid,
    /// Whether the origin cancelled it.
    pub cancelled: bool,
    /// Whether the hold on its place has run out by the end of the cut-off day.
    pub hold_lapsed: bool,
    /// The planned day of arrival.
    pub planned_arrival_on: Date,
    /// The last day on which an arrival is on time.
    pub arrival_due_on: Date,
    /// The recorded day of departure, which may lie after the cut-off.
    pub departed_on: Option<Date>,
    /// The recorded last day in post, which may lie after the cut-off.
    pub ended_on: Option<Date>,
}

impl PlacementRecord {
    /// The row as it is compared. The keys of the person are empty: only matching asks for them.
    #[must_use]
    pub fn row<'a>(&'a self, measure: &'a Measure) -> OriginRow<'a> {
        self.identified(measure, &[], &[])
    }

    /// The row with the keys of its person.
    #[must_use]
    pub fn identified<'a>(&'a self, measure: &'a Measure, worker_key: &'a [u8], name_key: &'a [u8]) -> OriginRow<'a> {
        let region = measure.quotas.get(&self.quota_id).map_or("", |quota| quota.region.as_str());
        OriginRow {
            placement_id: self.id,
            worker_key,
            name_key,
            quota_id: self.quota_id,
            planned_employer: EmployerRef { party: Some(self.employer_id), credit_code: None },
            planned_region: region,
            planned_arrival_on: self.planned_arrival_on,
            arrival_due_on: self.arrival_due_on,
            state: self.state(measure.cut_off),
            departed_on: self.departed_on.filter(|&day| day <= measure.cut_off),
        }
    }

    fn state(&self, cut_off: Date) -> OriginState {
        match self.departed_on {
            _ if self.cancelled => OriginState::Cancelled,
            Some(day) if day <= cut_off => OriginState::Departed,
            // Who left later had not lost the place on the way there.
            departed_on => OriginState::Enrolled { hold_lapsed: self.hold_lapsed && departed_on.is_none() },
        }
    }
}

/// A placement with the keys of its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifiedPlacement {
    /// Keyed index of the ID number.
    pub worker_key: Vec<u8>,
    /// Keyed index of the name.
    pub name_key: Vec<u8>,
    /// The placement.
    pub placement: PlacementRecord,
}

/// A claim that was in effect at the cut-off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRecord {
    /// The claim.
    pub id: Uuid,
    /// The placement it is about; none where it names a person.
    pub placement_id: Option<Uuid>,
    /// In which capacity it is made.
    pub role: ClaimantRole,
    /// The party that makes it.
    pub claimant: Uuid,
    /// What is said to have happened.
    pub outcome: ClaimedOutcome,
    /// On which day.
    pub day: Date,
    /// The employer it names.
    pub employer: Option<Uuid>,
    /// The region it names.
    pub region: Option<String>,
    /// How strong the proof is.
    pub evidence: EvidenceLevel,
    /// Whether it was recorded after the deadline.
    pub late: bool,
    /// When it was recorded, in microseconds since the epoch.
    pub recorded_at: i64,
}

impl ClaimRecord {
    /// The claim as it is compared. Objections are raised to the placement, never to a single claim.
    #[must_use]
    pub fn row(&self) -> ClaimRow<'_> {
        ClaimRow {
            claim_id: self.id,
            role: self.role,
            claimant: self.claimant,
            outcome: self.outcome,
            day: self.day,
            real_employer: EmployerRef { party: self.employer, credit_code: None },
            real_region: self.region.as_deref(),
            evidence: self.evidence,
            late: self.late,
            disputed: false,
        }
    }
}

/// A claim that names a person and no placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRecord {
    /// Keyed index of the ID number.
    pub worker_key: Vec<u8>,
    /// Keyed index of the name.
    pub name_key: Vec<u8>,
    /// The claim.
    pub claim: ClaimRecord,
}

/// A stretch of placements in ascending order of their ids, with what is said about each.
#[derive(Debug, Default)]
pub struct Stretch {
    /// The placements.
    pub placements: Vec<PlacementRecord>,
    /// The claims about them, in ascending order of placement and claim.
    pub claims: Vec<ClaimRecord>,
    /// Who was seen in post.
    pub seen: HashMap<Uuid, SeenSummary>,
    /// The placements about which a side has raised an objection.
    pub disputed: HashSet<Uuid>,
}
