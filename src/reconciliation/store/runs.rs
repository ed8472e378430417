//! Runs: begun, finished with what the next one goes on from, read back.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::db::schema::reconciliation_run;
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::reconciliation::comparison::Tally;
use crate::reconciliation::report::{ReconciliationRun, RunCounts, RunState};
use crate::reconciliation::run_hash::RowSum;
use crate::reconciliation::walk::Step;

/// What a list of runs may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunFilter {
    /// Only runs at this cut-off.
    pub cut_off_on: Option<Day>,
    /// Only runs that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// What a run leaves to the one that continues it.
#[derive(Debug, Clone)]
pub struct Left {
    /// Its figures as they grow row by row, and what they were compared by.
    pub carried: Carried,
    /// The sum over its rows.
    pub sum: RowSum,
}

/// The part of it that is kept as text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Carried {
    /// The figures.
    pub tally: Tally,
    /// Fingerprint of what the rows were compared by: the terms, the quotas and this program's rules.
    pub measured_by: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = reconciliation_run)]
struct RunRow {
    agreement_id: Id,
    id: Id,
    series_id: Id,
    step: i64,
    cut_off_on: Day,
    state: RunState,
    row_count: i64,
    examined_rows: i64,
    rows_hash: Option<Vec<u8>>,
    counts: String,
    requested_by: Id,
    started_at: Instant,
    finished_at: Option<Instant>,
}

impl RunRow {
    fn read(self) -> Result<ReconciliationRun> {
        Ok(ReconciliationRun {
            agreement_id: self.agreement_id,
            id: self.id,
            series_id: self.series_id,
            step: self.step,
            cut_off_on: self.cut_off_on,
            state: self.state,
            row_count: self.row_count,
            examined_rows: self.examined_rows,
            rows_hash: self.rows_hash.map(hex::encode),
            counts: serde_json::from_str(&self.counts)?,
            requested_by: self.requested_by,
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}

/// The run of an agreement that is running.
pub fn running(connection: &mut DbConnection, agreement_id: Id) -> Result<Option<Id>> {
    use reconciliation_run::dsl;
    Ok(dsl::reconciliation_run
        .filter(dsl::agreement_id.eq(agreement_id).and(dsl::state.eq(RunState::Running)))
        .select(dsl::id)
        .first(connection)
        .optional()?)
}

/// Begins a run, which continues another or examines everything.
///
/// # Errors
/// [`Code::RunInProgress`] while another run of the agreement is running.
pub fn begin(
    connection: &mut DbConnection,
    actor: &Actor,
    (agreement_id, id, cut_off_on): (Id, Id, Day),
    continues: Option<&ReconciliationRun>,
) -> Result<ReconciliationRun> {
    use reconciliation_run::dsl;
    if let Some(running) = running(connection, agreement_id)? {
        return Err(Error::new(Code::RunInProgress).param("run_id", running.to_string()));
    }
    let row = RunRow {
        agreement_id,
        id,
        series_id: continues.map_or(id, |run| run.series_id),
        step: continues.map_or(0, |run| run.step.saturating_add(1)),
        cut_off_on,
        state: RunState::Running,
        row_count: 0,
        examined_rows: 0,
        rows_hash: None,
        counts: serde_json::to_string(&RunCounts::default())?,
        requested_by: actor.scope.party_id,
        started_at: actor.now,
        finished_at: None,
    };
    diesel::insert_into(dsl::reconciliation_run).values(row).execute(connection)?;
    run(connection, agreement_id, id)
}

/// How far a run over every row has got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// The figures so far.
    pub tally: Tally,
    /// Where the walk goes on.
    pub step: Step,
}

/// Keeps how far a run has got.
pub fn keep(connection: &mut DbConnection, run: &ReconciliationRun, progress: &Progress, sum: &RowSum) -> Result<()> {
    statement(
        "update reconciliation_run set row_count = ?, examined_rows = ?, carried = ?, row_sum = ? \
         where agreement_id = ? and id = ? and state = 'running'",
    )
    .bind(progress.tally.rows)
    .bind(progress.tally.rows)
    .bind(serde_json::to_string(progress)?)
    .bind(sum.to_bytes())
    .bind(run.agreement_id)
    .bind(run.id)
    .run(connection)?;
    Ok(())
}

/// How far a run had got that was kept.
pub fn kept(connection: &mut DbConnection, run: &ReconciliationRun) -> Result<Option<(Progress, RowSum)>> {
    use reconciliation_run::dsl;
    let found: (Option<String>, Option<Vec<u8>>) = dsl::reconciliation_run
        .find((run.agreement_id, run.id))
        .select((dsl::carried, dsl::row_sum))
        .get_result(connection)?;
    let (Some(progress), Some(sum)) = found else { return Ok(None) };
    let sum = RowSum::from_bytes(&sum).ok_or_else(|| Error::internal("a sum over rows has 2,048 bytes"))?;
    Ok(Some((serde_json::from_str(&progress)?, sum)))
}

/// Breaks a run off, if it is still running: its rows are taken away.
pub fn break_off(connection: &mut DbConnection, agreement_id: Id, id: Id, now: Instant) -> Result<()> {
    let broken = statement(
        "update reconciliation_run set state = 'failed', row_count = 0, examined_rows = 0, carried = null, row_sum = null, finished_at = ? \
         where agreement_id = ? and id = ? and state = 'running'",
    )
    .bind(now)
    .bind(agreement_id)
    .bind(id)
    .run(connection)?;
    if broken > 0 {
        statement("delete from reconciliation_row where agreement_id = ? and series_id = ?")
            .bind(agreement_id)
            .bind(id)
            .run(connection)?;
    }
    Ok(())
}

/// Whether an agreement has more than so many placements.
pub fn has_more_placements(connection: &mut DbConnection, agreement_id: Id, than: i64) -> Result<bool> {
    let beyond: Vec<Id> = statement("select id from placement where agreement_id = ? order by id limit 1 offset ?")
        .bind(agreement_id)
        .bind(than)
        .returning::<crate::db::Uid>()
        .load(connection)?;
    Ok(!beyond.is_empty())
}

/// The placements of an agreement.
pub fn count_placements(connection: &mut DbConnection, agreement_id: Id) -> Result<i64> {
    Ok(statement("select count(*) from placement where agreement_id = ?")
        .bind(agreement_id)
        .returning::<diesel::sql_types::BigInt>()
        .get_result(connection)?)
}

/// Finishes a run.
pub fn finish(
    connection: &mut DbConnection,
    actor: &Actor,
    run: &ReconciliationRun,
    (counts, examined_rows): (&RunCounts, i64),
    left: &Left,
) -> Result<ReconciliationRun> {
    let rows = left.carried.tally.rows;
    statement(
        "update reconciliation_run set state = 'done', row_count = ?, examined_rows = ?, counts = ?, rows_hash = ?, carried = ?, row_sum = ?, \
         finished_at = ? where agreement_id = ? and id = ? and state = 'running'",
    )
    .bind(rows)
    .bind(examined_rows)
    .bind(serde_json::to_string(counts)?)
    .bind(left.sum.run_hash(run.cut_off_on.0, rows).0.as_slice())
    .bind(serde_json::to_string(&left.carried)?)
    .bind(left.sum.to_bytes())
    .bind(actor.now)
    .bind(run.agreement_id)
    .bind(run.id)
    .run(connection)?;
    self::run(connection, run.agreement_id, run.id)
}

/// The newest runs of the series of an agreement that a run at this cut-off may continue.
pub fn tips(connection: &mut DbConnection, agreement_id: Id, cut_off_on: Day) -> Result<Vec<ReconciliationRun>> {
    use reconciliation_run::dsl;
    let later = diesel::alias!(reconciliation_run as later);
    let continued = later
        .filter(later.field(dsl::agreement_id).eq(dsl::agreement_id))
        .filter(later.field(dsl::series_id).eq(dsl::series_id).and(later.field(dsl::step).gt(dsl::step)));
    let rows: Vec<RunRow> = dsl::reconciliation_run
        .filter(dsl::agreement_id.eq(agreement_id).and(dsl::state.eq(RunState::Done)))
        .filter(dsl::cut_off_on.le(cut_off_on))
        .filter(diesel::dsl::not(diesel::dsl::exists(continued)))
        .select(RunRow::as_select())
        .load(connection)?;
    rows.into_iter().map(RunRow::read).collect()
}

/// What a finished run left.
pub fn left_by(connection: &mut DbConnection, run: &ReconciliationRun) -> Result<Left> {
    use reconciliation_run::dsl;
    let found: (Option<String>, Option<Vec<u8>>) = dsl::reconciliation_run
        .find((run.agreement_id, run.id))
        .select((dsl::carried, dsl::row_sum))
        .get_result(connection)?;
    let (Some(carried), Some(sum)) = found else { return Err(Error::internal("a finished run leaves something")) };
    let sum = RowSum::from_bytes(&sum).ok_or_else(|| Error::internal("a sum over rows has 2,048 bytes"))?;
    Ok(Left { carried: serde_json::from_str(&carried)?, sum })
}

/// One run of an agreement the caller was let into.
///
/// # Errors
/// [`Code::NotFound`].
pub fn run(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<ReconciliationRun> {
    run_if_any(connection, agreement_id, id)?.ok_or_else(|| Error::not_found("reconciliation", "对账"))
}

/// The same; none where there is no such run.
pub fn run_if_any(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<Option<ReconciliationRun>> {
    use reconciliation_run::dsl;
    let found = dsl::reconciliation_run.find((agreement_id, id)).select(RunRow::as_select()).get_result(connection);
    found.optional()?.map(RunRow::read).transpose()
}

/// A page of the agreement's runs.
pub fn list(
    connection: &mut DbConnection,
    agreement_id: Id,
    filter: &RunFilter,
    page: &PageRequest,
) -> Result<Vec<ReconciliationRun>> {
    use reconciliation_run::dsl;
    let mut query =
        dsl::reconciliation_run.filter(dsl::agreement_id.eq(agreement_id)).select(RunRow::as_select()).into_boxed();
    if let Some(day) = filter.cut_off_on {
        query = query.filter(dsl::cut_off_on.eq(day));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(dsl::started_at.ge(since).or(dsl::finished_at.ge(since)));
    }
    page.narrow(query, dsl::id).load(connection)?.into_iter().map(RunRow::read).collect()
}

/// Whether a run with a later cut-off has finished before this one.
pub fn is_outdated(connection: &mut DbConnection, run: &ReconciliationRun) -> Result<bool> {
    use reconciliation_run::dsl;
    let later: Vec<Id> = dsl::reconciliation_run
        .filter(dsl::agreement_id.eq(run.agreement_id).and(dsl::state.eq(RunState::Done)))
        .filter(dsl::cut_off_on.gt(run.cut_off_on))
        .select(dsl::id)
        .limit(1)
        .load(connection)?;
    Ok(!later.is_empty())
}
