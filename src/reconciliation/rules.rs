//! The classification of one row: what both sides say about one person, put into exactly one situation.
//!
//! The comparison is three-way: the origin's roster, the word of employer and destination, and whatever else was seen or
//! reported. Only employer and destination confirm or deny; a station, the origin, a weak proof or an observation *reports*.
//!
//! # Precedence
//! The first that holds is the situation, from the top:
//!
//! 1. **void**: no live announcement (cancelled, or the hold lapsed) and nobody says that the person arrived.
//! 2. **disputed**: the row or a claim is contested. A dispute is an act of a side and outranks everything the exchange derives.
//! 3. **ambiguous**: two or more candidates. Nothing else can be said before a person has chosen.
//! 4. **duplicate**: another row of the same worker stands for this time.
//! 5. **unannounced**: a claim or a sighting without a live announcement.
//! 6. **duplicate**: two employers claim the arrival. Then **field mismatch** on the outcome: one says arrived, another, for
//!    the same or a later day, says not.
//! 7. Confirmed by employer or destination: **field mismatch** on the name; then, between confirming parties, on the employer
//!    and the region; then **wrong region**, **wrong employer**; then **field mismatch** on the day; then **over**; then **late**;
//!    else **matched**. Who and where come before when, and all come before whether a place was left.
//! 8. **not arrived**: denied by employer or destination, and nobody says otherwise.
//! 9. Only reported: **awaiting** until the answer is due, then **unanswered**.
//! 10. Nothing said: **awaiting** while the window is open, then **missing**, or **not departed** where no departure is recorded.
//!
//! What the clock decides (9 and 10) is derived at the cut-off and never stored: a later claim clears it. The result does not
//! depend on the order of the claims.
//!
//! Deliberately absent: which claim belongs to which row (`reconciliation::matching`), counting rows, and who may resolve what.

use super::consequences::{DiscrepancyCode, TwoSided};
use super::differences::{Detail, FieldValue, MismatchField, Said, SaidBy};
use super::facts::{ClaimRow, OriginRow, OriginState, SeenSummary, WindowsInTime};
use super::situations::Situation;
use super::testimony::Testimony;
use crate::arrivals::ClaimedOutcome;
use crate::calendar::calendar;
use crate::db::Day;
use crate::retention::day_ranges::days_after;
use crate::retention::facts::region_contains;
use jiff::civil::Date;
use std::ops::ControlFlow;
use uuid::Uuid;

/// Everything known about one row at the cut-off.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowFacts<'a> {
    /// The announced person; none for a claim that no origin announced.
    pub origin: Option<&'a OriginRow<'a>>,
    /// The latest claim of each claimant, in any order.
    pub claims: &'a [ClaimRow<'a>],
    /// Whether anybody saw the person in post.
    pub seen: Option<SeenSummary>,
    /// Whether a side contests the row as a whole.
    pub disputed: bool,
    /// Placements among which the claim cannot be told apart; two or more make the row ambiguous. In ascending order.
    pub candidates: &'a [Uuid],
    /// The row of the same worker that stands for this time, where the attribution rule put another first.
    pub duplicate_of: Option<Uuid>,
    /// Whether the claim's name differs from the announced one although the ID number is the same (tier T1).
    pub name_differs: bool,
    /// The day the employer was asked; none where only the report of somebody else starts its time to answer.
    pub asked_on: Option<Date>,
    /// The place of this arrival among the confirmed ones of its quota, from 1, by day and placement id.
    pub arrival_rank: Option<u32>,
    /// The approved places of the quota.
    pub approved_places: Option<u32>,
}

/// The situation of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classification<'a> {
    /// The one situation.
    pub situation: Situation,
    /// What a clerk must see to understand it.
    pub detail: Detail<'a>,
    /// The claim that decided, where one did.
    pub deciding_claim: Option<Uuid>,
    /// The day of the arrival, where employer or destination confirmed one.
    pub arrived_on: Option<Date>,
}

impl<'a> Classification<'a> {
    const fn of(situation: Situation, detail: Detail<'a>) -> Self {
        Self { situation, detail, deciding_claim: None, arrived_on: None }
    }

    fn decided_by(self, claim: &ClaimRow<'_>) -> Self {
        Self { deciding_claim: Some(claim.claim_id), ..self }
    }

    /// The failure this row is recorded as; none where nothing is to be resolved.
    #[must_use]
    pub fn discrepancy(&self) -> Option<DiscrepancyCode> {
        match self.detail {
            Detail::Difference { field, .. } if self.situation == Situation::FieldMismatch => Some(field.discrepancy()),
            _ => self.situation.definition().discrepancy,
        }
    }

    /// Whether somebody has to resolve it before the two sides agree.
    #[must_use]
    pub fn is_open_difference(&self) -> bool {
        !matches!(self.situation.definition().two_sided, TwoSided::Agreed | TwoSided::Void)
            && self.situation != Situation::Awaiting
    }
}

/// Puts one row into its situation. Total, allocation-free, and independent of the order of the claims. Claims and sightings
/// dated after the cut-off are not read.
#[must_use]
pub fn classify<'a>(row: &RowFacts<'a>, windows: impl Into<WindowsInTime<'a>>, cut_off: Date) -> Classification<'a> {
    let windows = windows.into();
    let testimony = Testimony::read(row.claims, row.seen, windows, cut_off);
    let origin = match comparable(row, &testimony) {
        ControlFlow::Continue(origin) => origin,
        ControlFlow::Break(standing) => return standing,
    };
    if let Some((confirmed, rival)) = testimony.rival_employers() {
        let detail = Detail::DuplicateClaim(rival.claim_id);
        return Classification::of(Situation::Duplicate, detail).decided_by(confirmed);
    }
    if let Some(difference) = testimony.outcome_conflict() {
        let conflict = Classification::of(Situation::FieldMismatch, difference);
        return testimony.weightiest_claim().map_or(conflict, |claim| conflict.decided_by(claim));
    }
    if let Some(confirmed) = testimony.confirmed() {
        return confirmed_arrival(row, &testimony, origin, confirmed);
    }
    if let (Some(denied), None) = (testimony.denied(), testimony.reported_on()) {
        return Classification::of(Situation::NotArrived, Detail::None).decided_by(denied);
    }
    without_confirmation(row, &testimony, origin, windows, cut_off)
}

/// Steps 1 to 5 of the precedence: goes on with the live announcement that the claims are compared with, where there is one.
fn comparable<'a>(row: &RowFacts<'a>, testimony: &Testimony<'a>) -> ControlFlow<Classification<'a>, &'a OriginRow<'a>> {
    let live = row.origin.filter(|origin| origin.is_live());
    let nothing_left = match row.origin {
        Some(_) => live.is_none() && !testimony.says_arrived(),
        None => testimony.is_silent(),
    };
    if nothing_left {
        return ControlFlow::Break(Classification::of(Situation::Void, Detail::None));
    }
    let contested = testimony.disputed();
    if row.disputed || contested.is_some() {
        let standing = Classification::of(Situation::Disputed, Detail::None);
        let about = contested.or_else(|| testimony.weightiest_claim());
        return ControlFlow::Break(about.map_or(standing, |claim| standing.decided_by(claim)));
    }
    if row.candidates.len() >= 2 {
        let detail = Detail::Candidates(row.candidates);
        return ControlFlow::Break(Classification::of(Situation::Ambiguous, detail));
    }
    if let Some(other) = row.duplicate_of {
        let detail = Detail::DuplicateRow(other);
        return ControlFlow::Break(Classification::of(Situation::Duplicate, detail));
    }
    if let Some(origin) = live {
        return ControlFlow::Continue(origin);
    }
    let unannounced = Classification::of(Situation::Unannounced, Detail::None);
    ControlFlow::Break(match testimony.weightiest_claim() {
        Some(claim) => unannounced.decided_by(claim),
        None => unannounced,
    })
}

/// Step 7 of the precedence.
fn confirmed_arrival<'a>(
    row: &RowFacts<'a>,
    testimony: &Testimony<'a>,
    origin: &OriginRow<'a>,
    confirmed: &'a ClaimRow<'a>,
) -> Classification<'a> {
    let standing = |situation, detail| Classification {
        situation,
        detail,
        deciding_claim: Some(confirmed.claim_id),
        arrived_on: Some(confirmed.day),
    };
    if row.name_differs {
        let one = Said { by: SaidBy::Plan, value: FieldValue::Sealed };
        let other = Said::in_claim(confirmed, FieldValue::Sealed);
        return standing(Situation::FieldMismatch, Detail::Difference { field: MismatchField::Name, one, other });
    }
    if let Some(difference) = testimony.confirmers_differ(confirmed) {
        return standing(Situation::FieldMismatch, difference);
    }
    if let Some((situation, difference)) = away_from_plan(origin, confirmed) {
        return standing(situation, difference);
    }
    if let Some(difference) = testimony.day_differs(confirmed) {
        return standing(Situation::FieldMismatch, difference);
    }
    if let (Some(rank), Some(approved)) = (row.arrival_rank, row.approved_places)
        && rank > approved
    {
        return standing(Situation::Over, Detail::Places { rank, approved });
    }
    let closes_on = moved(origin.arrival_due_on);
    if !testimony.confirmed_in_time() || confirmed.day > closes_on {
        return standing(Situation::Late, Detail::Deadline(closes_on));
    }
    standing(Situation::Matched, Detail::None)
}

/// Steps 9 and 10 of the precedence.
fn without_confirmation<'a>(
    row: &RowFacts<'a>,
    testimony: &Testimony<'a>,
    origin: &OriginRow<'a>,
    windows: WindowsInTime<'_>,
    cut_off: Date,
) -> Classification<'a> {
    let closes_on = moved(origin.arrival_due_on);
    if let Some(reported_on) = testimony.reported_on().or(testimony.other_outcome_on()) {
        let asked_on = row.asked_on.filter(|&asked| asked <= cut_off).unwrap_or(reported_on);
        let answer_due = closes_on.max(moved(days_after(asked_on, i64::from(windows.on(reported_on).answer_days))));
        let situation = if cut_off > answer_due { Situation::Unanswered } else { Situation::Awaiting };
        return Classification::of(situation, Detail::Deadline(answer_due));
    }
    let departed = origin.state == OriginState::Departed && origin.departed_on.is_none_or(|day| day <= cut_off);
    let situation = match (cut_off > closes_on, departed) {
        (false, _) => Situation::Awaiting,
        (true, true) => Situation::Missing,
        (true, false) => Situation::NotDeparted,
    };
    Classification::of(situation, Detail::Deadline(closes_on))
}

/// A last day on time that is a day off moves to the next working day.
fn moved(day: Date) -> Date {
    calendar().moved(Day(day)).0
}

fn away_from_plan<'a>(origin: &OriginRow<'a>, confirmed: &'a ClaimRow<'a>) -> Option<(Situation, Detail<'a>)> {
    let difference = |field, planned, real| Detail::Difference {
        field,
        one: Said { by: SaidBy::Plan, value: planned },
        other: Said::in_claim(confirmed, real),
    };
    if confirmed.real_region.is_some_and(|real| !region_contains(origin.planned_region, real)) {
        let planned = FieldValue::Region(Some(origin.planned_region));
        let real = FieldValue::Region(confirmed.real_region);
        return Some((Situation::WrongRegion, difference(MismatchField::Region, planned, real)));
    }
    let diverted = confirmed.outcome == ClaimedOutcome::Diverted;
    let real_employer = confirmed.employer();
    if diverted || real_employer.differs_from(&origin.planned_employer) {
        let planned = FieldValue::Employer(origin.planned_employer);
        let real = FieldValue::Employer(real_employer);
        return Some((Situation::WrongEmployer, difference(MismatchField::Employer, planned, real)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreements::rule_terms::EvidenceLevel;
    use crate::arrivals::ClaimantRole;
    use crate::reconciliation::consequences::AppliesTo;
    use crate::reconciliation::facts::{AgreementWindows, EmployerRef};
    use crate::reconciliation::run_hash::{RowKey, RowSum, row_hash};
    use crate::reconciliation::situations::SITUATIONS;
    use jiff::civil::date;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const WINDOWS: AgreementWindows = AgreementWindows {
        minimum_evidence: EvidenceLevel::E2,
        answer_days: 14,
        day_tolerance_days: 3,
        season_before_days: 30,
        season_after_days: 120,
    };
    const PLANNED: EmployerRef<'static> = EmployerRef { party: Some(Uuid::from_u128(50)), credit_code: None };
    const OTHER: EmployerRef<'static> = EmployerRef { party: Some(Uuid::from_u128(51)), credit_code: None };
    const CANDIDATES: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

    /// Zhang departs on 28 February 2026 for Haining and is expected on 1 March; the window closes on 15 March.
    fn zhang() -> OriginRow<'static> {
        OriginRow {
            placement_id: Uuid::from_u128(1),
            worker_key: b"zhang",
            name_key: b"name",
            quota_id: Uuid::from_u128(90),
            planned_employer: PLANNED,
            planned_region: "330481",
            planned_arrival_on: date(2026, 3, 1),
            arrival_due_on: date(2026, 3, 15),
            state: OriginState::Departed,
            departed_on: Some(date(2026, 2, 28)),
        }
    }

    fn claim(id: u128, role: ClaimantRole, outcome: ClaimedOutcome, day: i8) -> ClaimRow<'static> {
        ClaimRow {
            claim_id: Uuid::from_u128(100 + id),
            role,
            claimant: if role == ClaimantRole::Employer { Uuid::from_u128(50) } else { Uuid::from_u128(60 + id) },
            outcome,
            day: date(2026, 3, day),
            real_employer: EmployerRef::default(),
            real_region: None,
            evidence: EvidenceLevel::E2,
            late: false,
            disputed: false,
        }
    }

    fn onboarded(role: ClaimantRole, day: i8) -> ClaimRow<'static> {
        claim(1, role, ClaimedOutcome::Onboarded, day)
    }

    #[derive(Debug, Default)]
    struct Fixture {
        origin: Option<OriginRow<'static>>,
        claims: Vec<ClaimRow<'static>>,
        more: RowFacts<'static>,
    }

    impl Fixture {
        fn on(&self, cut_off: Date) -> Classification<'_> {
            classify(&RowFacts { origin: self.origin.as_ref(), claims: &self.claims, ..self.more }, &WINDOWS, cut_off)
        }
    }

    fn of_zhang(claims: Vec<ClaimRow<'static>>) -> Fixture {
        Fixture { origin: Some(zhang()), claims, ..Fixture::default() }
    }

    fn with(claims: Vec<ClaimRow<'static>>, more: RowFacts<'static>) -> Fixture {
        Fixture { more, ..of_zhang(claims) }
    }

    type Story = (&'static str, Fixture, Situation);

    /// One fixture for each situation of a row, as it stands on 1 April 2026.
    fn one_of_each() -> Vec<Story> {
        let mut stories = where_one_side_is_silent_or_both_agree();
        stories.extend(where_something_differs());
        stories
    }

    fn where_one_side_is_silent_or_both_agree() -> Vec<Story> {
        use ClaimantRole::{Destination, Employer, Station};
        let confirmed = || onboarded(Employer, 2);
        let not_departed =
            OriginRow { state: OriginState::Enrolled { hold_lapsed: false }, departed_on: None, ..zhang() };
        let cancelled = OriginRow { state: OriginState::Cancelled, departed_on: None, ..zhang() };
        let expected_soon = OriginRow { arrival_due_on: date(2026, 4, 13), ..zhang() };
        let facts = RowFacts::default;
        vec![
            ("the employer confirms on 2 March", of_zhang(vec![confirmed()]), Situation::Matched),
            (
                "the employer confirms after the deadline",
                of_zhang(vec![ClaimRow { late: true, ..confirmed() }]),
                Situation::Late,
            ),
            (
                "the 31st arrival on 30 places",
                with(vec![confirmed()], RowFacts { arrival_rank: Some(31), approved_places: Some(30), ..facts() }),
                Situation::Over,
            ),
            (
                "expected the day before yesterday",
                Fixture { origin: Some(expected_soon), ..Fixture::default() },
                Situation::Awaiting,
            ),
            ("nobody has said anything by 1 April", of_zhang(vec![]), Situation::Missing),
            (
                "planned for 1 March, never departed",
                Fixture { origin: Some(not_departed), ..Fixture::default() },
                Situation::NotDeparted,
            ),
            (
                "the station saw Zhang on 2 March, the employer is silent",
                of_zhang(vec![onboarded(Station, 2)]),
                Situation::Unanswered,
            ),
            (
                "an employer reports somebody nobody announced",
                Fixture { claims: vec![confirmed()], ..Fixture::default() },
                Situation::Unannounced,
            ),
            (
                "the destination says no show, nobody says otherwise",
                of_zhang(vec![claim(1, Destination, ClaimedOutcome::NoShow, 5)]),
                Situation::NotArrived,
            ),
            ("cancelled before departure", Fixture { origin: Some(cancelled), ..Fixture::default() }, Situation::Void),
        ]
    }

    fn where_something_differs() -> Vec<Story> {
        use ClaimantRole::{Destination, Employer};
        let confirmed = || onboarded(Employer, 2);
        vec![
            (
                "two employers report Zhang",
                of_zhang(vec![
                    confirmed(),
                    ClaimRow { claimant: Uuid::from_u128(51), ..claim(2, Employer, ClaimedOutcome::Onboarded, 3) },
                ]),
                Situation::Duplicate,
            ),
            (
                "the employer says arrived, the destination says no show",
                of_zhang(vec![confirmed(), claim(2, Destination, ClaimedOutcome::NoShow, 5)]),
                Situation::FieldMismatch,
            ),
            (
                "Zhang works in the planned county at another employer",
                of_zhang(vec![ClaimRow { real_employer: OTHER, ..onboarded(Destination, 2) }]),
                Situation::WrongEmployer,
            ),
            (
                "Zhang works in Yiwu",
                of_zhang(vec![ClaimRow { real_region: Some("330782"), ..confirmed() }]),
                Situation::WrongRegion,
            ),
            (
                "a claim fits two announced rows",
                Fixture {
                    claims: vec![confirmed()],
                    more: RowFacts { candidates: &CANDIDATES, ..RowFacts::default() },
                    ..Fixture::default()
                },
                Situation::Ambiguous,
            ),
            (
                "the origin contests the claim",
                of_zhang(vec![ClaimRow { disputed: true, ..confirmed() }]),
                Situation::Disputed,
            ),
        ]
    }

    #[test]
    fn each_fixture_is_in_its_situation() {
        for (story, fixture, expected) in one_of_each() {
            assert_eq!(fixture.on(date(2026, 4, 1)).situation, expected, "{story}");
        }
    }

    #[test]
    fn there_is_a_fixture_for_every_situation_a_row_can_be_in() {
        let shown: BTreeSet<_> = one_of_each().into_iter().map(|(_, _, situation)| situation).collect();
        let of_rows = SITUATIONS.iter().filter(|line| line.applies_to == AppliesTo::Row);
        assert_eq!(shown, of_rows.map(|line| line.situation).collect());
    }

    #[test]
    fn a_row_turns_missing_by_the_clock_alone_and_a_late_arrival_clears_it() {
        let mut row = of_zhang(vec![]);
        // The window closes on 15 March, a Sunday, so it is on time until Monday.
        assert_eq!(row.on(date(2026, 3, 16)).situation, Situation::Awaiting);
        assert_eq!(row.on(date(2026, 3, 16)).detail, Detail::Deadline(date(2026, 3, 16)));
        assert_eq!(row.on(date(2026, 3, 17)).situation, Situation::Missing);
        row.claims.push(onboarded(ClaimantRole::Employer, 20));
        assert_eq!(row.on(date(2026, 3, 17)).situation, Situation::Missing, "the claim is of a later day");
        assert_eq!(row.on(date(2026, 3, 20)).situation, Situation::Late);
        assert_eq!(row.on(date(2026, 3, 20)).arrived_on, Some(date(2026, 3, 20)));
    }

    #[test]
    fn silence_is_not_confirmation() {
        use ClaimantRole::{Destination, Origin, Station};
        let weak = ClaimRow { evidence: EvidenceLevel::E1, ..onboarded(Destination, 2) };
        for report in [onboarded(Origin, 2), onboarded(Station, 2), weak] {
            let row = of_zhang(vec![report]);
            assert_eq!(row.on(date(2026, 3, 16)).situation, Situation::Awaiting, "14 days to answer");
            assert_eq!(row.on(date(2026, 3, 17)).situation, Situation::Unanswered);
        }
        let seen = SeenSummary { first_seen_on: date(2026, 3, 2), last_seen_on: date(2026, 3, 31) };
        let on_a_roster = with(vec![], RowFacts { seen: Some(seen), ..RowFacts::default() });
        assert_eq!(on_a_roster.on(date(2026, 4, 1)).situation, Situation::Unanswered);
        let asked =
            with(vec![onboarded(Station, 2)], RowFacts { asked_on: Some(date(2026, 3, 10)), ..RowFacts::default() });
        assert_eq!(asked.on(date(2026, 3, 24)).situation, Situation::Awaiting);
        assert_eq!(asked.on(date(2026, 3, 25)).situation, Situation::Unanswered);
    }

    #[test]
    fn a_mismatch_names_the_field_and_both_values() {
        use ClaimantRole::{Destination, Employer, Origin};
        let confirmed = || onboarded(Employer, 2);
        let other_of = |role| claim(2, role, ClaimedOutcome::Onboarded, 2);
        let cases = [
            (vec![confirmed(), claim(2, Destination, ClaimedOutcome::NoShow, 2)], MismatchField::Outcome),
            (vec![confirmed(), claim(2, Origin, ClaimedOutcome::RefusedByWorker, 2)], MismatchField::Outcome),
            (vec![confirmed(), ClaimRow { real_employer: OTHER, ..other_of(Destination) }], MismatchField::Employer),
            (
                vec![
                    ClaimRow { real_region: Some("330481"), ..confirmed() },
                    ClaimRow { real_region: Some("330782"), ..other_of(Destination) },
                ],
                MismatchField::Region,
            ),
            (vec![confirmed(), claim(2, Origin, ClaimedOutcome::Onboarded, 6)], MismatchField::ArrivalDay),
        ];
        for (claims, expected) in cases {
            let row = of_zhang(claims);
            let found = row.on(date(2026, 4, 1));
            assert_eq!(found.situation, Situation::FieldMismatch, "{expected:?}");
            assert_eq!(found.discrepancy(), Some(expected.discrepancy()));
            let Detail::Difference { field, one, other } = found.detail else { panic!("{expected:?}") };
            assert_eq!(field, expected);
            assert_ne!(one, other);
        }
        let tolerated = of_zhang(vec![confirmed(), claim(2, Origin, ClaimedOutcome::Onboarded, 5)]);
        assert_eq!(tolerated.on(date(2026, 4, 1)).situation, Situation::Matched);
        let name = with(vec![confirmed()], RowFacts { name_differs: true, ..RowFacts::default() });
        assert_eq!(name.on(date(2026, 4, 1)).discrepancy(), Some(DiscrepancyCode::D02));
    }

    #[test]
    fn a_no_show_that_came_later_is_no_conflict() {
        let came = of_zhang(vec![
            claim(2, ClaimantRole::Destination, ClaimedOutcome::NoShow, 3),
            onboarded(ClaimantRole::Employer, 8),
        ]);
        assert_eq!(came.on(date(2026, 4, 1)).situation, Situation::Matched);
    }

    #[test]
    fn an_employer_that_names_nobody_speaks_of_itself() {
        let elsewhere = ClaimRow { claimant: Uuid::from_u128(51), ..onboarded(ClaimantRole::Employer, 2) };
        assert_eq!(of_zhang(vec![elsewhere]).on(date(2026, 4, 1)).situation, Situation::WrongEmployer);
        let silent_about_it = onboarded(ClaimantRole::Destination, 2);
        assert_eq!(of_zhang(vec![silent_about_it]).on(date(2026, 4, 1)).situation, Situation::Matched);
    }

    #[test]
    fn an_arrival_on_a_cancelled_or_lapsed_row_is_unannounced() {
        for state in [OriginState::Cancelled, OriginState::Enrolled { hold_lapsed: true }] {
            let origin = Some(OriginRow { state, departed_on: None, ..zhang() });
            let arrived = Fixture { origin, claims: vec![onboarded(ClaimantRole::Employer, 2)], ..Fixture::default() };
            assert_eq!(arrived.on(date(2026, 4, 1)).situation, Situation::Unannounced);
            let quiet = Fixture { origin, ..Fixture::default() };
            assert_eq!(quiet.on(date(2026, 4, 1)).situation, Situation::Void);
        }
    }

    #[test]
    fn where_several_hold_the_precedence_decides() {
        use ClaimantRole::Employer;
        let everything =
            || ClaimRow { real_employer: OTHER, real_region: Some("330782"), late: true, ..onboarded(Employer, 2) };
        let crowded = RowFacts {
            candidates: &CANDIDATES,
            duplicate_of: Some(Uuid::from_u128(2)),
            name_differs: true,
            arrival_rank: Some(2),
            approved_places: Some(1),
            ..RowFacts::default()
        };
        let mut row = with(vec![ClaimRow { disputed: true, ..everything() }], crowded);
        let mut seen = vec![row.on(date(2026, 4, 1)).situation];
        row.claims[0].disputed = false;
        seen.push(row.on(date(2026, 4, 1)).situation);
        row.more.candidates = &[];
        seen.push(row.on(date(2026, 4, 1)).situation);
        row.more.duplicate_of = None;
        seen.push(row.on(date(2026, 4, 1)).situation);
        row.more.name_differs = false;
        seen.push(row.on(date(2026, 4, 1)).situation);
        row.claims[0].real_region = None;
        seen.push(row.on(date(2026, 4, 1)).situation);
        row.claims[0].real_employer = PLANNED;
        seen.push(row.on(date(2026, 4, 1)).situation);
        row.more.arrival_rank = Some(1);
        seen.push(row.on(date(2026, 4, 1)).situation);
        row.claims[0].late = false;
        seen.push(row.on(date(2026, 4, 1)).situation);
        assert_eq!(
            seen,
            [
                Situation::Disputed,
                Situation::Ambiguous,
                Situation::Duplicate,
                Situation::FieldMismatch,
                Situation::WrongRegion,
                Situation::WrongEmployer,
                Situation::Over,
                Situation::Late,
                Situation::Matched,
            ]
        );
    }

    fn some_claim() -> impl Strategy<Value = ClaimRow<'static>> {
        use ClaimantRole::{Destination, Employer, Origin, Station};
        use ClaimedOutcome::{Diverted, NoShow, Onboarded, RefusedByEmployer, RefusedByWorker};
        let role = prop::sample::select(vec![Employer, Employer, Destination, Station, Origin]);
        let outcome = prop::sample::select(vec![
            Onboarded,
            Onboarded,
            Onboarded,
            Diverted,
            NoShow,
            RefusedByEmployer,
            RefusedByWorker,
        ]);
        let employer = prop::sample::select(vec![EmployerRef::default(), PLANNED, OTHER]);
        let region = prop::sample::select(vec![None, Some("330481"), Some("330782"), Some("330400")]);
        let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.1));
        (0_u128..40, role, outcome, 1_i8..31, employer, region, 0_usize..6, flags).prop_map(
            |(id, role, outcome, day, real_employer, real_region, level, (late, disputed))| ClaimRow {
                claimant: Uuid::from_u128(50 + id % 3),
                real_employer,
                real_region,
                evidence: EvidenceLevel::ALL[level],
                late,
                disputed,
                ..claim(id, role, outcome, day)
            },
        )
    }

    fn some_row() -> impl Strategy<Value = Fixture> {
        let state = prop::sample::select(vec![
            OriginState::Departed,
            OriginState::Departed,
            OriginState::Enrolled { hold_lapsed: false },
            OriginState::Enrolled { hold_lapsed: true },
            OriginState::Cancelled,
        ]);
        let claims = prop::collection::vec(some_claim(), 0..5);
        let seen = prop::option::of(1_i8..28);
        let extras = (any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
        (prop::option::weighted(0.8, state), claims, seen, extras, prop::option::of(0_u32..4)).prop_map(
            |(state, mut claims, seen, (departed, candidates, duplicate, name_differs), arrival_rank)| {
                claims.sort_by_key(|claim| claim.claim_id);
                claims.dedup_by_key(|claim| claim.claim_id);
                let departed_on = departed.then(|| date(2026, 2, 28));
                Fixture {
                    origin: state.map(|state| OriginRow { state, departed_on, ..zhang() }),
                    claims,
                    more: RowFacts {
                        seen: seen.map(|day| SeenSummary {
                            first_seen_on: date(2026, 3, day),
                            last_seen_on: date(2026, 3, 31),
                        }),
                        candidates: if candidates { &CANDIDATES } else { &[] },
                        duplicate_of: duplicate.then(|| Uuid::from_u128(2)),
                        name_differs,
                        arrival_rank,
                        approved_places: Some(2),
                        ..RowFacts::default()
                    },
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn every_row_is_in_exactly_one_situation_and_the_hash_knows_no_order(
            rows in prop::collection::vec(some_row(), 1..12),
            seed in prop::collection::vec(any::<u32>(), 12),
            day in 1_i8..31,
        ) {
            let cut_off = date(2026, 3, day);
            let hash = |rows: &[(u128, Fixture)]| {
                let mut sum = RowSum::default();
                for (id, row) in rows {
                    let found = row.on(cut_off);
                    assert_eq!(found.situation.definition().applies_to, AppliesTo::Row);
                    sum.add(row_hash(RowKey::Placement(Uuid::from_u128(*id)), &found));
                }
                sum.run_hash(cut_off, 0)
            };
            let mut rows: Vec<(u128, Fixture)> = (1..).zip(rows).collect();
            let before = hash(&rows);
            rows.sort_by_key(|(id, _)| seed[usize::try_from(*id).unwrap() - 1]);
            for (_, row) in &mut rows {
                row.claims.sort_by_key(|claim| seed[usize::from(claim.claim_id.as_bytes()[15]) % seed.len()]);
            }
            prop_assert_eq!(hash(&rows), before);
        }

        #[test]
        fn what_is_counted_was_confirmed_and_is_contested_by_nobody(row in some_row(), day in 1_i8..31) {
            use crate::reconciliation::consequences::CountsAs;
            let found = row.on(date(2026, 3, day));
            if found.situation.definition().counts_as == CountsAs::Counted {
                prop_assert!(found.arrived_on.is_some() && found.deciding_claim.is_some());
                prop_assert!(row.claims.iter().all(|claim| !claim.disputed || claim.day > date(2026, 3, day)));
            }
        }
    }
}
