//! Rows of imports: sealed when they come in, opened for a step or for the file that goes back.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use serde::{Deserialize, Serialize};

use super::{sheets, unusable};
use crate::db::schema::import_row;
use crate::db::{DbConnection, Id, PageRequest, RowSet, Uid, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;
use crate::interchange::finding::Finding;
use crate::interchange::intake::TakenRow;
use crate::interchange::reading::Cell;
use crate::interchange::record::Record;
use crate::interchange::{ImportRow, ImportRowKind, ImportVerdict, ROWS_PER_STEP};
use crate::seal::{KeyRing, Place};

/// Rows written in one statement.
pub const ROWS_AT_ONCE: usize = 2_000;

fn int(number: usize) -> Result<i64> {
    i64::try_from(number).map_err(Error::internal)
}

const fn place(row: Id) -> Place {
    Place { table: "import_row", column: "content_sealed", row: row.0 }
}

/// What is sealed of a row: its cells, and what they were read as.
#[derive(Debug, Serialize, Deserialize)]
pub struct Content {
    /// The cells.
    pub cells: Vec<Cell>,
    /// What they were read as.
    pub record: Record,
}

/// A row ready to be kept.
#[derive(Debug)]
pub struct SealedRow {
    number: i64,
    id: Id,
    sheet: i64,
    sheet_row: i64,
    kind: ImportRowKind,
    content: Vec<u8>,
    findings: String,
}

/// Seals the rows of a file. Costs time and needs no database.
///
/// # Errors
/// An internal error; rows that were read always fit.
pub fn seal(keys: &KeyRing, rows: Vec<TakenRow>) -> Result<Vec<SealedRow>> {
    let sealed = |(place_in_file, row): (usize, TakenRow)| {
        let id = Id::new();
        let content = serde_json::to_string(&Content { cells: row.cells, record: row.record })?;
        Ok(SealedRow {
            number: int(place_in_file + 1)?,
            id,
            sheet: int(row.sheet)?,
            sheet_row: int(row.number)?,
            kind: row.kind,
            content: keys.seal(place(id), &content).map_err(unusable)?,
            findings: serde_json::to_string(&row.findings)?,
        })
    };
    rows.into_iter().enumerate().map(sealed).collect()
}

/// Writes rows.
///
/// # Errors
/// What the database says.
pub fn insert(connection: &mut DbConnection, import_id: Id, rows: &[SealedRow]) -> Result<()> {
    let verdict = |row: &SealedRow| {
        if row.kind == ImportRowKind::Data { ImportVerdict::Pending } else { ImportVerdict::Skipped }
    };
    let rows = RowSet::of(rows)
        .shared("import_id", import_id)
        .column("number", |row| row.number)
        .column("id", |row| row.id)
        .column("sheet", |row| row.sheet)
        .column("sheet_row", |row| row.sheet_row)
        .column("kind", |row| row.kind)
        .column("content", |row| row.content.as_slice())
        .column("verdict", verdict)
        .column("findings", |row| row.findings.as_str());
    statement(
        "insert into import_row (import_id, number, id, sheet, sheet_row, kind, content_sealed, verdict, findings, outcome, subject_id) \
         select r.import_id, r.number, r.id, r.sheet, r.sheet_row, r.kind, r.content, r.verdict, r.findings, '[]', null from ? r",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// What a list of rows may be narrowed to.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportRowFilter {
    /// Only rows with one of these verdicts.
    #[param(inline)]
    pub verdict: Option<AnyOf<ImportVerdict>>,
}

type RowColumns = (i64, i64, i64, ImportRowKind, ImportVerdict, String, String, Option<Id>);

/// A page of the rows of an import, in the order of the file.
///
/// # Errors
/// What the database says; an internal error when a value does not open.
pub fn list(
    connection: &mut DbConnection,
    keys: &KeyRing,
    import_id: Id,
    filter: &ImportRowFilter,
    page: &PageRequest,
) -> Result<Vec<ImportRow>> {
    use import_row::dsl;
    let sheets = sheets(connection, keys, import_id)?;
    let columns = (
        dsl::number,
        dsl::sheet,
        dsl::sheet_row,
        dsl::kind,
        dsl::verdict,
        dsl::findings,
        dsl::outcome,
        dsl::subject_id,
    );
    let mut query = dsl::import_row.filter(dsl::import_id.eq(import_id)).select(columns).into_boxed();
    if let Some(verdicts) = &filter.verdict {
        query = query.filter(dsl::verdict.eq_any(verdicts.values()));
    }
    let found: Vec<RowColumns> = page.narrow(query, dsl::number).load(connection)?;
    let row = |(number, sheet, row, kind, verdict, findings, outcome, subject_id): RowColumns| {
        let sheet = usize::try_from(sheet).ok().and_then(|sheet| sheets.get(sheet)).cloned().unwrap_or_default();
        let findings = both(&findings, &outcome)?;
        Ok(ImportRow { number, sheet, row, kind, verdict, findings, subject_id })
    };
    found.into_iter().map(row).collect()
}

fn both(findings: &str, outcome: &str) -> Result<Vec<Finding>> {
    let mut found: Vec<Finding> = serde_json::from_str(findings)?;
    found.extend(serde_json::from_str::<Vec<Finding>>(outcome)?);
    Ok(found)
}

/// A row with its cells.
#[derive(Debug)]
pub struct OpenRow {
    /// Its number in the file.
    pub number: i64,
    /// The place of its sheet.
    pub sheet: usize,
    /// Its number in the sheet.
    pub sheet_row: usize,
    /// What it is.
    pub kind: ImportRowKind,
    /// What became of it.
    pub verdict: ImportVerdict,
    /// What was found, on its face and by the books.
    pub findings: Vec<Finding>,
    /// What it holds.
    pub content: Content,
}

type OpenColumns = (i64, Id, i64, i64, ImportRowKind, ImportVerdict, Vec<u8>, String, String);
type OpenTypes = (BigInt, Uid, BigInt, BigInt, Text, Text, Binary, Text, Text);

fn open(
    connection: &mut DbConnection,
    keys: &KeyRing,
    import_id: Id,
    condition: &str,
    (after, limit): (i64, i64),
) -> Result<Vec<OpenRow>> {
    let found: Vec<OpenColumns> = statement(format!(
        "select number, id, sheet, sheet_row, kind, verdict, content_sealed, findings, outcome from import_row \
         where import_id = ? and number > ? {condition} order by number limit ?"
    ))
    .bind(import_id)
    .bind(after)
    .bind(limit)
    .returning::<OpenTypes>()
    .load(connection)?;
    let opened = |(number, id, sheet, sheet_row, kind, verdict, sealed, findings, outcome): OpenColumns| {
        let content = keys.open(place(id), &sealed).map_err(unusable)?;
        Ok(OpenRow {
            number,
            sheet: usize::try_from(sheet).map_err(Error::internal)?,
            sheet_row: usize::try_from(sheet_row).map_err(Error::internal)?,
            kind,
            verdict,
            findings: both(&findings, &outcome)?,
            content: serde_json::from_str(content.expose())?,
        })
    };
    found.into_iter().map(opened).collect()
}

/// The next rows that wait to be tried or applied.
///
/// # Errors
/// What the database says; an internal error when a row does not open.
pub fn pending(connection: &mut DbConnection, keys: &KeyRing, import_id: Id) -> Result<Vec<OpenRow>> {
    open(connection, keys, import_id, "and verdict = 'pending'", (0, ROWS_PER_STEP))
}

/// Every row, with its cells.
///
/// # Errors
/// What the database says; an internal error when a row does not open.
pub fn all(connection: &mut DbConnection, keys: &KeyRing, import_id: Id) -> Result<Vec<OpenRow>> {
    open(connection, keys, import_id, "", (0, i64::MAX))
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowOutcome {
    /// Its number in the file.
    pub number: i64,
    /// The verdict.
    pub verdict: ImportVerdict,
    /// What the books say of it.
    pub findings: Vec<Finding>,
    /// What it became.
    pub subject_id: Option<Id>,
}

/// Writes what became of rows.
///
/// # Errors
/// What the database says.
pub fn settle(connection: &mut DbConnection, import_id: Id, outcomes: &[RowOutcome]) -> Result<()> {
    let said =
        outcomes.iter().map(|outcome| serde_json::to_string(&outcome.findings)).collect::<Result<Vec<_>, _>>()?;
    let rows = RowSet::of(outcomes.iter().zip(&said))
        .shared("import_id", import_id)
        .column("number", |(outcome, _)| outcome.number)
        .column("verdict", |(outcome, _)| outcome.verdict)
        .column("outcome", |(_, said)| said.as_str())
        .column("subject_id", |(outcome, _)| outcome.subject_id);
    if rows.is_empty() {
        return Ok(());
    }
    statement(
        "update import_row set verdict = r.verdict, outcome = r.outcome, subject_id = r.subject_id from ? r \
         where import_row.import_id = r.import_id and import_row.number = r.number",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// Makes every row of the list wait again, to be applied.
///
/// # Errors
/// What the database says.
pub fn wait_again(connection: &mut DbConnection, import_id: Id) -> Result<()> {
    statement("update import_row set verdict = 'pending', outcome = '[]', subject_id = null where import_id = ? and kind = 'data'")
        .bind(import_id)
        .run(connection)?;
    Ok(())
}
