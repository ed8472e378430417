//! Computing a month: the walk of a reconciliation at its last day with everything recorded by now, each row with what it counts in.
//!
//! Rows are handed on stretch by stretch; what grows with the month is the set of its persons, because persons are distinct.

use std::collections::HashMap;

use super::document::canonical;
use super::figures::{Figures, RowContent, RowNode, StatementFigure};
use super::merkle::{self, Hash, Root};
use super::month::Month;
use super::store::facts;
use crate::agreements::rule_terms::EmployerScope;
use crate::db::{Day, DbConnection, Id, Instant};
use crate::error::{Error, Result};
use crate::reconciliation::comparison::Compared;
use crate::reconciliation::run_hash::RowKey;
use crate::reconciliation::store::facts::Books;
use crate::reconciliation::walk::Walk;
use crate::retention::checks::RuleBook;
use crate::retention::exits::ExitEntry;
use crate::retention::store::{exits, histories};
use crate::seal::{BlindIndex, KeyRing};
use crate::workers::Population;

/// What is computed, and from which facts.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The agreement.
    pub agreement_id: Id,
    /// The month.
    pub month: Month,
    /// Facts recorded before this instant count.
    pub known_before: Instant,
    /// Whether facts have been recorded since, which must then be forgotten.
    pub in_retrospect: bool,
    /// The terms it is computed by.
    pub terms: &'a RuleBook,
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
    let mut walk = Walk::begin(connection, books, question.terms)?;
    let (mut figures, mut root, mut row_count) = (Figures::default(), Root::default(), 0);
    loop {
        let mut rows = Vec::new();
        let more = walk.advance(connection, |row| {
            rows.push((content_of(row, month), row.placement.map(|placement| Day(placement.planned_arrival_on))));
            Ok(())
        })?;
        add_persons(connection, question, rows.iter_mut().map(|(row, _)| row))?;
        // What was over before the year began counts in no figure of it.
        let mut rows: Vec<RowContent> = rows
            .into_iter()
            .filter(|(row, expected_on)| {
                let over_on = if row.arrived_on.is_none() { *expected_on } else { row.ended_on };
                over_on.is_none_or(|day| day >= month.year_begins())
            })
            .map(|(row, _)| row)
            .collect();
        add_nodes(connection, question, &mut rows)?;
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

/// A compared row as the statement shows it.
fn content_of(row: &Compared<'_>, month: Month) -> RowContent {
    let by_then = |day: &jiff::civil::Date| *day <= month.last_day().0;
    let (placement_id, claim_id) = match row.key {
        RowKey::Placement(id) => (Some(Id(id)), None),
        RowKey::Claim(id) => (None, Some(Id(id))),
    };
    let situation = row.classification.situation;
    let counts_as = situation.definition().counts_as;
    let departed_on =
        row.placement.filter(|placement| !placement.cancelled).and_then(|placement| placement.departed_on);
    RowContent {
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
        ended_on: None,
        nodes: Vec::new(),
    }
}

/// Adds what only the placements' own rows tell: the token of the person, the group, the scope, and the last day in post.
fn add_persons<'a>(
    connection: &mut DbConnection,
    question: &Question<'_>,
    rows: impl Iterator<Item = &'a mut RowContent>,
) -> Result<()> {
    let mut rows: Vec<&mut RowContent> = rows.filter(|row| row.placement_id.is_some()).collect();
    let place = |row: Option<&&mut RowContent>| row.and_then(|row| row.placement_id);
    let (Some(first), Some(last)) = (place(rows.first()), place(rows.last())) else { return Ok(()) };
    let known = facts::persons(connection, question.agreement_id, (first, last), question.known_before)?;
    let domain = BlindIndex::tenant(question.agreement_id.0);
    for row in &mut rows {
        let Some(placement_id) = row.placement_id else { continue };
        let known = known.get(&placement_id).ok_or_else(|| Error::internal("a placement without a worker"))?;
        let token = question.keys.blind_index(domain, "statement_person", &known.person_id.to_string());
        row.person = Some(hex::encode(token.first_chunk::<8>().unwrap_or(&[0; 8])));
        row.lifted = known.group.is_in(Population::Lifted);
        row.scope = Some(known.scope);
        row.ended_on = known.ended_on.filter(|day| *day <= question.month.last_day());
    }
    Ok(())
}

/// Adds the verdicts at the nodes that have fallen due, to those who arrived.
fn add_nodes(connection: &mut DbConnection, question: &Question<'_>, rows: &mut [RowContent]) -> Result<()> {
    let cut_off = question.month.last_day();
    let arrived: Vec<Id> =
        rows.iter().filter(|row| row.standing.is_some()).filter_map(|row| row.placement_id).collect();
    let mut histories = histories(connection, question.agreement_id, &arrived)?;
    if question.in_retrospect {
        let mut entries: HashMap<Id, Vec<ExitEntry>> = HashMap::new();
        for entry in exits::of(connection, question.agreement_id, &arrived)? {
            entries.entry(entry.placement_id).or_default().push(entry);
        }
        for (id, history) in &mut histories {
            history.forget_since(question.known_before, entries.get(id).map_or(&[], Vec::as_slice));
        }
    }
    for row in rows.iter_mut().filter(|row| row.standing.is_some()) {
        let Some(history) = row.placement_id.and_then(|id| histories.get(&id)) else { continue };
        let Some(rule) = history.placed.onboarded_on.and_then(|day| question.terms.rule_on(day)) else { continue };
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
