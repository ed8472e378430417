//! Queries of rows that were sent back.

use diesel::prelude::*;

use super::super::{Dispatch, Placement, RosterReturn};
use crate::agreements;
use crate::db::schema::dispatch;
use crate::db::schema::roster_return::dsl;
use crate::db::{DbConnection, Id, Instant, PageRequest, statement};
use crate::error::Result;
use crate::identity::Scope;

/// A dispatch whose row is sent back, locked until the end of the transaction, so that its origin changes it before or after.
pub fn lock_dispatch(connection: &mut DbConnection, agreement_id: Id, id: Id) -> Result<Dispatch> {
    statement(format!("select id from dispatch where agreement_id = ? and id = ?{}", connection.row_lock()))
        .bind(agreement_id)
        .bind(id)
        .returning::<crate::db::Uid>()
        .load::<Id>(connection)?;
    Ok(dispatch::table.find((agreement_id, id)).select(Dispatch::as_select()).get_result(connection)?)
}

/// Keeps a row as it was when it was sent back.
pub fn insert(connection: &mut DbConnection, returned: &RosterReturn) -> Result<()> {
    diesel::insert_into(dsl::roster_return).values(returned.clone()).execute(connection)?;
    Ok(())
}

/// Lets a dispatch hold what it holds, places and workers, until another instant.
pub fn renew_holds(connection: &mut DbConnection, dispatch: &Dispatch, until: Instant) -> Result<()> {
    for table in ["place_hold", "open_placement"] {
        statement(format!("update {table} set holds_until = ? where agreement_id = ? and dispatch_id = ?"))
            .bind(until)
            .bind(dispatch.agreement_id)
            .bind(dispatch.id)
            .run(connection)?;
    }
    statement("update dispatch set holds_until = ? where agreement_id = ? and id = ?")
        .bind(until)
        .bind(dispatch.agreement_id)
        .bind(dispatch.id)
        .run(connection)?;
    Ok(())
}

/// A page of the returns of a placement the caller sees. A row that was sent back is off the roster and looks absent to all but its
/// origin; the destination and the employer that may have sent it back see what became of it all the same.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    (agreement_id, placement_id): (Id, Id),
    page: &PageRequest,
) -> Result<Vec<RosterReturn>> {
    agreements::store::readable(connection, scope, agreement_id)?;
    let query = dsl::roster_return
        .filter(dsl::agreement_id.eq(agreement_id))
        .filter(dsl::placement_id.eq(placement_id))
        .select(RosterReturn::as_select())
        .into_boxed();
    let returns = page.narrow(query, dsl::id).load::<RosterReturn>(connection)?;
    let rows = super::placements_of(connection, agreement_id, &[placement_id])?;
    let concerned = |row: &Placement| [row.destination_id, row.employer_id].contains(&scope.party_id);
    if returns.is_empty() || !rows.iter().any(concerned) {
        super::placement(connection, scope, agreement_id, placement_id)?;
    }
    Ok(returns)
}
