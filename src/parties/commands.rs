//! What the operator does with parties and zones, one transaction each: over HTTP and on the command line alike.

use serde_json::json;

use super::{
    NewParty, NewZone, Party, PartyAction, PartyChange, PartyState, TRANSITIONS, Zone, rules, rules::PartyFacts, store,
};
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::extract::IfMatch;
use crate::lifecycle;

/// Registers a party.
///
/// # Errors
/// [`Code::FieldInvalid`], [`Code::CreditCodeTaken`].
pub fn register(connection: &mut DbConnection, actor: &Actor, new: &NewParty) -> Result<Party> {
    let facts = facts(connection, new, None)?;
    let party = store::insert(connection, facts, actor.now)?;
    record(connection, actor, &party, "party.registered")?;
    Ok(party)
}

/// Changes what is written down about a party.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::FieldInvalid`], [`Code::CreditCodeTaken`].
pub fn change(
    connection: &mut DbConnection,
    actor: &Actor,
    id: Id,
    if_match: IfMatch,
    change: &PartyChange,
) -> Result<Party> {
    let party = store::party(connection, id)?;
    if_match.check(party.version)?;
    let facts = facts(connection, &rules::changed(&party, change), Some(id))?;
    if facts == facts_of(&party) {
        return Ok(party);
    }
    let party = store::update(connection, &party, facts, party.state, actor.now)?;
    record(connection, actor, &party, "party.changed")?;
    Ok(party)
}

/// Suspends or activates a party.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::TransitionNotAllowed`].
pub fn advance(
    connection: &mut DbConnection,
    actor: &Actor,
    id: Id,
    if_match: IfMatch,
    action: PartyAction,
) -> Result<Party> {
    let party = store::party(connection, id)?;
    if_match.check(party.version)?;
    if action == PartyAction::Suspend && id == actor.scope.party_id {
        return Err(Error::new(Code::TransitionNotAllowed)
            .detail("a party that suspended itself could never be let in again", "单位不能暂停自身，否则将无法恢复")
            .param("state", party.state.as_str())
            .param("allowed_actions", json!([])));
    }
    let state = lifecycle::step(TRANSITIONS, party.state, action)?;
    let party = store::update(connection, &party, facts_of(&party), state, actor.now)?;
    if state == PartyState::Suspended {
        // When it is let in again, what it held before stays void.
        store::void_tokens(connection, id, actor.now)?;
    }
    let kind = match state {
        PartyState::Active => "party.activated",
        PartyState::Suspended => "party.suspended",
    };
    record(connection, actor, &party, kind)?;
    Ok(party)
}

/// Registers a zone.
///
/// # Errors
/// [`Code::FieldInvalid`], [`Code::ZoneTaken`].
pub fn register_zone(connection: &mut DbConnection, actor: &Actor, new: &NewZone) -> Result<Zone> {
    let zone = store::insert_zone(connection, rules::zone_name(new)?, new.host_code, actor.now)?;
    let event = NewEvent {
        kind: "zone.registered",
        chain: Chain::Party(actor.scope.party_id),
        subject_kind: "zone",
        subject_id: zone.id,
        subject_version: 1,
        employer_id: None,
        payload: json!({ "host_code": zone.host_code }),
    };
    log::record(connection, actor, event)?;
    Ok(zone)
}

fn facts(connection: &mut DbConnection, new: &NewParty, own: Option<Id>) -> Result<PartyFacts> {
    let zone = match new.zone_id {
        Some(id) => store::zone_if_any(connection, id)?,
        None => None,
    };
    let facts = rules::party_facts(new, zone.as_ref())?;
    if let Some(code) = &facts.credit_code
        && let Some(holder) = store::with_credit_code(connection, code.as_str())?
        && Some(holder) != own
    {
        return Err(Error::new(Code::CreditCodeTaken).param("party_id", holder.to_string()));
    }
    Ok(facts)
}

fn facts_of(party: &Party) -> PartyFacts {
    PartyFacts {
        name: party.name.clone(),
        kind: party.kind,
        region_code: party.region_code,
        zone_id: party.zone_id,
        credit_code: party.credit_code.clone(),
    }
}

fn record(connection: &mut DbConnection, actor: &Actor, party: &Party, kind: &'static str) -> Result<()> {
    let event = NewEvent {
        kind,
        chain: Chain::Party(party.id),
        subject_kind: "party",
        subject_id: party.id,
        subject_version: party.version,
        employer_id: None,
        payload: json!({ "kind": party.kind, "state": party.state }),
    };
    log::record(connection, actor, event)
}
