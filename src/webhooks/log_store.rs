//! The log of deliveries as owners see it: searched, kept for a while, and sent again.

use diesel::prelude::*;

use super::{DeliveryState, EventTypes, KEPT_DAYS, WebhookDelivery, store};
use crate::db::schema::webhook_delivery;
use crate::db::{DbConnection, Id, Instant, PageRequest, RowSet, statement};
use crate::error::{Error, Result};
use crate::events::Actor;
use crate::http::query::AnyOf;
use crate::identity::Scope;

/// What a log may be narrowed to.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// Only deliveries in one of these states.
    #[param(inline)]
    pub state: Option<AnyOf<DeliveryState>>,
    /// Only of these types of event, comma-separated.
    #[param(max_length = 1000, pattern = "^[a-z0-9_.]+(,[a-z0-9_.]+){0,19}$", example = "dispatch.departed")]
    pub types: Option<String>,
    /// Only of this event.
    pub event_id: Option<Id>,
    /// First tried at this instant or later.
    pub from: Option<Instant>,
    /// First tried before this instant.
    pub to: Option<Instant>,
    /// Only deliveries that changed at this instant or later.
    pub updated_since: Option<Instant>,
}

/// A page of the log of an endpoint of the caller's party.
pub fn deliveries(
    connection: &mut DbConnection,
    (scope, endpoint_id): (&Scope, Id),
    filter: &DeliveryFilter,
    page: &PageRequest,
    now: Instant,
) -> Result<Vec<WebhookDelivery>> {
    store::endpoint(connection, scope, endpoint_id)?;
    let since = now.plus_days(-KEPT_DAYS);
    let mut query = webhook_delivery::table
        .filter(webhook_delivery::endpoint_id.eq(endpoint_id))
        .filter(webhook_delivery::created_at.ge(filter.from.unwrap_or(since).max(since)))
        .select(WebhookDelivery::as_select())
        .into_boxed();
    if let Some(states) = &filter.state {
        query = query.filter(webhook_delivery::state.eq_any(states.values()));
    }
    if let Some(types) = &filter.types {
        query =
            query.filter(webhook_delivery::kind.eq_any(types.split(',').map(ToOwned::to_owned).collect::<Vec<_>>()));
    }
    if let Some(event_id) = filter.event_id {
        query = query.filter(webhook_delivery::event_id.eq(event_id));
    }
    if let Some(to) = filter.to {
        query = query.filter(webhook_delivery::created_at.lt(to));
    }
    if let Some(since) = filter.updated_since {
        query = query.filter(webhook_delivery::created_at.ge(since).or(webhook_delivery::last_attempt_at.ge(since)));
    }
    Ok(page.narrow(query, webhook_delivery::id).load(connection)?)
}

/// One delivery of an endpoint of the caller's party.
///
/// # Errors
/// [`crate::error::Code::NotFound`].
pub fn delivery(connection: &mut DbConnection, scope: &Scope, endpoint_id: Id, id: Id) -> Result<WebhookDelivery> {
    store::endpoint(connection, scope, endpoint_id)?;
    let row = webhook_delivery::table.find((endpoint_id, id)).select(WebhookDelivery::as_select());
    row.get_result(connection).optional()?.ok_or_else(|| Error::not_found("delivery", "投递记录"))
}

/// Asks for one delivery again: what waits goes now, what is over goes beside the order of its chain.
pub fn ask_again(connection: &mut DbConnection, endpoint_id: Id, id: Id, now: Instant) -> Result<()> {
    statement(
        "update webhook_delivery set redelivery = redelivery or state <> 'pending', state = 'pending', attempts = 0, next_attempt_at = ? \
         where endpoint_id = ? and id = ?",
    )
    .bind(now)
    .bind(endpoint_id)
    .bind(id)
    .run(connection)?;
    Ok(())
}

/// Asks again for everything first tried within the range that has not arrived, oldest first; how many it was.
pub fn ask_all_again(
    connection: &mut DbConnection,
    (actor, endpoint_id): (&Actor, Id),
    [from, to]: [Instant; 2],
    types: &EventTypes,
    limit: i64,
) -> Result<i64> {
    let of_types = if types.0.is_empty() { "" } else { " and kind in (select k.kind from ? k)" };
    let mut query = statement(format!(
        "update webhook_delivery set redelivery = redelivery or state <> 'pending', state = 'pending', attempts = 0, next_attempt_at = ? \
         where endpoint_id = ? and id in (select id from webhook_delivery where endpoint_id = ? and created_at >= ? and created_at < ? \
         and (state = 'failed' or state = 'pending' and next_attempt_at > ?){of_types} order by created_at, id limit ?)"
    ))
    .bind(actor.now)
    .bind(endpoint_id)
    .bind(endpoint_id)
    .bind(from)
    .bind(to)
    .bind(actor.now);
    if !types.0.is_empty() {
        query = query.bind(RowSet::list("kind", types.0.iter().map(String::as_str)));
    }
    let asked = query.bind(limit).run(connection)?;
    statement("update webhook_endpoint set redelivered_at = ? where id = ?")
        .bind(actor.now)
        .bind(endpoint_id)
        .run(connection)?;
    Ok(i64::try_from(asked).unwrap_or(i64::MAX))
}

/// Lets everything that waits go now: its endpoint has been enabled again.
pub fn wake(connection: &mut DbConnection, endpoint_id: Id, now: Instant) -> Result<()> {
    statement(
        "update webhook_delivery set attempts = 0, next_attempt_at = ? where endpoint_id = ? and state = 'pending'",
    )
    .bind(now)
    .bind(endpoint_id)
    .run(connection)?;
    Ok(())
}

/// Forgets deliveries that were first tried before an instant, some at a time.
pub fn forget(connection: &mut DbConnection, endpoint_id: Id, before: Instant) -> Result<()> {
    statement(
        "delete from webhook_delivery where endpoint_id = ? and id in (select id from webhook_delivery \
         where endpoint_id = ? and created_at < ? and state <> 'pending' order by created_at limit 200)",
    )
    .bind(endpoint_id)
    .bind(endpoint_id)
    .bind(before)
    .run(connection)?;
    Ok(())
}
