//! Queries of disputes. Each takes a placement the caller was let into.

use diesel::prelude::*;

use crate::arrivals::{Dispute, DisputeState};
use crate::db::schema::dispute::dsl;
use crate::db::{DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Error, Result};
use crate::http::query::AnyOf;

/// What a list of disputes may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DisputeFilter {
    /// Only disputes in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<DisputeState>>,
    /// Only disputes raised by this party.
    pub raised_by: Option<Id>,
    /// Only disputes that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Writes a dispute.
pub fn insert(connection: &mut DbConnection, dispute: &Dispute) -> Result<()> {
    diesel::insert_into(dsl::dispute).values(dispute.clone()).execute(connection)?;
    Ok(())
}

/// A placement's dispute.
pub fn dispute(connection: &mut DbConnection, agreement_id: Id, placement_id: Id, id: Id) -> Result<Dispute> {
    let found = dsl::dispute.find((agreement_id, id)).select(Dispute::as_select()).get_result(connection).optional()?;
    found.filter(|row| row.placement_id == placement_id).ok_or_else(|| Error::not_found("dispute", "异议"))
}

/// The disputes of a placement that stand, of every party.
pub fn standing(connection: &mut DbConnection, agreement_id: Id, placement_id: Id) -> Result<Vec<Dispute>> {
    Ok(dsl::dispute
        .filter(dsl::agreement_id.eq(agreement_id))
        .filter(dsl::placement_id.eq(placement_id))
        .filter(dsl::state.eq(DisputeState::Open))
        .order(dsl::id)
        .select(Dispute::as_select())
        .load(connection)?)
}

/// Locks a placement until the end of the transaction, so that two sides dispute it one after the other.
pub fn lock_placement(connection: &mut DbConnection, agreement_id: Id, placement_id: Id) -> Result<()> {
    statement(format!("select id from placement where agreement_id = ? and id = ?{}", connection.row_lock()))
        .bind(agreement_id)
        .bind(placement_id)
        .returning::<crate::db::Uid>()
        .load::<Id>(connection)?;
    Ok(())
}

/// Takes a dispute back.
pub fn withdraw(connection: &mut DbConnection, dispute: &Dispute, at: Instant) -> Result<()> {
    statement("update dispute set state = ?, withdrawn_at = ? where agreement_id = ? and id = ?")
        .bind(DisputeState::Withdrawn.as_str())
        .bind(at)
        .bind(dispute.agreement_id)
        .bind(dispute.id)
        .run(connection)?;
    Ok(())
}

/// A page of a placement's disputes.
pub fn list(
    connection: &mut DbConnection,
    agreement_id: Id,
    placement_id: Id,
    filter: &DisputeFilter,
    page: &PageRequest,
) -> Result<Vec<Dispute>> {
    let mut query = dsl::dispute
        .filter(dsl::agreement_id.eq(agreement_id))
        .filter(dsl::placement_id.eq(placement_id))
        .select(Dispute::as_select())
        .into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(dsl::state.eq_any(states.values()));
    }
    if let Some(party) = filter.raised_by {
        query = query.filter(dsl::raised_by.eq(party));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(dsl::raised_at.ge(since).or(dsl::withdrawn_at.ge(since)));
    }
    Ok(page.narrow(query, dsl::id).load(connection)?)
}
