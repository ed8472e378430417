//! Runs and their rows: begun, filled in chunks, finished, read back.

use diesel::prelude::*;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::db::schema::{reconciliation_row, reconciliation_run};
use crate::db::{Day, DbConnection, Id, Instant, PageRequest, RowSet, statement};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::http::query::AnyOf;
use crate::reconciliation::consequences::{Owner, TwoSided};
use crate::reconciliation::matching::IdentityTier;
use crate::reconciliation::report::{ReconciliationRow, ReconciliationRun, RowDetail, RunCounts, RunState};
use crate::reconciliation::run_hash::RunHash;
use crate::reconciliation::situations::{SITUATIONS, Situation};

/// What a list of runs may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunFilter {
    /// Only runs at this cut-off.
    pub cut_off_on: Option<Day>,
}

/// What the rows of a run may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RowFilter {
    /// Only rows in one of these situations.
    #[param(inline)]
    pub situation: Option<AnyOf<Situation>>,
    /// Only rows in which the two sides stand to each other in one of these ways.
    #[param(inline)]
    pub two_sided: Option<AnyOf<TwoSided>>,
    /// Only rows on which one of these has to act.
    #[param(inline)]
    pub owner: Option<AnyOf<Owner>>,
}

impl RowFilter {
    /// The situations that fit; none where every situation does.
    fn situations(&self) -> Option<Vec<&'static str>> {
        if self.situation.is_none() && self.two_sided.is_none() && self.owner.is_none() {
            return None;
        }
        let fits = SITUATIONS.iter().filter(|line| {
            self.situation.as_ref().is_none_or(|wanted| wanted.has(line.situation))
                && self.two_sided.as_ref().is_none_or(|wanted| wanted.has(line.two_sided))
                && self.owner.as_ref().is_none_or(|wanted| wanted.has(line.owner))
        });
        Some(fits.map(|line| line.code).collect())
    }
}

/// A row before it has its place.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// The situation.
    pub situation: Situation,
    /// The placement it is about.
    pub placement_id: Option<Uuid>,
    /// The claim that decided, or that it is about.
    pub claim_id: Option<Uuid>,
    /// How well a matched identity fits.
    pub tier: Option<IdentityTier>,
    /// What to look at.
    pub detail: RowDetail,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = reconciliation_run)]
struct RunRow {
    agreement_id: Id,
    id: Id,
    cut_off_on: Day,
    state: RunState,
    row_count: i64,
    rows_hash: Option<Vec<u8>>,
    counts: String,
    requested_by: Id,
    started_at: Instant,
    finished_at: Option<Instant>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = reconciliation_row)]
struct StoredRow {
    ordinal: i64,
    situation: String,
    placement_id: Option<Id>,
    claim_id: Option<Id>,
    tier: Option<String>,
    detail: String,
}

impl RunRow {
    fn read(self) -> Result<ReconciliationRun> {
        Ok(ReconciliationRun {
            agreement_id: self.agreement_id,
            id: self.id,
            cut_off_on: self.cut_off_on,
            state: self.state,
            row_count: self.row_count,
            rows_hash: self.rows_hash.map(hex::encode),
            counts: serde_json::from_str(&self.counts)?,
            requested_by: self.requested_by,
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}

impl StoredRow {
    fn read(self) -> Result<ReconciliationRow> {
        let situation =
            Situation::from_code(&self.situation).ok_or_else(|| Error::internal("a row in an unknown situation"))?;
        let detail = serde_json::from_str(&self.detail)?;
        let tier = self.tier.as_deref().and_then(IdentityTier::from_text);
        Ok(ReconciliationRow::of(self.ordinal, situation, detail, (self.placement_id, self.claim_id), tier))
    }
}

/// Begins a run.
///
/// # Errors
/// [`Code::RunInProgress`] while another run of the agreement is running.
pub fn begin(
    connection: &mut DbConnection,
    actor: &Actor,
    agreement_id: Id,
    cut_off_on: Day,
) -> Result<ReconciliationRun> {
    use reconciliation_run::dsl;
    let running: Vec<Id> = dsl::reconciliation_run
        .filter(dsl::agreement_id.eq(agreement_id).and(dsl::state.eq(RunState::Running)))
        .select(dsl::id)
        .load(connection)?;
    if let Some(running) = running.first() {
        return Err(Error::new(Code::RunInProgress).param("run_id", running.to_string()));
    }
    let counts = RunCounts::default();
    let row = RunRow {
        agreement_id,
        id: Id::new(),
        cut_off_on,
        state: RunState::Running,
        row_count: 0,
        rows_hash: None,
        counts: serde_json::to_string(&counts)?,
        requested_by: actor.scope.party_id,
        started_at: actor.now,
        finished_at: None,
    };
    let id = row.id;
    diesel::insert_into(dsl::reconciliation_run).values(row).execute(connection)?;
    run(connection, agreement_id, id)
}

/// Writes the next rows of a run behind its first `written` ones.
pub fn append(connection: &mut DbConnection, run: &ReconciliationRun, written: i64, rows: &[NewRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let details = rows.iter().map(|row| serde_json::to_string(&row.detail)).collect::<Result<Vec<_>, _>>()?;
    let values = RowSet::of(rows.iter().zip(&details))
        .shared("agreement_id", run.agreement_id)
        .shared("run_id", run.id)
        .shared("first", written.saturating_add(1))
        .column("situation", |(row, _)| row.situation.code())
        .column("placement_id", |(row, _)| row.placement_id.map(Id))
        .column("claim_id", |(row, _)| row.claim_id.map(Id))
        .column("tier", |(row, _)| row.tier.map(IdentityTier::as_str))
        .column("detail", |(_, detail)| detail.as_str());
    statement(
        "insert into reconciliation_row (agreement_id, run_id, ordinal, situation, placement_id, claim_id, tier, detail) \
         select r.agreement_id, r.run_id, r.first + r.ordinal, r.situation, r.placement_id, r.claim_id, r.tier, r.detail from ? r",
    )
    .bind(values)
    .run(connection)?;
    Ok(())
}

/// Finishes a run.
pub fn finish(
    connection: &mut DbConnection,
    actor: &Actor,
    run: &ReconciliationRun,
    row_count: i64,
    counts: &RunCounts,
    hash: RunHash,
) -> Result<ReconciliationRun> {
    statement(
        "update reconciliation_run set state = 'done', row_count = ?, counts = ?, rows_hash = ?, finished_at = ? \
         where agreement_id = ? and id = ? and state = 'running'",
    )
    .bind(row_count)
    .bind(serde_json::to_string(counts)?)
    .bind(hash.0.as_slice())
    .bind(actor.now)
    .bind(run.agreement_id)
    .bind(run.id)
    .run(connection)?;
    self::run(connection, run.agreement_id, run.id)
}

/// One run of an agreement the caller was let into.
///
/// # Errors
/// [`Code::NotFound`].
pub fn run(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<ReconciliationRun> {
    use reconciliation_run::dsl;
    let found = dsl::reconciliation_run.find((agreement_id, id)).select(RunRow::as_select()).get_result(connection);
    found.optional()?.ok_or_else(|| Error::not_found("reconciliation", "对账"))?.read()
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

/// The rows of a run that have a failure code and somebody who must act, by place in the run.
pub fn differing(connection: &mut DbConnection, run: &ReconciliationRun) -> Result<Vec<ReconciliationRow>> {
    use reconciliation_row::dsl;
    let to_act = SITUATIONS.iter().filter(|line| line.discrepancy.is_some() && line.owner != Owner::None);
    let situations: Vec<&str> = to_act.map(|line| line.code).collect();
    let rows: Vec<StoredRow> = dsl::reconciliation_row
        .filter(dsl::agreement_id.eq(run.agreement_id).and(dsl::run_id.eq(run.id)))
        .filter(dsl::situation.eq_any(situations))
        .order(dsl::ordinal)
        .select(StoredRow::as_select())
        .load(connection)?;
    rows.into_iter().map(StoredRow::read).collect()
}

/// A page of the rows of a run, by place in the run.
pub fn rows(
    connection: &mut DbConnection,
    agreement_id: Id,
    run_id: Id,
    filter: &RowFilter,
    page: &PageRequest,
) -> Result<Vec<ReconciliationRow>> {
    use reconciliation_row::dsl;
    let mut query = dsl::reconciliation_row
        .filter(dsl::agreement_id.eq(agreement_id).and(dsl::run_id.eq(run_id)))
        .select(StoredRow::as_select())
        .into_boxed();
    if let Some(situations) = filter.situations() {
        query = query.filter(dsl::situation.eq_any(situations));
    }
    page.narrow(query, dsl::ordinal).load(connection)?.into_iter().map(StoredRow::read).collect()
}
