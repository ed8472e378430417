//! From what is counted to what officials read: bounds, of which, rates, parts and credit.

use super::claims::{Counting, Ledger, Period, Question};
use super::definitions::{Condition, IndicatorDefinition, ScopeSplit};
use super::{Counted, Credit, FigureSide, IndicatorFigure, RateBounds};
use crate::agreements::{Terms, Unit};
use crate::dispatches::tally::Standing;
use crate::fulfilment::Bounds;
use crate::regions::{Scope, ThreeWayScope};

/// The parts of a split, by their codes.
#[must_use]
pub fn parts(split: ScopeSplit) -> Vec<&'static str> {
    match split {
        ScopeSplit::ThreeWay => ThreeWayScope::ALL.iter().map(|part| part.as_str()).collect(),
        ScopeSplit::Local => Scope::ALL.iter().map(|part| part.as_str()).collect(),
    }
}

/// The part a scope lies in.
#[must_use]
pub fn part_of(split: ScopeSplit, scope: Scope) -> &'static str {
    match split {
        ScopeSplit::ThreeWay => scope.three_way().as_str(),
        ScopeSplit::Local => scope.as_str(),
    }
}

/// What stands behind one number of a figure, in the order of the placements.
#[must_use]
pub fn behind<'a>(
    question: &Question<'_>,
    ledger: &'a Ledger,
    side: FigureSide,
    part: Option<&str>,
) -> Vec<Counting<'a>> {
    let IndicatorDefinition { counts, of, split, .. } = question.definition;
    let condition = match side {
        FigureSide::Numerator => *counts,
        FigureSide::Denominator => *of,
    };
    let Some(condition) = condition else { return Vec::new() };
    let mut counted = question.counted(ledger, condition);
    if let (FigureSide::Numerator, Some(split), Some(part)) = (side, *split, part) {
        counted.retain(|counting| part_of(split, counting.fact.scope) == part);
    }
    counted
}

fn bounds<'a>(counted: impl Iterator<Item = &'a Counting<'a>> + Clone) -> Bounds {
    let number = |standing: Standing| {
        i64::try_from(counted.clone().filter(|counting| counting.standing == standing).count()).unwrap_or(i64::MAX)
    };
    Bounds {
        certain: number(Standing::Certain),
        probable: number(Standing::Probable),
        disputed: number(Standing::Disputed),
    }
}

const fn total(bounds: Bounds) -> i64 {
    bounds.certain + bounds.probable + bounds.disputed
}

fn number_of(counted: &[Counting<'_>], rows: String) -> Counted {
    let lifted = counted.iter().filter(|counting| counting.lifted);
    Counted { bounds: bounds(counted.iter()), of_which_lifted: bounds(lifted), rows }
}

fn credit(counted: &[Counting<'_>]) -> Credit {
    let mut credit = Credit::default();
    for counting in counted.iter().filter(|counting| counting.standing == Standing::Certain) {
        credit.primary += i64::from(counting.clash.as_ref().is_none_or(|clash| clash.is_primary));
        credit.also_claimed += i64::from(counting.clash.is_some());
        credit.ten_thousandths += counting.credit();
    }
    credit
}

/// The least and the most a rate can be; none where there is nothing to divide by.
#[must_use]
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "numbers of people are exact in a float")]
pub fn rate(numerator: Bounds, denominator: Bounds) -> Option<RateBounds> {
    let whole = total(denominator);
    let share = |number: i64| number as f64 / whole as f64;
    (whole > 0).then(|| RateBounds { lowest: share(numerator.certain), highest: share(total(numerator)) })
}

/// The rules of the terms that a figure rests on: those that ask for its nodes.
fn rule_ids<'a>(definition: &IndicatorDefinition, terms: impl Iterator<Item = &'a Terms>) -> Vec<String> {
    let asks = |terms: &&Terms| terms.retention.nodes.iter().any(|node| definition.nodes.contains(&node.code()));
    let mut ids: Vec<String> = terms.filter(asks).map(|terms| terms.retention.rule_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The figures of one indicator: one, or one for each part of its split. `address` gives where the rows of a number are.
pub fn of<'t>(
    question: &Question<'_>,
    ledger: &Ledger,
    terms: impl Iterator<Item = &'t Terms>,
    address: impl Fn(FigureSide, Option<&str>) -> String,
) -> Vec<IndicatorFigure> {
    let definition = question.definition;
    let period = Period::of(definition.basis, question.as_of);
    let rule_ids = rule_ids(definition, terms);
    let whole = definition.of.map(|_| {
        let counted = behind(question, ledger, FigureSide::Denominator, None);
        number_of(&counted, address(FigureSide::Denominator, None))
    });
    let figure = |part: Option<&'static str>| {
        let counted = behind(question, ledger, FigureSide::Numerator, part);
        let numerator = number_of(&counted, address(FigureSide::Numerator, part));
        IndicatorFigure {
            code: definition.code.clone(),
            version: definition.version,
            part,
            unit: definition.unit,
            basis: definition.basis,
            from: period.from,
            to: period.to,
            rule_ids: rule_ids.clone(),
            rate: whole.as_ref().and_then(|whole| rate(numerator.bounds, whole.bounds)),
            credit: (definition.unit == Unit::Person).then(|| credit(&counted)),
            numerator,
            denominator: whole.clone(),
        }
    };
    match definition.split {
        Some(split) => parts(split).into_iter().map(Some).map(figure).collect(),
        None => vec![figure(None)],
    }
}

/// Whether a condition can be asked of a figure at all.
#[must_use]
pub const fn has_side(definition: &IndicatorDefinition, side: FigureSide) -> bool {
    let condition: Option<Condition> = match side {
        FigureSide::Numerator => definition.counts,
        FigureSide::Denominator => definition.of,
    };
    condition.is_some()
}

#[cfg(test)]
mod tests {
    use super::super::claims::tests::{day, fact};
    use super::super::claims::{Ledger, PlacementFact};
    use super::super::definitions::{IndicatorBasis, computed_on};
    use super::*;
    use crate::agreements::AgreementKind;
    use crate::retention::verdict::NodeState;
    use crate::statements::figures::RowNode;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashMap};

    fn figures_of(ledger: &Ledger) -> Vec<IndicatorFigure> {
        let lookup = |person: crate::db::Id, period: &str| format!("{person}/{period}");
        let each = |definition| {
            let question = Question { definition, as_of: day("2026-06-30"), lookup: &lookup };
            of(&question, ledger, std::iter::empty(), |side, part| format!("{side}/{part:?}"))
        };
        computed_on(day("2026-06-30")).into_iter().flat_map(each).collect()
    }

    fn numerator(figures: &[IndicatorFigure], code: &str) -> Bounds {
        figures.iter().find(|figure| figure.code == code).unwrap().numerator.bounds
    }

    #[test]
    fn a_person_under_two_agreements_is_one_person_by_the_surest_placement() {
        let unsure = PlacementFact { standing: Some(Standing::Probable), ..fact(1, 11, 7) };
        let ledger = Ledger { own: vec![unsure, fact(2, 22, 7), fact(2, 23, 8)], others: HashMap::new() };
        let figures = figures_of(&ledger);
        assert_eq!(numerator(&figures, "onboarded"), Bounds { certain: 2, probable: 0, disputed: 0 });
        assert_eq!(numerator(&figures, "onboarded_times"), Bounds { certain: 2, probable: 1, disputed: 0 });
    }

    #[test]
    fn the_least_a_rate_can_be_is_what_is_certain_and_the_most_is_what_is_said() {
        let bounds = |certain, probable, disputed| Bounds { certain, probable, disputed };
        let told = rate(bounds(6, 1, 1), bounds(10, 0, 0)).unwrap();
        assert_eq!((told.lowest, told.highest), (0.6, 0.8));
        assert_eq!(rate(bounds(0, 0, 0), bounds(0, 0, 0)), None, "nothing to divide by");
    }

    #[test]
    fn each_person_stands_in_one_part_and_the_parts_are_the_whole() {
        let near = PlacementFact { scope: Scope::InsidePrefecture, ..fact(1, 11, 7) };
        let figures = figures_of(&Ledger { own: vec![near, fact(1, 12, 8)], others: HashMap::new() });
        let part = |code: &str, part: &str| {
            figures
                .iter()
                .find(|figure| figure.code == code && figure.part == Some(part))
                .unwrap()
                .numerator
                .bounds
                .certain
        };
        assert_eq!(part("scope_split", "outside_province"), 1);
        assert_eq!(part("scope_split", "inside_province_outside_county"), 1);
        assert_eq!(part("scope_split_local", "inside_prefecture"), 1);
        assert_eq!(part("scope_split_local", "inside_county"), 0);
    }

    prop_compose! {
        fn some_fact()(agreement in 1_u128..4, person in 1_u128..12, standing in 0_usize..4, departed in 0_i64..300, travel in 0_i64..30, stay in proptest::option::of(0_i64..200), lifted: bool, scope in 0_usize..4, east: bool, home in proptest::option::of(0_i64..60), back in proptest::option::of(1_i64..30), verdict in 0_usize..4) -> PlacementFact {
            let departed_on = day("2025-11-01").plus_days(departed);
            let arrived_on = departed_on.plus_days(travel);
            let went_home_on = home.map(|days| arrived_on.plus_days(days));
            let state = [NodeState::Retained, NodeState::Left, NodeState::Unverifiable, NodeState::Retained][verdict];
            PlacementFact {
                kind: if east { AgreementKind::EastWest } else { AgreementKind::InterProvincial },
                standing: [Some(Standing::Certain), Some(Standing::Probable), Some(Standing::Disputed), None][standing],
                departed_on: Some(departed_on),
                arrived_on: Some(arrived_on),
                ended_on: stay.map(|days| arrived_on.plus_days(days)),
                went_home_on,
                back_on: went_home_on.zip(back).map(|(day, days)| day.plus_days(days)),
                lifted,
                scope: Scope::ALL[scope],
                nodes: if verdict == 3 { Vec::new() } else { vec![RowNode { node: "90d".to_owned(), due_on: arrived_on.plus_days(90), state }] },
                ..fact(agreement, 0, person)
            }
        }
    }

    proptest! {
        /// Of which is never more than all, a rate never more than its whole, parts always the whole, persons never more than placements,
        /// and the credit of a figure never more than its persons.
        #[test]
        fn no_figure_contradicts_another(facts in proptest::collection::vec(some_fact(), 0..40), outside in proptest::collection::vec(some_fact(), 0..10)) {
            let number = |place: usize| crate::db::Id(uuid::Uuid::from_u128(u128::try_from(place).unwrap() + 1));
            let own: Vec<PlacementFact> = facts.into_iter().enumerate().map(|(place, fact)| PlacementFact { placement_id: number(place), ..fact }).collect();
            let mut others: HashMap<crate::db::Id, Vec<PlacementFact>> = HashMap::new();
            for (place, fact) in outside.into_iter().enumerate() {
                let rival = PlacementFact { placement_id: number(1_000 + place), agreement_id: number(500), ..fact };
                others.entry(rival.person_id).or_default().push(rival);
            }
            let ledger = Ledger { own, others };
            let figures = figures_of(&ledger);
            let whole = total(numerator(&figures, "in_post"));
            for split in ["scope_split", "scope_split_local"] {
                prop_assert_eq!(figures.iter().filter(|figure| figure.code == split).map(|figure| total(figure.numerator.bounds)).sum::<i64>(), whole);
            }
            for figure in &figures {
                let of_which = |number: &Counted| {
                    let (all, lifted) = (number.bounds, number.of_which_lifted);
                    lifted.certain <= all.certain && lifted.probable <= all.probable && lifted.disputed <= all.disputed
                };
                prop_assert!(of_which(&figure.numerator) && figure.denominator.as_ref().is_none_or(of_which), "{:?}", figure);
                if let Some(whole) = &figure.denominator {
                    prop_assert!(total(figure.numerator.bounds) <= total(whole.bounds), "{:?}", figure);
                }
                prop_assert_eq!(figure.basis == IndicatorBasis::Stock, figure.from.is_none());
                if let Some(credit) = figure.credit {
                    let certain = figure.numerator.bounds.certain;
                    prop_assert!(credit.primary <= certain && credit.also_claimed <= certain);
                    prop_assert!((0..=certain * 10_000).contains(&credit.ten_thousandths));
                }
            }
            let persons = ledger.own.iter().filter(|fact| fact.standing.is_some() && fact.ended_on.is_none_or(|on| on > day("2026-06-30")) && fact.arrived_on.is_some_and(|on| on <= day("2026-06-30")));
            prop_assert_eq!(whole, i64::try_from(persons.map(|fact| fact.person_id).collect::<BTreeSet<_>>().len()).unwrap(), "persons are distinct");
        }
    }
}
