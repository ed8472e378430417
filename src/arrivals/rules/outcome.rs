//! What becomes of a placement of which several parties speak.
//!
//! The latest claim of each claimant counts. Employer and destination decide; where neither has spoken a station does, and what it says is
//! probable at most. The origin's own report decides nothing: silence of the other side is not confirmation.
//!
//! A denial dated before an arrival is answered by it: the person came later. Where a denial stands against an arrival, or two name
//! different workplaces, the employer's latest word is the state, nothing about it is certain, and reconciliation shows the row as a
//! field mismatch. Nothing depends on the order in which the claims are read.

use std::cmp::Reverse;

use super::regions_differ;
use crate::agreements::rule_terms::EvidenceLevel;
use crate::arrivals::{ClaimantRole, ClaimedOutcome};
use crate::db::{Day, Id, Instant};
use crate::dispatches::{Placement, PlacementState};
use crate::regions::RegionCode;

/// What one claimant says of a placement: its latest claim.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable)]
pub struct Said {
    /// The claim.
    pub claim_id: Id,
    /// Who.
    pub claimant_id: Id,
    /// In which capacity.
    pub role: ClaimantRole,
    /// What happened.
    pub outcome: ClaimedOutcome,
    /// On which day.
    pub happened_on: Day,
    /// The employer it names.
    pub employer_id: Option<Id>,
    /// The region it names.
    pub region_code: Option<RegionCode>,
    /// How strong the proof is.
    pub evidence: EvidenceLevel,
    /// Whether it is late.
    pub late: bool,
    /// When it was recorded.
    pub recorded_at: Instant,
}

impl Said {
    /// Weightiest first: by role, then the latest.
    fn weight(&self) -> (ClaimantRole, Reverse<(Instant, Id)>) {
        (self.role, Reverse((self.recorded_at, self.claim_id)))
    }

    /// Whether both speak of an arrival, or neither does, and no workplace contradicts.
    fn agrees_with(&self, other: &Self) -> bool {
        let differ = |one: Option<Id>, two: Option<Id>| one.zip(two).is_some_and(|(one, two)| one != two);
        let regions = self.region_code.zip(other.region_code).is_some_and(|(one, two)| regions_differ(one, two));
        // An arrival as planned and an arrival elsewhere contradict each other even where one names no workplace.
        let same_plan = !self.outcome.is_arrival() || self.outcome == other.outcome;
        self.outcome.is_arrival() == other.outcome.is_arrival()
            && same_plan
            && !differ(self.employer_id, other.employer_id)
            && !regions
    }
}

/// What became of a placement, before the agreement's minimum of evidence is held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The outcome.
    pub outcome: ClaimedOutcome,
    /// On which day.
    pub happened_on: Day,
    /// The employer that really took the person, where it is another than planned.
    pub real_employer_id: Option<Id>,
    /// Where the person really works, where it is elsewhere than planned.
    pub real_region_code: Option<RegionCode>,
    /// The strongest proof of those who say so.
    pub evidence: EvidenceLevel,
    /// Whether nobody said so in time.
    pub late: bool,
    /// Whether somebody who confirms says so and nobody who confirms contradicts.
    undisputed: bool,
}

impl Decided {
    /// Whether it is certain: confirmed without contradiction and, where somebody arrived, with the proof the agreement asks for.
    #[must_use]
    pub fn is_certain(&self, minimum: EvidenceLevel) -> bool {
        self.undisputed && (!self.outcome.is_arrival() || self.evidence >= minimum)
    }

    /// Whether the placement already says exactly this.
    #[must_use]
    pub fn is_recorded_in(&self, placement: &Placement, certain: bool) -> bool {
        placement.state == self.outcome.state()
            && placement.outcome_on == Some(self.happened_on)
            && placement.real_employer_id == self.real_employer_id
            && placement.real_region_code == self.real_region_code
            && placement.evidence == Some(self.evidence)
            && placement.late == self.late
            && placement.certain == certain
    }

    /// First day in post, where somebody arrived.
    #[must_use]
    pub fn onboarded_on(&self) -> Option<Day> {
        self.outcome.is_arrival().then_some(self.happened_on)
    }
}

/// What becomes of a placement; none while nobody has spoken who may decide, or where it has already ended (what it was stays, and the
/// claim stands in history for reconciliation).
#[must_use]
pub fn decide(placement: &Placement, planned_region: RegionCode, claims: &[Said]) -> Option<Decided> {
    if placement.state == PlacementState::Ended || placement.departed_on.is_none() {
        return None;
    }
    let confirming: Vec<&Said> = claims.iter().filter(|claim| claim.role.confirms()).collect();
    let confirmed = !confirming.is_empty();
    let speaking = if confirmed {
        confirming
    } else {
        claims.iter().filter(|claim| claim.role == ClaimantRole::Station).collect()
    };
    let last_arrival = speaking.iter().filter(|claim| claim.outcome.is_arrival()).map(|claim| claim.happened_on).max();
    let mut standing: Vec<&Said> = speaking
        .into_iter()
        .filter(|claim| claim.outcome.is_arrival() || last_arrival.is_none_or(|arrival| arrival <= claim.happened_on))
        .collect();
    standing.sort_by_key(|claim| claim.weight());
    let deciding = standing.first()?;
    let agreeing: Vec<&&Said> = standing.iter().filter(|claim| claim.agrees_with(deciding)).collect();
    let unanimous = standing.iter().all(|one| standing.iter().all(|other| one.agrees_with(other)));
    let diverted = deciding.outcome == ClaimedOutcome::Diverted;
    Some(Decided {
        outcome: deciding.outcome,
        happened_on: deciding.happened_on,
        real_employer_id: agreeing
            .iter()
            .find_map(|claim| claim.employer_id)
            .filter(|employer| diverted && *employer != placement.employer_id),
        real_region_code: agreeing
            .iter()
            .find_map(|claim| claim.region_code)
            .filter(|region| diverted && regions_differ(*region, planned_region)),
        evidence: agreeing.iter().map(|claim| claim.evidence).max().unwrap_or(deciding.evidence),
        late: agreeing.iter().all(|claim| claim.late),
        undisputed: confirmed && unanimous,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::arrivals::rules::judging::tests::{DESTINATION, EMPLOYER, NEIGHBOUR, ORIGIN, day, party, subject};
    use proptest::prelude::*;

    /// A claim of a role, recorded at noon of its day with evidence E2.
    pub fn said(role: &str, outcome: &str, happened_on: &str) -> Said {
        let role = ClaimantRole::from_text(role).unwrap();
        let claimant = match role {
            ClaimantRole::Employer => EMPLOYER,
            ClaimantRole::Destination => DESTINATION,
            ClaimantRole::Station => 7,
            ClaimantRole::Origin => ORIGIN,
        };
        let happened_on = day(happened_on);
        Said {
            claim_id: party(1_000 + claimant),
            claimant_id: party(claimant),
            role,
            outcome: ClaimedOutcome::from_text(outcome).unwrap(),
            happened_on,
            employer_id: None,
            region_code: None,
            evidence: EvidenceLevel::E2,
            late: false,
            recorded_at: happened_on.start().plus_seconds(43_200),
        }
    }

    fn diverted_to(role: &str, employer: u128, happened_on: &str) -> Said {
        Said { employer_id: Some(party(employer)), ..said(role, "diverted", happened_on) }
    }

    fn decided(claims: &[Said]) -> Option<(&'static str, String, bool)> {
        let subject = subject();
        let decided = decide(&subject.placement, subject.planned_region, claims)?;
        let certain = decided.is_certain(EvidenceLevel::E2);
        Some((decided.outcome.as_str(), decided.happened_on.to_string(), certain))
    }

    #[test]
    fn who_decides_what_becomes_of_a_placement() {
        let weak =
            |role: &str, outcome: &str, on: &str| Said { evidence: EvidenceLevel::E0, ..said(role, outcome, on) };
        let cases = [
            ("nobody has spoken", vec![], None),
            ("the origin's own report moves nothing", vec![said("origin", "onboarded", "2026-02-26")], None),
            (
                "a station makes it probable",
                vec![said("station", "onboarded", "2026-02-26")],
                Some(("onboarded", "2026-02-26", false)),
            ),
            (
                "the employer confirms",
                vec![said("employer", "onboarded", "2026-02-26")],
                Some(("onboarded", "2026-02-26", true)),
            ),
            (
                "a phone call is too weak where the agreement asks for a seal",
                vec![weak("employer", "onboarded", "2026-02-26")],
                Some(("onboarded", "2026-02-26", false)),
            ),
            (
                "the destination's proof makes the employer's word certain",
                vec![weak("employer", "onboarded", "2026-02-26"), said("destination", "onboarded", "2026-02-27")],
                Some(("onboarded", "2026-02-26", true)),
            ),
            (
                "a denial needs no proof",
                vec![weak("destination", "no_show", "2026-02-26")],
                Some(("no_show", "2026-02-26", true)),
            ),
            (
                "the employer goes before a station",
                vec![said("station", "onboarded", "2026-02-26"), said("employer", "no_show", "2026-02-26")],
                Some(("no_show", "2026-02-26", true)),
            ),
            (
                "an arrival answers an earlier denial",
                vec![said("employer", "no_show", "2026-02-27"), said("destination", "onboarded", "2026-03-05")],
                Some(("onboarded", "2026-03-05", true)),
            ),
            (
                "a denial of the same day contradicts: the employer's word stands, nothing is certain",
                vec![said("employer", "onboarded", "2026-02-27"), said("destination", "no_show", "2026-02-27")],
                Some(("onboarded", "2026-02-27", false)),
            ),
            (
                "the same the other way round",
                vec![said("employer", "no_show", "2026-02-27"), said("destination", "onboarded", "2026-02-27")],
                Some(("no_show", "2026-02-27", false)),
            ),
            (
                "two workplaces contradict",
                vec![said("employer", "onboarded", "2026-02-26"), diverted_to("destination", NEIGHBOUR, "2026-02-26")],
                Some(("onboarded", "2026-02-26", false)),
            ),
            (
                "two different refusals agree that nobody arrived",
                vec![
                    said("employer", "refused_by_employer", "2026-02-26"),
                    said("destination", "no_show", "2026-02-26"),
                ],
                Some(("refused_by_employer", "2026-02-26", true)),
            ),
        ];
        for (what, claims, expected) in cases {
            let expected = expected.map(|(outcome, on, certain)| (outcome, on.to_owned(), certain));
            assert_eq!(decided(&claims), expected, "{what}");
        }
    }

    #[test]
    fn of_two_employers_the_later_word_is_the_state_and_nothing_is_certain() {
        let planned = said("employer", "onboarded", "2026-02-26");
        let mut neighbour = diverted_to("employer", NEIGHBOUR, "2026-02-27");
        neighbour.claimant_id = party(NEIGHBOUR);
        assert_eq!(decided(&[planned, neighbour]), Some(("diverted", "2026-02-27".to_owned(), false)));
    }

    #[test]
    fn a_diverted_person_is_with_the_named_employer_in_the_named_region() {
        let subject = subject();
        let by_employer = diverted_to("employer", NEIGHBOUR, "2026-02-26");
        let by_destination =
            Said { region_code: Some("330782".parse().unwrap()), ..said("destination", "diverted", "2026-02-26") };
        let decided = decide(&subject.placement, subject.planned_region, &[by_employer, by_destination]).unwrap();
        assert_eq!(decided.real_employer_id, Some(party(NEIGHBOUR)));
        assert_eq!(decided.real_region_code, Some("330782".parse().unwrap()));
        assert!(decided.is_certain(EvidenceLevel::E2));
    }

    #[test]
    fn an_answer_in_time_is_enough() {
        let subject = subject();
        let late = Said { late: true, ..said("employer", "onboarded", "2026-02-26") };
        let in_time = said("destination", "onboarded", "2026-02-26");
        let of = |claims: &[Said]| decide(&subject.placement, subject.planned_region, claims).unwrap().late;
        assert!(of(std::slice::from_ref(&late)));
        assert!(!of(&[late, in_time]));
    }

    #[test]
    fn what_has_ended_stays_as_it_was() {
        let mut subject = subject();
        subject.placement.state = PlacementState::Ended;
        let claim = said("employer", "no_show", "2026-02-26");
        assert_eq!(decide(&subject.placement, subject.planned_region, &[claim]), None);
    }

    prop_compose! {
        fn any_claim()(
            who in 0_usize..6,
            outcome in 0_usize..5,
            evidence in 0_usize..6,
            on in 24_i8..29,
            late: bool,
            recorded in 0_i64..5,
        ) -> Said {
            let roles = ["employer", "employer", "destination", "destination", "station", "origin"];
            let outcome = ClaimedOutcome::ALL[outcome];
            let number = 10 + u128::try_from(who).unwrap();
            let base = said(roles[who], outcome.as_str(), &format!("2026-02-{on}"));
            Said {
                claim_id: party(2_000 + number),
                claimant_id: party(number),
                employer_id: (outcome == ClaimedOutcome::Diverted).then(|| party(NEIGHBOUR)),
                evidence: EvidenceLevel::ALL[evidence],
                late,
                recorded_at: Instant::from_micros(recorded),
                ..base
            }
        }
    }

    proptest! {
        #[test]
        fn the_result_does_not_depend_on_the_order_of_the_claims(claims in prop::collection::vec(any_claim(), 0..6).prop_shuffle()) {
            let mut claims = claims;
            claims.sort_by_key(|claim| claim.claimant_id);
            claims.dedup_by_key(|claim| claim.claimant_id);
            let subject = subject();
            let forward = decide(&subject.placement, subject.planned_region, &claims);
            claims.reverse();
            prop_assert_eq!(forward, decide(&subject.placement, subject.planned_region, &claims));
        }

        #[test]
        fn nothing_is_certain_without_employer_or_destination(claims in prop::collection::vec(any_claim(), 0..6)) {
            let subject = subject();
            let decided = decide(&subject.placement, subject.planned_region, &claims);
            if decided.is_some_and(|decided| decided.is_certain(EvidenceLevel::E0)) {
                prop_assert!(claims.iter().any(|claim| claim.role.confirms()));
            }
        }
    }
}
