//! One run from begin to end: rows are compared, counted, hashed and written.
//!
//! A run continues the newest one before it: it examines what was recorded since, and what the clock alone may have changed, and takes
//! everything else over. Where what all rows are compared by has changed, a quota has more departures than places, or much was recorded, it
//! examines every row and begins a series. Both ways come to the same rows and the same hash.
//!
//! Each step takes a bounded part of the books and writes its rows, so a run holds little in memory, whatever its size.
//!
//! Deliberately absent: the present moment as a measure. The cut-off decides, so a run can be repeated.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::comparison::{Compared, Counted, Tally};
use super::examination::Examination;
use super::records::Measure;
use super::report::{ReconciliationRun, RowDetail};
use super::run_hash::{RowKey, RowSum, row_hash};
use super::store::facts::Books;
use super::store::rows::{self, Found};
use super::store::runs::{self, Carried, Left, Progress};
use super::store::touched::Touched;
use super::walk::Walk;
use crate::db::{Day, DbConnection, Id, Instant};
use crate::error::Result;
use crate::events::{Actor, Chain, NewEvent, log};
use crate::retention::checks::RuleBook;

/// Does what follows from a finished run, in its transaction. Work on discrepancies lies above reconciliation and is handed down.
pub type Follow = fn(&mut DbConnection, &Actor, &ReconciliationRun) -> Result<()>;

/// What is recorded is seen by others when its transaction ends. None takes longer than this, in seconds.
const LONGEST_TRANSACTION: i64 = 15 * 60;

/// Compares both sides of an agreement at a cut-off, in the transaction at hand.
///
/// # Errors
/// [`crate::error::Code::RunInProgress`], and what the database says.
pub fn reconcile(
    connection: &mut DbConnection,
    actor: &Actor,
    follow: Follow,
    agreement_id: Id,
    cut_off: Day,
) -> Result<ReconciliationRun> {
    let books = Books { agreement_id, cut_off, known_before: known_before(cut_off, actor.now) };
    let terms = RuleBook::read(connection, agreement_id)?;
    let base = continued(connection, &books, &terms)?;
    let about = (agreement_id, Id::new(), cut_off);
    let run = runs::begin(connection, actor, about, base.as_ref().map(|base| &base.run))?;
    if let Some(base) = base {
        let done = examine_again(connection, &run, books, base)?;
        return conclude(connection, actor, follow, &run, &done);
    }
    let mut full = FullRun::begin(connection, run, books, &terms)?;
    while full.advance(connection)? {}
    full.conclude(connection, actor, follow)
}

/// A run as it begins in steps.
#[derive(Debug)]
pub enum Begun {
    /// It continued another and is done.
    Done(ReconciliationRun),
    /// It goes over every row, step by step.
    Full(Box<FullRun>),
}

/// Begins a run that may take steps in transactions of their own, or goes on where one broke off that has the same id.
///
/// # Errors
/// [`crate::error::Code::RunInProgress`], and what the database says.
pub fn begin_in_steps(
    connection: &mut DbConnection,
    actor: &Actor,
    follow: Follow,
    (agreement_id, id, cut_off): (Id, Id, Day),
) -> Result<Begun> {
    let terms = RuleBook::read(connection, agreement_id)?;
    let books = |started_at| Books { agreement_id, cut_off, known_before: known_before(cut_off, started_at) };
    if let Some(run) = runs::run_if_any(connection, agreement_id, id)? {
        let books = books(run.started_at);
        return Ok(Begun::Full(Box::new(FullRun::resume(connection, run, books, &terms)?)));
    }
    let books = books(actor.now);
    let base = continued(connection, &books, &terms)?;
    let run = runs::begin(connection, actor, (agreement_id, id, cut_off), base.as_ref().map(|base| &base.run))?;
    match base {
        Some(base) => {
            let done = examine_again(connection, &run, books, base)?;
            conclude(connection, actor, follow, &run, &done).map(Begun::Done)
        }
        None => Ok(Begun::Full(Box::new(FullRun::begin(connection, run, books, &terms)?))),
    }
}

/// What a run came to, told to everybody whom it concerns.
fn conclude(
    connection: &mut DbConnection,
    actor: &Actor,
    follow: Follow,
    run: &ReconciliationRun,
    done: &Done,
) -> Result<ReconciliationRun> {
    let counts = done.left.carried.tally.counts(&done.measure);
    let run = runs::finish(connection, actor, run, (&counts, done.examined), &done.left)?;
    log::record(connection, actor, finished(&run))?;
    follow(connection, actor, &run)?;
    Ok(run)
}

/// Facts recorded before this instant count. What is recorded while the run is under way belongs to the next one.
fn known_before(cut_off: Day, started_at: Instant) -> Instant {
    cut_off.plus_days(1).start().min(started_at.just_after())
}

/// The run that another continues.
#[derive(Debug)]
struct Base {
    run: ReconciliationRun,
    touched: Touched,
    left: Left,
    measure: Measure,
}

/// What a run comes to.
#[derive(Debug)]
struct Done {
    measure: Measure,
    examined: i64,
    left: Left,
}

/// The run to go on from; none where every row is to be examined.
fn continued(connection: &mut DbConnection, books: &Books, terms: &RuleBook) -> Result<Option<Base>> {
    let known = |run: &ReconciliationRun| known_before(run.cut_off_on, run.started_at);
    let tips = runs::tips(connection, books.agreement_id, books.cut_off)?;
    let before = tips.into_iter().filter(|run| known(run) <= books.known_before);
    let Some(run) = before.max_by_key(|run| (known(run), run.cut_off_on, run.id)) else { return Ok(None) };
    let known_before = known(&run);
    let measure = Measure::read(connection, books, terms)?;
    let left = runs::left_by(connection, &run)?;
    // In a crowded quota any arrival may move the rank of any other, which is not followed from run to run.
    if left.carried.measured_by != fingerprint(&measure) || !measure.crowded(connection, books)?.is_empty() {
        return Ok(None);
    }
    let touched = books.touched_since(connection, known_before.plus_seconds(-LONGEST_TRANSACTION))?;
    Ok(touched.are_few_of(run.row_count).then_some(Base { run, touched, left, measure }))
}

/// What all rows are compared by, beside the cut-off.
fn fingerprint(measure: &Measure) -> String {
    let Measure { windows, later_windows, attributions, quotas, .. } = measure;
    let mut quotas: Vec<_> = quotas.iter().collect();
    quotas.sort_unstable_by_key(|(id, _)| **id);
    let version = env!("CARGO_PKG_VERSION");
    hex::encode(Sha256::digest(format!("{version} {windows:?} {later_windows:?} {attributions:?} {quotas:?}")))
}

/// A run over every row, on its way.
#[derive(Debug)]
pub struct FullRun {
    /// The run.
    pub run: ReconciliationRun,
    walk: Walk,
    tally: Tally,
    sum: RowSum,
}

impl FullRun {
    fn begin(connection: &mut DbConnection, run: ReconciliationRun, books: Books, terms: &RuleBook) -> Result<Self> {
        let walk = Walk::begin(connection, books, terms)?;
        Ok(Self { run, walk, tally: Tally::default(), sum: RowSum::default() })
    }

    /// Goes on where a run broke off.
    fn resume(connection: &mut DbConnection, run: ReconciliationRun, books: Books, terms: &RuleBook) -> Result<Self> {
        let kept = runs::kept(connection, &run)?;
        let mut full = Self::begin(connection, run, books, terms)?;
        if let Some((progress, sum)) = kept {
            (full.tally, full.walk.step, full.sum) = (progress.tally, progress.step, sum);
        }
        Ok(full)
    }

    /// Rows found so far.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.tally.rows
    }

    /// Takes one step; gives `false` when there was none left.
    ///
    /// # Errors
    /// What the database says.
    pub fn advance(&mut self, connection: &mut DbConnection) -> Result<bool> {
        let (tally, sum) = (&mut self.tally, &mut self.sum);
        let mut found = Vec::new();
        let more = self.walk.advance(connection, |row| {
            let row = find(row);
            tally.add(row.counted);
            sum.add(row.hash);
            found.push(row);
            Ok(())
        })?;
        rows::put_down(connection, &self.run, &found)?;
        Ok(more)
    }

    /// Keeps how far it has got.
    ///
    /// # Errors
    /// What the database says.
    pub fn keep(&self, connection: &mut DbConnection) -> Result<()> {
        let progress = Progress { tally: self.tally.clone(), step: self.walk.step };
        runs::keep(connection, &self.run, &progress, &self.sum)
    }

    /// Ends it when no step is left.
    ///
    /// # Errors
    /// What the database says.
    pub fn conclude(self, connection: &mut DbConnection, actor: &Actor, follow: Follow) -> Result<ReconciliationRun> {
        let Self { run, walk, tally, sum } = self;
        let carried = Carried { measured_by: fingerprint(&walk.measure), tally };
        let done = Done { examined: carried.tally.rows, measure: walk.measure, left: Left { carried, sum } };
        conclude(connection, actor, follow, &run, &done)
    }
}

/// Examines what was recorded since the run before, and what the clock alone may have changed.
fn examine_again(connection: &mut DbConnection, run: &ReconciliationRun, books: Books, base: Base) -> Result<Done> {
    let Base { run: before, touched, mut left, measure } = base;
    let mut examination = Examination::begin(connection, books, &measure, touched)?;
    if before.cut_off_on < books.cut_off {
        let unsettled = rows::unsettled(connection, run)?;
        examination.take_up(connection, &unsettled)?;
    }
    let mut examined = 0;
    while let Some((found, subjects)) = examination.advance(connection, find)? {
        examined += i64::try_from(found.len()).unwrap_or(i64::MAX);
        take_over(connection, run, &mut left, found, &subjects)?;
    }
    Ok(Done { measure, examined, left })
}

/// Puts what was found in the place of what stood about the same subjects.
fn take_over(
    connection: &mut DbConnection,
    run: &ReconciliationRun,
    left: &mut Left,
    found: Vec<Found>,
    subjects: &[Id],
) -> Result<()> {
    let mut found: BTreeMap<Id, Found> = found.into_iter().map(|row| (row.subject_id, row)).collect();
    let mut ended = Vec::new();
    for row in rows::standing(connection, run, subjects)? {
        if found.get(&row.subject_id).is_some_and(|found| row.is_still(found)) {
            found.remove(&row.subject_id);
            continue;
        }
        left.carried.tally.take(row.counted);
        left.sum.take(row.hash);
        ended.push(row.subject_id);
    }
    let found: Vec<Found> = found.into_values().collect();
    for row in &found {
        left.carried.tally.add(row.counted);
        left.sum.add(row.hash);
    }
    rows::end(connection, run, &ended)?;
    rows::put_down(connection, run, &found)
}

/// What is kept of a row.
fn find(row: &Compared<'_>) -> Found {
    let (placement_id, about) = match row.key {
        RowKey::Placement(id) => (Some(Id(id)), id),
        RowKey::Claim(id) => (None, id),
    };
    let claim_id = row.classification.deciding_claim.or(placement_id.is_none().then_some(about));
    Found {
        subject_id: Id(about),
        placement_id,
        claim_id: claim_id.map(Id),
        tier: row.tier,
        detail: RowDetail::of(&row.classification),
        counted: Counted::of(row),
        hash: row_hash(row.key, &row.classification),
    }
}

fn finished(run: &ReconciliationRun) -> NewEvent {
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
    }
}
