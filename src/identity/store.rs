//! Clients, their keys, and the assertions they have used: the only queries of this slice.
//!
//! Clients are the operator's business. Its operations reach every client; no other caller reaches one, because none can hold the
//! permission.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::clients::{Client, ClientKey, ClientState, KeyState, PublicJwk};
use super::jwks::RegisteredKey;
use crate::db::schema::{client, client_key};
use crate::db::{DbConnection, Id, Instant, PageRequest, RowSet, Uid, statement};
use crate::error::{Code, Error, Result};
use crate::http::query::AnyOf;

/// What a list of clients may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClientFilter {
    /// Only clients of this party.
    pub party_id: Option<Id>,
    /// Only clients in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<ClientState>>,
    /// Only clients that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Fine while the client is not revoked, its party not suspended, and a token of this age not withdrawn; a token that is only about
/// to be issued has no age.
///
/// # Errors
/// [`Code::TokenInvalid`], [`Code::PartySuspended`].
pub fn require_active(connection: &mut DbConnection, client_id: Id, issued_at: Option<Instant>) -> Result<()> {
    type Standing = (ClientState, String, Option<Instant>, Option<Instant>);
    let row: Option<Standing> = statement(
        "select c.state, p.state, c.tokens_void_before, p.tokens_void_before from client c join party p on p.id = c.party_id where c.id = ?",
    )
    .bind(client_id)
    .returning::<(Text, Text, Nullable<BigInt>, Nullable<BigInt>)>()
    .get_result(connection)
    .optional()?;
    let Some((_, party, of_client, of_party)) = row.filter(|(client, ..)| *client != ClientState::Revoked) else {
        return Err(Error::new(Code::TokenInvalid));
    };
    if party != "active" {
        return Err(Error::new(Code::PartySuspended));
    }
    // Tokens count whole seconds: one of the very second of the withdrawal cannot be told from one before it.
    let void = |before: Option<Instant>| before.zip(issued_at).is_some_and(|(before, issued_at)| issued_at <= before);
    if void(of_client) || void(of_party) {
        tracing::info!(reason = "withdrawn", %client_id, "access token refused");
        return Err(Error::new(Code::TokenInvalid));
    }
    Ok(())
}

/// Withdraws every token that a client holds, on every instance. [`crate::parties::store`] does it for a whole party.
pub fn void_tokens(connection: &mut DbConnection, client_id: Id, now: Instant) -> Result<()> {
    statement("update client set tokens_void_before = ? where id = ?").bind(now).bind(client_id).run(connection)?;
    Ok(())
}

/// The kind of a party, as far as a client of it is concerned.
pub fn party_kind(connection: &mut DbConnection, party_id: Id) -> Result<Option<String>> {
    Ok(statement("select kind from party where id = ?")
        .bind(party_id)
        .returning::<Text>()
        .get_result(connection)
        .optional()?)
}

/// Writes a client.
pub fn insert(connection: &mut DbConnection, row: &Client) -> Result<()> {
    diesel::insert_into(client::table).values(row.clone()).execute(connection)?;
    Ok(())
}

/// Writes a key of a client, active.
///
/// # Errors
/// [`Code::KeyIdTaken`] when the client has a key of that id.
pub fn insert_key(
    connection: &mut DbConnection,
    client_id: Id,
    key: &RegisteredKey,
    now: Instant,
) -> Result<ClientKey> {
    let row =
        ClientKey { kid: key.kid.clone(), jwk: PublicJwk(key.to_jwk()), state: KeyState::Active, created_at: now };
    let written = statement(
        "insert into client_key (client_id, kid, jwk, state, created_at) values (?, ?, ?, ?, ?) on conflict (client_id, kid) do nothing",
    )
    .bind(client_id)
    .bind(row.kid.as_str())
    .bind(row.jwk.to_string())
    .bind(row.state.as_str())
    .bind(now)
    .run(connection)?;
    if written == 0 { Err(Error::new(Code::KeyIdTaken).param("kid", row.kid)) } else { Ok(row) }
}

/// One client.
///
/// # Errors
/// [`Code::NotFound`].
pub fn client(connection: &mut DbConnection, id: Id) -> Result<Client> {
    client_if_any(connection, id)?.ok_or_else(|| Error::not_found("client", "客户端"))
}

/// One client, if it is registered.
pub fn client_if_any(connection: &mut DbConnection, id: Id) -> Result<Option<Client>> {
    Ok(client::table.find(id).select(Client::as_select()).get_result(connection).optional()?)
}

/// A page of clients.
pub fn clients(connection: &mut DbConnection, filter: &ClientFilter, page: &PageRequest) -> Result<Vec<Client>> {
    let mut query = client::table.select(Client::as_select()).into_boxed();
    if let Some(party_id) = filter.party_id {
        query = query.filter(client::party_id.eq(party_id));
    }
    if let Some(states) = &filter.state {
        query = query.filter(client::state.eq_any(states.values()));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(client::updated_at.ge(since));
    }
    Ok(page.narrow(query, client::id).load(connection)?)
}

/// The keys of a client, newest first.
pub fn keys(connection: &mut DbConnection, client_id: Id) -> Result<Vec<ClientKey>> {
    let keys = client_key::table.filter(client_key::client_id.eq(client_id)).select(ClientKey::as_select());
    Ok(keys.order((client_key::created_at.desc(), client_key::kid.asc())).load(connection)?)
}

/// The keys with which a client may sign now, newest first; a stored key that is no longer understood signs nothing.
pub fn signing_keys(connection: &mut DbConnection, client_id: Id) -> Result<Vec<RegisteredKey>> {
    let keys = keys(connection, client_id)?;
    Ok(keys.iter().filter(|key| key.state != KeyState::Revoked).filter_map(ClientKey::registered).collect())
}

/// The keys of some clients, each with its client, newest first.
pub fn keys_of(connection: &mut DbConnection, clients: &[Client]) -> Result<Vec<(Id, ClientKey)>> {
    type Row = (Id, String, PublicJwk, KeyState, Instant);
    let rows: Vec<Row> = statement(
        "select k.client_id, k.kid, k.jwk, k.state, k.created_at from ? r cross join client_key k where k.client_id = r.id \
         order by k.client_id, k.created_at desc, k.kid",
    )
    .bind(RowSet::list("id", clients.iter().map(|client| client.id)))
    .returning::<(Uid, Text, Text, Text, BigInt)>()
    .load(connection)?;
    let key = |(id, kid, jwk, state, created_at)| (id, ClientKey { kid, jwk, state, created_at });
    Ok(rows.into_iter().map(key).collect())
}

/// Moves every key of a client that is in one state to another.
pub fn move_keys(connection: &mut DbConnection, client_id: Id, from: KeyState, to: KeyState) -> Result<()> {
    statement("update client_key set state = ? where client_id = ? and state = ?")
        .bind(to.as_str())
        .bind(client_id)
        .bind(from.as_str())
        .run(connection)?;
    Ok(())
}

/// Writes the state of a client, if nobody else has changed it meanwhile.
pub fn update(connection: &mut DbConnection, row: &Client, state: ClientState, now: Instant) -> Result<Client> {
    let changed =
        statement("update client set state = ?, version = version + 1, updated_at = ? where id = ? and version = ?")
            .bind(state.as_str())
            .bind(now)
            .bind(row.id)
            .bind(row.version)
            .run(connection)?;
    if changed == 0 {
        return Err(Error::new(Code::PreconditionFailed));
    }
    Ok(Client { state, version: row.version + 1, updated_at: now, ..row.clone() })
}

/// Remembers that a client has used an assertion; `false` when it had used it before. What has expired is forgotten.
pub fn use_assertion(
    connection: &mut DbConnection,
    client_id: Id,
    jti: &str,
    remember_until: Instant,
    now: Instant,
) -> Result<bool> {
    statement("delete from used_assertion where client_id = ? and expires_at <= ?")
        .bind(client_id)
        .bind(now)
        .run(connection)?;
    let fresh = statement(
        "insert into used_assertion (client_id, jti, expires_at) values (?, ?, ?) on conflict (client_id, jti) do nothing",
    )
    .bind(client_id)
    .bind(jti)
    .bind(remember_until)
    .run(connection)?;
    Ok(fresh == 1)
}
