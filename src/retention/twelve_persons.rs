//! The twelve-person hand case (F34), through the books and the rules: facts are entered as they are reported, and the verdicts and rates
//! are those that a clerk computed on paper. `tests/api` plays the same file through the API.

use super::history::{History, Placed};
use super::records::{Observation, ObservationSource, Reporter, ReporterRole};
use super::spell_book::{Dated, Report};
use super::verdict::{NodeState, NodeTally};
use crate::agreements::rule_terms::{
    Continuity, EmployerScope, EvidenceLevel, RetentionRule, StartBasis, standard_nodes,
};
use crate::db::{Day, Id};
use crate::retention::facts::{DateGrain, ExitReason};
use hand_case::{Fact, Person};
use jiff::civil::{Date, date};

#[path = "../../tests/api/support/hand_case.rs"]
mod hand_case;

const FIRST: Id = Id(uuid::Uuid::from_u128(1));
const NEIGHBOUR: Id = Id(uuid::Uuid::from_u128(2));
const FAR: Id = Id(uuid::Uuid::from_u128(3));
const CHECKED_ON: Day = Day(date(2027, 5, 1));

fn rule() -> RetentionRule {
    RetentionRule {
        rule_id: "stay_days_continuous".to_owned(),
        nodes: standard_nodes(),
        continuity: Continuity::Continuous,
        allowed_gap_days: 15,
        employer_scope: EmployerScope::FirstEmployer,
        start_basis: StartBasis::OnboardedDay,
        minimum_evidence: EvidenceLevel::E2,
        monthly_wage_floor_fen: None,
        evidence_valid_days: 45,
    }
}

fn workplace(name: &str) -> (Id, &'static str) {
    match name {
        "本厂" => (FIRST, "330782"),
        "邻厂" => (NEIGHBOUR, "330782"),
        "外县厂" => (FAR, "330481"),
        other => panic!("nobody knows {other}"),
    }
}

fn arrived(person: &Person) -> History {
    let placed = Placed {
        id: Id(uuid::Uuid::from_u128(u128::try_from(person.number).unwrap())),
        origin_id: Id::NIL,
        worker_id: Id::NIL,
        destination_id: Id::NIL,
        planned_employer_id: FIRST,
        employer_id: FIRST,
        region_code: "330782".to_owned(),
        plan_year: 2026,
        onboarded_on: Some(Day(date(2026, 3, 6))),
        ended: None,
        listed_on: None,
    };
    History { placed, spells: Vec::new(), observations: Vec::new() }
}

/// The end or beginning of work that a fact tells, entered in the book of the placement.
fn enter(history: &mut History, fact: &Fact) {
    let mut book = history.book().unwrap();
    let by = Reporter { party_id: Id::NIL, role: ReporterRole::Destination };
    let report = Report { by, now: CHECKED_ON.start() };
    let on = |day: &Date| Dated { on: Day(*day), grain: DateGrain::Day };
    let entered = match fact {
        Fact::Moved(to, day) => {
            let (employer, region) = workplace(to);
            book.start(employer, region, on(day), report)
        }
        Fact::Back(day) => book.start(FIRST, "330782", on(day), report),
        Fact::HomeForHoliday(day) => book.exit(on(day), ExitReason::HolidayHome, report),
        Fact::Resigned(day) => book.exit(on(day), ExitReason::Resigned, report),
        Fact::Rosters { .. } | Fact::Called(_) => return,
    };
    assert!(entered.unwrap().changed, "{fact:?}");
    history.take_over(&book);
}

fn looks(history: &History, fact: &Fact) -> Vec<Observation> {
    let look = |employer: &str, from: Date, to: Date, evidence, source| {
        let (employer, region) = workplace(employer);
        Observation {
            id: Id::new(),
            placement_id: history.placed.id,
            observer_id: Id::NIL,
            client_ref: None,
            in_post: true,
            seen_from: Day(from),
            seen_to: Day(to),
            employer_id: Some(employer),
            region_code: Some(region.to_owned()),
            evidence,
            source,
            monthly_wage_fen: None,
            content_hash: Vec::new(),
            recorded_at: CHECKED_ON.start(),
        }
    };
    match fact {
        Fact::Rosters { employer, months } => {
            let sealed = |(from, to): &(Date, Date)| {
                look(employer, *from, *to, EvidenceLevel::E2, ObservationSource::EmployerRoster)
            };
            months.iter().map(sealed).collect()
        }
        Fact::Called(day) => vec![look("本厂", *day, *day, EvidenceLevel::E0, ObservationSource::PhoneCall)],
        _ => Vec::new(),
    }
}

fn history_of(person: &Person) -> History {
    let mut history = arrived(person);
    for fact in &person.facts {
        enter(&mut history, fact);
        let seen = looks(&history, fact);
        history.observations.extend(seen);
    }
    history
}

fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::NotDue => "未到期",
        NodeState::Retained => "在岗",
        NodeState::Left => "离岗",
        NodeState::Unverifiable => "不明",
    }
}

fn states(history: &History, scope: EmployerScope) -> Vec<NodeState> {
    let questions: Vec<_> = rule().nodes.into_iter().map(|node| (node, scope)).collect();
    history.judge(&rule(), &questions, CHECKED_ON).unwrap().into_iter().map(|verdict| verdict.state).collect()
}

#[test]
fn each_of_the_twelve_gets_the_verdicts_a_clerk_found_on_paper() {
    let persons = hand_case::persons();
    assert_eq!(persons.iter().map(|person| person.number).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    for person in &persons {
        let history = history_of(person);
        for (place, scope) in EmployerScope::ALL.iter().copied().enumerate() {
            let found: Vec<_> = states(&history, scope).into_iter().map(word).collect();
            assert_eq!(found, person.verdicts[place], "第 {} 人，{}", person.number, hand_case::READINGS[place]);
        }
    }
}

#[test]
fn the_twelve_give_the_hand_computed_rates_by_first_employer_by_region_and_by_any() {
    let histories: Vec<History> = hand_case::persons().iter().map(history_of).collect();
    let rates = hand_case::rates();
    assert_eq!(rates.iter().map(|(reading, _)| reading.as_str()).collect::<Vec<_>>(), hand_case::READINGS);
    for ((reading, by_node), scope) in rates.iter().zip(EmployerScope::ALL.iter().copied()) {
        for (node, expected) in by_node.iter().enumerate() {
            let tally = NodeTally::count(histories.iter().map(|history| states(history, scope)[node]));
            assert_eq!((tally.retained, tally.due()), *expected, "{reading}，第 {} 次核查", node + 1);
        }
    }
}
