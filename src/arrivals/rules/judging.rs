//! What a claim means for the placement it is about: who may make it, whether its day can be, whether it is late, and whether the
//! person arrived where planned.

use super::outcome::Said;
use super::reading::Stated;
use super::{SEASON_DAYS, placement_unknown, regions_differ};
use crate::arrivals::{ClaimantRole, ClaimedOutcome};
use crate::calendar::calendar;
use crate::db::{Day, Id};
use crate::dispatches::{Placement, PlacementState};
use crate::error::Fault;
use crate::regions::RegionCode;

/// A placement as a claim sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The placement.
    pub placement: Placement,
    /// Workplace of the quota.
    pub planned_region: RegionCode,
    /// The day the batch is expected there.
    pub planned_arrival_on: Day,
}

impl Subject {
    /// In which capacity a party may speak of this placement; `member` is its role in the agreement. The employer, planned or real,
    /// goes before the role; an origin speaks of its own people only. None: to this party the placement looks absent.
    #[must_use]
    pub fn capacity_of(&self, party: Id, member: Option<ClaimantRole>) -> Option<ClaimantRole> {
        let placement = &self.placement;
        if placement.departed_on.is_none() && placement.origin_id != party {
            return None;
        }
        if placement.employer_id == party || placement.real_employer_id == Some(party) {
            return Some(ClaimantRole::Employer);
        }
        member.filter(|role| *role != ClaimantRole::Origin || placement.origin_id == party)
    }

    /// Whether a day belongs to this sending: from the departure to the end of the season.
    #[must_use]
    pub fn season_contains(&self, day: Day) -> bool {
        self.placement.departed_on.is_some_and(|departed| departed <= day) && day <= self.season_end()
    }

    fn season_end(&self) -> Day {
        self.planned_arrival_on.plus_days(SEASON_DAYS)
    }

    /// Whether an arrival on `day` would be a return to post (返岗): after the person had left, or long after the arrival was settled.
    fn is_return(&self, day: Day) -> bool {
        let left = self.placement.ended_on.is_some_and(|ended| day > ended);
        let settled = self.placement.onboarded_on.is_some_and(|first| day > first) && day > self.season_end();
        left || settled
    }
}

/// What a claim comes to once its placement is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The outcome: an arrival elsewhere than planned is `diverted`, however it was sent.
    pub outcome: ClaimedOutcome,
    /// The employer it names, or the claimant where it took somebody who was planned for another.
    pub employer_id: Option<Id>,
    /// Whether it is late.
    pub late: bool,
}

/// Who makes a claim, and when.
#[derive(Debug, Clone, Copy)]
pub struct Claiming {
    /// The party.
    pub party: Id,
    /// In which capacity.
    pub role: ClaimantRole,
    /// The present day.
    pub today: Day,
}

/// Judges a claim about a placement; `previous` is what the same claimant said before, `at` the row's place in the body.
///
/// # Errors
/// Every fault of the row.
pub fn judge(
    stated: &Stated,
    subject: &Subject,
    by: Claiming,
    previous: Option<&Said>,
    at: &str,
) -> Result<Judged, Vec<Fault>> {
    let Some(departed_on) = subject.placement.departed_on else {
        return Err(vec![not_possible(subject, &format!("{at}/{}", stated.target.field()))]);
    };
    let mut faults = Vec::new();
    let day_at = format!("{at}/happened_on");
    if stated.happened_on < departed_on {
        faults.push(
            Fault::body(
                &day_at,
                "before_departure",
                format!("the person departed on {departed_on}; nothing can have happened before"),
                format!("该人员于 {departed_on} 出发，日期不得早于出发日"),
            )
            .param("departed_on", departed_on.to_string()),
        );
    }
    if stated.outcome.is_arrival() && subject.is_return(stated.happened_on) {
        faults.push(Fault::body(
            &day_at,
            "return_to_post",
            "this person had arrived before; coming back to a post is no arrival, record a spell instead",
            "该人员此前已到岗；返岗不是新的到岗，请改为登记就业时段",
        ));
    } else if subject.placement.ended_on.is_some_and(|ended| stated.happened_on > ended) {
        faults.push(Fault::body(
            &day_at,
            "claim_not_possible",
            "this person had left the post by then; what happens after the end of a placement is not claimed",
            "该人员此前已离岗；安置结束后的情况无需提交",
        ));
    }
    let place = place(stated, subject, by, at).map_err(|fault| faults.push(*fault));
    match place {
        Ok((outcome, employer_id)) if faults.is_empty() => {
            Ok(Judged { outcome, employer_id, late: is_late(stated.happened_on, subject, by.today, previous) })
        }
        _ => Err(faults),
    }
}

fn not_possible(subject: &Subject, at: &str) -> Fault {
    let state = subject.placement.state;
    let fault = if matches!(state, PlacementState::Enrolled | PlacementState::Cancelled) {
        Fault::body(
            at,
            "claim_not_possible",
            "the dispatch must have departed and the placement must not be cancelled",
            "该批次须已出发，且安置未取消",
        )
    } else {
        placement_unknown(at.to_owned())
    };
    fault.param("state", state.as_str())
}

/// Where the person arrived, against the plan.
fn place(
    stated: &Stated,
    subject: &Subject,
    by: Claiming,
    at: &str,
) -> Result<(ClaimedOutcome, Option<Id>), Box<Fault>> {
    if !stated.outcome.is_arrival() {
        return Ok((stated.outcome, None));
    }
    let own = (by.role == ClaimantRole::Employer).then_some(by.party);
    let elsewhere = |employer: &Id| *employer != subject.placement.employer_id;
    let other_employer = stated.employer_id.or(own).is_some_and(|employer| elsewhere(&employer));
    let other_region = stated.region_code.is_some_and(|region| regions_differ(region, subject.planned_region));
    if other_employer || other_region {
        return Ok((ClaimedOutcome::Diverted, stated.employer_id.or(own.filter(elsewhere))));
    }
    if stated.outcome == ClaimedOutcome::Onboarded {
        return Ok((ClaimedOutcome::Onboarded, stated.employer_id));
    }
    Err(Box::new(Fault::body(
        format!("{at}/employer_id"),
        "place_as_planned",
        "a diverted person works elsewhere: give an employer_id or a region_code other than planned, or claim onboarded",
        "改派须填写与计划不同的实际单位或地区；若与计划一致，请提交到岗",
    )))
}

/// Late is what happened after the last day on time, and what was first said after it: a correction of an answer that was in time is
/// not late. A last day on time that is a day off moves to the next working day.
fn is_late(day: Day, subject: &Subject, today: Day, previous: Option<&Said>) -> bool {
    let due = calendar().moved(subject.placement.arrival_due_on);
    day > due || (today > due && previous.is_none_or(|earlier| earlier.late))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::agreements::rule_terms::EvidenceLevel;
    use crate::arrivals::rules::reading::Target;
    use crate::regions::Scope;
    use crate::workers::GroupCode;

    pub fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    pub fn party(number: u128) -> Id {
        Id(uuid::Uuid::from_u128(number))
    }

    pub const ORIGIN: u128 = 1;
    pub const DESTINATION: u128 = 2;
    pub const EMPLOYER: u128 = 3;
    pub const NEIGHBOUR: u128 = 4;

    /// Left on 24 February for 嘉兴海宁, expected on the 26th, on time until 12 March.
    pub fn subject() -> Subject {
        let placement = Placement {
            agreement_id: party(100),
            id: party(101),
            dispatch_id: party(102),
            quota_id: party(103),
            cohort_id: None,
            worker_id: party(104),
            origin_id: party(ORIGIN),
            destination_id: party(DESTINATION),
            employer_id: party(EMPLOYER),
            plan_year: 2026,
            partner_ref: Some("2026-1".to_owned()),
            group_code: GroupCode::Lifted,
            scope: Scope::OutsideProvince,
            arrival_due_on: day("2026-03-12"),
            state: PlacementState::Departed,
            departed_on: Some(day("2026-02-24")),
            outcome_on: None,
            onboarded_on: None,
            real_employer_id: None,
            real_region_code: None,
            evidence: None,
            certain: false,
            late: false,
            disputed: false,
            holds_place: true,
            ended_on: None,
            end_reason: None,
            version: 2,
            enrolled_at: day("2026-02-20").start(),
            cancelled_at: None,
            enrolled_again_at: None,
            departure_recorded_at: Some(day("2026-02-24").start()),
        };
        Subject { placement, planned_region: "330481".parse().unwrap(), planned_arrival_on: day("2026-02-26") }
    }

    fn onboarded(happened_on: &str) -> Stated {
        Stated {
            target: Target::Placement(party(101)),
            outcome: ClaimedOutcome::Onboarded,
            happened_on: day(happened_on),
            employer_id: None,
            region_code: None,
            evidence: EvidenceLevel::E2,
            client_ref: None,
        }
    }

    fn by(role: ClaimantRole, number: u128, today: &str) -> Claiming {
        Claiming { party: party(number), role, today: day(today) }
    }

    fn codes(result: Result<Judged, Vec<Fault>>) -> Vec<&'static str> {
        result
            .map(|judged| judged.outcome.as_str())
            .map_or_else(|faults| faults.iter().map(|fault| fault.code).collect(), |outcome| vec![outcome])
    }

    #[test]
    fn who_may_speak_of_a_placement() {
        let departed = subject();
        let mut waiting = subject();
        waiting.placement.departed_on = None;
        waiting.placement.state = PlacementState::Enrolled;
        let mut diverted = subject();
        diverted.placement.real_employer_id = Some(party(NEIGHBOUR));
        let cases = [
            (&departed, EMPLOYER, None, Some(ClaimantRole::Employer)),
            (&departed, NEIGHBOUR, None, None),
            (&diverted, NEIGHBOUR, None, Some(ClaimantRole::Employer)),
            (&departed, DESTINATION, Some(ClaimantRole::Destination), Some(ClaimantRole::Destination)),
            (&departed, 9, Some(ClaimantRole::Station), Some(ClaimantRole::Station)),
            (&departed, ORIGIN, Some(ClaimantRole::Origin), Some(ClaimantRole::Origin)),
            (&departed, 8, Some(ClaimantRole::Origin), None),
            (&waiting, EMPLOYER, None, None),
            (&waiting, DESTINATION, Some(ClaimantRole::Destination), None),
            (&waiting, ORIGIN, Some(ClaimantRole::Origin), Some(ClaimantRole::Origin)),
        ];
        for (subject, who, member, expected) in cases {
            assert_eq!(subject.capacity_of(party(who), member), expected, "{who} as {member:?}");
        }
    }

    #[test]
    fn an_arrival_elsewhere_than_planned_is_a_diversion_however_it_was_sent() {
        let employer = |number| Some(party(number));
        let region = |code: &str| Some(code.parse::<RegionCode>().unwrap());
        let cases = [
            (ClaimantRole::Employer, EMPLOYER, "onboarded", None, None, "onboarded"),
            (ClaimantRole::Employer, NEIGHBOUR, "onboarded", None, None, "diverted"),
            (ClaimantRole::Destination, DESTINATION, "onboarded", employer(EMPLOYER), None, "onboarded"),
            (ClaimantRole::Destination, DESTINATION, "onboarded", employer(NEIGHBOUR), None, "diverted"),
            (ClaimantRole::Destination, DESTINATION, "onboarded", None, region("330782"), "diverted"),
            (ClaimantRole::Destination, DESTINATION, "onboarded", None, region("330400"), "onboarded"),
            (ClaimantRole::Destination, DESTINATION, "diverted", None, None, "place_as_planned"),
            (ClaimantRole::Destination, DESTINATION, "diverted", employer(EMPLOYER), None, "place_as_planned"),
            (ClaimantRole::Destination, DESTINATION, "diverted", employer(NEIGHBOUR), None, "diverted"),
        ];
        for (role, who, outcome, employer_id, region_code, expected) in cases {
            let outcome = ClaimedOutcome::from_text(outcome).unwrap();
            let stated = Stated { outcome, employer_id, region_code, ..onboarded("2026-02-26") };
            let judged = judge(&stated, &subject(), by(role, who, "2026-03-02"), None, "");
            assert_eq!(codes(judged), [expected], "{role} {outcome} {employer_id:?} {region_code:?}");
        }
    }

    #[test]
    fn an_employer_who_took_somebody_planned_for_another_is_named_in_its_claim() {
        let claiming = by(ClaimantRole::Employer, NEIGHBOUR, "2026-03-02");
        let judged = judge(&onboarded("2026-02-26"), &subject(), claiming, None, "").unwrap();
        assert_eq!(judged.employer_id, Some(party(NEIGHBOUR)));
    }

    #[test]
    fn a_claim_is_late_when_it_happened_or_was_first_said_after_the_last_day_on_time() {
        let earlier =
            |late| Said { late, ..crate::arrivals::rules::outcome::tests::said("employer", "onboarded", "2026-02-26") };
        let cases = [
            ("2026-02-26", "2026-03-12", None, false),
            ("2026-02-26", "2026-03-13", None, true),
            ("2026-03-12", "2026-03-12", None, false),
            ("2026-03-13", "2026-03-13", None, true),
            ("2026-02-27", "2026-03-20", Some(earlier(false)), false),
            ("2026-02-27", "2026-03-20", Some(earlier(true)), true),
            ("2026-03-14", "2026-03-20", Some(earlier(false)), true),
        ];
        for (happened_on, today, previous, late) in cases {
            let claiming = by(ClaimantRole::Employer, EMPLOYER, today);
            let judged = judge(&onboarded(happened_on), &subject(), claiming, previous.as_ref(), "").unwrap();
            assert_eq!(judged.late, late, "{happened_on}, said on {today}, before: {previous:?}");
        }
    }

    #[test]
    fn a_day_before_the_departure_cannot_be() {
        let claiming = by(ClaimantRole::Employer, EMPLOYER, "2026-03-02");
        assert_eq!(codes(judge(&onboarded("2026-02-23"), &subject(), claiming, None, "")), ["before_departure"]);
        assert_eq!(codes(judge(&onboarded("2026-02-24"), &subject(), claiming, None, "")), ["onboarded"]);
    }

    #[test]
    fn coming_back_after_the_holiday_is_no_arrival() {
        let mut ended = subject();
        ended.placement.state = PlacementState::Ended;
        ended.placement.onboarded_on = Some(day("2026-02-26"));
        ended.placement.ended_on = Some(day("2026-05-31"));
        let mut in_post = subject();
        in_post.placement.state = PlacementState::Onboarded;
        in_post.placement.onboarded_on = Some(day("2026-02-26"));
        let cases = [
            (&ended, "onboarded", "2026-06-10", "return_to_post"),
            (&ended, "onboarded", "2026-02-27", "onboarded"),
            (&ended, "refused_by_worker", "2026-06-10", "claim_not_possible"),
            (&in_post, "onboarded", "2026-06-26", "onboarded"),
            (&in_post, "onboarded", "2026-06-27", "return_to_post"),
            (&subject(), "onboarded", "2026-06-27", "onboarded"),
        ];
        for (subject, outcome, happened_on, expected) in cases {
            let outcome = ClaimedOutcome::from_text(outcome).unwrap();
            let stated = Stated { outcome, ..onboarded(happened_on) };
            let judged = judge(&stated, subject, by(ClaimantRole::Employer, EMPLOYER, "2026-07-01"), None, "");
            assert_eq!(codes(judged), [expected], "{:?} {outcome} {happened_on}", subject.placement.state);
        }
    }

    #[test]
    fn before_the_departure_the_origin_is_told_why_it_is_too_early() {
        let mut waiting = subject();
        waiting.placement.departed_on = None;
        waiting.placement.state = PlacementState::Enrolled;
        let judged =
            judge(&onboarded("2026-02-26"), &waiting, by(ClaimantRole::Origin, ORIGIN, "2026-03-02"), None, "");
        assert_eq!(codes(judged), ["claim_not_possible"]);
    }

    #[test]
    fn the_same_worker_next_year_is_another_sending() {
        let subject = subject();
        for (text, belongs) in [
            ("2026-02-23", false),
            ("2026-02-24", true),
            ("2026-06-26", true),
            ("2026-06-27", false),
            ("2027-02-26", false),
        ] {
            assert_eq!(subject.season_contains(day(text)), belongs, "{text}");
        }
    }
}
