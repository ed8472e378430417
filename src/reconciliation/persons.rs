//! What belongs to one person under an agreement: the placements of the person, the claims that name the person, and which of
//! several placements for the same time counts.
//!
//! Most persons have one placement and no such claim and never get here. The result depends on the facts of the person alone, not on
//! where a run has got to, so the pass over placements and the pass over claims come to the same verdict.
//!
//! Deliberately absent: choosing among equal candidates, and persons across agreements.

use super::attribution::{AttributionCandidate, primary_placement};
use super::facts::ClaimRow;
use super::matching::{IdentityClaim, IdentityTier, MatchVerdict, match_claims};
use super::records::{ClaimRecord, IdentifiedPlacement, IdentityRecord, Measure};
use super::testimony::Testimony;
use crate::retention::day_ranges::{days_after, days_between};
use jiff::civil::Date;
use std::collections::HashMap;
use uuid::Uuid;

/// Everything about some persons, gathered from the books.
#[derive(Debug, Default)]
pub struct Gathering {
    /// Every placement of these persons under the agreement.
    pub placements: Vec<IdentifiedPlacement>,
    /// The claims about those placements, by placement.
    pub claims: HashMap<Uuid, Vec<ClaimRecord>>,
    /// The claims that name one of these persons.
    pub identity: Vec<IdentityRecord>,
}

/// A claim that names a person, matched to a placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedClaim {
    /// The claim.
    pub claim: ClaimRecord,
    /// How well the identity fits.
    pub tier: IdentityTier,
}

/// Claims about one person and one season that belong to no placement, or to none for certain: one row of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LooseClaims {
    /// The claim the row goes by.
    pub key: Uuid,
    /// The latest claim of each claimant.
    pub claims: Vec<ClaimRecord>,
    /// The placements that fit equally well; empty where nobody announced the person.
    pub candidates: Vec<Uuid>,
}

/// What the facts of some persons come to.
#[derive(Debug, Default)]
pub struct Resolution {
    /// The matched claims, by placement.
    pub matched: HashMap<Uuid, Vec<MatchedClaim>>,
    /// For a placement that does not count: the placement of the same person that does.
    pub duplicate_of: HashMap<Uuid, Uuid>,
    /// The claims left over, in no particular order.
    pub loose: Vec<LooseClaims>,
}

/// The claims of a placement, matched ones among them: the latest of each claimant, in ascending order of their ids.
#[must_use]
pub fn latest_of_each(mut claims: Vec<ClaimRecord>) -> Vec<ClaimRecord> {
    claims.sort_unstable_by_key(|claim| (claim.claimant, claim.recorded_at, claim.id));
    let mut latest: Vec<ClaimRecord> = Vec::with_capacity(claims.len());
    for claim in claims {
        match latest.last_mut() {
            Some(last) if last.claimant == claim.claimant => *last = claim,
            _ => latest.push(claim),
        }
    }
    latest.sort_unstable_by_key(|claim| claim.id);
    latest
}

/// Resolves persons one by one.
#[must_use]
pub fn resolve(gathering: &Gathering, measure: &Measure) -> Resolution {
    let mut persons: HashMap<&[u8], Person<'_>> = HashMap::new();
    for placement in &gathering.placements {
        persons.entry(&placement.worker_key).or_default().placements.push(placement);
    }
    for claim in &gathering.identity {
        persons.entry(&claim.worker_key).or_default().identity.push(claim);
    }
    let mut resolution = Resolution::default();
    for person in persons.values() {
        person.match_identity(measure, &mut resolution);
        person.find_duplicates(&gathering.claims, measure, &mut resolution);
    }
    resolution
}

#[derive(Default)]
struct Person<'a> {
    placements: Vec<&'a IdentifiedPlacement>,
    identity: Vec<&'a IdentityRecord>,
}

impl Person<'_> {
    fn match_identity(&self, measure: &Measure, resolution: &mut Resolution) {
        let announced: Vec<_> = self
            .placements
            .iter()
            .map(|row| row.placement.identified(measure, &row.worker_key, &row.name_key))
            .collect();
        let claims: Vec<_> = self
            .identity
            .iter()
            .map(|named| IdentityClaim {
                claim: named.claim.row(),
                worker_key: &named.worker_key,
                name_key: &named.name_key,
            })
            .collect();
        let by_id: HashMap<Uuid, &ClaimRecord> =
            self.identity.iter().map(|named| (named.claim.id, &named.claim)).collect();
        let mut loose: HashMap<Vec<Uuid>, Vec<ClaimRecord>> = HashMap::new();
        for matched in match_claims(&announced, &claims, &measure.windows).claims {
            let Some(&claim) = by_id.get(&matched.claim_id) else { continue };
            match matched.verdict {
                MatchVerdict::Placement { placement_id, tier } => {
                    let found = MatchedClaim { claim: claim.clone(), tier };
                    resolution.matched.entry(placement_id).or_default().push(found);
                }
                MatchVerdict::Ambiguous(candidates) => loose.entry(candidates).or_default().push(claim.clone()),
                MatchVerdict::Unannounced => loose.entry(Vec::new()).or_default().push(claim.clone()),
            }
        }
        for (candidates, claims) in loose {
            for claims in by_season(claims, measure) {
                let claims = latest_of_each(claims);
                let Some(key) = weightiest(&claims, measure) else { continue };
                resolution.loose.push(LooseClaims { key, claims, candidates: candidates.clone() });
            }
        }
    }

    fn find_duplicates(
        &self,
        claims: &HashMap<Uuid, Vec<ClaimRecord>>,
        measure: &Measure,
        resolution: &mut Resolution,
    ) {
        if self.placements.len() < 2 {
            return;
        }
        let stays: Vec<Stay> = self
            .placements
            .iter()
            .filter_map(|row| {
                let direct = claims.get(&row.placement.id).into_iter().flatten().cloned();
                let matched = resolution.matched.get(&row.placement.id).into_iter().flatten();
                let claims = latest_of_each(direct.chain(matched.map(|found| found.claim.clone())).collect());
                Stay::of(row, &claims, measure)
            })
            .collect();
        for stay in &stays {
            let rivals: Vec<&Stay> = stays.iter().filter(|other| stay.overlaps(other)).collect();
            let begun = rivals.iter().map(|rival| rival.from).min().unwrap_or(stay.from);
            let candidates: Vec<AttributionCandidate> = rivals.iter().map(|rival| rival.candidate).collect();
            let (own, rule) = (stay.candidate.placement_id, measure.attribution_on(begun));
            if let Some(primary) = primary_placement(&candidates, rule).filter(|id| *id != own) {
                resolution.duplicate_of.insert(own, primary);
            }
        }
    }
}

/// The time one placement stands for.
struct Stay {
    candidate: AttributionCandidate,
    from: Date,
    /// The first day after it.
    until: Date,
}

impl Stay {
    /// The stay of a live row; none where employer or destination says that there was none, and nobody says otherwise.
    fn of(row: &IdentifiedPlacement, claims: &[ClaimRecord], measure: &Measure) -> Option<Self> {
        let announced = row.placement.row(measure);
        let claims: Vec<ClaimRow<'_>> = claims.iter().map(ClaimRecord::row).collect();
        let testimony = Testimony::read(&claims, None, measure.windows_in_time(), measure.cut_off);
        let confirmed = testimony.confirmed().map(|claim| claim.day);
        let reported = testimony.reported_on();
        let denied = testimony.denied().is_some() && confirmed.is_none() && reported.is_none();
        if denied || !announced.is_live() {
            return None;
        }
        let from = confirmed.or(reported).unwrap_or(announced.planned_arrival_on);
        // Where no exit is recorded a stay is taken to last a season, so that next year's placement is another one.
        let season = i64::from(measure.windows.season_after_days);
        let ended_on = row.placement.ended_on.filter(|&day| day <= measure.cut_off);
        Some(Self {
            candidate: AttributionCandidate {
                placement_id: announced.placement_id,
                arrived_on: confirmed,
                departed_on: announced.departed_on,
            },
            from,
            until: ended_on.unwrap_or_else(|| days_after(from, season)),
        })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let itself = self.candidate.placement_id == other.candidate.placement_id;
        itself || (self.from < other.until && other.from < self.until)
    }
}

/// Parts the claims about one person where more than a season lies between them.
fn by_season(mut claims: Vec<ClaimRecord>, measure: &Measure) -> Vec<Vec<ClaimRecord>> {
    let season = i64::from(measure.windows.season_before_days) + i64::from(measure.windows.season_after_days);
    claims.sort_unstable_by_key(|claim| (claim.day, claim.id));
    let mut seasons: Vec<Vec<ClaimRecord>> = Vec::new();
    for claim in claims {
        let open = seasons.last_mut();
        match open.filter(|open| open.first().is_some_and(|first| days_between(first.day, claim.day) <= season)) {
            Some(open) => open.push(claim),
            None => seasons.push(vec![claim]),
        }
    }
    seasons
}

fn weightiest(claims: &[ClaimRecord], measure: &Measure) -> Option<Uuid> {
    let rows: Vec<ClaimRow<'_>> = claims.iter().map(ClaimRecord::row).collect();
    Testimony::read(&rows, None, measure.windows_in_time(), measure.cut_off)
        .weightiest_claim()
        .map(|claim| claim.claim_id)
}
