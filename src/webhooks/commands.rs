//! What owners do with endpoints, one transaction each.

use serde_json::json;

use super::delivery_store::{self as deliveries, Reader};
use super::guard::Guard;
use super::settling::record;
use super::{
    DisabledReason, ENDPOINTS_OF_CLIENT_MAX, NewRedelivery, NewWebhookEndpoint, NewWebhookSecret, Redelivery, TESTED,
    TRANSITIONS, WebhookAction, WebhookDelivery, WebhookEndpoint, WebhookEndpointPatch, WebhookEndpointToday,
    WebhookState, WebhookTest, log_store, rules, store,
};
use crate::db::{DbConnection, Id};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::events::{Actor, Chain, NewEvent, feed, log};
use crate::http::extract::IfMatch;
use crate::lifecycle::step;
use crate::seal::{KeyRing, Sensitive};

/// Most deliveries one call asks for again.
const REDELIVERED_AT_ONCE: i64 = 1_000;

/// Registers an endpoint that signs with `secret`.
///
/// # Errors
/// [`Code::FieldInvalid`], [`Code::WebhookEndpointsExhausted`], [`Code::PartnerRefTaken`].
pub fn register(
    connection: &mut DbConnection,
    keys: &KeyRing,
    guard: Guard,
    actor: &Actor,
    new: &NewWebhookEndpoint,
    secret: &Sensitive<String>,
) -> Result<WebhookEndpointToday> {
    let newest = feed::head(connection)?;
    let mut faults = Faults::new();
    let texts = [new.description.as_deref(), new.partner_ref.as_deref()];
    rules::check(&mut faults, guard, Some(&new.url), Some(&new.types), texts);
    let position = new.after.unwrap_or(newest);
    if !(0..=newest).contains(&position) {
        let (en, zh) = ("must be a position the feed has come to", "须为事件流已到达的位置");
        faults.push(Fault::body("/after", "out_of_range", en, zh).param("newest", newest));
    }
    faults.check()?;
    if store::count_of_client(connection, actor.scope.client_id)? >= ENDPOINTS_OF_CLIENT_MAX {
        return Err(Error::new(Code::WebhookEndpointsExhausted).param("limit", ENDPOINTS_OF_CLIENT_MAX));
    }
    let endpoint = WebhookEndpoint {
        id: Id::new(),
        party_id: actor.scope.party_id,
        client_id: actor.scope.client_id,
        url: new.url.clone(),
        description: new.description.clone(),
        partner_ref: new.partner_ref.clone(),
        types: new.types.clone(),
        signature: new.signature,
        state: WebhookState::Enabled,
        disabled_reason: None,
        disabled_at: None,
        failing_since: None,
        position,
        version: 1,
        created_at: actor.now,
        updated_at: actor.now,
    };
    store::insert(connection, &endpoint)?;
    store::add_secret(connection, keys, endpoint.id, secret, [actor.now; 2])?;
    record(connection, actor, &endpoint, "webhook_endpoint.registered")?;
    store::today(connection, endpoint, actor.now)
}

/// Changes what an owner set.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::FieldInvalid`], [`Code::PartnerRefTaken`].
pub fn change(
    connection: &mut DbConnection,
    guard: Guard,
    actor: &Actor,
    id: Id,
    version: i64,
    patch: WebhookEndpointPatch,
) -> Result<WebhookEndpointToday> {
    let mut endpoint = store::endpoint(connection, &actor.scope, id)?;
    IfMatch(Some(version)).check(endpoint.version)?;
    let given = |text: &'_ Option<Option<String>>| text.clone().flatten();
    let (description, partner_ref) = (given(&patch.description), given(&patch.partner_ref));
    let mut faults = Faults::new();
    let texts = [description.as_deref(), partner_ref.as_deref()];
    rules::check(&mut faults, guard, patch.url.as_deref(), patch.types.as_ref(), texts);
    faults.check()?;
    if patch.types.is_some() {
        // Other types from now on: what nobody wanted until now stays unwanted.
        let reader = Reader::of(&endpoint);
        let newest = feed::head(connection)?;
        if !deliveries::has_news(connection, &reader, endpoint.position)? {
            endpoint.position = newest;
        }
    }
    endpoint.url = patch.url.unwrap_or(endpoint.url);
    endpoint.types = patch.types.unwrap_or(endpoint.types);
    endpoint.description = patch.description.unwrap_or(endpoint.description);
    endpoint.partner_ref = patch.partner_ref.unwrap_or(endpoint.partner_ref);
    let endpoint = store::change(connection, &endpoint, actor.now)?;
    record(connection, actor, &endpoint, "webhook_endpoint.changed")?;
    store::today(connection, endpoint, actor.now)
}

/// Removes an endpoint for good.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`].
pub fn remove(connection: &mut DbConnection, actor: &Actor, id: Id, if_match: IfMatch) -> Result<()> {
    let endpoint = store::endpoint(connection, &actor.scope, id)?;
    if_match.check(endpoint.version)?;
    store::remove(connection, id)?;
    record(
        connection,
        actor,
        &WebhookEndpoint { version: endpoint.version + 1, ..endpoint },
        "webhook_endpoint.removed",
    )
}

/// Lets a new secret take over.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`].
pub fn rotate(
    connection: &mut DbConnection,
    keys: &KeyRing,
    actor: &Actor,
    (id, if_match): (Id, IfMatch),
    new: NewWebhookSecret,
    make: impl FnOnce(&WebhookEndpoint) -> Sensitive<String>,
) -> Result<WebhookEndpointToday> {
    let endpoint = store::endpoint(connection, &actor.scope, id)?;
    if_match.check(endpoint.version)?;
    let endpoint = store::touch(connection, &endpoint, actor.now)?;
    let overlap_s = if new.revoke_others { 0 } else { rules::SECRETS_OVERLAP_S };
    let others_end_at = actor.now.plus_seconds(overlap_s);
    store::add_secret(connection, keys, id, &make(&endpoint), [actor.now, others_end_at])?;
    record(connection, actor, &endpoint, "webhook_endpoint.secret_changed")?;
    store::today(connection, endpoint, actor.now)
}

/// Disables or enables an endpoint.
///
/// # Errors
/// [`Code::NotFound`], [`Code::PreconditionFailed`], [`Code::TransitionNotAllowed`].
pub fn switch(
    connection: &mut DbConnection,
    actor: &Actor,
    id: Id,
    if_match: IfMatch,
    action: WebhookAction,
) -> Result<WebhookEndpointToday> {
    let endpoint = store::endpoint(connection, &actor.scope, id)?;
    if_match.check(endpoint.version)?;
    let state = step(TRANSITIONS, endpoint.state, action)?;
    let (reason, kind) = match state {
        WebhookState::Disabled => (Some(DisabledReason::ByOwner), "webhook_endpoint.disabled"),
        WebhookState::Enabled => (None, "webhook_endpoint.enabled"),
    };
    let endpoint = store::switch(connection, &endpoint, reason, actor.now)?;
    if reason.is_none() {
        log_store::wake(connection, id, actor.now)?;
    }
    record(connection, actor, &endpoint, kind)?;
    store::today(connection, endpoint, actor.now)
}

/// Records an event that only this endpoint gets, whatever types it wants.
///
/// # Errors
/// [`Code::NotFound`], [`Code::TransitionNotAllowed`].
pub fn test(connection: &mut DbConnection, actor: &Actor, id: Id) -> Result<WebhookTest> {
    let endpoint = store::endpoint(connection, &actor.scope, id)?;
    step(TRANSITIONS, endpoint.state, WebhookAction::Test)?;
    let event = NewEvent {
        kind: TESTED,
        chain: Chain::Party(endpoint.party_id),
        subject_kind: "webhook_endpoint",
        subject_id: id,
        subject_version: endpoint.version,
        employer_id: None,
        payload: json!({}),
    };
    log::record(connection, actor, event)?;
    let event_id = log::newest(connection, Chain::Party(endpoint.party_id))?;
    Ok(WebhookTest { event_id })
}

/// Asks for one delivery again.
///
/// # Errors
/// [`Code::NotFound`], [`Code::TransitionNotAllowed`].
pub fn ask_again(connection: &mut DbConnection, actor: &Actor, endpoint_id: Id, id: Id) -> Result<WebhookDelivery> {
    let endpoint = store::endpoint(connection, &actor.scope, endpoint_id)?;
    step(TRANSITIONS, endpoint.state, WebhookAction::Redeliver)?;
    log_store::delivery(connection, &actor.scope, endpoint_id, id)?;
    log_store::ask_again(connection, endpoint_id, id, actor.now)?;
    log_store::delivery(connection, &actor.scope, endpoint_id, id)
}

/// Asks again for all that has not arrived.
///
/// # Errors
/// [`Code::NotFound`], [`Code::TransitionNotAllowed`], [`Code::FieldInvalid`], [`Code::RedeliveryTooSoon`].
pub fn ask_all_again(
    connection: &mut DbConnection,
    actor: &Actor,
    endpoint_id: Id,
    new: &NewRedelivery,
) -> Result<Redelivery> {
    let endpoint = store::endpoint(connection, &actor.scope, endpoint_id)?;
    step(TRANSITIONS, endpoint.state, WebhookAction::Redeliver)?;
    let mut faults = Faults::new();
    rules::check_types(&mut faults, &new.types.0);
    faults.require(new.from < new.to, "/to", "range_empty", "must lie behind from", "须晚于 from");
    faults.check()?;
    let ready_at = store::redelivered_at(connection, endpoint_id)?.map(|at| at.plus_seconds(rules::REDELIVERY_PAUSE_S));
    if let Some(ready_at) = ready_at.filter(|ready_at| *ready_at > actor.now) {
        return Err(Error::new(Code::RedeliveryTooSoon).param("ready_at", ready_at.to_string()));
    }
    let range = [new.from, new.to];
    let deliveries =
        log_store::ask_all_again(connection, (actor, endpoint_id), range, &new.types, REDELIVERED_AT_ONCE)?;
    Ok(Redelivery { deliveries, more: deliveries == REDELIVERED_AT_ONCE })
}
