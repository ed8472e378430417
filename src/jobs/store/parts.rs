//! The parts of jobs in the database: the rows as they came in, sealed, and what became of them.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use crate::db::{DbConnection, Id, Instant, Uid, statement};
use crate::error::{Code, Error, Result};

/// Rows on their way in.
#[derive(Debug)]
pub struct NewPart {
    /// From 0.
    pub number: i64,
    /// The id the sealed rows belong to.
    pub id: Id,
    /// Place of its first row, from 0.
    pub first_row: i64,
    /// How many.
    pub row_count: i64,
    /// The records, sealed.
    pub rows: Vec<u8>,
}

/// Adds a part to a job that is receiving.
///
/// # Errors
/// [`Code::TransitionNotAllowed`] when it was cancelled or swept meanwhile.
pub fn add(connection: &mut DbConnection, job_id: Id, part: &NewPart, now: Instant) -> Result<()> {
    let changed = statement(
        "update job set row_count = row_count + ?, part_count = part_count + 1, updated_at = ? where id = ? and state = 'receiving'",
    )
    .bind(part.row_count)
    .bind(now)
    .bind(job_id)
    .run(connection)?;
    if changed == 0 {
        return Err(Error::new(Code::TransitionNotAllowed));
    }
    statement("insert into job_part (job_id, number, id, first_row, row_count, rejected_rows, rows) values (?, ?, ?, ?, ?, 0, ?)")
        .bind(job_id)
        .bind(part.number)
        .bind(part.id)
        .bind(part.first_row)
        .bind(part.row_count)
        .bind(part.rows.as_slice())
        .run(connection)?;
    Ok(())
}

/// A part of a job.
#[derive(Debug, Clone)]
pub struct Part {
    /// From 0.
    pub number: i64,
    /// The id the sealed rows belong to.
    pub id: Id,
    /// Place of its first row, from 0.
    pub first_row: i64,
    /// How many.
    pub row_count: i64,
    /// The records, sealed.
    pub rows: Vec<u8>,
    /// Its receipts as a JSON list, once it was carried out.
    pub receipts: Option<String>,
}

/// Parts of a job from a row (its place, from 0) on; with `rejected` only those that hold a rejected row.
pub fn from_row(
    connection: &mut DbConnection,
    job_id: Id,
    (from_row, rejected): (i64, bool),
    limit: i64,
) -> Result<Vec<Part>> {
    let rows: Vec<(i64, Id, i64, i64, Vec<u8>, Option<String>)> = statement(
        "select number, id, first_row, row_count, rows, receipts from job_part where job_id = ? and first_row + row_count > ? \
         and rejected_rows >= ? order by number limit ?",
    )
    .bind(job_id)
    .bind(from_row)
    .bind(i64::from(rejected))
    .bind(limit)
    .returning::<(BigInt, Uid, BigInt, BigInt, Binary, Nullable<Text>)>()
    .load(connection)?;
    let part =
        |(number, id, first_row, row_count, rows, receipts)| Part { number, id, first_row, row_count, rows, receipts };
    Ok(rows.into_iter().map(part).collect())
}

/// Keeps what became of the rows of a part.
pub fn settle(connection: &mut DbConnection, job_id: Id, number: i64, (rejected, receipts): (i64, &str)) -> Result<()> {
    statement("update job_part set rejected_rows = ?, receipts = ? where job_id = ? and number = ?")
        .bind(rejected)
        .bind(receipts)
        .bind(job_id)
        .bind(number)
        .run(connection)?;
    Ok(())
}
