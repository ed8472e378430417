//! Endpoints and their secrets: what owners set. What is sent lies in [`super::delivery_store`].

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable};

use super::signature::SigningSecret;
use super::{
    Behind, DisabledReason, WebhookEndpoint, WebhookEndpointToday, WebhookSecret, WebhookState, delivery_store,
};
use crate::db::schema::{webhook_endpoint, webhook_secret};
use crate::db::{DbConnection, Id, Instant, PageRequest, statement};
use crate::error::{Code, Error, Result};
use crate::http::query::AnyOf;
use crate::identity::Scope;
use crate::seal::{KeyRing, Place, Sensitive};

/// What a list of endpoints may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookFilter {
    /// Only endpoints in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<WebhookState>>,
    /// Only the endpoint with this reference of yours.
    #[param(max_length = 100, min_length = 1)]
    pub partner_ref: Option<String>,
    /// Only endpoints that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// Writes an endpoint that goes on behind its position.
///
/// # Errors
/// [`Code::PartnerRefTaken`].
pub fn insert(connection: &mut DbConnection, row: &WebhookEndpoint) -> Result<()> {
    statement(
        "insert into webhook_endpoint (id, party_id, client_id, url, description, partner_ref, types, signature, state, position, \
         leased_until, version, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
    )
    .bind(row.id)
    .bind(row.party_id)
    .bind(row.client_id)
    .bind(row.url.as_str())
    .bind(row.description.as_deref())
    .bind(row.partner_ref.as_deref())
    .bind(row.types.to_string())
    .bind(row.signature.as_str())
    .bind(row.state.as_str())
    .bind(row.position)
    .bind(row.version)
    .bind(row.created_at)
    .bind(row.updated_at)
    .run(connection)?;
    Ok(())
}

/// How many endpoints a client has; its row stays locked until the end of the transaction, so that two registrations cannot both be
/// the last one.
pub fn count_of_client(connection: &mut DbConnection, client_id: Id) -> Result<i64> {
    let lock = format!("select version from client where id = ?{}", connection.row_lock());
    statement(lock).bind(client_id).returning::<BigInt>().get_result::<i64>(connection).optional()?;
    let count = statement("select count(*) from webhook_endpoint where client_id = ?").bind(client_id);
    Ok(count.returning::<BigInt>().get_result(connection)?)
}

/// One endpoint of the caller's party.
///
/// # Errors
/// [`Code::NotFound`].
pub fn endpoint(connection: &mut DbConnection, scope: &Scope, id: Id) -> Result<WebhookEndpoint> {
    let row = webhook_endpoint::table
        .find(id)
        .filter(webhook_endpoint::party_id.eq(scope.party_id))
        .select(WebhookEndpoint::as_select())
        .get_result(connection)
        .optional()?;
    row.ok_or_else(|| Error::not_found("webhook endpoint", "推送地址"))
}

/// A page of the endpoints of the caller's party.
pub fn endpoints(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &WebhookFilter,
    page: &PageRequest,
) -> Result<Vec<WebhookEndpoint>> {
    let mut query = webhook_endpoint::table
        .filter(webhook_endpoint::party_id.eq(scope.party_id))
        .select(WebhookEndpoint::as_select())
        .into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(webhook_endpoint::state.eq_any(states.values()));
    }
    if let Some(partner_ref) = &filter.partner_ref {
        query = query.filter(webhook_endpoint::partner_ref.eq(partner_ref.clone()));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(webhook_endpoint::updated_at.ge(since));
    }
    Ok(page.narrow(query, webhook_endpoint::id).load(connection)?)
}

/// An endpoint with its secrets and how far it lags behind.
pub fn today(connection: &mut DbConnection, endpoint: WebhookEndpoint, now: Instant) -> Result<WebhookEndpointToday> {
    let secrets = secrets(connection, endpoint.id, now)?;
    let behind: Behind = delivery_store::behind(connection, &endpoint, now)?;
    Ok(WebhookEndpointToday { endpoint, secrets, behind, secret: None })
}

/// Writes what an owner set, if nobody has changed it meanwhile.
///
/// # Errors
/// [`Code::PreconditionFailed`], [`Code::PartnerRefTaken`].
pub fn change(connection: &mut DbConnection, row: &WebhookEndpoint, now: Instant) -> Result<WebhookEndpoint> {
    let changed = statement(
        "update webhook_endpoint set url = ?, description = ?, partner_ref = ?, types = ?, position = ?, version = version + 1, \
         updated_at = ? where id = ? and version = ?",
    )
    .bind(row.url.as_str())
    .bind(row.description.as_deref())
    .bind(row.partner_ref.as_deref())
    .bind(row.types.to_string())
    .bind(row.position)
    .bind(now)
    .bind(row.id)
    .bind(row.version)
    .run(connection)?;
    written(changed, WebhookEndpoint { version: row.version + 1, updated_at: now, ..row.clone() })
}

/// Disables (with a reason) or enables (without).
///
/// # Errors
/// [`Code::PreconditionFailed`].
pub fn switch(
    connection: &mut DbConnection,
    row: &WebhookEndpoint,
    reason: Option<DisabledReason>,
    now: Instant,
) -> Result<WebhookEndpoint> {
    let state = if reason.is_some() { WebhookState::Disabled } else { WebhookState::Enabled };
    let disabled_at = reason.map(|_| now);
    let failing_since = row.failing_since.filter(|_| reason.is_some());
    let changed = statement(
        "update webhook_endpoint set state = ?, disabled_reason = ?, disabled_at = ?, failing_since = ?, version = version + 1, \
         updated_at = ? where id = ? and version = ?",
    )
    .bind(state.as_str())
    .bind(reason.map(DisabledReason::as_str))
    .bind(disabled_at)
    .bind(failing_since)
    .bind(now)
    .bind(row.id)
    .bind(row.version)
    .run(connection)?;
    let switched = WebhookEndpoint {
        state,
        disabled_reason: reason,
        disabled_at,
        failing_since,
        version: row.version + 1,
        updated_at: now,
        ..row.clone()
    };
    written(changed, switched)
}

/// Counts a new secret as a change of its endpoint.
///
/// # Errors
/// [`Code::PreconditionFailed`].
pub fn touch(connection: &mut DbConnection, row: &WebhookEndpoint, now: Instant) -> Result<WebhookEndpoint> {
    let changed =
        statement("update webhook_endpoint set version = version + 1, updated_at = ? where id = ? and version = ?")
            .bind(now)
            .bind(row.id)
            .bind(row.version)
            .run(connection)?;
    written(changed, WebhookEndpoint { version: row.version + 1, updated_at: now, ..row.clone() })
}

fn written(changed: usize, row: WebhookEndpoint) -> Result<WebhookEndpoint> {
    if changed == 1 { Ok(row) } else { Err(Error::new(Code::PreconditionFailed)) }
}

/// Removes an endpoint with its secrets and its log; what happened to it stays in the party's chain of events.
pub fn remove(connection: &mut DbConnection, id: Id) -> Result<()> {
    for text in [
        "delete from webhook_delivery where endpoint_id = ?",
        "delete from webhook_secret where endpoint_id = ?",
        "delete from webhook_endpoint where id = ?",
    ] {
        statement(text).bind(id).run(connection)?;
    }
    Ok(())
}

/// Writes a secret, sealed. Those before it end then; the one before the last ends at once.
pub fn add_secret(
    connection: &mut DbConnection,
    keys: &KeyRing,
    endpoint_id: Id,
    text: &Sensitive<String>,
    [now, others_end_at]: [Instant; 2],
) -> Result<()> {
    let secret = SigningSecret::parse(text.expose()).map_err(Error::internal)?;
    statement("delete from webhook_secret where endpoint_id = ? and ends_at is not null")
        .bind(endpoint_id)
        .run(connection)?;
    let ended = if others_end_at > now {
        statement("update webhook_secret set ends_at = ? where endpoint_id = ?").bind(others_end_at)
    } else {
        statement("delete from webhook_secret where endpoint_id = ?")
    };
    ended.bind(endpoint_id).run(connection)?;
    let id = Id::new();
    let sealed = keys.seal(place(id), text.expose()).map_err(Error::internal)?;
    statement("insert into webhook_secret (endpoint_id, id, sealed, public_key, created_at) values (?, ?, ?, ?, ?)")
        .bind(endpoint_id)
        .bind(id)
        .bind(sealed)
        .bind(secret.public_key())
        .bind(now)
        .run(connection)?;
    Ok(())
}

/// The secrets of an endpoint that sign now, newest first, by what may be told of them.
pub fn secrets(connection: &mut DbConnection, endpoint_id: Id, now: Instant) -> Result<Vec<WebhookSecret>> {
    let secrets = webhook_secret::table
        .filter(webhook_secret::endpoint_id.eq(endpoint_id))
        .filter(webhook_secret::ends_at.is_null().or(webhook_secret::ends_at.gt(now)))
        .order(webhook_secret::id.desc())
        .select(WebhookSecret::as_select());
    Ok(secrets.load(connection)?)
}

/// The sealed secrets of an endpoint that sign now, newest first.
pub fn sealed_secrets(connection: &mut DbConnection, endpoint_id: Id, now: Instant) -> Result<Vec<(Id, Vec<u8>)>> {
    let rows = statement(
        "select id, sealed from webhook_secret where endpoint_id = ? and (ends_at is null or ends_at > ?) order by id desc",
    );
    Ok(rows.bind(endpoint_id).bind(now).returning::<(crate::db::Uid, Binary)>().load(connection)?)
}

/// Opens a secret to sign with.
///
/// # Errors
/// [`Code::InternalError`] when it was sealed by another ring.
pub fn open_secret(keys: &KeyRing, id: Id, sealed: &[u8]) -> Result<SigningSecret> {
    let text = keys.open(place(id), sealed).map_err(Error::internal)?;
    SigningSecret::parse(text.expose()).map_err(Error::internal)
}

fn place(id: Id) -> Place {
    Place { table: "webhook_secret", column: "sealed", row: id.0 }
}

/// When many deliveries were last asked for again.
pub fn redelivered_at(connection: &mut DbConnection, id: Id) -> Result<Option<Instant>> {
    let query = statement("select redelivered_at from webhook_endpoint where id = ?").bind(id);
    Ok(query.returning::<Nullable<BigInt>>().get_result(connection)?)
}
