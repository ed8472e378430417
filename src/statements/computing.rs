//! Computing a month: the walk of a reconciliation at its last day with everything recorded by now, each row with what it counts in.
//!
//! Rows are handed on stretch by stretch; what grows with the month is the set of its persons, because persons are distinct.

use super::document::canonical;
use super::figures::{Figures, RowContent, StatementFigure};
use super::merkle::{self, Hash, Root};
use super::month::Month;
use super::row_book::{BookRow, Reading, RowBook};
use crate::db::{DbConnection, Id, Instant};
use crate::error::Result;
use crate::retention::checks::RuleBook;
use crate::seal::{BlindIndex, KeyRing};

/// What is computed, and from which facts.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The agreement.
    pub agreement_id: Id,
    /// The month.
    pub month: Month,
    /// Facts recorded before this instant count.
    pub known_before: Instant,
    /// Whether facts have been recorded since, which must then be forgotten.
    pub in_retrospect: bool,
    /// The terms it is computed by.
    pub terms: &'a RuleBook,
    /// Keys, for the tokens of persons.
    pub keys: &'a KeyRing,
}

/// A row with its exact bytes.
#[derive(Debug, Clone)]
pub struct ComputedRow {
    /// What it says.
    pub content: RowContent,
    /// Its canonical bytes.
    pub text: String,
    /// Its leaf in the tree.
    pub leaf: Hash,
}

impl ComputedRow {
    fn of(content: RowContent) -> Result<Self> {
        let text = canonical(&content)?;
        let leaf = merkle::leaf(text.as_bytes());
        Ok(Self { content, text, leaf })
    }
}

/// What a month comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// The figures.
    pub figures: Vec<StatementFigure>,
    /// Rows.
    pub row_count: i64,
    /// Root of the tree over the rows.
    pub rows_root: Hash,
}

/// Computes a month; `visit` gets its rows stretch by stretch, in the order of the statement.
///
/// # Errors
/// [`crate::error::Code::AgreementNotInForce`], and what the database or the visitor says.
pub fn compute(
    connection: &mut DbConnection,
    question: &Question<'_>,
    mut visit: impl FnMut(&mut DbConnection, &[ComputedRow]) -> Result<()>,
) -> Result<Computed> {
    let Question { agreement_id, month, known_before, in_retrospect, terms, .. } = *question;
    let (since, cut_off) = (month.year_begins(), month.last_day());
    let reading = Reading { agreement_id, since, cut_off, known_before, in_retrospect, terms };
    let mut book = RowBook::open(connection, reading)?;
    let (mut figures, mut root, mut row_count) = (Figures::default(), Root::default(), 0);
    while let Some(rows) = book.next(connection)? {
        let rows = rows.into_iter().map(|row| ComputedRow::of(shown(row, question))).collect::<Result<Vec<_>>>()?;
        for row in &rows {
            figures.add(&row.content, month);
            root.push(row.leaf);
            row_count += 1;
        }
        if !rows.is_empty() {
            visit(connection, &rows)?;
        }
    }
    Ok(Computed { figures: figures.finish(), row_count, rows_root: root.finish() })
}

/// A row as the statement shows it: the person is a token that means nothing outside the agreement.
fn shown(row: BookRow, question: &Question<'_>) -> RowContent {
    let person = row.placed.map(|placed| {
        let domain = BlindIndex::tenant(question.agreement_id.0);
        let token = question.keys.blind_index(domain, "statement_person", &placed.person_id.to_string());
        hex::encode(token.first_chunk::<8>().unwrap_or(&[0; 8]))
    });
    RowContent { person, ..row.content }
}
