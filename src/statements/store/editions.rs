//! Editions and their rows in the database.

use diesel::prelude::*;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::db::schema::{statement_edition, statement_row};
use crate::db::{DbConnection, Id, Instant, PageRequest, RowSet, statement};
use crate::dispatches::tally::Standing;
use crate::error::{Error, Result};
use crate::statements::MonthlyStatement;
use crate::statements::computing::ComputedRow;
use crate::statements::difference::Leaf;
use crate::statements::document::Document;
use crate::statements::figures::{Basis, FigureName, RowContent, StatementIndicator};
use crate::statements::merkle::Hash;

/// An edition's row.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = statement_edition)]
pub struct Edition {
    /// The agreement.
    pub agreement_id: Id,
    /// The statement.
    pub statement_id: Id,
    /// Number, from 1.
    pub edition: i64,
    /// The exact canonical bytes.
    pub document: String,
    /// Their SHA-256.
    pub digest: Vec<u8>,
    /// Root of the tree over the rows.
    pub rows_root: Vec<u8>,
    /// Rows.
    pub row_count: i64,
    /// The party that asked for it.
    pub computed_by: Id,
    /// Facts recorded before this instant count.
    pub computed_at: Instant,
}

impl Edition {
    /// The document.
    ///
    /// # Errors
    /// An internal error when the stored bytes are none.
    pub fn read(&self) -> Result<Document> {
        Ok(serde_json::from_str(&self.document)?)
    }
}

/// Which edition; the latest unless told.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EditionParam {
    /// Number of the edition; the latest unless told.
    #[param(minimum = 1, maximum = 1_000_000, example = 1)]
    pub edition: Option<i64>,
}

/// What the rows of an edition may be narrowed to: those behind one figure.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RowsFilter {
    /// Number of the edition; the latest unless told.
    #[param(minimum = 1, maximum = 1_000_000, example = 1)]
    pub edition: Option<i64>,
    /// Only rows that count in a figure of this indicator.
    #[param(inline)]
    pub indicator: Option<StatementIndicator>,
    /// At this node, for an indicator that is counted at nodes.
    #[param(max_length = 5, min_length = 2, pattern = "^[0-9]{1,4}[dm]$", example = "90d")]
    pub node: Option<String>,
    /// Over this time; the month unless told, the end of the month for who is in post.
    #[param(inline)]
    pub basis: Option<Basis>,
    /// As sure as this; certain unless told.
    #[param(inline)]
    pub standing: Option<Standing>,
}

impl RowsFilter {
    /// The figure whose rows are asked for.
    fn mark(&self) -> Option<String> {
        let indicator = self.indicator?;
        let usual = if indicator == StatementIndicator::InPost { Basis::MonthEnd } else { Basis::Month };
        let name = FigureName { indicator, node: self.node.clone(), basis: self.basis.unwrap_or(usual) };
        Some(name.mark(self.standing.unwrap_or(Standing::Certain)))
    }
}

/// A row of an edition.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct StatementRow {
    /// Place in the statement, from 1 without gaps.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 17)]
    pub ordinal: i64,
    /// What it says.
    #[serde(flatten)]
    pub content: RowContent,
    /// The figures it counts in, such as `onboarded/month/certain`.
    #[schema(max_items = 200)]
    pub figures: Vec<String>,
    /// Its leaf in the tree: SHA-256 of a zero byte and its canonical bytes, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    pub leaf: String,
}

/// Writes an edition.
///
/// # Errors
/// What the database says.
pub fn insert(connection: &mut DbConnection, edition: &Edition) -> Result<()> {
    diesel::insert_into(statement_edition::table).values(edition.clone()).execute(connection)?;
    Ok(())
}

/// Writes the next rows of an edition; the edition itself follows in the same transaction, when its root is known.
///
/// # Errors
/// What the database says.
pub fn append_rows(
    connection: &mut DbConnection,
    row: &MonthlyStatement,
    edition: i64,
    written: i64,
    rows: &[ComputedRow],
) -> Result<()> {
    let marked: Vec<(i64, &ComputedRow, String)> = (written + 1..)
        .zip(rows)
        .map(|(ordinal, computed)| {
            let marks = computed.content.counts_in(row.month);
            let marks: Vec<String> = marks.into_iter().map(|(name, standing)| name.mark(standing)).collect();
            (ordinal, computed, format!(" {} ", marks.join(" ")))
        })
        .collect();
    let values = RowSet::of(&marked)
        .shared("agreement_id", row.agreement_id)
        .shared("statement_id", row.id)
        .shared("edition", edition)
        .column("place", |(ordinal, ..)| *ordinal)
        .column("subject_id", |(_, computed, _)| computed.content.subject())
        .column("figures", |(.., figures)| figures.as_str())
        .column("content", |(_, computed, _)| computed.text.as_str())
        .column("leaf", |(_, computed, _)| computed.leaf);
    statement(
        "insert into statement_row (agreement_id, statement_id, edition, ordinal, subject_id, figures, content, leaf) \
         select r.agreement_id, r.statement_id, r.edition, r.place, r.subject_id, r.figures, r.content, r.leaf from ? r",
    )
    .bind(values)
    .run(connection)?;
    Ok(())
}

/// An edition of a statement; the latest unless told.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn one(connection: &mut DbConnection, row: &MonthlyStatement, edition: Option<i64>) -> Result<Edition> {
    statement_edition::table
        .find((row.agreement_id, row.id, edition.unwrap_or(row.edition)))
        .select(Edition::as_select())
        .get_result(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("edition of this statement", "对账单版次"))
}

/// A page of the rows of an edition.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn rows(
    connection: &mut DbConnection,
    row: &MonthlyStatement,
    filter: &RowsFilter,
    page: &PageRequest,
) -> Result<Vec<StatementRow>> {
    let edition = one(connection, row, filter.edition)?;
    let mut query = statement_row::table
        .filter(statement_row::agreement_id.eq(row.agreement_id).and(statement_row::statement_id.eq(row.id)))
        .filter(statement_row::edition.eq(edition.edition))
        .select((statement_row::ordinal, statement_row::content, statement_row::figures, statement_row::leaf))
        .into_boxed();
    if let Some(mark) = filter.mark() {
        query = query.filter(statement_row::figures.like(format!("% {mark} %")));
    }
    let rows: Vec<(i64, String, String, Vec<u8>)> = page.narrow(query, statement_row::ordinal).load(connection)?;
    rows.into_iter()
        .map(|(ordinal, content, figures, leaf)| {
            let figures = figures.split_whitespace().map(ToOwned::to_owned).collect();
            Ok(StatementRow { ordinal, content: serde_json::from_str(&content)?, figures, leaf: hex::encode(leaf) })
        })
        .collect()
}

/// The exact bytes of every row of an edition, in order.
///
/// # Errors
/// What the database says.
pub fn contents(connection: &mut DbConnection, edition: &Edition) -> Result<Vec<String>> {
    Ok(statement_row::table
        .filter(statement_row::agreement_id.eq(edition.agreement_id))
        .filter(statement_row::statement_id.eq(edition.statement_id).and(statement_row::edition.eq(edition.edition)))
        .order(statement_row::ordinal)
        .select(statement_row::content)
        .load(connection)?)
}

/// The leaves of an edition, in order.
///
/// # Errors
/// What the database says.
pub fn leaves(connection: &mut DbConnection, edition: &Edition) -> Result<Vec<Leaf>> {
    let rows: Vec<(i64, Id, Vec<u8>, bool)> = statement_row::table
        .filter(statement_row::agreement_id.eq(edition.agreement_id))
        .filter(statement_row::statement_id.eq(edition.statement_id).and(statement_row::edition.eq(edition.edition)))
        .order(statement_row::ordinal)
        .select((
            statement_row::ordinal,
            statement_row::subject_id,
            statement_row::leaf,
            statement_row::content.like("%\"placement_id\":null%"),
        ))
        .load(connection)?;
    rows.into_iter()
        .map(|(ordinal, subject_id, leaf, of_claim)| {
            let leaf = Hash::try_from(leaf).map_err(|_| Error::internal("a leaf has not 32 bytes"))?;
            Ok(Leaf { of_claim, subject_id, ordinal, leaf })
        })
        .collect()
}

/// One row of an edition by its place.
///
/// # Errors
/// What the database says.
pub fn content_at(
    connection: &mut DbConnection,
    edition: &Edition,
    ordinal: Option<i64>,
) -> Result<Option<RowContent>> {
    let Some(ordinal) = ordinal else { return Ok(None) };
    let text: String = statement_row::table
        .find((edition.agreement_id, edition.statement_id, edition.edition, ordinal))
        .select(statement_row::content)
        .get_result(connection)?;
    Ok(Some(serde_json::from_str(&text)?))
}
