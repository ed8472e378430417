//! What the operator does with clients, one transaction each: over HTTP and on the command line alike.

use serde_json::json;

use super::clients::{
    self, Client, ClientAction, ClientState, ClientWithKeys, KeyState, NewClient, NewClientKey, TRANSITIONS,
};
use super::store;
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, log};
use crate::http::extract::IfMatch;
use crate::lifecycle;

/// Registers a client with its first key.
///
/// # Errors
/// [`Code::ReferenceUnknown`], [`Code::FieldInvalid`].
pub fn register(connection: &mut DbConnection, actor: &Actor, new: &NewClient) -> Result<ClientWithKeys> {
    let kind = store::party_kind(connection, new.party_id)?.ok_or_else(|| {
        let fault = Fault::body("/party_id", "party_unknown", "no party with this id is registered", "没有登记该单位");
        Error::new(Code::ReferenceUnknown).fault(fault)
    })?;
    let (scopes, key) = clients::checked(new, &kind)?;
    let client = Client {
        id: Id::new(),
        party_id: new.party_id,
        name: new.name.trim().to_owned(),
        scopes,
        state: ClientState::Active,
        version: 1,
        created_at: actor.now,
        updated_at: actor.now,
    };
    store::insert(connection, &client)?;
    let key = store::insert_key(connection, client.id, &key, actor.now)?;
    record(connection, actor, &client, "client.registered")?;
    Ok(ClientWithKeys { client, keys: vec![key] })
}

/// Registers one more key; the one before it retires, or ends at once when it leaked.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::TransitionNotAllowed`], [`Code::FieldInvalid`], [`Code::KeyIdTaken`].
pub fn add_key(
    connection: &mut DbConnection,
    actor: &Actor,
    id: Id,
    if_match: IfMatch,
    new: &NewClientKey,
) -> Result<ClientWithKeys> {
    let client = store::client(connection, id)?;
    if_match.check(client.version)?;
    let state = lifecycle::step(TRANSITIONS, client.state, ClientAction::AddKey)?;
    let mut faults = Faults::new();
    let key = clients::read_key(&mut faults, &new.public_key);
    faults.check()?;
    let client = store::update(connection, &client, state, actor.now)?;
    for before in [KeyState::Retiring, KeyState::Active] {
        store::move_keys(connection, id, before, clients::superseded(before, new.revoke_others))?;
    }
    if new.revoke_others {
        store::void_tokens(connection, id, actor.now)?;
    }
    if let Some(key) = key {
        store::insert_key(connection, id, &key, actor.now)?;
    }
    record(connection, actor, &client, "client.key_added")?;
    Ok(ClientWithKeys { keys: store::keys(connection, id)?, client })
}

/// Revokes a client and its keys for good.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::TransitionNotAllowed`].
pub fn revoke(connection: &mut DbConnection, actor: &Actor, id: Id, if_match: IfMatch) -> Result<ClientWithKeys> {
    let client = store::client(connection, id)?;
    if_match.check(client.version)?;
    let state = lifecycle::step(TRANSITIONS, client.state, ClientAction::Revoke)?;
    let client = store::update(connection, &client, state, actor.now)?;
    for before in [KeyState::Retiring, KeyState::Active] {
        store::move_keys(connection, id, before, KeyState::Revoked)?;
    }
    store::void_tokens(connection, id, actor.now)?;
    record(connection, actor, &client, "client.revoked")?;
    Ok(ClientWithKeys { keys: store::keys(connection, id)?, client })
}

fn record(connection: &mut DbConnection, actor: &Actor, client: &Client, kind: &'static str) -> Result<()> {
    let event = NewEvent {
        kind,
        chain: Chain::Party(client.party_id),
        subject_kind: "client",
        subject_id: client.id,
        subject_version: client.version,
        employer_id: None,
        payload: json!({ "state": client.state, "scopes": client.scopes }),
    };
    log::record(connection, actor, event)
}
