//! HTTP of the delivery log: what was sent to an endpoint, what came of it, and sending it again.

use std::sync::Arc;

use actix_web::{get, post, web};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::State;
use crate::db::{Id, Page};
use crate::error::Result;
use crate::http::extract::EmptyBody;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{WebhooksRead, WebhooksWrite};
use crate::webhooks::log_store::{self as store, DeliveryFilter};
use crate::webhooks::{NewRedelivery, Redelivery, WebhookDelivery, commands};

/// Mounts the routes of this part.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(list_webhook_deliveries)
        .service(get_webhook_delivery)
        .service(redeliver_webhook)
        .service(redeliver_webhooks);
}

/// List deliveries
///
/// What was sent to an endpoint in the last 30 days and what came of it: state, attempts, status and duration of the last answer.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint"), PageParams, DeliveryFilter),
    responses((status = 200, description = "A page of deliveries", body = Page<WebhookDelivery>)), security(("oauth2" = ["webhooks.read"])))]
#[get("/v1/webhook-endpoints/{webhook_endpoint_id}/deliveries")]
async fn list_webhook_deliveries(
    state: web::Data<State>,
    caller: Caller<WebhooksRead>,
    path: web::Path<Id>,
    listing: Listing<DeliveryFilter>,
) -> Result<Answer> {
    let (page, ring, now) = (listing.page(&state)?, Arc::clone(&state.keys), state.clock.now());
    let id = path.into_inner();
    let read = state.db.read(move |connection| {
        let rows = store::deliveries(connection, (&caller.scope, id), &listing.filter, &page, now)?;
        Answer::page(&page.page(&ring, rows, |row| row.id))
    });
    read.await
}

/// Read a delivery
///
/// How one event fared on its way to an endpoint.
#[utoipa::path(tag = "webhooks",
    params(("webhook_endpoint_id" = Id, Path, description = "The endpoint"), ("delivery_id" = Id, Path, description = "The delivery")),
    responses((status = 200, description = "The delivery", body = WebhookDelivery)), security(("oauth2" = ["webhooks.read"])))]
#[get("/v1/webhook-endpoints/{webhook_endpoint_id}/deliveries/{delivery_id}")]
async fn get_webhook_delivery(
    state: web::Data<State>,
    caller: Caller<WebhooksRead>,
    path: web::Path<(Id, Id)>,
) -> Result<Answer> {
    let (endpoint_id, id) = path.into_inner();
    let read =
        state.db.read(move |connection| Answer::ok(&store::delivery(connection, &caller.scope, endpoint_id, id)?));
    read.await
}

/// Deliver an event again
///
/// What waits for its next attempt goes now. What arrived or was given up is sent once more, beside the order of its chain: the receiver
/// drops what it has had by `webhook-id`.
#[utoipa::path(tag = "webhooks",
    params(("webhook_endpoint_id" = Id, Path, description = "The endpoint"), ("delivery_id" = Id, Path, description = "The delivery")),
    request_body = EmptyBody, responses((status = 200, description = "The delivery, pending", body = WebhookDelivery)),
    security(("oauth2" = ["webhooks.write"])))]
#[post("/v1/webhook-endpoints/{webhook_endpoint_id}/deliveries/{delivery_id}/redelivery")]
async fn redeliver_webhook(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<(Id, Id)>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, (endpoint_id, id)) = (caller.actor(&state), path.into_inner());
    let command = posted
        .key
        .run(&state, move |connection| Answer::ok(&commands::ask_again(connection, &actor, endpoint_id, id)?));
    command.await
}

/// Deliver again what has not arrived
///
/// Everything first tried within the range that failed or waits for its next attempt, oldest first, at most a thousand in a call and one
/// call a minute.
#[utoipa::path(tag = "webhooks", params(("webhook_endpoint_id" = Id, Path, description = "The endpoint")), request_body = NewRedelivery,
    responses((status = 200, description = "How many are on their way", body = Redelivery)), security(("oauth2" = ["webhooks.write"])))]
#[post("/v1/webhook-endpoints/{webhook_endpoint_id}/redeliveries")]
async fn redeliver_webhooks(
    state: web::Data<State>,
    caller: Caller<WebhooksWrite>,
    path: web::Path<Id>,
    posted: Posted<NewRedelivery>,
) -> Result<Answer> {
    let (actor, id) = (caller.actor(&state), path.into_inner());
    let Posted { body, key } = posted;
    let command =
        key.run(&state, move |connection| Answer::ok(&commands::ask_all_again(connection, &actor, id, &body)?));
    command.await
}
