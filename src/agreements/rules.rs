//! Who may move an agreement, on which day it holds, and which version speaks. Pure: values and the day in, decision out.

use super::{AgreementAction, AgreementState, PartyRole, Standing, Terms};
use crate::db::Day;
use crate::error::{Code, Error, Fault, Result};

/// An agreement with at most this many days left is expiring: two months to negotiate the next one.
pub const EXPIRING_DAYS: i64 = 60;
/// Every day the exchange takes.
const EVER: (Day, Day) = (Day(jiff::civil::date(1980, 1, 1)), Day(jiff::civil::date(2099, 12, 31)));

/// What the state and the day say together. A suspended agreement expires like any other.
#[must_use]
pub fn standing(state: AgreementState, effective_from: Day, effective_to: Day, today: Day) -> Standing {
    match state {
        AgreementState::Terminated => Standing::Terminated,
        AgreementState::Draft | AgreementState::Proposed => Standing::NotYetInForce,
        AgreementState::Ratified | AgreementState::Suspended if today > effective_to => Standing::Expired,
        AgreementState::Suspended => Standing::Suspended,
        AgreementState::Ratified if today < effective_from => Standing::NotYetInForce,
        AgreementState::Ratified if effective_to.days_since(today) <= EXPIRING_DAYS => Standing::Expiring,
        AgreementState::Ratified => Standing::InForce,
    }
}

/// The agreements of some stored states whose first and last day lie in these spans, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The states.
    pub states: &'static [AgreementState],
    /// Where the first day of the term lies.
    pub begins: (Day, Day),
    /// Where the last day of the term lies.
    pub ends: (Day, Day),
}

/// The agreements of a standing on a day: those of either span (which are the same where one is enough).
#[must_use]
pub fn spans_of(standing: Standing, today: Day) -> [Span; 2] {
    let (yesterday, tomorrow) = (today.plus_days(-1), today.plus_days(1));
    let until_expiring = today.plus_days(EXPIRING_DAYS);
    let span = |states, begins, ends| Span { states, begins, ends };
    let twice = |span: Span| [span, span];
    match standing {
        Standing::NotYetInForce => [
            span(&[AgreementState::Draft, AgreementState::Proposed], EVER, EVER),
            span(&[AgreementState::Ratified], (tomorrow, EVER.1), (today, EVER.1)),
        ],
        Standing::InForce => {
            twice(span(&[AgreementState::Ratified], (EVER.0, today), (until_expiring.plus_days(1), EVER.1)))
        }
        Standing::Expiring => twice(span(&[AgreementState::Ratified], (EVER.0, today), (today, until_expiring))),
        Standing::Expired => {
            twice(span(&[AgreementState::Ratified, AgreementState::Suspended], EVER, (EVER.0, yesterday)))
        }
        Standing::Suspended => twice(span(&[AgreementState::Suspended], EVER, (today, EVER.1))),
        Standing::Terminated => twice(span(&[AgreementState::Terminated], EVER, EVER)),
    }
}

/// The version that holds on `day`: the last one whose day has come, else the first. Takes ratified versions in the order of numbers.
#[must_use]
pub fn in_effect(ratified: impl IntoIterator<Item = (i64, Day)>, day: Day) -> Option<i64> {
    let mut first = None;
    let mut last = None;
    for (number, effective_on) in ratified {
        first = first.or(Some(number));
        if effective_on <= day {
            last = Some(number);
        }
    }
    last.or(first)
}

/// Whether a party may do this at all, whatever the state. Every party ratifies for itself; the text before ratification is the
/// drafter's; a station has no say over the life of an agreement between governments.
///
/// # Errors
/// [`Code::RoleNotAllowed`] with `required_role`.
pub fn require_right(action: AgreementAction, role: PartyRole, is_drafter: bool) -> Result<()> {
    let (allowed, required): (bool, &[&str]) = match action {
        AgreementAction::Ratify => (true, &[]),
        AgreementAction::Change | AgreementAction::Propose | AgreementAction::Withdraw => (is_drafter, &["drafter"]),
        AgreementAction::Amend | AgreementAction::Suspend | AgreementAction::Resume | AgreementAction::Terminate => {
            (role != PartyRole::Station, &["origin", "destination"])
        }
    };
    if allowed { Ok(()) } else { Err(Error::new(Code::RoleNotAllowed).param("required_role", required)) }
}

/// The faults of an amendment's day: not before today, within the term, and after the day of every ratified version, so that what
/// held on a day in the past never changes.
#[must_use]
pub fn amendment_day_faults(effective_on: Day, today: Day, term: (Day, Day), latest: Day) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |code, bound: Day, en: String, zh: String| {
        faults.push(Fault::body("/effective_on", code, en, zh).param("bound", bound.to_string()));
    };
    if effective_on < today {
        add("in_the_past", today, format!("must not lie before today, {today}"), format!("不得早于今日 {today}"));
    }
    if effective_on > term.1 || effective_on < term.0 {
        add(
            "outside_term",
            term.1,
            format!("must lie within the term of the agreement, {} to {}", term.0, term.1),
            format!("须在协议有效期 {} 至 {} 之内", term.0, term.1),
        );
    }
    if effective_on <= latest {
        add(
            "not_after_earlier_version",
            latest,
            format!("must lie after {latest}, the day of the version before"),
            format!("须晚于上一版本的生效日 {latest}"),
        );
    }
    faults
}

/// Clauses a good agreement has and these terms lack, by stable name (ILO assessment guide): `targets`, `complaints`.
#[must_use]
pub fn missing_clauses(terms: &Terms) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if terms.targets.is_empty() {
        missing.push("targets");
    }
    if terms.complaints_contact.is_none() {
        missing.push("complaints");
    }
    missing
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::guarantee_terms::GuaranteeRule;
    use super::super::rule_terms::{
        ArrivalMeaning, ArrivalRule, AttributionRule, Continuity, EmployerScope, EvidenceLevel, RetentionNode,
        RetentionRule, StartBasis, standard_split_credit,
    };
    use super::super::{
        DataSharing, Deadlines, Indicator, PlaceCaps, TRANSITIONS, Target, Unit, VERSION_TRANSITIONS, VersionAction,
        VersionState,
    };
    use super::*;
    use crate::lifecycle::{assert_sound, step};
    use crate::workers::Population;

    /// Terms as two counties would write them.
    pub(in crate::agreements) fn sample_terms() -> Terms {
        let target = |indicator, node, number| Target {
            plan_year: 2026,
            indicator,
            node,
            population: Population::All,
            scope: None,
            unit: Unit::Person,
            number,
        };
        Terms {
            targets: vec![
                target(Indicator::Onboarded, None, 2500),
                target(Indicator::Retained, Some(RetentionNode::days(90)), 2000),
            ],
            arrival: ArrivalRule {
                meaning: ArrivalMeaning::Onboarded,
                window_days: 14,
                minimum_evidence: EvidenceLevel::E2,
            },
            retention: RetentionRule {
                rule_id: "stay_3m_continuous".to_owned(),
                nodes: vec![RetentionNode::days(30), RetentionNode::days(90)],
                continuity: Continuity::Continuous,
                allowed_gap_days: 15,
                employer_scope: EmployerScope::SameRegion,
                start_basis: StartBasis::OnboardedDay,
                minimum_evidence: EvidenceLevel::E2,
                monthly_wage_floor_fen: None,
                evidence_valid_days: 45,
                evidence_valid_days_by_level: Vec::new(),
                income_floor: None,
            },
            attribution: AttributionRule::EarliestConfirmedArrival,
            split_credit: standard_split_credit(),
            caps: PlaceCaps::default(),
            hold_days: 30,
            deadlines: Deadlines { answer_days: 14, exit_days: 7, objection_days: 7 },
            guarantee: Some(GuaranteeRule::default()),
            data_sharing: DataSharing {
                legal_basis: "就业促进法第三十五条".to_owned(),
                purpose: "抵达交接与稳岗跟踪".to_owned(),
                retention_days: 1095,
            },
            complaints_contact: Some("12333".to_owned()),
        }
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn every_state_of_an_agreement_and_of_a_version_can_be_reached() {
        assert_sound(TRANSITIONS, AgreementState::Draft, AgreementState::ALL);
        assert_sound(VERSION_TRANSITIONS, VersionState::Draft, VersionState::ALL);
    }

    #[test]
    fn each_state_takes_the_actions_of_the_table_and_no_other() {
        use AgreementAction::{Amend, Change, Propose, Ratify, Resume, Suspend, Terminate, Withdraw};
        let table: [(AgreementState, &[(AgreementAction, AgreementState)]); 5] = [
            (AgreementState::Draft, &[(Change, AgreementState::Draft), (Propose, AgreementState::Proposed)]),
            (AgreementState::Proposed, &[(Withdraw, AgreementState::Draft), (Ratify, AgreementState::Ratified)]),
            (
                AgreementState::Ratified,
                &[
                    (Amend, AgreementState::Ratified),
                    (Suspend, AgreementState::Suspended),
                    (Terminate, AgreementState::Terminated),
                ],
            ),
            (AgreementState::Suspended, &[(Resume, AgreementState::Ratified), (Terminate, AgreementState::Terminated)]),
            (AgreementState::Terminated, &[]),
        ];
        for (state, legal) in table {
            for action in AgreementAction::ALL {
                let expected = legal.iter().find(|(known, _)| known == action).map(|(_, to)| *to);
                let found = step(TRANSITIONS, state, *action);
                if let Err(error) = &found {
                    let names: Vec<&str> = legal.iter().map(|(action, _)| action.as_str()).collect();
                    assert_eq!(error.params["allowed_actions"], serde_json::json!(names), "{state} × {action}");
                }
                assert_eq!(found.ok(), expected, "{state} × {action}");
            }
        }
    }

    #[test]
    fn a_version_is_proposed_once_and_then_ratified_or_withdrawn_for_good() {
        for state in VersionState::ALL {
            for action in VersionAction::ALL {
                let expected = match (state, action) {
                    (VersionState::Draft, VersionAction::Propose) => Some(VersionState::Proposed),
                    (VersionState::Proposed, VersionAction::Withdraw) => Some(VersionState::Withdrawn),
                    (VersionState::Proposed, VersionAction::Ratify) => Some(VersionState::Ratified),
                    _ => None,
                };
                assert_eq!(step(VERSION_TRANSITIONS, *state, *action).ok(), expected, "{state} × {action}");
            }
        }
    }

    #[test]
    fn the_day_decides_whether_a_ratified_agreement_is_in_force() {
        use AgreementState::{Draft, Proposed, Ratified, Suspended, Terminated};
        // Term 2026-01-01 to 2026-12-31; 60 days are left on 2026-11-01.
        let table = [
            (Draft, "2026-06-01", Standing::NotYetInForce),
            (Proposed, "2026-06-01", Standing::NotYetInForce),
            (Proposed, "2027-06-01", Standing::NotYetInForce),
            (Ratified, "2025-12-31", Standing::NotYetInForce),
            (Ratified, "2026-01-01", Standing::InForce),
            (Ratified, "2026-10-31", Standing::InForce),
            (Ratified, "2026-11-01", Standing::Expiring),
            (Ratified, "2026-12-31", Standing::Expiring),
            (Ratified, "2027-01-01", Standing::Expired),
            (Suspended, "2026-06-01", Standing::Suspended),
            (Suspended, "2027-01-01", Standing::Expired),
            (Terminated, "2026-06-01", Standing::Terminated),
            (Terminated, "2027-06-01", Standing::Terminated),
        ];
        for (state, today, expected) in table {
            let found = standing(state, day("2026-01-01"), day("2026-12-31"), day(today));
            assert_eq!(found, expected, "{state} on {today}");
        }
    }

    #[test]
    fn the_list_of_a_standing_holds_exactly_the_agreements_that_have_it() {
        let today = day("2026-05-01");
        let days =
            ["1980-01-01", "2026-04-30", "2026-05-01", "2026-05-02", "2026-06-30", "2026-07-01", "2099-12-31"].map(day);
        let within = |(from, to): (Day, Day), day: Day| from <= day && day <= to;
        for state in AgreementState::ALL {
            for begins in days {
                for ends in days.into_iter().filter(|ends| *ends >= begins) {
                    for listed in Standing::ALL {
                        let found = spans_of(*listed, today).iter().any(|span| {
                            span.states.contains(state) && within(span.begins, begins) && within(span.ends, ends)
                        });
                        let expected = standing(*state, begins, ends, today) == *listed;
                        assert_eq!(found, expected, "{listed} lists {state} from {begins} to {ends}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_version_whose_day_has_come_last_speaks() {
        let versions = [(1, day("2026-01-01")), (3, day("2026-07-01")), (4, day("2027-01-01"))];
        for (today, expected) in [
            ("2025-06-01", 1),
            ("2026-01-01", 1),
            ("2026-06-30", 1),
            ("2026-07-01", 3),
            ("2026-12-31", 3),
            ("2027-01-01", 4),
            ("2090-01-01", 4),
        ] {
            assert_eq!(in_effect(versions, day(today)), Some(expected), "{today}");
        }
        assert_eq!(in_effect([], day("2026-01-01")), None);
    }

    #[test]
    fn the_text_is_the_drafters_and_the_life_of_an_agreement_belongs_to_both_sides() {
        use AgreementAction::{Amend, Change, Propose, Ratify, Resume, Suspend, Terminate, Withdraw};
        let text = [Change, Propose, Withdraw];
        let life = [Amend, Suspend, Resume, Terminate];
        for role in PartyRole::ALL {
            for is_drafter in [true, false] {
                assert!(require_right(Ratify, *role, is_drafter).is_ok());
                for action in text {
                    assert_eq!(require_right(action, *role, is_drafter).is_ok(), is_drafter, "{action} by {role}");
                }
                for action in life {
                    let allowed = *role != PartyRole::Station;
                    assert_eq!(require_right(action, *role, is_drafter).is_ok(), allowed, "{action} by {role}");
                }
            }
        }
    }

    #[test]
    fn an_amendment_begins_within_the_term_after_the_versions_before_it_and_never_in_the_past() {
        let term = (day("2026-01-01"), day("2026-12-31"));
        let table: [(&str, &str, &[&str]); 6] = [
            ("2026-05-01", "2026-01-01", &[]),
            ("2026-12-31", "2026-01-01", &[]),
            ("2026-04-30", "2026-01-01", &["in_the_past"]),
            ("2027-01-01", "2026-01-01", &["outside_term"]),
            ("2026-07-01", "2026-07-01", &["not_after_earlier_version"]),
            ("2025-12-31", "2026-01-01", &["in_the_past", "outside_term", "not_after_earlier_version"]),
        ];
        for (effective_on, latest, expected) in table {
            let faults = amendment_day_faults(day(effective_on), day("2026-05-01"), term, day(latest));
            let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
            assert_eq!(codes, expected, "{effective_on} after {latest}");
        }
    }

    #[test]
    fn terms_without_a_complaints_contact_or_targets_say_so() {
        let mut terms = sample_terms();
        assert_eq!(missing_clauses(&terms), Vec::<&str>::new());
        terms.complaints_contact = None;
        assert_eq!(missing_clauses(&terms), ["complaints"]);
        terms.targets.clear();
        assert_eq!(missing_clauses(&terms), ["targets", "complaints"]);
    }
}
