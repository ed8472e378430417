//! The rows of an agreement with everything they count by, as of the end of a day and as it was known at an instant.
//!
//! The walk of a reconciliation puts each row into its situation; here each gets the person, the group, the scope, the last day in post and
//! the verdicts at the nodes that have fallen due. All of it is told by what was recorded before the instant: where the arrival was, by the
//! claim that was in effect then, and the exits and spells by their entries. Statements and indicators read the same rows, so that neither
//! can say of a row what the other does not.
//!
//! Deliberately absent: what is counted. A register that names another hukou or another listing day today names it for the past as well,
//! because registers keep no history of these.

use std::collections::HashMap;

use super::figures::{RowContent, RowNode};
use super::store::facts::{self, PlacedPerson};
use crate::agreements::rule_terms::EmployerScope;
use crate::db::{Day, DbConnection, Id, Instant};
use crate::error::{Error, Result};
use crate::reconciliation::comparison::Compared;
use crate::reconciliation::run_hash::RowKey;
use crate::reconciliation::store::facts::{Books, READ_AT_ONCE};
use crate::reconciliation::walk::Walk;
use crate::regions::{Scope, atlas};
use crate::retention::checks::RuleBook;
use crate::retention::exits::{ExitEntry, standing};
use crate::retention::facts::ExitReason;
use crate::retention::history::History;
use crate::retention::store::{exits, histories};
use crate::workers::Population;

/// Which rows, from which facts.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The agreement.
    pub agreement_id: Id,
    /// What was over before this day is left out.
    pub since: Day,
    /// The day at whose end the rows are told.
    pub cut_off: Day,
    /// Facts recorded before this instant count.
    pub known_before: Instant,
    /// Whether facts have been recorded since, which must then be forgotten.
    pub in_retrospect: bool,
    /// The terms they are told by.
    pub terms: &'a RuleBook,
}

/// A row of the book.
#[derive(Debug, Clone)]
pub struct BookRow {
    /// What it says. The token of the person is for whoever shows it.
    pub content: RowContent,
    /// Who it is about; none where nobody announced the person.
    pub placed: Option<PlacedPerson>,
    /// The last day before the worker went home for the holiday (返乡过节).
    pub went_home_on: Option<Day>,
    /// The first day back in post after that.
    pub back_on: Option<Day>,
}

/// What the walk alone tells of a row.
struct Walked {
    row: BookRow,
    expected_on: Option<Day>,
    departure_is_known: bool,
    employer: Option<Id>,
    region: Option<String>,
}

/// The book, open at a row.
#[derive(Debug)]
pub struct RowBook<'a> {
    reading: Reading<'a>,
    walk: Walk,
}

impl<'a> RowBook<'a> {
    /// Opens the book before its first row.
    ///
    /// # Errors
    /// What the database says.
    pub fn open(connection: &mut DbConnection, reading: Reading<'a>) -> Result<Self> {
        let Reading { agreement_id, cut_off, known_before, .. } = reading;
        let walk = Walk::begin(connection, Books { agreement_id, cut_off, known_before }, reading.terms)?;
        Ok(Self { reading, walk })
    }

    /// The rows of the next stretch, which may be none; `None` behind the last.
    ///
    /// # Errors
    /// What the database says.
    pub fn next(&mut self, connection: &mut DbConnection) -> Result<Option<Vec<BookRow>>> {
        let (mut rows, cut_off) = (Vec::new(), self.reading.cut_off);
        let more = self.walk.advance(connection, |row| {
            rows.push(walked(row, cut_off));
            Ok(())
        })?;
        let rows = self.complete(connection, rows)?;
        Ok(more.then_some(rows))
    }

    /// The rows of some placements, as they stand among the others.
    ///
    /// # Errors
    /// What the database says.
    pub fn rows_of(&self, connection: &mut DbConnection, placements: &[Id]) -> Result<Vec<BookRow>> {
        let (mut found, cut_off) = (Vec::new(), self.reading.cut_off);
        for placements in placements.chunks(READ_AT_ONCE) {
            let mut rows = Vec::new();
            self.walk.visit(connection, placements, |row| {
                rows.push(walked(row, cut_off));
                Ok(())
            })?;
            found.extend(self.complete(connection, rows)?);
        }
        Ok(found)
    }

    fn complete(&self, connection: &mut DbConnection, mut rows: Vec<Walked>) -> Result<Vec<BookRow>> {
        self.add_persons(connection, &mut rows)?;
        let since = self.reading.since;
        rows.retain(|Walked { row: BookRow { content, .. }, expected_on, .. }| {
            let over_on = if content.arrived_on.is_none() { *expected_on } else { content.ended_on };
            over_on.is_none_or(|day| day >= since)
        });
        self.add_history(connection, &mut rows)?;
        Ok(rows.into_iter().map(|walked| walked.row).collect())
    }

    /// Adds what only the placements' own rows tell: the person, the group, the scope, and the last day in post.
    fn add_persons(&self, connection: &mut DbConnection, rows: &mut [Walked]) -> Result<()> {
        let Reading { agreement_id, cut_off, known_before, .. } = self.reading;
        let placements: Vec<Id> = rows.iter().filter_map(|walked| walked.row.content.placement_id).collect();
        let mut known = facts::persons(connection, agreement_id, &placements, known_before)?;
        for Walked { row, region, .. } in rows {
            let Some(placement_id) = row.content.placement_id else { continue };
            let placed = known.remove(&placement_id).ok_or_else(|| Error::internal("a placement without a worker"))?;
            row.content.lifted = placed.group.is_in(Population::Lifted);
            row.content.scope = Some(scope_of(&placed, region.as_deref()));
            row.content.ended_on = placed.ended_on.filter(|day| *day <= cut_off);
            row.placed = Some(placed);
        }
        Ok(())
    }

    /// Adds the verdicts at the nodes that have fallen due, and the way home and back, to those who arrived.
    fn add_history(&self, connection: &mut DbConnection, rows: &mut [Walked]) -> Result<()> {
        let Reading { agreement_id, known_before, in_retrospect, .. } = self.reading;
        let counts = |walked: &&mut Walked| walked.row.content.standing.is_some() && walked.departure_is_known;
        let arrived: Vec<Id> =
            rows.iter_mut().filter(counts).filter_map(|walked| walked.row.content.placement_id).collect();
        let mut histories = histories(connection, agreement_id, &arrived)?;
        let mut entries: HashMap<Id, Vec<ExitEntry>> = HashMap::new();
        for entry in exits::of(connection, agreement_id, &arrived)? {
            entries.entry(entry.placement_id).or_default().push(entry);
        }
        for walked in rows.iter_mut().filter(counts) {
            let Some(history) = walked.row.content.placement_id.and_then(|id| histories.get_mut(&id)) else { continue };
            let entries = entries.get(&history.placed.id).map_or(&[][..], Vec::as_slice);
            if in_retrospect {
                history.forget_since(known_before, entries);
            }
            walked.arrive_in(history);
            walked.row.content.nodes = self.nodes(history);
            let known = entries.iter().filter(|entry| entry.recorded_at < known_before).cloned().collect::<Vec<_>>();
            self.add_holiday(&mut walked.row, history, &known);
        }
        Ok(())
    }

    /// The verdicts at the nodes that have fallen due.
    fn nodes(&self, history: &History) -> Vec<RowNode> {
        let Reading { cut_off, terms, .. } = self.reading;
        let rule = history.placed.onboarded_on.and_then(|day| terms.rule_on(day));
        let Some(rule) = rule else { return Vec::new() };
        let questions: Vec<(_, EmployerScope)> = rule.nodes.iter().map(|node| (*node, rule.employer_scope)).collect();
        let verdicts = history.judge(rule, &questions, cut_off).unwrap_or_default();
        let due = rule.nodes.iter().zip(verdicts).filter_map(|(node, verdict)| {
            let due_on = verdict.due_on.map(Day).filter(|day| *day <= cut_off)?;
            Some(RowNode { node: node.code(), due_on, state: verdict.state })
        });
        due.collect()
    }

    /// When the worker first went home for the holiday since the year began, and when work went on after that.
    fn add_holiday(&self, row: &mut BookRow, history: &History, entries: &[ExitEntry]) {
        let Reading { since, cut_off, .. } = self.reading;
        let home = entries
            .iter()
            .filter(|entry| standing(entries, entry.spell_id).iter().any(|standing| standing.id == entry.id))
            .filter(|entry| entry.reason == ExitReason::HolidayHome && (since..=cut_off).contains(&entry.ended_on))
            .min_by_key(|entry| (entry.ended_on, entry.id));
        let Some(home) = home else { return };
        row.went_home_on = Some(home.ended_on);
        let went_on = history.spells.iter().any(|spell| spell.id == home.spell_id && spell.ended_on.is_none());
        let next = history.spells.iter().map(|spell| spell.started_on).filter(|day| *day > home.ended_on).min();
        // Known by the month only, the way home and back lies within one spell: work never stopped for a whole day.
        row.back_on = next.or(went_on.then_some(home.ended_on)).filter(|day| *day <= cut_off);
    }
}

impl Walked {
    /// Lets the history begin with the arrival as it was known, which a later claim may have changed.
    fn arrive_in(&self, history: &mut History) {
        let Some(placed) = &self.row.placed else { return };
        history.placed.onboarded_on = self.row.content.arrived_on;
        history.placed.employer_id = self.employer.unwrap_or(placed.planned_employer_id);
        history.placed.region_code = self.region.clone().unwrap_or_else(|| placed.planned_region.to_string());
    }
}

/// A compared row as far as the walk knows it.
fn walked(row: &Compared<'_>, cut_off: Day) -> Walked {
    let (placement_id, claim_id) = match row.key {
        RowKey::Placement(id) => (Some(Id(id)), None),
        RowKey::Claim(id) => (None, Some(Id(id))),
    };
    let situation = row.classification.situation;
    let counts_as = situation.definition().counts_as;
    let departed_on =
        row.placement.filter(|placement| !placement.cancelled).and_then(|placement| placement.departed_on);
    let content = RowContent {
        placement_id,
        claim_id,
        situation,
        counts_as,
        standing: RowContent::standing_of(situation, counts_as, row.confirmed_on.is_some()),
        person: None,
        lifted: false,
        scope: None,
        quota_id: row.placement.map(|placement| Id(placement.quota_id)),
        departed_on: departed_on.map(Day).filter(|day| *day <= cut_off),
        arrived_on: row.confirmed_on.map(Day),
        ended_on: None,
        nodes: Vec::new(),
    };
    Walked {
        row: BookRow { content, placed: None, went_home_on: None, back_on: None },
        expected_on: row.placement.map(|placement| Day(placement.planned_arrival_on)),
        departure_is_known: departed_on.is_some(),
        employer: row.confirmed_at.employer.map(Id),
        region: row.confirmed_at.region.map(ToOwned::to_owned),
    }
}

/// How far from home, by where the arrival was known to be; the stored scope where that is the place it was told by.
fn scope_of(placed: &PlacedPerson, claimed: Option<&str>) -> Scope {
    let place = claimed.and_then(|code| code.parse().ok()).unwrap_or(placed.planned_region);
    if place == placed.scope_of {
        return placed.scope;
    }
    atlas().scope_between(placed.hukou_code, place).unwrap_or(placed.scope)
}
