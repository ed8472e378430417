//! The cases a clerk wrote on paper (F34), through the books and the rules: facts are entered as they are reported, and verdicts and rates
//! are those that were computed by hand. `tests/api` plays the same files through the API.

use super::history::{History, Placed};
use super::records::{Observation, ObservationSource, Reporter, ReporterRole};
use super::spell_book::{Dated, Report};
use super::verdict::{NodeState, NodeTally};
use crate::agreements::rule_terms::{EmployerScope, EvidenceLevel, RetentionRule};
use crate::db::{Day, Id};
use crate::retention::facts::{DateGrain, ExitReason};
use hand_case::{Fact, When};
use jiff::civil::{Date, date};

#[path = "../../tests/api/support/hand_case.rs"]
mod hand_case;

const FIRST: Id = Id(uuid::Uuid::from_u128(1));
const NEIGHBOUR: Id = Id(uuid::Uuid::from_u128(2));
const FAR: Id = Id(uuid::Uuid::from_u128(3));
/// Long after the last node of the twelve.
const CHECKED_ON: Date = date(2027, 5, 1);

fn rule_of(terms: serde_json::Value) -> RetentionRule {
    let rule: RetentionRule = serde_json::from_value(terms).unwrap();
    assert!(rule.faults().is_empty(), "both sides can ratify it: {rule:?}");
    rule
}

fn workplace(name: &str) -> (Id, &'static str) {
    match name {
        "本厂" => (FIRST, "330782"),
        "邻厂" => (NEIGHBOUR, "330782"),
        "外县厂" => (FAR, "330481"),
        other => panic!("nobody knows {other}"),
    }
}

/// Accepted by the first employer in Yiwu on 6 March 2026.
fn arrived() -> History {
    let placed = Placed {
        id: Id(uuid::Uuid::from_u128(100)),
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

/// Enters the beginning or the end of work in the book of the placement.
fn enter(history: &mut History, fact: &Fact, today: Day) {
    let mut book = history.book().unwrap();
    let by = Reporter { party_id: Id::NIL, role: ReporterRole::Destination };
    let report = Report { by, now: today.start() };
    let dated = |when: &When| {
        let grain = if when.by_month { DateGrain::Month } else { DateGrain::Day };
        Dated { on: Day(when.day), grain }
    };
    let latest = book.latest().map(|spell| (spell.employer_id.unwrap(), spell.region_code.clone())).unwrap();
    let entered = match fact {
        Fact::Began(to, when) => {
            let to = to.as_deref().map(|to| {
                let (employer, region) = workplace(to);
                (employer, region.to_owned())
            });
            let (employer, region) = to.unwrap_or(latest);
            book.start(employer, &region, dated(when), report)
        }
        Fact::Left(reason, when) => book.exit(dated(when), ExitReason::from_text(reason).unwrap(), report),
        Fact::Seen { .. } => return,
    };
    assert!(entered.unwrap().changed, "{fact:?}");
    history.take_over(&book);
}

fn looks(fact: &Fact) -> Vec<Observation> {
    let Fact::Seen { employer, periods, evidence, source, monthly_wage_fen } = fact else { return Vec::new() };
    let (employer, region) = workplace(employer);
    let look = |(from, to): &(Date, Date)| Observation {
        id: Id::new(),
        placement_id: Id::NIL,
        observer_id: Id::NIL,
        client_ref: None,
        in_post: true,
        seen_from: Day(*from),
        seen_to: Day(*to),
        employer_id: Some(employer),
        region_code: Some(region.to_owned()),
        evidence: EvidenceLevel::from_text(evidence).unwrap(),
        source: ObservationSource::from_text(source).unwrap(),
        monthly_wage_fen: *monthly_wage_fen,
        content_hash: Vec::new(),
        recorded_at: Day(*to).start(),
    };
    periods.iter().map(look).collect()
}

fn history_of(facts: &[Fact], today: Date) -> History {
    let mut history = arrived();
    for fact in facts {
        enter(&mut history, fact, Day(today));
        history.observations.extend(looks(fact));
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

fn states(history: &History, rule: &RetentionRule, scope: EmployerScope, today: Date) -> Vec<NodeState> {
    let questions: Vec<_> = rule.nodes.iter().map(|node| (*node, scope)).collect();
    history.judge(rule, &questions, Day(today)).unwrap().into_iter().map(|verdict| verdict.state).collect()
}

#[test]
fn each_of_the_twelve_gets_the_verdicts_a_clerk_found_on_paper() {
    let (persons, rule) = (hand_case::persons(), rule_of(hand_case::strict_rule()));
    assert_eq!(persons.iter().map(|person| person.number).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    for person in &persons {
        let history = history_of(&person.facts, CHECKED_ON);
        for (place, scope) in EmployerScope::ALL.iter().copied().enumerate() {
            let found: Vec<_> = states(&history, &rule, scope, CHECKED_ON).into_iter().map(word).collect();
            assert_eq!(found, person.verdicts[place], "第 {} 人，{}", person.number, hand_case::READINGS[place]);
        }
    }
}

#[test]
fn the_twelve_give_the_hand_computed_rates_by_first_employer_by_region_and_by_any() {
    let rule = rule_of(hand_case::strict_rule());
    let histories: Vec<History> =
        hand_case::persons().iter().map(|person| history_of(&person.facts, CHECKED_ON)).collect();
    let rates = hand_case::rates();
    assert_eq!(rates.iter().map(|(reading, _)| reading.as_str()).collect::<Vec<_>>(), hand_case::READINGS);
    for ((reading, by_node), scope) in rates.iter().zip(EmployerScope::ALL.iter().copied()) {
        assert_eq!(by_node.len(), rule.nodes.len(), "{reading}");
        for (node, expected) in by_node.iter().enumerate() {
            let state = |history| states(history, &rule, scope, CHECKED_ON)[node];
            let tally = NodeTally::count(histories.iter().map(state));
            assert_eq!((tally.retained, tally.due()), *expected, "{reading}，第 {} 次核查", node + 1);
        }
    }
}

#[test]
fn each_parameter_of_a_rule_gives_the_verdict_a_clerk_found_on_paper() {
    let cases = hand_case::cases();
    assert!(cases.len() > 30, "the cases were found: {}", cases.len());
    for case in cases {
        let rule = rule_of(case.rule);
        let place = rule.nodes.iter().position(|node| node.code() == case.node).unwrap();
        let history = history_of(&case.facts, case.checked_on);
        let found = states(&history, &rule, rule.employer_scope, case.checked_on)[place];
        assert_eq!(word(found), case.verdict, "{}", case.name);
    }
}
