//! One run from begin to end: every row is compared, counted, hashed and written.
//!
//! Each step takes a stretch of the books and writes its rows, so a run holds one stretch in memory, whatever its size. Rows come in
//! the order of their keys, which is what the hash is over.
//!
//! Deliberately absent: the present moment as a measure. The cut-off decides, so a run can be repeated.

use serde_json::json;

use super::comparison::{Compared, Tally};
use super::report::{ReconciliationRun, RowDetail};
use super::run_hash::{RowKey, RunHasher, row_hash};
use super::store::facts::Books;
use super::store::runs::{self, NewRow};
use super::walk::Walk;
use crate::db::{Day, DbConnection, Id};
use crate::error::{Error, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::retention::checks::RuleBook;

/// Does what follows from a finished run, in its transaction. Work on discrepancies lies above reconciliation and is handed down.
pub type Follow = fn(&mut DbConnection, &Actor, &ReconciliationRun) -> Result<()>;

/// Compares both sides of an agreement at a cut-off, in the transaction at hand.
///
/// # Errors
/// [`crate::error::Code::RunInProgress`], and what the database says.
pub fn reconcile(
    connection: &mut DbConnection,
    actor: &Actor,
    follow: Follow,
    agreement_id: Id,
    cut_off_on: Day,
) -> Result<ReconciliationRun> {
    let run = runs::begin(connection, actor, agreement_id, cut_off_on)?;
    let mut reconciler = Reconciler::new(connection, run)?;
    while reconciler.advance(connection)? {}
    let run = reconciler.finish(connection, actor)?;
    follow(connection, actor, &run)?;
    Ok(run)
}

/// A run on its way.
#[derive(Debug)]
struct Reconciler {
    run: ReconciliationRun,
    walk: Walk,
    hasher: RunHasher,
    tally: Tally,
}

impl Reconciler {
    fn new(connection: &mut DbConnection, run: ReconciliationRun) -> Result<Self> {
        let cut_off = run.cut_off_on;
        // What is recorded while the run is under way belongs to the next one.
        let begun = run.started_at.just_after();
        let known_before = cut_off.plus_days(1).start().min(begun);
        let terms = RuleBook::read(connection, run.agreement_id)?;
        let walk = Walk::begin(connection, Books { agreement_id: run.agreement_id, cut_off, known_before }, &terms)?;
        Ok(Self { run, walk, hasher: RunHasher::new(cut_off.0), tally: Tally::default() })
    }

    /// Takes the next step; gives `false` when there was none left.
    fn advance(&mut self, connection: &mut DbConnection) -> Result<bool> {
        let written = self.tally.rows;
        let Self { walk, hasher, tally, .. } = self;
        let mut rows = Vec::new();
        let more = walk.advance(connection, |row| {
            rows.push(enter(row, hasher, tally)?);
            Ok(())
        })?;
        runs::append(connection, &self.run, written, &rows)?;
        Ok(more)
    }

    fn finish(self, connection: &mut DbConnection, actor: &Actor) -> Result<ReconciliationRun> {
        let Self { run, walk, hasher, tally } = self;
        let run = runs::finish(connection, actor, &run, tally.rows, &tally.counts(&walk.measure), hasher.finish())?;
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
