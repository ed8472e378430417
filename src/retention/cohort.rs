//! Cohort figures: of those onboarded by a day, how many are due at a node, retained, left, or cannot be verified.
//!
//! The keep rate (稳岗率) has no official formula; here it is retained over due, those nobody can verify included, and both numbers are
//! told with the rule that made them. Placements are counted (人次); persons and the targets of a plan year are `fulfilment`'s.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::checks::RuleBook;
use super::reading::questions;
use super::store;
use super::verdict::{NodeState, NodeTally};
use crate::agreements::rule_terms::{EmployerScope, RetentionNode, RetentionRule};
use crate::agreements::{self, Unit};
use crate::db::{Day, DbConnection, Id, Uid, statement};
use crate::error::{Code, Error, Fault, Result};
use crate::identity::Scope;

/// Placements judged at a time, so that memory stays flat whatever the size of the cohort.
const JUDGED_AT_ONCE: i64 = 2_000;

/// Which cohort figures.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CohortFilter {
    /// Only this node of the rule, by its code (`90d`, `3m`).
    #[param(max_length = 5, min_length = 2, pattern = "^[0-9]{1,4}[dm]$")]
    pub node: Option<String>,
    /// Only by first employer, by region, or with any employer.
    pub scope: Option<EmployerScope>,
    /// Only placements of this plan year.
    #[param(minimum = 1980, maximum = 2099)]
    pub plan_year: Option<i64>,
    /// The day; left out: today.
    pub as_of: Option<Day>,
}

/// A share as its two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rate {
    /// Retained.
    #[schema(minimum = 0)]
    pub numerator: u32,
    /// Due: retained, left, and those nobody can verify.
    #[schema(minimum = 0)]
    pub denominator: u32,
}

/// Figures of a cohort at one node, for one reading of "whose post counts".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CohortFigure {
    /// The rule that made the figure.
    #[schema(max_length = 64, example = "stay_3m_continuous")]
    pub rule_id: String,
    /// The node's code.
    #[schema(max_length = 5, example = "90d")]
    pub node: String,
    /// Whose post counts.
    pub scope: EmployerScope,
    /// Whether this is the scope that the agreement's figures count.
    pub counts: bool,
    /// What is counted: placements (人次). Persons are counted in fulfilment.
    pub unit: Unit,
    /// Placements onboarded by that day.
    #[schema(minimum = 0)]
    pub onboarded: u32,
    /// Of them, those whose node is due.
    #[schema(minimum = 0)]
    pub due: u32,
    /// What became of them.
    #[serde(flatten)]
    pub tally: NodeTally,
    /// The keep rate (稳岗率).
    pub rate: Rate,
}

/// Figures of a cohort.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CohortFigures {
    /// The agreement.
    pub agreement_id: Id,
    /// As of which day.
    pub as_of: Day,
    /// The plan year, when one was asked for.
    pub plan_year: Option<i64>,
    /// One figure for each rule, node and scope.
    #[schema(max_items = 3000)]
    pub items: Vec<CohortFigure>,
}

/// The placements under one rule: what is asked of them, and how often each answer was given.
struct Cohort<'a> {
    rule: &'a RetentionRule,
    questions: Vec<(RetentionNode, EmployerScope)>,
    onboarded: u32,
    tallies: Vec<NodeTally>,
}

impl<'a> Cohort<'a> {
    fn of(rule: &'a RetentionRule, filter: &CohortFilter) -> Self {
        let asked = |(node, scope): &(RetentionNode, EmployerScope)| {
            filter.node.as_ref().is_none_or(|code| *code == node.code())
                && filter.scope.is_none_or(|only| only == *scope)
        };
        let questions: Vec<_> = questions(rule).into_iter().filter(asked).collect();
        let tallies = vec![NodeTally::default(); questions.len()];
        Self { rule, questions, onboarded: 0, tallies }
    }

    fn count(&mut self, states: impl Iterator<Item = NodeState>) {
        self.onboarded = self.onboarded.saturating_add(1);
        for (tally, state) in self.tallies.iter_mut().zip(states) {
            tally.add(state);
        }
    }

    fn into_figures(self) -> impl Iterator<Item = CohortFigure> {
        self.questions.into_iter().zip(self.tallies).map(move |((node, scope), tally)| CohortFigure {
            rule_id: self.rule.rule_id.clone(),
            node: node.code(),
            scope,
            counts: scope == self.rule.employer_scope,
            unit: Unit::PersonTime,
            onboarded: self.onboarded,
            due: tally.due(),
            tally,
            rate: Rate { numerator: tally.retained, denominator: tally.due() },
        })
    }
}

/// Cohort figures as of a day, for the parties of an agreement.
///
/// # Errors
/// [`Code::NotFound`]; [`Code::ParameterInvalid`] for a node that no rule of the agreement has.
pub fn figures(
    connection: &mut DbConnection,
    scope: &Scope,
    agreement_id: Id,
    filter: &CohortFilter,
    as_of: Day,
) -> Result<CohortFigures> {
    if agreements::store::readable(connection, scope, agreement_id)?.is_none() {
        return Err(Error::not_found("agreement", "协议"));
    }
    let rules = RuleBook::read(connection, agreement_id)?;
    check_node(&rules, filter)?;
    let mut cohorts: BTreeMap<&str, Cohort<'_>> = BTreeMap::new();
    let mut after = Id::NIL;
    loop {
        let ids = onboarded(connection, agreement_id, filter.plan_year, as_of, after)?;
        let Some(last) = ids.last() else { break };
        after = *last;
        for history in store::histories(connection, agreement_id, &ids)?.values() {
            let Some(rule) = history.placed.onboarded_on.and_then(|day| rules.rule_on(day)) else { continue };
            let cohort = cohorts.entry(&rule.rule_id).or_insert_with(|| Cohort::of(rule, filter));
            let verdicts = history.judge(rule, &cohort.questions, as_of).unwrap_or_default();
            cohort.count(verdicts.into_iter().map(|verdict| verdict.state));
        }
    }
    let items = cohorts.into_values().flat_map(Cohort::into_figures).collect();
    Ok(CohortFigures { agreement_id, as_of, plan_year: filter.plan_year, items })
}

fn check_node(rules: &RuleBook, filter: &CohortFilter) -> Result<()> {
    let Some(node) = &filter.node else { return Ok(()) };
    let known: Vec<String> = rules.rules().flat_map(|rule| rule.nodes.iter().map(|node| node.code())).collect();
    if known.contains(node) {
        return Ok(());
    }
    let fault = Fault::query("node", "node_unknown", "is no node of the agreement's rule", "不是协议规则中的核查节点");
    Err(Error::new(Code::ParameterInvalid).fault(fault.param("nodes", known)))
}

/// Placements onboarded by a day, in the order of their ids.
pub(super) fn onboarded(
    connection: &mut DbConnection,
    agreement_id: Id,
    plan_year: Option<i64>,
    as_of: Day,
    after: Id,
) -> Result<Vec<Id>> {
    let of_year = plan_year.map_or("", |_| " and plan_year = ?");
    let query = statement(format!(
        "select id from placement where agreement_id = ? and id > ? and onboarded_on is not null and onboarded_on <= ?{of_year} order by id limit ?"
    ))
    .bind(agreement_id)
    .bind(after)
    .bind(as_of);
    let query = match plan_year {
        Some(year) => query.bind(year),
        None => query,
    };
    Ok(query.bind(JUDGED_AT_ONCE).returning::<Uid>().load(connection)?)
}
