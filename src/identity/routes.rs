//! HTTP of clients: the operator's business. The token endpoint and its documents lie in [`super::oauth`].

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::clients::{ClientWithKeys, NewClient, NewClientKey};
use super::policy::PartiesWrite;
use super::store::{self, ClientFilter};
use super::{Caller, commands, oauth};
use crate::app::State;
use crate::db::{Id, Page};
use crate::error::Result;
use crate::http::extract::IfMatch;
use crate::http::{Answer, Listing, PageParams, Posted};

/// An action without further words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct Revocation {}

fn shown(client: &ClientWithKeys) -> Result<Answer> {
    Ok(Answer::ok(client)?.version(client.client.version))
}

/// Registers a client
///
/// A party's system gets a `client_id` for its public key. Without `scopes` it gets the usual ones of its party's kind.
#[utoipa::path(tag = "parties", request_body = NewClient, responses((status = 201, description = "The client, active", body = ClientWithKeys, headers(("ETag")))),
    security(("oauth2" = ["parties.write"])))]
#[post("/v1/clients")]
pub async fn register_client(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    posted: Posted<NewClient>,
) -> Result<Answer> {
    let actor = caller.actor(&state);
    let Posted { body, key } = posted;
    key.run(&state, move |connection| {
        let client = commands::register(connection, &actor, &body)?;
        let location = format!("/v1/clients/{}", client.client.id);
        Ok(Answer::created(location, &client)?.version(client.client.version))
    })
    .await
}

/// Lists clients
///
/// The clients of every party with their public keys; for the operator.
#[utoipa::path(tag = "parties", params(PageParams, ClientFilter), responses((status = 200, description = "A page of clients", body = Page<ClientWithKeys>)),
    security(("oauth2" = ["parties.write"])))]
#[get("/v1/clients")]
pub async fn list_clients(
    state: web::Data<State>,
    _caller: Caller<PartiesWrite>,
    listing: Listing<ClientFilter>,
) -> Result<Answer> {
    let (page, ring) = (listing.page(&state)?, state.keys.clone());
    let read = state.db.read(move |connection| {
        let clients = store::clients(connection, &listing.filter, &page)?;
        let keys = store::keys_of(connection, &clients)?;
        let with_keys = clients.into_iter().map(|client| {
            let own = keys.iter().filter(|(id, _)| *id == client.id).map(|(_, key)| key.clone());
            ClientWithKeys { keys: own.collect(), client }
        });
        Answer::page(&page.page(&ring, with_keys.collect(), |row: &ClientWithKeys| row.client.id))
    });
    read.await
}

/// Reads a client
///
/// A client with its public keys, newest first; for the operator.
#[utoipa::path(tag = "parties", params(("client_id" = Id, Path, description = "The client")),
    responses((status = 200, description = "The client with its keys", body = ClientWithKeys, headers(("ETag")))), security(("oauth2" = ["parties.write"])))]
#[get("/v1/clients/{client_id}")]
pub async fn get_client(state: web::Data<State>, _caller: Caller<PartiesWrite>, path: web::Path<Id>) -> Result<Answer> {
    let id = path.into_inner();
    let read = state.db.read(move |connection| {
        let client = store::client(connection, id)?;
        shown(&ClientWithKeys { keys: store::keys(connection, id)?, client })
    });
    read.await
}

/// Registers a further key of a client
///
/// The key before it retires and is accepted beside the new one until the next key comes; with `revoke_others` it ends at once.
#[utoipa::path(tag = "parties", params(("client_id" = Id, Path, description = "The client"), IfMatch), request_body = NewClientKey,
    responses((status = 201, description = "The client with its keys", body = ClientWithKeys, headers(("ETag")))), security(("oauth2" = ["parties.write"])))]
#[post("/v1/clients/{client_id}/keys")]
pub async fn add_client_key(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<NewClientKey>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let (now, leaked) = (actor.now, posted.body.revoke_others);
    let Posted { body, key } = posted;
    let command = key.run(&state, move |connection| {
        let client = commands::add_key(connection, &actor, id, if_match, &body)?;
        Ok(Answer::created(format!("/v1/clients/{id}"), &client)?.version(client.client.version))
    });
    let answer = command.await?;
    // A repeated request must not void the tokens the client got since with its new key.
    if leaked && answer.status == 201 && !answer.replayed {
        state.verified.revoke_client(id.0, now.timestamp());
    }
    Ok(answer)
}

/// Revokes a client
///
/// For good. Its tokens are void at once on the instance that is asked, within 30 seconds on every other.
#[utoipa::path(tag = "parties", params(("client_id" = Id, Path, description = "The client"), IfMatch), request_body = Revocation,
    responses((status = 200, description = "The client, revoked", body = ClientWithKeys, headers(("ETag")))), security(("oauth2" = ["parties.write"])))]
#[post("/v1/clients/{client_id}/revocation")]
pub async fn revoke_client(
    state: web::Data<State>,
    caller: Caller<PartiesWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<Revocation>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let now = actor.now;
    let command = posted.key.run(&state, move |connection| shown(&commands::revoke(connection, &actor, id, if_match)?));
    let answer = command.await?;
    if answer.status == 200 {
        state.verified.revoke_client(id.0, now.timestamp());
    }
    Ok(answer)
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(oauth::get_token)
        .service(oauth::get_key_set)
        .service(oauth::get_authorization_server)
        .service(oauth::get_protected_resource)
        .service(register_client)
        .service(list_clients)
        .service(get_client)
        .service(add_client_key)
        .service(revoke_client);
}
