//! Claims as discrepancies need them: whose they are, which name the same person, and the placements that people match them to.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Nullable, Text};

use crate::db::schema::claim_match;
use crate::db::{Day, DbConnection, Id, Instant, RowSet, Uid, statement};
use crate::error::{Error, Result};

/// A claim that names the same person as the claim asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedClaim {
    /// The claim asked about.
    pub asked: Id,
    /// The claim.
    pub id: Id,
    /// Who makes it.
    pub claimant_id: Id,
    /// The day it speaks of.
    pub happened_on: Day,
    /// Keyed index of the number.
    pub exchange_index: Vec<u8>,
    /// Keyed index of the name.
    pub name_index: Vec<u8>,
    /// Whether no later claim of its claimant has replaced it.
    pub in_effect: bool,
}

/// A placement to which a claim may belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The planned day of arrival.
    pub planned_arrival_on: Day,
    /// Keyed index of the worker's number; none once erased.
    pub exchange_index: Option<Vec<u8>>,
    /// Keyed index of the worker's name; none once erased.
    pub name_index: Option<Vec<u8>>,
}

/// A match that a person made; it may be undone and is never changed otherwise.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Insertable)]
#[diesel(table_name = claim_match)]
pub struct ClaimMatch {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The claim.
    pub claim_id: Id,
    /// The placement.
    pub placement_id: Id,
    /// The discrepancy that it resolved.
    pub discrepancy_id: Id,
    /// The entry that tells of it.
    pub entry_id: Id,
    /// Whether it was forced.
    pub forced: bool,
    /// The party.
    pub matched_by: Id,
    /// When.
    pub recorded_at: Instant,
    /// When it was undone.
    pub undone_at: Option<Instant>,
}

fn keyed(agreement_id: Id, claims: &[Id]) -> RowSet<Id> {
    RowSet::list("id", claims.iter().copied()).shared("agreement_id", agreement_id)
}

/// Who makes each of these claims.
pub fn claimants(connection: &mut DbConnection, agreement_id: Id, claims: &[Id]) -> Result<HashMap<Id, Id>> {
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Id, Id)> = statement(
        "select c.id, c.claimant_id from ? r cross join claim c where c.agreement_id = r.agreement_id and c.id = r.id",
    )
    .bind(keyed(agreement_id, claims))
    .returning::<(Uid, Uid)>()
    .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// For each of these claims, which name persons: every claim under the agreement that names the same person, itself among them.
pub fn naming_the_same(connection: &mut DbConnection, agreement_id: Id, claims: &[Id]) -> Result<Vec<NamedClaim>> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(Id, Id, Id, Day, Vec<u8>, Vec<u8>, bool)> = statement(
        "select c.id, s.id, s.claimant_id, s.happened_on, s.exchange_index, s.name_index, s.replaced_by is null \
         from ? r cross join claim c cross join claim s where c.agreement_id = r.agreement_id and c.id = r.id \
         and s.agreement_id = r.agreement_id and s.exchange_index = c.exchange_index and s.placement_id is null order by c.id, s.id",
    )
    .bind(keyed(agreement_id, claims))
    .returning::<(Uid, Uid, Uid, Text, Binary, Binary, Bool)>()
    .load(connection)?;
    let named = |(asked, id, claimant_id, happened_on, exchange_index, name_index, in_effect)| NamedClaim {
        asked,
        id,
        claimant_id,
        happened_on,
        exchange_index,
        name_index,
        in_effect,
    };
    Ok(rows.into_iter().map(named).collect())
}

/// What a match is judged by, of a placement the caller was let see.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn target(connection: &mut DbConnection, agreement_id: Id, placement_id: Id) -> Result<Target> {
    let found: Option<(Day, Option<Vec<u8>>, Option<Vec<u8>>)> = statement(
        "select d.planned_arrival_on, w.exchange_index, w.name_index from placement p \
         join dispatch d on d.agreement_id = p.agreement_id and d.id = p.dispatch_id \
         join worker w on w.party_id = p.origin_id and w.id = p.worker_id where p.agreement_id = ? and p.id = ?",
    )
    .bind(agreement_id)
    .bind(placement_id)
    .returning::<(Text, Nullable<Binary>, Nullable<Binary>)>()
    .get_result(connection)
    .optional()?;
    let (planned_arrival_on, exchange_index, name_index) =
        found.ok_or_else(|| Error::not_found("placement", "安置记录"))?;
    Ok(Target { planned_arrival_on, exchange_index, name_index })
}

/// The parties that have spoken of a placement: by a claim in effect, or by one that was matched to it.
pub fn spoken(connection: &mut DbConnection, agreement_id: Id, placement_id: Id) -> Result<Vec<Id>> {
    Ok(statement(
        "select claimant_id from claim where agreement_id = ? and placement_id = ? and replaced_by is null \
         union select c.claimant_id from claim_match m join claim c on c.agreement_id = m.agreement_id and c.id = m.claim_id \
         where m.agreement_id = ? and m.placement_id = ? and m.undone_at is null",
    )
    .bind(agreement_id)
    .bind(placement_id)
    .bind(agreement_id)
    .bind(placement_id)
    .returning::<Uid>()
    .load(connection)?)
}

/// Keeps matches.
pub fn insert_matches(connection: &mut DbConnection, matches: &[ClaimMatch]) -> Result<()> {
    for row in matches {
        // One for each claimant that spoke of the person: two or three.
        diesel::insert_into(claim_match::table).values(row.clone()).execute(connection)?;
    }
    Ok(())
}

/// Undoes the matches of an entry.
pub fn undo_matches(connection: &mut DbConnection, agreement_id: Id, entry_id: Id, now: Instant) -> Result<()> {
    statement("update claim_match set undone_at = ? where agreement_id = ? and entry_id = ? and undone_at is null")
        .bind(now)
        .bind(agreement_id)
        .bind(entry_id)
        .run(connection)?;
    Ok(())
}
