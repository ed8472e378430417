//! What follows a batch, in one transaction: the log, the endpoint's place, what is tried again, and whether the endpoint goes on.

use serde_json::json;

use super::delivery_store::{self as deliveries, Batch, ChainOfEvents, Open, Reader};
use super::rules::{self, Outcome};
use super::{DeliveryState, DisabledReason, KEPT_DAYS, WebhookDelivery, WebhookEndpoint, log_store, store};
use crate::db::{DbConnection, Id, Instant};
use crate::error::Result;
use crate::events::{Actor, Chain, Event, NewEvent, log};
use crate::identity::Scope;

/// A chain that was sent: the outcomes of its first events. All of them arrived, but perhaps the last.
#[derive(Debug)]
pub struct Sent {
    /// The chain.
    pub chain: ChainOfEvents,
    /// What came of its first events.
    pub outcomes: Vec<Outcome>,
}

/// Writes down what came of a batch; `false` when the lease was lost meanwhile, and then nothing is written.
///
/// # Errors
/// What the database says.
pub fn settle(
    connection: &mut DbConnection,
    batch: &Batch,
    sent: Vec<Sent>,
    now: Instant,
    chance: &dyn Fn() -> f64,
) -> Result<bool> {
    if !deliveries::hold(connection, batch)? {
        return Ok(false);
    }
    let Some(endpoint) = deliveries::of_lease(connection, batch.endpoint.id, batch.lease_id)? else { return Ok(false) };
    let outcomes: Vec<Outcome> = sent.iter().flat_map(|sent| sent.outcomes.iter().copied()).collect();
    let failing_since = failing_since(&endpoint, &outcomes);
    deliveries::release(connection, batch, failing_since)?;
    let reader = Reader::of(&WebhookEndpoint { position: batch.position, ..endpoint.clone() });
    let mut fresh = Vec::new();
    for sent in sent {
        fresh.extend(settle_chain(connection, &reader, sent, now, chance)?);
    }
    deliveries::insert(connection, endpoint.id, &fresh)?;
    log_store::forget(connection, endpoint.id, now.plus_days(-KEPT_DAYS))?;
    let gone = outcomes.iter().any(rules::is_gone).then_some(DisabledReason::Gone);
    let given_up = failing_since
        .filter(|since| !outcomes.is_empty() && rules::is_given_up(*since, now))
        .map(|_| DisabledReason::Failing);
    if let Some(reason) = gone.or(given_up)
        && endpoint.disabled_reason.is_none()
    {
        give_up(connection, &WebhookEndpoint { failing_since, ..endpoint }, reason, now)?;
    }
    Ok(true)
}

/// Since when nothing has arrived: one success is enough to begin anew.
fn failing_since(endpoint: &WebhookEndpoint, outcomes: &[Outcome]) -> Option<Instant> {
    if outcomes.iter().any(|outcome| outcome.failure.is_none()) {
        return None;
    }
    endpoint.failing_since.or_else(|| outcomes.iter().map(|outcome| outcome.at).min())
}

/// The rows that are new: what was sent for the first time, and what the chain stands at when it is held up.
fn settle_chain(
    connection: &mut DbConnection,
    reader: &Reader,
    sent: Sent,
    now: Instant,
    chance: &dyn Fn() -> f64,
) -> Result<Vec<WebhookDelivery>> {
    let Sent { chain, outcomes } = sent;
    let mut fresh = Vec::new();
    let mut open = chain.open;
    let mut last = None;
    for (event, outcome) in chain.events.iter().zip(&outcomes) {
        let row = attempted(event, open, outcome, chance());
        last = Some((event.position, row.state));
        match open.take() {
            Some(_) => deliveries::update(connection, reader.id, &row)?,
            None => fresh.push(row),
        }
    }
    let Some(first) = chain.events.first() else { return Ok(fresh) };
    let is_redelivery = chain.open.is_some_and(|open| open.redelivery);
    let held_up = matches!(last, Some((_, DeliveryState::Pending))) || last.is_none() && chain.open.is_some();
    let whole = chain.open.is_none() && outcomes.len() == chain.events.len();
    if held_up || whole || is_redelivery {
        return Ok(fresh);
    }
    // More of the chain lies before the endpoint's place: it stands at the next of them.
    let behind = last.map_or(first.position - 1, |(position, _)| position);
    if let Some(next) = deliveries::next_of_chain(connection, reader, first.chain_id, [behind, reader.position])? {
        fresh.push(waiting(&next, now));
    }
    Ok(fresh)
}

/// A delivery after an attempt.
fn attempted(event: &Event, open: Option<Open>, outcome: &Outcome, chance: f64) -> WebhookDelivery {
    let attempts = open.map_or(0, |open| open.attempts) + 1;
    let (state, next_attempt_at) = match outcome.failure {
        None => (DeliveryState::Delivered, None),
        Some(_) => match rules::next_attempt(attempts, outcome, chance) {
            Some(next) => (DeliveryState::Pending, Some(next)),
            None => (DeliveryState::Failed, None),
        },
    };
    WebhookDelivery {
        id: open.map_or_else(Id::new, |open| open.id),
        state,
        redelivery: open.is_some_and(|open| open.redelivery),
        attempts,
        next_attempt_at,
        last_attempt_at: Some(outcome.at),
        response_status: outcome.status.map(i64::from),
        duration_ms: Some(outcome.duration_ms),
        failure: outcome.failure,
        ..waiting(event, outcome.at)
    }
}

/// A delivery before its first attempt, which is due at once.
fn waiting(event: &Event, now: Instant) -> WebhookDelivery {
    WebhookDelivery {
        id: Id::new(),
        event_id: event.id,
        chain_id: event.chain_id,
        sequence: event.sequence,
        position: event.position,
        kind: event.kind.clone(),
        state: DeliveryState::Pending,
        redelivery: false,
        attempts: 0,
        next_attempt_at: Some(now),
        last_attempt_at: None,
        response_status: None,
        duration_ms: None,
        failure: None,
        created_at: now,
    }
}

/// Disables an endpoint that does not answer any more, and tells its owner in the feed, where its other endpoints get it too.
fn give_up(
    connection: &mut DbConnection,
    endpoint: &WebhookEndpoint,
    reason: DisabledReason,
    now: Instant,
) -> Result<()> {
    let disabled = store::switch(connection, endpoint, Some(reason), now)?;
    tracing::warn!(endpoint = %endpoint.id, reason = reason.as_str(), "webhooks: an endpoint was disabled");
    let scope = Scope { party_id: endpoint.party_id, client_id: endpoint.client_id };
    record(connection, &Actor { scope, request_id: None, now }, &disabled, "webhook_endpoint.disabled")
}

/// Records what happened to an endpoint, in its party's chain.
///
/// # Errors
/// What the database says.
pub fn record(
    connection: &mut DbConnection,
    actor: &Actor,
    endpoint: &WebhookEndpoint,
    kind: &'static str,
) -> Result<()> {
    let event = NewEvent {
        kind,
        chain: Chain::Party(endpoint.party_id),
        subject_kind: "webhook_endpoint",
        subject_id: endpoint.id,
        subject_version: endpoint.version,
        employer_id: None,
        payload: json!({ "state": endpoint.state, "disabled_reason": endpoint.disabled_reason, "types": endpoint.types }),
    };
    log::record(connection, actor, event)
}
