//! Objections to statements in the database.

use diesel::prelude::*;

use crate::db::schema::statement_objection::dsl;
use crate::db::{DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;
use crate::statements::{MonthlyStatement, Objection, ObjectionState};

/// What a list of objections may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ObjectionFilter {
    /// Only objections in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<ObjectionState>>,
    /// Only objections that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Writes an objection.
///
/// # Errors
/// What the database says.
pub fn insert(connection: &mut DbConnection, objection: &Objection) -> Result<()> {
    diesel::insert_into(dsl::statement_objection).values(objection.clone()).execute(connection)?;
    Ok(())
}

/// An objection to a statement.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn one(connection: &mut DbConnection, row: &MonthlyStatement, id: Id) -> Result<Objection> {
    let found = dsl::statement_objection
        .find((row.agreement_id, id))
        .select(Objection::as_select())
        .get_result(connection)
        .optional()?;
    found.filter(|found| found.statement_id == row.id).ok_or_else(|| Error::not_found("objection", "异议"))
}

/// How many objections to a statement stand.
///
/// # Errors
/// What the database says.
pub fn standing(connection: &mut DbConnection, row: &MonthlyStatement) -> Result<i64> {
    Ok(dsl::statement_objection
        .filter(dsl::agreement_id.eq(row.agreement_id).and(dsl::statement_id.eq(row.id)))
        .filter(dsl::state.eq(ObjectionState::Open))
        .count()
        .get_result(connection)?)
}

/// A page of the objections to a statement.
///
/// # Errors
/// What the database says.
pub fn list(
    connection: &mut DbConnection,
    row: &MonthlyStatement,
    filter: &ObjectionFilter,
    page: &PageRequest,
) -> Result<Vec<Objection>> {
    let mut query = dsl::statement_objection
        .filter(dsl::agreement_id.eq(row.agreement_id))
        .filter(dsl::statement_id.eq(row.id))
        .select(Objection::as_select())
        .into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(dsl::state.eq_any(states.values()));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(dsl::raised_at.ge(since).or(dsl::withdrawn_at.ge(since)));
    }
    Ok(page.narrow(query, dsl::id).load(connection)?)
}

/// Takes an objection back.
///
/// # Errors
/// What the database says.
pub fn withdraw(connection: &mut DbConnection, objection: &Objection, at: Instant) -> Result<()> {
    statement("update statement_objection set state = ?, withdrawn_at = ? where agreement_id = ? and id = ?")
        .bind(ObjectionState::Withdrawn.as_str())
        .bind(at)
        .bind(objection.agreement_id)
        .bind(objection.id)
        .run(connection)?;
    Ok(())
}
