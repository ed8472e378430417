//! What claims to be counted by an indicator: placements, and the persons they come to.
//!
//! A person counts once, by the surest placement, and of equally sure ones by the primary one; the others stay as what also claims the
//! person. What agreements outside the reading claim comes in only to find clashes, and leaves nothing of itself in the result but a lookup
//! id and the credit that is left here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::CreditClash;
use super::attribution::{Claimant, WHOLE, credit, primary};
use super::definitions::{Condition, IndicatorBasis, IndicatorDefinition};
use crate::agreements::rule_terms::{AttributionRule, SplitCredit};
use crate::agreements::{AgreementKind, Unit};
use crate::db::{Day, Id};
use crate::dispatches::tally::Standing;
use crate::regions::Scope;
use crate::retention::verdict::NodeState;
use crate::statements::figures::RowNode;

/// A placement with everything indicators count by, as of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementFact {
    /// The agreement.
    pub agreement_id: Id,
    /// What kind of agreement it is.
    pub kind: AgreementKind,
    /// What its terms say of attribution.
    pub rule: AttributionRule,
    /// What its terms say of splitting.
    pub split: SplitCredit,
    /// The placement.
    pub placement_id: Id,
    /// The origin.
    pub origin_id: Id,
    /// The worker, in that origin's register.
    pub worker_id: Id,
    /// The person, through all registers; never told.
    pub person_id: Id,
    /// Whether the person is formerly poor or monitored.
    pub lifted: bool,
    /// How far from home.
    pub scope: Scope,
    /// How sure the arrival is; none where it counts for none.
    pub standing: Option<Standing>,
    /// Day of departure.
    pub departed_on: Option<Day>,
    /// Confirmed day of arrival.
    pub arrived_on: Option<Day>,
    /// Last day in post.
    pub ended_on: Option<Day>,
    /// Last day before the holiday at home.
    pub went_home_on: Option<Day>,
    /// First day back from it.
    pub back_on: Option<Day>,
    /// The nodes that have fallen due.
    pub nodes: Vec<RowNode>,
}

/// The time an indicator is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First day; none for a stock.
    pub from: Option<Day>,
    /// Last day.
    pub to: Day,
}

impl Period {
    /// The period of a basis that ends on a day.
    #[must_use]
    pub fn of(basis: IndicatorBasis, to: Day) -> Self {
        let from = match basis {
            IndicatorBasis::Stock => None,
            IndicatorBasis::Flow => Some(Day(to.0.first_of_month())),
            IndicatorBasis::Cumulative => Some(Day(to.0.first_of_year())),
        };
        Self { from, to }
    }

    fn holds(self, day: Option<Day>) -> bool {
        day.is_some_and(|day| day <= self.to && self.from.is_none_or(|from| from <= day))
    }
}

impl PlacementFact {
    /// How sure it is that the condition holds; none where it does not.
    #[must_use]
    pub fn standing_in(&self, condition: Condition, nodes: &[String], period: Period) -> Option<Standing> {
        if condition == Condition::Departed {
            // A departure is the origin's own fact.
            return period.holds(self.departed_on).then_some(Standing::Certain);
        }
        let standing = self.standing?;
        let arrived_on = self.arrived_on.filter(|day| *day <= period.to)?;
        let in_post = self.ended_on.is_none_or(|day| day > period.to);
        let node = || nodes.iter().find_map(|code| self.nodes.iter().find(|node| node.node == *code));
        let due = || node().filter(|node| period.holds(Some(node.due_on)));
        let holds = match condition {
            Condition::Departed => false,
            Condition::DepartedAndArrived => period.holds(self.departed_on),
            Condition::Arrived => period.holds(Some(arrived_on)),
            Condition::ArrivedAndInPost => period.holds(Some(arrived_on)) && in_post,
            Condition::InPost => in_post,
            Condition::LiftedInPost => in_post && self.lifted,
            Condition::Due => due().is_some(),
            Condition::Retained => due().is_some_and(|node| node.state == NodeState::Retained),
            Condition::WentHome => period.holds(self.went_home_on),
            Condition::WentHomeAndBack => {
                period.holds(self.went_home_on) && in_post && self.back_on.is_some_and(|day| day <= period.to)
            }
        };
        holds.then_some(standing)
    }

    fn claimant(&self) -> Claimant {
        Claimant {
            agreement_id: self.agreement_id,
            placement_id: self.placement_id,
            arrived_on: self.arrived_on,
            departed_on: self.departed_on,
            rule: self.rule,
            split: self.split,
        }
    }
}

/// All facts of a reading: its own, and those of other agreements about the same persons, by person.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The reading's own placements.
    pub own: Vec<PlacementFact>,
    /// Placements of other agreements.
    pub others: HashMap<Id, Vec<PlacementFact>>,
}

/// A person or a person-time that an indicator counts.
#[derive(Debug, Clone)]
pub struct Counting<'a> {
    /// The placement it counts by.
    pub fact: &'a PlacementFact,
    /// How sure it is.
    pub standing: Standing,
    /// Whether the person is formerly poor or monitored, by any of the placements.
    pub lifted: bool,
    /// The person's other placements that claim to be counted.
    pub also: Vec<&'a PlacementFact>,
    /// Whether somebody else counts the person.
    pub clash: Option<CreditClash>,
}

/// One question to a ledger.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The indicator.
    pub definition: &'a IndicatorDefinition,
    /// The day.
    pub as_of: Day,
    /// Makes the lookup id of a person's clash in this indicator and period.
    pub lookup: &'a dyn Fn(Id, &str) -> String,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("code", &self.definition.code).field("as_of", &self.as_of).finish()
    }
}

impl Question<'_> {
    fn standing(&self, fact: &PlacementFact, condition: Condition) -> Option<Standing> {
        let of_kind = self.definition.agreement_kind.is_none_or(|kind| kind == fact.kind);
        let period = Period::of(self.definition.basis, self.as_of);
        of_kind.then(|| fact.standing_in(condition, &self.definition.nodes, period)).flatten()
    }

    /// What is counted under a condition, in the order of the placements.
    #[must_use]
    pub fn counted<'a>(&self, ledger: &'a Ledger, condition: Condition) -> Vec<Counting<'a>> {
        let claims =
            ledger.own.iter().filter_map(|fact| self.standing(fact, condition).map(|standing| (fact, standing)));
        let mut counted: Vec<Counting<'a>> = match self.definition.unit {
            Unit::PersonTime => claims
                .map(|(fact, standing)| Counting { fact, standing, lifted: fact.lifted, also: Vec::new(), clash: None })
                .collect(),
            Unit::Person => {
                let mut persons: BTreeMap<Id, Vec<(&PlacementFact, Standing)>> = BTreeMap::new();
                for claim in claims {
                    persons.entry(claim.0.person_id).or_default().push(claim);
                }
                persons.into_values().filter_map(|claims| self.person(ledger, condition, &claims)).collect()
            }
        };
        counted.sort_unstable_by_key(|counting| (counting.fact.placement_id, counting.fact.agreement_id));
        counted
    }

    /// One person, by the surest and of these the primary placement.
    fn person<'a>(
        &self,
        ledger: &'a Ledger,
        condition: Condition,
        claims: &[(&'a PlacementFact, Standing)],
    ) -> Option<Counting<'a>> {
        let standing = claims.iter().map(|(_, standing)| *standing).min()?;
        let surest: Vec<Claimant> =
            claims.iter().filter(|(_, own)| *own == standing).map(|(fact, _)| fact.claimant()).collect();
        let chosen = primary(&surest)?;
        let is_chosen =
            |fact: &PlacementFact| (fact.agreement_id, fact.placement_id) == (chosen.agreement_id, chosen.placement_id);
        let (fact, _) = claims.iter().find(|(fact, _)| is_chosen(fact))?;
        let mut also: Vec<&PlacementFact> =
            claims.iter().map(|(fact, _)| *fact).filter(|fact| !is_chosen(fact)).collect();
        also.sort_unstable_by_key(|fact| (fact.placement_id, fact.agreement_id));
        Some(Counting {
            fact,
            standing,
            lifted: claims.iter().any(|(fact, _)| fact.lifted),
            also,
            clash: self.clash(ledger, condition, fact.person_id, claims),
        })
    }

    /// What is contested stands in neither total, so it clashes with nothing.
    fn clash(
        &self,
        ledger: &Ledger,
        condition: Condition,
        person_id: Id,
        claims: &[(&PlacementFact, Standing)],
    ) -> Option<CreditClash> {
        let own: Vec<Claimant> = claims
            .iter()
            .filter(|(_, standing)| *standing != Standing::Disputed)
            .map(|(fact, _)| fact.claimant())
            .collect();
        let rivals: Vec<Claimant> = ledger
            .others
            .get(&person_id)?
            .iter()
            .filter(|fact| self.standing(fact, condition).is_some_and(|standing| standing != Standing::Disputed))
            .map(PlacementFact::claimant)
            .collect();
        if own.is_empty() || rivals.is_empty() {
            return None;
        }
        let here: BTreeSet<Id> = own.iter().map(|claimant| claimant.agreement_id).collect();
        let all: Vec<Claimant> = own.into_iter().chain(rivals).collect();
        let begins = Period::of(self.definition.basis, self.as_of).from.unwrap_or(Day(self.as_of.0.first_of_year()));
        Some(CreditClash {
            lookup_id: (self.lookup)(person_id, &format!("{}/{begins}", self.definition.code)),
            is_primary: primary(&all).is_some_and(|primary| here.contains(&primary.agreement_id)),
            credit_ten_thousandths: here.iter().map(|agreement| credit(&all, *agreement)).sum(),
        })
    }
}

impl Counting<'_> {
    /// The credit for it here.
    #[must_use]
    pub fn credit(&self) -> i64 {
        self.clash.as_ref().map_or(WHOLE, |clash| clash.credit_ten_thousandths)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    /// Somebody who departed on 2 March, arrived on the 3rd and is in post.
    pub fn fact(agreement: u128, placement: u128, person: u128) -> PlacementFact {
        let id = |number: u128| Id(uuid::Uuid::from_u128(number));
        PlacementFact {
            agreement_id: id(agreement),
            kind: AgreementKind::InterProvincial,
            rule: AttributionRule::EarliestConfirmedArrival,
            split: SplitCredit::WholeToPrimary,
            placement_id: id(placement),
            origin_id: id(90),
            worker_id: id(person),
            person_id: id(person),
            lifted: false,
            scope: Scope::OutsideProvince,
            standing: Some(Standing::Certain),
            departed_on: Some(day("2026-03-02")),
            arrived_on: Some(day("2026-03-03")),
            ended_on: None,
            went_home_on: None,
            back_on: None,
            nodes: Vec::new(),
        }
    }

    #[test]
    fn a_row_counts_where_a_clerk_would_count_it() {
        use Condition::*;
        let node = |state| vec![RowNode { node: "90d".to_owned(), due_on: day("2026-06-01"), state }];
        let plain = fact(1, 1, 1);
        let departed_only = PlacementFact { standing: None, arrived_on: None, ..plain.clone() };
        let left = PlacementFact { ended_on: Some(day("2026-05-01")), ..plain.clone() };
        let stayed = PlacementFact { nodes: node(NodeState::Retained), ..plain.clone() };
        let unverified = PlacementFact { nodes: node(NodeState::Unverifiable), ..plain.clone() };
        let home = PlacementFact { went_home_on: Some(day("2026-05-01")), ..plain.clone() };
        let back = PlacementFact { back_on: Some(day("2026-05-06")), ..home.clone() };
        let last_year = PlacementFact {
            departed_on: Some(day("2025-03-02")),
            arrived_on: Some(day("2025-03-03")),
            ..plain.clone()
        };
        // As of 30 June, cumulative from 1 January: the conditions that hold.
        let table: [(&str, &PlacementFact, &[Condition]); 8] = [
            ("arrived and in post", &plain, &[Departed, DepartedAndArrived, Arrived, ArrivedAndInPost, InPost]),
            ("departed, nobody confirms", &departed_only, &[Departed]),
            ("arrived and left", &left, &[Departed, DepartedAndArrived, Arrived]),
            (
                "retained at 90 days",
                &stayed,
                &[Departed, DepartedAndArrived, Arrived, ArrivedAndInPost, InPost, Due, Retained],
            ),
            (
                "due, and nobody can tell",
                &unverified,
                &[Departed, DepartedAndArrived, Arrived, ArrivedAndInPost, InPost, Due],
            ),
            (
                "home for the holiday",
                &home,
                &[Departed, DepartedAndArrived, Arrived, ArrivedAndInPost, InPost, WentHome],
            ),
            (
                "back from the holiday",
                &back,
                &[Departed, DepartedAndArrived, Arrived, ArrivedAndInPost, InPost, WentHome, WentHomeAndBack],
            ),
            ("there since last year", &last_year, &[InPost]),
        ];
        let nodes = ["3m".to_owned(), "90d".to_owned()];
        for (words, fact, expected) in table {
            let period = Period::of(IndicatorBasis::Cumulative, day("2026-06-30"));
            let holds: Vec<Condition> =
                Condition::ALL.iter().copied().filter(|one| fact.standing_in(*one, &nodes, period).is_some()).collect();
            assert_eq!(holds, expected, "{words}");
        }
        let lifted = PlacementFact { lifted: true, ..fact(1, 1, 1) };
        let period = Period::of(IndicatorBasis::Stock, day("2026-06-30"));
        assert_eq!(lifted.standing_in(LiftedInPost, &[], period), Some(Standing::Certain));
    }

    #[test]
    fn a_period_is_a_day_a_month_or_a_year() {
        let from = |basis| Period::of(basis, day("2026-06-30")).from.map(|day| day.to_string());
        assert_eq!(from(IndicatorBasis::Stock), None);
        assert_eq!(from(IndicatorBasis::Flow).as_deref(), Some("2026-06-01"));
        assert_eq!(from(IndicatorBasis::Cumulative).as_deref(), Some("2026-01-01"));
    }
}
