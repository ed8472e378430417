//! One run from begin to end: two passes over the books, in steps of bounded size.
//!
//! The first pass walks the placements in the order of their ids, merged with the claims in the same order; the second walks the
//! claims that name a person and finds those that nobody announced. Each step reads a stretch, compares it and writes its rows, so a
//! run holds one stretch in memory and one counter for each quota, whatever its size. Rows come in the order of their keys, which is what
//! the hash is over.
//!
//! Each outcome is compared by the terms of its day, as arrivals decide it: an amendment changes nothing about those who had arrived.
//!
//! Deliberately absent: the present moment as a measure. The cut-off decides, so a run can be repeated.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use uuid::Uuid;

use super::attribution::above_places;
use super::comparison::{Compared, Comparison, Tally, compare_loose};
use super::facts::AgreementWindows;
use super::persons::{Resolution, resolve};
use super::records::{Measure, Stretch};
use super::report::{ReconciliationRun, RowDetail};
use super::run_hash::{RowKey, RunHasher, row_hash};
use super::store::facts::Books;
use super::store::runs::{self, NewRow};
use crate::agreements::Terms;
use crate::db::{Day, DbConnection, Id};
use crate::error::{Error, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::retention::checks::RuleBook;

/// Compares both sides of an agreement at a cut-off, in the transaction at hand.
///
/// # Errors
/// [`crate::error::Code::RunInProgress`], and what the database says.
pub fn reconcile(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    cut_off_on: Day,
) -> Result<ReconciliationRun> {
    let run = runs::begin(connection, actor, agreement_id, cut_off_on)?;
    let mut reconciler = Reconciler::new(connection, run)?;
    while reconciler.advance(connection)? {}
    reconciler.finish(connection, actor)
}

/// Where a run goes on.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// First pass, behind this placement.
    Placements(Id),
    /// Second pass, behind this claim.
    Claims(Id),
    /// Both passes are done.
    Over,
}

/// A run on its way.
#[derive(Debug)]
struct Reconciler {
    run: ReconciliationRun,
    books: Books,
    measure: Measure,
    names_persons: bool,
    ranks: HashMap<Uuid, u32>,
    step: Step,
    hasher: RunHasher,
    tally: Tally,
}

impl Reconciler {
    fn new(connection: &mut DbConnection, run: ReconciliationRun) -> Result<Self> {
        let cut_off = run.cut_off_on;
        // What is recorded while the run is under way belongs to the next one.
        let begun = crate::db::Instant::from_micros(run.started_at.as_micros().saturating_add(1));
        let known_before = cut_off.plus_days(1).start().min(begun);
        let books = Books { agreement_id: run.agreement_id, cut_off, known_before };
        let terms = RuleBook::read(connection, run.agreement_id)?;
        let mut versions = terms.versions().map(|(first, terms)| (first.0, windows(terms)));
        let (_, first) = versions.next().ok_or_else(|| Error::internal("an agreement in force without terms"))?;
        let measure = Measure {
            cut_off: cut_off.0,
            windows: first,
            later_windows: versions.collect(),
            attributions: terms.versions().map(|(first, terms)| (first.0, terms.attribution)).collect(),
            quotas: books.quotas(connection)?,
        };
        let names_persons = books.names_persons(connection)?;
        let ranks = ranks_above_places(connection, &books, &measure, names_persons)?;
        let (step, hasher) = (Step::Placements(Id::NIL), RunHasher::new(cut_off.0));
        Ok(Self { run, books, measure, names_persons, ranks, step, hasher, tally: Tally::default() })
    }

    /// Takes the next step; gives `false` when there was none left.
    fn advance(&mut self, connection: &mut DbConnection) -> Result<bool> {
        let written = self.tally.rows;
        let rows = match self.step {
            Step::Placements(after) => self.announced(connection, after)?,
            Step::Claims(after) => self.left_over(connection, after)?,
            Step::Over => return Ok(false),
        };
        runs::append(connection, &self.run, written, &rows)?;
        Ok(true)
    }

    /// The rows of the next stretch of placements.
    fn announced(&mut self, connection: &mut DbConnection, after: Id) -> Result<Vec<NewRow>> {
        let Some((stretch, resolution)) = load(connection, &self.books, &self.measure, self.names_persons, after)?
        else {
            self.step = if self.names_persons { Step::Claims(Id::NIL) } else { Step::Over };
            return Ok(Vec::new());
        };
        self.step = Step::Placements(last_of(&stretch));
        let mut rows = Vec::with_capacity(stretch.placements.len());
        let Self { measure, ranks, hasher, tally, .. } = self;
        let comparison = Comparison { stretch: &stretch, resolution: &resolution, measure, ranks };
        comparison.each(|row| {
            rows.push(enter(row, hasher, tally)?);
            Ok::<(), Error>(())
        })?;
        Ok(rows)
    }

    /// The rows of the next claims that belong to no placement.
    fn left_over(&mut self, connection: &mut DbConnection, after: Id) -> Result<Vec<NewRow>> {
        let Some((persons, last)) = self.books.named_persons(connection, after)? else {
            self.step = Step::Over;
            return Ok(Vec::new());
        };
        self.step = Step::Claims(last);
        let gathering = self.books.gather(connection, &persons)?;
        let mut loose = resolve(&gathering, &self.measure).loose;
        // A person may be named in several steps; each row belongs to the step that its key lies in.
        loose.retain(|claims| claims.key > after.0 && claims.key <= last.0);
        loose.sort_unstable_by_key(|claims| claims.key);
        let mut rows = Vec::with_capacity(loose.len());
        let Self { measure, hasher, tally, .. } = self;
        for claims in &loose {
            compare_loose(claims, measure, |row| {
                rows.push(enter(row, hasher, tally)?);
                Ok::<(), Error>(())
            })?;
        }
        Ok(rows)
    }

    fn finish(self, connection: &mut DbConnection, actor: &Actor) -> Result<ReconciliationRun> {
        let Self { run, measure, hasher, tally, .. } = self;
        let run = runs::finish(connection, actor, &run, tally.rows, &tally.counts(&measure), hasher.finish())?;
        log::record(
            connection,
            actor,
            NewEvent {
                kind: "reconciliation.finished",
                chain: Chain::Agreement(run.agreement_id),
                subject_kind: "reconciliation",
                subject_id: run.id,
                subject_version: run.version(),
                employer_id: None,
                payload: json!({
                    "agreement_id": run.agreement_id,
                    "cut_off_on": run.cut_off_on,
                    "row_count": run.row_count,
                    "rows_hash": run.rows_hash,
                    "counts": run.counts,
                }),
            },
        )?;
        Ok(run)
    }
}

/// Counts and hashes a row, and gives what is written of it.
fn enter(row: &Compared<'_>, hasher: &mut RunHasher, tally: &mut Tally) -> Result<NewRow> {
    hasher.push(row.key, row_hash(row.key, &row.classification)).map_err(Error::internal)?;
    tally.add(row);
    let (placement_id, about) = match row.key {
        RowKey::Placement(id) => (Some(id), None),
        RowKey::Claim(id) => (None, Some(id)),
    };
    Ok(NewRow {
        situation: row.classification.situation,
        placement_id,
        claim_id: row.classification.deciding_claim.or(about),
        tier: row.tier,
        detail: RowDetail::of(&row.classification),
    })
}

/// The next stretch of placements, and what the facts of its persons come to.
fn load(
    connection: &mut DbConnection,
    books: &Books,
    measure: &Measure,
    names_persons: bool,
    after: Id,
) -> Result<Option<(Stretch, Resolution)>> {
    let stretch = books.stretch(connection, after)?;
    if stretch.placements.is_empty() {
        return Ok(None);
    }
    let entangled = books.entangled_between(connection, after, last_of(&stretch), names_persons)?;
    let gathering = books.gather(connection, &entangled)?;
    let resolution = resolve(&gathering, measure);
    Ok(Some((stretch, resolution)))
}

/// The arrivals above the places of their quota, by day and placement id. Whoever came and left again keeps the place taken. Where no
/// quota has more departures than places, nothing is read for it.
fn ranks_above_places(
    connection: &mut DbConnection,
    books: &Books,
    measure: &Measure,
    names_persons: bool,
) -> Result<HashMap<Uuid, u32>> {
    let places = |quota: &Uuid| measure.quotas.get(quota).map_or(0, |quota| quota.approved_places);
    let departed = books.departed_by_quota(connection)?;
    let crowded: HashSet<Uuid> = departed
        .into_iter()
        .filter(|(quota, departed)| *departed > i64::from(places(quota)))
        .map(|(quota, _)| quota)
        .collect();
    let mut arrivals: HashMap<Uuid, Vec<(jiff::civil::Date, Uuid)>> = HashMap::new();
    let mut after = Id::NIL;
    let none = HashMap::new();
    while !crowded.is_empty() {
        let Some((stretch, resolution)) = load(connection, books, measure, names_persons, after)? else { break };
        after = last_of(&stretch);
        let comparison = Comparison { stretch: &stretch, resolution: &resolution, measure, ranks: &none };
        comparison.each(|row| {
            let (Some(placement), Some(day)) = (row.placement, row.classification.arrived_on) else { return Ok(()) };
            if crowded.contains(&placement.quota_id) {
                arrivals.entry(placement.quota_id).or_default().push((day, placement.id));
            }
            Ok::<(), Error>(())
        })?;
    }
    Ok(arrivals.into_iter().flat_map(|(quota, arrivals)| above_places(arrivals, places(&quota))).collect())
}

fn last_of(stretch: &Stretch) -> Id {
    stretch.placements.last().map_or(Id::NIL, |last| Id(last.id))
}

fn windows(terms: &Terms) -> AgreementWindows {
    let standard = AgreementWindows::of(&terms.arrival);
    let answer_days = u16::try_from(terms.deadlines.answer_days).unwrap_or(standard.answer_days);
    AgreementWindows { answer_days, ..standard }
}
