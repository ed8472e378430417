//! Statements, editions, rows, signatures and objections in the database. Each function takes an agreement the caller was let into.

pub mod editions;
pub mod facts;
pub mod objections;

use diesel::prelude::*;

use super::month::Month;
use super::{MonthlyStatement, Signature, StatementState};
use crate::db::schema::{monthly_statement, statement_signature};
use crate::db::{DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;

/// What a list of statements may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementFilter {
    /// Only the statement of this month.
    pub month: Option<Month>,
    /// Only statements in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<StatementState>>,
    /// Only statements that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// A statement.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn one(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<MonthlyStatement> {
    monthly_statement::table
        .find((agreement_id, id))
        .select(MonthlyStatement::as_select())
        .get_result(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("statement", "对账单"))
}

/// The statement of a month.
///
/// # Errors
/// What the database says.
pub fn of_month(connection: &mut DbConnection, agreement_id: Id, month: Month) -> Result<Option<MonthlyStatement>> {
    Ok(monthly_statement::table
        .filter(monthly_statement::agreement_id.eq(agreement_id).and(monthly_statement::month.eq(month)))
        .select(MonthlyStatement::as_select())
        .get_result(connection)
        .optional()?)
}

/// The frozen statements of months before this one, oldest first.
///
/// # Errors
/// What the database says.
pub fn frozen_before(connection: &mut DbConnection, agreement_id: Id, month: Month) -> Result<Vec<MonthlyStatement>> {
    Ok(monthly_statement::table
        .filter(monthly_statement::agreement_id.eq(agreement_id))
        .filter(monthly_statement::state.eq(StatementState::Frozen).and(monthly_statement::month.lt(month)))
        .order(monthly_statement::month)
        .select(MonthlyStatement::as_select())
        .load(connection)?)
}

/// A page of statements.
///
/// # Errors
/// What the database says.
pub fn list(
    connection: &mut DbConnection,
    agreement_id: Id,
    filter: &StatementFilter,
    page: &PageRequest,
) -> Result<Vec<MonthlyStatement>> {
    let mut query = monthly_statement::table
        .filter(monthly_statement::agreement_id.eq(agreement_id))
        .select(MonthlyStatement::as_select())
        .into_boxed();
    if let Some(month) = filter.month {
        query = query.filter(monthly_statement::month.eq(month));
    }
    if let Some(states) = &filter.state {
        query = query.filter(monthly_statement::state.eq_any(states.values()));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(monthly_statement::updated_at.ge(since));
    }
    Ok(page.narrow(query, monthly_statement::id).load(connection)?)
}

/// Writes a statement.
///
/// # Errors
/// What the database says.
pub fn insert(connection: &mut DbConnection, row: &MonthlyStatement) -> Result<()> {
    diesel::insert_into(monthly_statement::table).values(row.clone()).execute(connection)?;
    Ok(())
}

/// Writes a statement anew, as its next version.
///
/// # Errors
/// What the database says; a statement that was frozen meanwhile stands.
pub fn replace(connection: &mut DbConnection, row: &mut MonthlyStatement, now: Instant) -> Result<()> {
    row.version += 1;
    row.updated_at = now;
    statement(
        "update monthly_statement set state = ?, edition = ?, objections_until = ?, frozen_at = ?, version = ?, updated_at = ? \
         where agreement_id = ? and id = ?",
    )
    .bind(row.state.as_str())
    .bind(row.edition)
    .bind(row.objections_until)
    .bind(row.frozen_at)
    .bind(row.version)
    .bind(row.updated_at)
    .bind(row.agreement_id)
    .bind(row.id)
    .run(connection)?;
    Ok(())
}

/// Who has signed an edition, in the order of the parties.
///
/// # Errors
/// What the database says.
pub fn signatures(connection: &mut DbConnection, row: &MonthlyStatement, edition: i64) -> Result<Vec<Signature>> {
    Ok(statement_signature::table
        .filter(statement_signature::agreement_id.eq(row.agreement_id))
        .filter(statement_signature::statement_id.eq(row.id).and(statement_signature::edition.eq(edition)))
        .order(statement_signature::party_id)
        .select(Signature::as_select())
        .load(connection)?)
}

/// Keeps a signature.
///
/// # Errors
/// What the database says.
pub fn insert_signature(connection: &mut DbConnection, signature: &Signature) -> Result<()> {
    diesel::insert_into(statement_signature::table).values(signature.clone()).execute(connection)?;
    Ok(())
}
