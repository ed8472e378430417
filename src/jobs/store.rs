//! Jobs in the database.

pub mod parts;

use diesel::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{Job, JobKind, JobState, Leased};
use crate::bulk::parsing::Form;
use crate::db::schema::job;
use crate::db::{DbConnection, Id, Instant, PageRequest, Uid, statement};
use crate::error::{Code, Error, Language, Result};
use crate::events::Actor;
use crate::http::problem::language_tag;
use crate::http::query::AnyOf;
use crate::identity::Scope;

/// What a list of jobs may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobFilter {
    /// Only jobs in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<JobState>>,
    /// Only jobs of these kinds.
    #[param(inline)]
    pub kind: Option<AnyOf<JobKind>>,
    /// Only jobs that moved at or after this instant.
    pub updated_since: Option<Instant>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = job)]
struct JobRow {
    id: Id,
    party_id: Id,
    client_id: Id,
    request_id: Option<Id>,
    kind: JobKind,
    state: JobState,
    about: String,
    form: String,
    language: String,
    warnings: String,
    row_count: i64,
    processed_rows: i64,
    accepted_rows: i64,
    unchanged_rows: i64,
    rejected_rows: i64,
    part_count: i64,
    parts_done: i64,
    error: Option<String>,
    version: i64,
    created_at: Instant,
    started_at: Option<Instant>,
    finished_at: Option<Instant>,
    updated_at: Instant,
}

impl JobRow {
    fn read(&self) -> Result<Job> {
        Ok(Job {
            id: self.id,
            kind: self.kind,
            state: self.state,
            about: serde_json::from_str(&self.about)?,
            row_count: self.row_count,
            processed_rows: self.processed_rows,
            accepted_rows: self.accepted_rows,
            unchanged_rows: self.unchanged_rows,
            rejected_rows: self.rejected_rows,
            unknown_columns: serde_json::from_str(&self.warnings)?,
            error: self.error.as_deref().map(serde_json::from_str).transpose()?,
            version: self.version,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            updated_at: self.updated_at,
        })
    }

    fn leased(self, lease: Id, now: Instant) -> Result<Leased> {
        Ok(Leased {
            job: self.read()?,
            lease,
            actor: Actor {
                scope: Scope { party_id: self.party_id, client_id: self.client_id },
                request_id: self.request_id,
                now,
            },
            language: if self.language == language_tag(Language::Chinese) {
                Language::Chinese
            } else {
                Language::English
            },
            form: serde_json::from_str(&self.form)?,
            part_count: self.part_count,
            parts_done: self.parts_done,
        })
    }
}

/// A job that is to be.
#[derive(Debug)]
pub struct NewJob<'a> {
    /// Its id.
    pub id: Id,
    /// What it does.
    pub kind: JobKind,
    /// Still receiving rows, or queued at once.
    pub state: JobState,
    /// The command, serialised.
    pub about: Value,
    /// Form of its rows.
    pub form: &'a Form,
    /// Language of its receipts.
    pub language: Language,
    /// Headings that mean no field.
    pub unknown_columns: Vec<String>,
}

/// Writes a job.
pub fn insert(connection: &mut DbConnection, actor: &Actor, new: &NewJob<'_>) -> Result<()> {
    statement(
        "insert into job (id, party_id, client_id, request_id, kind, state, about, form, language, warnings, row_count, processed_rows, \
         accepted_rows, unchanged_rows, rejected_rows, part_count, parts_done, version, created_at, updated_at) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 1, ?, ?)",
    )
    .bind(new.id)
    .bind(actor.scope.party_id)
    .bind(actor.scope.client_id)
    .bind(actor.request_id)
    .bind(new.kind.as_str())
    .bind(new.state.as_str())
    .bind(new.about.to_string())
    .bind(serde_json::to_string(new.form)?)
    .bind(language_tag(new.language))
    .bind(serde_json::to_string(&new.unknown_columns)?)
    .bind(actor.now)
    .bind(actor.now)
    .run(connection)?;
    Ok(())
}

/// Queues a job whose rows have all arrived.
pub fn queue(connection: &mut DbConnection, job_id: Id, now: Instant) -> Result<()> {
    let changed = statement(
        "update job set state = 'queued', version = version + 1, updated_at = ? where id = ? and state = 'receiving'",
    )
    .bind(now)
    .bind(job_id)
    .run(connection)?;
    if changed == 0 { Err(Error::new(Code::TransitionNotAllowed)) } else { Ok(()) }
}

/// Takes a job away with all its rows.
///
/// A cut upload that went on in the meantime fails at its next part, for its job is gone.
pub fn delete(connection: &mut DbConnection, job_id: Id) -> Result<()> {
    statement("delete from job_part where job_id = ?").bind(job_id).run(connection)?;
    statement("delete from job where id = ?").bind(job_id).run(connection)?;
    Ok(())
}

/// A job of the caller's party.
///
/// # Errors
/// [`Code::NotFound`].
pub fn one(connection: &mut DbConnection, scope: &Scope, id: Id) -> Result<Job> {
    row(connection, scope, id)?.read()
}

fn row(connection: &mut DbConnection, scope: &Scope, id: Id) -> Result<JobRow> {
    job::table
        .find(id)
        .filter(job::party_id.eq(scope.party_id))
        .select(JobRow::as_select())
        .get_result(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("job", "任务"))
}

/// The form of the rows of a job of the caller's party.
///
/// # Errors
/// [`Code::NotFound`].
pub fn form(connection: &mut DbConnection, scope: &Scope, id: Id) -> Result<Form> {
    Ok(serde_json::from_str(&row(connection, scope, id)?.form)?)
}

/// A page of the jobs of the caller's party.
pub fn list(connection: &mut DbConnection, scope: &Scope, filter: &JobFilter, page: &PageRequest) -> Result<Vec<Job>> {
    let mut query = job::table.filter(job::party_id.eq(scope.party_id)).select(JobRow::as_select()).into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(job::state.eq_any(states.values()));
    }
    if let Some(kinds) = &filter.kind {
        query = query.filter(job::kind.eq_any(kinds.values()));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(job::updated_at.ge(since.as_micros()));
    }
    page.narrow(query, job::id).load(connection)?.iter().map(JobRow::read).collect()
}

/// Cancels a job that is not over.
pub fn cancel(connection: &mut DbConnection, id: Id, now: Instant) -> Result<()> {
    statement(
        "update job set state = 'cancelled', lease = null, leased_until = null, version = version + 1, finished_at = ?, updated_at = ? \
         where id = ?",
    )
    .bind(now)
    .bind(now)
    .bind(id)
    .run(connection)?;
    Ok(())
}

/// Takes the job in hand that has waited longest, if any waits: queued, or left behind by a server that is gone.
pub fn lease(connection: &mut DbConnection, now: Instant, until: Instant) -> Result<Option<Leased>> {
    let waiting: Vec<Id> = statement(
        "select id from job where state in ('queued', 'running') and (leased_until is null or leased_until <= ?) \
         order by updated_at, id limit 1",
    )
    .bind(now)
    .returning::<Uid>()
    .load(connection)?;
    let Some(id) = waiting.first().copied() else { return Ok(None) };
    let lease = Id::new();
    let taken = statement(
        "update job set state = 'running', lease = ?, leased_until = ?, started_at = coalesce(started_at, ?), version = version + 1, \
         updated_at = ? where id = ? and state in ('queued', 'running') and (leased_until is null or leased_until <= ?)",
    )
    .bind(lease)
    .bind(until)
    .bind(now)
    .bind(now)
    .bind(id)
    .bind(now)
    .run(connection)?;
    if taken == 0 {
        return Ok(None);
    }
    let row: JobRow = job::table.find(id).select(JobRow::as_select()).get_result(connection)?;
    row.leased(lease, now).map(Some)
}

/// A job that is still in these hands, as it is now.
pub fn held(connection: &mut DbConnection, id: Id, lease: Id, now: Instant) -> Result<Option<Leased>> {
    let row: Option<JobRow> = job::table
        .find(id)
        .filter(job::lease.eq(lease).and(job::state.eq(JobState::Running)))
        .select(JobRow::as_select())
        .get_result(connection)
        .optional()?;
    row.map(|row| row.leased(lease, now)).transpose()
}

/// What a step adds to the figures of a job.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Rows accepted.
    pub accepted: i64,
    /// Rows already there.
    pub unchanged: i64,
    /// Rows rejected.
    pub rejected: i64,
    /// Parts carried out.
    pub parts: i64,
    /// Rows that came to light; of jobs that do not know them from the start.
    pub found: i64,
}

/// Moves a job on, in the transaction of its step; with `last` it has succeeded.
///
/// # Errors
/// [`Code::TransitionNotAllowed`] when it is no longer in these hands: cancelled, or leased to another.
pub fn advance(
    connection: &mut DbConnection,
    leased: &Leased,
    progress: Progress,
    (now, until): (Instant, Instant),
    last: bool,
) -> Result<()> {
    let Progress { accepted, unchanged, rejected, parts, found } = progress;
    let changed = statement(
        "update job set processed_rows = processed_rows + ?, accepted_rows = accepted_rows + ?, unchanged_rows = unchanged_rows + ?, \
         rejected_rows = rejected_rows + ?, parts_done = parts_done + ?, row_count = row_count + ?, state = ?, lease = ?, leased_until = ?, \
         finished_at = ?, version = version + 1, updated_at = ? where id = ? and lease = ? and state = 'running'",
    )
    .bind(accepted + unchanged + rejected)
    .bind(accepted)
    .bind(unchanged)
    .bind(rejected)
    .bind(parts)
    .bind(found)
    .bind(if last { JobState::Succeeded } else { JobState::Running }.as_str())
    .bind((!last).then_some(leased.lease))
    .bind((!last).then_some(until))
    .bind(last.then_some(now))
    .bind(now)
    .bind(leased.job.id)
    .bind(leased.lease)
    .run(connection)?;
    if changed == 0 { Err(Error::new(Code::TransitionNotAllowed)) } else { Ok(()) }
}

/// Lets a job go, so that it is somebody's turn again; with an error it has failed.
pub fn let_go(connection: &mut DbConnection, leased: &Leased, now: Instant, error: Option<Value>) -> Result<bool> {
    let failed = error.is_some();
    let changed = statement(
        "update job set state = ?, error = ?, lease = null, leased_until = null, finished_at = ?, version = version + 1, updated_at = ? \
         where id = ? and lease = ? and state = 'running'",
    )
    .bind(if failed { JobState::Failed } else { JobState::Running }.as_str())
    .bind(error.map(|error| error.to_string()))
    .bind(failed.then_some(now))
    .bind(now)
    .bind(leased.job.id)
    .bind(leased.lease)
    .run(connection)?;
    Ok(changed > 0)
}

/// Jobs that were over before an instant, a hundred at most.
pub fn over(connection: &mut DbConnection, before: Instant) -> Result<Vec<Id>> {
    let over = statement("select id from job where finished_at < ? limit 100");
    Ok(over.bind(before).returning::<Uid>().load(connection)?)
}

/// Jobs whose rows stopped arriving before an instant, a hundred at most.
pub fn stalled(connection: &mut DbConnection, before: Instant) -> Result<Vec<Id>> {
    let stalled = statement("select id from job where state = 'receiving' and updated_at < ? limit 100");
    Ok(stalled.bind(before).returning::<Uid>().load(connection)?)
}
