//! HTTP of jobs: look, cancel, read what became of each row, take the rejected rows home to mend them.

use actix_web::{get, post, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use super::store::{self, JobFilter};
use super::{Job, JobState, receiving, work};
use crate::app::State;
use crate::bulk::parsing::{Form, cells_of};
use crate::bulk::records::Record;
use crate::db::{DbConnection, Id, Page};
use crate::error::{Code, Error, Result};
use crate::http::extract::EmptyBody;
use crate::http::query::AnyOf;
use crate::http::receipt::{Receipt, RowStatus};
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::policy::{JobsRead, JobsWrite};
use crate::identity::{Caller, Scope};

/// Parts read at a time while rows are looked for.
const PARTS_AT_ONCE: i64 = 4;

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_jobs).service(get_job).service(cancel_job).service(list_job_results).service(get_rejected_rows);
}

/// List jobs
///
/// The jobs of the caller's party, whoever of its clients began them. A finished job is kept for 30 days.
#[utoipa::path(tag = "jobs", params(PageParams, JobFilter),
    responses((status = 200, description = "A page of jobs", body = Page<Job>)), security(("oauth2" = ["jobs.read"])))]
#[get("/v1/jobs")]
async fn list_jobs(state: web::Data<State>, caller: Caller<JobsRead>, listing: Listing<JobFilter>) -> Result<Answer> {
    let (page, keys) = (listing.page(&state)?, state.keys.clone());
    let read = move |connection: &mut DbConnection| {
        let rows = store::list(connection, &caller.scope, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |job| job.id))
    };
    state.db.read(read).await
}

/// Read a job
///
/// How far it is. It answers 200 also when the work has failed: `error` says why then.
#[utoipa::path(tag = "jobs", params(("job_id" = Id, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job, headers(("ETag")))), security(("oauth2" = ["jobs.read"])))]
#[get("/v1/jobs/{job_id}")]
async fn get_job(state: web::Data<State>, caller: Caller<JobsRead>, path: web::Path<Id>) -> Result<Answer> {
    let id = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        let job = store::one(connection, &caller.scope, id)?;
        Ok(Answer::ok(&job)?.version(job.version))
    };
    state.db.read(read).await
}

/// Cancel a job
///
/// What it has done stands and is listed; the step at hand is taken back, and nothing more is done.
#[utoipa::path(tag = "jobs", params(("job_id" = Id, Path, description = "The job")), request_body = EmptyBody,
    responses((status = 200, description = "The job, cancelled", body = Job, headers(("ETag")))), security(("oauth2" = ["jobs.write"])))]
#[post("/v1/jobs/{job_id}/cancellation")]
async fn cancel_job(
    state: web::Data<State>,
    caller: Caller<JobsWrite>,
    path: web::Path<Id>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, id, within) = (caller.actor(&state), path.into_inner(), state.clone());
    let cancel = move |connection: &mut DbConnection| {
        let job = store::one(connection, &actor.scope, id)?;
        if !matches!(job.state, JobState::Receiving | JobState::Queued | JobState::Running) {
            return Err(Error::new(Code::TransitionNotAllowed).param("allowed_actions", Value::Array(Vec::new())));
        }
        store::cancel(connection, id, actor.now)?;
        (work::code_of(&within, job.kind)?.abandon)(connection, &job)?;
        let job = store::one(connection, &actor.scope, id)?;
        Ok(Answer::ok(&job)?.version(job.version))
    };
    posted.key.run(&state, cancel).await
}

/// What a list of results may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ResultFilter {
    /// Only rows of which this became.
    #[param(inline)]
    status: Option<AnyOf<RowStatus>>,
}

/// List the results of a job
///
/// What became of each row that was handled, in the order of the file.
#[utoipa::path(tag = "jobs", params(("job_id" = Id, Path, description = "The job"), PageParams, ResultFilter),
    responses((status = 200, description = "A page of results", body = Page<Receipt>)), security(("oauth2" = ["jobs.read"])))]
#[get("/v1/jobs/{job_id}/results")]
async fn list_job_results(
    state: web::Data<State>,
    caller: Caller<JobsRead>,
    path: web::Path<Id>,
    listing: Listing<ResultFilter>,
) -> Result<Answer> {
    let (page, keys, id) = (listing.page(&state)?, state.keys.clone(), path.into_inner());
    let statuses = listing.filter.status.as_ref().map(AnyOf::values);
    let (after, wanted) = (page.after_number(), page.probe());
    let read = move |connection: &mut DbConnection| {
        let rows = results(connection, &caller.scope, id, (after, wanted), statuses.as_deref())?;
        Answer::page(&page.page_by_number(&keys, rows, row_of))
    };
    state.db.read(read).await
}

fn row_of(receipt: &Value) -> i64 {
    receipt.get("row").and_then(Value::as_i64).unwrap_or_default()
}

/// So many results behind a row.
fn results(
    connection: &mut DbConnection,
    scope: &Scope,
    id: Id,
    (after, wanted): (i64, i64),
    statuses: Option<&[RowStatus]>,
) -> Result<Vec<Value>> {
    store::one(connection, scope, id)?;
    let only_rejected = statuses == Some(&[RowStatus::Rejected]);
    let fits = |receipt: &Value| {
        let is = |status: &RowStatus| receipt.get("status").and_then(Value::as_str) == Some(status.as_str());
        row_of(receipt) > after && statuses.is_none_or(|statuses| statuses.iter().any(is))
    };
    let (mut found, mut from) = (Vec::new(), after);
    let wanted = usize::try_from(wanted).unwrap_or_default();
    while found.len() < wanted {
        let parts = store::parts(connection, id, (from, only_rejected), PARTS_AT_ONCE)?;
        let Some(last) = parts.last() else { break };
        from = last.first_row.saturating_add(last.row_count);
        for part in &parts {
            let Some(receipts) = &part.receipts else { return Ok(found) };
            let receipts: Vec<Value> = serde_json::from_str(receipts)?;
            found.extend(receipts.into_iter().filter(fits));
        }
    }
    found.truncate(wanted);
    Ok(found)
}

/// Which stretch of the rejected rows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RejectedQuery {
    /// Number of the last row already taken home; 0 begins with the first.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    after: i64,
}

/// Read the rejected rows as a file
///
/// Of a CSV file: its own columns, and behind them `result`, `error_code` and `error_message`, as UTF-8 with a byte order mark. Of NDJSON
/// and JSON: the rows as they came, one a line. Mend them and send the file again as it is; those three columns are not read. At most
/// 10,000 rows and the rest of their thousand; the next stretch is asked for with the number of the last row of the one before as `after`.
#[utoipa::path(tag = "jobs", params(("job_id" = Id, Path, description = "The job"), RejectedQuery),
    responses((status = 200, description = "The rejected rows", content((String = "text/csv"), (String = "application/x-ndjson")), headers(("ETag")))),
    security(("oauth2" = ["jobs.read"])))]
#[get("/v1/jobs/{job_id}/rejected-rows")]
async fn get_rejected_rows(
    state: web::Data<State>,
    caller: Caller<JobsRead>,
    path: web::Path<Id>,
    query: crate::http::query::Query<RejectedQuery>,
) -> Result<Answer> {
    let (id, keys, after) = (path.into_inner(), state.keys.clone(), query.0.after);
    let read = move |connection: &mut DbConnection| {
        let form = store::form(connection, &caller.scope, id)?;
        let mut file = RejectedFile::open(&form)?;
        let mut from = after;
        while file.rows < REJECTED_AT_ONCE {
            let parts = store::parts(connection, id, (from, true), 1)?;
            let Some(part) = parts.into_iter().next() else { break };
            from = part.first_row.saturating_add(part.row_count);
            let opened = keys.open(receiving::place(part.id), &part.rows).map_err(Error::internal)?;
            let records: Vec<Record> = serde_json::from_str(opened.expose())?;
            let receipts: Vec<Value> = serde_json::from_str(part.receipts.as_deref().unwrap_or("[]"))?;
            for (record, receipt) in records.iter().zip(&receipts).filter(|(_, receipt)| row_of(receipt) > after) {
                file.add(record, receipt)?;
            }
        }
        file.close()
    };
    state.db.read(read).await
}

/// Rejected rows of one answer, up to the end of their part.
const REJECTED_AT_ONCE: usize = 10_000;
/// Columns behind those of the sender.
const ADDED: [&str; 3] = ["result", "error_code", "error_message"];

struct RejectedFile {
    csv: Option<(csv::Writer<Vec<u8>>, usize)>,
    lines: String,
    rows: usize,
}

impl RejectedFile {
    fn open(form: &Form) -> Result<Self> {
        let Form::Csv { headings } = form else { return Ok(Self { csv: None, lines: String::new(), rows: 0 }) };
        let own: Vec<&str> = headings.iter().map(String::as_str).filter(|heading| !ADDED.contains(heading)).collect();
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(b"\xef\xbb\xbf".to_vec());
        writer.write_record(own.iter().copied().chain(ADDED)).map_err(Error::internal)?;
        Ok(Self { csv: Some((writer, own.len())), lines: String::new(), rows: 0 })
    }

    fn add(&mut self, record: &Record, receipt: &Value) -> Result<()> {
        if receipt.get("status").and_then(Value::as_str) != Some(RowStatus::Rejected.as_str()) {
            return Ok(());
        }
        self.rows += 1;
        let Some((writer, width)) = &mut self.csv else {
            self.lines.push_str(&record.text);
            self.lines.push('\n');
            return Ok(());
        };
        let told = |name: &str| {
            let errors = receipt.get("errors").and_then(Value::as_array).into_iter().flatten();
            let texts: Vec<&str> = errors.filter_map(|error| error.get(name).and_then(Value::as_str)).collect();
            texts.join("; ")
        };
        let mut cells = cells_of(&record.text);
        cells.resize(*width, String::new());
        cells.extend([RowStatus::Rejected.as_str().to_owned(), told("code"), told("detail")]);
        writer.write_record(&cells).map_err(Error::internal)
    }

    fn close(self) -> Result<Answer> {
        let (media_type, body) = match self.csv {
            Some((writer, _)) => ("text/csv; charset=utf-8", writer.into_inner().map_err(Error::internal)?),
            None => ("application/x-ndjson", self.lines.into_bytes()),
        };
        Ok(Answer::bytes(media_type, String::new(), body).tagged())
    }
}
