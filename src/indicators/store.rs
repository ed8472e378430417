//! Queries of indicators: over which agreements, and which placements of other agreements are about the same persons.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::sql_types::Text;

use crate::agreements::AgreementKind;
use crate::db::{DbConnection, Id, Instant, Uid, statement};
use crate::error::{Error, Result};
use crate::identity::Scope;

/// The kind of an agreement.
///
/// # Errors
/// What the database says.
pub fn kind(connection: &mut DbConnection, agreement_id: Id) -> Result<AgreementKind> {
    Ok(statement("select kind from agreement where id = ?")
        .bind(agreement_id)
        .returning::<Text>()
        .get_result(connection)?)
}

/// The agreements the caller's party takes part in that were ratified before an instant, in the order of ids.
///
/// # Errors
/// [`crate::error::Code::NotFound`] where the caller asks for another party.
pub fn agreements_of(
    connection: &mut DbConnection,
    scope: &Scope,
    party_id: Id,
    known_before: Instant,
) -> Result<Vec<Id>> {
    if scope.party_id != party_id {
        return Err(Error::not_found("party", "单位"));
    }
    Ok(statement(
        "select p.agreement_id from agreement_party p where p.party_id = ? and exists (select 1 from agreement_version v \
         where v.agreement_id = p.agreement_id and v.state = 'ratified' and v.ratified_at < ?) order by p.agreement_id",
    )
    .bind(party_id)
    .bind(known_before)
    .returning::<Uid>()
    .load(connection)?)
}

/// The placements of other agreements about persons who departed under this one, by agreement. It serves the guard against double credit;
/// nothing of it is ever shown.
///
/// # Errors
/// What the database says.
pub fn rivals(connection: &mut DbConnection, agreement_id: Id, known_before: Instant) -> Result<BTreeMap<Id, Vec<Id>>> {
    let found: Vec<(Id, Id)> = statement(
        "select distinct o.agreement_id, o.id from placement p cross join worker w cross join worker v cross join placement o \
         where w.party_id = p.origin_id and w.id = p.worker_id and v.exchange_index = w.exchange_index \
         and o.origin_id = v.party_id and o.worker_id = v.id and o.agreement_id <> p.agreement_id \
         and o.departed_on is not null and o.departure_recorded_at < ? and p.agreement_id = ? and p.departed_on is not null \
         and p.departure_recorded_at < ?",
    )
    .bind(known_before)
    .bind(agreement_id)
    .bind(known_before)
    .returning::<(Uid, Uid)>()
    .load(connection)?;
    let mut by_agreement: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for (agreement_id, placement_id) in found {
        by_agreement.entry(agreement_id).or_default().push(placement_id);
    }
    Ok(by_agreement)
}
