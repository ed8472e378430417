//! The rows of runs: put down in the step in which they were found, ended in the step in which they were found otherwise, read back.

use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Nullable, Text};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::db::schema::reconciliation_row;
use crate::db::{DbConnection, Id, PageRequest, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;
use crate::reconciliation::comparison::Counted;
use crate::reconciliation::consequences::{Owner, TwoSided};
use crate::reconciliation::matching::IdentityTier;
use crate::reconciliation::report::{ReconciliationRow, ReconciliationRun, RowDetail};
use crate::reconciliation::run_hash::RowHash;
use crate::reconciliation::situations::{SITUATIONS, Situation};

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

/// Ids asked for in one query: SQLite takes 32,766 binds.
const ASKED_AT_ONCE: usize = 10_000;

/// A row that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The placement it is about, or the claim.
    pub subject_id: Id,
    /// The placement it is about.
    pub placement_id: Option<Id>,
    /// The claim that decided, or that it is about.
    pub claim_id: Option<Id>,
    /// How well a matched identity fits.
    pub tier: Option<IdentityTier>,
    /// What to look at.
    pub detail: RowDetail,
    /// What it adds to the figures.
    pub counted: Counted,
    /// Its hash.
    pub hash: RowHash,
}

/// A row as the step before has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The placement it is about, or the claim.
    pub subject_id: Id,
    /// How well a matched identity fits.
    pub tier: Option<IdentityTier>,
    /// What it adds to the figures.
    pub counted: Counted,
    /// Its hash.
    pub hash: RowHash,
}

impl Standing {
    /// Whether a row was found as it stands.
    #[must_use]
    pub fn is_still(&self, found: &Found) -> bool {
        (self.hash, self.tier, self.counted) == (found.hash, found.tier, found.counted)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = reconciliation_row)]
struct StoredRow {
    subject_id: Id,
    situation: String,
    placement_id: Option<Id>,
    claim_id: Option<Id>,
    tier: Option<String>,
    detail: String,
}

impl StoredRow {
    fn read(self) -> Result<ReconciliationRow> {
        let (situation, tier) = codes(&self.situation, self.tier.as_deref())?;
        let detail = serde_json::from_str(&self.detail)?;
        Ok(ReconciliationRow::of(self.subject_id, situation, detail, (self.placement_id, self.claim_id), tier))
    }
}

fn codes(situation: &str, tier: Option<&str>) -> Result<(Situation, Option<IdentityTier>)> {
    let known = Situation::from_code(situation).ok_or_else(|| Error::internal("a row in an unknown situation"))?;
    Ok((known, tier.and_then(IdentityTier::from_text)))
}

/// Puts rows down that were found in a run.
pub fn put_down(connection: &mut DbConnection, run: &ReconciliationRun, rows: &[Found]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let details = rows.iter().map(|row| serde_json::to_string(&row.detail)).collect::<Result<Vec<_>, _>>()?;
    let values = RowSet::of(rows.iter().zip(&details))
        .shared("agreement_id", run.agreement_id)
        .shared("series_id", run.series_id)
        .shared("since_step", run.step)
        .column("subject_id", |(row, _)| row.subject_id)
        .column("situation", |(row, _)| row.counted.situation.code())
        .column("placement_id", |(row, _)| row.placement_id)
        .column("claim_id", |(row, _)| row.claim_id)
        .column("tier", |(row, _)| row.tier.map(IdentityTier::as_str))
        .column("detail", |(_, detail)| detail.as_str())
        .column("announced", |(row, _)| row.counted.announced)
        .column("confirmed", |(row, _)| row.counted.confirmed)
        .column("arrival_quota_id", |(row, _)| row.counted.arrival_quota_id)
        .column("row_hash", |(row, _)| row.hash.0);
    statement(
        "insert into reconciliation_row (agreement_id, series_id, subject_id, since_step, situation, placement_id, claim_id, tier, detail, \
         announced, confirmed, arrival_quota_id, row_hash) \
         select r.agreement_id, r.series_id, r.subject_id, r.since_step, r.situation, r.placement_id, r.claim_id, r.tier, r.detail, \
         r.announced, r.confirmed, r.arrival_quota_id, r.row_hash from ? r",
    )
    .bind(values)
    .run(connection)?;
    Ok(())
}

/// The rows of a run, as a query that may be narrowed.
macro_rules! rows_of {
    ($run:expr) => {{
        use reconciliation_row::dsl;
        dsl::reconciliation_row
            .filter(dsl::agreement_id.eq($run.agreement_id).and(dsl::series_id.eq($run.series_id)))
            .filter(dsl::since_step.le($run.step))
            .filter(dsl::until_step.is_null().or(dsl::until_step.gt($run.step)))
            .select(StoredRow::as_select())
            .into_boxed()
    }};
}

fn of_series(run: &ReconciliationRun, subjects: impl IntoIterator<Item = Id>) -> RowSet<Id> {
    RowSet::list("subject_id", subjects).shared("agreement_id", run.agreement_id).shared("series_id", run.series_id)
}

/// Ends rows that were found otherwise in a run, or not at all.
pub fn end(connection: &mut DbConnection, run: &ReconciliationRun, subjects: &[Id]) -> Result<()> {
    if subjects.is_empty() {
        return Ok(());
    }
    statement(
        "update reconciliation_row set until_step = ? where until_step is null and (agreement_id, series_id, subject_id) in \
         (select r.agreement_id, r.series_id, r.subject_id from ? r)",
    )
    .bind(run.step)
    .bind(of_series(run, subjects.iter().copied()))
    .run(connection)?;
    Ok(())
}

type StandingColumns = (Id, String, Option<String>, bool, bool, Option<Id>, Vec<u8>);

/// The rows about some subjects as the step before has them.
pub fn standing(connection: &mut DbConnection, run: &ReconciliationRun, subjects: &[Id]) -> Result<Vec<Standing>> {
    let rows: Vec<StandingColumns> = statement(
        "select t.subject_id, t.situation, t.tier, t.announced, t.confirmed, t.arrival_quota_id, t.row_hash \
         from ? r cross join reconciliation_row t where t.agreement_id = r.agreement_id and t.series_id = r.series_id \
         and t.subject_id = r.subject_id and t.until_step is null",
    )
    .bind(of_series(run, subjects.iter().copied()))
    .returning::<(Uid, Text, Nullable<Text>, Bool, Bool, Nullable<Uid>, Binary)>()
    .load(connection)?;
    let standing = |(subject_id, situation, tier, announced, confirmed, arrival_quota_id, hash): StandingColumns| {
        let (situation, tier) = codes(&situation, tier.as_deref())?;
        let hash = RowHash(hash.try_into().map_err(|_| Error::internal("a row hash has 32 bytes"))?);
        Ok(Standing { subject_id, tier, counted: Counted { situation, announced, confirmed, arrival_quota_id }, hash })
    };
    rows.into_iter().map(standing).collect()
}

/// The placements and claims of the rows that do not agree for certain in the step before: what the clock alone may change.
pub fn unsettled(connection: &mut DbConnection, run: &ReconciliationRun) -> Result<Vec<(Option<Id>, Option<Id>)>> {
    use reconciliation_row::dsl;
    Ok(dsl::reconciliation_row
        .filter(dsl::agreement_id.eq(run.agreement_id).and(dsl::series_id.eq(run.series_id)))
        .filter(differing_only().and(dsl::until_step.is_null()))
        .select((dsl::placement_id, dsl::claim_id))
        .load(connection)?)
}

/// The words of the index over the rows that are not in order.
fn differing_only() -> diesel::expression::SqlLiteral<Bool> {
    diesel::dsl::sql("reconciliation_row.situation <> 'matched'")
}

/// The rows of a run that have a failure code and somebody who must act, in the order of their subjects.
pub fn differing(connection: &mut DbConnection, run: &ReconciliationRun) -> Result<Vec<ReconciliationRow>> {
    use reconciliation_row::dsl;
    let query = rows_of!(run).filter(dsl::situation.eq_any(to_act())).filter(differing_only());
    query.order(dsl::subject_id).load(connection)?.into_iter().map(StoredRow::read).collect()
}

/// Those of them that are about some subjects, which are in order.
pub fn differing_about(
    connection: &mut DbConnection,
    run: &ReconciliationRun,
    subjects: &[Id],
) -> Result<Vec<ReconciliationRow>> {
    use reconciliation_row::dsl;
    let mut rows = Vec::new();
    for subjects in subjects.chunks(ASKED_AT_ONCE) {
        let query = rows_of!(run).filter(dsl::situation.eq_any(to_act())).filter(dsl::subject_id.eq_any(subjects));
        rows.extend(query.order(dsl::subject_id).load(connection)?);
    }
    rows.into_iter().map(StoredRow::read).collect()
}

fn to_act() -> Vec<&'static str> {
    let lines = SITUATIONS.iter().filter(|line| line.discrepancy.is_some() && line.owner != Owner::None);
    lines.map(|line| line.code).collect()
}

/// The subjects of the rows that a run put down or ended: what it found otherwise than the run before it.
pub fn changed(connection: &mut DbConnection, run: &ReconciliationRun) -> Result<Vec<(Id, bool)>> {
    use reconciliation_row::dsl;
    let of_series = || dsl::agreement_id.eq(run.agreement_id).and(dsl::series_id.eq(run.series_id));
    let subject = (dsl::subject_id, dsl::placement_id.is_not_null());
    let mut changed: Vec<(Id, bool)> = dsl::reconciliation_row
        .filter(of_series().and(dsl::since_step.eq(run.step)))
        .select(subject)
        .load(connection)?;
    changed.extend(
        dsl::reconciliation_row
            .filter(of_series().and(dsl::until_step.eq(run.step)))
            .select(subject)
            .load::<(Id, bool)>(connection)?,
    );
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

/// A page of the rows of a run, in the order of their subjects.
pub fn list(
    connection: &mut DbConnection,
    run: &ReconciliationRun,
    filter: &RowFilter,
    page: &PageRequest,
) -> Result<Vec<ReconciliationRow>> {
    use reconciliation_row::dsl;
    let mut query = rows_of!(run);
    if let Some(situations) = filter.situations() {
        if !situations.contains(&Situation::Matched.code()) {
            query = query.filter(differing_only());
        }
        query = query.filter(dsl::situation.eq_any(situations));
    }
    page.narrow(query, dsl::subject_id).load(connection)?.into_iter().map(StoredRow::read).collect()
}
