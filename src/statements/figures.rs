//! The figures of a statement and the rows behind them: each row says for itself in which figures it counts, so a figure is nothing but
//! a count of rows.
//!
//! Persons are distinct within a figure. A person with several rows in one figure counts once, by the surest of them, so that certain
//! and probable persons add up to how many there are at most. Deliberately absent: sums of persons over figures.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::month::Month;
use crate::db::{Day, Id};
use crate::dispatches::tally::Standing;
use crate::reconciliation::consequences::CountsAs;
use crate::reconciliation::situations::Situation;
use crate::regions::Scope;
use crate::retention::verdict::NodeState;

crate::text_enum! {
    /// What a statement counts.
    pub enum StatementIndicator {
        /// Departed.
        Dispatched => "dispatched" / "输送",
        /// Arrived, as both sides or one of them say.
        Onboarded => "onboarded" / "到岗",
        /// Arrived and not known to have left by the end of the month.
        InPost => "in_post" / "在岗",
        /// Known to have left.
        Ended => "ended" / "离岗",
        /// Arrived, and the node falls due: what the retained are a part of.
        RetentionDue => "retention_due" / "应核查稳岗" / "retention due",
        /// Shown to be there at the node.
        Retained => "retained" / "稳定就业",
    }
}

crate::text_enum! {
    /// Over which time a figure runs.
    pub enum Basis {
        /// What happened in the month (当月).
        Month => "month" / "当月",
        /// What happened from 1 January to the end of the month (本年累计).
        Year => "year" / "本年累计",
        /// What stood at the end of the month (月末).
        MonthEnd => "month_end" / "月末" / "end of the month",
    }
}

/// The verdict on a row at a node that has fallen due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowNode {
    /// The node's code.
    #[schema(max_length = 5, example = "90d")]
    pub node: String,
    /// The day it fell due.
    pub due_on: Day,
    /// The verdict.
    pub state: NodeState,
}

/// One row of a statement: a placement, or claims that no placement answers to. No personal data: the person is a token that means
/// nothing outside this agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowContent {
    /// The placement.
    pub placement_id: Option<Id>,
    /// The claim, where nobody announced the person.
    pub claim_id: Option<Id>,
    /// The one situation it is in.
    pub situation: Situation,
    /// Whether it counts as an arrival on which both sides agree.
    pub counts_as: CountsAs,
    /// How sure its arrival is; null where it counts for none.
    // Inline, because the document knows a schema by its name alone, and the standing of an agreement has that name.
    #[schema(inline)]
    pub standing: Option<Standing>,
    /// Token of the person: the same person has the same token in every statement of this agreement.
    #[schema(pattern = "^[0-9a-f]{16}$", max_length = 16)]
    pub person: Option<String>,
    /// Whether the person is formerly poor or monitored (脱贫人口含监测对象).
    pub lifted: bool,
    /// How far from home.
    pub scope: Option<Scope>,
    /// The quota that holds the place.
    pub quota_id: Option<Id>,
    /// Day of departure.
    pub departed_on: Option<Day>,
    /// Day of arrival, as employer or destination confirm it.
    pub arrived_on: Option<Day>,
    /// Last day in post.
    pub ended_on: Option<Day>,
    /// The nodes that have fallen due, in their order.
    #[schema(max_items = 36)]
    pub nodes: Vec<RowNode>,
}

/// One figure's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureName {
    /// What is counted.
    pub indicator: StatementIndicator,
    /// At which node.
    pub node: Option<String>,
    /// Over which time.
    pub basis: Basis,
}

impl FigureName {
    fn of(indicator: StatementIndicator, basis: Basis) -> Self {
        Self { indicator, node: None, basis }
    }

    /// The name as a row carries it: `retained:90d/month/certain`.
    #[must_use]
    pub fn mark(&self, standing: Standing) -> String {
        let node = self.node.as_ref().map(|node| format!(":{node}")).unwrap_or_default();
        format!("{}{node}/{}/{standing}", self.indicator, self.basis)
    }
}

impl RowContent {
    /// How sure the arrival of a row is.
    #[must_use]
    pub const fn standing_of(situation: Situation, counts_as: CountsAs, confirmed: bool) -> Option<Standing> {
        match (situation, counts_as) {
            (Situation::Disputed, _) if confirmed => Some(Standing::Disputed),
            (_, CountsAs::Counted) => Some(Standing::Certain),
            (_, CountsAs::Provisional) => Some(Standing::Probable),
            (_, CountsAs::NotCounted) => None,
        }
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> Id {
        self.placement_id.or(self.claim_id).unwrap_or(Id::NIL)
    }

    /// The figures it counts in, each with how sure it is.
    #[must_use]
    pub fn counts_in(&self, month: Month) -> Vec<(FigureName, Standing)> {
        let mut found = Vec::new();
        let periods = |day: Day| {
            let by_then = day <= month.last_day();
            [(Basis::Month, by_then && day >= month.first_day()), (Basis::Year, by_then && day >= month.year_begins())]
                .into_iter()
                .filter_map(|(basis, within)| within.then_some(basis))
        };
        if let Some(day) = self.departed_on {
            let departed = |basis| (FigureName::of(StatementIndicator::Dispatched, basis), Standing::Certain);
            found.extend(periods(day).map(departed));
        }
        let (Some(standing), Some(arrived_on)) = (self.standing, self.arrived_on) else { return found };
        let mut add = |indicator, node: Option<&str>, basis| {
            found.push((FigureName { indicator, node: node.map(ToOwned::to_owned), basis }, standing));
        };
        periods(arrived_on).for_each(|basis| add(StatementIndicator::Onboarded, None, basis));
        match self.ended_on {
            Some(day) if day <= month.last_day() => {
                periods(day).for_each(|basis| add(StatementIndicator::Ended, None, basis));
            }
            _ if arrived_on <= month.last_day() => add(StatementIndicator::InPost, None, Basis::MonthEnd),
            _ => {}
        }
        for check in &self.nodes {
            for basis in periods(check.due_on) {
                add(StatementIndicator::RetentionDue, Some(&check.node), basis);
                if check.state == NodeState::Retained {
                    add(StatementIndicator::Retained, Some(&check.node), basis);
                }
            }
        }
        found
    }
}

/// How many rows and how many distinct persons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// Placements (人次).
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 301)]
    pub placements: i64,
    /// Distinct persons (人).
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 300)]
    pub persons: i64,
    /// Of these persons the formerly poor and monitored (其中脱贫人口).
    #[schema(minimum = 0, maximum = 9007199254740991_i64, example = 120)]
    pub lifted_persons: i64,
}

/// One figure of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementFigure {
    /// What is counted.
    pub indicator: StatementIndicator,
    /// At which node, for what is counted there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(max_length = 5, example = "90d")]
    pub node: Option<String>,
    /// Over which time.
    pub basis: Basis,
    /// Both sides agree.
    pub certain: Count,
    /// One side says so, and something is left to settle.
    pub probable: Count,
    /// In dispute; in neither of the two.
    pub disputed: Count,
}

#[derive(Debug, Default)]
struct Gathered {
    placements: BTreeMap<Standing, i64>,
    /// Each person by the surest row.
    persons: HashMap<String, (Standing, bool)>,
}

/// Counts rows into figures.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<FigureName, Gathered>);

impl Figures {
    /// Counts a row.
    pub fn add(&mut self, row: &RowContent, month: Month) {
        for (name, standing) in row.counts_in(month) {
            let figure = self.0.entry(name).or_default();
            *figure.placements.entry(standing).or_default() += 1;
            if let Some(person) = &row.person {
                let known = figure.persons.entry(person.clone()).or_insert((standing, row.lifted));
                *known = (known.0.min(standing), known.1 || row.lifted);
            }
        }
    }

    /// The figures, in the order of their names; what nobody counts in is left out.
    #[must_use]
    pub fn finish(self) -> Vec<StatementFigure> {
        let figure = |(name, gathered): (FigureName, Gathered)| {
            let count = |standing: Standing| {
                let persons = gathered.persons.values().filter(|(surest, _)| *surest == standing);
                let (all, lifted) = persons.fold((0, 0), |(all, lifted), (_, is)| (all + 1, lifted + i64::from(*is)));
                let placements = gathered.placements.get(&standing).copied().unwrap_or_default();
                Count { placements, persons: all, lifted_persons: lifted }
            };
            StatementFigure {
                indicator: name.indicator,
                node: name.node,
                basis: name.basis,
                certain: count(Standing::Certain),
                probable: count(Standing::Probable),
                disputed: count(Standing::Disputed),
            }
        };
        self.0.into_iter().map(figure).collect()
    }
}
