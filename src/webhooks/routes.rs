//! HTTP of webhook endpoints. What was delivered to them is in `log`.

mod log;

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{delete, get, patch, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::signature::{SignatureKind, SigningSecret};
use super::store::{self, WebhookFilter};
use super::{
    NewWebhookEndpoint, NewWebhookSecret, WebhookAction, WebhookEndpoint, WebhookEndpointPatch, WebhookEndpointToday,
    WebhookTest, commands,
};
use crate::app::State;
use crate::db::{Id, Page};
use crate::error::Result;
use crate::events::feed;
use crate::http::extract::{EmptyBody, IfMatch, Patched};
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{WebhooksRead, WebhooksWrite};
use crate::seal::Sensitive;

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(register_webhook_endpoint)
        .service(list_webhook_endpoints)
        .service(get_webhook_endpoint)
        .service(change_webhook_endpoint)
        .service(remove_webhook_endpoint)
        .service(rotate_webhook_secret)
        .service(disable_webhook_endpoint)
        .service(enable_webhook_endpoint)
        .service(test_webhook_endpoint);
    log::mount(config);
}

fn shown(endpoint: &WebhookEndpointToday) -> Result<Answer> {
    Ok(Answer::ok(endpoint)?.shown(endpoint.endpoint.version))
}

/// Puts a shared secret into an answer that was made just now. The answer kept under the Idempotency-Key never has it.
fn told_once(answer: Answer, secret: Option<&Sensitive<String>>) -> Result<Answer> {
    let secret =
        secret.filter(|secret| secret.expose().starts_with("whsec_") && !answer.replayed && answer.status < 300);
    let Some(secret) = secret else { return Ok(answer) };
    let mut body: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&answer.body)?;
    body.insert("secret".to_owned(), secret.expose().as_str().into());
    Ok(Answer { body: serde_json::to_vec(&body)?, ..answer })
}

/// Register a webhook endpoint
///
/// Events that the party sees in the feed are posted there from now on, as they are in the feed, signed by Standard Webhooks. The shared
/// secret is told in this answer and never again; of a private one only the public key. At most 20 endpoints a client.
#[utoipa::path(tag = "webhooks", request_body = NewWebhookEndpoint,
    responses((status = 201, description = "The endpoint, enabled", body = WebhookEndpointToday, headers(("ETag")))),
    security(("oauth2" = ["webhooks.write"])))]
#[post("/v1/webhook-endpoints")]
async fn register_webhook_endpoint(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    posted: Posted<NewWebhookEndpoint>,
) -> Result<Answer> {
    // Only what is committed from here on counts as new.
    feed::sequence(&state.db).await?;
    let (actor, keys, guard) = (caller.actor(&state), Arc::clone(&state.keys), state.webhook_guard);
    let Posted { body, key } = posted;
    let secret = SigningSecret::generate(body.signature);
    let sealed = secret.clone();
    let command = key.run(&state, move |connection| {
        let made = commands::register(connection, &keys, guard, &actor, &body, &sealed)?;
        let location = format!("/v1/webhook-endpoints/{}", made.endpoint.id);
        Ok(Answer::created(location, &made)?.version(made.endpoint.version))
    });
    told_once(command.await?, Some(&secret))
}

/// List webhook endpoints
///
/// Those of the caller's party, whichever of its clients registered them.
#[utoipa::path(tag = "webhooks", params(PageParams, WebhookFilter),
    responses((status = 200, description = "A page of endpoints", body = Page<WebhookEndpoint>)), security(("oauth2" = ["webhooks.read"])))]
#[get("/v1/webhook-endpoints")]
async fn list_webhook_endpoints(
    state: web::Data<State>,
    caller: Caller<WebhooksRead>,
    listing: Listing<WebhookFilter>,
) -> Result<Answer> {
    let (page, ring) = (listing.page(&state)?, Arc::clone(&state.keys));
    let read = state.db.read(move |connection| {
        let rows = store::endpoints(connection, &caller.scope, &listing.filter, &page)?;
        Answer::page(&page.page(&ring, rows, |row| row.id))
    });
    read.await
}

/// Read a webhook endpoint
///
/// With what signs now, and how far it lags behind the feed: how many events have not arrived, and how old the oldest of them is.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = WebhookEndpointToday, headers(("ETag")))), security(("oauth2" = ["webhooks.read"])))]
#[get("/v1/webhook-endpoints/{webhook_endpoint_id}")]
async fn get_webhook_endpoint(
    state: web::Data<State>,
    caller: Caller<WebhooksRead>,
    path: web::Path<Id>,
) -> Result<Answer> {
    feed::sequence(&state.db).await?;
    let (now, id) = (state.clock.now(), path.into_inner());
    let read = state.db.read(move |connection| {
        let endpoint = store::endpoint(connection, &caller.scope, id)?;
        shown(&store::today(connection, endpoint, now)?)
    });
    read.await
}

/// Change a webhook endpoint
///
/// Address, types, description and reference. What waits to be delivered goes to the new address.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint")),
    request_body(content = WebhookEndpointPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The endpoint as it is now", body = WebhookEndpointToday, headers(("ETag")))), security(("oauth2" = ["webhooks.write"])))]
#[patch("/v1/webhook-endpoints/{webhook_endpoint_id}")]
async fn change_webhook_endpoint(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<Id>,
    patched: Patched<WebhookEndpointPatch>,
) -> Result<Answer> {
    feed::sequence(&state.db).await?;
    let (actor, guard, id) = (caller.actor(&state), state.webhook_guard, path.into_inner());
    let change = state.db.write(move |connection| {
        shown(&commands::change(connection, guard, &actor, id, patched.version, patched.body)?)
    });
    change.await
}

/// Remove a webhook endpoint
///
/// For good, with its secrets and its log. What was not delivered stays in the feed.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint"), IfMatch),
    responses((status = 204, description = "It is gone")), security(("oauth2" = ["webhooks.write"])))]
#[delete("/v1/webhook-endpoints/{webhook_endpoint_id}")]
async fn remove_webhook_endpoint(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    state.db.write(move |connection| commands::remove(connection, &actor, id, if_match)).await?;
    Ok(Answer::nothing())
}

/// Change the secret of a webhook endpoint
///
/// The new secret is told in this answer and never again. The one before it signs beside it for 24 hours, or ends at once with
/// `revoke_others`.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint"), IfMatch), request_body = NewWebhookSecret,
    responses((status = 200, description = "The endpoint with its new secret", body = WebhookEndpointToday, headers(("ETag")))),
    security(("oauth2" = ["webhooks.write"])))]
#[post("/v1/webhook-endpoints/{webhook_endpoint_id}/secrets")]
async fn rotate_webhook_secret(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<NewWebhookSecret>,
) -> Result<Answer> {
    let (actor, keys, id) = (caller.actor(&state), Arc::clone(&state.keys), path.into_inner());
    let made: Arc<Mutex<Option<Sensitive<String>>>> = Arc::default();
    let kept = Arc::clone(&made);
    let Posted { body, key } = posted;
    let command = key.run(&state, move |connection| {
        let make = |endpoint: &WebhookEndpoint| remember(&kept, endpoint.signature);
        shown(&commands::rotate(connection, &keys, &actor, (id, if_match), body, make)?)
    });
    let answer = command.await?;
    let secret = made.lock().unwrap_or_else(PoisonError::into_inner).take();
    told_once(answer, secret.as_ref())
}

/// A fresh secret, remembered for the answer.
fn remember(kept: &Mutex<Option<Sensitive<String>>>, kind: SignatureKind) -> Sensitive<String> {
    let secret = SigningSecret::generate(kind);
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.clone());
    secret
}

/// Disable a webhook endpoint
///
/// Nothing is sent until it is enabled again; then it goes on from where it stopped.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint"), IfMatch), request_body = EmptyBody,
    responses((status = 200, description = "The endpoint, disabled", body = WebhookEndpointToday, headers(("ETag")))), security(("oauth2" = ["webhooks.write"])))]
#[post("/v1/webhook-endpoints/{webhook_endpoint_id}/deactivation")]
async fn disable_webhook_endpoint(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    switch(&state, &caller, path.into_inner(), if_match, posted, WebhookAction::Disable).await
}

/// Enable a webhook endpoint
///
/// It goes on from where it stopped: what waits is sent now, and what happened meanwhile comes from the feed.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint"), IfMatch), request_body = EmptyBody,
    responses((status = 200, description = "The endpoint, enabled", body = WebhookEndpointToday, headers(("ETag")))), security(("oauth2" = ["webhooks.write"])))]
#[post("/v1/webhook-endpoints/{webhook_endpoint_id}/activation")]
async fn enable_webhook_endpoint(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<Id>,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    switch(&state, &caller, path.into_inner(), if_match, posted, WebhookAction::Enable).await
}

async fn switch(
    state: &State,
    caller: &Caller<WebhooksWrite>,
    id: Id,
    if_match: IfMatch,
    posted: Posted<EmptyBody>,
    action: WebhookAction,
) -> Result<Answer> {
    let actor = caller.actor(state);
    let command =
        posted.key.run(state, move |connection| shown(&commands::switch(connection, &actor, id, if_match, action)?));
    command.await
}

/// Try a webhook endpoint out
///
/// Records an event `webhook_endpoint.tested` that only this endpoint gets, whatever types it wants. It is delivered like any other; the log
/// of the endpoint tells what came of it.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint")), request_body = EmptyBody,
    responses((status = 200, description = "The event that is on its way", body = WebhookTest)), security(("oauth2" = ["webhooks.write"])))]
#[post("/v1/webhook-endpoints/{webhook_endpoint_id}/test")]
async fn test_webhook_endpoint(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<Id>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let command = posted.key.run(&state, move |connection| Answer::ok(&commands::test(connection, &actor, id)?));
    command.await
}
