//! Pure rules of fulfilment: from stored figures to what officials read.

use std::collections::BTreeMap;

use super::{Bounds, Funnel, Group, NodeFigure, TargetProgress};
use crate::agreements::{Indicator, Target, Terms, Unit};
use crate::db::{Day, Id};
use crate::dispatches::tally::{Cell, Count, Figures, Measure, Standing};
use crate::regions::Scope;
use crate::workers::Population;

/// The measure an indicator counts.
#[must_use]
pub const fn measure_of(indicator: Indicator) -> Measure {
    match indicator {
        Indicator::Dispatched => Measure::Dispatched,
        Indicator::Onboarded => Measure::Onboarded,
        Indicator::Retained => Measure::Retained,
    }
}

/// The version of the rule a figure is made by; retention carries the rule of the terms.
#[must_use]
pub fn rule_id(target: &Target, terms: &Terms) -> String {
    match target.indicator {
        Indicator::Dispatched => "dispatched/1".to_owned(),
        Indicator::Onboarded => "onboarded/1".to_owned(),
        Indicator::Retained => format!("{}/1", terms.retention.rule_id),
    }
}

/// How far each target is reached.
#[must_use]
pub fn targets(agreement_id: Id, terms: &Terms, figures: &Figures) -> Vec<TargetProgress> {
    let progress = |(place, target): (usize, &Target)| {
        let bounds = bounds(target, figures);
        TargetProgress {
            target: target.clone(),
            rule_id: rule_id(target, terms),
            basis: "cumulative",
            numerator: bounds.certain,
            denominator: target.number,
            bounds,
            rows: format!("/v1/agreements/{agreement_id}/fulfilment/rows?target={}&standing=certain", place + 1),
        }
    };
    terms.targets.iter().enumerate().map(progress).collect()
}

fn bounds(target: &Target, figures: &Figures) -> Bounds {
    let read = |standing: Standing| {
        let cell = Cell {
            plan_year: target.plan_year,
            quota_id: Id::NIL,
            scope: target.scope,
            population: target.population,
            measure: measure_of(target.indicator),
            node: target.node.map(crate::agreements::rule_terms::RetentionNode::code).unwrap_or_default(),
            standing,
        };
        let count = figures.tallies.get(&cell).copied().unwrap_or_default();
        match target.unit {
            Unit::Person => count.persons,
            Unit::PersonTime => count.placements,
        }
    };
    Bounds { certain: read(Standing::Certain), probable: read(Standing::Probable), disputed: read(Standing::Disputed) }
}

/// Which funnel: plan year, quota (nil for the agreement), scope.
type Key = (i64, Id, Option<Scope>);

/// The funnels of the agreement and of each quota, in the order of year, quota and scope.
#[must_use]
pub fn funnels(terms: &Terms, figures: &Figures, today: Day) -> Vec<Funnel> {
    let mut cells: BTreeMap<Key, BTreeMap<(Measure, &str), Group>> = BTreeMap::new();
    for (cell, count) in &figures.tallies {
        let groups = cells.entry((cell.plan_year, cell.quota_id, cell.scope)).or_default();
        add(groups.entry((cell.measure, cell.node.as_str())).or_default(), cell.population, *count);
    }
    let mut due: BTreeMap<(i64, Id, &str), i64> = BTreeMap::new();
    for ((plan_year, quota_id, node, _), placements) in
        figures.due.iter().filter(|((_, _, _, due_on), _)| *due_on <= today)
    {
        *due.entry((*plan_year, *quota_id, node.as_str())).or_default() += placements;
    }
    cells.into_iter().map(|(key, groups)| funnel(terms, key, &groups, &due)).collect()
}

fn add(group: &mut Group, population: Population, count: Count) {
    match population {
        Population::All => {
            group.placements += count.placements;
            group.persons += count.persons;
        }
        Population::Lifted => group.lifted_persons += count.persons,
        Population::Monitored => {}
    }
}

fn funnel(
    terms: &Terms,
    key: Key,
    groups: &BTreeMap<(Measure, &str), Group>,
    due: &BTreeMap<(i64, Id, &str), i64>,
) -> Funnel {
    let (plan_year, quota_id, scope) = key;
    let read = |measure: Measure, node: &str| groups.get(&(measure, node)).copied().unwrap_or_default();
    let nodes = terms.retention.nodes.iter().map(|node| {
        let node = node.code();
        let (retained, left) = (read(Measure::Retained, &node), read(Measure::Left, &node));
        let due = scope.is_none().then(|| due.get(&(plan_year, quota_id, node.as_str())).copied().unwrap_or_default());
        let unverified = due.map(|due| (due - retained.placements - left.placements).max(0));
        NodeFigure { node, due, retained, left, unverified }
    });
    Funnel {
        plan_year,
        quota_id,
        scope,
        departed: read(Measure::Dispatched, ""),
        onboarded: read(Measure::Onboarded, ""),
        not_arrived: read(Measure::NotArrived, ""),
        ended: read(Measure::Ended, ""),
        nodes: nodes.collect(),
    }
}
