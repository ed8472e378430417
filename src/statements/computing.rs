//! Computing a month: the walk of a reconciliation at its last day with everything recorded by now, each row with what it counts in.
//!
//! Rows are handed on stretch by stretch; what grows with the month is the set of its persons, because persons are distinct.

use std::collections::HashMap;

use diesel::RunQueryDsl;
use diesel::sql_types::Text;

use super::document::canonical;
use super::figures::{Figures, RowContent, RowNode, StatementFigure};
use super::merkle::{self, Hash, Root};
use super::month::Month;
use crate::agreements::rule_terms::EmployerScope;
use crate::db::{Day, DbConnection, Id, Instant, Uid, statement};
use crate::error::{Error, Result};
use crate::reconciliation::comparison::Compared;
use crate::reconciliation::run_hash::RowKey;
use crate::reconciliation::store::facts::Books;
use crate::reconciliation::walk::Walk;
use crate::regions::Scope;
use crate::retention::checks::RuleBook;
use crate::retention::store::histories;
use crate::seal::{BlindIndex, KeyRing};
use crate::workers::{GroupCode, Population};

/// What is computed, and from which facts.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The agreement.
    pub agreement_id: Id,
    /// The month.
    pub month: Month,
    /// Facts recorded before this instant count.
    pub known_before: Instant,
    /// Keys, for the tokens of persons.
    pub keys: &'a KeyRing,
}

/// A row with its exact bytes.
#[derive(Debug, Clone)]
pub struct ComputedRow {
    /// What it says.
    pub content: RowContent,
    /// Its canonical bytes.
    pub text: String,
    /// Its leaf in the tree.
    pub leaf: Hash,
}

impl ComputedRow {
    fn of(content: RowContent) -> Result<Self> {
        let text = canonical(&content)?;
        let leaf = merkle::leaf(text.as_bytes());
        Ok(Self { content, text, leaf })
    }
}

/// What a month comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// The figures.
    pub figures: Vec<StatementFigure>,
    /// Rows.
    pub row_count: i64,
    /// Root of the tree over the rows.
    pub rows_root: Hash,
}

/// Computes a month; `visit` gets its rows stretch by stretch, in the order of the statement.
///
/// # Errors
/// [`crate::error::Code::AgreementNotInForce`], and what the database or the visitor says.
pub fn compute(
    connection: &mut DbConnection,
    question: &Question<'_>,
    mut visit: impl FnMut(&mut DbConnection, &[ComputedRow]) -> Result<()>,
) -> Result<Computed> {
    let Question { agreement_id, month, known_before, .. } = *question;
    let books = Books { agreement_id, cut_off: month.last_day(), known_before };
    let mut walk = Walk::begin(connection, books)?;
    let rules = RuleBook::read(connection, agreement_id)?;
    let (mut figures, mut root, mut row_count) = (Figures::default(), Root::default(), 0);
    loop {
        let mut rows = Vec::new();
        let more = walk.advance(connection, |row| {
            rows.extend(content_of(row, month));
            Ok(())
        })?;
        add_persons(connection, question, &mut rows)?;
        add_nodes(connection, question, &rules, &mut rows)?;
        let rows = rows.into_iter().map(ComputedRow::of).collect::<Result<Vec<_>>>()?;
        for row in &rows {
            figures.add(&row.content, month);
            root.push(row.leaf);
            row_count += 1;
        }
        if !rows.is_empty() {
            visit(connection, &rows)?;
        }
        if !more {
            return Ok(Computed { figures: figures.finish(), row_count, rows_root: root.finish() });
        }
    }
}

/// A compared row as the statement shows it; none where it was over before the year of the month began.
fn content_of(row: &Compared<'_>, month: Month) -> Option<RowContent> {
    let by_then = |day: &jiff::civil::Date| *day <= month.last_day().0;
    let ended_on = row.placement.and_then(|placement| placement.ended_on).filter(by_then).map(Day);
    let expected_on = row.placement.map(|placement| Day(placement.planned_arrival_on));
    let never_came = row.confirmed_on.is_none();
    let over_on = if never_came { expected_on } else { ended_on };
    if over_on.is_some_and(|day| day < month.year_begins()) {
        return None;
    }
    let (placement_id, claim_id) = match row.key {
        RowKey::Placement(id) => (Some(Id(id)), None),
        RowKey::Claim(id) => (None, Some(Id(id))),
    };
    let situation = row.classification.situation;
    let counts_as = situation.definition().counts_as;
    let departed_on =
        row.placement.filter(|placement| !placement.cancelled).and_then(|placement| placement.departed_on);
    Some(RowContent {
        placement_id,
        claim_id,
        situation,
        counts_as,
        standing: RowContent::standing_of(situation, counts_as, row.confirmed_on.is_some()),
        person: None,
        lifted: false,
        scope: None,
        quota_id: row.placement.map(|placement| Id(placement.quota_id)),
        departed_on: departed_on.filter(by_then).map(Day),
        arrived_on: row.confirmed_on.map(Day),
        ended_on,
        nodes: Vec::new(),
    })
}

type PersonRow = (Id, Id, GroupCode, Scope);

/// Adds who the placements are about: the token of the person, the group and the scope.
fn add_persons(connection: &mut DbConnection, question: &Question<'_>, rows: &mut [RowContent]) -> Result<()> {
    let mut placements = rows.iter().filter_map(|row| row.placement_id);
    let Some(first) = placements.next() else { return Ok(()) };
    let last = placements.next_back().unwrap_or(first);
    let found: Vec<PersonRow> = statement(
        "select p.id, w.person_id, p.group_code, p.scope from placement p join worker w on w.party_id = p.origin_id and w.id = p.worker_id \
         where p.agreement_id = ? and p.id >= ? and p.id <= ?",
    )
    .bind(question.agreement_id)
    .bind(first)
    .bind(last)
    .returning::<(Uid, Uid, Text, Text)>()
    .load(connection)?;
    let known: HashMap<Id, PersonRow> = found.into_iter().map(|row| (row.0, row)).collect();
    let domain = BlindIndex::tenant(question.agreement_id.0);
    for row in rows.iter_mut() {
        let Some(placement_id) = row.placement_id else { continue };
        let (_, person, group, scope) =
            known.get(&placement_id).ok_or_else(|| Error::internal("a placement without a worker"))?;
        let token = question.keys.blind_index(domain, "statement_person", &person.to_string());
        row.person = Some(hex::encode(token.first_chunk::<8>().unwrap_or(&[0; 8])));
        row.lifted = group.is_in(Population::Lifted);
        row.scope = Some(*scope);
    }
    Ok(())
}

/// Adds the verdicts at the nodes that have fallen due, to those who arrived.
fn add_nodes(
    connection: &mut DbConnection,
    question: &Question<'_>,
    rules: &RuleBook,
    rows: &mut [RowContent],
) -> Result<()> {
    let cut_off = question.month.last_day();
    let arrived: Vec<Id> =
        rows.iter().filter(|row| row.standing.is_some()).filter_map(|row| row.placement_id).collect();
    let histories = histories(connection, question.agreement_id, &arrived)?;
    for row in rows.iter_mut().filter(|row| row.standing.is_some()) {
        let Some(history) = row.placement_id.and_then(|id| histories.get(&id)) else { continue };
        let Some(rule) = history.placed.onboarded_on.and_then(|day| rules.rule_on(day)) else { continue };
        let questions: Vec<(_, EmployerScope)> = rule.nodes.iter().map(|node| (*node, rule.employer_scope)).collect();
        let verdicts = history.judge(rule, &questions, cut_off).unwrap_or_default();
        row.nodes = rule
            .nodes
            .iter()
            .zip(verdicts)
            .filter_map(|(node, verdict)| {
                let due_on = verdict.due_on.map(Day).filter(|day| *day <= cut_off)?;
                Some(RowNode { node: node.code(), due_on, state: verdict.state })
            })
            .collect();
    }
    Ok(())
}
