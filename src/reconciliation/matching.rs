//! Which announced row a claim belongs to, where the claim names a person and not a placement.
//!
//! The ID number's keyed index must be the same; the name decides the tier: **T0** the name agrees too, **T1** the name differs
//! and the row shows a field mismatch. The day of the claim must fall into the season of the placement, so that the same worker
//! next year is another placement and not a second claim to this one. Of several candidates the better tier goes first,
//! then the one whose arrival window holds the day; what is still equal is **ambiguous**: all candidates are listed and none is
//! picked.
//!
//! Two passes: the first walks the announced rows and offers each to the claims of its worker; the second walks the claims and
//! finds those that nobody announced. Deliberately absent: weaker identities (masked numbers, phone, township), which give
//! candidates for a person to look at and never a match.

use super::facts::{AgreementWindows, ClaimRow, OriginRow};
use crate::retention::day_ranges::days_after;
use uuid::Uuid;

/// A claim that names a person.
#[derive(Debug, Clone, Copy)]
pub struct IdentityClaim<'a> {
    /// The claim.
    pub claim: ClaimRow<'a>,
    /// Keyed index of the ID number, made with the same key as that of the announced rows.
    pub worker_key: &'a [u8],
    /// Keyed index of the name.
    pub name_key: &'a [u8],
}

crate::text_enum! {
    /// How well a claim's identity fits.
    pub enum IdentityTier {
        /// ID number and name agree.
        T0 => "t0" / "证件号码和姓名一致" / "ID number and name agree",
        /// The ID number agrees, the name differs.
        T1 => "t1" / "证件号码一致、姓名不同" / "ID number agrees, name differs",
    }
}

/// Where a claim belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchVerdict {
    /// To this placement.
    Placement {
        /// The placement.
        placement_id: Uuid,
        /// How well the identity fits.
        tier: IdentityTier,
    },
    /// To one of these, and the exchange does not choose. Ascending.
    Ambiguous(Vec<Uuid>),
    /// To none: nobody announced the person for that time.
    Unannounced,
}

/// The verdict on one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMatch {
    /// The claim.
    pub claim_id: Uuid,
    /// Where it belongs.
    pub verdict: MatchVerdict,
}

/// The result of both passes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// Every claim exactly once, by claim id.
    pub claims: Vec<ClaimMatch>,
    /// The live announced rows that no claim was matched to, by placement id. A candidate of an ambiguous claim is among them.
    pub unclaimed: Vec<Uuid>,
}

/// A row offered to a claim; the fields are in the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Offer {
    claim_id: Uuid,
    tier: IdentityTier,
    outside_arrival_window: bool,
    placement_id: Uuid,
}

impl Offer {
    fn is_as_good_as(&self, other: &Self) -> bool {
        self.tier == other.tier && self.outside_arrival_window == other.outside_arrival_window
    }
}

/// Matches claims to announced rows. The result does not depend on the order of either list.
#[must_use]
pub fn match_claims(announced: &[OriginRow<'_>], claims: &[IdentityClaim<'_>], windows: &AgreementWindows) -> Matches {
    let offers = offers(announced, claims, windows);
    let mut claim_ids: Vec<Uuid> = claims.iter().map(|claim| claim.claim.claim_id).collect();
    claim_ids.sort_unstable();

    let mut matched = Vec::new();
    let mut rest = offers.as_slice();
    let mut verdicts = Vec::with_capacity(claim_ids.len());
    for claim_id in claim_ids {
        let own = rest.partition_point(|offer| offer.claim_id <= claim_id);
        let (offered, later) = rest.split_at(own);
        rest = later;
        let verdict = choose(offered);
        if let MatchVerdict::Placement { placement_id, .. } = verdict {
            matched.push(placement_id);
        }
        verdicts.push(ClaimMatch { claim_id, verdict });
    }
    matched.sort_unstable();
    let mut unclaimed: Vec<Uuid> = announced
        .iter()
        .filter(|row| row.is_live() && matched.binary_search(&row.placement_id).is_err())
        .map(|row| row.placement_id)
        .collect();
    unclaimed.sort_unstable();
    Matches { claims: verdicts, unclaimed }
}

/// The first pass: every live row, offered to the claims of its worker in its season. In order of claim, then preference.
fn offers(announced: &[OriginRow<'_>], claims: &[IdentityClaim<'_>], windows: &AgreementWindows) -> Vec<Offer> {
    let mut by_worker: Vec<&IdentityClaim<'_>> = claims.iter().collect();
    by_worker.sort_unstable_by_key(|claim| claim.worker_key);
    let mut offers = Vec::with_capacity(claims.len());
    for row in announced.iter().filter(|row| row.is_live()) {
        let from = by_worker.partition_point(|claim| claim.worker_key < row.worker_key);
        let of_worker = by_worker.iter().skip(from).take_while(|claim| claim.worker_key == row.worker_key);
        offers.extend(of_worker.filter_map(|claim| offer(row, claim, windows)));
    }
    offers.sort_unstable();
    offers
}

fn offer(row: &OriginRow<'_>, claim: &IdentityClaim<'_>, windows: &AgreementWindows) -> Option<Offer> {
    let day = claim.claim.day;
    let planned = row.planned_arrival_on;
    let season_begins = days_after(planned, -i64::from(windows.season_before_days));
    let season_ends = days_after(planned, i64::from(windows.season_after_days));
    if day < season_begins || day > season_ends {
        return None;
    }
    let expected_from = row.departed_on.map_or(planned, |departed| departed.min(planned));
    Some(Offer {
        claim_id: claim.claim.claim_id,
        tier: if claim.name_key == row.name_key { IdentityTier::T0 } else { IdentityTier::T1 },
        outside_arrival_window: day < expected_from || day > row.arrival_due_on,
        placement_id: row.placement_id,
    })
}

/// The second pass, for one claim: the best offer where it stands alone.
fn choose(offered: &[Offer]) -> MatchVerdict {
    let Some(best) = offered.first() else { return MatchVerdict::Unannounced };
    let mut equals: Vec<Uuid> =
        offered.iter().take_while(|offer| offer.is_as_good_as(best)).map(|offer| offer.placement_id).collect();
    equals.dedup();
    match equals.as_slice() {
        [placement_id] => MatchVerdict::Placement { placement_id: *placement_id, tier: best.tier },
        _ => MatchVerdict::Ambiguous(equals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreements::rule_terms::EvidenceLevel;
    use crate::arrivals::{ClaimantRole, ClaimedOutcome};
    use crate::reconciliation::facts::{EmployerRef, OriginState};
    use jiff::civil::{Date, date};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const WINDOWS: AgreementWindows = AgreementWindows {
        minimum_evidence: EvidenceLevel::E2,
        answer_days: 14,
        day_tolerance_days: 3,
        season_before_days: 30,
        season_after_days: 120,
    };

    fn announced(id: u128, worker: &'static str, planned: Date) -> OriginRow<'static> {
        OriginRow {
            placement_id: Uuid::from_u128(id),
            worker_key: worker.as_bytes(),
            name_key: b"name",
            quota_id: Uuid::nil(),
            planned_employer: EmployerRef::default(),
            planned_region: "330481",
            planned_arrival_on: planned,
            arrival_due_on: days_after(planned, 14),
            state: OriginState::Departed,
            departed_on: None,
        }
    }

    fn claimed(id: u128, worker: &'static str, day: Date) -> IdentityClaim<'static> {
        IdentityClaim {
            claim: ClaimRow {
                claim_id: Uuid::from_u128(id),
                role: ClaimantRole::Employer,
                claimant: Uuid::nil(),
                outcome: ClaimedOutcome::Onboarded,
                day,
                real_employer: EmployerRef::default(),
                real_region: None,
                evidence: EvidenceLevel::E2,
                late: false,
                disputed: false,
            },
            worker_key: worker.as_bytes(),
            name_key: b"name",
        }
    }

    fn only_verdict(announced: &[OriginRow<'_>], claim: IdentityClaim<'_>) -> MatchVerdict {
        match_claims(announced, &[claim], &WINDOWS).claims.remove(0).verdict
    }

    fn placement(id: u128, tier: IdentityTier) -> MatchVerdict {
        MatchVerdict::Placement { placement_id: Uuid::from_u128(id), tier }
    }

    #[test]
    fn the_same_worker_next_year_is_another_placement() {
        let seasons = [announced(1, "zhang", date(2026, 3, 1)), announced(2, "zhang", date(2027, 3, 1))];
        assert_eq!(only_verdict(&seasons, claimed(9, "zhang", date(2026, 3, 2))), placement(1, IdentityTier::T0));
        assert_eq!(only_verdict(&seasons, claimed(9, "zhang", date(2027, 3, 2))), placement(2, IdentityTier::T0));
        assert_eq!(only_verdict(&seasons, claimed(9, "zhang", date(2026, 10, 2))), MatchVerdict::Unannounced);
    }

    #[test]
    fn two_equal_candidates_are_both_listed_and_none_is_picked() {
        let twice = [announced(2, "zhang", date(2026, 3, 1)), announced(1, "zhang", date(2026, 3, 3))];
        let candidates = vec![Uuid::from_u128(1), Uuid::from_u128(2)];
        assert_eq!(only_verdict(&twice, claimed(9, "zhang", date(2026, 3, 4))), MatchVerdict::Ambiguous(candidates));
        let claims = [claimed(9, "zhang", date(2026, 3, 4))];
        assert_eq!(match_claims(&twice, &claims, &WINDOWS).unclaimed.len(), 2, "both stay open");
    }

    #[test]
    fn a_fitting_name_goes_before_one_that_differs() {
        let mut misspelt = announced(1, "zhang", date(2026, 3, 1));
        misspelt.name_key = b"other";
        let rows = [misspelt, announced(2, "zhang", date(2026, 3, 1))];
        assert_eq!(only_verdict(&rows, claimed(9, "zhang", date(2026, 3, 2))), placement(2, IdentityTier::T0));
        assert_eq!(only_verdict(&rows[..1], claimed(9, "zhang", date(2026, 3, 2))), placement(1, IdentityTier::T1));
    }

    #[test]
    fn the_arrival_window_that_holds_the_day_goes_before_a_distant_one() {
        let rows = [announced(1, "zhang", date(2026, 3, 1)), announced(2, "zhang", date(2026, 5, 20))];
        assert_eq!(only_verdict(&rows, claimed(9, "zhang", date(2026, 5, 22))), placement(2, IdentityTier::T0));
    }

    #[test]
    fn who_was_never_announced_or_was_cancelled_is_unannounced() {
        let mut cancelled = announced(1, "zhang", date(2026, 3, 1));
        cancelled.state = OriginState::Cancelled;
        assert_eq!(only_verdict(&[cancelled], claimed(9, "zhang", date(2026, 3, 2))), MatchVerdict::Unannounced);
        assert_eq!(only_verdict(&[], claimed(9, "li", date(2026, 3, 2))), MatchVerdict::Unannounced);
    }

    proptest! {
        #[test]
        fn every_claim_gets_one_verdict_whatever_the_order(
            rows in prop::collection::vec((0_usize..4, 0_i64..400), 0..12),
            claims in prop::collection::vec((0_usize..4, 0_i64..400, any::<bool>()), 0..12),
        ) {
            const WORKERS: [&str; 4] = ["zhang", "li", "wang", "zhao"];
            let day = |step| days_after(date(2026, 1, 1), step);
            let mut rows: Vec<_> = (1..).zip(rows).map(|(id, (who, step))| announced(id, WORKERS[who], day(step))).collect();
            let mut claims: Vec<_> = (1..)
                .zip(claims)
                .map(|(id, (who, step, same_name))| {
                    let claim = claimed(id, WORKERS[who], day(step));
                    IdentityClaim { name_key: if same_name { b"name" } else { b"eman" }, ..claim }
                })
                .collect();
            let matches = match_claims(&rows, &claims, &WINDOWS);
            let ids: BTreeSet<_> = matches.claims.iter().map(|found| found.claim_id).collect();
            prop_assert_eq!(ids.len(), claims.len());
            for found in &matches.claims {
                match &found.verdict {
                    MatchVerdict::Placement { placement_id, .. } => prop_assert!(!matches.unclaimed.contains(placement_id)),
                    MatchVerdict::Ambiguous(candidates) => prop_assert!(candidates.len() >= 2 && candidates.is_sorted()),
                    MatchVerdict::Unannounced => {}
                }
            }
            rows.reverse();
            claims.reverse();
            prop_assert_eq!(match_claims(&rows, &claims, &WINDOWS), matches);
        }
    }
}
