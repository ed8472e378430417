//! Queries of parties and zones.
//!
//! None of them takes a scope: partners must be able to name each other, so every caller may read every party and zone. What
//! may be written is decided by the permission of the operation, which only the operator's clients can hold.

use diesel::prelude::*;

use super::rules::PartyFacts;
use super::{Party, PartyKind, PartyState, Zone};
use crate::db::schema::{party, zone};
use crate::db::{DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Code, Error, Result};
use crate::http::query::AnyOf;
use crate::regions::RegionCode;

/// What a list of parties may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartyFilter {
    /// Only parties of one of these kinds.
    #[param(inline)]
    pub kind: Option<AnyOf<PartyKind>>,
    /// Only parties in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<PartyState>>,
    /// Only parties of this division.
    pub region_code: Option<RegionCode>,
    /// Only parties whose name contains this text, letter for letter.
    #[param(max_length = 100, min_length = 1, pattern = "^[^\\u0000-\\u001f\\u007f]+$")]
    pub name: Option<String>,
    /// Only parties that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// What a list of zones may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ZoneFilter {
    /// Only zones hosted by this division.
    pub host_code: Option<RegionCode>,
    /// Only zones that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

diesel::define_sql_function! {
    /// `text` with every `from` turned into `to`; the one way both back ends offer to ask whether a text contains another.
    fn replace(text: diesel::sql_types::Text, from: diesel::sql_types::Text, to: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// Withdraws every token held in the name of a party, on every instance.
pub fn void_tokens(connection: &mut DbConnection, id: Id, now: Instant) -> Result<()> {
    statement("update party set tokens_void_before = ? where id = ?").bind(now).bind(id).run(connection)?;
    Ok(())
}

/// Writes a party.
pub fn insert(connection: &mut DbConnection, facts: PartyFacts, now: Instant) -> Result<Party> {
    let row = Party {
        id: Id::new(),
        name: facts.name,
        kind: facts.kind,
        region_code: facts.region_code,
        zone_id: facts.zone_id,
        credit_code: facts.credit_code,
        state: PartyState::Active,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    diesel::insert_into(party::table).values(row.clone()).execute(connection)?;
    Ok(row)
}

/// One party, if it is registered.
pub fn party_if_any(connection: &mut DbConnection, id: Id) -> Result<Option<Party>> {
    Ok(party::table.find(id).select(Party::as_select()).get_result(connection).optional()?)
}

/// One party.
///
/// # Errors
/// [`Code::NotFound`].
pub fn party(connection: &mut DbConnection, id: Id) -> Result<Party> {
    party_if_any(connection, id)?.ok_or_else(|| Error::not_found("party", "单位"))
}

/// The party that has a credit code, if one does.
pub fn with_credit_code(connection: &mut DbConnection, code: &str) -> Result<Option<Id>> {
    let found = party::table.filter(party::credit_code.eq(code)).select(party::id);
    Ok(found.get_result(connection).optional()?)
}

/// The operator's party, the first registered when there are several; none before `operator init`.
pub fn operator(connection: &mut DbConnection) -> Result<Option<Party>> {
    let operators = party::table.filter(party::kind.eq(PartyKind::Operator)).select(Party::as_select());
    Ok(operators.order(party::id.asc()).first(connection).optional()?)
}

/// A page of parties.
pub fn parties(connection: &mut DbConnection, filter: &PartyFilter, page: &PageRequest) -> Result<Vec<Party>> {
    let mut query = party::table.select(Party::as_select()).into_boxed();
    if let Some(kinds) = &filter.kind {
        query = query.filter(party::kind.eq_any(kinds.values()));
    }
    if let Some(states) = &filter.state {
        query = query.filter(party::state.eq_any(states.values()));
    }
    if let Some(code) = filter.region_code {
        query = query.filter(party::region_code.eq(code));
    }
    if let Some(name) = &filter.name {
        query = query.filter(replace(party::name, name.clone(), String::new()).ne(party::name));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(party::updated_at.ge(since));
    }
    Ok(page.narrow(query, party::id).load(connection)?)
}

/// Writes the facts and the state of a party, if nobody else has changed it meanwhile.
pub fn update(
    connection: &mut DbConnection,
    row: &Party,
    facts: PartyFacts,
    state: PartyState,
    now: Instant,
) -> Result<Party> {
    let changed = statement(
        "update party set name = ?, region_code = ?, zone_id = ?, credit_code = ?, state = ?, version = version + 1, updated_at = ? \
         where id = ? and version = ?",
    )
    .bind(facts.name.as_str())
    .bind(facts.region_code.map(|code| code.to_string()))
    .bind(facts.zone_id)
    .bind(facts.credit_code.as_ref().map(ToString::to_string))
    .bind(state.as_str())
    .bind(now)
    .bind(row.id)
    .bind(row.version)
    .run(connection)?;
    if changed == 0 {
        return Err(Error::new(Code::PreconditionFailed));
    }
    Ok(Party {
        id: row.id,
        name: facts.name,
        kind: row.kind,
        region_code: facts.region_code,
        zone_id: facts.zone_id,
        credit_code: facts.credit_code,
        state,
        version: row.version + 1,
        created_at: row.created_at,
        updated_at: now,
    })
}

/// Writes a zone.
pub fn insert_zone(connection: &mut DbConnection, name: String, host_code: RegionCode, now: Instant) -> Result<Zone> {
    let row = Zone { id: Id::new(), name, host_code, created_at: now };
    diesel::insert_into(zone::table).values(row.clone()).execute(connection)?;
    Ok(row)
}

/// One zone, if it is registered.
pub fn zone_if_any(connection: &mut DbConnection, id: Id) -> Result<Option<Zone>> {
    Ok(zone::table.find(id).select(Zone::as_select()).get_result(connection).optional()?)
}

/// One zone.
///
/// # Errors
/// [`Code::NotFound`].
pub fn zone(connection: &mut DbConnection, id: Id) -> Result<Zone> {
    zone_if_any(connection, id)?.ok_or_else(|| Error::not_found("zone", "园区"))
}

/// A page of zones.
pub fn zones(connection: &mut DbConnection, filter: &ZoneFilter, page: &PageRequest) -> Result<Vec<Zone>> {
    let mut query = zone::table.select(Zone::as_select()).into_boxed();
    if let Some(host) = filter.host_code {
        query = query.filter(zone::host_code.eq(host));
    }
    // A zone never changes.
    if let Some(since) = filter.updated_since {
        query = query.filter(zone::created_at.ge(since));
    }
    Ok(page.narrow(query, zone::id).load(connection)?)
}
