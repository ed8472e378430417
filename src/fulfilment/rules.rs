//! Pure rules of fulfilment: from stored figures to what officials read.

use std::collections::BTreeMap;

use super::{Bounds, Figure, Funnel, Group, GroupRows, NodeFigure, PlacesRows, Step, TargetProgress};
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

/// The figure of a target under one standing.
#[must_use]
pub fn figure_of(target: &Target, standing: Standing) -> Figure {
    let step = match target.indicator {
        Indicator::Dispatched => Step::Departed,
        Indicator::Onboarded => Step::Onboarded,
        Indicator::Retained => Step::Retained,
    };
    Figure {
        step,
        plan_year: Some(target.plan_year),
        quota_id: None,
        scope: target.scope,
        node: target.node.map(crate::agreements::rule_terms::RetentionNode::code),
        population: target.population,
        unit: target.unit,
        standing: Some(standing),
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

/// How many placements are due by the day of reading: plan year, quota, node.
type Due<'a> = BTreeMap<(i64, Id, &'a str), i64>;

/// The funnels of the agreement and of each quota, in the order of year, quota and scope.
#[must_use]
pub fn funnels(agreement_id: Id, terms: &Terms, figures: &Figures, today: Day) -> Vec<Funnel> {
    let mut cells: BTreeMap<Key, BTreeMap<(Measure, &str), Group>> = BTreeMap::new();
    for (cell, count) in &figures.tallies {
        let groups = cells.entry((cell.plan_year, cell.quota_id, cell.scope)).or_default();
        add(groups.entry((cell.measure, cell.node.as_str())).or_default(), cell.population, *count);
    }
    let mut due = Due::new();
    for ((plan_year, quota_id, node, _), placements) in
        figures.due.iter().filter(|((_, _, _, due_on), _)| *due_on <= today)
    {
        *due.entry((*plan_year, *quota_id, node.as_str())).or_default() += placements;
    }
    cells.into_iter().map(|(key, groups)| funnel(terms, &Addresses { agreement_id, key }, &groups, &due)).collect()
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

/// Where the rows behind the numbers of one funnel are.
struct Addresses {
    agreement_id: Id,
    key: Key,
}

impl Addresses {
    /// None for a number without rows: most cells of a funnel are empty, and an answer has tens of thousands of them.
    fn of(&self, number: i64, step: Step, node: &str, wanted: &str) -> Option<String> {
        if number <= 0 {
            return None;
        }
        let (plan_year, quota_id, scope) = self.key;
        let quota = if quota_id == Id::NIL { String::new() } else { format!("&quota_id={quota_id}") };
        let scope = scope.map(|scope| format!("&scope={scope}")).unwrap_or_default();
        let node = if node.is_empty() { String::new() } else { format!("&node={node}") };
        let agreement = self.agreement_id;
        Some(format!(
            "/v1/agreements/{agreement}/fulfilment/funnel/{step}/rows?plan_year={plan_year}{quota}{scope}{node}{wanted}"
        ))
    }

    fn with_rows(&self, group: Group, step: Step, node: &str) -> Group {
        let rows = GroupRows {
            placements: self.of(group.placements, step, node, "&unit=person_time"),
            persons: self.of(group.persons, step, node, "&unit=person"),
            lifted_persons: self.of(group.lifted_persons, step, node, "&unit=person&population=lifted"),
        };
        Group { rows, ..group }
    }
}

fn funnel(terms: &Terms, addresses: &Addresses, groups: &BTreeMap<(Measure, &str), Group>, due: &Due<'_>) -> Funnel {
    let (plan_year, quota_id, scope) = addresses.key;
    let read = |measure: Measure, step: Step, node: &str| {
        addresses.with_rows(groups.get(&(measure, node)).cloned().unwrap_or_default(), step, node)
    };
    let nodes = terms.retention.nodes.iter().map(|node| {
        let node = node.code();
        let retained = read(Measure::Retained, Step::Retained, &node);
        let left = read(Measure::Left, Step::Left, &node);
        let due = scope.is_none().then(|| due.get(&(plan_year, quota_id, node.as_str())).copied().unwrap_or_default());
        let unverified = due.map(|due| (due - retained.placements - left.placements).max(0));
        let rows = |number: Option<i64>, step| number.and_then(|it| addresses.of(it, step, &node, "&unit=person_time"));
        let (due_rows, unverified_rows) = (rows(due, Step::Due), rows(unverified, Step::Unverified));
        NodeFigure { node, due, due_rows, retained, left, unverified, unverified_rows }
    });
    Funnel {
        plan_year,
        quota_id,
        scope,
        departed: read(Measure::Dispatched, Step::Departed, ""),
        onboarded: read(Measure::Onboarded, Step::Onboarded, ""),
        not_arrived: read(Measure::NotArrived, Step::NotArrived, ""),
        ended: read(Measure::Ended, Step::Ended, ""),
        nodes: nodes.collect(),
    }
}

/// What stands behind the places of a quota.
#[must_use]
pub fn behind_places(agreement_id: Id, quota_id: Id) -> PlacesRows {
    let agreement = format!("/v1/agreements/{agreement_id}");
    PlacesRows {
        offered: format!("{agreement}/quotas/{quota_id}"),
        held: format!("{agreement}/quotas/{quota_id}/balance"),
        filled: format!("{agreement}/fulfilment/funnel/filled/rows?quota_id={quota_id}&unit=person_time"),
    }
}
