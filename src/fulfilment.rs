//! Fulfilment (履约情况): each target of an agreement with numerator, denominator, unit and bounds, and the funnel behind it.
//!
//! Every number is read from tallies kept in the transaction of the fact, so that reading costs the same at a hundred placements and at
//! ten million; the rows behind a number are one request away and their count equals it. Persons and person-times never meet in a sum.
//! A figure is what claims and evidence say under the terms; on which of its rows both sides agree is told by `reconciliation`, which counts
//! no row that is not certain here.
//! Deliberately absent: a traffic light. The people who answer for the number see the number.

pub mod routes;
pub mod rules;
pub mod store;

use serde::Serialize;
use utoipa::ToSchema;

use crate::agreements::{Target, Unit};
use crate::db::{Day, Id};
use crate::dispatches::tally::Standing;
use crate::regions::Scope;
use crate::retention::guarantee::ReplacementFigures;
use crate::workers::Population;

crate::text_enum! {
    /// What the rows behind a number have in common.
    pub enum Step {
        /// Departed, and still taking a place of the quota.
        Filled => "filled" / "已占名额",
        /// Departed under the agreement.
        Departed => "departed" / "已出发",
        /// Arrived, as the terms define it.
        Onboarded => "onboarded" / "已到岗",
        /// Did not arrive, or was turned down.
        NotArrived => "not_arrived" / "未到岗",
        /// No longer in post.
        Ended => "ended" / "已离岗",
        /// The node is due by the day of reading.
        Due => "due" / "已到核查期",
        /// Seen in post at the node.
        Retained => "retained" / "稳岗",
        /// Known to have left before the node.
        Left => "left" / "已离开",
        /// The node is due, and nothing is shown either way.
        Unverified => "unverified" / "无法核实",
    }
}

impl Step {
    /// Whether the step is asked at a node of the rule.
    #[must_use]
    pub const fn is_at_node(self) -> bool {
        matches!(self, Self::Due | Self::Retained | Self::Left | Self::Unverified)
    }
}

/// A number and everything it is narrowed to: what its rows are found by.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What the rows have in common.
    pub step: Step,
    /// Plan year; all when absent.
    pub plan_year: Option<i64>,
    /// Quota; the whole agreement when absent.
    pub quota_id: Option<Id>,
    /// How far from the origin; everywhere when absent.
    pub scope: Option<Scope>,
    /// Node, for the steps that have one.
    pub node: Option<String>,
    /// Whose rows.
    pub population: Population,
    /// Distinct persons, or placements.
    pub unit: Unit,
    /// How sure; every standing when absent.
    pub standing: Option<Standing>,
}

/// A figure with its bounds: what is sure, what is said, what is contested (N4). It is what claims and evidence say under the terms; on
/// which of the rows both sides agree is for reconciliation, which counts no row that is not certain here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bounds {
    /// Shown as the agreement demands.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub certain: i64,
    /// Said, but not yet shown as the agreement demands.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub probable: i64,
    /// Contested; in neither of the two.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub disputed: i64,
}

/// A target and how far it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TargetProgress {
    /// The target as ratified.
    pub target: Target,
    /// Rule by which the figure is made.
    #[schema(max_length = 100, example = "onboarded/1")]
    pub rule_id: String,
    /// Stock, flow or cumulative: cumulative over the plan year.
    #[schema(max_length = 20, example = "cumulative")]
    pub basis: &'static str,
    /// What is reached for sure, in the target's unit.
    #[schema(minimum = 0, maximum = 10_000_000, example = 2411)]
    pub numerator: i64,
    /// The number both sides set themselves.
    #[schema(minimum = 1, maximum = 10_000_000, example = 2500)]
    pub denominator: i64,
    /// Certain, probable and disputed.
    pub bounds: Bounds,
    /// Address of the rows behind the numerator.
    #[schema(max_length = 500)]
    pub rows: String,
}

/// Placements of one quota and scope on their way. Person-times, except where persons are said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Funnel {
    /// Plan year.
    #[schema(minimum = 1980, maximum = 2099, example = 2026)]
    pub plan_year: i64,
    /// The quota.
    pub quota_id: Id,
    /// How far from the origin; absent for all scopes together.
    pub scope: Option<Scope>,
    /// Departed.
    pub departed: Group,
    /// Arrived.
    pub onboarded: Group,
    /// Did not arrive, or was turned down.
    pub not_arrived: Group,
    /// No longer in post.
    pub ended: Group,
    /// Still in post at each node of the rule.
    #[schema(max_items = 40)]
    pub nodes: Vec<NodeFigure>,
}

/// A number of placements and, of which, formerly-poor people including the monitored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    /// Placements, whatever their standing.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub placements: i64,
    /// Distinct persons.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub persons: i64,
    /// Of which lifted (脱贫人口含监测对象), distinct persons.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub lifted_persons: i64,
    /// Where the rows behind the three numbers are.
    pub rows: GroupRows,
}

/// Addresses of the rows behind the numbers of a group: as many rows as the number says. None where there are no rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct GroupRows {
    /// A row for each placement.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub placements: Option<String>,
    /// A row for each person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub persons: Option<String>,
    /// A row for each person who is formerly poor or monitored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub lifted_persons: Option<String>,
}

/// What is known at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeFigure {
    /// The node: `90d`, `3m`.
    #[schema(max_length = 10, example = "90d")]
    pub node: String,
    /// Placements whose node is due by the day of reading; absent for a single scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub due: Option<i64>,
    /// Address of a row for each placement that is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub due_rows: Option<String>,
    /// Seen in post at the node.
    pub retained: Group,
    /// Known to have left before it.
    pub left: Group,
    /// Due, and not shown either way: due − retained − left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub unverified: Option<i64>,
    /// Address of a row for each placement that is not shown either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub unverified_rows: Option<String>,
}

/// Places of a quota in the funnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuotaPlaces {
    /// The quota.
    pub quota_id: Id,
    /// Places asked for.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub requested: i64,
    /// Places offered (approved).
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub offered: i64,
    /// Held by rosters that have not departed.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub held: i64,
    /// Taken by workers who departed.
    #[schema(minimum = 0, maximum = 10_000_000)]
    pub filled: i64,
    /// Where the numbers come from.
    pub rows: PlacesRows,
}

/// What stands behind the places of a quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlacesRows {
    /// The quota, which says what was requested and approved.
    #[schema(max_length = 500)]
    pub offered: String,
    /// The balance of the quota: the open holds of its own account add up to what is held.
    #[schema(max_length = 500)]
    pub held: String,
    /// A row for each placement that takes a place.
    #[schema(max_length = 500)]
    pub filled: String,
}

/// How far an agreement is fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fulfilment {
    /// The agreement.
    pub agreement_id: Id,
    /// The day of reading; what falls due is judged by it.
    pub as_of: Day,
    /// Rule by which "retained" is decided.
    #[schema(max_length = 100, example = "stay_3m_continuous")]
    pub retention_rule_id: String,
    /// Every target of the terms in effect.
    #[schema(max_items = 200)]
    pub targets: Vec<TargetProgress>,
    /// Places of each quota.
    #[schema(max_items = 10_000)]
    pub places: Vec<QuotaPlaces>,
    /// Replacements owed for exits within the guarantee, and what became of them.
    pub replacements: ReplacementFigures,
    /// The funnel of the whole agreement (nil quota) and of each quota, per plan year and scope.
    #[schema(max_items = 100_000)]
    pub funnel: Vec<Funnel>,
}
