//! The comparison of a stretch of rows, and the figures that grow with it.
//!
//! Deliberately absent: reading and writing. What is compared is at hand, what comes out goes to the visitor row by row.

use super::attribution::QuotaStanding;
use super::facts::ClaimRow;
use super::matching::IdentityTier;
use super::persons::{LooseClaims, MatchedClaim, Resolution, latest_of_each};
use super::records::{ClaimRecord, Measure, PlacementRecord, Stretch};
use super::report::{QuotaCounts, RunCounts, SideTotals};
use super::rules::{Classification, RowFacts, classify};
use super::run_hash::RowKey;
use super::situations::Situation;
use super::testimony::Testimony;
use crate::db::Id;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// One row, compared.
#[derive(Debug)]
pub struct Compared<'a> {
    /// What it is about.
    pub key: RowKey,
    /// The placement; none where nobody announced the person.
    pub placement: Option<&'a PlacementRecord>,
    /// Its one situation.
    pub classification: Classification<'a>,
    /// How well the identity of a matched claim fits: the weakest, where there are several.
    pub tier: Option<IdentityTier>,
    /// Whether the origin announces the person.
    pub announced: bool,
    /// The day of the arrival that employer or destination confirms, whatever else is said about the row.
    pub confirmed_on: Option<jiff::civil::Date>,
    /// Where that claim says the post is, as far as it says it.
    pub confirmed_at: ClaimedPost<'a>,
}

/// A post as a claim names it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClaimedPost<'a> {
    /// The employer's party id.
    pub employer: Option<Uuid>,
    /// Region code of the workplace.
    pub region: Option<&'a str>,
}

impl<'a> ClaimedPost<'a> {
    fn of(claim: &ClaimRow<'a>) -> Self {
        Self { employer: claim.employer().party, region: claim.real_region }
    }
}

/// A stretch of placements, ready to be compared.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// The placements and what is said about them.
    pub stretch: &'a Stretch,
    /// What the facts of their persons come to.
    pub resolution: &'a Resolution,
    /// What is compared by.
    pub measure: &'a Measure,
    /// The place of each arrival that is above the places of its quota.
    pub ranks: &'a HashMap<Uuid, u32>,
}

impl Comparison<'_> {
    /// Compares every placement of the stretch, in order.
    ///
    /// # Errors
    /// What `visit` says.
    pub fn each<E>(&self, mut visit: impl FnMut(&Compared<'_>) -> Result<(), E>) -> Result<(), E> {
        let records = &self.stretch.claims;
        let claims: Vec<ClaimRow<'_>> = records.iter().map(ClaimRecord::row).collect();
        let mut rest = (claims.as_slice(), records.as_slice());
        for placement in &self.stretch.placements {
            let (claims, records) = claims_of(&mut rest, placement.id);
            let Some(matched) = self.resolution.matched.get(&placement.id) else {
                self.one(placement, claims, &[], &mut visit)?;
                continue;
            };
            let named = matched.iter().map(|found| found.claim.clone());
            let together = latest_of_each(records.iter().cloned().chain(named).collect());
            let claims: Vec<ClaimRow<'_>> = together.iter().map(ClaimRecord::row).collect();
            self.one(placement, &claims, matched, &mut visit)?;
        }
        Ok(())
    }

    fn one<E>(
        &self,
        placement: &PlacementRecord,
        claims: &[ClaimRow<'_>],
        matched: &[MatchedClaim],
        visit: &mut impl FnMut(&Compared<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (Measure { cut_off, quotas, .. }, windows) = (self.measure, self.measure.windows_in_time());
        let origin = placement.row(self.measure);
        let seen = self.stretch.seen.get(&placement.id).copied();
        let testimony = Testimony::read(claims, seen, windows, *cut_off);
        let confirmed = testimony.confirmed().map(|claim| claim.claim_id);
        let tier_of = |id: Uuid| matched.iter().find(|found| found.claim.id == id).map(|found| found.tier);
        let facts = RowFacts {
            origin: Some(&origin),
            claims,
            seen,
            disputed: self.stretch.disputed.contains(&placement.id),
            duplicate_of: self.resolution.duplicate_of.get(&placement.id).copied(),
            name_differs: confirmed.and_then(tier_of) == Some(IdentityTier::T1),
            arrival_rank: self.ranks.get(&placement.id).copied(),
            approved_places: quotas.get(&placement.quota_id).map(|quota| quota.approved_places),
            ..RowFacts::default()
        };
        visit(&Compared {
            key: RowKey::Placement(placement.id),
            placement: Some(placement),
            classification: classify(&facts, windows, *cut_off),
            tier: claims.iter().filter_map(|claim| tier_of(claim.claim_id)).max(),
            announced: origin.is_live(),
            confirmed_on: testimony.confirmed().map(|claim| claim.day),
            confirmed_at: testimony.confirmed().map(ClaimedPost::of).unwrap_or_default(),
        })
    }
}

/// Takes the claims of a placement off the front; both lists hold the same claims, in the order of the placements.
fn claims_of<'c, 'r>(
    rest: &mut (&'c [ClaimRow<'r>], &'r [ClaimRecord]),
    id: Uuid,
) -> (&'c [ClaimRow<'r>], &'r [ClaimRecord]) {
    let earlier = rest.1.partition_point(|claim| claim.placement_id < Some(id));
    let own = rest.1.partition_point(|claim| claim.placement_id <= Some(id)) - earlier;
    let (claims, records) = (rest.0.split_at(earlier).1, rest.1.split_at(earlier).1);
    let (claims, records) = (claims.split_at(own), records.split_at(own));
    *rest = (claims.1, records.1);
    (claims.0, records.0)
}

/// Compares claims that belong to no placement for certain.
///
/// # Errors
/// What `visit` says.
pub fn compare_loose<E>(
    loose: &LooseClaims,
    measure: &Measure,
    visit: impl FnOnce(&Compared<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let claims: Vec<ClaimRow<'_>> = loose.claims.iter().map(ClaimRecord::row).collect();
    let facts = RowFacts { claims: &claims, candidates: &loose.candidates, ..RowFacts::default() };
    let testimony = Testimony::read(&claims, None, measure.windows_in_time(), measure.cut_off);
    visit(&Compared {
        key: RowKey::Claim(loose.key),
        placement: None,
        classification: classify(&facts, measure.windows_in_time(), measure.cut_off),
        tier: None,
        announced: false,
        confirmed_on: testimony.confirmed().map(|claim| claim.day),
        confirmed_at: testimony.confirmed().map(ClaimedPost::of).unwrap_or_default(),
    })
}

/// What a row adds to the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Its situation.
    pub situation: Situation,
    /// Whether the origin announces the person.
    pub announced: bool,
    /// Whether employer or destination confirms an arrival.
    pub confirmed: bool,
    /// The quota in which the arrival counts; none where there is none.
    pub arrival_quota_id: Option<Id>,
}

impl Counted {
    /// Of a row.
    #[must_use]
    pub fn of(row: &Compared<'_>) -> Self {
        let arrived = row.placement.filter(|_| row.classification.arrived_on.is_some());
        Self {
            situation: row.classification.situation,
            announced: row.announced,
            confirmed: row.confirmed_on.is_some(),
            arrival_quota_id: arrived.map(|placement| Id(placement.quota_id)),
        }
    }
}

/// The figures of a run, changing row by row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Rows so far.
    pub rows: i64,
    situations: BTreeMap<Situation, i64>,
    totals: SideTotals,
    arrivals: BTreeMap<Id, i64>,
}

impl Tally {
    /// Counts a row.
    pub fn add(&mut self, row: Counted) {
        self.change(row, 1);
    }

    /// Counts a row no more.
    pub fn take(&mut self, row: Counted) {
        self.change(row, -1);
    }

    fn change(&mut self, row: Counted, by: i64) {
        self.rows += by;
        *self.situations.entry(row.situation).or_default() += by;
        if row.situation == Situation::Disputed {
            self.totals.disputed += by;
        } else {
            self.totals.announced += by * i64::from(row.announced);
            self.totals.arrived += by * i64::from(row.confirmed);
        }
        if let Some(quota) = row.arrival_quota_id {
            *self.arrivals.entry(quota).or_default() += by;
        }
    }

    /// The figures of the run.
    #[must_use]
    pub fn counts(&self, measure: &Measure) -> RunCounts {
        let mut quotas = QuotaCounts::default();
        for (id, quota) in &measure.quotas {
            let arrivals = self.arrivals.get(&Id(*id)).copied().unwrap_or_default();
            let standing = QuotaStanding::of(quota.approved_places, u32::try_from(arrivals).unwrap_or(u32::MAX));
            let QuotaStanding { over, under } = standing;
            quotas.under += i64::from(under > 0);
            quotas.places_under += i64::from(under);
            quotas.over += i64::from(over > 0);
            quotas.places_over += i64::from(over);
        }
        RunCounts::of(&self.situations, self.totals, quotas)
    }
}
