//! What became of each row of a job, and the rejected rows to take home and mend.

use actix_web::{get, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::super::receiving;
use super::super::store::{self, parts};
use crate::app::State;
use crate::bulk::parsing::{Form, cells_of};
use crate::bulk::records::Record;
use crate::db::{DbConnection, Id, Page};
use crate::error::{Error, Result};
use crate::http::query::{AnyOf, Query};
use crate::http::receipt::{Receipt, RowStatus};
use crate::http::{Answer, Listing, PageParams};
use crate::identity::policy::JobsRead;
use crate::identity::{Caller, Scope};
use crate::seal::KeyRing;

/// Parts read at a time while rows are looked for.
const PARTS_AT_ONCE: i64 = 4;

/// What a list of results may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultFilter {
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
pub async fn list_job_results(
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
        let found_parts = parts::from_row(connection, id, (from, only_rejected), PARTS_AT_ONCE)?;
        let Some(last) = found_parts.last() else { break };
        from = last.first_row.saturating_add(last.row_count);
        for part in &found_parts {
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
pub struct RejectedQuery {
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
pub async fn get_rejected_rows(
    state: web::Data<State>,
    caller: Caller<JobsRead>,
    path: web::Path<Id>,
    query: Query<RejectedQuery>,
) -> Result<Answer> {
    let (id, keys, after) = (path.into_inner(), state.keys.clone(), query.0.after);
    state.db.read(move |connection| rejected(connection, &caller.scope, &keys, id, after)).await
}

/// The rejected rows behind a row, as a file.
fn rejected(connection: &mut DbConnection, scope: &Scope, keys: &KeyRing, id: Id, after: i64) -> Result<Answer> {
    let mut file = RejectedFile::open(&store::form(connection, scope, id)?)?;
    let mut from = after;
    while file.rows < REJECTED_AT_ONCE {
        let found = parts::from_row(connection, id, (from, true), 1)?;
        let Some(part) = found.into_iter().next() else { break };
        from = part.first_row.saturating_add(part.row_count);
        let opened = keys.open(receiving::place(part.id), &part.rows).map_err(Error::internal)?;
        let records: Vec<Record> = serde_json::from_str(opened.expose())?;
        let receipts: Vec<Value> = serde_json::from_str(part.receipts.as_deref().unwrap_or("[]"))?;
        for (record, receipt) in records.iter().zip(&receipts).filter(|(_, receipt)| row_of(receipt) > after) {
            file.add(record, receipt)?;
        }
    }
    file.close()
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
